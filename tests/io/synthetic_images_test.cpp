#include "clipk/io/synthetic_images.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "clipk/core/error.hpp"
#include "support/error_of.hpp"

namespace clipk {
namespace {

constexpr float kGround = 0.06F;

// What is brighter than the ground: its share of the image, its centre and its mean colour.
struct Blob {
  double mass = 0, x = 0, y = 0, red = 0, green = 0, blue = 0;
};

Blob blob_of(const Matrix<float>& pixels, std::int64_t image, std::int64_t side) {
  Blob blob;
  for (std::int64_t row = 0; row < side; ++row) {
    for (std::int64_t col = 0; col < side; ++col) {
      const float* p = pixels.view().row(image) + (row * side + col) * 3;
      const double mass = double{std::max({p[0], p[1], p[2]})} - kGround;
      blob.mass += mass;
      blob.x += mass * (static_cast<double>(col) - static_cast<double>(side - 1) / 2);
      blob.y += mass * (static_cast<double>(side - 1) / 2 - static_cast<double>(row));
      blob.red += mass * double{p[0]};
      blob.green += mass * double{p[1]};
      blob.blue += mass * double{p[2]};
    }
  }
  for (double* value : {&blob.x, &blob.y, &blob.red, &blob.green, &blob.blue}) *value /= blob.mass;
  return blob;
}

TEST(SyntheticImages, DrawsWhatItsFactorsSay) {
  constexpr std::int64_t kImages = 400, kSide = 32;
  const SyntheticImages images = synthetic_images({.images = kImages, .seed = 3});
  ASSERT_EQ(images.pixels.rows(), kImages);
  ASSERT_EQ(images.pixels.cols(), kSide * kSide * 3);
  ASSERT_EQ(images.factors.size(), 5U);
  const Factor& shape = images.factors[0];
  const Factor& colour = images.factors[1];
  const Factor& size = images.factors[2];
  const Factor& position = images.factors[4];
  EXPECT_EQ(images.factors[3].name, "rotation");
  for (const std::int64_t count : {0, 1, 2}) {
    EXPECT_NEAR(static_cast<double>(std::count(shape.classes.begin(), shape.classes.end(), count)),
                133, 40);
  }
  // Areas of the shapes at radius 1.
  const double areas[] = {4 * .36, 1.494, 1.571};
  for (std::int64_t i = 0; i < kImages; ++i) {
    const Blob blob = blob_of(images.pixels, i, kSide);
    const double radius = double{size.values(i, 0)};
    EXPECT_NEAR(blob.x, double{position.values(i, 0)}, .35 * radius);
    EXPECT_NEAR(blob.y, double{position.values(i, 1)}, .35 * radius);
    const auto kind = static_cast<std::size_t>(shape.classes[static_cast<std::size_t>(i)]);
    EXPECT_NEAR(blob.mass / (1 - double{kGround}), areas[kind] * radius * radius,
                .16 * areas[kind] * radius * radius)
        << shape.class_names[kind] << " of radius " << radius;
    const double hue = double{colour.values(i, 0)};
    if (hue < 55) {
      EXPECT_GT(blob.red, blob.green);
    }
    if (hue > 65 && hue < 175) {
      EXPECT_GT(blob.green, std::max(blob.red, blob.blue));
    }
    if (hue > 185) {
      EXPECT_GT(blob.blue, blob.green);
    }
  }
}

TEST(SyntheticImages, AnImageDoesNotDependOnTheirNumber) {
  const SyntheticImages few = synthetic_images({.images = 3, .side = 16, .seed = 5});
  const SyntheticImages many = synthetic_images({.images = 9, .side = 16, .seed = 5});
  const auto bytes =
      static_cast<std::size_t>(few.pixels.rows() * few.pixels.cols()) * sizeof(float);
  EXPECT_EQ(std::memcmp(few.pixels.data(), many.pixels.data(), bytes), 0);
  const SyntheticImages other = synthetic_images({.images = 3, .side = 16, .seed = 6});
  EXPECT_NE(std::memcmp(few.pixels.data(), other.pixels.data(), bytes), 0);
}

TEST(SyntheticImages, RefusesWhatCannotBeDrawn) {
  EXPECT_THROW(synthetic_images({.images = 0}), Error);
  EXPECT_THROW(synthetic_images({.images = 1, .side = 7}), Error);
  EXPECT_THROW(synthetic_images({.images = 1, .smallest = 3, .largest = 2}), Error);
  EXPECT_EQ(test::error_of([&] { synthetic_images({.images = 1, .turn = 181}); }),
            "synthetic_images: expected a turn of 0 to 180 degrees, got 181");
}

}  // namespace
}  // namespace clipk
