#include <cmath>

#include "clipk/ops/pairwise_distance.hpp"
#include "support/arrays.hpp"
#include "support/central_difference.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

constexpr Metric kMetrics[] = {Metric::squared_euclidean, Metric::euclidean, Metric::cosine};

// sum_ij g_ij D_ij and its gradients, by plain loops over i and j.
template <class T>
struct Plain {
  std::vector<T> x, y;
};

template <class T>
Plain<T> plain_gradients(Metric metric, std::int64_t n, std::int64_t m, std::int64_t d,
                         const std::vector<float>& x, const std::vector<float>& y,
                         const std::vector<float>& g) {
  Plain<T> result{std::vector<T>(x.size()), std::vector<T>(y.size())};
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < m; ++j) {
      const float* a = &x[static_cast<std::size_t>(i * d)];
      const float* b = &y[static_cast<std::size_t>(j * d)];
      T* da = &result.x[static_cast<std::size_t>(i * d)];
      T* db = &result.y[static_cast<std::size_t>(j * d)];
      const T weight = g[static_cast<std::size_t>(i * m + j)];
      T squared = 0, la = 0, lb = 0, product = 0;
      for (std::int64_t k = 0; k < d; ++k) {
        const T ak = a[k], bk = b[k];
        squared += (ak - bk) * (ak - bk);
        la += ak * ak;
        lb += bk * bk;
        product += ak * bk;
      }
      la = std::sqrt(la);
      lb = std::sqrt(lb);
      if (metric == Metric::euclidean && squared == 0) continue;
      for (std::int64_t k = 0; k < d; ++k) {
        const T ak = a[k], bk = b[k];
        if (metric == Metric::cosine) {
          const T cosine = product / (la * lb);
          da[k] += weight / la * (cosine * (ak / la) - bk / lb);
          db[k] += weight / lb * (cosine * (bk / lb) - ak / la);
          continue;
        }
        const T c = metric == Metric::euclidean ? weight / std::sqrt(squared) : 2 * weight;
        da[k] += c * (ak - bk);
        db[k] += c * (bk - ak);
      }
    }
  }
  return result;
}

class PairwiseDistanceBackward : public DeviceTest {
 protected:
  Plain<float> gradients(Metric metric, std::int64_t n, std::int64_t m, std::int64_t d,
                         const std::vector<float>& x, const std::vector<float>& y,
                         const std::vector<float>& g, std::int64_t padding = 0) {
    Guarded<float> xs(context(), n, d, x, padding), ys(context(), m, d, y, 2 * padding);
    Guarded<float> gs(context(), n, m, g, 3 * padding);
    Guarded<float> dx(context(), n, d, padding), dy(context(), m, d, 5 * padding);
    pairwise_distance_backward(context(), xs.view(), ys.view(), metric, gs.view(), dx.view(),
                               dy.view());
    return {dx.values(), dy.values()};
  }
  void expect_good(Metric metric, std::int64_t n, std::int64_t m, std::int64_t d,
                   const std::vector<float>& x, const std::vector<float>& y,
                   std::int64_t padding = 0) {
    SCOPED_TRACE(std::string(to_string(metric)) + " " + std::to_string(n) + " " +
                 std::to_string(m) + " " + std::to_string(d));
    const auto g = normals(n * m, 20);
    const auto actual = gradients(metric, n, m, d, x, y, g, padding);
    const auto single = plain_gradients<float>(metric, n, m, d, x, y, g);
    const auto exact = plain_gradients<double>(metric, n, m, d, x, y, g);
    expect_as_good_as(actual.x, single.x, exact.x, "grad_x");
    expect_as_good_as(actual.y, single.y, exact.y, "grad_y");
  }
};

TEST_P(PairwiseDistanceBackward, IsAsGoodAsAPlainLoop) {
  struct Size {
    std::int64_t n, m, d;
  };
  for (const Size& s : {Size{1, 1, 2}, Size{2, 1, 3}, Size{17, 113, 5}, Size{113, 40, 33},
                        Size{257, 600, 64}, Size{600, 257, 17}}) {
    if (simt() && s.n * s.m > 20000) continue;
    const auto x = normals(s.n * s.d, 21), y = normals(s.m * s.d, 22);
    for (const Metric metric : kMetrics) {
      expect_good(metric, s.n, s.m, s.d, x, y);
      expect_good(metric, s.n, s.m, s.d, x, y, 3);
    }
  }
}

TEST_P(PairwiseDistanceBackward, NearPairsAreAsGoodToo) {
  const std::int64_t n = 60, m = 90, d = 37;
  const auto x = normals(n * d, 23);
  auto y = normals(m * d, 24);
  for (std::int64_t j = 0; j < m; ++j) {  // most rows of y near some row of x, some equal to it
    const double scale = j % 7 == 0 ? 0 : std::pow(10.0, -static_cast<double>(j % 40) / 10);
    for (std::int64_t k = 0; k < d; ++k) {
      float& value = y[static_cast<std::size_t>(j * d + k)];
      value = static_cast<float>(x[static_cast<std::size_t>(j % n * d + k)] + scale * value);
    }
  }
  for (const Metric metric : kMetrics) expect_good(metric, n, m, d, x, y);
}

TEST_P(PairwiseDistanceBackward, OneSideAloneIsTheSame) {
  const std::int64_t n = 20, m = 33, d = 6;
  const auto x = normals(n * d, 25), y = normals(m * d, 26), g = normals(n * m, 27);
  Guarded<float> xs(context(), n, d, x), ys(context(), m, d, y), gs(context(), n, m, g);
  Guarded<float> dx(context(), n, d), dy(context(), m, d);
  pairwise_distance_backward(context(), xs.view(), ys.view(), Metric::euclidean, gs.view(),
                             dx.view(), {});
  pairwise_distance_backward(context(), xs.view(), ys.view(), Metric::euclidean, gs.view(), {},
                             dy.view());
  const auto both = gradients(Metric::euclidean, n, m, d, x, y, g);
  EXPECT_EQ(dx.values(), both.x);
  EXPECT_EQ(dy.values(), both.y);
}

TEST_P(PairwiseDistanceBackward, ABatchIsItsMatrices) {
  const std::int64_t b = 3, n = 12, m = 19, d = 8;
  const auto x = normals(b * n * d, 28), y = normals(b * m * d, 29), g = normals(b * n * m, 30);
  Matrix<float> xs(1, b * n * d), ys(1, b * m * d), gs(1, b * n * m);
  const auto on_device = [&](const std::vector<float>& values) {
    return Matrix<float>::copy_of(
        context(),
        MatrixView<const float>(values.data(), 1, static_cast<std::int64_t>(values.size())));
  };
  const Matrix<float> xd = on_device(x), yd = on_device(y), gd = on_device(g);
  Guarded<float> dx(context(), b * n, d), dy(context(), b * m, d);
  const Device device = context().device();
  pairwise_distance_backward(context(), BatchView<const float>(xd.data(), b, n, d, device),
                             BatchView<const float>(yd.data(), b, m, d, device), Metric::cosine,
                             BatchView<const float>(gd.data(), b, n, m, device),
                             BatchView<float>(dx.view().data, b, n, d, device),
                             BatchView<float>(dy.view().data, b, m, d, device));
  Plain<float> single;
  for (std::int64_t i = 0; i < b; ++i) {
    const auto part = [i](const std::vector<float>& values, std::int64_t size) {
      return std::vector<float>(values.begin() + i * size, values.begin() + (i + 1) * size);
    };
    const auto one =
        gradients(Metric::cosine, n, m, d, part(x, n * d), part(y, m * d), part(g, n * m));
    single.x.insert(single.x.end(), one.x.begin(), one.x.end());
    single.y.insert(single.y.end(), one.y.begin(), one.y.end());
  }
  EXPECT_EQ(dx.values(), single.x);
  EXPECT_EQ(dy.values(), single.y);
}

TEST_P(PairwiseDistanceBackward, WithoutTheOtherSideTheGradientIsZero) {
  Matrix<float> x(context(), 3, 2), none(context(), 0, 2), g(context(), 3, 0);
  Guarded<float> dx(context(), 3, 2, normals(6, 31));
  pairwise_distance_backward(context(), x, none, Metric::euclidean, g, dx.view(), {});
  EXPECT_EQ(dx.values(), std::vector<float>(6, 0.0F));
}

TEST_P(PairwiseDistanceBackward, ShapesThatDifferAreNamed) {
  Matrix<float> x(context(), 4, 8), y(context(), 5, 8), g(context(), 4, 5), wrong(context(), 4, 7);
  EXPECT_EQ(error_of([&] {
              pairwise_distance_backward(context(), x, y, Metric::euclidean, g, wrong, {});
            }),
            "pairwise_distance_backward: expected grad_x of shape [4, 8], got [4, 7]");
}

// What follows is of the CPU alone.

TEST(PairwiseDistanceBackwardCpu, DoubleAgreesWithCentralDifferences) {
  Context context = Context::cpu();
  const std::int64_t n = 5, m = 7, d = 4;
  auto x = normals<double>(n * d, 32), y = normals<double>(m * d, 33);
  const auto g = normals<double>(n * m, 34);
  for (std::int64_t k = 0; k < d; ++k) {  // x_0 and y_0 are near; no distance is 0, the kink
    y[static_cast<std::size_t>(k)] = x[static_cast<std::size_t>(k)] * (1 + 0.01 * (k - 1.0));
  }
  for (const Metric metric : kMetrics) {
    Matrix<double> dx(n, d), dy(m, d), out(n, m);
    const MatrixView<const double> gv(g.data(), n, m);
    const MatrixView<const double> xv(x.data(), n, d), yv(y.data(), m, d);
    pairwise_distance_backward(context, xv, yv, metric, gv, dx, dy);
    const auto loss = [&] {
      pairwise_distance(context, xv, yv, metric, out);
      double sum = 0;
      for (std::int64_t p = 0; p < n * m; ++p)
        sum += g[static_cast<std::size_t>(p)] * out.flat()[p];
      return sum;
    };
    SCOPED_TRACE(to_string(metric));
    expect_central_differences(loss, x, dx.flat(), 1e-5, 1e-7);
    expect_central_differences(loss, y, dy.flat(), 1e-5, 1e-7);
  }
}

TEST(PairwiseDistanceBackwardCpu, TheNumberOfThreadsChangesNoBit) {
  const std::int64_t n = 600, m = 1100, d = 24;
  const auto xs = normals(n * d, 35), ys = normals(m * d, 36), gs = normals(n * m, 37);
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 3}) {
    Context context = Context::cpu({.threads = threads});
    Matrix<float> dx(n, d), dy(m, d);
    pairwise_distance_backward(context, MatrixView<const float>(xs.data(), n, d),
                               MatrixView<const float>(ys.data(), m, d), Metric::euclidean,
                               MatrixView<const float>(gs.data(), n, m), dx, dy);
    results.emplace_back(dx.flat().begin(), dx.flat().end());
    results.back().insert(results.back().end(), dy.flat().begin(), dy.flat().end());
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

CLIPK_INSTANTIATE_DEVICE_TEST(PairwiseDistanceBackward);

}  // namespace
}  // namespace clipk::test
