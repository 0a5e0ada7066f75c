// Populations of pole-balancers: what the kernels take and what they promise.
//
// A policy sees s = (x, x', theta, theta') and pushes the cart with -F or +F, to the right where
// its second logit is the larger one. With M = m_cart + m_pole and a = m_pole half_length:
//
//   temp    = (+-F + a theta'^2 sin theta) / M
//   theta'' = (g sin theta - cos theta temp) / (half_length (4/3 - m_pole cos^2 theta / M))
//   x''     = temp - a theta'' cos theta / M
//   s      <- s + tau (x', x'', theta', theta'')
//
// until |x| or |theta| is beyond its limit, or for `cap` steps. That is Gymnasium's CartPole, after
// Barto, Sutton and Anderson (1983).
//
// Lanes are agents, and each goes its own way: it takes its agent's next episode when one ends, and
// another agent when there is none, so that all lanes are busy until the work runs out. Two
// episodes of an agent are on their way at a time: they share the loads of its weights.
//
// Two modes:
//   exact  float64, every operation rounded by itself and in Gymnasium's order, sine and cosine by
//          the C library, which is what NumPy calls; observations are rounded to float32 before the
//          network, which adds in order of its inputs, the bias first. Every instruction set gives
//          the same bits.
//   fast   float32 and fused; sine, cosine and tanh err by some 4e-7 at most.
//
// Randomness is a function of the seed, the agent, the episode and the time (Threefry-2x32, 20
// rounds), so an episode has the same bits in any lane and with any number of threads.
#ifndef EIGENWELL_SRC_CARTPOLE_CARTPOLE_HPP
#define EIGENWELL_SRC_CARTPOLE_CARTPOLE_HPP

#include <cstddef>
#include <cstdint>

namespace eigenwell::cartpole {

enum class Activation : int { tanh, relu, dc, dc_quadratic };

inline constexpr std::size_t most_layers = 16;
inline constexpr std::size_t streams = 2;    // episodes of an agent on their way
inline constexpr std::size_t block_max = 6;  // outputs of a layer that are computed together

struct Architecture {
    Activation activation = Activation::tanh;  // of the hidden layers; or what the one layer is
    std::size_t layers = 0;
    std::size_t sizes[most_layers + 1] = {};  // 4, hidden, 2; of DC: 4, 2 m
};

struct Physics {
    double gravity = 9.8;
    double cart_mass = 1.0;
    double pole_mass = 0.1;
    double half_length = 0.5;
    double force = 10.0;
    double tau = 0.02;
    double x_limit = 2.4;
    double angle_limit = 0.0;
    double observation_noise = 0.0;  // half-width of a uniform distribution
};

// The work, and where its results go. One for all threads.
struct Plan {
    Architecture architecture{};
    Physics physics{};
    std::size_t parameters = 0;
    const std::uint32_t* order = nullptr;  // [parameters]: where a kernel's weight is in a vector
    const void* weights = nullptr;         // [agents, parameters], float or double
    const double* starts = nullptr;        // [episodes, 4]
    std::size_t agents = 0;
    std::size_t episodes = 0;
    std::size_t chunks = 1;  // pieces of an agent's episodes
    std::size_t chunk = 0;   // episodes of a piece
    std::int64_t cap = 500;
    bool sampled = false;
    std::uint64_t seed = 0;
    std::int32_t* steps = nullptr;          // [agents, episodes]
    const std::int64_t* offsets = nullptr;  // [agents, episodes]: first visit; or null
    std::int64_t every = 1;                 // of the visits that are kept
    float* observations = nullptr;          // [visits, 4]
    std::int8_t* actions = nullptr;         // [visits]
    std::uint64_t* next = nullptr;          // the next piece that nobody has taken
    void (*sine_cosine)(const double* angle, double* sine, double* cosine,
                        std::size_t count) = nullptr;
};

struct alignas(64) Row {
    unsigned char bytes[64];
};

// What a thread has on its way. All zeros is how it starts.
struct Worker {
    Row* state = nullptr;    // [state_rows]
    Row* weights = nullptr;  // [parameters]
    Row* hidden = nullptr;   // [2, widest layer, streams]
};

inline constexpr std::size_t state_rows = 96;

struct Kernels {
    // Goes on for `budget` steps of all lanes; returns false when there is no work left.
    bool (*fast)(const Plan& plan, const Worker& worker, std::int64_t budget);
    bool (*exact)(const Plan& plan, const Worker& worker, std::int64_t budget);
    std::size_t fast_lanes;
    std::size_t exact_lanes;
    // Elementwise, for tests; `count` is a multiple of 16.
    void (*tanh_fast)(const float* x, float* result, std::size_t count);
    void (*tanh_exact)(const double* x, double* result, std::size_t count);
    void (*exp_fast)(const float* x, float* result, std::size_t count);
    void (*exp_exact)(const double* x, double* result, std::size_t count);
};

extern const Kernels portable_kernels;
#if defined(__x86_64__)
extern const Kernels avx2_kernels;
extern const Kernels avx512_kernels;
#endif

// The kernels of the active instruction set; null while EIGENWELL_ISA names an unknown one.
const Kernels* active_kernels() noexcept;

}  // namespace eigenwell::cartpole

#endif  // EIGENWELL_SRC_CARTPOLE_CARTPOLE_HPP
