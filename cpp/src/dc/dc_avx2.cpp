// DC kernels, AVX2 with FMA (x86-64-v3: Haswell, Zen and later). Eight lanes, 16 registers.
//
// A loop step of `forward` with three vectors is one broadcast load and three FMA that take the
// weights from memory: 4 loads for 3 FMA, so two load ports allow 1.5 FMA a cycle, three quarters
// of the two that the FMA ports would take. `forward_batch` has the same ratio the other way round.
// Compiled with -mavx2 -mfma -ffp-contract=off: the fusing is written out, never the compiler's.
#include <immintrin.h>

#include "isa.hpp"

namespace eigenwell::dc {
namespace {

struct Avx2Lanes {
    using vec = __m256;
    static constexpr std::size_t width = 8;
    static constexpr std::size_t vectors = 3;  // 12 sums of the 16 registers
    static constexpr std::size_t batch_vectors = 1;
    static constexpr std::size_t batch_eigenvalues = 3;

    static vec load(const float* p) { return _mm256_loadu_ps(p); }
    static vec load_once(const float* p) { return load(p); }
    static vec load_first(const float* p, std::size_t count) {  // the other lanes are 0
        const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        const __m256i wanted = _mm256_set1_epi32(static_cast<int>(count));
        return _mm256_maskload_ps(p, _mm256_cmpgt_epi32(wanted, lane));
    }
    static bool all_zero(vec v) {
        return _mm256_movemask_ps(_mm256_cmp_ps(v, _mm256_setzero_ps(), _CMP_EQ_OQ)) == 0xFF;
    }
    static void store(float* p, vec v) { _mm256_storeu_ps(p, v); }
    static void store_first(float* p, vec v, std::size_t count) {
        if (count == 4) {
            _mm_storeu_ps(p, _mm256_castps256_ps128(v));
            return;
        }
        alignas(32) float lanes[width];
        _mm256_store_ps(lanes, v);
        for (std::size_t i = 0; i < count; ++i) {
            p[i] = lanes[i];
        }
    }
    static vec swap(vec v, std::size_t distance) {  // lane i takes lane i ^ distance
        switch (distance) {
            case 4: return _mm256_permute2f128_ps(v, v, 0x01);
            case 2: return _mm256_permute_ps(v, 0x4E);
            default: return _mm256_permute_ps(v, 0xB1);
        }
    }
    static vec broadcast(float x) { return _mm256_set1_ps(x); }
    static vec add(vec a, vec b) { return _mm256_add_ps(a, b); }
    static vec sub(vec a, vec b) { return _mm256_sub_ps(a, b); }
    static vec mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
    static vec fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
    static vec max(vec a, vec b) { return _mm256_max_ps(a, b); }
    static vec min(vec a, vec b) { return _mm256_min_ps(a, b); }

    // Rows r and r + 4 share a register, so one 4 x 4 transpose in each half does 8 rows x 4
    // inputs.
    static void transpose(const float* rows, std::size_t n, float* out, std::size_t stride) {
        std::size_t i = 0;
        for (; i + 4 <= n; i += 4) {
            __m256 r[4];
            for (std::size_t q = 0; q < 4; ++q) {
                r[q] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(rows + q * n + i)),
                                            _mm_loadu_ps(rows + (q + 4) * n + i), 1);
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

    // The 4 x 4 transpose in each half of the registers.
    static void transpose_quads(vec& a, vec& b, vec& c, vec& d) {
        const vec ab_low = _mm256_unpacklo_ps(a, b);
        const vec ab_high = _mm256_unpackhi_ps(a, b);
        const vec cd_low = _mm256_unpacklo_ps(c, d);
        const vec cd_high = _mm256_unpackhi_ps(c, d);
        a = _mm256_shuffle_ps(ab_low, cd_low, 0x44);
        b = _mm256_shuffle_ps(ab_low, cd_low, 0xEE);
        c = _mm256_shuffle_ps(ab_high, cd_high, 0x44);
        d = _mm256_shuffle_ps(ab_high, cd_high, 0xEE);
    }

    static void store_quads(float* out, std::size_t stride, vec a, vec b, vec c, vec d) {
        transpose_quads(a, b, c, d);
        const vec quads[4] = {a, b, c, d};
        for (std::size_t q = 0; q < 4; ++q) {
            _mm_storeu_ps(out + q * stride, _mm256_castps256_ps128(quads[q]));
            _mm_storeu_ps(out + (q + 4) * stride, _mm256_extractf128_ps(quads[q], 1));
        }
    }
};

}  // namespace

constexpr Kernels avx2_kernels = make_kernels<Avx2Lanes>();

}  // namespace eigenwell::dc
