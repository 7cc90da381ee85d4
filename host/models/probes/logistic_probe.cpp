#include "clipk/models/logistic_probe.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>

#include "clipk/core/check_finite.hpp"
#include "clipk/io/archive.hpp"
#include "clipk/train/lbfgs.hpp"
#include "core/check.hpp"
#include "core/host_rows.hpp"
#include "core/math/math.hpp"
#include "models/probes/logistic_objective.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "logistic_probe";
constexpr const char* kKind = "logistic_probe model";
constexpr std::uint32_t kVersion = 1;
constexpr double kFloatError = 1e-6;  // relative, of a loss whose logits are float32

void check_size(MatrixView<const float> rows, std::span<const std::int32_t> labels) {
  if (static_cast<std::int64_t>(labels.size()) != rows.rows) {
    check::fail(kName, std::to_string(rows.rows) + " labels, one a row",
                std::to_string(labels.size()));
  }
}

void check_options(const LogisticProbeOptions& options) {
  if (!(options.c > 0) || !std::isfinite(options.c)) {
    check::fail(kName, "a finite c above 0", std::to_string(options.c));
  }
  if (options.max_iterations < 1) {
    check::fail(kName, "at least 1 iteration", std::to_string(options.max_iterations));
  }
  if (!(options.tolerance > 0)) {
    check::fail(kName, "a tolerance above 0", std::to_string(options.tolerance));
  }
}

// The labels that occur, ascending.
std::vector<std::int32_t> classes_of(std::span<const std::int32_t> labels) {
  std::vector<std::int32_t> classes;
  for (const std::int32_t label : labels) {
    if (label >= 0) classes.push_back(label);
  }
  std::sort(classes.begin(), classes.end());
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  if (classes.size() < 2) {
    check::fail(
        kName, "labels of at least 2 classes",
        classes.empty() ? "no row with a label" : "label " + std::to_string(classes[0]) + " alone");
  }
  return classes;
}

// The index of each label among the classes; -1 for none.
std::vector<std::int32_t> targets_of(std::span<const std::int32_t> labels,
                                     const std::vector<std::int32_t>& classes) {
  std::vector<std::int32_t> targets;
  targets.reserve(labels.size());
  for (const std::int32_t label : labels) {
    const auto at = std::lower_bound(classes.begin(), classes.end(), label);
    targets.push_back(
        at != classes.end() && *at == label ? static_cast<std::int32_t>(at - classes.begin()) : -1);
  }
  return targets;
}

template <class T>
LbfgsResult minimize(Context& context, MatrixView<const float> rows, const ColumnScales& scales,
                     std::span<const std::int32_t> targets, std::int64_t classes,
                     const LogisticProbeOptions& options, std::span<double> parameters) {
  ScaledBlocks<T> blocks(context, rows, scales, classes);
  const double penalty = (classes == 2 ? 2 : 1) / options.c;
  LogisticObjective<T> objective(context, blocks, targets, classes, penalty);
  LbfgsOptions lbfgs{.max_iterations = options.max_iterations, .tolerance = options.tolerance};
  if (sizeof(T) == sizeof(float)) lbfgs.value_error = kFloatError;
  return minimize_lbfgs(
      [&](std::span<const double> x, std::span<double> gradient) { return objective(x, gradient); },
      parameters, lbfgs);
}

}  // namespace

struct LogisticProbe::Impl {
  std::vector<std::int32_t> classes;
  ColumnScales scales;
  std::vector<double> parameters;  // W [k, d] of scaled columns, then b [k]
  double c = 1;
  double loss = 0, gradient = 0;
  std::int64_t iterations = 0;
  bool converged = false;

  std::int64_t count() const { return static_cast<std::int64_t>(classes.size()); }
  std::int64_t dim() const {
    return static_cast<std::int64_t>(parameters.size() / classes.size()) - 1;
  }

  // f(first, logits [count, k] on the host) for blocks of rows, in order.
  template <class T, class F>
  void each_logits(Context& context, MatrixView<const float> rows, F&& f) const {
    ScaledBlocks<T> blocks(context, rows, scales, count());
    LinearMap<T> map(context, dim(), count());
    map.set(context, parameters);
    blocks.each(context, [&](std::int64_t first, MatrixView<const T> x) {
      Matrix<T> logits(context, x.rows, count());
      map.logits(context, x, logits.view());
      f(first, std::as_const(logits).to_host(context));
    });
  }
  template <class F>
  void each_logits(Context& context, MatrixView<const float> rows, F&& f) const {
    if (rows.cols != dim()) {
      check::fail(kName, "rows of width " + std::to_string(dim()), std::to_string(rows.cols));
    }
    const HostRows<float> host(context, rows);
    if (context.device() == Device::cuda) {
      each_logits<float>(context, host.view(), f);
    } else {
      each_logits<double>(context, host.view(), f);
    }
  }
};

LogisticProbe::LogisticProbe(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LogisticProbe::LogisticProbe(LogisticProbe&&) noexcept = default;
LogisticProbe& LogisticProbe::operator=(LogisticProbe&&) noexcept = default;
LogisticProbe::~LogisticProbe() = default;

LogisticProbe LogisticProbe::fit(Context& context, MatrixView<const float> rows,
                                 std::span<const std::int32_t> labels,
                                 const LogisticProbeOptions& options) {
  check_options(options);
  check_size(rows, labels);
  if (rows.cols < 1) check::fail(kName, "rows of at least 1 column", "0");
  auto impl = std::make_unique<Impl>();
  impl->classes = classes_of(labels);
  impl->c = options.c;
  const HostRows<float> host(context, rows);
  check_finite(host.view(), kName);
  if (options.standardize) impl->scales = ColumnScales::standardizing(host.view(), labels);
  const std::vector<std::int32_t> targets = targets_of(labels, impl->classes);
  impl->parameters.resize(impl->classes.size() * static_cast<std::size_t>(rows.cols + 1));
  const auto run = context.device() == Device::cuda ? minimize<float> : minimize<double>;
  const LbfgsResult result =
      run(context, host.view(), impl->scales, targets, impl->count(), options, impl->parameters);
  impl->loss = result.value;
  impl->gradient = result.gradient;
  impl->iterations = result.iterations;
  impl->converged = result.converged;
  return LogisticProbe(std::move(impl));
}

std::int64_t LogisticProbe::input_dim() const {
  return impl_->dim();
}
const std::vector<std::int32_t>& LogisticProbe::classes() const {
  return impl_->classes;
}
double LogisticProbe::c() const {
  return impl_->c;
}
double LogisticProbe::loss() const {
  return impl_->loss;
}
double LogisticProbe::gradient() const {
  return impl_->gradient;
}
std::int64_t LogisticProbe::iterations() const {
  return impl_->iterations;
}
bool LogisticProbe::converged() const {
  return impl_->converged;
}

Matrix<double> LogisticProbe::weights() const {
  Matrix<double> weights(impl_->count(), impl_->dim());
  std::copy_n(impl_->parameters.begin(), weights.rows() * weights.cols(), weights.data());
  if (impl_->scales.factor.empty()) return weights;
  for (std::int64_t c = 0; c < weights.rows(); ++c) {
    for (std::int64_t j = 0; j < weights.cols(); ++j) {
      weights(c, j) *= impl_->scales.factor[static_cast<std::size_t>(j)];
    }
  }
  return weights;
}

std::vector<double> LogisticProbe::intercepts() const {
  std::vector<double> intercepts(impl_->parameters.end() - impl_->count(), impl_->parameters.end());
  if (impl_->scales.shift.empty()) return intercepts;
  const Matrix<double> of_rows = weights();
  for (std::int64_t c = 0; c < of_rows.rows(); ++c) {
    for (std::int64_t j = 0; j < of_rows.cols(); ++j) {
      intercepts[static_cast<std::size_t>(c)] -=
          of_rows(c, j) * impl_->scales.shift[static_cast<std::size_t>(j)];
    }
  }
  return intercepts;
}

Matrix<double> LogisticProbe::probabilities(Context& context, MatrixView<const float> rows) const {
  Matrix<double> result(rows.rows, impl_->count());
  impl_->each_logits(context, rows, [&](std::int64_t first, const auto& logits) {
    for (std::int64_t i = 0; i < logits.rows(); ++i) {
      const auto* const from = logits.view().row(i);
      double* const to = result.view().row(first + i);
      const auto top = *std::max_element(from, from + logits.cols());
      double sum = 0;
      for (std::int64_t c = 0; c < logits.cols(); ++c) {
        sum += to[c] = math::exp(static_cast<double>(from[c] - top));
      }
      for (std::int64_t c = 0; c < logits.cols(); ++c) to[c] /= sum;
    }
  });
  return result;
}

std::vector<std::int32_t> LogisticProbe::predict(Context& context,
                                                 MatrixView<const float> rows) const {
  std::vector<std::int32_t> result;
  result.reserve(static_cast<std::size_t>(rows.rows));
  impl_->each_logits(context, rows, [&](std::int64_t, const auto& logits) {
    for (std::int64_t i = 0; i < logits.rows(); ++i) {
      const auto* const from = logits.view().row(i);
      result.push_back(impl_->classes[static_cast<std::size_t>(
          std::max_element(from, from + logits.cols()) - from)]);
    }
  });
  return result;
}

double LogisticProbe::accuracy(Context& context, MatrixView<const float> rows,
                               std::span<const std::int32_t> labels) const {
  check_size(rows, labels);
  const std::vector<std::int32_t> predicted = predict(context, rows);
  std::int64_t known = 0, right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0) continue;
    ++known;
    right += labels[i] == predicted[i] ? 1 : 0;
  }
  if (known == 0) check::fail(kName, "a row with a label", "none");
  return static_cast<double>(right) / static_cast<double>(known);
}

void LogisticProbe::save(const std::filesystem::path& path) const {
  ArchiveWriter archive(kKind, kVersion);
  archive.add("classes", impl_->classes);
  archive.add("parameters", impl_->parameters);
  archive.add("shift", impl_->scales.shift);
  archive.add("factor", impl_->scales.factor);
  archive.add("c", impl_->c);
  archive.add("loss", impl_->loss);
  archive.add("gradient", impl_->gradient);
  archive.add("iterations", impl_->iterations);
  archive.add<std::uint8_t>("converged", impl_->converged ? 1 : 0);
  archive.write(path);
}

LogisticProbe LogisticProbe::load(const std::filesystem::path& path) {
  const ArchiveReader archive(path, kKind, kVersion);
  auto impl = std::make_unique<Impl>();
  impl->classes = archive.vector<std::int32_t>("classes");
  const auto& classes = impl->classes;
  if (classes.size() < 2 || classes[0] < 0 ||
      std::adjacent_find(classes.begin(), classes.end(), std::greater_equal<>()) != classes.end()) {
    archive.fail("at least 2 classes that rise from 0 or above", "others");
  }
  impl->parameters = archive.vector<double>("parameters");
  const std::size_t size = impl->parameters.size();
  if (size % classes.size() != 0 || size < 2 * classes.size()) {
    archive.fail("as many weights of each of " + std::to_string(classes.size()) + " classes",
                 std::to_string(size) + " in all");
  }
  impl->scales = {archive.vector<double>("shift"), archive.vector<double>("factor")};
  const std::vector<double>& shift = impl->scales.shift;
  const std::vector<double>& factor = impl->scales.factor;
  const auto dim = static_cast<std::size_t>(impl->dim());
  if (shift.size() != factor.size() || (!shift.empty() && shift.size() != dim)) {
    archive.fail("shift and factor of " + std::to_string(dim) + " columns or of none",
                 std::to_string(shift.size()) + " and " + std::to_string(factor.size()));
  }
  constexpr double kMost = std::numeric_limits<double>::max();
  impl->c = archive.number<double>("c", 0, kMost);
  impl->loss = archive.number<double>("loss", 0, kMost);
  impl->gradient = archive.number<double>("gradient", 0, kMost);
  impl->iterations = archive.count("iterations");
  impl->converged = archive.number<std::uint8_t>("converged", 0, 1) != 0;
  return LogisticProbe(std::move(impl));
}

}  // namespace clipk
