// Networks on a tile of samples: outputs y, [out, tile], and gradients from dy, [out, tile].
//
// Activations lie by samples, [tile, out_stride], with zeros in the padding, which tanh keeps.
#ifndef EIGENWELL_SRC_PPO_NETWORKS_HPP
#define EIGENWELL_SRC_PPO_NETWORKS_HPP

#include "problem.hpp"
#include "product.hpp"

namespace eigenwell::ppo {
namespace {

constexpr float one = 1.0F;

inline float total(const float* row) {  // [tile]
    Partial sum;
    for (std::size_t i = 0; i < tile; i += padding) {
        sum.add(row + i);
    }
    return sum.sum();
}

inline void forward(const Network& net, const Scratch& scratch, std::size_t count) {
    const float* input = scratch.x;
    float* hidden = scratch.hidden;
    for (std::size_t l = 0; l + 1 < net.depth; ++l) {
        const Layer& layer = net.layers[l];
        const std::size_t stride = layer.out_stride;
        product(count, layer.in, {input, layer.in_stride, 1}, {layer.across, stride},
                {layer.biases, 0}, hidden, stride);
        for (std::size_t i = 0; i < count * stride; i += width) {
            store(hidden + i, tanh(load(hidden + i)));
        }
        input = hidden;
        hidden += tile * stride;
    }
    // So few outputs would leave most lanes of a product empty: inner products instead.
    const Layer& last = net.layers[net.depth - 1];
    for (std::size_t k = 0; k < last.out; ++k) {
        for (std::size_t s = 0; s < count; ++s) {
            Partial sum;
            for (std::size_t i = 0; i < last.in_stride; i += padding) {
                sum.add(input + s * last.in_stride + i, last.weights + k * last.in_stride + i);
            }
            scratch.y[k * tile + s] = sum.sum() + last.biases[k];
        }
    }
}

// dy is 0 from `count` on.
inline void backward(const Network& net, const Scratch& scratch, std::size_t count,
                     std::size_t widest, float* gradient) {
    const float* hidden = scratch.hidden;  // behind the inputs of the layer
    for (std::size_t l = 0; l + 2 < net.depth; ++l) {
        hidden += tile * net.layers[l].out_stride;
    }
    float* delta = scratch.delta;
    float* next = scratch.delta + tile * widest;
    Left by_sample{scratch.dy, 1, tile};
    for (std::size_t l = net.depth; l-- > 0;) {
        const Layer& layer = net.layers[l];
        const float* input = l == 0 ? scratch.x : hidden;
        const std::size_t stride = layer.in_stride;
        float* biases = gradient + layer.bias_gradient;
        if (l + 1 == net.depth) {
            for (std::size_t k = 0; k < layer.out; ++k) {
                biases[k] += total(scratch.dy + k * tile);
            }
        } else {
            product<1>(1, count, {&one, 0, 0}, {by_sample.at, layer.out_stride}, {biases, 0},
                       biases, layer.out_stride);
        }
        float* weights = gradient + layer.weight_gradient;
        product(layer.out, count, {by_sample.at, by_sample.k_stride, by_sample.row_stride},
                {input, stride}, {weights, stride}, weights, stride);
        if (l == 0) {
            return;
        }
        product(count, layer.out, by_sample, {layer.weights, stride}, {scratch.zeros, 0}, next,
                stride);
        for (std::size_t i = 0; i < count * stride; i += width) {
            const vec h = load(hidden + i);
            store(next + i, load(next + i) * (1.0F - h * h));
        }
        by_sample = {next, stride, 1};
        float* swapped = delta;
        delta = next;
        next = swapped;
        if (l > 1) {
            hidden -= tile * net.layers[l - 2].out_stride;
        }
    }
}

// y = max_e E_e + min_e E_e with E = A + x B, lanes along the samples.
inline void forward(const Problem& problem, const Scratch& scratch) {
    const std::size_t m = problem.pieces.count;
    const std::size_t rows = problem.actions * m;
    // The biases are a column: added with the extremes.
    product(rows, problem.inputs, {problem.pieces.weights, 1, rows}, {scratch.xt, tile},
            {scratch.zeros, 0}, scratch.pieces, tile);
    for (std::size_t k = 0; k < problem.actions; ++k) {
        for (std::size_t s = 0; s < tile; s += width) {
            float* piece = scratch.pieces + k * m * tile + s;
            vec high = broadcast(-__builtin_inff());
            vec low = broadcast(__builtin_inff());
            for (std::size_t e = 0; e < m; ++e) {
                const vec value = load(piece + e * tile) + problem.pieces.biases[k * m + e];
                store(piece + e * tile, value);
                high = maximum(value, high);
                low = minimum(value, low);
            }
            store(scratch.y + k * tile + s, high + low);
        }
    }
}

// dE = dy (softmax(E / t) + softmax(-E / t)): all pieces learn, as dc.torch has it.
inline void backward(const Problem& problem, const Scratch& scratch, std::size_t count,
                     float* gradient) {
    const std::size_t m = problem.pieces.count;
    const std::size_t rows = problem.actions * m;
    const float coldness = 1.0F / problem.pieces.temperature;
    for (std::size_t k = 0; k < problem.actions; ++k) {
        for (std::size_t s = 0; s < tile; s += width) {
            float* piece = scratch.pieces + k * m * tile + s;
            vec high = load(piece);
            vec low = high;
            for (std::size_t e = 1; e < m; ++e) {
                high = maximum(load(piece + e * tile), high);
                low = minimum(load(piece + e * tile), low);
            }
            float* other = scratch.other + s;
            vec above = {};
            vec below = {};
            for (std::size_t e = 0; e < m; ++e) {
                const vec value = load(piece + e * tile);
                const vec up = exp_of_negative((value - high) * coldness);
                const vec down = exp_of_negative((low - value) * coldness);
                store(piece + e * tile, up);
                store(other + e * tile, down);
                above = above + up;
                below = below + down;
            }
            const vec dy = load(scratch.dy + k * tile + s);
            above = dy / above;
            below = dy / below;
            for (std::size_t e = 0; e < m; ++e) {
                store(piece + e * tile,
                      fma(above, load(piece + e * tile), below * load(other + e * tile)));
            }
        }
    }
    float* weights = gradient + problem.pieces.weight_gradient;
    const std::size_t stride = problem.inputs_stride;
    product(rows, count, {scratch.pieces, tile, 1}, {scratch.x, stride}, {weights, stride}, weights,
            stride);
    for (std::size_t e = 0; e < rows; ++e) {
        gradient[problem.pieces.bias_gradient + e] += total(scratch.pieces + e * tile);
    }
}

}  // namespace
}  // namespace eigenwell::ppo

#endif  // EIGENWELL_SRC_PPO_NETWORKS_HPP
