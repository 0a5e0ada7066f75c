// Riesz energies, their gradients and Hessian-vector products: one pass for each gradient, and one
// for the energy if no gradient's will do.
//
// Numerics. Coordinates whose squares or cubes would leave the range of their type are multiplied
// by a power of two first, and the results take it out again: E_s is homogeneous of degree s.
//
// Small clouds at s = 1 meet every pair once, which takes strips instead of rows.
#include <cmath>
#include <cstddef>
#include <memory>

#include "../cpu/threads.hpp"
#include "operands.hpp"
#include "operations.hpp"
#include "pass.hpp"

namespace eigenwell::pairwise {
namespace {

// Coordinates whose squares and inverse cubes are far from both ends of the type's range. Outside,
// everything is multiplied by a power of two, which rounds nothing.
template <class T>
T scale_for(T largest, double softening) noexcept {
    constexpr T low = sizeof(T) == 4 ? T(1e-6) : T(1e-20);
    constexpr T high = sizeof(T) == 4 ? T(1e12) : T(1e20);
    const double size =
        softening > static_cast<double>(largest) ? softening : static_cast<double>(largest);
    // NaN fails the comparison and stays.
    if (!(size > 0.0 && !std::isinf(size)) ||
        (size >= static_cast<double>(low) && size <= static_cast<double>(high))) {
        return T(1);
    }
    const int exponent = -std::ilogb(size);
    constexpr int most = sizeof(T) == 4 ? 126 : 1022;
    return static_cast<T>(std::ldexp(1.0, exponent < most ? exponent : most));
}

// Points from which on a column's sums over a group would be long for T.
constexpr std::size_t most_symmetric = 2048;

template <class T>
struct SymmetricPass {
    const RowKernels<T>* kernels = nullptr;
    Symmetric<T> symmetric;
    double energies[strip_groups] = {};

    static void strips(void* context, std::size_t group, std::size_t) {
        auto& pass = *static_cast<SymmetricPass*>(context);
        pass.energies[group] = pass.kernels->strips(pass.symmetric, group);
    }

    // The gradient of sum_{i<j} r_ij, times `factor`, and that sum. Memory: at most 1 +
    // strip_groups numbers for each coordinate.
    [[nodiscard]] Outcome run(const T* x, T* result, double* energy, std::size_t threads) noexcept {
        Symmetric<T>& s = symmetric;
        const std::size_t strip_count = blocks_of(s.n);
        s.stride = strip_count * block_rows;
        s.groups = strip_count < strip_groups ? strip_count : strip_groups;
        s.result = result;
        const std::size_t size = s.d * s.stride;
        Buffer<T> buffer;
        if (!buffer.allocate((1 + s.groups) * size)) {
            return Outcome::no_memory;
        }
        T* const columns = buffer.get();
        for (std::size_t k = 0; k < s.d; ++k) {
            for (std::size_t i = 0; i < s.stride; ++i) {
                // k < d and i < stride, of an allocation of at least d * stride: the analyzer
                // counts with sizes that wrap around.
                // NOLINTNEXTLINE(clang-analyzer-security.ArrayBound)
                columns[k * s.stride + i] = i < s.n ? x[i * s.d + k] : T(0);
            }
        }
        s.x = columns;
        s.columns = columns + size;
        std::uninitialized_fill_n(s.columns, s.groups * size, T(0));
        cpu::parallel(s.groups, threads_for(threads, static_cast<double>(s.n * s.n)), strips, this);
        for (std::size_t strip = 0; strip < strip_count; ++strip) {
            kernels->gather_strip(s, strip);
        }
        if (energy != nullptr) {
            *energy = 0.0;
            for (const double part : energies) {
                *energy += part;
            }
        }
        return Outcome::ok;
    }
};

// What a problem points at, as T.
template <class T>
struct Arrays {
    Operand<T> x, y, wx, wy, vx, vy;
    Result<T> gx, gy;

    [[nodiscard]] bool load(const Riesz& p, bool second_order) noexcept {
        const bool self = p.y == nullptr;
        const std::size_t rows_x = p.batch * p.n;
        const std::size_t rows_y = p.batch * (self ? p.n : p.m);
        bool fits = x.load(p.x, rows_x * p.d, p.element) && y.load(p.y, rows_y * p.d, p.element) &&
                    wx.load(p.wx, rows_x, p.element) && wy.load(p.wy, rows_y, p.element) &&
                    gx.prepare(p.gx, rows_x * p.d, p.element) &&
                    gy.prepare(p.gy, rows_y * p.d, p.element);
        if (second_order) {
            fits = fits && (p.vx != nullptr ? vx.load(p.vx, rows_x * p.d, p.element)
                                            : vx.zeros(rows_x * p.d));
            if (!self) {
                fits = fits && (p.vy != nullptr ? vy.load(p.vy, rows_y * p.d, p.element)
                                                : vy.zeros(rows_y * p.d));
            }
        }
        return fits;
    }

    [[nodiscard]] T largest_coordinate(const RowKernels<T>& kernels) const noexcept {
        const T of_x = kernels.largest(x.get(), x.count());
        if (y.get() == nullptr) {
            return of_x;
        }
        const T of_y = kernels.largest(y.get(), y.count());
        return of_y <= of_x ? of_x : of_y;
    }
};

// The sources' arrays of a self energy are the rows' own.
template <class T>
void point_at(Rows<T>& rows, const Arrays<T>& in, bool self, bool swapped) noexcept {
    const Operand<T>& y = self ? in.x : in.y;
    const Operand<T>& wy = self ? in.wx : in.wy;
    const Operand<T>& vy = self ? in.vx : in.vy;
    rows.x = swapped ? y.get() : in.x.get();
    rows.y = swapped ? in.x.get() : y.get();
    rows.wx = swapped ? wy.get() : in.wx.get();
    rows.wy = swapped ? in.wx.get() : wy.get();
    rows.vx = swapped ? vy.get() : in.vx.get();
    rows.vy = swapped ? in.vx.get() : vy.get();
    rows.result = swapped ? in.gy.get() : in.gx.get();
}

template <class T>
Outcome run(const Riesz& p, const Kernels& all_kernels, bool second_order) noexcept {
    const RowKernels<T>& kernels = of_type<T>(all_kernels);
    const bool self = p.y == nullptr;
    const std::size_t m = self ? p.n : p.m;
    Arrays<T> arrays;
    if (!arrays.load(p, second_order)) {
        return Outcome::no_memory;
    }
    const T scale = scale_for(arrays.largest_coordinate(kernels), p.softening);
    if (scale != T(1) && !(arrays.x.multiply(scale) && arrays.y.multiply(scale))) {
        return Outcome::no_memory;
    }

    // Every unordered pair of a self energy is met from both of its ends.
    const double twice = self && p.pairs != Pairs::upper ? 2.0 : 1.0;
    const double half = self && p.pairs == Pairs::upper ? 0.5 : 1.0;
    const double unscale = static_cast<double>(scale);
    Pass<T> pass;
    pass.kernels = &kernels;
    pass.second_order = second_order;
    pass.rows.d = p.d;
    pass.rows.exponent = p.exponent;
    pass.rows.softening = p.softening * unscale;
    pass.rows.factor =
        p.exponent * twice * std::pow(unscale, (second_order ? 2.0 : 1.0) - p.exponent);

    if (self && !second_order && p.exponent == 1.0 && p.wx == nullptr && p.gx != nullptr &&
        p.batch == 1 && p.d <= 3 && p.n <= most_symmetric) {
        SymmetricPass<T> symmetric;
        symmetric.kernels = &kernels;
        symmetric.symmetric.n = p.n;
        symmetric.symmetric.d = p.d;
        symmetric.symmetric.softening = pass.rows.softening;
        symmetric.symmetric.factor = pass.rows.factor;
        if (symmetric.run(arrays.x.get(), arrays.gx.get(), p.energy, p.threads) != Outcome::ok) {
            return Outcome::no_memory;
        }
        arrays.gx.finish();
        if (p.energy != nullptr) {
            *p.energy *= twice / unscale;
        }
        return Outcome::ok;
    }

    const bool energy = p.energy != nullptr && !second_order;
    // The pass that the energy comes from: one that runs anyway, or the one with more rows.
    const bool energy_from_y = !self && p.gx == nullptr && (p.gy != nullptr || m > p.n);
    Buffer<double> more;
    double few[64];
    double* energies = few;
    const std::size_t parts = p.batch * blocks_of(energy_from_y ? m : p.n);
    if (energy && parts > 64) {
        if (!more.allocate(parts)) {
            return Outcome::no_memory;
        }
        energies = more.get();
    }

    for (int role = 0; role < 2; ++role) {
        const bool swapped = role == 1;
        const bool here = energy && swapped == energy_from_y;
        point_at(pass.rows, arrays, self, swapped);
        if ((swapped && self) || (pass.rows.result == nullptr && !here)) {
            continue;
        }
        pass.rows.n = swapped ? m : p.n;
        pass.rows.m = swapped ? p.n : m;
        pass.rows.sources = sources_of(p.pairs, self, swapped, p.softening);
        pass.energies = here ? energies : nullptr;
        if (pass.run(p.batch, p.threads) != Outcome::ok) {
            return Outcome::no_memory;
        }
    }
    arrays.gx.finish();
    arrays.gy.finish();

    if (energy) {
        const std::size_t blocks = parts / (p.batch > 0 ? p.batch : 1);
        const double factor = half * std::pow(unscale, -p.exponent);
        for (std::size_t b = 0; b < p.batch; ++b) {
            double total = 0.0;
            for (std::size_t i = 0; i < blocks; ++i) {
                total += energies[b * blocks + i];
            }
            p.energy[b] = factor * total;
        }
    }
    return Outcome::ok;
}

Outcome run(const Riesz& problem, const Kernels& kernels, bool second_order) noexcept {
    return problem.element == Element::f64 ? run<double>(problem, kernels, second_order)
                                           : run<float>(problem, kernels, second_order);
}

}  // namespace

Outcome riesz(const Riesz& problem, const Kernels& kernels) noexcept {
    return run(problem, kernels, false);
}

Outcome hessian_vector(const Riesz& problem, const Kernels& kernels) noexcept {
    return run(problem, kernels, true);
}

}  // namespace eigenwell::pairwise
