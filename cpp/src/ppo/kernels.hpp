// The kernels of one instruction set: a tile of samples from the rollout to its gradient.
//
// Included by the translation units of the instruction sets alone. Everything is in an unnamed
// namespace, and nothing of the standard library is called: the linker never replaces baseline code
// by a copy compiled for a newer processor.
#ifndef EIGENWELL_SRC_PPO_KERNELS_HPP
#define EIGENWELL_SRC_PPO_KERNELS_HPP

#include "networks.hpp"
#include "problem.hpp"

namespace eigenwell::ppo {
namespace {

constexpr float half_log_2pi = 0.918938533F;

// Numbers of each sample of a tile.
struct Samples {
    alignas(64) float log_prob[tile];
    alignas(64) float old[tile];
    alignas(64) float advantage[tile];
    alignas(64) float slope[tile];    // of the loss by log_prob
    alignas(64) float entropy[tile];  // of categorical actions
    std::size_t chosen[tile];
};

// Observations and actions of some rows; the rest of the tile is zeros.
template <class Row>
void gather(const Problem& problem, const Scratch& scratch, Samples& samples, std::size_t count,
            Row row) {
    const std::size_t n = problem.inputs;
    const bool transposed = problem.pieces.count != 0;
    for (std::size_t s = 0; s < count; ++s) {
        float* x = scratch.x + s * problem.inputs_stride;
        const float* from = problem.rollout.x + row(s) * n;
        std::size_t i = 0;
        for (; i + width <= n; i += width) {
            store(x + i, load(from + i));
        }
        for (; i < n; ++i) {
            x[i] = from[i];
        }
        for (i = 0; transposed && i < n; ++i) {
            scratch.xt[i * tile + s] = from[i];
        }
    }
    for (std::size_t i = 0; transposed && i < n; ++i) {
        for (std::size_t s = count; s < tile; ++s) {
            scratch.xt[i * tile + s] = 0.0F;
        }
    }
    const std::size_t k = problem.actions;
    for (std::size_t s = 0; s < tile; ++s) {
        if (problem.log_std == nullptr) {
            samples.chosen[s] = 0;
            if (s < count) {
                samples.chosen[s] = static_cast<std::size_t>(problem.rollout.chosen[row(s)]);
            }
            continue;
        }
        for (std::size_t j = 0; j < k; ++j) {
            scratch.z[j * tile + s] = s < count ? problem.rollout.actions[row(s) * k + j] : 0.0F;
        }
    }
}

// A shuffled row is in no cache's mind: its lines are asked for a tile ahead.
inline void prefetch(const Problem& problem, const std::int64_t* rows, std::size_t count) {
    const Rollout& rollout = problem.rollout;
    for (std::size_t s = 0; s < count; ++s) {
        const auto row = static_cast<std::size_t>(rows[s]);
        const float* x = rollout.x + row * problem.inputs;
        for (std::size_t i = 0; i < problem.inputs; i += 64 / sizeof(float)) {
            __builtin_prefetch(x + i);
        }
        __builtin_prefetch(x + problem.inputs - 1);
        if (problem.log_std != nullptr) {
            __builtin_prefetch(rollout.actions + row * problem.actions);
        } else {
            __builtin_prefetch(rollout.chosen + row);
        }
        __builtin_prefetch(rollout.old + row);
        __builtin_prefetch(rollout.advantages + row);
        __builtin_prefetch(rollout.returns + row);
    }
}

// From y to log-probabilities. Gaussian: z becomes (a - y) / std. Categorical: y becomes all
// log-probabilities and z all probabilities.
void assess(const Problem& problem, const Scratch& scratch, Samples& samples) {
    const std::size_t actions = problem.actions;
    for (std::size_t s = 0; s < tile; s += width) {
        float* y = scratch.y + s;
        float* z = scratch.z + s;
        if (problem.log_std != nullptr) {
            vec sum = {};
            for (std::size_t k = 0; k < actions; ++k) {
                const vec u = (load(z + k * tile) - load(y + k * tile)) * problem.inverse_std[k];
                store(z + k * tile, u);
                sum = sum - (0.5F * u * u + (problem.log_std[k] + half_log_2pi));
            }
            store(samples.log_prob + s, sum);
            continue;
        }
        vec high = load(y);
        for (std::size_t k = 1; k < actions; ++k) {
            high = maximum(load(y + k * tile), high);
        }
        vec sum = {};
        for (std::size_t k = 0; k < actions; ++k) {
            sum = sum + exp_of_negative(load(y + k * tile) - high);
        }
        float normaliser[width];
        store(normaliser, sum);
        for (float& value : normaliser) {
            value = __builtin_logf(value);
        }
        const vec log_sum = load(normaliser);
        vec entropy = {};
        for (std::size_t k = 0; k < actions; ++k) {
            const vec log_prob = load(y + k * tile) - high - log_sum;
            const vec prob = exp_of_negative(log_prob);
            entropy = entropy - prob * log_prob;
            store(y + k * tile, log_prob);
            store(z + k * tile, prob);
        }
        store(samples.entropy + s, entropy);
    }
    for (std::size_t s = 0; problem.log_std == nullptr && s < tile; ++s) {
        samples.log_prob[s] = scratch.y[samples.chosen[s] * tile + s];
    }
}

// The clipped objective: slopes, 0 from `count` on, and what the sums get.
void clipped(const Problem& problem, Samples& samples, std::size_t count, Sums& sums) {
    float loss[tile];
    float change[tile];
    float kl[tile];
    for (std::size_t s = 0; s < tile; s += width) {
        const vec log_ratio = load(samples.log_prob + s) - load(samples.old + s);
        vec ratio;
        const vec less = exponentials_checked(log_ratio, ratio);  // ratio - 1
        const vec advantage = load(samples.advantage + s);
        const vec low = broadcast(1.0F - problem.clip);
        const vec high = broadcast(1.0F + problem.clip);
        const vec bound = minimum(maximum(ratio, low), high);
        const vec slope = -(ratio * advantage * problem.share);
        // Where the clipped product is the smaller one and does not depend on the ratio.
        const auto flat =
            ((advantage > 0.0F) & (ratio > high)) | ((advantage < 0.0F) & (ratio < low));
        store(samples.slope + s, flat ? broadcast(0.0F) : slope);
        store(loss + s, -minimum(ratio * advantage, bound * advantage));
        store(change + s, less);
        store(kl + s, less - log_ratio);
    }
    for (std::size_t s = 0; s < tile; ++s) {
        if (s >= count) {
            samples.slope[s] = 0.0F;
            continue;
        }
        const double share = static_cast<double>(problem.share);
        sums.policy_loss += share * static_cast<double>(loss[s]);
        sums.kl += share * static_cast<double>(kl[s]);
        const bool outside = change[s] > problem.clip || change[s] < -problem.clip;
        sums.outside += outside ? share : 0.0;
    }
}

// From the slopes by the log-probabilities to those by the actor's outputs.
void descend(const Problem& problem, const Scratch& scratch, const Samples& samples,
             std::size_t count, float* gradient) {
    for (std::size_t k = 0; k < problem.actions; ++k) {
        float* dy = scratch.dy + k * tile;
        const float* z = scratch.z + k * tile;
        Partial deviation;
        for (std::size_t s = 0; s < tile; s += width) {
            const vec slope = load(samples.slope + s);
            const vec u = load(z + s);
            if (problem.log_std != nullptr) {
                store(dy + s, slope * u * problem.inverse_std[k]);
                vec& part = deviation.part[s % padding / width];
                part = fma(slope, fma(u, u, broadcast(-1.0F)), part);
            } else {
                const vec bonus = u * (load(scratch.y + k * tile + s) + load(samples.entropy + s));
                store(dy + s, fma(broadcast(problem.entropy_coefficient * problem.share), bonus,
                                  -(slope * u)));
            }
        }
        if (problem.log_std != nullptr) {
            gradient[problem.std_gradient + k] += deviation.sum();
        }
        for (std::size_t s = count; s < tile; ++s) {
            dy[s] = 0.0F;
        }
    }
    for (std::size_t s = 0; problem.log_std == nullptr && s < count; ++s) {
        scratch.dy[samples.chosen[s] * tile + s] += samples.slope[s];
    }
}

void learn_values(const Problem& problem, const Scratch& scratch, const std::int64_t* rows,
                  std::size_t count, Sums& sums) {
    for (std::size_t s = 0; s < tile; ++s) {
        scratch.dy[s] = 0.0F;
        if (s < count) {
            const float error = scratch.y[s] - problem.rollout.returns[rows[s]];
            scratch.dy[s] = problem.value_coefficient * problem.share * error;
            sums.value_loss += 0.5 * static_cast<double>(problem.share) *
                               (static_cast<double>(error) * static_cast<double>(error));
        }
    }
}

void act(const Problem& problem, const Scratch& scratch, std::size_t count) {
    if (problem.pieces.count != 0) {
        forward(problem, scratch);
    } else {
        forward(problem.actor, scratch, count);
    }
}

void differentiate(const Problem& problem, const Scratch& scratch, const std::int64_t* rows,
                   std::size_t count, float* gradient, Sums& sums) noexcept {
    Samples samples;
    const auto at_most = [count](std::size_t first) {
        return count - first < tile ? count - first : tile;
    };
    prefetch(problem, rows, at_most(0));
    for (std::size_t first = 0; first < count; first += tile) {
        const std::size_t here = at_most(first);
        const std::int64_t* const of = rows + first;
        prefetch(problem, of + here, at_most(first + here));
        gather(problem, scratch, samples, here,
               [of](std::size_t s) { return static_cast<std::size_t>(of[s]); });
        for (std::size_t s = 0; s < tile; ++s) {
            samples.old[s] = s < here ? problem.rollout.old[of[s]] : 0.0F;
            samples.advantage[s] = s < here ? (problem.rollout.advantages[of[s]] - problem.mean) *
                                                  problem.inverse_deviation
                                            : 0.0F;
        }
        forward(problem.critic, scratch, here);
        learn_values(problem, scratch, of, here, sums);
        backward(problem.critic, scratch, here, problem.widest, gradient);
        act(problem, scratch, here);
        assess(problem, scratch, samples);
        clipped(problem, samples, here, sums);
        for (std::size_t s = 0; problem.log_std == nullptr && s < here; ++s) {
            sums.entropy +=
                static_cast<double>(problem.share) * static_cast<double>(samples.entropy[s]);
        }
        descend(problem, scratch, samples, here, gradient);
        if (problem.pieces.count != 0) {
            backward(problem, scratch, here, gradient);
        } else {
            backward(problem.actor, scratch, here, problem.widest, gradient);
        }
    }
}

void log_probs(const Problem& problem, const Scratch& scratch, std::size_t first, std::size_t count,
               float* out) noexcept {
    Samples samples;
    gather(problem, scratch, samples, count, [first](std::size_t s) { return first + s; });
    act(problem, scratch, count);
    assess(problem, scratch, samples);
    __builtin_memcpy(out, samples.log_prob, count * sizeof(float));
}

void functions(const float* x, float* less, float* whole, float* tangent,
               std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; i += width) {
        vec exp;
        store(less + i, exponentials_checked(load(x + i), exp));
        store(whole + i, exp);
        store(tangent + i, tanh(load(x + i)));
    }
}

constexpr Kernels these_kernels = {differentiate, log_probs, functions};

}  // namespace
}  // namespace eigenwell::ppo

#endif  // EIGENWELL_SRC_PPO_KERNELS_HPP
