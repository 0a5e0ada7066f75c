// Bitwise policies: check the array, take pointers, release the lock, call the header.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "bind.hpp"
#include "eigenwell/dc/bitwise.hpp"

namespace eigenwell::bind {
namespace {

using Masks = py::array_t<std::uint32_t, py::array::c_style>;
using Inverted = py::array_t<std::uint8_t, py::array::c_style>;
using Observations = py::array_t<float, py::array::c_style>;

// Rows from which a batch is worth giving up the interpreter lock (some microseconds of work).
constexpr py::ssize_t unlock_rows = 1024;

// The arrays that the view leads into are copies of ours: nobody else can write to them.
class Bitwise {
public:
    Bitwise(const Masks& masks, const Inverted& inverted)
        : masks_(masks.data(), masks.data() + masks.size()),
          inverted_(inverted.data(), inverted.data() + inverted.size()) {
        if (masks.ndim() != 2 || inverted.ndim() != 1 || masks.shape(0) != inverted.shape(0)) {
            raise("ShapeError", "`masks` must be (features, inputs) and `inverted` (features,)");
        }
        inputs_ = static_cast<std::size_t>(masks.shape(1));
    }

    [[nodiscard]] dc::BitwiseView view() const noexcept {
        return {masks_.data(), inverted_.data(), inputs_, inverted_.size()};
    }

private:
    std::vector<std::uint32_t> masks_;
    std::vector<std::uint8_t> inverted_;
    std::size_t inputs_ = 0;
};

// float32 and contiguous as it is; other real numbers as a converted copy.
Observations float_array(py::handle value) {
    if (py::isinstance<Observations>(value)) {
        return py::reinterpret_borrow<Observations>(value);
    }
    const py::object real =
        py::module_::import("eigenwell._checks").attr("real_array")(value, "obs");
    // A number too large for float32 turns into an infinity, which is refused below.
    const py::object numpy = py::module_::import("numpy");
    const py::object quiet = numpy.attr("errstate")(py::arg("over") = "ignore");
    quiet.attr("__enter__")();
    py::object narrow = numpy.attr("ascontiguousarray")(real, "float32");
    quiet.attr("__exit__")(py::none(), py::none(), py::none());
    // Where NumPy makes a scalar a row, the shape of what came is what counts.
    return narrow.attr("reshape")(real.attr("shape"));
}

py::object call(const Bitwise& self, py::handle observations) {
    const dc::BitwiseView view = self.view();
    const Observations obs = float_array(observations);
    const bool single = obs.ndim() == 1;
    if ((!single && obs.ndim() != 2) ||
        obs.shape(obs.ndim() - 1) != static_cast<py::ssize_t>(view.inputs)) {
        const std::string n = std::to_string(view.inputs);
        raise("ShapeError", "`obs` must have shape (" + n + ",) or (batch, " + n + "), got " +
                                py::str(obs.attr("shape")).cast<std::string>());
    }
    const float* x = obs.data();
    const float* end = x + obs.size();
    const auto finite = [](float value) { return std::isfinite(value); };
    if (!std::all_of(x, end, finite)) {
        raise("ArgumentError", "`obs` must be finite in float32, got NaN or infinity");
    }
    if (single) {
        return py::int_(static_cast<int>(dc::act(view, x)));
    }
    const py::ssize_t rows = obs.shape(0);
    py::array_t<std::int64_t> actions(rows);
    std::int64_t* out = actions.mutable_data();
    const auto work = [&] { dc::act_batch(view, x, static_cast<std::size_t>(rows), out); };
    if (rows >= unlock_rows) {
        const py::gil_scoped_release unlocked;
        work();
    } else {
        work();
    }
    return std::move(actions);
}

}  // namespace

void bitwise(py::module_& m) {
    py::class_<Bitwise>(m, "BitwisePolicy")
        .def(py::init<const Masks&, const Inverted&>(), py::arg("masks").noconvert(),
             py::arg("inverted").noconvert())
        .def("__call__", &call, py::arg("obs"))
        .def_property_readonly("inputs", [](const Bitwise& self) { return self.view().inputs; });
}

}  // namespace eigenwell::bind
