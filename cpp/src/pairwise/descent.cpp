// Gradient descent: every step adds up the gradients of all terms, then moves all species.
//
// Cost of a step: a pass for each end of a term, and O(n d) beside. Memory: a gradient for each
// species. Order: the terms as they come, each by rows (kernels_energy.hpp), added up in T.
#include <cstddef>
#include <memory>

#include "operands.hpp"
#include "operations.hpp"
#include "pass.hpp"

namespace eigenwell::pairwise {
namespace {

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

}  // namespace

Outcome descend(const Descent& problem, const Kernels& kernels) noexcept {
    return problem.element == Element::f64 ? run<double>(problem, kernels)
                                           : run<float>(problem, kernels);
}

}  // namespace eigenwell::pairwise
