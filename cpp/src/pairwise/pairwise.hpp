// Pairwise kernels: what they take and what they promise. One set per instruction set.
//
// Riesz energy of one configuration, with r_ij^2 = |x_i - y_j|^2 + softening^2:
//
//   E = sum_{(i,j)} wx_i wy_j r_ij^s     dE/dx_i = sum_j s wx_i wy_j r_ij^(s-2) (x_i - y_j)
//
// A kernel takes a block of rows i and meets each row with all of its sources j, so a row's result
// is written once, by one thread, and a gradient with respect to y is the same kernel with the
// roles exchanged. Nothing but the block is kept: O(1) memory for each thread.
//
// Numerics. Differences x_i - y_j are taken of the coordinates as they came: each is rounded once,
// wherever the cloud is, which no prior centring could improve. Sums run in the coordinates' type
// over `tile` sources and in float64 over tiles. Energies are float64 throughout.
//
// Order of summation. Lanes are rows; a row adds its sources in ascending order, tile by tile; the
// rows of a block are added in ascending order; so are the blocks. Nothing depends on threads.
// Small clouds at s = 1 meet every pair once (Symmetric below): which way it is depends on the
// shapes alone.
//
// Coincident points. r = 0 contributes 0 to energy and gradient, for every exponent.
#ifndef EIGENWELL_SRC_PAIRWISE_PAIRWISE_HPP
#define EIGENWELL_SRC_PAIRWISE_PAIRWISE_HPP

#include <cstddef>

namespace eigenwell::pairwise {

inline constexpr std::size_t block_rows = 64;  // rows of a unit of work; a multiple of all widths
inline constexpr std::size_t tile = 256;       // sources between two additions in float64

// The sources that row i meets.
enum class Sources : int { all, different, above, below };  // j != i, j > i, j < i

// One configuration, seen from its rows.
template <class T>
struct Rows {
    const T* x = nullptr;   // [n, d]
    const T* y = nullptr;   // [m, d]
    const T* wx = nullptr;  // [n], or null for ones
    const T* wy = nullptr;  // [m], or null for ones
    const T* vx = nullptr;  // [n, d], the direction of hessian_vector
    const T* vy = nullptr;  // [m, d]
    T* result = nullptr;    // [n, d]: gradient or product; null for energies alone
    std::size_t n = 0;
    std::size_t m = 0;
    std::size_t d = 0;
    Sources sources = Sources::all;
    double exponent = 1.0;
    double softening = 0.0;
    double factor = 1.0;      // of the result
    bool accumulate = false;  // add to the result instead of writing it
};

// The gradient of sum_{i<j} r_ij with every pair met once: 1.6 times as fast as by rows. For small
// n.
//
// A strip of block_rows rows adds to the columns from its own on. Strips share a few copies of the
// columns' sums: the strips of a group add to one, one after the other.
inline constexpr std::size_t strip_groups = 4;  // at most

template <class T>
struct Symmetric {
    const T* x = nullptr;  // [d, stride], zeros past n
    T* columns = nullptr;  // [groups, d, stride], zeros at first
    T* result = nullptr;   // [n, d]
    std::size_t n = 0;
    std::size_t d = 0;
    std::size_t stride = 0;  // n rounded up to block_rows
    std::size_t groups = 0;
    double softening = 0.0;
    double factor = 1.0;  // of the result
};

// A matrix of distances |x_i - y_j|, or the part i < j of it where y is x.
template <class T>
struct Matrix {
    const T* x = nullptr;          // [n, d]
    const T* y = nullptr;          // [m, d]
    const T* distances = nullptr;  // for the gradient: as `out`
    const T* weights = nullptr;    // the same: derivative of the loss with respect to each
    T* out = nullptr;              // [n, m], or condensed: [n (n - 1) / 2], row by row
    std::size_t n = 0;
    std::size_t m = 0;
    std::size_t d = 0;
    bool condensed = false;
};

// The native operations on one element type.
template <class T>
struct RowKernels {
    // Rows [first, last) of the gradient, where wanted; returns their part of the energy.
    // `scratch` has scratch_elements(d) elements, at a multiple of 64 bytes.
    double (*riesz)(const Rows<T>& rows, std::size_t first, std::size_t last, T* scratch);
    // Rows [first, last) of the Hessian applied to (vx, vy).
    void (*hessian_vector)(const Rows<T>& rows, std::size_t first, std::size_t last, T* scratch);
    // First every group of strips, whose part of the energy it returns, then the gradients of every
    // strip.
    double (*strips)(const Symmetric<T>& symmetric, std::size_t group);
    void (*gather_strip)(const Symmetric<T>& symmetric, std::size_t number);
    // Rows [first, last) of the distances. `scratch` has matrix_scratch(d) elements.
    void (*distances)(const Matrix<T>& matrix, std::size_t first, std::size_t last, T* scratch);
    // What rows [first, last) contribute to the gradients: with respect to the rows' own points,
    // written to gx, and to the columns' points, added to gy. gx is null where both are the same
    // points; then everything is added to gy.
    void (*distances_backward)(const Matrix<T>& matrix, std::size_t first, std::size_t last,
                               T* gx,  // [n, d], or null
                               T* gy,  // [m, d]
                               T* scratch);
    // The largest absolute value; NaN if one of them is NaN or infinite.
    T (*largest)(const T* values, std::size_t count);
};

struct Kernels {
    RowKernels<float> f32;
    RowKernels<double> f64;
};

// Scratch of one thread; the specialised dimensions 1, 2, 3 need none.
template <class T>
constexpr std::size_t scratch_elements(std::size_t d) noexcept {
    // Coordinates, directions and sums of at most 32 rows, and the sums in float64.
    return d <= 3 ? 0 : d * 32 * (sizeof(T) == sizeof(float) ? 5 : 4);
}

// Columns of a matrix that are worked on together, a multiple of all widths. Static, because
// kernels call it: kernels.hpp says why nothing that they call may be shared.
static constexpr std::size_t matrix_tile(std::size_t d) noexcept {
    return d <= 8 ? 1024 : (d <= 128 ? 8192 / d / 16 * 16 : 64);
}
static constexpr std::size_t matrix_scratch(std::size_t d) noexcept {
    return matrix_tile(d) * (2 * d + 1);
}

extern const Kernels portable_kernels;
#if defined(__x86_64__)
extern const Kernels avx2_kernels;
extern const Kernels avx512_kernels;
#endif

// The kernels of the active instruction set; null while EIGENWELL_ISA names an unknown one.
const Kernels* active_kernels() noexcept;

}  // namespace eigenwell::pairwise

#endif  // EIGENWELL_SRC_PAIRWISE_PAIRWISE_HPP
