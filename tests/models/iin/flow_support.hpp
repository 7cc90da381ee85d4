#pragma once

#include <cmath>
#include <functional>
#include <string>

#include "clipk/models/flow.hpp"
#include "clipk/ops/adam.hpp"
#include "support/arrays.hpp"

namespace clipk::test {

template <class T>
void fill(Context& context, VectorView<T> view, std::uint64_t seed, double scale) {
  const std::vector<T> values = normals<T>(view.size, seed, scale);
  copy<T>(context, VectorView<const T>(values.data(), view.size), view);
}

template <class T>
std::vector<T> host_of(Context& context, MatrixView<const T> view) {
  const Matrix<T> m = Matrix<T>::copy_of(context, view).to_host(context);
  return std::vector<T>(m.flat().begin(), m.flat().end());
}

// Rows with correlated columns of different means and spreads.
template <class T>
Matrix<T> rows_of(Context& context, std::int64_t n, std::int64_t d, std::uint64_t seed) {
  Matrix<T> host(n, d);
  const std::vector<double> noise = normals<double>(n * (d + 1), seed);
  for (std::int64_t i = 0; i < n; ++i) {
    const double* row = &noise[static_cast<std::size_t>(i * (d + 1))];
    for (std::int64_t j = 0; j < d; ++j) {
      const double bend = 0.3 * row[d] * row[d];
      host(i, j) = static_cast<T>((0.5 + 0.1 * static_cast<double>(j)) * (row[j] + bend) +
                                  0.2 * static_cast<double>(j));
    }
  }
  return host.to_device(context);
}

inline constexpr FlowOptions kSmall = {.blocks = 2, .width = 7, .depth = 2, .zero_last = false};

// Steps of Adam on the negative log-likelihood; what it is before each step, without its constant.
inline std::vector<double> train(Context& context, Flow& flow, const Matrix<float>& x, int steps,
                                 float rate) {
  const std::int64_t n = x.rows(), p = flow.parameters().values.size;
  Flow::Workspace workspace(context, flow, n);
  Matrix<float> z(context, n, flow.dim()), log_det(context, 1, n), grad(context, n, flow.dim());
  Matrix<float> grad_log_det(context, 1, n), m(context, 1, p), v(context, 1, p),
      rates(context, 1, 3);
  const std::vector<float> weights(static_cast<std::size_t>(n), -1.F / static_cast<float>(n));
  copy<float>(context, VectorView<const float>(weights.data(), n), grad_log_det.flat());
  std::vector<double> losses;
  for (int step = 1; step <= steps; ++step) {
    flow.forward(context, x, workspace, z.view(), log_det.flat());
    Matrix<float> host = z.to_host(context);
    double loss = 0;
    for (float& value : host.flat()) {
      loss += 0.5 * value * value;
      value /= static_cast<float>(n);
    }
    const Matrix<float> dets = log_det.to_host(context);
    for (const float value : dets.flat()) loss -= value;
    losses.push_back(loss / static_cast<double>(n));
    copy<float>(context, host, grad.view());
    flow.backward(context, x, workspace, grad, grad_log_det.flat());
    const float now[] = {rate, 1 - std::pow(0.5F, static_cast<float>(step)),
                         1 - std::pow(0.9F, static_cast<float>(step))};
    copy<float>(context, VectorView<const float>(now, 3), rates.flat());
    adam(context, {.beta1 = 0.5F, .beta2 = 0.9F}, rates.flat(), flow.parameters().gradients,
         flow.parameters().values, m.flat(), v.flat());
  }
  return losses;
}

}  // namespace clipk::test
