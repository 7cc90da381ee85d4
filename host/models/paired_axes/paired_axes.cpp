#include "clipk/models/paired_axes.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "clipk/core/check_finite.hpp"
#include "clipk/io/archive.hpp"
#include "core/check.hpp"
#include "core/host_rows.hpp"
#include "linalg/householder.hpp"
#include "linalg/matrix_algebra.hpp"
#include "models/centred_map.hpp"
#include "models/paired_axes/choose_setting.hpp"
#include "models/paired_axes/paired_covariances.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "paired_axes";
constexpr const char* kKind = "paired_axes model";
constexpr std::uint32_t kVersion = 1;
constexpr double kNotValidated = -1;  // in the archive, in place of a mean reciprocal rank

using cpu::Transpose;

void check_setting(const PairedAxesSetting& setting) {
  if (!(setting.ridge > 0 && std::isfinite(setting.ridge))) {
    check::fail(kName, "a ridge above 0", std::to_string(setting.ridge));
  }
  if (!(setting.mixture >= 0 && setting.mixture <= 1)) {
    check::fail(kName, "a mixture from 0 to 1", std::to_string(setting.mixture));
  }
  if (!(setting.images >= 0 && setting.images <= 1)) {
    check::fail(kName, "a share of the images from 0 to 1", std::to_string(setting.images));
  }
}

void check_arguments(const PairRows& pairs, std::span<const std::int64_t> dims,
                     const PairedAxesOptions& options) {
  const auto [n, width] = std::pair(pairs.images.rows, pairs.images.cols);
  if (pairs.texts.rows != n || pairs.texts.cols != width) {
    check::fail(kName, "texts of shape " + check::shape(n, width),
                check::shape(pairs.texts.rows, pairs.texts.cols));
  }
  if (n < 2) check::fail(kName, "at least 2 pairs", std::to_string(n));
  for (const std::int64_t dim : dims) {
    if (dim < 1 || dim > width) {
      check::fail(kName, "a dimension from 1 to " + std::to_string(width), std::to_string(dim));
    }
  }
  if (options.folds < 2) check::fail(kName, "at least 2 folds", std::to_string(options.folds));
  if (options.setting) check_setting(*options.setting);
  check_finite(pairs.images, "images");
  check_finite(pairs.texts, "texts");
}

// Lengths near one, as PCA's axes have: codes then have the scale of the rows.
void scale_to_unit(Matrix<double>& axes) {
  double squares = 0;
  for (const double value : axes.flat()) squares += value * value;
  const double scale = std::sqrt(static_cast<double>(axes.rows()) / squares);
  for (double& value : axes.flat()) value *= scale;
}

// Axes in coordinates of the rows' span as axes of D columns; past those, directions outside the
// span, where H is the root of the ridge alone.
Matrix<double> completed(int threads, const Matrix<double>& axes, const PairedCovariances& of,
                         std::int64_t dim, double ridge) {
  Matrix<double> result(dim, of.width);
  const Matrix<double> inside = cpu::product(threads, Transpose::no, axes, Transpose::no, of.basis);
  std::copy_n(inside.data(), inside.rows() * of.width, result.data());
  if (dim == inside.rows()) return result;
  const Matrix<double> all = cpu::orthonormal_rows(threads, of.basis, dim);
  const double length = 1 / std::sqrt(ridge / static_cast<double>(of.width));
  for (std::int64_t c = inside.rows(); c < dim; ++c) {
    std::transform(all.view().row(c), all.view().row(c) + of.width, result.view().row(c),
                   [&](double value) { return length * value; });
  }
  return result;
}

// Makes the largest entry of every axis, of either modality, positive.
void fix_signs(Matrix<double>* axes) {
  for (std::int64_t c = 0; c < axes[0].rows(); ++c) {
    double largest = 0;
    for (int m = 0; m < 2; ++m) {
      for (std::int64_t j = 0; j < axes[m].cols(); ++j) {
        if (std::abs(axes[m](c, j)) > std::abs(largest)) largest = axes[m](c, j);
      }
    }
    if (largest >= 0) continue;
    for (int m = 0; m < 2; ++m) {
      double* const row = axes[m].view().row(c);
      std::transform(row, row + axes[m].cols(), row, std::negate<>());
    }
  }
}

}  // namespace

std::vector<PairedAxes> PairedAxes::fit_each(Context& context, MatrixView<const float> images,
                                             MatrixView<const float> texts,
                                             std::span<const std::int64_t> dims,
                                             const PairedAxesOptions& options) {
  const HostRows<float> host_images(context, images), host_texts(context, texts);
  const PairRows pairs{host_images.view(), host_texts.view()};
  check_arguments(pairs, dims, options);
  if (dims.empty()) return {};
  const int threads = context.threads();
  const std::int64_t most = *std::max_element(dims.begin(), dims.end());
  const PairedCovariances covariances = paired_covariances(threads, pairs);
  if (most > covariances.rank && !options.complete) {
    check::fail(kName,
                "at most " + std::to_string(covariances.rank) + " dimensions, which " +
                    std::to_string(pairs.size()) + " pairs span",
                std::to_string(most));
  }
  std::optional<std::vector<ChosenSetting>> chosen;
  if (!options.setting) chosen = choose_settings(context, pairs, dims, options.folds);

  std::vector<PairedAxes> models;
  models.reserve(dims.size());
  for (std::size_t d = 0; d < dims.size(); ++d) {
    PairedAxes& model = models.emplace_back(PairedAxes());
    if (options.setting) model.setting_ = *options.setting;
    if (chosen) {
      model.setting_ = (*chosen)[d].setting;
      model.validation_mrr_ = (*chosen)[d].mrr;
    }
    const WhitenedPairs whitened(threads, covariances, model.setting_.ridge);
    const std::int64_t found = std::min(dims[d], covariances.coordinates());
    const Matrix<double> rotation = whitened.rotation(model.setting_, found);
    for (int m = 0; m < 2; ++m) {
      model.means_[m] = covariances.means[m];
      model.axes_[m] =
          cpu::product(threads, Transpose::no, rotation, Transpose::no, whitened.root(m));
      if (!covariances.basis.empty()) {
        model.axes_[m] =
            completed(threads, model.axes_[m], covariances, dims[d], model.setting_.ridge);
      }
      scale_to_unit(model.axes_[m]);
    }
    fix_signs(model.axes_);
  }
  return models;
}

PairedAxes PairedAxes::fit(Context& context, MatrixView<const float> images,
                           MatrixView<const float> texts, std::int64_t dim,
                           const PairedAxesOptions& options) {
  return std::move(fit_each(context, images, texts, {&dim, 1}, options).front());
}

void PairedAxes::transform(Context& context, MatrixView<const float> rows, Modality modality,
                           MatrixView<float> out) const {
  if (out.cols < 1 || out.cols > dim()) {
    check::fail(kName, "a dimension from 1 to " + std::to_string(dim()), std::to_string(out.cols));
  }
  centred_map(context, kName, rows, mean(modality), axes(modality).row_range(0, out.cols), out);
}

Matrix<float> PairedAxes::transform(Context& context, MatrixView<const float> rows,
                                    Modality modality) const {
  Matrix<float> out(context, rows.rows, dim());
  transform(context, rows, modality, out.view());
  return out;
}

void PairedAxes::save(const std::filesystem::path& path) const {
  ArchiveWriter archive(kKind, kVersion);
  archive.add("setting", std::vector<double>{setting_.ridge, setting_.mixture, setting_.images});
  archive.add("validation_mrr", std::isnan(validation_mrr_) ? kNotValidated : validation_mrr_);
  for (const Modality modality : {Modality::image, Modality::text}) {
    const std::string name = to_string(modality);
    archive.add("means." + name, means_[modality == Modality::image ? 0 : 1]);
    archive.add<double>("axes." + name, axes(modality));
  }
  archive.write(path);
}

PairedAxes PairedAxes::load(const std::filesystem::path& path) {
  const ArchiveReader archive(path, kKind, kVersion);
  PairedAxes model;
  const std::vector<double> setting = archive.vector<double>("setting", 3);
  archive.expect_within("setting", std::vector<double>{setting[1], setting[2]}, 0, 1);
  if (!(setting[0] > 0)) archive.fail("a ridge above 0", std::to_string(setting[0]));
  model.setting_ = {.ridge = setting[0], .mixture = setting[1], .images = setting[2]};
  const auto mrr = archive.number<double>("validation_mrr", kNotValidated, 1);
  if (mrr != kNotValidated) model.validation_mrr_ = mrr;
  for (const Modality modality : {Modality::image, Modality::text}) {
    const std::string name = to_string(modality);
    const int m = modality == Modality::image ? 0 : 1;
    model.axes_[m] = archive.matrix<double>("axes." + name);
    const Matrix<double>& axes = model.axes_[m];
    if (axes.rows() < 1 || axes.rows() > axes.cols()) {
      archive.fail("axes of 1 row or more, no more than columns",
                   check::shape(axes.rows(), axes.cols()));
    }
    if (m == 1 && (axes.rows() != model.axes_[0].rows() || axes.cols() != model.axes_[0].cols())) {
      archive.fail("axes of both modalities of one shape", check::shape(axes.rows(), axes.cols()));
    }
    model.means_[m] = archive.vector<double>("means." + name, axes.cols());
  }
  return model;
}

}  // namespace clipk
