// Whole pairwise operations: batches, both gradients, element types, threads. They take the kernels
// of the active instruction set and allocate O(n) at most; a null answer of the allocator is
// `Outcome::no_memory`.
#ifndef EIGENWELL_SRC_PAIRWISE_OPERATIONS_HPP
#define EIGENWELL_SRC_PAIRWISE_OPERATIONS_HPP

#include <cstddef>

#include "pairwise.hpp"

namespace eigenwell::pairwise {

enum class Outcome : int { ok, no_memory, stopped };

enum class Element : int { f32, f64, f16, bf16 };
enum class Pairs : int { all, upper, different };

// A batch of configurations; T is the type that Element names.
struct Riesz {
    const void* x = nullptr;   // T[batch, n, d]
    const void* y = nullptr;   // T[batch, m, d], or null: x itself
    const void* wx = nullptr;  // T[batch, n], or null
    const void* wy = nullptr;  // T[batch, m], or null
    double* energy = nullptr;  // [batch], or null
    void* gx = nullptr;        // T[batch, n, d], or null
    void* gy = nullptr;        // T[batch, m, d], or null
    const void* vx = nullptr;  // T[batch, n, d]: for the Hessian-vector product, whose result is
    const void* vy = nullptr;  // T[batch, m, d]  (gx, gy); null for zeros
    std::size_t batch = 0;
    std::size_t n = 0;
    std::size_t m = 0;
    std::size_t d = 0;
    Element element = Element::f32;
    double exponent = 1.0;
    double softening = 0.0;
    Pairs pairs = Pairs::all;
    std::size_t threads = 1;
};

[[nodiscard]] Outcome riesz(const Riesz& problem, const Kernels& kernels) noexcept;
[[nodiscard]] Outcome hessian_vector(const Riesz& problem, const Kernels& kernels) noexcept;

// Matrices of distances, T[batch, n, m], or condensed T[batch, n (n - 1) / 2] where y is null.
struct Distances {
    const void* x = nullptr;          // T[batch, n, d]
    const void* y = nullptr;          // T[batch, m, d], or null
    void* out = nullptr;              // the distances
    const void* distances = nullptr;  // for the gradient: the distances,
    const void* weights = nullptr;    // and the derivative of a loss with respect to them
    void* gx = nullptr;               // T[batch, n, d], or null
    void* gy = nullptr;               // T[batch, m, d], or null
    std::size_t batch = 0;
    std::size_t n = 0;
    std::size_t m = 0;
    std::size_t d = 0;
    Element element = Element::f32;
    std::size_t threads = 1;
};

[[nodiscard]] Outcome distances(const Distances& problem, const Kernels& kernels) noexcept;
[[nodiscard]] Outcome distances_backward(const Distances& problem, const Kernels& kernels) noexcept;

// Gradient descent of species of points along E = sum over the terms of strength E_s, all species
// at once: velocity = momentum velocity + dE/dx; x -= learning_rate velocity.
struct Species {
    void* x = nullptr;         // T[n, d], the state
    void* velocity = nullptr;  // T[n, d], of the same life
    void* records = nullptr;   // T[steps / record_every, n, d], or null
    std::size_t n = 0;
    double learning_rate = 0.0;
};
struct Term {
    std::size_t first = 0;  // species
    std::size_t second = 0;
    double strength = 1.0;
    double exponent = 1.0;
    double softening = 0.0;
    Pairs pairs = Pairs::all;
};
struct Descent {
    Species* species = nullptr;
    std::size_t species_count = 0;
    const Term* terms = nullptr;
    std::size_t term_count = 0;
    std::size_t d = 0;
    Element element = Element::f32;  // f32 or f64
    std::size_t steps = 0;
    std::size_t record_every = 0;  // 0 for never
    double momentum = 0.0;
    std::size_t threads = 1;
    bool (*stop)(void*) = nullptr;  // asked from time to time; null for never
    void* stop_context = nullptr;
};

[[nodiscard]] Outcome descend(const Descent& problem, const Kernels& kernels) noexcept;

// Whether every element is finite.
bool all_finite(const void* values, std::size_t count, Element element,
                const Kernels& kernels) noexcept;

}  // namespace eigenwell::pairwise

#endif  // EIGENWELL_SRC_PAIRWISE_OPERATIONS_HPP
