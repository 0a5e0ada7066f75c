// Every agent from every start, on all threads.
#ifndef EIGENWELL_SRC_CARTPOLE_ROLLOUTS_HPP
#define EIGENWELL_SRC_CARTPOLE_ROLLOUTS_HPP

#include <cstddef>
#include <cstdint>

#include "cartpole.hpp"

namespace eigenwell::cartpole {

enum class Outcome : int { ok, no_memory, stopped };

struct Rollouts {
    Architecture architecture{};
    Physics physics{};
    const float* narrow = nullptr;   // [agents, parameters]: the fast mode's weights, or null
    const double* wide = nullptr;    // [agents, parameters]: the exact mode's, or null
    const double* starts = nullptr;  // [episodes, 4], inside of the limits
    std::size_t agents = 0;
    std::size_t episodes = 0;
    std::int64_t cap = 500;  // 1 to 2^31 - 1
    bool sampled = false;
    std::uint64_t seed = 0;
    std::int32_t* steps = nullptr;          // [agents, episodes], out
    const std::int64_t* offsets = nullptr;  // [agents, episodes]: of visits; or null
    std::int64_t every = 1;
    float* observations = nullptr;          // [visits, 4], out, with offsets
    std::int8_t* actions = nullptr;         // [visits], out, with offsets
    std::size_t threads = 0;                // 0 for the default
    bool (*stop)(void* context) = nullptr;  // asked in the caller's thread, some ten times a second
    void* stop_context = nullptr;
};

// Length of a vector of weights.
std::size_t parameters(const Architecture& architecture) noexcept;

[[nodiscard]] Outcome run(const Rollouts& rollouts, const Kernels& kernels) noexcept;

}  // namespace eigenwell::cartpole

#endif  // EIGENWELL_SRC_CARTPOLE_ROLLOUTS_HPP
