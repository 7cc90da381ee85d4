#include "clipk/models/autoencoder.hpp"

#include <cmath>
#include <cstring>
#include <filesystem>

#include "clipk/core/error.hpp"
#include "support/arrays.hpp"
#include "support/device_test.hpp"

namespace clipk::test {
namespace {

Context cpu(int threads = 2, std::uint64_t seed = 1) {
  return Context::cpu({.seed = seed, .threads = threads});
}

// Rows on a curved surface of two dimensions within `dim`, and the mean square of their values
// about their means.
struct Surface {
  Matrix<float> rows;
  double variance = 0;
};
Surface surface(std::int64_t n, std::int64_t dim) {
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

AutoencoderOptions small() {
  AutoencoderOptions options;
  options.hidden = {32, 24};
  options.code = 2;
  options.epochs = 40;
  options.batch = 50;
  options.scaling = RowScaling::none;
  options.optimizer = Optimizer::adam;
  options.rate = 3e-3;
  return options;
}

std::string same_bytes(const Matrix<float>& a, const Matrix<float>& b) {
  if (a.rows() != b.rows() || a.cols() != b.cols()) return "shapes differ";
  return std::memcmp(a.data(), b.data(),
                     static_cast<std::size_t>(a.rows() * a.cols()) * sizeof(float)) == 0
             ? ""
             : "bytes differ";
}

TEST(Autoencoder, FindsASurfaceOfTwoDimensions) {
  Context context = cpu();
  const Surface data = surface(500, 20);
  const Autoencoder model = Autoencoder::fit(context, data.rows, small());
  EXPECT_EQ(model.input_dim(), 20);
  EXPECT_EQ(model.code_dim(), 2);
  EXPECT_EQ(model.losses().size(), 40U);
  EXPECT_LT(model.losses().back(), 0.1 * model.losses().front());
  EXPECT_LT(model.reconstruction_error(context, data.rows), 0.05 * data.variance);
  // The error is that of decode(encode(x)).
  const Matrix<float> back = model.decode(context, model.encode(context, data.rows));
  double sum = 0;
  for (std::int64_t i = 0; i < 500; ++i) {
    for (std::int64_t j = 0; j < 20; ++j) sum += std::pow(back(i, j) - data.rows(i, j), 2);
  }
  EXPECT_NEAR(model.reconstruction_error(context, data.rows), sum / 10000, 1e-6 * sum / 10000);
}

TEST(Autoencoder, SameBytesForAnyNumberOfThreads) {
  const Surface data = surface(300, 20);
  AutoencoderOptions options = small();
  options.hidden = {64, 300};
  options.epochs = 3;
  Context one = cpu(1), two = cpu(2);
  const Autoencoder a = Autoencoder::fit(one, data.rows, options);
  const Autoencoder b = Autoencoder::fit(two, data.rows, options);
  EXPECT_EQ(same_bytes(a.encode(one, data.rows), b.encode(two, data.rows)), "");
  EXPECT_EQ(a.reconstruction_error(one, data.rows), b.reconstruction_error(two, data.rows));
}

}  // namespace
}  // namespace clipk::test
