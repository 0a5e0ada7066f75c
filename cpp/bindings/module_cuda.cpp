// eigenwell._cuda: the kernels of CUDA devices, on addresses. Loads without a GPU.
//
// The callers (torch operators) have checked shapes, element types, contiguity and the device. 0 is
// an absent argument, the null stream among them; the interpreter lock is released around launches.
// Compiled by the C++ compiler: nvcc sees no pybind11, and this file no CUDA.
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "../src/cartpole/cartpole_cuda.hpp"
#include "../src/pairwise/pairwise_cuda.hpp"
#include <pybind11/stl.h>

#include "bind.hpp"
#include "cartpole_arguments.hpp"
#include "eigenwell/version.hpp"

namespace eigenwell::bind {
namespace {

namespace cuda = pairwise::cuda;

using Address = std::uintptr_t;
using Size = std::int64_t;

void* out(Address address) {
    void* pointer = nullptr;
    std::memcpy(static_cast<void*>(&pointer), &address, sizeof pointer);
    return pointer;
}
const void* in(Address address) { return out(address); }

cuda::DType dtype_of(std::string_view name) {
    if (name == "float32") {
        return cuda::DType::float32;
    }
    if (name == "float64") {
        return cuda::DType::float64;
    }
    if (name == "float16") {
        return cuda::DType::float16;
    }
    if (name == "bfloat16") {
        return cuda::DType::bfloat16;
    }
    raise("DTypeError",
          "`dtype` must be float32, float64, float16 or bfloat16, got " + std::string(name));
}

cuda::Pairs pairs_of(std::string_view name) {
    if (name == "all") {
        return cuda::Pairs::all;
    }
    if (name == "upper") {
        return cuda::Pairs::upper;
    }
    if (name == "different") {
        return cuda::Pairs::different;
    }
    raise("ArgumentError",
          "`pairs` must be \"all\", \"upper\" or \"different\", got \"" + std::string(name) + "\"");
}

cuda::Shape shape_of(Size batch, Size n, Size m, Size d, std::string_view dtype) {
    if (batch < 0 || n < 0 || m < 0 || d < 1) {
        raise("ShapeError", "`batch`, `n`, `m` must be at least 0 and `d` at least 1, got " +
                                std::to_string(batch) + ", " + std::to_string(n) + ", " +
                                std::to_string(m) + ", " + std::to_string(d));
    }
    return {batch, n, m, d, dtype_of(dtype)};
}

cuda::Queue queue_of(Address workspace, Address stream, int device) {
    return {out(stream), device, out(workspace)};
}

// Launches without the interpreter lock; what the launch says becomes an error.
template <class Launch>
void run(const Launch& launch) {
    int status = 0;
    {
        const py::gil_scoped_release unlocked;
        status = launch();
    }
    if (status != 0) {
        raise("DeviceError", std::string("a CUDA launch failed: ") + cuda::error_text(status) +
                                 " (cudaError_t " + std::to_string(status) + ")");
    }
}

void riesz(Address x, Address y, Address wx, Address wy, Address energy, Address gx, Address gy,
           Size batch, Size n, Size m, Size d, std::string_view dtype, double exponent,
           double softening, std::string_view pairs, Address workspace, Address stream,
           int device) {
    const cuda::Riesz problem{in(x), in(y), in(wx), in(wy), exponent, softening, pairs_of(pairs)};
    const cuda::Shape shape = shape_of(batch, n, y == 0 ? n : m, d, dtype);
    run([&] {
        return cuda::riesz(problem, shape, queue_of(workspace, stream, device),
                           static_cast<double*>(out(energy)), out(gx), out(gy));
    });
}

void riesz_hvp(Address x, Address y, Address wx, Address wy, Address vx, Address vy, Address hx,
               Address hy, Size batch, Size n, Size m, Size d, std::string_view dtype,
               double exponent, double softening, std::string_view pairs, Address workspace,
               Address stream, int device) {
    const cuda::Riesz problem{in(x), in(y), in(wx), in(wy), exponent, softening, pairs_of(pairs)};
    const cuda::Shape shape = shape_of(batch, n, y == 0 ? n : m, d, dtype);
    run([&] {
        return cuda::riesz_hvp(problem, shape, queue_of(workspace, stream, device), in(vx), in(vy),
                               out(hx), out(hy));
    });
}

void cdist(Address x, Address y, Address result, Size batch, Size n, Size m, Size d,
           std::string_view dtype, Address workspace, Address stream, int device) {
    const cuda::Shape shape = shape_of(batch, n, m, d, dtype);
    run([&] {
        return cuda::cdist(shape, queue_of(workspace, stream, device), in(x), in(y), out(result));
    });
}

void cdist_backward(Address x, Address y, Address grad, Address distances, Address gx, Address gy,
                    Size batch, Size n, Size m, Size d, std::string_view dtype, Address workspace,
                    Address stream, int device) {
    const cuda::Shape shape = shape_of(batch, n, m, d, dtype);
    run([&] {
        return cuda::cdist_backward(shape, queue_of(workspace, stream, device), in(x), in(y),
                                    in(grad), in(distances), out(gx), out(gy));
    });
}

void pdist(Address x, Address result, Size batch, Size n, Size d, std::string_view dtype,
           Address workspace, Address stream, int device) {
    const cuda::Shape shape = shape_of(batch, n, n, d, dtype);
    run([&] {
        return cuda::pdist(shape, queue_of(workspace, stream, device), in(x), out(result));
    });
}

void pdist_backward(Address x, Address grad, Address distances, Address gx, Size batch, Size n,
                    Size d, std::string_view dtype, Address workspace, Address stream, int device) {
    const cuda::Shape shape = shape_of(batch, n, n, d, dtype);
    run([&] {
        return cuda::pdist_backward(shape, queue_of(workspace, stream, device), in(x), in(grad),
                                    in(distances), out(gx));
    });
}

// (x, velocity, records, n, learning rate) and (first, second, strength, exponent, softening,
// pairs)
using SpeciesTuple = std::tuple<Address, Address, Address, Size, double>;
using TermTuple = std::tuple<std::int32_t, std::int32_t, double, double, double, std::string>;

// A descent and the lists that it points into.
class OwnedDescent {
public:
    OwnedDescent(const std::vector<SpeciesTuple>& species, const std::vector<TermTuple>& terms,
                 Size d, std::string_view dtype, Size steps, Size record_every, double momentum) {
        for (const auto& [x, velocity, records, n, learning_rate] : species) {
            species_.push_back({out(x), out(velocity), out(records), n, learning_rate});
        }
        for (const auto& [first, second, strength, exponent, softening, pairs] : terms) {
            terms_.push_back({first, second, strength, exponent, softening, pairs_of(pairs)});
        }
        descent_ = {species_.data(),
                    terms_.data(),
                    static_cast<std::int32_t>(species_.size()),
                    static_cast<std::int32_t>(terms_.size()),
                    d,
                    dtype_of(dtype),
                    steps,
                    record_every,
                    momentum};
    }
    OwnedDescent(const OwnedDescent&) = delete;
    OwnedDescent& operator=(const OwnedDescent&) = delete;

    [[nodiscard]] const cuda::Descent& get() const noexcept { return descent_; }

private:
    std::vector<cuda::Species> species_;
    std::vector<cuda::Term> terms_;
    cuda::Descent descent_{};
};

void descend(const std::vector<SpeciesTuple>& species, const std::vector<TermTuple>& terms, Size d,
             std::string_view dtype, Size steps, Size record_every, double momentum,
             Address workspace, Address stream, int device) {
    const OwnedDescent descent(species, terms, d, dtype, steps, record_every, momentum);
    run([&] { return cuda::descend(descent.get(), queue_of(workspace, stream, device)); });
}

std::size_t descend_workspace(const std::vector<SpeciesTuple>& species,
                              const std::vector<TermTuple>& terms, Size d, std::string_view dtype) {
    const OwnedDescent descent(species, terms, d, dtype, 0, 0, 0.0);
    return cuda::descend_workspace_size(descent.get());
}

std::size_t riesz_workspace(Size batch, Size n, Size m, Size d, std::string_view dtype) {
    return cuda::workspace_size(shape_of(batch, n, m, d, dtype));
}

// weights: [agents, parameters], float32; starts: [episodes, 4], float64; steps: [agents,
// episodes], int32, out.
void cartpole_rollout(Address weights, Address starts, Address steps, Size agents, Size parameters,
                      std::int32_t episodes, const std::vector<std::size_t>& sizes,
                      std::string_view activation, const std::array<double, 9>& physics,
                      std::int32_t cap, bool sampled, std::uint64_t seed, Address stream,
                      int device) {
    const cartpole::cuda::Rollouts work{architecture_of(sizes, activation),
                                        physics_of(physics),
                                        static_cast<const float*>(in(weights)),
                                        static_cast<const double*>(in(starts)),
                                        static_cast<std::int32_t*>(out(steps)),
                                        agents,
                                        parameters,
                                        episodes,
                                        cap,
                                        sampled,
                                        seed};
    run([&] { return cartpole::cuda::rollout(work, out(stream), device); });
}

}  // namespace
}  // namespace eigenwell::bind

PYBIND11_MODULE(_cuda, m) {
    using namespace eigenwell::bind;
    using py::arg;
    using py::kw_only;
    m.doc() = "CUDA kernels of eigenwell. Private: use the modules of the package.";
    m.attr("__version__") = EIGENWELL_VERSION;
    m.def("device_count", [] { return cuda::device_count(); });
    m.def("riesz_workspace", &riesz_workspace, kw_only(), arg("batch"), arg("n"), arg("m"),
          arg("d"), arg("dtype"));
    m.def("riesz", &riesz, arg("x"), arg("y"), arg("wx"), arg("wy"), arg("energy"), arg("gx"),
          arg("gy"), kw_only(), arg("batch"), arg("n"), arg("m"), arg("d"), arg("dtype"),
          arg("exponent"), arg("softening"), arg("pairs"), arg("workspace"), arg("stream"),
          arg("device") = -1);
    m.def("riesz_hvp", &riesz_hvp, arg("x"), arg("y"), arg("wx"), arg("wy"), arg("vx"), arg("vy"),
          arg("hx"), arg("hy"), kw_only(), arg("batch"), arg("n"), arg("m"), arg("d"), arg("dtype"),
          arg("exponent"), arg("softening"), arg("pairs"), arg("workspace"), arg("stream"),
          arg("device") = -1);
    m.def("cdist", &cdist, arg("x"), arg("y"), arg("out"), kw_only(), arg("batch"), arg("n"),
          arg("m"), arg("d"), arg("dtype"), arg("workspace"), arg("stream"), arg("device") = -1);
    m.def("cdist_backward", &cdist_backward, arg("x"), arg("y"), arg("grad"), arg("distances"),
          arg("gx"), arg("gy"), kw_only(), arg("batch"), arg("n"), arg("m"), arg("d"), arg("dtype"),
          arg("workspace"), arg("stream"), arg("device") = -1);
    m.def("pdist", &pdist, arg("x"), arg("out"), kw_only(), arg("batch"), arg("n"), arg("d"),
          arg("dtype"), arg("workspace"), arg("stream"), arg("device") = -1);
    m.def("pdist_backward", &pdist_backward, arg("x"), arg("grad"), arg("distances"), arg("gx"),
          kw_only(), arg("batch"), arg("n"), arg("d"), arg("dtype"), arg("workspace"),
          arg("stream"), arg("device") = -1);
    m.def("cartpole_rollout", &cartpole_rollout, arg("weights"), arg("starts"), arg("steps"),
          kw_only(), arg("agents"), arg("parameters"), arg("episodes"), arg("sizes"),
          arg("activation"), arg("physics"), arg("cap"), arg("sampled"), arg("seed"), arg("stream"),
          arg("device") = -1);
    m.def("descend_workspace", &descend_workspace, arg("species"), arg("terms"), kw_only(),
          arg("d"), arg("dtype"));
    m.def("descend", &descend, arg("species"), arg("terms"), kw_only(), arg("d"), arg("dtype"),
          arg("steps"), arg("record_every"), arg("momentum"), arg("workspace"), arg("stream"),
          arg("device") = -1);
}
