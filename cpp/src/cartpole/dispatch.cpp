// From the active instruction set to its kernels.
#include "../cpu/features.hpp"
#include "cartpole.hpp"

namespace eigenwell::cartpole {

const Kernels* active_kernels() noexcept {
    const cpu::Isa* isa = cpu::active();
    if (isa == nullptr) {
        return nullptr;
    }
    switch (*isa) {
        case cpu::Isa::portable: return &portable_kernels;
#if defined(__x86_64__)
        case cpu::Isa::avx2: return &avx2_kernels;
        case cpu::Isa::avx512:
        case cpu::Isa::avx512vbmi: return &avx512_kernels;
#else
        default: return nullptr;
#endif
    }
    return nullptr;
}

}  // namespace eigenwell::cartpole
