// Softmax policy gradient by the vector extension of GCC and Clang: SSE2 on baseline x86-64, NEON
// on AArch64. Two starts a vector. NEON fuses its multiply-adds and agrees with AVX2 and AVX-512 to
// the bit; baseline x86-64 has none and rounds twice.
#if defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "kernels.hpp"

namespace eigenwell::wells {
namespace {

struct Portable {
    using vec __attribute__((vector_size(16))) = double;
    using mask __attribute__((vector_size(16))) = std::int64_t;
    static constexpr std::size_t width = 2;
    static constexpr std::size_t vectors = 8;

    static vec load(const double* p) {
        vec v;
        __builtin_memcpy(&v, p, sizeof v);
        return v;
    }
    static void store(double* p, vec v) { __builtin_memcpy(p, &v, sizeof v); }
    static vec broadcast(double x) { return vec{x, x}; }
    static vec add(vec a, vec b) { return a + b; }
    static vec sub(vec a, vec b) { return a - b; }
    static vec mul(vec a, vec b) { return a * b; }
    static vec div(vec a, vec b) { return a / b; }
#if defined(__aarch64__)
    static vec fma(vec a, vec b, vec c) { return vfmaq_f64(c, a, b); }
#else
    static vec fma(vec a, vec b, vec c) { return a * b + c; }
#endif
    static vec fms(vec a, vec b, vec c) { return fma(a, b, -c); }   // a b - c
    static vec fnma(vec a, vec b, vec c) { return fma(-a, b, c); }  // c - a b
    static mask less(vec a, vec b) { return a < b; }
    static mask either(mask a, mask b) { return a | b; }
    static bool any(mask m) { return (m[0] | m[1]) != 0; }
    // 2^k from 1.5 2^52 + k.
    static vec power_of_two(vec sum) {
        using bits __attribute__((vector_size(16))) = std::uint64_t;
        const bits k = reinterpret_cast<bits>(sum) << 52;
        return reinterpret_cast<vec>(k + reinterpret_cast<bits>(broadcast(1.0)));
    }
};

}  // namespace

constexpr Kernels portable_kernels = make_kernels<Portable>();

}  // namespace eigenwell::wells
