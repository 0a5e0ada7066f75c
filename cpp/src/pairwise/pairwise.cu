// The pairwise family on CUDA devices: Riesz energy, gradient and Hessian product, distance
// matrices and their gradients. The contract is in pairwise_cuda.hpp; descent is in
// cuda_descent.cu.
//
// What is here turns a problem into passes (cuda_problem.hpp) and runs them. cuda_launch.cu chooses
// the kernels, cuda_kernels.cuh has them and says what they compute, at what cost, in which order.
#include <cuda_runtime.h>

#include "cuda_launch.hpp"
#include "cuda_problem.hpp"

namespace eigenwell::pairwise::cuda {
namespace {

bool sensible(const Shape& shape) {
    return shape.batch >= 0 && shape.n >= 0 && shape.m >= 0 && shape.d > 0;
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
    cudaError_t error = run_pass(riesz_pass(problem, shape, false, gradient), shape.batch, queue,
                                 energy_scale(problem, gradient), energy, out, false);
    if (error == cudaSuccess && gy != nullptr && problem.y != nullptr) {
        error = run_pass(riesz_pass(problem, shape, true, true), shape.batch, queue, 0.0, nullptr,
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
        run_pass(pass, shape.batch, queue, 0.0, nullptr, {hx, shape.dtype, false, scale}, true);
    if (error == cudaSuccess && hy != nullptr && problem.y != nullptr) {
        pass = riesz_pass(problem, shape, true, true);
        pass.vx = vy;
        pass.vy = vx;
        error =
            run_pass(pass, shape.batch, queue, 0.0, nullptr, {hy, shape.dtype, false, scale}, true);
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
    cudaError_t error =
        run_pass(matrix_pass(shape, x, y, grad, distances, Source::matrix), shape.batch, queue, 0.0,
                 nullptr, {gx, shape.dtype, false, 1.0}, false);
    if (error == cudaSuccess) {
        const Shape swapped{shape.batch, shape.m, shape.n, shape.d, shape.dtype};
        error = run_pass(matrix_pass(swapped, y, x, grad, distances, Source::transposed),
                         shape.batch, queue, 0.0, nullptr, {gy, shape.dtype, false, 1.0}, false);
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
    return run_pass(pass, shape.batch, queue, 0.0, nullptr, {gx, shape.dtype, false, 1.0}, false);
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
