// The reader of the .dcp format: it takes what is valid and nothing else.
#include <string>

#include "check.hpp"
#include "eigenwell/dc/view.hpp"
#include "packed.hpp"

namespace {

using eigenwell::Status;
using packed::Bytes;
namespace dc = eigenwell::dc;

Status parse(const Bytes& bytes) {
    dc::PolicyView view;
    return dc::parse(bytes.data(), bytes.size(), &view);
}

// Copies to a heap block of exactly this size first: the sanitizer then sees every read too far.
Status parse_exactly(const unsigned char* data, std::size_t size) {
    return parse(Bytes(data, data + size));
}

template <class T>
Status parse_with(Bytes bytes, std::size_t offset, T value) {
    packed::set(bytes, offset, value);
    packed::seal(bytes);
    return parse(bytes);
}

void checksum() {
    const std::string text = "123456789";  // the check value of CRC-32/ISO-HDLC
    CHECK(dc::crc32(reinterpret_cast<const unsigned char*>(text.data()), text.size()) ==
          0xCBF43926U);
    CHECK(dc::crc32(dc::magic, 0) == 0);
}

void content(const packed::Policy& policy, const Bytes& bytes) {
    dc::PolicyView view;
    if (!CHECK(dc::parse(bytes.data(), bytes.size(), &view) == Status::ok)) {
        return;
    }
    CHECK(view.inputs == policy.shape.inputs && view.neurons == policy.shape.neurons);
    CHECK(view.eigenvalues == policy.shape.eigenvalues && view.bits == policy.shape.bits);
    CHECK(view.codebook_size == policy.codebook.size());
    CHECK(dc::load_f32(view.codebook + 4) == policy.codebook[1]);
    CHECK(dc::load_f32(view.biases) == policy.biases[0]);
    CHECK(dc::load_f32(view.quadratic) == policy.quadratic[0]);
    CHECK(dc::load_f32(view.shift) == policy.shift[0]);
    CHECK(dc::load_f32(view.scale) == policy.scale[0]);
    CHECK(view.self_test_count == 3);
    CHECK(std::string(reinterpret_cast<const char*>(view.metadata), view.metadata_size) == "{}");
}

void damage(const Bytes& good) {
    for (std::size_t size = 0; size < good.size(); ++size) {
        CHECK(parse_exactly(good.data(), size) == Status::truncated);
    }
    Bytes longer = good;
    longer.push_back(0);
    CHECK(parse(longer) == Status::bad_size);
    for (std::size_t byte = 0; byte < good.size(); ++byte) {
        for (unsigned bit = 0; bit < 8; ++bit) {
            Bytes flipped = good;
            flipped[byte] = static_cast<unsigned char>(flipped[byte] ^ (1U << bit));
            CHECK(parse(flipped) != Status::ok);
        }
    }
}

void hostile(const Bytes& good) {
    dc::PolicyView view;
    CHECK(dc::parse(nullptr, 100, &view) == Status::null_argument);
    CHECK(dc::parse(good.data(), good.size(), nullptr) == Status::null_argument);
    CHECK(parse_with(good, 0, 'x') == Status::bad_magic);
    CHECK(parse_with(good, 8, std::uint16_t{2}) == Status::bad_version);
    CHECK(parse_with(good, 10, std::uint16_t{32}) == Status::bad_size);
    for (const std::uint32_t inputs : {0U, 4097U, 0xFFFFFFFFU}) {
        CHECK(parse_with(good, 16, inputs) == Status::bad_header);
    }
    for (const int neurons : {0, 257, 65535}) {
        CHECK(parse_with(good, 20, static_cast<std::uint16_t>(neurons)) == Status::bad_header);
    }
    for (const int eigenvalues : {0, 65, 65535}) {
        CHECK(parse_with(good, 22, static_cast<std::uint16_t>(eigenvalues)) == Status::bad_header);
    }
    for (const int bits : {0, 1, 9, 255}) {
        CHECK(parse_with(good, 24, static_cast<std::uint8_t>(bits)) == Status::bad_header);
    }
    CHECK(parse_with(good, 25, std::uint8_t{0x0F}) == Status::bad_header);
    CHECK(parse_with(good, 26, std::uint16_t{0}) == Status::bad_header);
    CHECK(parse_with(good, 26, std::uint16_t{33}) == Status::bad_header);
    CHECK(parse_with(good, 40, 0xFFFFFFFFU) == Status::bad_header);
    CHECK(parse_with(good, 52, std::uint8_t{1}) == Status::bad_header);
    // Counts that are legal one by one but do not add up to the size of the file.
    CHECK(parse_with(good, 16, std::uint32_t{4096}) == Status::bad_size);
    CHECK(parse_with(good, 20, std::uint16_t{256}) == Status::bad_size);
    CHECK(parse_with(good, 40, std::uint32_t{4096}) == Status::bad_size);
    CHECK(parse_with(good, 48, 0xFFFFFFFFU) == Status::bad_size);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const float infinity = std::numeric_limits<float>::infinity();
    CHECK(parse_with(good, 28, 2.0F) == Status::bad_value);  // clip_low over clip_high
    CHECK(parse_with(good, 28, nan) == Status::bad_value);
    CHECK(parse_with(good, 28, -infinity) == Status::ok);
    CHECK(parse_with(good, 36, 0.0F) == Status::bad_value);
    CHECK(parse_with(good, 36, nan) == Status::bad_value);
    CHECK(parse_with(good, 44, infinity) == Status::bad_value);
    CHECK(parse_with(good, 44, -1.0F) == Status::bad_value);
}

// Every float32 array of the file must be finite; the words must point into the codebook.
void values(const packed::Policy& policy, const Bytes& good) {
    dc::PolicyView view;
    CHECK(dc::parse(good.data(), good.size(), &view) == Status::ok);
    for (const unsigned char* part : {view.codebook, view.biases, view.quadratic, view.shift,
                                      view.scale, view.self_test_inputs, view.self_test_outputs}) {
        const auto offset = static_cast<std::size_t>(part - good.data());
        CHECK(parse_with(good, offset, std::numeric_limits<float>::quiet_NaN()) ==
              Status::bad_value);
        CHECK(parse_with(good, offset, std::numeric_limits<float>::infinity()) ==
              Status::bad_value);
    }
    for (std::size_t q = 0; q < policy.indices.size(); ++q) {
        packed::Policy wrong = policy;
        wrong.indices[q] = static_cast<std::uint8_t>(policy.codebook.size());
        CHECK(parse(packed::encode(wrong)) == Status::bad_index);
    }
    // A bit that belongs to no index, at the top of the first word.
    CHECK(parse_with(good, 71, static_cast<std::uint8_t>(good[71] | 0x80U)) == Status::bad_index);
}

}  // namespace

int main() {
    packed::Shape shape;
    shape.quadratic = shape.shift = shape.scale = true;
    const packed::Policy policy = packed::random_policy(shape, 1);
    const Bytes good = packed::encode(policy);
    checksum();
    content(policy, good);
    damage(good);
    hostile(good);
    values(policy, good);
    return check::report();
}
