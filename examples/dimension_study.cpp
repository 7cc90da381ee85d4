// How far can the dimension of paired image and text embeddings fall before top-1 retrieval gets
// worse? PCA, paired axes, random projection, and Neural MDS, isometric and isotonic;
// docs/dimension_study.md.

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
                 "Dimensions to try, as 64,32; of the default those that the data has")
      ->delimiter(',')
      ->check(whole_number(1, 1 << 20));
  app.add_option(
         "--methods", settings.methods,
         "Maps to try, as pca,paired: pca, paired (paired axes: ridge CCA with one rotation), "
         "random (random projection), isometric (Neural MDS that keeps distances), "
         "isotonic (Neural MDS that keeps their order)")
      ->delimiter(',')
      ->check(one_of({"pca", "paired", "random", "isometric", "isotonic"}));
  app.add_option("--quads", arguments.quads,
                 "Quadruples per epoch of a fit to all pairs; 0: 1600 per pair, which is 8,000,000 "
                 "for 5000 pairs")
      ->check(whole_number(0, std::int64_t{1} << 40));
  app.add_option("--quads-from", arguments.quads_from,
                 "query: a quadruple compares two distances from one query; all: any two distances")
      ->check(one_of({"query", "all"}));
  app.add_option("--near", settings.near,
                 "With --quads-from query: the nearer one is among this many "
                 "nearest neighbours of the query")
      ->check(whole_number(1, 128));
  app.add_flag("--bytes", settings.bytes,
               "Also measure codes stored in fewer bytes: float16, int8, 4-bit, binary, product "
               "quantisation");
  app.add_option("--holdout", settings.holdout,
                 "Share of the pairs that each split holds out; 0: none; by default half, or none "
                 "where there are too few pairs")
      ->check(real_number(0, 0.9));
  app.add_option("--splits", settings.splits, "Number of random splits")
      ->check(whole_number(1, 1000));
  app.add_option("--margin", settings.margin,
                 "Loss of top-1 accuracy that is acceptable, as a share")
      ->check(real_number(0, 1));
}

}  // namespace
}  // namespace clipk::study

int main(int argc, char** argv) {
  using namespace clipk::study;
  Program program("dimension_study",
                  "How far can the dimension of paired embeddings fall before "
                  "top-1 retrieval gets worse?",
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
