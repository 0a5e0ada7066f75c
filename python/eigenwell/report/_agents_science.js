"use strict";
// What the page of agents computes: the decoder, the policy, CartPole, survival along lines. As
// eigenwell.cartpole.rollout(mode="exact") does it, in float64 with observations of float32: counts
// of steps are the same but for a rare run that hangs on the last bit of a sine or a tanh.
const data = JSON.parse(document.getElementById("data").textContent);

function bytes(text) {
  const raw = atob(text), out = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
  return out.buffer;
}
// Float16Array is too new to rely on.
function halves(buffer) {
  return Float64Array.from(new Uint16Array(buffer), (h) => {
    const sign = h & 0x8000 ? -1 : 1, exponent = (h >> 10) & 31, fraction = h & 1023;
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
  });
}
const float32 = (text) => Float64Array.from(new Float32Array(bytes(text)));

const n = data.ids.length, d = data.dimension, cap = data.cap;
const embeddings = float32(data.embeddings);        // [n, d]
const survival = float32(data.survival);            // [n]
const points = float32(data.points);                // [n, 2]
const populationWeights = halves(bytes(data.weights));  // [n, parameters]
const starts = new Float64Array(bytes(data.starts));    // [episodes, 4]
const scale = float32(data.scale), shift = float32(data.shift);  // [parameters]
const decoder = data.decoder.map((layer) => ({
  ...layer, weight: float32(layer.weight), bias: float32(layer.bias),
}));
const parameters = scale.length, episodes = starts.length / 4;

const ACTIVATIONS = {
  identity: (x) => x,
  tanh: Math.tanh,
  relu: (x) => (x > 0 ? x : 0),
  silu: (x) => x / (1 + Math.exp(-x)),
  elu: (x) => (x > 0 ? x : Math.expm1(x)),
};

// ---- lines -------------------------------------------------------------------------------------
function decode(z) {
  let values = z;
  for (const {inputs, outputs, activation, weight, bias} of decoder) {
    const next = Float64Array.from(bias), act = ACTIVATIONS[activation];
    for (let i = 0; i < inputs; i++) {
      for (let j = 0; j < outputs; j++) next[j] += values[i] * weight[i * outputs + j];
    }
    values = next.map(act);
  }
  return values.map((value, k) => shift[k] + scale[k] * value);
}
const row = (table, width, i) => table.subarray(i * width, (i + 1) * width);
const between = (a, b, t) => a.map((value, k) => (1 - t) * value + t * b[k]);
const embeddingAt = (a, b, t) => between(row(embeddings, d, a), row(embeddings, d, b), t);
const weightsOf = (agent) => row(populationWeights, parameters, agent);
const onLatentLine = (a, b, t) => decode(embeddingAt(a, b, t));
const onWeightLine = (a, b, t) => between(weightsOf(a), weightsOf(b), t);

// ---- policy and physics ------------------------------------------------------------------------
const {gravity, cart_mass, pole_mass, half_length, force: push, tau, x_limit, angle_limit} = data.physics;
const total_mass = pole_mass + cart_mass, polemass_length = pole_mass * half_length;
const act = ACTIVATIONS[data.activation];
const layers = data.sizes.map((size) => new Float64Array(size));

// The index of the larger output, the first of equal ones: 0 pushes to the left, 1 to the right.
function choose(weights, state) {
  for (let k = 0; k < 4; k++) layers[0][k] = Math.fround(state[k]);
  let at = 0;
  for (let l = 1; l < layers.length; l++) {
    const from = layers[l - 1], to = layers[l], last = l === layers.length - 1;
    const bias = at + from.length * to.length;
    for (let j = 0; j < to.length; j++) {
      let sum = 0;
      for (let i = 0; i < from.length; i++) sum += from[i] * weights[at + i * to.length + j];
      sum += weights[bias + j];
      to[j] = last ? sum : act(sum);
    }
    at = bias + to.length;
  }
  const [left, right] = layers[layers.length - 1];
  return right > left ? 1 : 0;
}

// One step in place; whether it fell.
function step(state, action) {
  const [x, x_dot, theta, theta_dot] = state;
  const force = action ? push : -push, cosine = Math.cos(theta), sine = Math.sin(theta);
  const temp = (force + polemass_length * (theta_dot * theta_dot) * sine) / total_mass;
  const angular = (gravity * sine - cosine * temp) /
    (half_length * (4.0 / 3.0 - pole_mass * (cosine * cosine) / total_mass));
  const linear = temp - polemass_length * angular * cosine / total_mass;
  state[0] = x + tau * x_dot;
  state[1] = x_dot + tau * linear;
  state[2] = theta + tau * theta_dot;
  state[3] = theta_dot + tau * angular;
  return Math.abs(state[0]) > x_limit || Math.abs(state[2]) > angle_limit;
}

function survive(weights, count = episodes) {
  const steps = new Float64Array(count), state = new Float64Array(4);
  for (let e = 0; e < count; e++) {
    state.set(row(starts, 4, e));
    let t = 1;
    while (!step(state, choose(weights, state)) && t < cap) t++;
    steps[e] = t;
  }
  return steps;
}

// ---- statistics --------------------------------------------------------------------------------
const Z95 = 1.959963984540054;
function summary(steps) {
  const count = steps.length, mean = steps.reduce((a, b) => a + b, 0) / count;
  const squares = steps.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  const half = count > 1 ? Z95 * Math.sqrt(squares / (count - 1) / count) : Infinity;
  return {mean, low: mean - half, high: mean + half};
}

// As eigenwell.agents.latent.classify: X is above Y where the mean of X - Y, start by start, less z
// standard errors exceeds the margin.
function classify(steps) {
  const y = data.t.flatMap((t, i) => (t >= 0 && t <= 1 ? [steps[i]] : [])), last = y.length - 1;
  const above = (i, j) => {
    const {mean, high} = summary(y[i].map((value, e) => value - y[j][e]));
    return mean - data.z * (high - mean) / Z95 > data.margin * cap;
  };
  let hill = false, valley = false;
  for (let k = 1; k < last; k++) {
    hill ||= above(k, 0) && above(k, last);
    valley ||= above(0, k) && above(last, k);
  }
  if (hill !== valley) return hill ? "hill" : "valley";
  if (hill) return "neither";
  if (summary(y[last]).mean <= summary(y[0]).mean) y.reverse();
  if (!above(last, 0)) return "neither";
  for (let i = 0; i < last; i++) {
    for (let j = i + 1; j <= last; j++) if (above(i, j)) return "neither";
  }
  return "slope";
}
