// Which instruction sets this processor runs and which one is in use. Asked of the processor once.
//
// EIGENWELL_ISA names one to use instead of the best; an unknown or missing one is an error that
// the caller sees (active() answers null), never an abort and never a silent fallback.
#ifndef EIGENWELL_SRC_CPU_FEATURES_HPP
#define EIGENWELL_SRC_CPU_FEATURES_HPP

#include <cstddef>

#include "eigenwell/status.hpp"

namespace eigenwell::cpu {

enum class Isa : int { portable, avx2, avx512, avx512vbmi };
inline constexpr std::size_t isa_count = 4;

// Its name; "neon" for the portable kernels on AArch64, which compile to it.
const char* name(Isa isa) noexcept;

bool available(Isa isa) noexcept;

// The one in use; null while EIGENWELL_ISA asks for something that is not here.
const Isa* active() noexcept;

// Uses the named one from now on, in every thread; null goes back to EIGENWELL_ISA or the best.
[[nodiscard]] Status force(const char* name) noexcept;

}  // namespace eigenwell::cpu

#endif  // EIGENWELL_SRC_CPU_FEATURES_HPP
