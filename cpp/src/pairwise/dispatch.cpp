// From the active instruction set to its pairwise kernels.
#include "../cpu/dispatch.hpp"
#include "pairwise.hpp"

namespace eigenwell::pairwise {

const Kernels* active_kernels() noexcept {
#if defined(__x86_64__)
    return cpu::active_of(portable_kernels, avx2_kernels, avx512_kernels);
#else
    return cpu::active_of(portable_kernels);
#endif
}

}  // namespace eigenwell::pairwise
