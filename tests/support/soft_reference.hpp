#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "clipk/ops/soft_assignment.hpp"

namespace clipk::test {

/// Soft assignment as the paper writes it, by plain loops in the type they are given.
template <class T>
struct PlainSoft {
  std::vector<T> q, p, sums, grad_points, grad_centres;
  T loss = 0;
};

/// @param target of p, or empty: p from q and its own column sums
/// @param before what the gradients start from
template <class T>
PlainSoft<T> plain_soft(const std::vector<T>& z, const std::vector<T>& m, std::int64_t n,
                        std::int64_t k, std::int64_t d, const SoftAssignmentOptions& options,
                        const std::vector<T>& target, T weight, T before = 0) {
  const auto at = [](const auto& v, std::int64_t row, std::int64_t cols, std::int64_t col) {
    return v[static_cast<std::size_t>(row * cols + col)];
  };
  const auto size = [](std::int64_t count) { return static_cast<std::size_t>(count); };
  const bool student = options.kernel == SoftKernel::student_t;
  const T alpha = static_cast<T>(options.alpha), kappa = static_cast<T>(options.kappa);
  PlainSoft<T> r;
  r.q.resize(size(n * k));
  std::vector<T> u(size(n * k));
  for (std::int64_t i = 0; i < n; ++i) {
    T top = -std::numeric_limits<T>::infinity();
    std::vector<T> s(size(k));
    for (std::int64_t j = 0; j < k; ++j) {
      T sum = 0;
      for (std::int64_t t = 0; t < d; ++t) {
        const T a = at(z, i, d, t), b = at(m, j, d, t);
        sum += student ? (a - b) * (a - b) : a * b;
      }
      u[size(i * k + j)] = 1 / (1 + sum / alpha);
      s[size(j)] = student ? -(alpha + 1) / 2 * std::log1p(sum / alpha) : kappa * sum;
      top = std::max(top, s[size(j)]);
    }
    T total = 0;
    for (const T value : s) total += std::exp(value - top);
    for (std::int64_t j = 0; j < k; ++j) {
      r.q[size(i * k + j)] = std::exp(s[size(j)] - top) / total;
    }
  }
  r.sums.assign(size(k), 0);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < k; ++j) r.sums[size(j)] += at(r.q, i, k, j);
  }
  r.p = target;
  if (target.empty()) {
    r.p.resize(size(n * k));
    for (std::int64_t i = 0; i < n; ++i) {
      T total = 0;
      for (std::int64_t j = 0; j < k; ++j) {
        const T q = at(r.q, i, k, j);
        total += r.p[size(i * k + j)] = q * q / r.sums[size(j)];
      }
      for (std::int64_t j = 0; j < k; ++j) r.p[size(i * k + j)] /= total;
    }
  }
  r.grad_points.assign(size(n * d), before);
  r.grad_centres.assign(size(k * d), before);
  const T share = weight / static_cast<T>(n);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < k; ++j) {
      const T p = at(r.p, i, k, j), q = at(r.q, i, k, j);
      if (p > 0) r.loss += share * p * std::log(p / std::max(q, std::numeric_limits<T>::min()));
      for (std::int64_t t = 0; t < d; ++t) {
        const T a = at(z, i, d, t), b = at(m, j, d, t);
        if (student) {
          const T g = share * (alpha + 1) / alpha * at(u, i, k, j) * (p - q) * (a - b);
          r.grad_points[size(i * d + t)] += g;
          r.grad_centres[size(j * d + t)] -= g;
        } else {
          r.grad_points[size(i * d + t)] += share * kappa * (q - p) * b;
          r.grad_centres[size(j * d + t)] += share * kappa * (q - p) * a;
        }
      }
    }
  }
  return r;
}

}  // namespace clipk::test
