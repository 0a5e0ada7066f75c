// What the sums over all sources of a row share, whatever is summed: which sources a group of rows
// meets, the group's coordinates and sums, and how they end in the result.
//
// Layout. A group is two vectors of rows, one row a lane; a source is broadcast to both. d = 1, 2,
// 3: coordinates and sums [d, rows] in the group itself, in registers during a tile. Any other d:
// in scratch. Rows past the last one repeat it, and are left out at the end.
//
// Order of summation. Sources in ascending order, `tile` of them at a time; a tile's sums are in T,
// the group's in float64.
#ifndef EIGENWELL_SRC_PAIRWISE_KERNELS_ROWS_HPP
#define EIGENWELL_SRC_PAIRWISE_KERNELS_ROWS_HPP

#include <cstddef>

#include "kernels_powers.hpp"
#include "pairwise.hpp"

#define EIGENWELL_NOINLINE __attribute__((noinline))

namespace eigenwell::pairwise {
namespace {  // internal linkage on purpose: see kernels.hpp

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

// --- In and out ----------------------------------------------------------------------------------

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

// Broadcast once for a tile.
template <class L>
struct Constants {
    using T = typename L::T;
    T floor;      // added to r^2: softening^2, or `tiny` in its place
    T excluded;   // r^2 up to which a pair is left out
    const T* wy;  // one and the same 1, with a stride of 0, where there are no weights
    std::size_t stride;

    Constants(const Rows<T>& rows, const T* one) {
        const auto softening = static_cast<T>(rows.softening * rows.softening);
        floor = softening > tiny<T>() ? softening : tiny<T>();
        excluded = softening > tiny<T>() ? T(-1) : floor;
        wy = rows.wy != nullptr ? rows.wy : one;
        stride = rows.wy != nullptr ? 1 : 0;
    }
};

template <class T>
constexpr T unity = T(1);

// --- A group of rows -----------------------------------------------------------------------------

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

// The same for any d, in scratch.
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

}  // namespace
}  // namespace eigenwell::pairwise

#endif  // EIGENWELL_SRC_PAIRWISE_KERNELS_ROWS_HPP
