#include "clipk/io/synthetic_images.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <sstream>
#include <string>

#include "clipk/core/error.hpp"
#include "clipk/core/random.hpp"
#include "core/math/math.hpp"

namespace clipk {
namespace {

constexpr double kGround = 0.06;
constexpr double kEdge = 2;
constexpr double kSide = 32;  // side of the image in which lengths are given

// All are wider than high, so that a rotation means the same for each.
const std::vector<std::string> kShapes{"bar", "chevron", "half disc"};

// The distance of (u, v) to a shape of radius about 1, negative inside.
double distance_to(std::int32_t shape, double u, double v) {
  switch (shape) {
    case 0:
      return std::max(std::abs(u) - 1, std::abs(v) - .36);
    case 1: {  // two arms at right angles, up from (0, -0.5)
      const double across = v + .5 - std::abs(u), along = v + .5 + std::abs(u);
      return std::max({std::abs(across) / std::numbers::sqrt2 - .3,
                       along / std::numbers::sqrt2 - 1.25, -.35 - (v + .5)});
    }
    default:
      return std::max(std::sqrt(u * u + (v + .42) * (v + .42)) - 1, -(v + .42));
  }
}

std::array<double, 3> colour_of(double hue) {
  const auto channel = [&](double offset) {
    const double k = std::fmod(offset + hue / 60, 6);
    return 1 - std::clamp(std::min(k, 4 - k), 0.0, 1.0);
  };
  return {channel(5), channel(3), channel(1)};
}

void check(const SyntheticImagesOptions& options) {
  const auto expect = [](bool good, const char* what, auto got) {
    if (good) return;
    std::ostringstream text;
    text << "synthetic_images: expected " << what << ", got " << got;
    throw Error(text.str());
  };
  expect(options.images >= 1, "at least 1 image", options.images);
  expect(options.side >= 8 && options.side <= 1024, "a side of 8 to 1024 pixels", options.side);
  expect(options.smallest > 0, "a smallest radius above 0", options.smallest);
  expect(options.largest >= options.smallest, "a largest radius of at least the smallest",
         options.largest);
  expect(options.turn >= 0 && options.turn <= 180, "a turn of 0 to 180 degrees", options.turn);
  expect(options.reach >= 0, "a reach of at least 0", options.reach);
  expect(options.first_hue >= 0, "a first hue of at least 0", options.first_hue);
  expect(options.last_hue >= options.first_hue && options.last_hue <= 360,
         "a last hue from the first to 360", options.last_hue);
}

struct Drawing {
  std::int32_t shape;
  double hue, radius, degrees, x, y;
};

void draw(const Drawing& drawing, std::int64_t side, float* pixels) {
  const double scale = static_cast<double>(side) / kSide;
  const double middle = static_cast<double>(side - 1) / 2;
  const double angle = drawing.degrees * std::numbers::pi / 180;
  const double cosine = math::cos(angle), sine = math::sin(angle);
  const std::array<double, 3> colour = colour_of(drawing.hue);
  for (std::int64_t row = 0; row < side; ++row) {
    for (std::int64_t col = 0; col < side; ++col) {
      const double dx = (static_cast<double>(col) - middle) / scale - drawing.x;
      const double dy = (middle - static_cast<double>(row)) / scale - drawing.y;
      const double u = (cosine * dx + sine * dy) / drawing.radius;
      const double v = (cosine * dy - sine * dx) / drawing.radius;
      const double distance = distance_to(drawing.shape, u, v) * drawing.radius;
      const double cover = std::clamp(.5 - distance / kEdge, 0.0, 1.0);
      for (const double channel : colour) {
        *pixels++ = static_cast<float>(kGround + cover * (channel - kGround));
      }
    }
  }
}

}  // namespace

SyntheticImages synthetic_images(const SyntheticImagesOptions& options) {
  check(options);
  const std::int64_t n = options.images, side = options.side;
  SyntheticImages result{.pixels = Matrix<float>(n, side * side * 3), .factors = {}};
  Factor shape{.name = "shape", .class_names = kShapes};
  Factor colour{.name = "colour", .values = Matrix<float>(n, 1)};
  Factor size{.name = "size", .values = Matrix<float>(n, 1)};
  Factor rotation{.name = "rotation", .values = Matrix<float>(n, 1)};
  Factor position{.name = "position", .values = Matrix<float>(n, 2)};
  Random random(options.seed, RandomStream::synthetic_images);
  const auto between = [&](double low, double high) {
    return low + (high - low) * static_cast<double>(random.uniform());
  };
  for (std::int64_t i = 0; i < n; ++i) {
    Drawing drawing{};
    drawing.shape =
        static_cast<std::int32_t>(kShapes.size() * static_cast<double>(random.uniform()));
    drawing.hue = between(options.first_hue, options.last_hue);
    drawing.radius = between(options.smallest, options.largest);
    drawing.degrees = between(-options.turn, options.turn);
    drawing.x = between(-options.reach, options.reach);
    drawing.y = between(-options.reach, options.reach);
    draw(drawing, side, result.pixels.view().row(i));
    shape.classes.push_back(drawing.shape);
    colour.values(i, 0) = static_cast<float>(drawing.hue);
    size.values(i, 0) = static_cast<float>(drawing.radius);
    rotation.values(i, 0) = static_cast<float>(drawing.degrees);
    position.values(i, 0) = static_cast<float>(drawing.x);
    position.values(i, 1) = static_cast<float>(drawing.y);
  }
  for (Factor* factor : {&shape, &colour, &size, &rotation, &position}) {
    result.factors.push_back(std::move(*factor));
  }
  return result;
}

}  // namespace clipk
