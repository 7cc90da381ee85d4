#include "report/sections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>

#include "chart.hpp"
#include "clipk/core/error.hpp"
#include "clipk/models/choose_clusters.hpp"
#include "clipk/models/cluster_names.hpp"
#include "clipk/models/factor_pairs.hpp"
#include "clipk/models/kmeans.hpp"
#include "cluster/cluster_study.hpp"
#include "dimension/dimension_study.hpp"
#include "factor/factor_study.hpp"
#include "report/words.hpp"
#include "scatter.hpp"
#include "semantic/semantic_study.hpp"
#include "text.hpp"

namespace clipk::study {
namespace {

constexpr std::int64_t kFewestClustered = 20;  // rows, to choose a number of clusters
constexpr std::int64_t kRowsOfCluster = 10;    // so many rows a cluster, or fewer clusters
constexpr std::int64_t kFewestFactored = 40;   // rows, to hold some out and train a flow
constexpr std::int64_t kFewestOfClass = 5;     // rows of a class that the factor study takes
constexpr std::int64_t kMapRows = 5000;        // on the t-SNE map
constexpr std::int64_t kMostFitted = 4000;     // pairs, above which Neural MDS gets fewer epochs
constexpr std::int64_t kEpochs = 80, kQuickEpochs = 20;
constexpr int kSplits = 5;
constexpr double kStabilitySlack = .15;  // as in the semantic study: the finest that is stable
constexpr std::size_t kMostRows = 24;    // of a table
constexpr std::size_t kTextWidth = 72;

PageTable cut(PageTable table) {
  if (table.rows.size() <= kMostRows) return table;
  table.caption += fmt::format(" (the first {} of {})", kMostRows, table.rows.size());
  table.rows.resize(kMostRows);
  return table;
}

// Halves of the width, down to 16 or to what few columns allow.
std::vector<int> dims_below(std::int64_t full) {
  std::vector<int> dims;
  for (std::int64_t dim = full / 2; dim >= 1 && dims.size() < 5; dim /= 2) {
    dims.push_back(static_cast<int>(dim));
    if (dim <= 16 && dims.size() > 1) break;
  }
  return dims;
}

// Top-1 by dimension, with the interval of its change as a band.
Figure dimension_figure(const DimensionFindings& found, bool held_out) {
  Figure figure{.title = "", .panel_width = 460, .height = 420};
  for (const bool image_query : {true, false}) {
    const double level = image_query ? (held_out ? found.held_i2t_top1 : found.i2t_top1)
                                     : (held_out ? found.held_t2i_top1 : found.t2i_top1);
    Panel panel{.title = image_query ? "image to text" : "text to image",
                .x_label = "numbers a vector",
                .y_label = "partner found first",
                .log_x = true,
                .percent_y = true};
    panel.levels = {
        {fmt::format("all {}", found.dim), level},
        {fmt::format("{:g} points less", 100 * found.margin), std::max(level - found.margin, 0.0)}};
    std::map<std::string, Series> series;
    for (const DimensionChange& change : found.changes) {
      if (change.held_out != held_out) continue;
      const Interval& interval = image_query ? change.i2t : change.t2i;
      Series& line = series[change.method];
      line.label = change.method;
      line.x.push_back(change.dim);
      line.y.push_back(level + interval.estimate);
      line.low.push_back(std::max(level + interval.low, 0.0));
      line.high.push_back(std::min(level + interval.high, 1.0));
    }
    for (auto& [method, line] : series) {
      panel.x_ticks = line.x;
      panel.series.push_back(std::move(line));
    }
    figure.panels.push_back(std::move(panel));
  }
  return figure;
}

PageTable dimension_table(const DimensionFindings& found, bool held_out) {
  PageTable table{
      .caption =
          held_out
              ? "Change of the share that finds its partner first, in "
                "points: pairs the map has not seen"
              : "Change of the share that finds its partner first, in points: the fitted pairs",
      .head = {"map", "numbers", "image to text", "95 % interval", "text to image",
               "95 % interval"}};
  const auto bounds = [](const Interval& interval) {
    return fmt::format("{} to {}", signed_text(100 * interval.low),
                       signed_text(100 * interval.high));
  };
  for (const DimensionChange& change : found.changes) {
    if (change.held_out != held_out) continue;
    table.rows.push_back({change.method, std::to_string(change.dim),
                          signed_text(100 * change.i2t.estimate), bounds(change.i2t),
                          signed_text(100 * change.t2i.estimate), bounds(change.t2i)});
  }
  return cut(std::move(table));
}

// The number of clusters that the rows fall into, and those clusters; nothing of too few rows.
std::vector<std::int32_t> stable_clusters(Context& context, const Matrix<float>& rows) {
  const std::int64_t distinct = distinct_rows(rows, rows.rows());
  if (distinct < kFewestClustered) return {};
  ChooseClustersOptions options;
  options.slack = kStabilitySlack;
  std::erase_if(options.candidates, [&](std::int64_t k) { return k > distinct / kRowsOfCluster; });
  if (options.candidates.empty()) options.candidates = {2};
  const ClusterChoice choice = choose_clusters(context, rows, options);
  return KMeans::fit(context, rows, {.k = choice.k}).labels();
}

// Classes of fewer rows than `least` become unknown.
Factor without_rare(const Factor& factor, std::int64_t least) {
  std::vector<std::int64_t> counts(factor.class_names.size());
  for (const std::int32_t c : factor.classes) {
    if (c >= 0) ++counts[static_cast<std::size_t>(c)];
  }
  Factor kept{.name = factor.name, .classes = factor.classes};
  std::vector<std::int32_t> number(counts.size(), -1);
  for (std::size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] < least) continue;
    number[c] = static_cast<std::int32_t>(kept.class_names.size());
    kept.class_names.push_back(factor.class_names[c]);
  }
  for (std::int32_t& c : kept.classes) {
    if (c >= 0) c = number[static_cast<std::size_t>(c)];
  }
  return kept;
}

Matrix<float> copy_of(const Matrix<float>& rows) {
  Context host = Context::cpu();
  return Matrix<float>::copy_of(host, rows);
}

// The leading two numbers of the factor's block, and two of the others, coloured by class.
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
  add(first.first, first.block_size, "the first two of the factor's own numbers");
  add(found.latent - found.residual_size, found.residual_size,
      "the first two of the other numbers");
  if (section.pictures.empty()) return;
  section.pictures.back().caption =
      "Every point is an image, those that the network was fitted to among them. In a factor's own "
      "numbers its classes should lie apart, in the others on top of each other.";
}

std::vector<ClusterName> name_clusters(Run& run, const ReportData& data,
                                       const MethodFindings& method) {
  std::vector<ClusterName> names;
  const auto occupied = std::count_if(method.sizes.begin(), method.sizes.end(),
                                      [](std::int64_t size) { return size > 0; });
  if (occupied < 2) return names;
  for (const NamedCluster& cluster :
       cluster_names(run.context(), data.pairs.images, method.labels, data.pairs.texts)) {
    ClusterName& name = names.emplace_back();
    name.size = cluster.size;
    name.margin = cluster.margin;
    name.q = cluster.q;
    for (const NamingText& text : cluster.names) {
      name.names.push_back(data.captions.empty()
                               ? fmt::format("text {}", text.text)
                               : data.captions[static_cast<std::size_t>(text.text)]);
    }
  }
  return names;
}

}  // namespace

PageSection dimension_section(Run& run, const ReportData& data, const ReportSettings& settings) {
  PageSection section{.id = "dimension",
                      .title = "How small can the vectors be?",
                      .question =
                          "Vectors with fewer numbers take less room and are searched "
                          "faster. How few are enough for an image to find its own text, "
                          "and a text its image, as often as before?"};
  const std::int64_t n = data.pairs.size();
  DimensionArguments arguments;
  arguments.settings.dims = dims_below(data.pairs.dim());
  if (arguments.settings.dims.empty()) {
    say_left_out("vectors of one number cannot be made smaller", section);
    return section;
  }
  arguments.dims_chosen = true;
  arguments.settings.methods = {"pca", "isotonic"};
  arguments.settings.splits = kSplits;
  arguments.settings.margin = settings.margin;
  arguments.epochs = run.options().quick ? kQuickEpochs : kEpochs;
  if (n > kMostFitted) arguments.epochs = std::max<std::int64_t>(kEpochs * kMostFitted / n, 10);
  Run& part = run.part("dimension");
  const DimensionFindings found = run_dimension_study(part, data.pairs, arguments);
  say_dimension(found, section);
  for (const bool held_out : {true, false}) {
    if (held_out && found.splits == 0) continue;
    section.pictures.push_back(
        {.png = to_png(dimension_figure(found, held_out)),
         .alt = fmt::format(
             "Two charts, image to text and text to image: share of {} that find their partner "
             "first, by numbers a vector from {} to {}, for the maps pca and isotonic, with 95 % "
             "bands around each line and dashed lines at the share with all {} numbers and at {:g} "
             "points less.",
             held_out ? "new pairs" : "the fitted pairs", arguments.settings.dims.back(),
             arguments.settings.dims.front(), found.dim, 100 * found.margin),
         .caption = held_out ? "Pairs that the maps have not seen. Bands: 95 % intervals of the "
                               "change against all numbers. Safe is a band that lies above the "
                               "lower dashed line as a whole."
                             : "The pairs that the maps were fitted to."});
  }
  section.tables.push_back(dimension_table(found, found.splits > 0));
  return section;
}

PageSection cluster_section(Run& run, const ReportData& data) {
  PageSection section{.id = "clusters",
                      .title = "What groups do the images form?",
                      .question =
                          "Images are split into groups by their vectors alone. Would "
                          "another try find the same groups, and what do the texts call "
                          "them?"};
  const std::int64_t n = data.pairs.size();
  const std::int64_t distinct = distinct_rows(data.pairs.images, n);
  const bool labels = data.labels.has_value();
  const auto classes =
      labels ? static_cast<std::int64_t>(data.labels->class_names.size()) : std::int64_t{0};
  if (distinct < std::max(kFewestClustered, 2 * classes)) {
    say_left_out(fmt::format("clusters take {} different images, and there are {}",
                             std::max(kFewestClustered, 2 * classes), distinct),
                 section);
    return section;
  }
  LabelledRows rows{.rows = copy_of(data.pairs.images), .classes = {}, .names = {}};
  if (labels) {
    rows.classes = data.labels->classes;
    rows.names = data.labels->class_names;
  }
  ClusterArguments arguments;
  arguments.settings.methods = {"kmeans"};
  arguments.settings.seeds = 5;
  arguments.slack = kStabilitySlack;
  arguments.most = std::max<std::int64_t>(distinct / kRowsOfCluster, 2);
  arguments.tsne_rows = std::min(n, kMapRows);
  arguments.perplexity =
      std::min(30.0, std::floor(static_cast<double>(arguments.tsne_rows - 1) / 3));
  Run& part = run.part("clusters");
  const ClusterFindings found = run_cluster_study(part, rows, arguments);
  const std::vector<ClusterName> names = name_clusters(run, data, found.methods.front());
  say_clusters(found, names, labels, !data.captions.empty(), section);
  section.pictures.push_back(
      {.png = part.content("tsne.png"),
       .alt = fmt::format("Map of {} images as points, near where their vectors are near, coloured "
                          "by {}.",
                          arguments.tsne_rows, labels ? "label and by cluster" : "cluster"),
       .caption = "Every point is an image; near points have near vectors (t-SNE)."});
  PageTable table{.caption = "Clusters and the texts nearest to them",
                  .head = {"cluster", "nearest texts", "images", "margin", "q"},
                  .texts = 2};
  for (std::size_t c = 0; c < names.size(); ++c) {
    std::string texts;
    for (const std::string& name : names[c].names) {
      texts += (texts.empty() ? "" : " \u00b7 ") + shortened(name, kTextWidth);
    }
    table.rows.push_back({std::to_string(c), texts, std::to_string(names[c].size),
                          signed_text(names[c].margin, 2),
                          names[c].q < .001 ? "< 0.001" : fmt::format("{:.3f}", names[c].q)});
  }
  if (!table.rows.empty()) section.tables.push_back(cut(std::move(table)));
  return section;
}

PageSection factor_section(Run& run, const ReportData& data) {
  PageSection section{.id = "factors",
                      .title = "What separates the images, and can it be changed alone?",
                      .question =
                          "Can what is known of an image (its label, or else what its text "
                          "is about) be gathered in a few numbers of their own, read from "
                          "them, and exchanged while the rest stays?"};
  const std::int64_t n = data.pairs.size();
  if (n < kFewestFactored || data.pairs.dim() < 2) {
    say_left_out(n < kFewestFactored
                     ? fmt::format("this takes {} pairs, and there are {}", kFewestFactored, n)
                     : "vectors of one number have nothing to take apart",
                 section);
    return section;
  }
  const bool labels = data.labels.has_value();
  Factor factor;
  if (labels) {
    factor = without_rare(*data.labels, kFewestOfClass);
  } else if (const auto clusters = stable_clusters(run.context(), data.pairs.texts);
             !clusters.empty()) {
    factor = without_rare(class_factor("text cluster", clusters), kFewestOfClass);
  }
  if (factor.class_names.size() < 2) {
    say_left_out(fmt::format("this takes two classes of at least {} images, and there are fewer",
                             kFewestOfClass),
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
  add_factor_pictures(found, rows.factors.front(), section);
  const FactorFinding& first = found.factors.front();
  PageTable table{.caption = "How often the class is read right in new images",
                  .head = {"read from", "numbers", "right"}};
  table.rows.push_back(
      {"its own numbers", std::to_string(first.block_size), percent_text(first.own_block)});
  table.rows.push_back(
      {"the other numbers", std::to_string(found.residual_size), percent_text(found.residual)});
  table.rows.push_back({"none: always the commonest class", "0", percent_text(first.chance)});
  section.tables.push_back(std::move(table));
  return section;
}

PageSection semantic_section(Run& run, const ReportData& data) {
  PageSection section{.id = "meaning",
                      .title = "What do the vectors mean?",
                      .question =
                          "The texts can be read, so they can be asked: how near is an image "
                          "to its own text and to others, and which texts go with which "
                          "direction of the space?"};
  SemanticData semantic;
  semantic.images = copy_of(data.pairs.images);
  semantic.texts = copy_of(data.pairs.texts);
  semantic.captions = data.captions;
  semantic.paired = true;
  if (data.labels) {
    Factor known = without_rare(*data.labels, kFewestOfClass);
    if (known.class_names.size() > 1) semantic.factors.push_back(std::move(known));
  }
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
      fmt::format("Table of cosines of {} texts with {} images; the best image of each text is "
                  "framed.",
                  found.table.texts.size(), found.table.images.size()),
      "Cosines of texts (down) with images (across), of typical images. Compare along a row; the "
      "best image of each text is framed.");
  add("correlation.png",
      "Table of correlations of labels and texts with the leading principal components.",
      "Correlations of labels and texts with principal components; a number stands where it is "
      "beyond chance.");
  for (const SpaceFindings& space : found.spaces) {
    if (space.name != "pca" || space.meanings.empty()) continue;
    PageTable table{.caption = "What the two ends of each principal component look like, by text",
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

std::vector<PageTable> made_tables(const Run& run) {
  const Json& manifest = run.manifest();
  PageTable inputs{.caption = "Inputs", .head = {"input", "file", "shape", "SHA-256"}, .texts = 4};
  for (const Json& input : manifest["inputs"]) {
    std::string shape;
    if (input["shape"].is_array()) {
      for (const Json& extent : input["shape"]) {
        shape += (shape.empty() ? "" : "\u00a0\u00d7\u00a0") + extent.dump();
      }
    }
    inputs.rows.push_back(
        {input["name"],
         input["path"].is_null()
             ? input["generated"].get<std::string>()
             : std::filesystem::path(input["path"].get<std::string>()).filename().string(),
         shape, input["sha256"]});
  }
  PageTable options{.caption = "Program and options", .head = {}, .rows = {}, .texts = 2};
  for (const char* key : {"program", "version", "commit", "device", "seed"}) {
    const Json& value = manifest[key];
    options.rows.push_back({key, value.is_string() ? value.get<std::string>() : value.dump()});
  }
  for (const auto& [key, value] : manifest["options"].items()) {
    // They change no result, or stand above.
    static const std::vector<std::string> kLeftOut{"threads",  "out",    "checkpoint", "seed",
                                                   "device",   "images", "texts",      "pairs",
                                                   "captions", "labels", "label-names"};
    if (std::find(kLeftOut.begin(), kLeftOut.end(), key) != kLeftOut.end()) continue;
    options.rows.push_back(
        {"--" + key, value.is_string() ? value.get<std::string>() : value.dump()});
  }
  return {std::move(inputs), std::move(options)};
}

}  // namespace clipk::study
