#include "clipk/models/scalar_quantizer.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "clipk/io/archive.hpp"
#include "clipk/io/half.hpp"
#include "io/files.hpp"
#include "support/error_of.hpp"
#include "support/random_rows.hpp"

namespace clipk::test {
namespace {

Context cpu(int threads = 2) {
  return Context::cpu({.threads = threads});
}

// Columns of very different spread and place, none of them near 0.
Matrix<float> uneven_rows(std::int64_t n, std::int64_t d, std::uint64_t seed) {
  Matrix<float> rows = random_rows(n, d, seed);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < d; ++j) {
      const auto column = static_cast<float>(j);
      rows(i, j) = 10 * column + rows(i, j) / (1 + column * column);
    }
  }
  return rows;
}

double column_error(MatrixView<const float> a, MatrixView<const float> b, std::int64_t j) {
  double sum = 0;
  for (std::int64_t i = 0; i < a.rows; ++i) sum += std::pow(double{a(i, j)} - double{b(i, j)}, 2);
  return sum;
}

TEST(ScalarQuantizer, BytesOfARow) {
  Context context = cpu();
  const std::array<std::array<std::int64_t, 4>, 3> bytes{
      {{2, 1, 1, 1}, {14, 7, 4, 7}, {16, 8, 4, 8}}};
  for (const auto& [half, eight, four, d] : bytes) {
    const Matrix<float> rows = random_rows(5, d, 1);
    const auto bytes_of = [&](ScalarCode code) {
      const ScalarQuantizer quantizer = ScalarQuantizer::fit(context, rows, {code});
      EXPECT_EQ(quantizer.dim(), d);
      EXPECT_EQ(quantizer.encode(context, rows).cols(), quantizer.bytes_per_vector());
      return quantizer.bytes_per_vector();
    };
    EXPECT_EQ(bytes_of(ScalarCode::float16), half);
    EXPECT_EQ(bytes_of(ScalarCode::int8), eight);
    EXPECT_EQ(bytes_of(ScalarCode::int4), four);
  }
}

TEST(ScalarQuantizer, Float16IsTheNearestHalf) {
  Context context = cpu();
  Matrix<float> rows = random_rows(40, 5, 2);
  rows(0, 0) = 65519.9F;  // to the largest half
  rows(1, 0) = 0x1p-25F;  // a tie, to even: 0
  rows(2, 0) = -0x1.8p-24F;
  const ScalarQuantizer quantizer =
      ScalarQuantizer::fit(context, rows, {.code = ScalarCode::float16});
  const Matrix<std::uint8_t> codes = quantizer.encode(context, rows);
  const Matrix<float> back = quantizer.decode(context, codes);
  for (std::int64_t i = 0; i < 40; ++i) {
    for (std::int64_t j = 0; j < 5; ++j) {
      const std::uint16_t half = double_to_half(double{rows(i, j)});
      ASSERT_EQ(codes(i, 2 * j) + 256 * codes(i, 2 * j + 1), half);
      ASSERT_EQ(back(i, j), half_to_float(half));
    }
  }
  EXPECT_EQ(back(0, 0), 65504);
  EXPECT_EQ(back(1, 0), 0);
  EXPECT_EQ(back(2, 0), -0x1p-23F);
}

// The nearest of the levels by trying all of them, for values inside the range and far outside.
TEST(ScalarQuantizer, CodesAreTheNearestLevels) {
  Context context = cpu();
  const Matrix<float> rows = uneven_rows(300, 9, 3);
  Matrix<float> others = uneven_rows(200, 9, 4);
  for (std::int64_t j = 0; j < 9; ++j) {
    others(0, j) = -1e6F;
    others(1, j) = 1e6F;
  }
  for (const ScalarCode code : {ScalarCode::int8, ScalarCode::int4}) {
    const ScalarQuantizer quantizer = ScalarQuantizer::fit(context, rows, {code});
    const int last = code == ScalarCode::int8 ? 255 : 15;
    const Matrix<std::uint8_t> codes = quantizer.encode(context, others);
    const Matrix<float> back = quantizer.decode(context, codes);
    for (std::int64_t i = 0; i < 200; ++i) {
      for (std::int64_t j = 0; j < 9; ++j) {
        const auto at = static_cast<std::size_t>(j);
        const auto value = [&](int level) {
          return quantizer.offset()[at] + quantizer.step()[at] * level;
        };
        const double x = double{others(i, j)};
        double least = std::numeric_limits<double>::infinity();
        for (int level = 0; level <= last; ++level) {
          least = std::min(least, std::fabs(x - value(level)));
        }
        const int level =
            code == ScalarCode::int8 ? codes(i, j) : codes(i, j / 2) >> 4 * (j % 2) & 15;
        ASSERT_LE(std::fabs(x - value(level)), least * (1 + 1e-12) + 1e-12);
        ASSERT_EQ(back(i, j), static_cast<float>(value(level)));
      }
      if (code == ScalarCode::int4) {
        ASSERT_EQ(codes(i, 4) >> 4, 0);
      }
    }
    for (std::int64_t j = 0; j < 9; ++j) {
      const auto at = static_cast<std::size_t>(j);
      EXPECT_EQ(back(0, j), static_cast<float>(quantizer.offset()[at]));
      EXPECT_EQ(back(1, j),
                static_cast<float>(quantizer.offset()[at] + quantizer.step()[at] * last));
    }
  }
}

TEST(ScalarQuantizer, Int8WidensTheRangeByAFifth) {
  Context context = cpu();
  Matrix<float> rows(4, 1);
  rows(0, 0) = 0;
  rows(1, 0) = 1;
  rows(2, 0) = 1;
  rows(3, 0) = 6;  // mean 2
  const ScalarQuantizer quantizer = ScalarQuantizer::fit(context, rows);
  EXPECT_NEAR(quantizer.offset()[0], 2 - 1.2 * 2, 1e-15);
  EXPECT_NEAR(quantizer.step()[0], 1.2 * 6 / 255, 1e-15);
}

// No other factor of the list does better, and one that clips does better than the whole range.
TEST(ScalarQuantizer, Int4TakesTheRangeOfLeastError) {
  Context context = cpu();
  const Matrix<float> rows = uneven_rows(900, 6, 5);
  const ScalarQuantizer quantizer = ScalarQuantizer::fit(context, rows, {ScalarCode::int4});
  const Matrix<float> back = quantizer.decode(context, quantizer.encode(context, rows));
  for (std::int64_t j = 0; j < 6; ++j) {
    double low = rows(0, j), high = low, mean = 0;
    for (std::int64_t i = 0; i < 900; ++i) {
      low = std::min(low, double{rows(i, j)});
      high = std::max(high, double{rows(i, j)});
      mean += double{rows(i, j)} / 900;
    }
    const double found = column_error(rows, back, j);
    double best = std::numeric_limits<double>::infinity(), whole = 0;
    for (int percent = 30; percent <= 100; percent += 5) {
      const double f = percent / 100.0, first = mean - f * (mean - low);
      const double step = f * (high - low) / 15;
      double error = 0;
      for (std::int64_t i = 0; i < 900; ++i) {
        const double x = double{rows(i, j)};
        const double level = std::clamp(std::floor((x - first) / step + 0.5), 0.0, 15.0);
        error += std::pow(x - first - step * level, 2);
      }
      best = std::min(best, error);
      if (percent == 100) whole = error;
    }
    EXPECT_NEAR(found, best, 1e-4 * best);  // the decoded rows are float32
    EXPECT_LT(found, 0.9 * whole);
  }
}

TEST(ScalarQuantizer, ErrorFallsWithBits) {
  Context context = cpu();
  const Matrix<float> rows = random_rows(500, 8, 6);
  const auto relative_error = [&](ScalarCode code) {
    const ScalarQuantizer quantizer = ScalarQuantizer::fit(context, rows, {code});
    const Matrix<float> back = quantizer.decode(context, quantizer.encode(context, rows));
    double sum = 0, all = 0;
    for (std::int64_t j = 0; j < 8; ++j) sum += column_error(rows, back, j);
    for (const float value : rows.flat()) all += double{value} * double{value};
    return sum / all;
  };
  // Of a Gaussian column: step^2 / 12 with 256 levels over 7.4 deviations, 16 over about 5.3.
  EXPECT_NEAR(relative_error(ScalarCode::int8), std::pow(7.4 / 255, 2) / 12, 3e-5);
  EXPECT_NEAR(relative_error(ScalarCode::int4), 0.0115, 0.002);
  EXPECT_LT(relative_error(ScalarCode::float16), 1e-7);
}

TEST(ScalarQuantizer, ThreadsAndStridesChangeNothing) {
  Context one = cpu(1), five = cpu(5);
  const Matrix<float> rows = random_rows(700, 40, 7);
  const MatrixView<const float> part = rows.view().col_range(2, 33);
  for (const ScalarCode code : {ScalarCode::float16, ScalarCode::int8, ScalarCode::int4}) {
    const ScalarQuantizer a = ScalarQuantizer::fit(one, part, {code});
    const ScalarQuantizer b =
        ScalarQuantizer::fit(five, Matrix<float>::copy_of(five, part), {code});
    EXPECT_EQ(a.offset(), b.offset());
    EXPECT_EQ(a.step(), b.step());
    const Matrix<std::uint8_t> x = a.encode(one, part);
    const Matrix<std::uint8_t> y = b.encode(five, part);
    ASSERT_EQ(std::memcmp(x.data(), y.data(), static_cast<std::size_t>(x.rows() * x.cols())), 0);
    const Matrix<float> p = a.decode(one, x), q = b.decode(five, y);
    ASSERT_EQ(std::memcmp(p.data(), q.data(), 700 * 33 * sizeof(float)), 0);
    EXPECT_EQ(a.decode(one, a.encode(one, rows.view().row_range(0, 0).col_range(0, 33))).rows(), 0);
  }
}

// Decoding must not leave float32, whatever the range of the rows.
TEST(ScalarQuantizer, TheWholeRangeOfFloat32) {
  Context context = cpu();
  constexpr float kMost = std::numeric_limits<float>::max();
  Matrix<float> rows(3, 2);
  rows(0, 0) = -kMost;
  rows(1, 0) = kMost;
  rows(1, 1) = std::numeric_limits<float>::denorm_min();
  for (const ScalarCode code : {ScalarCode::int8, ScalarCode::int4}) {
    const ScalarQuantizer quantizer = ScalarQuantizer::fit(context, rows, {code});
    const Matrix<float> back = quantizer.decode(context, quantizer.encode(context, rows));
    for (const float value : back.flat()) EXPECT_TRUE(std::isfinite(value));
    EXPECT_LE(std::fabs(back(1, 0) / kMost - 1), 0.7F);
    EXPECT_EQ(back(1, 1), std::numeric_limits<float>::denorm_min());
  }
}

TEST(ScalarQuantizer, BadInputIsNamed) {
  Context context = cpu();
  Matrix<float> rows = random_rows(5, 4, 8);
  const ScalarQuantizer quantizer = ScalarQuantizer::fit(context, rows);
  EXPECT_EQ(error_of([&] { ScalarQuantizer::fit(context, rows.view().row_range(0, 0)); }),
            "scalar_quantizer: expected at least 1 row and 1 column, got [0, 4]");
  EXPECT_EQ(error_of([&] { quantizer.encode(context, rows.view().col_range(0, 3)); }),
            "scalar_quantizer: expected rows of shape [5, 4], got [5, 3]");
  EXPECT_EQ(error_of([&] { quantizer.decode(context, Matrix<std::uint8_t>(5, 3)); }),
            "scalar_quantizer: expected codes of shape [5, 4], got [5, 3]");
  rows(3, 2) = 65520;
  EXPECT_EQ(error_of([&] { ScalarQuantizer::fit(context, rows, {ScalarCode::float16}); }),
            "scalar_quantizer: expected values of at most 65504 (float16), got 65520.000000 in row "
            "3, column 2");
  const ScalarQuantizer half =
      ScalarQuantizer::fit(context, random_rows(5, 4, 8), {ScalarCode::float16});
  EXPECT_EQ(error_of([&] { half.encode(context, rows); }),
            "scalar_quantizer: expected values of at most 65504 (float16), got 65520.000000 in row "
            "3, column 2");
  rows(3, 2) = NAN;
  const std::string nan =
      "scalar_quantizer rows: expected finite values, got nan in row 3, column 2";
  EXPECT_EQ(error_of([&] { ScalarQuantizer::fit(context, rows); }), nan);
  EXPECT_EQ(error_of([&] { quantizer.encode(context, rows); }), nan);
  for (std::int64_t i = 0; i < 5; ++i) rows(i, 2) = 0.25F;
  EXPECT_EQ(error_of([&] { ScalarQuantizer::fit(context, rows); }),
            "scalar_quantizer: expected columns that vary (int8), got 0.250000 in every row of "
            "column 2");
  EXPECT_EQ(error_of([&] { ScalarQuantizer::fit(context, rows, {ScalarCode::int4}); }),
            "scalar_quantizer: expected columns that vary (int4), got 0.250000 in every row of "
            "column 2");
  EXPECT_EQ(error_of([&] { ScalarQuantizer::fit(context, rows, {ScalarCode::float16}); }),
            "no error");
  EXPECT_EQ(error_of([] { scalar_code_named("int2"); }),
            "scalar code: expected float16, int8 or int4, got 'int2'");
}

class ScalarQuantizerFile : public FileTest {};

TEST_F(ScalarQuantizerFile, HoldsTheWholeModel) {
  const std::filesystem::path path = this->path("codes.clipk");
  Context context = cpu();
  const Matrix<float> rows = random_rows(60, 7, 9);
  for (const ScalarCode code : {ScalarCode::float16, ScalarCode::int8, ScalarCode::int4}) {
    const ScalarQuantizer saved = ScalarQuantizer::fit(context, rows, {code});
    saved.save(path);
    const ScalarQuantizer loaded = ScalarQuantizer::load(path);
    EXPECT_EQ(loaded.code(), code);
    EXPECT_EQ(loaded.dim(), 7);
    EXPECT_EQ(loaded.bytes_per_vector(), saved.bytes_per_vector());
    EXPECT_EQ(loaded.offset(), saved.offset());
    EXPECT_EQ(loaded.step(), saved.step());
  }
  const auto refused = [&](const char* code, double offset, double step) {
    ArchiveWriter odd("scalar_quantizer model", 1);
    odd.add("code", code);
    odd.add("dim", std::int64_t{1});
    odd.add("offset", std::vector<double>{offset});
    odd.add("step", std::vector<double>{step});
    odd.write(path);
    return error_of([&] { ScalarQuantizer::load(path); });
  };
  EXPECT_EQ(refused("int8", 0, 1), "no error");
  EXPECT_EQ(refused("int2", 0, 1),
            path.string() + ": scalar code: expected float16, int8 or int4, got 'int2'");
  EXPECT_HAS(refused("int8", 0, 0), "step");
  EXPECT_HAS(refused("int8", 3e38, 1e38), "expected levels that float32 holds, got ");
  EXPECT_HAS(refused("float16", 0, 1), "offset");
}

}  // namespace
}  // namespace clipk::test
