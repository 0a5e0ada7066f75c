// What the kernels of one instruction set are given, and their table.
#ifndef EIGENWELL_SRC_PPO_PROBLEM_HPP
#define EIGENWELL_SRC_PPO_PROBLEM_HPP

#include <cstddef>
#include <cstdint>
#include <vector>

#include "update.hpp"

namespace eigenwell::ppo {

inline constexpr std::size_t tile = 64;     // samples that pass through the networks together
inline constexpr std::size_t padding = 16;  // rows are padded to multiples of this, with zeros

// A dense layer, packed for the kernels.
struct Layer {
    std::size_t in;
    std::size_t out;
    std::size_t in_stride;   // padded
    std::size_t out_stride;  // padded
    float* across;           // [in, out_stride], the weights' transpose
    float* weights;          // [out, in_stride]
    float* biases;           // [out_stride]
    // Places of its gradients in a chunk's: [out, in_stride] and [out_stride].
    std::size_t weight_gradient;
    std::size_t bias_gradient;
};

struct Network {
    const Layer* layers;
    std::size_t depth;
};

// DC neurons. Their gradients in a chunk's are [actions * pieces, in_stride] and [actions *
// pieces].
struct Pieces {
    std::size_t count;  // of a neuron; 0 if the actor is an MLP
    float temperature;
    const float* weights;  // [inputs, actions * count]
    const float* biases;   // [actions * count]
    std::size_t weight_gradient;
    std::size_t bias_gradient;
};

struct Problem {
    Rollout rollout;
    std::size_t inputs;
    std::size_t inputs_stride;
    std::size_t actions;
    std::size_t widest;  // stride of the widest hidden layer
    Network critic;
    Network actor;
    Pieces pieces;
    const float* log_std;      // [actions], null for categorical
    const float* inverse_std;  // [actions]
    std::size_t std_gradient;  // place of the gradient of log_std
    float clip;
    float mean;  // of the minibatch's advantages
    float inverse_deviation;
    float share;  // 1 / samples of the minibatch
    float value_coefficient;
    float entropy_coefficient;
};

// Memory of one worker.
struct Scratch {
    float* x;       // [tile, inputs_stride]
    float* xt;      // [inputs, tile], its transpose, for DC neurons
    float* hidden;  // [tile, out_stride] of each hidden layer
    float* delta;   // two of [tile, widest stride]
    float* y;       // [actions, tile]
    float* dy;      // [actions, tile]
    float* z;       // [actions, tile]
    float* pieces;  // [actions * pieces, tile]
    float* other;   // [pieces, tile]
    float* zeros;   // [tile] or [widest], whichever is longer
};

struct Kernels {
    // Adds the gradient of some samples' losses, and the losses, to a chunk's.
    void (*differentiate)(const Problem& problem, const Scratch& scratch,
                          const std::int64_t* rows,  // [count]
                          std::size_t count, float* gradient, Sums& sums) noexcept;
    void (*log_probs)(const Problem& problem, const Scratch& scratch, std::size_t first,
                      std::size_t count,  // at most a tile
                      float* out) noexcept;
    // For tests: expm1, exp and tanh of as many numbers as a multiple of the padding.
    void (*functions)(const float* x, float* expm1, float* exp, float* tanh,
                      std::size_t count) noexcept;
};

// Scales the gradient to at most its largest norm, over all parameters, then takes step `steps`,
// counted from 1. As torch: norm + 1e-6 in the quotient, and NaN goes on.
void adam_step(const std::vector<Parameter>& parameters,
               const std::vector<std::vector<float>>& gradients, const Settings& settings,
               std::int64_t steps);

extern const Kernels portable_kernels;
#if defined(__x86_64__)
extern const Kernels avx2_kernels;
extern const Kernels avx512_kernels;
#endif

}  // namespace eigenwell::ppo

#endif  // EIGENWELL_SRC_PPO_PROBLEM_HPP
