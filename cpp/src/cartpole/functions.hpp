// The functions that policies and physics need, for lanes of either type.
//
//   tanh, float   x P(x^2) / Q(x^2) with P and Q of degree 3 and 4, fitted so that the largest
//                 relative error on [0, 8] is smallest: 1.5e-7, with rounding below 4.5e-7; beyond
//                 8 its value there
//   tanh, double  e / (e + 2), e = exp(2 |x|) - 1; 1 from 20 on
//   exp           x = k ln 2 + r, |r| <= ln(2) / 2. The double's polynomial is that of
//                 wells/exponentials.hpp: exp(r) - 1 = r + r^2 h(r)
//
// Doubles are never fused: they have the same bits everywhere, with at most 3 units in the last
// place of error. cpp/tests/test_cartpole.cpp holds all of them to what is said here.
#ifndef EIGENWELL_SRC_CARTPOLE_FUNCTIONS_HPP
#define EIGENWELL_SRC_CARTPOLE_FUNCTIONS_HPP

#include "lanes.hpp"

namespace eigenwell::cartpole {
namespace {  // internal linkage on purpose: compiled once for each instruction set

// c[0] + c[1] x + ...
template <class T, std::size_t Count>
inline Vec<T> polynomial(Vec<T> x, const T (&c)[Count]) {
    Vec<T> sum = broadcast(c[Count - 1]);
    for (std::size_t i = Count - 1; i > 0; --i) {
        sum = Lanes<T>::fma(sum, x, broadcast(c[i - 1]));
    }
    return sum;
}

inline Vec<float> tanh(Vec<float> x) {
    constexpr float p[] = {0x1.fffffcp-1F, 0x1.08b7b2p-3F, 0x1.82cbe8p-9F, 0x1.7f795ap-17F};
    constexpr float q[] = {1.0F, 0x1.d9b0e0p-2F, 0x1.8631aap-6F, 0x1.f4867cp-13F, 0x1.080e38p-22F};
    const Vec<float> z = maximum(minimum(x, broadcast(8.0F)), broadcast(-8.0F));
    const Vec<float> y = z * z;
    return z * polynomial(y, p) / polynomial(y, q);
}

// exp(r) - 1 of the rest r, and 2^k, for |x| <= 700.
inline Vec<double> reduced(Vec<double> x, Vec<double>& power) {
    constexpr double h[] = {0x1.000000000000bp-1,  0x1.5555555555561p-3,  0x1.5555555550034p-5,
                            0x1.111111110d63cp-7,  0x1.6c16c185a6703p-10, 0x1.a01a01bae15ffp-13,
                            0x1.a019969645f00p-16, 0x1.71dddfcdeb096p-19, 0x1.28b046a854b69p-22,
                            0x1.af858451789b6p-26};
    const Vec<double> magic = broadcast(0x1.8p52);  // adding it rounds to an integer
    const Vec<double> shifted = x * 0x1.71547652b82fep+0 + magic;
    const Vec<double> k = shifted - magic;
    // ln 2 comes in two parts, the first of 42 bits: its product with k is exact.
    const Vec<double> r = (x - k * 0x1.62e42fefa38p-1) - k * 0x1.ef35793c7673p-45;
    power = reinterpret_cast<Vec<double>>((reinterpret_cast<Mask<double>>(shifted) + 1023) << 52);
    return r + r * r * polynomial(r, h);
}

inline Vec<double> tanh(Vec<double> x) {
    const Mask<double> sign = reinterpret_cast<Mask<double>>(x) & INT64_MIN;
    const auto size = reinterpret_cast<Vec<double>>(reinterpret_cast<Mask<double>>(x) ^ sign);
    Vec<double> power;
    const Vec<double> rest = reduced(minimum(size, broadcast(20.0)) * 2.0, power);
    const Vec<double> e = power * rest + (power - 1.0);
    return reinterpret_cast<Vec<double>>(reinterpret_cast<Mask<double>>(e / (e + 2.0)) | sign);
}

inline Vec<float> exp(Vec<float> x) {  // of |x| <= 80, or as of 80
    constexpr float c[] = {1.0F, 1.0F, 0.5F, 1.0F / 6, 1.0F / 24, 1.0F / 120, 1.0F / 720};
    const Vec<float> z = maximum(minimum(x, broadcast(80.0F)), broadcast(-80.0F));
    const Vec<float> magic = broadcast(0x1.8p23F);
    const Vec<float> shifted = Lanes<float>::fma(z, broadcast(1.44269504F), magic);
    const Vec<float> k = shifted - magic;
    Vec<float> r = Lanes<float>::fma(k, broadcast(-0.693359375F), z);
    r = Lanes<float>::fma(k, broadcast(2.12194440e-4F), r);
    const auto power =
        reinterpret_cast<Vec<float>>((reinterpret_cast<Word<float>>(shifted) + 127U) << 23U);
    return power * polynomial(r, c);
}

inline Vec<double> exp(Vec<double> x) {  // of |x| <= 700, or as of 700
    Vec<double> power;
    const Vec<double> rest =
        reduced(maximum(minimum(x, broadcast(700.0)), broadcast(-700.0)), power);
    return power * rest + power;
}

// Of |x| <= pi / 4, within 1.2e-7 of the value.
inline void sine_cosine(Vec<float> x, Vec<float>& sine, Vec<float>& cosine) {
    constexpr float s[] = {-1.0F / 6, 1.0F / 120, -1.0F / 5040, 1.0F / 362880};
    constexpr float c[] = {-0.5F, 1.0F / 24, -1.0F / 720, 1.0F / 40320};
    const Vec<float> y = x * x;
    sine = Lanes<float>::fma(x * y, polynomial(y, s), x);
    cosine = Lanes<float>::fma(y, polynomial(y, c), broadcast(1.0F));
}

// Threefry-2x32, 20 rounds (Salmon, Moraes, Dror, Shaw 2011): of 32-bit words, or lanes of them.
template <class W>
inline void threefry(W key0, W key1, W& a, W& b) {
    const W keys[3] = {key0, key1, key0 ^ key1 ^ 0x1BD11BDAU};
    constexpr unsigned rotations[8] = {13, 15, 26, 6, 17, 29, 16, 24};
    a += keys[0];
    b += keys[1];
    for (unsigned group = 0; group < 5; ++group) {
        for (unsigned i = 0; i < 4; ++i) {
            const unsigned bits = rotations[group % 2 * 4 + i];
            a += b;
            b = (b << bits | b >> (32 - bits)) ^ a;
        }
        a += keys[(group + 1) % 3];
        b += keys[(group + 2) % 3] + (group + 1);
    }
}

// In [0, 1), a multiple of 2^-24: exact in either type.
template <class T>
inline Vec<T> uniform(Word<T> word) {
    using Signed = typename Lanes<T>::word_signed;
    return __builtin_convertvector(reinterpret_cast<Signed>(word >> 8U), Vec<T>) *
           static_cast<T>(0x1p-24);
}

}  // namespace
}  // namespace eigenwell::cartpole

#endif  // EIGENWELL_SRC_CARTPOLE_FUNCTIONS_HPP
