"use strict";
// What happens on the page of agents: choosing, computing in pieces, playing.
const TS = data.t;
// The coarse run of the curve first, then what lies between.
const ORDER = [...new Set([20, 10, 5, 2, 1].flatMap((gap) => [...TS.keys()].filter((i) => i % gap === 0)))];
const number = new Map(data.ids.map((id, i) => [id, i]));
const hiddenGroups = new Set();
let pair = null, curves = null, cursor = -1, choosing = "a", first = -1, running = 0;
const inner = () => Number(at("inner").value), outer = () => Number(at("outer").value);
const say = (x, digits = 1) => x.toFixed(digits).replace("-", "−");
const about = (i) => `agent ${data.ids[i]}: ${say(survival[i])} steps, group ${data.groups[data.group[i]]}`;

// ---- a pair and its curves ---------------------------------------------------------------------
function choose2(a, b) {
  pair = {a, b};
  at("first").value = data.ids[a]; at("second").value = data.ids[b];
  at("mistake").textContent = "";
  const known = data.presets.findIndex(({pair: [i, j]}) => i === a && j === b);
  at("preset").value = known < 0 ? "" : known;
  choosing = "a";
  measure(); place();
}
const pause = () => new Promise((resolve) => { setTimeout(resolve); });
async function measure() {
  const mine = ++running, {a, b} = pair, count = Number(at("count").value);
  curves = {latent: new Array(TS.length), weights: new Array(TS.length), done: false};
  at("verdict").textContent = "computing …";
  let shown = performance.now();
  for (const i of ORDER) {
    curves.latent[i] = survive(onLatentLine(a, b, TS[i]), count);
    curves.weights[i] = survive(onWeightLine(a, b, TS[i]), count);
    if (performance.now() - shown < 30) continue;
    drawCurves();
    await pause();
    if (mine !== running) return;
    shown = performance.now();
  }
  curves.done = true;
  drawCurves();
  at("verdict").textContent = verdict();
}
function verdict() {
  const mean = (kind, t) => say(summary(curves[kind][TS.indexOf(t)]).mean);
  const ends = `Agents 1 and 2 as decoded: ${mean("latent", 0)} and ${mean("latent", 1)} steps, ` +
    `as collected: ${mean("weights", 0)} and ${mean("weights", 1)}.`;
  return `Latent line: ${classify(curves.latent)}. Weight line: ${classify(curves.weights)}. ${ends}`;
}

// ---- carts -------------------------------------------------------------------------------------
const carts = [["agent 1", "#3b82f6"], ["agent 2", "#a855f7"], ["interpolated", ORANGE], ["extrapolated", RED]]
  .map(([name, colour]) => {
    const figure = document.createElement("div"), canvas = document.createElement("canvas");
    const words = document.createElement("output");
    canvas.setAttribute("role", "img"); canvas.setAttribute("aria-label", `cart of ${name}`);
    figure.append(canvas, words); at("carts").append(figure);
    return {name, colour, canvas, words, state: new Float64Array(4), angles: [], steps: 0, end: false, lasted: false};
  });
let start = 0, playing = !matchMedia("(prefers-reduced-motion: reduce)").matches, due = 0, last = 0;

function place() {  // all four at the start, each with its weights
  if (!pair) return;
  const {a, b} = pair, along = at("kind").value === "latent" ? onLatentLine : onWeightLine;
  const policies = [weightsOf(a), weightsOf(b), along(a, b, inner()), along(a, b, outer())];
  const titles = [`agent 1 (${data.ids[a]})`, `agent 2 (${data.ids[b]})`, `interpolated, t = ${say(inner(), 3)}`,
    `${outer() < 0 || outer() > 1 ? "extrapolated" : "between"}, t = ${say(outer(), 3)}`];
  carts.forEach((cart, k) => {
    Object.assign(cart, {weights: policies[k], title: titles[k], steps: 0, end: false, lasted: false, angles: []});
    cart.state.set(row(starts, 4, start));
    cart.angles.push(cart.state[2]);
  });
  at("innerT").textContent = say(inner(), 3); at("outerT").textContent = say(outer(), 3);
  due = 0;
  drawMap(); drawCurves(); drawCarts();
}
function advance() {  // one step of all that still stand
  for (const cart of carts) {
    if (cart.end) continue;
    const fell = step(cart.state, choose(cart.weights, cart.state));
    cart.steps++;
    cart.angles.push(cart.state[2]);
    cart.lasted = !fell && cart.steps >= cap;
    cart.end = fell || cart.lasted;
  }
}
function drawCarts() {
  for (const cart of carts) {
    drawCart(cart);
    const how = cart.lasted ? "stands at the cap" : cart.end ? (Math.abs(cart.state[0]) > x_limit ? "left the track" : "fell") : "";
    const lean = cart.angles.reduce((sum, angle) => sum + angle, 0) / cart.angles.length * 180 / Math.PI;
    cart.words.textContent = `${cart.title}: step ${cart.steps}${how && `, ${how}`}; ` +
      `mean angle ${lean < 0 ? "" : "+"}${say(lean, 2)}°, x ${cart.state[0] < 0 ? "" : "+"}${say(cart.state[0], 2)} m`;
  }
}
function tick(now) {
  const passed = Math.min(now - last, 100) / 1000;
  last = now;
  if (playing && pair && carts.some((cart) => !cart.end)) {
    due += passed * Number(at("speed").value) / tau;
    for (; due >= 1; due--) advance();
    drawCarts();
  }
  requestAnimationFrame(tick);
}
function play(on) {
  if (on && carts.every((cart) => cart.end)) place();
  playing = on;
  at("play").textContent = on ? "❚❚ pause" : "▶ play";
}

// ---- what the reader does ----------------------------------------------------------------------
function pick(i) {
  if (choosing === "a") {
    choosing = "b"; first = i;
    at("hover").textContent = `${about(i)}, is agent 1; now choose agent 2`;
    cursor = i; drawMap();
  } else choose2(first, i);
}
function hover(i) {
  if (i === cursor) return;
  cursor = i;
  at("hover").textContent = i < 0 ? "" : `${about(i)} (click: agent ${choosing === "a" ? 1 : 2})`;
  drawMap();
}
const inside = (event, id) => {
  const box = at(id).getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
};
let drag = null;
at("map").addEventListener("pointerdown", (event) => {
  const [x, y] = inside(event, "map");
  drag = {x, y, view: structuredClone(view), moved: false};
  at("map").setPointerCapture(event.pointerId);
});
at("map").addEventListener("pointermove", (event) => {
  const [x, y] = inside(event, "map");
  if (!drag) { hover(nearest(x, y)); return; }
  if (Math.hypot(x - drag.x, y - drag.y) > 4) drag.moved = true;
  if (!drag.moved) return;
  const right = (x - drag.x) / mapBox[2] * (drag.view.x[1] - drag.view.x[0]);
  const up = -(y - drag.y) / mapBox[3] * (drag.view.y[1] - drag.view.y[0]);
  view = {x: drag.view.x.map((v) => v - right), y: drag.view.y.map((v) => v - up)};
  drawMap();
});
at("map").addEventListener("pointerup", (event) => {
  const [x, y] = inside(event, "map"), still = drag && !drag.moved;
  drag = null;
  const i = still ? nearest(x, y) : -1;
  if (i >= 0) pick(i);
});
at("map").addEventListener("pointerleave", () => { if (!drag) hover(-1); });
at("map").addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(Math.exp(0.0015 * event.deltaY), ...inside(event, "map"));
  drawMap();
}, {passive: false});
at("map").addEventListener("keydown", (event) => {
  const way = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
  if (way) {
    // The nearest one in that direction; what lies to the side counts as farther.
    const [x, y] = cursor < 0 ? [mapBox[0] + mapBox[2] / 2, mapBox[1] + mapBox[3] / 2] : spot(cursor);
    let best = -1, least = Infinity;
    for (let i = 0; i < n; i++) {
      if (!isShown(i) || i === cursor) continue;
      const [px, py] = spot(i), ahead = (px - x) * way[0] + (py - y) * way[1];
      const aside = Math.abs((px - x) * way[1]) + Math.abs((py - y) * way[0]);
      if (ahead > 0 && ahead >= aside && ahead + 2 * aside < least) { least = ahead + 2 * aside; best = i; }
    }
    if (best >= 0) hover(best);
  } else if (event.key === "Enter" && cursor >= 0) pick(cursor);
  else if (event.key === "+" || event.key === "-") { zoom(event.key === "+" ? 0.8 : 1.25); drawMap(); }
  else return;
  event.preventDefault();
});
const buttons = {
  nearer: () => { zoom(0.7); drawMap(); }, farther: () => { zoom(1 / 0.7); drawMap(); },
  reset: () => { view = structuredClone(home); drawMap(); },
  swap: () => pair && choose2(pair.b, pair.a),
  random: () => {
    const a = Math.floor(Math.random() * n);
    choose2(a, (a + 1 + Math.floor(Math.random() * (n - 1))) % n);
  },
  play: () => play(!playing), restart: () => { place(); play(true); },
  another: () => { start = (start + 1) % episodes; place(); play(true); },
};
for (const [id, what] of Object.entries(buttons)) at(id).addEventListener("click", what);
at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const [a, b] = ["first", "second"].map((id) => number.get(Number(at(id).value)));
  if (a === undefined || b === undefined) {
    at("mistake").textContent = `Agents of this page: ${n.toLocaleString("en")} numbers from ${data.ids[0]} to ${data.ids[n - 1]}; one of these is not among them.`;
  } else choose2(a, b);
});
at("preset").addEventListener("change", () => {
  if (at("preset").value) choose2(...data.presets[Number(at("preset").value)].pair);
});
at("count").addEventListener("change", () => pair && measure());
at("kind").addEventListener("change", place);
for (const id of ["inner", "outer"]) at(id).addEventListener("input", place);
function slide(event) {
  const t = TS[0] + 3 * (inside(event, "curves")[0] - curveBox[0]) / curveBox[2];
  const id = t >= 0 && t <= 1 ? "inner" : "outer";
  at(id).value = Math.min(Math.max(t, -1), 2);
  place();
}
at("curves").addEventListener("pointerdown", slide);
at("curves").addEventListener("pointermove", (event) => { if (event.buttons) slide(event); });

data.groups.forEach((name, g) => {
  const label = document.createElement("label"), box = document.createElement("input");
  box.type = "checkbox"; box.checked = true;
  label.append(box, ` ${name} (${data.group.filter((k) => k === g).length.toLocaleString("en")})`);
  box.addEventListener("change", () => { hiddenGroups[box.checked ? "delete" : "add"](g); drawMap(); });
  at("groups").append(label);
});
data.presets.forEach(({name}, k) => at("preset").append(new Option(name, k)));
at("presetting").hidden = !data.presets.length;
for (const count of new Set([25, 50, 100, 200, episodes].filter((k) => k <= episodes))) {
  at("count").append(new Option(count, count, false, count === Math.min(100, episodes)));
}
function drawAll() { drawMap(); drawScale(); drawCurves(); if (pair) drawCarts(); }
addEventListener("resize", drawAll);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
drawAll();
play(playing);
choose2(...(data.presets[0]?.pair ?? [0, n - 1]));
requestAnimationFrame((now) => { last = now; tick(now); });
