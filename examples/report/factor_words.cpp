#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/words.hpp"

namespace clipk::study {
namespace {

constexpr double kSmallLeak = 0.05;

}  // namespace

void say_factors(const FactorFindings& found, bool labels, PageSection& section) {
  const std::string origin = labels ? "" : " (clusters of the texts)";
  for (const FactorFinding& factor : found.factors) {
    const bool classes = factor.classes > 0;
    if (factor.tested == 0 || std::isnan(factor.own_block)) {
      section.found.push_back(
          fmt::format("\u201c{}\u201d{} is not known of any held-out row, so nothing was measured.",
                      factor.name, origin));
      continue;
    }
    const Interval own = classes ? wilson_interval(factor.own_block, factor.tested) : Interval{};
    const bool shown = classes ? own.low > factor.chance : factor.own_block > 0;
    section.found.push_back(
        classes
            ? fmt::format(
                  "\u201c{}\u201d{} was encoded in {} of {} dimensions. From {} alone its class is "
                  "predicted correctly for {} of {} held-out images (95 % interval {} to {}); "
                  "always predicting the most common class would be correct for {}.{}",
                  factor.name, origin, factor.block_size, found.latent,
                  factor.block_size == 1 ? "that" : "those", percent_text(factor.own_block),
                  factor.tested, percent_text(own.low), percent_text(own.high),
                  percent_text(factor.chance),
                  shown ? "" : " So it is not shown that it can be predicted at all.")
            : fmt::format("\u201c{}\u201d{} was encoded in {} of {} dimensions, which {} {} of its "
                          "variance in {} held-out images.",
                          factor.name, origin, factor.block_size, found.latent,
                          factor.block_size == 1 ? "explains" : "explain",
                          percent_text(factor.own_block), factor.tested));
    section.found.push_back(
        factor.leak > kSmallLeak
            ? fmt::format(
                  "The separation is not complete: from the other dimensions ({}) it is still "
                  "predicted {:.1f} points above chance.",
                  factor.leaks_into, 100 * factor.leak)
            : fmt::format("The other dimensions hold little of it ({} points against chance).",
                          signed_text(100 * factor.leak)));
    if (factor.edits > 0 && !std::isnan(factor.success)) {
      section.found.push_back(fmt::format(
          "Exchanging {} between two images changes \u201c{}\u201d as intended in {} of {} edits, "
          "as a separately trained network predicts it; {} of the results lie outside the range "
          "of real images.",
          factor.block_size == 1 ? "that dimension" : "those dimensions", factor.name,
          percent_text(factor.success), factor.edits, percent_text(factor.flagged)));
    }
    if (!section.summary.empty()) continue;
    section.summary =
        shown ? fmt::format(
                    "\u201c{}\u201d{} is encoded in {} of {} dimensions, from which it "
                    "is predicted {}.",
                    factor.name, origin, factor.block_size, found.latent,
                    classes ? "correctly for " + percent_text(factor.own_block) + " of new images"
                            : "with R\u00b2 " + fmt::format("{:.2f}", factor.own_block))
              : fmt::format(
                    "It is not shown that \u201c{}\u201d{} can be predicted from "
                    "dimensions of its own.",
                    factor.name, origin);
    section.key = {percent_text(factor.own_block, 0),
                   fmt::format("of new images: \u201c{}\u201d predicted from {} of its own",
                               factor.name, dimensions(factor.block_size)),
                   classes ? fmt::format("95 % interval {} to {}, {} images; chance {}",
                                         percent_text(own.low, 0), percent_text(own.high, 0),
                                         factor.tested, percent_text(factor.chance, 0))
                           : fmt::format("R\u00b2 over {} images", factor.tested)};
  }
  if (section.summary.empty()) section.summary = "Nothing could be measured.";
  section.caveats.push_back(fmt::format(
      "Images are first reduced to {} principal components; what those leave out is not judged. "
      "{} of {} images were held out of all fits.",
      found.latent, found.held_out, found.rows));
  section.caveats.emplace_back(
      "The interval is that of a share of independent images (Wilson). It does not include how "
      "much one training run and one split vary. The edits use the same few held-out images again "
      "and again, so their share has no interval.");
  if (!labels) {
    section.caveats.emplace_back(
        "Without labels the factor is a clustering of the texts, so it shows how far images encode "
        "the topics of their texts.");
  }
}

}  // namespace clipk::study
