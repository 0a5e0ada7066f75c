// Packed DC policies: check the array, take pointers, release the lock, call the kernel.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "../src/dc/isa.hpp"
#include "bind.hpp"
#include "eigenwell/dc/policy.hpp"

namespace eigenwell::bind {
namespace {

// Rows from which a batch is worth giving up the interpreter lock (some microseconds of work).
constexpr std::size_t unlock_rows = 64;
// Floats of the buffer through which other dtypes and strided rows pass.
constexpr std::size_t gather_floats = 16384;

const dc::Kernels& kernels() {
    const dc::Kernels* active = dc::active_kernels();
    if (active == nullptr) {
        raise("BackendUnavailableError",
              "the environment variable EIGENWELL_ISA names an instruction set that is not here");
    }
    return *active;
}

// The policy, its decoded table, and the Python bytes that both lead into.
class Packed {
public:
    explicit Packed(py::bytes data) : data_(std::move(data)) {
        const std::string_view bytes = data_;
        dc::PolicyView view;
        const Status parsed = dc::parse(bytes.data(), bytes.size(), &view);
        if (parsed != Status::ok) {
            raise("FormatError", std::string("not a valid .dcp policy: ") + message(parsed));
        }
        storage_.resize(dc::Policy::storage_size(view));
        const Status made = policy_.init(view, storage_.data(), storage_.size(), kernels());
        if (made != Status::ok) {
            raise("FormatError", std::string("not a valid .dcp policy: ") + message(made));
        }
    }
    Packed(const Packed&) = delete;
    Packed& operator=(const Packed&) = delete;

    [[nodiscard]] const dc::Policy& policy() const noexcept { return policy_; }
    [[nodiscard]] const dc::PolicyView& view() const noexcept { return policy_.view(); }
    [[nodiscard]] const py::bytes& data() const noexcept { return data_; }

private:
    py::bytes data_;
    std::vector<unsigned char> storage_;
    dc::Policy policy_;
};

std::string shape_text(const py::array& array) {
    return py::str(array.attr("shape")).cast<std::string>();
}

enum class Element { f32, f64 };

// Observations as they came: where they are, how they are laid out, what they are made of.
struct Rows {
    const char* data;
    std::size_t count;
    std::size_t inputs;
    py::ssize_t row_stride;  // bytes
    py::ssize_t stride;      // bytes
    Element element;

    [[nodiscard]] bool direct() const noexcept {
        return element == Element::f32 && stride == sizeof(float) &&
               (count <= 1 || row_stride == static_cast<py::ssize_t>(inputs * sizeof(float))) &&
               reinterpret_cast<std::uintptr_t>(data) % alignof(float) == 0;
    }

    // Rows [first, first + some) as contiguous float32.
    void gather(std::size_t first, std::size_t some, float* out) const noexcept {
        for (std::size_t r = first; r < first + some; ++r) {
            const char* p = data + static_cast<py::ssize_t>(r) * row_stride;
            for (std::size_t i = 0; i < inputs; ++i, p += stride) {
                if (element == Element::f32) {
                    std::memcpy(out++, p, sizeof(float));
                } else {
                    double value = 0.0;
                    std::memcpy(&value, p, sizeof value);
                    *out++ = static_cast<float>(value);
                }
            }
        }
    }
};

// An array of real numbers: float32 and float64 as they are, everything else as float64.
py::array real_array(py::handle value) {
    py::object array = py::reinterpret_borrow<py::object>(value);
    if (!py::isinstance<py::array>(value)) {
        try {
            array = py::module_::import("numpy").attr("asarray")(value);
        } catch (py::error_already_set&) {
            raise("ShapeError",
                  "`obs` must be an array of numbers, got a ragged or foreign object");
        }
    }
    auto result = py::reinterpret_borrow<py::array>(array);
    const py::dtype dtype = result.dtype();
    const char kind = dtype.kind();
    if (kind == 'f' && (dtype.itemsize() == 4 || dtype.itemsize() == 8) &&
        (dtype.byteorder() == '=' || dtype.byteorder() == '|')) {
        return result;
    }
    if (kind != 'f' && kind != 'i' && kind != 'u') {
        raise("DTypeError", "`obs` must hold real numbers (float32 or float64), got dtype " +
                                py::str(dtype).cast<std::string>());
    }
    return result.attr("astype")("float64");
}

Rows rows_of(const py::array& obs, std::size_t inputs) {
    const bool single = obs.ndim() == 1;
    if ((!single && obs.ndim() != 2) ||
        obs.shape(obs.ndim() - 1) != static_cast<py::ssize_t>(inputs)) {
        const std::string n = std::to_string(inputs);
        raise("ShapeError",
              "`obs` must have shape (" + n + ",) or (batch, " + n + "), got " + shape_text(obs));
    }
    const bool narrow = obs.itemsize() == static_cast<py::ssize_t>(sizeof(float));
    return {static_cast<const char*>(obs.data()),
            single ? 1 : static_cast<std::size_t>(obs.shape(0)),
            inputs,
            single ? 0 : obs.strides(0),
            obs.strides(obs.ndim() - 1),
            narrow ? Element::f32 : Element::f64};
}

py::array_t<float> output_for(py::handle out, const py::array& obs, std::size_t rows,
                              std::size_t neurons) {
    const auto k = static_cast<py::ssize_t>(neurons);
    if (out.is_none()) {
        return obs.ndim() == 1 ? py::array_t<float>(k)
                               : py::array_t<float>({static_cast<py::ssize_t>(rows), k});
    }
    if (!py::isinstance<py::array_t<float>>(out)) {
        raise("DTypeError", "`out` must be a float32 array");
    }
    auto array = py::reinterpret_borrow<py::array_t<float>>(out);
    const bool shape = array.ndim() == obs.ndim() && array.shape(array.ndim() - 1) == k &&
                       (array.ndim() == 1 || array.shape(0) == obs.shape(0));
    if (!shape) {
        const std::string n = std::to_string(neurons);
        raise("ShapeError",
              "`out` must have shape " +
                  (obs.ndim() == 1 ? "(" + n + ",)" : "(" + std::to_string(rows) + ", " + n + ")") +
                  ", got " + shape_text(array));
    }
    if (!array.writeable() || (array.flags() & py::array::c_style) == 0 ||
        (array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) == 0) {
        raise("ArgumentError", "`out` must be a writeable, aligned, C-contiguous array");
    }
    return array;
}

// Whether the actions [rows, k] share memory with the observations.
bool overlap(const Rows& rows, std::size_t k, const float* actions) {
    const auto address = [](const void* p) { return reinterpret_cast<std::uintptr_t>(p); };
    const auto last_row = static_cast<py::ssize_t>(rows.count > 0 ? rows.count - 1 : 0);
    const auto last = static_cast<py::ssize_t>(rows.inputs - 1);
    std::uintptr_t first = address(rows.data);
    std::uintptr_t end = first + sizeof(double);
    for (const py::ssize_t reach : {last_row * rows.row_stride, last * rows.stride}) {
        (reach < 0 ? first : end) += static_cast<std::uintptr_t>(reach);
    }
    return address(actions) < end && first < address(actions + rows.count * k);
}

bool finite_row(const float* row, std::size_t inputs) {
    return std::all_of(row, row + inputs, [](float x) { return std::isfinite(x); });
}

[[noreturn]] void raise_not_finite(const float* rows, std::size_t count, std::size_t inputs,
                                   std::size_t first_row, bool single) {
    for (std::size_t q = 0; q < count * inputs; ++q) {
        if (!std::isfinite(rows[q])) {
            const std::string column = std::to_string(q % inputs);
            const std::string row = std::to_string(first_row + q / inputs);
            const char* what = std::isnan(rows[q]) ? "nan" : rows[q] > 0 ? "inf" : "-inf";
            raise("ArgumentError",
                  std::string("`obs` must be finite in float32, got ") + what + " at index " +
                      (single ? "(" + column + ",)" : "(" + row + ", " + column + ")") +
                      "; pass on_nan=\"propagate\" to get NaN actions instead");
        }
    }
    raise("ArgumentError", "`obs` is so large that an action overflows float32");
}

// True for "propagate". Compared by hand: this is on the path of every single action.
bool propagates(py::handle on_nan) {
    if (PyUnicode_Check(on_nan.ptr()) != 0) {
        if (PyUnicode_CompareWithASCIIString(on_nan.ptr(), "error") == 0) {
            return false;
        }
        if (PyUnicode_CompareWithASCIIString(on_nan.ptr(), "propagate") == 0) {
            return true;
        }
    }
    raise("ArgumentError", "`on_nan` must be \"error\" or \"propagate\", got " +
                               py::repr(on_nan).cast<std::string>());
}

py::array_t<float> call(const Packed& self, py::handle observations, py::handle out,
                        bool propagate) {
    const dc::Kernels& active = kernels();
    const std::size_t n = self.view().inputs;
    const std::size_t k = self.view().neurons;
    const py::array obs = real_array(observations);
    const Rows rows = rows_of(obs, n);
    py::array_t<float> result = output_for(out, obs, rows.count, k);
    float* actions = result.mutable_data();

    // `out` may share memory with `obs`: then every row is gathered before any action is written.
    const bool aliased = !out.is_none() && overlap(rows, k, actions);
    const bool direct = rows.direct() && !aliased;
    const std::size_t fits = gather_floats / n;
    const std::size_t chunk = direct || aliased ? rows.count : (fits > 0 ? fits : 1);
    std::vector<float> buffer(direct ? 0 : (chunk < rows.count ? chunk : rows.count) * n);

    for (std::size_t first = 0; first < rows.count; first += chunk) {
        const std::size_t some = std::min(chunk, rows.count - first);
        const float* x = reinterpret_cast<const float*>(rows.data) + first * n;
        float* y = actions + first * k;
        Status status = Status::ok;
        const auto work = [&] {
            if (!direct) {
                rows.gather(first, some, buffer.data());
                x = buffer.data();
            }
            status = some == 1 ? self.policy().act(x, y, active)
                               : self.policy().act_batch(x, some, y, active);
        };
        if (some >= unlock_rows) {
            const py::gil_scoped_release unlocked;
            work();
        } else {
            work();
        }
        if (status == Status::ok) {
            continue;
        }
        if (!propagate) {
            raise_not_finite(x, some, n, first, obs.ndim() == 1);
        }
        for (std::size_t r = 0; r < some; ++r) {
            if (!finite_row(x + r * n, n)) {
                std::fill_n(y + r * k, k, std::numeric_limits<float>::quiet_NaN());
            }
        }
    }
    return result;
}

// A read-only array that leads into the bytes of the policy and keeps them alive.
template <class T>
py::object part(const py::object& self, const unsigned char* data, std::vector<py::ssize_t> shape) {
    if (data == nullptr) {
        return py::none();
    }
    const auto& packed = self.cast<const Packed&>();
    py::array array(py::dtype::of<T>(), std::move(shape), data, packed.data());
    array.attr("flags").attr("writeable") = false;
    return array;
}

py::ssize_t size(std::size_t n) { return static_cast<py::ssize_t>(n); }

py::array_t<std::uint8_t>
unpack_indices(const py::array_t<std::uint64_t, py::array::c_style | py::array::forcecast>& words,
               std::size_t count, unsigned bits) {
    std::vector<std::uint8_t> indices(dc::indices_per_word(bits) *
                                      static_cast<std::size_t>(words.size()));
    kernels().unpack(reinterpret_cast<const unsigned char*>(words.data()),
                     static_cast<std::size_t>(words.size()), bits, indices.data());
    py::array_t<std::uint8_t> result(size(count));
    std::copy_n(indices.begin(), count, result.mutable_data());
    return result;
}

// Calls `act` row by row, as a C++ program would: for the benchmarks, where one process times every
// contender. With `chained` an action decides the address of the next observation, so that the
// processor cannot overlap two calls: latency instead of throughput.
py::array_t<float>
act_each(const Packed& self,
         const py::array_t<float, py::array::c_style | py::array::forcecast>& observations,
         bool chained) {
    const dc::Kernels& active = kernels();
    const std::size_t n = self.view().inputs;
    const std::size_t k = self.view().neurons;
    if (observations.ndim() != 2 || observations.shape(1) != size(n)) {
        raise("ShapeError", "`observations` must have shape (rows, " + std::to_string(n) +
                                "), got " + shape_text(observations));
    }
    const auto rows = static_cast<std::size_t>(observations.shape(0));
    py::array_t<float> result({size(rows), size(k)});
    const float* x = observations.data();
    float* y = result.mutable_data();
    std::size_t offset = 0;
    for (std::size_t row = 0; row < rows; ++row) {
        if (self.policy().act(x + row * n + offset, y + row * k, active) != Status::ok) {
            raise("ArgumentError", "`observations` must be finite");
        }
        if (chained) {
            // Bit 30 is set from 2.0 on: never for an action in [-1, 1], but only the data say so.
            std::uint32_t bits = 0;
            std::memcpy(&bits, y + row * k, sizeof bits);
            offset = (bits >> 30) & 1U;
        }
    }
    return result;
}

}  // namespace

void dc(py::module_& m) {
    py::class_<Packed> packed(m, "PackedPolicy");
    packed.def(py::init<py::bytes>(), py::arg("data"));
    packed.def(
        "__call__",
        [](const Packed& self, py::handle obs, py::handle out, py::handle on_nan) {
            return call(self, obs, out, propagates(on_nan));
        },
        py::arg("obs"), py::kw_only(), py::arg("out") = py::none(), py::arg("on_nan") = "error");

    packed.def("dumps", [](const Packed& self) { return self.data(); });
    packed.def("run_self_test", [](const Packed& self) {
        float worst = std::numeric_limits<float>::quiet_NaN();
        const Status status = self.policy().self_test(&worst, kernels());
        return py::make_tuple(status == Status::ok, worst);
    });

    const auto property = [&packed](const char* name, auto&& get) {
        packed.def_property_readonly(name, [get](const Packed& self) { return get(self.view()); });
    };
    property("inputs", [](const dc::PolicyView& v) { return v.inputs; });
    property("neurons", [](const dc::PolicyView& v) { return v.neurons; });
    property("eigenvalues", [](const dc::PolicyView& v) { return v.eigenvalues; });
    property("bits", [](const dc::PolicyView& v) { return v.bits; });
    property("clip",
             [](const dc::PolicyView& v) { return py::make_tuple(v.clip_low, v.clip_high); });
    property("input_clip", [](const dc::PolicyView& v) { return v.input_clip; });
    property("self_test_tolerance", [](const dc::PolicyView& v) { return v.self_test_tolerance; });
    property("metadata_bytes", [](const dc::PolicyView& v) {
        return py::bytes(reinterpret_cast<const char*>(v.metadata), v.metadata_size);
    });

    const auto array = [&packed](const char* name, auto&& get) {
        packed.def_property_readonly(name, [get](const py::object& self) {
            return get(self, self.cast<const Packed&>().view());
        });
    };
    using View = dc::PolicyView;
    array("words", [](const py::object& self, const View& v) {
        return part<std::uint64_t>(self, v.words, {size(dc::word_count(v.index_count(), v.bits))});
    });
    array("codebook", [](const py::object& self, const View& v) {
        return part<float>(self, v.codebook, {size(v.codebook_size)});
    });
    array("biases", [](const py::object& self, const View& v) {
        return part<float>(self, v.biases, {size(v.neurons), size(v.eigenvalues)});
    });
    array("quadratic", [](const py::object& self, const View& v) {
        return part<float>(self, v.quadratic, {size(v.neurons), size(v.eigenvalues)});
    });
    array("shift", [](const py::object& self, const View& v) {
        return part<float>(self, v.shift, {size(v.inputs)});
    });
    array("scale", [](const py::object& self, const View& v) {
        return part<float>(self, v.scale, {size(v.inputs)});
    });
    array("self_test_inputs", [](const py::object& self, const View& v) {
        return part<float>(self, v.self_test_inputs, {size(v.self_test_count), size(v.inputs)});
    });
    array("self_test_outputs", [](const py::object& self, const View& v) {
        return part<float>(self, v.self_test_outputs, {size(v.self_test_count), size(v.neurons)});
    });

    m.def("unpack_indices", &unpack_indices, py::arg("words"), py::arg("count"), py::arg("bits"));
    m.def("act_each", &act_each, py::arg("policy"), py::arg("observations"), py::arg("chained"));
}

}  // namespace eigenwell::bind
