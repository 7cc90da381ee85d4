#include "clipk/ops/gaussian_posterior.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "clipk/ops/corrupt.hpp"
#include "support/arrays.hpp"
#include "support/central_difference.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

class GaussianPosterior : public DeviceTest {
 protected:
  // The noise that the header promises, in float: what corrupt adds to zeros on the CPU.
  std::vector<float> noise(const GaussianPosteriorOptions& options, std::uint64_t step,
                           std::int64_t n, std::int64_t d) {
    Context own = Context::cpu({.seed = context().seed()});
    Matrix<float> zeros(n, d);
    corrupt(own, zeros, {.kind = Corruption::gaussian, .amount = 1, .site = options.site},
            VectorView<const std::uint64_t>(&step, 1), zeros);
    return {zeros.flat().begin(), zeros.flat().end()};
  }

  // As the header says it, element by element.
  template <class T>
  struct Result {
    std::vector<T> z, grad_mean, grad_log_variance, loss;
  };
  template <class T>
  static Result<T> plain(const GaussianPosteriorOptions& options, std::int64_t n,
                         const std::vector<T>& mean, const std::vector<T>& log_variance,
                         const std::vector<T>& noise, const std::vector<T>& grad_z) {
    Result<T> r;
    T sum = 0;
    const T share = static_cast<T>(options.weight) / static_cast<T>(n);
    for (std::size_t e = 0; e < mean.size(); ++e) {
      const T m = mean[e], l = log_variance[e], drawn = std::exp(l / 2) * noise[e];
      r.z.push_back(m + drawn);
      sum += (m * m + std::exp(l) - 1 - l) / 2;
      r.grad_mean.push_back(grad_z[e] + share * m);
      // In float the gradient is made of what the forward pass stored.
      r.grad_log_variance.push_back((grad_z[e] * (r.z.back() - m) + share * (std::exp(l) - 1)) / 2);
    }
    r.loss = {share * sum};
    return r;
  }

  struct Case {
    std::int64_t n, d;
    std::vector<float> mean, log_variance, grad_z;
  };
  static Case make(std::int64_t n, std::int64_t d) {
    return {n, d, normals(n * d, 1), normals(n * d, 2, 2), normals(n * d, 3)};
  }

  // Both passes, with means and log variances as halves of one matrix where `padding` is -1.
  Result<float> run(const Case& c, const GaussianPosteriorOptions& options, std::uint64_t step,
                    std::int64_t padding = 0) {
    std::vector<float> both;
    for (std::int64_t i = 0; i < c.n; ++i) {
      for (const auto* half : {&c.mean, &c.log_variance}) {
        both.insert(both.end(), half->begin() + i * c.d, half->begin() + (i + 1) * c.d);
      }
    }
    const bool heads = padding < 0;
    const std::int64_t pad = std::max<std::int64_t>(padding, 0);
    Guarded<float> gb(context(), c.n, 2 * c.d, both), gm(context(), c.n, c.d, c.mean, pad),
        gl(context(), c.n, c.d, c.log_variance, pad), gg(context(), c.n, c.d, c.grad_z, pad),
        z(context(), c.n, c.d, pad), grads(context(), c.n, 2 * c.d),
        grad_mean(context(), c.n, c.d, pad), grad_log_variance(context(), c.n, c.d, pad);
    Guarded<double> loss(context(), 1, 1, std::vector<double>{0.25});
    Guarded<std::uint64_t> gs(context(), 1, 1, std::vector<std::uint64_t>{step});
    const auto half = [&](Guarded<float>& m, int h) { return m.view().col_range(h * c.d, c.d); };
    const MatrixView<const float> mean = heads ? half(gb, 0) : gm.view();
    const MatrixView<const float> log_variance = heads ? half(gb, 1) : gl.view();
    gaussian_posterior(context(), mean, log_variance, options, gs.flat(), z.view(), loss.flat());
    gaussian_posterior_backward(context(), mean, log_variance, z.view(), options, gg.view(),
                                heads ? half(grads, 0) : grad_mean.view(),
                                heads ? half(grads, 1) : grad_log_variance.view());
    Result<float> r;
    r.z = z.values();
    r.loss = {static_cast<float>(loss.values()[0] - 0.25)};
    r.grad_mean = grad_mean.values();
    r.grad_log_variance = grad_log_variance.values();
    if (heads) {
      const std::vector<float> all = grads.values();
      for (std::size_t e = 0; e < r.grad_mean.size(); ++e) {
        const std::size_t i = e / static_cast<std::size_t>(c.d);
        r.grad_mean[e] = all[e + i * static_cast<std::size_t>(c.d)];
        r.grad_log_variance[e] = all[e + (i + 1) * static_cast<std::size_t>(c.d)];
      }
    }
    return r;
  }

  void expect_right(const Case& c, const GaussianPosteriorOptions& options, std::uint64_t step,
                    std::int64_t padding) {
    const std::vector<float> noise = this->noise(options, step, c.n, c.d);
    const Result<float> found = run(c, options, step, padding);
    const Result<float> simple = plain(options, c.n, c.mean, c.log_variance, noise, c.grad_z);
    const Result<double> exact =
        plain(options, c.n, converted<double>(c.mean), converted<double>(c.log_variance),
              converted<double>(noise), converted<double>(c.grad_z));
    // The GPU's noise is the CPU's to rounding.
    const double rounding = on_cpu() ? 0 : 1e-6;
    const auto near = [&](const auto& a, const auto& b, const auto& e, const char* what) {
      if (on_cpu()) return expect_as_good_as(a, b, e, what);
      EXPECT_LE(max_error(a, e), 3 * max_error(b, e) + (2.4e-7 + rounding) * largest_of(e)) << what;
    };
    near(found.z, simple.z, exact.z, "z");
    near(found.loss, simple.loss, exact.loss, "loss");
    near(found.grad_mean, simple.grad_mean, exact.grad_mean, "grad_mean");
    near(found.grad_log_variance, simple.grad_log_variance, exact.grad_log_variance,
         "grad_log_variance");
  }
};

TEST_P(GaussianPosterior, IsTheDocumentedDrawAndDivergence) {
  for (const std::int64_t n : {1, 2, 17, 113, 257, 70000}) {
    for (const std::int64_t d : {1, 4, 10, 64, 113, 1021, 1030}) {
      if (n * d > (simt() ? 2500 : 300000)) continue;
      SCOPED_TRACE(std::to_string(n) + " x " + std::to_string(d));
      const Case c = make(n, d);
      expect_right(c, {}, (std::uint64_t{7} << 32) + 5, 0);
      for (const std::int64_t padding : {-1, 3, 4}) {
        if (n > 1000 && padding != -1) continue;
        expect_right(c, {.weight = 2.5F, .site = 3}, 1, padding);
      }
    }
  }
}

TEST_P(GaussianPosterior, GradientsFollowCentralDifferences) {
  if (!on_cpu()) GTEST_SKIP() << "double precision is the CPU's";
  const std::int64_t n = 5, d = 19;
  const std::vector<double> mean = normals<double>(n * d, 1), g = normals<double>(n * d, 3);
  const std::vector<double> log_variance = normals<double>(n * d, 2);
  const GaussianPosteriorOptions options{.weight = 1.5F, .site = 1};
  Guarded<double> gm(context(), n, d, mean, 1), gl(context(), n, d, log_variance, 2),
      gg(context(), n, d, g), z(context(), n, d, 3), grad_mean(context(), n, d),
      grad_log_variance(context(), n, d, 5);
  Guarded<std::uint64_t> step(context(), 1, 1, std::vector<std::uint64_t>{9});
  // The loss is the divergence and, of the draw, its product with g.
  const auto loss = [&] {
    double sum = 0;
    gaussian_posterior(context(), gm.view(), gl.view(), options, step.flat(), z.view(),
                       VectorView<double>(&sum, 1));
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < d; ++j) sum += gg.view()(i, j) * z.view()(i, j);
    }
    return sum;
  };
  loss();
  gaussian_posterior_backward(context(), gm.view(), gl.view(), z.view(), options, gg.view(),
                              grad_mean.view(), grad_log_variance.view());
  for (const auto& [input, grad] :
       {std::pair{&gm, &grad_mean}, std::pair{&gl, &grad_log_variance}}) {
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < d; ++j) {
        EXPECT_NEAR(grad->view()(i, j), central_difference(loss, input->view()(i, j), 1e-5), 1e-8);
      }
    }
  }
}

TEST_P(GaussianPosterior, DrawAndDivergenceMayBeLeftOut) {
  const Case c = make(30, 13);
  const Result<float> whole = run(c, {}, 2);
  Guarded<float> gm(context(), 30, 13, c.mean), gl(context(), 30, 13, c.log_variance),
      z(context(), 30, 13);
  Guarded<double> loss(context(), 1, 1, std::vector<double>{0});
  Guarded<std::uint64_t> step(context(), 1, 1, std::vector<std::uint64_t>{2});
  gaussian_posterior(context(), gm.view(), gl.view(), {}, step.flat(), {}, loss.flat());
  EXPECT_NEAR(loss.values()[0], whole.loss[0], 1e-5 * whole.loss[0]);
  gaussian_posterior(context(), gm.view(), gl.view(), {}, step.flat(), z.view(), {});
  EXPECT_EQ(z.values(), whole.z);
  // Another step or site is another draw.
  for (const auto& other : {run(c, {}, 3), run(c, {.site = 1}, 2)}) {
    int equal = 0;
    for (std::size_t e = 0; e < other.z.size(); ++e) equal += other.z[e] == whole.z[e];
    EXPECT_LT(equal, 5);
    EXPECT_EQ(other.loss, whole.loss);
  }
}

TEST_P(GaussianPosterior, BackwardMayOverwriteItsInput) {
  const Case c = make(30, 13);
  const Result<float> whole = run(c, {}, 2);
  Guarded<float> gm(context(), 30, 13, c.mean), gl(context(), 30, 13, c.log_variance),
      z(context(), 30, 13, whole.z), g(context(), 30, 13, c.grad_z), out(context(), 30, 13);
  gaussian_posterior_backward(context(), gm.view(), gl.view(), z.view(), {}, g.view(), g.view(),
                              out.view());
  EXPECT_EQ(g.values(), whole.grad_mean);
  EXPECT_EQ(out.values(), whole.grad_log_variance);
}

TEST_P(GaussianPosterior, TheStandardNormalDivergesByNothingAndNaNIsKept) {
  const std::vector<float> zeros(4 * 11);
  const Case c{4, 11, zeros, zeros, zeros};
  const Result<float> r = run(c, {}, 1);
  EXPECT_EQ(r.loss[0], 0);
  EXPECT_EQ(r.grad_mean, zeros);
  EXPECT_EQ(r.grad_log_variance, zeros);
  for (const int which : {0, 1}) {
    Case bad = c;
    (which == 0 ? bad.mean : bad.log_variance)[17] = std::numeric_limits<float>::quiet_NaN();
    const Result<float> result = run(bad, {}, 1);
    EXPECT_TRUE(std::isnan(result.z[17]));
    EXPECT_TRUE(std::isnan(result.loss[0]));
    EXPECT_TRUE(std::isnan(result.grad_log_variance[17]));
    EXPECT_FALSE(std::isnan(result.z[16]));
  }
}

TEST_P(GaussianPosterior, SameBytesForAnyNumberOfThreads) {
  if (!on_cpu()) GTEST_SKIP() << "threads are the CPU's";
  const std::int64_t n = 999, d = 33;
  const Case c = make(n, d);
  std::vector<std::vector<float>> results;
  std::vector<double> losses;
  for (const int threads : {1, 2}) {
    Context own = Context::cpu({.seed = 4, .threads = threads});
    Guarded<float> gm(own, n, d, c.mean), gl(own, n, d, c.log_variance), z(own, n, d),
        grad_mean(own, n, d, c.grad_z), grad_log_variance(own, n, d);
    Guarded<double> loss(own, 1, 1, std::vector<double>{0});
    Guarded<std::uint64_t> step(own, 1, 1, std::vector<std::uint64_t>{2});
    gaussian_posterior(own, gm.view(), gl.view(), {}, step.flat(), z.view(), loss.flat());
    gaussian_posterior_backward(own, gm.view(), gl.view(), z.view(), {}, grad_mean.view(),
                                grad_mean.view(), grad_log_variance.view());
    std::vector<float> all = z.values();
    for (auto* part : {&grad_mean, &grad_log_variance}) {
      const std::vector<float> values = part->values();
      all.insert(all.end(), values.begin(), values.end());
    }
    results.push_back(std::move(all));
    losses.push_back(loss.values()[0]);
  }
  EXPECT_EQ(std::memcmp(results[0].data(), results[1].data(), results[0].size() * sizeof(float)),
            0);
  EXPECT_EQ(losses[0], losses[1]);
}

TEST_P(GaussianPosterior, BadInputIsNamed) {
  Matrix<float> x(context(), 3, 4), narrow(context(), 3, 3), none(context(), 0, 4);
  Matrix<std::uint64_t> step(context(), 1, 1);
  Matrix<double> loss(context(), 1, 1), two(context(), 1, 2);
  EXPECT_EQ(
      error_of([&] { gaussian_posterior(context(), x, narrow, {}, step.flat(), x, loss.flat()); }),
      "gaussian_posterior: expected log_variance of shape [3, 4], got [3, 3]");
  EXPECT_EQ(
      error_of([&] { gaussian_posterior(context(), x, x, {}, step.flat(), narrow, loss.flat()); }),
      "gaussian_posterior: expected z of shape [3, 4], got [3, 3]");
  EXPECT_EQ(error_of([&] { gaussian_posterior(context(), x, x, {}, step.flat(), x, two.flat()); }),
            "gaussian_posterior: expected loss of size 1, got 2");
  EXPECT_EQ(error_of([&] {
              gaussian_posterior(context(), x, x, {.weight = NAN}, step.flat(), x, loss.flat());
            }),
            "gaussian_posterior: expected a finite weight, got nan");
  EXPECT_EQ(error_of([&] { gaussian_posterior_backward(context(), x, x, x, {}, narrow, x, x); }),
            "gaussian_posterior_backward: expected grad_z of shape [3, 4], got [3, 3]");
  EXPECT_EQ(error_of([&] { gaussian_posterior_backward(context(), x, x, x, {}, x, x, {}); }),
            "gaussian_posterior_backward: expected grad_log_variance of shape [3, 4], got [0, 0]");
  gaussian_posterior(context(), none, none, {}, step.flat(), none, loss.flat());
  gaussian_posterior_backward(context(), none, none, none, {}, none, none, none);
  EXPECT_EQ(loss.to_host(context())(0, 0), 0);
}

CLIPK_INSTANTIATE_DEVICE_TEST(GaussianPosterior);

}  // namespace
}  // namespace clipk::test
