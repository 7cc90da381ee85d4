#include "models/autoencoder/code_whitening.hpp"

#include <algorithm>
#include <vector>

#include "clipk/models/pca.hpp"
#include "core/host_rows.hpp"
#include "core/math/math.hpp"

namespace clipk {
namespace {

// Least variance, as a share of the largest. Smaller ones are rounding errors, which must not
// be amplified.
constexpr double kLeastShare = 1e-10;

// z' = F V (z - mean), with V [c, c] the axes as rows and F diagonal.
struct CodeMap {
  Matrix<double> axes;
  std::vector<double> mean, factor;
};

MatrixView<float> as_row(VectorView<float> vector) {
  return {vector.data, 1, vector.size, vector.device};
}

// W' = F V W, b' = F V (b - mean).
void apply_to_encoder(Context& context, const CodeMap& map, Mlp& encoder) {
  const int last = encoder.layers() - 1;
  const HostRows<float> weight(context, encoder.weight(last));
  const HostRows<float> bias_row(context, as_row(encoder.bias(last)));
  const MatrixView<const float> w = weight.view(), b = bias_row.view();
  Matrix<float> new_w(w.rows, w.cols), new_b(1, w.rows);
  std::vector<double> sum(static_cast<std::size_t>(w.cols));
  for (std::int64_t i = 0; i < w.rows; ++i) {
    const double factor = map.factor[static_cast<std::size_t>(i)];
    std::fill(sum.begin(), sum.end(), 0);
    double bias = 0;
    for (std::int64_t k = 0; k < w.rows; ++k) {
      const double v = map.axes(i, k);
      for (std::int64_t j = 0; j < w.cols; ++j) sum[static_cast<std::size_t>(j)] += v * w(k, j);
      bias += v * (b(0, k) - map.mean[static_cast<std::size_t>(k)]);
    }
    for (std::int64_t j = 0; j < w.cols; ++j) {
      new_w(i, j) = static_cast<float>(factor * sum[static_cast<std::size_t>(j)]);
    }
    new_b(0, i) = static_cast<float>(factor * bias);
  }
  copy<float>(context, new_w, encoder.weight(last));
  copy<float>(context, new_b, as_row(encoder.bias(last)));
}

// z = V^T F^-1 z' + mean, so W' = W V^T F^-1, b' = b + W mean.
void apply_inverse_to_decoder(Context& context, const CodeMap& map, Mlp& decoder) {
  const HostRows<float> weight(context, decoder.weight(0));
  const HostRows<float> bias_row(context, as_row(decoder.bias(0)));
  const MatrixView<const float> w = weight.view(), b = bias_row.view();
  Matrix<float> new_w(w.rows, w.cols), new_b(1, w.rows);
  for (std::int64_t i = 0; i < w.rows; ++i) {
    double bias = b(0, i);
    for (std::int64_t j = 0; j < w.cols; ++j) {
      double sum = 0;
      for (std::int64_t k = 0; k < w.cols; ++k) {
        sum += static_cast<double>(w(i, k)) * map.axes(j, k);
      }
      new_w(i, j) = static_cast<float>(sum / map.factor[static_cast<std::size_t>(j)]);
      bias += w(i, j) * map.mean[static_cast<std::size_t>(j)];
    }
    new_b(0, i) = static_cast<float>(bias);
  }
  copy<float>(context, new_w, decoder.weight(0));
  copy<float>(context, new_b, as_row(decoder.bias(0)));
}

}  // namespace

void whiten_codes(Context& context, MatrixView<const float> rows, double share,
                  AutoencoderNetwork& network) {
  Matrix<float> on_device(context, rows.rows, network.code());
  network.encoder().transform(context, rows, on_device);
  const Matrix<float> codes = on_device.to_host(context);
  bool equal = true;
  for (std::int64_t i = 1; i < codes.rows() && equal; ++i) {
    equal =
        std::equal(codes.view().row(0), codes.view().row(0) + codes.cols(), codes.view().row(i));
  }
  if (equal) return;
  const Pca pca = Pca::fit(context, codes);
  CodeMap map{Matrix<double>(network.code(), network.code()),
              {pca.mean(Modality::image).begin(), pca.mean(Modality::image).end()},
              pca.explained_variance()};
  copy<double>(context, pca.components(), map.axes.view());
  const double largest = map.factor.front();
  for (double& factor : map.factor) {
    factor = math::pow(std::max(factor, kLeastShare * largest), -share / 2);
  }
  apply_to_encoder(context, map, network.encoder());
  apply_inverse_to_decoder(context, map, network.decoder());
}

}  // namespace clipk
