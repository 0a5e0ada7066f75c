// Bitwise policies: known bits, every pattern, and the batch against single observations.
#include <array>
#include <cstdint>
#include <limits>

#include "check.hpp"
#include "eigenwell/dc/bitwise.hpp"

namespace {

namespace dc = eigenwell::dc;

constexpr std::uint32_t sign = 1U << 31;

void parities() {
    CHECK(dc::parity(0) == 0);
    CHECK(dc::parity(0xFFFFFFFFU) == 0);
    for (unsigned bit = 0; bit < 32; ++bit) {
        CHECK(dc::parity(1U << bit) == 1);
        CHECK(dc::parity(0xFFFFFFFFU ^ (1U << bit)) == 1);
    }
}

// One feature of one input: the sign bit itself.
void the_sign() {
    const std::uint8_t plain = 0;
    const dc::BitwiseView policy{&sign, &plain, 1, 1};
    const auto of = [&policy](float x) { return dc::act(policy, &x); };
    CHECK(of(1.0F) == 0);
    CHECK(of(-1.0F) == 1);
    CHECK(of(0.0F) == 0);
    CHECK(of(-0.0F) == 1);
    CHECK(of(std::numeric_limits<float>::quiet_NaN()) == 0);
    CHECK(of(-std::numeric_limits<float>::infinity()) == 1);
}

// Exponents 124 to 127 and 120 to 123 differ in bit 25: within them, a threshold at 1/8.
void an_exponent_bit_is_a_threshold() {
    const std::uint32_t mask = 1U << 25;
    const std::uint8_t plain = 0;
    const dc::BitwiseView policy{&mask, &plain, 1, 1};
    const auto of = [&policy](float x) { return dc::act(policy, &x); };
    CHECK(of(0.125F) == 1);
    CHECK(of(-1.9F) == 1);
    CHECK(of(0.1249F) == 0);
    CHECK(of(-0.0079F) == 0);
}

// All 8 outcomes of three sign bits, the last one inverted, alone and as a batch.
void majorities() {
    const std::array<std::uint32_t, 9> masks{sign, 0, 0, 0, sign, 0, 0, 0, sign};
    const std::array<std::uint8_t, 3> inverted{0, 0, 1};
    const dc::BitwiseView policy{masks.data(), inverted.data(), 3, 3};
    std::array<float, 24> obs{};
    std::array<int, 8> expected{};
    for (unsigned row = 0; row < 8; ++row) {
        int votes = 0;
        for (unsigned i = 0; i < 3; ++i) {
            const bool negative = ((row >> i) & 1U) != 0;
            obs[row * 3 + i] = negative ? -0.5F : 0.5F;
            votes += negative != (i == 2) ? 1 : 0;
        }
        expected[row] = votes >= 2 ? 1 : 0;
        CHECK(dc::act(policy, &obs[row * std::size_t{3}]) == expected[row]);
    }
    std::array<std::int64_t, 8> actions{};
    dc::act_batch(policy, obs.data(), actions.size(), actions.data());
    for (std::size_t row = 0; row < actions.size(); ++row) {
        CHECK(actions[row] == expected[row]);
    }
    dc::act_batch(policy, obs.data(), 0, static_cast<std::uint8_t*>(nullptr));
}

// The xor of two inputs: a bit in both masks of one feature.
void across_inputs() {
    const std::array<std::uint32_t, 2> masks{sign, sign};
    const std::uint8_t plain = 0;
    const dc::BitwiseView policy{masks.data(), &plain, 2, 1};
    const std::array<float, 2> same{-1.0F, -2.0F};
    const std::array<float, 2> different{-1.0F, 2.0F};
    CHECK(dc::act(policy, same.data()) == 0);
    CHECK(dc::act(policy, different.data()) == 1);
}

}  // namespace

int main() {
    parities();
    the_sign();
    an_exponent_bit_is_a_threshold();
    majorities();
    across_inputs();
    return check::report();
}
