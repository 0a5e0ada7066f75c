// Population rollouts. The caller has checked values and shapes; arrays are in C order. The
// interpreter lock is released inside.
#include <pybind11/stl.h>

#include <array>
#include <string>
#include <vector>

#include "../src/cartpole/rollouts.hpp"
#include "bind.hpp"
#include "cartpole_arguments.hpp"

namespace eigenwell::bind {
namespace {

template <class T>
using Array = py::array_t<T, py::array::c_style>;

bool interrupted(void*) {
    const py::gil_scoped_acquire locked;
    return PyErr_CheckSignals() != 0;
}

// weights: [agents, parameters], float32 for the fast mode; starts: [episodes, 4]; steps: [agents,
// episodes], out. offsets: [agents, episodes], and observations: [visits, 4] and actions: [visits],
// out; or all None.
void cartpole_rollout(const py::array& weights, const Array<double>& starts,
                      Array<std::int32_t>& steps, const py::object& offsets,
                      const py::object& observations, const py::object& actions,
                      const std::vector<std::size_t>& sizes, const std::string& activation,
                      const std::array<double, 9>& physics, std::int64_t cap, bool sampled,
                      std::uint64_t seed, std::int64_t every, std::size_t threads) {
    const cartpole::Kernels* active = cartpole::active_kernels();
    if (active == nullptr) {
        raise("BackendUnavailableError",
              "the environment variable EIGENWELL_ISA names an instruction set that is not here");
    }
    cartpole::Rollouts work;
    work.architecture = architecture_of(sizes, activation);
    work.physics = physics_of(physics);
    if (weights.dtype().num() == py::dtype::of<float>().num()) {
        work.narrow = static_cast<const float*>(weights.data());
    } else {
        work.wide = static_cast<const double*>(weights.data());
    }
    work.starts = starts.data();
    work.agents = static_cast<std::size_t>(weights.shape(0));
    work.episodes = static_cast<std::size_t>(starts.shape(0));
    work.cap = cap;
    work.sampled = sampled;
    work.seed = seed;
    work.steps = steps.mutable_data();
    work.threads = threads;
    work.stop = interrupted;
    if (!offsets.is_none()) {
        work.offsets = offsets.cast<Array<std::int64_t>>().data();
        work.observations = observations.cast<Array<float>>().mutable_data();
        work.actions = actions.cast<Array<std::int8_t>>().mutable_data();
        work.every = every;
    }
    auto outcome = cartpole::Outcome::ok;
    {
        const py::gil_scoped_release unlocked;
        outcome = cartpole::run(work, *active);
    }
    if (outcome == cartpole::Outcome::no_memory) {
        PyErr_SetString(PyExc_MemoryError, "there is no memory for so many threads");
    }
    if (outcome != cartpole::Outcome::ok) {  // a signal has set its own error
        throw py::error_already_set();
    }
}

}  // namespace

void cartpole_operations(py::module_& m) {
    using py::arg;
    m.def("cartpole_rollout", &cartpole_rollout, arg("weights"), arg("starts").noconvert(),
          arg("steps").noconvert(), arg("offsets"), arg("observations"), arg("actions"),
          py::kw_only(), arg("sizes"), arg("activation"), arg("physics"), arg("cap"),
          arg("sampled"), arg("seed"), arg("every"), arg("threads"));
}

}  // namespace eigenwell::bind
