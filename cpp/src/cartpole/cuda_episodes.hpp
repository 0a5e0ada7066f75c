// What one thread of cartpole.cu does: some of an agent's episodes, one after the other.
//
// The operations are those of the CPU's fast mode, float32 and fused, one by one and in its order
// (functions.hpp, policies.hpp, kernels.hpp): both give the same bits. Compiles as plain C++ too,
// which is how cpp/tests/test_cartpole_cuda.cpp holds it to that without a GPU.
#ifndef EIGENWELL_SRC_CARTPOLE_CUDA_EPISODES_HPP
#define EIGENWELL_SRC_CARTPOLE_CUDA_EPISODES_HPP

#include <cmath>
#include <cstdint>
#include <cstring>

#include "cartpole_cuda.hpp"

#if defined(__CUDACC__)
#define EIGENWELL_HD __host__ __device__ __forceinline__
#else
#define EIGENWELL_HD inline
#endif
#if defined(__CUDA_ARCH__)
#define EIGENWELL_UNROLL _Pragma("unroll")
#else
#define EIGENWELL_UNROLL
#endif

namespace eigenwell::cartpole::cuda {

// The numbers that a step needs, rounded once.
struct Constants {
    float noise;
    float push;   // F / M
    float swing;  // m_pole half_length / M
    float gravity;
    float lever_cos;  // -half_length m_pole / M
    float lever;      // 4/3 half_length
    float tau;
    float x_limit;
    float angle_limit;
};

inline Constants constants_of(const Physics& p) {
    const double total_mass = p.pole_mass + p.cart_mass;
    const double moment = p.pole_mass * p.half_length;
    return {static_cast<float>(p.observation_noise),
            static_cast<float>(p.force / total_mass),
            static_cast<float>(moment / total_mass),
            static_cast<float>(p.gravity),
            static_cast<float>(-p.half_length * p.pole_mass / total_mass),
            static_cast<float>(p.half_length * 4.0 / 3.0),
            static_cast<float>(p.tau),
            static_cast<float>(p.x_limit),
            static_cast<float>(p.angle_limit)};
}

EIGENWELL_HD float tanh_of(float x) {
    const float z = fmaxf(fminf(x, 8.0F), -8.0F);
    const float y = z * z;
    float p = fmaf(0x1.7f795ap-17F, y, 0x1.82cbe8p-9F);
    p = fmaf(fmaf(p, y, 0x1.08b7b2p-3F), y, 0x1.fffffcp-1F);
    float q = fmaf(0x1.080e38p-22F, y, 0x1.f4867cp-13F);
    q = fmaf(fmaf(fmaf(q, y, 0x1.8631aap-6F), y, 0x1.d9b0e0p-2F), y, 1.0F);
    return z * p / q;
}

EIGENWELL_HD float exp_of(float x) {
    const float z = fmaxf(fminf(x, 80.0F), -80.0F);
    const float shifted = fmaf(z, 1.44269504F, 0x1.8p23F);
    const float k = shifted - 0x1.8p23F;
    const float r = fmaf(k, 2.12194440e-4F, fmaf(k, -0.693359375F, z));
    float sum = fmaf(1.0F / 720, r, 1.0F / 120);
    sum = fmaf(fmaf(fmaf(sum, r, 1.0F / 24), r, 1.0F / 6), r, 0.5F);
    sum = fmaf(fmaf(sum, r, 1.0F), r, 1.0F);
    std::uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127U) << 23U;
    float power;
    memcpy(&power, &bits, sizeof power);
    return power * sum;
}

EIGENWELL_HD void threefry(std::uint32_t key0, std::uint32_t key1, std::uint32_t& a,
                           std::uint32_t& b) {
    const std::uint32_t keys[3] = {key0, key1, key0 ^ key1 ^ 0x1BD11BDAU};
    constexpr unsigned rotations[8] = {13, 15, 26, 6, 17, 29, 16, 24};
    a += keys[0];
    b += keys[1];
    EIGENWELL_UNROLL
    for (unsigned group = 0; group < 5; ++group) {
        EIGENWELL_UNROLL
        for (unsigned i = 0; i < 4; ++i) {
            const unsigned bits = rotations[group % 2 * 4 + i];
            a += b;
            b = (b << bits | b >> (32 - bits)) ^ a;
        }
        a += keys[(group + 1) % 3];
        b += keys[(group + 2) % 3] + (group + 1);
    }
}

EIGENWELL_HD float uniform_of(std::uint32_t word) {
    return static_cast<float>(static_cast<std::int32_t>(word >> 8U)) * 0x1p-24F;
}

// 4-12-10-2 with tanh: all sizes are constants, all activations registers.
struct Usual {
    template <int In, int Out>
    static EIGENWELL_HD const float* layer(const float* w, const float (&in)[In], float (&out)[Out],
                                           bool hidden) {
        EIGENWELL_UNROLL
        for (int o = 0; o < Out; ++o) {
            out[o] = w[In * Out + o];
        }
        EIGENWELL_UNROLL
        for (int i = 0; i < In; ++i) {
            EIGENWELL_UNROLL
            for (int o = 0; o < Out; ++o) {
                out[o] = fmaf(w[i * Out + o], in[i], out[o]);
            }
        }
        EIGENWELL_UNROLL
        for (int o = 0; o < Out; ++o) {
            out[o] = hidden ? tanh_of(out[o]) : out[o];
        }
        return w + (In + 1) * Out;
    }
    static EIGENWELL_HD void logits(const Architecture&, const float* w, const float (&seen)[4],
                                    float (&result)[2]) {
        float first[12];
        float second[10];
        w = layer(w, seen, first, true);
        w = layer(w, first, second, true);
        layer(w, second, result, false);
    }
};

// Any architecture whose layers are at most Most wide.
template <int Most>
struct Any {
    static EIGENWELL_HD float dc(const Architecture& net, const float* w, const float (&seen)[4],
                                 int action) {
        const int all = static_cast<int>(net.sizes[1]);
        float high = -INFINITY;
        float low = INFINITY;
        for (int e = action * all / 2; e < (action + 1) * all / 2; ++e) {
            float linear = w[e] * seen[0];
            for (int i = 1; i < 4; ++i) {
                linear = fmaf(w[i * all + e], seen[i], linear);
            }
            float value = linear + w[4 * all + e];
            if (net.activation == Activation::dc_quadratic) {
                value = fmaf(w[5 * all + e], linear * linear, value);
            }
            high = fmaxf(value, high);
            low = fminf(value, low);
        }
        return high + low;
    }
    static EIGENWELL_HD void logits(const Architecture& net, const float* w, const float (&seen)[4],
                                    float (&result)[2]) {
        if (net.activation == Activation::dc || net.activation == Activation::dc_quadratic) {
            result[0] = dc(net, w, seen, 0);
            result[1] = dc(net, w, seen, 1);
            return;
        }
        float h[2][Most];
        for (int i = 0; i < 4; ++i) {
            h[0][i] = seen[i];
        }
        int from = 0;
        for (int l = 0; l < static_cast<int>(net.layers); ++l) {
            const int inputs = static_cast<int>(net.sizes[l]);
            const int outputs = static_cast<int>(net.sizes[l + 1]);
            for (int o = 0; o < outputs; ++o) {
                float sum = w[inputs * outputs + o];
                for (int i = 0; i < inputs; ++i) {
                    sum = fmaf(w[i * outputs + o], h[from][i], sum);
                }
                if (l + 1 < static_cast<int>(net.layers)) {
                    sum = net.activation == Activation::tanh ? tanh_of(sum) : fmaxf(sum, 0.0F);
                }
                h[1 - from][o] = sum;
            }
            w += (inputs + 1) * outputs;
            from = 1 - from;
        }
        result[0] = h[from][0];
        result[1] = h[from][1];
    }
};

struct Episode {
    float s[4];
    std::uint32_t keys[2];
    std::int32_t t;
};

EIGENWELL_HD Episode begin(const Rollouts& r, std::int64_t agent, std::int32_t episode) {
    Episode e{};
    for (int i = 0; i < 4; ++i) {
        e.s[i] = static_cast<float>(r.starts[std::int64_t{episode} * 4 + i]);
    }
    e.keys[0] = static_cast<std::uint32_t>(agent);
    e.keys[1] = static_cast<std::uint32_t>(episode);
    threefry(static_cast<std::uint32_t>(r.seed), static_cast<std::uint32_t>(r.seed >> 32),
             e.keys[0], e.keys[1]);
    return e;
}

// One step; whether the episode goes on.
template <class Net>
EIGENWELL_HD bool step(const Rollouts& r, const Constants& c, const float* w, Episode& e) {
    float seen[4];
    std::uint32_t random[4] = {static_cast<std::uint32_t>(e.t), 1, static_cast<std::uint32_t>(e.t),
                               2};
    if (c.noise > 0) {
        threefry(e.keys[0], e.keys[1], random[0], random[1]);
        threefry(e.keys[0], e.keys[1], random[2], random[3]);
    }
    EIGENWELL_UNROLL
    for (int i = 0; i < 4; ++i) {
        // Product and sum apart, as on the CPU; the product by 2 is exact, fused or not.
        const float noise = (uniform_of(random[i]) * 2.0F - 1.0F) * c.noise;
        seen[i] = c.noise > 0 ? fmaf(1.0F, noise, e.s[i]) : e.s[i];
    }
    float logit[2];
    Net::logits(r.architecture, w, seen, logit);
    bool right = logit[1] > logit[0];
    if (r.sampled) {
        std::uint32_t a = static_cast<std::uint32_t>(e.t);
        std::uint32_t b = 0;
        threefry(e.keys[0], e.keys[1], a, b);
        right = uniform_of(a) * (exp_of(logit[0] - logit[1]) + 1.0F) < 1.0F;
    }
    const float x_dot = e.s[1];
    const float theta = e.s[2];
    const float theta_dot = e.s[3];
    const float y = theta * theta;
    float odd = fmaf(1.0F / 362880, y, -1.0F / 5040);
    odd = fmaf(fmaf(odd, y, 1.0F / 120), y, -1.0F / 6);
    float even = fmaf(1.0F / 40320, y, -1.0F / 720);
    even = fmaf(fmaf(even, y, 1.0F / 24), y, -0.5F);
    const float sine = fmaf(theta * y, odd, theta);
    const float cosine = fmaf(y, even, 1.0F);
    const float temp = fmaf(theta_dot * theta_dot * c.swing, sine, right ? c.push : -c.push);
    const float theta_acc =
        fmaf(c.gravity, sine, -cosine * temp) / fmaf(c.lever_cos, cosine * cosine, c.lever);
    const float x_acc = fmaf(-c.swing * theta_acc, cosine, temp);
    e.s[0] = fmaf(c.tau, x_dot, e.s[0]);
    e.s[1] = fmaf(c.tau, x_acc, x_dot);
    e.s[2] = fmaf(c.tau, theta_dot, theta);
    e.s[3] = fmaf(c.tau, theta_acc, theta_dot);
    ++e.t;
    return fabsf(e.s[0]) <= c.x_limit && fabsf(e.s[2]) <= c.angle_limit && e.t < r.cap;
}

// Episodes first, first + stride, ... of an agent. One loop over steps, so that the threads of a
// warp stay together when one of them goes on to its next episode.
template <class Net>
EIGENWELL_HD void episodes(const Rollouts& r, const Constants& c, std::int64_t agent,
                           std::int32_t first, std::int32_t stride) {
    const float* w = r.weights + agent * r.parameters;
    std::int32_t episode = first;
    if (episode >= r.episodes) {
        return;
    }
    Episode e = begin(r, agent, episode);
    while (true) {
        if (step<Net>(r, c, w, e)) {
            continue;
        }
        r.steps[agent * r.episodes + episode] = e.t;
        if (r.episodes - episode <= stride) {
            return;
        }
        episode += stride;
        e = begin(r, agent, episode);
    }
}

}  // namespace eigenwell::cartpole::cuda

#endif  // EIGENWELL_SRC_CARTPOLE_CUDA_EPISODES_HPP
