#include "clipk/models/factor_pairs.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "clipk/core/random.hpp"
#include "clipk/io/sha256.hpp"
#include "core/check.hpp"
#include "core/enum_names.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "factors";
constexpr int kTries = 64;  // partners tried at one tolerance, before it is doubled

std::string named(const std::string& factor) {
  return "factor " + factor;
}

[[noreturn]] void fail(const Factor& factor, const std::string& expected, const std::string& got) {
  check::fail(named(factor.name).c_str(), expected, got);
}

std::string class_name(const Factor& factor, std::size_t index) {
  return factor.class_names.empty() ? std::to_string(index) : factor.class_names[index];
}

// Sorts these rows by ascending value and writes the rank of each to `ranks`. Ties share their mean
// rank; other rows have NaN, which is near nothing.
std::vector<std::int32_t> rank(MatrixView<const float> values, std::int64_t column,
                               std::vector<std::int32_t> order, std::vector<float>& ranks) {
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t i, std::int32_t j) {
    return values(i, column) < values(j, column);
  });
  ranks.assign(static_cast<std::size_t>(values.rows), NAN);
  for (std::size_t first = 0; first < order.size();) {
    std::size_t end = first + 1;
    while (end < order.size() && values(order[end], column) == values(order[first], column)) ++end;
    for (std::size_t k = first; k < end; ++k) {
      ranks[static_cast<std::size_t>(order[k])] = static_cast<float>(first + end - 1) / 2;
    }
    first = end;
  }
  return order;
}

}  // namespace

const char* to_string(PairMarks marks) {
  return marks == PairMarks::drawn ? "drawn" : "known";
}

PairMarks pair_marks_named(std::string_view name) {
  return named("pair marks", name, {PairMarks::drawn, PairMarks::known});
}

FactorPairs::FactorPairs(const std::vector<Factor>& factors, std::int64_t rows,
                         const FactorPairOptions& options)
    : rows_(rows), options_(options) {
  if (rows < 2) check::fail(kName, "at least 2 rows", std::to_string(rows));
  if (!(options.tolerance > 0 && options.tolerance <= 1)) {
    check::fail(kName, "a tolerance above 0, at most 1", std::to_string(options.tolerance));
  }
  width_ = std::max(1.0, options.tolerance * static_cast<double>(rows));
  std::set<std::string> names;
  for (const Factor& factor : factors) {
    if (!names.insert(factor.name).second) {
      check::fail(kName, "names that differ", "'" + factor.name + "' twice");
    }
    if (factor.rows() != rows) {
      fail(factor, std::to_string(rows) + " rows, as the codes have",
           std::to_string(factor.rows()));
    }
    known_.emplace_back();
    known_.back().name = factor.name;
    if (factor.categorical()) {
      add_classes(factor);
    } else {
      add_values(factor);
    }
  }
}

void FactorPairs::add_classes(const Factor& factor) {
  Known& known = known_.back();
  known.classes = factor.classes;
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(rows_); ++i) {
    const std::int32_t label = factor.classes[static_cast<std::size_t>(i)];
    const bool named_all = !factor.class_names.empty();
    if (label < -1 ||
        (named_all && label >= static_cast<std::int32_t>(factor.class_names.size()))) {
      fail(factor,
           "classes from -1" +
               (named_all ? " to " + std::to_string(factor.class_names.size() - 1) : ""),
           std::to_string(label) + " in row " + std::to_string(i));
    }
    if (label < 0) continue;
    known.rows.push_back(i);
    if (static_cast<std::size_t>(label) >= known.members.size()) {
      known.members.resize(static_cast<std::size_t>(label) + 1);
    }
    known.members[static_cast<std::size_t>(label)].push_back(i);
  }
  std::int64_t occur = 0;
  for (std::size_t c = 0; c < known.members.size(); ++c) {
    if (known.members[c].size() == 1) {
      fail(factor, "at least 2 rows of class '" + class_name(factor, c) + "'", "1");
    }
    occur += !known.members[c].empty();
  }
  if (occur < 2) fail(factor, "at least 2 values", std::to_string(occur));
}

void FactorPairs::add_values(const Factor& factor) {
  Known& known = known_.back();
  const MatrixView<const float> values = factor.values.view();
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(rows_); ++i) {
    if (factor.known(i)) known.rows.push_back(i);
  }
  if (known.rows.size() < 2) {
    fail(factor, "at least 2 rows that it is known of", std::to_string(known.rows.size()));
  }
  known.ranks.resize(static_cast<std::size_t>(values.cols));
  for (std::int64_t c = 0; c < values.cols; ++c) {
    for (const std::int32_t i : known.rows) {
      if (!std::isfinite(values(i, c))) {
        fail(factor, "finite values",
             std::to_string(values(i, c)) + " in row " + std::to_string(i));
      }
    }
    std::vector<float>& ranks = known.ranks[static_cast<std::size_t>(c)];
    std::vector<std::int32_t> order = rank(values, c, known.rows, ranks);
    if (values(order.front(), c) == values(order.back(), c)) {
      const std::string column = values.cols > 1 ? " in column " + std::to_string(c) : "";
      fail(factor, "at least 2 values" + column, "1");
    }
    if (c > 0) continue;
    for (const std::int32_t row : order) {
      known.sorted_ranks.push_back(ranks[static_cast<std::size_t>(row)]);
    }
    known.order = std::move(order);
  }
}

const std::string& FactorPairs::name(std::int64_t factor) const {
  return known_.at(static_cast<std::size_t>(factor)).name;
}

bool FactorPairs::near(const Known& known, std::int32_t i, std::int32_t j, double width) const {
  return std::all_of(known.ranks.begin(), known.ranks.end(), [&](const std::vector<float>& ranks) {
    return std::fabs(static_cast<double>(ranks[static_cast<std::size_t>(i)]) -
                     ranks[static_cast<std::size_t>(j)]) <= width;
  });
}

bool FactorPairs::agree(std::int64_t factor, std::int32_t i, std::int32_t j) const {
  const Known& known = known_.at(static_cast<std::size_t>(factor));
  if (known.classes.empty()) return near(known, i, j, width_);
  const std::int32_t label = known.classes[static_cast<std::size_t>(i)];
  return label >= 0 && label == known.classes[static_cast<std::size_t>(j)];
}

template <class Generator>
std::int32_t FactorPairs::partner(const Known& known, std::int32_t row, Generator& random) const {
  const auto any_other = [&](const std::int32_t* begin, const std::int32_t* end) {
    return begin[random.below(static_cast<std::uint64_t>(end - begin))];
  };
  if (!known.classes.empty()) {
    const std::vector<std::int32_t>& mates =
        known.members[static_cast<std::size_t>(known.classes[static_cast<std::size_t>(row)])];
    while (true) {
      const std::int32_t other = any_other(mates.data(), mates.data() + mates.size());
      if (other != row) return other;
    }
  }
  const double rank = known.ranks[0][static_cast<std::size_t>(row)];
  for (double width = width_;; width *= 2) {
    const auto first = std::lower_bound(known.sorted_ranks.begin(), known.sorted_ranks.end(),
                                        static_cast<float>(rank - width));
    const auto last =
        std::upper_bound(first, known.sorted_ranks.end(), static_cast<float>(rank + width));
    const std::int32_t* const rows = known.order.data() + (first - known.sorted_ranks.begin());
    for (int i = 0; i < kTries; ++i) {
      const std::int32_t other = any_other(rows, rows + (last - first));
      if (other != row && near(known, row, other, width)) return other;
    }
  }
}

void FactorPairs::mark(Draw& draw, std::int64_t pair, std::int64_t factor) const {
  draw.shared(pair, factor) = 1;
  if (options_.marks == PairMarks::drawn) return;
  const auto p = static_cast<std::size_t>(pair);
  for (std::int64_t f = 0; f < factors(); ++f) {
    if (agree(f, draw.first[p], draw.second[p])) draw.shared(pair, f) = 1;
  }
}

template <class FactorOf>
FactorPairs::Draw FactorPairs::draw_pairs(Random random, std::int64_t n,
                                          FactorOf&& factor_of) const {
  Draw draw{std::vector<std::int32_t>(static_cast<std::size_t>(n)),
            std::vector<std::int32_t>(static_cast<std::size_t>(n)), Matrix<float>(n, factors())};
  for (std::int64_t p = 0; p < n; ++p) {
    const std::int64_t factor = factor_of(p);
    const Known& known = known_.at(static_cast<std::size_t>(factor));
    const std::int32_t row = known.rows[random.below(known.rows.size())];
    draw.first[static_cast<std::size_t>(p)] = row;
    draw.second[static_cast<std::size_t>(p)] = partner(known, row, random);
    mark(draw, p, factor);
  }
  return draw;
}

FactorPairs::Draw FactorPairs::draw(std::uint64_t seed, std::uint32_t step, std::int64_t n) const {
  Random random(seed, RandomStream::pairs, step);
  if (factors() > 0) {
    return draw_pairs(random, n, [&](std::int64_t p) { return p % factors(); });
  }
  Draw draw{{}, {}, Matrix<float>(n, 0)};
  std::vector<std::int64_t> order;
  for (std::size_t at = 0; static_cast<std::int64_t>(draw.first.size()) < n; at += 2) {
    if (at + 2 > order.size()) {
      order = random.permutation(rows_);
      at = 0;
    }
    draw.first.push_back(static_cast<std::int32_t>(order[at]));
    draw.second.push_back(static_cast<std::int32_t>(order[at + 1]));
  }
  return draw;
}

FactorPairs::Draw FactorPairs::draw_for(std::int64_t factor, std::uint64_t seed, std::uint32_t step,
                                        std::int64_t n) const {
  return draw_pairs(Random(seed, RandomStream::pairs_of_factor, step), n,
                    [&](std::int64_t) { return factor; });
}

std::string FactorPairs::digest() const {
  Sha256 hash;
  const auto update = [&](const auto& values) {
    hash.update(values.data(), values.size() * sizeof(values[0]));
  };
  for (const Known& known : known_) {
    update(known.name + '\n');
    update(known.classes);
    for (const std::vector<float>& ranks : known.ranks) update(ranks);
  }
  return to_hex(hash.digest());
}

}  // namespace clipk
