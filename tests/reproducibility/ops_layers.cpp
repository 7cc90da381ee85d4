// Layers of networks: dense layers, and the operations around them.
#include "clipk/ops/column_moments.hpp"
#include "clipk/ops/corrupt.hpp"
#include "clipk/ops/dense.hpp"
#include "clipk/ops/gather_rows.hpp"
#include "clipk/ops/gaussian_posterior.hpp"
#include "clipk/ops/normalize_rows.hpp"
#include "reproducibility/golden.hpp"

namespace clipk::golden {
namespace {

// Rows, inputs and outputs of layers: few rows, a product longer than a block of k, odd sizes, one
// column.
struct Shape {
  std::int64_t n, in, out;
};
constexpr Shape kShapes[] = {
    {1, 300, 17}, {33, 512, 70}, {517, 37, 130}, {700, 513, 9}, {65, 3, 1}};

template <class T>
void dense_layer(Run& run, const Shape& shape, Activation activation) {
  const auto x = run.inputs.uniform<T>(shape.n, shape.in);
  const auto weight = run.inputs.uniform<T>(shape.out, shape.in, -0.3, 0.3);
  const auto bias = run.inputs.uniform<T>(1, shape.out);
  Matrix<T> y(shape.n, shape.out);
  dense(run.context, x, weight, bias.flat(), activation, y);
  run.add(y);
}

template <class T>
void dense_gradients(Run& run, const Shape& shape, Activation activation) {
  const auto x = run.inputs.uniform<T>(shape.n, shape.in);
  const auto weight = run.inputs.uniform<T>(shape.out, shape.in, -0.3, 0.3);
  const auto y = run.inputs.uniform<T>(shape.n, shape.out);
  const auto grad_y = run.inputs.uniform<T>(shape.n, shape.out);
  Matrix<T> grad_x(shape.n, shape.in), grad_weight(shape.out, shape.in), grad_bias(1, shape.out);
  dense_backward(run.context, x, weight, y, activation, grad_y, grad_x, grad_weight,
                 grad_bias.flat());
  run.add(grad_x, grad_weight, grad_bias);
}

template <class T>
void dense_batch(Run& run) {
  constexpr std::int64_t kBatch = 3, kRows = 130, kIn = 70, kOut = 33;
  const auto x = run.inputs.uniform<T>(kBatch * kRows, kIn);
  const auto weight = run.inputs.uniform<T>(kBatch * kOut, kIn, -0.3, 0.3);
  const auto bias = run.inputs.uniform<T>(kBatch, kOut);
  const auto grad_y = run.inputs.uniform<T>(kBatch * kRows, kOut);
  Matrix<T> y(kBatch * kRows, kOut), grad_x = run.inputs.uniform<T>(kBatch * kRows, kIn);
  Matrix<T> grad_weight(kBatch * kOut, kIn), grad_bias(kBatch, kOut);
  const BatchView<const T> xs(x.data(), kBatch, kRows, kIn);
  const BatchView<const T> weights(weight.data(), kBatch, kOut, kIn);
  const BatchView<T> ys(y.data(), kBatch, kRows, kOut);
  dense(run.context, xs, weights, bias.view(), Activation::tanh, ys);
  dense_backward(run.context, xs, weights, BatchView<const T>(ys), Activation::tanh,
                 BatchView<const T>(grad_y.data(), kBatch, kRows, kOut),
                 BatchView<T>(grad_x.data(), kBatch, kRows, kIn),
                 BatchView<T>(grad_weight.data(), kBatch, kOut, kIn), grad_bias.view(),
                 Gradient::added);
  run.add(y, grad_x, grad_weight, grad_bias);
}

Registered dense_cases() {
  for (const Activation activation :
       {Activation::identity, Activation::relu, Activation::leaky_relu, Activation::tanh,
        Activation::sigmoid}) {
    const auto all = [&](const std::string& function, auto f) {
      both("ops/dense/" + function + "." + to_string(activation), f);
    };
    all("dense", [activation](Run& run, auto zero) {
      for (const Shape& shape : kShapes) dense_layer<decltype(zero)>(run, shape, activation);
    });
    all("dense_backward", [activation](Run& run, auto zero) {
      for (const Shape& shape : kShapes) dense_gradients<decltype(zero)>(run, shape, activation);
    });
  }
  return {};
}

const Registered kDense = dense_cases();

const Registered kDenseBatch =
    both("ops/dense/dense.batch", [](Run& run, auto zero) { dense_batch<decltype(zero)>(run); });

const Registered kDenseAdd = both("ops/dense/dense_add", [](Run& run, auto zero) {
  using T = decltype(zero);
  for (const Shape& s : kShapes) {
    const auto x = run.inputs.uniform<T>(s.n, s.in);
    const auto weight = run.inputs.uniform<T>(s.out, s.in);
    auto y = run.inputs.uniform<T>(s.n, s.out);
    dense_add(run.context, x, weight, y);
    run.add(y);
  }
});

const Registered kDenseAddBackward = both("ops/dense/dense_add_backward", [](Run& run, auto zero) {
  using T = decltype(zero);
  for (const Shape& s : kShapes) {
    const auto weight = run.inputs.uniform<T>(s.out, s.in);
    const auto grad_y = run.inputs.uniform<T>(s.n, s.out);
    auto grad_x = run.inputs.uniform<T>(s.n, s.in);
    dense_add_backward(run.context, weight, grad_y, grad_x);
    run.add(grad_x);
  }
});

const Registered kGatherRowsFloat = one("ops/gather_rows/gather_rows.float", [](Run& run) {
  const auto x = run.inputs.uniform(100, 37);
  const auto rows = run.inputs.below(1, 1021, 100);
  Matrix<float> out(1021, 37);
  gather_rows(run.context, x, rows.flat(), out);
  run.add(out);
});

const Registered kNormalizeRows =
    both("ops/normalize_rows/normalize_rows", [](Run& run, auto zero) {
      using T = decltype(zero);
      for (const std::int64_t d : {1, 37, 512}) {
        const auto x = run.inputs.uniform<T>(517, d, -3, 3);
        Matrix<T> y(517, d), lengths(1, 517);
        normalize_rows(run.context, x, y, lengths.flat());
        run.add(y, lengths);
      }
    });

const Registered kNormalizeRowsBackward =
    both("ops/normalize_rows/normalize_rows_backward", [](Run& run, auto zero) {
      using T = decltype(zero);
      for (const std::int64_t d : {1, 37, 512}) {
        const auto y = run.inputs.directions<T>(517, d);
        const auto lengths = run.inputs.uniform<T>(1, 517, 0.5, 3);
        const auto grad_y = run.inputs.uniform<T>(517, d);
        Matrix<T> grad_x(517, d);
        normalize_rows_backward(run.context, y, lengths.flat(), grad_y, grad_x);
        run.add(grad_x);
      }
    });

template <class T>
void corrupted(Run& run, Corruption kind, bool backward) {
  const CorruptOptions options{.kind = kind, .amount = 0.3F, .site = 2};
  const std::uint64_t step = 11;
  const VectorView<const std::uint64_t> at(&step, 1);
  for (const std::int64_t d : {1, 37, 300}) {
    const auto x = run.inputs.uniform<T>(517, d);
    Matrix<T> out(517, d);
    if (backward) {
      corrupt_backward(run.context, x, options, at, out);
    } else {
      corrupt(run.context, x, options, at, out);
    }
    run.add(out);
  }
}

const Registered kCorruptDropout = both("ops/corrupt/corrupt.dropout", [](Run& run, auto zero) {
  corrupted<decltype(zero)>(run, Corruption::dropout, false);
});

const Registered kCorruptGaussian = both("ops/corrupt/corrupt.gaussian", [](Run& run, auto zero) {
  corrupted<decltype(zero)>(run, Corruption::gaussian, false);
});

const Registered kCorruptBackwardDropout =
    both("ops/corrupt/corrupt_backward.dropout",
         [](Run& run, auto zero) { corrupted<decltype(zero)>(run, Corruption::dropout, true); });

const Registered kCorruptBackwardGaussian =
    both("ops/corrupt/corrupt_backward.gaussian",
         [](Run& run, auto zero) { corrupted<decltype(zero)>(run, Corruption::gaussian, true); });

const Registered kPosterior =
    both("ops/gaussian_posterior/gaussian_posterior", [](Run& run, auto zero) {
      using T = decltype(zero);
      const std::uint64_t step = 5;
      const auto heads = run.inputs.uniform<T>(517, 74, -3, 3);
      Matrix<T> z(517, 37);
      double loss = 0;
      gaussian_posterior(run.context, heads.view().col_range(0, 37), heads.view().col_range(37, 37),
                         {.weight = 0.7F, .site = 1}, VectorView<const std::uint64_t>(&step, 1), z,
                         VectorView<double>(&loss, 1));
      run.add(z, loss);
    });

const Registered kPosteriorBackward =
    both("ops/gaussian_posterior/gaussian_posterior_backward", [](Run& run, auto zero) {
      using T = decltype(zero);
      const auto mean = run.inputs.uniform<T>(517, 37), z = run.inputs.uniform<T>(517, 37);
      const auto log_variance = run.inputs.uniform<T>(517, 37, -3, 3);
      const auto grad_z = run.inputs.uniform<T>(517, 37);
      Matrix<T> grad_mean(517, 37), grad_log_variance(517, 37);
      gaussian_posterior_backward(run.context, mean, log_variance, z, {.weight = 0.7F}, grad_z,
                                  grad_mean, grad_log_variance);
      run.add(grad_mean, grad_log_variance);
    });

// Two parts of the rows and an odd number of columns.
const Registered kColumnMoments = one("ops/column_moments/column_moments.float", [](Run& run) {
  const auto x = run.inputs.uniform<float>(1500, 37, 3, 5);
  Matrix<double> mean(1, 37), variance(1, 37);
  column_moments(run.context, x, mean.flat(), variance.flat());
  run.add(mean, variance);
});

}  // namespace
}  // namespace clipk::golden
