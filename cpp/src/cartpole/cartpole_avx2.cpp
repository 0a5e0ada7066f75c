// Population rollouts for AVX2 and FMA (x86-64-v3). Eight lanes of float32, four of float64.
#include "kernels.hpp"

namespace eigenwell::cartpole {

constexpr Kernels avx2_kernels = these_kernels;

}  // namespace eigenwell::cartpole
