// The ceiling of the batch kernel: fused multiply-adds a second of this processor, one thread, for
// each vector width. Ten independent chains hide the latency; nothing is loaded or stored.
//
//   c++ -O2 -o build/peak_fma bench/peak_fma.cpp && build/peak_fma
#include <chrono>
#include <cstdio>

namespace {

#define CHAIN(fma, reg, n) fma " %%" reg "31, %%" reg "31, %%" reg #n "\n\t"
#define CHAIN15(fma, reg, n) fma " %%" reg "15, %%" reg "15, %%" reg #n "\n\t"

template <class Body>
void measure(const char* name, double lanes, Body body) {
    constexpr long steps = 20000000;
    double best = 0.0;
    for (int repeat = 0; repeat < 5; ++repeat) {
        const auto start = std::chrono::steady_clock::now();
        for (long step = 0; step < steps; ++step) {
            body();
        }
        const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
        const double rate = 10.0 * static_cast<double>(steps) / elapsed.count();
        best = rate > best ? rate : best;
    }
    std::printf("%-8s %6.2f G vector FMA/s, %7.1f G FMA/s\n", name, best / 1e9, best * lanes / 1e9);
}

}  // namespace

int main() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("fma")) {
        measure("avx2", 8, [] {
            __asm__ volatile(
                CHAIN15("vfmadd231ps", "ymm", 0) CHAIN15("vfmadd231ps", "ymm", 1)
                    CHAIN15("vfmadd231ps", "ymm", 2) CHAIN15("vfmadd231ps", "ymm", 3)
                        CHAIN15("vfmadd231ps", "ymm", 4) CHAIN15("vfmadd231ps", "ymm", 5)
                            CHAIN15("vfmadd231ps", "ymm", 6) CHAIN15("vfmadd231ps", "ymm", 7)
                                CHAIN15("vfmadd231ps", "ymm", 8) CHAIN15("vfmadd231ps", "ymm", 9)::
                                    : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
                                      "xmm7", "xmm8", "xmm9", "xmm15");
        });
    }
    if (__builtin_cpu_supports("avx512f")) {
        measure("avx512", 16, [] {
            __asm__ volatile(
                CHAIN("vfmadd231ps", "zmm", 0) CHAIN("vfmadd231ps", "zmm", 1)
                    CHAIN("vfmadd231ps", "zmm", 2) CHAIN("vfmadd231ps", "zmm", 3)
                        CHAIN("vfmadd231ps", "zmm", 4) CHAIN("vfmadd231ps", "zmm", 5)
                            CHAIN("vfmadd231ps", "zmm", 6) CHAIN("vfmadd231ps", "zmm", 7)
                                CHAIN("vfmadd231ps", "zmm", 8) CHAIN("vfmadd231ps", "zmm", 9)::
                                    : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
                                      "xmm7", "xmm8", "xmm9");
        });
    }
#else
    std::puts("written for x86-64 only");
#endif
    return 0;
}
