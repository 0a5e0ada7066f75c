// Descriptions of policies and physics, as both extensions take them. The caller has checked them.
#ifndef EIGENWELL_BINDINGS_CARTPOLE_ARGUMENTS_HPP
#define EIGENWELL_BINDINGS_CARTPOLE_ARGUMENTS_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "../src/cartpole/cartpole.hpp"

namespace eigenwell::bind {

// activation: "tanh", "relu", "dc" or "dc_quadratic".
inline cartpole::Architecture architecture_of(const std::vector<std::size_t>& sizes,
                                              std::string_view activation) {
    cartpole::Architecture net;
    net.activation = activation == "tanh"   ? cartpole::Activation::tanh
                     : activation == "relu" ? cartpole::Activation::relu
                     : activation == "dc"   ? cartpole::Activation::dc
                                            : cartpole::Activation::dc_quadratic;
    net.layers = sizes.size() - 1;
    std::copy(sizes.begin(), sizes.end(), net.sizes);
    return net;
}

// In the order of cartpole::Physics.
inline cartpole::Physics physics_of(const std::array<double, 9>& p) {
    return {p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8]};
}

}  // namespace eigenwell::bind

#endif  // EIGENWELL_BINDINGS_CARTPOLE_ARGUMENTS_HPP
