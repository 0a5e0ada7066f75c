// The bodies of the pairwise kernels, written once for every lane type. See pairwise.hpp for what
// they compute, in which order, and what is rounded.
//
// Layout. Lanes are rows; a source is broadcast to two vectors of them. d = 1, 2, 3 keep
// coordinates and sums in registers; any other d keeps them in scratch and takes four sources at a
// time.
//
// Cost of an ordered pair, d <= 3: d subtractions, d FMA for r^2, the force factor f = r^(s-2), 1
// FMA for the energy r^s = r^2 f, d FMA for the gradient. Any d: 4 d operations.
//
// r = 0. s = 1 without weights adds `tiny` to r^2, so that f is large and finite and f (x - y) is
// exactly 0; the energy sqrt(tiny) that this leaves is taken out at the end of a tile. Everything
// else masks f.
//
// Included by the translation units of the instruction sets alone. Everything is in an unnamed
// namespace: the linker never replaces baseline code by a copy compiled for a newer processor.
#ifndef EIGENWELL_SRC_PAIRWISE_KERNELS_HPP
#define EIGENWELL_SRC_PAIRWISE_KERNELS_HPP

#include <cstddef>
#include <cstdint>

#include "pairwise.hpp"

#define EIGENWELL_NOINLINE __attribute__((noinline))

namespace eigenwell::pairwise {
namespace {  // internal linkage on purpose: see above

template <class T>
constexpr T tiny() {
    return sizeof(T) == 4 ? static_cast<T>(1e-36) : static_cast<T>(1e-290);
}
// Above tile * sqrt(tiny), below any sum of distances that counts.
template <class T>
constexpr T nothing() {
    return sizeof(T) == 4 ? static_cast<T>(1e-15) : static_cast<T>(1e-142);
}

// --- The force factor f = r^(s-2) from r^2 -------------------------------------------------------
// `unit` is what a kernel multiplies its float64 sums by, `masked` whether r = 0 needs a mask.

template <class L>
struct PlusOne {  // s = 1
    static constexpr double unit = L::rsqrt_unit;
    static constexpr bool masked = false;
    explicit PlusOne(double) {}
    typename L::vec operator()(typename L::vec r2) const { return L::rsqrt(r2); }
};

template <class L>
struct MinusOne {  // s = -1
    static constexpr double unit = L::rsqrt_unit * L::rsqrt_unit * L::rsqrt_unit;
    static constexpr bool masked = true;
    explicit MinusOne(double) {}
    typename L::vec operator()(typename L::vec r2) const {
        const typename L::vec inverse = L::rsqrt(r2);
        return L::mul(L::mul(inverse, inverse), inverse);
    }
};

template <class L>
struct PlusTwo {  // s = 2
    static constexpr double unit = 1.0;
    static constexpr bool masked = true;  // for the sake of r^2 = tiny
    explicit PlusTwo(double) {}
    typename L::vec operator()(typename L::vec) const { return L::broadcast(1); }
};

// Any other s: 2^(p log2 r^2), p = (s - 2) / 2. With r^2 = m 2^k, log2 m by the series of
// 2 atanh((m-1)/(m+1)), |.| < 0.1716. The integer part of p (k + log2 m) is split off with a fused
// multiply-add and p is carried in two parts, so the error is about |p| + 2 units in the last place
// whatever k is (more where the lanes have no fused multiply-add).
template <class L>
struct AnyPower {
    using T = typename L::T;
    using vec = typename L::vec;
    static constexpr double unit = 1.0;
    static constexpr bool masked = true;
    explicit AnyPower(double exponent)
        : high(static_cast<T>((exponent - 2.0) / 2.0)),
          low(static_cast<T>((exponent - 2.0) / 2.0 - static_cast<double>(high))) {}
    T high;
    T low;

    vec operator()(vec r2) const {
        vec m;
        const vec k = L::split(r2, m);
        const vec one = L::broadcast(1);
        const vec z = L::div(L::sub(m, one), L::add(m, one));
        const vec z2 = L::mul(z, z);
        constexpr int terms = sizeof(T) == 4 ? 5 : 10;
        vec sum = L::broadcast(static_cast<T>(1.0 / (2 * terms - 1)));
        for (int i = terms - 1; i > 0; --i) {
            sum = L::fma(sum, z2, L::broadcast(static_cast<T>(1.0 / (2 * i - 1))));
        }
        const vec log2 = L::mul(L::mul(z, L::broadcast(static_cast<T>(2.8853900817779268))), sum);

        const vec p = L::broadcast(high);
        const vec whole = L::round(L::mul(p, L::add(k, log2)));
        const vec rest = L::add(L::fma(p, k, L::sub(L::broadcast(0), whole)),
                                L::fma(p, log2, L::mul(L::broadcast(low), L::add(k, log2))));
        // 2^rest = e^(rest ln 2), |rest| <= about a half.
        const vec t = L::mul(rest, L::broadcast(static_cast<T>(0.69314718055994531)));
        constexpr int degree = sizeof(T) == 4 ? 7 : 13;
        vec power = one;
        for (int i = degree; i > 0; --i) {
            power = L::fma(L::mul(power, t), L::broadcast(static_cast<T>(1.0 / i)), one);
        }
        return L::scale(power, whole);
    }
};

// --- Which pairs ---------------------------------------------------------------------------------

// The sources of a group of rows [first, last): some that every row meets, then some near the
// diagonal that are masked row by row, then again some that every row meets.
struct Ranges {
    std::size_t begin, masked_begin, masked_end, end;
};

inline Ranges ranges_of(Sources sources, std::size_t first, std::size_t last, std::size_t m) {
    const std::size_t low = first < m ? first : m;
    const std::size_t high = last < m ? last : m;
    switch (sources) {
        case Sources::different: return {0, low, high, m};
        case Sources::above: return {low, low, high, m};
        case Sources::below: return {0, low, high, high};
        case Sources::all: break;
    }
    return {0, m, m, m};
}

// Lanes whose row meets the source; both are counted from the first row of the group.
template <class L>
typename L::mask meets(Sources sources, typename L::vec row, typename L::vec source) {
    switch (sources) {
        case Sources::above: return L::greater(source, row);
        case Sources::below: return L::greater(row, source);
        default: return L::either(L::greater(source, row), L::greater(row, source));
    }
}

// Coordinate k of the group's rows; rows past the last repeat it.
template <class T>
EIGENWELL_NOINLINE void gather(const T* x, std::size_t d, std::size_t k, std::size_t first,
                               std::size_t last, std::size_t count, T* out) {
    for (std::size_t r = 0; r < count; ++r) {
        const std::size_t row = first + r < last ? first + r : last - 1;
        out[r] = x[row * d + k];
    }
}

// Writes the gradient of rows [first, last), where wanted, and returns their energy. The sums of
// row r are energy_sums[r] and gradient_sums[k * stride + r].
template <class T>
EIGENWELL_NOINLINE double finish(const Rows<T>& rows, std::size_t first, std::size_t last,
                                 double unit, const double* energy_sums,
                                 const double* gradient_sums, std::size_t stride) {
    double total = 0.0;
    for (std::size_t row = first; row < last; ++row) {
        const double weight = unit * (rows.wx == nullptr ? 1.0 : static_cast<double>(rows.wx[row]));
        total += weight * energy_sums[row - first];
        if (rows.result != nullptr) {
            const double factor = rows.factor * weight;
            for (std::size_t k = 0; k < rows.d; ++k) {
                T& result = rows.result[row * rows.d + k];
                const double sum = factor * gradient_sums[k * stride + (row - first)];
                result = static_cast<T>(rows.accumulate ? static_cast<double>(result) + sum : sum);
            }
        }
    }
    return total;
}

// --- What the loops over sources share -----------------------------------------------------------

// Broadcast once for a tile.
template <class L>
struct Constants {
    using T = typename L::T;
    T floor;       // added to r^2: softening^2, or `tiny` in its place
    T excluded;    // r^2 up to which a pair is left out
    const T* one;  // stands in for absent weights, with a stride of 0
    const T* wy;
    std::size_t stride;

    Constants(const Rows<T>& rows, const T* ones) : one(ones) {
        const auto softening = static_cast<T>(rows.softening * rows.softening);
        floor = softening > tiny<T>() ? softening : tiny<T>();
        excluded = softening > tiny<T>() ? T(-1) : floor;
        wy = rows.wy != nullptr ? rows.wy : one;
        stride = rows.wy != nullptr ? 1 : 0;
    }
};

template <class T>
constexpr T unity = T(1);

struct Yes {
    static constexpr bool value = true;
};
struct No {
    static constexpr bool value = false;
};

// Calls add(begin, end, masked) for the tiles of a group's sources.
template <class Add>
void for_each_tile(const Ranges& ranges, const Add& add) {
    const std::size_t ends[4] = {ranges.begin, ranges.masked_begin, ranges.masked_end, ranges.end};
    for (std::size_t part = 0; part < 3; ++part) {
        for (std::size_t j = ends[part]; j < ends[part + 1]; j += tile) {
            add(j, ends[part + 1] - j < tile ? ends[part + 1] : j + tile, part == 1);
        }
    }
}

// --- d = 1, 2, 3 ---------------------------------------------------------------------------------

// Two vectors of rows: coordinates, and sums over the tiles so far.
template <class L, std::size_t D>
struct Group {
    using T = typename L::T;
    static constexpr std::size_t rows = 2 * L::width;
    std::size_t first;
    alignas(64) T x[D][rows];
    alignas(64) T v[D][rows];  // directions, for the second order
    alignas(64) T index[rows];
    alignas(64) double energy[rows];
    alignas(64) double sums[D][rows];

    Group(const Rows<T>& from, std::size_t first_row, std::size_t last) : first(first_row) {
        for (std::size_t k = 0; k < D; ++k) {
            gather(from.x, D, k, first, last, rows, x[k]);
            if (from.vx != nullptr) {
                gather(from.vx, D, k, first, last, rows, v[k]);
            }
        }
        for (std::size_t r = 0; r < rows; ++r) {
            index[r] = static_cast<T>(r);
            energy[r] = 0.0;
            for (std::size_t k = 0; k < D; ++k) {
                sums[k][r] = 0.0;
            }
        }
    }
};

// Sources [begin, end), at most `tile`.
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

// (Hv)_i = sum_j w f [dv + (s-2) dx (dx . dv) / r^2], with dx = x_i - y_j and dv = vx_i - vy_j.
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

// --- Any d ---------------------------------------------------------------------------------------

// The same in scratch.
template <class L>
struct WideGroup {
    using T = typename L::T;
    static constexpr std::size_t rows = 2 * L::width;
    static_assert(rows <= 32, "scratch_elements() counts on it");
    std::size_t first;
    T* x;          // [d, rows]
    T* v;          // [d, rows]
    T* tile_sums;  // [d, rows]
    double* sums;  // [d, rows]
    alignas(64) T index[rows];
    alignas(64) T tile_energy[rows];
    alignas(64) double energy[rows];

    WideGroup(const Rows<T>& from, std::size_t first_row, std::size_t last, T* scratch)
        : first(first_row), x(scratch), v(x + from.d * rows), tile_sums(v + from.d * rows),
          sums(reinterpret_cast<double*>(tile_sums + from.d * rows)) {
        for (std::size_t k = 0; k < from.d; ++k) {
            gather(from.x, from.d, k, first, last, rows, x + k * rows);
            if (from.vx != nullptr) {
                gather(from.vx, from.d, k, first, last, rows, v + k * rows);
            }
        }
        for (std::size_t q = 0; q < from.d * rows; ++q) {
            tile_sums[q] = 0;
            sums[q] = 0.0;
        }
        for (std::size_t r = 0; r < rows; ++r) {
            index[r] = static_cast<T>(r);
            tile_energy[r] = 0;
            energy[r] = 0.0;
        }
    }

    // At the end of a tile.
    EIGENWELL_NOINLINE void flush(std::size_t d) {
        for (std::size_t q = 0; q < d * rows; q += L::width) {
            L::add_to(sums + q, L::load(tile_sums + q));
            L::store(tile_sums + q, L::broadcast(0));
        }
        for (std::size_t q = 0; q < rows; q += L::width) {
            L::add_to(energy + q, L::load(tile_energy + q));
            L::store(tile_energy + q, L::broadcast(0));
        }
    }
};

// Sources j ... j + J - 1.
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

// --- Matrices of distances -----------------------------------------------------------------------
// Lanes are columns: those of a tile are transposed first, to [d, matrix_tile(d)].

// The columns that row i has in [begin, end).
template <class T>
std::size_t first_column(const Matrix<T>& matrix, std::size_t i, std::size_t begin,
                         std::size_t end) {
    const std::size_t first = matrix.condensed && i + 1 > begin ? i + 1 : begin;
    return first < end ? first : end;
}

// columns[k, j - begin] = y[j, k]
template <class T>
EIGENWELL_NOINLINE void transpose(const Matrix<T>& matrix, std::size_t begin, std::size_t end,
                                  std::size_t stride, T* columns) {
    for (std::size_t k = 0; k < matrix.d; ++k) {
        gather(matrix.y, matrix.d, k, begin, end, stride, columns + k * stride);
    }
}

template <class L, std::size_t D>
void distance_rows(const Matrix<typename L::T>& matrix, std::size_t first, std::size_t last,
                   typename L::T* columns) {
    using T = typename L::T;
    using vec = typename L::vec;
    const std::size_t d = D == 0 ? matrix.d : D;
    const std::size_t step = matrix_tile(d);
    for (std::size_t begin = 0; begin < matrix.m; begin += step) {
        const std::size_t end = matrix.m - begin < step ? matrix.m : begin + step;
        if (first_column(matrix, first, begin, end) == end) {
            continue;
        }
        transpose(matrix, begin, end, step, columns);
        for (std::size_t i = first; i < last; ++i) {
            const T* x = matrix.x + i * d;
            T* out = matrix.out + matrix.row(i);
            std::size_t j = first_column(matrix, i, begin, end);
            const auto squares = [&](std::size_t column) {
                vec r2 = L::broadcast(0);
                for (std::size_t k = 0; k < d; ++k) {
                    const vec difference =
                        L::sub(L::broadcast(x[k]), L::load(columns + k * step + column));
                    r2 = L::fma(difference, difference, r2);
                }
                return r2;
            };
            for (; j + L::width <= end; j += L::width) {
                L::store(out + j, L::sqrt(squares(j - begin)));
            }
            if (j < end) {
                // The last vector of a tile's columns: from an earlier column on, if it has one.
                const std::size_t column =
                    j - begin + L::width <= step ? j - begin : step - L::width;
                T lanes[L::width];
                L::store(lanes, L::sqrt(squares(column)));
                for (; j < end; ++j) {
                    out[j] = lanes[j - begin - column];
                }
            }
        }
    }
}

template <class L>
void distances(const Matrix<typename L::T>& matrix, std::size_t first, std::size_t last,
               typename L::T* scratch) {
    switch (matrix.d) {
        case 1: return distance_rows<L, 1>(matrix, first, last, scratch);
        case 2: return distance_rows<L, 2>(matrix, first, last, scratch);
        case 3: return distance_rows<L, 3>(matrix, first, last, scratch);
        default: return distance_rows<L, 0>(matrix, first, last, scratch);
    }
}

template <class L>
double sum_of(typename L::vec v) {
    typename L::T lanes[L::width];
    L::store(lanes, v);
    double sum = 0.0;
    for (std::size_t i = 0; i < L::width; ++i) {
        sum += static_cast<double>(lanes[i]);
    }
    return sum;
}

// With c = weight / distance (0 where that is 0): gx_i = sum_j c (x_i - y_j), gy_j -= the same.
template <class L, std::size_t D>
void distance_gradients(const Matrix<typename L::T>& matrix, std::size_t first, std::size_t last,
                        typename L::T* gx, typename L::T* gy, typename L::T* columns) {
    using T = typename L::T;
    using vec = typename L::vec;
    const std::size_t d = D == 0 ? matrix.d : D;
    const std::size_t step = matrix_tile(d);
    T* gradients = columns + d * step;       // [d, step]
    T* coefficients = gradients + d * step;  // [step]
    for (std::size_t begin = 0; begin < matrix.m; begin += step) {
        const std::size_t end = matrix.m - begin < step ? matrix.m : begin + step;
        if (first_column(matrix, first, begin, end) == end) {
            continue;
        }
        transpose(matrix, begin, end, step, columns);
        for (std::size_t q = 0; q < d * step; ++q) {
            gradients[q] = 0;
        }
        for (std::size_t i = first; i < last; ++i) {
            const std::ptrdiff_t row = matrix.row(i);
            const T* distance = matrix.distances + row;
            const T* weight = matrix.weights + row;
            const std::size_t from = first_column(matrix, i, begin, end);
            // The columns before the row's first one, if it begins inside of a vector, get zeros.
            const std::size_t low = (from - begin) / L::width * L::width;
            const auto coefficient = [&](std::size_t j) {
                vec r;
                vec w;
                if (j >= from && j + L::width <= end) {
                    r = L::load(distance + j);
                    w = L::load(weight + j);
                } else {
                    T rs[L::width] = {};
                    T ws[L::width] = {};
                    for (std::size_t lane = 0; lane < L::width; ++lane) {
                        if (j + lane >= from && j + lane < end) {
                            rs[lane] = distance[j + lane];
                            ws[lane] = weight[j + lane];
                        }
                    }
                    r = L::load(rs);
                    w = L::load(ws);
                }
                return L::keep(L::not_less_equal(r, L::broadcast(0)), L::div(w, r));
            };
            const auto finish_row = [&](std::size_t k, double sum) {
                T& result = gx != nullptr ? gx[i * d + k] : gy[i * d + k];
                const bool write = gx != nullptr && begin == 0;
                result = static_cast<T>(write ? sum : static_cast<double>(result) + sum);
            };
            if constexpr (D != 0) {
                vec x[D];
                vec sums[D];
                for (std::size_t k = 0; k < D; ++k) {
                    x[k] = L::broadcast(matrix.x[i * D + k]);
                    sums[k] = L::broadcast(0);
                }
                for (std::size_t q = low; begin + q < end; q += L::width) {
                    const vec c = coefficient(begin + q);
                    for (std::size_t k = 0; k < D; ++k) {
                        T* g = gradients + k * step + q;
                        const vec difference = L::sub(x[k], L::load(columns + k * step + q));
                        sums[k] = L::fma(c, difference, sums[k]);
                        L::store(g, L::fnma(c, difference, L::load(g)));
                    }
                }
                for (std::size_t k = 0; k < D; ++k) {
                    finish_row(k, sum_of<L>(sums[k]));
                }
            } else {
                for (std::size_t q = low; begin + q < end; q += L::width) {
                    L::store(coefficients + q, coefficient(begin + q));
                }
                for (std::size_t k = 0; k < d; ++k) {
                    const vec x = L::broadcast(matrix.x[i * d + k]);
                    vec sum = L::broadcast(0);
                    for (std::size_t q = low; begin + q < end; q += L::width) {
                        T* g = gradients + k * step + q;
                        const vec difference = L::sub(x, L::load(columns + k * step + q));
                        const vec c = L::load(coefficients + q);
                        sum = L::fma(c, difference, sum);
                        L::store(g, L::fnma(c, difference, L::load(g)));
                    }
                    finish_row(k, sum_of<L>(sum));
                }
            }
        }
        for (std::size_t j = begin; j < end; ++j) {
            for (std::size_t k = 0; k < d; ++k) {
                gy[j * d + k] += gradients[k * step + (j - begin)];
            }
        }
    }
}

template <class L>
void distances_backward(const Matrix<typename L::T>& matrix, std::size_t first, std::size_t last,
                        typename L::T* gx, typename L::T* gy, typename L::T* scratch) {
    switch (matrix.d) {
        case 1: return distance_gradients<L, 1>(matrix, first, last, gx, gy, scratch);
        case 2: return distance_gradients<L, 2>(matrix, first, last, gx, gy, scratch);
        case 3: return distance_gradients<L, 3>(matrix, first, last, gx, gy, scratch);
        default: return distance_gradients<L, 0>(matrix, first, last, gx, gy, scratch);
    }
}

// --- Both ends at once ---------------------------------------------------------------------------
// s = 1, no weights, d <= 3: every unordered pair is met once, lanes are columns. What a strip of
// block_rows rows adds to the columns goes to memory of its own, so that the order is fixed.

template <class L, std::size_t D>
double strip_rows(const Symmetric<typename L::T>& p, std::size_t strip) {
    using T = typename L::T;
    using vec = typename L::vec;
    constexpr std::size_t width = L::width;
    constexpr std::size_t together =
        width == 16 ? 4 : 2;  // rows at a time: what the registers hold
    const std::size_t first = strip * block_rows;
    const std::size_t last = p.n - first < block_rows ? p.n : first + block_rows;
    T* const columns = p.columns + strip * D * p.stride;
    for (std::size_t k = 0; k < D; ++k) {
        for (std::size_t j = first; j < p.stride; j += width) {
            L::store(columns + k * p.stride + j, L::broadcast(0));
        }
    }
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
                p.rows[k * p.stride + i + r] = L::sum(sums[r][k]);
            }
        }
    }
    return PlusOne<L>::unit * total;
}

template <class L>
double strip(const Symmetric<typename L::T>& p, std::size_t number) {
    switch (p.d) {
        case 1: return strip_rows<L, 1>(p, number);
        case 2: return strip_rows<L, 2>(p, number);
        default: return strip_rows<L, 3>(p, number);
    }
}

// Gradient of the points of a strip: their rows, less what the strips up to theirs added to their
// columns, in order.
template <class L>
void gather_strip(const Symmetric<typename L::T>& p, std::size_t number) {
    using T = typename L::T;
    const std::size_t first = number * block_rows;
    const std::size_t last = p.n - first < block_rows ? p.n : first + block_rows;
    const double factor = p.factor * PlusOne<L>::unit;
    for (std::size_t k = 0; k < p.d; ++k) {
        double sums[block_rows] = {};
        for (std::size_t other = 0; other <= number; ++other) {
            const T* columns = p.columns + (other * p.d + k) * p.stride + first;
            for (std::size_t r = 0; r < block_rows; r += L::width) {
                L::add_to(sums + r, L::load(columns + r));
            }
        }
        for (std::size_t i = first; i < last; ++i) {
            const double row = static_cast<double>(p.rows[k * p.stride + i]);
            p.result[i * p.d + k] = static_cast<T>(factor * (row - sums[i - first]));
        }
    }
}

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
    return {riesz<L>,     hessian_vector<L>,     strip<L>,  gather_strip<L>,
            distances<L>, distances_backward<L>, largest<L>};
}

template <class F32, class F64>
constexpr Kernels make_kernels() noexcept {
    return {row_kernels<F32>(), row_kernels<F64>()};
}

}  // namespace
}  // namespace eigenwell::pairwise

#endif  // EIGENWELL_SRC_PAIRWISE_KERNELS_HPP
