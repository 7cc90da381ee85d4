#include "dimension/fits.hpp"

#include <algorithm>
#include <cmath>

#include "clipk/models/random_projection.hpp"
#include "study/pairs.hpp"

namespace clipk::study {

Fitter::Fitter(Context& context, const EmbeddingPairs& train, const DimensionSettings& settings,
               bool generalize)
    : context_(context),
      one_to_one_(train.image_of_text.empty() ? EmbeddingPairs() : one_to_one(train)),
      train_(train.image_of_text.empty() ? train : one_to_one_),
      settings_(settings),
      generalize_(generalize) {}

NeuralMdsOptions Fitter::mds_options(const std::string& method, int dim) const {
  NeuralMdsOptions options;
  options.dim = dim;
  options.epochs = settings_.epochs;
  options.draw = settings_.draw;
  options.near = settings_.near;
  options.quads_per_epoch = std::max<std::int64_t>(
      1, std::llround(static_cast<double>(settings_.quads) * static_cast<double>(train_.size()) /
                      static_cast<double>(settings_.pairs)));
  if (method == "isometric") {
    options.objective = MdsObjective::isometric;
    options.blocks = {.image_image = 1, .text_text = 1, .image_text = 0};
    options.rate = 1e-3;
    if (generalize_) {
      // A linear map has too few ways to fit the training rows alone, and a slow one stays nearer
      // to its start.
      options.hidden = 0;
      options.rate = 4e-4;
    }
  } else if (generalize_) {
    options.start = MdsStart::retrieval_axes;
    options.inner_share = 0.2;
  }
  return options;
}

std::vector<Codes> Fitter::codes(const std::string& method, int dim,
                                 const std::vector<const EmbeddingPairs*>& sets,
                                 const std::filesystem::path& checkpoint,
                                 const std::function<void(const Progress&)>& progress,
                                 std::int64_t& epochs) {
  epochs = 0;
  std::vector<Codes> result(sets.size());
  if (method == "pca") {
    if (!shared_) {
      // The components that are kept do not depend on how many are.
      const PcaOptions options{.components =
                                   *std::max_element(settings_.dims.begin(), settings_.dims.end())};
      shared_ = Pca::fit(context_, train_.images, train_.texts, options);
      images_alone_ = Pca::fit(context_, train_.images, options);
    }
    for (std::size_t i = 0; i < sets.size(); ++i) {
      result[i].images = shared_->transform(context_, sets[i]->images, Modality::image, dim);
      result[i].texts = shared_->transform(context_, sets[i]->texts, Modality::text, dim);
      result[i].image_block =
          images_alone_->transform(context_, sets[i]->images, Modality::image, dim);
    }
  } else if (method == "random") {
    const RandomProjection projection(train_.dim(), dim, context_.seed());
    for (std::size_t i = 0; i < sets.size(); ++i) {
      const auto map = [&](const Matrix<float>& rows) {
        const Matrix<float> on_device = rows.to_device(context_);
        Matrix<float> out(context_, rows.rows(), dim);
        projection.transform(context_, on_device, out);
        return out;
      };
      result[i].images = map(sets[i]->images);
      result[i].texts = map(sets[i]->texts);
    }
  } else {
    NeuralMdsOptions options = mds_options(method, dim);
    options.checkpoint = checkpoint;
    options.progress = progress;
    const NeuralMds model = NeuralMds::fit(context_, train_.images, train_.texts, options);
    epochs = model.epochs();
    for (std::size_t i = 0; i < sets.size(); ++i) {
      result[i].images = model.transform(context_, sets[i]->images, Modality::image);
      result[i].texts = model.transform(context_, sets[i]->texts, Modality::text);
    }
  }
  for (Codes& codes : result) {
    codes.images = codes.images.to_host(context_);
    codes.texts = codes.texts.to_host(context_);
    codes.image_block = codes.image_block.to_host(context_);
  }
  return result;
}

}  // namespace clipk::study
