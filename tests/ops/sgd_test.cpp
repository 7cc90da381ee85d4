#include "clipk/ops/sgd.hpp"

#include <cmath>

#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

constexpr float kRate = 0.05F;

// Plain loops, in the type they are given.
template <class T>
void plain_sgd(const SgdOptions& options, const std::vector<float>& g, std::vector<T>& p,
               std::vector<T>& velocity) {
  for (std::size_t i = 0; i < p.size(); ++i) {
    velocity[i] = static_cast<T>(options.momentum) * velocity[i] + static_cast<T>(g[i]);
    p[i] -= static_cast<T>(kRate) * static_cast<T>(options.weight_decay) * p[i];
    p[i] -= static_cast<T>(kRate) * velocity[i];
  }
}

class Sgd : public DeviceTest {};

TEST_P(Sgd, ThreeStepsFollowPlainLoops) {
  const SgdOptions options{.momentum = 0.8F, .weight_decay = 0.1F};
  for (const std::int64_t n : {1, 2, 17, 113, 257, 1021, 70000}) {
    if (simt() && n > 2000) continue;
    const std::vector<float> start = normals(n, 1);
    Guarded<float> p(context(), 1, n, start);
    Guarded<float> velocity(context(), 1, n, std::vector<float>(start.size()));
    Guarded<float> rate(context(), 1, 1, std::vector<float>{kRate});
    std::vector<double> p64 = converted<double>(start), v64(start.size());
    std::vector<float> p32 = start, v32(start.size());
    for (std::uint64_t t = 0; t < 3; ++t) {
      const std::vector<float> gradients = normals(n, 10 + t);
      Guarded<float> g(context(), 1, n, gradients);
      sgd(context(), options, rate.flat(), g.flat(), p.flat(), velocity.flat());
      plain_sgd(options, gradients, p64, v64);
      plain_sgd(options, gradients, p32, v32);
    }
    expect_as_good_as(p.values(), p32, p64, "parameters");
    expect_as_good_as(velocity.values(), v32, v64, "velocity");
  }
}

TEST_P(Sgd, AnEmptyModelIsFine) {
  Matrix<float> rate(context(), 1, 1), none(context(), 1, 0);
  sgd(context(), {}, rate.flat(), none.flat(), none.flat(), none.flat());
  context().synchronize();
}

TEST_P(Sgd, SizesThatDifferAreNamed) {
  Matrix<float> rate(context(), 1, 1), p(context(), 1, 12), short_g(context(), 1, 7);
  EXPECT_EQ(error_of([&] { sgd(context(), {}, rate.flat(), short_g.flat(), p.flat(), p.flat()); }),
            "sgd: expected gradients of size 12, got 7");
}

CLIPK_INSTANTIATE_DEVICE_TEST(Sgd);

}  // namespace
}  // namespace clipk::test
