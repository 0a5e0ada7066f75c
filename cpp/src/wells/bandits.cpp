// Starts go in blocks, each with its numbers side by side, and in rounds: all blocks make some
// steps, then the starts that escaped are left out and the others close ranks. A round is an eighth
// of the time so far, so at most an eighth of the work is done for starts that have escaped.
#include "bandits.hpp"

#include <algorithm>
#include <new>
#include <vector>

#include "../cpu/threads.hpp"

namespace eigenwell::wells {
namespace {

// Updates of ratios between two questions whether to stop: some twenty milliseconds of one thread
// with AVX-512, a tenth of a second with SSE2.
constexpr std::size_t work_of_round = std::size_t{1} << 25;
// Updates of ratios that are worth a second thread: some twenty microseconds.
constexpr std::size_t work_of_thread = std::size_t{1} << 15;
constexpr std::int64_t shortest_round = 16;

class Flock {
public:
    explicit Flock(const Bandits& bandits) : problem_(bandits) {
        starts_.reserve(bandits.n);
        for (std::size_t i = 0; i < bandits.n; ++i) {
            if (bandits.thresholds == nullptr || bandits.times[i] <= 0) {
                starts_.push_back(i);
            }
        }
        const std::size_t all = blocks();
        ratios_.resize(all * bandits.others, Row{});
        shortfalls_.resize((bandits.shared ? 1 : all) * bandits.others, Row{});
        times_.resize(all * block_starts, 0);
        if (bandits.thresholds != nullptr) {
            thresholds_.resize(all, Row{});
        }
        for (std::size_t i = 0; i < starts_.size(); ++i) {
            for (std::size_t a = 0; a < bandits.others; ++a) {
                ratio(a, i) = bandits.ratios[a * bandits.n + starts_[i]];
                if (!bandits.shared) {
                    shortfall(a, i) = bandits.shortfalls[a * bandits.n + starts_[i]];
                }
            }
            if (bandits.thresholds != nullptr) {
                threshold(i) = bandits.thresholds[starts_[i]];
            }
        }
        for (std::size_t a = 0; bandits.shared && a < bandits.others; ++a) {
            std::fill_n(shortfalls_[a].lane, block_starts, bandits.shortfalls[a]);
        }
    }

    // From time t on; whether escapes are looked for is up to the caller.
    void advance(std::int64_t t, std::int64_t updates, bool noting, const Kernels& kernels) {
        Round round{this, problem_.gentle ? kernels.gentle : kernels.any, {}, noting};
        round.block.rates = problem_.rates + static_cast<std::size_t>(t - 1) * problem_.rate_stride;
        round.block.rate_stride = problem_.rate_stride;
        round.block.t = t;
        round.block.updates = static_cast<std::size_t>(updates);
        round.block.others = problem_.others;
        const std::size_t all = work() * round.block.updates;
        const std::size_t wanted =
            problem_.threads == 0 ? cpu::default_threads() : problem_.threads;
        const std::size_t worth = std::max<std::size_t>(all / work_of_thread, 1);
        cpu::parallel(blocks(), std::min(wanted, worth), one_block, &round);
    }

    // Leaves the starts out that have escaped.
    void close_ranks() {
        std::size_t next = 0;
        for (std::size_t i = 0; i < starts_.size(); ++i) {
            if (times_[i] > 0) {
                problem_.times[starts_[i]] = times_[i];
                continue;
            }
            if (next < i) {
                move(i, next);
            }
            ++next;
        }
        const std::size_t before = blocks() * block_starts;
        starts_.resize(next);
        for (std::size_t i = next; i < std::min(before, blocks() * block_starts); ++i) {
            times_[i] = 0;
            threshold(i) = 0.0;
            for (std::size_t a = 0; a < problem_.others; ++a) {
                ratio(a, i) = 0.0;  // a start that stays where it is
            }
        }
    }

    void write_ratios() {
        for (std::size_t i = 0; i < starts_.size(); ++i) {
            for (std::size_t a = 0; a < problem_.others; ++a) {
                problem_.ratios[a * problem_.n + starts_[i]] = ratio(a, i);
            }
        }
    }

    [[nodiscard]] std::size_t size() const { return starts_.size(); }
    // Updates of ratios in a step: blocks are worked on whole.
    [[nodiscard]] std::size_t work() const { return blocks() * block_starts * problem_.others; }

private:
    struct Round {
        Flock* flock;
        void (*kernel)(const Block& block);
        Block block;
        bool noting;
    };

    static void one_block(void* context, std::size_t index, std::size_t) {
        const Round& round = *static_cast<const Round*>(context);
        Flock& flock = *round.flock;
        const std::size_t others = flock.problem_.others;
        Block block = round.block;
        block.ratios = flock.ratios_.data() + index * others;
        block.shortfalls = flock.shortfalls_.data() + (flock.problem_.shared ? 0 : index * others);
        block.thresholds = round.noting ? flock.thresholds_.data() + index : nullptr;
        block.times = flock.times_.data() + index * block_starts;
        round.kernel(block);
    }

    [[nodiscard]] std::size_t blocks() const {
        return (starts_.size() + block_starts - 1) / block_starts;
    }
    double& ratio(std::size_t a, std::size_t i) {
        return ratios_[i / block_starts * problem_.others + a].lane[i % block_starts];
    }
    double& shortfall(std::size_t a, std::size_t i) {
        return shortfalls_[i / block_starts * problem_.others + a].lane[i % block_starts];
    }
    double& threshold(std::size_t i) {
        return thresholds_[i / block_starts].lane[i % block_starts];
    }
    void move(std::size_t from, std::size_t to) {
        starts_[to] = starts_[from];
        times_[to] = times_[from];
        threshold(to) = threshold(from);
        for (std::size_t a = 0; a < problem_.others; ++a) {
            ratio(a, to) = ratio(a, from);
            if (!problem_.shared) {
                shortfall(a, to) = shortfall(a, from);
            }
        }
    }

    const Bandits& problem_;
    std::vector<std::size_t> starts_;  // which start of the caller's is at this place
    std::vector<Row> ratios_;          // [blocks, K - 1]
    std::vector<Row> shortfalls_;      // [blocks or 1, K - 1]
    std::vector<Row> thresholds_;      // [blocks], or none
    std::vector<std::int64_t> times_;  // [blocks, block_starts]
};

Outcome run_rounds(Bandits& bandits, const Kernels& kernels) {
    Flock flock(bandits);
    const bool escapes = bandits.thresholds != nullptr;
    std::int64_t t = 1;
    // What escapes are wanted for looks at the last policy too: an update that nobody sees.
    const std::int64_t end = escapes ? bandits.steps + 1 : bandits.steps;
    if (escapes && bandits.steps > 1) {  // t = 1 is the caller's
        flock.advance(t++, 1, false, kernels);
    }
    while (t < end && bandits.steps > 1 && flock.size() > 0) {
        const std::size_t most = work_of_round / std::max<std::size_t>(flock.work(), 1);
        const std::int64_t longest = std::max(shortest_round, static_cast<std::int64_t>(most));
        const std::int64_t wanted = escapes ? std::max(4 * shortest_round, t / 8) : longest;
        const std::int64_t updates = std::min({wanted, longest, end - t});
        bandits.updates += static_cast<double>(updates) * static_cast<double>(flock.size());
        flock.advance(t, updates, escapes, kernels);
        t += updates;
        if (escapes) {
            flock.close_ranks();
        }
        if (bandits.stop != nullptr && bandits.stop(bandits.stop_context)) {
            return Outcome::stopped;
        }
    }
    if (!escapes) {
        flock.write_ratios();
    }
    return Outcome::ok;
}

}  // namespace

Outcome run(Bandits& bandits, const Kernels& kernels) noexcept {
    try {
        return run_rounds(bandits, kernels);
    } catch (const std::bad_alloc&) {
        return Outcome::no_memory;
    }
}

}  // namespace eigenwell::wells
