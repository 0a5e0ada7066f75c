// PPO's kernels for AVX-512 (F, BW, DQ, VL: x86-64-v4). Sixteen lanes.
#include "kernels.hpp"

namespace eigenwell::ppo {

constexpr Kernels avx512_kernels = these_kernels;

}  // namespace eigenwell::ppo
