// Pairwise operations on addresses: the callers (NumPy front, torch operators) have checked shapes,
// element types and contiguity. An address is an integer, where 0 is an absent argument, or a NumPy
// array, which is quicker than asking it for its address. The interpreter lock is released inside.
#include <chrono>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include "../src/pairwise/operations.hpp"
#include "bind.hpp"

namespace eigenwell::bind {
namespace {

using Address = std::uintptr_t;

Address address_of(py::handle value) {
    if (py::isinstance<py::array>(value)) {
        return reinterpret_cast<Address>(py::detail::array_proxy(value.ptr())->data);
    }
    return value.cast<Address>();
}

const void* in(py::handle value) { return reinterpret_cast<const void*>(address_of(value)); }
void* out(py::handle value) { return reinterpret_cast<void*>(address_of(value)); }

// Pairs from which the work is worth giving up the interpreter lock.
constexpr double unlock_pairs = 20000.0;

const pairwise::Kernels& kernels() {
    const pairwise::Kernels* active = pairwise::active_kernels();
    if (active == nullptr) {
        raise("BackendUnavailableError",
              "the environment variable EIGENWELL_ISA names an instruction set that is not here");
    }
    return *active;
}

pairwise::Element element_of(std::string_view name) {
    if (name == "float32") {
        return pairwise::Element::f32;
    }
    if (name == "float64") {
        return pairwise::Element::f64;
    }
    if (name == "float16") {
        return pairwise::Element::f16;
    }
    if (name == "bfloat16") {
        return pairwise::Element::bf16;
    }
    raise("DTypeError",
          "`dtype` must be float32, float64, float16 or bfloat16, got " + std::string(name));
}

bool find_pairs(std::string_view name, pairwise::Pairs* pairs) {
    if (name == "all") {
        *pairs = pairwise::Pairs::all;
    } else if (name == "upper") {
        *pairs = pairwise::Pairs::upper;
    } else if (name == "different") {
        *pairs = pairwise::Pairs::different;
    } else {
        return false;
    }
    return true;
}

pairwise::Pairs pairs_of(std::string_view name) {
    auto pairs = pairwise::Pairs::all;
    if (find_pairs(name, &pairs)) {
        return pairs;
    }
    raise("ArgumentError",
          "`pairs` must be \"all\", \"upper\" or \"different\", got \"" + std::string(name) + "\"");
}

void check(pairwise::Outcome outcome) {
    if (outcome == pairwise::Outcome::no_memory) {
        PyErr_SetString(PyExc_MemoryError, "there is no memory for the buffers of this operation");
        throw py::error_already_set();
    }
    if (outcome == pairwise::Outcome::stopped) {  // by a signal, whose error is set
        throw py::error_already_set();
    }
}

template <class Work>
void run(double pairs, const Work& work) {
    if (pairs < unlock_pairs) {
        check(work());
        return;
    }
    auto outcome = pairwise::Outcome::ok;
    {
        const py::gil_scoped_release unlocked;
        outcome = work();
    }
    check(outcome);
}

double size_of(const pairwise::Riesz& p) {
    return static_cast<double>(p.batch) * static_cast<double>(p.n) *
           static_cast<double>(p.y == nullptr ? p.n : p.m) * static_cast<double>(p.d);
}

void riesz(py::handle x, py::handle y, py::handle wx, py::handle wy, py::handle energy,
           py::handle gx, py::handle gy, std::size_t batch, std::size_t n, std::size_t m,
           std::size_t d, std::string_view dtype, double exponent, double softening,
           std::string_view pairs, std::size_t threads) {
    const pairwise::Kernels& active = kernels();
    pairwise::Riesz p;
    p.x = in(x);
    p.y = in(y);
    p.wx = in(wx);
    p.wy = in(wy);
    p.energy = static_cast<double*>(out(energy));
    p.gx = out(gx);
    p.gy = out(gy);
    p.batch = batch;
    p.n = n;
    p.m = m;
    p.d = d;
    p.element = element_of(dtype);
    p.exponent = exponent;
    p.softening = softening;
    p.pairs = pairs_of(pairs);
    p.threads = threads;
    run(size_of(p), [&] { return pairwise::riesz(p, active); });
}

void riesz_hvp(py::handle x, py::handle y, py::handle wx, py::handle wy, py::handle vx,
               py::handle vy, py::handle hx, py::handle hy, std::size_t batch, std::size_t n,
               std::size_t m, std::size_t d, std::string_view dtype, double exponent,
               double softening, std::string_view pairs, std::size_t threads) {
    const pairwise::Kernels& active = kernels();
    pairwise::Riesz p;
    p.x = in(x);
    p.y = in(y);
    p.wx = in(wx);
    p.wy = in(wy);
    p.vx = in(vx);
    p.vy = in(vy);
    p.gx = out(hx);
    p.gy = out(hy);
    p.batch = batch;
    p.n = n;
    p.m = m;
    p.d = d;
    p.element = element_of(dtype);
    p.exponent = exponent;
    p.softening = softening;
    p.pairs = pairs_of(pairs);
    p.threads = threads;
    run(size_of(p), [&] { return pairwise::hessian_vector(p, active); });
}

pairwise::Distances distances_of(py::handle x, std::size_t batch, std::size_t n, std::size_t d,
                                 std::string_view dtype, std::size_t threads) {
    pairwise::Distances p;
    p.x = in(x);
    p.batch = batch;
    p.n = n;
    p.m = n;
    p.d = d;
    p.element = element_of(dtype);
    p.threads = threads;
    return p;
}

double size_of(const pairwise::Distances& p) {
    return static_cast<double>(p.batch) * static_cast<double>(p.n) * static_cast<double>(p.m) *
           static_cast<double>(p.d);
}

void cdist(py::handle x, py::handle y, py::handle distances, std::size_t batch, std::size_t n,
           std::size_t m, std::size_t d, std::string_view dtype, std::size_t threads) {
    const pairwise::Kernels& active = kernels();
    pairwise::Distances p = distances_of(x, batch, n, d, dtype, threads);
    p.y = in(y);
    p.m = m;
    p.out = out(distances);
    run(size_of(p), [&] { return pairwise::distances(p, active); });
}

void cdist_backward(py::handle x, py::handle y, py::handle grad, py::handle distances,
                    py::handle gx, py::handle gy, std::size_t batch, std::size_t n, std::size_t m,
                    std::size_t d, std::string_view dtype, std::size_t threads) {
    const pairwise::Kernels& active = kernels();
    pairwise::Distances p = distances_of(x, batch, n, d, dtype, threads);
    p.y = in(y);
    p.m = m;
    p.weights = in(grad);
    p.distances = in(distances);
    p.gx = out(gx);
    p.gy = out(gy);
    run(size_of(p), [&] { return pairwise::distances_backward(p, active); });
}

void pdist(py::handle x, py::handle distances, std::size_t batch, std::size_t n, std::size_t d,
           std::string_view dtype, std::size_t threads) {
    const pairwise::Kernels& active = kernels();
    pairwise::Distances p = distances_of(x, batch, n, d, dtype, threads);
    p.out = out(distances);
    run(size_of(p), [&] { return pairwise::distances(p, active); });
}

void pdist_backward(py::handle x, py::handle grad, py::handle distances, py::handle gx,
                    std::size_t batch, std::size_t n, std::size_t d, std::string_view dtype,
                    std::size_t threads) {
    const pairwise::Kernels& active = kernels();
    pairwise::Distances p = distances_of(x, batch, n, d, dtype, threads);
    p.weights = in(grad);
    p.distances = in(distances);
    p.gx = out(gx);
    run(size_of(p), [&] { return pairwise::distances_backward(p, active); });
}

// How often a descent asks whether the user wants to stop it.
constexpr auto patience = std::chrono::milliseconds(100);

struct Interrupt {
    std::chrono::steady_clock::time_point asked = std::chrono::steady_clock::now();

    static bool pending(void* context) {
        auto& self = *static_cast<Interrupt*>(context);
        const auto now = std::chrono::steady_clock::now();
        if (now - self.asked < patience) {
            return false;
        }
        self.asked = now;
        const py::gil_scoped_acquire locked;
        return PyErr_CheckSignals() != 0;
    }
};

// species: (x, velocity, records or 0, n, learning rate); terms: (first, second, strength,
// exponent, softening, pairs).
void descend(const py::sequence& species, const py::sequence& terms, std::size_t d,
             std::string_view dtype, std::size_t steps, std::size_t record_every, double momentum,
             std::size_t threads) {
    const pairwise::Kernels& active = kernels();
    std::vector<pairwise::Species> all;
    for (const py::handle item : species) {
        const auto parts = item.cast<py::tuple>();
        pairwise::Species one;
        one.x = out(parts[0]);
        one.velocity = out(parts[1]);
        one.records = out(parts[2]);
        one.n = parts[3].cast<std::size_t>();
        one.learning_rate = parts[4].cast<double>();
        all.push_back(one);
    }
    std::vector<pairwise::Term> sum;
    for (const py::handle item : terms) {
        const auto parts = item.cast<py::tuple>();
        pairwise::Term one;
        one.first = parts[0].cast<std::size_t>();
        one.second = parts[1].cast<std::size_t>();
        one.strength = parts[2].cast<double>();
        one.exponent = parts[3].cast<double>();
        one.softening = parts[4].cast<double>();
        one.pairs = pairs_of(parts[5].cast<std::string>());
        if (one.first >= all.size() || one.second >= all.size()) {
            raise("ArgumentError", "a term names a species that is not there");
        }
        sum.push_back(one);
    }
    Interrupt interrupt;
    pairwise::Descent p;
    p.species = all.data();
    p.species_count = all.size();
    p.terms = sum.data();
    p.term_count = sum.size();
    p.d = d;
    p.element = element_of(dtype);
    p.steps = steps;
    p.record_every = record_every;
    p.momentum = momentum;
    p.threads = threads;
    p.stop = Interrupt::pending;
    p.stop_context = &interrupt;
    auto outcome = pairwise::Outcome::ok;
    {
        const py::gil_scoped_release unlocked;
        outcome = pairwise::descend(p, active);
    }
    check(outcome);
}

bool all_finite(py::handle values, std::size_t count, std::string_view dtype) {
    return pairwise::all_finite(in(values), count, element_of(dtype), kernels());
}

// The common case in one call, because a hundred points take a microsecond: one unweighted
// configuration (n, d) of float32 or float64 and its own energy, with the gradient or without.
// Anything else, mistakes included, is None, and the caller looks at it closely.
py::object riesz_quick(py::handle x, py::handle exponent, py::handle pairs, py::handle softening,
                       bool gradient) {
    // Of type ndarray exactly: a subclass may have ideas of its own.
    if (Py_TYPE(x.ptr()) != py::detail::npy_api::get().PyArray_Type_ ||
        !PyFloat_CheckExact(exponent.ptr()) || !PyFloat_CheckExact(softening.ptr()) ||
        !PyUnicode_CheckExact(pairs.ptr())) {
        return py::none();
    }
    const auto array = py::reinterpret_borrow<py::array>(x);
    constexpr int orderly = static_cast<int>(py::array::c_style) |
                            static_cast<int>(py::detail::npy_api::NPY_ARRAY_ALIGNED_);
    const py::dtype dtype = array.dtype();
    if (array.ndim() != 2 || array.size() == 0 || (array.flags() & orderly) != orderly ||
        dtype.kind() != 'f' || dtype.byteorder() != '=' ||
        (array.itemsize() != sizeof(float) && array.itemsize() != sizeof(double))) {
        return py::none();
    }
    pairwise::Riesz p;
    p.exponent = PyFloat_AS_DOUBLE(exponent.ptr());
    p.softening = PyFloat_AS_DOUBLE(softening.ptr());
    const char* name = PyUnicode_AsUTF8(pairs.ptr());
    if (name == nullptr || !find_pairs(name, &p.pairs) || !std::isfinite(p.exponent) ||
        p.exponent == 0.0 || !std::isfinite(p.softening) || p.softening < 0.0) {
        PyErr_Clear();
        return py::none();
    }
    p.element = array.itemsize() == sizeof(float) ? pairwise::Element::f32 : pairwise::Element::f64;
    const pairwise::Kernels& active = kernels();
    if (!pairwise::all_finite(array.data(), static_cast<std::size_t>(array.size()), p.element,
                              active)) {
        return py::none();
    }
    p.x = array.data();
    p.batch = 1;
    p.n = static_cast<std::size_t>(array.shape(0));
    p.m = p.n;
    p.d = static_cast<std::size_t>(array.shape(1));
    p.threads = 0;
    double energy = 0.0;
    p.energy = &energy;
    if (!gradient) {
        run(size_of(p), [&] { return pairwise::riesz(p, active); });
        return py::float_(energy);
    }
    py::array result(dtype, {array.shape(0), array.shape(1)});
    p.gx = result.mutable_data();
    run(size_of(p), [&] { return pairwise::riesz(p, active); });
    return py::make_tuple(energy, std::move(result));
}

// The same for tensors, whose caller has checked all of it. By position, and with the energy as a
// number, since the names and arrays of `riesz` take longer than a hundred points.
double riesz_at(Address x, Address gx, std::size_t n, std::size_t d, bool wide, double exponent,
                double softening, std::string_view pairs, std::size_t threads) {
    const pairwise::Kernels& active = kernels();
    pairwise::Riesz p;
    p.x = reinterpret_cast<const void*>(x);
    p.gx = reinterpret_cast<void*>(gx);
    p.batch = 1;
    p.n = n;
    p.m = n;
    p.d = d;
    p.element = wide ? pairwise::Element::f64 : pairwise::Element::f32;
    p.exponent = exponent;
    p.softening = softening;
    p.pairs = pairs_of(pairs);
    p.threads = threads;
    double energy = 0.0;
    p.energy = &energy;
    run(size_of(p), [&] { return pairwise::riesz(p, active); });
    return energy;
}

}  // namespace

void pairwise_operations(py::module_& m) {
    using py::arg;
    m.def("riesz", &riesz, arg("x"), arg("y"), arg("wx"), arg("wy"), arg("energy"), arg("gx"),
          arg("gy"), py::kw_only(), arg("batch"), arg("n"), arg("m"), arg("d"), arg("dtype"),
          arg("exponent"), arg("softening"), arg("pairs"), arg("threads"));
    m.def("riesz_hvp", &riesz_hvp, arg("x"), arg("y"), arg("wx"), arg("wy"), arg("vx"), arg("vy"),
          arg("hx"), arg("hy"), py::kw_only(), arg("batch"), arg("n"), arg("m"), arg("d"),
          arg("dtype"), arg("exponent"), arg("softening"), arg("pairs"), arg("threads"));
    m.def("cdist", &cdist, arg("x"), arg("y"), arg("out"), py::kw_only(), arg("batch"), arg("n"),
          arg("m"), arg("d"), arg("dtype"), arg("threads"));
    m.def("cdist_backward", &cdist_backward, arg("x"), arg("y"), arg("grad"), arg("distances"),
          arg("gx"), arg("gy"), py::kw_only(), arg("batch"), arg("n"), arg("m"), arg("d"),
          arg("dtype"), arg("threads"));
    m.def("pdist", &pdist, arg("x"), arg("out"), py::kw_only(), arg("batch"), arg("n"), arg("d"),
          arg("dtype"), arg("threads"));
    m.def("pdist_backward", &pdist_backward, arg("x"), arg("grad"), arg("distances"), arg("gx"),
          py::kw_only(), arg("batch"), arg("n"), arg("d"), arg("dtype"), arg("threads"));
    m.def("descend", &descend, arg("species"), arg("terms"), py::kw_only(), arg("d"), arg("dtype"),
          arg("steps"), arg("record_every"), arg("momentum"), arg("threads"));
    m.def("riesz_quick", &riesz_quick, arg("x"), arg("exponent"), arg("pairs"), arg("softening"),
          arg("gradient"));
    m.def("riesz_at", &riesz_at, arg("x"), arg("gx"), arg("n"), arg("d"), arg("wide"),
          arg("exponent"), arg("softening"), arg("pairs"), arg("threads"));
    m.def("all_finite", &all_finite, arg("values"), arg("count"), arg("dtype"));
}

}  // namespace eigenwell::bind
