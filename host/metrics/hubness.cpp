#include "clipk/metrics/hubness.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/check.hpp"
#include "core/host_rows.hpp"
#include "core/unit_rows.hpp"
#include "metrics/exact_top_k.hpp"

namespace clipk {
namespace {

double skew_of(const std::vector<std::int32_t>& values, double mean) {
  double second = 0, third = 0;
  for (const std::int32_t value : values) {
    const double off = value - mean;
    second += off * off;
    third += off * off * off;
  }
  const auto count = static_cast<double>(values.size());
  second /= count;
  third /= count;
  return second > 0 ? third / (second * std::sqrt(second)) : 0;
}

}  // namespace

Hubness hubness(Context& context, MatrixView<const float> queries,
                MatrixView<const float> candidates, std::int64_t k) {
  constexpr const char* kName = "hubness";
  if (candidates.cols != queries.cols) {
    check::fail(kName, "candidates of " + std::to_string(queries.cols) + " columns",
                std::to_string(candidates.cols));
  }
  if (queries.rows < 1) check::fail(kName, "at least 1 query", "0");
  check_top_k(kName, k, candidates.rows, "candidates");
  const HostRows<float> host_queries(context, queries);
  const HostRows<float> host_candidates(context, candidates);
  check_nonzero_rows(host_queries.view(), "hubness queries");
  check_nonzero_rows(host_candidates.view(), "hubness candidates");
  Hubness result;
  result.k = k;
  result.occurrences.resize(static_cast<std::size_t>(candidates.rows));
  exact_top_k(context.threads(), host_queries.view(), host_candidates.view(), k,
              [&](std::int64_t, MatrixView<const std::int32_t> indices, MatrixView<const double>) {
                for (std::int64_t i = 0; i < indices.rows; ++i) {
                  for (std::int64_t p = 0; p < k; ++p) {
                    ++result.occurrences[static_cast<std::size_t>(indices(i, p))];
                  }
                }
              });
  const auto m = static_cast<double>(candidates.rows);
  result.skew =
      skew_of(result.occurrences, static_cast<double>(k) * static_cast<double>(queries.rows) / m);
  const auto never = std::count(result.occurrences.begin(), result.occurrences.end(), 0);
  result.never = static_cast<double>(never) / m;
  result.most = *std::max_element(result.occurrences.begin(), result.occurrences.end());
  return result;
}

}  // namespace clipk
