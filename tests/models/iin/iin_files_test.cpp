#include "clipk/models/iin.hpp"

#include <gtest/gtest.h>
#include <cmath>
#include <functional>
#include <stdexcept>

#include "clipk/core/error.hpp"
#include "clipk/io/archive.hpp"
#include "io/files.hpp"
#include "models/iin/iin_data.hpp"
#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"
#include "support/same_bytes.hpp"

namespace clipk::test {
namespace {

class IinFiles : public FileTest {};

TEST_F(IinFiles, SavedAndLoadedItIsTheSame) {
  Context context = cpu();
  const Data data(100);
  const Iin iin = Iin::fit(context, data.rows, data.factors, small());
  iin.save(context, path("model"));
  Context another = Context::cpu({.seed = 99});
  const Iin loaded = Iin::load(another, path("model"));
  EXPECT_EQ(loaded.losses(), iin.losses());
  EXPECT_EQ(loaded.dim(), kDim);
  for (std::size_t b = 0; b < 3; ++b) {
    EXPECT_EQ(loaded.blocks()[b].name, iin.blocks()[b].name);
    EXPECT_EQ(loaded.blocks()[b].first, iin.blocks()[b].first);
    EXPECT_EQ(loaded.blocks()[b].size, iin.blocks()[b].size);
    EXPECT_EQ(loaded.blocks()[b].rho, iin.blocks()[b].rho);
  }
  EXPECT_TRUE(same_bytes(loaded.transform(another, data.rows), iin.transform(context, data.rows)));
  EXPECT_EQ(loaded.typicality(another, data.rows).share, iin.typicality(context, data.rows).share);
  ArchiveWriter(std::string("vae model"), 1).write(path("other"));
  EXPECT_THROW(Iin::load(context, path("other")), Error);
  ArchiveWriter(std::string("iin model"), 2).write(path("newer"));
  EXPECT_THROW(Iin::load(context, path("newer")), Error);
  EXPECT_THROW(loaded.transform(another, Matrix<float>(3, kDim + 1)), Error);
}

TEST_F(IinFiles, RangesThatCannotBeAreNamed) {
  Context context = cpu();
  const Data data(60);
  IinOptions options = small();
  options.epochs = 1;
  const Iin iin = Iin::fit(context, data.rows, data.factors, options);
  const auto load = [&](const std::vector<double>& density, const std::vector<float>& lowest,
                        const std::vector<float>& highest) {
    ArchiveWriter archive("iin model", 1);
    archive.add("sizes", std::vector<std::int64_t>{});
    archive.add("rho", std::vector<double>{});
    archive.add("losses", std::vector<double>{});
    archive.add("log_density", density);
    archive.add("lowest", lowest);
    archive.add("highest", highest);
    iin.flow().save(context, archive, "flow");
    archive.write(path("model"));
    return error_of([&] { Iin::load(context, path("model")); });
  };
  const std::string at = path("model").string() + ": ";
  const std::vector<float> zeros(kDim), ones(kDim, 1);
  EXPECT_EQ(load({-2, -1, -1}, zeros, ones), "no error");
  EXPECT_EQ(load({-2, -1, -1.5}, zeros, ones),
            at + "expected densities of rows that rise, got -1.500000 in place 2");
  EXPECT_EQ(load({-2, NAN, -1}, zeros, ones),
            at + "expected entry 'log_density' of finite numbers, got nan in place 1");
  EXPECT_EQ(
      load({-2, -1}, ones, zeros),
      at + "expected lowest values, none above the highest one of its column, got 1.000000 and "
           "0.000000 of column 0");
  std::vector<float> broken = ones;
  broken[2] = INFINITY;
  EXPECT_EQ(load({-2, -1}, zeros, broken),
            at + "expected entry 'highest' of finite numbers, got inf in place 2");
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
    options.checkpoint = path("checkpoint" + std::to_string(estimate));
    options.progress = [](const Progress& progress) {
      if (progress.epoch == 4) throw std::runtime_error("stopped");
    };
    EXPECT_THROW(Iin::fit(context, data.rows, data.log_variance, data.factors, options),
                 std::runtime_error);
    options.progress = nullptr;
    for (int run = 0; run < 2; ++run) {  // the second one finds a training that has ended
      Context again = cpu();
      const Iin resumed = Iin::fit(again, data.rows, data.log_variance, data.factors, options);
      EXPECT_TRUE(
          same_bytes(whole.transform(context, data.rows), resumed.transform(again, data.rows)));
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
    return error_of(
        [&] { Iin::fit(context, data.rows, data.log_variance, data.factors, options); });
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
  const auto edit = [&](auto&& f) -> std::string { return error_of(f); };
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
      worst = worse(worst, std::fabs(static_cast<double>(codes(i, j) - expected(i, j))));
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
