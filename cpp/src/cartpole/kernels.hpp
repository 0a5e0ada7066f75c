// The kernels of one instruction set: lanes that take work, step, and note what came of it.
//
// Included by the translation units of the instruction sets alone. Everything is in an unnamed
// namespace, and nothing of the standard library is inlined: the linker never replaces baseline
// code by a copy compiled for a newer processor.
#ifndef EIGENWELL_SRC_CARTPOLE_KERNELS_HPP
#define EIGENWELL_SRC_CARTPOLE_KERNELS_HPP

#include "policies.hpp"

namespace eigenwell::cartpole {
namespace {  // internal linkage on purpose: see above

template <class T>
struct State {
    static constexpr std::size_t width = Lanes<T>::width;
    Vec<T> s[4][streams];     // x, x', theta, theta'; 0 where a lane is idle
    Mask<T> active[streams];  // all ones, or 0
    Mask<T> t[streams];
    Word<T> keys[streams][2];  // of an episode's random numbers
    std::int64_t agent[width];
    std::int64_t next[width];  // episode that nobody has begun, of the piece
    std::int64_t end[width];   // and the last one, plus 1
    std::int64_t episode[streams][width];
    std::size_t busy;     // episodes on their way
    std::uint64_t begun;  // whether lanes have taken their first work
};

template <class T>
class Lanesful {
public:
    Lanesful(const Plan& plan, const Worker& worker)
        : plan_(plan), state_(*reinterpret_cast<State<T>*>(worker.state)),
          weights_(reinterpret_cast<Vec<T>*>(worker.weights)),
          in_(reinterpret_cast<Vec<T>*>(worker.hidden)) {
        static_assert(sizeof(State<T>) <= state_rows * sizeof(Row));
        std::size_t widest = 4;
        for (std::size_t i = 0; i <= plan.architecture.layers; ++i) {
            const std::size_t size = plan.architecture.sizes[i];
            widest = size > widest ? size : widest;
        }
        out_ = in_ + widest * streams;
    }

    bool run(std::int64_t budget) {
        if (state_.begun == 0) {
            state_.begun = 1;
            for (std::size_t lane = 0; lane < width; ++lane) {
                take(lane);
            }
        }
        for (; budget > 0 && state_.busy > 0; --budget) {
            step();
        }
        return state_.busy > 0;
    }

private:
    static constexpr std::size_t width = Lanes<T>::width;
    using L = Lanes<T>;

    void step() {
        State<T>& s = state_;
        for (std::size_t j = 0; j < streams; ++j) {
            observe(j);
        }
        const bool noted = plan_.offsets != nullptr;
        Vec<T> seen[4][streams];
        for (std::size_t i = 0; noted && i < 4; ++i) {
            for (std::size_t j = 0; j < streams; ++j) {
                seen[i][j] = in_[i * streams + j];
            }
        }
        const Vec<T>* logit = logits<T>(plan_.architecture, weights_, in_, out_);
        Mask<T> ended[streams];
        unsigned any = 0;
        for (std::size_t j = 0; j < streams; ++j) {
            Mask<T> right = logit[streams + j] > logit[j];
            if (plan_.sampled) {
                Word<T> a = __builtin_convertvector(s.t[j], Word<T>);
                Word<T> b = {};
                threefry(s.keys[j][0], s.keys[j][1], a, b);
                right =
                    uniform<T>(a) * (exp(logit[j] - logit[streams + j]) + T{1}) < broadcast(T{1});
            }
            if (noted) {
                note(seen, right, j);
            }
            advance(j, right);
            s.t[j] += s.active[j] & 1;
            const Vec<T> far = broadcast(static_cast<T>(plan_.physics.x_limit));
            const Vec<T> tilted = broadcast(static_cast<T>(plan_.physics.angle_limit));
            // What is no number has ended too.
            const Mask<T> goes_on = (s.s[0][j] <= far) & (s.s[0][j] >= -far) &
                                    (s.s[2][j] <= tilted) & (s.s[2][j] >= -tilted) &
                                    (s.t[j] < static_cast<typename L::integer>(plan_.cap));
            ended[j] = s.active[j] & ~goes_on;
            any |= L::bits(ended[j]);
        }
        if (any != 0) {
            for (std::size_t j = 0; j < streams; ++j) {
                for (unsigned lanes = L::bits(ended[j]); lanes != 0; lanes &= lanes - 1) {
                    finish(j, static_cast<std::size_t>(__builtin_ctz(lanes)));
                }
            }
        }
    }

    // What the policy sees.
    void observe(std::size_t j) {
        const auto noise = static_cast<T>(plan_.physics.observation_noise);
        Word<T> random[4];
        if (noise > 0) {
            for (unsigned pair = 0; pair < 2; ++pair) {
                Word<T>* word = random + 2 * pair;
                word[0] = __builtin_convertvector(state_.t[j], Word<T>);
                word[1] = Word<T>{} + (pair + 1);
                threefry(state_.keys[j][0], state_.keys[j][1], word[0], word[1]);
            }
        }
        for (std::size_t i = 0; i < 4; ++i) {
            Vec<T> value = rounded(state_.s[i][j]);
            if (noise > 0) {
                const Vec<T> unit = uniform<T>(random[i]) * T{2} - T{1};
                value = rounded(value + unit * noise);
            }
            in_[i * streams + j] = value;
        }
    }

    static Vec<float> rounded(Vec<float> x) { return x; }
    static Vec<double> rounded(Vec<double> x) {
        using Narrow __attribute__((vector_size(vector_bytes / 2))) = float;
        return __builtin_convertvector(__builtin_convertvector(x, Narrow), Vec<double>);
    }

    // Euler's step, in Gymnasium's order of operations.
    void advance(std::size_t j, Mask<double> right) {
        const Physics& p = plan_.physics;
        const double total_mass = p.pole_mass + p.cart_mass;
        const double moment = p.pole_mass * p.half_length;
        State<double>& s = state_;
        const Vec<double> x_dot = s.s[1][j];
        const Vec<double> theta_dot = s.s[3][j];
        Vec<double> sine;
        Vec<double> cosine;
        plan_.sine_cosine(reinterpret_cast<const double*>(&s.s[2][j]),
                          reinterpret_cast<double*>(&sine), reinterpret_cast<double*>(&cosine),
                          width);
        const Vec<double> force = right ? broadcast(p.force) : broadcast(-p.force);
        const Vec<double> temp = (force + moment * (theta_dot * theta_dot) * sine) / total_mass;
        const Vec<double> theta_acc =
            (p.gravity * sine - cosine * temp) /
            (p.half_length * (4.0 / 3.0 - p.pole_mass * (cosine * cosine) / total_mass));
        const Vec<double> x_acc = temp - moment * theta_acc * cosine / total_mass;
        keep(j, 0, s.s[0][j] + p.tau * x_dot);
        keep(j, 1, x_dot + p.tau * x_acc);
        keep(j, 2, s.s[2][j] + p.tau * theta_dot);
        keep(j, 3, theta_dot + p.tau * theta_acc);
    }

    void advance(std::size_t j, Mask<float> right) {
        const Physics& p = plan_.physics;
        const double total_mass = p.pole_mass + p.cart_mass;
        const double moment = p.pole_mass * p.half_length;
        const auto all = [](double x) { return broadcast(static_cast<float>(x)); };
        State<float>& s = state_;
        const Vec<float> x_dot = s.s[1][j];
        const Vec<float> theta_dot = s.s[3][j];
        Vec<float> sine;
        Vec<float> cosine;
        sine_cosine(s.s[2][j], sine, cosine);
        const Vec<float> push = all(p.force / total_mass);
        const Vec<float> temp =
            L::fma(theta_dot * theta_dot * all(moment / total_mass), sine, right ? push : -push);
        const Vec<float> theta_acc = L::fma(all(p.gravity), sine, -cosine * temp) /
                                     L::fma(all(-p.half_length * p.pole_mass / total_mass),
                                            cosine * cosine, all(p.half_length * 4.0 / 3.0));
        const Vec<float> x_acc = L::fma(all(-moment / total_mass) * theta_acc, cosine, temp);
        const Vec<float> tau = all(p.tau);
        keep(j, 0, L::fma(tau, x_dot, s.s[0][j]));
        keep(j, 1, L::fma(tau, x_acc, x_dot));
        keep(j, 2, L::fma(tau, theta_dot, s.s[2][j]));
        keep(j, 3, L::fma(tau, theta_acc, theta_dot));
    }

    void keep(std::size_t j, std::size_t i, Vec<T> value) {
        state_.s[i][j] =
            reinterpret_cast<Vec<T>>(reinterpret_cast<Mask<T>>(value) & state_.active[j]);
    }

    void note(const Vec<T> (&seen)[4][streams], Mask<T> right, std::size_t j) {
        for (unsigned lanes = L::bits(state_.active[j]); lanes != 0; lanes &= lanes - 1) {
            const auto lane = static_cast<std::size_t>(__builtin_ctz(lanes));
            const std::int64_t t = state_.t[j][lane];
            if (t % plan_.every == 0) {
                const std::int64_t visit = plan_.offsets[place(j, lane)] + t / plan_.every;
                for (std::size_t i = 0; i < 4; ++i) {
                    plan_.observations[visit * 4 + static_cast<std::int64_t>(i)] =
                        static_cast<float>(seen[i][j][lane]);
                }
                plan_.actions[visit] = right[lane] != 0 ? 1 : 0;
            }
        }
    }

    // Of an episode, in [agents, episodes].
    [[nodiscard]] std::int64_t place(std::size_t j, std::size_t lane) const {
        return state_.agent[lane] * static_cast<std::int64_t>(plan_.episodes) +
               state_.episode[j][lane];
    }

    void finish(std::size_t j, std::size_t lane) {
        plan_.steps[place(j, lane)] = static_cast<std::int32_t>(state_.t[j][lane]);
        --state_.busy;
        if (begin(j, lane)) {
            return;
        }
        for (std::size_t other = 0; other < streams; ++other) {
            if (state_.active[other][lane] != 0) {
                return;  // its weights are still needed
            }
        }
        take(lane);
    }

    // The next episode of the lane's piece, if there is one.
    bool begin(std::size_t j, std::size_t lane) {
        State<T>& s = state_;
        const bool found = s.next[lane] < s.end[lane];
        const std::int64_t episode = found ? s.next[lane]++ : 0;
        for (std::size_t i = 0; i < 4; ++i) {
            const std::int64_t at = episode * 4 + static_cast<std::int64_t>(i);
            s.s[i][j][lane] = found ? static_cast<T>(plan_.starts[at]) : T{0};
        }
        s.t[j][lane] = 0;
        s.active[j][lane] = found ? -1 : 0;
        s.episode[j][lane] = episode;
        if (found && (plan_.sampled || plan_.physics.observation_noise > 0)) {
            auto a = static_cast<std::uint32_t>(s.agent[lane]);
            auto b = static_cast<std::uint32_t>(episode);
            threefry(static_cast<std::uint32_t>(plan_.seed),
                     static_cast<std::uint32_t>(plan_.seed >> 32), a, b);
            s.keys[j][0][lane] = a;
            s.keys[j][1][lane] = b;
        }
        s.busy += found ? 1 : 0;
        return found;
    }

    // The next piece that nobody has taken, if there is one.
    void take(std::size_t lane) {
        State<T>& s = state_;
        const std::uint64_t piece = __atomic_fetch_add(plan_.next, 1, __ATOMIC_RELAXED);
        const std::uint64_t agent = piece / plan_.chunks;
        if (agent < plan_.agents) {
            const T* from = static_cast<const T*>(plan_.weights) + agent * plan_.parameters;
            T* to = reinterpret_cast<T*>(weights_) + lane;
            for (std::size_t i = 0; i < plan_.parameters; ++i) {
                to[i * width] = from[plan_.order[i]];
            }
            const std::size_t first = piece % plan_.chunks * plan_.chunk;
            const std::size_t last = first + plan_.chunk;
            s.agent[lane] = static_cast<std::int64_t>(agent);
            s.next[lane] = static_cast<std::int64_t>(first);
            s.end[lane] = static_cast<std::int64_t>(last < plan_.episodes ? last : plan_.episodes);
        }
        for (std::size_t j = 0; j < streams; ++j) {
            begin(j, lane);
        }
    }

    const Plan& plan_;
    State<T>& state_;
    Vec<T>* weights_;
    Vec<T>* in_;
    Vec<T>* out_;
};

template <class T>
bool run(const Plan& plan, const Worker& worker, std::int64_t budget) {
    return Lanesful<T>(plan, worker).run(budget);
}

template <class T, Vec<T> (*Function)(Vec<T>)>
void each(const T* x, T* result, std::size_t count) {
    for (std::size_t i = 0; i < count; i += Lanes<T>::width) {
        Vec<T> v;
        __builtin_memcpy(&v, x + i, sizeof v);
        v = Function(v);
        __builtin_memcpy(result + i, &v, sizeof v);
    }
}

constexpr Kernels these_kernels = {run<float>,           run<double>,       Lanes<float>::width,
                                   Lanes<double>::width, each<float, tanh>, each<double, tanh>,
                                   each<float, exp>,     each<double, exp>};

}  // namespace
}  // namespace eigenwell::cartpole

#endif  // EIGENWELL_SRC_CARTPOLE_KERNELS_HPP
