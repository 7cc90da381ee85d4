#include "clipk/ops/tsne_update.hpp"

#include <cmath>

#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

template <class T>
struct State {
  std::vector<T> y, velocity, gains;
};

template <class T>
void plain_update(const TsneUpdateOptions& o, const std::vector<float>& attraction,
                  const std::vector<float>& repulsion, const std::vector<double>& z,
                  State<T>& state) {
  const std::size_t n = state.y.size() / 2;
  double mean[2] = {};
  for (std::size_t i = 0; i < n; ++i) {
    T step[2];
    for (std::size_t c = 0; c < 2; ++c) {
      const std::size_t e = 2 * i + c;
      const T gradient = static_cast<T>(o.exaggeration) * static_cast<T>(attraction[e]) -
                         static_cast<T>(repulsion[e]) / static_cast<T>(z[z.size() == 1 ? 0 : i]);
      const bool same = state.velocity[e] != 0 && (gradient > 0) == (state.velocity[e] > 0);
      state.gains[e] = std::max(same ? T(0.8) * state.gains[e] : state.gains[e] + T(0.2), T(0.01));
      step[c] = static_cast<T>(o.momentum) * state.velocity[e] -
                static_cast<T>(o.rate) * state.gains[e] * gradient;
    }
    const T length = std::hypot(step[0], step[1]);
    const T kept = o.max_step > 0 && length > static_cast<T>(o.max_step)
                       ? static_cast<T>(o.max_step) / length
                       : T(1);
    for (std::size_t c = 0; c < 2; ++c) {
      state.velocity[2 * i + c] = kept * step[c];
      state.y[2 * i + c] += kept * step[c];
      mean[c] += static_cast<double>(state.y[2 * i + c]) / static_cast<double>(n);
    }
  }
  if (!o.recentre) return;
  for (std::size_t e = 0; e < 2 * n; ++e) state.y[e] -= static_cast<T>(mean[e % 2]);
}

class TsneUpdate : public DeviceTest {};

TEST_P(TsneUpdate, StepsFollowTheRule) {
  const TsneUpdateOptions one_z{.rate = 20, .momentum = 0.5F, .exaggeration = 12};
  const TsneUpdateOptions many_z{.rate = 3, .max_step = 4, .recentre = false};
  for (const std::int64_t n : {1, 2, 17, 257, 1021, 5000, 70'000}) {
    if (simt() && n > 1100) continue;
    for (const TsneUpdateOptions& options : {one_z, many_z}) {
      const std::vector<float> start = normals(2 * n, 1);
      const std::vector<float> zeros(start.size()), ones(start.size(), 1.0F);
      Guarded<float> y(context(), n, 2, start, 1);
      Guarded<float> velocity(context(), n, 2, zeros, 2);
      Guarded<float> gains(context(), n, 2, ones);
      State<double> in_double{converted<double>(start), converted<double>(zeros),
                              converted<double>(ones)};
      State<float> in_float{start, zeros, ones};
      std::vector<double> z(options.recentre ? 1 : static_cast<std::size_t>(n));
      for (std::size_t i = 0; i < z.size(); ++i) z[i] = 7 + static_cast<double>(i % 5);
      Guarded<double> norms(context(), 1, static_cast<std::int64_t>(z.size()), z);
      for (std::uint64_t t = 0; t < 4; ++t) {
        const std::vector<float> pull = normals(2 * n, 10 + t), push = normals(2 * n, 20 + t, 7);
        Guarded<float> attraction(context(), n, 2, pull, 1);
        Guarded<float> repulsion(context(), n, 2, push, 3);
        tsne_update(context(), options, attraction.view(), repulsion.view(), norms.flat(), y.view(),
                    velocity.view(), gains.view());
        plain_update(options, pull, push, z, in_double);
        plain_update(options, pull, push, z, in_float);
      }
      expect_as_good_as(y.values(), in_float.y, in_double.y, "y");
      expect_as_good_as(velocity.values(), in_float.velocity, in_double.velocity, "velocity");
      expect_as_good_as(gains.values(), in_float.gains, in_double.gains, "gains");
    }
  }
}

TEST_P(TsneUpdate, BytesDoNotDependOnThreads) {
  if (!on_cpu()) GTEST_SKIP() << "threads are the CPU's";
  const auto run = [](int threads) {
    Context several = Context::cpu({.threads = threads});
    Matrix<float> y(5000, 2), velocity(5000, 2), gains(5000, 2);
    const std::vector<float> pull = normals(10'000, 1), push = normals(10'000, 2);
    const double z = 3;
    tsne_update(several, {}, {pull.data(), 5000, 2}, {push.data(), 5000, 2}, {&z, 1}, y, velocity,
                gains);
    return std::vector<float>(y.data(), y.data() + 10'000);
  };
  EXPECT_EQ(run(1), run(2));
}

TEST_P(TsneUpdate, APointAloneStays) {
  Guarded<float> y(context(), 1, 2, {0.0F, 0.0F});
  Guarded<float> zeros(context(), 1, 2, {0.0F, 0.0F});
  Guarded<float> velocity(context(), 1, 2, {0.0F, 0.0F});
  Guarded<float> gains(context(), 1, 2, {1.0F, 1.0F});
  Guarded<double> z(context(), 1, 1, std::vector<double>{0});
  tsne_update(context(), {}, zeros.view(), zeros.view(), z.flat(), y.view(), velocity.view(),
              gains.view());
  EXPECT_EQ(y.values(), (std::vector<float>{0, 0}));
}

TEST_P(TsneUpdate, SizesThatDifferAreNamed) {
  Matrix<float> y(context(), 4, 2), short_y(context(), 3, 2);
  Matrix<double> z(context(), 1, 2);
  EXPECT_EQ(error_of([&] { tsne_update(context(), {}, y, short_y, z.flat(), y, y, y); }),
            "tsne_update: expected repulsion of shape [4, 2], got [3, 2]");
  EXPECT_EQ(error_of([&] { tsne_update(context(), {}, y, y, z.flat(), y, y, y); }),
            "tsne_update: expected z of size 4, got 2");
}

CLIPK_INSTANTIATE_DEVICE_TEST(TsneUpdate);

}  // namespace
}  // namespace clipk::test
