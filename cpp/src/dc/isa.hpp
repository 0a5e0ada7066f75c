// The DC kernels of each instruction set, one per object file; null where the compiler's target has
// none. Adding an instruction set: a file like dc_avx2.cpp, a line here, a line in dispatch.cpp.
#ifndef EIGENWELL_SRC_DC_ISA_HPP
#define EIGENWELL_SRC_DC_ISA_HPP

#include "eigenwell/dc/kernels.hpp"

namespace eigenwell::dc {

#if defined(__x86_64__)
extern const Kernels avx2_kernels;
extern const Kernels avx512_kernels;
extern const Kernels avx512vbmi_kernels;
#endif

// The kernels of the active instruction set; null while EIGENWELL_ISA names an unknown one.
const Kernels* active_kernels() noexcept;

}  // namespace eigenwell::dc

#endif  // EIGENWELL_SRC_DC_ISA_HPP
