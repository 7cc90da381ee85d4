#include "clipk/models/flow.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "clipk/core/error.hpp"
#include "clipk/core/random.hpp"
#include "clipk/ops/act_norm.hpp"
#include "clipk/ops/invertible_leaky_relu.hpp"
#include "clipk/ops/permute.hpp"
#include "models/iin/flow_halves.hpp"

namespace clipk {
namespace {

constexpr int kPartsOfABlock = 4;  // shift, log-scale, and the networks of two couplings

}  // namespace

template <class T>
void BasicFlow<T>::check_options(std::int64_t dim, const FlowOptions& options) {
  const auto at_least = [](const char* what, std::int64_t least, std::int64_t got) {
    if (got >= least) return;
    throw Error("flow: expected " + std::string(what) + " of at least " + std::to_string(least) +
                ", got " + std::to_string(got));
  };
  at_least("a dimension", 2, dim);
  at_least("blocks", 1, options.blocks);
  at_least("a width", 1, options.width);
  at_least("a depth", 1, options.depth);
  const auto positive = [](const char* what, float largest, float got) {
    if (got > 0 && got <= largest) return;
    throw Error("flow: expected " + std::string(what) + " above 0 and at most " +
                std::to_string(largest) + ", got " + std::to_string(got));
  };
  positive("a clamp", 80, options.clamp);
  positive("a slope", 1, options.slope);
}

// The networks of coupling `index` read one half and give a and t for the other.
template <class T>
MlpOptions BasicFlow<T>::network_options(std::int64_t dim, const FlowOptions& options,
                                         std::int64_t index) {
  // Numbers of their own: an autoencoder beside the flow takes the first ones.
  constexpr std::int64_t kFirstNetwork = 256;
  const bool first = index % 2 == 0;
  std::vector<std::int64_t> widths(static_cast<std::size_t>(options.depth) + 2, options.width);
  widths.front() = first ? dim / 2 : dim - dim / 2;
  widths.back() = dim - widths.front();
  return {.widths = std::move(widths),
          .activation = Activation::leaky_relu,
          .init = options.init,
          .zero_last = options.zero_last,
          .network = static_cast<std::uint32_t>(kFirstNetwork + index),
          .towers = 2};
}

template <class T>
BasicFlow<T>::BasicFlow(Context& context, std::int64_t dim, FlowOptions options)
    : dim_(dim), options_(options) {
  check_options(dim, options_);
  const auto network_options = [&](std::int64_t index) {
    return BasicFlow::network_options(dim, options_, index);
  };
  std::vector<std::int64_t> sizes;
  for (std::int64_t b = 0; b < options_.blocks; ++b) {
    for (const std::int64_t size : {dim, dim, BasicMlp<T>::parameter_size(network_options(2 * b)),
                                    BasicMlp<T>::parameter_size(network_options(2 * b + 1))}) {
      sizes.push_back(size);
    }
  }
  parameters_ = BasicParameters<T>(context, sizes);
  for (std::int64_t b = 0; b < options_.blocks; ++b) {
    const int part = kPartsOfABlock * static_cast<int>(b);
    blocks_.push_back({parameters_.part(part),
                       parameters_.part(part + 1),
                       BasicMlp<T>(context, network_options(2 * b), parameters_.part(part + 2)),
                       BasicMlp<T>(context, network_options(2 * b + 1), parameters_.part(part + 3)),
                       {}});
    Random random(context.seed(), RandomStream::flow, static_cast<std::uint32_t>(b));
    const std::vector<std::int64_t> drawn = random.permutation(dim);
    set_order(context, blocks_.back(), {drawn.begin(), drawn.end()});
  }
}

template <class T>
void BasicFlow<T>::set_order(Context& context, Block& block,
                             const std::vector<std::int32_t>& order) {
  block.order = Matrix<std::int32_t>(context, 1, dim_);
  copy<std::int32_t>(context, VectorView<const std::int32_t>(order.data(), dim_),
                     block.order.flat());
}

template <class T>
std::int64_t BasicFlow<T>::parameter_count() const {
  std::int64_t count = 2 * dim_ * options_.blocks;
  for (const Block& block : blocks_) {
    count += block.first.parameter_count() + block.second.parameter_count();
  }
  return count;
}

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

// ---- training ----

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
  // The gradient of a block's output in state_, that of what its couplings give in gradient_.
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
    // A half that a network read gets a gradient through the network too.
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

// The members that are defined here; flow_density.cpp and flow_archive.cpp hold the others.
template class BasicFlow<float>;
template class BasicFlow<double>;

}  // namespace clipk
