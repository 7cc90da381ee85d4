#include "factor/stage.hpp"

#include <utility>

namespace clipk::study {
namespace {

constexpr double kAutoencoderRate = 1e-3;

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
  return std::get<Pca>(model_).inverse_transform(context, codes, Modality::image).to_host(context);
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
