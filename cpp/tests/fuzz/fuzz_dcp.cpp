// Fuzz target of the .dcp reader: any bytes give an answer, and a policy that is accepted acts
// without leaving its memory. `make fuzz` runs it under libFuzzer with the address and undefined
// behaviour sanitizers; replay.cpp runs it over the corpus in every test run.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "eigenwell/dc/view.hpp"
#include "eigenwell/eigenwell.h"

namespace {

// Decoding costs four bytes a weight; a fuzzer learns nothing from large ones.
constexpr std::size_t most_weights = std::size_t{1} << 20;

void use(const unsigned char* data, std::size_t size) {
    eigenwell::dc::PolicyView view;
    if (eigenwell::dc::parse(data, size, &view) != eigenwell::Status::ok ||
        view.index_count() > most_weights) {
        return;
    }
    std::vector<unsigned char> storage(eigenwell_policy_storage(data, size));
    const char* names[8];
    const std::size_t isas = eigenwell_isa_available(names, 8);
    for (std::size_t isa = 0; isa < isas; ++isa) {
        eigenwell_policy* policy = nullptr;
        if (eigenwell_isa_force(names[isa]) != EIGENWELL_OK ||
            eigenwell_policy_init(storage.data(), storage.size(), data, size, &policy) !=
                EIGENWELL_OK) {
            std::abort();
        }
        constexpr std::size_t rows = 35;
        const std::vector<float> x(rows * view.inputs, 0.25F);
        std::vector<float> y(rows * view.neurons);
        static_cast<void>(eigenwell_policy_self_test(policy, nullptr));
        if (eigenwell_policy_act_batch(policy, x.data(), rows, y.data()) == EIGENWELL_OK) {
            for (const float action : y) {
                if (!std::isfinite(action)) {
                    std::abort();
                }
            }
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    use(data, size);
    // A checksum keeps a fuzzer out of everything behind it, so try the same bytes with the
    // signature, the stated size and the checksum put right.
    if (size >= eigenwell::dc::header_size + eigenwell::dc::checksum_size) {
        std::vector<unsigned char> sealed(data, data + size);
        const auto length = static_cast<std::uint32_t>(size);
        std::memcpy(sealed.data(), eigenwell::dc::magic, sizeof eigenwell::dc::magic);
        std::memcpy(sealed.data() + 12, &length, sizeof length);
        const std::uint32_t crc =
            eigenwell::dc::crc32(sealed.data(), size - eigenwell::dc::checksum_size);
        std::memcpy(sealed.data() + size - sizeof crc, &crc, sizeof crc);
        use(sealed.data(), size);
    }
    return 0;
}
