// Lanes of float32 and float64 by the vector extension of GCC and Clang.
#ifndef EIGENWELL_SRC_CARTPOLE_LANES_HPP
#define EIGENWELL_SRC_CARTPOLE_LANES_HPP

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include <cstddef>
#include <cstdint>

namespace eigenwell::cartpole {
namespace {  // internal linkage on purpose: compiled once for each instruction set

#if defined(__AVX512F__)
constexpr std::size_t vector_bytes = 64;
#elif defined(__AVX2__)
constexpr std::size_t vector_bytes = 32;
#else
constexpr std::size_t vector_bytes = 16;
#endif

template <class T>
struct Lanes;

template <>
struct Lanes<float> {
    static constexpr std::size_t width = vector_bytes / 4;
    using vec __attribute__((vector_size(vector_bytes), may_alias)) = float;
    using mask __attribute__((vector_size(vector_bytes), may_alias)) = std::int32_t;
    using word __attribute__((vector_size(vector_bytes), may_alias)) = std::uint32_t;
    using word_signed = mask;
    using integer = std::int32_t;

    // a b + c, rounded once where the processor can.
    static vec fma(vec a, vec b, vec c) {
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
    // A bit for each lane.
    static unsigned bits(mask m) {
#if defined(__AVX512F__)
        return _mm512_movepi32_mask(reinterpret_cast<__m512i>(m));
#elif defined(__AVX2__)
        return static_cast<unsigned>(_mm256_movemask_ps(reinterpret_cast<__m256>(m)));
#elif defined(__x86_64__)
        return static_cast<unsigned>(_mm_movemask_ps(reinterpret_cast<__m128>(m)));
#else
        const mask one = m & mask{1, 2, 4, 8};
        return static_cast<unsigned>(one[0] | one[1] | one[2] | one[3]);
#endif
    }
};

template <>
struct Lanes<double> {
    static constexpr std::size_t width = vector_bytes / 8;
    using vec __attribute__((vector_size(vector_bytes), may_alias)) = double;
    using mask __attribute__((vector_size(vector_bytes), may_alias)) = std::int64_t;
    using word __attribute__((vector_size(vector_bytes / 2), may_alias)) = std::uint32_t;
    using word_signed __attribute__((vector_size(vector_bytes / 2), may_alias)) = std::int32_t;
    using integer = std::int64_t;

    // Rounded twice, everywhere: this is the exact mode.
    static vec fma(vec a, vec b, vec c) { return a * b + c; }
    static unsigned bits(mask m) {
#if defined(__AVX512F__)
        return _mm512_movepi64_mask(reinterpret_cast<__m512i>(m));
#elif defined(__AVX2__)
        return static_cast<unsigned>(_mm256_movemask_pd(reinterpret_cast<__m256d>(m)));
#elif defined(__x86_64__)
        return static_cast<unsigned>(_mm_movemask_pd(reinterpret_cast<__m128d>(m)));
#else
        return static_cast<unsigned>((m[0] & 1) | (m[1] & 2));
#endif
    }
};

template <class T>
using Vec = typename Lanes<T>::vec;
template <class T>
using Mask = typename Lanes<T>::mask;
template <class T>
using Word = typename Lanes<T>::word;

template <class T>
inline Vec<T> broadcast(T x) {
    return x - Vec<T>{};
}

// Elementwise; the bound where x is NaN.
template <class V>
inline V minimum(V x, V bound) {
    return x < bound ? x : bound;
}
template <class V>
inline V maximum(V x, V bound) {
    return x > bound ? x : bound;
}

}  // namespace
}  // namespace eigenwell::cartpole

#endif  // EIGENWELL_SRC_CARTPOLE_LANES_HPP
