// How a pass over pairs is cut into blocks and tiles, and where its partial results lie.
//
// A pass owns the gradient of its `rows` and walks over its `cols`. A block takes `block_rows` rows
// and one of `splits` shares of the column tiles; what it finds goes to its own place in the
// workspace, and a second pass adds the shares up in order. The cut depends on the sizes alone, not
// on the device, so results do not either.
#ifndef EIGENWELL_SRC_PAIRWISE_CUDA_PLAN_HPP
#define EIGENWELL_SRC_PAIRWISE_CUDA_PLAN_HPP

#include "cuda_numbers.hpp"

namespace eigenwell::pairwise::cuda {

// Which columns j form a pair with row i. `lower` is `upper` seen from the other side.
enum class Mask : std::int32_t { none, upper, lower, different };

EIGENWELL_HD bool included(Mask mask, std::int64_t i, std::int64_t j) {
    switch (mask) {
        case Mask::none: return true;
        case Mask::upper: return i < j;
        case Mask::lower: return i > j;
        case Mask::different: return i != j;
    }
    return true;
}

// The columns [j0, j0 + count) that form no pair with row i are neighbours: how many come before
// them, and how many they are. In the inner loop that is two instructions a pair where `included`
// would be a dozen.
struct Gap {
    std::uint32_t before;
    std::uint32_t count;

    EIGENWELL_HD bool has(int j) const { return static_cast<std::uint32_t>(j) - before < count; }
};
EIGENWELL_HD Gap gap_of(Mask mask, std::int64_t i, std::int64_t j0, int count) {
    const auto clamp = [count](std::int64_t j) {
        return static_cast<std::uint32_t>(j < 0 ? 0 : j > count ? count : j);
    };
    const auto all = static_cast<std::uint32_t>(count);
    const std::uint32_t at = clamp(i - j0);
    const std::uint32_t after = clamp(i - j0 + 1);
    switch (mask) {
        case Mask::none: break;
        case Mask::upper: return {0, after};
        case Mask::lower: return {at, all - at};
        case Mask::different: return {at, after - at};
    }
    return {0, 0};
}

// Whether all pairs of the rows [i0, i1) and the columns [j0, j1) are included.
EIGENWELL_HD bool whole(Mask mask, std::int64_t i0, std::int64_t i1, std::int64_t j0,
                        std::int64_t j1) {
    switch (mask) {
        case Mask::none: return true;
        case Mask::upper: return i1 <= j0;
        case Mask::lower: return j1 <= i0;
        case Mask::different: return i1 <= j0 || j1 <= i0;
    }
    return true;
}

struct Range {
    std::int64_t first;
    std::int64_t last;  // one past
};

EIGENWELL_HD std::int64_t quotient_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
EIGENWELL_HD std::int64_t least(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

// The column tiles that hold any pair with the rows [i0, i1).
EIGENWELL_HD Range tiles_of(Mask mask, std::int64_t i0, std::int64_t i1, std::int64_t cols,
                            std::int64_t tile) {
    const std::int64_t tiles = quotient_up(cols, tile);
    if (mask == Mask::upper) {
        return {i0 + 1 < cols ? (i0 + 1) / tile : tiles, tiles};
    }
    if (mask == Mask::lower) {
        return {0, quotient_up(least(cols, i1 - 1), tile)};
    }
    return {0, tiles};
}

// Share number `split` of `splits` nearly equal shares.
EIGENWELL_HD Range share(Range all, std::int64_t split, std::int64_t splits) {
    const std::int64_t count = all.last - all.first;
    return {all.first + count * split / splits, all.first + count * (split + 1) / splits};
}

// The index of pair i < j among n (n - 1) / 2, row by row.
EIGENWELL_HD std::int64_t pair_index(std::int64_t i, std::int64_t j, std::int64_t n) {
    return i * (2 * n - i - 1) / 2 + (j - i - 1);
}

// --- The two ways to cut ----------------------------------------------------------------------

// d = 1, 2, 3 (cuda_rows.hpp): coordinates in registers, `per_thread` rows to a thread.
struct Rows {
    static constexpr int threads = 128;
    static constexpr int tile = 128;
    // Rows per thread where a pair is short (float32, no pow, no Hessian) and there is work enough
    // for all multiprocessors; else 1. They share the read of a column.
    static constexpr int many = 4;
    // The blocks to aim for: six waves of the five blocks that fit on each of 132 multiprocessors
    // (96 registers a thread), so that the last, partly filled wave costs little. Splitting further
    // only grows the workspace.
    static constexpr std::int64_t blocks = 4096;
};
// Any d (cuda_tiles.hpp): a tile of pairs in shared memory, coordinates in chunks.
template <class T>
struct Tiles {
    static constexpr int threads = 256;
    static constexpr int rows = 64;
    static constexpr int cols = sizeof(T) == 4 ? 64 : 32;
    static constexpr std::int64_t blocks = 792;
};

struct Plan {
    int per_thread;  // rows per thread; 0 for the tiles of any d
    std::int64_t block_rows;
    std::int64_t row_blocks;
    std::int64_t splits;
};

inline Plan cut(std::int64_t batch, std::int64_t rows, std::int64_t cols, std::int64_t block_rows,
                std::int64_t tile, std::int64_t blocks, int per_thread) {
    const std::int64_t row_blocks = quotient_up(rows, block_rows);
    const std::int64_t tiles = quotient_up(cols, tile);
    std::int64_t splits = 1;
    if (row_blocks > 0) {
        splits = quotient_up(blocks, batch * row_blocks);
        splits = least(splits, tiles > 0 ? tiles : 1);
    }
    return {per_thread, block_rows, row_blocks, splits};
}

inline Plan plan_rows(std::int64_t batch, std::int64_t rows, std::int64_t cols, bool short_pairs) {
    constexpr std::int64_t block = Rows::threads * Rows::many;
    const std::int64_t work = batch * quotient_up(rows, block) * quotient_up(cols, Rows::tile);
    const int per_thread = short_pairs && work >= Rows::blocks / 8 ? Rows::many : 1;
    return cut(batch, rows, cols, static_cast<std::int64_t>(Rows::threads) * per_thread, Rows::tile,
               Rows::blocks, per_thread);
}

template <class T>
Plan plan_tiles(std::int64_t batch, std::int64_t rows, std::int64_t cols) {
    return cut(batch, rows, cols, Tiles<T>::rows, Tiles<T>::cols, Tiles<T>::blocks, 0);
}

// --- One pass as the kernels see it ------------------------------------------------------------

// Where the coefficient of a pair comes from.
enum class Source : std::int32_t {
    riesz,       // the formula
    matrix,      // grad / distances at [row, col]
    transposed,  // at [col, row]
    condensed,   // at pair_index(row, col)
};

struct Pass {
    const void* x;          // [batch, rows, d]
    const void* y;          // [batch, cols, d]
    const void* vx;         // [batch, rows, d], for the Hessian only
    const void* vy;         // [batch, cols, d]
    const void* wx;         // [batch, rows] or null
    const void* wy;         // [batch, cols] or null
    const void* grad;       // matrix sources only
    const void* distances;  // likewise
    void* partial;          // T[batch, splits, rows, d] (tiles of any d: Sum<T>), or null
    double* energies;       // [batch, splits, row_blocks] or null
    std::int64_t rows;
    std::int64_t cols;
    std::int64_t d;
    std::int64_t row_blocks;
    std::int64_t splits;
    double exponent;
    double softening2;
    DType dtype;
    Mask mask;
    Power power;
    Source source;
};

// Which piece of the pass a block is.
struct Block {
    std::int64_t batch;
    std::int64_t row_block;
    std::int64_t split;
    std::int64_t i0;  // its rows [i0, i1)
    std::int64_t i1;
    Range tiles;
};

EIGENWELL_HD Block block_of(const Pass& pass, std::int64_t number, std::int64_t split,
                            std::int64_t block_rows, std::int64_t tile) {
    Block block{};
    block.batch = number / pass.row_blocks;
    block.row_block = number % pass.row_blocks;
    block.split = split;
    block.i0 = block.row_block * block_rows;
    block.i1 = least(block.i0 + block_rows, pass.rows);
    block.tiles =
        share(tiles_of(pass.mask, block.i0, block.i1, pass.cols, tile), split, pass.splits);
    return block;
}
EIGENWELL_HD std::int64_t partial_row(const Pass& pass, const Block& block, std::int64_t i) {
    return (block.batch * pass.splits + block.split) * pass.rows + i;
}
EIGENWELL_HD std::int64_t energy_slot(const Pass& pass, const Block& block) {
    return (block.batch * pass.splits + block.split) * pass.row_blocks + block.row_block;
}

// --- Second pass: the shares of one element, added in order -------------------------------------

EIGENWELL_HD double as_double(float x) { return static_cast<double>(x); }
EIGENWELL_HD double as_double(double x) { return x; }
template <class T>
EIGENWELL_HD double as_double(const Sum<T>& x) {
    return x.value();
}

// Element `at` of [batch, rows, d].
template <class Part>
EIGENWELL_HD double sum_of_shares(const Part* partial, std::int64_t at, std::int64_t splits,
                                  std::int64_t rows_d) {
    const std::int64_t batch = at / rows_d;
    const Part* part = partial + batch * splits * rows_d + at % rows_d;
    double sum = 0.0;
    for (std::int64_t s = 0; s < splits; ++s) {
        sum += as_double(part[s * rows_d]);
    }
    return sum;
}

}  // namespace eigenwell::pairwise::cuda

#endif  // EIGENWELL_SRC_PAIRWISE_CUDA_PLAN_HPP
