#include "clipk/models/product_quantizer.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string>

#include "models/quantization/pq_rotation.hpp"
#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"
#include "support/random_rows.hpp"
#include "support/same_bytes.hpp"

namespace clipk::test {
namespace {

// Rows whose columns depend on one another, with spreads that fall.
Matrix<float> mixed_rows(std::int64_t n, std::int64_t d, std::uint64_t seed) {
  const Matrix<float> normal = random_rows(n, d, seed), mix = random_rows(d, d, 99);
  Matrix<float> rows(n, d);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < d; ++j) {
      double sum = 0.5;
      for (std::int64_t k = 0; k < d; ++k) {
        sum += static_cast<double>(normal(i, k)) * static_cast<double>(mix(k, j)) /
               static_cast<double>(1 + k);
      }
      rows(i, j) = static_cast<float>(sum);
    }
  }
  return rows;
}

double squared_error(const Matrix<float>& a, const Matrix<float>& b) {
  EXPECT_EQ(a.rows(), b.rows());
  EXPECT_EQ(a.cols(), b.cols());
  double sum = 0;
  for (std::int64_t i = 0; i < a.rows() * a.cols(); ++i) {
    const double apart = static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i]);
    sum += apart * apart;
  }
  return sum;
}

double coding_error(Context& context, const ProductQuantizer& model, const Matrix<float>& rows) {
  const Matrix<std::uint8_t> codes = model.encode(context, rows);
  return squared_error(rows, model.decode(context, codes).to_host(context));
}

// R x in double, or x.
Matrix<double> rotated(const ProductQuantizer& model, const Matrix<float>& rows) {
  Matrix<double> result(rows.rows(), rows.cols());
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    for (std::int64_t j = 0; j < rows.cols(); ++j) {
      result(i, j) = rows(i, j);
      if (model.rotation().empty()) continue;
      result(i, j) = 0;
      for (std::int64_t k = 0; k < rows.cols(); ++k) {
        result(i, j) += static_cast<double>(model.rotation()(j, k)) * double{rows(i, k)};
      }
    }
  }
  return result;
}

struct Case {
  std::int64_t n, d, m, centroids, levels;
  PqRotation rotation;
};

class ProductQuantizerModel : public DeviceTest {
 protected:
  ProductQuantizer fitted(const Case& c, const Matrix<float>& rows) {
    return ProductQuantizer::fit(context(), rows,
                                 {.subvectors = c.m,
                                  .centroids = c.centroids,
                                  .rotation = c.rotation,
                                  .levels = c.levels,
                                  .iterations = simt() ? 2 : 10,
                                  .rotation_iterations = simt() ? 1 : 5});
  }
};

// Every code is the number of the nearest centroid of what the levels before it leave, and decoding
// adds those centroids up.
TEST_P(ProductQuantizerModel, CodesAreTheNearestCentroidsAndDecodeToTheirSum) {
  for (const Case& c :
       {Case{60, 13, 4, 16, 1, PqRotation::none}, Case{70, 13, 5, 16, 2, PqRotation::learned},
        Case{300, 9, 9, 256, 2, PqRotation::none}, Case{290, 8, 1, 256, 1, PqRotation::learned}}) {
    if (simt() && c.centroids == 256) continue;
    const Matrix<float> rows = mixed_rows(c.n, c.d, 5);
    const ProductQuantizer model = fitted(c, rows);
    ASSERT_EQ(model.dim(), c.d);
    ASSERT_EQ(model.subvectors(), c.m);
    ASSERT_EQ(model.centroids(), c.centroids);
    ASSERT_EQ(model.levels(), c.levels);
    const std::int64_t bytes = c.centroids == 16 ? (c.m + 1) / 2 : c.m;
    EXPECT_EQ(model.bytes_per_vector(), bytes * c.levels);
    EXPECT_EQ(model.first_column(0), 0);
    EXPECT_EQ(model.first_column(c.m), c.d);
    const Matrix<float> more = mixed_rows(33, c.d, 6);
    const Matrix<std::uint8_t> codes = model.encode(context(), more).to_host(context());
    ASSERT_EQ(codes.rows(), 33);
    ASSERT_EQ(codes.cols(), model.bytes_per_vector());
    const Matrix<double> start = rotated(model, more);
    Matrix<double> left = rotated(model, more);
    for (std::int64_t i = 0; i < 33; ++i) {
      for (std::int64_t level = 0; level < c.levels; ++level) {
        for (std::int64_t s = 0; s < c.m; ++s) {
          const std::int64_t width = model.first_column(s + 1) - model.first_column(s);
          EXPECT_EQ(width, c.d / c.m + (s < c.d % c.m));
          const std::uint8_t* code = codes.view().row(i) + level * bytes;
          const int found = c.centroids == 256 ? code[s]
                            : s % 2 == 0       ? code[s / 2] % 16
                                               : code[s / 2] / 16;
          const auto distance = [&](std::int64_t centroid) {
            double sum = 0;
            for (std::int64_t j = model.first_column(s); j < model.first_column(s + 1); ++j) {
              const double apart = left(i, j) - double{model.codebook(level)(centroid, j)};
              sum += apart * apart;
            }
            return sum;
          };
          for (std::int64_t other = 0; other < c.centroids; ++other) {
            ASSERT_LE(distance(found), distance(other) + 1e-5) << i << " " << s << " " << other;
          }
          for (std::int64_t j = model.first_column(s); j < model.first_column(s + 1); ++j) {
            left(i, j) -= double{model.codebook(level)(found, j)};
          }
        }
      }
    }
    const Matrix<float> decoded = model.decode(context(), codes).to_host(context());
    const Matrix<double> seen = rotated(model, decoded);
    double worst = 0;
    for (std::int64_t i = 0; i < 33; ++i) {
      for (std::int64_t j = 0; j < c.d; ++j) {
        worst = worse(worst, std::fabs(seen(i, j) - (start(i, j) - left(i, j))));
      }
    }
    EXPECT_LT(worst, 2e-5);
  }
}

// With no more different sub-vectors than centroids nothing is lost.
TEST_P(ProductQuantizerModel, KeepsFewDifferentSubvectorsExactly) {
  const Matrix<float> base = random_rows(7, 6, 3);
  Matrix<float> rows(40, 6);
  for (std::int64_t i = 0; i < 40; ++i) {
    for (std::int64_t j = 0; j < 6; ++j) rows(i, j) = j < 2 ? 0.25F : base(i % 7, j);
  }
  for (const std::int64_t levels : {1, 2}) {
    const ProductQuantizer model = fitted({40, 6, 3, 16, levels, PqRotation::none}, rows);
    const Matrix<std::uint8_t> codes = model.encode(context(), rows);
    EXPECT_TRUE(same_bytes(rows, model.decode(context(), codes).to_host(context())));
    EXPECT_EQ(codes.to_host(context())(3, 0) % 16, 0);  // among ties the lower
  }
}

TEST_P(ProductQuantizerModel, AFurtherLevelLowersTheErrorAndTheFirstDecodesAlone) {
  const Matrix<float> rows = mixed_rows(simt() ? 64 : 400, 12, 1);
  const ProductQuantizer one = fitted({0, 12, 4, 16, 1, PqRotation::none}, rows);
  const ProductQuantizer two = fitted({0, 12, 4, 16, 2, PqRotation::none}, rows);
  EXPECT_LT(coding_error(context(), two, rows), 0.5 * coding_error(context(), one, rows));
  const Matrix<std::uint8_t> codes = two.encode(context(), rows);
  const Matrix<float> first =
      two.decode(context(), codes.view().col_range(0, 2)).to_host(context());
  EXPECT_TRUE(
      same_bytes(first, one.decode(context(), one.encode(context(), rows)).to_host(context())));
}

TEST_P(ProductQuantizerModel, ALearnedRotationIsOrthogonalAndLowersTheError) {
  const Matrix<float> rows = mixed_rows(simt() ? 64 : 1000, 12, 2);
  const Matrix<float> other = mixed_rows(simt() ? 64 : 1000, 12, 3);
  const ProductQuantizer plain = fitted({0, 12, 3, 16, 1, PqRotation::none}, rows);
  const ProductQuantizer learned = fitted({0, 12, 3, 16, 1, PqRotation::learned}, rows);
  EXPECT_TRUE(plain.rotation().empty());
  double worst = 0;
  for (std::int64_t a = 0; a < 12; ++a) {
    for (std::int64_t b = 0; b < 12; ++b) {
      double product = a == b ? -1 : 0;
      for (std::int64_t j = 0; j < 12; ++j) {
        product += double{learned.rotation()(a, j)} * double{learned.rotation()(b, j)};
      }
      worst = worse(worst, std::fabs(product));
    }
  }
  EXPECT_LT(worst, 1e-6);
  EXPECT_LT(coding_error(context(), learned, rows), 0.8 * coding_error(context(), plain, rows));
  if (simt()) return;  // 64 rows say little about others
  EXPECT_LT(coding_error(context(), learned, other), 0.8 * coding_error(context(), plain, other));
}

// Of rows around some centres, which are not normally distributed: there alternating gains over the
// balanced axes.
TEST(ProductQuantizer, UpdatesOfTheRotationLowerTheError) {
  Context context = Context::cpu({.threads = 2});
  const Matrix<float> centres = random_rows(40, 16, 4);
  Matrix<float> rows = random_rows(2000, 16, 5);
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    for (std::int64_t j = 0; j < 16; ++j) rows(i, j) = 0.3F * rows(i, j) + centres(i % 40, j);
  }
  const auto error_after = [&](std::int64_t updates) {
    return coding_error(context,
                        ProductQuantizer::fit(context, rows,
                                              {.subvectors = 4,
                                               .centroids = 16,
                                               .rotation = PqRotation::learned,
                                               .rotation_iterations = updates}),
                        rows);
  };
  EXPECT_LT(error_after(20), 0.97 * error_after(0));
}

// What search finds is what the scores of decoded rows say.
TEST_P(ProductQuantizerModel, SearchRanksDecodedRows) {
  const std::int64_t n = simt() ? 90 : 500;
  const Matrix<float> rows = mixed_rows(n, 11, 7), queries = mixed_rows(9, 11, 8);
  for (const std::int64_t levels : {1, 2}) {
    const ProductQuantizer model = fitted({0, 11, 3, 16, levels, PqRotation::learned}, rows);
    const Matrix<std::uint8_t> codes = model.encode(context(), rows);
    for (const PqMetric metric : {PqMetric::inner_product, PqMetric::squared_euclidean}) {
      const auto score = [&](const Matrix<float>& decoded, std::int64_t i, std::int64_t j) {
        double sum = 0;
        for (std::int64_t c = 0; c < 11; ++c) {
          const double q = queries(i, c), x = decoded(j, c);
          sum += metric == PqMetric::inner_product ? -q * x : (q - x) * (q - x);
        }
        return sum;
      };
      const Matrix<float> decoded = model.decode(context(), codes).to_host(context());
      const Matrix<float> first =
          model.decode(context(), codes.view().col_range(0, model.bytes_per_level()))
              .to_host(context());
      const std::int64_t k = 5, shortlist = 20;
      const PqMatches found = model.search(context(), queries, codes, k, shortlist, metric);
      const Matrix<std::int32_t> indices = found.indices.to_host(context());
      const Matrix<float> scores = found.scores.to_host(context());
      const double sign = metric == PqMetric::inner_product ? -1 : 1;
      for (std::int64_t i = 0; i < 9; ++i) {
        std::vector<double> by_first;
        for (std::int64_t j = 0; j < n; ++j) by_first.push_back(score(first, i, j));
        std::sort(by_first.begin(), by_first.end());
        const double bound = by_first[static_cast<std::size_t>(levels == 1 ? k : shortlist) - 1];
        // Of the rows that the first level lets through, the best by all levels.
        std::vector<double> expected;
        for (std::int64_t j = 0; j < n; ++j) {
          if (score(first, i, j) <= bound + 1e-9) expected.push_back(score(decoded, i, j));
        }
        std::sort(expected.begin(), expected.end());
        for (std::int64_t p = 0; p < k; ++p) {
          ASSERT_NEAR(sign * double{scores(i, p)}, expected[static_cast<std::size_t>(p)], 2e-4);
          ASSERT_NEAR(score(decoded, i, indices(i, p)), expected[static_cast<std::size_t>(p)],
                      2e-4);
        }
      }
    }
  }
}

TEST(ProductQuantizer, ALongShortlistFindsWhatTheLevelsTogetherSay) {
  Context context = Context::cpu({.threads = 2});
  const Matrix<float> rows = mixed_rows(2000, 16, 9), queries = mixed_rows(100, 16, 10);
  const ProductQuantizer model =
      ProductQuantizer::fit(context, rows, {.subvectors = 4, .centroids = 16, .levels = 3});
  const Matrix<std::uint8_t> codes = model.encode(context, rows);
  const Matrix<float> decoded = model.decode(context, codes);
  const auto first_of = [&](const PqMatches& found) {
    std::int64_t right = 0;
    for (std::int64_t i = 0; i < queries.rows(); ++i) {
      double best = INFINITY;
      std::int64_t at = -1;
      for (std::int64_t j = 0; j < rows.rows(); ++j) {
        double sum = 0;
        for (std::int64_t c = 0; c < 16; ++c) {
          const double apart = double{queries(i, c)} - double{decoded(j, c)};
          sum += apart * apart;
        }
        if (sum < best) at = j;
        best = std::min(best, sum);
      }
      right += found.indices(i, 0) == at;
    }
    return right;
  };
  const std::int64_t one = first_of(model.search(context, queries, codes, 1, 1));
  const std::int64_t many = first_of(model.search(context, queries, codes, 1, 128));
  EXPECT_GT(many, 90);
  EXPECT_GT(many, one + 10);
}

TEST(ProductQuantizer, BalancedAxesDealOutTheVariances) {
  // Columns of standard deviations 8, 4, 2 and 1: the products are alike as 8 x 1 and 4 x 2.
  Matrix<float> rows = random_rows(4000, 4, 1);
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    for (std::int64_t j = 0; j < 4; ++j) rows(i, j) *= static_cast<float>(8 >> j);
  }
  const Matrix<float> axes = pq_balanced_axes(1, rows, 2);
  const int expected[] = {0, 3, 1, 2};
  for (std::int64_t a = 0; a < 4; ++a) {
    EXPECT_GT(std::fabs(axes(a, expected[a])), 0.99F) << a;
  }
}

TEST(ProductQuantizer, ThePolarFactorIsTheBestRotation) {
  for (const std::int64_t rank : {6, 3}) {
    // a = U S V^T by a rotation times a symmetric positive matrix: the factor is that rotation.
    Matrix<double> root(rank, 6);
    const std::vector<double> values = normals<double>(rank * 6, 8);
    std::copy(values.begin(), values.end(), root.data());
    const double c = 0.6, s = 0.8;
    Matrix<double> a(6, 6), positive(6, 6);
    for (std::int64_t i = 0; i < 6; ++i) {
      for (std::int64_t j = 0; j < 6; ++j) {
        for (std::int64_t k = 0; k < rank; ++k) positive(i, j) += root(k, i) * root(k, j);
      }
    }
    for (std::int64_t j = 0; j < 6; ++j) {
      for (std::int64_t i = 0; i < 6; i += 2) {
        a(i, j) = c * positive(i, j) - s * positive(i + 1, j);
        a(i + 1, j) = s * positive(i, j) + c * positive(i + 1, j);
      }
    }
    const Matrix<double> factor = pq_polar_factor(1, a);
    double orthogonal = 0, trace = 0, best = 0;
    for (std::int64_t i = 0; i < 6; ++i) {
      best += positive(i, i);
      for (std::int64_t j = 0; j < 6; ++j) {
        double product = i == j ? -1 : 0;
        for (std::int64_t k = 0; k < 6; ++k) product += factor(i, k) * factor(j, k);
        orthogonal = worse(orthogonal, std::fabs(product));
        trace += factor(i, j) * a(i, j);
      }
    }
    EXPECT_LT(orthogonal, 1e-13);
    EXPECT_NEAR(trace, best, 1e-10 * best);
    if (rank < 6) continue;
    EXPECT_NEAR(factor(0, 0), c, 1e-9);
    EXPECT_NEAR(factor(1, 0), s, 1e-9);
  }
}

TEST(ProductQuantizer, MoreRowsThanAFitUsesAreSampledInRandomOrder) {
  Context context = Context::cpu({.seed = 3, .threads = 2});
  // The first 65536 rows are all of one kind.
  Matrix<float> rows(70000, 2);
  const std::vector<float> noise = normals(140000, 2, 0.01);
  for (std::int64_t i = 0; i < 70000; ++i) {
    for (std::int64_t j = 0; j < 2; ++j) {
      rows(i, j) = noise[static_cast<std::size_t>(2 * i + j)] + (i < 65536 ? 0.F : 9.F);
    }
  }
  const ProductQuantizer model =
      ProductQuantizer::fit(context, rows, {.subvectors = 1, .centroids = 16});
  EXPECT_LT(coding_error(context, model, rows) / 70000, 2e-4);
}

TEST(ProductQuantizer, TheSameBytesForAnyNumberOfThreads) {
  const Matrix<float> rows = mixed_rows(700, 21, 1);
  const ProductQuantizerOptions options{.subvectors = 4,
                                        .centroids = 256,
                                        .rotation = PqRotation::learned,
                                        .levels = 2,
                                        .rotation_iterations = 3};
  Context one = Context::cpu({.threads = 1}), two = Context::cpu({.threads = 5});
  const ProductQuantizer a = ProductQuantizer::fit(one, rows, options);
  const ProductQuantizer b = ProductQuantizer::fit(two, rows, options);
  EXPECT_TRUE(same_bytes(a.rotation(), b.rotation()));
  for (std::int64_t level = 0; level < 2; ++level) {
    EXPECT_TRUE(same_bytes(a.codebook(level), b.codebook(level)));
  }
  const Matrix<std::uint8_t> codes = a.encode(one, rows), again = a.encode(two, rows);
  EXPECT_EQ(std::memcmp(codes.data(), again.data(), static_cast<std::size_t>(codes.flat().size)),
            0);
  EXPECT_TRUE(same_bytes(a.decode(one, codes), a.decode(two, codes)));
}

TEST(ProductQuantizer, SavesAndLoads) {
  Context context = Context::cpu({.threads = 2});
  const auto path = std::filesystem::temp_directory_path() /
                    ("clipk_product_quantizer_" + std::to_string(::getpid()));
  const Matrix<float> rows = mixed_rows(80, 7, 1);
  for (const PqRotation rotation : {PqRotation::none, PqRotation::learned}) {
    const ProductQuantizer model = ProductQuantizer::fit(
        context, rows, {.subvectors = 3, .centroids = 16, .rotation = rotation, .levels = 2});
    model.save(path);
    const ProductQuantizer loaded = ProductQuantizer::load(path);
    EXPECT_EQ(loaded.subvectors(), 3);
    EXPECT_EQ(loaded.levels(), 2);
    EXPECT_EQ(loaded.bytes_per_vector(), 4);
    const Matrix<std::uint8_t> codes = model.encode(context, rows);
    const Matrix<std::uint8_t> again = loaded.encode(context, rows);
    EXPECT_EQ(std::memcmp(codes.data(), again.data(), static_cast<std::size_t>(codes.flat().size)),
              0);
    EXPECT_TRUE(same_bytes(model.decode(context, codes), loaded.decode(context, codes)));
  }
  std::filesystem::remove(path);
}

TEST(ProductQuantizer, RefusesWhatMakesNoSense) {
  Context context = Context::cpu({.threads = 2});
  const Matrix<float> rows = random_rows(100, 6, 1);
  const auto message = [&](const ProductQuantizerOptions& options) {
    return error_of([&] { ProductQuantizer::fit(context, rows, options); });
  };
  EXPECT_EQ(message({.subvectors = 3}),
            "product_quantizer: expected at least 256 rows for 256 centroids, got 100");
  EXPECT_EQ(message({.subvectors = 3, .centroids = 64}),
            "product_quantizer: expected 16 or 256 centroids, got 64");
  EXPECT_EQ(message({.subvectors = 7, .centroids = 16}),
            "product_quantizer: expected 1 to 6 subvectors for as many columns, got 7");
  EXPECT_EQ(message({.subvectors = 0, .centroids = 16}),
            "product_quantizer: expected 1 to 6 subvectors for as many columns, got 0");
  EXPECT_EQ(message({.subvectors = 2, .centroids = 16, .levels = 0}),
            "product_quantizer: expected 1 to 16 levels, got 0");
  EXPECT_EQ(message({.subvectors = 2, .centroids = 16, .iterations = 0}),
            "product_quantizer: expected at least 1 iteration, got 0");
  EXPECT_EQ(message({.subvectors = 2, .centroids = 16, .rotation_iterations = -1}),
            "product_quantizer: expected at least 0 rotation iterations, got -1");
  Matrix<float> broken = random_rows(100, 6, 1);
  broken(7, 2) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(
      error_of([&] { ProductQuantizer::fit(context, broken, {.subvectors = 2, .centroids = 16}); }),
      "product_quantizer rows: expected finite values, got nan in row 7, column 2");
  broken(7, 2) = 1e30F;
  EXPECT_HAS(
      error_of([&] { ProductQuantizer::fit(context, broken, {.subvectors = 2, .centroids = 16}); }),
      "product_quantizer: expected values of at most 1e15, got");
  const ProductQuantizer model =
      ProductQuantizer::fit(context, rows, {.subvectors = 2, .centroids = 16, .levels = 2});
  EXPECT_EQ(error_of([&] { model.encode(context, random_rows(3, 5, 1)); }),
            "product_quantizer: expected rows of shape [3, 6], got [3, 5]");
  EXPECT_EQ(error_of([&] { model.decode(context, Matrix<std::uint8_t>(3, 3)); }),
            "product_quantizer: expected codes of 2 bytes, got 3");
  EXPECT_EQ(error_of([&] { model.decode(context, Matrix<std::uint8_t>(3, 0)); }),
            "product_quantizer: expected codes of 2 bytes, got 0");
  const Matrix<std::uint8_t> codes = model.encode(context, rows);
  EXPECT_EQ(error_of([&] { model.search(context, random_rows(3, 5, 1), codes, 1); }),
            "product_quantizer: expected queries of shape [3, 6], got [3, 5]");
  EXPECT_EQ(error_of([&] { model.search(context, rows, Matrix<std::uint8_t>(9, 3), 1); }),
            "product_quantizer: expected codes of 2 bytes, got 3");
  EXPECT_EQ(error_of([&] { model.search(context, rows, codes, 0); }),
            "product_quantizer: expected k from 1 to 100 for 100 codes, got 0");
  EXPECT_EQ(error_of([&] { model.search(context, rows, codes, 101); }),
            "product_quantizer: expected k from 1 to 100 for 100 codes, got 101");
  EXPECT_EQ(error_of([&] { model.search(context, rows, codes, 10, 9); }),
            "product_quantizer: expected a shortlist from 10 to 100 for 100 codes, got 9");
}

CLIPK_INSTANTIATE_DEVICE_TEST(ProductQuantizerModel);

}  // namespace
}  // namespace clipk::test
