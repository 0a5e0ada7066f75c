#include "threads.hpp"

#include <atomic>
#include <chrono>
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

// Who waits looks this long before it sleeps. Waking up a sleeping thread takes 5 to 50
// microseconds, as long as a small call: between two of them a worker stays awake, an idle one not.
constexpr std::chrono::microseconds patience{50};

void pause() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// Looks until it is so, at most as long as its patience lasts; false if it is not so.
template <class Condition>
bool spin_until(const Condition& condition) noexcept {
    const auto end = std::chrono::steady_clock::now() + patience;
    do {
        for (int i = 0; i < 16; ++i) {
            if (condition()) {
                return true;
            }
            pause();
        }
    } while (std::chrono::steady_clock::now() < end);
    return false;
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

// One word says all that a worker must know at once: the number of the round, how many workers it
// wants, whether it is open, how many are in it. Only who came in while it was open is waited for.
using Word = std::uint64_t;
constexpr Word one_inside = 1;
constexpr Word open = Word{1} << 10;
constexpr int wanted_shift = 11;
constexpr int round_shift = 21;
constexpr Word inside(Word word) noexcept { return word & (open - 1); }
constexpr Word round(Word word) noexcept { return word >> round_shift; }
constexpr bool welcome(Word word, std::size_t number) noexcept {
    return (word & open) != 0 && number <= (word >> wanted_shift & 1023);
}
static_assert(max_threads <= 1023);

class Pool {
public:
    // False if the pool is at work for somebody else.
    bool run(std::size_t threads, std::size_t count, Task task, void* context) noexcept {
        if (busy_.exchange(true, std::memory_order_acquire)) {
            return false;
        }
        const Word helpers = start(threads - 1);
        job_.task = task;
        job_.context = context;
        job_.count = count;
        job_.next.store(0, std::memory_order_relaxed);
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            const Word next = round(word_.load(std::memory_order_relaxed)) + 1;
            word_.store(next << round_shift | helpers << wanted_shift | open,
                        std::memory_order_release);
        }
        wake_.notify_all();
        job_.work(0);
        word_.fetch_and(~open, std::memory_order_relaxed);
        const auto empty = [this] { return inside(word_.load(std::memory_order_acquire)) == 0; };
        if (!spin_until(empty)) {
            std::unique_lock<std::mutex> lock(mutex_);
            done_.wait(lock, empty);
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
                const Word seen = round(word_.load(std::memory_order_relaxed));
                std::thread([this, number, seen] { serve(number, seen); }).detach();
            } catch (...) {  // the system has no more: work with what there is
                break;
            }
            ++started_;
        }
        return helpers < started_ ? helpers : started_;
    }

    [[noreturn]] void serve(std::size_t number, Word seen) noexcept {
        const auto called = [&] { return round(word_.load(std::memory_order_acquire)) != seen; };
        for (;;) {
            if (!spin_until(called)) {
                std::unique_lock<std::mutex> lock(mutex_);
                wake_.wait(lock, called);
            }
            Word word = word_.load(std::memory_order_relaxed);
            bool in = false;
            while (!in && welcome(word, number)) {
                in = word_.compare_exchange_weak(word, word + one_inside, std::memory_order_acquire,
                                                 std::memory_order_relaxed);
            }
            seen = round(word);
            if (!in) {
                continue;
            }
            job_.work(number);
            word = word_.fetch_sub(one_inside, std::memory_order_release);
            if (inside(word) == 1 && (word & open) == 0) {
                const std::lock_guard<std::mutex> lock(mutex_);
                done_.notify_one();
            }
        }
    }

    std::atomic<bool> busy_{false};
    std::atomic<Word> word_{0};
    std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable done_;
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
