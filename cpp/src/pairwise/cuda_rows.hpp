// One block's part of a pass for d = 1, 2, 3: per pair of points, energy, gradient or Hessian
// product.
//
//   gradient   g_i = sum_j w_j r^(s-2) (x_i - y_j)
//   energy     e   = sum_i w_i sum_j w_j r^s,  r^2 = |x_i - y_j|^2 + softening^2
//   hessian    h_i = sum_j w_j [a (v_i - v_j) + b (u . (v_i - v_j)) u],  u = x_i - y_j
// up to factors (s, w_i, how often a pair counts) that the second pass multiplies in.
//
// Layout   A thread keeps `I` rows in registers, `threads` apart; a tile of columns lies in shared
//          memory, packed so that one or two 16-byte reads, the same for all threads, fetch a
//          point.
// Cost     float32, d = 3, s = 1, neither weights nor masks: 3 subtractions, 3 fused multiply-adds,
//          1 reciprocal square root, 3 fused multiply-adds for the gradient and 1 for the energy,
//          so 11 issue slots, plus the shared read and the loop, shared by I rows.
//          Counted in what nvcc 13.0 makes of it for sm_90: 185 instructions for 16 pairs, 11.6 a
//          pair (10.6 without the energy, 21.8 with weights or a mask); 96 registers, so 20 warps
//          on a multiprocessor.
// Numerics Differences are taken of the coordinates as given. They are the correctly rounded
//          differences of the input, wherever the cloud lies: an error of half a unit in the last
//          place of the difference itself. Subtracting a centre first could only add a rounding
//          (the mean is seldom representable; a chosen point fails where that point is an outlier),
//          so there is no centring pass. Sums run in T over one tile, and in Sum<T> (gradient) or
//          double (energy) over tiles. At r = 0: the unmasked loop of s = 1 starts r^2 at `tiny`,
//          so a coincident pair adds a finite coefficient times 0 to the gradient and 1.1e-19 to
//          the energy, and a tile that has no more than that is set to 0. All other loops test for
//          it.
// Order    Fixed: columns in order, tiles in order; no atomics.
#ifndef EIGENWELL_SRC_PAIRWISE_CUDA_ROWS_HPP
#define EIGENWELL_SRC_PAIRWISE_CUDA_ROWS_HPP

#include "cuda_plan.hpp"

namespace eigenwell::pairwise::cuda {

enum class Work : std::int32_t { energy, gradient, both, hessian };

// A column: coordinates, its direction (Hessian), its weight, and what fills up the power of two.
template <class T, int D, Work W>
struct alignas(16) Column {
    static constexpr int vectors = W == Work::hessian ? 2 : 1;
    static constexpr int weight = vectors * D;
    static constexpr int size = weight < 2 ? 2 : weight < 4 ? 4 : 8;
    T v[size];
};

// What a thread keeps between tiles.
template <class T, int D, Work W, int I>
struct RowState {
    T x[I][D];
    T v[W == Work::hessian ? I : 1][D];
    Sum<T> sum[I][D];
    double energy;  // of all rows, each times its weight
};

template <class T, int D, Work W, int I>
EIGENWELL_HD void begin_rows(const Pass& pass, const Block& block, int thread,
                             RowState<T, D, W, I>& state) {
    state.energy = 0.0;
    EIGENWELL_UNROLL
    for (int p = 0; p < I; ++p) {
        // Rows past the end repeat the last one, and are dropped when results are added up.
        const std::int64_t i = least(block.i0 + p * Rows::threads + thread, block.i1 - 1);
        const std::int64_t at = (block.batch * pass.rows + i) * D;
        EIGENWELL_UNROLL
        for (int k = 0; k < D; ++k) {
            state.x[p][k] = load<T>(pass.x, pass.dtype, at + k);
            if constexpr (W == Work::hessian) {
                state.v[p][k] = load<T>(pass.vx, pass.dtype, at + k);
            }
            state.sum[p][k] = {T(0), T(0)};
        }
    }
}

// Column `thread` of a tile; one thread each.
template <class T, int D, Work W>
EIGENWELL_HD void load_column(const Pass& pass, const Block& block, std::int64_t tile, int thread,
                              Column<T, D, W>* columns) {
    const std::int64_t j = tile * Rows::tile + thread;
    if (j >= pass.cols) {
        return;
    }
    Column<T, D, W> column;
    const std::int64_t at = block.batch * pass.cols + j;
    EIGENWELL_UNROLL
    for (int k = 0; k < D; ++k) {
        column.v[k] = load<T>(pass.y, pass.dtype, at * D + k);
        if constexpr (W == Work::hessian) {
            column.v[D + k] = load<T>(pass.vy, pass.dtype, at * D + k);
        }
    }
    EIGENWELL_UNROLL
    for (int k = column.weight; k < column.size; ++k) {
        column.v[k] = pass.wy != nullptr ? load<T>(pass.wy, pass.dtype, at) : T(1);
    }
    columns[thread] = column;
}

// The sum over a tile for each of the thread's rows. `Plain`: no weights, every pair included.
template <class T, int D, Work W, Power P, int I, bool Plain>
EIGENWELL_HD void add_tile(const Pass& pass, const Block& block, std::int64_t tile, int thread,
                           const Column<T, D, W>* columns, RowState<T, D, W, I>& state) {
    constexpr bool seeded = Plain && P == Power::one && W != Work::hessian;
    constexpr T tiny = Limits<T>::tiny;
    const T half = static_cast<T>(0.5 * (pass.exponent - 2.0));
    const T softening2 = static_cast<T>(pass.softening2);
    const T seed = seeded && softening2 < tiny ? tiny : softening2;
    const std::int64_t j0 = tile * Rows::tile;
    const int count = static_cast<int>(least(Rows::tile, pass.cols - j0));
    T sum[I][D];
    T energy[I];
    Gap gap[I];
    EIGENWELL_UNROLL
    for (int p = 0; p < I; ++p) {
        energy[p] = T(0);
        gap[p] = gap_of(pass.mask, block.i0 + p * Rows::threads + thread, j0, count);
        EIGENWELL_UNROLL
        for (int k = 0; k < D; ++k) {
            sum[p][k] = T(0);
        }
    }
    // A pow or a division in float64 is code enough.
    constexpr bool long_code = P == Power::general || sizeof(T) == 8;
    [[maybe_unused]] constexpr int steps = long_code ? 1 : 4;
    EIGENWELL_UNROLL_BY_STEPS
    for (int j = 0; j < count; ++j) {
        const Column<T, D, W> column = columns[j];
        EIGENWELL_UNROLL
        for (int p = 0; p < I; ++p) {
            T u[D];
            T r2 = seed;
            EIGENWELL_UNROLL
            for (int k = 0; k < D; ++k) {
                u[k] = state.x[p][k] - column.v[k];
                r2 = u[k] * u[k] + r2;
            }
            if constexpr (W == Work::hessian) {
                T v[D];
                T dot = T(0);
                EIGENWELL_UNROLL
                for (int k = 0; k < D; ++k) {
                    v[k] = state.v[p][k] - column.v[D + k];
                    dot = u[k] * v[k] + dot;
                }
                Curvature<T> c = curvature(pass.power, r2, half);
                if constexpr (!Plain) {
                    const bool in = !gap[p].has(j);
                    c.a = in ? c.a * column.v[column.weight] : T(0);
                    c.b = in ? c.b * column.v[column.weight] : T(0);
                }
                const T b_dot = c.b * dot;
                EIGENWELL_UNROLL
                for (int k = 0; k < D; ++k) {
                    sum[p][k] = b_dot * u[k] + (c.a * v[k] + sum[p][k]);
                }
            } else {
                Powers<T> term = powers<P, !seeded>(r2, half);
                if constexpr (!Plain) {
                    const bool in = !gap[p].has(j);
                    term.coefficient = in ? term.coefficient * column.v[column.weight] : T(0);
                    term.energy = in ? term.energy * column.v[column.weight] : T(0);
                }
                if constexpr (W != Work::energy) {
                    EIGENWELL_UNROLL
                    for (int k = 0; k < D; ++k) {
                        sum[p][k] = term.coefficient * u[k] + sum[p][k];
                    }
                }
                if constexpr (Plain && P == Power::one) {
                    energy[p] = r2 * term.coefficient + energy[p];
                } else {
                    energy[p] += term.energy;
                }
            }
        }
    }
    EIGENWELL_UNROLL
    for (int p = 0; p < I; ++p) {
        if constexpr (W != Work::energy) {
            EIGENWELL_UNROLL
            for (int k = 0; k < D; ++k) {
                state.sum[p][k].add(sum[p][k]);
            }
        }
        if constexpr (W == Work::energy || W == Work::both) {
            const std::int64_t i = block.i0 + p * Rows::threads + thread;
            if (i < block.i1) {
                constexpr T nothing = T(2 * Rows::tile) * Limits<T>::root;
                const bool coincident = seeded && softening2 < tiny && energy[p] < nothing;
                const double e = coincident ? 0.0 : static_cast<double>(energy[p]);
                const double w = pass.wx != nullptr
                                     ? static_cast<double>(load<T>(pass.wx, pass.dtype,
                                                                   block.batch * pass.rows + i))
                                     : 1.0;
                state.energy += w * e;
            }
        }
    }
}

template <class T, int D, Work W, Power P, int I>
EIGENWELL_HD void add_columns(const Pass& pass, const Block& block, std::int64_t tile, int thread,
                              const Column<T, D, W>* columns, RowState<T, D, W, I>& state) {
    const std::int64_t j0 = tile * Rows::tile;
    const std::int64_t j1 = least(j0 + Rows::tile, pass.cols);
    if (pass.wy == nullptr && whole(pass.mask, block.i0, block.i1, j0, j1)) {
        add_tile<T, D, W, P, I, true>(pass, block, tile, thread, columns, state);
    } else {
        add_tile<T, D, W, P, I, false>(pass, block, tile, thread, columns, state);
    }
}

template <class T, int D, Work W, int I>
EIGENWELL_HD void end_rows(const Pass& pass, const Block& block, int thread,
                           const RowState<T, D, W, I>& state) {
    if constexpr (W != Work::energy) {
        EIGENWELL_UNROLL
        for (int p = 0; p < I; ++p) {
            const std::int64_t i = block.i0 + p * Rows::threads + thread;
            if (i < block.i1) {
                T* out = static_cast<T*>(pass.partial) + partial_row(pass, block, i) * D;
                EIGENWELL_UNROLL
                for (int k = 0; k < D; ++k) {
                    out[k] = state.sum[p][k].high + state.sum[p][k].low;
                }
            }
        }
    }
}

}  // namespace eigenwell::pairwise::cuda

#endif  // EIGENWELL_SRC_PAIRWISE_CUDA_ROWS_HPP
