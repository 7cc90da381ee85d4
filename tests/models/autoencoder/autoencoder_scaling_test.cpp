// What scaling and whitening make of rows and codes.
#include <algorithm>
#include <cmath>

#include "clipk/models/pca.hpp"
#include "models/autoencoder/autoencoder_data.hpp"

namespace clipk::test {
namespace {

TEST(Autoencoder, EqualLengthForgetsBrightnessAndUnit) {
  Context context = cpu();
  const Surface data = surface(100, 20);
  Matrix<float> brighter(100, 20);
  for (std::int64_t i = 0; i < 100; ++i) {
    for (std::int64_t j = 0; j < 20; ++j) {
      brighter(i, j) = data.rows(i, j) * (i % 2 == 0 ? 1024.0F : 0.125F);
    }
  }
  AutoencoderOptions options = small_autoencoder();
  options.scaling = RowScaling::equal_length;
  options.epochs = 2;
  const Autoencoder model = Autoencoder::fit(context, data.rows, options);
  const Autoencoder same = Autoencoder::fit(context, brighter, options);
  EXPECT_EQ(model.scaling(), RowScaling::equal_length);
  EXPECT_TRUE(same_bytes(model.encode(context, data.rows), same.encode(context, brighter)));
  const Matrix<float> scaled = model.scaled(context, brighter);
  for (std::int64_t i = 0; i < 100; ++i) {
    double squares = 0;
    for (std::int64_t j = 0; j < 20; ++j) squares += std::pow(scaled(i, j), 2);
    EXPECT_NEAR(squares / 20, 0.2, 1e-6);
    EXPECT_NEAR(scaled(i, 3) * brighter(i, 5), scaled(i, 5) * brighter(i, 3),
                1e-5 * std::fabs(brighter(i, 5)));
  }
  const Matrix<float> zeros = model.scaled(context, Matrix<float>(3, 20));
  for (const float value : zeros.flat()) EXPECT_EQ(value, 0);
}

TEST(Autoencoder, StandardizedRowsForgetTheirLevelToo) {
  Context context = cpu();
  const Surface data = surface(60, 20);
  Matrix<float> other(60, 20);
  for (std::int64_t i = 0; i < 60; ++i) {
    for (std::int64_t j = 0; j < 20; ++j) {
      other(i, j) = 3 * data.rows(i, j) + static_cast<float>(i % 5);
    }
  }
  AutoencoderOptions options = small_autoencoder();
  options.scaling = RowScaling::standardized;
  options.epochs = 1;
  const Autoencoder model = Autoencoder::fit(context, data.rows, options);
  const Matrix<float> a = model.scaled(context, data.rows), b = model.scaled(context, other);
  for (std::int64_t i = 0; i < 60; ++i) {
    double sum = 0, squares = 0;
    for (std::int64_t j = 0; j < 20; ++j) {
      sum += a(i, j);
      squares += std::pow(a(i, j), 2);
      EXPECT_NEAR(a(i, j), b(i, j), 1e-5);
    }
    EXPECT_NEAR(sum / 20, 0, 1e-6);
    EXPECT_NEAR(squares / 20, 0.2, 1e-6);
  }
}

// The variance w of an axis becomes w^(1 - whitening); rows come back as before.
TEST(Autoencoder, WhiteningChangesCodesButNotReconstructions) {
  Context context = cpu();
  const Surface data = surface(300, 20);
  AutoencoderOptions options = small_autoencoder();
  options.code = 4;
  options.code_whitening = 0;
  const Autoencoder plain = Autoencoder::fit(context, data.rows, options);
  const Matrix<float> codes = plain.encode(context, data.rows);
  const std::vector<double> before = Pca::fit(context, codes).explained_variance();
  const Matrix<float> wanted = plain.decode(context, codes);
  for (const float share : {0.5F, 1.0F}) {
    options.code_whitening = share;
    const Autoencoder model = Autoencoder::fit(context, data.rows, options);
    const Matrix<float> changed = model.encode(context, data.rows);
    // Along the axes themselves, with mean 0.
    for (std::int64_t j = 0; j < 4; ++j) {
      for (std::int64_t l = 0; l < 4; ++l) {
        double product = 0, sum = 0;
        for (std::int64_t i = 0; i < 300; ++i) {
          product += static_cast<double>(changed(i, j)) * changed(i, l);
          sum += changed(i, j);
        }
        const double w = std::pow(before[static_cast<std::size_t>(j)], 1 - share);
        EXPECT_NEAR(product / 299, j == l ? w : 0, 1e-3 * before[0]) << share << ' ' << j << l;
        EXPECT_NEAR(sum / 300, 0, 1e-3);
      }
    }
    const Matrix<float> back = model.decode(context, changed);
    EXPECT_LE(max_error(std::vector<float>(back.flat().begin(), back.flat().end()),
                        std::vector<float>(wanted.flat().begin(), wanted.flat().end())),
              1e-3);
  }
}

TEST(Autoencoder, ConstantAndEqualRowsAreFine) {
  Context context = cpu();
  AutoencoderOptions options = small_autoencoder();
  options.epochs = 3;
  for (const RowScaling scaling :
       {RowScaling::none, RowScaling::equal_length, RowScaling::standardized}) {
    for (const float value : {0.0F, 0.7F}) {
      options.scaling = scaling;
      Matrix<float> rows(40, 8);
      for (float& v : rows.flat()) v = value;
      const Autoencoder model = Autoencoder::fit(context, rows, options);
      const Matrix<float> codes = model.encode(context, rows);
      for (const float code : codes.flat()) EXPECT_TRUE(std::isfinite(code));
    }
  }
  EXPECT_EQ(Autoencoder::fit(context, Matrix<float>(2, 2), options).losses().size(), 3U);
}

// Rows as they are: networks of rows in another unit, or far from 0, do the same.
TEST(Autoencoder, TheUnitAndTheOriginOfRowsDoNotMatter) {
  Context context = cpu();
  const std::int64_t n = 300, dim = 20;
  const Surface data = surface(n, dim);
  const double plain = Autoencoder::fit(context, data.rows, small_autoencoder())
                           .reconstruction_error(context, data.rows);
  struct Place {
    double unit, origin;
  };
  for (const Place place : {Place{1e-6, 0}, {1e-3, 1e-2}, {1, 100}, {1e3, 0}, {1e6, 1e7}}) {
    Matrix<float> rows(n, dim);
    for (std::int64_t i = 0; i < n * dim; ++i) {
      rows.data()[i] = static_cast<float>(place.unit * data.rows.data()[i] + place.origin);
    }
    const Autoencoder model = Autoencoder::fit(context, rows, small_autoencoder());
    const double square = place.unit * place.unit;
    EXPECT_LT(model.reconstruction_error(context, rows),
              square * (2 * plain + 1e-3 * data.variance))
        << place.unit << ' ' << place.origin;
    EXPECT_NEAR(model.losses().back() / square, plain, 2 * plain);
    const Matrix<float> codes = model.encode(context, rows);
    for (const float code : codes.flat()) EXPECT_LT(std::fabs(code), 100);
  }
}

}  // namespace
}  // namespace clipk::test
