#include "factor/edits.hpp"

#include <algorithm>
#include <cmath>

#include "clipk/core/random.hpp"
#include "clipk/core/select_rows.hpp"

namespace clipk::study {
namespace {

// The extent of each column of a factor's values.
std::vector<double> ranges_of(const Factor& factor) {
  std::vector<double> ranges;
  for (std::int64_t j = 0; j < factor.values.cols(); ++j) {
    float low = INFINITY, high = -INFINITY;
    for (std::int64_t i = 0; i < factor.rows(); ++i) {
      if (!factor.known(i)) continue;
      low = std::min(low, factor.values(i, j));
      high = std::max(high, factor.values(i, j));
    }
    ranges.push_back(std::max(double{high} - double{low}, 1e-30));
  }
  return ranges;
}

// How far row i of a is from row j of b: of classes 0 or 1, of values the largest share of a range.
double distance(const Factor& a, std::int64_t i, const Factor& b, std::int64_t j,
                const std::vector<double>& ranges) {
  if (a.categorical()) {
    return a.classes[static_cast<std::size_t>(i)] == b.classes[static_cast<std::size_t>(j)] ? 0 : 1;
  }
  double largest = 0;
  for (std::int64_t c = 0; c < a.values.cols(); ++c) {
    largest = std::max(largest, std::abs(double{a.values(i, c)} - double{b.values(j, c)}) /
                                    ranges[static_cast<std::size_t>(c)]);
  }
  return largest;
}

struct EditPairs {
  std::vector<std::int64_t> sources, donors;
};

EditPairs draw_pairs(const Factor& factor, const std::vector<double>& ranges,
                     const EditSettings& settings, Random& random) {
  constexpr int kTries = 100;
  EditPairs pairs;
  const auto rows = static_cast<std::uint64_t>(factor.rows());
  for (std::int64_t e = 0; e < settings.edits; ++e) {
    for (int attempt = 0; attempt < kTries; ++attempt) {
      const auto source = static_cast<std::int64_t>(random.below(rows));
      const auto donor = static_cast<std::int64_t>(random.below(rows));
      if (!factor.known(source) || !factor.known(donor) ||
          distance(factor, source, factor, donor, ranges) <= settings.tolerance) {
        continue;
      }
      pairs.sources.push_back(source);
      pairs.donors.push_back(donor);
      break;
    }
  }
  return pairs;
}

}  // namespace

std::vector<EditScores> measure_edits(Context& context, const Iin& iin, const FirstStage& stage,
                                      const Probe& judge, MatrixView<const float> codes,
                                      const std::vector<Factor>& factors,
                                      const EditSettings& settings, std::uint64_t seed) {
  std::vector<std::vector<double>> ranges;
  for (const Factor& factor : factors) ranges.push_back(ranges_of(factor));
  std::vector<EditScores> result;
  for (std::size_t f = 0; f < factors.size(); ++f) {
    Random random(seed, RandomStream::factor_edits, static_cast<std::uint32_t>(f));
    const EditPairs pairs = draw_pairs(factors[f], ranges[f], settings, random);
    EditScores scores{.edits = static_cast<std::int64_t>(pairs.sources.size()),
                      .kept = std::vector<double>(factors.size(), NAN),
                      .drift = std::vector<double>(factors.size(), NAN)};
    if (scores.edits == 0) {
      result.push_back(std::move(scores));
      continue;
    }
    const Matrix<float> sources = select_rows(codes, pairs.sources);
    const Matrix<float> donors = select_rows(codes, pairs.donors);
    const Matrix<float> edited =
        iin.swap(context, sources, donors, static_cast<std::int64_t>(f)).to_host(context);
    const std::vector<Factor> seen = judge.predict(context, stage.decode(context, edited));
    for (std::size_t g = 0; g < factors.size(); ++g) {
      const std::vector<std::int64_t>& meant = g == f ? pairs.donors : pairs.sources;
      double same = 0, moved = 0, count = 0;
      for (std::size_t e = 0; e < meant.size(); ++e) {
        if (!factors[g].known(meant[e])) continue;
        const double off =
            distance(seen[g], static_cast<std::int64_t>(e), factors[g], meant[e], ranges[g]);
        same += off <= settings.tolerance ? 1 : 0;
        moved += off;
        ++count;
      }
      (g == f ? scores.success : scores.kept[g]) = same / count;  // NaN: no row tells
      if (g != f) scores.drift[g] = moved / count;
    }
    const IinTypicality typicality = iin.typicality(context, edited);
    for (const std::uint8_t outside : typicality.outside) scores.flagged += outside;
    scores.flagged /= static_cast<double>(scores.edits);
    result.push_back(std::move(scores));
  }
  return result;
}

}  // namespace clipk::study
