// Matrices of distances and their gradients: one pass over blocks of rows.
//
// Backward, a block's gradients with respect to the columns go to memory of their own, m d numbers
// for each of at most `most_parts` parts, which are then added in float64, part by part.
#include <cstddef>
#include <memory>

#include "../cpu/threads.hpp"
#include "operands.hpp"
#include "operations.hpp"
#include "pass.hpp"

namespace eigenwell::pairwise {
namespace {

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

}  // namespace

Outcome distances(const Distances& problem, const Kernels& kernels) noexcept {
    return run(problem, kernels, false);
}

Outcome distances_backward(const Distances& problem, const Kernels& kernels) noexcept {
    return run(problem, kernels, true);
}

}  // namespace eigenwell::pairwise
