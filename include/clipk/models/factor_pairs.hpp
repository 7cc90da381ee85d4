#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "clipk/core/factor.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/core/random.hpp"

namespace clipk {

/// The factors that a pair is marked as sharing.
enum class PairMarks : std::uint8_t {
  /// Only the factor it was drawn for, as in the reference implementation. Other factors that it
  /// shares, by chance or because factors are correlated, count as not shared.
  drawn,
  /// Every factor in which its two rows are known to agree, including the one it was drawn for. If
  /// factors are correlated in the data (glasses and beards), less of each then leaks into the
  /// other's block.
  known,
};
/// The name that files and options use.
const char* to_string(PairMarks marks);
/// The value of a name of to_string. @throws Error that lists the names.
PairMarks pair_marks_named(std::string_view name);

/// How pairs are drawn and marked.
struct FactorPairOptions {
  PairMarks marks = PairMarks::known;  ///< which factors a pair is marked as sharing
  /// Two rows agree in a factor of values if in each of its columns at most this share of the rows
  /// lies between them.
  double tolerance = 0.005;
};

/// Factor pairs: two rows that share a factor, either of one class or with values of nearly equal
/// rank. If a row has no near partner, the tolerance is doubled until it has one. A row for which a
/// factor is not known (class -1, value NaN) is in no pair of that factor.
///
/// Deterministic: draw() gives the same pairs for the same seed and step, on any machine.
class FactorPairs {
 public:
  /// @param factors of `rows` rows each; copied. None: pairs share nothing.
  /// @throws Error that names the factor: two of one name, a number of rows other than `rows`,
  ///   fewer than two values (of classes: with a row), a class of a single row or without a name, a
  ///   value that is infinite. Also if there are fewer than 2 rows or the tolerance is not in
  ///   (0, 1].
  FactorPairs(const std::vector<Factor>& factors, std::int64_t rows,
              const FactorPairOptions& options = {});

  /// Rows of the data that pairs are drawn from.
  std::int64_t rows() const { return rows_; }
  /// The number of factors.
  std::int64_t factors() const { return static_cast<std::int64_t>(known_.size()); }
  /// The name of a factor by its index.
  const std::string& name(std::int64_t factor) const;
  /// The options as given.
  const FactorPairOptions& options() const { return options_; }

  /// Pairs of rows.
  struct Draw {
    std::vector<std::int32_t> first;   ///< [n] rows
    std::vector<std::int32_t> second;  ///< [n] rows; the two of a pair differ
    Matrix<float> shared;              ///< [n, factors] 1 if the pair shares the factor, else 0
  };
  /// Draws n pairs. Pair p is drawn for factor p mod factors(): its first row is any row where that
  /// factor is known, the second any other row that agrees with it. Without factors, pairs are
  /// neighbours in a random order of the rows, which starts again after all of them.
  /// @param step distinguishes the draws of one seed
  Draw draw(std::uint64_t seed, std::uint32_t step, std::int64_t n) const;
  /// Draws n pairs that share one given factor.
  Draw draw_for(std::int64_t factor, std::uint64_t seed, std::uint32_t step, std::int64_t n) const;

  /// Whether two rows are known to agree in a factor.
  bool agree(std::int64_t factor, std::int32_t i, std::int32_t j) const;

  /// A digest of the factors for checkpoints: SHA-256 in hex.
  std::string digest() const;

 private:
  struct Known {
    std::string name;
    std::vector<std::int32_t> rows;                  // where it is known
    std::vector<std::int32_t> classes;               // [rows_], or
    std::vector<std::vector<std::int32_t>> members;  // of each class
    std::vector<std::vector<float>> ranks;           // per column, [rows_]: ties have equal ranks
    std::vector<float> sorted_ranks;                 // of the first column
    std::vector<std::int32_t> order;                 // rows by it
  };
  void add_classes(const Factor& factor);
  void add_values(const Factor& factor);
  bool near(const Known& known, std::int32_t i, std::int32_t j, double width) const;
  template <class Generator>
  std::int32_t partner(const Known& known, std::int32_t row, Generator& random) const;
  template <class FactorOf>
  Draw draw_pairs(Random random, std::int64_t n, FactorOf&& factor_of) const;
  void mark(Draw& draw, std::int64_t pair, std::int64_t factor) const;

  std::int64_t rows_;
  FactorPairOptions options_;
  double width_;  // of ranks
  std::vector<Known> known_;
};

}  // namespace clipk
