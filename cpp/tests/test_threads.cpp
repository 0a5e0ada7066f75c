// The pool: every index once, workers waited for and never shared, nesting, many callers, forked
// children.
#include "../src/cpu/threads.hpp"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

#include "check.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace {

using eigenwell::cpu::parallel;

struct Work {
    explicit Work(std::size_t count) : seen(count), active(eigenwell::cpu::max_threads) {}
    std::vector<int> seen;  // not atomic: an index belongs to one worker
    std::vector<std::atomic<int>> active;
    std::atomic<int> clashes{0};
    std::atomic<std::size_t> highest{0};

    static void task(void* context, std::size_t index, std::size_t worker) {
        auto& work = *static_cast<Work*>(context);
        if (work.active[worker].fetch_add(1) != 0) {
            work.clashes.fetch_add(1);
        }
        ++work.seen[index];
        std::size_t highest = work.highest.load();
        while (worker > highest && !work.highest.compare_exchange_weak(highest, worker)) {
        }
        work.active[worker].fetch_sub(1);
    }
    [[nodiscard]] bool done() const {
        for (const int times : seen) {
            if (times != 1) {
                return false;
            }
        }
        return clashes.load() == 0;
    }
};

bool runs(std::size_t count, std::size_t threads) {
    Work work(count);
    parallel(count, threads, Work::task, &work);
    return work.done() && work.highest.load() < (threads > 0 ? threads : 1);
}

void every_index_once() {
    for (const std::size_t count : {0U, 1U, 2U, 3U, 100U, 5000U}) {
        for (const std::size_t threads : {0U, 1U, 2U, 3U, 7U, 40U}) {
            CHECK(runs(count, threads));
        }
    }
    for (int repeat = 0; repeat < 2000; ++repeat) {
        CHECK(runs(9, 1 + static_cast<std::size_t>(repeat) % 5));
    }
}

// The caller comes to the end while a worker is at its task, longer than anybody would spin.
void slow_worker() {
    struct Slow {
        std::atomic<int> inside{0};
        int seen[2] = {};

        static void task(void* context, std::size_t index, std::size_t worker) {
            auto& slow = *static_cast<Slow*>(context);
            slow.inside.fetch_add(1);
            if (worker == 0) {  // at most a second: there may be no worker
                for (int i = 0; i < 1000 && slow.inside.load() < 2; ++i) {
                    std::this_thread::sleep_for(std::chrono::milliseconds(1));
                }
            } else {
                std::this_thread::sleep_for(std::chrono::milliseconds(5));
            }
            ++slow.seen[index];
        }
    };
    for (int repeat = 0; repeat < 5; ++repeat) {
        Slow slow;
        parallel(2, 2, Slow::task, &slow);
        CHECK(slow.seen[0] == 1 && slow.seen[1] == 1);
    }
}

void nested() {
    struct Outer {
        static void task(void* context, std::size_t, std::size_t) {
            auto& wrong = *static_cast<std::atomic<int>*>(context);
            wrong.fetch_add(runs(50, 4) ? 0 : 1);
        }
    };
    std::atomic<int> wrong{0};
    parallel(20, 3, Outer::task, &wrong);
    CHECK(wrong.load() == 0);
}

void many_callers() {
    std::atomic<int> wrong{0};
    std::vector<std::thread> callers;
    callers.reserve(4);
    for (int caller = 0; caller < 4; ++caller) {
        callers.emplace_back([&wrong] {
            for (int repeat = 0; repeat < 200; ++repeat) {
                wrong.fetch_add(runs(64, 3) ? 0 : 1);
            }
        });
    }
    for (std::thread& caller : callers) {
        caller.join();
    }
    CHECK(wrong.load() == 0);
}

void forked_child() {
    // The thread sanitizer does not let a forked child start threads.
#if (defined(__unix__) || defined(__APPLE__)) && !defined(__SANITIZE_THREAD__)
    CHECK(runs(100, 3));  // the pool is there
    const pid_t child = fork();
    if (child == 0) {
        _exit(runs(100, 3) && runs(100, 5) ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(runs(100, 3));
#endif
}

void number_of_threads() {
    CHECK(unsetenv("EIGENWELL_NUM_THREADS") == 0);
    const std::size_t usual = eigenwell::cpu::default_threads();
    CHECK(usual >= 1 && usual <= eigenwell::cpu::max_threads);
    const auto with = [](const char* text) {
        CHECK(setenv("EIGENWELL_NUM_THREADS", text, 1) == 0);
        return eigenwell::cpu::default_threads();
    };
    CHECK(with("5") == 5);
    CHECK(with("99999") == eigenwell::cpu::max_threads);
    for (const char* nonsense : {"", "0", "many", "3x"}) {
        CHECK(with(nonsense) == usual);
    }
    CHECK(unsetenv("EIGENWELL_NUM_THREADS") == 0);
}

}  // namespace

int main() {
    number_of_threads();
    every_index_once();
    slow_worker();
    nested();
    many_callers();
    forked_child();
    return check::report();
}
