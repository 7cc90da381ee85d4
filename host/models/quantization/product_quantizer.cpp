#include "clipk/models/product_quantizer.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "clipk/core/check_finite.hpp"
#include "clipk/core/random.hpp"
#include "clipk/core/select_rows.hpp"
#include "clipk/io/archive.hpp"
#include "core/check.hpp"
#include "core/host_rows.hpp"
#include "core/parallel.hpp"
#include "linalg/matrix_algebra.hpp"
#include "models/quantization/pq_centroids.hpp"
#include "models/quantization/pq_codes.hpp"
#include "models/quantization/pq_rotation.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "product_quantizer";
constexpr const char* kKind = "product_quantizer model";
constexpr std::uint32_t kVersion = 1;       // of the archive
constexpr std::int64_t kMostRows = 65536;   // that a fit uses
constexpr std::int64_t kShuffledRows = 16;  // for each centroid: of more, those used are drawn
constexpr std::int64_t kBlockRows = 16384;  // coded or decoded at a time
constexpr std::int64_t kMostLevels = 16;
constexpr float kMostValue = 1e15F;  // whose squares float32 can still add

void check_options(MatrixView<const float> rows, const ProductQuantizerOptions& options) {
  if (rows.cols < 1) check::fail(kName, "rows of dimension 1 or more", "0");
  if (options.subvectors < 1 || options.subvectors > rows.cols) {
    check::fail(kName, "1 to " + std::to_string(rows.cols) + " subvectors for as many columns",
                std::to_string(options.subvectors));
  }
  if (options.centroids != 16 && options.centroids != 256) {
    check::fail(kName, "16 or 256 centroids", std::to_string(options.centroids));
  }
  if (options.levels < 1 || options.levels > kMostLevels) {
    check::fail(kName, "1 to " + std::to_string(kMostLevels) + " levels",
                std::to_string(options.levels));
  }
  if (options.iterations < 1) {
    check::fail(kName, "at least 1 iteration", std::to_string(options.iterations));
  }
  if (options.rotation_iterations < 0) {
    check::fail(kName, "at least 0 rotation iterations",
                std::to_string(options.rotation_iterations));
  }
  if (rows.rows < options.centroids) {
    const std::string centroids = std::to_string(options.centroids);
    check::fail(kName, "at least " + centroids + " rows for " + centroids + " centroids",
                std::to_string(rows.rows));
  }
}

void check_values(MatrixView<const float> rows) {
  check_finite(rows, std::string(kName) + " rows");
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    const float* row = rows.row(i);
    const float* const found = std::find_if(
        row, row + rows.cols, [](float value) { return std::abs(value) > kMostValue; });
    if (found == row + rows.cols) continue;
    check::fail(kName, "values of at most 1e15",
                std::to_string(*found) + " in row " + std::to_string(i));
  }
}

// The rows of a fit, in random order where k-means++ or all of it uses a part of them.
Matrix<float> training_rows(const Context& context, MatrixView<const float> rows,
                            std::int64_t centroids) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(rows.rows));
  if (rows.rows > kShuffledRows * centroids) {
    order = Random(context.seed(), RandomStream::quantizer_rows).permutation(rows.rows);
    order.resize(static_cast<std::size_t>(std::min(rows.rows, kMostRows)));
  } else {
    std::iota(order.begin(), order.end(), 0);
  }
  return select_rows(rows, order);
}

}  // namespace

const char* to_string(PqRotation rotation) {
  return rotation == PqRotation::learned ? "learned" : "none";
}

ProductQuantizer ProductQuantizer::fit(Context& context, MatrixView<const float> rows,
                                       const ProductQuantizerOptions& options) {
  check_options(rows, options);
  const int threads = context.threads();
  const std::int64_t m = options.subvectors, centroids = options.centroids;
  Matrix<float> training;
  {
    const HostRows<float> host(context, rows);
    check_values(host.view());
    training = training_rows(context, host.view(), centroids);
  }
  ProductQuantizer model;
  model.subvectors_ = m;
  model.codebooks_.reserve(static_cast<std::size_t>(options.levels));
  Matrix<float> start;  // of the first level
  if (options.rotation == PqRotation::learned) {
    PqRotated learned =
        pq_learn_rotation(context, training, m, centroids, options.rotation_iterations);
    model.rotation_ = std::move(learned.rotation);
    start = std::move(learned.codebook);
    training = pq_rotate(context, training.to_device(context), model.rotation_.to_device(context))
                   .to_host(context);
  }
  for (std::int64_t level = 0; level < options.levels; ++level) {
    PqRows left(context, std::move(training));
    PqClusters clusters =
        level == 0 && !start.empty()
            ? pq_recluster(context, left, m, start, options.iterations)
            : pq_cluster(context, left, m, centroids, options.iterations, level * m);
    training = left.take_host();
    if (level + 1 < options.levels) {
      pq_subtract(threads, clusters.codebook, clusters.labels, training.view());
    }
    model.codebooks_.push_back(std::move(clusters.codebook));
  }
  return model;
}

std::int64_t ProductQuantizer::bytes_per_level() const {
  return pq_bytes(subvectors_, centroids());
}

std::int64_t ProductQuantizer::levels_of(std::int64_t bytes) const {
  const std::int64_t used = bytes / bytes_per_level();
  if (bytes % bytes_per_level() != 0 || used < 1 || used > levels()) {
    check::fail(kName, "codes of " + std::to_string(bytes_per_vector()) + " bytes",
                std::to_string(bytes));
  }
  return used;
}

std::int64_t ProductQuantizer::first_column(std::int64_t s) const {
  return pq_first_column(dim(), subvectors_, s);
}

Matrix<std::uint8_t> ProductQuantizer::encode(Context& context,
                                              MatrixView<const float> rows) const {
  if (rows.cols != dim()) {
    check::fail(kName, "rows of shape " + check::shape(rows.rows, dim()),
                check::shape(rows.rows, rows.cols));
  }
  const HostRows<float> host(context, rows);
  check_values(host.view());
  const bool on_cpu = context.device() == Device::cpu;
  const Matrix<float> rotation = rotation_.to_device(context);
  std::vector<Matrix<float>> codebooks;
  codebooks.reserve(codebooks_.size());
  for (const Matrix<float>& codebook : codebooks_) {
    codebooks.push_back(codebook.to_device(context));
  }
  Matrix<std::uint8_t> codes(rows.rows, bytes_per_vector());
  for (std::int64_t first = 0; first < rows.rows; first += kBlockRows) {
    const std::int64_t count = std::min(kBlockRows, rows.rows - first);
    const MatrixView<const float> block = host.view().row_range(first, count);
    Matrix<float> left;  // what the levels so far leave, on the host
    MatrixView<const float> device = block;
    Matrix<float> moved, rotated;
    if (!on_cpu) {
      moved = Matrix<float>::copy_of(context, block);
      device = std::as_const(moved).view();
    }
    if (!rotation.empty()) {
      rotated = pq_rotate(context, device, rotation);
      device = std::as_const(rotated).view();
    }
    for (std::size_t level = 0; level < codebooks_.size(); ++level) {
      const Matrix<std::int32_t> labels = pq_labels(context, device, subvectors_, codebooks[level]);
      const std::int64_t at = static_cast<std::int64_t>(level) * bytes_per_level();
      cpu::parallel_chunks(context.threads(), count, 256, [&](std::int64_t from, std::int64_t n) {
        for (std::int64_t s = 0; s < subvectors_; ++s) {
          for (std::int64_t i = from; i < from + n; ++i) {
            set_pq_code(codes.view().row(first + i) + at, centroids(), s, labels(s, i));
          }
        }
      });
      if (level + 1 == codebooks_.size()) break;
      if (level == 0) {
        left = Matrix<float>(count, dim());
        copy<float>(context, device, left.view());
      }
      pq_subtract(context.threads(), codebooks_[level], labels, left.view());
      device = std::as_const(left).view();
      if (!on_cpu) {
        moved = left.to_device(context);
        device = std::as_const(moved).view();
      }
    }
  }
  return codes.to_device(context);
}

Matrix<float> ProductQuantizer::decode(Context& context,
                                       MatrixView<const std::uint8_t> codes) const {
  const std::int64_t bytes = bytes_per_level();
  const std::int64_t used = levels_of(codes.cols);
  const HostRows<std::uint8_t> host(context, codes);
  Matrix<float> result(context, codes.rows, dim());
  Matrix<float> back;
  if (!rotation_.empty()) {
    Matrix<float> transposed(dim(), dim());
    for (std::int64_t i = 0; i < dim(); ++i) {
      for (std::int64_t j = 0; j < dim(); ++j) transposed(j, i) = rotation_(i, j);
    }
    back = transposed.to_device(context);
  }
  for (std::int64_t first = 0; first < codes.rows; first += kBlockRows) {
    const std::int64_t count = std::min(kBlockRows, codes.rows - first);
    Matrix<float> sums(count, dim());
    cpu::parallel_chunks(context.threads(), count, 256, [&](std::int64_t from, std::int64_t n) {
      for (std::int64_t i = from; i < from + n; ++i) {
        float* const to = sums.view().row(i);
        for (std::int64_t level = 0; level < used; ++level) {
          const std::uint8_t* const code = host.view().row(first + i) + level * bytes;
          for (std::int64_t s = 0; s < subvectors_; ++s) {
            const float* const centroid = codebook(level).view().row(pq_code(code, centroids(), s));
            const std::int64_t end = first_column(s + 1);
            for (std::int64_t j = first_column(s); j < end; ++j) to[j] += centroid[j];
          }
        }
      }
    });
    const MatrixView<float> out = result.view().row_range(first, count);
    if (back.empty()) {
      copy<float>(context, sums, out);
    } else {
      copy<float>(context, pq_rotate(context, sums.to_device(context), back), out);
    }
  }
  return result;
}

void ProductQuantizer::save(const std::filesystem::path& path) const {
  ArchiveWriter archive(kKind, kVersion);
  archive.add("subvectors", subvectors_);
  archive.add("levels", levels());
  archive.add("rotation_kind",
              to_string(rotation_.empty() ? PqRotation::none : PqRotation::learned));
  if (!rotation_.empty()) archive.add("rotation", rotation_);
  for (std::int64_t level = 0; level < levels(); ++level) {
    archive.add("codebook_" + std::to_string(level), codebook(level));
  }
  archive.write(path);
}

ProductQuantizer ProductQuantizer::load(const std::filesystem::path& path) {
  const ArchiveReader archive(path, kKind, kVersion);
  ProductQuantizer model;
  const auto levels = archive.number<std::int64_t>("levels", 1, kMostLevels);
  model.codebooks_.reserve(static_cast<std::size_t>(levels));
  for (std::int64_t level = 0; level < levels; ++level) {
    const std::string name = "codebook_" + std::to_string(level);
    if (level > 0) archive.expect_matrix<float>(name, model.centroids(), model.dim());
    model.codebooks_.push_back(archive.matrix<float>(name));
    if (level > 0) continue;
    if ((model.centroids() != 16 && model.centroids() != 256) || model.dim() < 1) {
      archive.fail("a codebook of 16 or 256 centroids of at least 1 column",
                   check::shape(model.centroids(), model.dim()));
    }
  }
  model.subvectors_ = archive.number<std::int64_t>("subvectors", 1, model.dim());
  const std::string rotation = archive.text("rotation_kind");
  if (rotation == to_string(PqRotation::learned)) {
    archive.expect_matrix<float>("rotation", model.dim(), model.dim());
    model.rotation_ = archive.matrix<float>("rotation");
  } else if (rotation != to_string(PqRotation::none)) {
    archive.fail("a rotation none or learned", rotation);
  }
  return model;
}

}  // namespace clipk
