// Passes on a device, as pairwise.cu and cuda_descent.cu launch them. For nvcc alone.
#ifndef EIGENWELL_SRC_PAIRWISE_CUDA_LAUNCH_HPP
#define EIGENWELL_SRC_PAIRWISE_CUDA_LAUNCH_HPP

#include <cuda_runtime.h>

#include "cuda_plan.hpp"

namespace eigenwell::pairwise::cuda {

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

// Threads of a block where one thread takes one element, and blocks for `count` of them.
constexpr int sum_threads = 256;
inline unsigned sum_blocks(std::int64_t count) {
    return static_cast<unsigned>(least(quotient_up(count, sum_threads), 4096));
}

// Where a gradient goes.
struct Output {
    void* data;  // [batch, rows, d]
    DType dtype;
    bool add;  // to what is there
    double scale;
};

// A pass and its second pass. `energy` and `out.data` may be null.
cudaError_t run_pass(Pass pass, std::int64_t batch, const Queue& queue, double energy_scale,
                     double* energy,  // [batch]
                     const Output& out, bool hessian);

// The distances of a matrix pass.
cudaError_t run_distances(Pass pass, std::int64_t batch, const Queue& queue,
                          void* out);  // [batch, rows, cols] or [batch, pairs]

}  // namespace eigenwell::pairwise::cuda

#endif  // EIGENWELL_SRC_PAIRWISE_CUDA_LAUNCH_HPP
