// Pairwise kernels, AVX-512 (F, BW, DQ, VL: x86-64-v4). Sixteen float or eight double lanes.
//
// float32, d = 3, s = 1, energy and gradient, by rows: 14 vector operations for 16 ordered pairs,
// of which 11 need one of the two multiplying ports (3 FMA for r^2, VRSQRT14, a Newton step of 3, 1
// FMA for the energy, 3 for the gradient) and 3 subtractions may go elsewhere. So 16 / 5.5 pairs a
// cycle at most; measured on Zen 5 at 4.1 GHz: 1.08e10 a second, 91 % of that. Meeting every pair
// once takes 14 for 32 ordered pairs: 1.59e10 a second for 2048 points, 85 %. VRSQRT14 errs by
// 2^-14, the Newton step leaves 1.5 * 2^-28. A broadcast source serves two vectors of rows.
// Compiled with -ffp-contract=off: the fusing is written out, never the compiler's.
#include <immintrin.h>

#include "kernels.hpp"

namespace eigenwell::pairwise {
namespace {

struct Avx512F32 {
    using T = float;
    using vec = __m512;
    using mask = __mmask16;
    static constexpr std::size_t width = 16;
    static constexpr double rsqrt_unit = 0.5;  // rsqrt() answers 2 / sqrt(x)

    static vec load(const T* p) { return _mm512_loadu_ps(p); }
    static void store(T* p, vec v) { _mm512_storeu_ps(p, v); }
    static vec broadcast(T x) { return _mm512_set1_ps(x); }
    static vec add(vec a, vec b) { return _mm512_add_ps(a, b); }
    static vec sub(vec a, vec b) { return _mm512_sub_ps(a, b); }
    static vec mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
    static vec div(vec a, vec b) { return _mm512_div_ps(a, b); }
    static vec sqrt(vec a) { return _mm512_sqrt_ps(a); }
    static vec fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
    static vec fnma(vec a, vec b, vec c) { return _mm512_fnmadd_ps(a, b, c); }  // c - a b
    static vec max(vec a, vec b) { return _mm512_max_ps(a, b); }
    static vec abs(vec a) { return _mm512_abs_ps(a); }
    static mask greater(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
    static mask not_less_equal(vec a, vec b) {  // true for NaN
        return _mm512_cmp_ps_mask(a, b, _CMP_NLE_UQ);
    }
    static mask either(mask a, mask b) { return static_cast<mask>(a | b); }
    static vec keep(mask m, vec v) { return _mm512_maskz_mov_ps(m, v); }  // 0 elsewhere
    static vec rsqrt(vec x) {
        const vec y = _mm512_rsqrt14_ps(x);
        return mul(y, fnma(mul(x, y), y, broadcast(3.0F)));
    }
    static T sum(vec v) { return _mm512_reduce_add_ps(v); }
    static vec round(vec x) { return _mm512_roundscale_ps(x, 0x08); }
    // x = m 2^k with m in [sqrt(1/2), sqrt(2)); x is positive and normal.
    static vec split(vec x, vec& m) {
        const vec scaled = mul(x, broadcast(1.41421356F));
        const vec k = _mm512_getexp_ps(scaled);
        m = _mm512_scalef_ps(x, sub(broadcast(0.0F), k));
        return k;
    }
    static vec scale(vec x, vec k) { return _mm512_scalef_ps(x, k); }  // x 2^k
    static void add_to(double* sums, vec v) {                          // sums[i] += v[i]
        const __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(v));
        const __m512d high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1));
        _mm512_storeu_pd(sums, _mm512_add_pd(_mm512_loadu_pd(sums), low));
        _mm512_storeu_pd(sums + 8, _mm512_add_pd(_mm512_loadu_pd(sums + 8), high));
    }
};

struct Avx512F64 {
    using T = double;
    using vec = __m512d;
    using mask = __mmask8;
    static constexpr std::size_t width = 8;
    static constexpr double rsqrt_unit = 1.0;

    static vec load(const T* p) { return _mm512_loadu_pd(p); }
    static void store(T* p, vec v) { _mm512_storeu_pd(p, v); }
    static vec broadcast(T x) { return _mm512_set1_pd(x); }
    static vec add(vec a, vec b) { return _mm512_add_pd(a, b); }
    static vec sub(vec a, vec b) { return _mm512_sub_pd(a, b); }
    static vec mul(vec a, vec b) { return _mm512_mul_pd(a, b); }
    static vec div(vec a, vec b) { return _mm512_div_pd(a, b); }
    static vec sqrt(vec a) { return _mm512_sqrt_pd(a); }
    static vec fma(vec a, vec b, vec c) { return _mm512_fmadd_pd(a, b, c); }
    static vec fnma(vec a, vec b, vec c) { return _mm512_fnmadd_pd(a, b, c); }
    static vec max(vec a, vec b) { return _mm512_max_pd(a, b); }
    static vec abs(vec a) { return _mm512_abs_pd(a); }
    static mask greater(vec a, vec b) { return _mm512_cmp_pd_mask(a, b, _CMP_GT_OQ); }
    static mask not_less_equal(vec a, vec b) { return _mm512_cmp_pd_mask(a, b, _CMP_NLE_UQ); }
    static mask either(mask a, mask b) { return static_cast<mask>(a | b); }
    static vec keep(mask m, vec v) { return _mm512_maskz_mov_pd(m, v); }
    static vec rsqrt(vec x) {  // 14, 28, 53 bits
        vec y = _mm512_rsqrt14_pd(x);
        for (int step = 0; step < 2; ++step) {
            const vec error = fnma(mul(x, y), y, broadcast(1.0));
            y = fma(mul(y, broadcast(0.5)), error, y);
        }
        return y;
    }
    static T sum(vec v) { return _mm512_reduce_add_pd(v); }
    static vec round(vec x) { return _mm512_roundscale_pd(x, 0x08); }
    static vec split(vec x, vec& m) {
        const vec k = _mm512_getexp_pd(mul(x, broadcast(1.4142135623730951)));
        m = _mm512_scalef_pd(x, sub(broadcast(0.0), k));
        return k;
    }
    static vec scale(vec x, vec k) { return _mm512_scalef_pd(x, k); }
    static void add_to(double* sums, vec v) { store(sums, add(load(sums), v)); }
};

}  // namespace

constexpr Kernels avx512_kernels = make_kernels<Avx512F32, Avx512F64>();

}  // namespace eigenwell::pairwise
