// The computations of an MLP: forward and backward of a training step, and values of many rows.
#include <algorithm>
#include <string>

#include "clipk/core/error.hpp"
#include "clipk/core/memory.hpp"
#include "clipk/train/mlp.hpp"
#include "core/row_pieces.hpp"

namespace clipk {
namespace {

// Rows of weights, one tower after the other, as a batch.
template <class T>
BatchView<T> as_batch(MatrixView<T> rows, std::int64_t towers) {
  if (rows.data == nullptr) return {};
  return {rows.data, towers, rows.rows / towers, rows.cols, rows.device};
}
// Towers whose columns lie side by side.
template <class T>
BatchView<T> side_by_side(MatrixView<T> m, std::int64_t towers) {
  BatchView<T> result(m);
  result.batch = towers;
  result.cols = m.cols / towers;
  result.batch_stride = result.cols;
  return result;
}
template <class T>
MatrixView<T> as_batch(VectorView<T> numbers, std::int64_t towers) {
  return {numbers.data, towers, numbers.size / towers, numbers.device};
}

}  // namespace

// The size of the widest hidden layer of all towers, in values.
template <class T>
std::int64_t BasicMlp<T>::hidden_size(std::int64_t rows) const {
  std::int64_t widest = 0;
  for (int l = 1; l < layers(); ++l) widest = std::max(widest, width(l));
  return options_.towers * rows * widest;
}

// [towers, rows, width] of a hidden layer. The towers of the first layer lie side by side, so
// that the gradient of their common input is one product; those of the other layers lie one after
// the other.
template <class T>
BatchView<T> BasicMlp<T>::hidden(T* data, std::int64_t rows, int layer) const {
  BatchView<T> towers(data, options_.towers, rows, width(layer), device_);
  if (layer == 1) {
    towers.stride = options_.towers * width(layer);
    towers.batch_stride = width(layer);
  }
  return towers;
}

template <class T>
BatchView<T> BasicMlp<T>::hidden(Workspace& workspace, std::int64_t rows, int layer) const {
  return hidden(workspace.values_[static_cast<std::size_t>(layer) - 1].data(), rows, layer);
}

template <class T>
template <class U>
BatchView<U> BasicMlp<T>::output_towers(MatrixView<U> y) const {
  if (options_.towers > 1 && y.cols != outputs()) {
    throw Error("mlp: expected y of " + std::to_string(outputs()) + " columns, got " +
                std::to_string(y.cols));
  }
  return side_by_side(y, options_.towers);
}

template <class T>
BasicMlp<T>::Workspace::Workspace(Context& context, const BasicMlp& mlp, std::int64_t rows)
    : rows_(rows) {
  for (int l = 1; l < mlp.layers(); ++l) {
    values_.emplace_back(context, mlp.options_.towers * rows, mlp.width(l));
  }
}

template <class T>
void BasicMlp<T>::check_rows(const char* name, const Workspace& workspace,
                             std::int64_t rows) const {
  if (rows > workspace.rows()) {
    throw Error(std::string("mlp: expected ") + name + " of at most " +
                std::to_string(workspace.rows()) + " rows, got " + std::to_string(rows));
  }
}

template <class T>
template <class HiddenOf>
void BasicMlp<T>::run(Context& context, MatrixView<const T> x, HiddenOf&& hidden_of,
                      MatrixView<T> y) const {
  const std::int64_t towers = options_.towers;
  BatchView<const T> input(x);
  input.batch = towers;
  input.batch_stride = 0;  // one input for all
  for (int l = 0; l < layers(); ++l) {
    const bool last = l + 1 == layers();
    const BatchView<T> out = last ? output_towers(y) : hidden_of(l + 1);
    dense(context, input, as_batch(weight(l), towers), as_batch(bias(l), towers),
          last ? Activation::identity : options_.activation, out);
    input = out;
  }
  if (options_.skip != MlpSkip::none) dense_add(context, x, skip_view(), y);
}

template <class T>
void BasicMlp<T>::forward(Context& context, MatrixView<const T> x, Workspace& workspace,
                          MatrixView<T> y) const {
  check_rows("x", workspace, x.rows);
  run(
      context, x, [&](int layer) { return hidden(workspace, x.rows, layer); }, y);
}

template <class T>
void BasicMlp<T>::backward(Context& context, MatrixView<const T> x, Workspace& workspace,
                           MatrixView<const T> grad_y, MatrixView<T> grad_x, Gradient of_x) {
  check_rows("x", workspace, x.rows);
  const std::int64_t towers = options_.towers;
  Scratch scratch(context);
  const VectorView<T> gradients[] = {scratch.vector<T>(hidden_size(x.rows)),
                                     scratch.vector<T>(hidden_size(x.rows))};
  BatchView<const T> grad = output_towers(grad_y);
  for (int l = layers() - 1; l > 0; --l) {
    const bool last = l + 1 == layers();
    const BatchView<const T> value = last ? grad : hidden(workspace, x.rows, l + 1);
    const BatchView<T> grad_input = hidden(gradients[l % 2].data, x.rows, l);
    dense_backward(context, hidden(workspace, x.rows, l), as_batch(weight(l), towers), value,
                   last ? Activation::identity : options_.activation, grad, grad_input,
                   as_batch(weight_gradient(l), towers), as_batch(bias_gradient(l), towers));
    grad = grad_input;
  }
  // The first layer of all towers is one wide layer.
  const auto wide = [&](BatchView<const T> side_by_side) {
    side_by_side.batch = 1;
    side_by_side.cols *= towers;
    return side_by_side;
  };
  const bool only = layers() == 1;
  dense_backward(context, BatchView<const T>(x), as_batch(weight(0), 1),
                 wide(only ? grad : hidden(workspace, x.rows, 1)),
                 only ? Activation::identity : options_.activation, wide(grad),
                 grad_x.empty() ? BatchView<T>() : BatchView<T>(grad_x),
                 as_batch(weight_gradient(0), 1), as_batch(bias_gradient(0), 1), of_x);
  if (options_.skip == MlpSkip::trained) {
    dense_backward(context, x, skip_weight(), grad_y, Activation::identity, grad_y, {},
                   skip_gradient(), VectorView<T>());
  }
  if (options_.skip != MlpSkip::none && !grad_x.empty()) {
    dense_add_backward(context, skip_weight(), grad_y, grad_x);
  }
}

template <class T>
void BasicMlp<T>::transform(Context& context, MatrixView<const T> x, MatrixView<T> y) const {
  if (y.rows != x.rows) {
    throw Error("mlp: expected y of " + std::to_string(x.rows) + " rows, got " +
                std::to_string(y.rows));
  }
  for_row_pieces(x.rows, [&](std::int64_t first, std::int64_t rows) {
    Scratch scratch(context);
    const VectorView<T> buffers[] = {scratch.vector<T>(hidden_size(rows)),
                                     scratch.vector<T>(hidden_size(rows))};
    run(
        context, x.row_range(first, rows),
        [&](int layer) { return hidden(buffers[layer % 2].data, rows, layer); },
        y.row_range(first, rows));
  });
}

template BasicMlp<float>::Workspace::Workspace(Context&, const BasicMlp&, std::int64_t);
template std::int64_t BasicMlp<float>::hidden_size(std::int64_t) const;
template BatchView<float> BasicMlp<float>::hidden(float*, std::int64_t, int) const;
template BatchView<float> BasicMlp<float>::hidden(Workspace&, std::int64_t, int) const;
template void BasicMlp<float>::check_rows(const char*, const Workspace&, std::int64_t) const;
template void BasicMlp<float>::forward(Context&, MatrixView<const float>, Workspace&,
                                       MatrixView<float>) const;
template void BasicMlp<float>::backward(Context&, MatrixView<const float>, Workspace&,
                                        MatrixView<const float>, MatrixView<float>, Gradient);
template void BasicMlp<float>::transform(Context&, MatrixView<const float>,
                                         MatrixView<float>) const;
template BasicMlp<double>::Workspace::Workspace(Context&, const BasicMlp&, std::int64_t);
template std::int64_t BasicMlp<double>::hidden_size(std::int64_t) const;
template BatchView<double> BasicMlp<double>::hidden(double*, std::int64_t, int) const;
template BatchView<double> BasicMlp<double>::hidden(Workspace&, std::int64_t, int) const;
template void BasicMlp<double>::check_rows(const char*, const Workspace&, std::int64_t) const;
template void BasicMlp<double>::forward(Context&, MatrixView<const double>, Workspace&,
                                        MatrixView<double>) const;
template void BasicMlp<double>::backward(Context&, MatrixView<const double>, Workspace&,
                                         MatrixView<const double>, MatrixView<double>, Gradient);
template void BasicMlp<double>::transform(Context&, MatrixView<const double>,
                                          MatrixView<double>) const;

}  // namespace clipk
