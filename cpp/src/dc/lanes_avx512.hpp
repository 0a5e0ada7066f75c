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
    // For a value that several operations use. Without the empty assembly GCC gives each of them
    // its own memory operand: 9 loads for 6 FMA in the batch kernel instead of 5 (measured on Zen
    // 5: 105 instead of 129 million actions of the walker a second).
    static vec load_once(const float* p) {
        vec v = load(p);
        __asm__("" : "+v"(v));
        return v;
    }
    static vec load_first(const float* p, std::size_t count) {  // the other lanes are 0
        return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1U << count) - 1), p);
    }
    static bool all_zero(vec v) {
        return _mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_EQ_OQ) == 0xFFFF;
    }
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
            transpose_quads(r[0], r[1], r[2], r[3]);
            for (std::size_t q = 0; q < 4; ++q) {
                store(out + (i + q) * stride, r[q]);
            }
        }
        for (; i < n; ++i) {
            for (std::size_t r = 0; r < width; ++r) {
                out[i * stride + r] = rows[r * n + i];
            }
        }
    }

    // The 4 x 4 transpose in each quarter of the registers.
    static void transpose_quads(vec& a, vec& b, vec& c, vec& d) {
        const vec ab_low = _mm512_unpacklo_ps(a, b);
        const vec ab_high = _mm512_unpackhi_ps(a, b);
        const vec cd_low = _mm512_unpacklo_ps(c, d);
        const vec cd_high = _mm512_unpackhi_ps(c, d);
        a = _mm512_shuffle_ps(ab_low, cd_low, 0x44);
        b = _mm512_shuffle_ps(ab_low, cd_low, 0xEE);
        c = _mm512_shuffle_ps(ab_high, cd_high, 0x44);
        d = _mm512_shuffle_ps(ab_high, cd_high, 0xEE);
    }

    static void store_quads(float* out, std::size_t stride, vec a, vec b, vec c, vec d) {
        transpose_quads(a, b, c, d);
        const vec quads[4] = {a, b, c, d};
        for (std::size_t q = 0; q < 4; ++q) {
            _mm_storeu_ps(out + q * stride, _mm512_castps512_ps128(quads[q]));
            _mm_storeu_ps(out + (q + 4) * stride, _mm512_extractf32x4_ps(quads[q], 1));
            _mm_storeu_ps(out + (q + 8) * stride, _mm512_extractf32x4_ps(quads[q], 2));
            _mm_storeu_ps(out + (q + 12) * stride, _mm512_extractf32x4_ps(quads[q], 3));
        }
    }
};

}  // namespace
}  // namespace eigenwell::dc

#endif  // EIGENWELL_SRC_DC_LANES_AVX512_HPP
