// The pairwise kernels of CUDA devices: a pass over pairs, and what adds its shares up.
//
//   E = sum over pairs w_i v_j r^s,  dE/dx_i = s w_i sum_j v_j r^(s-2) (x_i - y_j)
//
// Layout   A pass gives each block some rows and a share of the column tiles (cuda_plan.hpp), so
//          that a small cloud still fills the device. cuda_rows.hpp has the arithmetic for
//          d = 1, 2, 3, cuda_tiles.hpp for any d; what is here puts barriers between their phases.
// Cost     n m pairs for the gradient of one side; a self energy without its gradient takes half of
//          them. Issue slots a pair: in cuda_rows.hpp and cuda_tiles.hpp. Memory: the workspace,
//          d + 1 numbers a row and share, where the shares stop growing once 4096 blocks are there.
// Numerics float16 and bfloat16 are widened to float32 on loading. No centring: cuda_rows.hpp says
//          why differences of the input need none. Energies are float64 from the first tile on.
//          Build without --use_fast_math: Sum depends on the order of its additions.
// Order    Every block writes its own place, and `add_shares` adds the places up in a fixed order:
//          no atomics, the same bits in every run and on every device of one architecture.
#ifndef EIGENWELL_SRC_PAIRWISE_CUDA_KERNELS_CUH
#define EIGENWELL_SRC_PAIRWISE_CUDA_KERNELS_CUH

#include <cuda_runtime.h>

#include "cuda_launch.hpp"
#include "cuda_rows.hpp"
#include "cuda_tiles.hpp"

namespace eigenwell::pairwise::cuda {
namespace {  // one translation unit launches them: cuda_launch.cu

// Adds the threads' energies in a fixed tree and writes the block's one.
template <int Threads>
__device__ void put_energy(const Pass& pass, const Block& block, double energy) {
    __shared__ double energies[Threads];
    const int thread = static_cast<int>(threadIdx.x);
    energies[thread] = energy;
    for (int half = Threads / 2; half > 0; half /= 2) {
        __syncthreads();
        if (thread < half) {
            energies[thread] += energies[thread + half];
        }
    }
    if (thread == 0) {
        pass.energies[energy_slot(pass, block)] = energies[0];
    }
}

// grid (batch * row_blocks, splits)
template <class T, int D, Work W, Power P, int I>
__global__ void __launch_bounds__(Rows::threads) rows_kernel(const __grid_constant__ Pass pass) {
    __shared__ Column<T, D, W> columns[Rows::tile];
    const int thread = static_cast<int>(threadIdx.x);
    const Block block = block_of(pass, blockIdx.x, blockIdx.y, Rows::threads * I, Rows::tile);
    RowState<T, D, W, I> state;
    begin_rows(pass, block, thread, state);
    for (std::int64_t tile = block.tiles.first; tile < block.tiles.last; ++tile) {
        __syncthreads();
        load_column(pass, block, tile, thread, columns);
        __syncthreads();
        add_columns<T, D, W, P, I>(pass, block, tile, thread, columns, state);
    }
    end_rows(pass, block, thread, state);
    if constexpr (W == Work::energy || W == Work::both) {
        if (pass.energies != nullptr) {
            put_energy<Rows::threads>(pass, block, state.energy);
        }
    }
}

// grid (batch * row_blocks, splits); the coefficients come from the formula
template <class T, int K, bool H>
__global__ void __launch_bounds__(Tiles<T>::threads)
    tiles_kernel(const __grid_constant__ Pass pass) {
    __shared__ TileShared<T, K, H> shared;
    const int thread = static_cast<int>(threadIdx.x);
    const Block block = block_of(pass, blockIdx.x, blockIdx.y, Tiles<T>::rows, Tiles<T>::cols);
    TileState<T, H> state;
    state.energy = 0.0;
    if (pass.partial != nullptr) {
        begin_sums<T>(pass, block, thread);
    }
    for (std::int64_t tile = block.tiles.first; tile < block.tiles.last; ++tile) {
        begin_tile(pass, state);
        for (std::int64_t k0 = 0; k0 < pass.d; k0 += K) {
            __syncthreads();
            load_chunk(pass, block, tile, k0, thread, shared);
            __syncthreads();
            add_distances(shared, thread, state);
        }
        put_coefficients(pass, block, tile, thread, shared, state);
        if (pass.partial == nullptr) {
            continue;
        }
        for (std::int64_t k0 = 0; k0 < pass.d; k0 += K) {
            if (pass.d > K) {  // else the only chunk is still there
                __syncthreads();
                load_chunk(pass, block, tile, k0, thread, shared);
            }
            __syncthreads();
            add_sums(pass, block, tile, k0, thread, shared);
        }
    }
    if (pass.energies != nullptr) {
        put_energy<Tiles<T>::threads>(pass, block, state.energy);
    }
}

// grid (batch * row_blocks, splits); the coefficients are grad / distances
template <class T, int K>
__global__ void __launch_bounds__(Tiles<T>::threads)
    matrix_kernel(const __grid_constant__ Pass pass) {
    __shared__ TileShared<T, K, false> shared;
    const int thread = static_cast<int>(threadIdx.x);
    const Block block = block_of(pass, blockIdx.x, blockIdx.y, Tiles<T>::rows, Tiles<T>::cols);
    begin_sums<T>(pass, block, thread);
    for (std::int64_t tile = block.tiles.first; tile < block.tiles.last; ++tile) {
        __syncthreads();
        load_coefficients(pass, block, tile, thread, shared);
        for (std::int64_t k0 = 0; k0 < pass.d; k0 += K) {
            __syncthreads();
            load_chunk(pass, block, tile, k0, thread, shared);
            __syncthreads();
            add_sums(pass, block, tile, k0, thread, shared);
        }
    }
}

// grid (batch * row_blocks, splits)
template <class T, int K>
__global__ void __launch_bounds__(Tiles<T>::threads)
    distances_kernel(const __grid_constant__ Pass pass,
                     void* out) {  // [batch, rows, cols] or [batch, pairs]
    __shared__ TileShared<T, K, false> shared;
    const int thread = static_cast<int>(threadIdx.x);
    const Block block = block_of(pass, blockIdx.x, blockIdx.y, Tiles<T>::rows, Tiles<T>::cols);
    TileState<T, false> state;
    for (std::int64_t tile = block.tiles.first; tile < block.tiles.last; ++tile) {
        begin_tile(pass, state);
        for (std::int64_t k0 = 0; k0 < pass.d; k0 += K) {
            __syncthreads();
            load_chunk(pass, block, tile, k0, thread, shared);
            __syncthreads();
            add_distances(shared, thread, state);
        }
        put_distances(pass, block, tile, thread, shared, state, out);
    }
}

// Second pass: out = scale w sum of the shares. One thread an element.
template <class Part>
__global__ void __launch_bounds__(sum_threads)
    add_shares(const __grid_constant__ Pass pass, std::int64_t batch, Output out) {
    const std::int64_t count = batch * pass.rows * pass.d;
    const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * sum_threads;
    for (std::int64_t at = static_cast<std::int64_t>(blockIdx.x) * sum_threads + threadIdx.x;
         at < count; at += step) {
        double sum = sum_of_shares(static_cast<const Part*>(pass.partial), at, pass.splits,
                                   pass.rows * pass.d);
        sum *= out.scale;
        if (pass.wx != nullptr) {
            sum *= load_double(pass.wx, pass.dtype, at / pass.d);
        }
        if (out.add) {
            sum += load_double(out.data, out.dtype, at);
        }
        store(out.data, out.dtype, at, sum);
    }
}

// Second pass of the energies: grid (batch), a fixed tree over `count` of them.
__global__ void __launch_bounds__(sum_threads)
    add_energies(const double* energies,  // [batch, count]
                 std::int64_t count, double scale,
                 double* out) {  // [batch]
    __shared__ double sums[sum_threads];
    const int thread = static_cast<int>(threadIdx.x);
    double sum = 0.0;
    for (std::int64_t e = thread; e < count; e += sum_threads) {
        sum += energies[blockIdx.x * count + e];
    }
    sums[thread] = sum;
    for (int half = sum_threads / 2; half > 0; half /= 2) {
        __syncthreads();
        if (thread < half) {
            sums[thread] += sums[thread + half];
        }
    }
    if (thread == 0) {
        out[blockIdx.x] = scale * sums[0];
    }
}

}  // namespace

}  // namespace eigenwell::pairwise::cuda

#endif  // EIGENWELL_SRC_PAIRWISE_CUDA_KERNELS_CUH
