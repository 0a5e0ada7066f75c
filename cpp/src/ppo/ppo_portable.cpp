// PPO's kernels in baseline code: SSE2 on x86-64, NEON on AArch64. Four lanes.
#include "kernels.hpp"

namespace eigenwell::ppo {

constexpr Kernels portable_kernels = these_kernels;

}  // namespace eigenwell::ppo
