#include "clipk/models/zero_shot.hpp"

#include <cmath>
#include <limits>
#include <string>

#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

Matrix<float> random_rows(std::int64_t n, std::int64_t d, std::uint64_t seed) {
  Context context = Context::cpu();
  const std::vector<float> values = normals(n * d, seed);
  return Matrix<float>::copy_of(context, MatrixView<const float>(values.data(), n, d));
}

// The definition, in double: cosine of an image to a class's ensemble.
double plain_score(const Matrix<float>& prompts, const std::vector<std::int32_t>& classes,
                   std::int32_t c, const Matrix<float>& images, std::int64_t i) {
  const auto length = [](const auto* row, std::int64_t d) {
    double square = 0;
    for (std::int64_t j = 0; j < d; ++j) {
      square += static_cast<double>(row[j]) * static_cast<double>(row[j]);
    }
    return std::sqrt(square);
  };
  const std::int64_t d = prompts.cols();
  std::vector<double> ensemble(static_cast<std::size_t>(d));
  for (std::int64_t p = 0; p < prompts.rows(); ++p) {
    if (classes[static_cast<std::size_t>(p)] != c) continue;
    const double own = length(prompts.view().row(p), d);
    for (std::int64_t j = 0; j < d; ++j) {
      ensemble[static_cast<std::size_t>(j)] += static_cast<double>(prompts(p, j)) / own;
    }
  }
  double dot = 0;
  for (std::int64_t j = 0; j < d; ++j) {
    dot += ensemble[static_cast<std::size_t>(j)] * static_cast<double>(images(i, j));
  }
  return dot / length(ensemble.data(), d) / length(images.view().row(i), d);
}

class ZeroShotTest : public DeviceTest {};

TEST_P(ZeroShotTest, ScoresArePromptEnsembles) {
  const std::int64_t n = simt() ? 5 : 4500;  // more rows than a block
  const std::int64_t d = 33;
  Matrix<float> prompts = random_rows(9, d, 1);
  for (std::int64_t j = 0; j < d; ++j) prompts(0, j) *= 50;  // length must not count
  const std::vector<std::int32_t> classes{0, 1, 2, 0, 1, 0, 3, 3, 0};
  const Matrix<float> images = random_rows(n, d, 2);
  const ZeroShot model(context(), prompts.to_device(context()), classes);
  EXPECT_EQ(model.classes(), 4);
  EXPECT_EQ(model.class_names(), (std::vector<std::string>{"0", "1", "2", "3"}));

  Matrix<float> scores(context(), n, 4);
  const Matrix<float> device_images = images.to_device(context());
  model.scores(context(), device_images, scores);
  const Matrix<float> host = scores.to_host(context());
  const ZeroShotPredictions found = model.predict(context(), device_images);
  double worst = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    std::int32_t best = 0;
    for (std::int32_t c = 0; c < 4; ++c) {
      worst = worse(worst, std::abs(static_cast<double>(host(i, c)) -
                                    plain_score(prompts, classes, c, images, i)));
      if (host(i, c) > host(i, best)) best = c;
    }
    EXPECT_EQ(found.classes[static_cast<std::size_t>(i)], best);
    EXPECT_EQ(found.cosines[static_cast<std::size_t>(i)], host(i, best));
  }
  EXPECT_LT(worst, 1e-6);
}

TEST_P(ZeroShotTest, EqualScoresGoToTheLowerClass) {
  const Matrix<float> prompts = random_rows(1, 16, 1);
  Matrix<float> twice(2, 16);
  for (std::int64_t i = 0; i < 32; ++i) twice.data()[i] = prompts.data()[i % 16];
  const std::vector<std::int32_t> classes{1, 0};
  const ZeroShot model(context(), twice.to_device(context()), classes);
  const Matrix<float> images = random_rows(7, 16, 2);
  EXPECT_EQ(model.predict(context(), images.to_device(context())).classes,
            std::vector<std::int32_t>(7, 0));
}

TEST_P(ZeroShotTest, AccuracyCountsKnownLabels) {
  Matrix<float> prompts(3, 3), images(6, 3);
  for (std::int64_t i = 0; i < 3; ++i) prompts(i, i) = 2;
  const std::vector<std::int32_t> seen{0, 0, 1, 2, 2, 2};
  for (std::int64_t i = 0; i < 6; ++i) images(i, seen[static_cast<std::size_t>(i)]) = 1;
  const std::vector<std::int32_t> classes{0, 1, 2};
  const ZeroShot model(context(), prompts.to_device(context()), classes, {"a", "b", "c"});
  const std::vector<std::int32_t> labels{0, 1, 1, -1, -1, 1};
  const ZeroShotAccuracy result = model.accuracy(context(), images.to_device(context()), labels);
  EXPECT_EQ(result.counted, 4);
  EXPECT_DOUBLE_EQ(result.top1, 0.5);
  EXPECT_EQ(result.hits, (std::vector<double>{1, 0, 1, 0}));
  EXPECT_DOUBLE_EQ(result.recall[0], 1);
  EXPECT_DOUBLE_EQ(result.recall[1], 1.0 / 3);
  EXPECT_TRUE(std::isnan(result.recall[2]));
  EXPECT_DOUBLE_EQ(result.mean_per_class, 2.0 / 3);
}

CLIPK_INSTANTIATE_DEVICE_TEST(ZeroShotTest);

TEST(ZeroShotRefuses, ClassesThatHaveNoDirection) {
  Context context = Context::cpu();
  Matrix<float> prompts = random_rows(4, 8, 1);
  const auto build = [&](std::vector<std::int32_t> classes, std::vector<std::string> names = {}) {
    return error_of([&] { ZeroShot(context, prompts, classes, std::move(names)); });
  };
  EXPECT_EQ(build({0, 1, 0}), "zero_shot: expected classes of size 4, got 3");
  EXPECT_EQ(build({0, 1, -1, 0}), "zero_shot: expected classes from 0 to 1, got -1 of prompt 2");
  EXPECT_EQ(build({0, 1, 2, 0}, {"cat", "dog"}),
            "zero_shot: expected classes from 0 to 1, got 2 of prompt 2");
  EXPECT_EQ(build({0, 2, 2, 0}, {"cat", "dog", "bus"}),
            "zero_shot: expected a prompt for each class, got none for 'dog'");
  EXPECT_EQ(
      build({0, 2000000000, 1, 0}),
      "zero_shot: expected a prompt for each class, got 4 prompts for classes up to 2000000000");
  const Matrix<float> none(0, 8);
  EXPECT_EQ(error_of([&] { ZeroShot(context, none, {}); }),
            "zero_shot: expected at least 1 prompt, got 0");

  for (std::int64_t j = 0; j < 8; ++j) prompts(3, j) = -3 * prompts(2, j);
  EXPECT_EQ(build({0, 0, 1, 1}, {"cat", "dog"}),
            "zero_shot: expected prompts of 'dog' with a mean above 0, got 2 that cancel");
  for (std::int64_t j = 0; j < 8; ++j) prompts(3, j) = 0;
  EXPECT_EQ(build({0, 0, 1, 1}),
            "zero_shot prompts: expected rows of length above 0, got a zero vector in row 3");
  prompts(1, 5) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(build({0, 0, 1, 1}),
            "zero_shot prompts: expected finite values, got nan in row 1, column 5");
}

TEST(ZeroShotRefuses, ImagesAndLabelsThatDoNotFit) {
  Context context = Context::cpu();
  const Matrix<float> prompts = random_rows(2, 8, 1), wide = random_rows(3, 9, 1);
  Matrix<float> images = random_rows(3, 8, 2), out(3, 3), scores(3, 2);
  const std::vector<std::int32_t> classes{0, 1};
  const ZeroShot model(context, prompts, classes);
  EXPECT_EQ(error_of([&] { model.predict(context, wide); }),
            "zero_shot: expected images of shape [3, 8], got [3, 9]");
  EXPECT_EQ(error_of([&] { model.scores(context, images, out); }),
            "zero_shot: expected out of shape [3, 2], got [3, 3]");
  const auto accuracy = [&](std::vector<std::int32_t> labels) {
    return error_of([&] { model.accuracy(context, images, labels); });
  };
  EXPECT_EQ(accuracy({0, 1}), "zero_shot: expected labels of size 3, got 2");
  EXPECT_EQ(accuracy({0, 1, 2}), "zero_shot: expected labels below 2, got 2 in row 2");
  EXPECT_EQ(accuracy({-1, -1, -1}), "zero_shot: expected a label that is known, got none");
  for (std::int64_t j = 0; j < 8; ++j) images(1, j) = 0;
  EXPECT_EQ(error_of([&] { model.scores(context, images, scores); }),
            "zero_shot images: expected rows of length above 0, got a zero vector in row 1");
  EXPECT_TRUE(model.predict(context, images.view().row_range(0, 0)).classes.empty());
}

}  // namespace
}  // namespace clipk::test
