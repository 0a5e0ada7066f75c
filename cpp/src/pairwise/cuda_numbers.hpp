// Numbers on the device: element types in memory, the reciprocal square root, powers of a distance,
// compensated sums. Compiles as plain C++ too, which is how cpp/tests checks it without a GPU.
#ifndef EIGENWELL_SRC_PAIRWISE_CUDA_NUMBERS_HPP
#define EIGENWELL_SRC_PAIRWISE_CUDA_NUMBERS_HPP

#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "pairwise_cuda.hpp"

#if defined(__CUDACC__)
#define EIGENWELL_HD __host__ __device__ __forceinline__
#else
#define EIGENWELL_HD inline
#endif
#if defined(__CUDA_ARCH__)
#define EIGENWELL_UNROLL _Pragma("unroll")
#define EIGENWELL_UNROLL_BY_STEPS _Pragma("unroll steps")  // a constant of that name
#else
#define EIGENWELL_UNROLL
#define EIGENWELL_UNROLL_BY_STEPS
#endif

namespace eigenwell::pairwise::cuda {

// --- Element types -------------------------------------------------------------------------------

EIGENWELL_HD std::uint32_t bits_of(float x) {
    std::uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
EIGENWELL_HD float float_of(std::uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

EIGENWELL_HD float from_bfloat16(std::uint16_t h) {
    return float_of(static_cast<std::uint32_t>(h) << 16);
}
EIGENWELL_HD float from_float16(std::uint16_t h) {
    const std::uint32_t sign = (h & 0x8000U) << 16;
    const std::uint32_t exponent = (h >> 10) & 31U;
    const std::uint32_t mantissa = h & 0x3FFU;
    if (exponent == 31U) {
        return float_of(sign | 0x7F800000U | mantissa << 13);
    }
    if (exponent == 0U) {  // subnormal: a multiple of 2^-24
        const float value = static_cast<float>(mantissa) * 5.9604644775390625e-8F;
        return float_of(sign | bits_of(value));
    }
    return float_of(sign | (exponent + 112U) << 23 | mantissa << 13);
}

// Both round to nearest, ties to even.
EIGENWELL_HD std::uint16_t to_bfloat16(float x) {
    const std::uint32_t bits = bits_of(x);
    if ((bits & 0x7FFFFFFFU) > 0x7F800000U) {
        return static_cast<std::uint16_t>((bits >> 16) | 0x40U);
    }
    return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}
EIGENWELL_HD std::uint16_t to_float16(float x) {
    const std::uint32_t sign = bits_of(x) >> 16 & 0x8000U;
    const std::uint32_t size = bits_of(x) & 0x7FFFFFFFU;
    std::uint32_t half = 0;
    if (size > 0x7F800000U) {
        half = 0x7E00U;
    } else if (size >= 0x477FF000U) {  // from 65520 on, what rounds to infinity
        half = 0x7C00U;
    } else if (size < 0x38800000U) {  // under 2^-14: one unit in the last place of 0.5 is 2^-24
        half = bits_of(float_of(size) + 0.5F) - 0x3F000000U;
    } else {
        half = (size - 0x38000000U + 0xFFFU + ((size >> 13) & 1U)) >> 13;
    }
    return static_cast<std::uint16_t>(sign | half);
}

// Element i as T: float for the three narrow types, double for float64.
template <class T>
EIGENWELL_HD T load(const void* data, DType dtype, std::int64_t i);
template <>
EIGENWELL_HD double load<double>(const void* data, DType /*float64*/, std::int64_t i) {
    return static_cast<const double*>(data)[i];
}
template <>
EIGENWELL_HD float load<float>(const void* data, DType dtype, std::int64_t i) {
    if (dtype == DType::float32) {
        return static_cast<const float*>(data)[i];
    }
    const std::uint16_t h = static_cast<const std::uint16_t*>(data)[i];
    return dtype == DType::float16 ? from_float16(h) : from_bfloat16(h);
}
EIGENWELL_HD double load_double(const void* data, DType dtype, std::int64_t i) {
    return dtype == DType::float64 ? load<double>(data, dtype, i)
                                   : static_cast<double>(load<float>(data, dtype, i));
}
EIGENWELL_HD void store(void* data, DType dtype, std::int64_t i, double value) {
    switch (dtype) {
        case DType::float64: static_cast<double*>(data)[i] = value; return;
        case DType::float32: static_cast<float*>(data)[i] = static_cast<float>(value); return;
        case DType::float16:
            static_cast<std::uint16_t*>(data)[i] = to_float16(static_cast<float>(value));
            return;
        case DType::bfloat16:
            static_cast<std::uint16_t*>(data)[i] = to_bfloat16(static_cast<float>(value));
            return;
    }
}

// --- Distances -----------------------------------------------------------------------------------

// Squared distances below `tiny` count as 0: points closer than 1.1e-19 (float64: 1.5e-154)
// coincide.
template <class T>
struct Limits;
template <>
struct Limits<float> {
    static constexpr float tiny = FLT_MIN;
    static constexpr float root = 1.0842022e-19F;  // sqrt(tiny)
};
template <>
struct Limits<double> {
    static constexpr double tiny = DBL_MIN;
    static constexpr double root = 1.4916681462400413e-154;
};

// float32: one instruction, relative error at most 2^-22.9 (PTX manual). float64: 1 ulp.
EIGENWELL_HD float inverse_root(float x) {
#if defined(__CUDA_ARCH__)
    float y;
    asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
#else
    return 1.0F / std::sqrt(x);
#endif
}
EIGENWELL_HD double inverse_root(double x) {
#if defined(__CUDA_ARCH__)
    return ::rsqrt(x);
#else
    return 1.0 / std::sqrt(x);
#endif
}
EIGENWELL_HD float root(float x) { return ::sqrtf(x); }
EIGENWELL_HD double root(double x) { return ::sqrt(x); }
EIGENWELL_HD float power(float x, float p) { return ::powf(x, p); }
EIGENWELL_HD double power(double x, double p) { return ::pow(x, p); }

// The exponents s with code of their own; `general` is any real one, at the price of a pow.
enum class Power : std::int32_t { one, minus_one, two, general };

EIGENWELL_HD Power power_of(double exponent) {
    return exponent == 1.0    ? Power::one
           : exponent == -1.0 ? Power::minus_one
           : exponent == 2.0  ? Power::two
                              : Power::general;
}

// r^(s-2), the gradient's coefficient up to the factor s, and r^s, the energy, from r^2. Where r is
// 0 the energy is 0, and so is the coefficient times the difference of the points, for every s.
// NaN goes through. `Guarded` is false where r2 is known to be at least `tiny`.
template <class T>
struct Powers {
    T coefficient;
    T energy;
};
template <Power P, bool Guarded, class T>
EIGENWELL_HD Powers<T> powers(T r2, T half) {  // half = (s - 2) / 2
    constexpr T tiny = Limits<T>::tiny;
    if constexpr (P == Power::one) {
        const T inverse = inverse_root(Guarded && r2 < tiny ? tiny : r2);
        return {inverse, Guarded && r2 < tiny ? T(0) : r2 * inverse};
    } else if constexpr (P == Power::two) {
        return {T(1), r2};
    } else if constexpr (P == Power::minus_one) {
        const T inverse = Guarded && r2 < tiny ? T(0) : inverse_root(r2);
        return {inverse * inverse * inverse, inverse};
    } else {
        const T coefficient = Guarded && r2 < tiny ? T(0) : power(r2, half);
        return {coefficient, coefficient * r2};
    }
}
// The same with the exponent chosen at run time, for where a pair costs much more than a branch.
template <class T>
EIGENWELL_HD Powers<T> powers(Power which, T r2, T half) {
    switch (which) {
        case Power::one: return powers<Power::one, true>(r2, half);
        case Power::minus_one: return powers<Power::minus_one, true>(r2, half);
        case Power::two: return powers<Power::two, true>(r2, half);
        case Power::general: break;
    }
    return powers<Power::general, true>(r2, half);
}

// The Hessian block of a pair maps v = v_i - v_j to  s (a v + b (u . v) u),  u = x_i - x_j:
// a = r^(s-2), b = (s - 2) r^(s-4). A coincident pair gives 0 unless s = 2, whose Hessian is
// constant.
template <class T>
struct Curvature {
    T a;
    T b;
};
template <class T>
EIGENWELL_HD Curvature<T> curvature(Power which, T r2, T half) {
    if (which == Power::two) {
        return {T(1), T(0)};
    }
    if (r2 < Limits<T>::tiny) {
        return {T(0), T(0)};
    }
    const T inverse = inverse_root(r2);
    const T a = which == Power::one         ? inverse
                : which == Power::minus_one ? inverse * inverse * inverse
                                            : power(r2, half);
    return {a, T(2) * half * a * inverse * inverse};
}

// --- Sums ----------------------------------------------------------------------------------------

// A running sum with the rounding errors of its additions kept beside it (Knuth's TwoSum): seven
// additions for one, and no double precision, which some devices have little of.
template <class T>
struct Sum {
    T high;
    T low;

    EIGENWELL_HD void add(T x) {
        const T sum = high + x;
        const T part = sum - high;
        low += (high - (sum - part)) + (x - part);
        high = sum;
    }
    EIGENWELL_HD double value() const {
        return static_cast<double>(high) + static_cast<double>(low);
    }
};

}  // namespace eigenwell::pairwise::cuda

#endif  // EIGENWELL_SRC_PAIRWISE_CUDA_NUMBERS_HPP
