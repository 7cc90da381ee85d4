#include "clipk/models/pca.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <string>

#include "clipk/core/check_finite.hpp"
#include "clipk/io/archive.hpp"
#include "core/check.hpp"
#include "core/host_rows.hpp"
#include "core/parallel.hpp"
#include "linalg/gemm.hpp"
#include "linalg/householder.hpp"
#include "linalg/matrix_algebra.hpp"
#include "linalg/symmetric_eigen.hpp"
#include "models/centred_map.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "pca";
constexpr const char* kKind = "pca model";
constexpr std::uint32_t kVersion = 1;     // of the archive
constexpr std::int64_t kBlockRows = 512;  // of double-precision rows held at a time

using cpu::Transpose;

// The rows of the fit: one set, or images and then texts.
struct Sets {
  std::vector<MatrixView<const float>> sets;
  std::vector<const double*> means;  // [D] per set

  std::int64_t dim() const { return sets[0].cols; }
  std::int64_t rows() const {
    return std::accumulate(sets.begin(), sets.end(), std::int64_t{0},
                           [](std::int64_t n, const auto& set) { return n + set.rows; });
  }
};

// out [count, D] = rows - mean, in double.
void center(int threads, MatrixView<const float> rows, const double* mean, double* out) {
  cpu::parallel_chunks(threads, rows.rows, 256, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t i = first; i < first + count; ++i) {
      const float* row = rows.row(i);
      double* to = out + i * rows.cols;
      for (std::int64_t j = 0; j < rows.cols; ++j) to[j] = static_cast<double>(row[j]) - mean[j];
    }
  });
}

void add_rows(int threads, MatrixView<const float> rows, double* sums) {
  cpu::parallel_chunks(threads, rows.cols, 128, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t i = 0; i < rows.rows; ++i) {
      const float* row = rows.row(i) + first;
      double* sum = sums + first;
      for (std::int64_t j = 0; j < count; ++j) sum[j] += static_cast<double>(row[j]);
    }
  });
}

// The means [2, D] that are subtracted, by modality. One set counts as both.
std::vector<double> means_of(int threads, const std::vector<MatrixView<const float>>& sets,
                             Centering centering) {
  const std::int64_t dim = sets[0].cols;
  std::vector<double> means(static_cast<std::size_t>(2 * dim));
  if (centering == Centering::none) return means;
  const auto scale = [&](std::int64_t first, std::int64_t rows) {
    for (std::int64_t j = first; j < first + dim; ++j) {
      means[static_cast<std::size_t>(j)] /= static_cast<double>(rows);
    }
  };
  if (centering == Centering::pooled || sets.size() == 1) {
    std::int64_t rows = 0;
    for (const auto& set : sets) {
      add_rows(threads, set, means.data());
      rows += set.rows;
    }
    scale(0, rows);
    std::copy_n(means.begin(), dim, means.begin() + dim);
  } else {
    for (std::int64_t s = 0; s < 2; ++s) {
      add_rows(threads, sets[static_cast<std::size_t>(s)], means.data() + s * dim);
      scale(s * dim, sets[static_cast<std::size_t>(s)].rows);
    }
  }
  return means;
}

// Whether the rows of each set with its own mean are exactly equal, so that nothing is left
// to reduce.
bool all_equal(const std::vector<MatrixView<const float>>& sets, Centering centering) {
  const float* first = sets[0].row(0);
  for (const auto& set : sets) {
    if (centering == Centering::per_modality) first = set.row(0);
    for (std::int64_t i = 0; i < set.rows; ++i) {
      if (!std::equal(first, first + set.cols, set.row(i))) return false;
    }
  }
  return true;
}

// sum of row^T row [D, D], over blocks of rows in order.
Matrix<double> scatter_of(int threads, const Sets& data) {
  const std::int64_t dim = data.dim();
  Matrix<double> scatter(dim, dim);
  std::vector<double> block;
  for (std::size_t s = 0; s < data.sets.size(); ++s) {
    for (std::int64_t first = 0; first < data.sets[s].rows; first += kBlockRows) {
      const std::int64_t count = std::min(kBlockRows, data.sets[s].rows - first);
      block.resize(static_cast<std::size_t>(count * dim));
      center(threads, data.sets[s].row_range(first, count), data.means[s], block.data());
      cpu::gemm_symmetric(threads, Transpose::yes, dim, count, 1.0, block.data(), dim, 1.0,
                          scatter.data(), dim);
    }
  }
  return scatter;
}

// All centred rows, stacked [N, D].
Matrix<double> stacked(int threads, const Sets& data) {
  Matrix<double> rows(data.rows(), data.dim());
  std::int64_t first = 0;
  for (std::size_t s = 0; s < data.sets.size(); ++s) {
    center(threads, data.sets[s], data.means[s], rows.view().row(first));
    first += data.sets[s].rows;
  }
  return rows;
}

struct Basis {
  Matrix<double> rows;          // [components, D], orthonormal
  std::vector<double> squares;  // of the singular values
  double total = 0;             // of the squares of all centred rows
};

Basis basis_from_scatter(int threads, const Sets& data, std::int64_t components) {
  const Matrix<double> scatter = scatter_of(threads, data);
  const cpu::SymmetricEigen eigen = cpu::symmetric_eigen(threads, scatter);
  Basis basis{Matrix<double>(components, data.dim()), {}, cpu::trace(scatter)};
  for (std::int64_t c = 0; c < components; ++c) {
    const std::int64_t from = data.dim() - 1 - c;  // the largest come last
    std::copy_n(eigen.vectors.view().row(from), data.dim(), basis.rows.view().row(c));
    basis.squares.push_back(std::max(eigen.values[static_cast<std::size_t>(from)], 0.0));
  }
  return basis;
}

// For fewer rows than dimensions: eigenvectors u of the Gram matrix give v = rows^T u / |.|. Other
// directions complete the basis.
Basis basis_from_gram(int threads, const Sets& data, std::int64_t components) {
  const Matrix<double> rows = stacked(threads, data);
  const std::int64_t n = rows.rows();
  const std::int64_t dim = rows.cols();
  Matrix<double> gram(n, n);
  cpu::gemm_symmetric(threads, Transpose::no, n, dim, 1.0, rows.data(), dim, 0.0, gram.data(), n);
  const cpu::SymmetricEigen eigen = cpu::symmetric_eigen(threads, gram);
  const double floor =
      eigen.values.back() * static_cast<double>(dim) * std::numeric_limits<double>::epsilon();
  Basis basis{{}, {}, cpu::trace(gram)};
  for (auto value = eigen.values.rbegin(); value != eigen.values.rend() && *value > floor;
       ++value) {
    if (static_cast<std::int64_t>(basis.squares.size()) == components) break;
    basis.squares.push_back(*value);
  }
  const auto rank = static_cast<std::int64_t>(basis.squares.size());
  Matrix<double> vectors(rank, n), directions(rank, dim);
  for (std::int64_t c = 0; c < rank; ++c) {
    std::copy_n(eigen.vectors.view().row(n - 1 - c), n, vectors.view().row(c));
  }
  cpu::gemm(threads, Transpose::no, Transpose::no, rank, dim, n, 1.0, vectors.data(), n,
            rows.data(), dim, 0.0, directions.data(), dim);
  // The small directions are orthogonal to the others only up to rounding; reflectors make them
  // exactly so.
  basis.rows = cpu::orthonormal_rows(threads, directions, components);
  basis.squares.resize(static_cast<std::size_t>(components));
  return basis;
}

void fix_signs(Matrix<double>& rows) {
  for (std::int64_t c = 0; c < rows.rows(); ++c) {
    double* const row = rows.view().row(c);
    const double* const largest = std::max_element(
        row, row + rows.cols(), [](double a, double b) { return std::abs(a) < std::abs(b); });
    if (*largest < 0) std::transform(row, row + rows.cols(), row, std::negate<>());
  }
}

}  // namespace

const char* to_string(Centering centering) {
  switch (centering) {
    case Centering::per_modality:
      return "per_modality";
    case Centering::pooled:
      return "pooled";
    case Centering::none:
      break;
  }
  return "none";
}

Pca Pca::fit(Context& context, const std::vector<MatrixView<const float>>& sets,
             const PcaOptions& options) {
  const std::int64_t dim = sets[0].cols;
  const std::int64_t components = options.components == 0 ? dim : options.components;
  if (components < 1 || components > dim) {
    check::fail(kName, "a dimension from 1 to " + std::to_string(dim),
                std::to_string(options.components));
  }
  for (std::size_t s = 0; s < sets.size(); ++s) {
    const char* name = sets.size() == 1 ? "rows" : s == 0 ? "images" : "texts";
    check_finite(sets[s], std::string(kName) + " " + name);
  }
  if (all_equal(sets, options.centering)) {
    check::fail(kName, "rows that differ", std::to_string(sets[0].rows) + " equal rows");
  }
  Pca pca;
  pca.centering_ = options.centering;
  pca.dim_ = dim;
  const int threads = context.threads();
  pca.means_ = means_of(threads, sets, options.centering);
  Sets data{sets, {pca.means_.data(), pca.means_.data() + dim}};
  Basis basis = data.rows() < dim ? basis_from_gram(threads, data, components)
                                  : basis_from_scatter(threads, data, components);

  fix_signs(basis.rows);
  pca.components_.assign(basis.rows.data(), basis.rows.data() + components * dim);
  const auto freedom = static_cast<double>(data.rows() - 1);
  for (const double square : basis.squares) pca.variance_.push_back(square / freedom);
  pca.total_variance_ = basis.total / freedom;
  return pca;
}

Pca Pca::fit(Context& context, MatrixView<const float> images, MatrixView<const float> texts,
             const PcaOptions& options) {
  if (texts.rows != images.rows || texts.cols != images.cols) {
    check::fail(kName, "texts of shape " + check::shape(images.rows, images.cols),
                check::shape(texts.rows, texts.cols));
  }
  if (images.rows < 2) check::fail(kName, "at least 2 pairs", std::to_string(images.rows));
  if (images.cols < 1) check::fail(kName, "rows of dimension 1 or more", "0");
  const HostRows<float> host_images(context, images);
  const HostRows<float> host_texts(context, texts);
  return fit(context, std::vector{host_images.view(), host_texts.view()}, options);
}

Pca Pca::fit(Context& context, MatrixView<const float> rows, const PcaOptions& options) {
  if (rows.rows < 2) check::fail(kName, "at least 2 rows", std::to_string(rows.rows));
  if (rows.cols < 1) check::fail(kName, "rows of dimension 1 or more", "0");
  const HostRows<float> host(context, rows);
  return fit(context, std::vector{host.view()}, options);
}

MatrixView<const double> Pca::components() const {
  return {components_.data(), components_kept(), dim_};
}

VectorView<const double> Pca::mean(Modality modality) const {
  return {means_.data() + (modality == Modality::image ? 0 : dim_), dim_};
}

std::vector<double> Pca::explained_variance_ratio() const {
  std::vector<double> ratio = variance_;
  for (double& value : ratio) value /= total_variance_;
  return ratio;
}

void Pca::transform(Context& context, MatrixView<const float> rows, Modality modality,
                    MatrixView<float> out) const {
  if (out.cols < 1 || out.cols > components_kept()) {
    check::fail(kName, "a dimension from 1 to " + std::to_string(components_kept()),
                std::to_string(out.cols));
  }
  centred_map(context, kName, rows, mean(modality), components().row_range(0, out.cols), out);
}

Matrix<float> Pca::transform(Context& context, MatrixView<const float> rows, Modality modality,
                             std::int64_t dim) const {
  Matrix<float> out(context, rows.rows, std::max<std::int64_t>(dim, 0));
  transform(context, rows, modality, out.view());
  return out;
}

void Pca::inverse_transform(Context& context, MatrixView<const float> codes, Modality modality,
                            MatrixView<float> out) const {
  if (codes.cols < 1 || codes.cols > components_kept()) {
    check::fail(kName, "codes of 1 to " + std::to_string(components_kept()) + " columns",
                std::to_string(codes.cols));
  }
  check::matrix(kName, "out", context, out, codes.rows, dim_);
  if (codes.rows == 0) return;
  const HostRows<float> host(context, codes);
  Matrix<float> result(codes.rows, dim_);
  const VectorView<const double> mean = this->mean(modality);
  cpu::parallel_chunks(context.threads(), codes.rows, 64,
                       [&](std::int64_t first, std::int64_t count) {
                         std::vector<double> row(static_cast<std::size_t>(dim_));
                         for (std::int64_t i = first; i < first + count; ++i) {
                           std::copy(mean.begin(), mean.end(), row.begin());
                           for (std::int64_t c = 0; c < codes.cols; ++c) {
                             const double weight = double{host.view()(i, c)};
                             const double* component = components().row(c);
                             for (std::size_t j = 0; j < row.size(); ++j)
                               row[j] += weight * component[j];
                           }
                           std::transform(row.begin(), row.end(), result.view().row(i),
                                          [](double value) { return static_cast<float>(value); });
                         }
                       });
  copy<float>(context, result, out);
}

Matrix<float> Pca::inverse_transform(Context& context, MatrixView<const float> codes,
                                     Modality modality) const {
  Matrix<float> out(context, codes.rows, dim_);
  inverse_transform(context, codes, modality, out.view());
  return out;
}

void Pca::save(const std::filesystem::path& path) const {
  ArchiveWriter archive(kKind, kVersion);
  archive.add("centering", to_string(centering_));
  archive.add("means", means_);
  archive.add<double>("components", components());
  archive.add("variance", variance_);
  archive.add("total_variance", total_variance_);
  archive.write(path);
}

Pca Pca::load(const std::filesystem::path& path) {
  const ArchiveReader archive(path, kKind, kVersion);
  Pca pca;
  const std::string centering = archive.text("centering");
  const std::array all{Centering::per_modality, Centering::pooled, Centering::none};
  const auto* const found = std::find_if(all.begin(), all.end(), [&](Centering candidate) {
    return centering == to_string(candidate);
  });
  if (found == all.end()) archive.fail("a centering per_modality, pooled or none", centering);
  pca.centering_ = *found;
  const Matrix<double> components = archive.matrix<double>("components");
  if (components.rows() < 1 || components.rows() > components.cols()) {
    archive.fail("at least 1 component, and no more than columns",
                 check::shape(components.rows(), components.cols()));
  }
  pca.means_ = archive.vector<double>("means", 2 * components.cols());
  pca.dim_ = components.cols();
  pca.components_.assign(components.data(),
                         components.data() + components.rows() * components.cols());
  pca.variance_ = archive.vector<double>("variance", components.rows());
  pca.total_variance_ = archive.number<double>("total_variance");
  return pca;
}

}  // namespace clipk
