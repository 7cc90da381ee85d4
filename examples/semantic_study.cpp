// What do embeddings mean? Texts against images by cosine, and the correlation of what texts and
// labels say with coordinates and components: docs/semantic_study.md.

#include "semantic/semantic_study.hpp"
#include "study/option_checks.hpp"
#include "study/pictures/gnuplot.hpp"
#include "study/program.hpp"

namespace clipk::study {
namespace {

void add_options(CLI::App& app, SemanticSettings& settings) {
  app.option_defaults()->group("The study");
  app.add_option("--show", settings.shown, "Number of texts and of images in the cosine table")
      ->check(whole_number(2, 24));
  app.add_option("--rows", settings.rows,
                 "Images in the cosine table, from 0, as 3,17,250; by default those nearest to the "
                 "centres of clusters")
      ->delimiter(',')
      ->check(whole_number(0, INT64_MAX));
  app.add_option("--components", settings.spaces,
                 "Components to correlate with texts and labels, beside the coordinates: pca, mds "
                 "(isotonic Neural MDS), or a file with one row per image, such as "
                 "factor_study's interpreted.npy")
      ->delimiter(',');
  app.add_option("--count", settings.components, "Number of components of pca and mds")
      ->check(whole_number(1, 1 << 16));
  app.add_flag("--spearman", settings.by_rank, "Spearman's rank correlation in place of Pearson's");
  app.add_option("--false-discovery", settings.false_discovery,
                 "False discovery rate of the correlations that are called significant")
      ->check(real_number(1e-12, 1));
  app.add_option("--clusters", settings.clusters,
                 "Number of clusters of the images; 0: the most stable one")
      ->check(whole_number(0, 1'000'000));
  app.add_option("--permutations", settings.permutations,
                 "Permutations of the labels for the p-value of a cluster's name")
      ->check(whole_number(0, 1'000'000));
  app.add_option("--neighbours", settings.neighbours,
                 "Neighbours that hub statistics and CSLS look at")
      ->check(whole_number(1, 120));
  app.add_option("--beta", settings.beta, "Inverse temperature of Sinkhorn: exp(beta * cosine)")
      ->check(real_number(1e-3, 1e4));
  app.add_option("--folds", settings.folds, "Folds of the cross-validation")
      ->check(whole_number(2, 100));
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
