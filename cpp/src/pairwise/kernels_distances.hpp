// Matrices of distances r_ij = |x_i - y_j|, and their gradients. With c_ij = weight / distance, and
// 0 where the distance is 0:
//
//   gx_i = sum_j c_ij (x_i - y_j)     gy_j = -sum_i c_ij (x_i - y_j)
//
// Layout. Lanes are columns: those of a tile are transposed first, to [d, matrix_tile(d)], and
// every row of the block then meets them. The gradients of a tile's columns are kept in the same
// form.
//
// Cost of an element: 2 d operations and a square root; backward a division and 3 d operations. The
// matrix is read or written once: for small d this is memory traffic.
//
// Numerics. Everything in T, but for a row's lanes and tiles, which are added in float64 and
// rounded to T after each tile. Order: columns ascend, and so do the rows of a block.
#ifndef EIGENWELL_SRC_PAIRWISE_KERNELS_DISTANCES_HPP
#define EIGENWELL_SRC_PAIRWISE_KERNELS_DISTANCES_HPP

#include <cstddef>

#include "kernels_rows.hpp"
#include "pairwise.hpp"

namespace eigenwell::pairwise {
namespace {  // internal linkage on purpose: see kernels.hpp

// Where row i begins, if it began at column 0.
template <class T>
std::ptrdiff_t row_start(const Matrix<T>& matrix, std::size_t i) {
    const auto at = static_cast<std::ptrdiff_t>(i);
    return matrix.condensed ? at * (2 * static_cast<std::ptrdiff_t>(matrix.n) - at - 1) / 2 - at - 1
                            : at * static_cast<std::ptrdiff_t>(matrix.m);
}

// The columns that row i has in [begin, end).
template <class T>
std::size_t first_column(const Matrix<T>& matrix, std::size_t i, std::size_t begin,
                         std::size_t end) {
    const std::size_t first = matrix.condensed && i + 1 > begin ? i + 1 : begin;
    return first < end ? first : end;
}

// columns[k, j - begin] = y[j, k]
template <class T>
EIGENWELL_NOINLINE void transpose(const Matrix<T>& matrix, std::size_t begin, std::size_t end,
                                  std::size_t stride, T* columns) {
    for (std::size_t k = 0; k < matrix.d; ++k) {
        gather(matrix.y, matrix.d, k, begin, end, stride, columns + k * stride);
    }
}

// --- Forward -------------------------------------------------------------------------------------

template <class L, std::size_t D>
void distance_rows(const Matrix<typename L::T>& matrix, std::size_t first, std::size_t last,
                   typename L::T* columns) {
    using T = typename L::T;
    using vec = typename L::vec;
    const std::size_t d = D == 0 ? matrix.d : D;
    const std::size_t step = matrix_tile(d);
    for (std::size_t begin = 0; begin < matrix.m; begin += step) {
        const std::size_t end = matrix.m - begin < step ? matrix.m : begin + step;
        if (first_column(matrix, first, begin, end) == end) {
            continue;
        }
        transpose(matrix, begin, end, step, columns);
        for (std::size_t i = first; i < last; ++i) {
            const T* x = matrix.x + i * d;
            T* out = matrix.out + row_start(matrix, i);
            std::size_t j = first_column(matrix, i, begin, end);
            const auto squares = [&](std::size_t column) {
                vec r2 = L::broadcast(0);
                for (std::size_t k = 0; k < d; ++k) {
                    const vec difference =
                        L::sub(L::broadcast(x[k]), L::load(columns + k * step + column));
                    r2 = L::fma(difference, difference, r2);
                }
                return r2;
            };
            for (; j + L::width <= end; j += L::width) {
                L::store(out + j, L::sqrt(squares(j - begin)));
            }
            if (j < end) {
                // The last vector of a tile's columns: from an earlier column on, if it has one.
                const std::size_t column =
                    j - begin + L::width <= step ? j - begin : step - L::width;
                T lanes[L::width];
                L::store(lanes, L::sqrt(squares(column)));
                for (; j < end; ++j) {
                    out[j] = lanes[j - begin - column];
                }
            }
        }
    }
}

template <class L>
void distances(const Matrix<typename L::T>& matrix, std::size_t first, std::size_t last,
               typename L::T* scratch) {
    switch (matrix.d) {
        case 1: return distance_rows<L, 1>(matrix, first, last, scratch);
        case 2: return distance_rows<L, 2>(matrix, first, last, scratch);
        case 3: return distance_rows<L, 3>(matrix, first, last, scratch);
        default: return distance_rows<L, 0>(matrix, first, last, scratch);
    }
}

// --- Backward ------------------------------------------------------------------------------------

template <class L>
double sum_of(typename L::vec v) {
    typename L::T lanes[L::width];
    L::store(lanes, v);
    double sum = 0.0;
    for (std::size_t i = 0; i < L::width; ++i) {
        sum += static_cast<double>(lanes[i]);
    }
    return sum;
}

// With c = weight / distance (0 where that is 0): gx_i = sum_j c (x_i - y_j), gy_j -= the same.
template <class L, std::size_t D>
void distance_gradients(const Matrix<typename L::T>& matrix, std::size_t first, std::size_t last,
                        typename L::T* gx, typename L::T* gy, typename L::T* columns) {
    using T = typename L::T;
    using vec = typename L::vec;
    const std::size_t d = D == 0 ? matrix.d : D;
    const std::size_t step = matrix_tile(d);
    T* gradients = columns + d * step;       // [d, step]
    T* coefficients = gradients + d * step;  // [step]
    for (std::size_t begin = 0; begin < matrix.m; begin += step) {
        const std::size_t end = matrix.m - begin < step ? matrix.m : begin + step;
        if (first_column(matrix, first, begin, end) == end) {
            continue;
        }
        transpose(matrix, begin, end, step, columns);
        for (std::size_t q = 0; q < d * step; ++q) {
            gradients[q] = 0;
        }
        for (std::size_t i = first; i < last; ++i) {
            const std::ptrdiff_t row = row_start(matrix, i);
            const T* distance = matrix.distances + row;
            const T* weight = matrix.weights + row;
            const std::size_t from = first_column(matrix, i, begin, end);
            // The columns before the row's first one, if it begins inside of a vector, get zeros.
            const std::size_t low = (from - begin) / L::width * L::width;
            const auto coefficient = [&](std::size_t j) {
                vec r;
                vec w;
                if (j >= from && j + L::width <= end) {
                    r = L::load(distance + j);
                    w = L::load(weight + j);
                } else {
                    T rs[L::width] = {};
                    T ws[L::width] = {};
                    for (std::size_t lane = 0; lane < L::width; ++lane) {
                        if (j + lane >= from && j + lane < end) {
                            rs[lane] = distance[j + lane];
                            ws[lane] = weight[j + lane];
                        }
                    }
                    r = L::load(rs);
                    w = L::load(ws);
                }
                return L::keep(L::not_less_equal(r, L::broadcast(0)), L::div(w, r));
            };
            const auto finish_row = [&](std::size_t k, double sum) {
                T& result = gx != nullptr ? gx[i * d + k] : gy[i * d + k];
                const bool write = gx != nullptr && begin == 0;
                result = static_cast<T>(write ? sum : static_cast<double>(result) + sum);
            };
            if constexpr (D != 0) {
                vec x[D];
                vec sums[D];
                for (std::size_t k = 0; k < D; ++k) {
                    x[k] = L::broadcast(matrix.x[i * D + k]);
                    sums[k] = L::broadcast(0);
                }
                for (std::size_t q = low; begin + q < end; q += L::width) {
                    const vec c = coefficient(begin + q);
                    for (std::size_t k = 0; k < D; ++k) {
                        T* g = gradients + k * step + q;
                        const vec difference = L::sub(x[k], L::load(columns + k * step + q));
                        sums[k] = L::fma(c, difference, sums[k]);
                        L::store(g, L::fnma(c, difference, L::load(g)));
                    }
                }
                for (std::size_t k = 0; k < D; ++k) {
                    finish_row(k, sum_of<L>(sums[k]));
                }
            } else {
                for (std::size_t q = low; begin + q < end; q += L::width) {
                    L::store(coefficients + q, coefficient(begin + q));
                }
                for (std::size_t k = 0; k < d; ++k) {
                    const vec x = L::broadcast(matrix.x[i * d + k]);
                    vec sum = L::broadcast(0);
                    for (std::size_t q = low; begin + q < end; q += L::width) {
                        T* g = gradients + k * step + q;
                        const vec difference = L::sub(x, L::load(columns + k * step + q));
                        const vec c = L::load(coefficients + q);
                        sum = L::fma(c, difference, sum);
                        L::store(g, L::fnma(c, difference, L::load(g)));
                    }
                    finish_row(k, sum_of<L>(sum));
                }
            }
        }
        for (std::size_t j = begin; j < end; ++j) {
            for (std::size_t k = 0; k < d; ++k) {
                gy[j * d + k] += gradients[k * step + (j - begin)];
            }
        }
    }
}

template <class L>
void distances_backward(const Matrix<typename L::T>& matrix, std::size_t first, std::size_t last,
                        typename L::T* gx, typename L::T* gy, typename L::T* scratch) {
    switch (matrix.d) {
        case 1: return distance_gradients<L, 1>(matrix, first, last, gx, gy, scratch);
        case 2: return distance_gradients<L, 2>(matrix, first, last, gx, gy, scratch);
        case 3: return distance_gradients<L, 3>(matrix, first, last, gx, gy, scratch);
        default: return distance_gradients<L, 0>(matrix, first, last, gx, gy, scratch);
    }
}

}  // namespace
}  // namespace eigenwell::pairwise

#endif  // EIGENWELL_SRC_PAIRWISE_KERNELS_DISTANCES_HPP
