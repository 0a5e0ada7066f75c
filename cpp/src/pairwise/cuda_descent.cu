// Gradient descent on the device: every step adds up the gradients of all terms, then moves all
// species. Nothing waits for the host. A long descent launches its steps as a graph, several at a
// time: the kernels of a small cloud take less time than their launches.
//
// Layout   The workspace begins with one float64 gradient [n, d] a species; the passes have the
//          rest.
// Cost     A step: a pass for each end of a term, and a kernel a species. A record: a copy.
// Numerics Gradients are added and points moved in float64; state and velocity are rounded once a
//          step.
// Order    The terms one after the other on one stream, each as cuda_kernels.cuh says; in a graph
//          the same kernels in the same order.
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
        x[at] = static_cast<T>(static_cast<double>(x[at]) - rate * v);
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
                 const double* gradient) {  // [n, d]
    const std::int64_t count = species.n * descent.d;
    if (count == 0) {
        return cudaSuccess;
    }
    const auto go = [&](auto zero) {
        using T = decltype(zero);
        move_kernel<T><<<sum_blocks(count), sum_threads, 0, stream>>>(
            static_cast<T*>(species.x), static_cast<T*>(species.velocity), gradient, count,
            species.learning_rate, descent.momentum);
    };
    descent.dtype == DType::float64 ? go(double{}) : go(float{});
    return cudaGetLastError();
}

// One step of all species.
cudaError_t take_step(const Descent& descent, const Queue& queue) {
    const auto stream = static_cast<cudaStream_t>(queue.stream);
    auto* const base = static_cast<double*>(queue.workspace);
    const std::size_t cleared = gradient_bytes(descent);
    double* gradients[species_limit];
    double* next = base;
    for (std::int32_t a = 0; a < descent.species_count; ++a) {
        gradients[a] = next;
        next += descent.species[a].n * descent.d;
    }
    Queue passes = queue;
    passes.workspace = static_cast<unsigned char*>(queue.workspace) + cleared;
    cudaError_t error = cudaMemsetAsync(base, 0, cleared, stream);
    for (std::int32_t t = 0; t < descent.term_count && error == cudaSuccess; ++t) {
        error = add_term(descent, descent.terms[t], passes, gradients);
    }
    for (std::int32_t a = 0; a < descent.species_count && error == cudaSuccess; ++a) {
        error = move(descent, descent.species[a], stream, gradients[a]);
    }
    return error;
}

cudaError_t record_all(const Descent& descent, cudaStream_t stream, std::int64_t record) {
    const std::size_t size = descent.dtype == DType::float64 ? sizeof(double) : sizeof(float);
    for (std::int32_t a = 0; a < descent.species_count; ++a) {
        const Species& species = descent.species[a];
        const std::size_t bytes = static_cast<std::size_t>(species.n * descent.d) * size;
        if (species.records == nullptr || bytes == 0) {
            continue;
        }
        auto* const out =
            static_cast<unsigned char*>(species.records) + static_cast<std::size_t>(record) * bytes;
        const cudaError_t error =
            cudaMemcpyAsync(out, species.x, bytes, cudaMemcpyDeviceToDevice, stream);
        if (error != cudaSuccess) {
            return error;
        }
    }
    return cudaSuccess;
}

// Some steps of a descent as a graph.
class Steps {
public:
    Steps() = default;
    ~Steps() {
        if (graph_ != nullptr) {  // one that still runs goes when it is done
            static_cast<void>(cudaGraphExecDestroy(graph_));
        }
    }
    Steps(const Steps&) = delete;
    Steps& operator=(const Steps&) = delete;

    [[nodiscard]] cudaGraphExec_t get() const { return graph_; }

    // Captures `number` steps for the queue's stream. Where that stream is being captured itself,
    // or the system makes no graph, there is none.
    void capture(const Descent& descent, const Queue& queue, std::int64_t number) {
        cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
        const auto stream = static_cast<cudaStream_t>(queue.stream);
        if (cudaStreamIsCapturing(stream, &status) == cudaSuccess &&
            status == cudaStreamCaptureStatusNone) {
            // What other threads capture is not disturbed by what this one makes here.
            cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
            static_cast<void>(cudaThreadExchangeStreamCaptureMode(&mode));
            // The caller's stream may be the null stream, which cannot be captured.
            cudaStream_t own = nullptr;
            if (cudaStreamCreateWithFlags(&own, cudaStreamNonBlocking) == cudaSuccess) {
                capture_on(own, descent, queue, number);
                static_cast<void>(cudaStreamDestroy(own));
            }
            static_cast<void>(cudaThreadExchangeStreamCaptureMode(&mode));
        }
        if (graph_ == nullptr) {
            static_cast<void>(cudaGetLastError());  // not what the next launch is to report
        }
    }

private:
    void capture_on(cudaStream_t own, const Descent& descent, Queue queue, std::int64_t number) {
        if (cudaStreamBeginCapture(own, cudaStreamCaptureModeRelaxed) != cudaSuccess) {
            return;
        }
        queue.stream = own;
        cudaError_t error = cudaSuccess;
        for (std::int64_t step = 0; step < number && error == cudaSuccess; ++step) {
            error = take_step(descent, queue);
        }
        cudaGraph_t made = nullptr;
        const cudaError_t ended = cudaStreamEndCapture(own, &made);
        if (error == cudaSuccess && ended == cudaSuccess &&
            cudaGraphInstantiate(&graph_, made, 0) != cudaSuccess) {
            graph_ = nullptr;
        }
        if (made != nullptr) {
            static_cast<void>(cudaGraphDestroy(made));
        }
    }

    cudaGraphExec_t graph_ = nullptr;
};

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
    if (gradient_bytes(descent) == 0) {
        return cudaSuccess;  // nobody moves
    }
    const auto stream = static_cast<cudaStream_t>(queue.stream);
    const std::int64_t together = steps_together(descent);
    Steps steps;
    bool tried = false;
    const auto one = [&]() -> int { return take_step(descent, queue); };
    const auto several = [&]() -> int {
        if (!tried) {
            steps.capture(descent, queue, together);
            tried = true;
        }
        if (steps.get() != nullptr) {
            return cudaGraphLaunch(steps.get(), stream);
        }
        int status = 0;
        for (std::int64_t step = 0; step < together && status == 0; ++step) {
            status = one();
        }
        return status;
    };
    const auto record = [&](std::int64_t number) -> int {
        return record_all(descent, stream, number);
    };
    return walk(descent, together, one, several, record);
}

}  // namespace eigenwell::pairwise::cuda
