// From a pass to its kernels: the grid, the workspace, and the instance for element type,
// dimension, work and exponent.
#include "cuda_launch.hpp"

#include <type_traits>

#include "cuda_kernels.cuh"
#include "cuda_problem.hpp"

namespace eigenwell::pairwise::cuda {
namespace {

template <auto V>
using Constant = std::integral_constant<decltype(V), V>;

constexpr std::int64_t largest_grid = 2147483647;

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

}  // namespace

cudaError_t run_pass(Pass pass, std::int64_t batch, const Queue& queue, double energy_scale,
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

cudaError_t run_distances(Pass pass, std::int64_t batch, const Queue& queue, void* out) {
    const bool wide = pass.dtype == DType::float64;
    const Plan plan = wide ? plan_tiles<double>(batch, pass.rows, pass.cols)
                           : plan_tiles<float>(batch, pass.rows, pass.cols);
    if (batch == 0 || plan.row_blocks == 0 || pass.cols == 0) {
        return cudaSuccess;
    }
    if (batch * plan.row_blocks > largest_grid) {
        return cudaErrorInvalidConfiguration;
    }
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

}  // namespace eigenwell::pairwise::cuda
