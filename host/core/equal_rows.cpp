#include "clipk/core/equal_rows.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <utility>

namespace clipk {
namespace {

constexpr double kRounding = 1e-6;  // part of a row's length: some ten steps of float32

// Disjoint sets that can be joined (union-find). The lowest member represents its set.
class Sets {
 public:
  explicit Sets(std::size_t count) : parent_(count) {
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
  }
  std::size_t find(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void join(std::size_t i, std::size_t j) {
    i = find(i);
    j = find(j);
    parent_[std::max(i, j)] = std::min(i, j);
  }
  std::vector<std::int64_t> groups() {
    std::vector<std::int64_t> group(parent_.size());
    std::int64_t count = 0;
    for (std::size_t i = 0; i < group.size(); ++i) {
      const std::size_t first = find(i);
      group[i] = first == i ? count++ : group[first];
    }
    return group;
  }

 private:
  std::vector<std::size_t> parent_;
};

bool near(const float* a, const float* b, std::int64_t columns, double most) {
  double squares = 0;
  for (std::int64_t j = 0; j < columns; ++j) {
    const double difference = double{a[j]} - double{b[j]};
    squares += difference * difference;
    if (squares > most * most) return false;
  }
  return true;
}

}  // namespace

std::vector<std::int64_t> equal_row_groups(MatrixView<const float> rows) {
  // Equal rows have equal projections on any direction, so only rows whose projections on one
  // direction are near are compared. The direction's entries are the fractional parts of multiples
  // of the golden ratio (minus 0.5), which follow no pattern that data have.
  std::vector<double> direction(static_cast<std::size_t>(rows.cols));
  double norm = 0;
  for (std::size_t j = 0; j < direction.size(); ++j) {
    const double multiple = 0.6180339887498949 * static_cast<double>(j + 1);
    direction[j] = multiple - std::floor(multiple) - .5;
    norm += direction[j] * direction[j];
  }
  norm = std::sqrt(norm);
  struct Projected {
    double at = 0, length = 0;
    std::int64_t row = 0;
  };
  std::vector<Projected> order;
  order.reserve(static_cast<std::size_t>(rows.rows));
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    Projected projected{.row = i};
    for (std::int64_t j = 0; j < rows.cols; ++j) {
      const double value = rows(i, j);
      projected.at += value * direction[static_cast<std::size_t>(j)];
      projected.length += value * value;
    }
    projected.length = std::sqrt(projected.length);
    if (std::isfinite(projected.at) && std::isfinite(projected.length)) order.push_back(projected);
  }
  std::sort(order.begin(), order.end(), [](const Projected& a, const Projected& b) {
    return a.at != b.at ? a.at < b.at : a.row < b.row;
  });
  Sets sets(static_cast<std::size_t>(rows.rows));
  std::vector<Projected> firsts;  // the first rows of the groups so far
  for (const Projected& now : order) {
    // The search reaches a little further, because the projections are rounded too.
    const double most = kRounding * now.length;
    const double reach = 1.1 * norm * most;
    bool known = false;
    for (std::size_t f = firsts.size(); f > 0 && now.at - firsts[f - 1].at <= reach; --f) {
      const Projected& first = firsts[f - 1];
      if (!near(rows.row(now.row), rows.row(first.row), rows.cols, most)) continue;
      sets.join(static_cast<std::size_t>(now.row), static_cast<std::size_t>(first.row));
      known = true;
    }
    if (!known) firsts.push_back(now);
  }
  return sets.groups();
}

std::vector<std::int64_t> same_row_groups(MatrixView<const float> rows) {
  // The sign of the first difference of two rows; 0 if they are equal.
  const auto compare = [&](std::size_t a, std::size_t b) {
    const float* const x = rows.row(static_cast<std::int64_t>(a));
    const float* const y = rows.row(static_cast<std::int64_t>(b));
    for (std::int64_t j = 0; j < rows.cols; ++j) {
      if (x[j] != y[j]) return x[j] < y[j] ? -1 : 1;
    }
    return 0;
  };
  std::vector<std::size_t> order;
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    const auto missing = [](float value) { return std::isnan(value); };
    if (std::none_of(rows.row(i), rows.row(i) + rows.cols, missing)) {
      order.push_back(static_cast<std::size_t>(i));
    }
  }
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const int difference = compare(a, b);
    return difference != 0 ? difference < 0 : a < b;
  });
  Sets sets(static_cast<std::size_t>(rows.rows));
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (compare(order[i - 1], order[i]) == 0) sets.join(order[i - 1], order[i]);
  }
  return sets.groups();
}

std::vector<std::int64_t> joined_groups(const std::vector<std::int64_t>& a,
                                        const std::vector<std::int64_t>& b) {
  Sets sets(a.size());
  for (const std::vector<std::int64_t>* groups : {&a, &b}) {
    std::vector<std::size_t> first(groups->size(), groups->size());
    for (std::size_t i = 0; i < groups->size(); ++i) {
      std::size_t& of_group = first[static_cast<std::size_t>((*groups)[i])];
      if (of_group == groups->size()) of_group = i;
      sets.join(of_group, i);
    }
  }
  return sets.groups();
}

bool texts_are_prompts(const std::vector<std::int64_t>& images,
                       const std::vector<std::int64_t>& texts) {
  return 2 * group_count(texts) < group_count(images);
}

std::vector<std::int64_t> pair_groups(const std::vector<std::int64_t>& images,
                                      const std::vector<std::int64_t>& texts) {
  return texts_are_prompts(images, texts) ? images : joined_groups(images, texts);
}

std::int64_t group_count(const std::vector<std::int64_t>& groups) {
  return groups.empty() ? 0 : *std::max_element(groups.begin(), groups.end()) + 1;
}

std::int64_t set_groups_aside(std::vector<std::int64_t>& order, std::int64_t aside,
                              const std::vector<std::int64_t>& groups) {
  std::vector<std::int64_t> size(groups.size());
  for (const std::int64_t group : groups) ++size[static_cast<std::size_t>(group)];
  enum class Side : char { open, aside, others };
  std::vector<Side> side(groups.size(), Side::open);
  std::vector<std::int64_t> first, others;
  std::int64_t taken = 0;  // rows on that side, with the later rows of their groups
  for (const std::int64_t row : order) {
    const auto group = static_cast<std::size_t>(groups[static_cast<std::size_t>(row)]);
    if (side[group] == Side::open) {
      side[group] = taken + size[group] <= aside ? Side::aside : Side::others;
      if (side[group] == Side::aside) taken += size[group];
    }
    (side[group] == Side::aside ? first : others).push_back(row);
  }
  order = std::move(first);
  order.insert(order.end(), others.begin(), others.end());
  return taken;
}

}  // namespace clipk
