#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "clipk/core/matrix.hpp"

namespace clipk::test {

inline double squared_distance(const float* x, const float* y, std::int64_t d) {
  double sum = 0;
  for (std::int64_t j = 0; j < d; ++j) {
    sum += std::pow(static_cast<double>(x[j]) - static_cast<double>(y[j]), 2);
  }
  return sum;
}

struct PlainLloyd {
  std::vector<std::int32_t> labels;
  std::int64_t iterations = 0;
  double inertia = 0;
};

// Every empty cluster takes the row farthest from its centre that is not alone in its cluster.
inline void plain_reseed(const Matrix<float>& rows, const Matrix<float>& centres,
                         std::vector<std::int32_t>& labels, Matrix<double>& sums,
                         std::vector<double>& counts) {
  const std::int64_t n = rows.rows(), d = rows.cols();
  std::vector<double> distances;
  for (std::int64_t i = 0; i < n; ++i) {
    distances.push_back(squared_distance(
        rows.view().row(i), centres.view().row(labels[static_cast<std::size_t>(i)]), d));
  }
  for (std::int32_t c = 0; c < centres.rows(); ++c) {
    if (counts[static_cast<std::size_t>(c)] > 0) continue;
    std::size_t far = distances.size();
    for (std::size_t i = 0; i < distances.size(); ++i) {
      if (counts[static_cast<std::size_t>(labels[i])] < 2) continue;
      if (far == distances.size() || distances[i] > distances[far]) far = i;
    }
    const std::int32_t from = labels[far];
    for (std::int64_t j = 0; j < d; ++j) {
      sums(from, j) -= rows(static_cast<std::int64_t>(far), j);
      sums(c, j) = rows(static_cast<std::int64_t>(far), j);
    }
    --counts[static_cast<std::size_t>(from)];
    counts[static_cast<std::size_t>(c)] = 1;
    labels[far] = c;
  }
}

// Lloyd's algorithm to strict convergence with plain double loops; centres are stored in float32,
// as the model's are.
inline PlainLloyd plain_lloyd(const Matrix<float>& rows, Matrix<float>& centres) {
  const std::int64_t n = rows.rows(), d = rows.cols(), k = centres.rows();
  PlainLloyd result;
  result.labels.assign(static_cast<std::size_t>(n), -1);
  while (true) {
    bool changed = false;
    result.inertia = 0;
    Matrix<double> sums(k, d);
    std::vector<double> counts(static_cast<std::size_t>(k));
    for (std::int64_t i = 0; i < n; ++i) {
      std::int32_t best = 0;
      double least = INFINITY;
      for (std::int32_t c = 0; c < k; ++c) {
        const double distance = squared_distance(rows.view().row(i), centres.view().row(c), d);
        if (distance < least) {
          least = distance;
          best = c;
        }
      }
      result.inertia += least;
      std::int32_t& label = result.labels[static_cast<std::size_t>(i)];
      changed |= label != best;
      label = best;
      ++counts[static_cast<std::size_t>(best)];
      for (std::int64_t j = 0; j < d; ++j) sums(best, j) += rows(i, j);
    }
    if (!changed) return result;
    ++result.iterations;
    plain_reseed(rows, centres, result.labels, sums, counts);
    for (std::int64_t c = 0; c < k; ++c) {
      for (std::int64_t j = 0; j < d; ++j) {
        centres(c, j) = static_cast<float>(sums(c, j) / counts[static_cast<std::size_t>(c)]);
      }
    }
  }
}

}  // namespace clipk::test
