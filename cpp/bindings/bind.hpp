// What the binding files share.
#ifndef EIGENWELL_BINDINGS_BIND_HPP
#define EIGENWELL_BINDINGS_BIND_HPP

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>

namespace eigenwell::bind {

namespace py = pybind11;

void backend(py::module_& m);
void bitwise(py::module_& m);
void cartpole_operations(py::module_& m);
void dc(py::module_& m);
void pairwise_operations(py::module_& m);
void ppo(py::module_& m);
void wells_operations(py::module_& m);

// Raises the class of that name from eigenwell.errors: the one place that defines our errors.
[[noreturn]] inline void raise(const char* error, const std::string& message) {
    const py::object type = py::module_::import("eigenwell.errors").attr(error);
    PyErr_SetString(type.ptr(), message.c_str());
    throw py::error_already_set();
}

}  // namespace eigenwell::bind

#endif  // EIGENWELL_BINDINGS_BIND_HPP
