// The update of PPO for small networks: gradients of minibatches, and Adam.
//
//   loss = -mean min(r A, clip(r, 1 - c, 1 + c) A) + cv mean (v - R)^2 / 2 - ce mean H
//
// with r = exp(log pi(a|x) - old) and A normalised over the minibatch to mean 0 and standard
// deviation 1 (Schulman et al. 2017, equation 7; Huang et al. 2022). The critic is an MLP with
// tanh, the actor another or one layer of DC neurons, whose gradient is that of the softmax rule;
// the actions are Gaussian with one log_std for all states, or categorical.
//
// Cost: a dense layer takes 2 in out flops a sample forward, and as many each for the gradients of
// weights and inputs. The walker's preset (critic 24-64-64-1, DC actor 24 to 4 x 6) comes to 33,400
// a sample, 34 Mflop for a minibatch of 1024, of which 160 bytes a sample come from the rollout and
// all else stays in the second-level cache. Zen 4, one thread, AVX-512: 58 G FMA/s
// (bench/peak_fma.cpp) make it 0.29 ms at least; measured 0.52 ms, 56 %. The products run at that
// limit; tanh, exponentials, gathering and Adam are the rest.
//
// Numerics: float32; losses and norms are summed in float64. Order: samples in tiles of 64, tiles
// in at most 8 chunks with sums of their own, added in order, so that the bits do not depend on the
// number of threads. AVX2 and AVX-512 give the same bits, the portable lanes others.
#ifndef EIGENWELL_SRC_PPO_UPDATE_HPP
#define EIGENWELL_SRC_PPO_UPDATE_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace eigenwell::ppo {

// Networks by the widths of their layers. `pieces` of a DC neuron, or 0 for an MLP.
struct Shape {
    std::size_t inputs = 0;
    std::size_t actions = 0;
    std::vector<std::size_t> actor;   // hidden widths of an MLP
    std::vector<std::size_t> critic;  // hidden widths
    std::size_t pieces = 0;
    float temperature = 1.0F;
    bool discrete = false;
};

// A parameter and Adam's moments of it, in memory of the caller's.
struct Parameter {
    float* value;
    float* mean;
    float* square;
};

// Lengths of the parameters, in order: actor, critic, log_std. MLPs have weights (out, in) and
// biases (out) of each layer, the DC layer weights (in, actions * pieces) and biases.
std::vector<std::size_t> parameter_sizes(const Shape& shape);

struct Rollout {
    std::size_t count;           // b
    const float* x;              // [b, inputs]
    const float* actions;        // [b, actions], or null
    const std::int64_t* chosen;  // [b], in 0 ... actions - 1, or null
    const float* old;            // [b], log-probabilities
    const float* advantages;     // [b]
    const float* returns;        // [b]
};

struct Settings {
    std::size_t minibatch;
    double learning_rate;
    double clip;
    double value_coefficient;
    double entropy_coefficient;
    double max_grad_norm;
    std::size_t threads;
};

// Means over a minibatch, added over minibatches.
struct Sums {
    double policy_loss = 0;
    double value_loss = 0;
    double entropy = 0;
    double outside = 0;
    double kl = 0;
};

struct Kernels;
const Kernels* active_kernels() noexcept;  // null if there are none, see cpu/features.hpp

class Update {
public:
    Update(const Shape& shape, std::vector<Parameter> parameters);
    ~Update();
    Update(const Update&) = delete;
    Update& operator=(const Update&) = delete;

    // Log-probabilities of a rollout's actions, [b]; reads x and the actions alone.
    void log_probs(const Kernels& kernels, const Rollout& rollout, float* out);

    // Adds a minibatch's means to the sums; the gradient is then in gradients().
    void differentiate(const Kernels& kernels, const Rollout& rollout, const Settings& settings,
                       const std::int64_t* rows,  // [count], of the rollout
                       std::size_t count, Sums& sums);
    [[nodiscard]] const std::vector<std::vector<float>>& gradients() const noexcept;

    // One pass: differentiate, clip the gradient's norm, and let Adam step, for each minibatch.
    Sums epoch(const Kernels& kernels, const Rollout& rollout, const Settings& settings,
               const std::int64_t* order,  // [b]
               std::int64_t steps);        // that Adam has taken

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace eigenwell::ppo

#endif  // EIGENWELL_SRC_PPO_UPDATE_HPP
