#include <algorithm>
#include <cmath>
#include <span>

#include "clipk/core/random.hpp"
#include "clipk/core/select_rows.hpp"
#include "clipk/metrics/correlation.hpp"
#include "clipk/metrics/cosine_table.hpp"
#include "semantic/measures.hpp"

namespace clipk::study {
namespace {

constexpr std::int64_t kMostTexts = 1000;  // as features
constexpr std::size_t kStrongest = 12;     // texts that are listed

// The cosines of these images with these texts, [rows, texts].
Matrix<float> text_features(Context& context, const SemanticData& data,
                            const std::vector<std::int64_t>& rows,
                            const std::vector<std::int64_t>& texts) {
  Matrix<float> features(static_cast<std::int64_t>(rows.size()),
                         static_cast<std::int64_t>(texts.size()));
  cosine_table(context, select_rows(data.images, rows), select_rows(data.texts, texts), {},
               [&](std::int64_t first, MatrixView<const float> block) {
                 for (std::int64_t i = 0; i < block.rows; ++i) {
                   std::copy_n(block.row(i), block.cols, features.view().row(first + i));
                 }
               });
  return features;
}

Association association(const std::string& feature, bool text, const CorrelationEntry& entry,
                        std::int64_t n, Correlation kind) {
  const Interval interval = correlation_interval(entry.r, n, .95, kind);
  return {.feature = feature,
          .text = text,
          .component = entry.coordinate,
          .r = entry.r,
          .low = interval.low,
          .high = interval.high,
          .p = entry.p,
          .q = entry.q};
}

// One feature's column of a table, for the picture.
void add_column(CorrelationPicture& picture, const std::string& feature,
                const CorrelationTable& table, std::int64_t column) {
  picture.features.push_back(feature);
  std::vector<double>& r = picture.r.emplace_back();
  std::vector<double>& q = picture.q.emplace_back();
  for (std::int64_t c = 0; c < table.r.rows(); ++c) {
    r.push_back(table.r(c, column));
    q.push_back(table.q(c, column));
  }
}

// Of every component the text that goes with it best, the strongest of these first: the strongest
// of the whole table would all speak of one component.
std::vector<CorrelationEntry> strongest_of_each(const CorrelationTable& table) {
  std::vector<CorrelationEntry> entries;
  for (std::int64_t c = 0; c < table.r.rows(); ++c) {
    CorrelationEntry best{.coordinate = c};
    for (std::int64_t f = 0; f < table.r.cols(); ++f) {
      const double r = table.r(c, f);
      if (std::abs(r) > std::abs(best.r)) best = {c, f, r, table.p(c, f), table.q(c, f)};
    }
    if (best.r != 0) entries.push_back(best);
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const auto& a, const auto& b) { return std::abs(a.r) > std::abs(b.r); });
  if (entries.size() > kStrongest) entries.resize(kStrongest);
  return entries;
}

std::int64_t tested(const CorrelationTable& table) {
  const auto r = table.r.flat();
  return std::count_if(r.data, r.data + r.size, [](double value) { return !std::isnan(value); });
}

std::int64_t below(const CorrelationTable& table, double bound) {
  const auto q = table.q.flat();
  return std::count_if(q.data, q.data + q.size, [&](double value) { return value <= bound; });
}

}  // namespace

SpaceFindings measure_space(Context& context, const SemanticData& data,
                            const SemanticSettings& settings, const std::string& name,
                            MatrixView<const float> components,
                            const std::vector<std::int64_t>& rows) {
  const CorrelationOptions options{.kind = settings.by_rank ? Correlation::spearman
                                                            : Correlation::pearson};
  const Matrix<float> chosen = select_rows(components, rows);
  SpaceFindings found{
      .name = name, .components = components.cols, .rows = static_cast<std::int64_t>(rows.size())};

  std::vector<std::int64_t> texts =
      Random(context.seed(), RandomStream::correlated_texts).permutation(data.texts.rows());
  if (data.texts.rows() > kMostTexts) texts.resize(kMostTexts);
  std::sort(texts.begin(), texts.end());
  CorrelationTable by_text =
      correlations(context, chosen, text_features(context, data, rows, texts), options);

  std::vector<Factor> factors;
  for (const Factor& factor : data.factors) factors.push_back(select_rows(factor, rows));
  std::vector<FactorCorrelations> by_factor =
      factor_correlations(context, chosen, factors, options);

  std::vector<CorrelationTable*> family{&by_text};
  for (FactorCorrelations& factor : by_factor) family.push_back(&factor.table);
  adjust_together(family, options.rule);

  for (const FactorCorrelations& factor : by_factor) {
    for (std::size_t f = 0; f < factor.names.size(); ++f) {
      for (const CorrelationEntry& entry :
           strongest(factor.table, 1, static_cast<std::int64_t>(f))) {
        found.strongest.push_back(
            association(factor.names[f], false, entry, factor.table.n, options.kind));
      }
      add_column(found.picture, factor.names[f], factor.table, static_cast<std::int64_t>(f));
    }
    found.labels_tested += tested(factor.table);
    found.labels_significant += below(factor.table, settings.false_discovery);
    found.features += static_cast<std::int64_t>(factor.names.size());
  }
  const auto weaker = [](const Association& a, const Association& b) {
    return std::abs(a.r) > std::abs(b.r);
  };
  std::stable_sort(found.strongest.begin(), found.strongest.end(), weaker);
  for (const CorrelationEntry& entry : strongest_of_each(by_text)) {
    const std::string caption = data.caption(texts[static_cast<std::size_t>(entry.feature)]);
    found.strongest.push_back(association(caption, true, entry, by_text.n, options.kind));
    const auto& shown = found.picture.features;
    if (std::find(shown.begin(), shown.end(), caption) == shown.end()) {
      add_column(found.picture, caption, by_text, entry.feature);
    }
  }
  found.features += static_cast<std::int64_t>(texts.size());
  found.tested = found.labels_tested + tested(by_text);
  found.significant = found.labels_significant + below(by_text, settings.false_discovery);

  for (std::int64_t c = 0; c < components.cols; ++c) {
    const double* row = by_text.r.view().row(c);
    Component meaning;
    for (std::size_t t = 0; t < texts.size(); ++t) {
      if (row[t] < meaning.low_r) {
        meaning.low_r = row[t];
        meaning.low_text = data.caption(texts[t]);
      }
      if (row[t] > meaning.high_r) {
        meaning.high_r = row[t];
        meaning.high_text = data.caption(texts[t]);
      }
    }
    found.meanings.push_back(std::move(meaning));
  }
  return found;
}

}  // namespace clipk::study
