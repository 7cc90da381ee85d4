#include "clipk/models/binary_quantizer.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "clipk/core/check_finite.hpp"
#include "clipk/core/random.hpp"
#include "clipk/io/archive.hpp"
#include "core/check.hpp"
#include "core/enum_names.hpp"
#include "core/host_rows.hpp"
#include "core/parallel.hpp"
#include "linalg/gemm.hpp"
#include "linalg/householder.hpp"
#include "models/quantization/check_columns.hpp"
#include "models/quantization/learned_rotation.hpp"

namespace clipk {
namespace {

using cpu::Transpose;

constexpr const char* kName = "binary_quantizer";
constexpr const char* kKind = "binary_quantizer model";
constexpr std::uint32_t kVersion = 1;  // of the archive
constexpr std::int64_t kGrainCols = 128;
constexpr std::int64_t kGrainRows = 256;

std::vector<double> mean_of(int threads, MatrixView<const float> rows) {
  std::vector<double> mean(static_cast<std::size_t>(rows.cols));
  cpu::parallel_chunks(threads, rows.cols, kGrainCols, [&](std::int64_t first, std::int64_t count) {
    double* sum = mean.data() + first;
    for (std::int64_t i = 0; i < rows.rows; ++i) {
      const float* row = rows.row(i) + first;
      for (std::int64_t j = 0; j < count; ++j) sum[j] += static_cast<double>(row[j]);
    }
    for (std::int64_t j = 0; j < count; ++j) sum[j] /= static_cast<double>(rows.rows);
  });
  return mean;
}

Matrix<double> centred(MatrixView<const float> rows, const std::vector<double>& mean) {
  Matrix<double> result(rows.rows, rows.cols);
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    for (std::int64_t j = 0; j < rows.cols; ++j) {
      result(i, j) = static_cast<double>(rows(i, j)) - mean[static_cast<std::size_t>(j)];
    }
  }
  return result;
}

// Orthonormal rows that span what the rows of a standard normal matrix do: of random direction.
Matrix<double> random_rotation(int threads, std::int64_t dim, std::uint64_t seed) {
  Matrix<double> rows(dim, dim);
  cpu::parallel_for(threads, dim, [&](std::int64_t r) {
    Random random(seed, RandomStream::binary_rotation, static_cast<std::uint32_t>(r));
    for (std::int64_t c = 0; c < dim; ++c) rows(r, c) = random.normal();
  });
  return cpu::orthonormal_rows(threads, rows, dim);
}

}  // namespace

const char* to_string(BinaryRotation rotation) {
  switch (rotation) {
    case BinaryRotation::none:
      return "none";
    case BinaryRotation::random:
      return "random";
    case BinaryRotation::learned:
      break;
  }
  return "learned";
}

BinaryRotation binary_rotation_named(std::string_view name) {
  return named("rotation", name,
               {BinaryRotation::none, BinaryRotation::random, BinaryRotation::learned});
}

BinaryQuantizer BinaryQuantizer::fit(Context& context, MatrixView<const float> rows,
                                     const BinaryQuantizerOptions& options) {
  if (rows.empty()) {
    check::fail(kName, "at least 1 row and 1 column", check::shape(rows.rows, rows.cols));
  }
  const bool learned = options.rotation == BinaryRotation::learned;
  if (learned && options.iterations < 1) {
    check::fail(kName, "at least 1 iteration", std::to_string(options.iterations));
  }
  const HostRows<float> fetched(context, rows);
  const MatrixView<const float> host = fetched.view();
  check_finite(host, std::string(kName) + " rows");
  BinaryQuantizer result;
  result.rotation_ = options.rotation;
  result.mean_ = mean_of(context.threads(), host);
  if (options.rotation == BinaryRotation::none) return result;
  result.axes_ = random_rotation(context.threads(), rows.cols, context.seed());
  if (learned) {
    result.axes_ = learned_rotation(context.threads(), centred(host, result.mean_),
                                    std::move(result.axes_), options.iterations);
  }
  return result;
}

// R (row - mean) of every row. Runs on the calling thread.
Matrix<double> BinaryQuantizer::turned(MatrixView<const float> rows) const {
  Matrix<double> apart = centred(rows, mean_);
  if (rotation_ == BinaryRotation::none) return apart;
  Matrix<double> result(rows.rows, dim());
  cpu::gemm(1, Transpose::no, Transpose::yes, rows.rows, dim(), dim(), 1.0, apart.data(), dim(),
            axes_.data(), dim(), 0.0, result.data(), dim());
  return result;
}

Matrix<std::uint8_t> BinaryQuantizer::encode(Context& context, MatrixView<const float> rows) const {
  check_columns(kName, "rows", rows.rows, dim(), rows.cols);
  Matrix<std::uint8_t> codes(rows.rows, bytes_per_vector());
  const HostRows<float> fetched(context, rows);
  check_finite(fetched.view(), std::string(kName) + " rows");
  cpu::parallel_chunks(
      context.threads(), rows.rows, kGrainRows, [&](std::int64_t first, std::int64_t count) {
        const Matrix<double> values = turned(fetched.view().row_range(first, count));
        for (std::int64_t i = 0; i < count; ++i) {
          std::uint8_t* code = codes.view().row(first + i);
          for (std::int64_t j = 0; j < dim(); ++j) {
            const int bit = values(i, j) >= 0 ? 1 : 0;
            code[j / 8] = static_cast<std::uint8_t>(code[j / 8] | bit << j % 8);
          }
        }
      });
  return context.device() == Device::cpu ? std::move(codes) : codes.to_device(context);
}

Matrix<float> BinaryQuantizer::decode(Context& context,
                                      MatrixView<const std::uint8_t> codes) const {
  check_columns(kName, "codes", codes.rows, bytes_per_vector(), codes.cols);
  Matrix<float> rows(codes.rows, dim());
  const HostRows<std::uint8_t> fetched(context, codes);
  const double unit = 1 / std::sqrt(static_cast<double>(dim()));
  cpu::parallel_chunks(
      context.threads(), codes.rows, kGrainRows, [&](std::int64_t first, std::int64_t count) {
        Matrix<double> signs(count, dim());
        for (std::int64_t i = 0; i < count; ++i) {
          const std::uint8_t* code = fetched.view().row(first + i);
          for (std::int64_t j = 0; j < dim(); ++j) {
            signs(i, j) = (code[j / 8] >> j % 8 & 1) != 0 ? unit : -unit;
          }
        }
        if (rotation_ != BinaryRotation::none) {
          Matrix<double> back(count, dim());
          cpu::gemm(1, Transpose::no, Transpose::no, count, dim(), dim(), 1.0, signs.data(), dim(),
                    axes_.data(), dim(), 0.0, back.data(), dim());
          signs = std::move(back);
        }
        std::transform(signs.data(), signs.data() + count * dim(), rows.view().row(first),
                       [](double value) { return static_cast<float>(value); });
      });
  return context.device() == Device::cpu ? std::move(rows) : rows.to_device(context);
}

void BinaryQuantizer::save(const std::filesystem::path& path) const {
  ArchiveWriter archive(kKind, kVersion);
  archive.add("rotation", to_string(rotation_));
  archive.add("mean", mean_);
  if (rotation_ != BinaryRotation::none) archive.add("axes", axes_);
  archive.write(path);
}

BinaryQuantizer BinaryQuantizer::load(const std::filesystem::path& path) {
  const ArchiveReader archive(path, kKind, kVersion);
  BinaryQuantizer result;
  result.rotation_ =
      archive.naming([&] { return binary_rotation_named(archive.text("rotation")); });
  result.mean_ = archive.vector<double>("mean");
  if (result.mean_.empty()) archive.fail("at least 1 column", "none");
  if (result.rotation_ == BinaryRotation::none) return result;
  archive.expect_matrix<double>("axes", result.dim(), result.dim());
  result.axes_ = archive.matrix<double>("axes");
  for (std::int64_t r = 0; r < result.dim(); ++r) {
    const double* row = result.axes_.view().row(r);
    double square = 0;
    for (std::int64_t c = 0; c < result.dim(); ++c) square += row[c] * row[c];
    if (std::fabs(square - 1) < 1e-6) continue;
    archive.fail("axes of length 1",
                 std::to_string(std::sqrt(square)) + " in row " + std::to_string(r));
  }
  return result;
}

}  // namespace clipk
