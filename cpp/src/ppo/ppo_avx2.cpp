// PPO's kernels for AVX2 with FMA (x86-64-v3). Eight lanes.
#include "kernels.hpp"

namespace eigenwell::ppo {

constexpr Kernels avx2_kernels = these_kernels;

}  // namespace eigenwell::ppo
