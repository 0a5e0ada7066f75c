// Work goes in pieces, an agent and some of its episodes, which lanes take from one counter:
// threads and lanes run dry together. All threads come back from time to time, to be asked whether
// to stop.
#include "rollouts.hpp"

#include <algorithm>
#include <cmath>
#include <new>
#include <vector>

#include "../cpu/threads.hpp"

namespace eigenwell::cartpole {
namespace {

// Products of lanes between two questions whether to stop: some twenty milliseconds with AVX-512.
constexpr std::size_t work_of_round = std::size_t{1} << 24;
// Products that are worth a second thread, as if an episode had ten steps.
constexpr std::size_t work_of_thread = std::size_t{1} << 17;
constexpr std::size_t pieces_of_lane = 8;
constexpr std::size_t shortest_piece = 2 * streams;

bool is_dc(const Architecture& net) {
    return net.activation == Activation::dc || net.activation == Activation::dc_quadratic;
}

void sine_cosine(const double* angle, double* sine, double* cosine, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        sine[i] = std::sin(angle[i]);
        cosine[i] = std::cos(angle[i]);
    }
}

// Where the weights are that a kernel reads one after the other: see policies.hpp.
std::vector<std::uint32_t> weight_order(const Architecture& net) {
    std::vector<std::uint32_t> order;
    const auto add = [&order](std::size_t i) { order.push_back(static_cast<std::uint32_t>(i)); };
    if (is_dc(net)) {
        const std::size_t all = net.sizes[1];
        for (std::size_t e = 0; e < all; ++e) {
            for (std::size_t row = 0; row < parameters(net) / all; ++row) {
                add(row * all + e);
            }
        }
        return order;
    }
    std::size_t first = 0;
    for (std::size_t i = 0; i < net.layers; ++i) {
        const std::size_t inputs = net.sizes[i];
        const std::size_t outputs = net.sizes[i + 1];
        for (std::size_t begin = 0; begin < outputs; begin += block_max) {
            const std::size_t end = std::min(begin + block_max, outputs);
            for (std::size_t row = 0; row <= inputs; ++row) {
                for (std::size_t out = begin; out < end; ++out) {
                    add(first + (row == 0 ? inputs : row - 1) * outputs + out);
                }
            }
        }
        first += (inputs + 1) * outputs;
    }
    return order;
}

class Crew {
public:
    Crew(const Rollouts& rollouts, const Kernels& kernels)
        : rollouts_(rollouts), order_(weight_order(rollouts.architecture)) {
        const std::size_t count = order_.size();
        kernel_ = rollouts.narrow != nullptr ? kernels.fast : kernels.exact;
        const std::size_t lanes =
            rollouts.narrow != nullptr ? kernels.fast_lanes : kernels.exact_lanes;
        const std::size_t work = rollouts.agents * rollouts.episodes * count * 10;
        const std::size_t wanted =
            rollouts.threads == 0 ? cpu::default_threads() : rollouts.threads;
        threads_ = std::min({wanted, cpu::max_threads, work / work_of_thread + 1});
        budget_ = static_cast<std::int64_t>(work_of_round / (count + 64)) + 1;

        plan_.architecture = rollouts.architecture;
        plan_.physics = rollouts.physics;
        plan_.parameters = count;
        plan_.order = order_.data();
        plan_.weights = rollouts.narrow;
        if (rollouts.wide != nullptr) {
            plan_.weights = rollouts.wide;
        }
        plan_.starts = rollouts.starts;
        plan_.agents = rollouts.agents;
        plan_.episodes = rollouts.episodes;
        const std::size_t enough = pieces_of_lane * lanes * threads_;
        const std::size_t chunks = (enough + rollouts.agents - 1) / rollouts.agents;
        plan_.chunk = std::max((rollouts.episodes + chunks - 1) / chunks, shortest_piece);
        plan_.chunks = (rollouts.episodes + plan_.chunk - 1) / plan_.chunk;
        plan_.cap = rollouts.cap;
        plan_.sampled = rollouts.sampled;
        plan_.seed = rollouts.seed;
        plan_.steps = rollouts.steps;
        plan_.offsets = rollouts.offsets;
        plan_.every = rollouts.every;
        plan_.observations = rollouts.observations;
        plan_.actions = rollouts.actions;
        plan_.next = &next_;
        plan_.sine_cosine = sine_cosine;

        const auto& sizes = rollouts.architecture.sizes;
        const std::size_t widest =
            *std::max_element(sizes, sizes + rollouts.architecture.layers + 1);
        rows_ = state_rows + count + 2 * streams * widest;
        memory_.resize(rows_ * threads_, Row{});
        busy_.assign(threads_, 1);
    }

    Outcome run() {
        while (std::any_of(busy_.begin(), busy_.end(), [](char busy) { return busy != 0; })) {
            cpu::parallel(threads_, threads_, one_worker, this);
            if (rollouts_.stop != nullptr && rollouts_.stop(rollouts_.stop_context)) {
                return Outcome::stopped;
            }
        }
        return Outcome::ok;
    }

private:
    static void one_worker(void* context, std::size_t index, std::size_t) {
        Crew& crew = *static_cast<Crew*>(context);
        if (crew.busy_[index] == 0) {
            return;
        }
        Worker worker;
        worker.state = crew.memory_.data() + index * crew.rows_;
        worker.weights = worker.state + state_rows;
        worker.hidden = worker.weights + crew.order_.size();
        crew.busy_[index] = crew.kernel_(crew.plan_, worker, crew.budget_) ? 1 : 0;
    }

    const Rollouts& rollouts_;
    std::vector<std::uint32_t> order_;
    bool (*kernel_)(const Plan& plan, const Worker& worker, std::int64_t budget) = nullptr;
    std::size_t threads_ = 1;
    std::int64_t budget_ = 0;
    Plan plan_{};
    std::uint64_t next_ = 0;
    std::size_t rows_ = 0;
    std::vector<Row> memory_;
    std::vector<char> busy_;
};

}  // namespace

std::size_t parameters(const Architecture& net) noexcept {
    if (is_dc(net)) {
        return (net.activation == Activation::dc ? 5 : 6) * net.sizes[1];
    }
    std::size_t count = 0;
    for (std::size_t i = 0; i < net.layers; ++i) {
        count += (net.sizes[i] + 1) * net.sizes[i + 1];
    }
    return count;
}

Outcome run(const Rollouts& rollouts, const Kernels& kernels) noexcept {
    if (rollouts.agents == 0 || rollouts.episodes == 0) {
        return Outcome::ok;
    }
    try {
        return Crew(rollouts, kernels).run();
    } catch (const std::bad_alloc&) {
        return Outcome::no_memory;
    }
}

}  // namespace eigenwell::cartpole
