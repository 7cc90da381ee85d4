#include "factor/stage.hpp"

#include <algorithm>

namespace clipk::study {
namespace {

constexpr double kAutoencoderRate = 1e-3;

// The mean plus the weighted components, in double as Pca itself.
Matrix<float> reconstructed(const Pca& pca, MatrixView<const float> codes) {
  const VectorView<const double> mean = pca.mean(Modality::image);
  const MatrixView<const double> components = pca.components();
  Matrix<float> rows(codes.rows, pca.input_dim());
  std::vector<double> row(static_cast<std::size_t>(pca.input_dim()));
  for (std::int64_t i = 0; i < codes.rows; ++i) {
    std::copy(mean.begin(), mean.end(), row.begin());
    for (std::int64_t c = 0; c < codes.cols; ++c) {
      const double weight = double{codes(i, c)};
      for (std::size_t j = 0; j < row.size(); ++j) row[j] += weight * components.row(c)[j];
    }
    std::transform(row.begin(), row.end(), rows.view().row(i),
                   [](double value) { return static_cast<float>(value); });
  }
  return rows;
}

}  // namespace

FirstStage FirstStage::fit(Context& context, MatrixView<const float> rows,
                           const StageSettings& settings) {
  if (settings.kind == "pca") {
    return {Pca::fit(context, rows,
                     {.centering = Centering::per_modality, .components = settings.latent}),
            settings.latent};
  }
  if (settings.kind == "autoencoder") {
    AutoencoderOptions options;
    options.hidden = settings.hidden;
    options.code = settings.latent;
    options.scaling = RowScaling::none;
    options.code_whitening = 1;
    options.epochs = settings.epochs;
    options.optimizer = Optimizer::adam;
    options.rate = kAutoencoderRate;
    options.schedule = {.kind = Schedule::cosine};
    options.checkpoint = settings.checkpoint;
    options.progress = settings.progress;
    return {Autoencoder::fit(context, rows, options), settings.latent};
  }
  VaeOptions options;
  options.hidden = settings.hidden;
  options.code = settings.latent;
  options.sigma = static_cast<float>(settings.sigma);
  options.epochs = settings.epochs;
  options.checkpoint = settings.checkpoint;
  options.progress = settings.progress;
  return {Vae::fit(context, rows, options), settings.latent};
}

Matrix<float> FirstStage::encode(Context& context, MatrixView<const float> rows) const {
  if (const auto* vae = std::get_if<Vae>(&model_)) return vae->encode(context, rows);
  if (const auto* net = std::get_if<Autoencoder>(&model_)) return net->encode(context, rows);
  return std::get<Pca>(model_).transform(context, rows, Modality::image, latent_);
}

Matrix<float> FirstStage::log_variance(Context& context, MatrixView<const float> rows) const {
  const auto* vae = std::get_if<Vae>(&model_);
  return vae == nullptr ? Matrix<float>() : vae->posterior(context, rows).log_variance;
}

Matrix<float> FirstStage::sample(Context& context, MatrixView<const float> rows,
                                 std::uint32_t draw) const {
  const auto* vae = std::get_if<Vae>(&model_);
  return vae == nullptr ? encode(context, rows) : vae->sample_codes(context, rows, draw);
}

Matrix<float> FirstStage::decode(Context& context, MatrixView<const float> codes) const {
  if (const auto* vae = std::get_if<Vae>(&model_)) {
    return vae->decode(context, codes).to_host(context);
  }
  if (const auto* net = std::get_if<Autoencoder>(&model_)) {
    return net->decode(context, codes).to_host(context);
  }
  const Matrix<float> host = [&] {
    Matrix<float> copied(codes.rows, codes.cols);
    copy<float>(context, codes, copied.view());
    return copied;
  }();
  return reconstructed(std::get<Pca>(model_), host);
}

double FirstStage::error(Context& context, MatrixView<const float> rows) const {
  const Matrix<float> back = decode(context, encode(context, rows));
  double sum = 0;
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    for (std::int64_t j = 0; j < rows.cols; ++j) {
      const double difference = double{rows(i, j)} - double{back(i, j)};
      sum += difference * difference;
    }
  }
  return rows.empty() ? 0 : sum / static_cast<double>(rows.rows * rows.cols);
}

std::vector<double> FirstStage::losses() const {
  if (const auto* vae = std::get_if<Vae>(&model_)) return vae->losses();
  if (const auto* net = std::get_if<Autoencoder>(&model_)) return net->losses();
  return {};
}

void FirstStage::save(Context& context, const std::filesystem::path& path) const {
  if (const auto* vae = std::get_if<Vae>(&model_)) return vae->save(context, path);
  if (const auto* net = std::get_if<Autoencoder>(&model_)) return net->save(context, path);
  std::get<Pca>(model_).save(path);
}

}  // namespace clipk::study
