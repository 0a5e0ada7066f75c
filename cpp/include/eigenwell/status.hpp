// What a native call answers instead of throwing. The numbers are part of the C ABI (eigenwell.h).
#ifndef EIGENWELL_STATUS_HPP
#define EIGENWELL_STATUS_HPP

#include <cstdint>

namespace eigenwell {

enum class Status : std::int32_t {
    ok = 0,
    null_argument = 1,
    truncated = 2,
    bad_magic = 3,
    bad_version = 4,
    bad_size = 5,
    bad_checksum = 6,
    bad_header = 7,
    bad_index = 8,
    bad_value = 9,
    storage_too_small = 10,
    not_finite = 11,
    self_test_failed = 12,
    isa_unavailable = 13,
};

// One clause that completes "cannot do this: ..."; never null.
inline const char* message(Status status) noexcept {
    switch (status) {
        case Status::ok: return "success";
        case Status::null_argument: return "a required pointer is null";
        case Status::truncated: return "the data end before the policy does";
        case Status::bad_magic: return "the data do not begin with the .dcp signature";
        case Status::bad_version: return "the .dcp version is not one that this library reads";
        case Status::bad_size: return "the size in the header is not the size of the content";
        case Status::bad_checksum: return "the checksum does not match: the data are damaged";
        case Status::bad_header: return "a count in the header is outside of its limits";
        case Status::bad_index: return "a packed index is outside of the codebook";
        case Status::bad_value: return "a parameter is NaN, infinite or out of order";
        case Status::storage_too_small: return "the storage is smaller than the policy needs";
        case Status::not_finite: return "an observation is NaN or infinite, or too large";
        case Status::self_test_failed: return "the outputs differ from the self-test vectors";
        case Status::isa_unavailable: return "that instruction set is not available here";
    }
    return "unknown status";
}

}  // namespace eigenwell

#endif  // EIGENWELL_STATUS_HPP
