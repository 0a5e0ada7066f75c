// Bitwise policies: a majority vote of xors of the raw bits of an observation.
//
//   feature_f = inverted_f ^ parity((bits(x_0) & mask_f0) ^ (bits(x_1) & mask_f1) ^ ...)
//   action    = 1 if more than half of the features are 1, else 0
//
// bits(x) is the IEEE-754 binary32 pattern of x: bit 31 the sign, bits 30 to 23 the biased
// exponent, the rest the fraction. Parity is linear over xor, so a feature of any number of bits of
// n inputs takes n ands, n xors and one parity.
//
// Cost: features * inputs ands and xors, one parity of 6 operations per feature; no multiplication.
// Numerics: nothing is rounded, and every pattern gives an action, NaN and infinity as well. The
// sign of zero counts: +0 and -0 are different observations.
// Order: rows are independent of each other, so a row has the same action in every batch.
#ifndef EIGENWELL_DC_BITWISE_HPP
#define EIGENWELL_DC_BITWISE_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace eigenwell::dc {

// A bitwise policy in memory of the caller's.
struct BitwiseView {
    const std::uint32_t* masks;    // [features, inputs]: the bits that feature f takes from input i
    const std::uint8_t* inverted;  // [features]: 0 or 1
    std::size_t inputs;
    std::size_t features;  // odd, so that there are no ties
};

// 1 if the number of set bits is odd.
constexpr std::uint32_t parity(std::uint32_t v) noexcept {
    v ^= v >> 16;
    v ^= v >> 8;
    v ^= v >> 4;
    v ^= v >> 2;
    v ^= v >> 1;
    return v & 1U;
}

// 0 or 1 for one observation.
inline std::uint8_t act(const BitwiseView& policy,
                        const float* obs  // [inputs]
                        ) noexcept {
    std::size_t votes = 0;
    const std::uint32_t* mask = policy.masks;
    for (std::size_t f = 0; f < policy.features; ++f) {
        std::uint32_t chosen = 0;
        for (std::size_t i = 0; i < policy.inputs; ++i) {
            std::uint32_t bits = 0;
            std::memcpy(&bits, obs + i, sizeof bits);
            chosen ^= bits & *mask++;
        }
        votes += parity(chosen) ^ policy.inverted[f];
    }
    return votes * 2 > policy.features ? 1 : 0;
}

// The same for many observations; the type of the actions is whatever the environment takes.
template <class Action>
void act_batch(const BitwiseView& policy,
               const float* obs,  // [batch, inputs]
               std::size_t batch,
               Action* actions  // [batch]
               ) noexcept {
    for (std::size_t row = 0; row < batch; ++row) {
        actions[row] = static_cast<Action>(act(policy, obs + row * policy.inputs));
    }
}

}  // namespace eigenwell::dc

#endif  // EIGENWELL_DC_BITWISE_HPP
