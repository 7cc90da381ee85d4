#include "semantic/measures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <unordered_map>
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

// The same groups, numbered from 0 in the order of their first row.
std::vector<std::int64_t> numbered(const std::vector<std::int64_t>& groups) {
  std::unordered_map<std::int64_t, std::int64_t> number;
  std::vector<std::int64_t> result;
  result.reserve(groups.size());
  for (const std::int64_t group : groups) {
    result.push_back(
        number.try_emplace(group, static_cast<std::int64_t>(number.size())).first->second);
  }
  return result;
}

// What the jackknife takes away together: pairs; or images with all their texts, and behind the
// images the texts of none.
class Units {
 public:
  explicit Units(const SemanticData& data) : data_(data), groups_(data.equal.pairs) {
    if (data.image_of_text.empty()) return;
    // Images that have a text are numbered first, so that every fold has as many of them.
    const PairQueries queries = pair_queries(data.images.rows(), data.image_of_text);
    const auto asking = static_cast<std::ptrdiff_t>(queries.images.size());
    std::vector<std::int64_t> order;
    order.reserve(queries.images.size() + groups_.size());
    for (const std::int64_t image : queries.images) {
      order.push_back(groups_[static_cast<std::size_t>(image)]);
    }
    order.insert(order.end(), groups_.begin(), groups_.end());
    order = numbered(order);
    paired_groups_ = *std::max_element(order.begin(), order.begin() + asking) + 1;
    groups_.assign(order.begin() + asking, order.end());
    std::int64_t groups = group_count(groups_);
    for (std::size_t t = 0; t < data.image_of_text.size(); ++t) {
      if (data.image_of_text[t] >= 0) continue;
      loose_.push_back(static_cast<std::int64_t>(t));
      groups_.push_back(groups++);
    }
  }

  struct Rows {
    std::vector<std::int64_t> images, texts;
    std::vector<std::int32_t> image_of_text;  // empty: text i is image i's
  };
  Rows rows_of(const std::vector<std::int64_t>& units) const {
    if (data_.image_of_text.empty()) return {units, units, {}};
    Rows rows;
    std::vector<std::int32_t> place(static_cast<std::size_t>(data_.images.rows()), -1);
    std::vector<bool> loose(static_cast<std::size_t>(data_.texts.rows()));
    for (const std::int64_t unit : units) {
      if (unit < data_.images.rows()) {
        place[static_cast<std::size_t>(unit)] = static_cast<std::int32_t>(rows.images.size());
        rows.images.push_back(unit);
      } else {
        loose[static_cast<std::size_t>(
            loose_[static_cast<std::size_t>(unit - data_.images.rows())])] = true;
      }
    }
    for (std::size_t t = 0; t < loose.size(); ++t) {
      const std::int32_t image = data_.image_of_text[t];
      const std::int32_t row = image < 0 ? -1 : place[static_cast<std::size_t>(image)];
      if (row < 0 && !loose[t]) continue;
      rows.texts.push_back(static_cast<std::int64_t>(t));
      rows.image_of_text.push_back(row);
    }
    return rows;
  }

  // Without an interval where too few images have a text.
  Estimate estimate(const std::function<double(const Rows&)>& statistic) const {
    const auto of_units = [&](const std::vector<std::int64_t>& units) {
      return statistic(rows_of(units));
    };
    if (paired_groups_ >= 2 * kJackknifeFolds) return jackknife_estimate(groups_, of_units);
    std::vector<std::int64_t> all(groups_.size());
    std::iota(all.begin(), all.end(), 0);
    return {of_units(all), NAN, NAN};
  }

  std::int64_t fewest_candidates() const {
    std::array<std::int64_t, kJackknifeFolds> images{}, texts{};
    const auto fold_of = [&](std::size_t unit) {
      return static_cast<std::size_t>(groups_[unit]) % images.size();
    };
    const auto n = static_cast<std::size_t>(data_.images.rows());
    for (std::size_t i = 0; i < n; ++i) {
      ++images[fold_of(i)];
      if (data_.image_of_text.empty()) ++texts[fold_of(i)];
    }
    for (const std::int32_t image : data_.image_of_text) {
      if (image >= 0) ++texts[fold_of(static_cast<std::size_t>(image))];
    }
    for (std::size_t l = 0; l < loose_.size(); ++l) ++texts[fold_of(n + l)];
    return std::min(data_.images.rows() - *std::max_element(images.begin(), images.end()),
                    data_.texts.rows() - *std::max_element(texts.begin(), texts.end()));
  }

 private:
  const SemanticData& data_;
  std::vector<std::int64_t> groups_;
  std::vector<std::int64_t> loose_;  // texts of no image
  std::int64_t paired_groups_ = std::numeric_limits<std::int64_t>::max();
};

// How the candidates of one direction are corrected, from a bank of queries.
using Bias = std::function<std::vector<double>(MatrixView<const float> bank,
                                               MatrixView<const float> candidates)>;

// One direction of retrieval: the rows that ask, and those that answer.
struct Direction {
  Matrix<float> selected;  // the queries, where not all rows of the modality are
  MatrixView<const float> queries, candidates;
  std::vector<std::int32_t> partners;        // [queries] of texts that ask, or empty: row i
  std::vector<std::int32_t> query_of;        // [candidates] of images that ask, or empty
  std::vector<std::int64_t> together;        // [queries] groups that no half separates
  std::vector<std::int64_t> image_of_query;  // [queries] of texts of one image, or empty

  RetrievalScores ranked(Context& context, const std::vector<double>& bias) const {
    return query_of.empty()
               ? retrieval_with_bias(context, queries, candidates, bias, partners)
               : retrieval_with_bias_to_any(context, queries, candidates, bias, query_of);
  }
  // Of the difference of two measurements of the queries.
  Interval interval(Context& context, const std::vector<double>& a,
                    const std::vector<double>& b) const {
    const BootstrapOptions options{.seed = context.seed()};
    return image_of_query.empty() ? paired_bootstrap(context, a, b, options)
                                  : paired_bootstrap(context, a, b, image_of_query, options);
  }
};

struct Directions {
  Direction image_to_text, text_to_image;
};
Directions directions_of(const SemanticData& data) {
  const MatrixView<const float> images = data.images, texts = data.texts;
  Directions both;
  Direction &to_text = both.image_to_text, &to_image = both.text_to_image;
  to_text.candidates = texts;
  to_image.candidates = images;
  if (data.image_of_text.empty()) {
    to_text.queries = images;
    to_image.queries = texts;
    to_text.together = data.equal.images;
    to_image.together = data.equal.texts;
    return both;
  }
  const PairQueries queries = pair_queries(images.rows, data.image_of_text);
  to_text.selected = select_rows(images, queries.images);
  to_text.queries = to_text.selected;
  std::vector<std::int32_t> place(static_cast<std::size_t>(images.rows), -1);
  to_text.together.reserve(queries.images.size());
  for (std::size_t q = 0; q < queries.images.size(); ++q) {
    const auto image = static_cast<std::size_t>(queries.images[q]);
    place[image] = static_cast<std::int32_t>(q);
    to_text.together.push_back(data.equal.images[image]);
  }
  to_text.together = numbered(to_text.together);
  to_text.query_of.reserve(data.image_of_text.size());
  for (const std::int32_t image : data.image_of_text) {
    to_text.query_of.push_back(image < 0 ? -1 : place[static_cast<std::size_t>(image)]);
  }
  to_image.selected = select_rows(texts, queries.texts);
  to_image.queries = to_image.selected;
  to_image.partners.assign(queries.image_of.begin(), queries.image_of.end());
  to_image.image_of_query = queries.image_of;
  // The texts of an image say nearly the same: one in the bank would tell of the other.
  std::vector<std::int64_t> equal;
  equal.reserve(queries.texts.size());
  for (const std::int64_t text : queries.texts) {
    equal.push_back(data.equal.texts[static_cast<std::size_t>(text)]);
  }
  to_image.together = joined_groups(numbered(equal), numbered(queries.image_of));
  return both;
}

// Every half of the queries is ranked with the bias that the other half tells.
RetrievalScores by_bank(Context& context, const Direction& direction, const Bias& bias) {
  const MatrixView<const float> queries = direction.queries;
  std::vector<std::int64_t> order =
      Random(context.seed(), RandomStream::bank_halves).permutation(queries.rows);
  std::vector<std::int32_t> ranks(order.size());
  const auto half =
      static_cast<std::size_t>(set_groups_aside(order, queries.rows / 2, direction.together));
  for (const bool second : {false, true}) {
    std::vector<std::int64_t> bank(order.begin() + (second ? 0 : half),
                                   second ? order.begin() + half : order.end());
    std::sort(bank.begin(), bank.end());
    const RetrievalScores scores =
        direction.ranked(context, bias(select_rows(queries, bank), direction.candidates));
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

// What a fold is fitted to.
struct Training {
  Matrix<float> rows;
  std::vector<std::int32_t> classes;
};

// How often the class of an image is told by what was fitted to the other folds: to what
// `known(rows, classes)` gives of their images. Where many rows are equal those may lack a class:
// its images are not counted, and `leave_out` gets that in words. None where nothing is left.
template <class Known, class Predict, class LeaveOut>
std::optional<Interval> by_folds(Context& context, const Known& known,
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
        const Training training = known(rows_of(train), classes);
        return predict(context, training.rows, training.classes,
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

// How often the class of an image is told by the nearest mean of the texts of other folds' images.
std::optional<Interval> by_texts_of_images(Context& context, const SemanticData& data,
                                           const KnownImages& labelled,
                                           const std::vector<std::int64_t>& equal_pairs,
                                           std::int64_t folds, std::vector<std::string>& left_out) {
  const PairQueries queries = pair_queries(data.images.rows(), data.image_of_text);
  std::vector<std::vector<std::int64_t>> texts_of(static_cast<std::size_t>(data.images.rows()));
  for (std::size_t q = 0; q < queries.texts.size(); ++q) {
    texts_of[static_cast<std::size_t>(queries.image_of[q])].push_back(queries.texts[q]);
  }
  // The images that have a text.
  std::vector<std::int64_t> rows, groups;
  std::vector<std::int32_t> classes;
  for (std::size_t i = 0; i < labelled.rows.size(); ++i) {
    if (texts_of[static_cast<std::size_t>(labelled.rows[i])].empty()) continue;
    rows.push_back(labelled.rows[i]);
    classes.push_back(labelled.classes[i]);
    groups.push_back(equal_pairs[i]);
  }
  if (rows.empty()) return std::nullopt;
  const auto their_texts = [&](const std::vector<std::int64_t>& images,
                               const std::vector<std::int32_t>& of_images) {
    std::vector<std::int64_t> texts;
    Training training;
    for (std::size_t i = 0; i < images.size(); ++i) {
      for (const std::int64_t text : texts_of[static_cast<std::size_t>(images[i])]) {
        texts.push_back(text);
        training.classes.push_back(of_images[i]);
      }
    }
    training.rows = select_rows(data.texts, texts);
    return training;
  };
  return by_folds(context, their_texts, data.images, {rows, classes, labelled.class_names},
                  deal_folds(classes, groups, folds, context.seed()), by_texts,
                  [&](std::string words) {
                    left_out.push_back("nearest class mean of texts: " + std::move(words));
                  });
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

std::int64_t fewest_candidates(const SemanticData& data) {
  return Units(data).fewest_candidates();
}

void measure_gap(Context& context, const SemanticData& data, SemanticFindings& found) {
  const Units units(data);
  const auto gap_of = [&](const Units::Rows& rows) {
    const Matrix<float> images = select_rows(data.images, rows.images),
                        texts = select_rows(data.texts, rows.texts);
    return rows.image_of_text.empty() ? modality_gap(context, images, texts)
                                      : modality_gap(context, images, texts, rows.image_of_text);
  };
  found.gap = data.image_of_text.empty()
                  ? modality_gap(context, data.images, data.texts)
                  : modality_gap(context, data.images, data.texts, data.image_of_text);
  found.gap_distance = units.estimate([&](const auto& rows) { return gap_of(rows).distance; });
  found.paired_cosine =
      units.estimate([&](const auto& rows) { return gap_of(rows).paired_cosine; });
  found.other_cosine = units.estimate([&](const auto& rows) { return gap_of(rows).other_cosine; });
}

HubFindings measure_hubs(Context& context, const SemanticData& data, std::int64_t neighbours) {
  const Units units(data);
  HubFindings found;
  const Hubness texts = hubness(context, data.images, data.texts, neighbours);
  found.most_text = texts.most;
  found.never_text = texts.never;
  found.image_to_text = units.estimate([&](const Units::Rows& rows) {
    return hubness(context, select_rows(data.images, rows.images),
                   select_rows(data.texts, rows.texts), neighbours)
        .skew;
  });
  const Hubness images = hubness(context, data.texts, data.images, neighbours);
  found.most_image = images.most;
  found.never_image = images.never;
  found.text_to_image = units.estimate([&](const Units::Rows& rows) {
    return hubness(context, select_rows(data.texts, rows.texts),
                   select_rows(data.images, rows.images), neighbours)
        .skew;
  });
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
  const Directions both = directions_of(data);
  const Direction &to_text = both.image_to_text, &to_image = both.text_to_image;
  std::vector<ScoredRetrieval> all;
  const auto add = [&](const std::string& method, RetrievalScores i2t, RetrievalScores t2i) {
    ScoredRetrieval scored{
        .method = method, .image_to_text = std::move(i2t), .text_to_image = std::move(t2i)};
    const std::vector<double> hits[2] = {hits_at(scored.image_to_text, 1),
                                         hits_at(scored.text_to_image, 1)};
    scored.i2t_top1 = to_text.interval(context, hits[0], std::vector<double>(hits[0].size()));
    scored.t2i_top1 = to_image.interval(context, hits[1], std::vector<double>(hits[1].size()));
    if (!all.empty()) {
      scored.i2t_change = to_text.interval(context, hits[0], hits_at(all[0].image_to_text, 1));
      scored.t2i_change = to_image.interval(context, hits[1], hits_at(all[0].text_to_image, 1));
    }
    all.push_back(std::move(scored));
  };
  const auto with = [&](const Direction& direction, const Bias& bias) {
    return direction.ranked(context, bias(direction.queries, direction.candidates));
  };
  Retrieval plain = data.image_of_text.empty()
                        ? retrieval(context, data.images, data.texts)
                        : retrieval(context, data.images, data.texts, data.image_of_text);
  add("cosine", std::move(plain.image_to_text), std::move(plain.text_to_image));
  add("csls", with(to_text, csls), with(to_image, csls));
  // Half of the queries must be there to learn from.
  const auto halved = [&](const Direction& direction) {
    std::vector<std::int64_t> order(direction.together.size());
    std::iota(order.begin(), order.end(), 0);
    return set_groups_aside(order, direction.queries.rows / 2, direction.together) > 0;
  };
  const bool banks = halved(to_text) && halved(to_image);
  if (banks) {
    add("csls_bank", by_bank(context, to_text, csls), by_bank(context, to_image, csls));
  }
  add("sinkhorn", with(to_text, sinkhorn), with(to_image, sinkhorn));
  if (banks) {
    add("sinkhorn_bank", by_bank(context, to_text, sinkhorn), by_bank(context, to_image, sinkhorn));
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
    const auto of_images = [&](const std::vector<std::int64_t>& images,
                               const std::vector<std::int32_t>& their) {
      return Training{select_rows(data.images, images), their};
    };
    found.probe = by_folds(context, of_images, data.images, labelled,
                           deal_folds(classes, equal_images, settings.folds, seed), by_probe,
                           [&](std::string words) {
                             all.left_out.push_back("logistic regression: " + std::move(words));
                           });
    if (data.paired) {
      found.texts =
          by_texts_of_images(context, data, labelled, equal_pairs, settings.folds, all.left_out);
      found.texts_are_prompts = found.texts && all.repeated.prompts;
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
