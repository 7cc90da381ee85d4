#include "clipk/train/mlp.hpp"

#include <cmath>
#include <filesystem>

#include "support/arrays.hpp"
#include "support/central_difference.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

// The network in plain loops, in double.
std::vector<double> plain_forward(BasicMlp<float>& mlp, Context& context,
                                  const std::vector<float>& x, std::int64_t n) {
  const auto host = [&](MatrixView<const float> view) {
    Matrix<float> m(view.rows, view.cols);
    copy<float>(context, view, m.view());
    return m;
  };
  const auto product = [&](const std::vector<double>& in, const Matrix<float>& w) {
    std::vector<double> out(static_cast<std::size_t>(n * w.rows()));
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t o = 0; o < w.rows(); ++o) {
        for (std::int64_t k = 0; k < w.cols(); ++k) {
          out[i * w.rows() + o] += in[i * w.cols() + k] * w(o, k);
        }
      }
    }
    return out;
  };
  const std::vector<double> input = converted<double>(x);
  std::vector<double> h = input;
  for (int l = 0; l < mlp.layers(); ++l) {
    const Matrix<float> w = host(mlp.weight(l));
    const VectorView<float> b = mlp.bias(l);
    const Matrix<float> bias = host(MatrixView<const float>(b.data, 1, b.size, b.device));
    h = product(h, w);
    for (std::size_t i = 0; i < h.size(); ++i) {
      h[i] += bias.data()[i % static_cast<std::size_t>(w.rows())];
      if (l + 1 < mlp.layers()) h[i] = std::tanh(h[i]);
    }
  }
  if (mlp.options().skip != MlpSkip::none) {
    const std::vector<double> linear = product(input, host(mlp.skip_weight()));
    for (std::size_t i = 0; i < h.size(); ++i) h[i] += linear[i];
  }
  return h;
}

template <class T>
void fill(Context& context, VectorView<T> view, std::uint64_t seed, double scale) {
  const std::vector<T> values = normals<T>(view.size, seed, scale);
  copy<T>(context, VectorView<const T>(values.data(), view.size), view);
}

MlpOptions options_of(std::vector<std::int64_t> widths, MlpSkip skip = MlpSkip::none) {
  return {.widths = std::move(widths), .activation = Activation::tanh, .skip = skip};
}

class MlpTest : public DeviceTest {};

TEST_P(MlpTest, ForwardFollowsPlainLoops) {
  for (const MlpSkip skip : {MlpSkip::none, MlpSkip::fixed, MlpSkip::trained}) {
    for (const auto& widths : {std::vector<std::int64_t>{5, 3}, {9, 17, 4}, {20, 33, 8, 12, 1}}) {
      Mlp mlp(context(), options_of(widths, skip));
      for (int l = 0; l < mlp.layers(); ++l) fill(context(), mlp.bias(l), 7, 0.1);
      if (skip != MlpSkip::none) {
        const MatrixView<float> p = mlp.skip_weight();
        fill(context(), VectorView<float>(p.data, p.rows * p.cols, p.device), 9, 0.3);
      }
      const std::int64_t n = 21;
      const std::vector<float> x = normals(n * widths.front(), 3);
      Guarded<float> dx(context(), n, widths.front(), x, 3), y(context(), n, widths.back(), 2);
      Guarded<float> again(context(), n, widths.back());
      Mlp::Workspace workspace(context(), mlp, 30);
      mlp.forward(context(), dx.view(), workspace, y.view());
      mlp.transform(context(), dx.view(), again.view());
      EXPECT_LE(max_error(y.values(), plain_forward(mlp, context(), x, n)), 2e-6);
      EXPECT_LE(max_error(again.values(), plain_forward(mlp, context(), x, n)), 2e-6);
    }
  }
}

// d/dp of sum(g * y) by central differences of every parameter and input, in double.
TEST_P(MlpTest, GradientsFollowCentralDifferences) {
  if (!on_cpu()) GTEST_SKIP() << "double precision is the CPU's";
  for (const MlpSkip skip : {MlpSkip::none, MlpSkip::fixed, MlpSkip::trained}) {
    for (const Activation activation : {Activation::relu, Activation::tanh}) {
      const std::int64_t n = 4;
      BasicMlp<double> mlp(context(), {.widths = {3, 6, 5, 2},
                                       .activation = activation,
                                       .init = Init::glorot_uniform,
                                       .skip = skip});
      for (int l = 0; l < mlp.layers(); ++l) fill(context(), mlp.bias(l), 7, 0.1);
      if (skip != MlpSkip::none) {
        const MatrixView<double> p = mlp.skip_weight();
        fill(context(), VectorView<double>(p.data, p.rows * p.cols), 9, 0.3);
      }
      Matrix<double> x(n, 3), y(n, 2), g(n, 2), gx(n, 3);
      fill(context(), x.flat(), 1, 1);
      fill(context(), g.flat(), 2, 1);
      BasicMlp<double>::Workspace workspace(context(), mlp, n);
      const auto loss = [&] {
        mlp.forward(context(), x, workspace, y);
        double sum = 0;
        for (std::int64_t i = 0; i < n * 2; ++i) sum += g.data()[i] * y.data()[i];
        return sum;
      };
      loss();
      mlp.backward(context(), x, workspace, g, gx.view());
      const VectorView<double> parameters = mlp.parameters();
      const std::vector<double> gradients(mlp.gradients().begin(), mlp.gradients().end());
      const std::int64_t moved =
          expect_central_differences(loss, parameters, gradients, 1e-6, 1e-8);
      EXPECT_GT(moved, mlp.parameter_count() / 2);
      EXPECT_LE(moved, mlp.parameter_count());
      expect_central_differences(loss, x.flat(), gx.flat(), 1e-6, 1e-8);
    }
  }
}

// Towers compute what networks of their own compute: forward, all gradients and the input's, the
// sum of theirs.
TEST_P(MlpTest, TowersAreNetworksSideBySide) {
  const double tolerance = 4e-6;  // sums of the same terms, in another order
  for (const auto& widths : {std::vector<std::int64_t>{5, 3}, {9, 17, 4}, {7, 16, 12, 3}}) {
    for (const MlpSkip skip : {MlpSkip::none, MlpSkip::trained}) {
      MlpOptions options = options_of(widths, skip);
      options.towers = 3;
      Mlp towers(context(), options);
      fill(context(), towers.parameters(), 4, 0.4);
      const std::int64_t n = 21, in = widths.front(), out = widths.back();
      Guarded<float> x(context(), n, in, normals(n * in, 3), 3), y(context(), n, 3 * out, 2);
      Guarded<float> again(context(), n, 3 * out),
          g(context(), n, 3 * out, normals(n * 3 * out, 5));
      Guarded<float> gx(context(), n, in, 1), gx_one(context(), n, in);
      Mlp::Workspace workspace(context(), towers, n);
      towers.forward(context(), x.view(), workspace, y.view());
      towers.transform(context(), x.view(), again.view());
      EXPECT_EQ(y.values(), again.values());
      towers.backward(context(), x.view(), workspace, g.view(), gx.view());
      std::vector<double> sum(static_cast<std::size_t>(n * in));
      for (std::int64_t b = 0; b < 3; ++b) {
        Mlp one(context(), options_of(widths, skip));
        const auto same = [&](MatrixView<float> own, MatrixView<float> all) {
          copy<float>(context(), all.row_range(b * own.rows, own.rows), own);
        };
        const auto expect_same = [&](MatrixView<float> own, MatrixView<float> all) {
          const auto host = [&](MatrixView<float> view) {
            const Matrix<float> m = Matrix<float>::copy_of(context(), view).to_host(context());
            return std::vector<float>(m.flat().begin(), m.flat().end());
          };
          EXPECT_LE(max_error(host(own), host(all.row_range(b * own.rows, own.rows))), tolerance);
        };
        const auto rows = [](VectorView<float> v, std::int64_t count) {
          return MatrixView<float>(v.data, count, v.size / count, v.device);
        };
        for (int l = 0; l < one.layers(); ++l) {
          same(one.weight(l), towers.weight(l));
          same(rows(one.bias(l), 1), rows(towers.bias(l), 3));
        }
        if (skip != MlpSkip::none) same(one.skip_weight(), towers.skip_weight());
        Mlp::Workspace own(context(), one, n);
        const auto range = [&](Guarded<float>& m) { return m.view().col_range(b * out, out); };
        Guarded<float> y_one(context(), n, out);
        one.forward(context(), x.view(), own, y_one.view());
        const Matrix<float> expected =
            Matrix<float>::copy_of(context(), range(y)).to_host(context());
        EXPECT_LE(max_error(y_one.values(),
                            std::vector<float>(expected.flat().begin(), expected.flat().end())),
                  2e-6);
        one.backward(context(), x.view(), own, range(g), gx_one.view());
        for (int l = 0; l < one.layers(); ++l) {
          expect_same(one.weight_gradient(l), towers.weight_gradient(l));
          expect_same(rows(one.bias_gradient(l), 1), rows(towers.bias_gradient(l), 3));
        }
        const std::vector<float> part = gx_one.values();
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += part[i];
      }
      EXPECT_LE(max_error(gx.values(), sum), 1e-5);
    }
  }
}

TEST_P(MlpTest, TowersDrawWeightsOfTheirOwn) {
  MlpOptions options = options_of({50, 60, 7});
  options.towers = 2;
  options.init = Init::glorot_uniform;
  const Mlp mlp(context(), options);
  EXPECT_EQ(mlp.outputs(), 14);
  EXPECT_EQ(mlp.parameter_count(), 2 * (51 * 60 + 61 * 7));
  const Matrix<float> w = Matrix<float>::copy_of(context(), mlp.weight(0)).to_host(context());
  ASSERT_EQ(w.rows(), 120);
  EXPECT_NE(w(0, 0), w(60, 0));
  double largest = 0;
  for (const float value : w.flat()) largest = worse(largest, std::fabs(double{value}));
  EXPECT_LE(largest, std::sqrt(6.0 / 110) * (1 + 1e-6));
  EXPECT_GT(largest, std::sqrt(6.0 / 110) * 0.99);
}

TEST_P(MlpTest, ParametersAreCountedWithoutPadding) {
  EXPECT_EQ(Mlp(context(), options_of({512, 512, 64})).parameter_count(),
            512 * 512 + 512 + 512 * 64 + 64);
  EXPECT_EQ(Mlp(context(), options_of({5, 3}, MlpSkip::trained)).parameter_count(), 15 + 3 + 15);
  Mlp fixed(context(), options_of({5, 3}, MlpSkip::fixed));
  EXPECT_EQ(fixed.parameter_count(), 15 + 3);
  EXPECT_EQ(fixed.parameters().size, 32);
  EXPECT_EQ(fixed.gradients().size, 32);
}

TEST_P(MlpTest, InitFillsItsBound) {
  for (const auto& [init, bound] : {std::pair{Init::kaiming_uniform, std::sqrt(6.0 / 50)},
                                    std::pair{Init::glorot_uniform, std::sqrt(6.0 / 110)},
                                    std::pair{Init::lecun_uniform, std::sqrt(3.0 / 50)},
                                    std::pair{Init::fan_in_uniform, std::sqrt(1.0 / 50)}}) {
    Mlp mlp(context(), {.widths = {50, 60, 7}, .init = init, .zero_last = true});
    Matrix<float> w = Matrix<float>::copy_of(context(), mlp.weight(0)).to_host(context());
    double largest = 0, sum = 0;
    for (const float value : w.flat()) {
      largest = worse(largest, std::fabs(static_cast<double>(value)));
      sum += value;
    }
    EXPECT_LE(largest, bound * (1 + 1e-6)) << to_string(init);
    EXPECT_GT(largest, bound * 0.99) << to_string(init);
    EXPECT_LT(std::fabs(sum / 3000), bound / 20) << to_string(init);
    const Matrix<float> last = Matrix<float>::copy_of(context(), mlp.weight(1)).to_host(context());
    for (const float value : last.flat()) EXPECT_EQ(value, 0);
  }
}

TEST_P(MlpTest, SeedAndNetworkChooseTheWeights) {
  const auto first = [](Mlp&& mlp, Context& context) {
    return Matrix<float>::copy_of(context, mlp.weight(0)).to_host(context)(0, 0);
  };
  const MlpOptions options = options_of({8, 4});
  MlpOptions other = options;
  other.network = 1;
  const float weight = first(Mlp(context(), options), context());
  EXPECT_EQ(weight, first(Mlp(context(), options), context()));
  EXPECT_NE(weight, first(Mlp(context(), other), context()));
}

TEST_P(MlpTest, ArchivesKeepTheNetwork) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("clipk_mlp_" + std::string(to_string(GetParam())) + ".clipk");
  Mlp mlp(context(), options_of({9, 17, 4}, MlpSkip::trained));
  fill(context(), mlp.bias(0), 7, 1);
  const MatrixView<float> p = mlp.skip_weight();
  fill(context(), VectorView<float>(p.data, p.rows * p.cols, p.device), 9, 0.3);
  ArchiveWriter writer("test model", 1);
  mlp.save(context(), writer, "net");
  writer.write(path);
  const Mlp back = Mlp::load(context(), ArchiveReader(path, "test model", 1), "net");
  std::filesystem::remove(path);
  Guarded<float> x(context(), 13, 9, normals(13 * 9, 3)), y(context(), 13, 4), z(context(), 13, 4);
  mlp.transform(context(), x.view(), y.view());
  back.transform(context(), x.view(), z.view());
  EXPECT_EQ(y.values(), z.values());
  EXPECT_EQ(back.options().activation, Activation::tanh);
}

TEST_P(MlpTest, ArchivesKeepTowers) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("clipk_mlp_towers_" + std::string(to_string(GetParam())) + ".clipk");
  MlpOptions options = options_of({9, 17, 4});
  options.towers = 2;
  const Mlp mlp(context(), options);
  ArchiveWriter writer("test model", 1);
  mlp.save(context(), writer, "net");
  writer.write(path);
  const Mlp back = Mlp::load(context(), ArchiveReader(path, "test model", 1), "net");
  std::filesystem::remove(path);
  EXPECT_EQ(back.options().towers, 2);
  Guarded<float> x(context(), 13, 9, normals(13 * 9, 3)), y(context(), 13, 8), z(context(), 13, 8);
  mlp.transform(context(), x.view(), y.view());
  back.transform(context(), x.view(), z.view());
  EXPECT_EQ(y.values(), z.values());
}

TEST_P(MlpTest, BadOptionsAreNamed) {
  EXPECT_EQ(error_of([&] { Mlp(context(), {.widths = {3}}); }),
            "mlp: expected at least two widths, got 1");
  EXPECT_EQ(error_of([&] {
              Mlp(context(), {.widths = {3, 0, 2}});
            }),
            "mlp: expected widths of at least 1, got 0");
  EXPECT_EQ(error_of([&] {
              Mlp(context(), {.widths = {3, 2}, .towers = 0});
            }),
            "mlp: expected at least 1 tower, got 0");
  EXPECT_EQ(error_of([&] { init_named("xavier"); }),
            "init: expected kaiming_uniform, glorot_uniform, lecun_uniform or fan_in_uniform, got "
            "'xavier'");
  Mlp mlp(context(), options_of({3, 2, 2}));
  Mlp::Workspace workspace(context(), mlp, 4);
  Matrix<float> x(context(), 5, 3), y(context(), 5, 2);
  EXPECT_EQ(error_of([&] { mlp.forward(context(), x, workspace, y); }),
            "mlp: expected x of at most 4 rows, got 5");
  Mlp towers(context(), {.widths = {3, 2, 2}, .towers = 2});
  Matrix<float> odd(context(), 5, 5);
  EXPECT_EQ(error_of([&] { towers.transform(context(), x, odd); }),
            "mlp: expected y of 4 columns, got 5");
}

CLIPK_INSTANTIATE_DEVICE_TEST(MlpTest);

}  // namespace
}  // namespace clipk::test
