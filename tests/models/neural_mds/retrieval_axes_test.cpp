#include "clipk/models/retrieval_axes.hpp"

#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>

#include "clipk/models/pca.hpp"
#include "models/neural_mds/mds_rows.hpp"

namespace clipk::test {
namespace {

TEST(RetrievalAxes, TheLargestEntryOfEveryAxisIsPositive) {
  const MdsRows rows = make_pairs(50, 12);
  const Matrix<float> axes = retrieval_axes(rows.images, rows.texts, 12);
  for (std::int64_t i = 0; i < 12; ++i) {
    float largest = 0;
    for (std::int64_t j = 0; j < 12; ++j) {
      if (std::fabs(axes(i, j)) > std::fabs(largest)) largest = axes(i, j);
    }
    EXPECT_GT(largest, 0) << i;
  }
}

// MdsRows of zeros change no covariance: with them there are as many rows as columns, and the axes
// are those of matrices [D, D].
TEST(RetrievalAxes, FewRowsHaveTheAxesOfTheWholeSpace) {
  constexpr std::int64_t kPairs = 9, kDim = 40;
  MdsRows rows = make_pairs(kPairs, kDim);
  for (std::int64_t j = 0; j < kDim; ++j) rows.images(4, j) = rows.images(2, j);  // a row twice
  Matrix<float>* const sets[2] = {&rows.images, &rows.texts};
  for (Matrix<float>* set : sets) {
    for (std::int64_t j = 0; j < kDim; ++j) {
      double mean = 0;
      for (std::int64_t i = 0; i < kPairs; ++i) mean += (*set)(i, j) / double{kPairs};
      for (std::int64_t i = 0; i < kPairs; ++i) (*set)(i, j) -= static_cast<float>(mean);
    }
  }
  Matrix<float> images(kDim, kDim), texts(kPairs, kDim);
  std::copy_n(rows.images.data(), kPairs * kDim, images.data());
  std::copy_n(rows.texts.data(), kPairs * kDim, texts.data());
  for (const double whitening : {1e-2, 10., 1e6}) {
    for (const double weight : {0., 0.1, 2.}) {
      const RetrievalAxesOptions options{.whitening = whitening, .images = weight};
      // Texts of 9 centred rows span 8 directions, images with one twice 7 more.
      const std::int64_t rank = weight > 0 ? 15 : 8;
      for (const std::int64_t dim : {std::int64_t{1}, rank}) {
        const Matrix<float> few = retrieval_axes(rows.images, rows.texts, dim, options);
        const Matrix<float> whole = retrieval_axes(images, texts, dim, options);
        for (std::int64_t c = 0; c < dim; ++c) {
          double error = 0, square = 0;
          for (std::int64_t j = 0; j < kDim; ++j) {
            error += std::pow(few(c, j) - whole(c, j), 2);
            square += std::pow(whole(c, j), 2);
          }
          EXPECT_LT(error, 1e-10 * square) << whitening << ' ' << weight << " axis " << c;
        }
      }
      // Past those nothing varies that counts: any directions that are orthogonal before H, of the
      // length that H gives, and the texts' codes along them are 0.
      const Matrix<float> few = retrieval_axes(rows.images, rows.texts, kDim, options);
      const Matrix<float> whole = retrieval_axes(images, texts, kDim, options);
      double few_square = 0, whole_square = 0;
      for (std::int64_t c = rank; c < kDim; ++c) {
        double along = 0, largest = 0;
        for (std::int64_t i = 0; i < kPairs; ++i) {
          double code = 0;
          for (std::int64_t j = 0; j < kDim; ++j) code += double{few(c, j)} * rows.texts(i, j);
          along = std::max(along, std::fabs(code));
        }
        for (std::int64_t j = 0; j < kDim; ++j) {
          few_square += std::pow(few(c, j), 2);
          whole_square += std::pow(whole(c, j), 2);
          largest = std::max<double>(largest, std::fabs(few(c, j)));
        }
        EXPECT_LT(along, 1e-4 * largest) << whitening << ' ' << weight << " axis " << c;
      }
      EXPECT_NEAR(few_square, whole_square, 1e-4 * whole_square) << whitening << ' ' << weight;
    }
  }
}

// Without whitening and images they are the axes of the texts alone.
TEST(RetrievalAxes, LeftUnwhitenedTheyAreThePcaOfTheTexts) {
  Context context = Context::cpu({.threads = 2});
  MdsRows rows = make_pairs(200, 8);
  const Pca pca = Pca::fit(context, rows.texts);
  Matrix<float>* const sets[2] = {&rows.images, &rows.texts};
  for (Matrix<float>* set : sets) {
    for (std::int64_t j = 0; j < 8; ++j) {
      double mean = 0;
      for (std::int64_t i = 0; i < 200; ++i) mean += (*set)(i, j) / 200.0;
      for (std::int64_t i = 0; i < 200; ++i) (*set)(i, j) -= static_cast<float>(mean);
    }
  }
  const Matrix<float> axes =
      retrieval_axes(rows.images, rows.texts, 3, {.whitening = 1e9, .images = 0});
  for (std::int64_t i = 0; i < 3; ++i) {
    double product = 0, length = 0;
    for (std::int64_t j = 0; j < 8; ++j) {
      product += axes(i, j) * pca.components()(i, j);
      length += axes(i, j) * axes(i, j);
    }
    EXPECT_NEAR(product / std::sqrt(length), 1, 1e-4) << i;
  }
}

}  // namespace
}  // namespace clipk::test
