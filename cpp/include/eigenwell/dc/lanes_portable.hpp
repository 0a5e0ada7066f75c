// Four float lanes in standard C++, with the vector extension of GCC and Clang where it is there:
// SSE2 on baseline x86-64, NEON on AArch64, plain loops elsewhere.
//
// On AArch64 `a * b + c` is one fused instruction by the compiler's default contraction; baseline
// x86-64 has none, so its results may differ from those of the other lane types in the last bits.
#ifndef EIGENWELL_DC_LANES_PORTABLE_HPP
#define EIGENWELL_DC_LANES_PORTABLE_HPP

#include <cstddef>
#include <cstring>

#include "eigenwell/dc/kernels.hpp"

namespace eigenwell::dc {

#if defined(__GNUC__)
using PortableVector = float __attribute__((vector_size(16)));
#else
struct PortableVector {
    float lane[4];
};
#endif

struct PortableLanes {
    using vec = PortableVector;
    static constexpr std::size_t width = 4;
    static constexpr std::size_t vectors = 3;  // 12 sums: what 16 registers hold
    static constexpr std::size_t batch_vectors = 1;
    static constexpr std::size_t batch_eigenvalues = 3;

    static vec load(const float* p) {
        vec v;
        std::memcpy(&v, p, sizeof v);
        return v;
    }
    static vec load_once(const float* p) { return load(p); }
    static vec load_first(const float* p, std::size_t count) {  // the other lanes are 0
        float lanes[width] = {};
        for (std::size_t i = 0; i < count; ++i) {
            lanes[i] = p[i];
        }
        return load(lanes);
    }
    static bool all_zero(vec v) {
        float lanes[width];
        store(lanes, v);
        return lanes[0] == 0.0F && lanes[1] == 0.0F && lanes[2] == 0.0F && lanes[3] == 0.0F;
    }
    static void store(float* p, vec v) { std::memcpy(p, &v, sizeof v); }
    static void store_first(float* p, vec v, std::size_t count) {
        float lanes[width];
        store(lanes, v);
        for (std::size_t i = 0; i < count; ++i) {
            p[i] = lanes[i];
        }
    }
    static vec swap(vec v, std::size_t distance) {  // lane i takes lane i ^ distance
        float lanes[width];
        store(lanes, v);
        const float swapped[width] = {lanes[distance], lanes[1 ^ distance], lanes[2 ^ distance],
                                      lanes[3 ^ distance]};
        return load(swapped);
    }
#if defined(__GNUC__)
    static vec broadcast(float x) { return vec{x, x, x, x}; }
    static vec add(vec a, vec b) { return a + b; }
    static vec sub(vec a, vec b) { return a - b; }
    static vec mul(vec a, vec b) { return a * b; }
    static vec fma(vec a, vec b, vec c) { return a * b + c; }
    static vec max(vec a, vec b) { return a > b ? a : b; }
    static vec min(vec a, vec b) { return a < b ? a : b; }
#else
    template <class Operation>
    static vec each(vec a, vec b, Operation operation) {
        for (std::size_t i = 0; i < width; ++i) {
            a.lane[i] = operation(a.lane[i], b.lane[i]);
        }
        return a;
    }
    static vec broadcast(float x) { return vec{{x, x, x, x}}; }
    static vec add(vec a, vec b) {
        return each(a, b, [](float p, float q) { return p + q; });
    }
    static vec sub(vec a, vec b) {
        return each(a, b, [](float p, float q) { return p - q; });
    }
    static vec mul(vec a, vec b) {
        return each(a, b, [](float p, float q) { return p * q; });
    }
    static vec fma(vec a, vec b, vec c) { return add(mul(a, b), c); }
    static vec max(vec a, vec b) {
        return each(a, b, [](float p, float q) { return p > q ? p : q; });
    }
    static vec min(vec a, vec b) {
        return each(a, b, [](float p, float q) { return p < q ? p : q; });
    }
#endif
    // [width, n] to [n, width], the latter with `stride` floats from row to row.
    static void transpose(const float* rows, std::size_t n, float* out, std::size_t stride) {
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t r = 0; r < width; ++r) {
                out[i * stride + r] = rows[r * n + i];
            }
        }
    }
    // Row r of the output, `stride` floats apart, gets lane r of a, b, c and d.
    static void store_quads(float* out, std::size_t stride, vec a, vec b, vec c, vec d) {
        float columns[4][width];
        store(columns[0], a);
        store(columns[1], b);
        store(columns[2], c);
        store(columns[3], d);
        for (std::size_t r = 0; r < width; ++r) {
            for (std::size_t q = 0; q < 4; ++q) {
                out[r * stride + q] = columns[q][r];
            }
        }
    }
};

}  // namespace eigenwell::dc

#endif  // EIGENWELL_DC_LANES_PORTABLE_HPP
