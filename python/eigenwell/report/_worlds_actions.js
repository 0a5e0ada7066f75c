"use strict";
// What happens on the page: a game goes on, both worlds look at it, and somebody plays.
const at = (id) => document.getElementById(id);
const say = (x, digits = 1) => x.toFixed(digits);
const put = (element, text) => { if (element.textContent !== text) element.textContent = text; };
// Frames without a key after which the other player takes over again, at most.
const PATIENCE = 150;

// ---- pictures ----------------------------------------------------------------------------------
const PICTURES = ["drawn", "crossed", "own", "predicted"];
const sides = [0, 1].map((side) => {
  const found = {world: worlds[side], seen: [], balls: 0, hits: 0};
  for (const name of PICTURES) {
    const figure = document.createElement("figure"), canvas = document.createElement("canvas");
    const caption = document.createElement("figcaption"), title = document.createElement("b");
    const words = document.createElement("output");
    words.setAttribute("aria-live", "off");
    figure.className = name;
    canvas.width = canvas.height = SIZE;
    canvas.setAttribute("role", "img");
    caption.append(title, words);
    figure.append(canvas, caption);
    at(`pictures${side}`).append(figure);
    found[name] = {canvas, title, words, pen: canvas.getContext("2d"), image: new ImageData(SIZE, SIZE)};
  }
  found.drawn.words.remove();
  return found;
});
function paint({pen, image}, numbers, of) {
  for (let i = 0; i < PIXELS; i++) {
    const grey = 255 * of(numbers[i]), k = 4 * i;
    image.data[k] = image.data[k + 1] = image.data[k + 2] = grey;
    image.data[k + 3] = 255;
  }
  pen.putImageData(image, 0, 0);
}
const how = (error) => (Number.isNaN(error) ? "no ball in the field" : error === Infinity ? "ball not seen" : `ball ${say(error)} px off`);

// ---- the game and who looks at it --------------------------------------------------------------
let game = new Pong(), rally = rallyPlayer(), costs = [];

function look() {  // both worlds see the game as it is
  const began = performance.now(), picture = game.draw();
  for (const side of sides) {
    side.frame = side.world.look(picture);
    side.latent = side.world.encode(side.frame);
  }
  sides.forEach((side, k) => {
    const other = sides[1 - k].world;
    side.results = {
      own: side.world.decode(side.latent),
      crossed: other.decode(side.latent),
      predicted: side.seen.length ? side.world.decode(side.world.predict(side.seen)) : null,
    };
    side.errors = {};
    for (const [name, logits] of Object.entries(side.results)) {
      side.errors[name] = logits ? ballError(name === "crossed" ? other : side.world, logits, game.ball) : null;
    }
  });
  costs = [...costs.slice(-29), performance.now() - began];
}
function advance(action) {
  for (const side of sides) side.seen = [...side.seen.slice(1 - data.context), [side.latent, action]];
  game.step(action);
  look();
  for (const side of sides) {
    if (Number.isNaN(side.errors.crossed)) continue;
    side.balls++;
    side.hits += side.errors.crossed <= data.found;
  }
}
function show() {
  for (const side of sides) {
    paint(side.drawn, side.frame, (x) => x);
    for (const name of PICTURES.slice(1)) {
      const logits = side.results[name];
      paint(side[name], logits ?? side.frame, logits ? sigmoid : () => 0.5);
      let words = logits ? how(side.errors[name]) : "after the next step";
      if (name === "crossed" && side.balls) {
        words += `; within ${data.found} px in ${say(100 * side.hits / side.balls, 0)} % of ${side.balls} frames`;
      }
      put(side[name].words, words);
    }
  }
  put(at("score"), `opponent ${game.opponentScore} : ${game.playerScore} player (${mine ? "you" : "it plays"})`);
  const usual = costs.slice().sort((a, b) => a - b)[costs.length >> 1];
  put(at("pace"), `${say(usual)} ms a frame for the networks`);
  at("release").disabled = !mine;
}
function choose() {  // the two worlds on show
  sides.forEach((side, k) => {
    const a = side.world.name, b = sides[1 - k].world.name, {drawn, own, crossed, predicted} = side;
    Object.assign(side, {seen: [], balls: 0, hits: 0});
    drawn.title.textContent = `as world ${a} draws it`;
    own.title.textContent = `own eyes, ${a} → ${a}`;
    crossed.title.textContent = `the other's eyes, ${a} → ${b}`;
    predicted.title.textContent = "as the memory predicted it";
    for (const name of PICTURES) side[name].canvas.setAttribute("aria-label", side[name].title.textContent);
    at("eyes").options[k + 1].textContent = `only ${a} through ${b}'s eyes`;
    const heading = at(`name${k}`), select = document.createElement("select");
    select.setAttribute("aria-label", k ? "world on the right" : "world on the left");
    worlds.forEach((world, i) => select.add(new Option(world.name, i, false, world === side.world)));
    select.addEventListener("change", () => {
      const wanted = worlds[select.value];
      if (sides[1 - k].world === wanted) sides[1 - k].world = side.world;
      side.world = wanted;
      choose();
      at(`name${k}`).querySelector("select").focus();
    });
    heading.replaceChildren("world ", select);
  });
  look();
  show();
}

// ---- who plays ---------------------------------------------------------------------------------
const held = new Set();
let mine = false, idle = 0, serving = false;
let playing = !matchMedia("(prefers-reduced-motion: reduce)").matches, due = 0, last = 0;
function act() {
  if (!held.size && !serving && mine && ++idle > PATIENCE) mine = false;
  if (!mine) return rally(game);
  const [up, down, fire] = [held.has("up"), held.has("down"), serving];
  serving = false;
  return up === down ? Number(fire) : (up ? 2 : 3) + 2 * fire;
}
function press(name) {
  mine = true;
  idle = 0;
  if (name === "serve") serving = true; else held.add(name);
  at("release").disabled = false;
}
function play(on) {
  playing = on;
  due = 0;
  at("play").textContent = on ? "❚❚ pause" : "▶ play";
}
function step() { play(false); advance(act()); show(); }
function tick(now) {
  due += Math.min(now - last, 100) / 1000 * Number(at("speed").value);
  last = now;
  if (playing && due >= 1) {
    advance(act());
    show();
    due = Math.min(due - 1, 1);  // a slow machine plays slowly
  }
  requestAnimationFrame(tick);
}

const KEYS = {ArrowUp: "up", w: "up", ArrowLeft: "up", ArrowDown: "down", s: "down", ArrowRight: "down", f: "serve"};
const keyOf = ({key}) => KEYS[key.length === 1 ? key.toLowerCase() : key];
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select")) return;
  if (keyOf(event)) press(keyOf(event));
  else if (event.key === " " && !event.target.matches("button, summary")) play(!playing);
  else if (event.key === ".") step();
  else return;
  event.preventDefault();
});
addEventListener("keyup", (event) => held.delete(keyOf(event)));
addEventListener("blur", () => held.clear());
for (const name of ["up", "down", "serve"]) {
  const button = at(name), free = () => held.delete(name);
  button.addEventListener("pointerdown", (event) => { event.preventDefault(); press(name); });
  for (const kind of ["pointerup", "pointerleave", "pointercancel", "blur"]) button.addEventListener(kind, free);
  button.addEventListener("contextmenu", (event) => event.preventDefault());
  button.addEventListener("keydown", ({key}) => { if (key === "Enter" || key === " ") press(name); });
  button.addEventListener("keyup", free);
}
at("play").addEventListener("click", () => play(!playing));
at("step").addEventListener("click", step);
at("release").addEventListener("click", () => { mine = false; held.clear(); show(); });
at("eyes").addEventListener("change", ({target}) => { document.body.dataset.eyes = target.value; target.blur(); });
play(playing);
choose();
requestAnimationFrame((now) => { last = now; tick(now); });
