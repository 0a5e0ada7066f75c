// Sixteen float lanes of AVX-512 (F, BW, DQ, VL: x86-64-v4), 32 registers. Included by the two
// translation units that are compiled for it and by no other.
#ifndef EIGENWELL_SRC_DC_LANES_AVX512_HPP
#define EIGENWELL_SRC_DC_LANES_AVX512_HPP

#include <immintrin.h>

#include "isa.hpp"

namespace eigenwell::dc {
namespace {  // internal linkage on purpose: see kernels.hpp

struct Avx512Lanes {
    using vec = __m512;
    static constexpr std::size_t width = 16;
    static constexpr std::size_t vectors = 4;  // 16 sums of the 32 registers
    // 4 partial sums x 3 eigenvalues x 2 vectors of observations = 24 of the 32 registers. A step
    // is 2 + 3 loads for 6 FMA: with two loads and two FMA a cycle the FMA ports are the limit.
    static constexpr std::size_t batch_vectors = 2;
    static constexpr std::size_t batch_eigenvalues = 3;

    static vec load(const float* p) { return _mm512_loadu_ps(p); }
    static void store(float* p, vec v) { _mm512_storeu_ps(p, v); }
    static void store_first(float* p, vec v, std::size_t count) {
        if (count == 4) {
            // Not a masked store: a later load of the actions could not be forwarded from one.
            _mm_storeu_ps(p, _mm512_castps512_ps128(v));
            return;
        }
        alignas(64) float lanes[width];
        _mm512_store_ps(lanes, v);
        for (std::size_t i = 0; i < count; ++i) {
            p[i] = lanes[i];
        }
    }
    static vec swap(vec v, std::size_t distance) {  // lane i takes lane i ^ distance
        switch (distance) {
            case 8: return _mm512_shuffle_f32x4(v, v, 0x4E);
            case 4: return _mm512_shuffle_f32x4(v, v, 0xB1);
            case 2: return _mm512_permute_ps(v, 0x4E);
            default: return _mm512_permute_ps(v, 0xB1);
        }
    }
    static vec broadcast(float x) { return _mm512_set1_ps(x); }
    static vec add(vec a, vec b) { return _mm512_add_ps(a, b); }
    static vec sub(vec a, vec b) { return _mm512_sub_ps(a, b); }
    static vec mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
    static vec fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
    static vec max(vec a, vec b) { return _mm512_max_ps(a, b); }
    static vec min(vec a, vec b) { return _mm512_min_ps(a, b); }

    // Rows r, r + 4, r + 8, r + 12 share a register: one 4 x 4 transpose in each quarter does
    // 16 rows x 4 inputs.
    static void transpose(const float* rows, std::size_t n, float* out, std::size_t stride) {
        std::size_t i = 0;
        for (; i + 4 <= n; i += 4) {
            __m512 r[4];
            for (std::size_t q = 0; q < 4; ++q) {
                const float* p = rows + q * n + i;
                r[q] = _mm512_castps128_ps512(_mm_loadu_ps(p));
                r[q] = _mm512_insertf32x4(r[q], _mm_loadu_ps(p + 4 * n), 1);
                r[q] = _mm512_insertf32x4(r[q], _mm_loadu_ps(p + 8 * n), 2);
                r[q] = _mm512_insertf32x4(r[q], _mm_loadu_ps(p + 12 * n), 3);
            }
            const __m512 a = _mm512_unpacklo_ps(r[0], r[1]);
            const __m512 b = _mm512_unpackhi_ps(r[0], r[1]);
            const __m512 c = _mm512_unpacklo_ps(r[2], r[3]);
            const __m512 d = _mm512_unpackhi_ps(r[2], r[3]);
            store(out + i * stride, _mm512_shuffle_ps(a, c, 0x44));
            store(out + (i + 1) * stride, _mm512_shuffle_ps(a, c, 0xEE));
            store(out + (i + 2) * stride, _mm512_shuffle_ps(b, d, 0x44));
            store(out + (i + 3) * stride, _mm512_shuffle_ps(b, d, 0xEE));
        }
        for (; i < n; ++i) {
            for (std::size_t r = 0; r < width; ++r) {
                out[i * stride + r] = rows[r * n + i];
            }
        }
    }
};

}  // namespace
}  // namespace eigenwell::dc

#endif  // EIGENWELL_SRC_DC_LANES_AVX512_HPP
