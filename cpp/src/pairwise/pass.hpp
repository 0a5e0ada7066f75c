// One pass over the rows of a batch of configurations: how it is cut into units of work, how many
// threads that is worth, and which sources a row meets.
//
// A unit is block_rows rows of one configuration. It writes its own part of the result and, where
// energies are wanted, its own partial sum; whoever adds those up does it in the order of the
// blocks. So no bit depends on the number of threads.
#ifndef EIGENWELL_SRC_PAIRWISE_PASS_HPP
#define EIGENWELL_SRC_PAIRWISE_PASS_HPP

#include <cstddef>

#include "../cpu/threads.hpp"
#include "operands.hpp"
#include "operations.hpp"

namespace eigenwell::pairwise {

// Pairs that are worth a thread of their own: some twenty microseconds of work.
inline constexpr double pairs_per_thread = 1e5;

inline std::size_t blocks_of(std::size_t rows) noexcept {
    return (rows + block_rows - 1) / block_rows;
}

inline std::size_t threads_for(std::size_t threads, double pairs) noexcept {
    const double worth = pairs / pairs_per_thread;
    const auto most = worth < static_cast<double>(cpu::max_threads)
                          ? static_cast<std::size_t>(worth)
                          : cpu::max_threads;
    threads = threads == 0 ? cpu::default_threads() : threads;
    threads = threads < most ? threads : most;
    return threads > 0 ? threads : 1;
}

// The sources of the rows of x, or (`swapped`) of y.
inline Sources sources_of(Pairs pairs, bool self, bool swapped, double softening) noexcept {
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

}  // namespace eigenwell::pairwise

#endif  // EIGENWELL_SRC_PAIRWISE_PASS_HPP
