#include "dimension/fits.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "clipk/models/random_projection.hpp"
#include "study/pairs.hpp"

namespace clipk::study {
namespace {

// Rows less the mean of those of the fit: a projection keeps the gap between the modalities, which
// is most of a cosine.
Matrix<float> centred(const Matrix<float>& rows, const Matrix<float>& fitted) {
  std::vector<double> mean(static_cast<std::size_t>(rows.cols()));
  for (std::int64_t i = 0; i < fitted.rows(); ++i) {
    for (std::size_t j = 0; j < mean.size(); ++j) {
      mean[j] += static_cast<double>(fitted.view().row(i)[j]) / static_cast<double>(fitted.rows());
    }
  }
  Matrix<float> result(rows.rows(), rows.cols());
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    std::transform(mean.begin(), mean.end(), rows.view().row(i), result.view().row(i),
                   [](double m, float value) { return static_cast<float>(double{value} - m); });
  }
  return result;
}

}  // namespace

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
    options.start = MdsStart::paired_axes;
    options.network_per_modality = true;
    options.inner_share = 0.2;
  }
  return options;
}

// The components that are kept do not depend on how many are.
PcaOptions Fitter::pca_options() const {
  return {.components = *std::max_element(settings_.dims.begin(), settings_.dims.end())};
}

std::shared_ptr<const Pca> Fitter::pca() {
  if (!shared_) {
    shared_ = std::make_shared<Pca>(Pca::fit(context_, train_.images, train_.texts, pca_options()));
  }
  return shared_;
}

std::shared_ptr<const PairedAxes> Fitter::paired_axes(int dim) {
  if (paired_.empty()) {
    const std::vector<std::int64_t> dims(settings_.dims.begin(), settings_.dims.end());
    for (PairedAxes& axes :
         PairedAxes::fit_each(context_, train_.images, train_.texts, dims, {.complete = true})) {
      paired_.push_back(std::make_shared<PairedAxes>(std::move(axes)));
    }
  }
  return *std::find_if(paired_.begin(), paired_.end(),
                       [&](const auto& axes) { return axes->dim() == dim; });
}

std::vector<Codes> Fitter::codes(const std::string& method, int dim,
                                 const std::vector<const EmbeddingPairs*>& sets,
                                 const std::filesystem::path& checkpoint,
                                 const std::function<void(const Progress&)>& progress,
                                 std::int64_t& epochs) {
  epochs = 0;
  std::vector<Codes> result(sets.size());
  if (method == "pca") {
    if (!images_alone_) images_alone_ = Pca::fit(context_, train_.images, pca_options());
    for (std::size_t i = 0; i < sets.size(); ++i) {
      result[i].images = pca()->transform(context_, sets[i]->images, Modality::image, dim);
      result[i].texts = pca()->transform(context_, sets[i]->texts, Modality::text, dim);
      result[i].image_block =
          images_alone_->transform(context_, sets[i]->images, Modality::image, dim);
    }
  } else if (method == "paired") {
    const std::shared_ptr<const PairedAxes> axes = paired_axes(dim);
    for (std::size_t i = 0; i < sets.size(); ++i) {
      result[i].images = axes->transform(context_, sets[i]->images, Modality::image);
      result[i].texts = axes->transform(context_, sets[i]->texts, Modality::text);
    }
  } else if (method == "random") {
    const RandomProjection projection(train_.dim(), dim, context_.seed());
    const auto map = [&](const Matrix<float>& rows, const Matrix<float>& fitted) {
      const Matrix<float> on_device = centred(rows, fitted).to_device(context_);
      Matrix<float> out(context_, rows.rows(), dim);
      projection.transform(context_, on_device, out);
      return out;
    };
    for (std::size_t i = 0; i < sets.size(); ++i) {
      result[i].images = map(sets[i]->images, train_.images);
      result[i].texts = map(sets[i]->texts, train_.texts);
    }
  } else {
    NeuralMdsOptions options = mds_options(method, dim);
    if (options.start == MdsStart::paired_axes) options.paired_axes = paired_axes(dim)->setting();
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
