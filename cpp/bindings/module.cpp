// eigenwell._native: the table of contents. Each family binds itself in bind_<family>.cpp.
#include "bind.hpp"
#include "eigenwell/version.hpp"

PYBIND11_MODULE(_native, m) {
    m.doc() = "Native kernels of eigenwell. Private: use the modules of the package.";
    m.attr("__version__") = EIGENWELL_VERSION;
    eigenwell::bind::backend(m);
    eigenwell::bind::bitwise(m);
    eigenwell::bind::cartpole_operations(m);
    eigenwell::bind::dc(m);
    eigenwell::bind::pairwise_operations(m);
    eigenwell::bind::ppo(m);
    eigenwell::bind::wells_operations(m);
}
