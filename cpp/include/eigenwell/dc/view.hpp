// A packed policy read in place: `parse` checks every byte that it will ever trust and then hands
// out pointers into the caller's buffer. Nothing is copied or allocated; the buffer may lie at any
// address (flash, a mapped file, a Python bytes object) and must outlive the view.
#ifndef EIGENWELL_DC_VIEW_HPP
#define EIGENWELL_DC_VIEW_HPP

#include <cstddef>
#include <cstdint>

#include "eigenwell/dc/format.hpp"
#include "eigenwell/status.hpp"

namespace eigenwell::dc {

struct PolicyView {
    std::size_t inputs = 0;       // n
    std::size_t neurons = 0;      // k
    std::size_t eigenvalues = 0;  // m, of each neuron
    unsigned bits = 0;            // of one packed index
    std::size_t codebook_size = 0;
    std::size_t self_test_count = 0;  // t
    std::size_t metadata_size = 0;    // bytes
    float clip_low = 0.0F;
    float clip_high = 0.0F;
    float input_clip = 0.0F;
    float self_test_tolerance = 0.0F;

    // Little-endian content; read it with load_u64 and load_f32. Absent parts are null.
    const unsigned char* words = nullptr;              // u64 [word_count(n * k * m, bits)]
    const unsigned char* codebook = nullptr;           // f32 [codebook_size]
    const unsigned char* biases = nullptr;             // f32 [k * m]
    const unsigned char* quadratic = nullptr;          // f32 [k * m]
    const unsigned char* shift = nullptr;              // f32 [n]
    const unsigned char* scale = nullptr;              // f32 [n]
    const unsigned char* self_test_inputs = nullptr;   // f32 [t, n]
    const unsigned char* self_test_outputs = nullptr;  // f32 [t, k]
    const unsigned char* metadata = nullptr;           // UTF-8 JSON

    [[nodiscard]] std::size_t columns() const noexcept { return neurons * eigenvalues; }
    [[nodiscard]] std::size_t index_count() const noexcept { return inputs * columns(); }
};

namespace detail {

inline bool is_finite(float value) noexcept { return value - value == 0.0F; }

inline bool all_finite_le(const unsigned char* values, std::size_t count) noexcept {
    for (std::size_t i = 0; values != nullptr && i < count; ++i) {
        if (!is_finite(load_f32(values + 4 * i))) {
            return false;
        }
    }
    return true;
}

// Every index is an entry of the codebook, and the bits that hold no index are zero.
inline bool indices_valid(const PolicyView& view) noexcept {
    const std::size_t per_word = indices_per_word(view.bits);
    const std::uint64_t mask = (std::uint64_t{1} << view.bits) - 1;
    std::size_t left = view.index_count();
    for (const unsigned char* p = view.words; left > 0; p += 8) {
        std::uint64_t word = load_u64(p);
        const std::size_t here = left < per_word ? left : per_word;
        for (std::size_t j = 0; j < here; ++j) {
            if ((word & mask) >= view.codebook_size) {
                return false;
            }
            // A shift by the whole width would be undefined (bits = 8, last index).
            word = view.bits * (j + 1) < 64 ? word >> view.bits : 0;
        }
        if (word != 0) {
            return false;
        }
        left -= here;
    }
    return true;
}

}  // namespace detail

// Reads the policy that fills `data[0, size)` exactly.
//
// Answers the first of these that applies: null_argument, truncated, bad_magic, bad_version,
// bad_size, bad_checksum, bad_header, bad_size (counts that do not add up), bad_value, bad_index.
// `*view` is written on success only. Cost: three passes over the data, no allocation.
[[nodiscard]] inline Status parse(const void* data, std::size_t size, PolicyView* view) noexcept {
    if (view == nullptr || (data == nullptr && size > 0)) {
        return Status::null_argument;
    }
    const auto* bytes = static_cast<const unsigned char*>(data);
    if (size >= sizeof magic && std::memcmp(bytes, magic, sizeof magic) != 0) {
        return Status::bad_magic;
    }
    if (size < header_size + checksum_size) {
        return Status::truncated;
    }
    if (load_u16(bytes + 8) != format_version) {
        return Status::bad_version;
    }
    const std::size_t file_size = load_u32(bytes + 12);
    if (size < file_size) {
        return Status::truncated;
    }
    if (size != file_size || load_u16(bytes + 10) != header_size) {
        return Status::bad_size;
    }
    if (load_u32(bytes + size - checksum_size) != crc32(bytes, size - checksum_size)) {
        return Status::bad_checksum;
    }

    PolicyView v;
    v.inputs = load_u32(bytes + 16);
    v.neurons = load_u16(bytes + 20);
    v.eigenvalues = load_u16(bytes + 22);
    v.bits = bytes[24];
    const unsigned flags = bytes[25];
    v.codebook_size = load_u16(bytes + 26);
    v.clip_low = load_f32(bytes + 28);
    v.clip_high = load_f32(bytes + 32);
    v.input_clip = load_f32(bytes + 36);
    v.self_test_count = load_u32(bytes + 40);
    v.self_test_tolerance = load_f32(bytes + 44);
    v.metadata_size = load_u32(bytes + 48);
    if (v.inputs < 1 || v.inputs > max_inputs || v.neurons < 1 || v.neurons > max_neurons ||
        v.eigenvalues < 1 || v.eigenvalues > max_eigenvalues || v.bits < min_bits ||
        v.bits > max_bits || (flags & ~unsigned{flag_all}) != 0 || v.codebook_size < 1 ||
        v.codebook_size > (std::size_t{1} << v.bits) || v.self_test_count > max_self_tests) {
        return Status::bad_header;
    }
    for (std::size_t i = 52; i < header_size; ++i) {
        if (bytes[i] != 0) {
            return Status::bad_header;
        }
    }

    // All counts are bounded now, so the sum below is at most 2^32 + 2^27 * 1.2: it needs, and has,
    // 64 bits on every host.
    std::uint64_t offset = header_size;
    const auto take = [&](std::uint64_t count, std::uint64_t width) {
        const std::uint64_t start = offset;
        offset += count * width;
        return start;
    };
    const std::uint64_t columns = v.columns();
    const std::uint64_t at_words = take(word_count(v.index_count(), v.bits), 8);
    const std::uint64_t at_codebook = take(v.codebook_size, 4);
    const std::uint64_t at_biases = take(columns, 4);
    const std::uint64_t at_quadratic = take((flags & flag_quadratic) != 0 ? columns : 0, 4);
    const std::uint64_t at_shift = take((flags & flag_shift) != 0 ? v.inputs : 0, 4);
    const std::uint64_t at_scale = take((flags & flag_scale) != 0 ? v.inputs : 0, 4);
    const std::uint64_t at_test_inputs = take(v.self_test_count, 4 * v.inputs);
    const std::uint64_t at_test_outputs = take(v.self_test_count, 4 * v.neurons);
    const std::uint64_t at_metadata = take(v.metadata_size, 1);
    const std::uint64_t content = (offset + 3) / 4 * 4;
    if (content + checksum_size != file_size) {
        return Status::bad_size;
    }

    v.words = bytes + at_words;
    v.codebook = bytes + at_codebook;
    v.biases = bytes + at_biases;
    v.quadratic = (flags & flag_quadratic) != 0 ? bytes + at_quadratic : nullptr;
    v.shift = (flags & flag_shift) != 0 ? bytes + at_shift : nullptr;
    v.scale = (flags & flag_scale) != 0 ? bytes + at_scale : nullptr;
    v.self_test_inputs = bytes + at_test_inputs;
    v.self_test_outputs = bytes + at_test_outputs;
    v.metadata = bytes + at_metadata;

    // Written so that a NaN fails: the bounds may be infinite, but not NaN and not crossed.
    const bool bounds = v.clip_low <= v.clip_high && v.input_clip > 0.0F &&
                        v.self_test_tolerance >= 0.0F && detail::is_finite(v.self_test_tolerance);
    if (!bounds || !detail::all_finite_le(v.codebook, v.codebook_size) ||
        !detail::all_finite_le(v.biases, columns) || !detail::all_finite_le(v.quadratic, columns) ||
        !detail::all_finite_le(v.shift, v.inputs) || !detail::all_finite_le(v.scale, v.inputs) ||
        !detail::all_finite_le(v.self_test_inputs, v.self_test_count * v.inputs) ||
        !detail::all_finite_le(v.self_test_outputs, v.self_test_count * v.neurons)) {
        return Status::bad_value;
    }
    if (!detail::indices_valid(v)) {
        return Status::bad_index;
    }
    *view = v;
    return Status::ok;
}

}  // namespace eigenwell::dc

#endif  // EIGENWELL_DC_VIEW_HPP
