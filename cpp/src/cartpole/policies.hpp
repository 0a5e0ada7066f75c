// Two logits from four observations, for the lanes' own weights and two episodes of each.
//
// Weights lie as they are read: a layer's outputs in blocks of `block_max`, and of a block first
// the biases, then for each input a weight of each output; of a DC layer, eigenvalue by eigenvalue,
// four weights, A and K. `weight_order` in rollouts.cpp is the same walk.
#ifndef EIGENWELL_SRC_CARTPOLE_POLICIES_HPP
#define EIGENWELL_SRC_CARTPOLE_POLICIES_HPP

#include "cartpole.hpp"
#include "functions.hpp"

namespace eigenwell::cartpole {
namespace {  // internal linkage on purpose: compiled once for each instruction set

// in: [inputs][streams]; out: [Block][streams].
template <class T, std::size_t Block>
const Vec<T>* dense(const Vec<T>* w, const Vec<T>* in, std::size_t inputs, const Activation* hidden,
                    Vec<T>* out) {
    Vec<T> sum[Block][streams];
    for (std::size_t b = 0; b < Block; ++b) {
        for (std::size_t s = 0; s < streams; ++s) {
            sum[b][s] = w[b];
        }
    }
    w += Block;
    for (std::size_t i = 0; i < inputs; ++i, w += Block) {
        for (std::size_t b = 0; b < Block; ++b) {
            for (std::size_t s = 0; s < streams; ++s) {
                sum[b][s] = Lanes<T>::fma(w[b], in[i * streams + s], sum[b][s]);
            }
        }
    }
    for (std::size_t b = 0; b < Block; ++b) {
        for (std::size_t s = 0; s < streams; ++s) {
            Vec<T> value = sum[b][s];
            if (hidden != nullptr) {
                value = *hidden == Activation::tanh ? tanh(value) : maximum(value, Vec<T>{});
            }
            out[b * streams + s] = value;
        }
    }
    return w;
}

template <class T>
const Vec<T>* layer(const Vec<T>* w, const Vec<T>* in, std::size_t inputs, std::size_t outputs,
                    const Activation* hidden, Vec<T>* out) {
    for (; outputs >= block_max; outputs -= block_max, out += block_max * streams) {
        w = dense<T, block_max>(w, in, inputs, hidden, out);
    }
    switch (outputs) {
        case 5: return dense<T, 5>(w, in, inputs, hidden, out);
        case 4: return dense<T, 4>(w, in, inputs, hidden, out);
        case 3: return dense<T, 3>(w, in, inputs, hidden, out);
        case 2: return dense<T, 2>(w, in, inputs, hidden, out);
        case 1: return dense<T, 1>(w, in, inputs, hidden, out);
        default: return w;
    }
}

// One action's logit: largest plus smallest of A + L + K L^2.
template <class T, bool Quadratic>
const Vec<T>* dc(const Vec<T>* w, const Vec<T>* in, std::size_t eigenvalues, Vec<T>* logit) {
    Vec<T> high[streams];
    Vec<T> low[streams];
    for (std::size_t s = 0; s < streams; ++s) {
        high[s] = broadcast(-static_cast<T>(__builtin_inf()));
        low[s] = -high[s];
    }
    for (std::size_t e = 0; e < eigenvalues; ++e) {
        for (std::size_t s = 0; s < streams; ++s) {
            Vec<T> linear = w[0] * in[s];
            for (std::size_t i = 1; i < 4; ++i) {
                linear = Lanes<T>::fma(w[i], in[i * streams + s], linear);
            }
            Vec<T> value = linear + w[4];
            if constexpr (Quadratic) {
                value = Lanes<T>::fma(w[5], linear * linear, value);
            }
            high[s] = maximum(value, high[s]);
            low[s] = minimum(value, low[s]);
        }
        w += Quadratic ? 6 : 5;
    }
    for (std::size_t s = 0; s < streams; ++s) {
        logit[s] = high[s] + low[s];
    }
    return w;
}

// in: [4][streams], in the first of the two buffers. Returns the logits, [2][streams].
template <class T>
const Vec<T>* logits(const Architecture& net, const Vec<T>* w, Vec<T>* in, Vec<T>* out) {
    if (net.activation == Activation::dc || net.activation == Activation::dc_quadratic) {
        for (std::size_t action = 0; action < 2; ++action) {
            Vec<T>* logit = out + action * streams;
            w = net.activation == Activation::dc ? dc<T, false>(w, in, net.sizes[1] / 2, logit)
                                                 : dc<T, true>(w, in, net.sizes[1] / 2, logit);
        }
        return out;
    }
    for (std::size_t i = 0; i < net.layers; ++i) {
        const Activation* hidden = i + 1 < net.layers ? &net.activation : nullptr;
        w = layer<T>(w, in, net.sizes[i], net.sizes[i + 1], hidden, out);
        Vec<T>* swap = in;
        in = out;
        out = swap;
    }
    return in;
}

}  // namespace
}  // namespace eigenwell::cartpole

#endif  // EIGENWELL_SRC_CARTPOLE_POLICIES_HPP
