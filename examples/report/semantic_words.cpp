#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/words.hpp"
#include "study/text.hpp"

namespace clipk::study {
namespace {

constexpr std::size_t kTextWidth = 60;

std::string interval_text(double low, double high, int digits) {
  return std::isnan(low) || std::isnan(high)
             ? "too few pairs for an interval"
             : fmt::format("95 % interval {} to {}", plain_text(low, digits),
                           plain_text(high, digits));
}

// Of the corrections that judge each query alone, the one whose worse direction gains most.
const ScoredRetrieval* best_correction(const SemanticFindings& found) {
  const ScoredRetrieval* best = nullptr;
  const auto worst = [](const ScoredRetrieval& scored) {
    return std::min(scored.i2t_change.low, scored.t2i_change.low);
  };
  for (const ScoredRetrieval& scored : found.retrieval) {
    if (scored.method != "csls_bank" && scored.method != "sinkhorn_bank") continue;
    if (best == nullptr || worst(scored) > worst(*best)) best = &scored;
  }
  return best;
}

void say_gap(const SemanticFindings& found, PageSection& section) {
  if (!found.gap) return;
  const Estimate& paired = found.paired_cosine;
  const double other = found.other_cosine.value;
  // A pair must be nearer on average, and retrieval find it. Without an interval the mean must do.
  const bool nearer =
      (std::isnan(paired.low) ? paired.value : paired.low) > other && found.match.shown;
  const std::string sure = interval_text(paired.low, paired.high, 3);
  section.found.push_back(fmt::format(
      "An image and its own text have a cosine of {} on average ({}), an image and any other text "
      "{}. The mean of the images and the mean of the texts lie {} apart ({}). {}.",
      plain_text(paired.value, 3), sure, plain_text(other, 3),
      plain_text(found.gap_distance.value, 3),
      interval_text(found.gap_distance.low, found.gap_distance.high, 3),
      nearer ? "So a cosine has a meaning only in comparison with other cosines"
      : found.match.shown
          ? "So it is not shown that an image is nearer to its own text than to others: "
            "images and texts may not match"
          : mismatch_words(found.match)));
  section.key = {fmt::format("{} against {}", plain_text(paired.value, 2), plain_text(other, 2)),
                 "mean cosine of a pair, and of an image with any other text", "Of pairs: " + sure};
  section.summary =
      fmt::format("A pair has a cosine of {} on average, an image and any other text {}{}.",
                  plain_text(paired.value, 2), plain_text(other, 2),
                  nearer ? "" : ": pairs are not shown to match");
}

void say_hubs(const SemanticFindings& found, PageSection& section) {
  if (!found.hubs) return;
  section.found.push_back(fmt::format(
      "Some are hubs, near to very many others: one text is among the nearest of {} images, one "
      "image among those of {} texts, while {} of the texts and {} of the images are among the "
      "nearest of none.",
      found.hubs->most_text, found.hubs->most_image, percent_text(found.hubs->never_text, 0),
      percent_text(found.hubs->never_image, 0)));
}

void say_correction(const SemanticFindings& found, PageSection& section) {
  const ScoredRetrieval* best = best_correction(found);
  if (best == nullptr) return;
  const bool helps = best->i2t_change.low > 0 && best->t2i_change.low > 0;
  section.found.push_back(fmt::format(
      "Correcting for hubs ({}, estimated from other queries) changes the share of images that "
      "find their own text first by {}, and of texts that find their image by {}{}.",
      best->method == "csls_bank" ? "CSLS" : "Sinkhorn", change_text(best->i2t_change),
      change_text(best->t2i_change),
      helps ? "" : ". That it helps in both directions is not shown"));
}

void say_components(const SemanticFindings& found, bool captions, PageSection& section) {
  const auto pca = std::find_if(found.spaces.begin(), found.spaces.end(),
                                [](const SpaceFindings& space) { return space.name == "pca"; });
  if (pca == found.spaces.end()) return;
  if (pca->significant == 0 || pca->strongest.empty()) {
    section.found.push_back(
        fmt::format("None of the {} principal components is shown to go with any text or label.",
                    pca->components));
    return;
  }
  const Association& strongest = *std::max_element(
      pca->strongest.begin(), pca->strongest.end(),
      [](const Association& a, const Association& b) { return std::abs(a.r) < std::abs(b.r); });
  section.found.push_back(fmt::format(
      "Of all correlations of a text or label with one of the {} leading principal components, {} "
      "are significant (false discovery rate at most 5 %). The strongest: component {} "
      "with {} \u201c{}\u201d, r = {} (95 % interval {} to {}).{}",
      pca->components, pca->significant, strongest.component,
      strongest.text ? "the text" : "the label", shortened(strongest.feature, kTextWidth),
      signed_text(strongest.r, 2), signed_text(strongest.low, 2), signed_text(strongest.high, 2),
      captions ? "" : " Without captions the texts are only numbered."));
}

void say_classes(const SemanticFindings& found, PageSection& section) {
  if (!found.classes) return;
  const ClassFindings& classes = *found.classes;
  if (!classes.probe) return;
  section.found.push_back(fmt::format(
      "Logistic regression, trained on other images, predicts the {} classes of the labels "
      "correctly for {} of {} images (95 % interval {} to {}); always predicting the most common "
      "class would be correct for {}.{}",
      classes.classes, percent_text(classes.probe->estimate), classes.rows,
      percent_text(classes.probe->low), percent_text(classes.probe->high),
      percent_text(classes.chance),
      classes.probe->low > classes.chance ? ""
                                          : " So it is not shown that they can be predicted."));
}

}  // namespace

void say_semantic(const SemanticFindings& found, bool captions, PageSection& section) {
  say_gap(found, section);
  say_hubs(found, section);
  say_correction(found, section);
  say_components(found, captions, section);
  say_classes(found, section);
  if (section.summary.empty()) section.summary = "What the vectors mean could not be measured.";
  section.caveats.emplace_back(
      "A text's cosine is a sum over coordinates, so it correlates with many of them by "
      "construction. Look at how large a correlation is, not at how many there are. The strongest "
      "is the largest of many, which its interval does not account for: expect a "
      "smaller one in new data.");
  section.caveats.emplace_back(
      "Captions say what people mention. What images have in common without being "
      "mentioned has no name here.");
  if (found.classes) {
    section.caveats.emplace_back(
        "Labels that were derived from the captions are easy to predict from them; such a figure "
        "is an upper bound.");
  }
}

}  // namespace clipk::study
