#include <algorithm>
#include <limits>
#include <string>

#include "clipk/metrics/clustering.hpp"
#include "core/check.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "contingency";
constexpr std::int64_t kMostPoints = std::int64_t{1} << 62;

// Tables of at most this many entries are cheap beside n points.
std::int64_t direct_limit(std::int64_t n) {
  return 4 * n + 65536;
}

// The distinct labels of a vector, ascending, and the rank of each among them.
class LabelIndex {
 public:
  explicit LabelIndex(const std::vector<std::int32_t>& labels) {
    if (labels.empty()) return;
    const std::int64_t largest = *std::max_element(labels.begin(), labels.end());
    if (largest < direct_limit(static_cast<std::int64_t>(labels.size()))) {
      rank_.assign(static_cast<std::size_t>(largest) + 1, -1);
      for (const std::int32_t label : labels) rank_[static_cast<std::size_t>(label)] = 0;
      for (std::size_t label = 0; label < rank_.size(); ++label) {
        if (rank_[label] < 0) continue;
        rank_[label] = static_cast<std::int32_t>(values_.size());
        values_.push_back(static_cast<std::int32_t>(label));
      }
    } else {
      values_ = labels;
      std::sort(values_.begin(), values_.end());
      values_.erase(std::unique(values_.begin(), values_.end()), values_.end());
    }
  }
  std::int32_t operator[](std::int32_t label) const {
    if (!rank_.empty()) return rank_[static_cast<std::size_t>(label)];
    return static_cast<std::int32_t>(std::lower_bound(values_.begin(), values_.end(), label) -
                                     values_.begin());
  }
  std::vector<std::int32_t>& values() { return values_; }

 private:
  std::vector<std::int32_t> values_;
  std::vector<std::int32_t> rank_;  // by label; empty where labels are large numbers
};

// Computes the sums from the cells; every class and every cluster has a cell.
void add_up(Contingency& table) {
  table.row_sums.assign(table.classes.size(), 0);
  table.col_sums.assign(table.clusters.size(), 0);
  for (const auto& cell : table.cells) {
    table.row_sums[static_cast<std::size_t>(cell.row)] += cell.count;
    table.col_sums[static_cast<std::size_t>(cell.col)] += cell.count;
    table.points += cell.count;
  }
}

}  // namespace

Contingency contingency(VectorView<const std::int32_t> truth,
                        VectorView<const std::int32_t> predicted) {
  if (predicted.size != truth.size) {
    check::fail(kName, "predicted of size " + std::to_string(truth.size),
                std::to_string(predicted.size));
  }
  check::same_device(kName, "truth", Device::cpu, truth.device);
  check::same_device(kName, "predicted", Device::cpu, predicted.device);
  Contingency table;
  std::vector<std::int32_t> rows, cols;
  rows.reserve(static_cast<std::size_t>(truth.size));
  cols.reserve(static_cast<std::size_t>(truth.size));
  for (std::int64_t i = 0; i < truth.size; ++i) {
    if (truth[i] < 0 || predicted[i] < 0) {
      ++table.missing;
      continue;
    }
    rows.push_back(truth[i]);
    cols.push_back(predicted[i]);
  }
  LabelIndex classes(rows), clusters(cols);
  const std::size_t width = clusters.values().size();
  const std::size_t size = classes.values().size() * width;
  if (static_cast<std::int64_t>(size) <= direct_limit(truth.size)) {
    std::vector<std::int64_t> counts(size);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto row = static_cast<std::size_t>(classes[rows[i]]);
      ++counts[row * width + static_cast<std::size_t>(clusters[cols[i]])];
    }
    for (std::size_t p = 0; p < size; ++p) {
      if (counts[p] == 0) continue;
      table.cells.push_back(
          {static_cast<std::int32_t>(p / width), static_cast<std::int32_t>(p % width), counts[p]});
    }
  } else {
    std::vector<std::uint64_t> keys(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      keys[i] = static_cast<std::uint64_t>(classes[rows[i]]) << 32 |
                static_cast<std::uint32_t>(clusters[cols[i]]);
    }
    std::sort(keys.begin(), keys.end());
    for (std::size_t i = 0, end = 0; i < keys.size(); i = end) {
      while (end < keys.size() && keys[end] == keys[i]) ++end;
      table.cells.push_back({static_cast<std::int32_t>(keys[i] >> 32),
                             static_cast<std::int32_t>(keys[i] & 0xFFFFFFFFu),
                             static_cast<std::int64_t>(end - i)});
    }
  }
  table.classes = std::move(classes.values());
  table.clusters = std::move(clusters.values());
  add_up(table);
  return table;
}

Contingency contingency(MatrixView<const std::int64_t> counts) {
  if (!counts.empty()) check::same_device(kName, "counts", Device::cpu, counts.device);
  constexpr std::int64_t kMostLabels = std::numeric_limits<std::int32_t>::max();
  if (counts.rows > kMostLabels || counts.cols > kMostLabels) {
    check::fail(kName, "counts of at most 2147483647 rows and columns",
                check::shape(counts.rows, counts.cols));
  }
  Contingency table;
  std::vector<std::int32_t> row_of(static_cast<std::size_t>(counts.rows), -1);
  std::vector<std::int32_t> col_of(static_cast<std::size_t>(counts.cols), -1);
  std::int64_t total = 0;
  for (std::int64_t i = 0; i < counts.rows; ++i) {
    for (std::int64_t j = 0; j < counts.cols; ++j) {
      const std::int64_t count = counts(i, j);
      if (count < 0) {
        check::fail(kName, "counts of at least 0",
                    std::to_string(count) + " in row " + std::to_string(i) + ", column " +
                        std::to_string(j));
      }
      if (count > kMostPoints - total) check::fail(kName, "at most 2^62 points", "more");
      total += count;
      if (count > 0) row_of[static_cast<std::size_t>(i)] = col_of[static_cast<std::size_t>(j)] = 0;
    }
  }
  const auto keep = [](std::vector<std::int32_t>& rank, std::vector<std::int32_t>& labels) {
    for (std::size_t i = 0; i < rank.size(); ++i) {
      if (rank[i] < 0) continue;
      rank[i] = static_cast<std::int32_t>(labels.size());
      labels.push_back(static_cast<std::int32_t>(i));
    }
  };
  keep(row_of, table.classes);
  keep(col_of, table.clusters);
  for (std::int64_t i = 0; i < counts.rows; ++i) {
    for (std::int64_t j = 0; j < counts.cols; ++j) {
      if (counts(i, j) == 0) continue;
      table.cells.push_back(
          {row_of[static_cast<std::size_t>(i)], col_of[static_cast<std::size_t>(j)], counts(i, j)});
    }
  }
  add_up(table);
  return table;
}

Matrix<std::int64_t> Contingency::dense() const {
  Matrix<std::int64_t> result(rows(), cols());
  for (const Cell& cell : cells) result(cell.row, cell.col) = cell.count;
  return result;
}

}  // namespace clipk
