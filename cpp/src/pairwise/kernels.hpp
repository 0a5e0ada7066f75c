// The pairwise kernels of one instruction set, made of its lane types. See pairwise.hpp for what
// they compute, in which order, and what is rounded. The bodies are written once for every lane
// type:
//
//   kernels_powers.hpp      the force factor r^(s-2)
//   kernels_rows.hpp        groups of rows, and the sources that they meet
//   kernels_energy.hpp      energies and gradients
//   kernels_hessian.hpp     Hessian-vector products
//   kernels_symmetric.hpp   energy and gradient of small clouds, every pair met once
//   kernels_distances.hpp   matrices of distances and their gradients
//
// Included by the translation units of the instruction sets alone. Everything is in an unnamed
// namespace, and nothing of the standard library is called: the linker never replaces baseline code
// by a copy compiled for a newer processor.
#ifndef EIGENWELL_SRC_PAIRWISE_KERNELS_HPP
#define EIGENWELL_SRC_PAIRWISE_KERNELS_HPP

#include <cstddef>

#include "kernels_distances.hpp"
#include "kernels_energy.hpp"
#include "kernels_hessian.hpp"
#include "kernels_symmetric.hpp"
#include "pairwise.hpp"

namespace eigenwell::pairwise {
namespace {  // internal linkage on purpose: see above

// v - v is NaN for a v that is not finite, and so is everything that it is added to.
template <class L>
typename L::T largest(const typename L::T* values, std::size_t count) {
    using T = typename L::T;
    using vec = typename L::vec;
    vec most = L::broadcast(0);
    vec wrong = L::broadcast(0);
    std::size_t i = 0;
    for (; i + L::width <= count; i += L::width) {
        const vec v = L::load(values + i);
        most = L::max(most, L::abs(v));
        wrong = L::add(wrong, L::sub(v, v));
    }
    T lanes[2 * L::width];
    L::store(lanes, most);
    L::store(lanes + L::width, wrong);
    T result = 0;
    T nan = 0;
    for (std::size_t lane = 0; lane < L::width; ++lane) {
        result = lanes[lane] > result ? lanes[lane] : result;
        nan += lanes[L::width + lane];
    }
    for (; i < count; ++i) {
        const T size = values[i] < 0 ? -values[i] : values[i];
        result = size > result ? size : result;
        nan += values[i] - values[i];
    }
    return result + nan;
}

template <class L>
constexpr RowKernels<typename L::T> row_kernels() noexcept {
    return {riesz<L>,     hessian_vector<L>,     strips<L>, gather_strip<L>,
            distances<L>, distances_backward<L>, largest<L>};
}

template <class F32, class F64>
constexpr Kernels make_kernels() noexcept {
    return {row_kernels<F32>(), row_kernels<F64>()};
}

}  // namespace
}  // namespace eigenwell::pairwise

#endif  // EIGENWELL_SRC_PAIRWISE_KERNELS_HPP
