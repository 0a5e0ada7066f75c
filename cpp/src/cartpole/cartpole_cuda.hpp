// Population rollouts on CUDA devices, in the fast mode: the contract between cartpole.cu and
// whoever calls it.
//
// Device pointers in, a launch on `stream` out: nothing is allocated, copied or waited for. The
// answer is 0 or a cudaError_t, which pairwise::cuda::error_text words. This header needs neither
// the CUDA toolkit nor nvcc.
#ifndef EIGENWELL_SRC_CARTPOLE_CARTPOLE_CUDA_HPP
#define EIGENWELL_SRC_CARTPOLE_CARTPOLE_CUDA_HPP

#include <cstdint>

#include "cartpole.hpp"

namespace eigenwell::cartpole::cuda {

struct Rollouts {
    Architecture architecture;
    Physics physics;
    const float* weights;  // [agents, parameters]
    const double* starts;  // [episodes, 4]
    std::int32_t* steps;   // [agents, episodes], out
    std::int64_t agents;
    std::int64_t parameters;
    std::int32_t episodes;
    std::int32_t cap;
    bool sampled;
    std::uint64_t seed;
};

// `stream` is a cudaStream_t, `device` its number or -1 for the current one.
int rollout(const Rollouts& rollouts, void* stream, int device) noexcept;

}  // namespace eigenwell::cartpole::cuda

#endif  // EIGENWELL_SRC_CARTPOLE_CARTPOLE_CUDA_HPP
