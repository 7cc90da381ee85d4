// How far can the dimension of paired image and text embeddings fall before top-1 retrieval gets
// worse? PCA, random projection, and Neural MDS, isometric and isotonic; docs/dimension_study.md.

#include "dimension/dimension_study.hpp"
#include "study/option_checks.hpp"
#include "study/pairs.hpp"
#include "study/program.hpp"

namespace clipk::study {
namespace {

void add_options(CLI::App& app, DimensionArguments& arguments) {
  DimensionSettings& settings = arguments.settings;
  app.option_defaults()->group("The study");
  app.add_option("--dims", settings.dims,
                 "Dimensions D' to try, as 64,32; left out: those of the default "
                 "that the data has")
      ->delimiter(',')
      ->check(whole_number(1, 1 << 20));
  app.add_option("--methods", settings.methods,
                 "Maps to try, as pca,isotonic: pca, random (projection), isometric (Neural MDS "
                 "that keeps distances), isotonic (that keeps their order)")
      ->delimiter(',')
      ->check(one_of({"pca", "random", "isometric", "isotonic"}));
  app.add_option("--quads", arguments.quads,
                 "Quadruples an epoch of a fit to all pairs; 0 takes 1600 a pair, which is "
                 "8,000,000 for 5000 pairs")
      ->check(whole_number(0, std::int64_t{1} << 40));
  app.add_option("--quads-from", arguments.quads_from,
                 "query: quadruples within one query; all: uniform over all pairs of pairs")
      ->check(one_of({"query", "all"}));
  app.add_option("--near", settings.near,
                 "By query: the nearer pair is among the query's nearest so many")
      ->check(whole_number(1, 128));
  app.add_option("--holdout", settings.holdout,
                 "Share of the pairs that a split holds out; 0: none; left out: half, or none of "
                 "too few pairs")
      ->check(real_number(0, 0.9));
  app.add_option("--splits", settings.splits, "Random splits")->check(whole_number(1, 1000));
  app.add_option("--margin", settings.margin, "Loss of top-1 that would not matter")
      ->check(real_number(0, 1));
}

}  // namespace
}  // namespace clipk::study

int main(int argc, char** argv) {
  using namespace clipk::study;
  Program program("dimension_study",
                  "How far can the dimension of paired embeddings fall before top-1 retrieval gets "
                  "worse?",
                  {.epochs = 200});
  DimensionArguments arguments;
  add_options(program.app(), arguments);
  const PairSource source(program);
  return program.run(argc, argv, [&](Run& run) {
    check_distinct("--dims", arguments.settings.dims);
    check_distinct("--methods", arguments.settings.methods);
    arguments.dims_chosen = program.app().get_option("--dims")->count() > 0;
    arguments.holdout_chosen = program.app().get_option("--holdout")->count() > 0;
    arguments.epochs = run.options().epochs;
    const LoadedPairs loaded = source.load(run);
    run_dimension_study(run, loaded.pairs, loaded.equal, arguments);
  });
}
