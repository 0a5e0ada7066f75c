// The kernels of one instruction set, made of its lane type. See wells.hpp for what they compute.
//
// Cost of an update of one start, gentle: 1 division, 14 (K - 1) + 2 products or fused
// multiply-adds and 2 (K - 1) additions, and a comparison where escapes are wanted. K = 3: 30 of
// the second kind. A shorter polynomial for groups whose exponents are all tiny was tried: 12 %
// faster over 5000 steps, 20 % slower over 100, because one start on its way holds its group back.
//
// Included by the translation units of the instruction sets alone. Everything is in an unnamed
// namespace, and nothing of the standard library is called: the linker never replaces baseline code
// by a copy compiled for a newer processor.
#ifndef EIGENWELL_SRC_WELLS_KERNELS_HPP
#define EIGENWELL_SRC_WELLS_KERNELS_HPP

#include <cstddef>
#include <cstdint>

#include "exponentials.hpp"
#include "wells.hpp"

namespace eigenwell::wells {
namespace {  // internal linkage on purpose: see above

// Starts that go together: several vectors, so that one's division hides behind another's products.
template <class L>
constexpr std::size_t group = L::vectors * L::width;

// Notes the starts that are below their threshold for the first time.
template <class L>
void note(const typename L::vec* delta, std::int64_t t, double* thresholds, std::int64_t* times) {
    double lanes[group<L>];
    for (std::size_t v = 0; v < L::vectors; ++v) {
        L::store(lanes + v * L::width, delta[v]);
    }
    for (std::size_t i = 0; i < group<L>; ++i) {
        if (lanes[i] < thresholds[i]) {
            times[i] = t;
            thresholds[i] = 0.0;  // a sub-optimality is never below 0
        }
    }
}

// One group from `first` on. Others is K - 1 where ratios are kept in registers, 0 elsewhere.
template <class L, class Exponential, bool Noting, std::size_t Others>
void advance_group(const Block& b, std::size_t first) {
    using vec = typename L::vec;
    constexpr std::size_t vectors = L::vectors;
    constexpr std::size_t kept = Others > 0 ? Others : 1;
    const std::size_t others = Others > 0 ? Others : b.others;
    const auto place = [first](std::size_t v) { return first + v * L::width; };

    vec registers[kept][vectors];
    for (std::size_t a = 0; a < Others; ++a) {
        for (std::size_t v = 0; v < vectors; ++v) {
            registers[a][v] = L::load(b.ratios[a].lane + place(v));
        }
    }
    const auto ratio = [&](std::size_t a, std::size_t v) {
        if constexpr (Others > 0) {
            return registers[a][v];
        } else {
            return L::load(b.ratios[a].lane + place(v));
        }
    };
    const auto shortfall = [&](std::size_t a, std::size_t v) {
        return L::load(b.shortfalls[a].lane + place(v));
    };

    const double* rate = b.rates;
    const vec one = L::broadcast(1.0);
    for (std::size_t update = 0; update < b.updates; ++update, rate += b.rate_stride) {
        vec total[vectors];
        vec loss[vectors];
        for (std::size_t v = 0; v < vectors; ++v) {
            total[v] = L::add(one, ratio(0, v));
            loss[v] = L::mul(ratio(0, v), shortfall(0, v));
        }
        for (std::size_t a = 1; a < others; ++a) {
            for (std::size_t v = 0; v < vectors; ++v) {
                total[v] = L::add(total[v], ratio(a, v));
                loss[v] = L::fma(ratio(a, v), shortfall(a, v), loss[v]);
            }
        }
        vec best[vectors];  // pi(a*)
        vec delta[vectors];
        for (std::size_t v = 0; v < vectors; ++v) {
            best[v] = L::div(one, total[v]);
            delta[v] = L::mul(loss[v], best[v]);
        }
        if constexpr (Noting) {
            auto below = L::less(delta[0], L::load(b.thresholds->lane + place(0)));
            for (std::size_t v = 1; v < vectors; ++v) {
                below = L::either(below, L::less(delta[v], L::load(b.thresholds->lane + place(v))));
            }
            if (L::any(below)) {
                note<L>(delta, b.t + static_cast<std::int64_t>(update), b.thresholds->lane + first,
                        b.times + first);
            }
        }
        const vec eta = L::broadcast(*rate);
        for (std::size_t v = 0; v < vectors; ++v) {
            best[v] = L::mul(best[v], eta);
        }
        for (std::size_t a = 0; a < others; ++a) {
            for (std::size_t v = 0; v < vectors; ++v) {
                const vec u = ratio(a, v);
                const vec x =
                    L::mul(L::fms(u, L::sub(delta[v], shortfall(a, v)), delta[v]), best[v]);
                const vec next = Exponential::times_exp(u, x);
                if constexpr (Others > 0) {
                    registers[a][v] = next;
                } else {
                    L::store(b.ratios[a].lane + place(v), next);
                }
            }
        }
    }
    for (std::size_t a = 0; a < Others; ++a) {
        for (std::size_t v = 0; v < vectors; ++v) {
            L::store(b.ratios[a].lane + place(v), registers[a][v]);
        }
    }
}

template <class L, class Exponential, bool Noting>
void advance_groups(const Block& block) {
    static_assert(block_starts % group<L> == 0);
    for (std::size_t first = 0; first < block_starts; first += group<L>) {
        switch (block.others) {
            case 1: advance_group<L, Exponential, Noting, 1>(block, first); break;
            case 2: advance_group<L, Exponential, Noting, 2>(block, first); break;
            default: advance_group<L, Exponential, Noting, 0>(block, first); break;
        }
    }
}

template <class L, class Exponential>
void advance(const Block& block) {
    if (block.thresholds != nullptr) {
        advance_groups<L, Exponential, true>(block);
    } else {
        advance_groups<L, Exponential, false>(block);
    }
}

template <class L, class Exponential>
void exponentials(const double* x, double* result, std::size_t count) {
    for (std::size_t i = 0; i < count; i += L::width) {
        L::store(result + i, Exponential::times_exp(L::broadcast(1.0), L::load(x + i)));
    }
}

template <class L>
constexpr Kernels make_kernels() noexcept {
    return {advance<L, Gentle<L>>, advance<L, Any<L>>, exponentials<L, Gentle<L>>,
            exponentials<L, Any<L>>};
}

}  // namespace
}  // namespace eigenwell::wells

#endif  // EIGENWELL_SRC_WELLS_KERNELS_HPP
