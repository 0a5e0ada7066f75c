// Escape times and final policies of many starts. The caller has checked values and shapes; arrays
// are float64 and int64, in C order. The interpreter lock is released inside.
#include "../src/wells/bandits.hpp"
#include "bind.hpp"

namespace eigenwell::bind {
namespace {

template <class T>
using Array = py::array_t<T, py::array::c_style>;

bool interrupted(void*) {
    const py::gil_scoped_acquire locked;
    return PyErr_CheckSignals() != 0;
}

// ratios: [K - 1, n], in and out; shortfalls: [K - 1, n] or [K - 1, 1]; rates: [steps] or [1];
// thresholds and times: [n], or both None. Returns how many updates of a start were made.
double softmax_pg(Array<double>& ratios, const Array<double>& shortfalls,
                  const Array<double>& rates, const py::object& thresholds, const py::object& times,
                  std::int64_t steps, bool gentle, std::size_t threads) {
    const wells::Kernels* active = wells::active_kernels();
    if (active == nullptr) {
        raise("BackendUnavailableError",
              "the environment variable EIGENWELL_ISA names an instruction set that is not here");
    }
    wells::Bandits bandits;
    bandits.ratios = ratios.mutable_data();
    bandits.others = static_cast<std::size_t>(ratios.shape(0));
    bandits.n = static_cast<std::size_t>(ratios.shape(1));
    bandits.shortfalls = shortfalls.data();
    bandits.shared = shortfalls.shape(1) == 1;
    bandits.rates = rates.data();
    bandits.rate_stride = rates.size() == 1 ? 0 : 1;
    bandits.steps = steps;
    bandits.gentle = gentle;
    bandits.threads = threads;
    bandits.stop = interrupted;
    Array<double> below;
    Array<std::int64_t> found;
    if (!thresholds.is_none()) {
        below = thresholds.cast<Array<double>>();
        found = times.cast<Array<std::int64_t>>();
        bandits.thresholds = below.data();
        bandits.times = found.mutable_data();
    }
    auto outcome = wells::Outcome::ok;
    {
        const py::gil_scoped_release unlocked;
        outcome = wells::run(bandits, *active);
    }
    if (outcome == wells::Outcome::no_memory) {
        PyErr_SetString(PyExc_MemoryError, "there is no memory for so many starts");
    }
    if (outcome != wells::Outcome::ok) {  // a signal has set its own error
        throw py::error_already_set();
    }
    return bandits.updates;
}

}  // namespace

void wells_operations(py::module_& m) {
    using py::arg;
    m.def("softmax_pg", &softmax_pg, arg("ratios").noconvert(), arg("shortfalls").noconvert(),
          arg("rates").noconvert(), arg("thresholds"), arg("times"), py::kw_only(), arg("steps"),
          arg("gentle"), arg("threads"));
}

}  // namespace eigenwell::bind
