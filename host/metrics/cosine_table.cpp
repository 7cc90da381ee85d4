#include "clipk/metrics/cosine_table.hpp"

#include <algorithm>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "clipk/core/error.hpp"
#include "clipk/ops/dense.hpp"
#include "clipk/ops/nearest.hpp"
#include "cpu/cosine_tops.hpp"
#include "cpu/distance_tile.hpp"
#include "cpu/gemm.hpp"
#include "cpu/parallel.hpp"
#include "metrics/host_rows.hpp"
#include "metrics/unit_rows.hpp"
#include "ops/check.hpp"

namespace clipk {
namespace {

constexpr const char* kTable = "cosine_table";
constexpr const char* kTops = "cosine_tops";
constexpr std::int64_t kBlockBytes = std::int64_t{16} << 20;
constexpr std::int64_t kMostNeighbors = 128;

void flip(MatrixView<float> distances) {
  for (std::int64_t i = 0; i < distances.rows; ++i) {
    for (std::int64_t j = 0; j < distances.cols; ++j) distances(i, j) = 1 - distances(i, j);
  }
}

// Whether products and squares of the rows stay within float32 (and the rows are numbers at all).
bool usable(std::span<const float> scales) {
  return std::all_of(scales.begin(), scales.end(),
                     [](float scale) { return scale >= 1e-15F && scale <= 1e15F; });
}

// A block of the table, in tiles that are scaled while they are in cache: no copy of the images,
// but where their lengths are extreme.
void cpu_block(int threads, MatrixView<const float> images, std::int64_t first_row,
               MatrixView<const float> unit_texts, MatrixView<float> table) {
  std::vector<float> scales(static_cast<std::size_t>(images.rows));
  cpu::parallel_chunks(
      threads, images.rows, cpu::kTileRows, [&](std::int64_t first, std::int64_t rows) {
        cpu::row_scales(Metric::cosine, images.row_range(first, rows), scales.data() + first);
        cpu::gemm_serial(cpu::Transpose::no, cpu::Transpose::yes, rows, unit_texts.rows,
                         images.cols, 1, images.row(first), images.stride, unit_texts.data,
                         unit_texts.stride, 0, table.row(first), table.stride);
        for (std::int64_t i = first; i < first + rows; ++i) {
          const float scale = scales[static_cast<std::size_t>(i)];
          float* row = table.row(i);
          for (std::int64_t j = 0; j < table.cols; ++j) row[j] *= scale;
        }
      });
  if (usable(scales)) return;
  cpu_block(threads, unit_rows(threads, images, "cosine_table: images", first_row), first_row,
            unit_texts, table);
}

// Rows and the reciprocals of their lengths; the rows are a copy at length one where their own
// lengths are extreme.
class ScaledSide {
 public:
  ScaledSide(int threads, MatrixView<const float> rows, const char* name)
      : rows_(rows), scales_(static_cast<std::size_t>(rows.rows)) {
    scale(threads);
    if (usable(scales_)) return;
    unit_ = unit_rows(threads, rows, name);
    rows_ = std::as_const(unit_).view();
    scale(threads);
  }
  MatrixView<const float> rows() const { return rows_; }
  const float* scales() const { return scales_.data(); }

 private:
  void scale(int threads) {
    cpu::parallel_chunks(
        threads, rows_.rows, cpu::kTileRows, [&](std::int64_t first, std::int64_t count) {
          cpu::row_scales(Metric::cosine, rows_.row_range(first, count), scales_.data() + first);
        });
  }

  MatrixView<const float> rows_;
  Matrix<float> unit_;
  std::vector<float> scales_;
};

}  // namespace

void cosine_table(
    Context& context, MatrixView<const float> images, MatrixView<const float> texts,
    const CosineTableOptions& options,
    const std::function<void(std::int64_t first, MatrixView<const float> cosines)>& visit) {
  if (images.cols != texts.cols || images.cols == 0) {
    check::fail(kTable, "texts as wide as images, of at least 1 column",
                std::to_string(texts.cols) + " beside " + std::to_string(images.cols));
  }
  if (options.block_rows < 0) {
    check::fail(kTable, "block_rows of at least 0", std::to_string(options.block_rows));
  }
  const std::int64_t widest = std::max({images.cols, texts.rows, std::int64_t{1}});
  const std::int64_t block = options.block_rows > 0
                                 ? options.block_rows
                                 : std::max<std::int64_t>(1, kBlockBytes / (4 * widest));
  const HostRows<float> text_rows(context, texts);
  const Matrix<float> unit_texts =
      unit_rows(context.threads(), text_rows.view(), "cosine_table: texts").to_device(context);
  Matrix<float> host(std::min(block, images.rows), texts.rows);
  for (std::int64_t first = 0; first < images.rows; first += block) {
    const std::int64_t count = std::min(block, images.rows - first);
    const HostRows<float> rows(context, images.row_range(first, count));
    const MatrixView<float> table = host.view().row_range(0, count);
    if (context.device() == Device::cpu) {
      cpu_block(context.threads(), rows.view(), first, unit_texts, table);
    } else {
      const Matrix<float> unit =
          unit_rows(context.threads(), rows.view(), "cosine_table: images", first)
              .to_device(context);
      Matrix<float> product(context, count, texts.rows);
      dense(context, unit, unit_texts, VectorView<const float>(), Activation::identity, product);
      copy<float>(context, std::as_const(product).view(), table);
    }
    visit(first, std::as_const(host).view().row_range(0, count));
  }
}

CosineTops cosine_tops(Context& context, MatrixView<const float> images,
                       MatrixView<const float> texts, std::int64_t k) {
  check::matrix(kTops, "images", context, images, images.rows, images.cols);
  check::matrix(kTops, "texts", context, texts, texts.rows, images.cols);
  if (images.rows == 0 || images.cols == 0) {
    check::fail(kTops, "at least 1 image of at least 1 column",
                std::to_string(images.rows) + " of " + std::to_string(images.cols));
  }
  if (std::max(images.rows, texts.rows) > std::numeric_limits<std::int32_t>::max()) {
    check::fail(kTops, "less than 2^31 rows", std::to_string(std::max(images.rows, texts.rows)));
  }
  if (k < 1 || k > std::min(texts.rows, kMostNeighbors)) {
    check::fail(kTops,
                "k from 1 to " + std::to_string(std::min(texts.rows, kMostNeighbors)) + " for " +
                    std::to_string(texts.rows) + " texts",
                std::to_string(k));
  }
  const std::int64_t per_text = std::min(k, images.rows);
  CosineTops tops{Matrix<std::int32_t>(images.rows, k), Matrix<float>(images.rows, k),
                  Matrix<std::int32_t>(texts.rows, per_text), Matrix<float>(texts.rows, per_text)};
  if (context.device() == Device::cpu) {
    const ScaledSide x(context.threads(), images, "cosine_tops: images");
    const ScaledSide y(context.threads(), texts, "cosine_tops: texts");
    cpu::cosine_tops(context.threads(), x.rows(), x.scales(), y.rows(), y.scales(), tops.texts,
                     tops.text_cosines, tops.images, tops.image_cosines);
  } else {
    const auto search = [&](MatrixView<const float> queries, MatrixView<const float> database,
                            Matrix<std::int32_t>& indices, Matrix<float>& distances) {
      Matrix<std::int32_t> found(context, indices.rows(), indices.cols());
      Matrix<float> at(context, indices.rows(), indices.cols());
      nearest(context, queries, database, {.metric = Metric::cosine}, found, at);
      copy<std::int32_t>(context, std::as_const(found).view(), indices.view());
      copy<float>(context, std::as_const(at).view(), distances.view());
    };
    search(images, texts, tops.texts, tops.text_cosines);
    search(texts, images, tops.images, tops.image_cosines);
  }
  flip(tops.text_cosines);
  flip(tops.image_cosines);
  return tops;
}

}  // namespace clipk
