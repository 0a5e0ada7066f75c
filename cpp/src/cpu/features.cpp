#include "features.hpp"

#include <atomic>
#include <cstdlib>
#include <cstring>

namespace eigenwell::cpu {
namespace {

constexpr Isa all[isa_count] = {Isa::portable, Isa::avx2, Isa::avx512, Isa::avx512vbmi};

bool detect(Isa isa) noexcept {
#if defined(__x86_64__)
    // The builtin also asks the operating system whether it saves the wide registers.
    switch (isa) {
        case Isa::portable: return true;
        case Isa::avx2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
        case Isa::avx512:
            return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                   __builtin_cpu_supports("fma");
        case Isa::avx512vbmi: return detect(Isa::avx512) && __builtin_cpu_supports("avx512vbmi");
    }
    return false;
#else
    return isa == Isa::portable;
#endif
}

const Isa* find(const char* wanted) noexcept {
    for (const Isa& isa : all) {
        if (std::strcmp(name(isa), wanted) == 0) {
            return available(isa) ? &isa : nullptr;
        }
    }
    return nullptr;
}

const Isa* initial() noexcept {
    const char* wanted = std::getenv("EIGENWELL_ISA");
    if (wanted != nullptr && *wanted != '\0') {
        return find(wanted);
    }
    const Isa* best = &all[0];
    for (const Isa& isa : all) {
        best = available(isa) ? &isa : best;
    }
    return best;
}

std::atomic<const Isa*>& current() noexcept {
    static std::atomic<const Isa*> isa{initial()};
    return isa;
}

}  // namespace

const char* name(Isa isa) noexcept {
    switch (isa) {
#if defined(__aarch64__)
        case Isa::portable: return "neon";
#else
        case Isa::portable: return "portable";
#endif
        case Isa::avx2: return "avx2";
        case Isa::avx512: return "avx512";
        case Isa::avx512vbmi: return "avx512vbmi";
    }
    return "";
}

bool available(Isa isa) noexcept {
    static const bool found[isa_count] = {detect(all[0]), detect(all[1]), detect(all[2]),
                                          detect(all[3])};
    return found[static_cast<std::size_t>(isa)];
}

const Isa* active() noexcept { return current().load(std::memory_order_relaxed); }

Status force(const char* name) noexcept {
    const Isa* isa = name == nullptr ? initial() : find(name);
    if (isa == nullptr) {
        return Status::isa_unavailable;
    }
    current().store(isa, std::memory_order_relaxed);
    return Status::ok;
}

}  // namespace eigenwell::cpu
