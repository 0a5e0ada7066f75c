// The one matrix product: C = S + A B, A with any strides, lanes along the rows of B, S and C.
//
// A block of 6 rows and block_vectors vectors of C stays in registers while k runs: for AVX-512
// 24 sums, 4 vectors of B and a broadcast, 24 FMA for 10 loads. Sums run over k in order, so their
// bits do not depend on the blocks.
#ifndef EIGENWELL_SRC_PPO_PRODUCT_HPP
#define EIGENWELL_SRC_PPO_PRODUCT_HPP

#include "lanes.hpp"

namespace eigenwell::ppo {
namespace {

constexpr std::size_t block_rows = 6;

struct Left {
    const float* at;  // element (row, k) is at[row * row_stride + k * k_stride]
    std::size_t row_stride;
    std::size_t k_stride;
};

struct Rows {
    const float* at;
    std::size_t stride;  // 0: all rows are the first
};

template <std::size_t Count, std::size_t Vectors>
void block(std::size_t depth, Left a, Rows b, Rows start,
           float* c,  // [Count, stride]
           std::size_t stride) {
    vec sums[Count][Vectors];
#pragma GCC unroll 8
    for (std::size_t i = 0; i < Count; ++i) {
#pragma GCC unroll 8
        for (std::size_t j = 0; j < Vectors; ++j) {
            sums[i][j] = load(start.at + i * start.stride + j * width);
        }
    }
    for (std::size_t k = 0; k < depth; ++k) {
        vec right[Vectors];
#pragma GCC unroll 8
        for (std::size_t j = 0; j < Vectors; ++j) {
            right[j] = load(b.at + k * b.stride + j * width);
        }
#pragma GCC unroll 8
        for (std::size_t i = 0; i < Count; ++i) {
            const vec left = broadcast(a.at[i * a.row_stride + k * a.k_stride]);
#pragma GCC unroll 8
            for (std::size_t j = 0; j < Vectors; ++j) {
                sums[i][j] = fma(left, right[j], sums[i][j]);
            }
        }
    }
#pragma GCC unroll 8
    for (std::size_t i = 0; i < Count; ++i) {
#pragma GCC unroll 8
        for (std::size_t j = 0; j < Vectors; ++j) {
            store(c + i * stride + j * width, sums[i][j]);
        }
    }
}

template <std::size_t Count, std::size_t Vectors>
void columns(std::size_t vectors, std::size_t depth, Left a, Rows b, Rows start, float* c,
             std::size_t stride) {
    for (; vectors >= Vectors; vectors -= Vectors) {
        block<Count, Vectors>(depth, a, b, start, c, stride);
        b.at += Vectors * width;
        start.at += Vectors * width;
        c += Vectors * width;
    }
    if constexpr (Vectors > 1) {
        columns<Count, Vectors - 1>(vectors, depth, a, b, start, c, stride);
    }
}

template <std::size_t Count = block_rows>
void product(std::size_t rows,   // of A, S and C
             std::size_t depth,  // of A, rows of B
             Left a,
             Rows b,                // [depth, stride]
             Rows start,            // S, [rows, stride]; may be C
             float* c,              // [rows, stride]
             std::size_t stride) {  // columns too, a multiple of the padding
    for (; rows >= Count; rows -= Count) {
        columns<Count, block_vectors>(stride / width, depth, a, b, start, c, stride);
        a.at += Count * a.row_stride;
        start.at += Count * start.stride;
        c += Count * stride;
    }
    if constexpr (Count > 1) {
        product<Count - 1>(rows, depth, a, b, start, c, stride);
    }
}

}  // namespace
}  // namespace eigenwell::ppo

#endif  // EIGENWELL_SRC_PPO_PRODUCT_HPP
