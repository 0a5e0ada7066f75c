// Population rollouts on CUDA devices. A group of 1 to 32 threads shares an agent and reads the
// same weight at the same time: one access that the first cache answers. What a thread does is in
// cuda_episodes.hpp.
//
// Cost of a step of 4-12-10-2: 188 fused multiply-adds, and 22 times tanh, with 8 of them and a
// division each. Compiled with contraction off: the fusing is written out, as on the CPU.
#include <cuda_runtime.h>

#include "../pairwise/cuda_launch.hpp"
#include "cuda_episodes.hpp"

namespace eigenwell::cartpole::cuda {
namespace {

constexpr int block_threads = 128;
// Threads that fill the largest GPU of today: more of them only end later than the others.
constexpr std::int64_t enough_threads = std::int64_t{1} << 17;

template <class Net>
__global__ void __launch_bounds__(block_threads)
    rollout_kernel(const Rollouts r, const Constants c, int group) {
    const std::int64_t thread =
        static_cast<std::int64_t>(blockIdx.x) * block_threads + static_cast<int>(threadIdx.x);
    const std::int64_t agent = thread / group;
    if (agent < r.agents) {
        episodes<Net>(r, c, agent, static_cast<std::int32_t>(thread % group), group);
    }
}

template <class Net>
void launch(const Rollouts& r, int group, cudaStream_t stream) {
    const std::int64_t blocks = (r.agents * group + block_threads - 1) / block_threads;
    rollout_kernel<Net><<<static_cast<unsigned>(blocks), block_threads, 0, stream>>>(
        r, constants_of(r.physics), group);
}

bool usual(const Architecture& net) {
    return net.activation == Activation::tanh && net.layers == 3 && net.sizes[1] == 12 &&
           net.sizes[2] == 10;
}

}  // namespace

int rollout(const Rollouts& r, void* stream, int device) noexcept {
    if (r.agents == 0 || r.episodes == 0) {
        return cudaSuccess;
    }
    int group = 1;
    while (group < 32 && group < r.episodes && r.agents * group < enough_threads) {
        group *= 2;
    }
    if (r.agents > INT32_MAX / 32) {
        return cudaErrorInvalidValue;
    }
    const pairwise::cuda::OnDevice guard(device);
    if (guard.status() != cudaSuccess) {
        return guard.status();
    }
    std::size_t widest = 0;
    for (std::size_t i = 0; i <= r.architecture.layers; ++i) {
        widest = r.architecture.sizes[i] > widest ? r.architecture.sizes[i] : widest;
    }
    const auto queue = static_cast<cudaStream_t>(stream);
    if (usual(r.architecture)) {
        launch<Usual>(r, group, queue);
    } else if (widest <= 64) {
        launch<Any<64>>(r, group, queue);
    } else {
        launch<Any<1024>>(r, group, queue);
    }
    return cudaGetLastError();
}

}  // namespace eigenwell::cartpole::cuda
