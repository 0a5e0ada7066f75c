// Population rollouts against a scalar episode written from the definition: every instruction set,
// numbers of agents around those of lanes, all architectures, chance, threads, visits.
#include <cmath>
#include <cstdint>
#include <vector>

#include "../src/cartpole/cartpole.hpp"
#include "../src/cartpole/functions.hpp"
#include "../src/cartpole/rollouts.hpp"
#include "../src/cpu/features.hpp"
#include "check.hpp"

namespace {

using namespace eigenwell;
using cartpole::Activation;
using cartpole::Architecture;

double random_number(std::uint64_t& state) {  // in (0, 1)
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (static_cast<double>(state >> 11) + 0.5) * 0x1p-53;
}

// Largest error on [-most, most], relative to the value.
template <class T>
double worst(void (*function)(const T*, T*, std::size_t), long double (*truth)(long double),
             double most) {
    std::uint64_t state = 1;
    double error = 0.0;
    for (int repeat = 0; repeat < 4000; ++repeat) {
        T x[16];
        T got[16];
        for (T& value : x) {
            value = static_cast<T>((2.0 * random_number(state) - 1.0) * most);
        }
        function(x, got, 16);
        for (int i = 0; i < 16; ++i) {
            const long double wanted = truth(static_cast<long double>(x[i]));
            const long double ratio = static_cast<long double>(got[i]) / wanted;
            error = std::fmax(error, static_cast<double>(std::fabs(ratio - 1.0L)));
        }
    }
    return error;
}

void functions(const cartpole::Kernels& kernels) {
    for (const double most : {1e-30, 1e-3, 1.0, 12.0}) {
        CHECK(worst(kernels.tanh_fast, std::tanh, most) <= 4.5e-7);
        CHECK(worst(kernels.tanh_exact, std::tanh, most) <= 3 * 0x1p-52);
    }
    CHECK(worst(kernels.exp_fast, std::exp, 80.0) <= 4e-7);
    CHECK(worst(kernels.exp_exact, std::exp, 700.0) <= 3 * 0x1p-52);
    const double infinity = HUGE_VAL;
    double x[16] = {0.0, -0.0, infinity, -infinity, 30.0, -30.0, 5e-324};
    double y[16];
    kernels.tanh_exact(x, y, 16);
    CHECK(y[0] == 0.0 && !std::signbit(y[0]) && y[1] == 0.0 && std::signbit(y[1]));
    CHECK(y[2] == 1.0 && y[3] == -1.0 && y[4] == 1.0 && y[5] == -1.0 && y[6] == 5e-324);
    kernels.exp_exact(x, y, 16);
    CHECK(y[0] == 1.0 && y[1] == 1.0 && std::isfinite(y[2]) && y[3] > 0.0);
    float narrow[16] = {0.0F, -0.0F, HUGE_VALF, -HUGE_VALF, 1e-40F};
    float result[16];
    kernels.tanh_fast(narrow, result, 16);
    CHECK(result[0] == 0.0F && std::fabs(result[2] - 1.0F) <= 4.5e-7F);
    CHECK(std::fabs(result[3] + 1.0F) <= 4.5e-7F && std::fabs(result[4] - 1e-40F) <= 1e-44F);
    kernels.exp_fast(narrow, result, 16);
    CHECK(result[0] == 1.0F && std::isfinite(result[2]) && result[3] > 0.0F);
}

void sines() {
    std::uint64_t state = 1;
    double error = 0.0;
    for (int repeat = 0; repeat < 100000; ++repeat) {
        const auto x = static_cast<float>((2.0 * random_number(state) - 1.0) * 0.7853982);
        cartpole::Vec<float> sine;
        cartpole::Vec<float> cosine;
        cartpole::sine_cosine(cartpole::broadcast(x), sine, cosine);
        const auto truth = static_cast<double>(x);
        error = std::fmax(error, std::fabs(static_cast<double>(sine[0]) / std::sin(truth) - 1.0));
        error = std::fmax(error, std::fabs(static_cast<double>(cosine[0]) / std::cos(truth) - 1.0));
    }
    CHECK(error <= 1.2e-7);
}

// The published vectors of Random123.
void threefry() {
    std::uint32_t a = 0;
    std::uint32_t b = 0;
    cartpole::threefry<std::uint32_t>(0, 0, a, b);
    CHECK(a == 0x6b200159U && b == 0x99ba4efeU);
    a = b = 0xffffffffU;
    cartpole::threefry<std::uint32_t>(0xffffffffU, 0xffffffffU, a, b);
    CHECK(a == 0x1cb996fcU && b == 0xbb002be7U);
    a = 0x243f6a88U;
    b = 0x85a308d3U;
    cartpole::threefry<std::uint32_t>(0x13198a2eU, 0x03707344U, a, b);
    CHECK(a == 0xc4923a9cU && b == 0x483df7a0U);
}

struct Case {
    Architecture net{};
    std::size_t agents = 0;
    std::size_t episodes = 0;
    bool sampled = false;
    double noise = 0.0;
    std::int64_t cap = 120;
    std::vector<double> wide{};
    std::vector<float> narrow{};
    std::vector<double> starts{};

    void fill() {
        std::uint64_t state = 3 * agents + episodes + net.layers;
        for (std::size_t i = 0; i < agents * cartpole::parameters(net); ++i) {
            narrow.push_back(static_cast<float>(4.0 * random_number(state) - 2.0));
            wide.push_back(static_cast<double>(narrow.back()));
        }
        for (std::size_t i = 0; i < episodes * 4; ++i) {
            starts.push_back(0.1 * random_number(state) - 0.05);
        }
    }
    [[nodiscard]] cartpole::Rollouts problem(bool exact, std::size_t threads,
                                             std::vector<std::int32_t>& steps) const {
        cartpole::Rollouts p;
        p.architecture = net;
        p.physics.angle_limit = 0.2;
        p.physics.observation_noise = noise;
        p.narrow = exact ? nullptr : narrow.data();
        p.wide = exact ? wide.data() : nullptr;
        p.starts = starts.data();
        p.agents = agents;
        p.episodes = episodes;
        p.cap = cap;
        p.sampled = sampled;
        p.seed = 0x123456789abcdef0ULL;
        p.threads = threads;
        steps.assign(agents * episodes, -1);
        p.steps = steps.data();
        return p;
    }
};

double uniform(const std::uint32_t (&keys)[2], std::int64_t t, std::uint32_t stream, bool second) {
    auto a = static_cast<std::uint32_t>(t);
    std::uint32_t b = stream;
    cartpole::threefry(keys[0], keys[1], a, b);
    return ((second ? b : a) >> 8) * 0x1p-24;
}

// Two logits, all sums in order.
void logits(const Architecture& net, const double* w, const double* seen, double* result) {
    std::vector<double> h(seen, seen + 4);
    if (net.activation == Activation::dc || net.activation == Activation::dc_quadratic) {
        const std::size_t all = net.sizes[1];
        for (std::size_t action = 0; action < 2; ++action) {
            double high = -HUGE_VAL;
            double low = HUGE_VAL;
            for (std::size_t e = action * all / 2; e < (action + 1) * all / 2; ++e) {
                double linear = w[e] * h[0];
                for (std::size_t i = 1; i < 4; ++i) {
                    linear += w[i * all + e] * h[i];
                }
                double value = linear + w[4 * all + e];
                if (net.activation == Activation::dc_quadratic) {
                    value += w[5 * all + e] * (linear * linear);
                }
                high = std::fmax(high, value);
                low = std::fmin(low, value);
            }
            result[action] = high + low;
        }
        return;
    }
    for (std::size_t i = 0; i < net.layers; ++i) {
        const std::size_t inputs = net.sizes[i];
        const std::size_t outputs = net.sizes[i + 1];
        std::vector<double> next(outputs);
        for (std::size_t o = 0; o < outputs; ++o) {
            double sum = w[inputs * outputs + o];
            for (std::size_t k = 0; k < inputs; ++k) {
                sum += w[k * outputs + o] * h[k];
            }
            const bool hidden = i + 1 < net.layers;
            const bool tanh = net.activation == Activation::tanh;
            next[o] = !hidden ? sum : tanh ? std::tanh(sum) : std::fmax(sum, 0.0);
        }
        w += (inputs + 1) * outputs;
        h = next;
    }
    result[0] = h[0];
    result[1] = h[1];
}

std::int32_t by_definition(const Case& c, const cartpole::Rollouts& p, std::size_t agent,
                           std::size_t episode) {
    double x = c.starts[episode * 4];
    double x_dot = c.starts[episode * 4 + 1];
    double theta = c.starts[episode * 4 + 2];
    double theta_dot = c.starts[episode * 4 + 3];
    std::uint32_t keys[2] = {static_cast<std::uint32_t>(agent),
                             static_cast<std::uint32_t>(episode)};
    cartpole::threefry(static_cast<std::uint32_t>(p.seed), static_cast<std::uint32_t>(p.seed >> 32),
                       keys[0], keys[1]);
    for (std::int32_t t = 0;; ++t) {
        const double state[4] = {x, x_dot, theta, theta_dot};
        double seen[4];
        for (std::uint32_t i = 0; i < 4; ++i) {
            seen[i] = static_cast<double>(static_cast<float>(state[i]));
            if (c.noise > 0) {
                const double unit = uniform(keys, t, 1 + i / 2, i % 2 == 1) * 2.0 - 1.0;
                seen[i] = static_cast<double>(static_cast<float>(seen[i] + c.noise * unit));
            }
        }
        double logit[2];
        logits(c.net, c.wide.data() + agent * cartpole::parameters(c.net), seen, logit);
        bool right = logit[1] > logit[0];
        if (c.sampled) {
            right = uniform(keys, t, 0, false) * (1.0 + std::exp(logit[0] - logit[1])) < 1.0;
        }
        const double force = right ? 10.0 : -10.0;
        const double sine = std::sin(theta);
        const double cosine = std::cos(theta);
        const double total = 0.1 + 1.0;
        const double temp = (force + 0.1 * 0.5 * (theta_dot * theta_dot) * sine) / total;
        const double theta_acc =
            (9.8 * sine - cosine * temp) / (0.5 * (4.0 / 3.0 - 0.1 * (cosine * cosine) / total));
        const double x_acc = temp - 0.1 * 0.5 * theta_acc * cosine / total;
        x += 0.02 * x_dot;
        x_dot += 0.02 * x_acc;
        theta += 0.02 * theta_dot;
        theta_dot += 0.02 * theta_acc;
        if (std::fabs(x) > 2.4 || std::fabs(theta) > 0.2 || t + 1 == c.cap) {
            return t + 1;
        }
    }
}

// Lengths by the definition, and the same on other threads; visits that fit the lengths.
void agrees(Case c, const cartpole::Kernels& kernels) {
    c.fill();
    std::vector<std::int32_t> steps;
    std::vector<std::int32_t> again;
    CHECK(cartpole::run(c.problem(true, 1, steps), kernels) == cartpole::Outcome::ok);
    bool equal = true;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const cartpole::Rollouts p = c.problem(true, 1, again);
        equal = equal && steps[i] == by_definition(c, p, i / c.episodes, i % c.episodes);
    }
    CHECK(equal);
    CHECK(cartpole::run(c.problem(true, 3, again), kernels) == cartpole::Outcome::ok);
    CHECK(steps == again);

    // Two logits closer than float32 tells apart are rare, and all that may differ.
    std::vector<std::int32_t> fast;
    CHECK(cartpole::run(c.problem(false, 1, fast), kernels) == cartpole::Outcome::ok);
    std::size_t different = 0;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        different += steps[i] != fast[i] ? 1U : 0U;
    }
    CHECK(different <= 1 + steps.size() / 50);
    CHECK(cartpole::run(c.problem(false, 2, again), kernels) == cartpole::Outcome::ok);
    CHECK(fast == again);
}

struct Visited {
    std::vector<float> observations;
    std::vector<std::int8_t> actions;
};

Visited visits(const Case& c, bool exact, std::int64_t every, const cartpole::Kernels& kernels) {
    std::vector<std::int32_t> steps;
    cartpole::Rollouts p = c.problem(exact, 2, steps);
    CHECK(cartpole::run(p, kernels) == cartpole::Outcome::ok);
    std::vector<std::int64_t> offsets;
    std::int64_t total = 0;
    for (const std::int32_t count : steps) {
        offsets.push_back(total);
        total += (count + every - 1) / every;
    }
    Visited found;
    found.observations.assign(static_cast<std::size_t>(total) * 4, 99.0F);
    found.actions.assign(static_cast<std::size_t>(total), 99);
    p.offsets = offsets.data();
    p.every = every;
    p.observations = found.observations.data();
    p.actions = found.actions.data();
    CHECK(cartpole::run(p, kernels) == cartpole::Outcome::ok);
    for (std::size_t episode = 0; episode < c.episodes; ++episode) {
        for (std::size_t i = 0; i < 4 && c.noise == 0.0; ++i) {
            const auto first = static_cast<std::size_t>(offsets[episode]) * 4;
            CHECK(found.observations[first + i] == static_cast<float>(c.starts[episode * 4 + i]));
        }
    }
    for (const std::int8_t action : found.actions) {
        CHECK(action == 0 || action == 1);
    }
    return found;
}

void stops(const cartpole::Kernels& kernels) {
    Case c;
    c.net = {Activation::relu, 1, {4, 2}};
    c.agents = 40;
    c.episodes = 100000;
    c.fill();
    std::vector<std::int32_t> steps;
    cartpole::Rollouts p = c.problem(true, 2, steps);
    int asked = 0;
    p.stop_context = &asked;
    p.stop = [](void* context) { return ++*static_cast<int*>(context) == 1; };
    CHECK(cartpole::run(p, kernels) == cartpole::Outcome::stopped);
    CHECK(asked == 1);
    bool unfinished = false;
    for (const std::int32_t count : steps) {
        unfinished = unfinished || count == -1;
    }
    CHECK(unfinished);
}

}  // namespace

int main() {
    threefry();
    sines();
    const Architecture nets[] = {
        {Activation::tanh, 3, {4, 12, 10, 2}},  {Activation::relu, 3, {4, 12, 10, 2}},
        {Activation::tanh, 1, {4, 2}},          {Activation::relu, 4, {4, 1, 3, 23, 2}},
        {Activation::dc, 1, {4, 10}},           {Activation::dc_quadratic, 1, {4, 2}},
        {Activation::dc_quadratic, 1, {4, 14}},
    };
    Visited exact[2];
    for (const char* name : {"portable", "neon", "avx2", "avx512", "avx512vbmi"}) {
        if (cpu::force(name) != Status::ok) {
            continue;
        }
        const cartpole::Kernels& kernels = *cartpole::active_kernels();
        functions(kernels);
        for (const Architecture& net : nets) {
            for (const std::size_t agents :
                 {0U, 1U, 2U, 3U, 7U, 8U, 9U, 15U, 16U, 17U, 31U, 32U, 33U}) {
                const std::size_t episodes = agents % 4 == 1 ? 1 : 9;
                agrees({net, agents, episodes}, kernels);
                agrees({net, agents, episodes, true}, kernels);
            }
            agrees({net, 5, 0}, kernels);
            agrees({net, 1, 300}, kernels);
            agrees({net, 5, 40, true, 0.02, 30}, kernels);
            agrees({net, 4, 7, false, 0.3}, kernels);
            agrees({net, 4, 7, false, 0.0, 1}, kernels);
        }
        for (const bool chance : {false, true}) {
            Case c{nets[0], 19, 11, chance, chance ? 0.01 : 0.0};
            c.fill();
            const Visited all = visits(c, true, 1, kernels);
            (void)visits(c, true, 7, kernels);
            (void)visits(c, false, 3, kernels);
            Visited& wanted = exact[chance ? 1 : 0];
            if (wanted.actions.empty()) {
                wanted = all;  // of the first instruction set: the others have its bits
            }
            CHECK(all.observations == wanted.observations && all.actions == wanted.actions);
        }
        stops(kernels);
    }
    CHECK(cpu::force(nullptr) == Status::ok);
    return check::report();
}
