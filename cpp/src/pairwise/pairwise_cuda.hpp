// The pairwise family on CUDA devices: the contract between pairwise.cu and whoever calls it.
//
// Device pointers in, a launch on `stream` out. No function allocates, synchronises or copies to
// the host, so all of them may be captured in a CUDA graph (`descend` makes a graph of its own
// where nobody is capturing its stream). Every array is contiguous, row-major, of element type
// `dtype` unless its comment says otherwise. An output that is null is not computed. Scratch memory
// comes from the caller: `workspace` holds at least the bytes that the function of that name says,
// at an address that is a multiple of 16, and belongs to one call at a time.
//
// The answer is 0, or the cudaError_t of the first launch that failed; `error_text` words it.
// This header needs neither the CUDA toolkit nor nvcc.
#ifndef EIGENWELL_SRC_PAIRWISE_PAIRWISE_CUDA_HPP
#define EIGENWELL_SRC_PAIRWISE_PAIRWISE_CUDA_HPP

#include <cstddef>
#include <cstdint>

namespace eigenwell::pairwise::cuda {

enum class DType : std::int32_t { float32, float64, float16, bfloat16 };
enum class Pairs : std::int32_t { all, upper, different };  // (i, j): every one, i < j, i != j

// E = sum over pairs (i, j) of w_i v_j r^s, with r^2 = |x_i - y_j|^2 + softening^2.
struct Riesz {
    const void* x;   // [batch, n, d]
    const void* y;   // [batch, m, d]; null: x itself, and a point forms no pair with itself
    const void* wx;  // [batch, n]; null: 1
    const void* wy;  // [batch, m]; null: 1, or wx where y is null
    double exponent;
    double softening;
    Pairs pairs;
};

struct Shape {
    std::int64_t batch;
    std::int64_t n;  // points of x
    std::int64_t m;  // points of y, n where y is null
    std::int64_t d;
    DType dtype;
};

// Where the launches go: a cudaStream_t, and the number of its device (-1: the current one).
struct Queue {
    void* stream;
    int device;
    void* workspace;
};

// Bytes for any of the functions below but `descend`; 0 where the sizes make no sense.
std::size_t workspace_size(const Shape& shape) noexcept;

int riesz(const Riesz& problem, const Shape& shape, const Queue& queue,
          double* energy,      // [batch]
          void* gx,            // [batch, n, d], dE/dx; where y is null, both roles of a point
          void* gy) noexcept;  // [batch, m, d], dE/dy
int riesz_hvp(const Riesz& problem, const Shape& shape, const Queue& queue,
              const void* vx,      // [batch, n, d]
              const void* vy,      // [batch, m, d]; null with y
              void* hx,            // [batch, n, d], the derivative of dE/dx along (vx, vy)
              void* hy) noexcept;  // [batch, m, d], that of dE/dy

int cdist(const Shape& shape, const Queue& queue,
          const void* x,        // [batch, n, d]
          const void* y,        // [batch, m, d]
          void* out) noexcept;  // [batch, n, m]
int cdist_backward(const Shape& shape, const Queue& queue,
                   const void* x,          // [batch, n, d]
                   const void* y,          // [batch, m, d]
                   const void* grad,       // [batch, n, m], of the distances
                   const void* distances,  // [batch, n, m]
                   void* gx,               // [batch, n, d]
                   void* gy) noexcept;     // [batch, m, d]

// Of shape.m nothing is read; pairs i < j row by row, as torch.pdist orders them.
int pdist(const Shape& shape, const Queue& queue,
          const void* x,        // [batch, n, d]
          void* out) noexcept;  // [batch, n (n - 1) / 2]
int pdist_backward(const Shape& shape, const Queue& queue,
                   const void* x,          // [batch, n, d]
                   const void* grad,       // [batch, n (n - 1) / 2]
                   const void* distances,  // [batch, n (n - 1) / 2]
                   void* gx) noexcept;     // [batch, n, d]

// Gradient descent of several coupled species along E = sum over the terms of strength E_s, all of
// them at once: velocity = momentum velocity + dE/dx; x -= learning_rate velocity. float32 and
// float64 only.
struct Species {
    void* x;         // [n, d], moved in place
    void* velocity;  // [n, d]; null where momentum is 0
    void* records;   // [steps / record_every, n, d], the states after every record_every-th step;
                     // null for none
    std::int64_t n;
    double learning_rate;
};
struct Term {
    std::int32_t first;   // index of a species
    std::int32_t second;  // the same index: a self energy
    double strength;
    double exponent;
    double softening;
    Pairs pairs;
};
struct Descent {
    const Species* species;  // [species_count], host memory, read before the call returns
    const Term* terms;       // [term_count], likewise
    std::int32_t species_count;
    std::int32_t term_count;
    std::int64_t d;
    DType dtype;
    std::int64_t steps;
    std::int64_t record_every;  // 0 for never
    double momentum;
};
std::size_t descend_workspace_size(const Descent& descent) noexcept;
int descend(const Descent& descent, const Queue& queue) noexcept;

int device_count() noexcept;  // 0 where there is no driver either
const char* error_text(int status) noexcept;

}  // namespace eigenwell::pairwise::cuda

#endif  // EIGENWELL_SRC_PAIRWISE_PAIRWISE_CUDA_HPP
