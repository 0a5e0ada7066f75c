// The CUDA kernels' bodies against the formulas in double precision: Riesz energies, gradients and
// Hessian products.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "pairwise_cuda_host.hpp"

namespace {

using namespace host;

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
    Cut cut = {};
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

    const auto run = [&](const Pass& pass, Work work) {
        return run_pass(pass, shape, work, energy_scale(problem, work != Work::energy), scale,
                        c.cut);
    };
    const Pass pass = riesz_pass(problem, shape, false, true);
    Pass along = pass;
    along.vx = vx.data();
    along.vy = self ? vx.data() : vy.data();
    const auto energy = run(riesz_pass(problem, shape, false, false), Work::energy);
    const auto both = run(pass, Work::both);
    double errors[] = {distance_of(energy.energy, expected.energy),
                       distance_of(both.energy, expected.energy),
                       distance_of(both.gradient, expected.gx),
                       distance_of(run(pass, Work::gradient).gradient, expected.gx),
                       distance_of(run(along, Work::hessian).gradient, expected.hx),
                       0.0,
                       0.0};
    if (!self) {
        Pass swapped = riesz_pass(problem, shape, true, true);
        errors[5] = distance_of(run(swapped, Work::gradient).gradient, expected.gy);
        swapped.vx = vy.data();
        swapped.vy = vx.data();
        errors[6] = distance_of(run(swapped, Work::hessian).gradient, expected.hy);
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

// Several rows to a thread: two blocks, the second with a few rows.
void several_rows() {
    Case c;
    c.batch = 2;
    c.n = 520;
    c.m = 400;
    c.cut.per_thread = Rows::many;
    for (const Pairs pairs : {Pairs::upper, Pairs::different}) {
        c.pairs = pairs;
        agrees(c, 1);
    }
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
    // The same for many small clouds, as it is planned.
    c = {};
    c.batch = 512;
    c.n = 3;
    c.m = 2;
    CHECK(plan_rows(c.batch, c.n, c.m, true).per_thread == Rows::many);
    agrees(c, 6);
}

// Fewer shares than tiles: a block adds up several.
void long_shares() {
    Case c;
    c.batch = 2;
    c.n = 4;
    c.m = 500;
    const Plan rows = plan_rows(2100, c.n, c.m, true);
    CHECK(rows.splits == 2 && rows.per_thread == Rows::many);
    c.cut = {Rows::many, rows.splits};
    agrees(c, 1);
    c.cut.splits = 3;  // four tiles: shares of one and two
    agrees(c, 1);
    c.exponent = 0.5;  // one row to a thread
    agrees(c, 2);
    const Plan tiles = plan_tiles<float>(400, c.n, c.m);
    CHECK(tiles.splits * 2 < quotient_up(c.m, Tiles<float>::cols));
    c.cut = {0, tiles.splits};
    for (const DType dtype : {DType::float32, DType::float64}) {
        c.dtype = dtype;
        for (const int64_t d : {4, 17}) {
            c.d = d;
            agrees(c, 3);
        }
    }
}

// All points in one place: 0, exactly, however many.
void coincident() {
    for (const double exponent : {1.0, -1.0, 2.0, 0.5, -2.0, 3.0}) {
        for (const int64_t d : {1, 2, 3, 5}) {
            for (const Cut& cut : {Cut{}, Cut{Rows::many, 0}}) {
                const int64_t n = 400;
                Array x(DType::float32, at(n * d), 5.5);
                const Riesz problem{x.data(), nullptr, nullptr, nullptr, exponent, 0.0, Pairs::all};
                const Shape shape{1, n, n, d, DType::float32};
                const Found found = run_pass(riesz_pass(problem, shape, false, true), shape,
                                             Work::both, 1.0, 1.0, cut);
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
                run_pass(riesz_pass(problem, shape, false, true), shape, Work::both, 1.0, 1.0);
            CHECK(std::isnan(found.energy[0]) && std::isnan(found.gradient[0]));
        }
    }
}

}  // namespace

int main() {
    riesz_energies();
    several_rows();
    long_shares();
    coincident();
    not_a_number();
    return check::report();
}
