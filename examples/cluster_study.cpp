// Do embeddings form clusters, and do they agree with known classes? k-means, an autoencoder with
// k-means on its codes, DEC and IDEC, over seeds; and a t-SNE map. docs/cluster_study.md.

#include "cluster/cluster_study.hpp"
#include "study/features.hpp"
#include "study/option_checks.hpp"
#include "study/program.hpp"

namespace clipk::study {
namespace {

void add_options(CLI::App& app, ClusterArguments& arguments) {
  ClusterSettings& settings = arguments.settings;
  app.option_defaults()->group("The study");
  app.add_option("--k", settings.k,
                 "Clusters; 0: as many as there are classes, without labels the most stable number")
      ->check(whole_number(0, 1'000'000));
  app.add_option("--methods", settings.methods,
                 "kmeans, autoencoder (k-means on its codes), dec, idec (DEC that keeps the "
                 "decoder), as kmeans,dec")
      ->delimiter(',')
      ->check(one_of({"kmeans", "autoencoder", "dec", "idec"}));
  app.add_option("--seeds", settings.seeds, "Runs of every method: --seed, --seed + 1, ...")
      ->check(whole_number(1, 1000));
  app.add_option("--epochs", arguments.epochs,
                 "Of the autoencoder; 0: as many as make about 1400 steps of 256 rows")
      ->check(whole_number(0, 1'000'000));
  app.add_option("--pca", arguments.pca, "Cluster so many principal components; 0: the rows")
      ->check(whole_number(0, 1 << 20));
  app.add_option("--scaling", arguments.scaling,
                 "Of the rows, for the networks: standardized (each to mean 0 and one length), "
                 "equal_length, none")
      ->check(one_of({"standardized", "equal_length", "none"}));
  app.add_option("--restarts", settings.restarts, "Restarts of every k-means")
      ->check(whole_number(1, 10'000));
  app.add_flag("--spherical", settings.spherical,
               "k-means of directions: rows and centres of length one");
  app.add_option("--layers", arguments.layers, "Widths of the encoder after the rows, code last")
      ->delimiter(',')
      ->check(whole_number(1, 1 << 20));
  app.add_option("--denoising", arguments.denoising,
                 "Times that codes are averaged over their 20 nearest before k-means (manifold "
                 "denoising); -1: 30, or 0 where there are fewer than 5000 rows")
      ->check(whole_number(-1, 1000));
  app.add_option("--kernel", arguments.kernel,
                 "Of DEC's soft assignment: student_t, or von_mises_fisher on codes of length one")
      ->check(one_of({"student_t", "von_mises_fisher"}));
  app.add_flag("--balanced", settings.dec.balanced, "DEC's target with equal clusters (Sinkhorn)");
  app.add_option("--perplexity", arguments.perplexity,
                 "Of the t-SNE map; left out: 30, or a third of fewer rows")
      ->check(real_number(1, 10'000));
  app.add_option("--tsne-rows", arguments.tsne_rows,
                 "Rows on the t-SNE map, drawn by the seed; -1: all, 0: no map")
      ->check(whole_number(-1, INT64_MAX));
}

}  // namespace
}  // namespace clipk::study

int main(int argc, char** argv) {
  using namespace clipk::study;
  Program program("cluster_study",
                  "Do embeddings form clusters, and do they agree with known classes?", {});
  ClusterArguments arguments;
  add_options(program.app(), arguments);
  const FeatureSource source(program);
  return program.run(argc, argv, [&](Run& run) {
    check_distinct("--methods", arguments.settings.methods);
    arguments.scaling_chosen = program.app().get_option("--scaling")->count() > 0;
    arguments.perplexity_chosen = program.app().get_option("--perplexity")->count() > 0;
    run_cluster_study(run, source.load(run), arguments);
  });
}
