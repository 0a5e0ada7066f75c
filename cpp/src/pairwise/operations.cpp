#include "operations.hpp"

#include <cmath>
#include <cstdint>
#include <memory>
#include <new>

#include "../cpu/threads.hpp"
#include "half.hpp"

namespace eigenwell::pairwise {
namespace {

// Pairs that are worth a thread of their own: some twenty microseconds of work.
constexpr double pairs_per_thread = 1e5;

// Memory that answers null instead of throwing, at a multiple of 64 bytes.
template <class T>
class Buffer {
public:
    [[nodiscard]] bool allocate(std::size_t count) noexcept {
        release();
        const std::size_t bytes = (count > 0 ? count : 1) * sizeof(T);
        data_ = static_cast<T*>(::operator new(bytes, std::align_val_t{64}, std::nothrow));
        return data_ != nullptr;
    }
    Buffer() = default;
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer() { release(); }
    [[nodiscard]] T* get() const noexcept { return data_; }

private:
    void release() noexcept { ::operator delete(data_, std::align_val_t{64}); }
    T* data_ = nullptr;
};

template <class T>
const RowKernels<T>& of_type(const Kernels& kernels) noexcept;
template <>
const RowKernels<float>& of_type<float>(const Kernels& kernels) noexcept {
    return kernels.f32;
}
template <>
const RowKernels<double>& of_type<double>(const Kernels& kernels) noexcept {
    return kernels.f64;
}

float element(const void* values, std::size_t i, Element type) noexcept {
    if (type == Element::f16) {
        return widen(static_cast<const Float16*>(values)[i]);
    }
    return widen(static_cast<const BFloat16*>(values)[i]);
}

// An argument as T: where it lies, or a copy that is wider or scaled.
template <class T>
class Operand {
public:
    [[nodiscard]] bool load(const void* values, std::size_t count, Element type) noexcept {
        data_ = static_cast<const T*>(values);
        count_ = count;
        if (values == nullptr || type == Element::f32 || type == Element::f64) {
            return true;
        }
        if (!copy_.allocate(count)) {
            return false;
        }
        for (std::size_t i = 0; i < count; ++i) {
            copy_.get()[i] = static_cast<T>(element(values, i, type));
        }
        data_ = copy_.get();
        return true;
    }
    [[nodiscard]] bool zeros(std::size_t count) noexcept {
        if (!copy_.allocate(count)) {
            return false;
        }
        std::uninitialized_fill_n(copy_.get(), count, T(0));
        data_ = copy_.get();
        count_ = count;
        return true;
    }
    [[nodiscard]] bool multiply(T factor) noexcept {
        if (data_ == nullptr) {
            return true;
        }
        if (copy_.get() == nullptr && !copy_.allocate(count_)) {
            return false;
        }
        for (std::size_t i = 0; i < count_; ++i) {
            copy_.get()[i] = data_[i] * factor;
        }
        data_ = copy_.get();
        return true;
    }
    [[nodiscard]] const T* get() const noexcept { return data_; }
    [[nodiscard]] std::size_t count() const noexcept { return count_; }

private:
    const T* data_ = nullptr;
    std::size_t count_ = 0;
    Buffer<T> copy_;
};

// A result as T: in its place, or in a buffer that is narrowed at the end.
template <class T>
class Result {
public:
    [[nodiscard]] bool prepare(void* values, std::size_t count, Element type) noexcept {
        target_ = values;
        count_ = count;
        type_ = type;
        data_ = static_cast<T*>(values);
        if (values == nullptr || type == Element::f32 || type == Element::f64) {
            return true;
        }
        if (!copy_.allocate(count)) {
            return false;
        }
        data_ = copy_.get();
        return true;
    }
    void finish() const noexcept {
        if (copy_.get() == nullptr) {
            return;
        }
        for (std::size_t i = 0; i < count_; ++i) {
            const auto value = static_cast<float>(data_[i]);
            if (type_ == Element::f16) {
                static_cast<Float16*>(target_)[i] = narrow_float16(value);
            } else {
                static_cast<BFloat16*>(target_)[i] = narrow_bfloat16(value);
            }
        }
    }
    [[nodiscard]] T* get() const noexcept { return data_; }

private:
    void* target_ = nullptr;
    T* data_ = nullptr;
    std::size_t count_ = 0;
    Element type_ = Element::f32;
    Buffer<T> copy_;
};

std::size_t blocks_of(std::size_t rows) noexcept { return (rows + block_rows - 1) / block_rows; }

std::size_t threads_for(std::size_t threads, double pairs) noexcept {
    const double worth = pairs / pairs_per_thread;
    const auto most = worth < static_cast<double>(cpu::max_threads)
                          ? static_cast<std::size_t>(worth)
                          : cpu::max_threads;
    threads = threads == 0 ? cpu::default_threads() : threads;
    threads = threads < most ? threads : most;
    return threads > 0 ? threads : 1;
}

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

Sources sources_of(Pairs pairs, bool self, bool swapped, double softening) noexcept {
    if (self) {
        // Of a pair (i, i) r = 0 contributes nothing as it is.
        return softening > 0.0 ? Sources::different : Sources::all;
    }
    switch (pairs) {
        case Pairs::upper: return swapped ? Sources::below : Sources::above;
        case Pairs::different: return Sources::different;
        case Pairs::all: break;
    }
    return Sources::all;
}

// One pass: the rows of a batch of configurations, with their energies or without.
template <class T>
struct Pass {
    const RowKernels<T>* kernels = nullptr;
    Rows<T> rows;  // of configuration 0
    std::size_t blocks = 0;
    double* energies = nullptr;  // [batch, blocks], or null
    bool second_order = false;
    T* scratch = nullptr;  // [threads, scratch_elements(d)]

    static const T* at(const T* base, std::size_t offset) noexcept {
        return base == nullptr ? nullptr : base + offset;
    }

    static void task(void* context, std::size_t index, std::size_t worker) {
        const Pass& pass = *static_cast<const Pass*>(context);
        const std::size_t configuration = index / pass.blocks;
        Rows<T> rows = pass.rows;
        const std::size_t row = configuration * rows.n;
        const std::size_t source = configuration * rows.m;
        rows.x = at(rows.x, row * rows.d);
        rows.y = at(rows.y, source * rows.d);
        rows.wx = at(rows.wx, row);
        rows.wy = at(rows.wy, source);
        rows.vx = at(rows.vx, row * rows.d);
        rows.vy = at(rows.vy, source * rows.d);
        rows.result = rows.result == nullptr ? nullptr : rows.result + row * rows.d;
        const std::size_t first = index % pass.blocks * block_rows;
        const std::size_t last = rows.n - first < block_rows ? rows.n : first + block_rows;
        T* scratch = pass.scratch + worker * scratch_elements<T>(rows.d);
        if (pass.second_order) {
            pass.kernels->hessian_vector(rows, first, last, scratch);
            return;
        }
        const double energy = pass.kernels->riesz(rows, first, last, scratch);
        if (pass.energies != nullptr) {
            pass.energies[index] = energy;
        }
    }

    [[nodiscard]] Outcome run(std::size_t batch, std::size_t threads) noexcept {
        blocks = blocks_of(rows.n);
        const double pairs = static_cast<double>(batch) * static_cast<double>(rows.n) *
                             static_cast<double>(rows.m) *
                             static_cast<double>(rows.d < 4 ? 1 : rows.d / 3);
        threads = threads_for(threads, pairs);
        Buffer<T> buffer;
        if (const std::size_t size = scratch_elements<T>(rows.d); size > 0) {
            if (!buffer.allocate(size * threads)) {
                return Outcome::no_memory;
            }
            scratch = buffer.get();
        }
        cpu::parallel(batch * blocks, threads, task, this);
        return Outcome::ok;
    }
};

// Points from which the strips' memory is more than the time that they save is worth.
constexpr std::size_t most_symmetric = 2048;

template <class T>
struct SymmetricPass {
    const RowKernels<T>* kernels = nullptr;
    Symmetric<T> symmetric;
    double energies[most_symmetric / block_rows] = {};

    static void strip(void* context, std::size_t index, std::size_t) {
        auto& pass = *static_cast<SymmetricPass*>(context);
        pass.energies[index] = pass.kernels->strip(pass.symmetric, index);
    }
    static void gather(void* context, std::size_t index, std::size_t) {
        const auto& pass = *static_cast<const SymmetricPass*>(context);
        pass.kernels->gather_strip(pass.symmetric, index);
    }

    // The gradient of sum_{i<j} r_ij, times `factor`, and that sum.
    [[nodiscard]] Outcome run(const T* x, T* result, double* energy, std::size_t threads) noexcept {
        Symmetric<T>& s = symmetric;
        const std::size_t strips = blocks_of(s.n);
        s.stride = strips * block_rows;
        Buffer<T> buffer;
        if (!buffer.allocate((2 + strips) * s.d * s.stride)) {
            return Outcome::no_memory;
        }
        T* columns = buffer.get();
        s.x = columns;
        s.rows = columns + s.d * s.stride;
        s.columns = columns + 2 * s.d * s.stride;
        const auto pairs = static_cast<double>(s.n * s.n);
        threads = threads_for(threads, pairs);
        for (std::size_t k = 0; k < s.d; ++k) {
            for (std::size_t i = 0; i < s.stride; ++i) {
                // k < d and i < stride, of an allocation of at least d * stride: the analyzer
                // counts with sizes that wrap around.
                // NOLINTNEXTLINE(clang-analyzer-security.ArrayBound)
                columns[k * s.stride + i] = i < s.n ? x[i * s.d + k] : T(0);
            }
        }
        s.result = result;
        cpu::parallel(strips, threads, strip, this);
        cpu::parallel(strips, 1, gather, this);
        if (energy != nullptr) {
            *energy = 0.0;
            for (std::size_t i = 0; i < strips; ++i) {
                *energy += energies[i];
            }
        }
        return Outcome::ok;
    }
};

template <class T>
Outcome run(const Riesz& p, const Kernels& all_kernels, bool second_order) noexcept {
    const RowKernels<T>& kernels = of_type<T>(all_kernels);
    const bool self = p.y == nullptr;
    const std::size_t m = self ? p.n : p.m;
    const std::size_t rows_x = p.batch * p.n;
    const std::size_t rows_y = p.batch * m;

    Operand<T> x, y, wx, wy, vx, vy;
    Result<T> gx, gy;
    bool fits = x.load(p.x, rows_x * p.d, p.element) && y.load(p.y, rows_y * p.d, p.element) &&
                wx.load(p.wx, rows_x, p.element) && wy.load(p.wy, rows_y, p.element) &&
                gx.prepare(p.gx, rows_x * p.d, p.element) &&
                gy.prepare(p.gy, rows_y * p.d, p.element);
    if (second_order) {
        fits = fits &&
               (p.vx != nullptr ? vx.load(p.vx, rows_x * p.d, p.element) : vx.zeros(rows_x * p.d));
        if (!self) {
            fits = fits && (p.vy != nullptr ? vy.load(p.vy, rows_y * p.d, p.element)
                                            : vy.zeros(rows_y * p.d));
        }
    }
    if (!fits) {
        return Outcome::no_memory;
    }

    T largest = kernels.largest(x.get(), x.count());
    if (!self) {
        const T other = kernels.largest(y.get(), y.count());
        largest = other <= largest ? largest : other;
    }
    const T scale = scale_for(largest, p.softening);
    if (scale != T(1) && !(x.multiply(scale) && y.multiply(scale))) {
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
    Rows<T>& rows = pass.rows;

    if (self && !second_order && p.exponent == 1.0 && wx.get() == nullptr && gx.get() != nullptr &&
        p.batch == 1 && p.d <= 3 && p.n <= most_symmetric) {
        SymmetricPass<T> symmetric;
        symmetric.kernels = &kernels;
        symmetric.symmetric.n = p.n;
        symmetric.symmetric.d = p.d;
        symmetric.symmetric.softening = pass.rows.softening;
        symmetric.symmetric.factor = pass.rows.factor;
        if (symmetric.run(x.get(), gx.get(), p.energy, p.threads) != Outcome::ok) {
            return Outcome::no_memory;
        }
        gx.finish();
        if (p.energy != nullptr) {
            *p.energy *= twice / unscale;
        }
        return Outcome::ok;
    }

    const bool energy = p.energy != nullptr && !second_order;
    // The pass that the energy comes from: one that runs anyway, or the one with more rows.
    const bool energy_from_y = !self && gx.get() == nullptr && (gy.get() != nullptr || m > p.n);
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
        if (swapped && self) {
            break;
        }
        rows.result = swapped ? gy.get() : gx.get();
        if (rows.result == nullptr && !here) {
            continue;
        }
        const Operand<T>& other_x = self ? x : y;
        const Operand<T>& other_w = self ? wx : wy;
        const Operand<T>& other_v = self ? vx : vy;
        rows.x = swapped ? y.get() : x.get();
        rows.y = swapped ? x.get() : other_x.get();
        rows.wx = swapped ? wy.get() : wx.get();
        rows.wy = swapped ? wx.get() : other_w.get();
        rows.vx = swapped ? vy.get() : vx.get();
        rows.vy = swapped ? vx.get() : other_v.get();
        rows.n = swapped ? m : p.n;
        rows.m = swapped ? p.n : m;
        rows.sources = sources_of(p.pairs, self, swapped, p.softening);
        pass.energies = here ? energies : nullptr;
        if (pass.run(p.batch, p.threads) != Outcome::ok) {
            return Outcome::no_memory;
        }
    }
    gx.finish();
    gy.finish();

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

// --- Distances -----------------------------------------------------------------------------------

// Parts that a backward pass is cut into, each with columns' gradients of its own.
constexpr std::size_t most_parts = 16;

template <class T>
struct MatrixPass {
    const RowKernels<T>* kernels = nullptr;
    Matrix<T> matrix;  // of configuration 0
    std::size_t elements = 0;
    std::size_t parts = 0;
    std::size_t part_rows = 0;
    T* gx = nullptr;       // [batch, n, d], or null
    T* partial = nullptr;  // [batch, parts, m, d], or null: forward
    T* gy = nullptr;       // [batch, m, d]
    T* scratch = nullptr;  // [threads, matrix_scratch(d)]

    static void task(void* context, std::size_t index, std::size_t worker) {
        const MatrixPass& pass = *static_cast<const MatrixPass*>(context);
        const std::size_t configuration = index / pass.parts;
        Matrix<T> matrix = pass.matrix;
        const std::size_t offset = configuration * pass.elements;
        matrix.x += configuration * matrix.n * matrix.d;
        matrix.y += configuration * matrix.m * matrix.d;
        const std::size_t first = index % pass.parts * pass.part_rows;
        const std::size_t last =
            matrix.n - first < pass.part_rows ? matrix.n : first + pass.part_rows;
        T* scratch = pass.scratch + worker * matrix_scratch(matrix.d);
        if (pass.partial == nullptr) {
            matrix.out += offset;
            pass.kernels->distances(matrix, first, last, scratch);
            return;
        }
        matrix.distances += offset;
        matrix.weights += offset;
        const std::size_t columns = matrix.m * matrix.d;
        T* partial = pass.partial + index * columns;
        std::uninitialized_fill_n(partial, columns, T(0));
        T* gx = pass.gx == nullptr ? nullptr : pass.gx + configuration * matrix.n * matrix.d;
        pass.kernels->distances_backward(matrix, first, last, gx, partial, scratch);
    }

    // Adds up the parts, in order.
    static void reduce(void* context, std::size_t configuration, std::size_t) {
        const MatrixPass& pass = *static_cast<const MatrixPass*>(context);
        const std::size_t columns = pass.matrix.m * pass.matrix.d;
        const T* partial = pass.partial + configuration * pass.parts * columns;
        T* gy = pass.gy + configuration * columns;
        for (std::size_t q = 0; q < columns; ++q) {
            double sum = 0.0;
            for (std::size_t part = 0; part < pass.parts; ++part) {
                sum += static_cast<double>(partial[part * columns + q]);
            }
            gy[q] = static_cast<T>(sum);
        }
    }
};

template <class T>
Outcome run(const Distances& p, const Kernels& all_kernels, bool backward) noexcept {
    const bool condensed = p.y == nullptr;
    const std::size_t m = condensed ? p.n : p.m;
    const std::size_t elements = condensed ? (p.n < 2 ? 0 : p.n * (p.n - 1) / 2) : p.n * m;
    const std::size_t size_x = p.batch * p.n * p.d;
    const std::size_t size_y = p.batch * m * p.d;

    Operand<T> x, y, distances, weights;
    Result<T> out, gx, gy;
    bool fits = x.load(p.x, size_x, p.element) && y.load(p.y, size_y, p.element);
    if (backward) {
        fits = fits && distances.load(p.distances, p.batch * elements, p.element) &&
               weights.load(p.weights, p.batch * elements, p.element) &&
               gx.prepare(p.gx, size_x, p.element) && gy.prepare(p.gy, size_y, p.element);
    } else {
        fits = fits && out.prepare(p.out, p.batch * elements, p.element);
    }
    if (!fits) {
        return Outcome::no_memory;
    }

    MatrixPass<T> pass;
    pass.kernels = &of_type<T>(all_kernels);
    pass.matrix.x = x.get();
    pass.matrix.y = condensed ? x.get() : y.get();
    pass.matrix.distances = distances.get();
    pass.matrix.weights = weights.get();
    pass.matrix.out = out.get();
    pass.matrix.n = p.n;
    pass.matrix.m = m;
    pass.matrix.d = p.d;
    pass.matrix.condensed = condensed;
    pass.elements = elements;
    pass.parts = blocks_of(p.n);
    pass.part_rows = block_rows;
    if (backward && pass.parts > most_parts) {
        pass.part_rows = (p.n + most_parts - 1) / most_parts;
        pass.parts = (p.n + pass.part_rows - 1) / pass.part_rows;
    }
    // A thread is worth its while from fewer pairs on: this is memory traffic.
    const std::size_t threads =
        threads_for(p.threads, 2.0 * static_cast<double>(p.batch) * static_cast<double>(elements));
    Buffer<T> scratch;
    Buffer<T> partial;
    Buffer<T> unwanted;
    if (!scratch.allocate(matrix_scratch(p.d) * threads)) {
        return Outcome::no_memory;
    }
    pass.scratch = scratch.get();
    if (backward) {
        if (!partial.allocate(p.batch * pass.parts * m * p.d)) {
            return Outcome::no_memory;
        }
        pass.partial = partial.get();
        pass.gx = gx.get();
        if (!condensed && pass.gx == nullptr) {
            if (!unwanted.allocate(size_x)) {
                return Outcome::no_memory;
            }
            pass.gx = unwanted.get();
        }
        pass.gy = condensed ? gx.get() : gy.get();
        if (condensed) {
            pass.gx = nullptr;
        }
    }
    cpu::parallel(p.batch * pass.parts, threads, MatrixPass<T>::task, &pass);
    if (pass.gy != nullptr) {
        cpu::parallel(p.batch, threads, MatrixPass<T>::reduce, &pass);
    }
    out.finish();
    gx.finish();
    gy.finish();
    return Outcome::ok;
}

Outcome run(const Distances& problem, const Kernels& kernels, bool backward) noexcept {
    return problem.element == Element::f64 ? run<double>(problem, kernels, backward)
                                           : run<float>(problem, kernels, backward);
}

// --- Descent -------------------------------------------------------------------------------------

template <class T>
Outcome run(const Descent& p, const Kernels& all_kernels) noexcept {
    const RowKernels<T>& kernels = of_type<T>(all_kernels);
    std::size_t total = 0;
    for (std::size_t s = 0; s < p.species_count; ++s) {
        total += p.species[s].n * p.d;
    }
    Buffer<T> gradients;
    if (!gradients.allocate(total)) {
        return Outcome::no_memory;
    }

    for (std::size_t step = 1; step <= p.steps; ++step) {
        std::uninitialized_fill_n(gradients.get(), total, T(0));
        for (std::size_t t = 0; t < p.term_count; ++t) {
            const Term& term = p.terms[t];
            const bool self = term.first == term.second;
            for (int role = 0; role < (self ? 1 : 2); ++role) {
                const bool swapped = role == 1;
                const std::size_t own = swapped ? term.second : term.first;
                const std::size_t other = swapped ? term.first : term.second;
                std::size_t offset = 0;
                for (std::size_t s = 0; s < own; ++s) {
                    offset += p.species[s].n * p.d;
                }
                Pass<T> pass;
                pass.kernels = &kernels;
                pass.rows.x = static_cast<const T*>(p.species[own].x);
                pass.rows.y = static_cast<const T*>(p.species[other].x);
                pass.rows.n = p.species[own].n;
                pass.rows.m = p.species[other].n;
                pass.rows.d = p.d;
                pass.rows.exponent = term.exponent;
                pass.rows.softening = term.softening;
                pass.rows.factor = term.strength * term.exponent *
                                   (self && term.pairs != Pairs::upper ? 2.0 : 1.0);
                pass.rows.sources = sources_of(term.pairs, self, swapped, term.softening);
                pass.rows.result = gradients.get() + offset;
                pass.rows.accumulate = true;
                if (pass.run(1, p.threads) != Outcome::ok) {
                    return Outcome::no_memory;
                }
            }
        }
        const T* gradient = gradients.get();
        const auto momentum = static_cast<T>(p.momentum);
        for (std::size_t s = 0; s < p.species_count; ++s) {
            const Species& species = p.species[s];
            const std::size_t size = species.n * p.d;
            const auto rate = static_cast<T>(species.learning_rate);
            auto* x = static_cast<T*>(species.x);
            auto* velocity = static_cast<T*>(species.velocity);
            for (std::size_t q = 0; q < size; ++q) {
                velocity[q] = momentum * velocity[q] + gradient[q];
                x[q] -= rate * velocity[q];
            }
            if (species.records != nullptr && p.record_every > 0 && step % p.record_every == 0) {
                auto* record =
                    static_cast<T*>(species.records) + (step / p.record_every - 1) * size;
                std::uninitialized_copy_n(x, size, record);
            }
            gradient += size;
        }
        if (p.stop != nullptr && p.stop(p.stop_context)) {
            return Outcome::stopped;
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

Outcome distances(const Distances& problem, const Kernels& kernels) noexcept {
    return run(problem, kernels, false);
}

Outcome distances_backward(const Distances& problem, const Kernels& kernels) noexcept {
    return run(problem, kernels, true);
}

Outcome descend(const Descent& problem, const Kernels& kernels) noexcept {
    return problem.element == Element::f64 ? run<double>(problem, kernels)
                                           : run<float>(problem, kernels);
}

bool all_finite(const void* values, std::size_t count, Element type,
                const Kernels& kernels) noexcept {
    switch (type) {
        case Element::f32:
            return !std::isnan(kernels.f32.largest(static_cast<const float*>(values), count));
        case Element::f64:
            return !std::isnan(kernels.f64.largest(static_cast<const double*>(values), count));
        case Element::f16:
        case Element::bf16: break;
    }
    bool finite = true;
    for (std::size_t i = 0; i < count; ++i) {
        finite = finite && std::isfinite(element(values, i, type));
    }
    return finite;
}

}  // namespace eigenwell::pairwise
