#include "clipk/metrics/clustering.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "clipk/metrics/hungarian.hpp"
#include "core/check.hpp"
#include "core/math/double_double.hpp"
#include "core/math/math.hpp"

namespace clipk {
namespace {

__extension__ using Wide = __int128;

// Whether every cluster lies within one class, and every class within one cluster.
bool pure_clusters(const Contingency& table) {
  return table.cells.size() == table.col_sums.size();
}
bool whole_classes(const Contingency& table) {
  return table.cells.size() == table.row_sums.size();
}
bool same_partition(const Contingency& table) {
  return pure_clusters(table) && whole_classes(table);
}

double entropy(const std::vector<std::int64_t>& sizes, std::int64_t points) {
  const auto n = static_cast<double>(points);
  DoubleDouble sum;
  for (const std::int64_t size : sizes) {
    const double p = static_cast<double>(size) / n;
    // Near 1 the logarithm is computed from the small difference from 1.
    sum += -p * (p > 0.5 ? math::log1p(-static_cast<double>(points - size) / n) : math::log(p));
  }
  return sum.value();
}

struct Information {
  double classes;  // entropies
  double clusters;
  double mutual;
};

Information information(const Contingency& table) {
  Information result{entropy(table.row_sums, table.points), entropy(table.col_sums, table.points),
                     0};
  if (pure_clusters(table)) {
    result.mutual = result.classes;
  } else if (whole_classes(table)) {
    result.mutual = result.clusters;
  } else {
    DoubleDouble sum;
    for (const auto& cell : table.cells) {
      const Wide expected = static_cast<Wide>(table.row_sums[static_cast<std::size_t>(cell.row)]) *
                            table.col_sums[static_cast<std::size_t>(cell.col)];
      const Wide excess = static_cast<Wide>(cell.count) * table.points - expected;
      // The logarithm of n x / (a b), which is near 1 if the labelings are independent.
      const double log = math::log1p(static_cast<double>(excess) / static_cast<double>(expected));
      sum += exact_product(static_cast<double>(cell.count), log);
    }
    result.mutual = std::clamp(sum.value() / static_cast<double>(table.points), 0.0,
                               std::min(result.classes, result.clusters));
  }
  return result;
}

double mean(double a, double b, Normalizer normalizer) {
  switch (normalizer) {
    case Normalizer::geometric:
      return std::sqrt(a) * std::sqrt(b);
    case Normalizer::min:
      return std::min(a, b);
    case Normalizer::max:
      return std::max(a, b);
    case Normalizer::arithmetic:
      break;
  }
  return (a + b) / 2;
}

// Rounds to 106 bits.
DoubleDouble rounded(Wide value) {
  const auto high = static_cast<double>(value);
  return {high, static_cast<double>(value - static_cast<Wide>(high))};
}

// Counts of points i != j that are together in one or both labelings.
struct Pairs {
  Wide both = 0;  // in truth and in predicted
  Wide classes = 0;
  Wide clusters = 0;
  Wide all = 0;
};

Pairs pairs(const Contingency& table) {
  const auto within = [](std::int64_t size) { return static_cast<Wide>(size) * (size - 1); };
  Pairs result;
  for (const auto& cell : table.cells) result.both += within(cell.count);
  for (const std::int64_t size : table.row_sums) result.classes += within(size);
  for (const std::int64_t size : table.col_sums) result.clusters += within(size);
  result.all = within(table.points);
  return result;
}

// Connected parts of the table: clusters and classes joined by a cell.
class Parts {
 public:
  explicit Parts(const Contingency& table)
      : rows_(table.rows()), parent_(static_cast<std::size_t>(table.rows() + table.cols())) {
    std::iota(parent_.begin(), parent_.end(), std::int64_t{0});
    for (const auto& cell : table.cells) {
      parent_[static_cast<std::size_t>(root(rows_ + cell.col))] = root(cell.row);
    }
  }
  std::int64_t of(const Contingency::Cell& cell) { return root(cell.row); }

 private:
  std::int64_t root(std::int64_t node) {
    auto at = static_cast<std::size_t>(node);
    while (parent_[at] != static_cast<std::int64_t>(at)) {
      const auto next = static_cast<std::size_t>(parent_[at]);
      parent_[at] = parent_[next];
      at = next;
    }
    return static_cast<std::int64_t>(at);
  }
  std::int64_t rows_;
  std::vector<std::int64_t> parent_;
};

// Matches the classes and clusters of the cells of one part.
void match_part(const std::vector<Contingency::Cell>& cells, std::vector<std::int32_t>& matched) {
  if (cells.size() == 1) {
    matched[static_cast<std::size_t>(cells[0].col)] = cells[0].row;
    return;
  }
  std::vector<std::int32_t> rows, cols;
  for (const auto& cell : cells) {
    rows.push_back(cell.row);
    cols.push_back(cell.col);
  }
  const auto different = [](std::vector<std::int32_t>& values) {
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
  };
  different(rows);
  different(cols);
  const auto rank = [](const std::vector<std::int32_t>& values, std::int32_t value) {
    return std::lower_bound(values.begin(), values.end(), value) - values.begin();
  };
  Matrix<std::int64_t> counts(static_cast<std::int64_t>(rows.size()),
                              static_cast<std::int64_t>(cols.size()));
  for (const auto& cell : cells) counts(rank(rows, cell.row), rank(cols, cell.col)) = cell.count;
  const Assignment assignment = hungarian(counts);
  for (std::int64_t i = 0; i < counts.rows(); ++i) {
    const std::int32_t j = assignment.col_of_row[static_cast<std::size_t>(i)];
    if (j < 0 || counts(i, j) == 0) continue;
    matched[static_cast<std::size_t>(cols[static_cast<std::size_t>(j)])] =
        rows[static_cast<std::size_t>(i)];
  }
}

double normalized(const Contingency& table, const Information& info, Normalizer normalizer) {
  if (same_partition(table)) return 1;
  if (info.mutual == 0) return 0;
  return info.mutual / mean(info.classes, info.clusters, normalizer);
}

double adjusted(const Contingency& table, const Information& info, Normalizer normalizer) {
  if (same_partition(table)) return 1;
  const auto trivial = [&](std::int64_t clusters) {
    return clusters == 1 || clusters == table.points;
  };
  if (trivial(table.rows()) || trivial(table.cols())) return 0;
  const double expected = expected_mutual_info(table);
  return (info.mutual - expected) / (mean(info.classes, info.clusters, normalizer) - expected);
}

double share(double mutual, double entropy) {
  return entropy > 0 ? mutual / entropy : 1;
}

double weighted_harmonic(double h, double c, double beta) {
  return h + c > 0 ? (1 + beta) * h * c / (beta * h + c) : 0;
}

}  // namespace

double mutual_info(const Contingency& table) {
  return information(table).mutual;
}

double adjusted_mutual_info(const Contingency& table, Normalizer normalizer) {
  return adjusted(table, information(table), normalizer);
}

double normalized_mutual_info(const Contingency& table, Normalizer normalizer) {
  return normalized(table, information(table), normalizer);
}

double adjusted_rand_index(const Contingency& table) {
  if (same_partition(table)) return 1;
  const Pairs count = pairs(table);
  // The counts are exact up to here. Their products would need up to 250 bits.
  const DoubleDouble tp = rounded(count.both);
  const DoubleDouble fn = rounded(count.classes - count.both);
  const DoubleDouble fp = rounded(count.clusters - count.both);
  const DoubleDouble tn = rounded(count.all - count.classes - count.clusters + count.both);
  return 2 * (tp * tn - fn * fp).value() / ((tp + fn) * (fn + tn) + (tp + fp) * (fp + tn)).value();
}

double fowlkes_mallows(const Contingency& table) {
  const Pairs count = pairs(table);
  if (count.both == 0) return 0;
  const auto both = static_cast<double>(count.both);
  return std::sqrt(both / static_cast<double>(count.classes)) *
         std::sqrt(both / static_cast<double>(count.clusters));
}

double homogeneity(const Contingency& table) {
  const Information info = information(table);
  return share(info.mutual, info.classes);
}

double completeness(const Contingency& table) {
  const Information info = information(table);
  return share(info.mutual, info.clusters);
}

double v_measure(const Contingency& table, double beta) {
  if (!(beta >= 0 && std::isfinite(beta))) {
    check::fail("v_measure", "a finite beta of at least 0", std::to_string(beta));
  }
  const Information info = information(table);
  return weighted_harmonic(share(info.mutual, info.classes), share(info.mutual, info.clusters),
                           beta);
}

std::vector<std::int32_t> matched_classes(const Contingency& table) {
  std::vector<std::int32_t> matched(table.col_sums.size(), -1);
  Parts parts(table);
  std::vector<std::pair<std::int64_t, std::size_t>> order;  // cells by part
  order.reserve(table.cells.size());
  for (std::size_t i = 0; i < table.cells.size(); ++i) {
    order.emplace_back(parts.of(table.cells[i]), i);
  }
  std::sort(order.begin(), order.end());
  std::vector<Contingency::Cell> cells;
  for (std::size_t i = 0; i < order.size(); ++i) {
    cells.push_back(table.cells[order[i].second]);
    if (i + 1 < order.size() && order[i + 1].first == order[i].first) continue;
    match_part(cells, matched);
    cells.clear();
  }
  return matched;
}

double hungarian_accuracy(const Contingency& table) {
  if (table.points == 0) return 1;
  const std::vector<std::int32_t> matched = matched_classes(table);
  std::int64_t right = 0;
  for (const auto& cell : table.cells) {
    if (matched[static_cast<std::size_t>(cell.col)] == cell.row) right += cell.count;
  }
  return static_cast<double>(right) / static_cast<double>(table.points);
}

ClusteringScores clustering_scores(const Contingency& table) {
  const Information info = information(table);
  ClusteringScores scores;
  scores.ami = adjusted(table, info, Normalizer::arithmetic);
  scores.ari = adjusted_rand_index(table);
  scores.fmi = fowlkes_mallows(table);
  scores.nmi = normalized(table, info, Normalizer::arithmetic);
  scores.homogeneity = share(info.mutual, info.classes);
  scores.completeness = share(info.mutual, info.clusters);
  scores.v_measure = weighted_harmonic(scores.homogeneity, scores.completeness, 1);
  scores.acc = hungarian_accuracy(table);
  scores.classes = table.rows();
  scores.clusters = table.cols();
  scores.points = table.points;
  scores.missing = table.missing;
  return scores;
}

ClusteringScores clustering_scores(VectorView<const std::int32_t> truth,
                                   VectorView<const std::int32_t> predicted) {
  return clustering_scores(contingency(truth, predicted));
}

}  // namespace clipk
