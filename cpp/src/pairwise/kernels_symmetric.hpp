// The gradient of sum_{i<j} r_ij and that sum, with every unordered pair met once and both ends
// served: s = 1, no weights, d = 1, 2, 3, small n.
//
// Layout. Coordinates [d, stride]; lanes are columns, a few rows at a time are broadcast. A strip
// of block_rows rows meets the columns from its own first row on, and adds to its group's copy of
// their sums. A row's own sum waits in the result.
//
// Cost of an unordered pair: d subtractions, d FMA for r^2, the reciprocal square root, 1 FMA for
// the energy, 2 d FMA for both gradients; loads and stores of the columns are shared by the rows.
//
// Numerics. In T: a row's sum, lane by lane, and a column's over a group, a quarter of the rows.
// The groups are added in float64. r = 0 by `tiny` (kernels_powers.hpp).
//
// Order of summation. The rows of a strip, the strips of a group and the groups ascend, whichever
// group is done first.
#ifndef EIGENWELL_SRC_PAIRWISE_KERNELS_SYMMETRIC_HPP
#define EIGENWELL_SRC_PAIRWISE_KERNELS_SYMMETRIC_HPP

#include <cstddef>

#include "kernels_powers.hpp"
#include "pairwise.hpp"

namespace eigenwell::pairwise {
namespace {  // internal linkage on purpose: see kernels.hpp

struct Yes {
    static constexpr bool value = true;
};
struct No {
    static constexpr bool value = false;
};

template <class L, std::size_t D>
double strip_rows(const Symmetric<typename L::T>& p, std::size_t strip,
                  typename L::T* columns) {  // [d, stride]
    using T = typename L::T;
    using vec = typename L::vec;
    constexpr std::size_t width = L::width;
    constexpr std::size_t together =
        width == 16 ? 4 : 2;  // rows at a time: what the registers hold
    const std::size_t first = strip * block_rows;
    const std::size_t last = p.n - first < block_rows ? p.n : first + block_rows;
    T lanes[width];
    for (std::size_t q = 0; q < width; ++q) {
        lanes[q] = static_cast<T>(q);
    }
    const vec index = L::load(lanes);
    const auto softening = static_cast<T>(p.softening * p.softening);
    const vec seed = L::broadcast(softening > tiny<T>() ? softening : tiny<T>());
    const PlusOne<L> power(1.0);
    double total = 0.0;
    for (std::size_t i = first; i < last; i += together) {
        vec energy = L::broadcast(0);
        vec x[together][D];
        vec sums[together][D];
        for (std::size_t r = 0; r < together; ++r) {
            for (std::size_t k = 0; k < D; ++k) {
                x[r][k] = L::broadcast(p.x[k * p.stride + i + r]);
                sums[r][k] = L::broadcast(0);
            }
        }
        const auto meet = [&](std::size_t j, auto masked) {
            vec column[D];
            vec gradient[D];
            for (std::size_t k = 0; k < D; ++k) {
                column[k] = L::load(p.x + k * p.stride + j);
                gradient[k] = L::load(columns + k * p.stride + j);
            }
            for (std::size_t r = 0; r < together; ++r) {
                vec r2 = seed;
                vec difference[D];
                for (std::size_t k = 0; k < D; ++k) {
                    difference[k] = L::sub(x[r][k], column[k]);
                    r2 = L::fma(difference[k], difference[k], r2);
                }
                vec f = power(r2);
                if constexpr (decltype(masked)::value) {
                    // Only i < j < n; a row i >= n meets nothing.
                    const bool here = i + r < p.n;
                    const T low = i + r >= j ? static_cast<T>(i + r - j) : T(-1);
                    const T high = here ? static_cast<T>(p.n - j < width ? p.n - j : width) : T(0);
                    f = L::keep(L::greater(index, L::broadcast(low)), f);
                    f = L::keep(L::greater(L::broadcast(high), index), f);
                }
                energy = L::fma(r2, f, energy);
                for (std::size_t k = 0; k < D; ++k) {
                    sums[r][k] = L::fma(f, difference[k], sums[r][k]);
                    gradient[k] = L::fma(f, difference[k], gradient[k]);
                }
            }
            for (std::size_t k = 0; k < D; ++k) {
                L::store(columns + k * p.stride + j, gradient[k]);
            }
        };
        // The diagonal is in the first vector; rows past n are in the last strip alone.
        const std::size_t ragged = i + together > p.n ? 0 : p.n / width * width;
        std::size_t j = i / width * width;
        meet(j, Yes{});
        for (j += width; j < ragged; j += width) {
            meet(j, No{});
        }
        for (; j < p.n; j += width) {
            meet(j, Yes{});
        }
        energy = L::keep(L::not_less_equal(energy, L::broadcast(nothing<T>())), energy);
        total += static_cast<double>(L::sum(energy));
        for (std::size_t r = 0; r < together && i + r < last; ++r) {
            for (std::size_t k = 0; k < D; ++k) {
                p.result[(i + r) * D + k] = L::sum(sums[r][k]);
            }
        }
    }
    return PlusOne<L>::unit * total;
}

// The strips of a group, to and fro: the work of a strip falls with its number, and so all groups
// have nearly the same.
template <class L>
double strips(const Symmetric<typename L::T>& p, std::size_t group) {
    typename L::T* const columns = p.columns + group * p.d * p.stride;
    double energy = 0.0;
    for (std::size_t turn = 0; turn * p.groups * block_rows < p.stride; ++turn) {
        const std::size_t place = turn % 2 == 0 ? group : p.groups - 1 - group;
        const std::size_t strip = turn * p.groups + place;
        if (strip * block_rows >= p.stride) {
            break;
        }
        switch (p.d) {
            case 1: energy += strip_rows<L, 1>(p, strip, columns); break;
            case 2: energy += strip_rows<L, 2>(p, strip, columns); break;
            default: energy += strip_rows<L, 3>(p, strip, columns);
        }
    }
    return energy;
}

// Gradient of the points of a strip: their rows, less what the groups added to their columns.
template <class L>
void gather_strip(const Symmetric<typename L::T>& p, std::size_t number) {
    using T = typename L::T;
    const std::size_t first = number * block_rows;
    const std::size_t last = p.n - first < block_rows ? p.n : first + block_rows;
    const double factor = p.factor * PlusOne<L>::unit;
    for (std::size_t k = 0; k < p.d; ++k) {
        double sums[block_rows] = {};
        for (std::size_t group = 0; group < p.groups; ++group) {
            const T* columns = p.columns + (group * p.d + k) * p.stride + first;
            for (std::size_t r = 0; r < block_rows; r += L::width) {
                L::add_to(sums + r, L::load(columns + r));
            }
        }
        for (std::size_t i = first; i < last; ++i) {
            T& result = p.result[i * p.d + k];
            result = static_cast<T>(factor * (static_cast<double>(result) - sums[i - first]));
        }
    }
}

}  // namespace
}  // namespace eigenwell::pairwise

#endif  // EIGENWELL_SRC_PAIRWISE_KERNELS_SYMMETRIC_HPP
