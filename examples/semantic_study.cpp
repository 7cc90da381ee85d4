// What do embeddings mean? Texts against images by cosine, and the correlation of what texts and
// labels say with coordinates and components: docs/semantic_study.md.

#include "semantic/semantic_study.hpp"
#include "study/gnuplot.hpp"
#include "study/option_checks.hpp"
#include "study/program.hpp"

namespace clipk::study {
namespace {

void add_options(CLI::App& app, SemanticSettings& settings) {
  app.option_defaults()->group("The study");
  app.add_option("--show", settings.shown, "Texts and images in the cosine table")
      ->check(whole_number(2, 24));
  app.add_option("--rows", settings.rows,
                 "The images in it, from 0, as 3,17,250; without it typical ones: those nearest to "
                 "the centres of clusters")
      ->delimiter(',')
      ->check(whole_number(0, INT64_MAX));
  app.add_option("--components", settings.spaces,
                 "What features are correlated with beside the coordinates: pca, mds (isotonic "
                 "Neural MDS), or a file of one row an image, as factor_study's interpreted.npy")
      ->delimiter(',');
  app.add_option("--count", settings.components, "Components of pca and mds")
      ->check(whole_number(1, 1 << 16));
  app.add_flag("--spearman", settings.by_rank, "Correlation of ranks in place of values");
  app.add_option("--false-discovery", settings.false_discovery,
                 "Share of false ones among the correlations that count")
      ->check(real_number(1e-12, 1));
  app.add_option("--clusters", settings.clusters,
                 "Clusters of the images to name; 0: as many as are stable")
      ->check(whole_number(0, 1'000'000));
  app.add_option("--permutations", settings.permutations,
                 "Of the labels, behind the p-value of a cluster's name")
      ->check(whole_number(0, 1'000'000));
  app.add_option("--neighbours", settings.neighbours, "Of hub statistics and CSLS")
      ->check(whole_number(1, 120));
  app.add_option("--beta", settings.beta, "Of Sinkhorn: exp(beta cosine)")
      ->check(real_number(1e-3, 1e4));
  app.add_option("--folds", settings.folds, "Of the probe")->check(whole_number(2, 100));
}

}  // namespace
}  // namespace clipk::study

int main(int argc, char** argv) {
  using namespace clipk::study;
  Program program("semantic_study", "What do embeddings mean? Texts against images.", {});
  SemanticSettings settings;
  add_options(program.app(), settings);
  const SemanticSource source(program);
  return program.run(argc, argv, [&](Run& run) {
    check_distinct("--components", settings.spaces);
    const SemanticData data = source.load(run);
    check_semantic(data, settings);
    check_charts();
    run_semantic_study(run, data, settings);
  });
}
