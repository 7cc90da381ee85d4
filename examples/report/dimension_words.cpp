#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/words.hpp"

namespace clipk::study {
namespace {

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

std::string method_text(const DimensionChange& change) {
  if (change.method == "pca") return "principal components";
  if (change.method == "paired") return "paired axes, a linear map fitted to what pairs share";
  if (change.method == "random") return "a random projection";
  if (!change.trained && change.method == "isotonic")
    return "paired axes: training a network from them brought no gain";
  if (change.method == "isometric") return "a network trained to keep distances";
  return "a network trained to keep the order of distances";
}

std::string map_text(const std::string& method) {
  if (method == "pca") return "principal components";
  return method == "paired" ? "paired axes" : method + " network";
}

std::string storage_text(const SizeChange& size) {
  const auto in = [&](const char* words) {
    return fmt::format("{} {}", dimensions(size.dim), words);
  };
  if (size.storage == "float32") return in("as they are");
  if (size.storage == "float16") return in("in half precision");
  if (size.storage == "int8") return in("as 8-bit integers");
  if (size.storage == "int4") return in("as 4-bit integers");
  if (size.storage == "binary") return in("as single bits");
  return in(size.storage == "pq" ? "by product quantisation"
                                 : "by product quantisation in two levels");
}

// What the page begins with: the smallest safe dimension and the smallest safe size, for new pairs.
std::string answer_text(const DimensionFindings& found, const DimensionChange* safe,
                        const SizeChange* size) {
  const std::string bytes =
      size == nullptr ? ""
                      : fmt::format("{} bytes a vector instead of {}", size->bytes, 4 * found.dim);
  if (safe != nullptr) {
    return fmt::format("New pairs can be stored in {} instead of {}{}.", dimensions(safe->dim),
                       found.dim, size == nullptr ? "" : ", and in " + bytes);
  }
  return fmt::format("No dimension below {} is shown to be safe for new pairs{}.", found.dim,
                     size == nullptr ? "" : ", but they can be stored in " + bytes);
}

void say_size(const DimensionFindings& found, PageSection& section) {
  if (found.sizes.empty() || !cannot_be_safe(found).empty()) return;
  for (const bool held_out : {true, false}) {
    if (held_out && found.splits == 0) continue;
    const char* const pairs = held_out ? "new pairs" : "the fitted pairs";
    const SizeChange* size = smallest_size(found, "", held_out);
    section.found.push_back(
        size == nullptr
            ? fmt::format("Of the sizes tried, none is shown to be safe for {}.", pairs)
            : fmt::format("In bytes: {} of {} are enough for {} ({}, {}): the share changes by {} "
                          "from image to text and {} from text to image.",
                          size->bytes, 4 * found.dim, pairs, map_text(size->method),
                          storage_text(*size), change_text(size->i2t), change_text(size->t2i)));
  }
  section.caveats.emplace_back(
      "In bytes: the vectors that are searched are stored, the query is not. Tables that all "
      "vectors share (scales, centroids) are not counted. The size is the smallest of many that "
      "were tried, so test it on other pairs.");
}

}  // namespace

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
  section.found.push_back(
      found.repeated.indexed
          ? fmt::format(
                "With all {} dimensions, {} of the images find one of their own texts first among "
                "all texts, and {} of the texts find their image among all images.",
                found.dim, percent_text(found.i2t_top1), percent_text(found.t2i_top1))
          : fmt::format(
                "With all {} dimensions, {} of the images find their own text first among all {}, "
                "and {} of the texts their image.",
                found.dim, percent_text(found.i2t_top1), found.pairs,
                percent_text(found.t2i_top1)));
  const std::string reason = cannot_be_safe(found);
  // New pairs are what most readers have in mind.
  const DimensionChange* safe = safe_dimension(found, true);
  const DimensionChange* near = nearest_to_safe(found, true);
  const SizeChange* size = smallest_size(found, "", true);
  if (safe != nullptr) {
    section.found.push_back(fmt::format(
        "For pairs that the map has not seen, {} {} enough ({}): the share that finds its "
        "partner changes by {} from image to text and {} from text to image, so a loss of {} or "
        "more is not to be expected.",
        dimensions(safe->dim), safe->dim == 1 ? "is" : "are", method_text(*safe),
        change_text(safe->i2t), change_text(safe->t2i), margin));
    section.summary = answer_text(found, safe, size);
    section.key = {fmt::format("{} of {}", safe->dim, found.dim),
                   "dimensions are enough for new pairs", "Change: " + change_text(worse(*safe))};
  } else if (!reason.empty()) {
    section.found.push_back(reason);
    section.summary = fmt::format(
        "How few of the {} dimensions are enough for new pairs cannot be told from these.",
        found.dim);
    section.key = {"not known", "how few dimensions are enough for new pairs",
                   fmt::format("{} find their partner with all {}",
                               percent_text(std::min(found.i2t_top1, found.t2i_top1)), found.dim)};
    if (near != nullptr) {
      section.found.push_back(fmt::format(
          "As a hint only: with {} ({}) the share among pairs that the map has not seen changes by "
          "{} from image to text and {} from text to image.",
          dimensions(near->dim), method_text(*near), change_text(near->i2t),
          change_text(near->t2i)));
    }
  } else if (near != nullptr) {
    section.found.push_back(fmt::format(
        "For pairs that the map has not seen, no dimension below {} is shown to be safe. Nearest "
        "to it comes {} ({}): the share that finds its partner changes by {} from image to text "
        "and {} from text to image, so a loss of {} cannot be ruled out.",
        found.dim, near->dim, method_text(*near), change_text(near->i2t), change_text(near->t2i),
        margin));
    section.summary = answer_text(found, safe, size);
    section.key = {fmt::format("none below {}", found.dim),
                   "dimensions are shown to be enough for new pairs",
                   fmt::format("Nearest, {}: {}", near->dim, change_text(worse(*near)))};
  } else {
    section.found.emplace_back(
        found.splits == 0
            ? "Whether fewer are enough for new pairs was not measured: there are too few pairs to "
              "set some aside."
            : "No smaller dimension was tried.");
    section.summary = "Whether fewer dimensions are enough for new pairs is not known.";
  }
  const DimensionChange* kept = safe_dimension(found, false);
  if (kept != nullptr) {
    section.found.push_back(fmt::format(
        "These {} pairs themselves can be stored in {} ({}, fitted to them): {} from "
        "image to text, {} from text to image. That says what a map can memorise, not how "
        "well it works for new pairs.",
        found.pairs, dimensions(kept->dim), method_text(*kept), change_text(kept->i2t),
        change_text(kept->t2i)));
  } else if (const DimensionChange* closest = nearest_to_safe(found, false);
             closest != nullptr && reason.empty()) {
    section.found.push_back(fmt::format(
        "Even for the pairs that a map was fitted to, none of the smaller dimensions tried is "
        "shown to be safe; nearest comes {} ({}), with {} in the worse direction.",
        closest->dim, method_text(*closest), change_text(worse(*closest))));
  }
  say_size(found, section);
  section.caveats.push_back(fmt::format(
      "Safe means: the whole 95 % interval of the change lies above a loss of {}, in both "
      "directions. The intervals come from resampling the {} queries (paired bootstrap). Not "
      "shown to be safe does not mean harmful.",
      margin, found.pairs));
  if (found.splits > 0) {
    section.caveats.push_back(fmt::format(
        "New pairs: a map is fitted to one half and measured on the other, {} times. A search "
        "among half as many is easier, so compare these shares only with each other.",
        found.splits));
  }
  section.caveats.emplace_back(
      "Several maps and dimensions were tried, each with an interval of its own, and the smallest "
      "that passes is named. Before it counts on one, a product should test that "
      "one on other pairs.");
}

}  // namespace clipk::study
