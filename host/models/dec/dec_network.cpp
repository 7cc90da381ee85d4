#include "models/dec/dec_network.hpp"

#include <utility>

#include "clipk/ops/normalize_rows.hpp"
#include "clipk/ops/sgd.hpp"

namespace clipk {

DecNetwork::DecNetwork(AutoencoderNetwork network, std::int64_t k,
                       const SoftAssignmentOptions& soft)
    : network_(std::move(network)), k_(k), soft_(soft) {}

MatrixView<float> DecNetwork::raw_centres() {
  const VectorView<float> values = network_.between().values;
  return {values.data, k_, code(), values.device};
}

Matrix<float> DecNetwork::centres(Context& context) {
  Matrix<float> result = Matrix<float>::copy_of(context, raw_centres());
  if (spherical()) normalize_rows(context, result, result, {});
  return result;
}

void DecNetwork::encode(Context& context, MatrixView<const float> rows,
                        MatrixView<float> codes) const {
  network_.encoder().transform(context, rows, codes);
  if (spherical()) normalize_rows(context, codes, codes, {});
}

void DecNetwork::plan(Context& context, std::int64_t batch) {
  workspace_ = AutoencoderNetwork::Workspace(context, network_, batch);
  if (!spherical()) return;
  unit_codes_ = Matrix<float>(context, batch, code());
  grad_unit_codes_ = Matrix<float>(context, batch, code());
  code_lengths_ = Matrix<float>(context, 1, batch);
  velocity_ = Matrix<float>(context, batch, code());
  minus_one_ = Matrix<float>(context, 1, 1);
  const float rate = -1;
  copy<float>(context, VectorView<const float>(&rate, 1), minus_one_.flat());
  unit_centres_ = Matrix<float>(context, k_, code());
  grad_unit_centres_ = Matrix<float>(context, k_, code());
  centre_lengths_ = Matrix<float>(context, 1, k_);
}

void DecNetwork::step(Context& context, MatrixView<const float> x, MatrixView<const float> p,
                      float gamma, float reconstruction, VectorView<double> loss) {
  const auto first_rows = [&](Matrix<float>& matrix) { return matrix.view().row_range(0, x.rows); };
  const VectorView<float> between = network_.between().gradients;
  const MatrixView<float> grad_centres(between.data, k_, code(), between.device);
  network_.encode(context, x, workspace_);
  const MatrixView<float> codes = first_rows(workspace_.codes);
  const MatrixView<float> grad_codes = first_rows(workspace_.grad_codes);
  if (reconstruction > 0) {
    network_.reconstruct(context, x, reconstruction, workspace_, loss);
  } else {
    fill_zero(context, grad_codes);
  }
  if (spherical()) {
    const MatrixView<float> unit = first_rows(unit_codes_), grad = first_rows(grad_unit_codes_);
    const VectorView<float> lengths = code_lengths_.flat().slice(0, x.rows);
    normalize_rows(context, codes, unit, lengths);
    normalize_rows(context, raw_centres(), unit_centres_, centre_lengths_.flat());
    fill_zero(context, grad);
    fill_zero(context, grad_unit_centres_.view());
    soft_assignment_kl(context, unit, unit_centres_, soft_, p, {}, gamma, loss, grad,
                       grad_unit_centres_);
    normalize_rows_backward(context, unit_centres_, centre_lengths_.flat(), grad_unit_centres_,
                            grad_centres);
    normalize_rows_backward(context, unit, lengths, grad, grad);
    // grad_codes += grad, as an sgd step of rate -1.
    const std::int64_t size = x.rows * code();
    sgd(context, {.momentum = 0}, minus_one_.flat(), grad_unit_codes_.flat().slice(0, size),
        workspace_.grad_codes.flat().slice(0, size), velocity_.flat().slice(0, size));
  } else {
    fill_zero(context, grad_centres);
    soft_assignment_kl(context, codes, raw_centres(), soft_, p, {}, gamma, loss, grad_codes,
                       grad_centres);
  }
  network_.encode_backward(context, x, workspace_);
}

}  // namespace clipk
