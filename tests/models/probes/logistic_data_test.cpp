// The probe on real data, beside what scikit-learn reaches there.

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <vector>

#include "clipk/io/idx.hpp"
#include "clipk/models/logistic_probe.hpp"
#include "clipk/models/pca.hpp"
#include "golden/logistic_probe.inc"
#include "support/coco500.hpp"

namespace clipk::test {
namespace {

constexpr double kAllowed = 0.005;  // half a point

TEST(LogisticData, ThemesOfCocoAsScikitLearn) {
  CLIPK_COCO500_OR_SKIP(data, false);
  if (data.themes.empty()) GTEST_SKIP() << "no themes beside COCO-500 here";
  std::vector<std::int32_t> even = data.themes, odd = data.themes;
  for (std::size_t i = 0; i < even.size(); ++i) (i % 2 == 0 ? odd : even)[i] = -1;
  Context context = Context::cpu();
  std::size_t at = 0;
  for (const Matrix<float>* rows : {&data.images, &data.texts}) {
    for (const LogisticProbeOptions& options :
         {LogisticProbeOptions{.c = 1}, LogisticProbeOptions{.c = 0.1, .standardize = true}}) {
      const LogisticProbe probe = LogisticProbe::fit(context, *rows, even, options);
      EXPECT_TRUE(probe.converged());
      EXPECT_NEAR(probe.accuracy(context, *rows, odd), golden::logistic_coco_accuracy.at(at++),
                  kAllowed);
    }
  }
}

TEST(LogisticData, FashionMnistAsScikitLearn) {
  const std::filesystem::path folder = "/usr/share/datasets/fashion-mnist";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no dataset-fashion-mnist here";
  const auto images = [&](const char* name) {
    return read_idx_images(folder / name, {.divisor = 255});
  };
  const Matrix<float> train = images("train-images-idx3-ubyte.gz");
  const Matrix<float> test = images("t10k-images-idx3-ubyte.gz");
  std::vector<std::int32_t> labels = read_idx_labels(folder / "train-labels-idx1-ubyte.gz");
  labels.resize(10000);
  Context context = Context::cpu();
  const MatrixView<const float> first = train.view().row_range(0, 10000);
  const Pca pca = Pca::fit(context, first, {.components = 50});
  const auto codes = [&](MatrixView<const float> rows) {
    return pca.transform(context, rows, Modality::image, 50);
  };
  const LogisticProbe probe =
      LogisticProbe::fit(context, codes(first), labels, {.standardize = true});
  EXPECT_TRUE(probe.converged());
  EXPECT_NEAR(
      probe.accuracy(context, codes(test), read_idx_labels(folder / "t10k-labels-idx1-ubyte.gz")),
      golden::logistic_fashion_accuracy[0], kAllowed);
}

}  // namespace
}  // namespace clipk::test
