// The pairwise family on CUDA devices: Riesz energy, gradient and Hessian product, distance
// matrices and their gradients, gradient descent. The contract is in pairwise_cuda.hpp.
//
//   E = sum over pairs w_i v_j r^s,  dE/dx_i = s w_i sum_j v_j r^(s-2) (x_i - y_j)
//
// Layout   A pass gives each block some rows and a share of the column tiles (cuda_plan.hpp), so
//          that a small cloud still fills the device. cuda_rows.hpp has the arithmetic for
//          d = 1, 2, 3, cuda_tiles.hpp for any d; what is here puts barriers between their phases
//          and chooses the instance.
// Cost     n m pairs for the gradient of one side; a self energy without its gradient takes half of
//          them. Issue slots a pair: in cuda_rows.hpp and cuda_tiles.hpp. Memory: the workspace,
//          d + 1 numbers a row and share, where the shares stop growing once 4096 blocks are there.
// Numerics float16 and bfloat16 are widened to float32 on loading. No centring: cuda_rows.hpp says
//          why differences of the input need none. Energies are float64 from the first tile on.
//          Build without --use_fast_math: Sum depends on the order of its additions.
// Order    Every block writes its own place, and `add_shares` adds the places up in a fixed order:
//          no atomics, the same bits in every run and on every device of one architecture.
#include <cuda_runtime.h>

#include <type_traits>

#include "cuda_problem.hpp"
#include "cuda_rows.hpp"
#include "cuda_tiles.hpp"

namespace eigenwell::pairwise::cuda {
namespace {

constexpr int sum_threads = 256;

// --- Kernels -------------------------------------------------------------------------------------

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

// Where a gradient goes.
struct Output {
    void* data;  // [batch, rows, d]
    DType dtype;
    bool add;  // to what is there
    double scale;
};

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

// One step of descent for one species: v = momentum v + g, x -= rate v.
template <class T>
__global__ void __launch_bounds__(sum_threads)
    move_kernel(T* x,             // [count]
                T* velocity,      // [count] or null
                T* record,        // [count] or null
                const double* g,  // [count]
                std::int64_t count, double rate, double momentum) {
    const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * sum_threads;
    for (std::int64_t at = static_cast<std::int64_t>(blockIdx.x) * sum_threads + threadIdx.x;
         at < count; at += step) {
        double v = g[at];
        if (velocity != nullptr) {
            v += momentum * static_cast<double>(velocity[at]);
            velocity[at] = static_cast<T>(v);
        }
        const T moved = static_cast<T>(static_cast<double>(x[at]) - rate * v);
        x[at] = moved;
        if (record != nullptr) {
            record[at] = moved;
        }
    }
}

// --- Launches ------------------------------------------------------------------------------------

template <auto V>
using Constant = std::integral_constant<decltype(V), V>;

constexpr std::int64_t largest_grid = 2147483647;

// Makes the queue's device current for one call.
class OnDevice {
public:
    explicit OnDevice(int device) {
        if (device < 0) {
            return;
        }
        status_ = cudaGetDevice(&before_);
        if (status_ == cudaSuccess && before_ != device) {
            status_ = cudaSetDevice(device);
            changed_ = status_ == cudaSuccess;
        }
    }
    ~OnDevice() {
        if (changed_) {
            static_cast<void>(cudaSetDevice(before_));
        }
    }
    OnDevice(const OnDevice&) = delete;
    OnDevice& operator=(const OnDevice&) = delete;
    [[nodiscard]] cudaError_t status() const { return status_; }

private:
    cudaError_t status_ = cudaSuccess;
    int before_ = 0;
    bool changed_ = false;
};

unsigned sum_blocks(std::int64_t count) {
    return static_cast<unsigned>(least(quotient_up(count, sum_threads), 4096));
}

// Instances are dear (each is compiled for every architecture), so there are none of little use:
// several rows to a thread only where plan_rows says so, the gradient alone for s = 1 and s = -1.
template <class T, int D, Work W, Power P>
void launch_rows(const Pass& pass, int per_thread, dim3 grid, cudaStream_t stream) {
    if constexpr (std::is_same_v<T, float> && P != Power::general) {
        if (per_thread == Rows::many) {
            rows_kernel<T, D, W, P, Rows::many><<<grid, Rows::threads, 0, stream>>>(pass);
            return;
        }
    }
    rows_kernel<T, D, W, P, 1><<<grid, Rows::threads, 0, stream>>>(pass);
}

template <class T, int D>
void launch_rows(const Pass& pass, Work work, int per_thread, dim3 grid, cudaStream_t stream) {
    if (work == Work::hessian) {  // asks for the exponent at run time
        return launch_rows<T, D, Work::hessian, Power::general>(pass, 1, grid, stream);
    }
    const auto run = [&](auto power) {
        constexpr Power p = decltype(power)::value;
        if (work == Work::energy) {
            return launch_rows<T, D, Work::energy, p>(pass, per_thread, grid, stream);
        }
        if constexpr (p == Power::one || p == Power::minus_one) {
            if (work == Work::gradient) {
                return launch_rows<T, D, Work::gradient, p>(pass, per_thread, grid, stream);
            }
        }
        return launch_rows<T, D, Work::both, p>(pass, per_thread, grid, stream);
    };
    switch (pass.power) {
        case Power::one: return run(Constant<Power::one>{});
        case Power::minus_one: return run(Constant<Power::minus_one>{});
        case Power::two: return run(Constant<Power::two>{});
        case Power::general: return run(Constant<Power::general>{});
    }
}

template <class T>
void launch(const Pass& pass, Work work, int per_thread, dim3 grid, cudaStream_t stream) {
    if (per_thread > 0) {
        switch (pass.d) {
            case 1: return launch_rows<T, 1>(pass, work, per_thread, grid, stream);
            case 2: return launch_rows<T, 2>(pass, work, per_thread, grid, stream);
            default: return launch_rows<T, 3>(pass, work, per_thread, grid, stream);
        }
    }
    constexpr int threads = Tiles<T>::threads;
    if (pass.source != Source::riesz) {
        if (pass.d <= 4) {
            matrix_kernel<T, 4><<<grid, threads, 0, stream>>>(pass);
        } else {
            matrix_kernel<T, 16><<<grid, threads, 0, stream>>>(pass);
        }
    } else if (work == Work::hessian) {
        tiles_kernel<T, 8, true><<<grid, threads, 0, stream>>>(pass);
    } else if (pass.d <= 4) {
        tiles_kernel<T, 4, false><<<grid, threads, 0, stream>>>(pass);
    } else {
        tiles_kernel<T, 16, false><<<grid, threads, 0, stream>>>(pass);
    }
}

// A pass and its second pass. `energy` and `out.data` may be null.
cudaError_t run(Pass pass, std::int64_t batch, const Queue& queue, double energy_scale,
                double* energy,  // [batch]
                const Output& out, bool hessian) {
    const Plan plan = plan_of(pass, batch);
    const auto stream = static_cast<cudaStream_t>(queue.stream);
    if (batch == 0 || (energy == nullptr && out.data == nullptr)) {
        return cudaSuccess;
    }
    if (batch * plan.row_blocks > largest_grid || batch > largest_grid) {
        return cudaErrorInvalidConfiguration;
    }
    auto* const workspace = static_cast<unsigned char*>(queue.workspace);
    if (workspace == nullptr) {
        return cudaErrorInvalidValue;
    }
    pass.row_blocks = plan.row_blocks;
    pass.splits = plan.splits;
    pass.energies = energy != nullptr ? reinterpret_cast<double*>(workspace) : nullptr;
    pass.partial = out.data != nullptr ? workspace + energy_bytes(plan, batch) : nullptr;
    if (plan.row_blocks > 0) {
        const Work work = hessian               ? Work::hessian
                          : out.data == nullptr ? Work::energy
                          : energy == nullptr   ? Work::gradient
                                                : Work::both;
        const dim3 grid(static_cast<unsigned>(batch * plan.row_blocks),
                        static_cast<unsigned>(plan.splits));
        if (pass.dtype == DType::float64) {
            launch<double>(pass, work, plan.per_thread, grid, stream);
        } else {
            launch<float>(pass, work, plan.per_thread, grid, stream);
        }
        if (const cudaError_t error = cudaGetLastError(); error != cudaSuccess) {
            return error;
        }
    }
    if (energy != nullptr) {
        add_energies<<<static_cast<unsigned>(batch), sum_threads, 0, stream>>>(
            pass.energies, plan.splits * plan.row_blocks, energy_scale, energy);
        if (const cudaError_t error = cudaGetLastError(); error != cudaSuccess) {
            return error;
        }
    }
    const std::int64_t count = batch * pass.rows * pass.d;
    if (out.data != nullptr && count > 0) {
        const auto add = [&](auto part) {
            add_shares<decltype(part)>
                <<<sum_blocks(count), sum_threads, 0, stream>>>(pass, batch, out);
        };
        const bool wide = pass.dtype == DType::float64;
        if (plan.per_thread > 0) {
            wide ? add(double{}) : add(float{});
        } else {
            wide ? add(Sum<double>{}) : add(Sum<float>{});
        }
        return cudaGetLastError();
    }
    return cudaSuccess;
}

bool sensible(const Shape& shape) {
    return shape.batch >= 0 && shape.n >= 0 && shape.m >= 0 && shape.d > 0;
}

cudaError_t run_distances(const Pass& blank, std::int64_t batch, const Queue& queue, void* out) {
    const bool wide = blank.dtype == DType::float64;
    const Plan plan = wide ? plan_tiles<double>(batch, blank.rows, blank.cols)
                           : plan_tiles<float>(batch, blank.rows, blank.cols);
    if (batch == 0 || plan.row_blocks == 0 || blank.cols == 0) {
        return cudaSuccess;
    }
    if (batch * plan.row_blocks > largest_grid) {
        return cudaErrorInvalidConfiguration;
    }
    Pass pass = blank;
    pass.row_blocks = plan.row_blocks;
    pass.splits = plan.splits;
    const auto stream = static_cast<cudaStream_t>(queue.stream);
    const dim3 grid(static_cast<unsigned>(batch * plan.row_blocks),
                    static_cast<unsigned>(plan.splits));
    const auto go = [&](auto zero, auto chunk) {
        using T = decltype(zero);
        distances_kernel<T, decltype(chunk)::value>
            <<<grid, Tiles<T>::threads, 0, stream>>>(pass, out);
    };
    if (wide) {
        pass.d <= 4 ? go(double{}, Constant<4>{}) : go(double{}, Constant<16>{});
    } else {
        pass.d <= 4 ? go(float{}, Constant<4>{}) : go(float{}, Constant<16>{});
    }
    return cudaGetLastError();
}

// A step of descent: what `term` adds to the gradients of its species.
cudaError_t add_term(const Descent& descent, const Term& term, const Queue& queue,
                     double* const* gradients) {  // [species_count] of [n, d]
    const Species& a = descent.species[term.first];
    const Species& b = descent.species[term.second];
    const bool self = term.first == term.second;
    const Riesz problem{a.x,           self ? nullptr : b.x, nullptr,   nullptr,
                        term.exponent, term.softening,       term.pairs};
    const Shape shape{1, a.n, b.n, descent.d, descent.dtype};
    for (int side = 0; side < (self ? 1 : 2); ++side) {
        const Pass pass = riesz_pass(problem, shape, side == 1, true);
        const Output out{gradients[side == 0 ? term.first : term.second], DType::float64, true,
                         term.strength * gradient_scale(problem)};
        const cudaError_t error = run(pass, 1, queue, 0.0, nullptr, out, false);
        if (error != cudaSuccess) {
            return error;
        }
    }
    return cudaSuccess;
}

cudaError_t move(const Descent& descent, const Species& species, cudaStream_t stream,
                 const double* gradient, std::int64_t record) {  // number of the record or -1
    const std::int64_t count = species.n * descent.d;
    if (count == 0) {
        return cudaSuccess;
    }
    const auto go = [&](auto zero) {
        using T = decltype(zero);
        T* out = species.records != nullptr && record >= 0
                     ? static_cast<T*>(species.records) + record * count
                     : nullptr;
        move_kernel<T><<<sum_blocks(count), sum_threads, 0, stream>>>(
            static_cast<T*>(species.x), static_cast<T*>(species.velocity), out, gradient, count,
            species.learning_rate, descent.momentum);
    };
    descent.dtype == DType::float64 ? go(double{}) : go(float{});
    return cudaGetLastError();
}

}  // namespace

std::size_t workspace_size(const Shape& shape) noexcept { return bytes_of(shape); }

int riesz(const Riesz& problem, const Shape& shape, const Queue& queue, double* energy, void* gx,
          void* gy) noexcept {
    if (!sensible(shape) || problem.exponent == 0.0) {
        return cudaErrorInvalidValue;
    }
    const OnDevice guard(queue.device);
    if (guard.status() != cudaSuccess) {
        return guard.status();
    }
    const double scale = gradient_scale(problem);
    const bool gradient = gx != nullptr;
    const Output out{gx, shape.dtype, false, scale};
    cudaError_t error = run(riesz_pass(problem, shape, false, gradient), shape.batch, queue,
                            energy_scale(problem, gradient), energy, out, false);
    if (error == cudaSuccess && gy != nullptr && problem.y != nullptr) {
        error = run(riesz_pass(problem, shape, true, true), shape.batch, queue, 0.0, nullptr,
                    {gy, shape.dtype, false, scale}, false);
    }
    return error;
}

int riesz_hvp(const Riesz& problem, const Shape& shape, const Queue& queue, const void* vx,
              const void* vy, void* hx, void* hy) noexcept {
    if (!sensible(shape) || problem.exponent == 0.0 || vx == nullptr ||
        (problem.y != nullptr && vy == nullptr)) {
        return cudaErrorInvalidValue;
    }
    const OnDevice guard(queue.device);
    if (guard.status() != cudaSuccess) {
        return guard.status();
    }
    const double scale = gradient_scale(problem);
    Pass pass = riesz_pass(problem, shape, false, true);
    pass.vx = vx;
    pass.vy = problem.y != nullptr ? vy : vx;
    cudaError_t error =
        run(pass, shape.batch, queue, 0.0, nullptr, {hx, shape.dtype, false, scale}, true);
    if (error == cudaSuccess && hy != nullptr && problem.y != nullptr) {
        pass = riesz_pass(problem, shape, true, true);
        pass.vx = vy;
        pass.vy = vx;
        error = run(pass, shape.batch, queue, 0.0, nullptr, {hy, shape.dtype, false, scale}, true);
    }
    return error;
}

int cdist(const Shape& shape, const Queue& queue, const void* x, const void* y,
          void* out) noexcept {
    if (!sensible(shape)) {
        return cudaErrorInvalidValue;
    }
    const OnDevice guard(queue.device);
    if (guard.status() != cudaSuccess) {
        return guard.status();
    }
    return run_distances(matrix_pass(shape, x, y, nullptr, nullptr, Source::matrix), shape.batch,
                         queue, out);
}

int cdist_backward(const Shape& shape, const Queue& queue, const void* x, const void* y,
                   const void* grad, const void* distances, void* gx, void* gy) noexcept {
    if (!sensible(shape)) {
        return cudaErrorInvalidValue;
    }
    const OnDevice guard(queue.device);
    if (guard.status() != cudaSuccess) {
        return guard.status();
    }
    cudaError_t error = run(matrix_pass(shape, x, y, grad, distances, Source::matrix), shape.batch,
                            queue, 0.0, nullptr, {gx, shape.dtype, false, 1.0}, false);
    if (error == cudaSuccess) {
        const Shape swapped{shape.batch, shape.m, shape.n, shape.d, shape.dtype};
        error = run(matrix_pass(swapped, y, x, grad, distances, Source::transposed), shape.batch,
                    queue, 0.0, nullptr, {gy, shape.dtype, false, 1.0}, false);
    }
    return error;
}

int pdist(const Shape& shape, const Queue& queue, const void* x, void* out) noexcept {
    if (!sensible(shape)) {
        return cudaErrorInvalidValue;
    }
    const OnDevice guard(queue.device);
    if (guard.status() != cudaSuccess) {
        return guard.status();
    }
    const Shape square{shape.batch, shape.n, shape.n, shape.d, shape.dtype};
    Pass pass = matrix_pass(square, x, x, nullptr, nullptr, Source::condensed);
    pass.mask = Mask::upper;
    return run_distances(pass, shape.batch, queue, out);
}

int pdist_backward(const Shape& shape, const Queue& queue, const void* x, const void* grad,
                   const void* distances, void* gx) noexcept {
    if (!sensible(shape)) {
        return cudaErrorInvalidValue;
    }
    const OnDevice guard(queue.device);
    if (guard.status() != cudaSuccess) {
        return guard.status();
    }
    const Shape square{shape.batch, shape.n, shape.n, shape.d, shape.dtype};
    Pass pass = matrix_pass(square, x, x, grad, distances, Source::condensed);
    pass.mask = Mask::different;
    return run(pass, shape.batch, queue, 0.0, nullptr, {gx, shape.dtype, false, 1.0}, false);
}

std::size_t descend_workspace_size(const Descent& descent) noexcept {
    return scratch_bytes(descent) + gradient_bytes(descent);
}

int descend(const Descent& descent, const Queue& queue) noexcept {
    if (!sensible(descent) || queue.workspace == nullptr) {
        return cudaErrorInvalidValue;
    }
    const OnDevice guard(queue.device);
    if (guard.status() != cudaSuccess) {
        return guard.status();
    }
    const auto stream = static_cast<cudaStream_t>(queue.stream);
    // The workspace begins with one gradient a species.
    auto* const base = static_cast<double*>(queue.workspace);
    double* gradients[species_limit];
    double* next = base;
    for (std::int32_t a = 0; a < descent.species_count; ++a) {
        gradients[a] = next;
        next += descent.species[a].n * descent.d;
    }
    const std::size_t cleared = gradient_bytes(descent);
    Queue passes = queue;
    passes.workspace = static_cast<unsigned char*>(queue.workspace) + cleared;
    for (std::int64_t step = 1; step <= descent.steps; ++step) {
        cudaError_t error = cudaMemsetAsync(base, 0, cleared, stream);
        for (std::int32_t t = 0; t < descent.term_count && error == cudaSuccess; ++t) {
            error = add_term(descent, descent.terms[t], passes, gradients);
        }
        const bool recorded = descent.record_every > 0 && step % descent.record_every == 0;
        const std::int64_t record = recorded ? step / descent.record_every - 1 : -1;
        for (std::int32_t a = 0; a < descent.species_count && error == cudaSuccess; ++a) {
            error = move(descent, descent.species[a], stream, gradients[a], record);
        }
        if (error != cudaSuccess) {
            return error;
        }
    }
    return cudaSuccess;
}

int device_count() noexcept {
    int count = 0;
    if (cudaGetDeviceCount(&count) != cudaSuccess) {
        static_cast<void>(cudaGetLastError());  // the answer is 0, not an error of the next call
        return 0;
    }
    return count;
}

const char* error_text(int status) noexcept {
    return cudaGetErrorString(static_cast<cudaError_t>(status));
}

}  // namespace eigenwell::pairwise::cuda
