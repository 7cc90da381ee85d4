#include "models/probes/logistic_objective.hpp"

#include <cmath>
#include <type_traits>
#include <utility>

#include "clipk/ops/cross_entropy_loss.hpp"
#include "clipk/ops/dense.hpp"
#include "core/parallel.hpp"

namespace clipk {
namespace {

constexpr std::int64_t kWholeBytes = 512 << 20;  // bytes of rows in double that are kept
constexpr std::int64_t kCpuBlock = 8 << 20;      // bytes; stays in the last-level cache
constexpr std::int64_t kGpuBlock = 256 << 20;
constexpr std::int64_t kLeastRows = 256;

std::int64_t bytes_of(std::int64_t rows, std::int64_t cols, std::size_t item) {
  return rows * cols * static_cast<std::int64_t>(item);
}

// to += from, on any device.
template <class T>
void add_to(Context& context, const Matrix<T>& from, double* to) {
  const auto add = [&](const Matrix<T>& host) {
    for (std::int64_t i = 0; i < host.rows() * host.cols(); ++i) {
      to[i] += static_cast<double>(host.data()[i]);
    }
  };
  from.device() == Device::cpu ? add(from) : add(from.to_host(context));
}

}  // namespace

ColumnScales ColumnScales::standardizing(MatrixView<const float> rows,
                                         std::span<const std::int32_t> labels) {
  const auto dim = static_cast<std::size_t>(rows.cols);
  ColumnScales scales{std::vector<double>(dim), std::vector<double>(dim)};
  std::vector<bool> varies(dim);
  const float* first = nullptr;
  double count = 0;
  const auto each_known = [&](auto&& f) {
    for (std::int64_t i = 0; i < rows.rows; ++i) {
      if (labels[static_cast<std::size_t>(i)] >= 0) f(rows.row(i));
    }
  };
  each_known([&](const float* row) {
    if (first == nullptr) first = row;
    ++count;
    for (std::size_t j = 0; j < dim; ++j) {
      scales.shift[j] += static_cast<double>(row[j]);
      if (row[j] != first[j]) varies[j] = true;
    }
  });
  for (double& mean : scales.shift) mean /= count;
  each_known([&](const float* row) {
    for (std::size_t j = 0; j < dim; ++j) {
      const double moved = static_cast<double>(row[j]) - scales.shift[j];
      scales.factor[j] += moved * moved;
    }
  });
  for (std::size_t j = 0; j < dim; ++j) {
    scales.factor[j] = varies[j] ? 1 / std::sqrt(scales.factor[j] / count) : 0;
  }
  return scales;
}

template <class T>
ScaledBlocks<T>::ScaledBlocks(Context& context, MatrixView<const float> rows,
                              const ColumnScales& scales, std::int64_t classes)
    : rows_(rows), scales_(scales) {
  const bool gpu = context.device() == Device::cuda;
  const std::int64_t row = bytes_of(1, std::max(rows.cols, classes), sizeof(T));
  block_rows_ = std::max((gpu ? kGpuBlock : kCpuBlock) / row, kLeastRows);
  whole_ = gpu || bytes_of(rows.rows, rows.cols, sizeof(T)) <= kWholeBytes;
  made_ = Matrix<T>(context, whole_ ? rows.rows : block_rows_, rows.cols);
  if (!whole_) return;
  for (std::int64_t first = 0; first < rows.rows; first += block_rows_) {
    const std::int64_t count = std::min(block_rows_, rows.rows - first);
    make(context, first, count, made_.view().row_range(first, count));
  }
}

template <class T>
void ScaledBlocks<T>::make(Context& context, std::int64_t first, std::int64_t count,
                           MatrixView<T> out) const {
  Matrix<T> host;
  MatrixView<T> to = out;
  if (out.device != Device::cpu) {
    host = Matrix<T>(count, rows_.cols);
    to = host.view();
  }
  cpu::parallel_chunks(context.threads(), count, kLeastRows,
                       [&](std::int64_t chunk, std::int64_t size) {
                         for (std::int64_t i = chunk; i < chunk + size; ++i) {
                           const float* from = rows_.row(first + i);
                           T* const row = to.row(i);
                           for (std::int64_t j = 0; j < rows_.cols; ++j) {
                             row[j] = static_cast<T>(scales_(from[j], j));
                           }
                         }
                       });
  if (out.device != Device::cpu) copy<T>(context, host, out);
}

template <class T>
MatrixView<const T> ScaledBlocks<T>::block(Context& context, std::int64_t first,
                                           std::int64_t count) {
  if (whole_) return made_.view().row_range(first, count);
  const MatrixView<T> made = made_.view().row_range(0, count);
  make(context, first, count, made);
  return made;
}

template <class T>
void LinearMap<T>::set(Context& context, std::span<const double> parameters) {
  const auto fill = [&](std::span<const double> values, Matrix<T>& to) {
    std::vector<T> host(values.begin(), values.end());
    copy<T>(context, VectorView<const T>(host.data(), static_cast<std::int64_t>(host.size())),
            to.flat());
  };
  const auto size = static_cast<std::size_t>(weights_.rows() * weights_.cols());
  fill(parameters.first(size), weights_);
  fill(parameters.subspan(size), bias_);
}

template <class T>
void LinearMap<T>::logits(Context& context, MatrixView<const T> x, MatrixView<T> out) const {
  dense(context, x, weights_, bias_.flat(), Activation::identity, out);
}

template <class T>
LogisticObjective<T>::LogisticObjective(Context& context, ScaledBlocks<T>& rows,
                                        std::span<const std::int32_t> targets, std::int64_t classes,
                                        double penalty)
    : context_(context),
      rows_(rows),
      penalty_(penalty),
      targets_(context, 1, rows.rows()),
      map_(context, rows.dim(), classes),
      grad_weights_(context, classes, rows.dim()),
      grad_bias_(context, 1, classes),
      logits_(context, std::min(rows.block_rows(), rows.rows()), classes),
      loss_(context, 1, 1) {
  copy<std::int32_t>(
      context,
      VectorView<const std::int32_t>(targets.data(), static_cast<std::int64_t>(targets.size())),
      targets_.flat());
  for (const std::int32_t target : targets) known_ += target >= 0 ? 1 : 0;
}

template <class T>
double LogisticObjective<T>::operator()(std::span<const double> parameters,
                                        std::span<double> gradient) {
  map_.set(context_, parameters);
  fill_zero(context_, loss_.view());
  std::fill(gradient.begin(), gradient.end(), 0.0);
  const std::int64_t size = grad_weights_.rows() * grad_weights_.cols();
  rows_.each(context_, [&](std::int64_t first, MatrixView<const T> x) {
    const MatrixView<T> logits = logits_.view().row_range(0, x.rows);
    map_.logits(context_, x, logits);
    cross_entropy_loss(context_, logits, targets_.flat().slice(first, x.rows), Reduction::sum, T{1},
                       loss_.flat(), logits);
    dense_backward(context_, x, map_.weights(), logits, Activation::identity, logits, {},
                   grad_weights_.view(), grad_bias_.flat());
    add_to(context_, grad_weights_, gradient.data());
    add_to(context_, grad_bias_, gradient.data() + size);
  });
  double loss = 0;
  add_to(context_, loss_, &loss);
  double squares = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(size); ++i) {
    squares += parameters[i] * parameters[i];
    gradient[i] += penalty_ * parameters[i];
  }
  for (double& g : gradient) g /= known_;
  return (loss + penalty_ / 2 * squares) / known_;
}

template class ScaledBlocks<float>;
template class ScaledBlocks<double>;
template class LinearMap<float>;
template class LinearMap<double>;
template class LogisticObjective<float>;
template class LogisticObjective<double>;

}  // namespace clipk
