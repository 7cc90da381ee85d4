#include "factor/shown_edits.hpp"

#include <cmath>

#include "clipk/core/select_rows.hpp"

namespace clipk::study {
namespace {

constexpr std::size_t kShown = 6;  // of a factor

// The row of the largest cosine with a vector; rows have length one. `except` is left out.
std::int64_t nearest_row(const float* vector, MatrixView<const float> rows, std::int64_t except) {
  std::int64_t best = -1;
  double largest = -HUGE_VAL;
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    double dot = 0;
    for (std::int64_t j = 0; j < rows.cols; ++j) dot += double{vector[j]} * double{rows(i, j)};
    if (i != except && dot > largest) {
      largest = dot;
      best = i;
    }
  }
  return best;
}

ShownEdit::Nearest nearest(const FactorModels& models, const Matrix<float>& vectors,
                           std::size_t row, std::int64_t image) {
  const FactorData& data = *models.data;
  const float* vector = vectors.view().row(static_cast<std::int64_t>(row));
  ShownEdit::Nearest found{.image = nearest_row(vector, data.rows, image)};
  if (data.texts.empty()) return found;
  found.text = nearest_row(vector, data.texts, -1);
  if (!data.captions.empty()) found.caption = data.captions[static_cast<std::size_t>(*found.text)];
  return found;
}

// Rows, and the next row of another class for each.
Exchange exchanges_of(const Factor& factor) {
  Exchange exchange;
  for (std::int64_t i = 0; i < factor.rows() && exchange.sources.size() < kShown; ++i) {
    for (std::int64_t j = 0; j < factor.rows(); ++j) {
      const std::int64_t donor = (i + 1 + j) % factor.rows();
      const std::int32_t from = factor.classes[static_cast<std::size_t>(i)];
      const std::int32_t to = factor.classes[static_cast<std::size_t>(donor)];
      if (from < 0 || to < 0 || from == to) continue;
      exchange.sources.push_back(i);
      exchange.donors.push_back(donor);
      break;
    }
  }
  return exchange;
}

}  // namespace

std::vector<ShownEdit> shown_edits(Context& context, const FactorModels& models) {
  std::vector<ShownEdit> shown;
  for (std::size_t f = 0; f < models.data->factors.size(); ++f) {
    const Factor& factor = models.held_out_factors[f];
    if (!factor.categorical()) continue;
    const auto [sources, donors] = exchanges_of(factor);
    if (sources.empty()) continue;
    const Matrix<float> from = select_rows(models.held_out_codes, sources);
    const Matrix<float> edited =
        models.iin
            ->swap(context, from, select_rows(models.held_out_codes, donors),
                   static_cast<std::int64_t>(f))
            .to_host(context);
    const Matrix<float> before = models.stage->decode(context, from);
    const Matrix<float> after = models.stage->decode(context, edited);
    const std::vector<std::uint8_t> outside = models.iin->typicality(context, edited).outside;
    const auto class_of = [&](std::int64_t row) {
      return factor
          .class_names[static_cast<std::size_t>(factor.classes[static_cast<std::size_t>(row)])];
    };
    for (std::size_t e = 0; e < sources.size(); ++e) {
      const std::int64_t image = models.held_out[static_cast<std::size_t>(sources[e])];
      shown.push_back({.image = image,
                       .factor = factor.name,
                       .from = class_of(sources[e]),
                       .to = class_of(donors[e]),
                       .before = nearest(models, before, e, image),
                       .after = nearest(models, after, e, image),
                       .outside = outside[e] != 0});
    }
  }
  return shown;
}

}  // namespace clipk::study
