// PPO's kernels on every instruction set: functions against libm, gradients against differences of
// a loss written out in float64, threads and instruction sets against each other.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "../src/cpu/features.hpp"
#include "../src/ppo/problem.hpp"
#include "check.hpp"

namespace {

namespace ppo = eigenwell::ppo;
namespace cpu = eigenwell::cpu;

constexpr double half_log_2pi = 0.91893853320467274;
using Doubles = std::vector<double>;

std::vector<cpu::Isa> isas() {
    std::vector<cpu::Isa> found;
    for (const cpu::Isa isa : {cpu::Isa::portable, cpu::Isa::avx2, cpu::Isa::avx512}) {
        if (cpu::available(isa)) {
            found.push_back(isa);
        }
    }
    return found;
}

const ppo::Kernels& use(cpu::Isa isa) {
    CHECK(cpu::force(cpu::name(isa)) == eigenwell::Status::ok);
    return *ppo::active_kernels();
}

struct Case {
    ppo::Shape shape;
    std::vector<std::vector<float>> memory;  // values and both moments of each parameter
    std::vector<ppo::Parameter> parameters;
    std::vector<float> x, actions, old, advantages, returns;
    std::vector<std::int64_t> chosen, rows;
    ppo::Settings settings{1000, 1e-3, 0.2, 0.5, 0.01, 0.5, 1};

    Case(ppo::Shape of, std::size_t count, unsigned seed = 3) : shape(std::move(of)) {
        std::mt19937 random(seed);
        std::normal_distribution<float> normal;
        const auto draw = [&](std::size_t n) {
            std::vector<float> values(n);
            std::generate(values.begin(), values.end(), [&] { return normal(random); });
            return values;
        };
        for (const std::size_t size : ppo::parameter_sizes(shape)) {
            memory.push_back(draw(size));
            for (float& value : memory.back()) {
                value *= 0.4F;
            }
            memory.emplace_back(size);
            memory.emplace_back(size);
        }
        for (std::size_t p = 0; p < memory.size(); p += 3) {
            parameters.push_back({memory[p].data(), memory[p + 1].data(), memory[p + 2].data()});
        }
        x = draw(count * shape.inputs);
        actions = draw(count * shape.actions);
        advantages = draw(count);
        returns = draw(count);
        old.resize(count);
        chosen.resize(count);
        rows.resize(count);
        for (std::size_t i = 0; i < count; ++i) {
            chosen[i] = static_cast<std::int64_t>(random() % shape.actions);
        }
        std::iota(rows.begin(), rows.end(), 0);
        std::shuffle(rows.begin(), rows.end(), random);
    }

    [[nodiscard]] ppo::Rollout rollout() const {
        return {rows.size(),
                x.data(),
                shape.discrete ? nullptr : actions.data(),
                shape.discrete ? chosen.data() : nullptr,
                old.data(),
                advantages.data(),
                returns.data()};
    }
};

Doubles mlp(const std::vector<Doubles>& p, std::size_t& next, Doubles values,
            const std::vector<std::size_t>& hidden, std::size_t outputs) {
    for (std::size_t l = 0; l <= hidden.size(); ++l) {
        Doubles result = p[next + 1];
        result.resize(l < hidden.size() ? hidden[l] : outputs);
        for (std::size_t j = 0; j < result.size(); ++j) {
            for (std::size_t i = 0; i < values.size(); ++i) {
                result[j] += p[next][j * values.size() + i] * values[i];
            }
            result[j] = l < hidden.size() ? std::tanh(result[j]) : result[j];
        }
        values = result;
        next += 2;
    }
    return values;
}

// With `smooth` the extremes of the DC neurons are those whose gradient the kernels take: softmaxes
// with weights of the parameters q.
Doubles outputs(const Case& of, const std::vector<Doubles>& p, const std::vector<Doubles>& q,
                const Doubles& x, std::size_t& next) {
    const std::size_t m = of.shape.pieces;
    if (m == 0) {
        return mlp(p, next, x, of.shape.actor, of.shape.actions);
    }
    next += 2;
    Doubles y;
    for (std::size_t k = 0; k < of.shape.actions; ++k) {
        Doubles moved(m);
        Doubles fixed(m);
        for (std::size_t e = 0; e < m; ++e) {
            moved[e] = p[1][k * m + e];
            fixed[e] = q[1][k * m + e];
            for (std::size_t i = 0; i < x.size(); ++i) {
                moved[e] += x[i] * p[0][(i * of.shape.actions + k) * m + e];
                fixed[e] += x[i] * q[0][(i * of.shape.actions + k) * m + e];
            }
        }
        double result = *std::max_element(fixed.begin(), fixed.end()) +
                        *std::min_element(fixed.begin(), fixed.end());
        for (const double sign : {1.0, -1.0}) {
            double sum = 0;
            for (const double value : fixed) {
                sum += std::exp(sign * value / static_cast<double>(of.shape.temperature));
            }
            for (std::size_t e = 0; e < m; ++e) {
                const double weight =
                    std::exp(sign * fixed[e] / static_cast<double>(of.shape.temperature)) / sum;
                result += weight * (moved[e] - fixed[e]);
            }
        }
        y.push_back(result);
    }
    return y;
}

// The loss at parameters p, whose straight-through terms are taken at q.
double loss(const Case& of, const std::vector<Doubles>& p, const std::vector<Doubles>& q,
            Doubles* log_probs = nullptr) {
    const auto count = static_cast<double>(of.rows.size());
    double mean = 0;
    double squares = 0;
    for (const float a : of.advantages) {
        mean += static_cast<double>(a) / count;
    }
    for (const float a : of.advantages) {
        squares += (static_cast<double>(a) - mean) * (static_cast<double>(a) - mean);
    }
    const double deviation = std::sqrt(squares / (count - 1)) + 1e-8;
    const std::size_t actions = of.shape.actions;
    double total = 0;
    for (std::size_t s = 0; s < of.rows.size(); ++s) {
        const Doubles x(of.x.begin() + static_cast<std::ptrdiff_t>(s * of.shape.inputs),
                        of.x.begin() + static_cast<std::ptrdiff_t>((s + 1) * of.shape.inputs));
        std::size_t next = 0;
        const Doubles y = outputs(of, p, q, x, next);
        const double value = mlp(p, next, x, of.shape.critic, 1)[0];
        double log_prob = 0;
        double entropy = 0;
        if (of.shape.discrete) {
            double sum = 0;
            for (const double logit : y) {
                sum += std::exp(logit);
            }
            for (const double logit : y) {
                entropy -= std::exp(logit) / sum * (logit - std::log(sum));
            }
            log_prob = y[static_cast<std::size_t>(of.chosen[s])] - std::log(sum);
        } else {
            for (std::size_t k = 0; k < actions; ++k) {
                const double log_std = p.back()[k];
                const double z =
                    (static_cast<double>(of.actions[s * actions + k]) - y[k]) / std::exp(log_std);
                log_prob -= 0.5 * z * z + log_std + half_log_2pi;
                entropy += log_std + 0.5 + half_log_2pi;
            }
        }
        if (log_probs != nullptr) {
            log_probs->push_back(log_prob);
            continue;
        }
        const double ratio = std::exp(log_prob - static_cast<double>(of.old[s]));
        const double bound = std::min(std::max(ratio, 1 - of.settings.clip), 1 + of.settings.clip);
        const double a = (static_cast<double>(of.advantages[s]) - mean) / deviation;
        const double error = value - static_cast<double>(of.returns[s]);
        total +=
            (-std::min(ratio * a, bound * a) + of.settings.value_coefficient * 0.5 * error * error -
             of.settings.entropy_coefficient * entropy) /
            count;
    }
    return total;
}

std::vector<Doubles> values_of(const Case& of) {
    std::vector<Doubles> p;
    for (std::size_t i = 0; i < of.memory.size(); i += 3) {
        p.emplace_back(of.memory[i].begin(), of.memory[i].end());
    }
    return p;
}

// Odd sizes, none of which fills its lanes; 150 samples are three tiles, the last one not full.
std::vector<Case> cases() {
    std::vector<Case> all;
    for (const bool discrete : {false, true}) {
        all.emplace_back(ppo::Shape{5, 3, {7, 18}, {33, 6}, 0, 1.0F, discrete}, 150);
        all.emplace_back(ppo::Shape{17, 2, {}, {}, 0, 1.0F, discrete}, 64);
        all.emplace_back(ppo::Shape{5, 3, {}, {9}, 4, 0.7F, discrete}, 300);
        all.emplace_back(ppo::Shape{1, 1, {}, {1}, 1, 1.0F, discrete}, 2);
    }
    return all;
}

void gradients() {
    for (Case& of : cases()) {
        const std::vector<Doubles> q = values_of(of);
        Doubles log_probs;
        (void)loss(of, q, q, &log_probs);
        for (std::size_t s = 0; s < log_probs.size(); ++s) {  // ratios on all sides of the clip
            const double golden = 0.618033988749895 * static_cast<double>(s);
            of.old[s] =
                static_cast<float>(log_probs[s] + 0.8 * (golden - std::floor(golden)) - 0.4);
        }
        std::vector<std::vector<float>> first;
        for (const cpu::Isa isa : isas()) {
            const ppo::Kernels& kernels = use(isa);
            ppo::Update update(of.shape, of.parameters);
            std::vector<float> found(of.rows.size());
            update.log_probs(kernels, of.rollout(), found.data());
            double worst = 0;
            for (std::size_t s = 0; s < found.size(); ++s) {
                worst = std::max(worst, std::abs(static_cast<double>(found[s]) - log_probs[s]) /
                                            (1 + std::abs(log_probs[s])));
            }
            CHECK(worst < 2e-6);
            ppo::Sums sums;
            update.differentiate(kernels, of.rollout(), of.settings, of.rows.data(), of.rows.size(),
                                 sums);
            const double sum = sums.policy_loss + of.settings.value_coefficient * sums.value_loss -
                               of.settings.entropy_coefficient * sums.entropy;
            CHECK(std::abs(sum - loss(of, q, q)) < 1e-5);
            const auto& gradient = update.gradients();
            double largest = 0;
            double error = 0;
            for (std::size_t p = 0; p < q.size(); ++p) {
                for (std::size_t i = 0; i < q[p].size(); i += 1 + q[p].size() / 12) {
                    std::vector<Doubles> up = q;
                    std::vector<Doubles> down = q;
                    up[p][i] += 1e-6;
                    down[p][i] -= 1e-6;
                    const double slope = (loss(of, up, q) - loss(of, down, q)) / 2e-6;
                    largest = std::max(largest, std::abs(slope));
                    error = std::max(error, std::abs(slope - static_cast<double>(gradient[p][i])));
                }
            }
            CHECK(error < 1e-5 * (1 + largest));
            // Blocks and widths differ, sums do not.
            if (isa == cpu::Isa::avx2) {
                first = gradient;
            } else if (isa == cpu::Isa::avx512) {
                CHECK(gradient == first);
            }
        }
    }
    (void)cpu::force(nullptr);
}

// Ten chunks' worth of samples, by one thread and by three.
void threads_change_no_bit() {
    std::vector<std::vector<float>> first;
    for (const std::size_t threads : {1U, 3U}) {
        Case of({5, 2, {}, {17}, 3, 1.0F, false}, 2500);
        of.settings.threads = threads;
        of.settings.minibatch = 2000;  // the second one is ragged
        ppo::Update update(of.shape, of.parameters);
        const ppo::Kernels& kernels = *ppo::active_kernels();
        update.log_probs(kernels, of.rollout(), of.old.data());
        (void)update.epoch(kernels, of.rollout(), of.settings, of.rows.data(), 0);
        if (threads == 1) {
            first = of.memory;
        } else {
            CHECK(of.memory == first);
        }
    }
}

void not_a_number() {
    Case of({5, 2, {}, {17}, 3, 1.0F, false}, 100);
    of.x[7] = std::numeric_limits<float>::quiet_NaN();
    for (const cpu::Isa isa : isas()) {
        ppo::Update update(of.shape, of.parameters);
        ppo::Sums sums;
        update.differentiate(use(isa), of.rollout(), of.settings, of.rows.data(), of.rows.size(),
                             sums);
        CHECK(std::isnan(sums.policy_loss));
        CHECK(std::isnan(sums.value_loss));
        CHECK(std::isnan(sums.kl));
    }
    (void)cpu::force(nullptr);
}

// Every 997th float: all exponents, both signs, subnormals.
void functions() {
    std::vector<float> x;
    for (std::uint64_t pattern = 0; pattern < 0x100000000U; pattern += 997) {
        const auto bits = static_cast<std::uint32_t>(pattern);
        float value = 0;
        std::memcpy(&value, &bits, sizeof value);
        if (std::isfinite(value)) {
            x.push_back(value);
        }
    }
    x.resize(x.size() / ppo::padding * ppo::padding);
    std::vector<float> less(x.size());
    std::vector<float> whole(x.size());
    std::vector<float> tangent(x.size());
    for (const cpu::Isa isa : isas()) {
        use(isa).functions(x.data(), less.data(), whole.data(), tangent.data(), x.size());
        double errors[3] = {};  // relative
        for (std::size_t i = 0; i < x.size(); ++i) {
            const auto of = static_cast<double>(x[i]);
            const auto take = [](double& worst, float found, double truth) {
                worst = std::max(worst, std::abs(static_cast<double>(found) / truth - 1));
            };
            if (of > -86 && of < 88.72) {
                take(errors[1], whole[i], std::exp(of));
                if (std::abs(of) > 1e-37) {  // halves of what is smaller are subnormal
                    take(errors[0], less[i], std::expm1(of));
                }
            } else {
                CHECK(whole[i] == (of > 0 ? std::numeric_limits<float>::infinity() : 0.0F));
            }
            if (std::abs(of) > 1e-37) {
                take(errors[2], tangent[i], std::tanh(of));
            } else {
                CHECK(std::abs(tangent[i] - x[i]) < 1e-37F);
            }
        }
        std::printf("%s: relative errors of expm1 %.2g, exp %.2g, tanh %.2g\n", cpu::name(isa),
                    errors[0], errors[1], errors[2]);
        CHECK(errors[0] < 2.5e-7);
        CHECK(errors[1] < 2.5e-7);
        CHECK(errors[2] < 4e-7);
    }
    (void)cpu::force(nullptr);
}

}  // namespace

int main() {
    functions();
    gradients();
    threads_change_no_bit();
    not_a_number();
    return check::report();
}
