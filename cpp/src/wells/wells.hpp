// Exact softmax policy gradient of many starts at once: what the kernels take and what they
// promise.
//
//   theta_{t+1}(a) = theta_t(a) + eta_t pi_t(a) (r(a) - pi_t^T r),   pi = softmax(theta)
//
// State. u(a) = pi(a) / pi(a*) of the K - 1 actions other than the best one, a*: no logarithm, no
// maximum, no normalising, and one exponential less than actions. With the shortfall
// s(a) = r(a*) - r(a), S = 1 + sum u, sub-optimality delta = sum u s / S, an update is
//
//   u(a) <- u(a) exp(eta / S (u(a) (delta - s(a)) - delta))
//
// and u exp(x) is taken as u + u (exp(x) - 1): one rounding, however small x is.
//
// Range. The exponent is at most R / 2 in size, R = eta (max r - min r): `gentle` says that this is
// at most 1/4, and a shorter exponential does. Callers see to R <= 100 and starts of at least
// 1e-200. Ratios then stay far inside float64: only two actions that share the mass move by more
// than a few per cent of R, so a ratio leaves its start by exp(R / 2) and, on a plateau, by a
// factor of the order of R t.
//
// Order. Lanes are starts; a lane's arithmetic depends on nothing beside it, so a start has the
// same bits alone and in any batch, with any number of threads. Actions are added up in their
// order.
#ifndef EIGENWELL_SRC_WELLS_WELLS_HPP
#define EIGENWELL_SRC_WELLS_WELLS_HPP

#include <cstddef>
#include <cstdint>

namespace eigenwell::wells {

inline constexpr std::size_t block_starts = 64;  // starts of a unit of work

// One number for each start of a block.
struct alignas(64) Row {
    double lane[block_starts];
};

// A block of starts on their way.
struct Block {
    Row* ratios = nullptr;            // [K - 1]: u(a), in and out
    const Row* shortfalls = nullptr;  // [K - 1]: s(a)
    Row* thresholds = nullptr;        // [1]: escapes are sub-optimality below this; or null
    std::int64_t* times = nullptr;    // [block_starts]: of the first escape, where there is one;
                                      // the threshold becomes 0 then
    const double* rates = nullptr;    // [updates], or [1] where the stride is 0
    std::size_t rate_stride = 0;
    std::int64_t t = 1;  // time of the ratios that come in
    std::size_t updates = 0;
    std::size_t others = 0;  // K - 1
};

// Where escapes are wanted, each policy is looked at before its update.
struct Kernels {
    void (*gentle)(const Block& block);  // exponents of at most 1/4
    void (*any)(const Block& block);     // of at most 700
    // exp(x) as the two take it, for their tests; `count` is a multiple of block_starts.
    void (*exp_gentle)(const double* x, double* result, std::size_t count);
    void (*exp_any)(const double* x, double* result, std::size_t count);
};

extern const Kernels portable_kernels;
#if defined(__x86_64__)
extern const Kernels avx2_kernels;
extern const Kernels avx512_kernels;
#endif

// The kernels of the active instruction set; null while EIGENWELL_ISA names an unknown one.
const Kernels* active_kernels() noexcept;

}  // namespace eigenwell::wells

#endif  // EIGENWELL_SRC_WELLS_WELLS_HPP
