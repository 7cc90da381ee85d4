#include "semantic/measures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include "clipk/core/equal_rows.hpp"
#include "clipk/core/random.hpp"
#include "clipk/core/select_rows.hpp"
#include "clipk/metrics/cross_validation.hpp"
#include "clipk/metrics/hubness.hpp"
#include "clipk/metrics/jackknife.hpp"
#include "clipk/metrics/reranking.hpp"
#include "clipk/models/logistic_probe.hpp"
#include "clipk/models/zero_shot.hpp"

namespace clipk::study {
namespace {

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
                        MatrixView<const float> candidates, const Bias& bias,
                        const std::vector<std::int64_t>& equal) {
  std::vector<std::int64_t> order =
      Random(context.seed(), RandomStream::bank_halves).permutation(queries.rows);
  std::vector<std::int32_t> ranks(order.size());
  const auto half = static_cast<std::size_t>(set_groups_aside(order, queries.rows / 2, equal));
  for (const bool second : {false, true}) {
    std::vector<std::int64_t> bank(order.begin() + (second ? 0 : half),
                                   second ? order.begin() + half : order.end());
    std::sort(bank.begin(), bank.end());
    const RetrievalScores scores = retrieval_with_bias(
        context, queries, candidates, bias(select_rows(queries, bank), candidates));
    for (std::size_t i = second ? half : 0; i < (second ? order.size() : half); ++i) {
      const auto query = static_cast<std::size_t>(order[i]);
      ranks[query] = scores.ranks[query];
    }
  }
  return retrieval_scores(std::move(ranks));
}

// Folds of the rows of known class, each class dealt evenly; equal rows into the fold of the first.
std::vector<std::int32_t> deal_folds(const std::vector<std::int32_t>& classes,
                                     const std::vector<std::int64_t>& equal, std::int64_t folds,
                                     std::uint64_t seed) {
  const auto n = static_cast<std::int64_t>(classes.size());
  return stratified_folds(classes, Random(seed, RandomStream::class_folds).permutation(n),
                          {.folds = folds, .groups = equal, .begin = FoldBegin::first});
}

// What is predicted of images that nothing was fitted to.
std::vector<std::int32_t> by_probe(Context& context, const Matrix<float>& train,
                                   const std::vector<std::int32_t>& classes,
                                   const Matrix<float>& unseen) {
  return LogisticProbe::fit(context, train, classes, {.standardize = true})
      .predict(context, unseen);
}
std::vector<std::int32_t> by_texts(Context& context, const Matrix<float>& train,
                                   const std::vector<std::int32_t>& classes,
                                   const Matrix<float>& unseen) {
  std::vector<std::int32_t> known = classes;
  std::sort(known.begin(), known.end());
  known.erase(std::unique(known.begin(), known.end()), known.end());
  std::vector<std::int32_t> number;
  for (const std::int32_t c : classes) {
    number.push_back(
        static_cast<std::int32_t>(std::lower_bound(known.begin(), known.end(), c) - known.begin()));
  }
  std::vector<std::int32_t> predicted =
      ZeroShot(context, train, number).predict(context, unseen.to_device(context)).classes;
  for (std::int32_t& c : predicted) c = known[static_cast<std::size_t>(c)];
  return predicted;
}

// Images of known class.
struct KnownImages {
  const std::vector<std::int64_t>& rows;
  const std::vector<std::int32_t>& classes;
  const std::vector<std::string>& class_names;
};

// How often the class of an image is told by what was fitted to the `known` rows of other folds.
// Where many rows are equal those may lack a class: its images are not counted, and `leave_out`
// gets that in words. None where nothing is left.
template <class Predict, class LeaveOut>
std::optional<Interval> by_folds(Context& context, MatrixView<const float> known,
                                 MatrixView<const float> images, const KnownImages& labelled,
                                 const std::vector<std::int32_t>& fold, const Predict& predict,
                                 const LeaveOut& leave_out) {
  const auto rows_of = [&](const std::vector<std::int64_t>& places) {
    std::vector<std::int64_t> rows;
    for (const std::int64_t place : places) {
      rows.push_back(labelled.rows[static_cast<std::size_t>(place)]);
    }
    return rows;
  };
  const std::vector<std::int32_t> predicted = cross_validated_predictions(
      labelled.classes, fold,
      [&](const std::vector<std::int64_t>& train, const std::vector<std::int32_t>& classes,
          const std::vector<std::int64_t>& test) {
        return predict(context, select_rows(known, rows_of(train)), classes,
                       select_rows(images, rows_of(test)));
      });
  const std::size_t n = predicted.size();
  std::vector<double> hits;
  std::vector<bool> left(labelled.class_names.size());
  for (std::size_t i = 0; i < n; ++i) {
    if (predicted[i] < 0) {
      left[static_cast<std::size_t>(labelled.classes[i])] = true;
    } else {
      hits.push_back(predicted[i] == labelled.classes[i] ? 1 : 0);
    }
  }
  if (hits.size() < n) {
    const auto first =
        static_cast<std::size_t>(std::find(left.begin(), left.end(), true) - left.begin());
    leave_out(
        fmt::format("expected equal rows to leave every class in two folds, got none of {} "
                    "classes ('{}') for {} of {} images",
                    std::count(left.begin(), left.end(), true), labelled.class_names[first],
                    n - hits.size(), n));
  }
  if (hits.empty()) return std::nullopt;
  return mean_interval(context, hits, context.seed());
}

}  // namespace

Estimate jackknife_estimate(
    const std::vector<std::int64_t>& equal,
    const std::function<double(const std::vector<std::int64_t>&)>& statistic) {
  std::vector<std::int64_t> all(equal.size());
  std::iota(all.begin(), all.end(), 0);
  Estimate estimate{statistic(all), NAN, NAN};
  if (group_count(equal) < 2 * kJackknifeFolds) return estimate;
  const double reach = kStudent * jackknife_standard_error(equal, statistic, kJackknifeFolds);
  estimate.low = estimate.value - reach;
  estimate.high = estimate.value + reach;
  return estimate;
}

void add_name(std::vector<std::string>& names, const std::string& name) {
  constexpr std::size_t kNames = 3;
  if (names.size() < kNames && std::find(names.begin(), names.end(), name) == names.end()) {
    names.push_back(name);
  }
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
  const std::vector<std::int64_t>& equal = data.equal.pairs;
  const auto gap_of = [&](const std::vector<std::int64_t>& rows) {
    return modality_gap(context, select_rows(data.images, rows), select_rows(data.texts, rows));
  };
  found.gap = modality_gap(context, data.images, data.texts);
  found.gap_distance =
      jackknife_estimate(equal, [&](const auto& rows) { return gap_of(rows).distance; });
  found.paired_cosine =
      jackknife_estimate(equal, [&](const auto& rows) { return gap_of(rows).paired_cosine; });
  found.other_cosine =
      jackknife_estimate(equal, [&](const auto& rows) { return gap_of(rows).other_cosine; });
}

HubFindings measure_hubs(Context& context, const SemanticData& data, std::int64_t neighbours) {
  HubFindings found;
  const auto direction = [&](MatrixView<const float> queries, MatrixView<const float> candidates,
                             std::int32_t& most, double& never) {
    const Hubness whole = hubness(context, queries, candidates, neighbours);
    most = whole.most;
    never = whole.never;
    return jackknife_estimate(data.equal.pairs, [&](const std::vector<std::int64_t>& rows) {
      return hubness(context, select_rows(queries, rows), select_rows(candidates, rows), neighbours)
          .skew;
    });
  };
  found.image_to_text = direction(data.images, data.texts, found.most_text, found.never_text);
  found.text_to_image = direction(data.texts, data.images, found.most_image, found.never_image);
  return found;
}

std::vector<ScoredRetrieval> measure_retrieval(Context& context, const SemanticData& data,
                                               const SemanticSettings& settings) {
  const EqualRows& equal = data.equal;
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
  // Half of the queries must be there to learn from.
  const auto halved = [&](const std::vector<std::int64_t>& groups) {
    std::vector<std::int64_t> order(groups.size());
    std::iota(order.begin(), order.end(), 0);
    return set_groups_aside(order, images.rows / 2, groups) > 0;
  };
  const bool banks = halved(equal.images) && halved(equal.texts);
  if (banks) {
    add("csls_bank", by_bank(context, images, texts, csls, equal.images),
        by_bank(context, texts, images, csls, equal.texts));
  }
  add("sinkhorn", with(images, texts, sinkhorn), with(texts, images, sinkhorn));
  if (banks) {
    add("sinkhorn_bank", by_bank(context, images, texts, sinkhorn, equal.images),
        by_bank(context, texts, images, sinkhorn, equal.texts));
  }
  return all;
}

void measure_classes(Context& context, const SemanticData& data, const SemanticSettings& settings,
                     SemanticFindings& all) {
  const EqualRows& equal = data.equal;
  if (data.factors.empty() || !data.factors[0].categorical()) return;
  // Classes that have an image for every fold, numbered anew.
  std::vector<Factor> common;
  common.push_back(copy_of_classes(data.factors[0]));
  all.rare = drop_rare_classes(common, settings.folds);
  const bool folded = !common.empty();
  const Factor& factor = folded ? common[0] : data.factors[0];
  if (!folded && data.prompts.empty()) return;
  ClassFindings found{.factor = factor.name};
  std::vector<std::int64_t> rows, counts(factor.class_names.size()), equal_images, equal_pairs;
  std::vector<std::int32_t> classes, known;  // known: as the prompts count them
  for (std::size_t i = 0; i < factor.classes.size(); ++i) {
    const std::int32_t c = factor.classes[i];
    if (c < 0) continue;
    ++counts[static_cast<std::size_t>(c)];
    rows.push_back(static_cast<std::int64_t>(i));
    equal_images.push_back(equal.images[i]);
    equal_pairs.push_back(equal.pairs[i]);
    classes.push_back(c);
    known.push_back(data.factors[0].classes[i]);
  }
  if (rows.empty()) return;
  found.rows = static_cast<std::int64_t>(rows.size());
  found.classes = std::count_if(counts.begin(), counts.end(), [](auto n) { return n > 0; });
  found.chance = static_cast<double>(*std::max_element(counts.begin(), counts.end())) /
                 static_cast<double>(found.rows);

  const std::uint64_t seed = context.seed();
  if (folded) {
    const KnownImages labelled{rows, classes, factor.class_names};
    found.probe = by_folds(context, data.images, data.images, labelled,
                           deal_folds(classes, equal_images, settings.folds, seed), by_probe,
                           [&](std::string words) {
                             all.left_out.push_back("logistic regression: " + std::move(words));
                           });
    if (data.paired) {
      found.texts = by_folds(
          context, data.texts, data.images, labelled,
          deal_folds(classes, equal_pairs, settings.folds, seed), by_texts, [&](std::string words) {
            all.left_out.push_back("nearest class mean of texts: " + std::move(words));
          });
      found.texts_are_prompts = found.texts && texts_are_prompts(equal.images, equal.texts);
    }
  }
  if (!data.prompts.empty()) {
    const ZeroShot zero_shot(context, data.prompts, data.prompt_classes);
    std::vector<double> hits;
    const std::vector<std::int32_t> predicted =
        zero_shot.predict(context, select_rows(data.images, rows).to_device(context)).classes;
    for (std::size_t i = 0; i < rows.size(); ++i) hits.push_back(predicted[i] == known[i] ? 1 : 0);
    found.prompts = mean_interval(context, hits, seed);
  }
  all.classes = std::move(found);
}

}  // namespace clipk::study
