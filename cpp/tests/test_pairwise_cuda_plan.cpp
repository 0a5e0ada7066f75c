// What the CUDA kernels count on: masks, tiles, shares and the workspace by counting; the narrow
// element types number by number; compensated sums.
#include <cmath>
#include <cstdint>
#include <limits>

#include "pairwise_cuda_host.hpp"

namespace {

using namespace host;

void masks() {
    constexpr int64_t tile = 4;
    bool gaps = true;
    bool wholes = true;
    bool ranges = true;
    for (const Mask mask : {Mask::none, Mask::upper, Mask::lower, Mask::different}) {
        for (int64_t cols = 0; cols < 14; ++cols) {
            for (int64_t i0 = 0; i0 < 16; ++i0) {
                for (int64_t i1 = i0 + 1; i1 < 19; ++i1) {
                    const Range range = tiles_of(mask, i0, i1, cols, tile);
                    ranges = ranges && 0 <= range.first && range.first <= range.last &&
                             range.last <= quotient_up(cols, tile);
                    for (int64_t j0 = 0; j0 < cols; j0 += tile) {
                        const int64_t j1 = least(j0 + tile, cols);
                        bool all = true;
                        bool any = false;
                        for (int64_t i = i0; i < i1; ++i) {
                            const Gap gap = gap_of(mask, i, j0, static_cast<int>(j1 - j0));
                            for (int64_t j = j0; j < j1; ++j) {
                                const bool in = included(mask, i, j);
                                gaps = gaps && gap.has(static_cast<int>(j - j0)) == !in;
                                all = all && in;
                                any = any || in;
                            }
                        }
                        // Whole tiles may be missed, never claimed; tiles with pairs never skipped.
                        wholes = wholes && (!whole(mask, i0, i1, j0, j1) || all);
                        const bool walked = range.first <= j0 / tile && j0 / tile < range.last;
                        ranges = ranges && (walked || !any);
                        // A triangle skips all that it can.
                        const bool triangle = mask == Mask::upper || mask == Mask::lower;
                        ranges = ranges && (!triangle || !walked || any);
                    }
                }
            }
        }
    }
    CHECK(gaps);
    CHECK(wholes);
    CHECK(ranges);
}

void shares() {
    bool each_once = true;
    for (int64_t count = 0; count < 40; ++count) {
        for (int64_t splits = 1; splits < 20; ++splits) {
            int64_t next = 3;
            for (int64_t s = 0; s < splits; ++s) {
                const Range part = share({3, 3 + count}, s, splits);
                each_once = each_once && part.first == next && part.last >= part.first;
                next = part.last;
            }
            each_once = each_once && next == 3 + count;
        }
    }
    CHECK(each_once);

    int64_t expected = 0;
    bool in_order = true;
    for (int64_t i = 0; i < 30; ++i) {
        for (int64_t j = i + 1; j < 30; ++j) {
            in_order = in_order && pair_index(i, j, 30) == expected++;
        }
    }
    CHECK(in_order);
    // More pairs than 32 bits count.
    CHECK(pair_index(69998, 69999, 70000) == int64_t{70000} * 69999 / 2 - 1);
    CHECK(share({0, 8'000'000'000'000}, 4095, 4096).last == 8'000'000'000'000);
}

// 64 bytes a point where the cloud fills the device by itself, and a bounded rest below.
void memory() {
    CHECK(bytes_of({1, 1'000'000, 1'000'000, 3, DType::float32}) <= 64'000'000);
    CHECK(bytes_of({1, 100'000, 100'000, 3, DType::float32}) <= 32'000'000);
    CHECK(bytes_of({1, 100, 100, 3, DType::float32}) <= 100'000);
    CHECK(bytes_of({1, 0, 0, 3, DType::float32}) > 0);
    CHECK(bytes_of({0, 1, 1, 3, DType::float32}) == 0);
    const Species species[] = {{nullptr, nullptr, nullptr, 10, 0.1},
                               {nullptr, nullptr, nullptr, 20, 0.1}};
    Term term{0, 1, 1.0, 1.0, 0.0, Pairs::all};
    Descent descent{species, &term, 2, 1, 3, DType::float32, 5, 0, 0.0};
    CHECK(gradient_bytes(descent) >= 30 * 3 * sizeof(double));
    CHECK(scratch_bytes(descent) >= bytes_of({1, 10, 20, 3, DType::float32}));
    CHECK(sensible(descent));
    term.second = 2;
    CHECK(!sensible(descent));
    term = {0, 0, 1.0, 0.0, 0.0, Pairs::all};
    CHECK(!sensible(descent));
    term.exponent = 1.0;
    CHECK(sensible(descent));
    descent.momentum = 0.9;  // without velocities
    CHECK(!sensible(descent));
    descent.momentum = 0.0;
    descent.dtype = DType::float16;
    CHECK(!sensible(descent));
}

// However the steps are put together, each is taken once, the first of them alone, and every record
// is kept after its step.
void steps_of_a_descent() {
    const Species species{nullptr, nullptr, nullptr, 10, 0.1};
    const Term term{0, 0, 1.0, 1.0, 0.0, Pairs::all};
    Descent descent{&species, &term, 1, 1, 3, DType::float32, 0, 0, 0.0};
    for (descent.steps = 0; descent.steps < 200; descent.steps += 1) {
        for (descent.record_every = 0; descent.record_every < 210; ++descent.record_every) {
            const int64_t together = steps_together(descent);
            CHECK(together <= 16 && (descent.steps < 64) == (together == 0));
            int64_t taken = 0;
            int64_t records = 0;
            bool right = true;
            const auto one = [&] {
                ++taken;
                return 0;
            };
            const auto several = [&] {
                right = right && taken > 0;
                taken += together;
                return 0;
            };
            const auto record = [&](int64_t number) {
                right = right && number == records;
                ++records;
                right = right && taken == records * descent.record_every;
                return 0;
            };
            CHECK(walk(descent, together, one, several, record) == 0);
            const int64_t every = descent.record_every;
            CHECK(right && taken == descent.steps);
            CHECK(records == (every > 0 ? descent.steps / every : 0));
        }
    }
    // What goes wrong ends it.
    descent.record_every = 2;
    int calls = 0;
    const auto fails = [&] { return ++calls == 5 ? 7 : 0; };
    const auto record = [](int64_t) { return 0; };
    CHECK(walk(descent, 2, fails, fails, record) == 7 && calls == 5);
    calls = 0;
    CHECK(walk(descent, 2, fails, fails, [](int64_t number) { return number == 1 ? 9 : 0; }) == 9);
    CHECK(calls == 3);
    // A graph of thousands of kernels would take longer to make than to do without.
    descent.term_count = 256;
    CHECK(steps_together(descent) == 0);
}

void narrow_types() {
    bool halves = true;
    bool brains = true;
    for (std::uint32_t h = 0; h < 65536; ++h) {
        const auto bits = static_cast<std::uint16_t>(h);
        const float half = from_float16(bits);
        halves = halves && (std::isnan(half) ? (h & 0x7C00U) == 0x7C00U && (h & 0x3FFU) != 0
                                             : to_float16(half) == bits);
        const float brain = from_bfloat16(bits);
        brains = brains && (std::isnan(brain) ? std::isnan(from_bfloat16(to_bfloat16(brain)))
                                              : to_bfloat16(brain) == bits);
        // Half way to the next number, and a little to either side: ties go to the even one.
        const float next = from_float16(static_cast<std::uint16_t>(bits + 1));
        if (std::isfinite(half) && std::isfinite(next) && (h & 0x7FFFU) < 0x7BFFU) {
            const float middle = 0.5F * (half + next);
            const auto even = static_cast<std::uint16_t>((h & 1U) != 0 ? h + 1 : h);
            halves = halves && to_float16(middle) == even &&
                     to_float16(std::nextafter(middle, half)) == bits &&
                     to_float16(std::nextafter(middle, next)) == bits + 1;
        }
    }
    CHECK(halves);
    CHECK(brains);
    CHECK(from_float16(0x3C00) == 1.0F && from_float16(0xC000) == -2.0F);
    CHECK(from_float16(0x0001) == std::ldexp(1.0F, -24) && from_float16(0x7BFF) == 65504.0F);
    CHECK(to_float16(65519.0F) == 0x7BFF && to_float16(65520.0F) == 0x7C00);
    CHECK(to_float16(-std::numeric_limits<float>::infinity()) == 0xFC00);
    CHECK(std::isnan(from_float16(to_float16(std::numeric_limits<float>::quiet_NaN()))));
    CHECK(from_bfloat16(0x3F80) == 1.0F);
    CHECK(to_bfloat16(1.00390625F) == 0x3F80 && to_bfloat16(1.01171875F) == 0x3F82);
}

// As many additions as a million points make tiles.
void sums() {
    Sum<float> sum{0.0F, 0.0F};
    float plain = 0.0F;
    for (int i = 0; i < 8000; ++i) {
        sum.add(0.1F);
        plain += 0.1F;
    }
    const double expected = 8000 * static_cast<double>(0.1F);
    CHECK(std::abs(sum.value() / expected - 1.0) < 1e-7);
    CHECK(std::abs(static_cast<double>(plain) / expected - 1.0) > 1e-6);
}

}  // namespace

int main() {
    masks();
    shares();
    memory();
    steps_of_a_descent();
    narrow_types();
    sums();
    return check::report();
}
