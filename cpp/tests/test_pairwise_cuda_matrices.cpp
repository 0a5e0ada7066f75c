// The CUDA kernels' bodies against the formulas in double precision: matrices of distances and
// their gradients.
#include <cmath>
#include <random>

#include "pairwise_cuda_host.hpp"

namespace {

using namespace host;

// The formulas: all distances, and the gradients for the distances as they were stored.
struct Expected {
    Values distances, gx, gy;
};

Expected formulas(const Shape& shape, bool condensed,
                  const Values& x,         // [batch, n, d]
                  const Values& y,         // [batch, m, d]
                  const Values& grad,      // of the distances
                  const Values& stored) {  // the distances
    Expected out;
    out.gx.assign(x.size(), 0.0);
    out.gy.assign(y.size(), 0.0);
    for (int64_t b = 0; b < shape.batch; ++b) {
        for (int64_t i = 0; i < shape.n; ++i) {
            for (int64_t j = condensed ? i + 1 : 0; j < shape.m; ++j) {
                const size_t row = at((b * shape.n + i) * shape.d);
                const size_t col = at((b * shape.m + j) * shape.d);
                double r2 = 0.0;
                for (size_t k = 0; k < at(shape.d); ++k) {
                    r2 += (x[row + k] - y[col + k]) * (x[row + k] - y[col + k]);
                }
                const size_t e = out.distances.size();
                out.distances.push_back(std::sqrt(r2));
                const double f = stored[e] == 0.0 ? 0.0 : grad[e] / stored[e];
                for (size_t k = 0; k < at(shape.d); ++k) {
                    out.gx[row + k] += f * (x[row + k] - y[col + k]);
                    out.gy[col + k] -= f * (x[row + k] - y[col + k]);
                }
            }
        }
    }
    if (condensed) {
        for (size_t e = 0; e < out.gx.size(); ++e) {
            out.gx[e] += out.gy[e];
        }
    }
    return out;
}

void agrees(DType dtype, int64_t n, int64_t m, int64_t d, unsigned seed) {  // m = 0: condensed
    std::mt19937 random(seed);
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
    Array& other = condensed ? x : y;
    Pass pass = matrix_pass(shape, x.data(), other.data(), nullptr, nullptr, source);
    pass.mask = condensed ? Mask::upper : Mask::none;
    run_distances(pass, batch, out.data());
    const Expected expected =
        formulas(shape, condensed, x.values(), other.values(), grad.values(), out.values());
    const double unit = dtype == DType::float64 ? 2.3e-16 : 6e-8;
    const double stored_unit = dtype == DType::bfloat16 ? 4e-3 : unit;
    CHECK(distance_of(out.values(), expected.distances) <= 4.0 * stored_unit);

    pass = matrix_pass(shape, x.data(), other.data(), grad.data(), out.data(), source);
    pass.mask = condensed ? Mask::different : Mask::none;
    const Found gx = run_pass(pass, shape, Work::gradient, 0.0, 1.0);
    CHECK(distance_of(gx.gradient, expected.gx) <= 20.0 * unit);
    if (!condensed) {
        const Shape swapped{batch, m, n, d, dtype};
        pass =
            matrix_pass(swapped, y.data(), x.data(), grad.data(), out.data(), Source::transposed);
        const Found gy = run_pass(pass, swapped, Work::gradient, 0.0, 1.0);
        CHECK(distance_of(gy.gradient, expected.gy) <= 20.0 * unit);
        CHECK(pass_bytes(pass, batch) <= bytes_of(shape));
    }
}

void matrices() {
    // The types take turns: each meets every n with every m, and every n and every m with every d.
    const DType dtypes[] = {DType::float32, DType::float64, DType::bfloat16};
    unsigned seed = 100;
    for (const int64_t n : {1, 2, 31, 64, 65, 130}) {
        for (const int64_t m : {0, 1, 33, 129}) {
            for (const int64_t d : {1, 3, 4, 5, 17}) {
                agrees(dtypes[seed % 3], n, m, d, seed);
                ++seed;
            }
        }
    }
}

}  // namespace

int main() {
    matrices();
    return check::report();
}
