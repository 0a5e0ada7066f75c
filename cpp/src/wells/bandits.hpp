// Many starts from t = 1 to the end, in blocks on all threads.
#ifndef EIGENWELL_SRC_WELLS_BANDITS_HPP
#define EIGENWELL_SRC_WELLS_BANDITS_HPP

#include <cstddef>
#include <cstdint>

#include "wells.hpp"

namespace eigenwell::wells {

enum class Outcome : int { ok, no_memory, stopped };

struct Bandits {
    double* ratios = nullptr;            // [K - 1, n]: those of t = 1, and of `steps` when done,
                                         // unless escapes are wanted
    const double* shortfalls = nullptr;  // [K - 1, n], or [K - 1] where all starts share them
    bool shared = false;
    const double* thresholds = nullptr;  // [n]: look for escapes; or null: run all to the end
    std::int64_t* times = nullptr;       // [n]: of escapes after t = 1, where there are any; starts
                                         // that come with a time above 0 are left alone
    const double* rates = nullptr;       // [steps], or [1] where the stride is 0
    std::size_t rate_stride = 0;
    std::size_t n = 0;
    std::size_t others = 0;                 // K - 1, at least 1
    std::int64_t steps = 1;                 // the last t
    bool gentle = false;                    // exponents are at most 1/4
    std::size_t threads = 0;                // 0 for the default
    bool (*stop)(void* context) = nullptr;  // asked in the caller's thread, some ten times a second
    void* stop_context = nullptr;
    double updates = 0.0;  // out: of starts, those of escaped ones until they are left out included
};

[[nodiscard]] Outcome run(Bandits& bandits, const Kernels& kernels) noexcept;

}  // namespace eigenwell::wells

#endif  // EIGENWELL_SRC_WELLS_BANDITS_HPP
