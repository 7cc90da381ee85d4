#include "clipk/models/binary_quantizer.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "clipk/io/archive.hpp"
#include "io/files.hpp"
#include "support/error_of.hpp"
#include "support/random_rows.hpp"

namespace clipk::test {
namespace {

constexpr std::array kRotations{BinaryRotation::none, BinaryRotation::random,
                                BinaryRotation::learned};

Context cpu(int threads = 2, std::uint64_t seed = 0) {
  return Context::cpu({.seed = seed, .threads = threads});
}

double distance_from_orthonormal(MatrixView<const double> axes) {
  double worst = 0;
  for (std::int64_t a = 0; a < axes.rows; ++a) {
    for (std::int64_t b = 0; b < axes.rows; ++b) {
      double product = a == b ? -1 : 0;
      for (std::int64_t j = 0; j < axes.cols; ++j) product += axes(a, j) * axes(b, j);
      worst = worse(worst, std::fabs(product));
    }
  }
  return worst;
}

int hamming(const Matrix<std::uint8_t>& codes, std::int64_t a, std::int64_t b) {
  int bits = 0;
  for (std::int64_t j = 0; j < codes.cols(); ++j) {
    bits += std::popcount(static_cast<unsigned>(codes(a, j) ^ codes(b, j)));
  }
  return bits;
}

// sum |sign(R x) - R x|^2 over the rows about their mean.
double sign_loss(const BinaryQuantizer& quantizer, const Matrix<float>& rows) {
  double loss = 0;
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    for (std::int64_t r = 0; r < rows.cols(); ++r) {
      double value = 0;
      for (std::int64_t c = 0; c < rows.cols(); ++c) {
        value += quantizer.axes()(r, c) *
                 (double{rows(i, c)} - quantizer.mean()[static_cast<std::size_t>(c)]);
      }
      loss += std::pow(std::fabs(value) - 1, 2);
    }
  }
  return loss;
}

// Bits by plain loops; 13 columns leave three bits unused.
TEST(BinaryQuantizer, BitsAreSignsAboutTheMean) {
  Context context = cpu();
  Matrix<float> rows = random_rows(60, 13, 1);
  for (std::int64_t i = 0; i < 60; ++i) rows(i, 4) += 5;
  for (const BinaryRotation rotation : kRotations) {
    const BinaryQuantizer quantizer = BinaryQuantizer::fit(context, rows, {rotation});
    EXPECT_EQ(quantizer.dim(), 13);
    EXPECT_EQ(quantizer.bytes_per_vector(), 2);
    const Matrix<std::uint8_t> codes = quantizer.encode(context, rows);
    const Matrix<float> back = quantizer.decode(context, codes);
    ASSERT_EQ(codes.cols(), 2);
    for (std::int64_t i = 0; i < 60; ++i) {
      EXPECT_EQ(codes(i, 1) >> 5, 0);
      std::array<double, 13> expected{};
      for (std::int64_t r = 0; r < 13; ++r) {
        double value = 0;
        for (std::int64_t c = 0; c < 13; ++c) {
          double mean = 0;
          for (std::int64_t k = 0; k < 60; ++k) mean += double{rows(k, c)} / 60;
          const double axis =
              rotation == BinaryRotation::none ? (r == c ? 1 : 0) : quantizer.axes()(r, c);
          value += axis * (double{rows(i, c)} - mean);
        }
        const bool bit = (codes(i, r / 8) >> r % 8 & 1) != 0;
        ASSERT_EQ(bit, value >= 0) << i << " " << r;
        for (std::int64_t c = 0; c < 13; ++c) {
          const double axis =
              rotation == BinaryRotation::none ? (r == c ? 1 : 0) : quantizer.axes()(r, c);
          expected[static_cast<std::size_t>(c)] += (bit ? axis : -axis) / std::sqrt(13.0);
        }
      }
      for (std::int64_t c = 0; c < 13; ++c) {
        ASSERT_NEAR(back(i, c), expected[static_cast<std::size_t>(c)], 1e-6);
      }
    }
    EXPECT_NEAR(plain_cosine(back, 0, back, 1), 1 - 2 * hamming(codes, 0, 1) / 13.0, 1e-6);
  }
}

TEST(BinaryQuantizer, RotationsAreOrthonormalAndOfTheSeed) {
  Context context = cpu(2, 5), other = cpu(2, 6);
  const Matrix<float> rows = random_rows(50, 37, 2);
  for (const BinaryRotation rotation : {BinaryRotation::random, BinaryRotation::learned}) {
    const BinaryQuantizer a = BinaryQuantizer::fit(context, rows, {rotation});
    EXPECT_LT(distance_from_orthonormal(a.axes()), 1e-12);
    const BinaryQuantizer b = BinaryQuantizer::fit(other, rows, {rotation});
    EXPECT_NE(std::memcmp(a.axes().data, b.axes().data, 37 * 37 * sizeof(double)), 0);
  }
  const BinaryQuantizer a = BinaryQuantizer::fit(context, rows);
  const BinaryQuantizer b = BinaryQuantizer::fit(context, random_rows(9, 37, 3));
  EXPECT_EQ(std::memcmp(a.axes().data, b.axes().data, 37 * 37 * sizeof(double)), 0);
}

// The angle of two rows is the share of bits that differ: P(bit differs) = angle / pi (Goemans and
// Williamson), whatever the spread of the columns.
TEST(BinaryQuantizer, HammingDistanceIsTheAngle) {
  Context context = cpu();
  const std::int64_t d = 512;
  Matrix<float> rows(3, d);
  for (std::int64_t j = 0; j < 2; ++j) {
    rows(0, j) = j == 0 ? 1.F : 0.F;
    rows(1, j) = j == 0 ? 0.5F : std::sqrt(0.75F);  // 60 degrees from the first
    rows(2, j) = -rows(0, j) - rows(1, j);          // so that the mean is 0
  }
  const BinaryQuantizer quantizer = BinaryQuantizer::fit(context, rows);
  const Matrix<std::uint8_t> codes = quantizer.encode(context, rows);
  EXPECT_NEAR(hamming(codes, 0, 1) / 512.0, 1 / 3.0, 0.08);  // four standard errors
  EXPECT_NEAR(hamming(codes, 0, 2) / 512.0, 150 / 180.0, 0.07);
}

TEST(BinaryQuantizer, TheLearnedRotationLosesLess) {
  Context context = cpu();
  // Corners of a cube that was turned: the rotation back loses nothing.
  const std::int64_t d = 12;
  Matrix<float> corners = random_rows(400, d, 4);
  for (float& value : corners.flat()) value = value >= 0 ? 1.F : -1.F;
  Context other = cpu(1, 99);
  const BinaryQuantizer turn = BinaryQuantizer::fit(other, corners);
  Matrix<float> rows(400, d);
  for (std::int64_t i = 0; i < 400; ++i) {
    for (std::int64_t j = 0; j < d; ++j) {
      double value = 0;
      for (std::int64_t c = 0; c < d; ++c) value += turn.axes()(j, c) * double{corners(i, c)};
      rows(i, j) = static_cast<float>(value);
    }
  }
  const BinaryQuantizer random = BinaryQuantizer::fit(context, rows);
  const auto learned = [&](std::int64_t iterations) {
    return BinaryQuantizer::fit(context, rows,
                                {.rotation = BinaryRotation::learned, .iterations = iterations});
  };
  const double start = sign_loss(random, rows), one = sign_loss(learned(1), rows),
               many = sign_loss(learned(50), rows);
  EXPECT_LT(one, start);
  EXPECT_LT(many, 0.7 * one);
}

TEST(BinaryQuantizer, FewerRowsThanColumnsAndEqualRows) {
  Context context = cpu();
  const BinaryQuantizer few =
      BinaryQuantizer::fit(context, random_rows(3, 20, 5), {.rotation = BinaryRotation::learned});
  EXPECT_LT(distance_from_orthonormal(few.axes()), 1e-12);
  const Matrix<float> equal(4, 20);
  const BinaryQuantizer none =
      BinaryQuantizer::fit(context, equal, {.rotation = BinaryRotation::learned});
  EXPECT_LT(distance_from_orthonormal(none.axes()), 1e-12);
  EXPECT_EQ(none.encode(context, equal)(3, 1), 0xFF);  // R 0 counts as not negative
}

TEST(BinaryQuantizer, ThreadsAndStridesChangeNothing) {
  Context one = cpu(1), five = cpu(5);
  const Matrix<float> rows = random_rows(700, 40, 7);
  const MatrixView<const float> part = rows.view().col_range(2, 33);
  for (const BinaryRotation rotation : kRotations) {
    const BinaryQuantizerOptions options{.rotation = rotation, .iterations = 5};
    const BinaryQuantizer a = BinaryQuantizer::fit(one, part, options);
    const BinaryQuantizer b =
        BinaryQuantizer::fit(five, Matrix<float>::copy_of(five, part), options);
    EXPECT_EQ(a.mean(), b.mean());
    const Matrix<std::uint8_t> x = a.encode(one, part);
    const Matrix<std::uint8_t> y = b.encode(five, part);
    ASSERT_EQ(std::memcmp(x.data(), y.data(), static_cast<std::size_t>(x.rows() * x.cols())), 0);
    const Matrix<float> p = a.decode(one, x), q = b.decode(five, y);
    ASSERT_EQ(std::memcmp(p.data(), q.data(), 700 * 33 * sizeof(float)), 0);
    EXPECT_EQ(a.decode(one, a.encode(one, part.row_range(0, 0))).rows(), 0);
  }
}

TEST(BinaryQuantizer, BadInputIsNamed) {
  Context context = cpu();
  Matrix<float> rows = random_rows(5, 9, 8);
  const BinaryQuantizer quantizer = BinaryQuantizer::fit(context, rows);
  EXPECT_EQ(error_of([&] { BinaryQuantizer::fit(context, rows.view().row_range(0, 0)); }),
            "binary_quantizer: expected at least 1 row and 1 column, got [0, 9]");
  EXPECT_EQ(error_of([&] {
              BinaryQuantizer::fit(context, rows, {BinaryRotation::learned, 0});
            }),
            "binary_quantizer: expected at least 1 iteration, got 0");
  EXPECT_EQ(error_of([&] { quantizer.encode(context, rows.view().col_range(0, 3)); }),
            "binary_quantizer: expected rows of shape [5, 9], got [5, 3]");
  EXPECT_EQ(error_of([&] { quantizer.decode(context, Matrix<std::uint8_t>(5, 3)); }),
            "binary_quantizer: expected codes of shape [5, 2], got [5, 3]");
  rows(3, 2) = INFINITY;
  const std::string inf =
      "binary_quantizer rows: expected finite values, got inf in row 3, column 2";
  EXPECT_EQ(error_of([&] { BinaryQuantizer::fit(context, rows); }), inf);
  EXPECT_EQ(error_of([&] { quantizer.encode(context, rows); }), inf);
  EXPECT_EQ(error_of([] { binary_rotation_named("half"); }),
            "rotation: expected none, random or learned, got 'half'");
}

class BinaryQuantizerFile : public FileTest {};

TEST_F(BinaryQuantizerFile, HoldsTheWholeModel) {
  const std::filesystem::path path = this->path("signs.clipk");
  Context context = cpu();
  const Matrix<float> rows = random_rows(60, 11, 9);
  for (const BinaryRotation rotation : kRotations) {
    const BinaryQuantizer saved = BinaryQuantizer::fit(context, rows, {rotation});
    saved.save(path);
    const BinaryQuantizer loaded = BinaryQuantizer::load(path);
    EXPECT_EQ(loaded.rotation(), rotation);
    EXPECT_EQ(loaded.mean(), saved.mean());
    const Matrix<std::uint8_t> a = saved.encode(context, rows), b = loaded.encode(context, rows);
    EXPECT_EQ(std::memcmp(a.data(), b.data(), 60 * 2), 0);
  }
  ArchiveWriter odd("binary_quantizer model", 1);
  odd.add("rotation", "random");
  odd.add("mean", std::vector<double>{0, 0});
  Matrix<double> axes(2, 2);
  axes(0, 0) = 1;
  axes(1, 1) = 2;
  odd.add("axes", axes);
  odd.write(path);
  EXPECT_EQ(error_of([&] { BinaryQuantizer::load(path); }),
            path.string() + ": expected axes of length 1, got 2.000000 in row 1");
}

}  // namespace
}  // namespace clipk::test
