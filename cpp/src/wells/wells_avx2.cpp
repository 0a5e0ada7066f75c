// Softmax policy gradient, AVX2 with FMA (x86-64-v3). Four starts a vector, 16 registers.
//
// The same operations as AVX-512, two a cycle, for half as many starts.
// Compiled with -ffp-contract=off: the fusing is written out, never the compiler's.
#include <immintrin.h>

#include "kernels.hpp"

namespace eigenwell::wells {
namespace {

struct Avx2 {
    using vec = __m256d;
    using mask = __m256d;
    static constexpr std::size_t width = 4;
    static constexpr std::size_t vectors = 8;

    static vec load(const double* p) { return _mm256_loadu_pd(p); }
    static void store(double* p, vec v) { _mm256_storeu_pd(p, v); }
    static vec broadcast(double x) { return _mm256_set1_pd(x); }
    static vec add(vec a, vec b) { return _mm256_add_pd(a, b); }
    static vec sub(vec a, vec b) { return _mm256_sub_pd(a, b); }
    static vec mul(vec a, vec b) { return _mm256_mul_pd(a, b); }
    static vec div(vec a, vec b) { return _mm256_div_pd(a, b); }
    static vec fma(vec a, vec b, vec c) { return _mm256_fmadd_pd(a, b, c); }
    static vec fms(vec a, vec b, vec c) { return _mm256_fmsub_pd(a, b, c); }    // a b - c
    static vec fnma(vec a, vec b, vec c) { return _mm256_fnmadd_pd(a, b, c); }  // c - a b
    static mask less(vec a, vec b) { return _mm256_cmp_pd(a, b, _CMP_LT_OQ); }
    static mask either(mask a, mask b) { return _mm256_or_pd(a, b); }
    static bool any(mask m) { return _mm256_movemask_pd(m) != 0; }
    // 2^k from 1.5 2^52 + k.
    static vec power_of_two(vec sum) {
        const __m256i k = _mm256_slli_epi64(_mm256_castpd_si256(sum), 52);
        return _mm256_castsi256_pd(_mm256_add_epi64(k, _mm256_castpd_si256(broadcast(1.0))));
    }
};

}  // namespace

constexpr Kernels avx2_kernels = make_kernels<Avx2>();

}  // namespace eigenwell::wells
