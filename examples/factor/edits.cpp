#include "factor/edits.hpp"

#include <cmath>
#include <utility>

#include "clipk/core/random.hpp"
#include "clipk/core/select_rows.hpp"
#include "clipk/metrics/factor_edits.hpp"

namespace clipk::study {
namespace {

Exchange draw_exchanges(const Factor& factor, const std::vector<double>& ranges,
                        const EditSettings& settings, Random& random) {
  constexpr int kTries = 100;
  Exchange exchange;
  const auto rows = static_cast<std::uint64_t>(factor.rows());
  for (std::int64_t e = 0; e < settings.edits; ++e) {
    for (int attempt = 0; attempt < kTries; ++attempt) {
      const auto source = static_cast<std::int64_t>(random.below(rows));
      const auto donor = static_cast<std::int64_t>(random.below(rows));
      if (!factor.known(source) || !factor.known(donor) ||
          factor_distance(factor, source, factor, donor, ranges) <= settings.tolerance) {
        continue;
      }
      exchange.sources.push_back(source);
      exchange.donors.push_back(donor);
      break;
    }
  }
  return exchange;
}

}  // namespace

std::vector<EditScores> measure_edits(Context& context, const Iin& iin, const FirstStage& stage,
                                      const Probe& judge, MatrixView<const float> codes,
                                      const std::vector<Factor>& factors,
                                      const EditSettings& settings, std::uint64_t seed) {
  std::vector<EditScores> result;
  for (std::size_t f = 0; f < factors.size(); ++f) {
    Random random(seed, RandomStream::factor_edits, static_cast<std::uint32_t>(f));
    const auto [sources, donors] =
        draw_exchanges(factors[f], factor_ranges(factors[f]), settings, random);
    EditScores scores{.edits = static_cast<std::int64_t>(sources.size()),
                      .kept = std::vector<double>(factors.size(), NAN),
                      .drift = std::vector<double>(factors.size(), NAN)};
    if (scores.edits == 0) {
      result.push_back(std::move(scores));
      continue;
    }
    const auto factor = static_cast<std::int64_t>(f);
    const Matrix<float> edited =
        iin.swap(context, select_rows(codes, sources), select_rows(codes, donors), factor)
            .to_host(context);
    const std::vector<Factor> read = judge.predict(context, stage.decode(context, edited));
    FactorEditScores found =
        factor_edit_scores(factor, read, factors, sources, donors, settings.tolerance);
    scores.success = found.success;
    scores.kept = std::move(found.kept);
    scores.drift = std::move(found.drift);
    const IinTypicality typicality = iin.typicality(context, edited);
    for (const std::uint8_t outside : typicality.outside) scores.flagged += outside;
    scores.flagged /= static_cast<double>(scores.edits);
    result.push_back(std::move(scores));
  }
  return result;
}

}  // namespace clipk::study
