// A packed policy ready to act: decode once into storage of the caller's, then act without
// allocation, exceptions or locks. Any number of threads may use one policy at once.
//
//   eigenwell::dc::PolicyView view;
//   if (eigenwell::dc::parse(data, size, &view) != eigenwell::Status::ok) { ... }
//   std::vector<unsigned char> storage(eigenwell::dc::Policy::storage_size(view));
//   eigenwell::dc::Policy policy;
//   policy.init(view, storage.data(), storage.size());
//   policy.act(observation, action);
#ifndef EIGENWELL_DC_POLICY_HPP
#define EIGENWELL_DC_POLICY_HPP

#include <cstddef>
#include <cstdint>

#include "eigenwell/dc/kernels.hpp"
#include "eigenwell/dc/lanes_portable.hpp"
#include "eigenwell/dc/view.hpp"

namespace eigenwell::dc {

// The kernels that every processor runs. The compiled library has faster ones (eigenwell.h).
inline const Kernels& portable_kernels() noexcept {
    static constexpr Kernels kernels = make_kernels<PortableLanes>();
    return kernels;
}

class Policy {
public:
    // Bytes that `init` needs: the decoded weights, and slack to align them. 3.4 KB for the walker.
    static std::size_t storage_size(const PolicyView& view) noexcept {
        const Table t = layout(view);
        const std::size_t rows = t.blocks * (view.inputs + 1 + (view.quadratic != nullptr ? 1 : 0));
        const std::size_t inputs = normalises(view) ? 2 * view.inputs : 0;
        return (rows * t.stride + inputs) * sizeof(float) + alignment;
    }

    // Decodes `view` into storage[0, size), which may lie at any address. Both the storage and the
    // bytes under the view must outlive the policy (the latter for `self_test`).
    [[nodiscard]] Status init(const PolicyView& view, void* storage, std::size_t size,
                              const Kernels& kernels = portable_kernels()) noexcept {
        if (storage == nullptr) {
            return Status::null_argument;
        }
        if (size < storage_size(view)) {
            return Status::storage_too_small;
        }
        view_ = view;
        table_ = layout(view);
        const auto address = reinterpret_cast<std::uintptr_t>(storage);
        const std::size_t skip = (alignment - address % alignment) % alignment;
        auto* next = reinterpret_cast<float*>(static_cast<unsigned char*>(storage) + skip);
        const auto take = [&next](std::size_t count) {
            float* start = next;
            next += count;
            return start;
        };
        float* weights = take(table_.blocks * table_.inputs * table_.stride);
        decode_weights(weights, kernels);
        table_.weights = weights;
        table_.biases = spread(view.biases, take(table_.blocks * table_.stride));
        if (view.quadratic != nullptr) {
            table_.quadratic = spread(view.quadratic, take(table_.blocks * table_.stride));
        }
        if (normalises(view)) {
            float* shift = take(table_.inputs);
            float* scale = take(table_.inputs);
            for (std::size_t i = 0; i < table_.inputs; ++i) {
                shift[i] = view.shift != nullptr ? load_f32(view.shift + 4 * i) : 0.0F;
                scale[i] = view.scale != nullptr ? load_f32(view.scale + 4 * i) : 1.0F;
            }
            table_.shift = shift;
            table_.scale = scale;
        }
        return Status::ok;
    }

    // One action. Answers not_finite, with `action` written, if an observation or an action is NaN
    // or infinite; the actions then hold whatever IEEE arithmetic made of it.
    [[nodiscard]] Status act(const float* observation,  // [n]
                             float* action,             // [k]
                             const Kernels& kernels = portable_kernels()) const noexcept {
        kernels.forward(table_, observation, action);
        return kernels.all_finite(observation, table_.inputs) &&
                       kernels.all_finite(action, table_.neurons)
                   ? Status::ok
                   : Status::not_finite;
    }

    // The same for many; each row has the bits that `act` gives it.
    [[nodiscard]] Status act_batch(const float* observations,  // [rows, n]
                                   std::size_t rows,
                                   float* actions,  // [rows, k]
                                   const Kernels& kernels = portable_kernels()) const noexcept {
        // The checks read what is still in the first-level cache. A whole number of tiles.
        constexpr std::size_t at_once = 128;
        bool finite = true;
        while (rows > 0) {
            const std::size_t here = rows < at_once ? rows : at_once;
            kernels.forward_batch(table_, observations, here, actions);
            finite = finite && kernels.all_finite(observations, here * table_.inputs) &&
                     kernels.all_finite(actions, here * table_.neurons);
            observations += here * table_.inputs;
            actions += here * table_.neurons;
            rows -= here;
        }
        return finite ? Status::ok : Status::not_finite;
    }

    // Compares the policy with the test vectors that it carries. `*largest_error` may be null.
    [[nodiscard]] Status self_test(float* largest_error = nullptr,
                                   const Kernels& kernels = portable_kernels()) const noexcept {
        float input[max_inputs];
        float action[max_neurons];
        float worst = 0.0F;
        for (std::size_t t = 0; t < view_.self_test_count; ++t) {
            for (std::size_t i = 0; i < view_.inputs; ++i) {
                input[i] = load_f32(view_.self_test_inputs + 4 * (t * view_.inputs + i));
            }
            if (act(input, action, kernels) != Status::ok) {
                return Status::self_test_failed;
            }
            for (std::size_t j = 0; j < view_.neurons; ++j) {
                const float expected =
                    load_f32(view_.self_test_outputs + 4 * (t * view_.neurons + j));
                const float error =
                    action[j] > expected ? action[j] - expected : expected - action[j];
                worst = error > worst ? error : worst;
            }
        }
        if (largest_error != nullptr) {
            *largest_error = worst;
        }
        return worst <= view_.self_test_tolerance ? Status::ok : Status::self_test_failed;
    }

    [[nodiscard]] const PolicyView& view() const noexcept { return view_; }
    [[nodiscard]] const Table& table() const noexcept { return table_; }

private:
    static constexpr std::size_t alignment = 64;

    static bool normalises(const PolicyView& view) noexcept {
        return view.shift != nullptr || view.scale != nullptr || detail::is_finite(view.input_clip);
    }

    static Table layout(const PolicyView& view) noexcept {
        Table t;
        t.inputs = view.inputs;
        t.neurons = view.neurons;
        t.eigenvalues = view.eigenvalues;
        t.group = 1;
        while (t.group < view.neurons && t.group < max_group) {
            t.group *= 2;
        }
        t.blocks = (view.neurons + t.group - 1) / t.group;
        t.stride = (view.eigenvalues * t.group + row_multiple - 1) / row_multiple * row_multiple;
        t.input_clip = view.input_clip;
        t.clip_low = view.clip_low;
        t.clip_high = view.clip_high;
        return t;
    }

    // Where column e = neuron * m + eigenvalue stands in a row of a block.
    [[nodiscard]] std::size_t column(std::size_t neuron, std::size_t eigenvalue) const noexcept {
        return eigenvalue * table_.group + neuron % table_.group;
    }

    // Fills the lanes of missing neurons with zeros and the rest of the row with the last
    // eigenvalue.
    void pad_row(float* row, std::size_t block) const noexcept {
        for (std::size_t lane = 0; lane < table_.group; ++lane) {
            const bool missing = block * table_.group + lane >= table_.neurons;
            for (std::size_t j = missing ? 0 : table_.eigenvalues;
                 j * table_.group + lane < table_.stride; ++j) {
                row[j * table_.group + lane] =
                    missing ? 0.0F : row[(table_.eigenvalues - 1) * table_.group + lane];
            }
        }
    }

    const float* spread(const unsigned char* from, float* rows) const noexcept {
        for (std::size_t neuron = 0; neuron < table_.neurons; ++neuron) {
            float* row = rows + neuron / table_.group * table_.stride;
            for (std::size_t j = 0; j < table_.eigenvalues; ++j) {
                row[column(neuron, j)] = load_f32(from + 4 * (neuron * table_.eigenvalues + j));
            }
        }
        for (std::size_t block = 0; block < table_.blocks; ++block) {
            pad_row(rows + block * table_.stride, block);
        }
        return rows;
    }

    void decode_weights(float* weights, const Kernels& kernels) const noexcept {
        constexpr std::size_t chunk = 64;  // words
        std::uint8_t indices[chunk * (64 / min_bits)];
        float codebook[std::size_t{1} << max_bits];
        for (std::size_t c = 0; c < view_.codebook_size; ++c) {
            codebook[c] = load_f32(view_.codebook + 4 * c);
        }
        std::size_t input = 0;
        std::size_t neuron = 0;
        std::size_t eigenvalue = 0;
        std::size_t left = view_.index_count();
        for (std::size_t word = 0; left > 0; word += chunk) {
            const std::size_t words = word_count(left, view_.bits);
            const std::size_t here = words < chunk ? words : chunk;
            kernels.unpack(view_.words + 8 * word, here, view_.bits, indices);
            const std::size_t unpacked = here * indices_per_word(view_.bits);
            const std::size_t count = left < unpacked ? left : unpacked;
            for (std::size_t q = 0; q < count; ++q) {
                const std::size_t row = neuron / table_.group * table_.inputs + input;
                weights[row * table_.stride + column(neuron, eigenvalue)] = codebook[indices[q]];
                if (++eigenvalue == table_.eigenvalues) {
                    eigenvalue = 0;
                    if (++neuron == table_.neurons) {
                        neuron = 0;
                        ++input;
                    }
                }
            }
            left -= count;
        }
        for (std::size_t block = 0; block < table_.blocks; ++block) {
            for (std::size_t i = 0; i < table_.inputs; ++i) {
                pad_row(weights + (block * table_.inputs + i) * table_.stride, block);
            }
        }
    }

    PolicyView view_;
    Table table_;
};

}  // namespace eigenwell::dc

#endif  // EIGENWELL_DC_POLICY_HPP
