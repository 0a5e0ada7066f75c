// From the contract to passes: masks, scales, workspace. Host code, no CUDA needed.
//
// A self energy counts a pair of points once (`upper`) or twice (`all`, `different`); its gradient
// is that of the ordered pairs, once or twice. The pass over rows of y is the one over rows of x
// with the roles changed, so its mask is the transposed one.
#ifndef EIGENWELL_SRC_PAIRWISE_CUDA_PROBLEM_HPP
#define EIGENWELL_SRC_PAIRWISE_CUDA_PROBLEM_HPP

#include "cuda_plan.hpp"

namespace eigenwell::pairwise::cuda {

constexpr std::int32_t species_limit = 256;

inline std::size_t aligned(std::size_t bytes) { return (bytes + 255) / 256 * 256; }

inline Mask mask_of(const Riesz& problem, bool swapped, bool gradient) {
    if (problem.y == nullptr) {
        return gradient ? Mask::different : Mask::upper;
    }
    switch (problem.pairs) {
        case Pairs::all: return Mask::none;
        case Pairs::upper: return swapped ? Mask::lower : Mask::upper;
        case Pairs::different: return Mask::different;
    }
    return Mask::none;
}

// What the sum over the pass's mask is to be multiplied by.
inline double energy_scale(const Riesz& problem, bool gradient) {
    if (problem.y != nullptr) {
        return 1.0;
    }
    const double once = gradient ? 0.5 : 1.0;
    return problem.pairs == Pairs::upper ? once : 2.0 * once;
}
inline double gradient_scale(const Riesz& problem) {
    const bool twice = problem.y == nullptr && problem.pairs != Pairs::upper;
    return twice ? 2.0 * problem.exponent : problem.exponent;
}

// The pass whose rows are the points of x, or (`swapped`) those of y.
inline Pass riesz_pass(const Riesz& problem, const Shape& shape, bool swapped, bool gradient) {
    const bool self = problem.y == nullptr;
    const void* const y = self ? problem.x : problem.y;
    const void* const wy = self ? problem.wx : problem.wy;
    Pass pass{};
    pass.x = swapped ? y : problem.x;
    pass.y = swapped ? problem.x : y;
    pass.wx = swapped ? wy : problem.wx;
    pass.wy = swapped ? problem.wx : wy;
    pass.rows = swapped ? shape.m : shape.n;
    pass.cols = swapped || self ? shape.n : shape.m;
    pass.d = shape.d;
    pass.exponent = problem.exponent;
    pass.softening2 = problem.softening * problem.softening;
    pass.dtype = shape.dtype;
    pass.mask = mask_of(problem, swapped, gradient);
    pass.power = power_of(problem.exponent);
    pass.source = Source::riesz;
    return pass;
}

inline Pass matrix_pass(const Shape& shape,
                        const void* x,          // [batch, n, d]
                        const void* y,          // [batch, m, d]
                        const void* grad,       // of the distances, as `source` says
                        const void* distances,  // likewise
                        Source source) {
    Pass pass{};
    pass.x = x;
    pass.y = y;
    pass.grad = grad;
    pass.distances = distances;
    pass.rows = shape.n;
    pass.cols = shape.m;
    pass.d = shape.d;
    pass.exponent = 1.0;
    pass.dtype = shape.dtype;
    pass.mask = Mask::none;
    pass.power = Power::one;
    pass.source = source;
    return pass;
}

inline Plan plan_of(const Pass& pass, std::int64_t batch) {
    if (pass.source == Source::riesz && pass.d <= 3) {
        const bool short_pairs =
            pass.dtype != DType::float64 && pass.power != Power::general && pass.vx == nullptr;
        return plan_rows(batch, pass.rows, pass.cols, short_pairs);
    }
    return pass.dtype == DType::float64 ? plan_tiles<double>(batch, pass.rows, pass.cols)
                                        : plan_tiles<float>(batch, pass.rows, pass.cols);
}

inline std::size_t energy_bytes(const Plan& plan, std::int64_t batch) {
    return aligned(static_cast<std::size_t>(batch * plan.splits * plan.row_blocks) *
                   sizeof(double));
}

inline std::size_t pass_bytes(const Pass& pass, std::int64_t batch) {
    const Plan plan = plan_of(pass, batch);
    const std::size_t one = pass.dtype == DType::float64 ? sizeof(double) : sizeof(float);
    const std::size_t part = plan.per_thread > 0 ? one : 2 * one;
    return energy_bytes(plan, batch) +
           aligned(static_cast<std::size_t>(batch * plan.splits * pass.rows * pass.d) * part);
}

// Enough for every pass that the functions of the contract make of a shape.
inline std::size_t bytes_of(const Shape& shape) {
    if (shape.batch <= 0 || shape.n < 0 || shape.m < 0 || shape.d <= 0) {
        return 0;
    }
    std::size_t most = 256;
    const std::int64_t n = shape.n;
    const std::int64_t m = shape.m;
    const std::int64_t sizes[][2] = {{n, m}, {m, n}, {n, n}};
    for (const auto& size : sizes) {
        const Shape piece{shape.batch, size[0], size[1], shape.d, shape.dtype};
        Pass pass = matrix_pass(piece, nullptr, nullptr, nullptr, nullptr, Source::matrix);
        for (int kind = 0; kind < 3; ++kind) {  // a matrix; the formula, short and long
            const std::size_t bytes = pass_bytes(pass, shape.batch);
            most = bytes > most ? bytes : most;
            pass.source = Source::riesz;
            pass.power = kind == 0 ? Power::one : Power::general;
        }
    }
    return most;
}

inline bool sensible(const Descent& descent) {
    const bool wide = descent.dtype == DType::float32 || descent.dtype == DType::float64;
    if (!wide || descent.d <= 0 || descent.steps < 0 || descent.record_every < 0 ||
        descent.species_count < 0 || descent.species_count > species_limit ||
        descent.term_count < 0) {
        return false;
    }
    for (std::int32_t a = 0; a < descent.species_count; ++a) {
        const Species& one = descent.species[a];
        if (one.n < 0 || (descent.momentum != 0.0 && one.velocity == nullptr)) {
            return false;
        }
    }
    for (std::int32_t t = 0; t < descent.term_count; ++t) {
        const Term& term = descent.terms[t];
        if (term.first < 0 || term.first >= descent.species_count || term.second < 0 ||
            term.second >= descent.species_count || term.exponent == 0.0) {
            return false;
        }
    }
    return true;
}

// The float64 gradients of all species, and what the widest term needs beside them.
inline std::size_t gradient_bytes(const Descent& descent) {
    std::size_t numbers = 0;
    for (std::int32_t a = 0; a < descent.species_count; ++a) {
        numbers += static_cast<std::size_t>(descent.species[a].n * descent.d);
    }
    return aligned(numbers * sizeof(double));
}
inline std::size_t scratch_bytes(const Descent& descent) {
    if (!sensible(descent)) {
        return 0;
    }
    std::size_t most = 256;
    for (std::int32_t t = 0; t < descent.term_count; ++t) {
        const std::int64_t a = descent.species[descent.terms[t].first].n;
        const std::int64_t b = descent.species[descent.terms[t].second].n;
        const std::size_t bytes = bytes_of({1, a, b, descent.d, descent.dtype});
        most = bytes > most ? bytes : most;
    }
    return most;
}

// Steps that a descent launches together as a graph; 0 where making one would not pay. Estimates:
// making it costs as much as launching some fifty steps, and beyond sixteen steps a launch there is
// little to gain. As many go into each graph as divide the way from one record to the next evenly.
inline std::int64_t steps_together(const Descent& descent) {
    constexpr std::int64_t fewest = 64;
    constexpr std::int64_t most = 16;
    constexpr std::int64_t most_nodes = 1024;
    const std::int64_t nodes = 1 + 4 * std::int64_t{descent.term_count} + descent.species_count;
    if (descent.steps < fewest || nodes > most_nodes) {
        return 0;
    }
    const bool recorded = descent.record_every > 0 && descent.record_every < descent.steps;
    const std::int64_t way = recorded ? descent.record_every : descent.steps;
    return way / quotient_up(way, least(most, most_nodes / nodes));
}

// Goes through the steps of a descent: `one()` takes a step, `several()` takes `together` of them,
// `record(number)` keeps the state. Each says 0, or what went wrong. The first step goes alone: it
// loads the kernels, which a capture should not have to.
template <class One, class Several, class Record>
int walk(const Descent& descent, std::int64_t together, const One& one, const Several& several,
         const Record& record) {
    const std::int64_t every = descent.record_every;
    int status = 0;
    for (std::int64_t done = 0; done < descent.steps && status == 0;) {
        const std::int64_t end = descent.steps - done;
        const std::int64_t way = every > 0 ? least(every - done % every, end) : end;
        const bool many = together > 0 && done > 0 && way >= together;
        status = many ? several() : one();
        done += many ? together : 1;
        if (status == 0 && every > 0 && done % every == 0) {
            status = record(done / every - 1);
        }
    }
    return status;
}

}  // namespace eigenwell::pairwise::cuda

#endif  // EIGENWELL_SRC_PAIRWISE_CUDA_PROBLEM_HPP
