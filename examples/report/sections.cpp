#include "report/sections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "clipk/core/select_rows.hpp"
#include "clipk/metrics/silhouette.hpp"
#include "clipk/models/choose_clusters.hpp"
#include "clipk/models/cluster_names.hpp"
#include "clipk/models/factor_pairs.hpp"
#include "clipk/models/kmeans.hpp"
#include "cluster/cluster_study.hpp"
#include "factor/factor_study.hpp"
#include "report/words.hpp"
#include "semantic/measures.hpp"
#include "semantic/semantic_study.hpp"
#include "study/pictures/scatter.hpp"
#include "study/rare_classes.hpp"
#include "study/text.hpp"

namespace clipk::study {
namespace {

constexpr std::int64_t kFewestFactored = 40;    // rows, to hold some out and train a flow
constexpr std::int64_t kMapRows = 5000;         // on the t-SNE map
constexpr std::int64_t kSilhouetteRows = 2000;  // as in the cluster study
constexpr std::size_t kTextWidth = 72;

// The number of clusters that the rows fall into, and those clusters; nothing of too few rows.
std::vector<std::int32_t> stable_clusters(Context& context, const Matrix<float>& rows) {
  const std::int64_t distinct = distinct_rows(rows, rows.rows());
  if (distinct < kFewestClustered) return {};
  ChooseClustersOptions options;
  options.slack = kStabilitySlack;
  std::erase_if(options.candidates, [&](std::int64_t k) { return k > most_clusters(distinct); });
  if (options.candidates.empty()) options.candidates = {2};
  const ClusterChoice choice = choose_clusters(context, rows, options);
  return KMeans::fit(context, rows, {.k = choice.k}).labels();
}

// What every image's text is about, as a cluster of the texts; of several texts an image those of
// their means, and -1 for an image of none.
std::vector<std::int32_t> text_clusters(Context& context, const EmbeddingPairs& pairs) {
  if (pairs.image_of_text.empty()) return stable_clusters(context, pairs.texts);
  const PairQueries queries = pair_queries(pairs.size(), pairs.image_of_text);
  std::vector<std::int64_t> place(static_cast<std::size_t>(pairs.size()));
  for (std::size_t q = 0; q < queries.images.size(); ++q) {
    place[static_cast<std::size_t>(queries.images[q])] = static_cast<std::int64_t>(q);
  }
  Matrix<float> means(static_cast<std::int64_t>(queries.images.size()), pairs.dim());
  for (std::size_t t = 0; t < queries.texts.size(); ++t) {
    float* mean = means.view().row(place[static_cast<std::size_t>(queries.image_of[t])]);
    for (std::int64_t j = 0; j < pairs.dim(); ++j) mean[j] += pairs.texts(queries.texts[t], j);
  }
  for (std::int64_t i = 0; i < means.rows(); ++i) {
    double squares = 0;
    for (std::int64_t j = 0; j < means.cols(); ++j) squares += double{means(i, j)} * means(i, j);
    const double scale = squares > 0 ? 1 / std::sqrt(squares) : 0;  // opposite texts have no mean
    for (std::int64_t j = 0; j < means.cols(); ++j) {
      means(i, j) = static_cast<float>(scale * means(i, j));
    }
  }
  const std::vector<std::int32_t> of_means = stable_clusters(context, means);
  if (of_means.empty()) return {};
  std::vector<std::int32_t> clusters(static_cast<std::size_t>(pairs.size()), -1);
  for (std::size_t q = 0; q < queries.images.size(); ++q) {
    clusters[static_cast<std::size_t>(queries.images[q])] = of_means[q];
  }
  return clusters;
}

Matrix<float> copy_of(const Matrix<float>& rows) {
  Context host = Context::cpu();
  return Matrix<float>::copy_of(host, rows);
}

// The leading two dimensions of the factor's block, and two of the others, coloured by class.
void add_factor_pictures(const FactorFindings& found, const Factor& factor, PageSection& section) {
  const FactorFinding& first = found.factors.front();
  const std::int64_t n = found.interpreted.rows();
  const auto add = [&](std::int64_t column, std::int64_t size, const std::string& which) {
    if (size < 2) return;
    Matrix<float> points(n, 2);
    for (std::int64_t i = 0; i < n; ++i) {
      points(i, 0) = found.interpreted(i, column);
      points(i, 1) = found.interpreted(i, column + 1);
    }
    section.pictures.push_back(
        {.png = to_png(Scatter{
             .title = "",
             .points = points,
             .panels = {{.title = which, .category = factor.classes, .names = factor.class_names}},
             .panel_width = 560}),
         .alt = fmt::format("Every image as a point, by {}, coloured by class.", which),
         .caption = {},
         .half = true});
  };
  add(first.first, first.block_size, "the first two of the factor's own dimensions");
  add(found.latent - found.residual_size, found.residual_size,
      "the first two of the other dimensions");
  if (section.pictures.empty()) return;
  section.pictures.back().caption =
      "Every point is an image, including those that the network was fitted to. In a factor's own "
      "dimensions its classes should lie apart, in the others on top of each other.";
}

// How far apart the classes are that the labels give.
double silhouette_of_labels(Context& context, const LabelledRows& rows) {
  std::vector<std::int64_t> known;
  std::vector<std::int32_t> classes;
  for (std::size_t i = 0; i < rows.classes.size(); ++i) {
    if (rows.classes[i] < 0) continue;
    known.push_back(static_cast<std::int64_t>(i));
    classes.push_back(rows.classes[i]);
  }
  return silhouette(context, select_rows(rows.rows, known),
                    {classes.data(), static_cast<std::int64_t>(classes.size())},
                    {.sample = kSilhouetteRows, .seed = context.seed()});
}

std::vector<ClusterName> name_clusters(Run& run, const ReportData& data,
                                       const MethodFindings& method) {
  std::vector<ClusterName> names;
  const auto occupied = std::count_if(method.sizes.begin(), method.sizes.end(),
                                      [](std::int64_t size) { return size > 0; });
  if (occupied < 2) return names;
  for (const NamedCluster& cluster : cluster_names(run.context(), data.pairs.images, method.labels,
                                                   data.pairs.texts, {.names = kNamesAsked})) {
    ClusterName& name = names.emplace_back();
    name.label = cluster.label;
    name.size = cluster.size;
    name.margin = cluster.margin;
    name.q = cluster.q;
    for (const NamingText& text : cluster.names) {
      const std::string caption = data.captions.empty()
                                      ? fmt::format("text {}", text.text)
                                      : data.captions[static_cast<std::size_t>(text.text)];
      add_name(name.names, caption);
    }
  }
  return names;
}

}  // namespace

PageSection cluster_section(Run& run, const ReportData& data) {
  PageSection section{.id = "clusters",
                      .title = "What groups do the images form?",
                      .question =
                          "Images are clustered by their vectors alone. Would another run "
                          "find the same clusters, and which texts describe them?"};
  const std::int64_t n = data.pairs.size();
  const std::int64_t distinct = distinct_rows(data.pairs.images, n);
  const bool labels = data.labels.has_value();
  const auto classes =
      labels ? static_cast<std::int64_t>(data.labels->class_names.size()) : std::int64_t{0};
  if (distinct < std::max(kFewestClustered, 2 * classes)) {
    say_left_out(fmt::format("clusters need at least {} different images, got {}",
                             std::max(kFewestClustered, 2 * classes), distinct),
                 section);
    return section;
  }
  // As the semantic study clusters them.
  LabelledRows rows{.rows = centred_rows(data.pairs.images), .classes = {}, .names = {}};
  if (labels) {
    rows.classes = data.labels->classes;
    rows.names = data.labels->class_names;
  }
  ClusterArguments arguments;
  arguments.settings.methods = {"kmeans"};
  arguments.settings.seeds = 5;
  arguments.slack = kStabilitySlack;
  arguments.most = most_clusters(distinct);
  arguments.tsne_rows = std::min(n, kMapRows);
  Run& part = run.part("clusters");
  ClusterFindings found = run_cluster_study(part, rows, arguments);
  if (labels) found.label_silhouette = silhouette_of_labels(part.context(), rows);
  const std::vector<ClusterName> names = name_clusters(run, data, found.methods.front());
  say_clusters(found, names, labels, !data.captions.empty(), section);
  if (!part.content("tsne.png").empty()) {
    section.pictures.push_back(
        {.png = part.content("tsne.png"),
         .alt = fmt::format("Map of {} images as points, near where their vectors are near, "
                            "coloured by {}.",
                            arguments.tsne_rows, labels ? "label and by cluster" : "cluster"),
         .caption = "Every point is an image; near points have near vectors (t-SNE)."});
  }
  PageTable table{.caption = "Clusters and the texts nearest to them",
                  .head = {"cluster", "nearest texts", "images", "margin", "q"},
                  .texts = 2};
  for (const ClusterName& cluster : names) {
    std::string texts;
    for (const std::string& name : cluster.names) {
      texts += (texts.empty() ? "" : " \u00b7 ") + shortened(name, kTextWidth);
    }
    table.rows.push_back({std::to_string(cluster.label), texts, std::to_string(cluster.size),
                          signed_text(cluster.margin, 2),
                          cluster.q < .001 ? "< 0.001" : fmt::format("{:.3f}", cluster.q)});
  }
  if (!table.rows.empty()) section.tables.push_back(cut(std::move(table)));
  return section;
}

PageSection factor_section(Run& run, const ReportData& data) {
  PageSection section{.id = "factors",
                      .title = "What separates the images, and can it be changed alone?",
                      .question =
                          "Can what is known of an image (its label, or else the topic of its "
                          "text) be encoded in a few dimensions of its own, predicted from "
                          "them, and exchanged while the rest stays?"};
  const std::int64_t n = data.pairs.size();
  if (n < kFewestFactored || data.pairs.dim() < 2) {
    say_left_out(n < kFewestFactored
                     ? fmt::format("this needs at least {} pairs, got {}", kFewestFactored, n)
                     : "vectors of one dimension cannot be separated",
                 section);
    return section;
  }
  const bool labels = data.labels.has_value();
  Factor factor;
  if (labels) {
    factor = copy_of_classes(*data.labels);
  } else if (const auto clusters = text_clusters(run.context(), data.pairs); !clusters.empty()) {
    factor = class_factor("text cluster", clusters);
    drop_rare_classes(factor, kFewestOfClass);
  }
  if (factor.class_names.size() < 2) {
    say_left_out(
        fmt::format("this needs two classes of at least {} images, got fewer", kFewestOfClass),
        section);
    return section;
  }
  FactorData rows;
  rows.vectors = true;
  rows.rows = copy_of(data.pairs.images);
  rows.texts = copy_of(data.pairs.texts);
  rows.captions = data.captions;
  rows.factors.push_back(std::move(factor));
  Run& part = run.part("factors");
  const FactorFindings found = run_factor_study(part, rows, FactorArguments());
  say_factors(found, labels, section);
  run.attempt("the charts of a factor's dimensions",
              [&] { add_factor_pictures(found, rows.factors.front(), section); });
  const FactorFinding& first = found.factors.front();
  PageTable table{.caption = "Accuracy of predicting the class of new images",
                  .head = {"predicted from", "dimensions", "accuracy"}};
  table.rows.push_back(
      {"its own dimensions", std::to_string(first.block_size), percent_text(first.own_block)});
  table.rows.push_back(
      {"the other dimensions", std::to_string(found.residual_size), percent_text(found.residual)});
  table.rows.push_back({"none: always the most common class", "0", percent_text(first.chance)});
  section.tables.push_back(std::move(table));
  return section;
}

PageSection semantic_section(Run& run, const ReportData& data) {
  PageSection section{.id = "meaning",
                      .title = "What do the vectors mean?",
                      .question =
                          "How near is an image to its own text and to others, and which texts "
                          "correlate with which direction of the space?"};
  SemanticData semantic;
  semantic.images = copy_of(data.pairs.images);
  semantic.texts = copy_of(data.pairs.texts);
  semantic.captions = data.captions;
  semantic.paired = true;
  semantic.image_of_text = data.pairs.image_of_text;
  semantic.equal = data.equal;
  if (data.labels) semantic.factors.push_back(copy_of_classes(*data.labels));
  SemanticSettings settings;
  settings.shown = std::min<std::int64_t>(settings.shown, data.pairs.size());
  Run& part = run.part("meaning");
  const SemanticFindings found = run_semantic_study(part, semantic, settings);
  say_semantic(found, !data.captions.empty(), section);
  const auto add = [&](const char* file, std::string alt, std::string caption) {
    if (part.content(file).empty()) return;
    section.pictures.push_back({part.content(file), std::move(alt), std::move(caption)});
  };
  add("similarity.png",
      fmt::format("Table of cosines of {} texts with {} images; a text's best image of all {} is "
                  "framed where it is among these.",
                  found.table.texts.size(), found.table.images.size(), found.images),
      fmt::format(
          "Cosines of texts (down) with images (across), of typical images. Compare along a row. A "
          "frame is around a text's best image of all {}; a row without one has "
          "its best image elsewhere.",
          found.images));
  add("correlation.png",
      "Table of correlations of labels and texts with the leading principal components.",
      "Correlations of labels and texts with principal components; a number is shown where it is "
      "significant.");
  for (const SpaceFindings& space : found.spaces) {
    if (space.name != "pca" || space.meanings.empty()) continue;
    PageTable table{
        .caption = "The two ends of each principal component, by the texts that correlate most",
        .head = {"component", "one end", "other end", "r", "r"},
        .texts = 3};
    for (std::size_t c = 0; c < std::min<std::size_t>(space.meanings.size(), 8); ++c) {
      const Component& component = space.meanings[c];
      table.rows.push_back({std::to_string(c), shortened(component.low_text, kTextWidth),
                            shortened(component.high_text, kTextWidth),
                            signed_text(component.low_r, 2), signed_text(component.high_r, 2)});
    }
    section.tables.push_back(std::move(table));
  }
  return section;
}

}  // namespace clipk::study
