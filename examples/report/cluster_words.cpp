#include <fmt/format.h>

#include <cmath>

#include "report/words.hpp"

namespace clipk::study {
namespace {

constexpr double kVeryStable = 0.9, kStable = 0.6;
constexpr double kFalseNames = 0.05;

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
        "The clusters are found again in part: between {} the agreement is {} of 1, so some images "
        "change clusters.",
        how, agreement));
  } else {
    section.found.push_back(fmt::format(
        "The clusters are not stable: between {} the agreement is only {} of 1. Another run would "
        "give other clusters, so do not read them as real groups.",
        how, agreement));
  }
  if (!std::isnan(method.silhouette.mean)) {
    section.found.push_back(fmt::format(
        "Their silhouette is {} (1: every image is far nearer to its own cluster than to the next; "
        "0: no nearer). {}",
        plain_text(method.silhouette.mean, 2),
        std::isnan(found.label_silhouette)
            ? "In many dimensions even real groups score low, so it tells little by itself."
            : fmt::format("The classes of the labels themselves have {}.",
                          plain_text(found.label_silhouette, 2))));
  }
  if (!std::isnan(method.ami.mean)) {
    section.found.push_back(fmt::format(
        "They agree with the labels at {:.2f} of 1 (adjusted mutual information, 0 is chance); "
        "matched to classes one to one, they give {} of the labelled rows the right class.",
        method.ami.mean, percent_text(method.acc.mean)));
  }
  std::size_t named = 0;
  for (const ClusterName& name : names) named += !name.names.empty() && name.q <= kFalseNames;
  if (names.empty()) {
    section.found.emplace_back("They have no names: no text could be compared with them.");
  } else {
    section.found.push_back(fmt::format(
        "{} of {} clusters {} shown to have a text that is nearer than by chance{}",
        named == names.size() ? "All"
        : named == 0          ? "None"
                              : std::to_string(named),
        names.size(), named < 2 ? "is" : "are",
        captions ? "; the table shows the nearest ones."
                 : ". Without captions the table can only give the numbers of the texts."));
  }
  section.summary = fmt::format("{} clusters of images, {}.", found.k,
                                std::isnan(stability)      ? "of unknown stability"
                                : stability >= kVeryStable ? "found again almost exactly"
                                : stable                   ? "found again in part"
                                         : "not stable: another run gives other clusters");
  section.key = {
      fmt::format("{} clusters", found.k),
      std::isnan(stability)      ? "of images"
      : stability >= kVeryStable ? "of images, found again almost exactly"
      : stable                   ? "of images, found again in part"
                                 : "of images, but not stable",
      std::isnan(stability) ? "" : fmt::format("Agreement {} of 1 over {}", agreement, how)};
  section.caveats.push_back(fmt::format(
      "Agreement is the adjusted Rand index of two runs, averaged over the {}: 1 for the "
      "same clusters, 0 for chance. k-means finds clusters in any data, even where there are none.",
      how));
  if (!names.empty()) {
    section.caveats.emplace_back(
        "A name is the text nearest to a cluster's centre after subtracting each modality's mean. "
        "Its q is the false discovery rate: how often a group of the same size drawn at "
        "random has a text as near, over all clusters. A margin below zero says that the name "
        "fits another cluster at least as well.");
  }
  section.caveats.emplace_back(
      "On the map, near points are similar images; distances between far groups mean little.");
}

}  // namespace clipk::study
