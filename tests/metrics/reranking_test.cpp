#include "clipk/metrics/reranking.hpp"

#include <algorithm>
#include <numeric>

#include "clipk/metrics/retrieval.hpp"
#include "support/coco500.hpp"
#include "support/error_of.hpp"
#include "support/random_rows.hpp"

namespace clipk::test {
namespace {

std::vector<double> plain_csls(MatrixView<const float> bank, MatrixView<const float> candidates,
                               std::int64_t k) {
  std::vector<double> result;
  for (std::int64_t j = 0; j < candidates.rows; ++j) {
    std::vector<double> cosines;
    for (std::int64_t i = 0; i < bank.rows; ++i) {
      cosines.push_back(plain_cosine(candidates, j, bank, i));
    }
    std::sort(cosines.begin(), cosines.end(), std::greater<>());
    result.push_back(-std::accumulate(cosines.begin(), cosines.begin() + k, 0.0) /
                     static_cast<double>(2 * k));
  }
  return result;
}

// Rows and columns scaled in turn, as they stand: for tables whose exp does not overflow.
std::vector<double> plain_sinkhorn(MatrixView<const float> bank, MatrixView<const float> candidates,
                                   double beta) {
  const std::int64_t b = bank.rows, m = candidates.rows;
  Matrix<double> table(b, m);
  for (std::int64_t i = 0; i < b; ++i) {
    for (std::int64_t j = 0; j < m; ++j) {
      table(i, j) = std::exp(beta * plain_cosine(bank, i, candidates, j));
    }
  }
  std::vector<double> u(static_cast<std::size_t>(b), 1), v(static_cast<std::size_t>(m), 1);
  for (int step = 0; step < 20000; ++step) {
    for (std::int64_t i = 0; i < b; ++i) {
      double sum = 0;
      for (std::int64_t j = 0; j < m; ++j) sum += table(i, j) * v[static_cast<std::size_t>(j)];
      u[static_cast<std::size_t>(i)] = 1 / (sum * static_cast<double>(b));
    }
    for (std::int64_t j = 0; j < m; ++j) {
      double sum = 0;
      for (std::int64_t i = 0; i < b; ++i) sum += table(i, j) * u[static_cast<std::size_t>(i)];
      v[static_cast<std::size_t>(j)] = 1 / (sum * static_cast<double>(m));
    }
  }
  double mean = 0;
  for (double& value : v) mean += (value = std::log(value) / beta) / static_cast<double>(m);
  for (double& value : v) value -= mean;
  return v;
}

TEST(Csls, IsThatOfTheDefinition) {
  struct Size {
    std::int64_t bank, candidates, d, k;
  };
  for (const Size& s : {Size{1, 1, 2, 1}, Size{17, 2, 3, 17}, Size{257, 113, 17, 10}}) {
    const Matrix<float> bank = random_rows(s.bank, s.d, 1);
    const Matrix<float> candidates = random_rows(s.candidates, s.d, 2);
    Context context = Context::cpu();
    EXPECT_LE(
        max_error(csls_bias(context, bank, candidates, s.k), plain_csls(bank, candidates, s.k)),
        1e-14);
  }
}

TEST(Sinkhorn, IsThatOfTheDefinition) {
  struct Size {
    std::int64_t bank, candidates, d;
    double beta;
  };
  for (const Size& s : {Size{1, 1, 2, 50}, Size{1, 7, 3, 10}, Size{9, 1, 3, 10}, Size{17, 9, 5, 20},
                        Size{40, 113, 17, 20}}) {
    const Matrix<float> bank = random_rows(s.bank, s.d, 3);
    const Matrix<float> candidates = random_rows(s.candidates, s.d, 4);
    Context context = Context::cpu();
    const SinkhornBias result =
        sinkhorn_bias(context, bank, candidates, {.beta = s.beta, .max_iterations = 20000});
    EXPECT_LE(result.residual, 1e-6);
    EXPECT_LE(max_error(result.bias, plain_sinkhorn(bank, candidates, s.beta)), 1e-6)
        << s.bank << " " << s.candidates;
  }
}

TEST(Sinkhorn, StopsWhereItIsToldTo) {
  const Matrix<float> bank = random_rows(60, 8, 5), candidates = random_rows(50, 8, 6);
  Context context = Context::cpu();
  const SinkhornBias loose = sinkhorn_bias(context, bank, candidates, {.tolerance = 1e-2});
  const SinkhornBias tight = sinkhorn_bias(context, bank, candidates, {.tolerance = 1e-5});
  EXPECT_LE(loose.residual, 1e-2);
  EXPECT_LE(tight.residual, 1e-5);
  EXPECT_LT(loose.iterations, tight.iterations);
  const SinkhornBias three = sinkhorn_bias(context, bank, candidates, {.max_iterations = 3});
  EXPECT_EQ(three.iterations, 3);
  EXPECT_GT(three.residual, 1e-6);
}

TEST(Sinkhorn, ALargeBetaDoesNotOverflow) {
  const Matrix<float> bank = random_rows(30, 8, 7), candidates = random_rows(30, 8, 8);
  Context context = Context::cpu();
  const SinkhornBias result =
      sinkhorn_bias(context, bank, candidates, {.beta = 5000, .max_iterations = 200});
  for (const double bias : result.bias) EXPECT_TRUE(std::isfinite(bias));
}

// Every correction takes the lead from a hub: a candidate in the middle of all queries.
TEST(Reranking, AHubIsLowered) {
  const std::int64_t n = 100, d = 12;
  Matrix<float> queries = random_rows(n, d, 9);
  for (std::int64_t i = 0; i < n; ++i) queries(i, 0) += 3;
  Matrix<float> candidates = noisy(queries, 10, 1.5F);
  for (std::int64_t k = 0; k < d; ++k) candidates(42, k) = k == 0 ? 1.0F : 0.0F;
  Context context = Context::cpu();
  const std::vector<double> csls = csls_bias(context, queries, candidates);
  const std::vector<double> sinkhorn = sinkhorn_bias(context, queries, candidates).bias;
  const auto below_mean = [](const std::vector<double>& bias) {
    return std::accumulate(bias.begin(), bias.end(), 0.0) / static_cast<double>(bias.size()) -
           bias[42];
  };
  EXPECT_GT(below_mean(csls), 0.01);
  EXPECT_GT(below_mean(sinkhorn), 0.01);
  const std::int64_t plain = retrieval(context, queries, candidates).image_to_text.matched;
  EXPECT_GT(retrieval_with_bias(context, queries, candidates, csls).matched, plain);
  EXPECT_GT(retrieval_with_bias(context, queries, candidates, sinkhorn).matched, plain);
}

TEST(Reranking, LengthsStridesAndThreadsChangeNothing) {
  const Matrix<float> wide = random_rows(700, 40, 11), candidates = random_rows(300, 33, 12);
  Context one = Context::cpu({.threads = 1}), three = Context::cpu({.threads = 3});
  Matrix<float> packed = Matrix<float>::copy_of(one, wide.view().col_range(3, 33));
  for (std::int64_t i = 0; i < 700; ++i) {
    for (std::int64_t k = 0; k < 33; ++k) packed(i, k) *= i % 2 == 0 ? 8.0F : 0.5F;
  }
  EXPECT_EQ(csls_bias(one, wide.view().col_range(3, 33), candidates),
            csls_bias(three, packed, candidates));
  const SinkhornOptions options{.max_iterations = 5};
  const SinkhornBias a = sinkhorn_bias(one, wide.view().col_range(3, 33), candidates, options);
  const SinkhornBias b = sinkhorn_bias(three, packed, candidates, options);
  EXPECT_EQ(a.bias, b.bias);
  EXPECT_EQ(a.residual, b.residual);
}

// With other queries as the bank, what a test query finds does not depend on the other ones.
TEST(Reranking, AQueryBankJudgesEveryQueryByItself) {
  const Matrix<float> queries = random_rows(80, 16, 13), bank = random_rows(400, 16, 14);
  const Matrix<float> candidates = noisy(queries, 15, 1.0F);
  Context context = Context::cpu();
  for (const bool sinkhorn : {false, true}) {
    const std::vector<double> bias = sinkhorn ? sinkhorn_bias(context, bank, candidates).bias
                                              : csls_bias(context, bank, candidates);
    const auto ranks = retrieval_with_bias(context, queries, candidates, bias).ranks;
    for (std::int32_t i = 0; i < 80; i += 7) {
      const std::vector<std::int32_t> partner{i};
      EXPECT_EQ(
          retrieval_with_bias(context, queries.view().row_range(i, 1), candidates, bias, partner)
              .ranks[0],
          ranks[static_cast<std::size_t>(i)]);
    }
  }
}

TEST(Reranking, BadInputIsNamed) {
  Context context = Context::cpu();
  const Matrix<float> five = random_rows(5, 4, 16), narrow = random_rows(5, 3, 17);
  const MatrixView<const float> none = five.view().row_range(0, 0);
  const auto csls = [&](MatrixView<const float> bank, MatrixView<const float> candidates,
                        std::int64_t k = 1) {
    return error_of([&] { csls_bias(context, bank, candidates, k); });
  };
  const auto sinkhorn = [&](MatrixView<const float> bank, MatrixView<const float> candidates,
                            const SinkhornOptions& options = {}) {
    return error_of([&] { sinkhorn_bias(context, bank, candidates, options); });
  };
  EXPECT_EQ(csls(narrow, five), "csls_bias: expected a bank of 4 columns, got 3");
  EXPECT_EQ(sinkhorn(narrow, five), "sinkhorn_bias: expected a bank of 4 columns, got 3");
  EXPECT_EQ(csls(none, five), "csls_bias: expected a bank of at least 1 row, got 0");
  EXPECT_EQ(sinkhorn(none, five), "sinkhorn_bias: expected a bank of at least 1 row, got 0");
  EXPECT_EQ(csls(five, none), "csls_bias: expected at least 1 candidate, got 0");
  EXPECT_EQ(sinkhorn(five, none), "sinkhorn_bias: expected at least 1 candidate, got 0");
  EXPECT_EQ(csls(five, five, 6), "csls_bias: expected k from 1 to 5 for 5 rows of the bank, got 6");
  EXPECT_EQ(sinkhorn(five, five, {.beta = 0}),
            "sinkhorn_bias: expected beta above 0, got 0.000000");
  EXPECT_EQ(sinkhorn(five, five, {.max_iterations = 0}),
            "sinkhorn_bias: expected max_iterations of at least 1, got 0");
  EXPECT_EQ(sinkhorn(five, five, {.tolerance = NAN}),
            "sinkhorn_bias: expected a tolerance of at least 0, got nan");
  Matrix<float> bad = random_rows(5, 4, 18);
  bad(4, 0) = NAN;
  EXPECT_EQ(csls(bad, five), "csls_bias bank: expected finite values, got nan in row 4, column 0");
  EXPECT_EQ(sinkhorn(five, bad),
            "sinkhorn_bias candidates: expected finite values, got nan in row 4, column 0");
  for (std::int64_t k = 0; k < 4; ++k) bad(4, k) = 0;
  EXPECT_EQ(csls(five, bad),
            "csls_bias candidates: expected rows of length above 0, got a zero vector in row 4");
  EXPECT_EQ(sinkhorn(bad, five),
            "sinkhorn_bias bank: expected rows of length above 0, got a zero vector in row 4");
}

TEST(Reranking, Coco500) {
  CLIPK_COCO500_OR_SKIP(data, false);
  Context context = Context::cpu();
  const auto top1 = [&](MatrixView<const float> queries, MatrixView<const float> candidates,
                        const std::vector<double>& bias) {
    return retrieval_with_bias(context, queries, candidates, bias).matched;
  };
  const Matrix<float>&images = data.images, &texts = data.texts;
  EXPECT_EQ(top1(images, texts, csls_bias(context, images, texts)), 310);  // .620
  EXPECT_EQ(top1(texts, images, csls_bias(context, texts, images)), 295);  // .590
  const SinkhornBias i2t = sinkhorn_bias(context, images, texts);
  const SinkhornBias t2i = sinkhorn_bias(context, texts, images);
  EXPECT_LE(i2t.residual, 1e-6);
  EXPECT_LE(t2i.residual, 1e-6);
  EXPECT_EQ(top1(images, texts, i2t.bias), 321);  // .642
  EXPECT_EQ(top1(texts, images, t2i.bias), 316);  // .632
}

}  // namespace
}  // namespace clipk::test
