// One block's part of a pass for any d: a tile of pairs at a time, coordinates in chunks of K.
//
//   distances     r2[i, j] = sum_k u_k^2, and for the Hessian dot[i, j] = sum_k u_k v_k
//   coefficients  a[i, j], b[i, j] from the formula, or grad / distances where those are given
//   sums          g_ik = sum_j a u_k; Hessian: sum_j (a v_k + b dot u_k)
//
// with u_k = x_ik - y_jk and v_k = v_ik - v_jk.
//
// Layout   256 threads on 64 rows x 64 columns (float64: 32). Thread t has rows t / 16 + 16 p and
//          columns t % 16 + 16 q of a tile for its distances, and coordinate t % K of rows
//          t / K + (256 / K) p for its sums. Chunks are stored coordinate by coordinate, so a warp
//          reads neighbours or broadcasts.
// Cost     4 d issue slots of arithmetic a pair (2 d for distances, 2 d for sums), besides shared
//          reads.
// Numerics As in cuda_rows.hpp, with a test at r = 0 everywhere. Sums of a tile in T, over tiles as
//          Sum<T> in the block's own part of the workspace.
// Order    Fixed: columns in order, tiles in order; no atomics.
#ifndef EIGENWELL_SRC_PAIRWISE_CUDA_TILES_HPP
#define EIGENWELL_SRC_PAIRWISE_CUDA_TILES_HPP

#include "cuda_plan.hpp"

namespace eigenwell::pairwise::cuda {

// What the block shares. `H`: the Hessian product, which takes a second vector per point.
template <class T, int K, bool H>
struct TileShared {
    static constexpr int rows = Tiles<T>::rows;
    static constexpr int cols = Tiles<T>::cols;
    static constexpr int vectors = H ? 2 : 1;
    T x[vectors][K][rows + 1];
    T y[vectors][K][cols + 1];
    T c[vectors][cols][rows + 1];
};

// What a thread keeps.
template <class T, bool H>
struct TileState {
    static constexpr int p_count = Tiles<T>::rows / 16;
    static constexpr int q_count = Tiles<T>::cols / 16;
    T r2[p_count][q_count];
    T dot[H ? p_count : 1][H ? q_count : 1];
    double energy;
};

template <class T, bool H>
EIGENWELL_HD void begin_tile(const Pass& pass, TileState<T, H>& state) {
    EIGENWELL_UNROLL
    for (int p = 0; p < state.p_count; ++p) {
        EIGENWELL_UNROLL
        for (int q = 0; q < state.q_count; ++q) {
            state.r2[p][q] = static_cast<T>(pass.softening2);
            if constexpr (H) {
                state.dot[p][q] = T(0);
            }
        }
    }
}

template <class T, int K, int N>
EIGENWELL_HD void load_points(const void* points, const Pass& pass, std::int64_t first,
                              std::int64_t count, std::int64_t k0, int thread, T (&out)[K][N]) {
    constexpr int wanted = N - 1;
    for (int e = thread; e < K * wanted; e += Tiles<T>::threads) {
        const int k = e % K;
        const int i = e / K;
        const bool in = i < count && k0 + k < pass.d;
        out[k][i] = in ? load<T>(points, pass.dtype, (first + i) * pass.d + k0 + k) : T(0);
    }
}

// Coordinates [k0, k0 + K) of the block's rows and of the tile's columns; zeros beyond d and the
// end.
template <class T, int K, bool H>
EIGENWELL_HD void load_chunk(const Pass& pass, const Block& block, std::int64_t tile,
                             std::int64_t k0, int thread, TileShared<T, K, H>& shared) {
    const std::int64_t j0 = tile * shared.cols;
    const std::int64_t row = block.batch * pass.rows + block.i0;
    const std::int64_t col = block.batch * pass.cols + j0;
    const std::int64_t rows = block.i1 - block.i0;
    const std::int64_t cols = pass.cols - j0;
    load_points(pass.x, pass, row, rows, k0, thread, shared.x[0]);
    load_points(pass.y, pass, col, cols, k0, thread, shared.y[0]);
    if constexpr (H) {
        load_points(pass.vx, pass, row, rows, k0, thread, shared.x[1]);
        load_points(pass.vy, pass, col, cols, k0, thread, shared.y[1]);
    }
}

template <class T, int K, bool H>
EIGENWELL_HD void add_distances(const TileShared<T, K, H>& shared, int thread,
                                TileState<T, H>& state) {
    constexpr int p_count = TileState<T, H>::p_count;
    constexpr int q_count = TileState<T, H>::q_count;
    const int ty = thread / 16;
    const int tx = thread % 16;
    [[maybe_unused]] constexpr int steps = 4;
    EIGENWELL_UNROLL_BY_STEPS
    for (int k = 0; k < K; ++k) {
        EIGENWELL_UNROLL
        for (int p = 0; p < p_count; ++p) {
            EIGENWELL_UNROLL
            for (int q = 0; q < q_count; ++q) {
                const T u = shared.x[0][k][ty + 16 * p] - shared.y[0][k][tx + 16 * q];
                state.r2[p][q] = u * u + state.r2[p][q];
                if constexpr (H) {
                    const T v = shared.x[1][k][ty + 16 * p] - shared.y[1][k][tx + 16 * q];
                    state.dot[p][q] = u * v + state.dot[p][q];
                }
            }
        }
    }
}

// The thread's distances into its places of shared.c: from there, the loop over them need not be
// unrolled, and holds one pow or root.
template <class T, int K, bool H>
EIGENWELL_HD void put_state(int thread, TileShared<T, K, H>& shared, const TileState<T, H>& state) {
    const int ty = thread / 16;
    const int tx = thread % 16;
    EIGENWELL_UNROLL
    for (int p = 0; p < state.p_count; ++p) {
        EIGENWELL_UNROLL
        for (int q = 0; q < state.q_count; ++q) {
            shared.c[0][tx + 16 * q][ty + 16 * p] = state.r2[p][q];
            if constexpr (H) {
                shared.c[1][tx + 16 * q][ty + 16 * p] = state.dot[p][q];
            }
        }
    }
}

// Coefficients of the formula into shared.c, energies into the state; zeros where there is no pair.
template <class T, int K, bool H>
EIGENWELL_HD void put_coefficients(const Pass& pass, const Block& block, std::int64_t tile,
                                   int thread, TileShared<T, K, H>& shared,
                                   TileState<T, H>& state) {
    const T half = static_cast<T>(0.5 * (pass.exponent - 2.0));
    const int ty = thread / 16;
    const int tx = thread % 16;
    put_state(thread, shared, state);
    [[maybe_unused]] constexpr int steps = 1;
    EIGENWELL_UNROLL_BY_STEPS
    for (int row = ty; row < shared.rows; row += 16) {
        const std::int64_t i = block.i0 + row;
        T energy = T(0);
        EIGENWELL_UNROLL_BY_STEPS
        for (int col = tx; col < shared.cols; col += 16) {
            const std::int64_t j = tile * shared.cols + col;
            const bool in = i < block.i1 && j < pass.cols && included(pass.mask, i, j);
            const T w = in && pass.wy != nullptr
                            ? load<T>(pass.wy, pass.dtype, block.batch * pass.cols + j)
                            : T(1);
            const T r2 = shared.c[0][col][row];
            if constexpr (H) {
                const Curvature<T> c = curvature(pass.power, r2, half);
                shared.c[0][col][row] = in ? w * c.a : T(0);
                shared.c[1][col][row] = in ? w * c.b * shared.c[1][col][row] : T(0);
            } else {
                const Powers<T> c = powers(pass.power, r2, half);
                shared.c[0][col][row] = in ? w * c.coefficient : T(0);
                energy += in ? w * c.energy : T(0);
            }
        }
        if constexpr (!H) {
            if (pass.energies != nullptr && i < block.i1) {
                const T w = pass.wx != nullptr
                                ? load<T>(pass.wx, pass.dtype, block.batch * pass.rows + i)
                                : T(1);
                state.energy += static_cast<double>(w) * static_cast<double>(energy);
            }
        }
    }
}

// Coefficients grad / distances into shared.c, 0 where the distance is.
template <class T, int K>
EIGENWELL_HD void load_coefficients(const Pass& pass, const Block& block, std::int64_t tile,
                                    int thread, TileShared<T, K, false>& shared) {
    const std::int64_t pairs = pass.rows * (pass.rows - 1) / 2;
    for (int e = thread; e < shared.rows * shared.cols; e += Tiles<T>::threads) {
        // Neighbouring threads take neighbouring addresses.
        const bool by_row = pass.source == Source::transposed;
        const int row = by_row ? e % shared.rows : e / shared.cols;
        const int col = by_row ? e / shared.rows : e % shared.cols;
        const std::int64_t i = block.i0 + row;
        const std::int64_t j = tile * shared.cols + col;
        T c = T(0);
        if (i < block.i1 && j < pass.cols && included(pass.mask, i, j)) {
            std::int64_t at = 0;
            if (pass.source == Source::matrix) {
                at = (block.batch * pass.rows + i) * pass.cols + j;
            } else if (pass.source == Source::transposed) {
                at = (block.batch * pass.cols + j) * pass.rows + i;
            } else {
                at = block.batch * pairs +
                     (i < j ? pair_index(i, j, pass.rows) : pair_index(j, i, pass.rows));
            }
            const T distance = load<T>(pass.distances, pass.dtype, at);
            c = distance == T(0) ? T(0) : load<T>(pass.grad, pass.dtype, at) / distance;
        }
        shared.c[0][col][row] = c;
    }
}

// The block's own part of the workspace starts at zero.
template <class T>
EIGENWELL_HD void begin_sums(const Pass& pass, const Block& block, int thread) {
    Sum<T>* partial =
        static_cast<Sum<T>*>(pass.partial) + partial_row(pass, block, block.i0) * pass.d;
    const std::int64_t count = (block.i1 - block.i0) * pass.d;
    for (std::int64_t e = thread; e < count; e += Tiles<T>::threads) {
        partial[e] = {T(0), T(0)};
    }
}

// Adds the tile's sums for coordinates [k0, k0 + K) to the block's part of the workspace.
template <class T, int K, bool H>
EIGENWELL_HD void add_sums(const Pass& pass, const Block& block, std::int64_t tile, std::int64_t k0,
                           int thread, const TileShared<T, K, H>& shared) {
    constexpr int step = Tiles<T>::threads / K;
    constexpr int count = Tiles<T>::rows / step;
    const int k = thread % K;
    const int group = thread / K;
    if (k0 + k >= pass.d) {
        return;
    }
    const int cols = static_cast<int>(least(shared.cols, pass.cols - tile * shared.cols));
    T sum[count];
    EIGENWELL_UNROLL
    for (int p = 0; p < count; ++p) {
        sum[p] = T(0);
    }
    [[maybe_unused]] constexpr int steps = 4;
    EIGENWELL_UNROLL_BY_STEPS
    for (int j = 0; j < cols; ++j) {
        EIGENWELL_UNROLL
        for (int p = 0; p < count; ++p) {
            const int row = group + step * p;
            const T u = shared.x[0][k][row] - shared.y[0][k][j];
            if constexpr (H) {
                const T v = shared.x[1][k][row] - shared.y[1][k][j];
                sum[p] = shared.c[1][j][row] * u + (shared.c[0][j][row] * v + sum[p]);
            } else {
                sum[p] = shared.c[0][j][row] * u + sum[p];
            }
        }
    }
    Sum<T>* partial = static_cast<Sum<T>*>(pass.partial);
    EIGENWELL_UNROLL
    for (int p = 0; p < count; ++p) {
        const std::int64_t i = block.i0 + group + step * p;
        if (i < block.i1) {
            partial[partial_row(pass, block, i) * pass.d + k0 + k].add(sum[p]);
        }
    }
}

// The distances themselves, [batch, rows, cols] or, for Source::condensed, pairs i < j.
template <class T, int K>
EIGENWELL_HD void put_distances(const Pass& pass, const Block& block, std::int64_t tile, int thread,
                                TileShared<T, K, false>& shared, const TileState<T, false>& state,
                                void* out) {
    const std::int64_t pairs = pass.rows * (pass.rows - 1) / 2;
    const int ty = thread / 16;
    const int tx = thread % 16;
    put_state(thread, shared, state);
    [[maybe_unused]] constexpr int steps = 1;
    EIGENWELL_UNROLL_BY_STEPS
    for (int row = ty; row < shared.rows; row += 16) {
        EIGENWELL_UNROLL_BY_STEPS
        for (int col = tx; col < shared.cols; col += 16) {
            const std::int64_t i = block.i0 + row;
            const std::int64_t j = tile * shared.cols + col;
            if (i < block.i1 && j < pass.cols && included(pass.mask, i, j)) {
                const std::int64_t at = pass.source == Source::condensed
                                            ? block.batch * pairs + pair_index(i, j, pass.rows)
                                            : (block.batch * pass.rows + i) * pass.cols + j;
                store(out, pass.dtype, at, static_cast<double>(root(shared.c[0][col][row])));
            }
        }
    }
}

}  // namespace eigenwell::pairwise::cuda

#endif  // EIGENWELL_SRC_PAIRWISE_CUDA_TILES_HPP
