// Forward pass of a layer of difference-of-convex (DC) neurons, written once for every lane type.
//
//   L_e = sum_i x_i B[i, e]          E_e = A_e + L_e + K_e L_e^2
//   y_k = max_{e of k} E_e + min_{e of k} E_e           action_k = clip(y_k, clip_low, clip_high)
//
// Layout. Neurons stand side by side in `group` lanes (a power of two, at most 16), eigenvalue after
// eigenvalue, so that max and min over a neuron's eigenvalues are vertical. A row is padded to whole
// 64-byte lines by repeating its last eigenvalue, which changes neither max nor min.
// Four neurons of six eigenvalues (the article's walker) make rows of 24 floats, padded to 32.
//
// Cost per observation: n k m fused multiply-adds; 4 n k m bytes of weights, read once by `forward`
// and once per `batch_rows` observations by `forward_batch`.
//
// Numerics. Four partial sums, input i in sum i mod 4, added as (0 + 1) + (2 + 3). Both kernels do
// the same operations in the same order for each (observation, eigenvalue), so a result has the same
// bits in every batch. Lane types with a fused multiply-add agree to the bit with one another too.
//
// Everything below is a template on the lane type and calls nothing else, and a lane type that needs
// more than the baseline processor lives in an unnamed namespace: the linker then never replaces
// baseline code by a copy that was compiled for a newer processor.
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
    std::size_t inputs = 0;       // n
    std::size_t neurons = 0;      // k
    std::size_t eigenvalues = 0;  // m
    std::size_t group = 0;        // neurons side by side
    std::size_t blocks = 0;       // ceil(k / group)
    std::size_t stride = 0;       // m * group, rounded up to row_multiple
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
    float rest = 0.0F;
    if (i < count && count >= L::width) {  // the last whole vector overlaps what was seen
        const typename L::vec v = L::load(values + count - L::width);
        sum = L::add(sum, L::sub(v, v));
    } else {
        for (; i < count; ++i) {
            rest += values[i] - values[i];
        }
    }
    float lanes[L::width];
    L::store(lanes, sum);
    for (std::size_t j = 0; j < L::width; ++j) {
        rest += lanes[j];
    }
    return rest == 0.0F;
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

// E for `Count` vectors of eigenvalues, folded into the running maximum and minimum.
template <class L, std::size_t Count>
void spectrum(const Table& table,
              const float* x,         // [n]
              const float* weights,   // [n, stride], at the first column
              const float* biases,    // at the first column
              const float* quadratic, std::size_t step, typename L::vec& high,
              typename L::vec& low) {
    using vec = typename L::vec;
    vec sum[4][Count];
    for (auto& part : sum) {
        for (vec& lane : part) {
            lane = L::broadcast(0.0F);
        }
    }
    const auto accumulate = [&](std::size_t i, vec(&part)[Count]) {
        const vec xi = L::broadcast(x[i]);
        const float* row = weights + i * table.stride;
        for (std::size_t c = 0; c < Count; ++c) {
            part[c] = L::fma(xi, L::load(row + c * step), part[c]);
        }
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
        vec e = L::add(L::load(biases + c * step), linear);
        if (quadratic != nullptr) {
            e = L::fma(L::load(quadratic + c * step), L::mul(linear, linear), e);
        }
        high = L::max(high, e);
        low = L::min(low, e);
    }
}

// One observation: lanes are (eigenvalue, neuron) pairs.
template <class L>
void forward(const Table& table, const float* observation, float* action) {
    using vec = typename L::vec;
    constexpr float infinity = __builtin_huge_valf();
    float normalised[max_inputs];  // 16 KiB of stack, touched for policies that normalise
    const float* x = observation;
    if (table.shift != nullptr) {
        std::size_t i = 0;
        for (; i + L::width <= table.inputs; i += L::width) {
            L::store(normalised + i,
                     normalise<L>(L::load(observation + i), L::load(table.shift + i),
                                  L::load(table.scale + i), table.input_clip));
        }
        for (; i < table.inputs; ++i) {
            float lanes[L::width];
            L::store(lanes, normalise<L>(L::broadcast(observation[i]),
                                         L::broadcast(table.shift[i]),
                                         L::broadcast(table.scale[i]), table.input_clip));
            normalised[i] = lanes[0];
        }
        x = normalised;
    }
    // A vector holds width / group eigenvalues of a group, or a group takes several vectors.
    const std::size_t step = table.group > L::width ? table.group : L::width;
    const std::size_t vectors = (table.eigenvalues * table.group + step - 1) / step;
    for (std::size_t block = 0; block < table.blocks; ++block) {
        const std::size_t first = block * table.group;
        for (std::size_t part = 0; part < table.group; part += L::width) {
            const float* weights = table.weights + block * table.inputs * table.stride + part;
            const float* biases = table.biases + block * table.stride + part;
            const float* quadratic = table.quadratic == nullptr
                                         ? nullptr
                                         : table.quadratic + block * table.stride + part;
            const auto at = [&](std::size_t v) {
                return quadratic == nullptr ? nullptr : quadratic + v * step;
            };
            vec high = L::broadcast(-infinity);
            vec low = L::broadcast(infinity);
            std::size_t v = 0;
            for (; v + L::vectors <= vectors; v += L::vectors) {
                spectrum<L, L::vectors>(table, x, weights + v * step, biases + v * step, at(v),
                                        step, high, low);
            }
            if (v + 2 <= vectors) {
                spectrum<L, 2>(table, x, weights + v * step, biases + v * step, at(v), step, high,
                               low);
                v += 2;
            }
            if (v < vectors) {
                spectrum<L, 1>(table, x, weights + v * step, biases + v * step, at(v), step, high,
                               low);
            }
            for (std::size_t half = L::width / 2; half >= table.group; half /= 2) {
                high = L::max(high, L::swap(high, half));
                low = L::min(low, L::swap(low, half));
            }
            const std::size_t neuron = first + part;
            const std::size_t left = table.neurons > neuron ? table.neurons - neuron : 0;
            const std::size_t in_group = table.group - part;
            const std::size_t count = left < in_group ? left : in_group;
            L::store_first(action + neuron, clamp<L>(L::add(high, low), table.clip_low,
                                                     table.clip_high),
                           count < L::width ? count : L::width);
        }
    }
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
            xi[u] = L::load(x + (i * vectors + u) * L::width);
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

template <class L>
void forward_batch(const Table& table, const float* observations, std::size_t rows,
                   float* actions) {
    using vec = typename L::vec;
    constexpr std::size_t vectors = L::batch_vectors;
    constexpr std::size_t tile = L::width * vectors;
    constexpr float infinity = __builtin_huge_valf();
    const std::size_t n = table.inputs;
    const std::size_t k = table.neurons;
    alignas(64) float x[batch_max_inputs * tile];
    alignas(64) float y[tile];
    std::size_t row = 0;
    for (; n <= batch_max_inputs && row + tile <= rows; row += tile) {
        for (std::size_t u = 0; u < vectors; ++u) {
            L::transpose(observations + (row + u * L::width) * n, n, x + u * L::width, tile);
        }
        if (table.shift != nullptr) {
            for (std::size_t i = 0; i < n; ++i) {
                const vec shift = L::broadcast(table.shift[i]);
                const vec scale = L::broadcast(table.scale[i]);
                for (std::size_t u = 0; u < vectors; ++u) {
                    float* lane = x + i * tile + u * L::width;
                    L::store(lane, normalise<L>(L::load(lane), shift, scale, table.input_clip));
                }
            }
        }
        for (std::size_t neuron = 0; neuron < k; ++neuron) {
            const std::size_t block = neuron / table.group;
            const std::size_t lane = neuron % table.group;
            const float* weights = table.weights + block * n * table.stride + lane;
            const float* biases = table.biases + block * table.stride + lane;
            const float* quadratic = table.quadratic == nullptr
                                         ? nullptr
                                         : table.quadratic + block * table.stride + lane;
            const auto at = [&](std::size_t e) {
                return quadratic == nullptr ? nullptr : quadratic + e * table.group;
            };
            vec high[vectors];
            vec low[vectors];
            for (std::size_t u = 0; u < vectors; ++u) {
                high[u] = L::broadcast(-infinity);
                low[u] = L::broadcast(infinity);
            }
            std::size_t e = 0;
            for (; e + L::batch_eigenvalues <= table.eigenvalues; e += L::batch_eigenvalues) {
                batch_spectrum<L, L::batch_eigenvalues>(table, x, weights + e * table.group,
                                                        biases + e * table.group, at(e), high, low);
            }
            for (; e < table.eigenvalues; ++e) {
                batch_spectrum<L, 1>(table, x, weights + e * table.group, biases + e * table.group,
                                     at(e), high, low);
            }
            for (std::size_t u = 0; u < vectors; ++u) {
                L::store(y + u * L::width,
                         clamp<L>(L::add(high[u], low[u]), table.clip_low, table.clip_high));
            }
            for (std::size_t r = 0; r < tile; ++r) {
                actions[(row + r) * k + neuron] = y[r];
            }
        }
    }
    for (; row < rows; ++row) {
        forward<L>(table, observations + row * n, actions + row * k);
    }
}

// [width, n] to [n, width], the latter with `stride` floats from row to row.
template <class L>
void transpose(const float* rows, std::size_t n, float* out, std::size_t stride) {
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t r = 0; r < L::width; ++r) {
            out[i * stride + r] = rows[r * n + i];
        }
    }
}

}  // namespace detail

template <class L>
constexpr Kernels make_kernels() noexcept {
    return {detail::unpack<L>, detail::all_finite<L>, detail::forward<L>,
            detail::forward_batch<L>};
}

}  // namespace eigenwell::dc

#endif  // EIGENWELL_DC_KERNELS_HPP
