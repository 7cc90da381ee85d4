// What a trained flow is asked for: values, inverses, densities, samples.

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "clipk/core/check_finite.hpp"
#include "clipk/core/error.hpp"
#include "clipk/core/random.hpp"
#include "clipk/models/flow.hpp"
#include "clipk/ops/act_norm.hpp"
#include "clipk/ops/invertible_leaky_relu.hpp"
#include "clipk/ops/permute.hpp"
#include "core/host_rows.hpp"
#include "models/iin/flow_halves.hpp"

#include "core/math.hpp"

namespace clipk {
namespace {

constexpr std::int64_t kPieceRows = 8192;

// Calls f(first, count) for pieces of rows.
template <class F>
void for_pieces_of(std::int64_t rows, F&& f) {
  for (std::int64_t first = 0; first < rows; first += kPieceRows) {
    f(first, std::min(kPieceRows, rows - first));
  }
}

}  // namespace

// All of a block but ActNorm and the permutation, in place.
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
  for_pieces_of(x.rows, [&](std::int64_t first, std::int64_t count) {
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
  for_pieces_of(z.rows, [&](std::int64_t first, std::int64_t count) {
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
  for_pieces_of(x.rows, [&](std::int64_t first, std::int64_t count) {
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

template void BasicFlow<float>::initialize(Context&, MatrixView<const float>);
template void BasicFlow<float>::transform(Context&, MatrixView<const float>, MatrixView<float>,
                                          VectorView<float>) const;
template void BasicFlow<float>::inverse(Context&, MatrixView<const float>, MatrixView<float>) const;
template std::vector<double> BasicFlow<float>::log_density(Context&, MatrixView<const float>) const;
template Matrix<float> BasicFlow<float>::sample(Context&, std::int64_t, std::uint32_t) const;
template void BasicFlow<float>::couple(Context&, const Block&, MatrixView<float>,
                                       VectorView<float>) const;
template void BasicFlow<float>::block_inverse(Context&, const Block&, MatrixView<float>,
                                              MatrixView<float>) const;
template void BasicFlow<float>::check_scales(Context&) const;
template void BasicFlow<double>::initialize(Context&, MatrixView<const double>);
template void BasicFlow<double>::transform(Context&, MatrixView<const double>, MatrixView<double>,
                                           VectorView<double>) const;
template void BasicFlow<double>::inverse(Context&, MatrixView<const double>,
                                         MatrixView<double>) const;
template std::vector<double> BasicFlow<double>::log_density(Context&,
                                                            MatrixView<const double>) const;
template Matrix<double> BasicFlow<double>::sample(Context&, std::int64_t, std::uint32_t) const;
template void BasicFlow<double>::couple(Context&, const Block&, MatrixView<double>,
                                        VectorView<double>) const;
template void BasicFlow<double>::block_inverse(Context&, const Block&, MatrixView<double>,
                                               MatrixView<double>) const;
template void BasicFlow<double>::check_scales(Context&) const;

}  // namespace clipk
