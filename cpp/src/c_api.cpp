// The C ABI: argument checks, dispatch, and nothing else.
#include <new>

#include "cpu/features.hpp"
#include "dc/isa.hpp"
#include "eigenwell/dc/policy.hpp"
#include "eigenwell/eigenwell.h"
#include "eigenwell/version.hpp"

struct eigenwell_policy {
    eigenwell::dc::Policy policy;
};

namespace {

using eigenwell::Status;
namespace dc = eigenwell::dc;

static_assert(EIGENWELL_OK == static_cast<int>(Status::ok));
static_assert(EIGENWELL_TRUNCATED == static_cast<int>(Status::truncated));
static_assert(EIGENWELL_BAD_VALUE == static_cast<int>(Status::bad_value));
static_assert(EIGENWELL_ISA_UNAVAILABLE == static_cast<int>(Status::isa_unavailable));

eigenwell_status answer(Status status) noexcept { return static_cast<eigenwell_status>(status); }

constexpr std::size_t alignment = alignof(eigenwell_policy);

// The decoded table lies behind the object, both in the caller's storage.
std::size_t storage_size(const dc::PolicyView& view) noexcept {
    return sizeof(eigenwell_policy) + alignment + dc::Policy::storage_size(view);
}

}  // namespace

const char* eigenwell_status_message(eigenwell_status status) {
    return eigenwell::message(static_cast<Status>(status));
}

const char* eigenwell_version(void) { return EIGENWELL_VERSION; }

size_t eigenwell_policy_storage(const void* data, size_t data_size) {
    dc::PolicyView view;
    return dc::parse(data, data_size, &view) == Status::ok ? storage_size(view) : 0;
}

eigenwell_status eigenwell_policy_init(void* storage, size_t storage_bytes, const void* data,
                                       size_t data_size, eigenwell_policy** policy) {
    if (policy == nullptr) {
        return EIGENWELL_NULL_ARGUMENT;
    }
    *policy = nullptr;
    if (storage == nullptr) {
        return EIGENWELL_NULL_ARGUMENT;
    }
    dc::PolicyView view;
    const Status parsed = dc::parse(data, data_size, &view);
    if (parsed != Status::ok) {
        return answer(parsed);
    }
    if (storage_bytes < storage_size(view)) {
        return EIGENWELL_STORAGE_TOO_SMALL;
    }
    const dc::Kernels* kernels = dc::active_kernels();
    if (kernels == nullptr) {
        return EIGENWELL_ISA_UNAVAILABLE;
    }
    const auto address = reinterpret_cast<std::uintptr_t>(storage);
    const std::size_t skip = (alignment - address % alignment) % alignment;
    unsigned char* start = static_cast<unsigned char*>(storage) + skip;
    auto* made = new (start) eigenwell_policy;
    const Status status =
        made->policy.init(view, start + sizeof(eigenwell_policy),
                          storage_bytes - skip - sizeof(eigenwell_policy), *kernels);
    if (status == Status::ok) {
        *policy = made;
    }
    return answer(status);
}

size_t eigenwell_policy_inputs(const eigenwell_policy* policy) {
    return policy == nullptr ? 0 : policy->policy.view().inputs;
}

size_t eigenwell_policy_outputs(const eigenwell_policy* policy) {
    return policy == nullptr ? 0 : policy->policy.view().neurons;
}

eigenwell_status eigenwell_policy_act(const eigenwell_policy* policy, const float* observation,
                                      float* action) {
    if (policy == nullptr || observation == nullptr || action == nullptr) {
        return EIGENWELL_NULL_ARGUMENT;
    }
    const dc::Kernels* kernels = dc::active_kernels();
    if (kernels == nullptr) {
        return EIGENWELL_ISA_UNAVAILABLE;
    }
    return answer(policy->policy.act(observation, action, *kernels));
}

eigenwell_status eigenwell_policy_act_batch(const eigenwell_policy* policy,
                                            const float* observations, size_t rows,
                                            float* actions) {
    if (policy == nullptr || (rows > 0 && (observations == nullptr || actions == nullptr))) {
        return EIGENWELL_NULL_ARGUMENT;
    }
    const dc::Kernels* kernels = dc::active_kernels();
    if (kernels == nullptr) {
        return EIGENWELL_ISA_UNAVAILABLE;
    }
    return answer(policy->policy.act_batch(observations, rows, actions, *kernels));
}

eigenwell_status eigenwell_policy_self_test(const eigenwell_policy* policy, float* largest_error) {
    if (policy == nullptr) {
        return EIGENWELL_NULL_ARGUMENT;
    }
    const dc::Kernels* kernels = dc::active_kernels();
    if (kernels == nullptr) {
        return EIGENWELL_ISA_UNAVAILABLE;
    }
    return answer(policy->policy.self_test(largest_error, *kernels));
}

size_t eigenwell_isa_available(const char** names, size_t capacity) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < eigenwell::cpu::isa_count; ++i) {
        const auto isa = static_cast<eigenwell::cpu::Isa>(i);
        if (eigenwell::cpu::available(isa)) {
            if (names != nullptr && count < capacity) {
                names[count] = eigenwell::cpu::name(isa);
            }
            ++count;
        }
    }
    return count;
}

const char* eigenwell_isa_active(void) {
    const eigenwell::cpu::Isa* isa = eigenwell::cpu::active();
    return isa == nullptr ? nullptr : eigenwell::cpu::name(*isa);
}

eigenwell_status eigenwell_isa_force(const char* name) {
    return answer(eigenwell::cpu::force(name));
}
