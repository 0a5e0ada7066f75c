// Population rollouts for whatever the compiler's baseline is: SSE2 on x86-64, NEON on AArch64.
#include "kernels.hpp"

namespace eigenwell::cartpole {

constexpr Kernels portable_kernels = these_kernels;

}  // namespace eigenwell::cartpole
