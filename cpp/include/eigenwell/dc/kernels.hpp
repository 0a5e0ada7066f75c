// Forward pass of a layer of difference-of-convex (DC) neurons, written once for every lane type.
//
//   L_e = sum_i x_i B[i, e]          E_e = A_e + L_e + K_e L_e^2
//   y_k = max_{e of k} E_e + min_{e of k} E_e           action_k = clip(y_k, clip_low, clip_high)
//
// Layout. Neurons stand side by side in `group` lanes (a power of two, at most 16), eigenvalue
// after eigenvalue, so that max and min over a neuron's eigenvalues are vertical. A row is padded
// to whole 64-byte lines by repeating its last eigenvalue, which changes neither max nor min. Four
// neurons of six eigenvalues (the article's walker) make rows of 24 floats, padded to 32.
//
// Cost per observation: n k m fused multiply-adds; 4 n k m bytes of weights, read once by `forward`
// and once per `batch_rows` observations by `forward_batch`.
//
// Numerics. Four partial sums, input i in sum i mod 4, added as (0 + 1) + (2 + 3). Both kernels do
// the same operations in the same order for each (observation, eigenvalue), so a result has the
// same bits in every batch. Lane types with a fused multiply-add agree to the bit with one another
// too.
//
// Everything below is a template on the lane type and calls nothing else, and a lane type that
// needs more than the baseline processor lives in an unnamed namespace: the linker then never
// replaces baseline code by a copy that was compiled for a newer processor.
#ifndef EIGENWELL_DC_KERNELS_HPP
#define EIGENWELL_DC_KERNELS_HPP

#include <cstddef>
#include <cstdint>

#include "eigenwell/dc/format.hpp"

namespace eigenwell::dc {

inline constexpr std::size_t max_group = 16;
inline constexpr std::size_t row_multiple = 16;  // floats: one 64-byte line

// A decoded policy: the pointers lead into storage that somebody else owns.
struct Table {
    std::size_t inputs = 0;            // n
    std::size_t neurons = 0;           // k
    std::size_t eigenvalues = 0;       // m
    std::size_t group = 0;             // neurons side by side
    std::size_t blocks = 0;            // ceil(k / group)
    std::size_t stride = 0;            // m * group, rounded up to row_multiple
    const float* weights = nullptr;    // [blocks, n, stride]
    const float* biases = nullptr;     // [blocks, stride]
    const float* quadratic = nullptr;  // [blocks, stride], or null
    const float* shift = nullptr;      // [n]; zeros and ones stand in for an absent one, and both
    const float* scale = nullptr;      // [n]  are null if the input is taken as it is
    float input_clip = 0.0F;
    float clip_low = 0.0F;
    float clip_high = 0.0F;
};

// The native operations of the family for one instruction set.
struct Kernels {
    // Words to indices: out[64 / bits * words].
    void (*unpack)(const unsigned char* words, std::size_t word_count, unsigned bits,
                   std::uint8_t* out);
    bool (*all_finite)(const float* values, std::size_t count);
    void (*forward)(const Table& table,
                    const float* observation,  // [n], finite
                    float* action);            // [k]
    void (*forward_batch)(const Table& table,
                          const float* observations,  // [rows, n], finite
                          std::size_t rows,
                          float* actions);  // [rows, k]
};

namespace detail {

// A number that a generic lambda can take as a template argument (std::integral_constant, without
// the standard library).
template <std::size_t Value>
struct Constant {
    constexpr operator std::size_t() const noexcept { return Value; }
};

template <class L>
void unpack(const unsigned char* words, std::size_t count, unsigned bits, std::uint8_t* out) {
    const std::size_t per_word = 64 / bits;
    const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
    for (std::size_t w = 0; w < count; ++w) {
        std::uint64_t word = 0;
        for (unsigned byte = 0; byte < 8; ++byte) {
            word |= static_cast<std::uint64_t>(words[8 * w + byte]) << (8 * byte);
        }
        for (std::size_t j = 0; j < per_word; ++j) {
            *out++ = static_cast<std::uint8_t>((word >> (bits * j)) & mask);
        }
    }
}

// v - v is 0 for a finite v and NaN for every other.
template <class L>
bool all_finite(const float* values, std::size_t count) {
    typename L::vec sum = L::broadcast(0.0F);
    std::size_t i = 0;
    for (; i + L::width <= count; i += L::width) {
        const typename L::vec v = L::load(values + i);
        sum = L::add(sum, L::sub(v, v));
    }
    if (i < count) {
        const typename L::vec v = L::load_first(values + i, count - i);
        sum = L::add(sum, L::sub(v, v));
    }
    return L::all_zero(sum);
}

// The bound is the first operand of max and min: an x86 lane answers its second one for a NaN, so a
// NaN from overflow (infinity - infinity) stays visible instead of becoming a legal action.
template <class L>
typename L::vec clamp(typename L::vec v, float low, float high) {
    return L::min(L::broadcast(high), L::max(L::broadcast(low), v));
}

template <class L>
typename L::vec normalise(typename L::vec x, typename L::vec shift, typename L::vec scale,
                          float clip) {
    return clamp<L>(L::mul(L::sub(x, shift), scale), -clip, clip);
}

// E for `Count` vectors of eigenvalues, `Step` columns apart, folded into the running maximum and
// minimum.
template <class L, std::size_t Step, std::size_t Count>
void spectrum(const Table& table,
              const float* x,        // [n]
              const float* weights,  // [n, stride], at the first column
              const float* biases,   // at the first column
              const float* quadratic, typename L::vec& high, typename L::vec& low) {
    using vec = typename L::vec;
    vec sum[4][Count];
    for (auto& part : sum) {
        for (vec& lane : part) {
            lane = L::broadcast(0.0F);
        }
    }
    const float* row = weights;
    const auto accumulate = [&](std::size_t i, vec(&part)[Count]) {
        const vec xi = L::broadcast(x[i]);
        for (std::size_t c = 0; c < Count; ++c) {
            part[c] = L::fma(xi, L::load(row + c * Step), part[c]);
        }
        row += table.stride;
    };
    std::size_t i = 0;
    for (; i + 4 <= table.inputs; i += 4) {
        accumulate(i, sum[0]);
        accumulate(i + 1, sum[1]);
        accumulate(i + 2, sum[2]);
        accumulate(i + 3, sum[3]);
    }
    // Not a loop over the parts: an index that only run time knows would push the sums to memory.
    if (i < table.inputs) {
        accumulate(i++, sum[0]);
    }
    if (i < table.inputs) {
        accumulate(i++, sum[1]);
    }
    if (i < table.inputs) {
        accumulate(i++, sum[2]);
    }
    for (std::size_t c = 0; c < Count; ++c) {
        const vec linear = L::add(L::add(sum[0][c], sum[1][c]), L::add(sum[2][c], sum[3][c]));
        vec e = L::add(L::load(biases + c * Step), linear);
        if (quadratic != nullptr) {
            e = L::fma(L::load(quadratic + c * Step), L::mul(linear, linear), e);
        }
        high = L::max(high, e);
        low = L::min(low, e);
    }
}

// One observation, already normalised: lanes are (eigenvalue, neuron) pairs. A vector holds several
// eigenvalues of a group (Step = width), or a group takes several vectors (Step = group).
template <class L, std::size_t Step>
void forward_groups(const Table& table, const float* x, float* action) {
    using vec = typename L::vec;
    constexpr float infinity = __builtin_huge_valf();
    const std::size_t vectors = (table.eigenvalues * table.group + Step - 1) / Step;
    for (std::size_t block = 0; block < table.blocks; ++block) {
        for (std::size_t part = 0; part < Step; part += L::width) {
            const float* weights = table.weights + block * table.inputs * table.stride + part;
            const float* biases = table.biases + block * table.stride + part;
            const float* quadratic = table.quadratic == nullptr
                                         ? nullptr
                                         : table.quadratic + block * table.stride + part;
            vec high = L::broadcast(-infinity);
            vec low = L::broadcast(infinity);
            const auto fold_in = [&](auto count, std::size_t v) {
                spectrum<L, Step, count>(table, x, weights + v * Step, biases + v * Step,
                                         quadratic == nullptr ? nullptr : quadratic + v * Step,
                                         high, low);
            };
            std::size_t v = 0;
            for (; v + L::vectors <= vectors; v += L::vectors) {
                fold_in(Constant<L::vectors>{}, v);
            }
            if (v + 2 <= vectors) {
                fold_in(Constant<2>{}, v);
                v += 2;
            }
            if (v < vectors) {
                fold_in(Constant<1>{}, v);
            }
            for (std::size_t half = L::width / 2; half >= table.group; half /= 2) {
                high = L::max(high, L::swap(high, half));
                low = L::min(low, L::swap(low, half));
            }
            const std::size_t neuron = block * table.group + part;
            if (neuron < table.neurons) {
                const std::size_t left = table.neurons - neuron;
                const std::size_t lanes = table.group < L::width ? table.group : L::width;
                L::store_first(action + neuron,
                               clamp<L>(L::add(high, low), table.clip_low, table.clip_high),
                               left < lanes ? left : lanes);
            }
        }
    }
}

template <class L>
void forward_normalised(const Table& table, const float* x, float* action) {
    if (table.group <= L::width) {
        forward_groups<L, L::width>(table, x, action);
    } else if constexpr (L::width < max_group) {
        if (table.group == 8) {
            forward_groups<L, 8>(table, x, action);
        } else {
            forward_groups<L, max_group>(table, x, action);
        }
    }
}

template <class L>
void normalise_row(const Table& table, const float* observation, float* x) {
    std::size_t i = 0;
    for (; i + L::width <= table.inputs; i += L::width) {
        L::store(x + i, normalise<L>(L::load(observation + i), L::load(table.shift + i),
                                     L::load(table.scale + i), table.input_clip));
    }
    for (; i < table.inputs; ++i) {
        float lanes[L::width];
        L::store(lanes, normalise<L>(L::broadcast(observation[i]), L::broadcast(table.shift[i]),
                                     L::broadcast(table.scale[i]), table.input_clip));
        x[i] = lanes[0];
    }
}

template <class L>
void forward(const Table& table, const float* observation, float* action) {
    if (table.shift == nullptr) {
        forward_normalised<L>(table, observation, action);
        return;
    }
    float x[max_inputs];  // 16 KiB of stack
    normalise_row<L>(table, observation, x);
    forward_normalised<L>(table, x, action);
}

// E for `Count` eigenvalues of one neuron, lanes are observations, `L::batch_vectors` at a time.
template <class L, std::size_t Count>
void batch_spectrum(const Table& table,
                    const float* x,        // [n, batch_rows]
                    const float* weights,  // [n, stride], at the first eigenvalue of the neuron
                    const float* biases, const float* quadratic,
                    typename L::vec (&high)[L::batch_vectors],
                    typename L::vec (&low)[L::batch_vectors]) {
    using vec = typename L::vec;
    constexpr std::size_t vectors = L::batch_vectors;
    vec sum[4][Count][vectors];
    for (auto& part : sum) {
        for (auto& eigenvalue : part) {
            for (vec& lane : eigenvalue) {
                lane = L::broadcast(0.0F);
            }
        }
    }
    const auto accumulate = [&](std::size_t i, vec(&part)[Count][vectors]) {
        vec xi[vectors];
        for (std::size_t u = 0; u < vectors; ++u) {
            xi[u] = L::load_once(x + (i * vectors + u) * L::width);
        }
        const float* row = weights + i * table.stride;
        for (std::size_t c = 0; c < Count; ++c) {
            const vec weight = L::broadcast(row[c * table.group]);
            for (std::size_t u = 0; u < vectors; ++u) {
                part[c][u] = L::fma(xi[u], weight, part[c][u]);
            }
        }
    };
    std::size_t i = 0;
    for (; i + 4 <= table.inputs; i += 4) {
        accumulate(i, sum[0]);
        accumulate(i + 1, sum[1]);
        accumulate(i + 2, sum[2]);
        accumulate(i + 3, sum[3]);
    }
    if (i < table.inputs) {
        accumulate(i++, sum[0]);
    }
    if (i < table.inputs) {
        accumulate(i++, sum[1]);
    }
    if (i < table.inputs) {
        accumulate(i++, sum[2]);
    }
    for (std::size_t c = 0; c < Count; ++c) {
        for (std::size_t u = 0; u < vectors; ++u) {
            const vec linear =
                L::add(L::add(sum[0][c][u], sum[1][c][u]), L::add(sum[2][c][u], sum[3][c][u]));
            vec e = L::add(L::broadcast(biases[c * table.group]), linear);
            if (quadratic != nullptr) {
                e = L::fma(L::broadcast(quadratic[c * table.group]), L::mul(linear, linear), e);
            }
            high[u] = L::max(high[u], e);
            low[u] = L::min(low[u], e);
        }
    }
}

// Inputs up to which the transposed observations of one tile stay in the first-level cache.
inline constexpr std::size_t batch_max_inputs = 256;

// The actions of one neuron for a tile of observations.
template <class L>
void batch_neuron(const Table& table, const float* x, std::size_t neuron,
                  typename L::vec (&action)[L::batch_vectors]) {
    using vec = typename L::vec;
    constexpr float infinity = __builtin_huge_valf();
    const std::size_t group = table.group;
    const std::size_t block = neuron / group;
    const std::size_t lane = neuron % group;
    const float* weights = table.weights + block * table.inputs * table.stride + lane;
    const float* biases = table.biases + block * table.stride + lane;
    const float* quadratic =
        table.quadratic == nullptr ? nullptr : table.quadratic + block * table.stride + lane;
    vec high[L::batch_vectors];
    vec low[L::batch_vectors];
    for (std::size_t u = 0; u < L::batch_vectors; ++u) {
        high[u] = L::broadcast(-infinity);
        low[u] = L::broadcast(infinity);
    }
    const auto fold_in = [&](auto count, std::size_t e) {
        batch_spectrum<L, count>(table, x, weights + e * group, biases + e * group,
                                 quadratic == nullptr ? nullptr : quadratic + e * group, high, low);
    };
    std::size_t e = 0;
    for (; e + L::batch_eigenvalues <= table.eigenvalues; e += L::batch_eigenvalues) {
        fold_in(Constant<L::batch_eigenvalues>{}, e);
    }
    for (; e < table.eigenvalues; ++e) {
        fold_in(Constant<1>{}, e);
    }
    for (std::size_t u = 0; u < L::batch_vectors; ++u) {
        action[u] = clamp<L>(L::add(high[u], low[u]), table.clip_low, table.clip_high);
    }
}

// Many observations: lanes are observations, a tile of them transposed at a time.
template <class L>
void forward_batch(const Table& table, const float* observations, std::size_t rows,
                   float* actions) {
    using vec = typename L::vec;
    constexpr std::size_t vectors = L::batch_vectors;
    constexpr std::size_t tile = L::width * vectors;
    const std::size_t n = table.inputs;
    const std::size_t k = table.neurons;
    alignas(64) float x[batch_max_inputs * tile];  // [n, tile]
    std::size_t row = 0;
    for (; n <= batch_max_inputs && row + tile <= rows; row += tile) {
        for (std::size_t u = 0; u < vectors; ++u) {
            L::transpose(observations + (row + u * L::width) * n, n, x + u * L::width, tile);
        }
        for (std::size_t i = 0; table.shift != nullptr && i < n; ++i) {
            const vec shift = L::broadcast(table.shift[i]);
            const vec scale = L::broadcast(table.scale[i]);
            for (float* lane = x + i * tile; lane < x + (i + 1) * tile; lane += L::width) {
                L::store(lane, normalise<L>(L::load(lane), shift, scale, table.input_clip));
            }
        }
        std::size_t neuron = 0;
        for (; neuron + 4 <= k; neuron += 4) {  // four at a time: their actions leave as quads
            vec action[4][vectors];
            for (std::size_t q = 0; q < 4; ++q) {
                batch_neuron<L>(table, x, neuron + q, action[q]);
            }
            for (std::size_t u = 0; u < vectors; ++u) {
                L::store_quads(actions + (row + u * L::width) * k + neuron, k, action[0][u],
                               action[1][u], action[2][u], action[3][u]);
            }
        }
        for (; neuron < k; ++neuron) {
            vec action[vectors];
            batch_neuron<L>(table, x, neuron, action);
            for (std::size_t u = 0; u < vectors; ++u) {
                float lanes[L::width];
                L::store(lanes, action[u]);
                for (std::size_t r = 0; r < L::width; ++r) {
                    actions[(row + u * L::width + r) * k + neuron] = lanes[r];
                }
            }
        }
    }
    for (; row < rows; ++row) {
        forward<L>(table, observations + row * n, actions + row * k);
    }
}

}  // namespace detail

template <class L>
constexpr Kernels make_kernels() noexcept {
    return {detail::unpack<L>, detail::all_finite<L>, detail::forward<L>, detail::forward_batch<L>};
}

}  // namespace eigenwell::dc

#endif  // EIGENWELL_DC_KERNELS_HPP
