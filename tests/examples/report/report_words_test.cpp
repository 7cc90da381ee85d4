// The report's sentences, for figures of every kind, and what makes them HTML.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "report/data.hpp"
#include "report/html.hpp"
#include "report/page.hpp"
#include "report/words.hpp"
#include "study/pairs.hpp"

namespace clipk::study {
namespace {

bool has(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}
std::string joined(const PageSection& section) {
  std::string text = section.summary + "\n" + section.key.value + "\n" + section.key.what + "\n" +
                     section.key.sure + "\n";
  for (const std::string& line : section.found) text += line + "\n";
  for (const std::string& line : section.caveats) text += line + "\n";
  return text;
}

TEST(ReportHtml, EscapesAllThatMeansSomething) {
  EXPECT_EQ(html_escape("<a href=\"x\" title='y'>&amp;</a>"),
            "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;amp;&lt;/a&gt;");
  EXPECT_EQ(html_escape("na\xC3\xAFve \xE2\x82\xAC \xF0\x9F\x90\x88"),
            "na\xC3\xAFve \xE2\x82\xAC \xF0\x9F\x90\x88");
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(html_escape("caf\xE9!"), "caf" + bad + "!");
  EXPECT_EQ(html_escape("\xC0\xBC"), bad + bad);  // "<" written too long
  EXPECT_EQ(html_escape("\xED\xA0\x80"), bad + bad + bad);
  EXPECT_EQ(html_escape("\xE2\x82"), bad);  // one that breaks off
  EXPECT_EQ(html_escape(std::string_view("a\0b\x1F\x7F\tc\n", 8)),
            "a" + bad + "b" + bad + bad + "\tc\n");
  EXPECT_EQ(html_escape(""), "");
}

TEST(ReportHtml, DataUriIsBase64) {
  EXPECT_EQ(data_uri("image/png", ""), "data:image/png;base64,");
  EXPECT_EQ(data_uri("a/b", "f"), "data:a/b;base64,Zg==");
  EXPECT_EQ(data_uri("a/b", "fo"), "data:a/b;base64,Zm8=");
  EXPECT_EQ(data_uri("a/b", "foo"), "data:a/b;base64,Zm9v");
  EXPECT_EQ(data_uri("a/b", "\xFF\xFE\xFD\xFC"), "data:a/b;base64,//79/A==");
}

TEST(ReportHtml, EveryTextOfAPageIsEscaped) {
  const std::string evil = "<img src=x onerror=alert(1)>";
  Page page{.title = evil, .subtitle = evil, .notes = {evil}};
  page.sections.push_back({.id = "a",
                           .title = evil,
                           .question = evil,
                           .summary = evil,
                           .key = {evil, evil, evil},
                           .found = {evil},
                           .pictures = {{.png = evil, .alt = "\"" + evil, .caption = evil}},
                           .tables = {{.caption = evil, .head = {evil}, .rows = {{evil}}}},
                           .caveats = {evil}});
  page.made.push_back({.caption = evil, .rows = {{evil, evil}}});
  const std::string html = to_html(page);
  EXPECT_FALSE(has(html, "<img src=x"));
  EXPECT_TRUE(has(html, "alt=\"&quot;&lt;img"));
}

TEST(ReportHtml, LongTablesAreCutAndSaySo) {
  PageTable table{.caption = "rows", .rows = std::vector<std::vector<std::string>>(25, {"a"})};
  EXPECT_EQ(cut(table).rows.size(), 24u);
  EXPECT_EQ(cut(table).caption, "rows (the first 24 of 25)");
  table.rows.resize(24);
  EXPECT_EQ(cut(table).caption, "rows");
}

TEST(ReportData, RowsAreDrawnAtRandomAndRise) {
  EXPECT_EQ(drawn_rows(3, 5, Random(0)), (std::vector<std::int64_t>{0, 1, 2}));
  const std::vector<std::int64_t> drawn = drawn_rows(1000, 10, Random(1));
  EXPECT_EQ(drawn.size(), 10u);
  EXPECT_TRUE(std::is_sorted(drawn.begin(), drawn.end()));
  EXPECT_EQ(std::set<std::int64_t>(drawn.begin(), drawn.end()).size(), 10u);
  EXPECT_EQ(drawn, drawn_rows(1000, 10, Random(1)));
  EXPECT_NE(drawn, drawn_rows(1000, 10, Random(2)));
  EmbeddingPairs pairs{Matrix<float>(4, 1), Matrix<float>(4, 1)};
  for (std::int64_t i = 0; i < 4; ++i) {
    pairs.images(i, 0) = static_cast<float>(i);
    pairs.texts(i, 0) = static_cast<float>(10 + i);
  }
  const EmbeddingPairs some = select_pairs(pairs, {1, 3});
  EXPECT_EQ(some.size(), 2);
  EXPECT_EQ(some.images(1, 0), 3);
  EXPECT_EQ(some.texts(0, 0), 11);
}

TEST(ReportWords, NumbersHaveARealMinusAndNoNegativeZero) {
  EXPECT_EQ(signed_text(-1.25), "\u22121.2");
  EXPECT_EQ(signed_text(3, 2), "+3.00");
  EXPECT_EQ(signed_text(-.004, 2), "0.00");
  EXPECT_EQ(plain_text(-.004, 2), "0.00");
  EXPECT_EQ(plain_text(.31, 2), "0.31");
  EXPECT_EQ(percent_text(NAN), "-");
}

DimensionFindings dimensions(double low, std::int64_t pairs = 500) {
  DimensionFindings found{.pairs = pairs,
                          .dim = 512,
                          .splits = 5,
                          .margin = .02,
                          .i2t_top1 = .55,
                          .t2i_top1 = .5,
                          .held_i2t_top1 = .6,
                          .held_t2i_top1 = .6};
  for (const bool held_out : {false, true}) {
    for (const int dim : {512, 256, 64}) {
      found.changes.push_back({"pca",
                               dim,
                               held_out,
                               {-.005, dim == 64 ? low - .1 : low, .01},
                               {-.004, dim == 64 ? low - .1 : low, .012}});
    }
  }
  return found;
}

TEST(ReportWords, ADimensionIsSafeOnlyBelowTheFullOne) {
  PageSection section;
  say_dimension(dimensions(-.015), section);
  EXPECT_EQ(section.summary, "New pairs can be stored in 256 dimensions instead of 512.");
  EXPECT_EQ(section.key.value, "256 of 512");

  PageSection none;
  say_dimension(dimensions(-.03), none);  // nor is 512, which is no saving anyway
  EXPECT_EQ(none.summary, "No dimension below 512 is shown to be safe for new pairs.");
  EXPECT_TRUE(has(joined(none), "Nearest to it comes 256"));
  EXPECT_FALSE(has(joined(none), "can be stored in"));
  EXPECT_TRUE(has(joined(none), "Even for the pairs that a map was fitted to"));
}

TEST(ReportWords, FewPairsOrFewMatchesMakeNothingSafe) {
  PageSection few;
  say_dimension(dimensions(0, 149), few);
  EXPECT_TRUE(has(joined(few), "With 149 pairs a loss of 2 points cannot be ruled out"));
  EXPECT_TRUE(has(joined(few), "that takes at least 150"));
  EXPECT_TRUE(has(few.summary, "cannot be told"));
  EXPECT_EQ(few.key.value, "not known");
  EXPECT_FALSE(has(joined(few), "Even for the pairs that a map was fitted to"));
  EXPECT_TRUE(cannot_be_safe(dimensions(0, 150)).empty());

  DimensionFindings chance = dimensions(-.001);
  chance.t2i_top1 = .01;
  PageSection low;
  say_dimension(chance, low);
  EXPECT_TRUE(has(joined(low), "Even with all dimensions only 1.0 % find their partner"));
  EXPECT_TRUE(has(low.summary, "cannot be told"));
  DimensionFindings strict = dimensions(0);
  strict.margin = 0;
  EXPECT_TRUE(has(cannot_be_safe(strict), "no number of pairs"));
}

TEST(ReportWords, AStartThatNoTrainingMadeBetterIsNoTrainedNetwork) {
  DimensionFindings found = dimensions(-.015);
  for (DimensionChange& change : found.changes) change.method = "isotonic";
  PageSection trained, start;
  say_dimension(found, trained);
  EXPECT_TRUE(has(joined(trained), "a network trained to keep the order of distances"));
  for (DimensionChange& change : found.changes) change.trained = false;
  say_dimension(found, start);
  EXPECT_FALSE(has(joined(start), "network trained"));
  EXPECT_TRUE(has(joined(start), "training a network from them brought no gain"));
}

TEST(ReportWords, TheSummaryNamesTheSmallestSafeSizeBesideTheDimension) {
  DimensionFindings found = dimensions(-.015);
  const Interval safe{-.005, -.015, .005}, lost{-.05, -.08, -.03};
  found.sizes = {{"paired", 64, "int4", 32, true, .6, .6, .8, safe, safe},
                 {"paired", 64, "binary", 8, true, .6, .6, .8, safe, lost},
                 {"pca", 64, "float16", 128, false, .6, .6, .8, safe, safe}};
  PageSection section;
  say_dimension(found, section);
  EXPECT_TRUE(
      has(section.summary, fmt::format("and in 32 bytes a vector instead of {}.", 4 * found.dim)))
      << section.summary;
  EXPECT_TRUE(
      has(joined(section), "are enough for new pairs (paired axes, 64 dimensions as 4-bit"));
  EXPECT_TRUE(has(joined(section), "are enough for the fitted pairs (principal components"));
  found.sizes.clear();
  PageSection without;
  say_dimension(found, without);
  EXPECT_FALSE(has(without.summary, "bytes"));
}

TEST(ReportWords, WithoutSplitsNewPairsAreNotKnown) {
  DimensionFindings found = dimensions(-.015);
  found.splits = 0;
  std::erase_if(found.changes, [](const DimensionChange& change) { return change.held_out; });
  PageSection section;
  say_dimension(found, section);
  EXPECT_TRUE(has(section.summary, "not known"));
  EXPECT_TRUE(has(joined(section), "too few pairs to set some aside"));
  EXPECT_TRUE(has(joined(section), "can be stored in 256 dimensions"));
}

ClusterFindings clusters(double stability, double silhouette) {
  ClusterFindings found{.rows = 60, .k = 4, .candidates = {}, .seeds = 5, .methods = {}};
  found.candidates = {{2, .5}, {4, stability}};
  MethodFindings& method = found.methods.emplace_back();
  method.stability = .99;
  method.silhouette.mean = silhouette;
  return found;
}

TEST(ReportWords, ClustersAreCalledStableOnlyWhereTheyAre) {
  PageSection stable, part, not_stable;
  say_clusters(clusters(.95, .4), {}, false, false, stable);
  EXPECT_TRUE(has(stable.summary, "found again almost exactly"));
  EXPECT_TRUE(has(joined(stable), "Their silhouette is 0.40"));
  EXPECT_TRUE(has(joined(stable), "it tells little by itself"));
  EXPECT_TRUE(has(joined(stable), "They have no names"));
  say_clusters(clusters(.7, .15), {{10, {"a"}, .1, .01}, {5, {"b"}, -.1, .5}}, false, true, part);
  EXPECT_TRUE(has(part.summary, "found again in part"));
  EXPECT_TRUE(has(joined(part), "1 of 2 clusters is shown to have a text"));
  EXPECT_TRUE(has(joined(part), "so some images change clusters"));
  say_clusters(clusters(.3, .02), {}, false, false, not_stable);
  EXPECT_TRUE(has(not_stable.summary, "not stable"));
  EXPECT_TRUE(has(not_stable.key.what, "not stable"));
  EXPECT_TRUE(has(joined(not_stable), "do not read them as real groups"));
}

TEST(ReportWords, ClustersByLabelsRestOnStarts) {
  ClusterFindings found = clusters(.5, .3);
  found.candidates.clear();
  found.methods[0].ami.mean = .75;
  found.methods[0].acc.mean = .8;
  PageSection section;
  say_clusters(found, {{10, {"text 3"}, .1, .01}}, true, false, section);
  EXPECT_TRUE(has(joined(section), "The labels have 4 classes"));
  EXPECT_TRUE(has(section.key.sure, "0.99 of 1 over 5 starts"));
  EXPECT_TRUE(has(joined(section), "80.0 % of the labelled rows"));
  EXPECT_TRUE(has(joined(section), "Without captions"));
  found.label_silhouette = .13;
  PageSection compared;
  say_clusters(found, {}, true, false, compared);
  EXPECT_TRUE(has(joined(compared), "The classes of the labels themselves have 0.13."));
  found.methods[0].stability = NAN;
  PageSection unknown;
  say_clusters(found, {}, true, false, unknown);
  EXPECT_TRUE(has(unknown.summary, "of unknown stability"));
  EXPECT_FALSE(has(joined(unknown), "nan"));
}

TEST(ReportWords, AFactorIsReadOnlyAboveChance) {
  FactorFindings found{.rows = 500, .held_out = 100, .latent = 16};
  found.factors.push_back({.name = "label",
                           .classes = 8,
                           .block_size = 7,
                           .tested = 54,
                           .own_block = .87,
                           .chance = .3,
                           .leak = .01,
                           .leaks_into = "residual",
                           .edits = 1000,
                           .success = .77,
                           .flagged = .05});
  PageSection shown;
  say_factors(found, true, shown);
  EXPECT_TRUE(has(shown.summary, "predicted correctly for 87.0 %"));
  EXPECT_TRUE(has(joined(shown), "The other dimensions hold little of it"));

  found.factors[0].own_block = .35;
  found.factors[0].leak = .2;
  PageSection chance;
  say_factors(found, false, chance);
  EXPECT_TRUE(has(chance.summary, "It is not shown"));
  EXPECT_TRUE(has(joined(chance), "The separation is not complete"));
  EXPECT_TRUE(has(joined(chance), "clusters of the texts"));

  found.factors[0].block_size = 1;
  PageSection one;
  say_factors(found, true, one);
  EXPECT_FALSE(has(joined(one), "1 dimensions"));
  EXPECT_TRUE(has(joined(one), "predicted from 1 dimension of its own"));

  found.factors[0].tested = 0;
  PageSection nothing;
  say_factors(found, true, nothing);
  EXPECT_EQ(nothing.summary, "Nothing could be measured.");
  EXPECT_TRUE(nothing.key.value.empty());
}

TEST(ReportWords, TheMeaningOfPairsThatDoNotMatch) {
  SemanticFindings found;
  found.gap.emplace();
  found.paired_cosine = {.1, .05, .15};
  found.other_cosine = {.02, 0, .04};
  found.gap_distance = {.8, NAN, NAN};
  found.match.shown = true;
  PageSection match, no_match, no_retrieval;
  say_semantic(found, true, match);
  EXPECT_TRUE(has(match.key.value, "0.10 against 0.02"));
  EXPECT_TRUE(has(joined(match), "too few pairs for an interval"));
  found.other_cosine.value = .06;
  say_semantic(found, true, no_match);
  EXPECT_TRUE(has(no_match.summary, "not shown to match"));
  // Nearer than others on average, and yet not found.
  found.other_cosine.value = .02;
  found.match = match_of(std::vector<std::int32_t>(100, 50), std::vector<std::int32_t>(100, 50));
  say_semantic(found, true, no_retrieval);
  EXPECT_TRUE(has(no_retrieval.summary, "not shown to match"));
  EXPECT_TRUE(has(joined(no_retrieval), "by chance 50.5"));

  PageSection empty;
  say_semantic({}, false, empty);
  EXPECT_TRUE(has(empty.summary, "could not be measured"));
  EXPECT_TRUE(few_rows_words(100).empty());
  EXPECT_TRUE(has(few_rows_words(99), "only 99 pairs"));
}

TEST(ReportWords, CorrectionsThatDoNotHelpAreNotPraised) {
  SemanticFindings found;
  found.retrieval.push_back({.method = "csls", .image_to_text = {}, .text_to_image = {}});
  ScoredRetrieval bank{.method = "csls_bank", .image_to_text = {}, .text_to_image = {}};
  bank.i2t_change = {.03, -.01, .05};
  bank.t2i_change = {.04, .01, .06};
  found.retrieval.push_back(bank);
  PageSection section;
  say_semantic(found, true, section);
  EXPECT_TRUE(has(joined(section), "That it helps in both directions is not shown"));
}

}  // namespace
}  // namespace clipk::study
