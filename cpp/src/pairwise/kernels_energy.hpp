// Riesz energies and gradients of a block of rows:
//
//   e_i = sum_j w_j r^s     g_i = sum_j w_j f (x_i - y_j),  f = r^(s-2)
//
// up to the factors that finish() multiplies in: s, w_i, how often a pair counts.
//
// Layout. kernels_rows.hpp; any d takes four sources at a time, so that four factors f are in
// flight and a row's coordinates are read once for all four.
//
// Cost of an ordered pair, d <= 3: d subtractions, d FMA for r^2, the force factor f, 1 FMA for the
// energy r^s = r^2 f, d FMA for the gradient. Any d: 4 d operations.
//
// Numerics and order: pairwise.hpp, kernels_rows.hpp. r = 0: `tiny` where s = 1 and no weights
// (kernels_powers.hpp), else a mask on f.
#ifndef EIGENWELL_SRC_PAIRWISE_KERNELS_ENERGY_HPP
#define EIGENWELL_SRC_PAIRWISE_KERNELS_ENERGY_HPP

#include <cstddef>

#include "kernels_powers.hpp"
#include "kernels_rows.hpp"
#include "pairwise.hpp"

namespace eigenwell::pairwise {
namespace {  // internal linkage on purpose: see kernels.hpp

// --- A tile of sources ---------------------------------------------------------------------------

// d = 1, 2, 3: sources [begin, end), at most `tile`.
template <class L, std::size_t D, class Power, bool Weighted, bool Gradient, bool Masked>
EIGENWELL_NOINLINE void add_energy(Group<L, D>& group, const Rows<typename L::T>& rows,
                                   std::size_t begin, std::size_t end) {
    using T = typename L::T;
    using vec = typename L::vec;
    constexpr std::size_t vectors = 2;
    constexpr bool masks = Power::masked || Weighted;
    const Power power(rows.exponent);
    const Constants<L> constants(rows, &unity<T>);
    const vec seed = L::broadcast(constants.floor);
    const vec excluded = L::broadcast(constants.excluded);
    vec x[vectors][D];
    vec energy[vectors];
    vec gradient[vectors][D];
    for (std::size_t v = 0; v < vectors; ++v) {
        energy[v] = L::broadcast(0);
        for (std::size_t k = 0; k < D; ++k) {
            x[v][k] = L::load(group.x[k] + v * L::width);
            gradient[v][k] = L::broadcast(0);
        }
    }
    const T* y = rows.y + begin * D;
    const T* wy = constants.wy + begin * constants.stride;
    for (std::size_t j = begin; j < end; ++j, y += D, wy += constants.stride) {
        vec source[D];
        for (std::size_t k = 0; k < D; ++k) {
            source[k] = L::broadcast(y[k]);
        }
        for (std::size_t v = 0; v < vectors; ++v) {
            vec r2 = seed;
            vec difference[D];
            for (std::size_t k = 0; k < D; ++k) {
                difference[k] = L::sub(x[v][k], source[k]);
                r2 = L::fma(difference[k], difference[k], r2);
            }
            vec f = power(r2);
            if constexpr (masks) {
                f = L::keep(L::not_less_equal(r2, excluded), f);
            }
            if constexpr (Masked) {
                const vec at = L::broadcast(static_cast<T>(j - group.first));
                f = L::keep(meets<L>(rows.sources, L::load(group.index + v * L::width), at), f);
            }
            if constexpr (Weighted) {
                f = L::mul(f, L::broadcast(*wy));
            }
            energy[v] = L::fma(r2, f, energy[v]);
            if constexpr (Gradient) {
                for (std::size_t k = 0; k < D; ++k) {
                    gradient[v][k] = L::fma(f, difference[k], gradient[v][k]);
                }
            }
        }
    }
    for (std::size_t v = 0; v < vectors; ++v) {
        if constexpr (!masks) {
            energy[v] =
                L::keep(L::not_less_equal(energy[v], L::broadcast(nothing<T>())), energy[v]);
        }
        L::add_to(group.energy + v * L::width, energy[v]);
        if constexpr (Gradient) {
            for (std::size_t k = 0; k < D; ++k) {
                L::add_to(group.sums[k] + v * L::width, gradient[v][k]);
            }
        }
    }
}

// Any d: sources j ... j + J - 1.
template <class L, class Power, bool Gradient, std::size_t J>
EIGENWELL_NOINLINE void add_wide_energy(WideGroup<L>& group, const Rows<typename L::T>& rows,
                                        std::size_t j, bool masked) {
    using T = typename L::T;
    using vec = typename L::vec;
    constexpr std::size_t vectors = 2;
    const std::size_t d = rows.d;
    const Power power(rows.exponent);
    const Constants<L> constants(rows, &unity<T>);
    const T* y = rows.y + j * d;
    vec f[J][vectors];
    for (std::size_t q = 0; q < J; ++q) {
        for (std::size_t v = 0; v < vectors; ++v) {
            f[q][v] = L::broadcast(constants.floor);
        }
    }
    for (std::size_t k = 0; k < d; ++k) {
        for (std::size_t q = 0; q < J; ++q) {
            const vec source = L::broadcast(y[q * d + k]);
            for (std::size_t v = 0; v < vectors; ++v) {
                const T* x = group.x + k * WideGroup<L>::rows + v * L::width;
                const vec difference = L::sub(L::load(x), source);
                f[q][v] = L::fma(difference, difference, f[q][v]);
            }
        }
    }
    for (std::size_t q = 0; q < J; ++q) {
        const vec weight = L::broadcast(constants.wy[(j + q) * constants.stride]);
        for (std::size_t v = 0; v < vectors; ++v) {
            const vec r2 = f[q][v];
            f[q][v] = L::keep(L::not_less_equal(r2, L::broadcast(constants.excluded)), power(r2));
            if (masked) {
                const vec at = L::broadcast(static_cast<T>(j + q - group.first));
                const vec index = L::load(group.index + v * L::width);
                f[q][v] = L::keep(meets<L>(rows.sources, index, at), f[q][v]);
            }
            f[q][v] = L::mul(f[q][v], weight);
            T* energy = group.tile_energy + v * L::width;
            L::store(energy, L::fma(r2, f[q][v], L::load(energy)));
        }
    }
    if constexpr (Gradient) {
        for (std::size_t k = 0; k < d; ++k) {
            vec x[vectors];
            vec sum[vectors];
            for (std::size_t v = 0; v < vectors; ++v) {
                x[v] = L::load(group.x + k * WideGroup<L>::rows + v * L::width);
                sum[v] = L::load(group.tile_sums + k * WideGroup<L>::rows + v * L::width);
            }
            for (std::size_t q = 0; q < J; ++q) {
                const vec source = L::broadcast(y[q * d + k]);
                for (std::size_t v = 0; v < vectors; ++v) {
                    sum[v] = L::fma(f[q][v], L::sub(x[v], source), sum[v]);
                }
            }
            for (std::size_t v = 0; v < vectors; ++v) {
                L::store(group.tile_sums + k * WideGroup<L>::rows + v * L::width, sum[v]);
            }
        }
    }
}

// --- A block of rows -----------------------------------------------------------------------------

template <class L, std::size_t D, class Power, bool Weighted, bool Gradient>
double energy_rows(const Rows<typename L::T>& rows, std::size_t first, std::size_t last,
                   typename L::T* scratch) {
    constexpr std::size_t step = 2 * L::width;
    double energy = 0.0;
    for (std::size_t row = first; row < last; row += step) {
        const std::size_t stop = last - row < step ? last : row + step;
        const Ranges ranges = ranges_of(rows.sources, row, row + step, rows.m);
        if constexpr (D == 0) {
            constexpr std::size_t together = 4;
            WideGroup<L> group(rows, row, stop, scratch);
            for_each_tile(ranges, [&](std::size_t begin, std::size_t end, bool masked) {
                std::size_t j = begin;
                for (; j + together <= end; j += together) {
                    add_wide_energy<L, Power, Gradient, together>(group, rows, j, masked);
                }
                for (; j < end; ++j) {
                    add_wide_energy<L, Power, Gradient, 1>(group, rows, j, masked);
                }
                group.flush(rows.d);
            });
            energy += finish(rows, row, stop, Power::unit, group.energy, group.sums, step);
        } else {
            Group<L, D> group(rows, row, stop);
            for_each_tile(ranges, [&](std::size_t begin, std::size_t end, bool masked) {
                if (masked) {
                    add_energy<L, D, Power, true, true, true>(group, rows, begin, end);
                } else {
                    add_energy<L, D, Power, Weighted, Gradient, false>(group, rows, begin, end);
                }
            });
            energy += finish(rows, row, stop, Power::unit, group.energy, group.sums[0], step);
        }
    }
    return energy;
}

// --- From run-time choices to instantiations -----------------------------------------------------

// Only where leaving out weights or gradient shows: absent weights are otherwise ones, and an
// unwanted gradient is not written.

template <class L, std::size_t D>
double energy_dimension(const Rows<typename L::T>& rows, std::size_t first, std::size_t last,
                        typename L::T* scratch) {
    const bool weighted = rows.wy != nullptr;
    const bool gradient = rows.result != nullptr;
    if (rows.exponent == 1.0) {
        using Power = PlusOne<L>;
        if (weighted) {
            return gradient ? energy_rows<L, D, Power, true, true>(rows, first, last, scratch)
                            : energy_rows<L, D, Power, true, false>(rows, first, last, scratch);
        }
        return gradient ? energy_rows<L, D, Power, false, true>(rows, first, last, scratch)
                        : energy_rows<L, D, Power, false, false>(rows, first, last, scratch);
    }
    if (rows.exponent == -1.0) {
        return weighted ? energy_rows<L, D, MinusOne<L>, true, true>(rows, first, last, scratch)
                        : energy_rows<L, D, MinusOne<L>, false, true>(rows, first, last, scratch);
    }
    if (rows.exponent == 2.0) {
        return energy_rows<L, D, PlusTwo<L>, true, true>(rows, first, last, scratch);
    }
    return energy_rows<L, D, AnyPower<L>, true, true>(rows, first, last, scratch);
}

template <class L>
double riesz(const Rows<typename L::T>& rows, std::size_t first, std::size_t last,
             typename L::T* scratch) {
    switch (rows.d) {
        case 1: return energy_dimension<L, 1>(rows, first, last, scratch);
        case 2: return energy_dimension<L, 2>(rows, first, last, scratch);
        case 3: return energy_dimension<L, 3>(rows, first, last, scratch);
        default: return energy_dimension<L, 0>(rows, first, last, scratch);
    }
}

}  // namespace
}  // namespace eigenwell::pairwise

#endif  // EIGENWELL_SRC_PAIRWISE_KERNELS_ENERGY_HPP
