#include "report/words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace clipk::study {
namespace {

constexpr double kVeryStable = .9, kStable = .6;
constexpr double kFalseNames = .05;
constexpr double kSmallLeak = .05;

double worst(const DimensionChange& change) {
  return std::min(change.i2t.low, change.t2i.low);
}

// The two directions, the one that lost more first told.
const Interval& worse(const DimensionChange& change) {
  return change.i2t.low < change.t2i.low ? change.i2t : change.t2i;
}

bool smaller(const DimensionChange& change, const DimensionFindings& found, bool held_out) {
  return change.held_out == held_out && change.dim < found.dim;
}

// Where none is safe: the one whose worst case is least bad.
const DimensionChange* nearest_to_safe(const DimensionFindings& found, bool held_out) {
  const DimensionChange* best = nullptr;
  for (const DimensionChange& change : found.changes) {
    if (!smaller(change, found, held_out)) continue;
    if (best == nullptr || worst(change) > worst(*best)) best = &change;
  }
  return best;
}

// "1 number", "7 numbers".
std::string numbers(std::int64_t count) {
  return fmt::format("{} number{}", count, count == 1 ? "" : "s");
}

std::string method_text(const DimensionChange& change) {
  if (change.method == "pca") return "principal components";
  if (change.method == "random") return "a random projection";
  if (!change.trained) return "a linear map, the start of a network that no training made better";
  if (change.method == "isometric") return "a network trained to keep distances";
  return "a network trained to keep the order of distances";
}

const MethodFindings& first_method(const ClusterFindings& found) {
  return found.methods.front();
}

// How much the partition is found again: over samples where k was chosen by it, else over starts.
double stability_of(const ClusterFindings& found) {
  for (const auto& [k, stability] : found.candidates) {
    if (k == found.k) return stability;
  }
  return first_method(found).stability;
}

}  // namespace

std::string percent_text(double share, int digits) {
  return std::isnan(share) ? "-" : fmt::format("{:.{}f} %", 100 * share, digits);
}

std::string signed_text(double value, int digits) {
  std::string text = fmt::format("{:+.{}f}", value, digits);
  if (text.find_first_of("123456789") == std::string::npos) return text.substr(1);  // no -0.0
  return text[0] == '-' ? "\u2212" + text.substr(1) : text;
}

std::string plain_text(double value, int digits) {
  std::string text = signed_text(value, digits);
  return text[0] == '+' ? text.substr(1) : text;
}

std::string change_text(const Interval& change) {
  return fmt::format("{} points (95 % interval {} to {})", signed_text(100 * change.estimate),
                     signed_text(100 * change.low), signed_text(100 * change.high));
}

std::string few_rows_words(std::int64_t rows) {
  if (rows >= kFewRowsForReport) return "";
  return fmt::format(
      "There are only {} pairs. Everything here is a first look: most intervals are wide, and what "
      "they do not show may still be there.",
      rows);
}

const DimensionChange* safe_dimension(const DimensionFindings& found, bool held_out) {
  if (!cannot_be_safe(found).empty()) return nullptr;
  const DimensionChange* best = nullptr;
  for (const DimensionChange& change : found.changes) {
    if (!smaller(change, found, held_out) || worst(change) <= -found.margin) continue;
    if (best == nullptr || change.dim < best->dim) best = &change;
  }
  return best;
}

void say_dimension(const DimensionFindings& found, PageSection& section) {
  const std::string margin = points(found.margin);
  section.found.push_back(fmt::format(
      "As they are, with {} numbers each, {} of the images find their own text first among all {}, "
      "and {} of the texts their image.",
      found.dim, percent_text(found.i2t_top1), found.pairs, percent_text(found.t2i_top1)));
  const std::string reason = cannot_be_safe(found);
  // New pairs are what most readers have in mind.
  const DimensionChange* safe = safe_dimension(found, true);
  const DimensionChange* near = nearest_to_safe(found, true);
  if (safe != nullptr) {
    section.found.push_back(fmt::format(
        "For pairs that the map has not seen, {} {} enough ({}): the share that finds its "
        "partner changes by {} from image to text and {} from text to image, so a loss of {} or "
        "more is not to be expected.",
        numbers(safe->dim), safe->dim == 1 ? "is" : "are", method_text(*safe),
        change_text(safe->i2t), change_text(safe->t2i), margin));
    section.summary =
        fmt::format("New pairs can be stored in {} instead of {}.", numbers(safe->dim), found.dim);
    section.key = {fmt::format("{} of {}", safe->dim, found.dim),
                   "numbers a vector are enough for new pairs",
                   "Change: " + change_text(worse(*safe))};
  } else if (!reason.empty()) {
    section.found.push_back(reason);
    section.summary = fmt::format(
        "How few of the {} numbers are enough for new pairs cannot be told from these.", found.dim);
    section.key = {"not known", "how few numbers a vector are enough for new pairs",
                   fmt::format("{} find their partner with all {}",
                               percent_text(std::min(found.i2t_top1, found.t2i_top1)), found.dim)};
    if (near != nullptr) {
      section.found.push_back(fmt::format(
          "For what it is worth: with {} ({}) the share among pairs that the map has not seen "
          "changes by {} from image to text and {} from text to image.",
          numbers(near->dim), method_text(*near), change_text(near->i2t), change_text(near->t2i)));
    }
  } else if (near != nullptr) {
    section.found.push_back(fmt::format(
        "For pairs that the map has not seen, no number below {} is shown to be safe. Nearest to "
        "it comes {} ({}): the share that finds its partner changes by {} from image to text and "
        "{} from text to image, so a loss of {} cannot be ruled out.",
        found.dim, near->dim, method_text(*near), change_text(near->i2t), change_text(near->t2i),
        margin));
    section.summary =
        fmt::format("No dimension below {} is shown to be safe for new pairs.", found.dim);
    section.key = {fmt::format("none below {}", found.dim),
                   "numbers a vector are shown to be enough for new pairs",
                   fmt::format("Nearest, {}: {}", near->dim, change_text(worse(*near)))};
  } else {
    section.found.emplace_back(
        found.splits == 0
            ? "Whether fewer are enough for new pairs was not measured: there are too few pairs to "
              "set some aside."
            : "No smaller dimension was tried.");
    section.summary = "Whether fewer numbers are enough for new pairs is not known.";
  }
  const DimensionChange* kept = safe_dimension(found, false);
  if (kept != nullptr) {
    section.found.push_back(fmt::format(
        "These {} pairs themselves can be kept in {} each ({}, fitted to them): {} from "
        "image to text, {} from text to image. That says what a map can remember, not what new "
        "pairs get.",
        found.pairs, numbers(kept->dim), method_text(*kept), change_text(kept->i2t),
        change_text(kept->t2i)));
  } else if (const DimensionChange* closest = nearest_to_safe(found, false);
             closest != nullptr && reason.empty()) {
    section.found.push_back(fmt::format(
        "Even for the pairs that a map was fitted to, none of the smaller dimensions tried is "
        "shown to be safe; nearest comes {} ({}), with {} in the worse direction.",
        closest->dim, method_text(*closest), change_text(worse(*closest))));
  }
  section.caveats.push_back(fmt::format(
      "Safe means: the whole 95 % interval of the change lies above a loss of {}, in both "
      "directions. The intervals come from redrawing the {} queries (paired bootstrap). Not shown "
      "to be safe does not mean harmful.",
      margin, found.pairs));
  if (found.splits > 0) {
    section.caveats.push_back(fmt::format(
        "New pairs: a map is fitted to one half and measured on the other, {} times. A search "
        "among half as many is easier, so compare these shares only with each other.",
        found.splits));
  }
  section.caveats.emplace_back(
      "Several maps and dimensions were tried, each with an interval of its own, and the smallest "
      "that passes is named. Before it counts on one, a product should test that one on other "
      "pairs.");
}

void say_clusters(const ClusterFindings& found, const std::vector<ClusterName>& names, bool labels,
                  bool captions, PageSection& section) {
  const MethodFindings& method = first_method(found);
  const double stability = stability_of(found);
  const std::string agreement = fmt::format("{:.2f}", stability);
  const std::string how = labels || found.candidates.empty() ? fmt::format("{} starts", found.seeds)
                                                             : "samples of four fifths of the rows";
  section.found.push_back(
      labels ? fmt::format("The labels have {} classes, so as many clusters of images were sought, "
                           "without looking at the labels.",
                           found.k)
      : found.candidates.empty()
          ? fmt::format("The images were split into {} clusters.", found.k)
          : fmt::format(
                "Of the numbers of clusters tried, {} to {}, {} is the largest that is about "
                "as stable as the best{}.",
                found.candidates.front().first, found.candidates.back().first, found.k,
                found.k == found.candidates.front().first
                    ? ", and the smallest there was to choose from"
                    : ""));
  const bool stable = stability >= kStable;
  if (std::isnan(stability)) {
    section.found.emplace_back("Whether they would be found again was not measured.");
  } else if (stability >= kVeryStable) {
    section.found.push_back(fmt::format(
        "The clusters are found again almost exactly from other {} (agreement {} of 1).",
        labels || found.candidates.empty() ? "starts" : "samples", agreement));
  } else if (stable) {
    section.found.push_back(fmt::format(
        "The clusters are found again in part: between {} the agreement is {} of 1, so some rows "
        "change sides.",
        how, agreement));
  } else {
    section.found.push_back(fmt::format(
        "The clusters are not stable: between {} the agreement is only {} of 1. Another run would "
        "draw other borders, so do not read them as groups that are there.",
        how, agreement));
  }
  if (!std::isnan(method.silhouette.mean)) {
    section.found.push_back(fmt::format(
        "Their silhouette is {} (1: every image is far nearer to its own cluster than to the next; "
        "0: no nearer). {}",
        plain_text(method.silhouette.mean, 2),
        std::isnan(found.label_silhouette)
            ? "In so many dimensions even groups that are there score low, so it tells little by "
              "itself."
            : fmt::format("The classes of the labels themselves have {}.",
                          plain_text(found.label_silhouette, 2))));
  }
  if (!std::isnan(method.ami.mean)) {
    section.found.push_back(fmt::format(
        "They agree with the labels at {:.2f} of 1 (adjusted mutual information, 0 is chance); "
        "matched to classes one to one, they put {} of the labelled rows right.",
        method.ami.mean, percent_text(method.acc.mean)));
  }
  std::size_t named = 0;
  for (const ClusterName& name : names) named += !name.names.empty() && name.q <= kFalseNames;
  if (names.empty()) {
    section.found.emplace_back("They have no names: no text could be held against them.");
  } else {
    section.found.push_back(fmt::format(
        "{} of {} clusters {} shown to have a text that is nearer to them than chance would have "
        "it{}",
        named == names.size() ? "All"
        : named == 0          ? "None"
                              : std::to_string(named),
        names.size(), named < 2 ? "is" : "are",
        captions ? "; the table shows the nearest ones."
                 : ". Without captions the table can only give the texts' numbers."));
  }
  section.summary = fmt::format("{} clusters of images, {}.", found.k,
                                std::isnan(stability)      ? "of unknown stability"
                                : stability >= kVeryStable ? "found again almost exactly"
                                : stable                   ? "found again in part"
                                         : "not stable: another run draws other borders");
  section.key = {
      fmt::format("{} clusters", found.k),
      std::isnan(stability)      ? "of images"
      : stability >= kVeryStable ? "of images, found again almost exactly"
      : stable                   ? "of images, found again in part"
                                 : "of images, but not stable",
      std::isnan(stability) ? "" : fmt::format("Agreement {} of 1 over {}", agreement, how)};
  section.caveats.push_back(fmt::format(
      "Agreement is the adjusted Rand index of two runs, averaged over pairs of {}: 1 for the same "
      "clusters, 0 for chance. k-means finds clusters in any data, also where there are none.",
      how));
  if (!names.empty()) {
    section.caveats.emplace_back(
        "A name is the text nearest to a cluster's centre once each modality's own mean is taken "
        "away. Its q is the false discovery rate: how often a group of the same size drawn at "
        "random has a text as near, over all clusters. A margin below zero says that the name "
        "fits another cluster at least as well.");
  }
  section.caveats.emplace_back(
      "On the map near rows are alike; distances between groups that lie far apart mean little.");
}

void say_factors(const FactorFindings& found, bool labels, PageSection& section) {
  const std::string origin = labels ? "" : " (clusters of the texts)";
  for (const FactorFinding& factor : found.factors) {
    const bool classes = factor.classes > 0;
    if (factor.tested == 0 || std::isnan(factor.own_block)) {
      section.found.push_back(
          fmt::format("No held-out row tells of \u201c{}\u201d{}, so nothing was measured.",
                      factor.name, origin));
      continue;
    }
    const Interval own = classes ? wilson_interval(factor.own_block, factor.tested) : Interval{};
    const bool shown = classes ? own.low > factor.chance : factor.own_block > 0;
    section.found.push_back(
        classes
            ? fmt::format(
                  "\u201c{}\u201d{} was gathered into {} of {} numbers. From {} alone its class is "
                  "read right in {} of {} images that nothing was fitted to (95 % interval {} to "
                  "{}); "
                  "always naming the commonest class would be right in {}.{}",
                  factor.name, origin, factor.block_size, found.latent,
                  factor.block_size == 1 ? "that" : "those", percent_text(factor.own_block),
                  factor.tested, percent_text(own.low), percent_text(own.high),
                  percent_text(factor.chance),
                  shown ? "" : " So it is not shown that it can be read at all.")
            : fmt::format("\u201c{}\u201d{} was gathered into {} of {} numbers, which {} {} of its "
                          "variation in {} images that nothing was fitted to.",
                          factor.name, origin, factor.block_size, found.latent,
                          factor.block_size == 1 ? "tells" : "tell", percent_text(factor.own_block),
                          factor.tested));
    section.found.push_back(
        factor.leak > kSmallLeak
            ? fmt::format(
                  "It is not all there: from the other numbers ({}) it is still read {:.1f} "
                  "points above chance.",
                  factor.leaks_into, 100 * factor.leak)
            : fmt::format(
                  "In the other numbers nothing much of it was found ({} points against chance).",
                  signed_text(100 * factor.leak)));
    if (factor.edits > 0 && !std::isnan(factor.success)) {
      section.found.push_back(fmt::format(
          "Exchanging {} between two images changes \u201c{}\u201d as intended in {} of "
          "{} "
          "trials, "
          "as a separate judge reads the result; {} of the results lie outside of what real images "
          "show.",
          factor.block_size == 1 ? "that number" : "those numbers", factor.name,
          percent_text(factor.success), factor.edits, percent_text(factor.flagged)));
    }
    if (!section.summary.empty()) continue;
    section.summary =
        shown ? fmt::format("\u201c{}\u201d{} sits in {} of {} numbers, where it is read {}.",
                            factor.name, origin, factor.block_size, found.latent,
                            classes ? "right in " + percent_text(factor.own_block)
                                    : "with R\u00b2 " + fmt::format("{:.2f}", factor.own_block))
              : fmt::format(
                    "It is not shown that \u201c{}\u201d{} can be read from numbers of its own.",
                    factor.name, origin);
    section.key = {percent_text(factor.own_block, 0),
                   fmt::format("of new images: \u201c{}\u201d read from {} of its own", factor.name,
                               numbers(factor.block_size)),
                   classes ? fmt::format("95 % interval {} to {}, {} images; chance {}",
                                         percent_text(own.low, 0), percent_text(own.high, 0),
                                         factor.tested, percent_text(factor.chance, 0))
                           : fmt::format("R\u00b2 over {} images", factor.tested)};
  }
  if (section.summary.empty()) section.summary = "Nothing could be measured.";
  section.caveats.push_back(fmt::format(
      "Rows are first cut down to {} principal components; what those leave out is not judged. {} "
      "of {} images were held out from everything.",
      found.latent, found.held_out, found.rows));
  section.caveats.emplace_back(
      "The interval is that of a share of independent images. It does not hold the luck of one "
      "training run and one split. Trials of exchanges use the same few held-out images again and "
      "again, so their share has no interval.");
  if (!labels) {
    section.caveats.emplace_back(
        "Without labels the factor is a clustering of the texts, so it shows how far images carry "
        "what their texts are about, as coarsely as the clusters are.");
  }
}

void say_left_out(const std::string& reason, PageSection& section) {
  section.found.push_back("Left out: " + reason + ".");
  section.summary = "Left out: " + reason + ".";
}

}  // namespace clipk::study
