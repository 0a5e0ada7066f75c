// The update's driver: memory, packing, minibatches. See update.hpp.
#include "update.hpp"

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>

#include "../cpu/threads.hpp"
#include "problem.hpp"

namespace eigenwell::ppo {
namespace {

constexpr std::size_t most_chunks = 8;
constexpr std::size_t least_chunk = 4 * tile;
constexpr double half_log_2pi_e = 1.4189385332046727;

std::size_t padded(std::size_t n) { return (n + padding - 1) / padding * padding; }

// Zeros on a cache line's boundary.
struct Free {
    void operator()(float* memory) const noexcept {
        ::operator delete[](memory, std::align_val_t{64});
    }
};
using Memory = std::unique_ptr<float[], Free>;

Memory zeros(std::size_t count) {
    auto* memory = static_cast<float*>(
        ::operator new[](std::max<std::size_t>(count, 1) * sizeof(float), std::align_val_t{64}));
    std::fill_n(memory, count, 0.0F);
    return Memory(memory);
}

// From all of the inputs to the outputs of an MLP.
std::vector<std::size_t> widths(std::size_t inputs, const std::vector<std::size_t>& hidden,
                                std::size_t outputs) {
    std::vector<std::size_t> all{inputs};
    all.insert(all.end(), hidden.begin(), hidden.end());
    all.push_back(outputs);
    return all;
}

void append_sizes(const std::vector<std::size_t>& all, std::vector<std::size_t>& sizes) {
    for (std::size_t i = 0; i + 1 < all.size(); ++i) {
        sizes.push_back(all[i] * all[i + 1]);
        sizes.push_back(all[i + 1]);
    }
}

void pack(const Layer& layer, const float* weights, const float* biases) {
    for (std::size_t j = 0; j < layer.out; ++j) {
        for (std::size_t i = 0; i < layer.in; ++i) {
            const float w = weights[j * layer.in + i];
            layer.weights[j * layer.in_stride + i] = w;
            layer.across[i * layer.out_stride + j] = w;
        }
        layer.biases[j] = biases[j];
    }
}

}  // namespace

std::vector<std::size_t> parameter_sizes(const Shape& shape) {
    std::vector<std::size_t> sizes;
    if (shape.pieces != 0) {
        const std::size_t rows = shape.actions * shape.pieces;
        sizes = {shape.inputs * rows, rows};
    } else {
        append_sizes(widths(shape.inputs, shape.actor, shape.actions), sizes);
    }
    append_sizes(widths(shape.inputs, shape.critic, 1), sizes);
    if (!shape.discrete) {
        sizes.push_back(shape.actions);
    }
    return sizes;
}

struct Update::State {
    Problem problem{};
    std::vector<Parameter> parameters;
    std::vector<std::vector<float>> gradients;
    std::vector<Layer> actor;
    std::vector<Layer> critic;
    std::vector<Memory> packed;
    std::vector<float> inverse_std;
    std::size_t hidden = 0;           // strides of the hidden layers of a network, at most
    std::size_t gradient_length = 0;  // of a chunk
    std::vector<Memory> chunks;
    std::vector<Sums> sums;
    std::vector<Memory> workers;

    std::size_t reserve(std::size_t count);
    void lay(const std::vector<std::size_t>& all, std::vector<Layer>& layers);
    void pack_all();
    Scratch scratch(std::size_t worker);
    void ready(std::size_t chunk_count, std::size_t worker_count);
    void collect(std::size_t used);
    void normalise(const Rollout& rollout, const std::int64_t* rows, std::size_t count);
};

// A place in a chunk's gradients.
std::size_t Update::State::reserve(std::size_t count) {
    return std::exchange(gradient_length, gradient_length + padded(count));
}

void Update::State::lay(const std::vector<std::size_t>& all, std::vector<Layer>& layers) {
    std::size_t wide = 0;
    problem.widest = std::max(problem.widest, padded(all[0]));
    for (std::size_t l = 0; l + 1 < all.size(); ++l) {
        Layer layer{};
        layer.in = all[l];
        layer.out = all[l + 1];
        layer.in_stride = padded(layer.in);
        layer.out_stride = padded(layer.out);
        layer.across = packed.emplace_back(zeros(layer.in * layer.out_stride)).get();
        layer.weights = packed.emplace_back(zeros(layer.out * layer.in_stride)).get();
        layer.biases = packed.emplace_back(zeros(layer.out_stride)).get();
        layer.weight_gradient = reserve(layer.out * layer.in_stride);
        layer.bias_gradient = reserve(layer.out);
        if (l + 2 < all.size()) {
            wide += layer.out_stride;
            problem.widest = std::max(problem.widest, layer.out_stride);
        }
        layers.push_back(layer);
    }
    hidden = std::max(hidden, wide);
}

Update::Update(const Shape& shape, std::vector<Parameter> parameters)
    : state_(std::make_unique<State>()) {
    State& own = *state_;
    Problem& problem = own.problem;
    own.parameters = std::move(parameters);
    for (const std::size_t size : parameter_sizes(shape)) {
        own.gradients.emplace_back(size, 0.0F);
    }
    problem.inputs = shape.inputs;
    problem.inputs_stride = padded(shape.inputs);
    problem.actions = shape.actions;
    if (shape.pieces != 0) {
        const std::size_t rows = shape.actions * shape.pieces;
        problem.pieces = {shape.pieces,
                          shape.temperature,
                          own.parameters[0].value,
                          own.parameters[1].value,
                          own.reserve(rows * problem.inputs_stride),
                          own.reserve(rows)};
    } else {
        own.lay(widths(shape.inputs, shape.actor, shape.actions), own.actor);
    }
    own.lay(widths(shape.inputs, shape.critic, 1), own.critic);
    if (!shape.discrete) {
        problem.log_std = own.parameters.back().value;
        problem.std_gradient = own.reserve(shape.actions);
        own.inverse_std.resize(shape.actions);
        problem.inverse_std = own.inverse_std.data();
    }
    problem.actor = {own.actor.data(), own.actor.size()};
    problem.critic = {own.critic.data(), own.critic.size()};
}

Update::~Update() = default;

void Update::State::pack_all() {
    std::size_t next = problem.pieces.count != 0 ? 2 : 0;
    for (const std::vector<Layer>* layers : {&actor, &critic}) {
        for (const Layer& layer : *layers) {
            pack(layer, parameters[next].value, parameters[next + 1].value);
            next += 2;
        }
    }
    for (std::size_t k = 0; k < inverse_std.size(); ++k) {
        inverse_std[k] = std::exp(-problem.log_std[k]);
    }
}

void Update::State::ready(std::size_t chunk_count, std::size_t worker_count) {
    while (chunks.size() < chunk_count) {
        chunks.push_back(zeros(gradient_length));
    }
    sums.resize(std::max(sums.size(), chunk_count));
    const std::size_t rows = (problem.actions + 1) * problem.pieces.count;
    while (workers.size() < worker_count) {
        workers.push_back(zeros(tile * (problem.inputs_stride + problem.inputs + hidden +
                                        2 * problem.widest + 3 * problem.actions + rows) +
                                problem.widest + tile));
    }
}

Scratch Update::State::scratch(std::size_t worker) {
    float* next = workers[worker].get();
    const auto take = [&next](std::size_t columns) {
        return std::exchange(next, next + tile * columns);
    };
    // Braces keep the order.
    return {take(problem.inputs_stride),
            take(problem.inputs),
            take(hidden),
            take(2 * problem.widest),
            take(problem.actions),
            take(problem.actions),
            take(problem.actions),
            take(problem.actions * problem.pieces.count),
            take(problem.pieces.count),
            next};
}

// The chunks' gradients, added in order, without the padding.
void Update::State::collect(std::size_t used) {
    for (std::size_t c = 1; c < used; ++c) {
        float* sum = chunks[0].get();
        const float* other = chunks[c].get();
        for (std::size_t i = 0; i < gradient_length; ++i) {
            sum[i] += other[i];
        }
    }
    const float* sum = chunks[0].get();
    auto gradient = gradients.begin();
    if (problem.pieces.count != 0) {  // (inputs, rows) from [rows, inputs_stride]
        const std::size_t rows = problem.actions * problem.pieces.count;
        const float* from = sum + problem.pieces.weight_gradient;
        for (std::size_t i = 0; i < problem.inputs; ++i) {
            for (std::size_t e = 0; e < rows; ++e) {
                (*gradient)[i * rows + e] = from[e * problem.inputs_stride + i];
            }
        }
        ++gradient;
        std::copy_n(sum + problem.pieces.bias_gradient, rows, (gradient++)->begin());
    }
    for (const std::vector<Layer>* layers : {&actor, &critic}) {
        for (const Layer& layer : *layers) {
            for (std::size_t j = 0; j < layer.out; ++j) {
                std::copy_n(sum + layer.weight_gradient + j * layer.in_stride, layer.in,
                            gradient->data() + j * layer.in);
            }
            ++gradient;
            std::copy_n(sum + layer.bias_gradient, layer.out, (gradient++)->begin());
        }
    }
    for (std::size_t k = 0; k < inverse_std.size(); ++k) {
        (*gradient)[k] = sum[problem.std_gradient + k] - problem.entropy_coefficient;
    }
}

void Update::State::normalise(const Rollout& rollout, const std::int64_t* rows, std::size_t count) {
    const auto n = static_cast<double>(count);
    double mean = 0;
    for (std::size_t i = 0; i < count; ++i) {
        mean += static_cast<double>(rollout.advantages[rows[i]]) / n;
    }
    double squares = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const double off = static_cast<double>(rollout.advantages[rows[i]]) - mean;
        squares += off * off;
    }
    problem.mean = static_cast<float>(mean);
    problem.inverse_deviation = static_cast<float>(1.0 / (std::sqrt(squares / (n - 1.0)) + 1e-8));
    problem.share = static_cast<float>(1.0 / n);
}

const std::vector<std::vector<float>>& Update::gradients() const noexcept {
    return state_->gradients;
}

void Update::log_probs(const Kernels& kernels, const Rollout& rollout, float* out) {
    State& own = *state_;
    own.problem.rollout = rollout;
    own.pack_all();
    own.ready(0, 1);
    for (std::size_t first = 0; first < rollout.count; first += tile) {
        kernels.log_probs(own.problem, own.scratch(0), first, std::min(tile, rollout.count - first),
                          out + first);
    }
}

void Update::differentiate(const Kernels& kernels, const Rollout& rollout, const Settings& settings,
                           const std::int64_t* rows, std::size_t count, Sums& sums) {
    State& own = *state_;
    Problem& problem = own.problem;
    problem.rollout = rollout;
    problem.clip = static_cast<float>(settings.clip);
    problem.value_coefficient = static_cast<float>(settings.value_coefficient);
    problem.entropy_coefficient = static_cast<float>(settings.entropy_coefficient);
    own.pack_all();
    own.normalise(rollout, rows, count);
    const std::size_t share = (count + most_chunks - 1) / most_chunks;
    const std::size_t length = std::max(least_chunk, (share + tile - 1) / tile * tile);
    const std::size_t chunk_count = (count + length - 1) / length;
    const std::size_t threads = std::max<std::size_t>(1, std::min(settings.threads, chunk_count));
    own.ready(chunk_count, threads);
    struct Context {
        const Kernels* kernels;
        State* own;
        const std::int64_t* rows;
        std::size_t count;
        std::size_t length;
    } context{&kernels, &own, rows, count, length};
    const auto task = [](void* pointer, std::size_t chunk, std::size_t worker) {
        const Context& of = *static_cast<Context*>(pointer);
        const std::size_t first = chunk * of.length;
        float* gradient = of.own->chunks[chunk].get();
        std::fill_n(gradient, of.own->gradient_length, 0.0F);
        of.own->sums[chunk] = {};
        of.kernels->differentiate(of.own->problem, of.own->scratch(worker), of.rows + first,
                                  std::min(of.length, of.count - first), gradient,
                                  of.own->sums[chunk]);
    };
    cpu::parallel(chunk_count, threads, task, &context);
    for (std::size_t c = 0; c < chunk_count; ++c) {
        const Sums& part = own.sums[c];
        sums.policy_loss += part.policy_loss;
        sums.value_loss += part.value_loss;
        sums.entropy += part.entropy;
        sums.outside += part.outside;
        sums.kl += part.kl;
    }
    for (std::size_t k = 0; k < own.inverse_std.size(); ++k) {
        sums.entropy += static_cast<double>(problem.log_std[k]) + half_log_2pi_e;
    }
    own.collect(chunk_count);
}

Sums Update::epoch(const Kernels& kernels, const Rollout& rollout, const Settings& settings,
                   const std::int64_t* order, std::int64_t steps) {
    Sums sums;
    for (std::size_t first = 0; first < rollout.count; first += settings.minibatch) {
        const std::size_t count = std::min(settings.minibatch, rollout.count - first);
        differentiate(kernels, rollout, settings, order + first, count, sums);
        adam_step(state_->parameters, state_->gradients, settings, ++steps);
    }
    return sums;
}

}  // namespace eigenwell::ppo
