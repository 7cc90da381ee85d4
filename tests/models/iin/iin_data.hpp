#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>
#include <vector>

#include "clipk/core/random.hpp"
#include "clipk/models/iin.hpp"

namespace clipk::test {

inline constexpr std::int64_t kDim = 6;

// Hidden numbers u, and rows that are a rotation of a bent form of them: u can be read from rows.
// Column 0 is the value of the factor "level", column 1 that of the classes "kind" (-2, 0 or 2,
// with noise); the others are noise.
struct Data {
  Matrix<float> rows, log_variance;
  std::vector<Factor> factors{2};

  explicit Data(std::int64_t n, std::uint64_t seed = 4) : rows(n, kDim), log_variance(n, kDim) {
    Random random(seed, RandomStream::data);
    factors[0].name = "level";
    factors[0].values = Matrix<float>(n, 1);
    factors[1].name = "kind";
    factors[1].class_names = {"low", "middle", "high"};
    for (std::int64_t i = 0; i < n; ++i) {
      double u[kDim];
      for (double& value : u) value = random.normal();
      const auto kind = static_cast<std::int32_t>(i % 3);
      u[1] = 2.0 * (kind - 1) + 0.2 * u[1];
      factors[0].values(i, 0) = static_cast<float>(u[0]);
      factors[1].classes.push_back(kind);
      for (std::int64_t j = 0; j < kDim; ++j) log_variance(i, j) = -6;
      put(u, i);
    }
  }
  void put(const double (&u)[kDim], std::int64_t i) {
    for (std::int64_t j = 0; j < kDim; ++j) {
      double sum = 0;
      for (std::int64_t k = 0; k < kDim; ++k)
        sum += axis(j, k) * (u[k] + (k == 2 ? u[0] * u[0] / 3 : 0));
      rows(i, j) = static_cast<float>(sum);
    }
  }
  // u of a row.
  static std::vector<double> hidden(MatrixView<const float> rows, std::int64_t i) {
    std::vector<double> u(kDim);
    for (std::int64_t k = 0; k < kDim; ++k) {
      for (std::int64_t j = 0; j < kDim; ++j) {
        u[static_cast<std::size_t>(k)] += axis(j, k) * rows(i, j);
      }
    }
    u[2] -= u[0] * u[0] / 3;
    return u;
  }
  // An orthogonal matrix (a discrete Hartley transform).
  static double axis(std::int64_t j, std::int64_t k) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(j * k) / kDim;
    return (std::cos(angle) + std::sin(angle)) / std::sqrt(static_cast<double>(kDim));
  }
};

inline IinOptions small() {
  IinOptions options;
  options.flow.blocks = 4;
  options.flow.width = 32;
  options.flow.depth = 1;
  options.sizes = {1, 1};
  options.epochs = 3;
  options.batch = 64;
  return options;
}

inline Context cpu(int threads = 1) {
  return Context::cpu({.seed = 11, .threads = threads});
}

}  // namespace clipk::test
