#include "clipk/ops/adam.hpp"

#include <cmath>

#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

constexpr double kRate = 0.01;

struct State {
  std::vector<double> p, m, v;
};

// The update as the paper writes it, in the type it is given.
template <class T>
void plain_adam(const AdamOptions& options, int t, const std::vector<float>& g, std::vector<T>& p,
                std::vector<T>& m, std::vector<T>& v) {
  const T beta1 = static_cast<T>(options.beta1);
  const T beta2 = static_cast<T>(options.beta2);
  const T bias1 = 1 - static_cast<T>(std::pow(static_cast<double>(options.beta1), t));
  const T bias2 = 1 - static_cast<T>(std::pow(static_cast<double>(options.beta2), t));
  for (std::size_t i = 0; i < p.size(); ++i) {
    m[i] = beta1 * m[i] + (1 - beta1) * g[i];
    v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
    p[i] -= static_cast<T>(kRate) * static_cast<T>(options.weight_decay) * p[i];
    p[i] -= static_cast<T>(kRate) * (m[i] / bias1) /
            (std::sqrt(v[i] / bias2) + static_cast<T>(options.epsilon));
  }
}

class Adam : public DeviceTest {};

TEST_P(Adam, ThreeStepsFollowThePaper) {
  const AdamOptions options{.weight_decay = 0.1F};
  for (const std::int64_t n : {1, 2, 17, 113, 257, 1021, 70000}) {
    if (simt() && n > 2000) continue;
    const std::vector<float> start = normals(n, 1);
    Guarded<float> p(context(), 1, n, start);
    Guarded<float> m(context(), 1, n, std::vector<float>(start.size()));
    Guarded<float> v(context(), 1, n, std::vector<float>(start.size()));
    std::vector<double> p64 = converted<double>(start), m64(start.size()), v64(start.size());
    std::vector<float> p32 = start, m32(start.size()), v32(start.size());
    for (int t = 1; t <= 3; ++t) {
      const std::vector<float> gradients = normals(n, 10 + static_cast<std::uint64_t>(t));
      Guarded<float> g(context(), 1, n, gradients);
      Guarded<float> rates(
          context(), 1, 3,
          {static_cast<float>(kRate), static_cast<float>(1 - std::pow(options.beta1, t)),
           static_cast<float>(1 - std::pow(options.beta2, t))});
      adam(context(), options, rates.flat(), g.flat(), p.flat(), m.flat(), v.flat());
      plain_adam(options, t, gradients, p64, m64, v64);
      plain_adam(options, t, gradients, p32, m32, v32);
    }
    expect_as_good_as(p.values(), p32, p64, "parameters");
    expect_as_good_as(m.values(), m32, m64, "first moment");
    expect_as_good_as(v.values(), v32, v64, "second moment");
  }
}

TEST_P(Adam, AnEmptyModelIsFine) {
  Matrix<float> rates(context(), 1, 3);
  Matrix<float> none(context(), 1, 0);
  adam(context(), {}, rates.flat(), none.flat(), none.flat(), none.flat(), none.flat());
  context().synchronize();
}

TEST_P(Adam, SizesThatDifferAreNamed) {
  Matrix<float> rates(context(), 1, 3);
  Matrix<float> p(context(), 1, 12), short_m(context(), 1, 7);
  EXPECT_EQ(error_of([&] {
              adam(context(), {}, rates.flat(), p.flat(), p.flat(), short_m.flat(), p.flat());
            }),
            "adam: expected m of size 12, got 7");
}

CLIPK_INSTANTIATE_DEVICE_TEST(Adam);

}  // namespace
}  // namespace clipk::test
