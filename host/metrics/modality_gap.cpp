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

namespace clipk {
namespace {

constexpr const char* kName = "modality_gap";
constexpr std::int64_t kChunk = 4096;

// Sums over a range of the pairs.
struct Sums {
  std::vector<double> image, text;  // [d] of the unit rows
  double paired = 0;                // of the pairs' cosines
  double image_squares = 0;         // sum of the unit rows' squares: n up to rounding
  double text_squares = 0;

  explicit Sums(std::int64_t d)
      : image(static_cast<std::size_t>(d)), text(static_cast<std::size_t>(d)) {}
  void add(const Sums& other) {
    for (std::size_t k = 0; k < image.size(); ++k) image[k] += other.image[k];
    for (std::size_t k = 0; k < text.size(); ++k) text[k] += other.text[k];
    paired += other.paired;
    image_squares += other.image_squares;
    text_squares += other.text_squares;
  }
};

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

}  // namespace

ModalityGap modality_gap(Context& context, MatrixView<const float> images,
                         MatrixView<const float> texts) {
  if (texts.rows != images.rows || texts.cols != images.cols) {
    check::fail(kName, "texts of shape " + check::shape(images.rows, images.cols),
                check::shape(texts.rows, texts.cols));
  }
  if (images.rows < 2) check::fail(kName, "at least 2 pairs", std::to_string(images.rows));
  const HostRows<float> host_images(context, images);
  const HostRows<float> host_texts(context, texts);
  const MatrixView<const float> x = host_images.view(), y = host_texts.view();
  check_nonzero_rows(x, "modality_gap images");
  check_nonzero_rows(y, "modality_gap texts");
  const std::int64_t n = x.rows, d = x.cols;
  std::vector<Sums> parts(static_cast<std::size_t>((n + kChunk - 1) / kChunk), Sums(d));
  cpu::parallel_chunks(context.threads(), n, kChunk, [&](std::int64_t first, std::int64_t count) {
    Sums& part = parts[static_cast<std::size_t>(first / kChunk)];
    for (std::int64_t i = first; i < first + count; ++i) {
      const double x_length = std::sqrt(row_dot(x.row(i), x.row(i), d));
      const double y_length = std::sqrt(row_dot(y.row(i), y.row(i), d));
      part.paired += row_dot(x.row(i), y.row(i), d) / x_length / y_length;
      part.image_squares += add_unit_row(x.row(i), x_length, part.image);
      part.text_squares += add_unit_row(y.row(i), y_length, part.text);
    }
  });
  Sums all(d);
  for (const Sums& part : parts) all.add(part);

  const auto pairs = static_cast<double>(n);
  const double others = pairs * (pairs - 1);
  double square = 0;
  for (std::size_t k = 0; k < all.image.size(); ++k) {
    const double difference = (all.image[k] - all.text[k]) / pairs;
    square += difference * difference;
  }
  return {.distance = std::sqrt(square),
          .paired_cosine = all.paired / pairs,
          .other_cosine = (product(all.image, all.text) - all.paired) / others,
          .image_image = (product(all.image, all.image) - all.image_squares) / others,
          .text_text = (product(all.text, all.text) - all.text_squares) / others};
}

}  // namespace clipk
