#include "clipk/metrics/modality_gap.hpp"

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "core/check.hpp"
#include "core/host_rows.hpp"
#include "core/parallel.hpp"
#include "core/row_dot.hpp"
#include "core/unit_rows.hpp"
#include "metrics/check_owners.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "modality_gap";
constexpr std::int64_t kChunk = 4096;

double add_unit_row(const float* row, double length, std::vector<double>& sum) {
  double square = 0;
  for (std::size_t k = 0; k < sum.size(); ++k) {
    const double value = static_cast<double>(row[k]) / length;
    sum[k] += value;
    square += value * value;
  }
  return square;
}

double product(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t k = 0; k < a.size(); ++k) sum += a[k] * b[k];
  return sum;
}

// Lengths of the rows, and the sums over all of them.
struct Sums {
  std::vector<double> lengths;
  std::vector<double> sum;  // [d] of the unit rows
  double squares = 0;       // of the unit rows: n up to rounding
};
Sums sums_of(int threads, MatrixView<const float> rows) {
  const std::int64_t n = rows.rows, d = rows.cols;
  const auto chunks = static_cast<std::size_t>((n + kChunk - 1) / kChunk);
  std::vector<Sums> parts(chunks,
                          {.lengths = {}, .sum = std::vector<double>(static_cast<std::size_t>(d))});
  Sums all{std::vector<double>(static_cast<std::size_t>(n)),
           std::vector<double>(static_cast<std::size_t>(d))};
  cpu::parallel_chunks(threads, n, kChunk, [&](std::int64_t first, std::int64_t count) {
    Sums& part = parts[static_cast<std::size_t>(first / kChunk)];
    for (std::int64_t i = first; i < first + count; ++i) {
      const double length = std::sqrt(row_dot(rows.row(i), rows.row(i), d));
      all.lengths[static_cast<std::size_t>(i)] = length;
      part.squares += add_unit_row(rows.row(i), length, part.sum);
    }
  });
  for (const Sums& part : parts) {
    for (std::size_t k = 0; k < all.sum.size(); ++k) all.sum[k] += part.sum[k];
    all.squares += part.squares;
  }
  return all;
}

// @param image_of_text empty: text i belongs to image i
ModalityGap gap_of(Context& context, MatrixView<const float> images, MatrixView<const float> texts,
                   std::span<const std::int32_t> image_of_text) {
  const HostRows<float> host_images(context, images);
  const HostRows<float> host_texts(context, texts);
  const MatrixView<const float> x = host_images.view(), y = host_texts.view();
  check_nonzero_rows(x, "modality_gap images");
  check_nonzero_rows(y, "modality_gap texts");
  const Sums image = sums_of(context.threads(), x), text = sums_of(context.threads(), y);
  // Over the texts that have an image.
  struct Paired {
    double cosines = 0, count = 0;
  };
  std::vector<Paired> parts(static_cast<std::size_t>((y.rows + kChunk - 1) / kChunk));
  cpu::parallel_chunks(
      context.threads(), y.rows, kChunk, [&](std::int64_t first, std::int64_t count) {
        Paired& part = parts[static_cast<std::size_t>(first / kChunk)];
        for (std::int64_t t = first; t < first + count; ++t) {
          const std::int64_t i =
              image_of_text.empty() ? t : image_of_text[static_cast<std::size_t>(t)];
          if (i < 0) continue;
          part.cosines += row_dot(x.row(i), y.row(t), x.cols) /
                          image.lengths[static_cast<std::size_t>(i)] /
                          text.lengths[static_cast<std::size_t>(t)];
          ++part.count;
        }
      });
  Paired paired;
  for (const Paired& part : parts) {
    paired.cosines += part.cosines;
    paired.count += part.count;
  }
  const auto n = static_cast<double>(x.rows), m = static_cast<double>(y.rows);
  double square = 0;
  for (std::size_t k = 0; k < image.sum.size(); ++k) {
    const double difference = (image.sum[k] - text.sum[k] * (n / m)) / n;
    square += difference * difference;
  }
  return {.distance = std::sqrt(square),
          .paired_cosine = paired.cosines / paired.count,
          .other_cosine = (product(image.sum, text.sum) - paired.cosines) / (n * m - paired.count),
          .image_image = (product(image.sum, image.sum) - image.squares) / (n * (n - 1)),
          .text_text = (product(text.sum, text.sum) - text.squares) / (m * (m - 1))};
}

}  // namespace

ModalityGap modality_gap(Context& context, MatrixView<const float> images,
                         MatrixView<const float> texts) {
  if (texts.rows != images.rows || texts.cols != images.cols) {
    check::fail(kName, "texts of shape " + check::shape(images.rows, images.cols),
                check::shape(texts.rows, texts.cols));
  }
  if (images.rows < 2) check::fail(kName, "at least 2 pairs", std::to_string(images.rows));
  return gap_of(context, images, texts, {});
}

ModalityGap modality_gap(Context& context, MatrixView<const float> images,
                         MatrixView<const float> texts,
                         std::span<const std::int32_t> image_of_text) {
  if (texts.cols != images.cols) {
    check::fail(kName, "texts of " + std::to_string(images.cols) + " columns",
                std::to_string(texts.cols));
  }
  if (images.rows < 2) check::fail(kName, "at least 2 images", std::to_string(images.rows));
  if (texts.rows < 2) check::fail(kName, "at least 2 texts", std::to_string(texts.rows));
  check_owners(kName, image_of_text, images.rows, texts.rows,
               {"image_of_text", "an image", "text"});
  return gap_of(context, images, texts, image_of_text);
}

}  // namespace clipk
