// The CUDA pairwise kernels without a GPU: their bodies are ordinary C++, and here plain loops
// stand in for blocks, threads and barriers.
//
// What this cannot show: the kernels' barriers, the launches, and the device's own rsqrt and pow.
#ifndef EIGENWELL_TESTS_PAIRWISE_CUDA_HOST_HPP
#define EIGENWELL_TESTS_PAIRWISE_CUDA_HOST_HPP

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#include "../src/pairwise/cuda_problem.hpp"
#include "../src/pairwise/cuda_rows.hpp"
#include "../src/pairwise/cuda_tiles.hpp"
#include "check.hpp"

namespace host {

using namespace eigenwell::pairwise::cuda;  // all of it is under test
using Values = std::vector<double>;
using std::int64_t;
using std::size_t;

inline size_t at(int64_t i) { return static_cast<size_t>(i); }

// An array in the memory of the device, of any element type.
class Array {
public:
    Array(DType dtype, size_t count, double fill = 77.0) : dtype_(dtype), data_(count) {
        for (size_t i = 0; i < count; ++i) {
            store(data_.data(), dtype_, static_cast<int64_t>(i), fill);
        }
    }
    Array(DType dtype, const Values& values) : Array(dtype, values.size()) {
        for (size_t i = 0; i < values.size(); ++i) {
            store(data_.data(), dtype_, static_cast<int64_t>(i), values[i]);
        }
    }
    [[nodiscard]] void* data() { return data_.data(); }
    [[nodiscard]] Values values() const {
        Values values(data_.size());
        for (size_t i = 0; i < values.size(); ++i) {
            values[i] = load_double(data_.data(), dtype_, static_cast<int64_t>(i));
        }
        return values;
    }

private:
    DType dtype_;
    std::vector<double> data_;  // eight bytes an element are enough for all types
};

// The relative error of a, in the 2-norm.
inline double distance_of(const Values& a, const Values& b) {
    double difference = 0.0;
    double size = 0.0;
    for (size_t e = 0; e < b.size(); ++e) {
        difference += (a[e] - b[e]) * (a[e] - b[e]);
        size += b[e] * b[e];
    }
    if (a.size() != b.size() || std::isnan(difference)) {
        return 1e30;
    }
    return std::sqrt(difference) / std::max(std::sqrt(size), 1e-12);
}

inline Values random_values(std::mt19937& random, int64_t count, double offset) {
    std::normal_distribution<double> normal(offset, 1.0);
    Values values(at(count));
    std::generate(values.begin(), values.end(), [&] { return normal(random); });
    return values;
}

// --- The kernels of cuda_kernels.cuh, threads one after another between barriers -----------------

inline double tree(Values energies) {
    for (size_t half = energies.size() / 2; half > 0; half /= 2) {
        for (size_t t = 0; t < half; ++t) {
            energies[t] += energies[t + half];
        }
    }
    return energies[0];
}

template <class T, int D, Work W, Power P, int I>
void rows_kernel(const Pass& pass, int64_t number, int64_t split) {
    const Block block = block_of(pass, number, split, Rows::threads * I, Rows::tile);
    std::vector<RowState<T, D, W, I>> states(Rows::threads);
    std::vector<Column<T, D, W>> columns(Rows::tile);
    for (int t = 0; t < Rows::threads; ++t) {
        begin_rows(pass, block, t, states[at(t)]);
    }
    for (int64_t tile = block.tiles.first; tile < block.tiles.last; ++tile) {
        for (int t = 0; t < Rows::threads; ++t) {
            load_column(pass, block, tile, t, columns.data());
        }
        for (int t = 0; t < Rows::threads; ++t) {
            add_columns<T, D, W, P, I>(pass, block, tile, t, columns.data(), states[at(t)]);
        }
    }
    Values energies;
    for (int t = 0; t < Rows::threads; ++t) {
        end_rows(pass, block, t, states[at(t)]);
        energies.push_back(states[at(t)].energy);
    }
    if (pass.energies != nullptr) {
        pass.energies[energy_slot(pass, block)] = tree(energies);
    }
}

template <class T, int K, bool H>
void tiles_kernel(const Pass& pass, int64_t number, int64_t split, void* distances) {
    constexpr int threads = Tiles<T>::threads;
    const Block block = block_of(pass, number, split, Tiles<T>::rows, Tiles<T>::cols);
    const bool matrix = pass.source != Source::riesz && distances == nullptr;
    std::vector<TileShared<T, K, H>> shared(1);
    std::vector<TileState<T, H>> states(threads);
    for (int t = 0; t < threads; ++t) {
        states[at(t)].energy = 0.0;
        if (pass.partial != nullptr) {
            begin_sums<T>(pass, block, t);
        }
    }
    for (int64_t tile = block.tiles.first; tile < block.tiles.last; ++tile) {
        for (int t = 0; t < threads; ++t) {
            begin_tile(pass, states[at(t)]);
        }
        const auto load_all = [&](int64_t k0) {
            for (int t = 0; t < threads; ++t) {
                load_chunk(pass, block, tile, k0, t, shared[0]);
            }
        };
        for (int64_t k0 = 0; k0 < pass.d && !matrix; k0 += K) {
            load_all(k0);
            for (int t = 0; t < threads; ++t) {
                add_distances(shared[0], t, states[at(t)]);
            }
        }
        for (int t = 0; t < threads; ++t) {
            if constexpr (!H) {
                if (distances != nullptr) {
                    put_distances(pass, block, tile, t, shared[0], states[at(t)], distances);
                    continue;
                }
                if (matrix) {
                    load_coefficients(pass, block, tile, t, shared[0]);
                    continue;
                }
            }
            put_coefficients(pass, block, tile, t, shared[0], states[at(t)]);
        }
        for (int64_t k0 = 0; k0 < pass.d && pass.partial != nullptr; k0 += K) {
            if (matrix || pass.d > K) {
                load_all(k0);
            }
            for (int t = 0; t < threads; ++t) {
                add_sums(pass, block, tile, k0, t, shared[0]);
            }
        }
    }
    Values energies;
    for (int t = 0; t < threads; ++t) {
        energies.push_back(states[at(t)].energy);
    }
    if (pass.energies != nullptr) {
        pass.energies[energy_slot(pass, block)] = tree(energies);
    }
}

// --- The instances of cuda_launch.cu -------------------------------------------------------------

// As in cuda_launch.cu, several rows to a thread only where a pair is short.
template <class T, int D, Work W, Power P>
void one_block(const Pass& pass, int per_thread, int64_t number, int64_t split) {
    if constexpr (std::is_same_v<T, float> && P != Power::general) {
        if (per_thread == Rows::many) {
            return rows_kernel<T, D, W, P, Rows::many>(pass, number, split);
        }
    }
    rows_kernel<T, D, W, P, 1>(pass, number, split);
}
template <class T, int D, Work W>
void one_block(const Pass& pass, int per_thread, int64_t number, int64_t split) {
    switch (pass.power) {
        case Power::one: return one_block<T, D, W, Power::one>(pass, per_thread, number, split);
        case Power::two: return one_block<T, D, W, Power::two>(pass, per_thread, number, split);
        case Power::minus_one:
            return one_block<T, D, W, Power::minus_one>(pass, per_thread, number, split);
        case Power::general: break;
    }
    one_block<T, D, W, Power::general>(pass, per_thread, number, split);
}
template <class T, int D>
void one_block(const Pass& pass, Work work, int per_thread, int64_t number, int64_t split) {
    switch (work) {
        case Work::energy: return one_block<T, D, Work::energy>(pass, per_thread, number, split);
        case Work::gradient:
            return one_block<T, D, Work::gradient>(pass, per_thread, number, split);
        case Work::both: return one_block<T, D, Work::both>(pass, per_thread, number, split);
        case Work::hessian: break;
    }
    one_block<T, D, Work::hessian, Power::general>(pass, per_thread, number, split);
}

template <class T>
void any_block(const Pass& pass, Work work, const Plan& plan, int64_t number, int64_t split,
               void* distances) {
    if (plan.per_thread > 0) {
        switch (pass.d) {
            case 1: return one_block<T, 1>(pass, work, plan.per_thread, number, split);
            case 2: return one_block<T, 2>(pass, work, plan.per_thread, number, split);
            default: return one_block<T, 3>(pass, work, plan.per_thread, number, split);
        }
    }
    if (work == Work::hessian) {
        tiles_kernel<T, 8, true>(pass, number, split, nullptr);
    } else if (pass.d <= 4) {
        tiles_kernel<T, 4, false>(pass, number, split, distances);
    } else {
        tiles_kernel<T, 16, false>(pass, number, split, distances);
    }
}

// --- Passes --------------------------------------------------------------------------------------

struct Found {
    Values energy;    // [batch]
    Values gradient;  // [batch, rows, d]
};

// How to cut a pass other than as planned, so that a few points make what otherwise takes many:
// several rows to a thread, shares of several tiles. 0: as planned.
struct Cut {
    int per_thread = 0;
    int64_t splits = 0;

    [[nodiscard]] Plan of(const Pass& pass, int64_t batch) const {
        Plan plan = plan_of(pass, batch);
        const bool short_pairs = plan.per_thread > 0 && pass.dtype != DType::float64 &&
                                 pass.power != Power::general && pass.vx == nullptr;
        if (per_thread > 0 && short_pairs) {
            plan.per_thread = per_thread;
            plan.row_blocks = quotient_up(pass.rows, int64_t{Rows::threads} * per_thread);
        }
        plan.splits = splits > 0 ? least(splits, plan.splits) : plan.splits;
        return plan;
    }
};

// `run_pass` of cuda_launch.cu, in a workspace as large as promised and filled with NaN.
inline Found run_pass(Pass pass, const Shape& shape, Work work, double energy_scale,
                      double gradient_scale, const Cut& cut = {}) {
    const bool energy = work == Work::energy || work == Work::both;
    const bool gradient = work != Work::energy;
    const int64_t batch = shape.batch;
    const Plan plan = cut.of(pass, batch);
    CHECK(pass_bytes(pass, batch) <= bytes_of(shape));
    constexpr unsigned char guard = 0xA5;
    std::vector<double> memory(bytes_of(shape) / sizeof(double) + 1,
                               std::numeric_limits<double>::quiet_NaN());
    auto* const workspace = reinterpret_cast<unsigned char*>(memory.data());
    std::fill_n(workspace + bytes_of(shape), sizeof(double), guard);
    pass.row_blocks = plan.row_blocks;
    pass.splits = plan.splits;
    pass.energies = energy ? memory.data() : nullptr;
    pass.partial = gradient ? workspace + energy_bytes(plan, batch) : nullptr;
    for (int64_t number = 0; number < batch * plan.row_blocks; ++number) {
        for (int64_t split = 0; split < plan.splits; ++split) {
            if (pass.dtype == DType::float64) {
                any_block<double>(pass, work, plan, number, split, nullptr);
            } else {
                any_block<float>(pass, work, plan, number, split, nullptr);
            }
        }
    }
    Found found;
    for (int64_t b = 0; b < batch && energy; ++b) {
        const int64_t count = plan.splits * plan.row_blocks;
        double sum = 0.0;
        for (int64_t e = 0; e < count; ++e) {
            sum += pass.energies[b * count + e];
        }
        found.energy.push_back(energy_scale * sum);
    }
    for (int64_t e = 0; e < batch * pass.rows * pass.d && gradient; ++e) {
        const int64_t rows_d = pass.rows * pass.d;
        double sum = 0.0;
        const bool wide = pass.dtype == DType::float64;
        if (plan.per_thread > 0) {
            sum = wide ? sum_of_shares(static_cast<const double*>(pass.partial), e, plan.splits,
                                       rows_d)
                       : sum_of_shares(static_cast<const float*>(pass.partial), e, plan.splits,
                                       rows_d);
        } else {
            sum = wide ? sum_of_shares(static_cast<const Sum<double>*>(pass.partial), e,
                                       plan.splits, rows_d)
                       : sum_of_shares(static_cast<const Sum<float>*>(pass.partial), e, plan.splits,
                                       rows_d);
        }
        const double w = pass.wx != nullptr ? load_double(pass.wx, pass.dtype, e / pass.d) : 1.0;
        found.gradient.push_back(gradient_scale * w * sum);
    }
    CHECK(std::all_of(workspace + bytes_of(shape), workspace + bytes_of(shape) + sizeof(double),
                      [](unsigned char byte) { return byte == guard; }));
    return found;
}

// `run_distances` of cuda_launch.cu.
inline void run_distances(Pass pass, int64_t batch, void* out) {
    const Plan plan = plan_of(pass, batch);
    pass.row_blocks = plan.row_blocks;
    pass.splits = plan.splits;
    for (int64_t number = 0; number < batch * plan.row_blocks; ++number) {
        for (int64_t split = 0; split < plan.splits; ++split) {
            if (pass.dtype == DType::float64) {
                any_block<double>(pass, Work::both, plan, number, split, out);
            } else {
                any_block<float>(pass, Work::both, plan, number, split, out);
            }
        }
    }
}

}  // namespace host

#endif  // EIGENWELL_TESTS_PAIRWISE_CUDA_HOST_HPP
