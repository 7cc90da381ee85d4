#include <algorithm>
#include <string>
#include <utility>

#include "clipk/metrics/correlation.hpp"
#include "core/check.hpp"
#include "core/host_rows.hpp"
#include "metrics/correlation_table.hpp"

namespace clipk {
namespace {

void class_columns(const Factor& factor, FeatureColumns& columns) {
  const std::string op = "feature_columns: factor '" + factor.name + "'";
  const auto classes = static_cast<std::int32_t>(factor.class_names.size());
  std::vector<std::int64_t> counts(factor.class_names.size());
  for (std::size_t i = 0; i < factor.classes.size(); ++i) {
    const std::int32_t label = factor.classes[i];
    if (label >= classes) {
      check::fail(op.c_str(), "classes below " + std::to_string(classes),
                  std::to_string(label) + " in row " + std::to_string(i));
    }
    if (label < 0) continue;
    ++counts[static_cast<std::size_t>(label)];
    columns.rows.push_back(static_cast<std::int64_t>(i));
  }
  std::vector<std::int32_t> kept;
  for (std::int32_t label = 0; label < classes; ++label) {
    if (counts[static_cast<std::size_t>(label)] > 0) kept.push_back(label);
  }
  if (kept.size() < 2) {
    check::fail(op.c_str(), "2 or more classes that occur", std::to_string(kept.size()));
  }
  if (kept.size() == 2) kept.erase(kept.begin());
  columns.values = Matrix<float>(static_cast<std::int64_t>(columns.rows.size()),
                                 static_cast<std::int64_t>(kept.size()));
  for (std::size_t j = 0; j < kept.size(); ++j) {
    columns.names.push_back(factor.name + " = " +
                            factor.class_names[static_cast<std::size_t>(kept[j])]);
    for (std::size_t i = 0; i < columns.rows.size(); ++i) {
      const auto row = static_cast<std::size_t>(columns.rows[i]);
      columns.values(static_cast<std::int64_t>(i), static_cast<std::int64_t>(j)) =
          factor.classes[row] == kept[j] ? 1.0F : 0.0F;
    }
  }
}

}  // namespace

FeatureColumns feature_columns(const Factor& factor) {
  FeatureColumns columns;
  if (factor.categorical()) {
    class_columns(factor, columns);
    return columns;
  }
  const std::int64_t n = factor.values.rows(), m = factor.values.cols();
  for (std::int64_t j = 0; j < m; ++j) {
    columns.names.push_back(m == 1 ? factor.name : factor.name + " " + std::to_string(j + 1));
  }
  for (std::int64_t i = 0; i < n; ++i) {
    if (factor.known(i)) columns.rows.push_back(i);
  }
  columns.values = select_rows(factor, columns.rows).values;
  return columns;
}

std::vector<FactorCorrelations> factor_correlations(Context& context,
                                                    MatrixView<const float> coordinates,
                                                    std::span<const Factor> factors,
                                                    const CorrelationOptions& options) {
  const HostRows<float> host(context, coordinates);
  std::vector<FactorCorrelations> found;
  for (const Factor& factor : factors) {
    const std::string op = "factor_correlations: factor '" + factor.name + "'";
    if (factor.rows() != coordinates.rows) {
      check::fail(op.c_str(), std::to_string(coordinates.rows) + " rows",
                  std::to_string(factor.rows()));
    }
    FeatureColumns columns = feature_columns(factor);
    CorrelationTable table = chosen_correlations(context, op.c_str(), {host.view(), columns.rows},
                                                 {columns.values.view()}, options.kind);
    found.push_back({std::move(columns.names), std::move(table)});
  }
  std::vector<CorrelationTable*> tables;
  tables.reserve(found.size());
  for (FactorCorrelations& factor : found) tables.push_back(&factor.table);
  adjust_together(tables, options.rule);
  return found;
}

CorrelationTable point_biserial(Context& context, MatrixView<const float> coordinates,
                                std::span<const std::int32_t> classes, std::int32_t positive,
                                FalseDiscovery rule) {
  constexpr const char* kName = "point_biserial";
  if (static_cast<std::int64_t>(classes.size()) != coordinates.rows) {
    check::fail(kName, "classes of size " + std::to_string(coordinates.rows),
                std::to_string(classes.size()));
  }
  if (positive < 0) check::fail(kName, "a class of 0 or more", std::to_string(positive));
  std::vector<std::int64_t> rows;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (classes[i] >= 0) rows.push_back(static_cast<std::int64_t>(i));
  }
  Matrix<float> feature(static_cast<std::int64_t>(rows.size()), 1);
  std::int64_t count = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool is = classes[static_cast<std::size_t>(rows[i])] == positive;
    feature.data()[i] = is ? 1.0F : 0.0F;
    count += is;
  }
  if (count == 0 || count == feature.rows()) {
    check::fail(kName,
                "rows of class " + std::to_string(positive) + " and others among the " +
                    std::to_string(feature.rows()) + " known",
                std::to_string(count) + " of it");
  }
  const HostRows<float> host(context, coordinates);
  CorrelationTable table = chosen_correlations(
      context, kName, {host.view(), rows}, {std::as_const(feature).view()}, Correlation::pearson);
  CorrelationTable* const one[] = {&table};
  adjust_together(one, rule);
  return table;
}

}  // namespace clipk
