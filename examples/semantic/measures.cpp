#include "semantic/measures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "clipk/core/error.hpp"
#include "clipk/core/random.hpp"
#include "clipk/metrics/hubness.hpp"
#include "clipk/metrics/reranking.hpp"
#include "clipk/models/logistic_probe.hpp"
#include "clipk/models/zero_shot.hpp"

namespace clipk::study {
namespace {

constexpr std::int64_t kGroups = 20;
constexpr double kStudent = 2.093;  // two-sided 95 % of Student's t, 19 degrees of freedom

// A mean over queries with its bootstrap interval: against nothing.
Interval mean_interval(Context& context, const std::vector<double>& values, std::uint64_t seed) {
  return paired_bootstrap(context, values, std::vector<double>(values.size()), {.seed = seed});
}

// How the candidates of one direction are corrected, from a bank of queries.
using Bias = std::function<std::vector<double>(MatrixView<const float> bank,
                                               MatrixView<const float> candidates)>;

// Every half of the queries is ranked with the bias that the other half tells.
RetrievalScores by_bank(Context& context, MatrixView<const float> queries,
                        MatrixView<const float> candidates, const Bias& bias, std::uint64_t seed) {
  std::vector<std::int64_t> order =
      Random(seed, RandomStream::bank_halves).permutation(queries.rows);
  std::vector<std::int32_t> ranks(order.size());
  const std::size_t half = order.size() / 2;
  for (const bool second : {false, true}) {
    std::vector<std::int64_t> bank(order.begin() + (second ? 0 : half),
                                   second ? order.begin() + half : order.end());
    std::sort(bank.begin(), bank.end());
    const RetrievalScores scores =
        retrieval_with_bias(context, queries, candidates, bias(rows_at(queries, bank), candidates));
    for (std::size_t i = second ? half : 0; i < (second ? order.size() : half); ++i) {
      const auto query = static_cast<std::size_t>(order[i]);
      ranks[query] = scores.ranks[query];
    }
  }
  return retrieval_scores(std::move(ranks));
}

// Folds of the rows of known class, each class dealt evenly.
std::vector<std::int64_t> deal_folds(const std::vector<std::int32_t>& classes, std::int64_t folds,
                                     std::uint64_t seed) {
  std::vector<std::int64_t> fold(classes.size());
  std::vector<std::int64_t> seen;
  const auto n = static_cast<std::int64_t>(classes.size());
  for (const std::int64_t row : Random(seed, RandomStream::class_folds).permutation(n)) {
    const auto c = static_cast<std::size_t>(classes[static_cast<std::size_t>(row)]);
    if (c >= seen.size()) seen.resize(c + 1);
    fold[static_cast<std::size_t>(row)] = seen[c]++ % folds;
  }
  return fold;
}

}  // namespace

Estimate jackknife(std::int64_t n,
                   const std::function<double(const std::vector<std::int64_t>&)>& statistic) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(n));
  std::iota(all.begin(), all.end(), 0);
  Estimate estimate{statistic(all), NAN, NAN};
  if (n < 2 * kGroups) return estimate;
  std::vector<double> without;
  for (std::int64_t g = 0; g < kGroups; ++g) {
    std::vector<std::int64_t> rows;
    std::copy_if(all.begin(), all.end(), std::back_inserter(rows),
                 [&](std::int64_t row) { return row % kGroups != g; });
    without.push_back(statistic(rows));
  }
  const double mean = std::accumulate(without.begin(), without.end(), 0.0) / kGroups;
  double squares = 0;
  for (const double value : without) squares += (value - mean) * (value - mean);
  const double error = std::sqrt(squares * (kGroups - 1) / kGroups);
  estimate.low = estimate.value - kStudent * error;
  estimate.high = estimate.value + kStudent * error;
  return estimate;
}

Matrix<float> rows_at(MatrixView<const float> from, const std::vector<std::int64_t>& rows) {
  Matrix<float> result(static_cast<std::int64_t>(rows.size()), from.cols);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::copy_n(from.row(rows[i]), from.cols, result.view().row(static_cast<std::int64_t>(i)));
  }
  return result;
}

Matrix<float> centred_rows(MatrixView<const float> rows) {
  std::vector<double> mean(static_cast<std::size_t>(rows.cols));
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    for (std::int64_t j = 0; j < rows.cols; ++j) mean[static_cast<std::size_t>(j)] += rows(i, j);
  }
  Matrix<float> result(rows.rows, rows.cols);
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    double squares = 0;
    for (std::int64_t j = 0; j < rows.cols; ++j) {
      const double value = rows(i, j) - mean[static_cast<std::size_t>(j)] / double(rows.rows);
      result(i, j) = static_cast<float>(value);
      squares += value * value;
    }
    if (squares < 1e-20) continue;
    const double scale = 1 / std::sqrt(squares);
    for (std::int64_t j = 0; j < rows.cols; ++j) {
      result(i, j) = static_cast<float>(scale * result(i, j));
    }
  }
  return result;
}

void measure_gap(Context& context, const SemanticData& data, SemanticFindings& found) {
  const auto gap_of = [&](const std::vector<std::int64_t>& rows) {
    return modality_gap(context, rows_at(data.images, rows), rows_at(data.texts, rows));
  };
  const std::int64_t n = data.images.rows();
  found.gap = modality_gap(context, data.images, data.texts);
  found.gap_distance = jackknife(n, [&](const auto& rows) { return gap_of(rows).distance; });
  found.paired_cosine = jackknife(n, [&](const auto& rows) { return gap_of(rows).paired_cosine; });
  found.other_cosine = jackknife(n, [&](const auto& rows) { return gap_of(rows).other_cosine; });
}

HubFindings measure_hubs(Context& context, const SemanticData& data, std::int64_t neighbours) {
  HubFindings found;
  const std::int64_t n = data.images.rows();
  const auto direction = [&](MatrixView<const float> queries, MatrixView<const float> candidates,
                             std::int32_t& most, double& never) {
    const Hubness whole = hubness(context, queries, candidates, neighbours);
    most = whole.most;
    never = whole.never;
    return jackknife(n, [&](const std::vector<std::int64_t>& rows) {
      return hubness(context, rows_at(queries, rows), rows_at(candidates, rows), neighbours).skew;
    });
  };
  found.image_to_text = direction(data.images, data.texts, found.most_text, found.never_text);
  found.text_to_image = direction(data.texts, data.images, found.most_image, found.never_image);
  return found;
}

std::vector<ScoredRetrieval> measure_retrieval(Context& context, const SemanticData& data,
                                               const SemanticSettings& settings) {
  const Bias csls = [&](MatrixView<const float> bank, MatrixView<const float> candidates) {
    return csls_bias(context, bank, candidates, std::min(settings.neighbours, bank.rows));
  };
  const Bias sinkhorn = [&](MatrixView<const float> bank, MatrixView<const float> candidates) {
    return sinkhorn_bias(context, bank, candidates, {.beta = settings.beta}).bias;
  };
  std::vector<ScoredRetrieval> all;
  const auto add = [&](const std::string& method, RetrievalScores i2t, RetrievalScores t2i) {
    const std::uint64_t seed = context.seed();
    ScoredRetrieval scored{
        .method = method, .image_to_text = std::move(i2t), .text_to_image = std::move(t2i)};
    const std::vector<double> hits[2] = {hits_at(scored.image_to_text, 1),
                                         hits_at(scored.text_to_image, 1)};
    scored.i2t_top1 = mean_interval(context, hits[0], seed);
    scored.t2i_top1 = mean_interval(context, hits[1], seed);
    if (!all.empty()) {
      scored.i2t_change =
          paired_bootstrap(context, hits[0], hits_at(all[0].image_to_text, 1), {.seed = seed});
      scored.t2i_change =
          paired_bootstrap(context, hits[1], hits_at(all[0].text_to_image, 1), {.seed = seed});
    }
    all.push_back(std::move(scored));
  };
  const MatrixView<const float> images = data.images;
  const MatrixView<const float> texts = data.texts;
  const auto with = [&](MatrixView<const float> queries, MatrixView<const float> candidates,
                        const Bias& bias) {
    return retrieval_with_bias(context, queries, candidates, bias(queries, candidates));
  };
  Retrieval plain = retrieval(context, images, texts);
  add("cosine", std::move(plain.image_to_text), std::move(plain.text_to_image));
  add("csls", with(images, texts, csls), with(texts, images, csls));
  add("csls_bank", by_bank(context, images, texts, csls, context.seed()),
      by_bank(context, texts, images, csls, context.seed()));
  add("sinkhorn", with(images, texts, sinkhorn), with(texts, images, sinkhorn));
  add("sinkhorn_bank", by_bank(context, images, texts, sinkhorn, context.seed()),
      by_bank(context, texts, images, sinkhorn, context.seed()));
  return all;
}

std::optional<ClassFindings> measure_classes(Context& context, const SemanticData& data,
                                             const SemanticSettings& settings) {
  if (data.factors.empty() || !data.factors[0].categorical()) return std::nullopt;
  const Factor& factor = data.factors[0];
  // Rows of known classes that have a member for every fold; those classes are numbered anew.
  std::vector<std::int64_t> members(factor.class_names.size());
  for (const std::int32_t c : factor.classes) {
    if (c >= 0) ++members[static_cast<std::size_t>(c)];
  }
  ClassFindings found{.factor = factor.name};
  std::int64_t most = 0;
  std::vector<std::int32_t> number(members.size(), -1);
  for (std::size_t c = 0; c < members.size(); ++c) {
    if (members[c] < settings.folds) continue;
    number[c] = static_cast<std::int32_t>(found.classes++);
    most = std::max(most, members[c]);
  }
  std::vector<std::int64_t> rows;
  std::vector<std::int32_t> classes;
  for (std::size_t i = 0; i < factor.classes.size(); ++i) {
    const std::int32_t c = factor.classes[i];
    if (c < 0 || number[static_cast<std::size_t>(c)] < 0) continue;
    rows.push_back(static_cast<std::int64_t>(i));
    classes.push_back(number[static_cast<std::size_t>(c)]);
  }
  found.rows = static_cast<std::int64_t>(rows.size());
  if (found.classes < 2) return std::nullopt;
  found.chance = static_cast<double>(most) / static_cast<double>(found.rows);

  const std::uint64_t seed = context.seed();
  const std::vector<std::int64_t> fold = deal_folds(classes, settings.folds, seed);
  std::vector<double> probe_hits(rows.size()), text_hits(rows.size());
  for (std::int64_t f = 0; f < settings.folds; ++f) {
    std::vector<std::int64_t> train, test;
    std::vector<std::int32_t> train_classes;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (fold[i] == f) {
        test.push_back(rows[i]);
        places.push_back(i);
      } else {
        train.push_back(rows[i]);
        train_classes.push_back(classes[i]);
      }
    }
    const Matrix<float> unseen = rows_at(data.images, test);
    const LogisticProbe probe = LogisticProbe::fit(context, rows_at(data.images, train),
                                                   train_classes, {.standardize = true});
    const auto count = [&](const std::vector<std::int32_t>& predicted, std::vector<double>& hits) {
      for (std::size_t i = 0; i < places.size(); ++i) {
        hits[places[i]] = predicted[i] == classes[places[i]] ? 1 : 0;
      }
    };
    count(probe.predict(context, unseen), probe_hits);
    if (data.paired) {
      const ZeroShot zero_shot(context, rows_at(data.texts, train), train_classes);
      count(zero_shot.predict(context, unseen.to_device(context)).classes, text_hits);
    }
  }
  found.probe = mean_interval(context, probe_hits, seed);
  if (data.paired) found.texts = mean_interval(context, text_hits, seed);
  if (!data.prompts.empty()) {
    const ZeroShot zero_shot(context, data.prompts, data.prompt_classes);
    std::vector<double> hits;
    const std::vector<std::int32_t> predicted =
        zero_shot.predict(context, rows_at(data.images, rows).to_device(context)).classes;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      hits.push_back(predicted[i] == factor.classes[static_cast<std::size_t>(rows[i])] ? 1 : 0);
    }
    found.prompts = mean_interval(context, hits, seed);
  }
  return found;
}

}  // namespace clipk::study
