#include "threads.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <thread>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif
#if defined(__linux__)
#include <sched.h>
#endif

namespace eigenwell::cpu {
namespace {

// A worker that has just finished looks for more work this often before it goes to sleep, and a
// caller for the end of its work: some ten microseconds, the time that waking up takes.
constexpr int spins = 400;

void pause() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

struct Job {
    Task task = nullptr;
    void* context = nullptr;
    std::size_t count = 0;
    std::atomic<std::size_t> next{0};

    void work(std::size_t worker) noexcept {
        for (;;) {
            const std::size_t index = next.fetch_add(1, std::memory_order_relaxed);
            if (index >= count) {
                return;
            }
            task(context, index, worker);
        }
    }
};

class Pool {
public:
    // False if the pool is at work for somebody else.
    bool run(std::size_t threads, std::size_t count, Task task, void* context) noexcept {
        if (busy_.exchange(true, std::memory_order_acquire)) {
            return false;
        }
        const std::size_t helpers = start(threads - 1);
        job_.task = task;
        job_.context = context;
        job_.count = count;
        job_.next.store(0, std::memory_order_relaxed);
        running_.store(helpers, std::memory_order_relaxed);
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            wanted_ = helpers;
            round_.fetch_add(1, std::memory_order_release);
        }
        wake_.notify_all();
        job_.work(0);
        for (int i = 0; i < spins && running_.load(std::memory_order_acquire) != 0; ++i) {
            pause();
        }
        if (running_.load(std::memory_order_acquire) != 0) {
            std::unique_lock<std::mutex> lock(mutex_);
            done_.wait(lock, [this] { return running_.load(std::memory_order_acquire) == 0; });
        }
        busy_.store(false, std::memory_order_release);
        return true;
    }

private:
    // Makes the threads that are missing; the number that may be used.
    std::size_t start(std::size_t helpers) noexcept {
        while (started_ < helpers) {
            try {
                const std::size_t number = started_ + 1;
                const std::uint64_t seen = round_.load(std::memory_order_relaxed);
                std::thread([this, number, seen] { serve(number, seen); }).detach();
            } catch (...) {  // the system has no more: work with what there is
                break;
            }
            ++started_;
        }
        return helpers < started_ ? helpers : started_;
    }

    [[noreturn]] void serve(std::size_t number, std::uint64_t seen) noexcept {
        for (;;) {
            for (int i = 0; i < spins && round_.load(std::memory_order_acquire) == seen; ++i) {
                pause();
            }
            {
                std::unique_lock<std::mutex> lock(mutex_);
                wake_.wait(lock, [&] { return round_.load(std::memory_order_relaxed) != seen; });
                seen = round_.load(std::memory_order_relaxed);
                if (number > wanted_) {
                    continue;
                }
            }
            job_.work(number);
            if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
                const std::lock_guard<std::mutex> lock(mutex_);
                done_.notify_one();
            }
        }
    }

    std::atomic<bool> busy_{false};
    std::atomic<std::uint64_t> round_{0};
    std::atomic<std::size_t> running_{0};
    std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable done_;
    std::size_t wanted_ = 0;   // under mutex_
    std::size_t started_ = 0;  // under busy_
    Job job_;
};

// Never destroyed: its threads outlive every static object.
std::atomic<Pool*> the_pool{nullptr};

// A child has none of the threads, and the locks as they were: it leaves the old pool behind.
void forget_pool() noexcept { the_pool.store(nullptr, std::memory_order_relaxed); }

Pool* pool() noexcept {
#if defined(__unix__) || defined(__APPLE__)
    static const int registered = pthread_atfork(nullptr, nullptr, forget_pool);
    if (registered != 0) {
        return nullptr;
    }
#endif
    Pool* found = the_pool.load(std::memory_order_acquire);
    if (found == nullptr) {
        auto* made = new (std::nothrow) Pool;
        if (made != nullptr && the_pool.compare_exchange_strong(found, made)) {
            return made;
        }
        delete made;
    }
    return found;
}

// Those that the process may run on.
std::size_t processors() noexcept {
#if defined(__linux__)
    cpu_set_t mine;
    if (sched_getaffinity(0, sizeof mine, &mine) == 0 && CPU_COUNT(&mine) > 0) {
        return static_cast<std::size_t>(CPU_COUNT(&mine));
    }
#endif
    const std::size_t number = std::thread::hardware_concurrency();
    return number == 0 ? 1 : number;
}

}  // namespace

std::size_t default_threads() noexcept {
    if (const char* text = std::getenv("EIGENWELL_NUM_THREADS"); text != nullptr) {
        char* end = nullptr;
        const unsigned long number = std::strtoul(text, &end, 10);
        if (end != text && *end == '\0' && number > 0) {
            return number < max_threads ? number : max_threads;
        }
    }
    static const std::size_t found = processors();
    return found < max_threads ? found : max_threads;
}

void parallel(std::size_t count, std::size_t threads, Task task, void* context) noexcept {
    threads = threads < count ? threads : count;
    threads = threads < max_threads ? threads : max_threads;
    if (threads > 1) {
        Pool* shared = pool();
        if (shared != nullptr && shared->run(threads, count, task, context)) {
            return;
        }
    }
    for (std::size_t index = 0; index < count; ++index) {
        task(context, index, 0);
    }
}

}  // namespace eigenwell::cpu
