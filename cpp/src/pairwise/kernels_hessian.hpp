// The Hessian of the Riesz energy applied to a direction (vx, vy), a block of rows at a time:
//
//   (Hv)_i = sum_j w_j f [dv + (s-2) dx (dx . dv) / r^2],  dx = x_i - y_j,  dv = vx_i - vy_j
//
// up to the factors that finish() multiplies in.
//
// Layout. kernels_rows.hpp; one source at a time, coordinates and directions read again for each:
// twice as many as registers would hold.
//
// Cost of an ordered pair: 2 d subtractions, 4 d FMA, the force factor f, a division. For d > 3 the
// subtractions are done twice.
//
// Numerics and order: pairwise.hpp, kernels_rows.hpp. r = 0 is masked for every s. d = 1 has a form
// of its own, in which s = 1 gives an exact 0 instead of a difference of large terms.
#ifndef EIGENWELL_SRC_PAIRWISE_KERNELS_HESSIAN_HPP
#define EIGENWELL_SRC_PAIRWISE_KERNELS_HESSIAN_HPP

#include <cstddef>

#include "kernels_powers.hpp"
#include "kernels_rows.hpp"
#include "pairwise.hpp"

namespace eigenwell::pairwise {
namespace {  // internal linkage on purpose: see kernels.hpp

// --- A tile of sources ---------------------------------------------------------------------------

// d = 1, 2, 3: sources [begin, end), at most `tile`.
template <class L, std::size_t D, class Power, bool Masked>
EIGENWELL_NOINLINE void add_product(Group<L, D>& group, const Rows<typename L::T>& rows,
                                    std::size_t begin, std::size_t end) {
    using T = typename L::T;
    using vec = typename L::vec;
    constexpr std::size_t vectors = 2;
    const Power power(rows.exponent);
    const Constants<L> constants(rows, &unity<T>);
    const vec seed = L::broadcast(constants.floor);
    const vec excluded = L::broadcast(constants.excluded);
    const vec bend = L::broadcast(static_cast<T>(rows.exponent - 2.0));
    const vec straight = L::broadcast(static_cast<T>(rows.exponent - 1.0));
    const vec softening = L::broadcast(static_cast<T>(rows.softening * rows.softening));
    vec sum[vectors][D];
    for (std::size_t v = 0; v < vectors; ++v) {
        for (std::size_t k = 0; k < D; ++k) {
            sum[v][k] = L::broadcast(0);
        }
    }
    const T* y = rows.y + begin * D;
    const T* vy = rows.vy + begin * D;
    const T* wy = constants.wy + begin * constants.stride;
    for (std::size_t j = begin; j < end; ++j, y += D, vy += D, wy += constants.stride) {
        for (std::size_t v = 0; v < vectors; ++v) {
            vec r2 = seed;
            vec along = L::broadcast(0);
            vec difference[D];
            vec turn[D];
            for (std::size_t k = 0; k < D; ++k) {
                difference[k] = L::sub(L::load(group.x[k] + v * L::width), L::broadcast(y[k]));
                turn[k] = L::sub(L::load(group.v[k] + v * L::width), L::broadcast(vy[k]));
                r2 = L::fma(difference[k], difference[k], r2);
                along = L::fma(difference[k], turn[k], along);
            }
            vec f = L::keep(L::not_less_equal(r2, excluded), power(r2));
            if constexpr (Masked) {
                const vec at = L::broadcast(static_cast<T>(j - group.first));
                f = L::keep(meets<L>(rows.sources, L::load(group.index + v * L::width), at), f);
            }
            f = L::mul(f, L::broadcast(*wy));
            if constexpr (D == 1) {
                // The same as f dv ((s-1) dx^2 + softening^2) / r^2, where s = 1 leaves an exact 0.
                const vec square = L::mul(difference[0], difference[0]);
                const vec part = L::div(L::fma(straight, square, softening), r2);
                sum[v][0] = L::fma(L::mul(f, turn[0]), part, sum[v][0]);
                continue;
            }
            along = L::mul(L::div(L::mul(bend, along), r2), f);
            for (std::size_t k = 0; k < D; ++k) {
                sum[v][k] = L::fma(f, turn[k], L::fma(along, difference[k], sum[v][k]));
            }
        }
    }
    for (std::size_t v = 0; v < vectors; ++v) {
        for (std::size_t k = 0; k < D; ++k) {
            L::add_to(group.sums[k] + v * L::width, sum[v][k]);
        }
    }
}

// Any d: source j.
template <class L, class Power>
EIGENWELL_NOINLINE void add_wide_product(WideGroup<L>& group, const Rows<typename L::T>& rows,
                                         std::size_t j, bool masked) {
    using T = typename L::T;
    using vec = typename L::vec;
    constexpr std::size_t stride = WideGroup<L>::rows;
    const std::size_t d = rows.d;
    const Power power(rows.exponent);
    const Constants<L> constants(rows, &unity<T>);
    const vec bend = L::broadcast(static_cast<T>(rows.exponent - 2.0));
    const T* y = rows.y + j * d;
    const T* vy = rows.vy + j * d;
    for (std::size_t lane = 0; lane < stride; lane += L::width) {
        vec r2 = L::broadcast(constants.floor);
        vec along = L::broadcast(0);
        for (std::size_t k = 0; k < d; ++k) {
            const std::size_t at = k * stride + lane;
            const vec difference = L::sub(L::load(group.x + at), L::broadcast(y[k]));
            r2 = L::fma(difference, difference, r2);
            along = L::fma(difference, L::sub(L::load(group.v + at), L::broadcast(vy[k])), along);
        }
        vec f = L::keep(L::not_less_equal(r2, L::broadcast(constants.excluded)), power(r2));
        if (masked) {
            const vec source = L::broadcast(static_cast<T>(j - group.first));
            f = L::keep(meets<L>(rows.sources, L::load(group.index + lane), source), f);
        }
        f = L::mul(f, L::broadcast(constants.wy[j * constants.stride]));
        along = L::mul(L::div(L::mul(bend, along), r2), f);
        for (std::size_t k = 0; k < d; ++k) {
            const std::size_t at = k * stride + lane;
            const vec difference = L::sub(L::load(group.x + at), L::broadcast(y[k]));
            const vec turn = L::sub(L::load(group.v + at), L::broadcast(vy[k]));
            const vec sum = L::load(group.tile_sums + at);
            L::store(group.tile_sums + at, L::fma(f, turn, L::fma(along, difference, sum)));
        }
    }
}

// --- A block of rows -----------------------------------------------------------------------------

template <class L, std::size_t D, class Power>
void product_rows(const Rows<typename L::T>& rows, std::size_t first, std::size_t last,
                  typename L::T* scratch) {
    constexpr std::size_t step = 2 * L::width;
    for (std::size_t row = first; row < last; row += step) {
        const std::size_t stop = last - row < step ? last : row + step;
        const Ranges ranges = ranges_of(rows.sources, row, row + step, rows.m);
        if constexpr (D == 0) {
            WideGroup<L> group(rows, row, stop, scratch);
            for_each_tile(ranges, [&](std::size_t begin, std::size_t end, bool masked) {
                for (std::size_t j = begin; j < end; ++j) {
                    add_wide_product<L, Power>(group, rows, j, masked);
                }
                group.flush(rows.d);
            });
            finish(rows, row, stop, Power::unit, group.energy, group.sums, step);
        } else {
            Group<L, D> group(rows, row, stop);
            for_each_tile(ranges, [&](std::size_t begin, std::size_t end, bool masked) {
                if (masked) {
                    add_product<L, D, Power, true>(group, rows, begin, end);
                } else {
                    add_product<L, D, Power, false>(group, rows, begin, end);
                }
            });
            finish(rows, row, stop, Power::unit, group.energy, group.sums[0], step);
        }
    }
}

// --- From run-time choices to instantiations -----------------------------------------------------

template <class L, std::size_t D>
void product_dimension(const Rows<typename L::T>& rows, std::size_t first, std::size_t last,
                       typename L::T* scratch) {
    if (rows.exponent == 1.0) {
        product_rows<L, D, PlusOne<L>>(rows, first, last, scratch);
    } else if (rows.exponent == -1.0) {
        product_rows<L, D, MinusOne<L>>(rows, first, last, scratch);
    } else if (rows.exponent == 2.0) {
        product_rows<L, D, PlusTwo<L>>(rows, first, last, scratch);
    } else {
        product_rows<L, D, AnyPower<L>>(rows, first, last, scratch);
    }
}

template <class L>
void hessian_vector(const Rows<typename L::T>& rows, std::size_t first, std::size_t last,
                    typename L::T* scratch) {
    switch (rows.d) {
        case 1: return product_dimension<L, 1>(rows, first, last, scratch);
        case 2: return product_dimension<L, 2>(rows, first, last, scratch);
        case 3: return product_dimension<L, 3>(rows, first, last, scratch);
        default: return product_dimension<L, 0>(rows, first, last, scratch);
    }
}

}  // namespace
}  // namespace eigenwell::pairwise

#endif  // EIGENWELL_SRC_PAIRWISE_KERNELS_HESSIAN_HPP
