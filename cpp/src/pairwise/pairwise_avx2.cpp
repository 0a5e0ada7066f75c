// Pairwise kernels, AVX2 with FMA (x86-64-v3). Eight float or four double lanes, 16 registers.
//
// The same 14 operations as AVX-512 for 8 ordered pairs. VRSQRTPS errs by 1.5 * 2^-12, the Newton
// step leaves 2.0e-7, and always below the truth. float64 takes a square root and a division.
// Compiled with -ffp-contract=off: the fusing is written out, never the compiler's.
#include <immintrin.h>

#include <cstdint>

#include "kernels.hpp"

namespace eigenwell::pairwise {
namespace {

struct Avx2F32 {
    using T = float;
    using vec = __m256;
    using mask = __m256;
    static constexpr std::size_t width = 8;
    static constexpr double rsqrt_unit = 0.5;  // rsqrt() answers 2 / sqrt(x)

    static vec load(const T* p) { return _mm256_loadu_ps(p); }
    static void store(T* p, vec v) { _mm256_storeu_ps(p, v); }
    static vec broadcast(T x) { return _mm256_set1_ps(x); }
    static vec add(vec a, vec b) { return _mm256_add_ps(a, b); }
    static vec sub(vec a, vec b) { return _mm256_sub_ps(a, b); }
    static vec mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
    static vec div(vec a, vec b) { return _mm256_div_ps(a, b); }
    static vec sqrt(vec a) { return _mm256_sqrt_ps(a); }
    static vec fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
    static vec fnma(vec a, vec b, vec c) { return _mm256_fnmadd_ps(a, b, c); }  // c - a b
    static vec max(vec a, vec b) { return _mm256_max_ps(a, b); }
    static vec abs(vec a) { return _mm256_andnot_ps(broadcast(-0.0F), a); }
    static mask greater(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
    static mask not_less_equal(vec a, vec b) {  // true for NaN
        return _mm256_cmp_ps(a, b, _CMP_NLE_UQ);
    }
    static mask either(mask a, mask b) { return _mm256_or_ps(a, b); }
    static vec keep(mask m, vec v) { return _mm256_and_ps(m, v); }  // 0 elsewhere
    static vec rsqrt(vec x) {
        const vec y = _mm256_rsqrt_ps(x);
        return mul(y, fnma(mul(x, y), y, broadcast(3.0F)));
    }
    static T sum(vec v) {
        const __m128 half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
        const __m128 quarter = _mm_add_ps(half, _mm_movehl_ps(half, half));
        return _mm_cvtss_f32(_mm_add_ss(quarter, _mm_movehdup_ps(quarter)));
    }
    static vec round(vec x) { return _mm256_round_ps(x, 0x08); }
    // x = m 2^k with m in [sqrt(1/2), sqrt(2)); x is positive and normal.
    static vec split(vec x, vec& m) {
        const __m256i half = _mm256_castps_si256(broadcast(0.70710678F));
        const __m256i bits = _mm256_sub_epi32(_mm256_castps_si256(x), half);
        const __m256i k = _mm256_srai_epi32(bits, 23);
        m = _mm256_castsi256_ps(_mm256_sub_epi32(_mm256_castps_si256(x), _mm256_slli_epi32(k, 23)));
        return _mm256_cvtepi32_ps(k);
    }
    static vec scale(vec x, vec k) {  // x 2^k, in two steps: 2^k alone may not be a float
        const vec bound = _mm256_max_ps(broadcast(-250.0F), _mm256_min_ps(broadcast(250.0F), k));
        const __m256i n = _mm256_cvtps_epi32(bound);
        const __m256i first = _mm256_srai_epi32(n, 1);
        return mul(mul(x, power(first)), power(_mm256_sub_epi32(n, first)));
    }
    static void add_to(double* sums, vec v) {  // sums[i] += v[i]
        const __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(v));
        const __m256d high = _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));
        _mm256_storeu_pd(sums, _mm256_add_pd(_mm256_loadu_pd(sums), low));
        _mm256_storeu_pd(sums + 4, _mm256_add_pd(_mm256_loadu_pd(sums + 4), high));
    }

private:
    static vec power(__m256i k) {  // 2^k
        return _mm256_castsi256_ps(
            _mm256_slli_epi32(_mm256_add_epi32(k, _mm256_set1_epi32(127)), 23));
    }
};

struct Avx2F64 {
    using T = double;
    using vec = __m256d;
    using mask = __m256d;
    static constexpr std::size_t width = 4;
    static constexpr double rsqrt_unit = 1.0;

    static vec load(const T* p) { return _mm256_loadu_pd(p); }
    static void store(T* p, vec v) { _mm256_storeu_pd(p, v); }
    static vec broadcast(T x) { return _mm256_set1_pd(x); }
    static vec add(vec a, vec b) { return _mm256_add_pd(a, b); }
    static vec sub(vec a, vec b) { return _mm256_sub_pd(a, b); }
    static vec mul(vec a, vec b) { return _mm256_mul_pd(a, b); }
    static vec div(vec a, vec b) { return _mm256_div_pd(a, b); }
    static vec sqrt(vec a) { return _mm256_sqrt_pd(a); }
    static vec fma(vec a, vec b, vec c) { return _mm256_fmadd_pd(a, b, c); }
    static vec fnma(vec a, vec b, vec c) { return _mm256_fnmadd_pd(a, b, c); }
    static vec max(vec a, vec b) { return _mm256_max_pd(a, b); }
    static vec abs(vec a) { return _mm256_andnot_pd(broadcast(-0.0), a); }
    static mask greater(vec a, vec b) { return _mm256_cmp_pd(a, b, _CMP_GT_OQ); }
    static mask not_less_equal(vec a, vec b) { return _mm256_cmp_pd(a, b, _CMP_NLE_UQ); }
    static mask either(mask a, mask b) { return _mm256_or_pd(a, b); }
    static vec keep(mask m, vec v) { return _mm256_and_pd(m, v); }
    static vec rsqrt(vec x) { return div(broadcast(1.0), sqrt(x)); }
    static T sum(vec v) {
        const __m128d half = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
        return _mm_cvtsd_f64(_mm_add_sd(half, _mm_unpackhi_pd(half, half)));
    }
    static vec round(vec x) { return _mm256_round_pd(x, 0x08); }
    static vec split(vec x, vec& m) {
        // The exponent through the bits: AVX2 has no conversion from 64-bit integers.
        const __m256i half = _mm256_castpd_si256(broadcast(0.70710678118654757));
        const __m256i bias = _mm256_set1_epi64x(std::int64_t{1024} << 52);
        const __m256i bits = _mm256_add_epi64(_mm256_sub_epi64(_mm256_castpd_si256(x), half), bias);
        const __m256i k = _mm256_srli_epi64(bits, 52);  // the exponent + 1024
        const __m256i magic = _mm256_castpd_si256(broadcast(4503599627370496.0));  // 2^52
        const vec value = _mm256_castsi256_pd(_mm256_or_si256(k, magic));
        const __m256i exponent =
            _mm256_slli_epi64(_mm256_sub_epi64(k, _mm256_set1_epi64x(1024)), 52);
        m = _mm256_castsi256_pd(_mm256_sub_epi64(_mm256_castpd_si256(x), exponent));
        return sub(value, broadcast(4503599627370496.0 + 1024.0));
    }
    static vec scale(vec x, vec k) {
        const vec bound = _mm256_max_pd(broadcast(-2000.0), _mm256_min_pd(broadcast(2000.0), k));
        const __m128i n = _mm256_cvtpd_epi32(bound);
        const __m128i first = _mm_srai_epi32(n, 1);
        return mul(mul(x, power(first)), power(_mm_sub_epi32(n, first)));
    }
    static void add_to(double* sums, vec v) { store(sums, add(load(sums), v)); }

private:
    static vec power(__m128i k) {
        const __m256i wide = _mm256_cvtepi32_epi64(_mm_add_epi32(k, _mm_set1_epi32(1023)));
        return _mm256_castsi256_pd(_mm256_slli_epi64(wide, 52));
    }
};

}  // namespace

constexpr Kernels avx2_kernels = make_kernels<Avx2F32, Avx2F64>();

}  // namespace eigenwell::pairwise
