// A small pool of threads, started by the first call that wants more than one.
//
// Work is a number of tasks with indices; which thread takes which is not fixed, so a task must
// write only what is its own and its result must not depend on the thread. While the pool serves
// one caller, another one's tasks run in its own thread alone: nobody waits, calls may nest. A
// forked child starts with a new pool.
#ifndef EIGENWELL_SRC_CPU_THREADS_HPP
#define EIGENWELL_SRC_CPU_THREADS_HPP

#include <cstddef>

namespace eigenwell::cpu {

// Task `index`, run by worker `worker`: 0 is the caller, and no number is in use twice at a time.
using Task = void (*)(void* context, std::size_t index, std::size_t worker);

// The most threads that a call may use, the caller included.
inline constexpr std::size_t max_threads = 256;

// EIGENWELL_NUM_THREADS, or as many as the process may run on.
std::size_t default_threads() noexcept;

// Runs task(context, index, worker) for every index < count on at most `threads` threads, the
// caller included, and returns when all are done. Starts fewer where the system gives no more.
void parallel(std::size_t count, std::size_t threads, Task task, void* context) noexcept;

}  // namespace eigenwell::cpu

#endif  // EIGENWELL_SRC_CPU_THREADS_HPP
