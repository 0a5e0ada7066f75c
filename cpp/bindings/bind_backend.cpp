// Instruction sets: list, ask, force.
#include "../src/cpu/features.hpp"

#include "bind.hpp"
#include "eigenwell/eigenwell.h"

namespace eigenwell::bind {

void backend(py::module_& m) {
    m.def("available_isas", [] {
        const char* names[cpu::isa_count];
        const std::size_t count = eigenwell_isa_available(names, cpu::isa_count);
        py::tuple result(count);
        for (std::size_t i = 0; i < count; ++i) {
            result[i] = names[i];
        }
        return result;
    });
    m.def("active_isa", [] { return eigenwell_isa_active(); });
    m.def("force_isa", [](const char* name) { return eigenwell_isa_force(name) == EIGENWELL_OK; });
}

}  // namespace eigenwell::bind
