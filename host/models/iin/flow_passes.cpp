// The computations of a flow: forward and backward of a training step; values, inverses, densities
// and samples of a trained flow.
#include <cmath>
#include <numbers>
#include <string>
#include <utility>

#include "clipk/core/check_finite.hpp"
#include "clipk/core/error.hpp"
#include "clipk/core/random.hpp"
#include "clipk/models/flow.hpp"
#include "clipk/ops/act_norm.hpp"
#include "clipk/ops/invertible_leaky_relu.hpp"
#include "clipk/ops/permute.hpp"
#include "core/host_rows.hpp"
#include "core/math/math.hpp"
#include "core/row_pieces.hpp"

namespace clipk {
namespace {

// The two halves of a flow's rows as column ranges; with an odd dimension the second is wider.
template <class T>
struct Halves {
  MatrixView<T> first, second;

  template <class Rows>
  Halves(Rows rows, std::int64_t half)
      : first(MatrixView<T>(rows).col_range(0, half)),
        second(MatrixView<T>(rows).col_range(half, rows.cols - half)) {}
};

// The outputs of a coupling's two networks, side by side: a of the log-scale, and t.
template <class T>
struct CouplingOutputs {
  MatrixView<T> all, a, t;

  explicit CouplingOutputs(MatrixView<T> outputs)
      : all(outputs),
        a(outputs.col_range(0, outputs.cols / 2)),
        t(outputs.col_range(outputs.cols / 2, outputs.cols / 2)) {}
};

}  // namespace

template <class T>
void BasicFlow<T>::check_cols(const char* function, const char* name,
                              MatrixView<const T> rows) const {
  if (rows.cols == dim_) return;
  throw Error("flow " + std::string(function) + ": expected " + name + " of " +
              std::to_string(dim_) + " columns, got " + std::to_string(rows.cols));
}

template <class T>
void BasicFlow<T>::check_initialized(const char* function) const {
  if (initialized_) return;
  throw Error("flow " + std::string(function) +
              ": expected a flow that was initialized from a first batch, got one that was not");
}

template <class T>
BasicFlow<T>::Workspace::Workspace(Context& context, const BasicFlow& flow, std::int64_t rows)
    : rows_(rows), state_(context, rows, flow.dim_), gradient_(context, rows, flow.dim_) {
  for (const auto& block : flow.blocks_) {
    const auto coupling = [&](const BasicMlp<T>& networks) {
      return Coupling{typename BasicMlp<T>::Workspace(context, networks, rows),
                      Matrix<T>(context, rows, networks.outputs())};
    };
    blocks_.push_back({Matrix<T>(context, rows, flow.dim_),
                       flow.options_.slope == 1 ? Matrix<T>() : Matrix<T>(context, rows, flow.dim_),
                       Matrix<T>(context, rows, flow.dim_), coupling(block.first),
                       coupling(block.second)});
  }
}

template <class T>
void BasicFlow<T>::check_step(const char* function, MatrixView<const T> x,
                              const Workspace& workspace) const {
  check_initialized(function);
  check_cols(function, "x", x);
  if (x.rows > workspace.rows()) {
    throw Error("flow " + std::string(function) + ": expected x of at most " +
                std::to_string(workspace.rows()) + " rows, got " + std::to_string(x.rows));
  }
}

template <class T>
void BasicFlow<T>::forward(Context& context, MatrixView<const T> x, Workspace& workspace,
                           MatrixView<T> z, VectorView<T> log_det) const {
  check_step("forward", x, workspace);
  const auto rows = [&](auto& matrix) { return matrix.view().row_range(0, x.rows); };
  fill_zero(context, log_det);
  MatrixView<const T> input = x;
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    const Block& block = blocks_[b];
    typename Workspace::Block& kept = workspace.blocks_[b];
    const MatrixView<T> normed = rows(kept.normed);
    const MatrixView<T> coupled = rows(kept.coupled);
    act_norm(context, input, block.shift.values, block.log_scale.values, normed, log_det);
    MatrixView<T> bent = normed;
    if (options_.slope != 1) {
      bent = rows(kept.bent);
      invertible_leaky_relu(context, normed, options_.slope, bent, log_det);
    }
    const Halves<T> from(bent, half());
    const Halves<T> to(coupled, half());
    const CouplingOutputs<T> first(rows(kept.first.outputs)), second(rows(kept.second.outputs));
    block.first.forward(context, from.first, kept.first.networks, first.all);
    affine_coupling(context, from.second, first.a, first.t, coupling(), to.second, log_det);
    block.second.forward(context, to.second, kept.second.networks, second.all);
    affine_coupling(context, from.first, second.a, second.t, coupling(), to.first, log_det);
    const bool last = b + 1 == blocks_.size();
    const MatrixView<T> out = last ? z : rows(workspace.state_);
    permute(context, coupled, block.order.flat(), out);
    input = out;
  }
}

template <class T>
void BasicFlow<T>::backward(Context& context, MatrixView<const T> x, Workspace& workspace,
                            MatrixView<const T> grad_z, VectorView<const T> grad_log_det,
                            MatrixView<T> grad_x) {
  check_step("backward", x, workspace);
  check_cols("backward", "grad_z", grad_z);
  const auto rows = [&](auto& matrix) { return matrix.view().row_range(0, x.rows); };
  // The gradient of a block's output is in state_, that of its networks' outputs in gradient_.
  const MatrixView<T> grad = rows(workspace.gradient_);
  const MatrixView<T> before = rows(workspace.state_);
  const Halves<T> grads(grad, half());
  for (std::size_t b = blocks_.size(); b-- > 0;) {
    Block& block = blocks_[b];
    typename Workspace::Block& kept = workspace.blocks_[b];
    const bool last = b + 1 == blocks_.size();
    permute_inverse(context, last ? grad_z : MatrixView<const T>(before), block.order.flat(), grad);
    const MatrixView<T> normed = rows(kept.normed);
    const MatrixView<T> bent = options_.slope == 1 ? normed : rows(kept.bent);
    const Halves<T> from(bent, half()), to(rows(kept.coupled), half());
    // A half that a network reads also gets a gradient through the network.
    const auto couple = [&](BasicMlp<T>& networks, typename Workspace::Coupling& of,
                            MatrixView<T> read, MatrixView<T> made, MatrixView<T> grad_read,
                            MatrixView<T> grad_made) {
      const CouplingOutputs<T> out(rows(of.outputs));
      affine_coupling_backward(context, made, out.a, out.t, coupling(), grad_made, grad_log_det,
                               grad_made, out.a, out.t);
      networks.backward(context, read, of.networks, out.all, grad_read, Gradient::added);
    };
    couple(block.second, kept.second, to.second, to.first, grads.second, grads.first);
    couple(block.first, kept.first, from.first, to.second, grads.first, grads.second);
    if (options_.slope != 1) {
      invertible_leaky_relu_backward(context, bent, options_.slope, grad, grad);
    }
    const MatrixView<T> out = b > 0 ? before : grad_x.empty() ? grad : grad_x;
    act_norm_backward(context, normed, block.log_scale.values, grad, grad_log_det, out,
                      block.shift.gradients, block.log_scale.gradients);
  }
}

// Applies all of a block except ActNorm and the permutation, in place.
template <class T>
void BasicFlow<T>::couple(Context& context, const Block& block, MatrixView<T> x,
                          VectorView<T> log_det) const {
  if (options_.slope != 1) invertible_leaky_relu(context, x, options_.slope, x, log_det);
  Scratch scratch(context);
  const Halves<T> halves(x, half());
  const auto change = [&](const BasicMlp<T>& networks, MatrixView<T> read, MatrixView<T> changed) {
    const CouplingOutputs<T> out(scratch.matrix<T>(x.rows, networks.outputs()));
    networks.transform(context, read, out.all);
    affine_coupling(context, changed, out.a, out.t, coupling(), changed, log_det);
  };
  change(block.first, halves.first, halves.second);
  change(block.second, halves.second, halves.first);
}

template <class T>
void BasicFlow<T>::block_inverse(Context& context, const Block& block, MatrixView<T> z,
                                 MatrixView<T> x) const {
  permute_inverse(context, z, block.order.flat(), x);
  Scratch scratch(context);
  const Halves<T> halves(x, half());
  const auto change_back = [&](const BasicMlp<T>& networks, MatrixView<T> read,
                               MatrixView<T> changed) {
    const CouplingOutputs<T> out(scratch.matrix<T>(x.rows, networks.outputs()));
    networks.transform(context, read, out.all);
    affine_coupling_inverse(context, changed, out.a, out.t, coupling(), changed);
  };
  change_back(block.second, halves.second, halves.first);
  change_back(block.first, halves.first, halves.second);
  if (options_.slope != 1) invertible_leaky_relu_inverse(context, x, options_.slope, x);
  act_norm_inverse(context, x, block.shift.values, block.log_scale.values, x);
}

template <class T>
void BasicFlow<T>::initialize(Context& context, MatrixView<const T> x) {
  check_cols("initialize", "x", x);
  if (initialized_) {
    throw Error("flow initialize: expected a flow that was not initialized, got one that was");
  }
  if (x.rows < 1) throw Error("flow initialize: expected x of at least 1 row, got 0");
  check_finite(HostRows<T>(context, x).view(), "flow initialize");
  Matrix<T> state = Matrix<T>::copy_of(context, x), next(context, x.rows, dim_);
  for (const Block& block : blocks_) {
    act_norm_init(context, state, block.shift.values, block.log_scale.values);
    act_norm(context, state, block.shift.values, block.log_scale.values, state.view(), {});
    couple(context, block, state, {});
    permute(context, state, block.order.flat(), next.view());
    std::swap(state, next);
  }
  initialized_ = true;
}

template <class T>
void BasicFlow<T>::transform(Context& context, MatrixView<const T> x, MatrixView<T> z,
                             VectorView<T> log_det) const {
  check_initialized("transform");
  check_cols("transform", "x", x);
  if (!log_det.empty()) fill_zero(context, log_det);
  for_row_pieces(x.rows, [&](std::int64_t first, std::int64_t count) {
    Scratch scratch(context);
    const MatrixView<T> state = scratch.matrix<T>(count, dim_),
                        next = scratch.matrix<T>(count, dim_);
    const VectorView<T> sums = log_det.empty() ? log_det : log_det.slice(first, count);
    MatrixView<const T> input = x.row_range(first, count);
    for (const Block& block : blocks_) {
      act_norm(context, input, block.shift.values, block.log_scale.values, state, sums);
      couple(context, block, state, sums);
      const bool last = &block == &blocks_.back();
      const MatrixView<T> out = last ? z.row_range(first, count) : next;
      permute(context, state, block.order.flat(), out);
      input = out;
    }
  });
}

template <class T>
void BasicFlow<T>::check_scales(Context& context) const {
  const auto check = [&](const char* what, VectorView<const T> device_values, std::size_t block,
                         auto&& good, auto&& shown) {
    const HostRows<T> host(context, MatrixView<const T>(device_values.data, 1, device_values.size,
                                                        device_values.device));
    for (std::int64_t j = 0; j < dim_; ++j) {
      const T value = host.view()(0, j);
      if (good(value)) continue;
      throw Error("flow inverse: expected " + std::string(what) + ", got " +
                  std::to_string(shown(value)) + " in block " + std::to_string(block) +
                  ", column " + std::to_string(j));
    }
  };
  const auto scale = [](T value) { return static_cast<T>(math::exp(value)); };
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    check(
        "finite scales above 0", blocks_[b].log_scale.values, b,
        [&](T value) { return std::isfinite(scale(value)) && std::isfinite(scale(-value)); },
        scale);
    check(
        "finite shifts", blocks_[b].shift.values, b, [](T value) { return std::isfinite(value); },
        [](T value) { return value; });
  }
}

template <class T>
void BasicFlow<T>::inverse(Context& context, MatrixView<const T> z, MatrixView<T> x) const {
  check_initialized("inverse");
  check_cols("inverse", "z", z);
  check_scales(context);
  for_row_pieces(z.rows, [&](std::int64_t first, std::int64_t count) {
    Scratch scratch(context);
    const MatrixView<T> state = scratch.matrix<T>(count, dim_),
                        next = scratch.matrix<T>(count, dim_);
    copy<T>(context, z.row_range(first, count), next);
    MatrixView<T> input = next, spare = state;
    for (std::size_t b = blocks_.size(); b-- > 0;) {
      const MatrixView<T> out = b == 0 ? x.row_range(first, count) : spare;
      block_inverse(context, blocks_[b], input, out);
      spare = input;
      input = out;
    }
  });
  check_finite(HostRows<T>(context, x).view(), "flow inverse");
}

template <class T>
std::vector<double> BasicFlow<T>::log_density(Context& context, MatrixView<const T> x) const {
  std::vector<double> density(static_cast<std::size_t>(x.rows));
  for_row_pieces(x.rows, [&](std::int64_t first, std::int64_t count) {
    Matrix<T> z(context, count, dim_), log_det(context, 1, count);
    transform(context, x.row_range(first, count), z.view(), log_det.flat());
    const Matrix<T> host_z = z.to_host(context), host_log_det = log_det.to_host(context);
    for (std::int64_t i = 0; i < count; ++i) {
      double squares = 0;
      for (std::int64_t j = 0; j < dim_; ++j) {
        squares += static_cast<double>(host_z(i, j)) * static_cast<double>(host_z(i, j));
      }
      density[static_cast<std::size_t>(first + i)] =
          static_cast<double>(host_log_det(0, i)) -
          0.5 * (squares + static_cast<double>(dim_) * math::log(2 * std::numbers::pi));
    }
  });
  return density;
}

template <class T>
Matrix<T> BasicFlow<T>::sample(Context& context, std::int64_t n, std::uint32_t draw) const {
  if (n < 0) throw Error("flow sample: expected at least 0 rows, got " + std::to_string(n));
  Random random(context.seed(), RandomStream::flow_samples, draw);
  Matrix<T> host(n, dim_);
  for (T& value : host.flat()) value = static_cast<T>(random.normal());
  Matrix<T> rows = host.to_device(context);
  inverse(context, rows, rows.view());
  return rows;
}

// Instantiates the members that are defined here; flow.cpp has the others.
template class BasicFlow<float>;
template class BasicFlow<double>;

}  // namespace clipk
