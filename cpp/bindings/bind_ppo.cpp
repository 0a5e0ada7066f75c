// PPO's update: check lengths and indices, take pointers, release the lock. The caller has checked
// what the arrays mean.
#include <pybind11/stl.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "../src/ppo/update.hpp"
#include "bind.hpp"

namespace eigenwell::bind {
namespace {

using Floats = py::array_t<float, py::array::c_style>;
using Integers = py::array_t<std::int64_t, py::array::c_style>;
using Sizes = std::vector<std::size_t>;

void check(bool condition, const char* message) {
    if (!condition) {
        raise("ShapeError", message);
    }
}

const ppo::Kernels& kernels() {
    const ppo::Kernels* active = ppo::active_kernels();
    if (active == nullptr) {
        raise("BackendUnavailableError",
              "the environment variable EIGENWELL_ISA names an instruction set that is not here");
    }
    return *active;
}

// The arrays stay alive as long as the update does.
class Updater {
public:
    Updater(std::vector<std::vector<Floats>> parameters, std::size_t inputs, std::size_t actions,
            Sizes actor, Sizes critic, std::size_t pieces, float temperature, bool discrete)
        : shape_{inputs, actions,     std::move(actor), std::move(critic),
                 pieces, temperature, discrete},
          arrays_(std::move(parameters)), update_(shape_, pointers()) {}

    py::array log_probs(const Floats& x, const py::array& actions) {
        ppo::Rollout rollout = rollout_of(x, actions);
        Floats out(x.shape(0));
        float* to = out.mutable_data();
        const ppo::Kernels& active = kernels();
        {
            const py::gil_scoped_release unlocked;
            update_.log_probs(active, rollout, to);
        }
        return std::move(out);
    }

    py::tuple epoch(const Floats& x, const py::array& actions, const Floats& old,
                    const Floats& advantages, const Floats& returns, const Integers& order,
                    std::int64_t steps, const ppo::Settings& settings) {
        const ppo::Rollout rollout = rollout_of(x, actions, old, advantages, returns, order);
        check(order.size() == x.shape(0), "`order` must have an element for each row of `x`");
        const ppo::Kernels& active = kernels();
        ppo::Sums sums;
        {
            const py::gil_scoped_release unlocked;
            sums = update_.epoch(active, rollout, settings, order.data(), steps);
        }
        return tuple_of(sums);
    }

    py::tuple differentiate(const Floats& x, const py::array& actions, const Floats& old,
                            const Floats& advantages, const Floats& returns, const Integers& rows,
                            const ppo::Settings& settings) {
        const ppo::Rollout rollout = rollout_of(x, actions, old, advantages, returns, rows);
        ppo::Sums sums;
        update_.differentiate(kernels(), rollout, settings, rows.data(),
                              static_cast<std::size_t>(rows.size()), sums);
        py::list gradients;
        for (const std::vector<float>& gradient : update_.gradients()) {
            gradients.append(Floats(static_cast<py::ssize_t>(gradient.size()), gradient.data()));
        }
        return py::make_tuple(gradients, tuple_of(sums));
    }

private:
    std::vector<ppo::Parameter> pointers() {
        const Sizes sizes = ppo::parameter_sizes(shape_);
        check(sizes.size() == arrays_.size(), "`parameters` must have those of the networks");
        std::vector<ppo::Parameter> found;
        for (std::size_t i = 0; i < sizes.size(); ++i) {
            check(arrays_[i].size() == 3, "`parameters` must be values and both moments");
            for (const Floats& array : arrays_[i]) {
                check(static_cast<std::size_t>(array.size()) == sizes[i],
                      "`parameters` must have the sizes of the networks");
            }
            found.push_back({arrays_[i][0].mutable_data(), arrays_[i][1].mutable_data(),
                             arrays_[i][2].mutable_data()});
        }
        return found;
    }

    ppo::Rollout rollout_of(const Floats& x, const py::array& actions) const {
        check(x.ndim() == 2 && static_cast<std::size_t>(x.shape(1)) == shape_.inputs,
              "`x` must have shape (b, inputs)");
        ppo::Rollout rollout{};
        rollout.count = static_cast<std::size_t>(x.shape(0));
        rollout.x = x.data();
        const auto length = static_cast<std::size_t>(actions.size());
        if (shape_.discrete) {
            check(py::isinstance<Integers>(actions) && length == rollout.count,
                  "`actions` must be int64 of shape (b,)");
            rollout.chosen = static_cast<const std::int64_t*>(actions.data());
            const auto count = static_cast<std::int64_t>(shape_.actions);
            const auto known = [count](std::int64_t a) { return a >= 0 && a < count; };
            check(std::all_of(rollout.chosen, rollout.chosen + length, known),
                  "`actions` must be below the number of actions");
        } else {
            check(py::isinstance<Floats>(actions) && length == rollout.count * shape_.actions,
                  "`actions` must be float32 of shape (b, actions)");
            rollout.actions = static_cast<const float*>(actions.data());
        }
        return rollout;
    }

    ppo::Rollout rollout_of(const Floats& x, const py::array& actions, const Floats& old,
                            const Floats& advantages, const Floats& returns,
                            const Integers& rows) const {
        ppo::Rollout rollout = rollout_of(x, actions);
        const py::ssize_t count = x.shape(0);
        check(old.size() == count && advantages.size() == count && returns.size() == count,
              "`old`, `advantages` and `returns` must have shape (b,)");
        const auto here = [count](std::int64_t row) { return row >= 0 && row < count; };
        check(std::all_of(rows.data(), rows.data() + rows.size(), here),
              "rows must be those of `x`");
        rollout.old = old.data();
        rollout.advantages = advantages.data();
        rollout.returns = returns.data();
        return rollout;
    }

    static py::tuple tuple_of(const ppo::Sums& sums) {
        return py::make_tuple(sums.policy_loss, sums.value_loss, sums.entropy, sums.outside,
                              sums.kl);
    }

    ppo::Shape shape_;
    std::vector<std::vector<Floats>> arrays_;
    ppo::Update update_;
};

}  // namespace

void ppo(py::module_& m) {
    py::class_<ppo::Settings>(m, "PPOSettings")
        .def(py::init([](std::size_t minibatch, double learning_rate, double clip,
                         double value_coefficient, double entropy_coefficient, double max_grad_norm,
                         std::size_t threads) {
                 check(minibatch > 0, "`minibatch` must be at least 1");
                 return ppo::Settings{minibatch,           learning_rate, clip,   value_coefficient,
                                      entropy_coefficient, max_grad_norm, threads};
             }),
             py::kw_only(), py::arg("minibatch"), py::arg("learning_rate"), py::arg("clip"),
             py::arg("value_coefficient"), py::arg("entropy_coefficient"), py::arg("max_grad_norm"),
             py::arg("threads") = 1);
    py::class_<Updater>(m, "PPOUpdate")
        .def(py::init<std::vector<std::vector<Floats>>, std::size_t, std::size_t, Sizes, Sizes,
                      std::size_t, float, bool>(),
             py::arg("parameters").noconvert(), py::kw_only(), py::arg("inputs"),
             py::arg("actions"), py::arg("actor"), py::arg("critic"), py::arg("pieces"),
             py::arg("temperature"), py::arg("discrete"))
        .def("log_probs", &Updater::log_probs, py::arg("x").noconvert(), py::arg("actions"))
        .def("epoch", &Updater::epoch, py::arg("x").noconvert(), py::arg("actions"),
             py::arg("old").noconvert(), py::arg("advantages").noconvert(),
             py::arg("returns").noconvert(), py::arg("order").noconvert(), py::arg("steps"),
             py::arg("settings"))
        .def("differentiate", &Updater::differentiate, py::arg("x").noconvert(), py::arg("actions"),
             py::arg("old").noconvert(), py::arg("advantages").noconvert(),
             py::arg("returns").noconvert(), py::arg("rows").noconvert(), py::arg("settings"));
}

}  // namespace eigenwell::bind
