// Gradient descent on the device: every step adds up the gradients of all terms, then moves all
// species. Nothing waits for the host, so a whole descent may be captured in a graph.
//
// Layout   The workspace begins with one float64 gradient [n, d] a species; the passes have the
//          rest.
// Cost     A step: a pass for each end of a term, and a launch a species.
// Numerics Gradients are added and points moved in float64; state and velocity are rounded once a
//          step.
// Order    The terms one after the other on one stream, each as cuda_kernels.cuh says.
#include <cuda_runtime.h>

#include "cuda_launch.hpp"
#include "cuda_problem.hpp"

namespace eigenwell::pairwise::cuda {
namespace {

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

// A step of descent: what `term` adds to the gradients of its species.
cudaError_t add_term(const Descent& descent, const Term& term, const Queue& queue,
                     double* const* gradients) {  // [species_count] of [n, d]
    const Species& a = descent.species[term.first];
    const Species& b = descent.species[term.second];
    if (a.n == 0 || b.n == 0) {
        return cudaSuccess;  // and an empty species' null address would read as "y is x"
    }
    const bool self = term.first == term.second;
    const Riesz problem{a.x,           self ? nullptr : b.x, nullptr,   nullptr,
                        term.exponent, term.softening,       term.pairs};
    const Shape shape{1, a.n, b.n, descent.d, descent.dtype};
    for (int side = 0; side < (self ? 1 : 2); ++side) {
        const Pass pass = riesz_pass(problem, shape, side == 1, true);
        const Output out{gradients[side == 0 ? term.first : term.second], DType::float64, true,
                         term.strength * gradient_scale(problem)};
        const cudaError_t error = run_pass(pass, 1, queue, 0.0, nullptr, out, false);
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

}  // namespace eigenwell::pairwise::cuda
