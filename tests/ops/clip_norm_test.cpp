#include "clipk/ops/clip_norm.hpp"

#include <cmath>

#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

template <class T>
double norm(const std::vector<T>& values) {
  double sum = 0;
  for (const T value : values) sum += static_cast<double>(value) * value;
  return std::sqrt(sum);
}

class ClipNorm : public DeviceTest {};

TEST_P(ClipNorm, LongGradientsAreScaledToTheNorm) {
  for (const std::int64_t n : {1, 2, 17, 113, 257, 1021, 70000, 300001}) {
    if (simt() && n > 2000) continue;
    const std::vector<float> start = normals(n, 1, 3);
    const double factor = 0.5 / norm(start);
    Guarded<float> g(context(), 1, n, start);
    clip_norm(context(), 0.5F, g.flat());
    std::vector<float> plain;
    std::vector<double> exact;
    for (const float value : start) {
      plain.push_back(value * static_cast<float>(factor));
      exact.push_back(value * factor);
    }
    expect_as_good_as(g.values(), plain, exact);
  }
}

TEST_P(ClipNorm, ShortGradientsKeepTheirBytes) {
  const std::vector<float> start = normals(1000, 1);
  Guarded<float> g(context(), 1, 1000, start);
  clip_norm(context(), static_cast<float>(norm(start)) * 1.001F, g.flat());
  EXPECT_EQ(g.values(), start);
  Guarded<float> zero(context(), 1, 3, std::vector<float>(3));
  clip_norm(context(), 1e-20F, zero.flat());
  EXPECT_EQ(zero.values(), std::vector<float>(3));
  Matrix<float> none(context(), 1, 0);
  clip_norm(context(), 1, none.flat());
}

TEST_P(ClipNorm, InfinityAndNanAreLeftForTheTrainerToSee) {
  for (const float bad : {INFINITY, NAN}) {
    Guarded<float> g(context(), 1, 2, {4, bad});
    clip_norm(context(), 1, g.flat());
    const std::vector<float> after = g.values();
    EXPECT_EQ(after[0], 4);
    EXPECT_FALSE(std::isfinite(after[1]));
  }
}

TEST_P(ClipNorm, OneAndTwoThreadsGiveTheSameBytes) {
  if (!on_cpu()) GTEST_SKIP() << "threads of the CPU";
  const std::vector<float> start = normals(200000, 1);
  const auto clipped = [&](int threads) {
    Context some = Context::cpu({.threads = threads});
    Guarded<float> g(some, 1, 200000, start);
    clip_norm(some, 1, g.flat());
    return g.values();
  };
  const std::vector<float> one = clipped(1), two = clipped(2);
  EXPECT_EQ(std::memcmp(one.data(), two.data(), one.size() * sizeof(float)), 0);
}

TEST_P(ClipNorm, TheNormMustBeAboveZero) {
  Matrix<float> g(context(), 1, 3);
  EXPECT_EQ(error_of([&] { clip_norm(context(), 0, g.flat()); }),
            "clip_norm: expected max_norm above 0, got 0.000000");
}

CLIPK_INSTANTIATE_DEVICE_TEST(ClipNorm);

}  // namespace
}  // namespace clipk::test
