// Every instruction set against the formula in double precision, over shapes, bits and options; the
// same bits in every batch; any alignment of data, storage and observations.
#include <string>

#include "check.hpp"
#include "eigenwell/eigenwell.h"
#include "packed.hpp"

namespace {

using packed::Bytes;
using packed::Shape;
using Sizes = std::vector<std::size_t>;

// A policy that lives at an odd address, in storage at an odd address.
class Loaded {
public:
    explicit Loaded(const Bytes& bytes) : data_(1 + bytes.size()) {
        std::copy(bytes.begin(), bytes.end(), data_.begin() + 1);
        const std::size_t size = eigenwell_policy_storage(data_.data() + 1, bytes.size());
        storage_.resize(size + 1);
        CHECK(size > 0);
        CHECK(eigenwell_policy_init(storage_.data() + 1, size, data_.data() + 1, bytes.size(),
                                    &policy_) == EIGENWELL_OK);
    }
    [[nodiscard]] const eigenwell_policy* get() const { return policy_; }

private:
    Bytes data_;
    Bytes storage_;
    eigenwell_policy* policy_ = nullptr;
};

void agrees(const Shape& shape, unsigned seed) {
    const packed::Policy policy = packed::random_policy(shape, seed);
    const std::size_t n = shape.inputs;
    const std::size_t k = shape.neurons;
    constexpr std::size_t rows = 67;  // whole tiles of every kernel, and a rest
    std::mt19937 random(seed + 1);
    // One float further than aligned.
    std::vector<float> observations = packed::normal(random, rows * n + 1, 1.0F);
    const float* x = observations.data() + 1;
    std::vector<double> expected;
    for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t neuron = 0; neuron < k; ++neuron) {
            expected.push_back(packed::reference(policy, x + row * n, neuron));
        }
    }
    const char* names[8];
    const std::size_t isas = eigenwell_isa_available(names, 8);
    for (std::size_t isa = 0; isa < isas; ++isa) {
        CHECK(eigenwell_isa_force(names[isa]) == EIGENWELL_OK);
        const Loaded loaded(packed::encode(policy));
        float worst = 1.0F;
        CHECK(eigenwell_policy_self_test(loaded.get(), &worst) == EIGENWELL_OK);
        CHECK(worst < 1e-5F);
        std::vector<float> batch(rows * k, 9.0F);
        CHECK(eigenwell_policy_act_batch(loaded.get(), x, rows, batch.data()) == EIGENWELL_OK);
        double error = 0.0;
        for (std::size_t q = 0; q < rows * k; ++q) {
            error = std::max(error, std::abs(static_cast<double>(batch[q]) - expected[q]));
        }
        // Actions are in [-1, 1] and sums of order 1: ten roundings of half a unit in the last
        // place, and as many again for sums of thousands.
        const double tolerance = 6e-8 * (10.0 + std::sqrt(static_cast<double>(n)));
        if (!CHECK(error < tolerance)) {
            std::fprintf(stderr, "  isa %s, n %zu, k %zu, m %zu, bits %u: error %g\n", names[isa],
                         n, k, shape.eigenvalues, shape.bits, error);
        }
        bool same = true;
        for (std::size_t row = 0; row < rows; ++row) {
            // Guarded by one float on either side: no kernel writes past its k actions.
            std::vector<float> single(k + 2, 7.0F);
            same = same && eigenwell_policy_act(loaded.get(), x + row * n, single.data() + 1) ==
                               EIGENWELL_OK;
            same = same && std::equal(batch.begin() + static_cast<std::ptrdiff_t>(row * k),
                                      batch.begin() + static_cast<std::ptrdiff_t>((row + 1) * k),
                                      single.begin() + 1);
            same = same && single.front() == 7.0F && single.back() == 7.0F;
        }
        CHECK(same);
    }
    CHECK(eigenwell_isa_force(nullptr) == EIGENWELL_OK);
}

void shapes() {
    unsigned seed = 0;
    for (const std::size_t n : Sizes{1, 2, 3, 4, 5, 7, 8, 16, 24, 31, 257}) {
        for (const std::size_t k : Sizes{1, 2, 3, 4, 5, 8, 9, 16, 17, 33}) {
            for (const std::size_t m : Sizes{1, 2, 3, 6, 7}) {
                Shape shape;
                shape.inputs = n;
                shape.neurons = k;
                shape.eigenvalues = m;
                shape.bits = 2 + seed % 7;
                shape.quadratic = seed % 2 == 1;
                shape.shift = seed % 3 == 1;
                shape.scale = seed % 5 == 1;
                shape.input_clip = seed % 4 == 1 ? 1.5F : std::numeric_limits<float>::infinity();
                agrees(shape, ++seed);
            }
        }
    }
    Shape largest_inputs{4096, 1, 2, 3};
    agrees(largest_inputs, 1001);
    Shape largest_neurons{3, 256, 2, 8};
    agrees(largest_neurons, 1002);
    Shape largest_eigenvalues{3, 2, 64, 7};
    largest_eigenvalues.quadratic = true;
    agrees(largest_eigenvalues, 1003);
}

void not_finite() {
    Shape shape{24, 4, 6, 5};
    const packed::Policy policy = packed::random_policy(shape, 5);
    const char* names[8];
    const std::size_t isas = eigenwell_isa_available(names, 8);
    for (std::size_t isa = 0; isa < isas; ++isa) {
        CHECK(eigenwell_isa_force(names[isa]) == EIGENWELL_OK);
        const Loaded loaded(packed::encode(policy));
        for (std::size_t i = 0; i < shape.inputs; ++i) {
            for (const float bad :
                 {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                  -std::numeric_limits<float>::infinity()}) {
                std::vector<float> x(200 * shape.inputs, 0.5F);
                std::vector<float> y(200 * shape.neurons);
                x[150 * shape.inputs + i] = bad;
                CHECK(eigenwell_policy_act(loaded.get(), x.data() + 150 * shape.inputs, y.data()) ==
                      EIGENWELL_NOT_FINITE);
                CHECK(eigenwell_policy_act_batch(loaded.get(), x.data(), 200, y.data()) ==
                      EIGENWELL_NOT_FINITE);
            }
        }
    }
    CHECK(eigenwell_isa_force(nullptr) == EIGENWELL_OK);
}

void wrong_self_test() {
    packed::Policy policy = packed::random_policy(Shape{}, 6);
    policy.test_outputs[1] += 0.01F;
    const Loaded loaded(packed::encode(policy));
    float worst = 0.0F;
    CHECK(eigenwell_policy_self_test(loaded.get(), &worst) == EIGENWELL_SELF_TEST_FAILED);
    CHECK(worst > 0.009F && worst < 0.011F);
}

void arguments() {
    const Bytes bytes = packed::encode(packed::random_policy(Shape{}, 7));
    const std::size_t size = eigenwell_policy_storage(bytes.data(), bytes.size());
    Bytes storage(size);
    eigenwell_policy* policy = nullptr;
    CHECK(eigenwell_policy_init(storage.data(), size - 1, bytes.data(), bytes.size(), &policy) ==
          EIGENWELL_STORAGE_TOO_SMALL);
    CHECK(policy == nullptr);
    CHECK(eigenwell_policy_init(nullptr, size, bytes.data(), bytes.size(), &policy) ==
          EIGENWELL_NULL_ARGUMENT);
    CHECK(eigenwell_policy_init(storage.data(), size, bytes.data(), bytes.size(), nullptr) ==
          EIGENWELL_NULL_ARGUMENT);
    CHECK(eigenwell_policy_init(storage.data(), size, bytes.data(), bytes.size() - 1, &policy) ==
          EIGENWELL_TRUNCATED);
    CHECK(eigenwell_policy_init(storage.data(), size, bytes.data(), bytes.size(), &policy) ==
          EIGENWELL_OK);
    CHECK(eigenwell_policy_inputs(policy) == 3 && eigenwell_policy_outputs(policy) == 2);
    float x[3] = {0, 0, 0};
    float y[2] = {0, 0};
    CHECK(eigenwell_policy_act(nullptr, x, y) == EIGENWELL_NULL_ARGUMENT);
    CHECK(eigenwell_policy_act(policy, nullptr, y) == EIGENWELL_NULL_ARGUMENT);
    CHECK(eigenwell_policy_act(policy, x, nullptr) == EIGENWELL_NULL_ARGUMENT);
    CHECK(eigenwell_policy_act_batch(policy, nullptr, 1, y) == EIGENWELL_NULL_ARGUMENT);
    CHECK(eigenwell_policy_act_batch(policy, nullptr, 0, nullptr) == EIGENWELL_OK);
    CHECK(eigenwell_policy_self_test(nullptr, nullptr) == EIGENWELL_NULL_ARGUMENT);
    CHECK(eigenwell_policy_storage(bytes.data(), 10) == 0);
    CHECK(eigenwell_policy_inputs(nullptr) == 0 && eigenwell_policy_outputs(nullptr) == 0);
}

void instruction_sets() {
    const std::size_t count = eigenwell_isa_available(nullptr, 0);
    CHECK(count >= 1);
    CHECK(eigenwell_isa_active() != nullptr);
    CHECK(eigenwell_isa_force("6502") == EIGENWELL_ISA_UNAVAILABLE);
    const char* first = nullptr;
    CHECK(eigenwell_isa_available(&first, 1) == count);
    CHECK(eigenwell_isa_force(first) == EIGENWELL_OK);
    CHECK(std::string(eigenwell_isa_active()) == first);
    CHECK(eigenwell_isa_force(nullptr) == EIGENWELL_OK);
    for (int status = EIGENWELL_OK; status <= EIGENWELL_ISA_UNAVAILABLE; ++status) {
        const std::string text = eigenwell_status_message(static_cast<eigenwell_status>(status));
        CHECK(!text.empty() && text != "unknown status");
    }
}

}  // namespace

int main() {
    shapes();
    not_finite();
    wrong_self_test();
    arguments();
    instruction_sets();
    return check::report();
}
