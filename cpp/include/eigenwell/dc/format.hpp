// The .dcp file as bytes: constants, limits, checksum, little-endian loads.
// The normative description of the format is in cpp/README.md; this file is its translation.
#ifndef EIGENWELL_DC_FORMAT_HPP
#define EIGENWELL_DC_FORMAT_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace eigenwell::dc {

// The first byte is not ASCII and both line endings occur, so that a transfer in text mode, or one
// that keeps 7 bits only, is seen at once (the idea is PNG's).
inline constexpr unsigned char magic[8] = {0x89, 'D', 'C', 'P', 0x0D, 0x0A, 0x1A, 0x0A};
inline constexpr std::uint16_t format_version = 1;
inline constexpr std::size_t header_size = 64;
inline constexpr std::size_t checksum_size = 4;

inline constexpr std::size_t max_inputs = 4096;
inline constexpr std::size_t max_neurons = 256;
inline constexpr std::size_t max_eigenvalues = 64;
inline constexpr unsigned min_bits = 2;
inline constexpr unsigned max_bits = 8;
inline constexpr std::size_t max_self_tests = 4096;

enum : std::uint8_t { flag_quadratic = 1, flag_shift = 2, flag_scale = 4, flag_all = 7 };

// Indices that a 64-bit word holds: no index straddles two words.
constexpr std::size_t indices_per_word(unsigned bits) noexcept { return 64 / bits; }

constexpr std::size_t word_count(std::size_t indices, unsigned bits) noexcept {
    return (indices + indices_per_word(bits) - 1) / indices_per_word(bits);
}

// Loads that do not care for alignment or for the byte order of the host.
inline std::uint16_t load_u16(const unsigned char* p) noexcept {
    return static_cast<std::uint16_t>(p[0] | (p[1] << 8));
}

inline std::uint32_t load_u32(const unsigned char* p) noexcept {
    return static_cast<std::uint32_t>(load_u16(p)) |
           (static_cast<std::uint32_t>(load_u16(p + 2)) << 16);
}

inline std::uint64_t load_u64(const unsigned char* p) noexcept {
    return static_cast<std::uint64_t>(load_u32(p)) |
           (static_cast<std::uint64_t>(load_u32(p + 4)) << 32);
}

inline float load_f32(const unsigned char* p) noexcept {
    const std::uint32_t bits = load_u32(p);
    float value = 0.0F;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

// CRC-32 as zlib, PNG and Ethernet compute it (reflected polynomial 0xEDB88320), four bits at a
// time: the table is 64 bytes, small enough for a microcontroller.
inline std::uint32_t crc32(const unsigned char* data, std::size_t size) noexcept {
    constexpr std::uint32_t table[16] = {0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC,
                                         0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
                                         0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
                                         0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};
    std::uint32_t crc = 0xFFFFFFFFU;
    for (std::size_t i = 0; i < size; ++i) {
        crc ^= data[i];
        crc = (crc >> 4) ^ table[crc & 15U];
        crc = (crc >> 4) ^ table[crc & 15U];
    }
    return ~crc;
}

}  // namespace eigenwell::dc

#endif  // EIGENWELL_DC_FORMAT_HPP
