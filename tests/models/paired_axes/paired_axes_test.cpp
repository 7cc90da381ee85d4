#include "clipk/models/paired_axes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <vector>

#include "clipk/core/random.hpp"
#include "clipk/core/select_rows.hpp"
#include "clipk/metrics/retrieval.hpp"
#include "clipk/models/pca.hpp"
#include "models/neural_mds/mds_rows.hpp"
#include "support/error_of.hpp"
#include "support/same_bytes.hpp"

namespace clipk::test {
namespace {

constexpr Modality kBoth[] = {Modality::image, Modality::text};

// [c, c] of a and b [c, D] and S [D, D]: a S b^T.
Matrix<double> form(MatrixView<const double> a, const Matrix<double>& s,
                    MatrixView<const double> b) {
  Matrix<double> result(a.rows, b.rows);
  for (std::int64_t i = 0; i < a.rows; ++i) {
    for (std::int64_t j = 0; j < b.rows; ++j) {
      for (std::int64_t k = 0; k < a.cols; ++k) {
        for (std::int64_t l = 0; l < b.cols; ++l) result(i, j) += a(i, k) * s(k, l) * b(j, l);
      }
    }
  }
  return result;
}

// x^T y of centred rows, not divided.
Matrix<double> scatter(MatrixView<const float> x, MatrixView<const float> y) {
  std::vector<double> means[2];
  for (const auto& [rows, mean] : {std::pair{x, &means[0]}, std::pair{y, &means[1]}}) {
    mean->resize(static_cast<std::size_t>(rows.cols));
    for (std::int64_t i = 0; i < rows.rows; ++i) {
      for (std::int64_t j = 0; j < rows.cols; ++j) {
        (*mean)[static_cast<std::size_t>(j)] += double{rows(i, j)} / static_cast<double>(rows.rows);
      }
    }
  }
  Matrix<double> result(x.cols, y.cols);
  for (std::int64_t i = 0; i < x.rows; ++i) {
    for (std::int64_t j = 0; j < x.cols; ++j) {
      for (std::int64_t k = 0; k < y.cols; ++k) {
        result(j, k) += (double{x(i, j)} - means[0][static_cast<std::size_t>(j)]) *
                        (double{y(i, k)} - means[1][static_cast<std::size_t>(k)]);
      }
    }
  }
  return result;
}

double trace(const Matrix<double>& s) {
  double sum = 0;
  for (std::int64_t i = 0; i < s.rows(); ++i) sum += s(i, i);
  return sum;
}

void divide(Matrix<double>& s, double by) {
  for (double& value : s.flat()) value /= by;
}

// Axes are U^T H up to a factor for each modality. So A (S + f) A^T is that factor squared times
// the identity, and U^T M U, made of A S A^T and A C A^T, is diagonal.
TEST(PairedAxes, AxesAreTheEigenvectorsOfTheDefinition) {
  constexpr std::int64_t kDim = 6;
  Context context = Context::cpu({.threads = 2});
  const MdsRows rows = make_pairs(40, kDim);
  Matrix<double> images = scatter(rows.images, rows.images),
                 texts = scatter(rows.texts, rows.texts), cross = scatter(rows.images, rows.texts);
  divide(cross, std::sqrt(trace(images) * trace(texts)));
  divide(images, trace(images));
  divide(texts, trace(texts));
  for (const PairedAxesSetting& setting :
       {PairedAxesSetting{.ridge = 2, .mixture = 0.4, .images = 0.25},
        PairedAxesSetting{.ridge = 7, .mixture = 1, .images = 0},
        PairedAxesSetting{.ridge = 0.5, .mixture = 0, .images = 1}}) {
    const PairedAxes model =
        PairedAxes::fit(context, rows.images, rows.texts, kDim, {.setting = setting});
    const auto a = model.axes(Modality::image), b = model.axes(Modality::text);
    double factors[2];
    for (int m = 0; m < 2; ++m) {
      Matrix<double> ridged(kDim, kDim);
      const Matrix<double>& s = m == 0 ? images : texts;
      for (std::int64_t i = 0; i < kDim; ++i) {
        for (std::int64_t j = 0; j < kDim; ++j) {
          ridged(i, j) = s(i, j) + (i == j ? setting.ridge / kDim : 0);
        }
      }
      const auto axes = m == 0 ? a : b;
      const Matrix<double> identity = form(axes, ridged, axes);
      factors[m] = std::sqrt(identity(0, 0));
      for (std::int64_t i = 0; i < kDim; ++i) {
        for (std::int64_t j = 0; j < kDim; ++j) {
          EXPECT_NEAR(identity(i, j), i == j ? identity(0, 0) : 0, 1e-9) << m << i << j;
        }
      }
    }
    const Matrix<double> of_images = form(a, images, a), of_texts = form(b, texts, b),
                         of_both = form(a, cross, b);
    double last = std::numeric_limits<double>::infinity();
    for (std::int64_t i = 0; i < kDim; ++i) {
      for (std::int64_t j = 0; j < kDim; ++j) {
        const double value =
            setting.mixture * (of_both(i, j) + of_both(j, i)) / 2 / factors[0] / factors[1] +
            (1 - setting.mixture) *
                (setting.images * of_images(i, j) / factors[0] / factors[0] +
                 (1 - setting.images) * of_texts(i, j) / factors[1] / factors[1]);
        if (i != j) {
          EXPECT_NEAR(value, 0, 1e-9) << i << ' ' << j;
          continue;
        }
        EXPECT_LE(value, last + 1e-12) << i;
        last = value;
      }
    }
  }
}

TEST(PairedAxes, FewerDimensionsAreTheFirstOfMoreUpToAFactor) {
  Context context = Context::cpu();
  const MdsRows rows = make_pairs(40, 12);
  const PairedAxesOptions options{.setting = PairedAxesSetting{}};
  const PairedAxes few = PairedAxes::fit(context, rows.images, rows.texts, 3, options);
  const PairedAxes all = PairedAxes::fit(context, rows.images, rows.texts, 12, options);
  for (const Modality modality : kBoth) {
    const double factor = few.axes(modality)(0, 0) / all.axes(modality)(0, 0);
    for (std::int64_t c = 0; c < 3; ++c) {
      for (std::int64_t j = 0; j < 12; ++j) {
        EXPECT_NEAR(few.axes(modality)(c, j), factor * all.axes(modality)(c, j), 1e-9);
      }
    }
  }
}

// Pairs of the means add nothing to any covariance: with them there are enough rows for matrices
// [D, D].
TEST(PairedAxes, FewRowsHaveTheAxesOfTheWholeSpace) {
  constexpr std::int64_t kPairs = 9, kDim = 40;
  Context context = Context::cpu({.threads = 2});
  const MdsRows rows = make_pairs(kPairs, kDim);
  Matrix<float> images(kDim, kDim), texts(kDim, kDim);
  std::copy_n(rows.images.data(), kPairs * kDim, images.data());
  std::copy_n(rows.texts.data(), kPairs * kDim, texts.data());
  for (Matrix<float>* set : {&images, &texts}) {
    for (std::int64_t j = 0; j < kDim; ++j) {
      double mean = 0;
      for (std::int64_t i = 0; i < kPairs; ++i) mean += double{(*set)(i, j)} / kPairs;
      for (std::int64_t i = kPairs; i < kDim; ++i) (*set)(i, j) = static_cast<float>(mean);
    }
  }
  const PairedAxesOptions options{.setting = PairedAxesSetting{.ridge = 2}};
  const PairedAxes few = PairedAxes::fit(context, rows.images, rows.texts, 5, options);
  const PairedAxes whole = PairedAxes::fit(context, images, texts, 5, options);
  for (const Modality modality : kBoth) {
    for (std::int64_t c = 0; c < 5; ++c) {
      for (std::int64_t j = 0; j < kDim; ++j) {
        EXPECT_NEAR(few.axes(modality)(c, j), whole.axes(modality)(c, j), 1e-5) << c << ' ' << j;
      }
    }
  }
}

TEST(PairedAxes, BeyondTheSpanAxesAreCompletedOrRefused) {
  Context context = Context::cpu();
  const MdsRows rows = make_pairs(5, 30);
  EXPECT_EQ(error_of([&] { PairedAxes::fit(context, rows.images, rows.texts, 9); }),
            "paired_axes: expected at most 8 dimensions, which 5 pairs span, got 9");
  const PairedAxes model =
      PairedAxes::fit(context, rows.images, rows.texts, 30, {.complete = true});
  const Matrix<float> codes = model.transform(context, rows.images, Modality::image);
  for (std::int64_t c = 0; c < 30; ++c) {
    float largest = 0;
    for (std::int64_t i = 0; i < 5; ++i) largest = std::max(largest, std::fabs(codes(i, c)));
    EXPECT_EQ(largest > 1e-5F, c < 8) << c;
  }
  // What completes an axis does not depend on how many others there are.
  const std::vector<std::int64_t> dims{30, 12};
  const std::vector<PairedAxes> each =
      PairedAxes::fit_each(context, rows.images, rows.texts, dims, {.complete = true});
  const PairedAxes alone =
      PairedAxes::fit(context, rows.images, rows.texts, 12, {.complete = true});
  for (std::int64_t c = 0; c < 12; ++c) {
    for (std::int64_t j = 0; j < 30; ++j) {
      EXPECT_EQ(each[1].axes(Modality::text)(c, j), alone.axes(Modality::text)(c, j)) << c;
    }
  }
}

// Shared directions of little variance under others, private ones, of much: PCA keeps the latter.
MdsRows with_private_directions(std::int64_t n, std::int64_t dim, std::uint64_t seed) {
  Random random(seed, RandomStream::data);
  MdsRows rows{Matrix<float>(n, dim), Matrix<float>(n, dim)};
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < dim; ++j) {
      const double shared = j < dim / 2 ? random.normal() : 0;
      for (Matrix<float>* set : {&rows.images, &rows.texts}) {
        const double own = (j < dim / 2 ? 0.3 : 2) * random.normal();
        (*set)(i, j) = static_cast<float>(shared + own);
      }
    }
  }
  return rows;
}

double top1(Context& context, const Matrix<float>& images, const Matrix<float>& texts) {
  const Retrieval result = retrieval(context, images, texts);
  return (result.image_to_text.top1 + result.text_to_image.top1) / 2;
}

TEST(PairedAxes, FindsWhatPairsShareWherePcaFindsWhatVaries) {
  Context context = Context::cpu({.threads = 2});
  const MdsRows fitted = with_private_directions(600, 24, 1);
  const MdsRows fresh = with_private_directions(100, 24, 2);
  const PairedAxes model = PairedAxes::fit(context, fitted.images, fitted.texts, 12);
  EXPECT_EQ(model.input_dim(), 24);
  EXPECT_EQ(model.dim(), 12);
  EXPECT_GT(model.validation_mrr(), 0.8);
  EXPECT_GT(model.setting().mixture, 0.3);
  EXPECT_GT(top1(context, model.transform(context, fresh.images, Modality::image),
                 model.transform(context, fresh.texts, Modality::text)),
            0.8);
  const Pca pca = Pca::fit(context, fitted.images, fitted.texts);
  EXPECT_LT(top1(context, pca.transform(context, fresh.images, Modality::image, 12),
                 pca.transform(context, fresh.texts, Modality::text, 12)),
            0.2);
}

TEST(PairedAxes, ManyDimensionsAtOnceAreSeparateFits) {
  Context one = Context::cpu({.threads = 1}), two = Context::cpu({.threads = 2});
  const MdsRows rows = make_pairs(60, 40);
  const std::vector<std::int64_t> dims{16, 3};
  const std::vector<PairedAxes> both = PairedAxes::fit_each(two, rows.images, rows.texts, dims);
  ASSERT_EQ(both.size(), 2u);
  for (std::size_t d = 0; d < 2; ++d) {
    const PairedAxes alone = PairedAxes::fit(one, rows.images, rows.texts, dims[d]);
    EXPECT_EQ(alone.setting().ridge, both[d].setting().ridge);
    EXPECT_EQ(alone.validation_mrr(), both[d].validation_mrr());
    EXPECT_TRUE(same_bytes(alone.transform(one, rows.texts, Modality::text),
                           both[d].transform(two, rows.texts, Modality::text)));
  }
}

// A pair three times over: were its copies in several folds, those fitted would give it away, and
// each would still tie with none of its own fold.
TEST(PairedAxes, EqualPairsShareAFold) {
  Context context = Context::cpu();
  const MdsRows rows = with_private_directions(40, 24, 1);
  std::vector<std::int64_t> thrice;
  for (std::int64_t i = 0; i < 120; ++i) thrice.push_back(i % 40);
  const PairedAxes model = PairedAxes::fit(context, select_rows(rows.images, thrice),
                                           select_rows(rows.texts, thrice), 8);
  EXPECT_GT(model.validation_mrr(), 0);
  EXPECT_LE(model.validation_mrr(), 1.0 / 3);  // two others tie with the partner
}

TEST(PairedAxes, TooFewPairsToChooseTakeTheDefault) {
  Context context = Context::cpu();
  const MdsRows rows = make_pairs(11, 6);
  const PairedAxes model = PairedAxes::fit(context, rows.images, rows.texts, 2);
  EXPECT_TRUE(std::isnan(model.validation_mrr()));
  EXPECT_EQ(model.setting().ridge, PairedAxesSetting().ridge);
  const auto path = std::filesystem::path(::testing::TempDir()) / "paired_axes_default.clipk";
  model.save(path);
  EXPECT_TRUE(std::isnan(PairedAxes::load(path).validation_mrr()));
  std::filesystem::remove(path);
}

TEST(PairedAxes, RowsOfOneHotCodesThatNoOtherShares) {
  Context context = Context::cpu();
  Matrix<float> rows(20, 40);  // held-out rows have nothing in common with those fitted
  for (std::int64_t i = 0; i < 20; ++i) rows(i, i) = 1;
  const PairedAxes model = PairedAxes::fit(context, rows, rows, 2);
  const auto axes = model.axes(Modality::text);
  EXPECT_TRUE(std::all_of(axes.row(0), axes.row(1) + axes.cols,
                          [](double value) { return std::isfinite(value); }));
}

TEST(PairedAxes, SavedAndLoaded) {
  Context context = Context::cpu();
  const MdsRows rows = make_pairs(30, 10);
  const PairedAxes model = PairedAxes::fit(context, rows.images, rows.texts, 4);
  const auto path = std::filesystem::path(::testing::TempDir()) / "paired_axes_test.clipk";
  model.save(path);
  const PairedAxes loaded = PairedAxes::load(path);
  EXPECT_EQ(loaded.setting().mixture, model.setting().mixture);
  EXPECT_EQ(loaded.validation_mrr(), model.validation_mrr());
  for (const Modality modality : kBoth) {
    EXPECT_TRUE(same_bytes(loaded.transform(context, rows.images, modality),
                           model.transform(context, rows.images, modality)));
  }
  std::filesystem::remove(path);
}

TEST(PairedAxes, TheFirstCodesAlone) {
  Context context = Context::cpu();
  const MdsRows rows = make_pairs(30, 10);
  const PairedAxes model = PairedAxes::fit(context, rows.images, rows.texts, 4);
  Matrix<float> two(30, 2);
  model.transform(context, rows.images, Modality::image, two);
  const Matrix<float> all = model.transform(context, rows.images, Modality::image);
  EXPECT_TRUE(same_bytes(two, all.view().col_range(0, 2)));
}

TEST(PairedAxes, Refuses) {
  Context context = Context::cpu();
  const MdsRows rows = make_pairs(20, 6);
  const auto error = [&](MatrixView<const float> images, MatrixView<const float> texts,
                         std::int64_t dim, const PairedAxesOptions& options = {}) {
    return error_of([&] { PairedAxes::fit(context, images, texts, dim, options); });
  };
  EXPECT_EQ(error(rows.images, rows.texts.view().row_range(0, 9), 2),
            "paired_axes: expected texts of shape [20, 6], got [9, 6]");
  EXPECT_EQ(error(rows.images.view().row_range(0, 1), rows.texts.view().row_range(0, 1), 2),
            "paired_axes: expected at least 2 pairs, got 1");
  EXPECT_EQ(error(rows.images, rows.texts, 7),
            "paired_axes: expected a dimension from 1 to 6, got 7");
  EXPECT_EQ(error(rows.images, rows.texts, 2, {.setting = PairedAxesSetting{.ridge = 0}}),
            "paired_axes: expected a ridge above 0, got 0.000000");
  EXPECT_EQ(error(rows.images, rows.texts, 2, {.setting = PairedAxesSetting{.mixture = 1.5}}),
            "paired_axes: expected a mixture from 0 to 1, got 1.500000");
  EXPECT_EQ(error(rows.images, rows.texts, 2, {.setting = PairedAxesSetting{.images = -1}}),
            "paired_axes: expected a share of the images from 0 to 1, got -1.000000");
  EXPECT_EQ(error(rows.images, rows.texts, 2, {.folds = 1}),
            "paired_axes: expected at least 2 folds, got 1");
  Matrix<float> equal(20, 6);
  EXPECT_EQ(error(rows.images, equal, 2),
            "paired_axes: expected texts that differ, got 20 equal ones");
  equal(3, 2) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_HAS(error(equal, rows.texts, 2), "images");
  const PairedAxes model = PairedAxes::fit(context, rows.images, rows.texts, 2);
  Matrix<float> three(20, 3);
  EXPECT_EQ(error_of([&] { model.transform(context, rows.images, Modality::image, three); }),
            "paired_axes: expected a dimension from 1 to 2, got 3");
  EXPECT_EQ(error_of([&] {
              (void)model.transform(context, rows.images.view().col_range(0, 5), Modality::image);
            }),
            "paired_axes: expected rows of shape [20, 6], got [20, 5]");
}

}  // namespace
}  // namespace clipk::test
