#include "clipk/metrics/modality_gap.hpp"

#include <cstring>

#include "support/coco500.hpp"
#include "support/error_of.hpp"
#include "support/random_rows.hpp"

namespace clipk::test {
namespace {

std::vector<double> plain_mean(MatrixView<const float> rows) {
  std::vector<double> mean(static_cast<std::size_t>(rows.cols));
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    double square = 0;
    for (std::int64_t k = 0; k < rows.cols; ++k) square += std::pow(double{rows(i, k)}, 2);
    for (std::int64_t k = 0; k < rows.cols; ++k) {
      mean[static_cast<std::size_t>(k)] +=
          rows(i, k) / std::sqrt(square) / static_cast<double>(rows.rows);
    }
  }
  return mean;
}

// The definition: every row with every other.
ModalityGap plain_gap(MatrixView<const float> x, MatrixView<const float> y) {
  ModalityGap gap;
  const auto n = static_cast<double>(x.rows);
  for (std::int64_t i = 0; i < x.rows; ++i) {
    gap.paired_cosine += plain_cosine(x, i, y, i) / n;
    for (std::int64_t j = 0; j < x.rows; ++j) {
      if (i == j) continue;
      gap.other_cosine += plain_cosine(x, i, y, j) / (n * (n - 1));
      gap.image_image += plain_cosine(x, i, x, j) / (n * (n - 1));
      gap.text_text += plain_cosine(y, i, y, j) / (n * (n - 1));
    }
  }
  const std::vector<double> a = plain_mean(x), b = plain_mean(y);
  for (std::size_t k = 0; k < a.size(); ++k) gap.distance += std::pow(a[k] - b[k], 2);
  gap.distance = std::sqrt(gap.distance);
  return gap;
}

// Rows around a direction of their own, as a modality's are.
Matrix<float> shifted(Matrix<float> rows, std::int64_t column, float by) {
  for (std::int64_t i = 0; i < rows.rows(); ++i) rows(i, column) += by;
  return rows;
}

TEST(ModalityGap, IsThatOfTheDefinition) {
  for (const std::int64_t n : {2, 17, 113, 257}) {
    for (const std::int64_t d : {1, 9, 33}) {
      const Matrix<float> images = shifted(random_rows(n, d, 1), 0, 3);
      const Matrix<float> texts = shifted(random_rows(n, d, 2), d / 2, 2);
      Context context = Context::cpu();
      const ModalityGap gap = modality_gap(context, images, texts);
      const ModalityGap expected = plain_gap(images, texts);
      EXPECT_NEAR(gap.distance, expected.distance, 1e-11) << n << " " << d;
      EXPECT_NEAR(gap.paired_cosine, expected.paired_cosine, 1e-11);
      EXPECT_NEAR(gap.other_cosine, expected.other_cosine, 1e-11);
      EXPECT_NEAR(gap.image_image, expected.image_image, 1e-11);
      EXPECT_NEAR(gap.text_text, expected.text_text, 1e-11);
    }
  }
}

TEST(ModalityGap, OfSeveralTextsAnImageIsThatOfTheDefinition) {
  // Image 0 has two texts, image 2 none; text 3 belongs to none.
  const Matrix<float> x = shifted(random_rows(4, 9, 1), 0, 3);
  const Matrix<float> y = shifted(random_rows(5, 9, 2), 4, 2);
  const std::vector<std::int32_t> image_of_text{0, 3, 1, -1, 0};
  ModalityGap expected;
  for (std::int64_t i = 0; i < 4; ++i) {
    for (std::int64_t t = 0; t < 5; ++t) {
      const bool own = image_of_text[static_cast<std::size_t>(t)] == i;
      (own ? expected.paired_cosine : expected.other_cosine) +=
          plain_cosine(x, i, y, t) / (own ? 4 : 16);
    }
  }
  Context context = Context::cpu();
  const ModalityGap gap = modality_gap(context, x, y, image_of_text);
  EXPECT_NEAR(gap.paired_cosine, expected.paired_cosine, 1e-12);
  EXPECT_NEAR(gap.other_cosine, expected.other_cosine, 1e-12);
  EXPECT_NEAR(gap.image_image, plain_gap(x, x).image_image, 1e-12);
  EXPECT_NEAR(gap.text_text, plain_gap(y, y).text_text, 1e-12);
  const std::vector<double> a = plain_mean(x), b = plain_mean(y);
  double square = 0;
  for (std::size_t k = 0; k < a.size(); ++k) square += std::pow(a[k] - b[k], 2);
  EXPECT_NEAR(gap.distance, std::sqrt(square), 1e-12);

  const auto message = [&](const std::vector<std::int32_t>& index) {
    return error_of([&] { modality_gap(context, x, y, index); });
  };
  EXPECT_EQ(message({0, 1}), "modality_gap: expected image_of_text of size 5, got 2");
  EXPECT_EQ(message({0, 1, 2, 3, 4}),
            "modality_gap: expected an image from 0 to 3, or -1 for none, for text 4, got 4");
  EXPECT_EQ(message({-1, -1, -1, -1, -1}),
            "modality_gap: expected at least 1 text with an image, got 5 without");
}

TEST(ModalityGap, EqualSidesHaveNone) {
  const Matrix<float> rows = random_rows(50, 6, 3);
  Context context = Context::cpu();
  const ModalityGap gap = modality_gap(context, rows, rows);
  EXPECT_EQ(gap.distance, 0);
  EXPECT_NEAR(gap.paired_cosine, 1, 1e-14);
  EXPECT_EQ(gap.image_image, gap.text_text);
  EXPECT_NEAR(gap.other_cosine, gap.image_image, 1e-14);
}

TEST(ModalityGap, LengthsStridesAndThreadsChangeNothing) {
  const std::int64_t n = 9000, d = 12;
  const Matrix<float> wide = random_rows(n, d + 5, 4);
  const Matrix<float> texts = random_rows(n, d, 5);
  Context one = Context::cpu({.threads = 1}), three = Context::cpu({.threads = 3});
  Matrix<float> packed = Matrix<float>::copy_of(one, wide.view().col_range(2, d));
  const ModalityGap a = modality_gap(one, wide.view().col_range(2, d), texts);
  const ModalityGap b = modality_gap(three, packed, texts);
  EXPECT_EQ(std::memcmp(&a, &b, sizeof(a)), 0);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t k = 0; k < d; ++k) packed(i, k) *= i % 2 == 0 ? 1e25F : 1e-25F;
  }
  const ModalityGap c = modality_gap(one, packed, texts);
  EXPECT_NEAR(a.distance, c.distance, 1e-8);
  EXPECT_NEAR(a.image_image, c.image_image, 1e-8);
}

TEST(ModalityGap, BadInputIsNamed) {
  Context context = Context::cpu();
  const Matrix<float> five = random_rows(5, 4, 6), six = random_rows(6, 4, 7);
  const auto message = [&](MatrixView<const float> images, MatrixView<const float> texts) {
    return error_of([&] { modality_gap(context, images, texts); });
  };
  EXPECT_EQ(message(five, six), "modality_gap: expected texts of shape [5, 4], got [6, 4]");
  EXPECT_EQ(message(five.view().row_range(0, 1), five.view().row_range(0, 1)),
            "modality_gap: expected at least 2 pairs, got 1");
  EXPECT_EQ(message({}, {}), "modality_gap: expected at least 2 pairs, got 0");
  Matrix<float> bad = random_rows(5, 4, 8);
  bad(3, 1) = NAN;
  EXPECT_EQ(message(five, bad),
            "modality_gap texts: expected finite values, got nan in row 3, column 1");
  for (std::int64_t k = 0; k < 4; ++k) bad(3, k) = 0;
  EXPECT_EQ(message(bad, five),
            "modality_gap images: expected rows of length above 0, got a zero vector in row 3");
}

TEST(ModalityGap, Coco500) {
  CLIPK_COCO500_OR_SKIP(data, false);
  Context context = Context::cpu();
  const ModalityGap gap = modality_gap(context, data.images, data.texts);
  EXPECT_NEAR(gap.distance, .851, .0005);
  EXPECT_NEAR(gap.paired_cosine, .310, .0005);
  EXPECT_NEAR(gap.other_cosine, .162, .0005);
  EXPECT_NEAR(gap.image_image, .53148, .000005);
  EXPECT_NEAR(gap.text_text, .51519, .000005);
}

}  // namespace
}  // namespace clipk::test
