"use strict";
// The model: its weights, and its networks as lists of operations on pictures and lines of numbers.
// A picture lies row by row, all channels of a pixel together, so that the innermost loops run
// over weights and results that lie side by side; most inputs are 0 and are skipped.
const data = JSON.parse(document.getElementById("data").textContent);
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const halves = new DataView(bytesOf(data.weights).buffer);
const POWERS = Float64Array.from({length: 32}, (_, i) => 2 ** (i - 25));
function numbersOf([start, count]) {  // float16 to float32
  const found = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const half = halves.getUint16(2 * (start + i), true), power = half >> 10 & 31, part = half & 1023;
    const size = power ? (1024 + part) * POWERS[power] : part * POWERS[1];
    found[i] = half & 32768 ? -size : size;
  }
  return found;
}

// Each takes an operation and the shapes [rows, columns, channels] of what goes in, and returns the
// shape of what comes out and the function that computes it.
const KINDS = {
  conv(op, [[rows, columns, channels]]) {
    const {size, stride, weight, bias} = op, out = bias.length, run = size * channels;
    const r = Math.floor((rows - size) / stride) + 1, c = Math.floor((columns - size) / stride) + 1;
    return [[r, c, out], (y, x) => {
      for (let i = 0; i < r; i++) for (let j = 0; j < c; j++) {
        const to = (i * c + j) * out;
        for (let o = 0; o < out; o++) y[to + o] = bias[o];
        for (let k = 0; k < size; k++) {
          const from = ((i * stride + k) * columns + j * stride) * channels;
          for (let e = 0; e < run; e++) {
            const value = x[from + e];
            if (value === 0) continue;
            const row = (k * run + e) * out;
            for (let o = 0; o < out; o++) y[to + o] += value * weight[row + o];
          }
        }
      }
    }];
  },
  upconv(op, [[rows, columns, channels]]) {
    const {size, stride, weight, bias} = op, out = bias.length, run = size * out;
    const r = (rows - 1) * stride + size, c = (columns - 1) * stride + size;
    return [[r, c, out], (y, x) => {
      for (let p = 0; p < y.length; p += out) for (let o = 0; o < out; o++) y[p + o] = bias[o];
      for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) for (let e = 0; e < channels; e++) {
        const value = x[(i * columns + j) * channels + e];
        if (value === 0) continue;
        for (let k = 0; k < size; k++) {
          const to = ((i * stride + k) * c + j * stride) * out, row = (e * size + k) * run;
          for (let o = 0; o < run; o++) y[to + o] += value * weight[row + o];
        }
      }
    }];
  },
  dense({weight, bias}, [shape]) {
    const out = bias.length;
    return [[1, 1, out], (y, x) => {
      y.set(bias);
      for (let e = 0; e < x.length; e++) {
        const value = x[e];
        if (value !== 0) for (let o = 0, row = e * out; o < out; o++) y[o] += value * weight[row + o];
      }
    }];
  },
  affine: ({weight, bias}, [shape]) => [shape, (y, x) => {
    const [w, b] = [weight.length, bias.length];
    for (let i = 0; i < x.length; i++) y[i] = x[i] * weight[w === 1 ? 0 : i] + bias[b === 1 ? 0 : i];
  }],
  act({activation, slope}, [shape]) {
    const of = {leaky: (x) => (x > 0 ? x : slope * x), tanh: Math.tanh, silu: (x) => x / (1 + Math.exp(-x))}[activation];
    return [shape, (y, x) => { for (let i = 0; i < x.length; i++) y[i] = of(x[i]); }];
  },
  add: (op, [shape]) => [shape, (y, a, b) => { for (let i = 0; i < a.length; i++) y[i] = a[i] + b[i]; }],
  flatten: (op, [[r, c, channels]]) => [[1, 1, r * c * channels], (y, x) => {
    for (let p = 0; p < r * c; p++) for (let o = 0; o < channels; o++) y[o * r * c + p] = x[p * channels + o];
  }],
  unflatten: ({shape: [channels, r, c]}) => [[r, c, channels], (y, x) => {
    for (let p = 0; p < r * c; p++) for (let o = 0; o < channels; o++) y[p * channels + o] = x[o * r * c + p];
  }],
  part: ({shape: [k, of]}, [[, , all]]) => [[1, 1, all / of], (y, x) => y.set(x.subarray(k * y.length, (k + 1) * y.length))],
};
function compile(program, shape) {
  const shapes = [shape], values = [null];
  const steps = program.map((op) => {
    const own = {...op};
    for (const name of ["weight", "bias"]) if (op[name]) own[name] = numbersOf(op[name]);
    const [out, run] = KINDS[op.kind](own, op.inputs.map((i) => shapes[i]));
    shapes.push(out);
    values.push(new Float32Array(out[0] * out[1] * out[2]));
    return [run, op.inputs, values.length - 1];
  });
  return (x) => {
    values[0] = x;
    for (const [run, inputs, to] of steps) run(values[to], values[inputs[0]], values[inputs[1]]);
    return values[values.length - 1].slice();
  };
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
function remembers(memory) {
  const {units, cell} = memory, mean = compile(memory.mean, [1, 1, units]);
  const [inputs, states, inputBias, stateBias] = ["inputs", "states", "input_bias", "state_bias"].map((name) => numbersOf(memory[name]));
  const gates = inputBias.length;
  const sums = (x, weight, bias) => {
    const y = bias.slice();
    for (let e = 0; e < x.length; e++) if (x[e] !== 0) for (let o = 0, row = e * gates; o < gates; o++) y[o] += x[e] * weight[row + o];
    return y;
  };
  const steps = {
    gru(a, b, [h]) {
      return [h.map((old, k) => {
        const z = sigmoid(a[units + k] + b[units + k]), r = sigmoid(a[k] + b[k]);
        return (1 - z) * Math.tanh(a[2 * units + k] + r * b[2 * units + k]) + z * old;
      })];
    },
    lstm(a, b, [h, c]) {
      const gate = (k) => a[k] + b[k];
      const kept = c.map((old, k) => sigmoid(gate(units + k)) * old + sigmoid(gate(k)) * Math.tanh(gate(2 * units + k)));
      return [kept.map((value, k) => sigmoid(gate(3 * units + k)) * Math.tanh(value)), kept];
    },
  };
  // From [latent, action] of some successive frames to the next latent; it begins from nothing, as in training.
  return (seen) => {
    let state = [new Float32Array(units), new Float32Array(units)];
    for (const [latent, action] of seen) {
      const x = new Float32Array(inputs.length / gates);
      x.set(latent);
      x[latent.length + action] = 1;
      state = steps[cell](sums(x, inputs, inputBias), sums(state[0], states, stateBias), state);
    }
    const said = mean(state[0]), last = seen[seen.length - 1][0];
    return memory.residual ? said.map((value, k) => value + last[k]) : said;
  };
}

// ---- worlds ------------------------------------------------------------------------------------
const SIZE = data.rules.SIZE, PIXELS = SIZE * SIZE;
const lazily = (make) => { let made; return () => (made ??= make()); };
const memories = data.memories.map((memory) => lazily(() => remembers(memory)));
const worlds = data.worlds.map((world, number) => {
  const order = new Uint16Array(bytesOf(world.order).buffer), sign = world.inverted ? -1 : 1;
  const encoder = lazily(() => compile(world.encoder, [SIZE, SIZE, 1]));
  // A latent's length is that of what the encoder makes.
  const decoder = lazily(() => compile(world.decoder, [1, 1, encoder()(new Float32Array(PIXELS)).length]));
  return {
    name: world.name,
    order,
    look(picture) {
      const shown = new Float32Array(PIXELS);
      for (let i = 0; i < PIXELS; i++) shown[i] = world.inverted ? 1 - picture[order[i]] : picture[order[i]];
      return shown;
    },
    encode: (frame) => encoder()(frame),
    decode: (z) => decoder()(z),
    predict: (seen) => memories[data.memory[number]]()(seen),
    // Which pixels of the game's own picture are light, by logits of this world's picture.
    light(logits) {
      const found = new Uint8Array(PIXELS);
      for (let i = 0; i < PIXELS; i++) found[order[i]] = sign * logits[i] >= 0 ? 1 : 0;
      return found;
    },
  };
});
// Distance in pixels of the ball that is seen from where it is: Infinity if none is seen, NaN if
// there is none in the field between the paddles.
function ballError(world, logits, ball) {
  const [left, right] = data.field;
  if (!ball || ball[1] < left + 1 || ball[1] > right - 2) return NaN;
  const light = world.light(logits);
  let count = 0, row = 0, column = 0;
  for (let i = 0; i < SIZE; i++) for (let j = left; j < right; j++) {
    if (light[i * SIZE + j]) { count++; row += i; column += j; }
  }
  return count ? Math.hypot(row / count - ball[0], column / count - ball[1]) : Infinity;
}
