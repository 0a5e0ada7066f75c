// Clipping the gradient and Adam (Kingma and Ba 2015, algorithm 1).
#include <cmath>

#include "problem.hpp"

namespace eigenwell::ppo {
namespace {

constexpr double beta1 = 0.9;
constexpr double beta2 = 0.999;

}  // namespace

void adam_step(const std::vector<Parameter>& parameters,
               const std::vector<std::vector<float>>& gradients, const Settings& settings,
               std::int64_t steps) {
    double squares = 0;
    for (const std::vector<float>& gradient : gradients) {
        for (const float g : gradient) {
            squares += static_cast<double>(g) * static_cast<double>(g);
        }
    }
    const double factor = settings.max_grad_norm / (std::sqrt(squares) + 1e-6);
    const auto scale = static_cast<float>(factor > 1.0 ? 1.0 : factor);  // NaN stays
    const auto t = static_cast<double>(steps);
    const auto rate = static_cast<float>(settings.learning_rate / (1.0 - std::pow(beta1, t)));
    const auto root = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(beta2, t)));
    constexpr auto keep = static_cast<float>(beta2);
    constexpr auto fresh1 = static_cast<float>(1.0 - beta1);
    constexpr auto fresh2 = static_cast<float>(1.0 - beta2);
    // Huang et al. 2022, detail 3.
    constexpr auto epsilon = static_cast<float>(1e-5);
    for (std::size_t p = 0; p < gradients.size(); ++p) {
        const auto& [value, mean, square] = parameters[p];
        for (std::size_t i = 0; i < gradients[p].size(); ++i) {
            const float g = gradients[p][i] * scale;
            mean[i] += fresh1 * (g - mean[i]);
            square[i] = keep * square[i] + fresh2 * g * g;
            value[i] -= rate * mean[i] / (std::sqrt(square[i]) * root + epsilon);
        }
    }
}

}  // namespace eigenwell::ppo
