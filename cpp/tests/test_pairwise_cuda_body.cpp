// The CUDA pairwise kernels without a GPU: their bodies are ordinary C++, and here plain loops
// stand in for blocks, threads and barriers. Energies, gradients, Hessian products and distance
// matrices against the formulas in double precision; masks, tiles, shares and the workspace by
// counting.
//
// What this cannot show: the kernels' barriers, the launches, and the device's own rsqrt and pow.
#include <algorithm>
#include <cstdio>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "../src/pairwise/cuda_problem.hpp"
#include "../src/pairwise/cuda_rows.hpp"
#include "../src/pairwise/cuda_tiles.hpp"
#include "check.hpp"

namespace {

using namespace eigenwell::pairwise::cuda;  // all of it is under test
using Values = std::vector<double>;
using std::int64_t;
using std::size_t;

size_t at(int64_t i) { return static_cast<size_t>(i); }

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

// --- The kernels of pairwise.cu, threads one after another between barriers ----------------------

double tree(Values energies) {
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

template <class T, int D, Work W, Power P>
void one_block(const Pass& pass, int per_thread, int64_t number, int64_t split) {
    if (per_thread == 1) {
        rows_kernel<T, D, W, P, 1>(pass, number, split);
    } else {
        rows_kernel<T, D, W, P, Rows::many>(pass, number, split);
    }
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

struct Found {
    Values energy;    // [batch]
    Values gradient;  // [batch, rows, d]
};

// `run` of pairwise.cu, in a workspace that is as large as promised and filled with NaN.
Found run(Pass pass, const Shape& shape, bool energy, double energy_factor, bool gradient,
          double scale, bool hessian) {
    const int64_t batch = shape.batch;
    const Plan plan = plan_of(pass, batch);
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
    const Work work = hessian     ? Work::hessian
                      : !gradient ? Work::energy
                      : !energy   ? Work::gradient
                                  : Work::both;
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
        found.energy.push_back(energy_factor * sum);
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
        found.gradient.push_back(scale * w * sum);
    }
    CHECK(std::all_of(workspace + bytes_of(shape), workspace + bytes_of(shape) + sizeof(double),
                      [](unsigned char byte) { return byte == guard; }));
    return found;
}

// --- The formulas --------------------------------------------------------------------------------

struct Case {
    int64_t batch = 1;
    int64_t n = 1;
    int64_t m = 0;  // 0: a self energy
    int64_t d = 3;
    double exponent = 1.0;
    double softening = 0.0;
    Pairs pairs = Pairs::all;
    DType dtype = DType::float32;
    bool weights = false;
    double offset = 0.0;
};

bool counted(const Case& c, int64_t i, int64_t j) {
    const bool self = c.m == 0;
    switch (c.pairs) {
        case Pairs::all: return !self || i != j;
        case Pairs::upper: return i < j;
        case Pairs::different: return i != j;
    }
    return false;
}

struct Inputs {
    Values x, y, wx, wy, vx, vy;
};

struct Expected {
    Values energy, gx, gy, hx, hy;
};

Expected formulas(const Case& c, const Inputs& in) {
    const bool self = c.m == 0;
    const int64_t m = self ? c.n : c.m;
    Expected out;
    out.gx.assign(in.x.size(), 0.0);
    out.gy.assign(self ? in.x.size() : in.y.size(), 0.0);
    out.hx = out.gx;
    out.hy = out.gy;
    const Values& y = self ? in.x : in.y;
    const Values& vy = self ? in.vx : in.vy;
    const Values& wy = self ? in.wx : in.wy;
    for (int64_t b = 0; b < c.batch; ++b) {
        double energy = 0.0;
        for (int64_t i = 0; i < c.n; ++i) {
            for (int64_t j = 0; j < m; ++j) {
                if (!counted(c, i, j)) {
                    continue;
                }
                const size_t row = at((b * c.n + i) * c.d);
                const size_t col = at((b * m + j) * c.d);
                double r2 = c.softening * c.softening;
                double dot = 0.0;
                for (size_t k = 0; k < at(c.d); ++k) {
                    const double u = in.x[row + k] - y[col + k];
                    r2 += u * u;
                    dot += u * (in.vx[row + k] - vy[col + k]);
                }
                const double w = c.weights ? in.wx[at(b * c.n + i)] * wy[at(b * m + j)] : 1.0;
                const bool zero = r2 == 0.0;
                const double s = c.exponent;
                const double p = zero ? 0.0 : std::pow(r2, 0.5 * (s - 2.0));
                const double a = s == 2.0 ? 1.0 : p;
                const double q = zero ? 0.0 : (s - 2.0) * p / r2;
                energy += zero ? 0.0 : w * p * r2;
                for (size_t k = 0; k < at(c.d); ++k) {
                    const double u = in.x[row + k] - y[col + k];
                    const double v = in.vx[row + k] - vy[col + k];
                    out.gx[row + k] += w * s * p * u;
                    out.gy[col + k] -= w * s * p * u;
                    out.hx[row + k] += w * s * (a * v + q * dot * u);
                    out.hy[col + k] -= w * s * (a * v + q * dot * u);
                }
            }
        }
        out.energy.push_back(energy);
    }
    if (self) {  // both roles of a point
        for (size_t e = 0; e < out.gx.size(); ++e) {
            out.gx[e] += out.gy[e];
            out.hx[e] += out.hy[e];
        }
    }
    return out;
}

double distance_of(const Values& a, const Values& b) {
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

Values random_values(std::mt19937& random, int64_t count, double offset) {
    std::normal_distribution<double> normal(offset, 1.0);
    Values values(at(count));
    std::generate(values.begin(), values.end(), [&] { return normal(random); });
    return values;
}

void agrees(const Case& c, unsigned seed) {
    std::mt19937 random(seed);
    const bool self = c.m == 0;
    const int64_t m = self ? c.n : c.m;
    const int64_t points[] = {c.batch * c.n, c.batch * m};
    Array x(c.dtype, random_values(random, points[0] * c.d, c.offset));
    Array y(c.dtype, random_values(random, points[1] * c.d, c.offset));
    Array vx(c.dtype, random_values(random, points[0] * c.d, 0.0));
    Array vy(c.dtype, random_values(random, points[1] * c.d, 0.0));
    Array wx(c.dtype, random_values(random, points[0], 2.0));
    Array wy(c.dtype, random_values(random, points[1], 2.0));
    if (c.n > 2) {  // a coincident pair
        Values values = x.values();
        std::copy_n(values.begin(), c.d, values.begin() + static_cast<std::ptrdiff_t>(c.d) * 2);
        x = Array(c.dtype, values);
    }
    const Expected expected =
        formulas(c, {x.values(), y.values(), wx.values(), wy.values(), vx.values(), vy.values()});

    const Riesz problem{x.data(),
                        self ? nullptr : y.data(),
                        c.weights ? wx.data() : nullptr,
                        c.weights ? wy.data() : nullptr,
                        c.exponent,
                        c.softening,
                        c.pairs};
    const Shape shape{c.batch, c.n, m, c.d, c.dtype};
    const double scale = gradient_scale(problem);
    // Sums of n terms, none much larger than the result; a steep power magnifies what rounding of
    // the nearest pair does, and 1 / r^3 there dwarfs the rest.
    const double unit = c.dtype == DType::float64 ? 5e-16 : 6e-8;
    const double tolerance = unit * (20.0 + 4.0 * std::abs(c.exponent));

    const auto energy = run(riesz_pass(problem, shape, false, false), shape, true,
                            energy_scale(problem, false), false, scale, false);
    const auto both = run(riesz_pass(problem, shape, false, true), shape, true,
                          energy_scale(problem, true), true, scale, false);
    const auto gradient =
        run(riesz_pass(problem, shape, false, true), shape, false, 0.0, true, scale, false);
    Pass pass = riesz_pass(problem, shape, false, true);
    pass.vx = vx.data();
    pass.vy = self ? vx.data() : vy.data();
    const auto hessian = run(pass, shape, false, 0.0, true, scale, true);
    double errors[] = {distance_of(energy.energy, expected.energy),
                       distance_of(both.energy, expected.energy),
                       distance_of(both.gradient, expected.gx),
                       distance_of(gradient.gradient, expected.gx),
                       distance_of(hessian.gradient, expected.hx),
                       0.0,
                       0.0};
    if (!self) {
        errors[5] = distance_of(
            run(riesz_pass(problem, shape, true, true), shape, false, 0.0, true, scale, false)
                .gradient,
            expected.gy);
        pass = riesz_pass(problem, shape, true, true);
        pass.vx = vy.data();
        pass.vy = vx.data();
        errors[6] =
            distance_of(run(pass, shape, false, 0.0, true, scale, true).gradient, expected.hy);
    }
    if (c.d == 1 && c.exponent == 1.0) {  // the Hessian is 0, as the difference of large terms
        errors[4] = errors[6] = 0.0;
    }
    for (const double& error : errors) {
        if (!CHECK(error <= tolerance)) {
            std::fprintf(stderr,
                         "  output %d, batch %d, n %d, m %d, d %d, exponent %g, softening %g, "
                         "pairs %d, dtype %d, weights %d: error %g > %g\n",
                         static_cast<int>(&error - errors), static_cast<int>(c.batch),
                         static_cast<int>(c.n), static_cast<int>(c.m), static_cast<int>(c.d),
                         c.exponent, c.softening, static_cast<int>(c.pairs),
                         static_cast<int>(c.dtype), static_cast<int>(c.weights), error, tolerance);
        }
    }
}

void riesz_energies() {
    unsigned seed = 0;
    const Pairs pairs[] = {Pairs::all, Pairs::upper, Pairs::different};
    const DType dtypes[] = {DType::float32, DType::float64, DType::float16, DType::bfloat16};
    for (const int64_t n : {0, 1, 2, 3, 7, 8, 31, 63, 64, 65, 127, 128, 129, 257}) {
        for (const int64_t m : {0, 1, 33, 129}) {
            for (const int64_t d : {1, 2, 3, 4, 5, 16, 17}) {
                Case c;
                c.batch = 1 + seed % 2;
                c.n = n;
                c.m = m;
                c.d = d;
                c.exponent = std::vector<double>{1.0, -1.0, 2.0, 0.5, 3.0}[seed % 5];
                c.softening = seed % 3 == 1 ? 0.25 : 0.0;
                c.pairs = pairs[seed / 2 % 3];
                c.dtype = dtypes[seed / 3 % 4];
                c.weights = seed % 7 > 3;
                // Neighbours too close would be the whole result: keep singular energies soft.
                if (c.exponent < 0.0) {
                    c.softening = 0.25;
                }
                agrees(c, ++seed);
            }
        }
    }
}

// Many rows to a thread, and shares of many tiles.
void large() {
    Case c;
    c.batch = 65;
    c.n = 520;
    c.m = 400;
    for (const Pairs pairs : {Pairs::upper, Pairs::different}) {
        c.pairs = pairs;
        agrees(c, 1);
    }
    const Plan plan = plan_rows(65, 520, 400, true);
    CHECK(plan.per_thread == Rows::many && plan.splits > 1);
    c.m = 0;
    agrees(c, 2);
    c.d = 2;
    c.exponent = -1.0;
    c.softening = 0.1;
    agrees(c, 3);
    c.d = 1;
    c.exponent = 2.0;
    c.weights = true;
    agrees(c, 4);
    c.d = 3;
    c.exponent = 1.0;
    c.softening = 0.0;
    c.weights = false;
    c.offset = 1000.0;  // no centring, no loss
    agrees(c, 5);
}

// Fewer shares than tiles: a block adds up several.
void long_shares() {
    Case c;
    c.batch = 2100;
    c.n = 4;
    c.m = 500;
    const Plan rows = plan_rows(c.batch, c.n, c.m, true);
    CHECK(rows.splits == 2 && rows.per_thread == Rows::many);
    agrees(c, 1);
    c.exponent = 0.5;  // one row to a thread
    agrees(c, 2);
    c.batch = 400;
    for (const DType dtype : {DType::float32, DType::float64}) {
        c.dtype = dtype;
        for (const int64_t d : {4, 17}) {
            c.d = d;
            const Plan tiles = plan_tiles<float>(c.batch, c.n, c.m);
            CHECK(tiles.splits * 2 < quotient_up(c.m, Tiles<float>::cols));
            agrees(c, 3);
        }
    }
}

// All points in one place: 0, exactly, however many.
void coincident() {
    for (const double exponent : {1.0, -1.0, 2.0, 0.5, -2.0, 3.0}) {
        for (const int64_t d : {1, 2, 3, 5}) {
            for (const int64_t batch : {1, 140}) {  // 140: several rows to a thread
                const int64_t n = 400;
                if (batch > 1 && (exponent != 1.0 || d != 3)) {
                    continue;
                }
                Array x(DType::float32, at(batch * n * d), 5.5);
                const Riesz problem{x.data(), nullptr, nullptr, nullptr, exponent, 0.0, Pairs::all};
                const Shape shape{batch, n, n, d, DType::float32};
                const Found found = run(riesz_pass(problem, shape, false, true), shape, true, 1.0,
                                        true, 1.0, false);
                const auto zero = [](double v) { return v == 0.0; };
                CHECK(std::all_of(found.energy.begin(), found.energy.end(), zero));
                CHECK(std::all_of(found.gradient.begin(), found.gradient.end(), zero));
            }
        }
    }
}

void not_a_number() {
    for (const double exponent : {1.0, -1.0, 2.0, 0.5}) {
        for (const int64_t d : {3, 5}) {
            Values values(at(300 * d), 0.0);
            std::iota(values.begin(), values.end(), 0.0);
            values[at(200 * d)] = std::numeric_limits<double>::quiet_NaN();
            Array x(DType::float32, values);
            const Riesz problem{x.data(), nullptr, nullptr, nullptr, exponent, 0.0, Pairs::all};
            const Shape shape{1, 300, 300, d, DType::float32};
            const Found found =
                run(riesz_pass(problem, shape, false, true), shape, true, 1.0, true, 1.0, false);
            CHECK(std::isnan(found.energy[0]) && std::isnan(found.gradient[0]));
        }
    }
}

// --- Distance matrices ---------------------------------------------------------------------------

void matrices() {
    unsigned seed = 100;
    for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16}) {
        for (const int64_t n : {1, 2, 31, 64, 65, 130}) {
            for (const int64_t m : {0, 1, 33, 129}) {  // 0: condensed
                for (const int64_t d : {1, 3, 4, 5, 17}) {
                    std::mt19937 random(++seed);
                    const int64_t batch = 2;
                    const bool condensed = m == 0;
                    const int64_t cols = condensed ? n : m;
                    const int64_t count = condensed ? n * (n - 1) / 2 : n * m;
                    Array x(dtype, random_values(random, batch * n * d, 0.0));
                    Array y(dtype, random_values(random, batch * cols * d, 0.0));
                    Array grad(dtype, random_values(random, batch * count, 0.0));
                    Array out(dtype, at(batch * count));
                    const Shape shape{batch, n, cols, d, dtype};
                    const Source source = condensed ? Source::condensed : Source::matrix;
                    void* const other = condensed ? x.data() : y.data();
                    Pass pass = matrix_pass(shape, x.data(), other, nullptr, nullptr, source);
                    pass.mask = condensed ? Mask::upper : Mask::none;
                    const Plan plan = plan_of(pass, batch);
                    pass.row_blocks = plan.row_blocks;
                    pass.splits = plan.splits;
                    for (int64_t b = 0; b < batch * plan.row_blocks; ++b) {
                        for (int64_t split = 0; split < plan.splits; ++split) {
                            if (dtype == DType::float64) {
                                any_block<double>(pass, Work::both, plan, b, split, out.data());
                            } else {
                                any_block<float>(pass, Work::both, plan, b, split, out.data());
                            }
                        }
                    }
                    // The formulas, and the gradients for the distances as they were stored.
                    const Values a = x.values();
                    const Values c = condensed ? a : y.values();
                    const Values g = grad.values();
                    const Values stored = out.values();
                    Values distances;
                    Values gx(a.size(), 0.0);
                    Values gy(c.size(), 0.0);
                    for (int64_t b = 0; b < batch; ++b) {
                        for (int64_t i = 0; i < n; ++i) {
                            for (int64_t j = condensed ? i + 1 : 0; j < cols; ++j) {
                                const size_t row = at((b * n + i) * d);
                                const size_t col = at((b * cols + j) * d);
                                double r2 = 0.0;
                                for (size_t k = 0; k < at(d); ++k) {
                                    r2 += (a[row + k] - c[col + k]) * (a[row + k] - c[col + k]);
                                }
                                const size_t e = distances.size();
                                distances.push_back(std::sqrt(r2));
                                const double f = stored[e] == 0.0 ? 0.0 : g[e] / stored[e];
                                for (size_t k = 0; k < at(d); ++k) {
                                    gx[row + k] += f * (a[row + k] - c[col + k]);
                                    gy[col + k] -= f * (a[row + k] - c[col + k]);
                                }
                            }
                        }
                    }
                    const double unit = dtype == DType::float64 ? 2.3e-16 : 6e-8;
                    const double stored_unit = dtype == DType::bfloat16 ? 4e-3 : unit;
                    CHECK(distance_of(stored, distances) <= 4.0 * stored_unit);
                    if (condensed) {
                        for (size_t e = 0; e < gx.size(); ++e) {
                            gx[e] += gy[e];
                        }
                    }
                    pass = matrix_pass(shape, x.data(), other, grad.data(), out.data(), source);
                    pass.mask = condensed ? Mask::different : Mask::none;
                    CHECK(distance_of(run(pass, shape, false, 0.0, true, 1.0, false).gradient,
                                      gx) <= 20.0 * unit);
                    if (!condensed) {
                        const Shape swapped{batch, m, n, d, dtype};
                        pass = matrix_pass(swapped, y.data(), x.data(), grad.data(), out.data(),
                                           Source::transposed);
                        CHECK(distance_of(run(pass, swapped, false, 0.0, true, 1.0, false).gradient,
                                          gy) <= 20.0 * unit);
                        CHECK(pass_bytes(pass, batch) <= bytes_of(shape));
                    }
                }
            }
        }
    }
}

// --- Indices and numbers -------------------------------------------------------------------------

void masks() {
    constexpr int64_t tile = 4;
    bool gaps = true;
    bool wholes = true;
    bool ranges = true;
    for (const Mask mask : {Mask::none, Mask::upper, Mask::lower, Mask::different}) {
        for (int64_t cols = 0; cols < 14; ++cols) {
            for (int64_t i0 = 0; i0 < 16; ++i0) {
                for (int64_t i1 = i0 + 1; i1 < 19; ++i1) {
                    const Range range = tiles_of(mask, i0, i1, cols, tile);
                    ranges = ranges && 0 <= range.first && range.first <= range.last &&
                             range.last <= quotient_up(cols, tile);
                    for (int64_t j0 = 0; j0 < cols; j0 += tile) {
                        const int64_t j1 = least(j0 + tile, cols);
                        bool all = true;
                        bool any = false;
                        for (int64_t i = i0; i < i1; ++i) {
                            const Gap gap = gap_of(mask, i, j0, static_cast<int>(j1 - j0));
                            for (int64_t j = j0; j < j1; ++j) {
                                const bool in = included(mask, i, j);
                                gaps = gaps && gap.has(static_cast<int>(j - j0)) == !in;
                                all = all && in;
                                any = any || in;
                            }
                        }
                        // Whole tiles may be missed, never claimed; tiles with pairs never skipped.
                        wholes = wholes && (!whole(mask, i0, i1, j0, j1) || all);
                        const bool walked = range.first <= j0 / tile && j0 / tile < range.last;
                        ranges = ranges && (walked || !any);
                        // A triangle skips all that it can.
                        const bool triangle = mask == Mask::upper || mask == Mask::lower;
                        ranges = ranges && (!triangle || !walked || any);
                    }
                }
            }
        }
    }
    CHECK(gaps);
    CHECK(wholes);
    CHECK(ranges);
}

void shares() {
    bool each_once = true;
    for (int64_t count = 0; count < 40; ++count) {
        for (int64_t splits = 1; splits < 20; ++splits) {
            int64_t next = 3;
            for (int64_t s = 0; s < splits; ++s) {
                const Range part = share({3, 3 + count}, s, splits);
                each_once = each_once && part.first == next && part.last >= part.first;
                next = part.last;
            }
            each_once = each_once && next == 3 + count;
        }
    }
    CHECK(each_once);

    int64_t expected = 0;
    bool in_order = true;
    for (int64_t i = 0; i < 30; ++i) {
        for (int64_t j = i + 1; j < 30; ++j) {
            in_order = in_order && pair_index(i, j, 30) == expected++;
        }
    }
    CHECK(in_order);
    // More pairs than 32 bits count.
    CHECK(pair_index(69998, 69999, 70000) == int64_t{70000} * 69999 / 2 - 1);
    CHECK(share({0, 8'000'000'000'000}, 4095, 4096).last == 8'000'000'000'000);
}

// 64 bytes a point where the cloud fills the device by itself, and a bounded rest below.
void memory() {
    CHECK(bytes_of({1, 1'000'000, 1'000'000, 3, DType::float32}) <= 64'000'000);
    CHECK(bytes_of({1, 100'000, 100'000, 3, DType::float32}) <= 32'000'000);
    CHECK(bytes_of({1, 100, 100, 3, DType::float32}) <= 100'000);
    CHECK(bytes_of({1, 0, 0, 3, DType::float32}) > 0);
    CHECK(bytes_of({0, 1, 1, 3, DType::float32}) == 0);
    const Species species[] = {{nullptr, nullptr, nullptr, 10, 0.1},
                               {nullptr, nullptr, nullptr, 20, 0.1}};
    Term term{0, 1, 1.0, 1.0, 0.0, Pairs::all};
    Descent descent{species, &term, 2, 1, 3, DType::float32, 5, 0, 0.0};
    CHECK(gradient_bytes(descent) >= 30 * 3 * sizeof(double));
    CHECK(scratch_bytes(descent) >= bytes_of({1, 10, 20, 3, DType::float32}));
    CHECK(sensible(descent));
    term.second = 2;
    CHECK(!sensible(descent));
    term = {0, 0, 1.0, 0.0, 0.0, Pairs::all};
    CHECK(!sensible(descent));
    term.exponent = 1.0;
    CHECK(sensible(descent));
    descent.momentum = 0.9;  // without velocities
    CHECK(!sensible(descent));
    descent.momentum = 0.0;
    descent.dtype = DType::float16;
    CHECK(!sensible(descent));
}

void narrow_types() {
    bool halves = true;
    bool brains = true;
    for (std::uint32_t h = 0; h < 65536; ++h) {
        const auto bits = static_cast<std::uint16_t>(h);
        const float half = from_float16(bits);
        halves = halves && (std::isnan(half) ? (h & 0x7C00U) == 0x7C00U && (h & 0x3FFU) != 0
                                             : to_float16(half) == bits);
        const float brain = from_bfloat16(bits);
        brains = brains && (std::isnan(brain) ? std::isnan(from_bfloat16(to_bfloat16(brain)))
                                              : to_bfloat16(brain) == bits);
        // Half way to the next number, and a little to either side: ties go to the even one.
        const float next = from_float16(static_cast<std::uint16_t>(bits + 1));
        if (std::isfinite(half) && std::isfinite(next) && (h & 0x7FFFU) < 0x7BFFU) {
            const float middle = 0.5F * (half + next);
            const auto even = static_cast<std::uint16_t>((h & 1U) != 0 ? h + 1 : h);
            halves = halves && to_float16(middle) == even &&
                     to_float16(std::nextafter(middle, half)) == bits &&
                     to_float16(std::nextafter(middle, next)) == bits + 1;
        }
    }
    CHECK(halves);
    CHECK(brains);
    CHECK(from_float16(0x3C00) == 1.0F && from_float16(0xC000) == -2.0F);
    CHECK(from_float16(0x0001) == std::ldexp(1.0F, -24) && from_float16(0x7BFF) == 65504.0F);
    CHECK(to_float16(65519.0F) == 0x7BFF && to_float16(65520.0F) == 0x7C00);
    CHECK(to_float16(-std::numeric_limits<float>::infinity()) == 0xFC00);
    CHECK(std::isnan(from_float16(to_float16(std::numeric_limits<float>::quiet_NaN()))));
    CHECK(from_bfloat16(0x3F80) == 1.0F);
    CHECK(to_bfloat16(1.00390625F) == 0x3F80 && to_bfloat16(1.01171875F) == 0x3F82);
}

// As many additions as a million points make tiles.
void sums() {
    Sum<float> sum{0.0F, 0.0F};
    float plain = 0.0F;
    for (int i = 0; i < 8000; ++i) {
        sum.add(0.1F);
        plain += 0.1F;
    }
    const double expected = 8000 * static_cast<double>(0.1F);
    CHECK(std::abs(sum.value() / expected - 1.0) < 1e-7);
    CHECK(std::abs(static_cast<double>(plain) / expected - 1.0) > 1e-6);
}

}  // namespace

int main() {
    masks();
    shares();
    memory();
    narrow_types();
    sums();
    riesz_energies();
    large();
    long_shares();
    coincident();
    not_a_number();
    matrices();
    return check::report();
}
