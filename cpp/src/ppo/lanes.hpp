// Lanes of float32 by the vector extension of GCC and Clang, and the functions that PPO needs.
//
//   expm1, exp   x = k ln 2 + r, |r| <= ln(2) / 2, and e^r - 1 to r^7 / 7! (what is left is
//                1.5e-8 of it); infinity above 88.72, exp is 0 below -86
//   tanh         e / (e + 2) with e = expm1(2 |x|); 1 from |x| = 9.5 on
//
// Relative errors, over all exponents (cpp/tests/test_ppo.cpp): expm1 1.1e-7, exp 8.4e-8, tanh
// 1.7e-7. NaN stays NaN.
#ifndef EIGENWELL_SRC_PPO_LANES_HPP
#define EIGENWELL_SRC_PPO_LANES_HPP

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include <cstddef>
#include <cstdint>

#include "problem.hpp"

namespace eigenwell::ppo {
namespace {  // internal linkage on purpose: compiled once for each instruction set

#if defined(__AVX512F__)
constexpr std::size_t width = 16;
constexpr std::size_t block_vectors = 4;
#elif defined(__AVX2__)
constexpr std::size_t width = 8;
constexpr std::size_t block_vectors = 2;
#else
constexpr std::size_t width = 4;
#if defined(__aarch64__)
constexpr std::size_t block_vectors = 4;
#else
constexpr std::size_t block_vectors = 2;
#endif
#endif

using vec __attribute__((vector_size(4 * width))) = float;
using bits __attribute__((vector_size(4 * width))) = std::uint32_t;

// At any address: what GCC makes of memcpy leaves needless copies on the stack.
using loose __attribute__((vector_size(4 * width), aligned(4), may_alias)) = float;

inline vec load(const float* p) { return *reinterpret_cast<const loose*>(p); }
inline void store(float* p, vec v) { *reinterpret_cast<loose*>(p) = v; }

inline vec broadcast(float x) { return x - vec{}; }

inline vec fma(vec a, vec b, vec c) {
#if defined(__AVX512F__)
    return _mm512_fmadd_ps(a, b, c);
#elif defined(__AVX2__)
    return _mm256_fmadd_ps(a, b, c);
#elif defined(__aarch64__)
    return vfmaq_f32(c, a, b);
#else
    return a * b + c;
#endif
}

inline vec minimum(vec a, vec b) { return b < a ? b : a; }
inline vec maximum(vec a, vec b) { return b > a ? b : a; }

// e^x - 1 and e^x for -86 <= x <= 88.72.
inline vec exponentials(vec x, vec& exp) {
    const vec magic = broadcast(12582912.0F);  // 1.5 * 2^23: adding it rounds to an integer
    const vec shifted = fma(x, broadcast(1.44269504F), magic);
    const vec k = shifted - magic;
    vec r = fma(k, broadcast(-0.693359375F), x);  // ln 2 in two parts: the first product is exact
    r = fma(k, broadcast(2.12194440e-4F), r);
    vec p = broadcast(1.0F / 5040);
    for (const float c : {1.0F / 720, 1.0F / 120, 1.0F / 24, 1.0F / 6, 0.5F}) {
        p = fma(p, r, broadcast(c));
    }
    p = fma(r * r, p, r);
    // 2^(k - 1), because 2^128 is no float; exact to double.
    const vec half = reinterpret_cast<vec>((reinterpret_cast<bits>(shifted) + 126U) << 23U);
    exp = fma(half, p, half);
    exp = exp + exp;
    const vec less = fma(half, p, half - 0.5F);
    return less + less;
}

inline vec exponentials_checked(vec x, vec& exp) {
    const vec bound = minimum(maximum(x, broadcast(-86.0F)), broadcast(88.72F));
    vec less = exponentials(bound, exp);
    const vec infinity = broadcast(__builtin_inff());
    less = x > 88.72F ? infinity : less;
    exp = x > 88.72F ? infinity : exp;
    exp = x < -86.0F ? broadcast(0.0F) : exp;
    return less;
}

inline vec exp_of_negative(vec x) {  // of x <= 0, and no less than e^-86
    vec exp;
    (void)exponentials(maximum(x, broadcast(-86.0F)), exp);
    return exp;
}

inline vec tanh(vec x) {
    const bits sign = reinterpret_cast<bits>(x) & 0x80000000U;
    const vec size = reinterpret_cast<vec>(reinterpret_cast<bits>(x) ^ sign);
    vec unused;
    const vec e = exponentials(minimum(size, broadcast(9.5F)) * 2.0F, unused);
    return reinterpret_cast<vec>(reinterpret_cast<bits>(e / (e + 2.0F)) | sign);
}

// Sixteen partial sums, whatever the width is: then the order of a sum does not depend on it.
struct Partial {
    vec part[padding / width] = {};

    void add(const float* a, const float* b) {
        for (std::size_t i = 0; i < padding / width; ++i) {
            part[i] = fma(load(a + i * width), load(b + i * width), part[i]);
        }
    }
    void add(const float* a) {
        for (std::size_t i = 0; i < padding / width; ++i) {
            part[i] = part[i] + load(a + i * width);
        }
    }
    [[nodiscard]] float sum() const {
        using four __attribute__((vector_size(16))) = float;
        four v[padding / 4];
        __builtin_memcpy(v, part, sizeof v);
        const four w = (v[0] + v[2]) + (v[1] + v[3]);
        return (w[0] + w[2]) + (w[1] + w[3]);
    }
};

}  // namespace
}  // namespace eigenwell::ppo

#endif  // EIGENWELL_SRC_PPO_LANES_HPP
