// From the active instruction set to a family's kernels.
#ifndef EIGENWELL_SRC_CPU_DISPATCH_HPP
#define EIGENWELL_SRC_CPU_DISPATCH_HPP

#include <cstddef>

#include "features.hpp"

namespace eigenwell::cpu {

// The kernels of the active instruction set, null while there is none (see active()). They come in
// the order of Isa; a set that the family has no kernels for takes those of the last one before it.
template <class Kernels, class... More>
const Kernels* active_of(const Kernels& portable, const More&... wider) noexcept {
    const Isa* isa = active();
    if (isa == nullptr) {
        return nullptr;
    }
    const Kernels* const kernels[] = {&portable, &wider...};
    constexpr std::size_t last = sizeof...(wider);
    const auto index = static_cast<std::size_t>(*isa);
    return kernels[index > last ? last : index];
}

}  // namespace eigenwell::cpu

#endif  // EIGENWELL_SRC_CPU_DISPATCH_HPP
