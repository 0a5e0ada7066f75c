// Loads the .dcp file that the argument names, checks it against its own test vectors, acts, and
// says how long an action takes.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <vector>

#include <eigenwell/eigenwell.h>

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s POLICY.dcp\n", argv[0]);
        return 2;
    }
    std::ifstream stream(argv[1], std::ios::binary);
    const std::vector<char> data{std::istreambuf_iterator<char>(stream), {}};

    // The library allocates nothing: it says how much it needs, and we own it.
    std::vector<unsigned char> storage(eigenwell_policy_storage(data.data(), data.size()));
    eigenwell_policy* policy = nullptr;
    eigenwell_status status =
        eigenwell_policy_init(storage.data(), storage.size(), data.data(), data.size(), &policy);
    float error = 0.0F;
    if (status == EIGENWELL_OK) {
        status = eigenwell_policy_self_test(policy, &error);
    }
    if (status != EIGENWELL_OK) {
        std::fprintf(stderr, "%s: %s\n", argv[1], eigenwell_status_message(status));
        return 1;
    }
    std::printf("self-test passed, largest error %.1e, kernels %s\n", static_cast<double>(error),
                eigenwell_isa_active());

    std::vector<float> observation(eigenwell_policy_inputs(policy), 0.1F);
    std::vector<float> action(eigenwell_policy_outputs(policy));
    constexpr int calls = 1000000;
    const auto start = std::chrono::steady_clock::now();
    for (int call = 0; call < calls; ++call) {
        observation[0] = 1e-3F * action[0];  // the next call waits for this one
        if (eigenwell_policy_act(policy, observation.data(), action.data()) != EIGENWELL_OK) {
            return 1;
        }
    }
    const std::chrono::duration<double, std::nano> elapsed =
        std::chrono::steady_clock::now() - start;
    std::printf("%zu inputs, %zu outputs, %.1f ns per action\n", observation.size(), action.size(),
                elapsed.count() / calls);
    return 0;
}
