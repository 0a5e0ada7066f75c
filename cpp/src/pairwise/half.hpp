// float16 and bfloat16 to float32 and back, rounding to nearest even. Only the bits: no processor
// support is needed, and the cost is O(n) beside O(n^2).
#ifndef EIGENWELL_SRC_PAIRWISE_HALF_HPP
#define EIGENWELL_SRC_PAIRWISE_HALF_HPP

#include <cstdint>
#include <cstring>

namespace eigenwell::pairwise {

inline float from_bits(std::uint32_t bits) noexcept {
    float value = 0.0F;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

inline std::uint32_t to_bits(float value) noexcept {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

struct Float16 {
    std::uint16_t bits;
};
struct BFloat16 {
    std::uint16_t bits;
};

inline float widen(BFloat16 value) noexcept { return from_bits(std::uint32_t{value.bits} << 16); }

inline float widen(Float16 value) noexcept {
    const std::uint32_t sign = (value.bits & 0x8000U) << 16;
    const std::uint32_t rest = value.bits & 0x7FFFU;
    if (rest >= 0x7C00U) {  // infinity, NaN
        return from_bits(sign | 0x7F800000U | (rest & 0x3FFU) << 13);
    }
    if (rest < 0x400U) {  // zero and subnormal numbers: rest * 2^-24
        return from_bits(sign | to_bits(static_cast<float>(rest) * 0x1p-24F));
    }
    return from_bits(sign | ((rest << 13) + (112U << 23)));
}

inline BFloat16 narrow_bfloat16(float value) noexcept {
    const std::uint32_t bits = to_bits(value);
    if ((bits & 0x7FFFFFFFU) > 0x7F800000U) {
        return {static_cast<std::uint16_t>(bits >> 16 | 0x40U)};
    }
    return {static_cast<std::uint16_t>((bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16)};
}

inline Float16 narrow_float16(float value) noexcept {
    const std::uint32_t bits = to_bits(value);
    const std::uint32_t sign = bits >> 16 & 0x8000U;
    const std::uint32_t size = bits & 0x7FFFFFFFU;
    std::uint32_t rest = 0;
    if (size > 0x7F800000U) {
        rest = 0x7E00U;
    } else if (size >= 0x477FF000U) {  // rounds to 65536 or more
        rest = 0x7C00U;
    } else if (size < 0x38800000U) {  // below 2^-14: adding 2^-1 leaves multiples of 2^-24
        rest = to_bits(from_bits(size) + 0.5F) - to_bits(0.5F);
    } else {
        rest = (size - (112U << 23) + 0xFFFU + (size >> 13 & 1U)) >> 13;
    }
    return {static_cast<std::uint16_t>(sign | rest)};
}

}  // namespace eigenwell::pairwise

#endif  // EIGENWELL_SRC_PAIRWISE_HALF_HPP
