// The force factor f = r^(s-2) of a pair from r^2, for every lane type. With it the energy of a
// pair is r^s = r^2 f, and the gradient s f (x - y).
//
// Cost. s = 1: a reciprocal square root. s = -1: that and two products. s = 2: nothing. Any other
// s: about 40 operations in float32 and 55 in float64, one of them a division.
//
// Numerics. `unit` is what a kernel multiplies its float64 sums by: it takes out the factor that a
// lane type leaves in its reciprocal square root. `masked` says whether r = 0 needs a mask. s = 1
// without weights needs none: `tiny` is added to r^2 there, so that f is large and finite and
// f (x - y) is exactly 0; the energy sqrt(tiny) that this leaves is below `nothing` and is taken
// out at the end of a tile.
#ifndef EIGENWELL_SRC_PAIRWISE_KERNELS_POWERS_HPP
#define EIGENWELL_SRC_PAIRWISE_KERNELS_POWERS_HPP

#include <cstddef>

namespace eigenwell::pairwise {
namespace {  // internal linkage on purpose: see kernels.hpp

template <class T>
constexpr T tiny() {
    return sizeof(T) == 4 ? static_cast<T>(1e-36) : static_cast<T>(1e-290);
}
// Above tile * sqrt(tiny), below any sum of distances that counts.
template <class T>
constexpr T nothing() {
    return sizeof(T) == 4 ? static_cast<T>(1e-15) : static_cast<T>(1e-142);
}

template <class L>
struct PlusOne {  // s = 1
    static constexpr double unit = L::rsqrt_unit;
    static constexpr bool masked = false;
    explicit PlusOne(double) {}
    typename L::vec operator()(typename L::vec r2) const { return L::rsqrt(r2); }
};

template <class L>
struct MinusOne {  // s = -1
    static constexpr double unit = L::rsqrt_unit * L::rsqrt_unit * L::rsqrt_unit;
    static constexpr bool masked = true;
    explicit MinusOne(double) {}
    typename L::vec operator()(typename L::vec r2) const {
        const typename L::vec inverse = L::rsqrt(r2);
        return L::mul(L::mul(inverse, inverse), inverse);
    }
};

template <class L>
struct PlusTwo {  // s = 2
    static constexpr double unit = 1.0;
    static constexpr bool masked = true;  // for the sake of r^2 = tiny
    explicit PlusTwo(double) {}
    typename L::vec operator()(typename L::vec) const { return L::broadcast(1); }
};

// Any other s: 2^(p log2 r^2), p = (s - 2) / 2. With r^2 = m 2^k, log2 m by the series of
// 2 atanh((m-1)/(m+1)), |.| < 0.1716. The integer part of p (k + log2 m) is split off with a fused
// multiply-add and p is carried in two parts, so the error is about |p| + 2 units in the last place
// whatever k is (more where the lanes have no fused multiply-add).
template <class L>
struct AnyPower {
    using T = typename L::T;
    using vec = typename L::vec;
    static constexpr double unit = 1.0;
    static constexpr bool masked = true;
    explicit AnyPower(double exponent)
        : high(static_cast<T>((exponent - 2.0) / 2.0)),
          low(static_cast<T>((exponent - 2.0) / 2.0 - static_cast<double>(high))) {}
    T high;
    T low;

    vec operator()(vec r2) const {
        vec m;
        const vec k = L::split(r2, m);
        const vec one = L::broadcast(1);
        const vec z = L::div(L::sub(m, one), L::add(m, one));
        const vec z2 = L::mul(z, z);
        constexpr int terms = sizeof(T) == 4 ? 5 : 10;
        vec sum = L::broadcast(static_cast<T>(1.0 / (2 * terms - 1)));
        for (int i = terms - 1; i > 0; --i) {
            sum = L::fma(sum, z2, L::broadcast(static_cast<T>(1.0 / (2 * i - 1))));
        }
        const vec log2 = L::mul(L::mul(z, L::broadcast(static_cast<T>(2.8853900817779268))), sum);

        const vec p = L::broadcast(high);
        const vec whole = L::round(L::mul(p, L::add(k, log2)));
        const vec rest = L::add(L::fma(p, k, L::sub(L::broadcast(0), whole)),
                                L::fma(p, log2, L::mul(L::broadcast(low), L::add(k, log2))));
        // 2^rest = e^(rest ln 2), |rest| <= about a half.
        const vec t = L::mul(rest, L::broadcast(static_cast<T>(0.69314718055994531)));
        constexpr int degree = sizeof(T) == 4 ? 7 : 13;
        vec power = one;
        for (int i = degree; i > 0; --i) {
            power = L::fma(L::mul(power, t), L::broadcast(static_cast<T>(1.0 / i)), one);
        }
        return L::scale(power, whole);
    }
};

}  // namespace
}  // namespace eigenwell::pairwise

#endif  // EIGENWELL_SRC_PAIRWISE_KERNELS_POWERS_HPP
