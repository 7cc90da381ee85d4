#pragma once

#include <cmath>
#include <cstdint>

#include "clipk/core/random.hpp"
#include "clipk/models/autoencoder.hpp"
#include "support/arrays.hpp"
#include "support/same_bytes.hpp"

namespace clipk::test {

inline Context cpu(int threads = 2, std::uint64_t seed = 1) {
  return Context::cpu({.seed = seed, .threads = threads});
}

// Rows on a curved surface of two dimensions within `dim`, and the mean square of their values
// about their means.
struct Surface {
  Matrix<float> rows;
  double variance = 0;
};
inline Surface surface(std::int64_t n, std::int64_t dim) {
  Surface result{Matrix<float>(n, dim)};
  Random random(3, RandomStream::data);
  const std::vector<double> directions = normals<double>(4 * dim, 11);
  for (std::int64_t i = 0; i < n; ++i) {
    const double u = 2 * random.uniform() - 1, v = 2 * random.uniform() - 1;
    const double shape[] = {u, v, u * v, std::sin(3 * u)};
    for (std::int64_t j = 0; j < dim; ++j) {
      double value = 0.5;
      for (int s = 0; s < 4; ++s) value += shape[s] * directions[s * dim + j];
      result.rows(i, j) = static_cast<float>(value);
    }
  }
  for (std::int64_t j = 0; j < dim; ++j) {
    double sum = 0, squares = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += result.rows(i, j);
    for (std::int64_t i = 0; i < n; ++i) {
      squares += std::pow(result.rows(i, j) - sum / static_cast<double>(n), 2);
    }
    result.variance += squares / static_cast<double>(n * dim);
  }
  return result;
}

inline AutoencoderOptions small_autoencoder() {
  AutoencoderOptions options;
  options.hidden = {32, 24};
  options.code = 2;
  options.epochs = 40;
  options.batch = 50;
  options.scaling = RowScaling::none;
  options.optimizer = Optimizer::adam;
  options.rate = 3e-3;
  options.schedule = {};
  return options;
}

// The same weights, from the same training.
inline void expect_same(Context& context, const Matrix<float>& rows, const Autoencoder& a,
                        const Autoencoder& b) {
  EXPECT_EQ(a.losses(), b.losses());
  EXPECT_EQ(a.layer_losses(), b.layer_losses());
  const Matrix<float> codes = a.encode(context, rows);
  EXPECT_TRUE(same_bytes(codes, b.encode(context, rows)));
  EXPECT_TRUE(same_bytes(a.decode(context, codes), b.decode(context, codes)));
}

inline AutoencoderOptions too_fast() {
  AutoencoderOptions options = small_autoencoder();
  options.optimizer = Optimizer::sgd;
  options.rate = 1000;
  options.schedule = {.kind = Schedule::linear};
  options.epochs = 100;
  return options;
}

}  // namespace clipk::test
