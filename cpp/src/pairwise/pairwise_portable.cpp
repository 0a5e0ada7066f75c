// Pairwise kernels by the vector extension of GCC and Clang: SSE2 on baseline x86-64, NEON on
// AArch64. Sixteen bytes a vector. Square root and division, no estimates: every operation is
// rounded correctly.
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <cstdint>

#include "kernels.hpp"

namespace eigenwell::pairwise {
namespace {

template <class Element, class Integer, std::size_t Width>
struct PortableLanes {
    using T = Element;
    using vec __attribute__((vector_size(16))) = T;
    using mask __attribute__((vector_size(16))) = Integer;
    static constexpr std::size_t width = Width;
    static constexpr double rsqrt_unit = 1.0;
    static constexpr int fraction_bits = sizeof(T) == 4 ? 23 : 52;
    static constexpr Integer bias = sizeof(T) == 4 ? 127 : 1023;

    static vec load(const T* p) {
        vec v;
        __builtin_memcpy(&v, p, sizeof v);
        return v;
    }
    static void store(T* p, vec v) { __builtin_memcpy(p, &v, sizeof v); }
    static vec broadcast(T x) { return x - vec{}; }
    static vec add(vec a, vec b) { return a + b; }
    static vec sub(vec a, vec b) { return a - b; }
    static vec mul(vec a, vec b) { return a * b; }
    static vec div(vec a, vec b) { return a / b; }
    static vec sqrt(vec a) {
#if defined(__SSE2__)
        if constexpr (sizeof(T) == 4) {
            return reinterpret_cast<vec>(_mm_sqrt_ps(reinterpret_cast<__m128>(a)));
        } else {
            return reinterpret_cast<vec>(_mm_sqrt_pd(reinterpret_cast<__m128d>(a)));
        }
#else
        vec root = a;
        for (std::size_t i = 0; i < width; ++i) {
            if constexpr (sizeof(T) == 4) {
                root[i] = __builtin_sqrtf(a[i]);
            } else {
                root[i] = __builtin_sqrt(a[i]);
            }
        }
        return root;
#endif
    }
    static vec fma(vec a, vec b, vec c) { return a * b + c; }
    static vec fnma(vec a, vec b, vec c) { return c - a * b; }
    static vec max(vec a, vec b) { return a > b ? a : b; }
    static vec abs(vec a) { return max(a, -a); }
    static mask greater(vec a, vec b) { return a > b; }
    static mask not_less_equal(vec a, vec b) { return ~(a <= b); }  // true for NaN
    static mask either(mask a, mask b) { return a | b; }
    static vec keep(mask m, vec v) {  // 0 elsewhere
        return reinterpret_cast<vec>(m & reinterpret_cast<mask>(v));
    }
    static vec rsqrt(vec x) { return broadcast(1) / sqrt(x); }
    static T sum(vec v) {
        if constexpr (width == 4) {
            return (v[0] + v[2]) + (v[1] + v[3]);
        } else {
            return v[0] + v[1];
        }
    }
    static vec round(vec x) {  // to the nearest integer, |x| < 2^(fraction bits - 1)
        const vec magic = broadcast(static_cast<T>(Integer{3} << (fraction_bits - 1)));
        return (x + magic) - magic;
    }
    // x = m 2^k with m in [sqrt(1/2), sqrt(2)); x is positive and normal.
    static vec split(vec x, vec& m) {
        const mask half = reinterpret_cast<mask>(broadcast(static_cast<T>(0.70710678118654757)));
        const mask k = (reinterpret_cast<mask>(x) - half) >> fraction_bits;
        m = reinterpret_cast<vec>(reinterpret_cast<mask>(x) - (k << fraction_bits));
        return __builtin_convertvector(k, vec);
    }
    static vec scale(vec x, vec k) {  // x 2^k, in two steps: 2^k alone may not be a number
        const vec bound = broadcast(static_cast<T>(2 * bias - 4));
        k = k > bound ? bound : (k < -bound ? -bound : k);
        const mask n = __builtin_convertvector(k, mask);
        const mask first = n >> 1;
        return x * power(first) * power(n - first);
    }
    static void add_to(double* sums, vec v) {  // sums[i] += v[i]
        for (std::size_t i = 0; i < width; ++i) {
            sums[i] += static_cast<double>(v[i]);
        }
    }

private:
    static vec power(mask k) { return reinterpret_cast<vec>((k + bias) << fraction_bits); }
};

}  // namespace

constexpr Kernels portable_kernels =
    make_kernels<PortableLanes<float, std::int32_t, 4>, PortableLanes<double, std::int64_t, 2>>();

}  // namespace eigenwell::pairwise
