// Every instruction set against the formulas in double precision, at sizes around the lanes, groups
// and blocks; results guarded on both sides; the same bits for every number of threads.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "../src/cpu/features.hpp"
#include "../src/pairwise/half.hpp"
#include "../src/pairwise/operations.hpp"
#include "check.hpp"

namespace {

using namespace eigenwell;
using pairwise::Element;
using pairwise::Outcome;
using pairwise::Pairs;
using pairwise::Riesz;

template <class T>
constexpr Element element = sizeof(T) == 4 ? Element::f32 : Element::f64;
template <class T>
constexpr double tolerance = sizeof(T) == 4 ? 2e-6 : 1e-13;

template <class T>
std::vector<T> numbers(std::size_t count, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    std::vector<T> result(count);
    for (T& value : result) {
        value = static_cast<T>(normal(random));
    }
    return result;
}

// One element of a guard value on either side.
template <class T>
class Guarded {
public:
    explicit Guarded(std::size_t count) : values_(count + 2, T(77)) {}
    T* data() { return values_.data() + 1; }
    [[nodiscard]] bool intact() const {
        return values_.front() == T(77) && values_.back() == T(77);
    }
    [[nodiscard]] std::size_t size() const { return values_.size() - 2; }
    [[nodiscard]] const T& operator[](std::size_t i) const { return values_[i + 1]; }

private:
    std::vector<T> values_;
};

struct Wanted {
    double energy = 0.0;
    std::vector<double> gx, gy, hx, hy;
    double energy_size = 0.0;  // sums of the sizes of the terms: what roundings are relative to
    double gradient_size = 0.0;
    double product_size = 0.0;
};

bool counts(Pairs pairs, bool self, std::size_t i, std::size_t j) {
    if (pairs == Pairs::upper) {
        return i < j;
    }
    return !(self || pairs == Pairs::different) || i != j;
}

template <class T>
Wanted reference(const Riesz& p) {
    const bool self = p.y == nullptr;
    const std::size_t m = self ? p.n : p.m;
    const auto* x = static_cast<const T*>(p.x);
    const auto* y = self ? x : static_cast<const T*>(p.y);
    const auto* vx = static_cast<const T*>(p.vx);
    const auto* vy = self ? vx : static_cast<const T*>(p.vy);
    const auto* wx = static_cast<const T*>(p.wx);
    const auto* wy = self ? wx : static_cast<const T*>(p.wy);
    Wanted wanted;
    wanted.gx.resize(p.n * p.d);
    wanted.hx.resize(p.n * p.d);
    wanted.gy.resize(m * p.d);
    wanted.hy.resize(m * p.d);
    std::vector<double>& other_g = self ? wanted.gx : wanted.gy;
    std::vector<double>& other_h = self ? wanted.hx : wanted.hy;
    const double s = p.exponent;
    for (std::size_t i = 0; i < p.n; ++i) {
        for (std::size_t j = 0; j < m; ++j) {
            double r2 = p.softening * p.softening;
            double along = 0.0;
            for (std::size_t k = 0; k < p.d; ++k) {
                const double difference = double(x[i * p.d + k]) - double(y[j * p.d + k]);
                r2 += difference * difference;
                along += difference * (double(vx[i * p.d + k]) - double(vy[j * p.d + k]));
            }
            if (!counts(p.pairs, self, i, j) || r2 == 0.0) {
                continue;
            }
            const double weight =
                (wx == nullptr ? 1.0 : double(wx[i])) * (wy == nullptr ? 1.0 : double(wy[j]));
            wanted.energy += weight * std::pow(r2, s / 2);
            wanted.energy_size += std::abs(weight) * std::pow(r2, s / 2);
            const double force = s * weight * std::pow(r2, s / 2 - 1);
            for (std::size_t k = 0; k < p.d; ++k) {
                const double difference = double(x[i * p.d + k]) - double(y[j * p.d + k]);
                const double turn = double(vx[i * p.d + k]) - double(vy[j * p.d + k]);
                const double bend = force * (turn + (s - 2) * along / r2 * difference);
                wanted.gx[i * p.d + k] += force * difference;
                other_g[j * p.d + k] -= force * difference;
                wanted.hx[i * p.d + k] += bend;
                other_h[j * p.d + k] -= bend;
                wanted.gradient_size += std::abs(force * difference);
                wanted.product_size +=
                    std::abs(force * turn) + std::abs(force * (s - 2) * along / r2 * difference);
            }
        }
    }
    return wanted;
}

template <class T>
bool close(const Guarded<T>& found, const std::vector<double>& wanted, double size) {
    double error = 0.0;
    for (std::size_t i = 0; i < found.size(); ++i) {
        error = std::max(error, std::abs(double(found[i]) - wanted[i]));
    }
    return found.intact() && error <= tolerance<T> * size;
}

template <class T>
void agrees(std::size_t n, std::size_t m, std::size_t d, const pairwise::Kernels& kernels) {
    const bool self = m == 0;
    const auto x = numbers<T>(n * d, 1);
    const auto y = numbers<T>(m * d, 2);
    const auto vx = numbers<T>(n * d, 3);
    const auto vy = numbers<T>(m * d, 4);
    const auto wx = numbers<T>(n, 5);
    const auto wy = numbers<T>(m, 6);
    unsigned turn = 0;
    for (const double exponent : {1.0, -1.0, 2.0, 0.5}) {
        for (const Pairs pairs : {Pairs::all, Pairs::upper, Pairs::different}) {
            Riesz p;
            p.x = x.data();
            p.y = self ? nullptr : y.data();
            p.vx = vx.data();
            p.vy = self ? nullptr : vy.data();
            const bool weighted = ++turn % 2 == 0;
            p.wx = weighted ? wx.data() : nullptr;
            p.wy = weighted && !self ? wy.data() : nullptr;
            p.batch = 1;
            p.n = n;
            p.m = self ? n : m;
            p.d = d;
            p.element = element<T>;
            p.exponent = exponent;
            p.pairs = pairs;
            p.softening = turn % 3 == 0 ? 0.0 : 0.3;
            const Wanted wanted = reference<T>(p);

            double energy = 0.0;
            Guarded<T> gx(n * d);
            Guarded<T> gy(self ? 0 : m * d);
            p.energy = &energy;
            p.gx = gx.data();
            p.gy = self ? nullptr : gy.data();
            CHECK(pairwise::riesz(p, kernels) == Outcome::ok);
            CHECK(std::abs(energy - wanted.energy) <= tolerance<T> * wanted.energy_size);
            CHECK(close(gx, wanted.gx, wanted.gradient_size));
            if (!self) {
                CHECK(close(gy, wanted.gy, wanted.gradient_size));
            }
            CHECK(pairwise::hessian_vector(p, kernels) == Outcome::ok);
            CHECK(close(gx, wanted.hx, wanted.product_size));
            if (!self) {
                CHECK(close(gy, wanted.hy, wanted.product_size));
            }
        }
    }
}

template <class T>
void matrices(std::size_t n, std::size_t m, std::size_t d, const pairwise::Kernels& kernels) {
    const bool condensed = m == 0;
    const std::size_t columns = condensed ? n : m;
    const std::size_t count = condensed ? (n < 2 ? 0 : n * (n - 1) / 2) : n * m;
    const auto x = numbers<T>(n * d, 1);
    const auto y = numbers<T>(m * d, 2);
    const auto loss = numbers<T>(count, 3);
    const T* other = condensed ? x.data() : y.data();
    Guarded<T> out(count);
    pairwise::Distances p;
    p.x = x.data();
    p.y = condensed ? nullptr : y.data();
    p.out = out.data();
    p.batch = 1;
    p.n = n;
    p.m = columns;
    p.d = d;
    p.element = element<T>;
    CHECK(pairwise::distances(p, kernels) == Outcome::ok);
    std::vector<double> wanted;
    std::vector<double> gx(n * d);
    std::vector<double> gy(columns * d);
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = condensed ? i + 1 : 0; j < columns; ++j) {
            double r2 = 0.0;
            for (std::size_t k = 0; k < d; ++k) {
                const double difference = double(x[i * d + k]) - double(other[j * d + k]);
                r2 += difference * difference;
            }
            const double c = double(loss[wanted.size()]) / std::sqrt(r2);
            for (std::size_t k = 0; k < d; ++k) {
                const double pull = c * (double(x[i * d + k]) - double(other[j * d + k]));
                gx[i * d + k] += pull;
                (condensed ? gx : gy)[j * d + k] -= pull;
            }
            wanted.push_back(std::sqrt(r2));
        }
    }
    CHECK(close(out, wanted, 1.0));
    Guarded<T> found_x(n * d);
    Guarded<T> found_y(m * d);
    p.distances = out.data();
    p.weights = loss.data();
    p.gx = found_x.data();
    p.gy = condensed ? nullptr : found_y.data();
    CHECK(pairwise::distances_backward(p, kernels) == Outcome::ok);
    CHECK(close(found_x, gx, 10.0));
    if (!condensed) {
        CHECK(close(found_y, gy, 10.0));
    }
}

void same_bits() {
    constexpr std::size_t n = 700;
    const auto x = numbers<float>(n * 3, 9);
    std::vector<std::string> results;
    for (const std::size_t threads : {1U, 2U, 3U, 7U}) {
        double energy = 0.0;
        std::vector<float> gradient(n * 3);
        Riesz p;
        p.x = x.data();
        p.energy = &energy;
        p.gx = gradient.data();
        p.batch = 1;
        p.n = n;
        p.m = n;
        p.d = 3;
        p.threads = threads;
        CHECK(pairwise::riesz(p, *pairwise::active_kernels()) == Outcome::ok);
        std::string bits(sizeof energy + sizeof(float) * gradient.size(), '\0');
        std::memcpy(bits.data(), &energy, sizeof energy);
        std::memcpy(bits.data() + sizeof energy, gradient.data(), sizeof(float) * gradient.size());
        results.push_back(bits);
    }
    CHECK(std::count(results.begin(), results.end(), results.front()) == 4);
}

void halves() {
    // Every number of both types survives the way to float and back.
    for (std::uint32_t bits = 0; bits < 0x10000U; ++bits) {
        const auto half = static_cast<std::uint16_t>(bits);
        const float f16 = pairwise::widen(pairwise::Float16{half});
        const float bf16 = pairwise::widen(pairwise::BFloat16{half});
        const bool same = (std::isnan(f16) || pairwise::narrow_float16(f16).bits == half) &&
                          (std::isnan(bf16) || pairwise::narrow_bfloat16(bf16).bits == half);
        if (!same) {
            CHECK(same);
        }
        if (std::isnan(f16)) {
            CHECK(std::isnan(pairwise::widen(pairwise::narrow_float16(f16))));
        }
        if (std::isnan(bf16)) {
            CHECK(std::isnan(pairwise::widen(pairwise::narrow_bfloat16(bf16))));
        }
    }
    // Between two neighbours: to the nearer one, halfway to the even one.
    CHECK(pairwise::narrow_float16(1.0F + 0x1p-11F).bits == 0x3C00U);
    CHECK(pairwise::narrow_float16(1.0F + 0x1.8p-10F).bits == 0x3C02U);
    CHECK(pairwise::narrow_float16(65519.0F).bits == 0x7BFFU);
    CHECK(pairwise::narrow_float16(65520.0F).bits == 0x7C00U);
    CHECK(pairwise::narrow_float16(-0x1p-25F).bits == 0x8000U);
    CHECK(pairwise::narrow_float16(0x1.8p-25F).bits == 0x0001U);
    CHECK(pairwise::narrow_bfloat16(1.0F + 0x1p-8F).bits == 0x3F80U);
    CHECK(pairwise::narrow_bfloat16(1.0F + 0x1.8p-7F).bits == 0x3F82U);
}

}  // namespace

int main() {
    for (const char* name : {"portable", "neon", "avx2", "avx512", "avx512vbmi"}) {
        if (cpu::force(name) != Status::ok) {
            continue;
        }
        const pairwise::Kernels& kernels = *pairwise::active_kernels();
        for (const std::size_t n : {0U, 1U, 2U, 7U, 8U, 9U, 16U, 17U, 31U, 33U, 65U, 97U}) {
            for (const std::size_t d : {1U, 2U, 3U, 4U, 9U}) {
                for (const std::size_t m : {0U, 5U, 66U}) {
                    agrees<float>(n, m, d, kernels);
                    agrees<double>(n, m, d, kernels);
                    matrices<float>(n, m, d, kernels);
                    matrices<double>(n, m, d, kernels);
                }
            }
        }
        agrees<float>(3, 600, 3, kernels);  // several tiles
        agrees<double>(3, 600, 5, kernels);
        agrees<float>(330, 0, 3, kernels);  // several strips to a group
        agrees<double>(330, 0, 2, kernels);
        matrices<float>(5, 1100, 3, kernels);
        same_bits();
    }
    CHECK(cpu::force(nullptr) == Status::ok);
    halves();
    return check::report();
}
