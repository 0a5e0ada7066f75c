// Softmax policy gradient, AVX-512 (F, DQ). Eight starts a vector.
//
// K = 3 and gentle: 30 multiplying operations, and a division, for eight starts. Zen 4 does one
// such operation of 512 bits a cycle and the division on the side: at 3.40e9 of them a
// second, 9.07e8 updates of a start at most; measured 8.4e8, 92 % of that, and 8.1e8 where escapes
// are noted. Eight vectors at a time, though they do not fit the registers: with four it is 7.4e8.
//
// Compiled with -ffp-contract=off: the fusing is written out, never the compiler's.
#include <immintrin.h>

#include "kernels.hpp"

namespace eigenwell::wells {
namespace {

struct Avx512 {
    using vec = __m512d;
    using mask = __mmask8;
    static constexpr std::size_t width = 8;
    static constexpr std::size_t vectors = 8;

    static vec load(const double* p) { return _mm512_loadu_pd(p); }
    static void store(double* p, vec v) { _mm512_storeu_pd(p, v); }
    static vec broadcast(double x) { return _mm512_set1_pd(x); }
    static vec add(vec a, vec b) { return _mm512_add_pd(a, b); }
    static vec sub(vec a, vec b) { return _mm512_sub_pd(a, b); }
    static vec mul(vec a, vec b) { return _mm512_mul_pd(a, b); }
    static vec div(vec a, vec b) { return _mm512_div_pd(a, b); }
    static vec fma(vec a, vec b, vec c) { return _mm512_fmadd_pd(a, b, c); }
    static vec fms(vec a, vec b, vec c) { return _mm512_fmsub_pd(a, b, c); }    // a b - c
    static vec fnma(vec a, vec b, vec c) { return _mm512_fnmadd_pd(a, b, c); }  // c - a b
    static mask less(vec a, vec b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ); }
    static mask either(mask a, mask b) { return static_cast<mask>(a | b); }
    static bool any(mask m) { return m != 0; }
    // 2^k from 1.5 2^52 + k.
    static vec power_of_two(vec sum) {
        const __m512i k = _mm512_slli_epi64(_mm512_castpd_si512(sum), 52);
        return _mm512_castsi512_pd(_mm512_add_epi64(k, _mm512_castpd_si512(broadcast(1.0))));
    }
};

}  // namespace

constexpr Kernels avx512_kernels = make_kernels<Avx512>();

}  // namespace eigenwell::wells
