// Softmax policy gradient against itself in long double: every instruction set, sizes around those
// of vectors and blocks, both exponentials, escapes, threads.
#include "../src/wells/wells.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "../src/cpu/features.hpp"
#include "../src/wells/bandits.hpp"
#include "check.hpp"

namespace {

using namespace eigenwell;

double random_number(std::uint64_t& state) {  // in (0, 1)
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (static_cast<double>(state >> 11) + 0.5) * 0x1p-53;
}

// Largest error of an exponential on [-most, most], in units in the last place of exp(x).
double worst_ulp(void (*exponential)(const double*, double*, std::size_t), double most) {
    std::uint64_t state = 1;
    double worst = 0.0;
    for (int repeat = 0; repeat < 4000; ++repeat) {
        double x[wells::block_starts];
        double got[wells::block_starts];
        for (double& value : x) {
            value = (2.0 * random_number(state) - 1.0) * most;
        }
        x[0] = most;
        x[1] = -most;
        exponential(x, got, wells::block_starts);
        for (std::size_t i = 0; i < wells::block_starts; ++i) {
            const long double wanted = std::exp(static_cast<long double>(x[i]));
            int exponent = 0;
            std::frexp(static_cast<double>(wanted), &exponent);
            const double error = static_cast<double>(std::fabs(got[i] - wanted));
            worst = std::fmax(worst, std::ldexp(error, 53 - exponent));
        }
    }
    return worst;
}

void exponentials(const wells::Kernels& kernels) {
    CHECK(worst_ulp(kernels.exp_gentle, 0.25) <= 0.8);
    CHECK(worst_ulp(kernels.exp_any, 0.25) <= 1.1);
    CHECK(worst_ulp(kernels.exp_any, 50.0) <= 1.1);
    CHECK(worst_ulp(kernels.exp_any, 700.0) <= 1.1);
    for (const auto exponential : {kernels.exp_gentle, kernels.exp_any}) {
        double x[wells::block_starts] = {0.0, -0.0, 0x1p-60, -0x1p-1070, 0x1p-52};
        exponential(x, x, wells::block_starts);
        CHECK(x[0] == 1.0 && x[1] == 1.0 && x[2] == 1.0 && x[3] == 1.0 && x[4] == 1.0 + 0x1p-52);
    }
}

struct Case {
    std::size_t n;
    std::size_t others;
    std::int64_t steps;
    double rate;
    bool shared;
    bool schedule;
    std::vector<double> ratios{};
    std::vector<double> shortfalls{};
    std::vector<double> thresholds{};
    std::vector<double> rates{};
    std::vector<std::int64_t> times{};

    void fill() {
        std::uint64_t state = 7 * n + others;
        for (std::size_t i = 0; i < n * others; ++i) {
            ratios.push_back(std::exp(8.0 * random_number(state) - 3.0));
        }
        for (std::size_t i = 0; i < (shared ? 1 : n) * others; ++i) {
            shortfalls.push_back(0.2 + 0.8 * random_number(state));
        }
        for (std::size_t i = 0; i < n; ++i) {
            thresholds.push_back(0.18);
        }
        for (std::int64_t t = 0; t < (schedule ? steps : 1); ++t) {
            rates.push_back(rate * (schedule ? random_number(state) : 1.0));
        }
        times.assign(n, 0);
    }
    [[nodiscard]] wells::Bandits problem(bool escapes, std::size_t threads) {
        wells::Bandits p;
        p.ratios = ratios.data();
        p.shortfalls = shortfalls.data();
        p.shared = shared;
        p.rates = rates.data();
        p.rate_stride = schedule ? 1 : 0;
        p.n = n;
        p.others = others;
        p.steps = steps;
        p.gentle = rate <= 0.5;
        p.threads = threads;
        if (escapes) {
            p.thresholds = thresholds.data();
            p.times = times.data();
        }
        return p;
    }
};

// Start i by the definition: weights exp(theta), a* the last of them. Its ratios at t = steps, and
// the first t >= 2 with sub-optimality below the threshold, or 0.
std::int64_t by_definition(const Case& c, std::size_t i, std::vector<long double>& ratios) {
    const std::size_t actions = c.others + 1;
    std::vector<long double> weights(actions, 1.0L);
    std::vector<long double> shortfalls(actions, 0.0L);
    for (std::size_t a = 0; a < c.others; ++a) {
        weights[a] = c.ratios[a * c.n + i];
        shortfalls[a] = c.shortfalls[c.shared ? a : a * c.n + i];
    }
    std::int64_t found = 0;
    for (std::int64_t t = 1; t <= c.steps; ++t) {
        long double total = 0.0L;
        long double delta = 0.0L;
        for (std::size_t a = 0; a < actions; ++a) {
            total += weights[a];
            delta += weights[a] * shortfalls[a];
        }
        delta /= total;
        if (t > 1 && found == 0 && delta < c.thresholds[i]) {
            found = t;
        }
        if (t == c.steps) {
            break;
        }
        const long double rate = c.rates[c.schedule ? static_cast<std::size_t>(t - 1) : 0];
        for (std::size_t a = 0; a < actions; ++a) {
            weights[a] *= std::exp(rate * weights[a] / total * (delta - shortfalls[a]));
        }
    }
    ratios.clear();
    for (std::size_t a = 0; a < c.others; ++a) {
        ratios.push_back(weights[a] / weights[c.others]);
    }
    return found;
}

void agrees(Case c, const wells::Kernels& kernels) {
    c.fill();
    // Half a unit in the last place an update, and what the dynamics make of it: a start on its way
    // out has a ratio that falls by some per cent a step.
    const double tolerance = 1e-12;
    Case moved = c;
    wells::Bandits p = moved.problem(false, 1);
    CHECK(wells::run(p, kernels) == wells::Outcome::ok);
    Case shared_out = c;
    p = shared_out.problem(false, 2);
    CHECK(wells::run(p, kernels) == wells::Outcome::ok);
    CHECK(shared_out.ratios == moved.ratios);
    Case escaped = c;
    p = escaped.problem(true, 2);
    CHECK(wells::run(p, kernels) == wells::Outcome::ok);
    CHECK(escaped.ratios == c.ratios);

    std::vector<long double> wanted;
    for (std::size_t i = 0; i < c.n; ++i) {
        const std::int64_t time = by_definition(c, i, wanted);
        bool close = true;
        for (std::size_t a = 0; a < c.others; ++a) {
            const auto error = std::fabs(moved.ratios[a * c.n + i] / wanted[a] - 1.0L);
            close = close && static_cast<double>(error) <= tolerance;
        }
        if (!close || escaped.times[i] != time) {
            CHECK(close);
            CHECK(escaped.times[i] == time);
        }
    }
}

// A start alone has the bits that it has among others.
void alone(const wells::Kernels& kernels) {
    Case all{130, 2, 700, 0.4, true, false};
    all.fill();
    Case moved = all;
    wells::Bandits p = moved.problem(false, 1);
    CHECK(wells::run(p, kernels) == wells::Outcome::ok);
    p = moved.problem(true, 1);
    p.ratios = all.ratios.data();
    CHECK(wells::run(p, kernels) == wells::Outcome::ok);
    for (const std::size_t i : {0U, 63U, 64U, 129U}) {
        Case one{1, 2, 700, 0.4, true, false};
        one.ratios = {all.ratios[i], all.ratios[all.n + i]};
        one.shortfalls = all.shortfalls;
        one.thresholds = {0.18};
        one.rates = all.rates;
        one.times = {0};
        Case run = one;
        wells::Bandits single = run.problem(false, 1);
        CHECK(wells::run(single, kernels) == wells::Outcome::ok);
        CHECK(run.ratios[0] == moved.ratios[i] && run.ratios[1] == moved.ratios[all.n + i]);
        single = one.problem(true, 1);
        CHECK(wells::run(single, kernels) == wells::Outcome::ok);
        CHECK(one.times[0] == moved.times[i]);
    }
}

void stops_and_leaves_alone(const wells::Kernels& kernels) {
    Case c{70, 2, 1000000, 0.4, true, false};
    c.fill();
    c.thresholds.assign(c.n, -1.0);  // nobody escapes
    c.times[3] = 1;
    wells::Bandits p = c.problem(true, 1);
    int asked = 0;
    p.stop_context = &asked;
    p.stop = [](void* context) { return ++*static_cast<int*>(context) == 3; };
    CHECK(wells::run(p, kernels) == wells::Outcome::stopped);
    CHECK(asked == 3);
    CHECK(p.updates == 69.0 * 3.0 * 64.0);
    CHECK(c.times[3] == 1 && c.times[4] == 0);
}

}  // namespace

int main() {
    for (const char* name : {"portable", "neon", "avx2", "avx512", "avx512vbmi"}) {
        if (cpu::force(name) != Status::ok) {
            continue;
        }
        const wells::Kernels& kernels = *wells::active_kernels();
        exponentials(kernels);
        for (const std::size_t n : {0U, 1U, 7U, 8U, 63U, 64U, 65U, 130U}) {
            for (const std::size_t others : {1U, 2U, 3U, 9U}) {
                agrees({n, others, 150, 0.4, true, false}, kernels);
                agrees({n, others, 70, 0.5, false, true}, kernels);
                agrees({n, others, 40, 6.0, n % 2 == 0, false}, kernels);
            }
        }
        agrees({5, 63, 100, 0.5, false, false}, kernels);
        agrees({3, 2, 1, 0.5, true, false}, kernels);
        agrees({3, 2, 2, 0.5, true, true}, kernels);
        alone(kernels);
        stops_and_leaves_alone(kernels);
    }
    CHECK(cpu::force(nullptr) == Status::ok);
    return check::report();
}
