// DC kernels, AVX-512 F, BW, DQ, VL (x86-64-v4: Skylake-X, Zen 4 and later).
// Compiled with -ffp-contract=off: the fusing is written out, never the compiler's.
#include "lanes_avx512.hpp"

namespace eigenwell::dc {

constexpr Kernels avx512_kernels = make_kernels<Avx512Lanes>();

}  // namespace eigenwell::dc
