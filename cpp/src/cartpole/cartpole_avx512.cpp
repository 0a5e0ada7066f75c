// Population rollouts for AVX-512 (F, BW, DQ, VL: x86-64-v4). Sixteen lanes of float32, eight of
// float64.
//
// Fast, 4-12-10-2, a step of sixteen agents: 188 fused multiply-adds, 22 times tanh with 11
// multiplying or comparing operations and a division, 24 for the physics. Zen 4 does one such
// operation of 512 bits a cycle and divisions on the side: at 3.40e9 a second 1.20e8 steps a second
// at most; measured 9.8e7, 82 % of that. Exact, eight agents: products and sums apart, tanh with 30
// operations, and sine and cosine one by one; measured 1.7e7.
#include "kernels.hpp"

namespace eigenwell::cartpole {

constexpr Kernels avx512_kernels = these_kernels;

}  // namespace eigenwell::cartpole
