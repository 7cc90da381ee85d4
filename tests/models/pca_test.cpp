#include "clipk/models/pca.hpp"

#include <unistd.h>

#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <string>
#include <type_traits>

#include "clipk/core/error.hpp"
#include "clipk/io/archive.hpp"
#include "clipk/metrics/retrieval.hpp"
#include "clipk/models/random_projection.hpp"
#include "golden/metrics.inc"
#include "support/arrays.hpp"
#include "support/coco500.hpp"
#include "support/error_of.hpp"
#include "support/uniform_rows.hpp"

namespace clipk::test {
namespace {

Context cpu(int threads = 2) {
  return Context::cpu({.threads = threads});
}

template <class T>
std::vector<std::remove_const_t<T>> values(MatrixView<T> m) {
  std::vector<std::remove_const_t<T>> result;
  for (std::int64_t i = 0; i < m.rows; ++i)
    result.insert(result.end(), m.row(i), m.row(i) + m.cols);
  return result;
}

template <std::size_t N>
std::vector<double> golden(const std::array<double, N>& array) {
  return {array.begin(), array.end()};
}

double distance_from_orthonormal(const Pca& pca) {
  const MatrixView<const double> v = pca.components();
  double worst = 0;
  for (std::int64_t a = 0; a < v.rows; ++a) {
    for (std::int64_t b = 0; b < v.rows; ++b) {
      double product = a == b ? -1 : 0;
      for (std::int64_t j = 0; j < v.cols; ++j) product += v(a, j) * v(b, j);
      worst = worse(worst, std::fabs(product));
    }
  }
  return worst;
}

TEST(Pca, MoreRowsThanDimensionsAgreesWithScikitLearn) {
  Context context = cpu();
  const Pca pca = Pca::fit(context, uniform_rows(60, 12, 1));
  EXPECT_LT(max_error(pca.explained_variance(), golden(golden::pca_tall_variance)), 1e-14);
  EXPECT_LT(max_error(pca.explained_variance_ratio(), golden(golden::pca_tall_ratio)), 1e-12);
  const Matrix<float> codes = pca.transform(context, uniform_rows(5, 12, 2), Modality::image, 4);
  EXPECT_LT(max_error(values(codes.view()), golden(golden::pca_tall_codes)), 3e-8);
  EXPECT_LT(distance_from_orthonormal(pca), 1e-13);
}

TEST(Pca, FewerRowsThanDimensionsAgreesWithScikitLearn) {
  Context context = cpu();
  const Pca pca = Pca::fit(context, uniform_rows(8, 12, 1));
  const std::vector<double> variance(pca.explained_variance().begin(),
                                     pca.explained_variance().begin() + 7);
  EXPECT_LT(max_error(variance, golden(golden::pca_wide_variance)), 1e-14);
  const Matrix<float> codes = pca.transform(context, uniform_rows(5, 12, 2), Modality::text, 4);
  EXPECT_LT(max_error(values(codes.view()), golden(golden::pca_wide_codes)), 3e-8);
  // The seven directions of eight rows are completed to a rotation.
  ASSERT_EQ(pca.components_kept(), 12);
  for (std::size_t c = 7; c < 12; ++c) EXPECT_EQ(pca.explained_variance()[c], 0);
  EXPECT_LT(distance_from_orthonormal(pca), 1e-13);
}

TEST(Pca, WithoutCentringIsASingularValueDecomposition) {
  Context context = cpu();
  const Pca pca = Pca::fit(context, uniform_rows(60, 12, 1), {.centering = Centering::none});
  const Matrix<float> codes = pca.transform(context, uniform_rows(5, 12, 2), Modality::image, 3);
  EXPECT_LT(max_error(values(codes.view()), golden(golden::svd_codes)), 3e-8);
}

// Stacking two sets that were centred by hand is the definition of the fit on pairs.
TEST(Pca, PairsShareOneBasisOfTheStackedCentredRows) {
  Context context = cpu();
  for (const std::int64_t n : {40, 5}) {
    const Matrix<float> images = uniform_rows(n, 12, 1);
    Matrix<float> texts = uniform_rows(n, 12, 2);
    for (std::int64_t i = 0; i < n; ++i) texts(i, 11) += 0.75F;  // a gap between the modalities
    for (const Centering centering : {Centering::per_modality, Centering::pooled}) {
      const Pca pca = Pca::fit(context, images, texts, {.centering = centering});
      std::array<std::vector<double>, 2> means{std::vector<double>(12), std::vector<double>(12)};
      for (std::int64_t j = 0; j < 12; ++j) {
        const auto c = static_cast<std::size_t>(j);
        for (std::int64_t i = 0; i < n; ++i) {
          means[0][c] += static_cast<double>(images(i, j)) / static_cast<double>(n);
          means[1][c] += static_cast<double>(texts(i, j)) / static_cast<double>(n);
        }
        if (centering == Centering::pooled) {
          means[0][c] = means[1][c] = (means[0][c] + means[1][c]) / 2;
        }
        EXPECT_NEAR(pca.mean(Modality::image)[j], means[0][c], 1e-15);
        EXPECT_NEAR(pca.mean(Modality::text)[j], means[1][c], 1e-15);
      }
      Matrix<float> stacked(2 * n, 12);
      for (std::int64_t i = 0; i < 2 * n; ++i) {
        const std::size_t m = i < n ? 0 : 1;
        for (std::int64_t j = 0; j < 12; ++j) {
          stacked(i, j) =
              static_cast<float>(static_cast<double>(m == 0 ? images(i, j) : texts(i - n, j)) -
                                 means[m][static_cast<std::size_t>(j)]);
        }
      }
      const Pca plain = Pca::fit(context, stacked, {.centering = Centering::none});
      EXPECT_LT(max_error(pca.explained_variance(), plain.explained_variance()), 1e-8);
      for (std::int64_t c = 0; c < 4; ++c) {
        double product = 0;
        for (std::int64_t j = 0; j < 12; ++j)
          product += pca.components()(c, j) * plain.components()(c, j);
        EXPECT_NEAR(product, 1, 1e-9) << n << " component " << c;
      }
    }
  }
}

TEST(Pca, AMapToAllDimensionsKeepsDistances) {
  Context context = cpu();
  const Matrix<float> rows = uniform_rows(6, 12, 3);
  const Matrix<float> others = uniform_rows(9, 12, 4);
  const Matrix<float> codes =
      Pca::fit(context, rows).transform(context, others, Modality::image, 12);
  for (std::int64_t i = 1; i < 9; ++i) {
    double before = 0, after = 0;
    for (std::int64_t j = 0; j < 12; ++j) {
      before += std::pow(static_cast<double>(others(i, j)) - static_cast<double>(others(0, j)), 2);
      after += std::pow(static_cast<double>(codes(i, j)) - static_cast<double>(codes(0, j)), 2);
    }
    EXPECT_NEAR(after, before, 1e-6);
  }
}

TEST(Pca, ThreadsStridesAndKeptComponentsChangeNothing) {
  const Matrix<float> images = uniform_rows(700, 40, 5);
  const Matrix<float> texts = uniform_rows(700, 40, 6);
  const MatrixView<const float> a = images.view().col_range(2, 33);
  const MatrixView<const float> b = texts.view().col_range(2, 33);
  Context one = cpu(1), two = cpu(2);
  const Pca first = Pca::fit(one, a, b);
  const Pca second = Pca::fit(two, Matrix<float>::copy_of(two, a), Matrix<float>::copy_of(two, b),
                              {.components = 9});
  EXPECT_EQ(std::memcmp(first.components().data, second.components().data, 9 * 33 * sizeof(double)),
            0);
  const Matrix<float> x = first.transform(one, a, Modality::image, 9);
  Guarded<float> y(two, 700, 9, 5);
  second.transform(two, a, Modality::image, y.view());
  EXPECT_EQ(values(x.view()), y.values());
}

// All components give the rows back, few of them the nearest rows in their span.
TEST(Pca, InverseTransformGivesRowsBack) {
  Context context = cpu();
  const Matrix<float> images = uniform_rows(40, 12, 1), texts = uniform_rows(40, 12, 2);
  for (const Centering centering : {Centering::per_modality, Centering::none}) {
    const Pca pca = Pca::fit(context, images, texts, {.centering = centering});
    const Matrix<float> codes = pca.transform(context, texts, Modality::text, 12);
    const Matrix<float> back = pca.inverse_transform(context, codes, Modality::text);
    EXPECT_LT(max_error(values(back.view()), values(texts.view())), 3e-7);
    // A part of the codes, padded with zeros, is the same row; its own codes are those again.
    const MatrixView<const float> few = codes.view().col_range(0, 5);
    const Matrix<float> near = pca.inverse_transform(context, few, Modality::text);
    Matrix<float> padded(40, 12);
    for (std::int64_t i = 0; i < 40; ++i) std::copy_n(few.row(i), 5, padded.view().row(i));
    EXPECT_LT(max_error(values(near.view()),
                        values(pca.inverse_transform(context, padded, Modality::text).view())),
              3e-7);
    EXPECT_LT(
        max_error(values(pca.transform(context, near, Modality::text, 5).view()), values(few)),
        1e-6);
  }
}

TEST(Pca, InverseTransformIsTheSameForAnyThreads) {
  Context one = cpu(1), five = cpu(5);
  const Pca pca = Pca::fit(one, uniform_rows(60, 12, 1), {.components = 7});
  const Matrix<float> codes = uniform_rows(301, 7, 3);
  EXPECT_EQ(values(pca.inverse_transform(one, codes, Modality::image).view()),
            values(pca.inverse_transform(five, codes, Modality::image).view()));
  EXPECT_EQ(pca.inverse_transform(one, Matrix<float>(0, 7), Modality::image).rows(), 0);
}

TEST(Pca, BadInputIsNamed) {
  Context context = cpu();
  const Matrix<float> five = uniform_rows(5, 4, 7);
  const Matrix<float> six = uniform_rows(6, 4, 8);
  EXPECT_EQ(error_of([&] { Pca::fit(context, five, six); }),
            "pca: expected texts of shape [5, 4], got [6, 4]");
  const MatrixView<const float> pair = five.view().row_range(0, 1);
  EXPECT_EQ(error_of([&] { Pca::fit(context, pair, pair); }),
            "pca: expected at least 2 pairs, got 1");
  EXPECT_EQ(error_of([&] { Pca::fit(context, five, {.components = 7}); }),
            "pca: expected a dimension from 1 to 4, got 7");
  const Pca pca = [&] { return Pca::fit(context, five, {.components = 3}); }();
  EXPECT_EQ(error_of([&] { pca.transform(context, five, Modality::image, 4); }),
            "pca: expected a dimension from 1 to 3, got 4");
  EXPECT_EQ(error_of([&] { pca.transform(context, five, Modality::image, 0); }),
            "pca: expected a dimension from 1 to 3, got 0");
  EXPECT_EQ(
      error_of([&] { pca.transform(context, five.view().col_range(0, 3), Modality::image, 2); }),
      "pca: expected rows of shape [5, 4], got [5, 3]");
  EXPECT_EQ(error_of([&] { pca.inverse_transform(context, five, Modality::image); }),
            "pca: expected codes of 1 to 3 columns, got 4");
  const MatrixView<const float> none(five.data(), 5, 0, 4, Device::cpu);
  EXPECT_EQ(error_of([&] { pca.inverse_transform(context, none, Modality::image); }),
            "pca: expected codes of 1 to 3 columns, got 0");
  Matrix<float> narrow(5, 3);
  const MatrixView<const float> codes = five.view().col_range(0, 2);
  EXPECT_EQ(
      error_of([&] { pca.inverse_transform(context, codes, Modality::image, narrow.view()); }),
      "pca: expected out of shape [5, 4], got [5, 3]");
  Matrix<float> equal(5, 4);
  for (std::int64_t i = 0; i < 20; ++i) equal.data()[i] = 0.1F * static_cast<float>(i % 4);
  for (const Centering centering : {Centering::per_modality, Centering::pooled, Centering::none}) {
    EXPECT_EQ(error_of([&] { Pca::fit(context, equal, equal, {.centering = centering}); }),
              "pca: expected rows that differ, got 5 equal rows");
  }
  Matrix<float> bad = uniform_rows(5, 4, 9);
  bad(2, 3) = INFINITY;
  EXPECT_EQ(error_of([&] { Pca::fit(context, five, bad); }),
            "pca texts: expected finite values, got inf in row 2, column 3");
}

TEST(Pca, AFileHoldsTheWholeModel) {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("clipk_pca_" + std::to_string(::getpid()));
  Context context = cpu();
  const Matrix<float> images = uniform_rows(40, 12, 1), texts = uniform_rows(40, 12, 2);
  const Pca saved = Pca::fit(context, images, texts, {.components = 5});
  saved.save(path);
  const Pca loaded = Pca::load(path);
  EXPECT_EQ(loaded.centering(), Centering::per_modality);
  EXPECT_EQ(loaded.explained_variance(), saved.explained_variance());
  EXPECT_EQ(loaded.explained_variance_ratio(), saved.explained_variance_ratio());
  for (const Modality modality : {Modality::image, Modality::text}) {
    EXPECT_EQ(values(loaded.transform(context, texts, modality, 5).view()),
              values(saved.transform(context, texts, modality, 5).view()));
  }
  // Half a file is no model.
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  EXPECT_THROW(Pca::load(path), Error);
  ArchiveWriter other("neural_mds model", 1);
  other.write(path);
  EXPECT_THROW(Pca::load(path), Error);
  ArchiveWriter odd("pca model", 1);
  odd.add("centering", "sideways");
  odd.write(path);
  EXPECT_EQ(error_of([&] { Pca::load(path); }),
            path.string() + ": expected a centering per_modality, pooled or none, got sideways");
  std::filesystem::remove(path);
  EXPECT_THROW(Pca::load(path), Error);
}

struct Expected {
  std::int64_t dim, image_to_text, text_to_image;
};

void expect_matched(const Coco500& data, Centering centering, const std::vector<Expected>& table) {
  Context context = cpu();
  const Pca pca = Pca::fit(context, data.images, data.texts, {.centering = centering});
  for (const Expected& row : table) {
    const Retrieval result =
        retrieval(context, pca.transform(context, data.images, Modality::image, row.dim),
                  pca.transform(context, data.texts, Modality::text, row.dim));
    EXPECT_EQ(result.image_to_text.matched, row.image_to_text) << row.dim;
    EXPECT_EQ(result.text_to_image.matched, row.text_to_image) << row.dim;
  }
}

TEST(Pca, Coco500PairsMatchedPerModality) {
  CLIPK_COCO500_OR_SKIP(data, false);
  expect_matched(data, Centering::per_modality,
                 {{512, 271, 250},
                  {256, 271, 250},
                  {192, 277, 253},
                  {128, 266, 242},
                  {64, 217, 202},
                  {32, 139, 126}});
}

TEST(Pca, Coco500PooledCentringCollapses) {
  CLIPK_COCO500_OR_SKIP(data, false);
  expect_matched(data, Centering::pooled,
                 {{256, 141, 214}, {192, 140, 211}, {128, 132, 189}, {64, 88, 145}, {32, 56, 74}});
}

TEST(RandomProjection, KeepsSquaredLengthsOnAverage) {
  Context context = cpu();
  const Matrix<float> rows = uniform_rows(4, 512, 3);
  double ratio = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const RandomProjection projection(512, 64, seed);
    Matrix<float> out(4, 64);
    projection.transform(context, rows, out.view());
    double before = 0, after = 0;
    for (std::int64_t i = 0; i < 4 * 512; ++i)
      before += std::pow(static_cast<double>(rows.data()[i]), 2);
    for (std::int64_t i = 0; i < 4 * 64; ++i)
      after += std::pow(static_cast<double>(out.data()[i]), 2);
    ratio += after / before / 50;
  }
  EXPECT_NEAR(ratio, 1, 0.05);  // standard error about .014
}

TEST(RandomProjection, FewerDimensionsAreTheStartOfMore) {
  const RandomProjection small(30, 4, 9), large(30, 16, 9), other(30, 4, 10);
  for (std::int64_t i = 0; i < 4 * 30; ++i) {
    EXPECT_NEAR(small.matrix().data[i], 2 * large.matrix().data[i], 1e-6);
  }
  EXPECT_NE(std::memcmp(small.matrix().data, other.matrix().data, 4 * 30 * sizeof(float)), 0);
}

TEST(RandomProjection, BadInputIsNamed) {
  EXPECT_EQ(error_of([] { RandomProjection(4, 5, 1); }),
            "random_projection: expected a dimension from 1 to 4, got 5");
  EXPECT_EQ(error_of([] {
              Context context = cpu();
              Matrix<float> rows(3, 5), out(3, 2);
              RandomProjection(4, 2, 1).transform(context, rows, out.view());
            }),
            "random_projection: expected rows of shape [3, 4], got [3, 5]");
}

}  // namespace
}  // namespace clipk::test
