// A policy of any shape with random parameters, packed to bytes by a writer of the tests' own, and
// the same policy evaluated in double precision.
#ifndef EIGENWELL_TESTS_PACKED_HPP
#define EIGENWELL_TESTS_PACKED_HPP

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "eigenwell/dc/view.hpp"

namespace packed {

using Bytes = std::vector<unsigned char>;

struct Shape {
    std::size_t inputs = 3;
    std::size_t neurons = 2;
    std::size_t eigenvalues = 4;
    unsigned bits = 5;
    bool quadratic = false;
    bool shift = false;
    bool scale = false;
    float input_clip = std::numeric_limits<float>::infinity();
};

struct Policy {
    Shape shape;
    std::vector<std::uint8_t> indices;  // [n, k * m]
    std::vector<float> codebook, biases, quadratic, shift, scale;
    std::vector<float> test_inputs, test_outputs;
};

inline std::vector<float> normal(std::mt19937& random, std::size_t count, float deviation) {
    std::normal_distribution<float> distribution(0.0F, deviation);
    std::vector<float> values(count);
    std::generate(values.begin(), values.end(), [&] { return distribution(random); });
    return values;
}

// y_k of one observation in double precision, straight from the formula.
inline double reference(const Policy& p, const float* observation, std::size_t neuron) {
    const std::size_t m = p.shape.eigenvalues;
    double high = -std::numeric_limits<double>::infinity();
    double low = std::numeric_limits<double>::infinity();
    for (std::size_t e = neuron * m; e < (neuron + 1) * m; ++e) {
        double linear = 0.0;
        for (std::size_t i = 0; i < p.shape.inputs; ++i) {
            double x = observation[i];
            x -= p.shift.empty() ? 0.0 : static_cast<double>(p.shift[i]);
            x *= p.scale.empty() ? 1.0 : static_cast<double>(p.scale[i]);
            const double bound = p.shape.input_clip;
            x = std::min(std::max(x, -bound), bound);
            const std::size_t index = p.indices[i * p.shape.neurons * m + e];
            linear += x * static_cast<double>(p.codebook[index]);
        }
        double value = static_cast<double>(p.biases[e]) + linear;
        if (!p.quadratic.empty()) {
            value += static_cast<double>(p.quadratic[e]) * linear * linear;
        }
        high = std::max(high, value);
        low = std::min(low, value);
    }
    return std::min(std::max(high + low, -1.0), 1.0);
}

inline Policy random_policy(const Shape& shape, unsigned seed) {
    std::mt19937 random(seed);
    Policy p;
    p.shape = shape;
    const std::size_t columns = shape.neurons * shape.eigenvalues;
    // One entry less than the bits allow, so that an index can be out of the codebook.
    const std::size_t entries = (std::size_t{1} << shape.bits) - 1;
    p.codebook = normal(random, entries, 0.5F / std::sqrt(static_cast<float>(shape.inputs)));
    std::uniform_int_distribution<unsigned> index(0, static_cast<unsigned>(entries - 1));
    p.indices.resize(shape.inputs * columns);
    std::generate(p.indices.begin(), p.indices.end(),
                  [&] { return static_cast<std::uint8_t>(index(random)); });
    p.biases = normal(random, columns, 0.1F);
    p.quadratic = shape.quadratic ? normal(random, columns, 0.05F) : std::vector<float>{};
    p.shift = shape.shift ? normal(random, shape.inputs, 1.0F) : std::vector<float>{};
    p.scale = shape.scale ? normal(random, shape.inputs, 1.0F) : std::vector<float>{};
    constexpr std::size_t tests = 3;
    p.test_inputs = normal(random, tests * shape.inputs, 1.0F);
    for (std::size_t t = 0; t < tests; ++t) {
        for (std::size_t neuron = 0; neuron < shape.neurons; ++neuron) {
            p.test_outputs.push_back(
                static_cast<float>(reference(p, p.test_inputs.data() + t * shape.inputs, neuron)));
        }
    }
    return p;
}

template <class T>
void put(Bytes& bytes, T value) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof value);  // the tests run on little-endian hosts
    for (std::size_t i = 0; i < sizeof value; ++i) {
        bytes.push_back(static_cast<unsigned char>(bits >> (8 * i)));
    }
}

template <class T>
void set(Bytes& bytes, std::size_t offset, T value) {
    std::memcpy(bytes.data() + offset, &value, sizeof value);
}

// Makes the stated size and the checksum right again after an edit.
inline void seal(Bytes& bytes) {
    set(bytes, 12, static_cast<std::uint32_t>(bytes.size()));
    set(bytes, bytes.size() - 4, eigenwell::dc::crc32(bytes.data(), bytes.size() - 4));
}

inline Bytes encode(const Policy& p, const std::string& metadata = "{}") {
    const Shape& s = p.shape;
    Bytes bytes(std::begin(eigenwell::dc::magic), std::end(eigenwell::dc::magic));
    put(bytes, std::uint16_t{1});
    put(bytes, std::uint16_t{64});
    put(bytes, std::uint32_t{0});
    put(bytes, static_cast<std::uint32_t>(s.inputs));
    put(bytes, static_cast<std::uint16_t>(s.neurons));
    put(bytes, static_cast<std::uint16_t>(s.eigenvalues));
    put(bytes, static_cast<std::uint8_t>(s.bits));
    put(bytes,
        static_cast<std::uint8_t>((s.quadratic ? 1 : 0) + (s.shift ? 2 : 0) + (s.scale ? 4 : 0)));
    put(bytes, static_cast<std::uint16_t>(p.codebook.size()));
    put(bytes, -1.0F);
    put(bytes, 1.0F);
    put(bytes, s.input_clip);
    put(bytes, static_cast<std::uint32_t>(p.test_inputs.size() / s.inputs));
    put(bytes, 1e-4F);
    put(bytes, static_cast<std::uint32_t>(metadata.size()));
    bytes.resize(64);
    const std::size_t per_word = 64 / s.bits;
    for (std::size_t q = 0; q < p.indices.size(); q += per_word) {
        std::uint64_t word = 0;
        for (std::size_t j = 0; j < per_word && q + j < p.indices.size(); ++j) {
            word |= static_cast<std::uint64_t>(p.indices[q + j]) << (s.bits * j);
        }
        put(bytes, word);
    }
    for (const auto* part : {&p.codebook, &p.biases, &p.quadratic, &p.shift, &p.scale,
                             &p.test_inputs, &p.test_outputs}) {
        for (const float value : *part) {
            put(bytes, value);
        }
    }
    bytes.insert(bytes.end(), metadata.begin(), metadata.end());
    bytes.resize((bytes.size() + 3) / 4 * 4 + 4);
    seal(bytes);
    return bytes;
}

}  // namespace packed

#endif  // EIGENWELL_TESTS_PACKED_HPP
