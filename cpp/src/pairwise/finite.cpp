// Whether every element of an argument is finite.
#include <cmath>
#include <cstddef>

#include "operands.hpp"
#include "operations.hpp"

namespace eigenwell::pairwise {

bool all_finite(const void* values, std::size_t count, Element type,
                const Kernels& kernels) noexcept {
    switch (type) {
        case Element::f32:
            return !std::isnan(kernels.f32.largest(static_cast<const float*>(values), count));
        case Element::f64:
            return !std::isnan(kernels.f64.largest(static_cast<const double*>(values), count));
        case Element::f16:
        case Element::bf16: break;
    }
    bool finite = true;
    for (std::size_t i = 0; i < count; ++i) {
        finite = finite && std::isfinite(element(values, i, type));
    }
    return finite;
}

}  // namespace eigenwell::pairwise
