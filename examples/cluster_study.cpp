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
  app.add_option(
         "--k", settings.k,
         "Number of clusters; 0: that of the classes, or without labels the most stable one")
      ->check(whole_number(0, 1'000'000));
  app.add_option(
         "--methods", settings.methods,
         "Methods, as kmeans,dec: kmeans, autoencoder (k-means on its codes), dec, idec (DEC that "
         "keeps the decoder)")
      ->delimiter(',')
      ->check(one_of({"kmeans", "autoencoder", "dec", "idec"}));
  app.add_option("--seeds", settings.seeds,
                 "Runs of every method, with the seeds --seed, --seed + 1, ...")
      ->check(whole_number(1, 1000));
  app.add_option("--epochs", arguments.epochs,
                 "Epochs of the autoencoder; 0: about 1400 steps of 256 rows")
      ->check(whole_number(0, 1'000'000));
  app.add_option("--pca", arguments.pca,
                 "Number of principal components to cluster; 0: the rows themselves")
      ->check(whole_number(0, 1 << 20));
  app.add_option("--scaling", arguments.scaling,
                 "Scaling of the rows for the networks: standardized (mean 0 and equal length), "
                 "equal_length, none")
      ->check(one_of({"standardized", "equal_length", "none"}));
  app.add_option("--restarts", settings.restarts, "Restarts of every k-means")
      ->check(whole_number(1, 10'000));
  app.add_flag("--spherical", settings.spherical,
               "Spherical k-means: rows and centres of length one");
  app.add_option("--layers", arguments.layers, "Widths of the encoder's layers, the code last")
      ->delimiter(',')
      ->check(whole_number(1, 1 << 20));
  app.add_option("--denoising", arguments.denoising,
                 "Rounds of manifold denoising before k-means (each averages a code over its 20 "
                 "nearest neighbours); -1: 30, or 0 for fewer than 5000 rows")
      ->check(whole_number(-1, 1000));
  app.add_option("--kernel", arguments.kernel,
                 "Kernel of DEC's soft assignment: student_t, or von_mises_fisher on unit codes")
      ->check(one_of({"student_t", "von_mises_fisher"}));
  app.add_flag("--balanced", settings.dec.balanced, "DEC's target with equal clusters (Sinkhorn)");
  app.add_option(
         "--perplexity", arguments.perplexity,
         "Perplexity of the t-SNE map; by default 30, or a third of the rows if that is less")
      ->check(real_number(1, 10'000));
  app.add_option("--tsne-rows", arguments.tsne_rows,
                 "Number of rows on the t-SNE map, drawn at random; -1: all, 0: no map")
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
