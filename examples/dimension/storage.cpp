#include "dimension/storage.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "clipk/models/binary_quantizer.hpp"
#include "clipk/models/product_quantizer.hpp"
#include "clipk/models/scalar_quantizer.hpp"

namespace clipk::study {
namespace {

constexpr std::int64_t kMostRotated = 128;  // dimensions up to which a rotation is learned
constexpr std::int64_t kManyRows = 4096;    // from which on 256 centroids have enough
constexpr std::int64_t kFewCentroids = 16;

// Rows of length one.
Matrix<float> unit(const Matrix<float>& rows) {
  Matrix<float> result(rows.rows(), rows.cols());
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    const float* const row = rows.view().row(i);
    double squares = 0;
    for (std::int64_t j = 0; j < rows.cols(); ++j) squares += double{row[j]} * double{row[j]};
    const double scale = squares > 0 ? 1 / std::sqrt(squares) : 0;
    std::transform(row, row + rows.cols(), result.view().row(i),
                   [&](float value) { return static_cast<float>(double{value} * scale); });
  }
  return result;
}

bool has_constant_column(const Matrix<float>& rows) {
  for (std::int64_t j = 0; j < rows.cols(); ++j) {
    std::int64_t i = 1;
    while (i < rows.rows() && rows(i, j) == rows(0, j)) ++i;
    if (i == rows.rows()) return true;
  }
  return false;
}

// What becomes of rows that are stored: of fitted ones a function of others, and the bytes of each.
struct Stored {
  std::int64_t bytes = 0;
  std::function<Matrix<float>(const Matrix<float>&)> roundtrip;
};

template <class Quantizer>
Stored stored(Context& context, Quantizer quantizer) {
  auto shared = std::make_shared<Quantizer>(std::move(quantizer));
  return {shared->bytes_per_vector(), [&context, shared](const Matrix<float>& rows) {
            return shared->decode(context, shared->encode(context, rows)).to_host(context);
          }};
}

ProductQuantizerOptions product_options(const Matrix<float>& rows, std::int64_t levels) {
  const bool many = rows.rows() >= kManyRows;
  const std::int64_t dims = many ? 8 : 4;
  return {.subvectors = (rows.cols() + dims - 1) / dims,
          .centroids = many ? 256 : kFewCentroids,
          .rotation = rows.cols() <= kMostRotated ? PqRotation::learned : PqRotation::none,
          .levels = levels};
}

struct Storage {
  const char* name;
  std::function<Stored(Context&, const Matrix<float>&)> fit;
};

// Those that these rows allow, of most bytes first.
std::vector<Storage> storages_for(const Matrix<float>& rows) {
  const auto scalar = [](ScalarCode code) {
    return [code](Context& context, const Matrix<float>& fitted) {
      return stored(context, ScalarQuantizer::fit(context, fitted, {code}));
    };
  };
  const auto product = [](std::int64_t levels) {
    return [levels](Context& context, const Matrix<float>& fitted) {
      return stored(context,
                    ProductQuantizer::fit(context, fitted, product_options(fitted, levels)));
    };
  };
  std::vector<Storage> result{
      {"float32",
       [](Context& context, const Matrix<float>& fitted) {
         return Stored{4 * fitted.cols(),
                       [&context](const Matrix<float>& x) { return x.to_host(context); }};
       }},
      {"float16", scalar(ScalarCode::float16)}};
  if (!has_constant_column(rows)) {
    result.push_back({"int8", scalar(ScalarCode::int8)});
    result.push_back({"int4", scalar(ScalarCode::int4)});
  }
  const bool enough = rows.rows() >= kFewCentroids;
  if (enough) result.push_back({"pq-residual", product(2)});
  result.push_back(
      {"binary", [](Context& context, const Matrix<float>& fitted) {
         return stored(context, BinaryQuantizer::fit(context, fitted,
                                                     {.rotation = fitted.cols() <= kMostRotated
                                                                      ? BinaryRotation::learned
                                                                      : BinaryRotation::random}));
       }});
  if (enough) result.push_back({"pq", product(1)});
  return result;
}

}  // namespace

std::vector<StoredCodes> stored_codes(Context& context, const Matrix<float>& images,
                                      const Matrix<float>& texts, const std::vector<Codes>& sets) {
  const Matrix<float> unit_images = unit(images), unit_texts = unit(texts);
  const std::vector<Storage> of_images = storages_for(unit_images);
  const std::vector<Storage> of_texts = storages_for(unit_texts);
  std::vector<StoredCodes> result;
  for (const Storage& storage : of_images) {
    const bool both = std::any_of(of_texts.begin(), of_texts.end(), [&](const Storage& other) {
      return std::string(other.name) == storage.name;
    });
    if (!both) continue;
    const Stored image = storage.fit(context, unit_images);
    const Stored text = storage.fit(context, unit_texts);
    StoredCodes& codes = result.emplace_back();
    codes.storage = storage.name;
    codes.bytes = std::max(image.bytes, text.bytes);
    for (const Codes& set : sets) {
      codes.decoded.push_back({.images = image.roundtrip(unit(set.images)),
                               .texts = text.roundtrip(unit(set.texts)),
                               .image_block = {}});
    }
  }
  return result;
}

}  // namespace clipk::study
