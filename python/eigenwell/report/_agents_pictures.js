"use strict";
// What the page of agents draws: the map, the two curves, the four carts.
const at = (id) => document.getElementById(id);
const ORANGE = "#e07b1a", GREEN = "#2f9e5b", RED = "#d1495b";
const VIRIDIS = ["440154", "472d7b", "3b528b", "2c728e", "21918c", "28ae80", "5ec962", "addc30", "fde725"];
const SHADES = Array.from({length: 256}, (_, i) => {
  const place = i / 255 * (VIRIDIS.length - 1), low = Math.min(Math.floor(place), VIRIDIS.length - 2);
  const channel = (k) => {
    const [a, b] = [VIRIDIS[low], VIRIDIS[low + 1]].map((hex) => parseInt(hex.slice(2 * k, 2 * k + 2), 16));
    return Math.round(a + (place - low) * (b - a));
  };
  return `rgb(${channel(0)},${channel(1)},${channel(2)})`;
});
const shade = (steps) => SHADES[Math.round(255 * Math.min(Math.max(steps / cap, 0), 1))];
const ink = () => getComputedStyle(document.body).color;
const soft = () => getComputedStyle(at("about")).color;
const ground = () => getComputedStyle(document.body).backgroundColor;

function fresh(canvas) {
  const {width, height} = canvas.getBoundingClientRect(), ratio = devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = "12px system-ui, sans-serif";
  pen.fillStyle = pen.strokeStyle = ink();
  return [pen, width, height];
}
function line(pen, spots) {
  pen.beginPath();
  spots.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.stroke();
}
// Round numbers, about `count` of them.
function ticks(low, high, count) {
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const gap = power * [1, 2, 5, 10].find((k) => k * power >= rough), found = [];
  for (let k = Math.ceil(low / gap); k * gap <= high; k++) found.push(Number((k * gap).toPrecision(12)));
  return found;
}
function frame(pen, box, [x, y], xTicks, yTicks, xLabel, yLabel) {
  const [left, top, width, height] = box;
  pen.save();
  pen.strokeStyle = getComputedStyle(document.body).getPropertyValue("--line");
  pen.fillStyle = soft(); pen.lineWidth = 1; pen.textAlign = "center";
  for (const tick of xTicks) {
    line(pen, [[x(tick), top], [x(tick), top + height]]);
    pen.fillText(String(tick).replace("-", "−"), x(tick), top + height + 15);
  }
  pen.fillText(xLabel, left + width / 2, top + height + 31);
  pen.textAlign = "right";
  for (const tick of yTicks) {
    line(pen, [[left, y(tick)], [left + width, y(tick)]]);
    pen.fillText(String(tick).replace("-", "−"), left - 5, y(tick) + 4);
  }
  pen.translate(12, top + height / 2); pen.rotate(-Math.PI / 2); pen.textAlign = "center";
  pen.fillText(yLabel, 0, 0);
  pen.restore();
}

// ---- map ---------------------------------------------------------------------------------------
const home = (() => {
  const range = (k) => {
    let low = Infinity, high = -Infinity;
    for (let i = 0; i < n; i++) { low = Math.min(low, points[2 * i + k]); high = Math.max(high, points[2 * i + k]); }
    const margin = (high - low || 1) * 0.05;
    return [low - margin, high + margin];
  };
  return {x: range(0), y: range(1)};
})();
let view = structuredClone(home);
let mapBox = [46, 8, 100, 100];
const mapX = (x) => mapBox[0] + mapBox[2] * (x - view.x[0]) / (view.x[1] - view.x[0]);
const mapY = (y) => mapBox[1] + mapBox[3] * (view.y[1] - y) / (view.y[1] - view.y[0]);
const spot = (i) => [mapX(points[2 * i]), mapY(points[2 * i + 1])];
const isShown = (i) => !hiddenGroups.has(data.group[i]);
function zoom(factor, x = mapBox[0] + mapBox[2] / 2, y = mapBox[1] + mapBox[3] / 2) {
  const u = (x - mapBox[0]) / mapBox[2], v = 1 - (y - mapBox[1]) / mapBox[3];
  for (const [axis, f] of [["x", u], ["y", v]]) {
    const [low, high] = view[axis], centre = low + f * (high - low);
    view[axis] = [centre - (centre - low) * factor, centre + (high - centre) * factor];
  }
}
function nearest(x, y, reach = 14) {
  let best = -1, least = reach ** 2;
  for (let i = 0; i < n; i++) {
    if (!isShown(i)) continue;
    const [px, py] = spot(i), apart = (px - x) ** 2 + (py - y) ** 2;
    if (apart < least) { least = apart; best = i; }
  }
  return best;
}

function drawMap() {
  const [pen, width, height] = fresh(at("map"));
  mapBox = [46, 8, width - 54, height - 46];
  const [left, top, w, h] = mapBox;
  frame(pen, mapBox, [mapX, mapY], ticks(...view.x, 6), ticks(...view.y, 6), ...data.axes);
  pen.save();
  pen.beginPath(); pen.rect(left, top, w, h); pen.clip();
  const radius = Math.min(6, Math.max(2.5, 90 / Math.sqrt(n)));
  pen.strokeStyle = soft(); pen.lineWidth = 0.5;
  for (let i = 0; i < n; i++) {
    if (!isShown(i)) continue;
    const [x, y] = spot(i);
    pen.fillStyle = shade(survival[i]);
    pen.beginPath(); pen.arc(x, y, radius, 0, 7); pen.fill(); pen.stroke();
  }
  if (pair) {
    const [ax, ay] = spot(pair.a), [bx, by] = spot(pair.b);
    const place = (t) => [ax + t * (bx - ax), ay + t * (by - ay)];
    pen.strokeStyle = ORANGE; pen.lineWidth = 2.5;
    line(pen, [place(0), place(1)]);
    pen.setLineDash([5, 4]);
    line(pen, [place(-1), place(0)]); line(pen, [place(1), place(2)]);
    pen.setLineDash([]);
    for (const [t, words] of [[0, "1"], [1, "2"]]) ring(pen, ...place(t), 8, words);
    for (const [t, colour] of [[inner(), ORANGE], [outer(), RED]]) {
      pen.fillStyle = colour; pen.strokeStyle = ground(); pen.lineWidth = 2;
      pen.beginPath(); pen.rect(place(t)[0] - 5, place(t)[1] - 5, 10, 10); pen.stroke(); pen.fill();
    }
  }
  if (cursor >= 0) ring(pen, ...spot(cursor), 6, "");
  pen.restore();
}
function ring(pen, x, y, radius, words) {
  for (const [colour, thick] of [[ground(), 5], [ink(), 2]]) {
    pen.strokeStyle = colour; pen.lineWidth = thick;
    pen.beginPath(); pen.arc(x, y, radius, 0, 7); pen.stroke();
  }
  if (!words) return;
  pen.font = "bold 14px system-ui, sans-serif"; pen.textAlign = "left";
  pen.lineWidth = 4; pen.strokeStyle = ground(); pen.strokeText(words, x + radius + 3, y - radius);
  pen.fillStyle = ink(); pen.fillText(words, x + radius + 3, y - radius);
}
function drawScale() {
  const [pen, width] = fresh(at("scale")), inner = width - 30;
  for (let x = 0; x < inner; x++) {
    pen.fillStyle = shade(x / inner * cap);
    pen.fillRect(15 + x, 2, 1.5, 11);
  }
  pen.fillStyle = ink(); pen.textAlign = "center";
  for (const tick of ticks(0, cap, 4)) pen.fillText(tick, 15 + inner * tick / cap, 27);
}

// ---- curves ------------------------------------------------------------------------------------
let curveBox = [46, 8, 100, 100];
const curveX = (t) => curveBox[0] + curveBox[2] * (t + 1) / 3;
const curveY = (steps) => curveBox[1] + curveBox[3] * (1 - steps / (1.04 * cap));
function drawCurves() {
  const [pen, width, height] = fresh(at("curves"));
  curveBox = [46, 8, width - 56, height - 46];
  const [left, top, w, h] = curveBox;
  pen.save();
  pen.globalAlpha = 0.07;
  pen.fillRect(left, top, w / 3, h); pen.fillRect(left + 2 * w / 3, top, w / 3, h);
  pen.restore();
  const label = "t: agent 1 at 0, agent 2 at 1";
  frame(pen, curveBox, [curveX, curveY], [-1, -0.5, 0, 0.5, 1, 1.5, 2], ticks(0, cap, 5), label, "mean survival (steps)");
  pen.fillStyle = soft(); pen.textAlign = "center";
  for (const t of [-0.5, 1.5]) pen.fillText("extrapolation", curveX(t), top + h - 6);
  const clip = (steps) => Math.min(Math.max(steps, 0), cap);
  for (const [kind, colour] of [["weights", GREEN], ["latent", ORANGE]]) {
    const known = TS.flatMap((t, i) => (curves?.[kind][i] ? [[t, summary(curves[kind][i])]] : []));
    if (!known.length) continue;
    pen.fillStyle = pen.strokeStyle = colour;
    pen.globalAlpha = 0.2;
    pen.beginPath();
    known.forEach(([t, s], i) => (i ? pen.lineTo(curveX(t), curveY(clip(s.high))) : pen.moveTo(curveX(t), curveY(clip(s.high)))));
    known.toReversed().forEach(([t, s]) => pen.lineTo(curveX(t), curveY(clip(s.low))));
    pen.closePath(); pen.fill();
    pen.globalAlpha = 1; pen.lineWidth = 1.2;
    line(pen, known.map(([t, s]) => [curveX(t), curveY(s.mean)]));
    for (const [t, s] of known) {
      pen.beginPath(); pen.arc(curveX(t), curveY(s.mean), 2.6, 0, 7); pen.fill();
    }
  }
  pen.strokeStyle = ink(); pen.lineWidth = 1; pen.setLineDash([4, 4]);
  for (const t of [0, 1]) line(pen, [[curveX(t), top], [curveX(t), top + h]]);
  pen.setLineDash([]);
  pen.fillStyle = ink();
  for (const [t, colour] of [[inner(), ORANGE], [outer(), RED]]) {
    pen.fillStyle = colour;
    pen.beginPath(); pen.moveTo(curveX(t), top + 9); pen.lineTo(curveX(t) - 5, top);
    pen.lineTo(curveX(t) + 5, top); pen.fill();
  }
}

// ---- carts -------------------------------------------------------------------------------------
// To scale, in metres; below, the angle of the pole over the steps: which way an agent leans.
function drawCart(cart) {
  const [pen, width, height] = fresh(cart.canvas), fallen = cart.end && !cart.lasted;
  const unit = (width - 16) / (2 * x_limit + 0.5), floor = height - 92;
  const x = (metres) => width / 2 + unit * metres;
  pen.strokeStyle = pen.fillStyle = soft(); pen.lineWidth = 1; pen.textAlign = "center";
  line(pen, [[x(-x_limit - 0.2), floor], [x(x_limit + 0.2), floor]]);
  for (const limit of [-x_limit, x_limit]) line(pen, [[x(limit), floor - 14], [x(limit), floor + 5]]);
  for (const metres of [-2, -1, 0, 1, 2]) {
    line(pen, [[x(metres), floor], [x(metres), floor + 4]]);
    pen.fillText(`${metres} m`.replace("-", "−"), x(metres), floor + 17);
  }
  const [place, , angle] = cart.state, top = floor - 0.2 * unit;
  pen.fillStyle = fallen ? RED : ink();
  pen.fillRect(x(place) - 0.25 * unit, top, 0.5 * unit, 0.2 * unit);
  pen.strokeStyle = cart.colour; pen.lineWidth = Math.max(3, 0.08 * unit); pen.lineCap = "round";
  const tip = [x(place) + 2 * half_length * unit * Math.sin(angle), top - 2 * half_length * unit * Math.cos(angle)];
  line(pen, [[x(place), top], tip]);
  pen.lineCap = "butt";

  const box = [34, height - 58, width - 42, 40], most = angle_limit * 180 / Math.PI;
  const sx = (t) => box[0] + box[2] * t / cap, sy = (a) => box[1] + box[3] * (0.5 - a / (2.2 * most));
  pen.font = "10px system-ui, sans-serif"; pen.strokeStyle = soft(); pen.fillStyle = soft(); pen.lineWidth = 0.5;
  pen.textAlign = "right";
  for (const a of [-most, 0, most]) {
    line(pen, [[box[0], sy(a)], [box[0] + box[2], sy(a)]]);
    pen.fillText(`${Math.round(a)}°`.replace("-", "−"), box[0] - 3, sy(a) + 3);
  }
  pen.textAlign = "center"; pen.fillText(`angle of the pole over ${cap} steps`, box[0] + box[2] / 2, height - 4);
  pen.strokeStyle = cart.colour; pen.lineWidth = 1.5;
  line(pen, cart.angles.map((a, t) => [sx(t), sy(a * 180 / Math.PI)]));
}
