#include "clipk/models/iin.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <numbers>
#include <stdexcept>
#include <utility>

#include "clipk/core/error.hpp"
#include "models/iin_problem.hpp"
#include "support/arrays.hpp"
#include "support/device_test.hpp"

namespace clipk::test {
namespace {

constexpr std::int64_t kDim = 6;

// Hidden numbers u, and rows that are a rotation of a bent form of them: u can be read from rows.
// Column 0 is the value of the factor "level", column 1 that of the classes "kind" (-2, 0 or 2,
// with noise); the others are noise.
struct Data {
  Matrix<float> rows, log_variance;
  std::vector<Factor> factors{2};

  explicit Data(std::int64_t n, std::uint64_t seed = 4) : rows(n, kDim), log_variance(n, kDim) {
    Random random(seed, RandomStream::data);
    factors[0].name = "level";
    factors[0].values = Matrix<float>(n, 1);
    factors[1].name = "kind";
    factors[1].class_names = {"low", "middle", "high"};
    for (std::int64_t i = 0; i < n; ++i) {
      double u[kDim];
      for (double& value : u) value = random.normal();
      const auto kind = static_cast<std::int32_t>(i % 3);
      u[1] = 2.0 * (kind - 1) + 0.2 * u[1];
      factors[0].values(i, 0) = static_cast<float>(u[0]);
      factors[1].classes.push_back(kind);
      for (std::int64_t j = 0; j < kDim; ++j) log_variance(i, j) = -6;
      put(u, i);
    }
  }
  void put(const double (&u)[kDim], std::int64_t i) {
    for (std::int64_t j = 0; j < kDim; ++j) {
      double sum = 0;
      for (std::int64_t k = 0; k < kDim; ++k)
        sum += axis(j, k) * (u[k] + (k == 2 ? u[0] * u[0] / 3 : 0));
      rows(i, j) = static_cast<float>(sum);
    }
  }
  // u of a row.
  static std::vector<double> hidden(MatrixView<const float> rows, std::int64_t i) {
    std::vector<double> u(kDim);
    for (std::int64_t k = 0; k < kDim; ++k) {
      for (std::int64_t j = 0; j < kDim; ++j) {
        u[static_cast<std::size_t>(k)] += axis(j, k) * rows(i, j);
      }
    }
    u[2] -= u[0] * u[0] / 3;
    return u;
  }
  // An orthogonal matrix (a discrete Hartley transform).
  static double axis(std::int64_t j, std::int64_t k) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(j * k) / kDim;
    return (std::cos(angle) + std::sin(angle)) / std::sqrt(static_cast<double>(kDim));
  }
};

IinOptions small() {
  IinOptions options;
  options.flow.blocks = 4;
  options.flow.width = 32;
  options.flow.depth = 1;
  options.sizes = {1, 1};
  options.epochs = 3;
  options.batch = 64;
  return options;
}

Context cpu(int threads = 1) {
  return Context::cpu({.seed = 11, .threads = threads});
}

std::string difference(const Matrix<float>& a, const Matrix<float>& b) {
  if (a.rows() != b.rows() || a.cols() != b.cols()) return "another shape";
  const auto bytes = static_cast<std::size_t>(a.rows() * a.cols()) * sizeof(float);
  return std::memcmp(a.data(), b.data(), bytes) == 0 ? "" : "other bytes";
}

// Squared correlation of a column of codes with a column of hidden numbers.
double r_squared(const Matrix<float>& codes, std::int64_t column, const Data& data,
                 std::int64_t hidden) {
  double n = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0;
  for (std::int64_t i = 0; i < codes.rows(); ++i) {
    const double a = codes(i, column);
    const double b = Data::hidden(data.rows, i)[static_cast<std::size_t>(hidden)];
    n += 1, x += a, y += b, xx += a * a, yy += b * b, xy += a * b;
  }
  const double covariance = xy / n - x / n * y / n;
  return covariance * covariance / ((xx / n - x / n * x / n) * (yy / n - y / n * y / n));
}

// What the model is for: each block holds its factor, and an edit moves that and nothing else.
TEST(Iin, BlocksHoldTheirFactorsAndEditsMoveThemAlone) {
  Context context = cpu();
  const Data data(3000), fresh(600, 5), others(600, 6);
  IinOptions options = small();
  options.epochs = 20;
  const Iin iin = Iin::fit(context, data.rows, data.log_variance, data.factors, options);
  EXPECT_LT(iin.losses().back(), iin.losses().front() - 3);
  ASSERT_EQ(iin.blocks().size(), 3u);
  EXPECT_EQ(iin.blocks()[2].name, "residual");
  EXPECT_EQ(iin.blocks()[2].first, 2);
  EXPECT_EQ(iin.blocks()[2].size, kDim - 2);
  EXPECT_NEAR(iin.blocks()[0].rho, 0.99, 1e-6);

  const Matrix<float> codes = iin.transform(context, fresh.rows);
  EXPECT_GT(r_squared(codes, 0, fresh, 0), 0.9);
  EXPECT_GT(r_squared(codes, 1, fresh, 1), 0.8);
  for (std::int64_t k = 2; k < kDim; ++k) {
    EXPECT_LT(r_squared(codes, k, fresh, 0), 0.1) << k;
    EXPECT_LT(r_squared(codes, k, fresh, 1), 0.1) << k;
  }

  const Matrix<float> edited = iin.swap(context, fresh.rows, others.rows, iin.block_named("level"));
  double moved = 0, kept = 0;
  for (std::int64_t i = 0; i < 600; ++i) {
    const std::vector<double> now = Data::hidden(edited, i), before = Data::hidden(fresh.rows, i),
                              other = Data::hidden(others.rows, i);
    moved += std::fabs(now[0] - other[0]) < 0.5;
    kept += std::fabs(now[1] - before[1]) < 0.8;
  }
  EXPECT_GT(moved / 600, 0.9);
  EXPECT_GT(kept / 600, 0.9);
}

TEST(Iin, EditsChangeOneBlockOfTheCodes) {
  Context context = cpu();
  const Data data(200), others(200, 6);
  const Iin iin = Iin::fit(context, data.rows, data.factors, small());
  const Matrix<float> codes = iin.transform(context, data.rows);
  const Matrix<float> from = iin.transform(context, others.rows);
  const auto expect_codes = [&](const Matrix<float>& rows, auto&& expected) {
    const Matrix<float> got = iin.transform(context, rows);
    double worst = 0;
    for (std::int64_t i = 0; i < 200; ++i) {
      for (std::int64_t j = 0; j < kDim; ++j) {
        worst = std::max(worst, std::fabs(static_cast<double>(got(i, j) - expected(i, j))));
      }
    }
    EXPECT_LT(worst, 1e-4);
  };
  expect_codes(data.rows, codes);
  expect_codes(iin.inverse(context, codes), codes);
  expect_codes(iin.swap(context, data.rows, others.rows, 2),
               [&](std::int64_t i, std::int64_t j) { return j >= 2 ? from(i, j) : codes(i, j); });
  expect_codes(iin.set(context, data.rows, 2, 1, -1.5F),
               [&](std::int64_t i, std::int64_t j) { return j == 3 ? -1.5F : codes(i, j); });
  expect_codes(iin.interpolate(context, data.rows, others.rows, 0, 0.25F),
               [&](std::int64_t i, std::int64_t j) {
                 return j == 0 ? 0.75F * codes(i, j) + 0.25F * from(i, j) : codes(i, j);
               });
}

TEST(Iin, TypicalityRanksRowsAndFlagsWhatLeavesTheirRange) {
  Context context = cpu();
  const Data data(1500);
  IinOptions options = small();
  options.epochs = 8;
  const Iin iin = Iin::fit(context, data.rows, data.factors, options);
  const IinTypicality own = iin.typicality(context, data.rows);
  double mean = 0, outside = 0;
  for (std::size_t i = 0; i < 1500; ++i) {
    mean += own.share[i] / 1500;
    outside += own.outside[i];
  }
  EXPECT_NEAR(mean, 0.5, 0.001);
  EXPECT_LE(outside, 2);  // .1 % of the rows
  EXPECT_EQ(own.log_density, iin.log_density(context, data.rows));
  const IinTypicality far = iin.typicality(context, iin.set(context, data.rows, 0, 0, 6));
  double flagged = 0;
  for (const std::uint8_t flag : far.outside) flagged += flag;
  EXPECT_EQ(flagged, 1500);
  EXPECT_LT(far.share[0], 0.01);
}

TEST(Iin, WithoutFactorsItIsADensityOfRows) {
  Context context = cpu();
  Matrix<float> rows(2000, 3), fresh(500, 3);
  const std::vector<float> numbers = normals(6000, 8), more = normals(1500, 9);
  const auto fill = [](const std::vector<float>& from, Matrix<float>& to) {
    for (std::int64_t i = 0; i < to.rows(); ++i) {
      const float* u = from.data() + 3 * i;
      to(i, 0) = 2 * u[0];
      to(i, 1) = 0.5F * u[1] + u[0] * u[0];
      to(i, 2) = u[2];
    }
  };
  fill(numbers, rows);
  fill(more, fresh);
  IinOptions options = small();
  options.sizes.clear();
  options.epochs = 20;
  const Iin iin = Iin::fit(context, rows, {}, options);
  EXPECT_EQ(iin.factors(), 0);
  EXPECT_EQ(iin.blocks()[0].size, 3);
  double found = 0, exact = 0;
  for (const double value : iin.log_density(context, fresh)) found += value / 500;
  for (std::int64_t i = 0; i < 500; ++i) {
    double squares = 0;
    for (std::int64_t k = 0; k < 3; ++k)
      squares += std::pow(more[static_cast<std::size_t>(3 * i + k)], 2);
    exact -= (squares / 2 + 1.5 * std::log(2 * std::numbers::pi)) / 500;  // the map has volume 1
  }
  EXPECT_NEAR(found, exact, 0.15);
}

TEST(Iin, TheSameBytesForAnyNumberOfThreads) {
  const Data data(300);
  Matrix<float> codes[2];
  for (int threads = 1; threads <= 2; ++threads) {
    Context context = cpu(threads);
    codes[threads - 1] = Iin::fit(context, data.rows, data.log_variance, data.factors, small())
                             .transform(context, data.rows);
  }
  EXPECT_EQ(difference(codes[0], codes[1]), "");
}

TEST(Iin, SizesAreEstimatedWhereNoneAreGiven) {
  Context context = cpu();
  const Data data(600);
  IinOptions options = small();
  options.sizes.clear();
  options.epochs = 0;
  const Iin iin = Iin::fit(context, data.rows, data.factors, options);
  const FactorSizes expected =
      factor_sizes(context, data.rows, FactorPairs(data.factors, 600, options.pairs));
  EXPECT_EQ(iin.estimated_sizes().sizes, expected.sizes);
  for (std::size_t b = 0; b < 3; ++b) EXPECT_EQ(iin.blocks()[b].size, expected.sizes[b]);
  EXPECT_TRUE(iin.losses().empty());
}

TEST(Iin, TheLikeliestCorrelationIsFound) {
  EXPECT_NEAR(likeliest_correlation(1, 0.6), 0.6, 1e-4);
  EXPECT_NEAR(likeliest_correlation(1, -0.3), 0, 1e-4);
  EXPECT_GT(likeliest_correlation(1, 0.9999), 0.998);
  // A stationary point of the likelihood: rho^3 - p rho^2 + (2 s - 1) rho - p = 0.
  const double s = 1.2, p = 0.7, rho = likeliest_correlation(s, p);
  EXPECT_NEAR(rho * rho * rho - p * rho * rho + (2 * s - 1) * rho - p, 0, 1e-3);
}

// Rho that follows the pairs ends where they are.
TEST(Iin, RhoCanBeEstimated) {
  Context context = cpu();
  const Data data(1500);
  IinOptions options = small();
  options.estimate_rho = true;
  options.rho_warmup = 0.5;
  options.epochs = 10;
  const Iin iin = Iin::fit(context, data.rows, data.log_variance, data.factors, options);
  for (std::size_t b = 0; b < 2; ++b) {
    EXPECT_GT(iin.blocks()[b].rho, 0.3);
    EXPECT_LT(iin.blocks()[b].rho, 0.99);
  }
}

class IinFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              ("clipk_iin_" + std::to_string(::getpid()) + "_" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(IinFiles, SavedAndLoadedItIsTheSame) {
  Context context = cpu();
  const Data data(100);
  const Iin iin = Iin::fit(context, data.rows, data.factors, small());
  iin.save(context, folder_ / "model");
  Context another = Context::cpu({.seed = 99});
  const Iin loaded = Iin::load(another, folder_ / "model");
  EXPECT_EQ(loaded.losses(), iin.losses());
  EXPECT_EQ(loaded.dim(), kDim);
  for (std::size_t b = 0; b < 3; ++b) {
    EXPECT_EQ(loaded.blocks()[b].name, iin.blocks()[b].name);
    EXPECT_EQ(loaded.blocks()[b].first, iin.blocks()[b].first);
    EXPECT_EQ(loaded.blocks()[b].size, iin.blocks()[b].size);
    EXPECT_EQ(loaded.blocks()[b].rho, iin.blocks()[b].rho);
  }
  EXPECT_EQ(difference(loaded.transform(another, data.rows), iin.transform(context, data.rows)),
            "");
  EXPECT_EQ(loaded.typicality(another, data.rows).share, iin.typicality(context, data.rows).share);
  ArchiveWriter(std::string("vae model"), 1).write(folder_ / "other");
  EXPECT_THROW(Iin::load(context, folder_ / "other"), Error);
  ArchiveWriter(std::string("iin model"), 2).write(folder_ / "newer");
  EXPECT_THROW(Iin::load(context, folder_ / "newer"), Error);
  EXPECT_THROW(loaded.transform(another, Matrix<float>(3, kDim + 1)), Error);
}

TEST_F(IinFiles, StoppedAndResumedItGivesTheSameBytes) {
  const Data data(150);
  for (const bool estimate : {false, true}) {
    IinOptions options = small();
    options.epochs = 6;
    options.estimate_rho = estimate;
    options.rho_warmup = 0.2;
    Context context = cpu();
    const Iin whole = Iin::fit(context, data.rows, data.log_variance, data.factors, options);
    options.checkpoint = folder_ / ("checkpoint" + std::to_string(estimate));
    options.progress = [](const Progress& progress) {
      if (progress.epoch == 4) throw std::runtime_error("stopped");
    };
    EXPECT_THROW(Iin::fit(context, data.rows, data.log_variance, data.factors, options),
                 std::runtime_error);
    options.progress = nullptr;
    for (int run = 0; run < 2; ++run) {  // the second one finds a training that has ended
      Context again = cpu();
      const Iin resumed = Iin::fit(again, data.rows, data.log_variance, data.factors, options);
      EXPECT_EQ(
          difference(whole.transform(context, data.rows), resumed.transform(again, data.rows)), "");
      EXPECT_EQ(whole.blocks()[1].rho, resumed.blocks()[1].rho);
      EXPECT_EQ(whole.losses(), resumed.losses());
    }
    options.sizes = {2, 1};
    EXPECT_THROW(Iin::fit(context, data.rows, data.log_variance, data.factors, options), Error);
  }
}

TEST(Iin, BadInputIsNamed) {
  Context context = cpu();
  const auto message = [&](const std::function<void(IinOptions&, Data&)>& change) -> std::string {
    Data data(60);
    IinOptions options = small();
    options.epochs = 1;
    change(options, data);
    try {
      Iin::fit(context, data.rows, data.log_variance, data.factors, options);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(message([](auto&, auto&) {}), "no error");
  EXPECT_EQ(message([](auto& o, auto&) {
              o.sizes = {4, 3};
            }),
            "iin: expected blocks of at most 6 columns together (those of the rows), got 7");
  EXPECT_EQ(message([](auto& o, auto&) {
              o.sizes = {0, 3};
            }),
            "iin: expected blocks of at least 1 column, got 0");
  EXPECT_EQ(message([](auto& o, auto&) { o.sizes = {1}; }),
            "iin: expected 2 sizes of blocks, one a factor, got 1");
  EXPECT_EQ(message([](auto& o, auto&) { o.rho = 1; }),
            "iin: expected rho from 0, below 1, got 1.000000");
  EXPECT_EQ(message([](auto& o, auto&) { o.batch = 0; }),
            "iin: expected a batch of at least 1, got 0");
  EXPECT_EQ(message([](auto&, auto& d) {
              d.rows = Matrix<float>(60, 1);
              d.log_variance = Matrix<float>(60, 1);
            }),
            "iin: expected rows of at least 2 columns, got 1");
  EXPECT_EQ(message([](auto&, auto& d) { d.log_variance = Matrix<float>(60, 5); }),
            "iin: expected log_variance of shape [60, 6], got [60, 5]");
  EXPECT_EQ(message([](auto&, auto& d) { d.rows(7, 2) = NAN; }),
            "iin: expected finite values, got nan in row 7, column 2");
  EXPECT_EQ(message([](auto&, auto& d) { d.log_variance(7, 2) = INFINITY; }),
            "iin: expected finite values, got inf in row 7, column 2");
  EXPECT_EQ(message([](auto&, auto& d) { d.factors[1].classes.pop_back(); }),
            "factor kind: expected 60 rows, as the codes have, got 59");
  EXPECT_EQ(message([](auto&, auto& d) { d.factors[1].name = "residual"; }),
            "iin: expected factors of other names, got residual");

  const Data data(60);
  const Iin iin = Iin::fit(context, data.rows, data.factors, small());
  const auto edit = [&](auto&& f) -> std::string {
    try {
      f();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(edit([&] { iin.set(context, data.rows, 3, 0, 1); }),
            "iin: expected a block from 0 to 2, got 3");
  EXPECT_EQ(edit([&] { iin.set(context, data.rows, 0, 1, 1); }),
            "iin: expected a component of level from 0, below 1, got 1");
  EXPECT_EQ(edit([&] { iin.set(context, data.rows, 0, 0, NAN); }),
            "iin: expected a finite value, got nan");
  EXPECT_EQ(edit([&] { iin.swap(context, data.rows, Matrix<float>(59, kDim), 0); }),
            "iin: expected others of shape [60, 6], got [59, 6]");
  EXPECT_EQ(edit([&] { iin.block_named("colour"); }),
            "iin: expected a block of level, kind, residual, got 'colour'");
}

class IinOnDevice : public DeviceTest {};

// Every operation of a step, on the device.
TEST_P(IinOnDevice, TrainsAsOnTheCpu) {
  const Data data(10);
  IinOptions options = small();
  options.flow.blocks = 2;
  options.flow.width = 8;
  options.epochs = 2;
  options.batch = 6;
  options.estimate_rho = true;
  const Iin there = Iin::fit(context(), data.rows, data.log_variance, data.factors, options);
  Context host = Context::cpu({.seed = context().seed()});
  const Iin here = Iin::fit(host, data.rows, data.log_variance, data.factors, options);
  const Matrix<float> codes = there.transform(context(), data.rows).to_host(context());
  const Matrix<float> expected = here.transform(host, data.rows);
  double worst = 0;
  for (std::int64_t i = 0; i < 10; ++i) {
    for (std::int64_t j = 0; j < kDim; ++j) {
      worst = std::max(worst, std::fabs(static_cast<double>(codes(i, j) - expected(i, j))));
    }
  }
  EXPECT_LT(worst, 1e-3);
  EXPECT_NEAR(there.losses().back(), here.losses().back(), 1e-3);
  const Matrix<float> edited = there.swap(context(), data.rows, data.rows, 0).to_host(context());
  EXPECT_LT(max_error(std::vector<float>(edited.data(), edited.data() + 10 * kDim),
                      std::vector<float>(data.rows.data(), data.rows.data() + 10 * kDim)),
            1e-4);
}

CLIPK_INSTANTIATE_DEVICE_TEST(IinOnDevice);

}  // namespace
}  // namespace clipk::test
