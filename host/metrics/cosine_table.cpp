#include "clipk/metrics/cosine_table.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "clipk/ops/dense.hpp"
#include "core/check.hpp"
#include "core/host_rows.hpp"
#include "core/parallel.hpp"
#include "core/unit_rows.hpp"
#include "linalg/gemm.hpp"
#include "linalg/row_scales.hpp"

namespace clipk {
namespace {

constexpr const char* kTable = "cosine_table";
constexpr std::int64_t kTileRows = 256;  // rows of the table per task
constexpr std::int64_t kBlockBytes = std::int64_t{16} << 20;

// Computes a block of the table in tiles that are scaled while they are in cache. The images are
// copied only if their lengths are extreme.
void cpu_block(int threads, MatrixView<const float> images, std::int64_t first_row,
               MatrixView<const float> unit_texts, MatrixView<float> table) {
  std::vector<float> scales(static_cast<std::size_t>(images.rows));
  cpu::parallel_chunks(threads, images.rows, kTileRows, [&](std::int64_t first, std::int64_t rows) {
    cpu::row_scales(Metric::cosine, images.row_range(first, rows), scales.data() + first);
    cpu::gemm_serial(cpu::Transpose::no, cpu::Transpose::yes, rows, unit_texts.rows, images.cols, 1,
                     images.row(first), images.stride, unit_texts.data, unit_texts.stride, 0,
                     table.row(first), table.stride);
    for (std::int64_t i = first; i < first + rows; ++i) {
      const float scale = scales[static_cast<std::size_t>(i)];
      float* row = table.row(i);
      for (std::int64_t j = 0; j < table.cols; ++j) row[j] *= scale;
    }
  });
  if (cpu::lengths_are_moderate(scales)) return;
  cpu_block(threads, unit_rows(threads, images, "cosine_table: images", first_row), first_row,
            unit_texts, table);
}

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

}  // namespace clipk
