#include "support/each_target.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>

#include "clipk/core/context.hpp"
#include "clipk/ops/act_norm.hpp"
#include "clipk/ops/adam.hpp"
#include "clipk/ops/affine_coupling.hpp"
#include "clipk/ops/clip_norm.hpp"
#include "clipk/ops/corrupt.hpp"
#include "clipk/ops/cross_entropy_loss.hpp"
#include "clipk/ops/dense.hpp"
#include "clipk/ops/factor_pair_loss.hpp"
#include "clipk/ops/gaussian_posterior.hpp"
#include "clipk/ops/invertible_leaky_relu.hpp"
#include "clipk/ops/kmeans_step.hpp"
#include "clipk/ops/log_sum_exp.hpp"
#include "clipk/ops/mse_loss.hpp"
#include "clipk/ops/nearest.hpp"
#include "clipk/ops/normalize_rows.hpp"
#include "clipk/ops/pairwise_distance.hpp"
#include "clipk/ops/quad_hinge_loss.hpp"
#include "clipk/ops/sgd.hpp"
#include "clipk/ops/soft_assignment.hpp"
#include "clipk/ops/stress_loss.hpp"
#include "clipk/ops/target_distribution.hpp"
#include "clipk/ops/tsne_attraction.hpp"
#include "clipk/ops/tsne_repulsion.hpp"
#include "clipk/ops/tsne_update.hpp"
#include "support/arrays.hpp"

// Every operation gives the same bytes whatever the processor's vectors: at sizes that leave rests
// of every kind.
namespace clipk::test {
namespace {

template <class T>
Matrix<T> random_matrix(std::int64_t rows, std::int64_t cols, std::uint64_t seed,
                        double scale = 1) {
  Matrix<T> result(rows, cols);
  const std::vector<T> values = normals<T>(rows * cols, seed, scale);
  std::copy(values.begin(), values.end(), result.data());
  return result;
}

template <class T>
Matrix<T> filled(std::int64_t rows, std::int64_t cols, T value) {
  Matrix<T> result(rows, cols);
  std::fill_n(result.data(), rows * cols, value);
  return result;
}

Matrix<std::int32_t> labels_of(std::int64_t count, std::int64_t classes) {
  Matrix<std::int32_t> result(1, count);
  for (std::int64_t i = 0; i < count; ++i) {
    result(0, i) = static_cast<std::int32_t>(i * 7 % classes);
  }
  return result;
}

// Rows that sum to one.
template <class T>
Matrix<T> shares_of(std::int64_t rows, std::int64_t cols, std::uint64_t seed) {
  Matrix<T> result = random_matrix<T>(rows, cols, seed);
  for (std::int64_t i = 0; i < rows; ++i) {
    T sum = 0;
    for (std::int64_t j = 0; j < cols; ++j) sum += result(i, j) *= result(i, j);
    for (std::int64_t j = 0; j < cols; ++j) result(i, j) /= sum;
  }
  return result;
}

// The last rows are near twins of the first ones, which take paths of their own.
template <class T>
Matrix<T> with_twins(std::int64_t rows, std::int64_t cols, std::uint64_t seed) {
  Matrix<T> result = random_matrix<T>(rows, cols, seed);
  for (std::int64_t i = 0; i < rows / 3; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) {
      result(rows - 1 - i, j) = result(i, j) * static_cast<T>(1 + (j % 3) * 1e-3 * i);
    }
  }
  return result;
}

constexpr Metric kMetrics[] = {Metric::squared_euclidean, Metric::euclidean, Metric::cosine};

template <class T>
Bytes run_act_norm(Context& context, std::int64_t n, std::int64_t d) {
  const auto x = random_matrix<T>(n + 2, d, 1), grad_y = random_matrix<T>(n + 2, d, 2),
             grad_log_det = random_matrix<T>(1, n + 2, 3);
  Matrix<T> shift(1, d), log_scale(1, d), y(n + 2, d), back(n + 2, d), grad_x(n + 2, d),
      grad_shift(1, d), grad_scale(1, d);
  Matrix<T> log_det = filled<T>(1, n + 2, 0);
  act_norm_init(context, x, shift.flat(), log_scale.flat());
  act_norm(context, x, shift.flat(), log_scale.flat(), y, log_det.flat());
  act_norm_inverse(context, y, shift.flat(), log_scale.flat(), back);
  act_norm_backward(context, y, log_scale.flat(), grad_y, grad_log_det.flat(), grad_x,
                    grad_shift.flat(), grad_scale.flat());
  return Bytes::of(shift, log_scale, y, log_det, back, grad_x, grad_shift, grad_scale);
}

template <class T>
Bytes run_optimizers(Context& context, std::int64_t n, std::int64_t d) {
  Matrix<T> gradients = random_matrix<T>(1, n * d, 1), x = random_matrix<T>(1, n * d, 2),
            y = random_matrix<T>(1, n * d, 3), m = filled<T>(1, n * d, 0),
            v = filled<T>(1, n * d, 0), velocity = filled<T>(1, n * d, 0),
            rates = filled<T>(1, 3, T(.3));
  clip_norm(context, T(.5), gradients.flat());
  adam(context, {.weight_decay = .01F}, rates.flat(), gradients.flat(), x.flat(), m.flat(),
       v.flat());
  sgd(context, {.weight_decay = .01F}, rates.flat().slice(0, 1), gradients.flat(), y.flat(),
      velocity.flat());
  return Bytes::of(gradients, x, m, v, y, velocity);
}

template <class T>
Bytes run_affine_coupling(Context& context, std::int64_t n, std::int64_t d) {
  const auto x = random_matrix<T>(n, d, 1), a = random_matrix<T>(n, d, 2, 3),
             t = random_matrix<T>(n, d, 3), grad_y = random_matrix<T>(n, d, 4),
             grad_log_det = random_matrix<T>(1, n, 5);
  Bytes bytes;
  for (const CouplingScale scale :
       {CouplingScale::tanh, CouplingScale::atan, CouplingScale::sigmoid}) {
    const AffineCouplingOptions options{.scale = scale, .clamp = 1.9F};
    Matrix<T> y(n, d), back(n, d), grad_x(n, d), grad_a(n, d), grad_t(n, d);
    Matrix<T> log_det = filled<T>(1, n, 0);
    affine_coupling(context, x, a, t, options, y, log_det.flat());
    affine_coupling_inverse(context, y, a, t, options, back);
    affine_coupling_backward(context, y, a, t, options, grad_y, grad_log_det.flat(), grad_x, grad_a,
                             grad_t);
    for (const Matrix<T>* result : {&y, &log_det, &back, &grad_x, &grad_a, &grad_t}) {
      bytes.add(*result);
    }
  }
  return bytes;
}

template <class T>
Bytes run_corrupt(Context& context, std::int64_t n, std::int64_t d) {
  const auto x = random_matrix<T>(n, d, 1);
  const auto step = filled<std::uint64_t>(1, 1, 3);
  Matrix<T> dropped(n, d), noisy(n, d);
  corrupt(context, x, {.kind = Corruption::dropout}, step.flat(), dropped);
  corrupt(context, x, {.kind = Corruption::gaussian, .amount = .7F}, step.flat(), noisy);
  return Bytes::of(dropped, noisy);
}

template <class T>
Bytes run_cross_entropy(Context& context, std::int64_t n, std::int64_t d) {
  const auto logits = random_matrix<T>(n, d, 1, 4);
  const auto labels = labels_of(n, d);
  auto loss = filled<double>(1, 1, 0);
  Matrix<T> grad(n, d);
  cross_entropy_loss(context, logits, labels.flat(), Reduction::mean, T(.7), loss.flat(), grad);
  return Bytes::of(loss, grad);
}

template <class T>
Bytes run_leaky_relu(Context& context, std::int64_t n, std::int64_t d) {
  const auto x = random_matrix<T>(n, d, 1), grad_y = random_matrix<T>(n, d, 2);
  Matrix<T> y(n, d), back(n, d), grad_x(n, d), log_det = filled<T>(1, n, 0);
  invertible_leaky_relu(context, x, .9F, y, log_det.flat());
  invertible_leaky_relu_inverse(context, y, .9F, back);
  invertible_leaky_relu_backward(context, y, .9F, grad_y, grad_x);
  return Bytes::of(y, log_det, back, grad_x);
}

Bytes run_kmeans(Context& context, std::int64_t n, std::int64_t d) {
  const std::int64_t k = std::min<std::int64_t>(n, 19);
  const auto points = with_twins<float>(n, d, 1), centres = random_matrix<float>(k, d, 2);
  const BatchView<const float> set(centres.view());
  auto labels = filled<std::int32_t>(1, n, -1);
  auto sums = filled<double>(k, d, 0), moves = filled<double>(1, k, .125);
  auto counts = filled<std::int64_t>(1, k, 0), changed = filled<std::int64_t>(1, 1, 0);
  auto upper = filled<float>(1, n, 0), lower = filled<float>(1, n, 0);
  for (int step = 0; step < 2; ++step) {
    kmeans_step(context, points,
                {set, labels, BatchView<double>(sums.view()), counts, changed.flat()},
                {upper, lower, moves});
  }
  auto squared = filled<double>(1, n, 0), inertia = filled<double>(1, 1, 0);
  kmeans_inertia(context, points, set, labels, squared, inertia.flat());
  return Bytes::of(labels, sums, counts, upper, lower, squared, inertia);
}

template <class T>
Bytes run_log_sum_exp(Context& context, std::int64_t n, std::int64_t d) {
  const auto x = random_matrix<T>(n, d, 1), y = random_matrix<T>(n + 5, d, 2);
  const auto offset = random_matrix<double>(1, n + 5, 3);
  Matrix<double> out(1, n);
  log_sum_exp(context, x, y, 2.3, offset.flat(), out.flat());
  return Bytes::of(out);
}

template <class T>
Bytes run_mse(Context& context, std::int64_t n, std::int64_t d) {
  const auto y = random_matrix<T>(n, d, 1), target = random_matrix<T>(n, d, 2);
  auto loss = filled<double>(1, 1, 0);
  Matrix<T> grad = random_matrix<T>(n, d, 3);
  mse_loss(context, y, target, T(.7), loss.flat(), grad);
  masked_mse_loss(context, y, target, T(.7), loss.flat(), grad);
  return Bytes::of(loss, grad);
}

template <class T>
Bytes run_normalize(Context& context, std::int64_t n, std::int64_t d) {
  const auto x = random_matrix<T>(n, d, 1), grad_y = random_matrix<T>(n, d, 2);
  Matrix<T> y(n, d), lengths(1, n), grad_x(n, d);
  normalize_rows(context, x, y, lengths.flat());
  normalize_rows_backward(context, y, lengths.flat(), grad_y, grad_x);
  return Bytes::of(y, lengths, grad_x);
}

template <class T>
Bytes run_pair_loss(Context& context, std::int64_t n, std::int64_t d) {
  const auto z = random_matrix<T>(2 * n, d, 1), log_det = random_matrix<T>(1, 2 * n, 2);
  const auto shared = filled<T>(n, 2, T(.5)), rho = filled<T>(1, 2, T(.8));
  Matrix<std::int32_t> blocks(1, d);
  for (std::int64_t k = 0; k < d; ++k) blocks(0, k) = k < d / 3 ? 0 : k < d / 2 ? 1 : -1;
  auto loss = filled<double>(1, 1, 0);
  Matrix<T> grad(2 * n, d);
  factor_pair_loss(context, z, log_det.flat(), shared, blocks.flat(), rho.flat(), loss.flat(), grad,
                   {});
  return Bytes::of(loss, grad);
}

template <class T>
Bytes run_distances(Context& context, std::int64_t n, std::int64_t d) {
  const auto x = with_twins<T>(n + 3, d, 1), grad_out = random_matrix<T>(n + 3, n + 3, 2);
  Bytes bytes;
  for (const Metric metric : kMetrics) {
    Matrix<T> out(n + 3, n + 3), grad_x(n + 3, d), grad_y(n + 3, d), distances(n + 3, 2);
    Matrix<std::int32_t> indices(n + 3, 2);
    pairwise_distance(context, x, x, metric, out);
    pairwise_distance_backward(context, x, x, metric, grad_out, grad_x, grad_y);
    nearest(context, x, x, {.metric = metric, .exclude_self = true}, indices, distances);
    for (const Matrix<T>* result : {&out, &grad_x, &grad_y, &distances}) bytes.add(*result);
    bytes.add(indices);
  }
  return bytes;
}

template <class T>
Bytes run_posterior(Context& context, std::int64_t n, std::int64_t d) {
  const auto mean = random_matrix<T>(n, d, 1), log_variance = random_matrix<T>(n, d, 2),
             grad_z = random_matrix<T>(n, d, 3);
  const auto step = filled<std::uint64_t>(1, 1, 3);
  auto loss = filled<double>(1, 1, 0);
  Matrix<T> z(n, d), grad_mean(n, d), grad_log_variance(n, d);
  gaussian_posterior(context, mean, log_variance, {}, step.flat(), z, loss.flat());
  gaussian_posterior_backward(context, mean, log_variance, z, {}, grad_z, grad_mean,
                              grad_log_variance);
  return Bytes::of(z, loss, grad_mean, grad_log_variance);
}

template <class T>
Bytes run_pair_losses(Context& context, std::int64_t n, std::int64_t d) {
  const std::int64_t rows = n + 12;  // more than neighbours
  const auto x = with_twins<T>(rows, d, 1), target = random_matrix<T>(rows, d, 2);
  Matrix<T> near(rows, 5);
  Matrix<std::int32_t> of_rows(rows, 5);
  nearest(context, target, target, {.exclude_self = true}, of_rows, near);
  const auto step = filled<std::uint64_t>(1, 1, 3);
  Bytes bytes;
  for (const Metric metric : kMetrics) {
    const BasicTargetDistances<T> pairs{.rows_x = target, .metric = metric};
    auto loss = filled<double>(1, 1, 0);
    Matrix<T> grad = filled<T>(rows, d, 0);
    for (const bool sammon : {false, true}) {
      stress_loss(context, x, pairs, {.sammon = sammon}, loss.flat(), grad);
    }
    for (const QuadDraw draw : {QuadDraw::query, QuadDraw::all}) {
      for (const QuadForm form : {QuadForm::dense, QuadForm::gather}) {
        quad_hinge_loss(context, x, pairs, {of_rows, {}},
                        {.count = 60 * rows + 7, .margin = .1F, .draw = draw, .form = form},
                        step.flat(), loss.flat(), grad);
      }
    }
    bytes.add(loss);
    bytes.add(grad);
  }
  return bytes;
}

template <class T>
Bytes run_soft_assignment(Context& context, std::int64_t n, std::int64_t d) {
  const std::int64_t k = 5;
  const auto points = random_matrix<T>(n, d, 1), centres = random_matrix<T>(k, d, 2, .1),
             p = shares_of<T>(n, k, 3);
  Bytes bytes;
  for (const float alpha : {1.0F, 2.5F, -1.0F}) {
    SoftAssignmentOptions options{.alpha = alpha};
    if (alpha < 0) options = {.kernel = SoftKernel::von_mises_fisher, .kappa = 2};
    Matrix<T> q(n, k), grad_points = filled<T>(n, d, 0), grad_centres = filled<T>(k, d, 0);
    Matrix<double> sums(1, k), loss = filled<double>(1, 1, 0);
    soft_assignment(context, points, centres, options, q, sums.flat());
    soft_assignment_kl(context, points, centres, options, p, {}, T(.7), loss.flat(), grad_points,
                       grad_centres);
    soft_assignment_kl(context, points, centres, options, {}, sums.flat(), T(.7), loss.flat(),
                       grad_points, grad_centres);
    bytes.add(q);
    bytes.add(sums);
    bytes.add(loss);
    bytes.add(grad_points);
    bytes.add(grad_centres);
  }
  return bytes;
}

template <class T>
Bytes run_target_distribution(Context& context, std::int64_t n, std::int64_t d) {
  const auto q = shares_of<T>(n, d, 1);
  Matrix<double> sums = filled<double>(1, d, .5);
  Matrix<T> p(n, d), balanced(n, d), powered(n, d);
  target_distribution(context, q, sums.flat(), p);
  balanced_target(context, q, {.iterations = 5}, balanced, sums.flat());
  balanced_target(context, q, {.power = 1.5F, .iterations = 5}, powered, {});
  return Bytes::of(p, balanced, powered, sums);
}

template <class T>
Bytes run_tsne(Context& context, std::int64_t n, std::int64_t d) {
  const std::int64_t points = n + 3, near = std::min(d, points);
  const auto start = random_matrix<T>(points, 2, 1, 10), values = shares_of<T>(points, near, 2);
  Matrix<std::int64_t> starts(1, points + 1);
  Matrix<std::int32_t> columns(points, near);
  for (std::int64_t i = 0; i <= points; ++i) starts(0, i) = i * near;
  for (std::int64_t i = 0; i < points * near; ++i) {
    columns.data()[i] = static_cast<std::int32_t>(i * 5 % points);
  }
  Matrix<T> y = random_matrix<T>(points, 2, 1, 10), attraction(points, 2), repulsion(points, 2),
            fft(points, 2), velocity = filled<T>(points, 2, 0), gains = filled<T>(points, 2, 1);
  Matrix<double> loss(1, 1), z(1, 1), z_fft = filled<double>(1, 1, 0);
  tsne_attraction(context, {starts.flat(), columns.flat(), values.flat()}, start, start, attraction,
                  loss.flat());
  tsne_repulsion(context, start, TsneMethod::exact, repulsion, z.flat());
  std::fill_n(fft.data(), 2 * points, T(0));
  if constexpr (std::is_same_v<T, float>) {
    tsne_repulsion(context, start, TsneMethod::fft, fft, z_fft.flat());
  }
  tsne_update(context, {.max_step = 5}, attraction, repulsion, z.flat(), y, velocity, gains);
  return Bytes::of(attraction, loss, repulsion, z, fft, z_fft, y, velocity, gains);
}

struct Operation {
  const char* name;
  std::function<Bytes(Context&, std::int64_t n, std::int64_t d)> run;

  friend void PrintTo(const Operation& operation, std::ostream* out) { *out << operation.name; }
};
#define CLIPK_BOTH(name, run)    \
  {name "_float", run<float>}, { \
    name "_double", run<double>  \
  }
const std::vector<Operation> kOperations{
    CLIPK_BOTH("act_norm", run_act_norm),
    CLIPK_BOTH("optimizers", run_optimizers),
    CLIPK_BOTH("affine_coupling", run_affine_coupling),
    CLIPK_BOTH("corrupt", run_corrupt),
    CLIPK_BOTH("cross_entropy", run_cross_entropy),
    CLIPK_BOTH("leaky_relu", run_leaky_relu),
    {"kmeans", run_kmeans},
    CLIPK_BOTH("log_sum_exp", run_log_sum_exp),
    CLIPK_BOTH("mse", run_mse),
    CLIPK_BOTH("normalize", run_normalize),
    CLIPK_BOTH("factor_pair_loss", run_pair_loss),
    CLIPK_BOTH("distances", run_distances),
    CLIPK_BOTH("gaussian_posterior", run_posterior),
    CLIPK_BOTH("pair_losses", run_pair_losses),
    CLIPK_BOTH("soft_assignment", run_soft_assignment),
    CLIPK_BOTH("target_distribution", run_target_distribution),
    CLIPK_BOTH("tsne", run_tsne),
};
#undef CLIPK_BOTH

class Targets : public ::testing::TestWithParam<Operation> {};

TEST_P(Targets, GiveTheSameBytes) {
  if (promised_targets().size() < 2) GTEST_SKIP() << "one target here";
  Context context = Context::cpu({.threads = 2});
  constexpr std::int64_t kSizes[][2] = {{1, 1},   {2, 2},    {7, 3},    {15, 7},  {17, 15},
                                        {16, 16}, {31, 17},  {113, 31}, {33, 33}, {64, 64},
                                        {7, 113}, {257, 20}, {5, 257},  {3, 1021}};
  for (const auto& [n, d] : kSizes) {
    SCOPED_TRACE(std::to_string(n) + " x " + std::to_string(d));
    expect_same_on_every_target([&, n = n, d = d] { return GetParam().run(context, n, d); });
  }
}

INSTANTIATE_TEST_SUITE_P(operations, Targets, ::testing::ValuesIn(kOperations),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace clipk::test
