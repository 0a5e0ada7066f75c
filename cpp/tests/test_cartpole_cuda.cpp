// What the threads of cartpole.cu do, without a GPU: their bodies are ordinary C++, and here plain
// loops stand in for threads. They have the bits of the CPU's fast mode where that fuses.
//
// What this cannot show: the launch, and the device's own rounding.
#include <cstdint>
#include <vector>

#include "../src/cartpole/cuda_episodes.hpp"
#include "../src/cartpole/rollouts.hpp"
#include "../src/cpu/features.hpp"
#include "check.hpp"

namespace {

using namespace eigenwell;
using cartpole::Activation;
using cartpole::Architecture;

template <class Net>
void same_bits(const Architecture& net, bool sampled, double noise, const char* isa) {
    constexpr std::size_t agents = 37;
    constexpr std::int32_t episodes = 11;
    std::uint64_t state = 1;
    const auto random = [&state] {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        return static_cast<double>(state >> 11) * 0x1p-52 - 1.0;
    };
    std::vector<float> weights(agents * cartpole::parameters(net));
    std::vector<double> starts(episodes * 4);
    for (float& weight : weights) {
        weight = static_cast<float>(2.0 * random());
    }
    for (double& start : starts) {
        start = 0.05 * random();
    }
    std::vector<std::int32_t> wanted(agents * episodes, -1);
    cartpole::Rollouts p;
    p.architecture = net;
    p.physics.angle_limit = 0.2;
    p.physics.observation_noise = noise;
    p.narrow = weights.data();
    p.starts = starts.data();
    p.agents = agents;
    p.episodes = episodes;
    p.cap = 300;
    p.sampled = sampled;
    p.seed = 0xfedcba9876543210ULL;
    p.steps = wanted.data();
    CHECK(cpu::force(isa) == Status::ok);
    CHECK(cartpole::run(p, *cartpole::active_kernels()) == cartpole::Outcome::ok);

    for (const std::int32_t stride : {1, 4, 32}) {
        std::vector<std::int32_t> steps(agents * episodes, -1);
        const cartpole::cuda::Rollouts r{net,
                                         p.physics,
                                         weights.data(),
                                         starts.data(),
                                         steps.data(),
                                         static_cast<std::int64_t>(agents),
                                         static_cast<std::int64_t>(cartpole::parameters(net)),
                                         episodes,
                                         300,
                                         sampled,
                                         p.seed};
        const auto constants = cartpole::cuda::constants_of(p.physics);
        for (std::int64_t agent = 0; agent < r.agents; ++agent) {
            for (std::int32_t thread = 0; thread < stride; ++thread) {
                cartpole::cuda::episodes<Net>(r, constants, agent, thread, stride);
            }
        }
        CHECK(steps == wanted);
    }
    if (noise > 0.0) {
        return;
    }
    // And every state on the way, of the first agents.
    std::vector<std::int64_t> offsets;
    std::int64_t visits = 0;
    for (const std::int32_t count : wanted) {
        offsets.push_back(visits);
        visits += count;
    }
    std::vector<float> observations(static_cast<std::size_t>(visits) * 4);
    std::vector<std::int8_t> actions(static_cast<std::size_t>(visits));
    p.offsets = offsets.data();
    p.observations = observations.data();
    p.actions = actions.data();
    CHECK(cartpole::run(p, *cartpole::active_kernels()) == cartpole::Outcome::ok);
    const cartpole::cuda::Rollouts r{net,
                                     p.physics,
                                     weights.data(),
                                     starts.data(),
                                     wanted.data(),
                                     static_cast<std::int64_t>(agents),
                                     static_cast<std::int64_t>(cartpole::parameters(net)),
                                     episodes,
                                     300,
                                     sampled,
                                     p.seed};
    const auto constants = cartpole::cuda::constants_of(p.physics);
    bool equal = true;
    const float* seen = observations.data();
    for (std::int64_t agent = 0; agent < 5; ++agent) {
        for (std::int32_t episode = 0; episode < episodes; ++episode) {
            auto e = cartpole::cuda::begin(r, agent, episode);
            do {
                for (const float value : e.s) {
                    equal = equal && value == *seen++;
                }
            } while (cartpole::cuda::step<Net>(r, constants, r.weights + agent * r.parameters, e));
        }
    }
    CHECK(equal);
}

}  // namespace

int main() {
    using cartpole::cuda::Any;
    using cartpole::cuda::Usual;
    for (const char* isa : {"neon", "avx2", "avx512"}) {  // those that fuse
        if (cpu::force(isa) != Status::ok) {
            continue;
        }
        for (const bool sampled : {false, true}) {
            for (const double noise : {0.0, 0.05}) {
                same_bits<Usual>({Activation::tanh, 3, {4, 12, 10, 2}}, sampled, noise, isa);
                same_bits<Any<64>>({Activation::tanh, 3, {4, 12, 10, 2}}, sampled, noise, isa);
                same_bits<Any<64>>({Activation::relu, 4, {4, 33, 1, 5, 2}}, sampled, noise, isa);
                same_bits<Any<64>>({Activation::dc, 1, {4, 10}}, sampled, noise, isa);
                same_bits<Any<64>>({Activation::dc_quadratic, 1, {4, 14}}, sampled, noise, isa);
            }
        }
    }
    CHECK(cpu::force(nullptr) == Status::ok);
    return check::report();
}
