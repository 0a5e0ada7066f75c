// u exp(x) for every lane type, as u + u (exp(x) - 1): for a small x, or a zero, nothing is lost.
//
// exp(x) - 1 = x + x^2 h(x), and h is a polynomial fitted by Remez's exchange so that the largest
// error of exp(x) - 1 on its interval is smallest; the coefficients are then rounded. That errs by
// at most 1.5e-17 exp(x), where half a unit in the last place is 5.6e-17 exp(x) or more. With the
// rounding of the operations, fused or not, Gentle is within 0.8 units in the last place of exp(x)
// and Any within 1.1: the C++ test holds them to that.
//
// Cost: Gentle 11 products or fused multiply-adds, Any 18 and two additions.
#ifndef EIGENWELL_SRC_WELLS_EXPONENTIALS_HPP
#define EIGENWELL_SRC_WELLS_EXPONENTIALS_HPP

#include <cstddef>

namespace eigenwell::wells {
namespace {  // internal linkage on purpose: see kernels.hpp

template <class L, std::size_t Count>
typename L::vec series(typename L::vec u, typename L::vec x, const double (&coefficients)[Count]) {
    typename L::vec h = L::broadcast(coefficients[Count - 1]);
    for (std::size_t i = Count - 1; i > 0; --i) {
        h = L::fma(h, x, L::broadcast(coefficients[i - 1]));
    }
    return L::fma(u, L::fma(L::mul(x, x), h, x), u);
}

// |x| <= 1/4.
template <class L>
struct Gentle {
    using vec = typename L::vec;

    static vec times_exp(vec u, vec x) {
        constexpr double h[] = {
            0x1.0000000000001p-1,  0x1.5555555554f87p-3,  0x1.5555555554da9p-5,
            0x1.111111140370dp-7,  0x1.6c16c17058cd6p-10, 0x1.a019e1e63a2dap-13,
            0x1.a019e12a7be9fp-16, 0x1.726989d210201p-19, 0x1.2854dba580224p-22};
        return series<L>(u, x, h);
    }
};

// |x| <= 700: x = k ln 2 + f with |f| <= ln 2 / 2. ln 2 comes in two parts, the first of 42 bits,
// so that its product with k is exact.
template <class L>
struct Any {
    using vec = typename L::vec;

    static vec times_exp(vec u, vec x) {
        constexpr double h[] = {0x1.000000000000bp-1,  0x1.5555555555561p-3,  0x1.5555555550034p-5,
                                0x1.111111110d63cp-7,  0x1.6c16c185a6703p-10, 0x1.a01a01bae15ffp-13,
                                0x1.a019969645f00p-16, 0x1.71dddfcdeb096p-19, 0x1.28b046a854b69p-22,
                                0x1.af858451789b6p-26};
        // The sum's low bits are the integer next to x / ln 2.
        const vec magic = L::broadcast(0x1.8p52);
        const vec sum = L::fma(x, L::broadcast(0x1.71547652b82fep+0), magic);
        const vec k = L::sub(sum, magic);
        const vec high = L::fnma(k, L::broadcast(0x1.62e42fefa38p-1), x);
        const vec f = L::fnma(k, L::broadcast(0x1.ef35793c7673p-45), high);
        return L::mul(series<L>(u, f, h), L::power_of_two(sum));
    }
};

}  // namespace
}  // namespace eigenwell::wells

#endif  // EIGENWELL_SRC_WELLS_EXPONENTIALS_HPP
