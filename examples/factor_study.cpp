// Can single factors of what embeddings hold be told apart, read and changed? A first stage (a
// variational autoencoder of pictures, principal components of vectors) and an invertible
// interpretation network on its codes, with edits that a judge reads. docs/factor_study.md.

#include "factor/factor_study.hpp"
#include "factor/data.hpp"
#include "study/option_checks.hpp"
#include "study/program.hpp"

namespace clipk::study {
namespace {

void add_options(CLI::App& app, FactorArguments& arguments) {
  app.option_defaults()->group("The study");
  app.add_option("--first-stage", arguments.stage.kind,
                 "vae, autoencoder, or pca; without it a vae for pictures, pca for embeddings")
      ->check(one_of({"vae", "autoencoder", "pca"}));
  app.add_option("--latent", arguments.stage.latent,
                 "Dimension of the codes; 0: 12, and for pca of few rows 16")
      ->check(whole_number(0, 1 << 20));
  app.add_option("--layers", arguments.stage.hidden, "Hidden layers of the encoder")
      ->delimiter(',')
      ->check(whole_number(1, 1 << 20));
  app.add_option("--sigma", arguments.stage.sigma,
                 "Of the vae's decoder: standard deviation of a value about what is decoded")
      ->check(real_number(1e-6, 1e6));
  app.add_option("--epochs", arguments.stage.epochs,
                 "Of the first stage; 0: as many as make about 2800 steps")
      ->check(whole_number(0, 1'000'000));
  app.add_option("--iin-epochs", arguments.iin_epochs,
                 "Of the interpretation; 0: as many as make about 2800 steps, at most 40; for "
                 "vectors 400 steps")
      ->check(whole_number(0, 1'000'000));
  app.add_option("--blocks", arguments.iin.flow.blocks, "Of the flow; 0: 6, for vectors 2")
      ->check(whole_number(0, 1000));
  app.add_option("--width", arguments.iin.flow.width,
                 "Of the flow's networks; 0: 128, for vectors 32")
      ->check(whole_number(0, 1 << 16));
  app.add_option("--depth", arguments.iin.flow.depth, "Hidden layers of the flow's networks")
      ->check(whole_number(1, 100));
  app.add_option("--scale", arguments.scale, "Of the couplings: tanh, atan or sigmoid")
      ->check(one_of({"tanh", "atan", "sigmoid"}));
  app.add_option("--block-sizes", arguments.iin.sizes,
                 "Columns of every factor's block, as 2,1,1; without it they are estimated, and "
                 "for classes of vectors one less than there are")
      ->delimiter(',')
      ->check(whole_number(0, 1 << 20));
  app.add_option(
         "--sizing", arguments.sizing,
         "How they are estimated: correlations (canonical, of pairs; the default) or softmax "
         "(the original's rule)")
      ->check(one_of({"correlations", "softmax"}));
  app.add_option("--rho", arguments.iin.rho,
                 "Correlation of a block between two rows that share its factor; -1: 0.99, for "
                 "vectors 0.9")
      ->check(real_number(-1, .9999));
  app.add_option("--rho-warmup", arguments.iin.rho_warmup,
                 "Share of the interpretation's epochs over which rho rises from 0")
      ->check(real_number(0, 1));
  app.add_option("--noise", arguments.iin.noise,
                 "Deviation of noise on codes in the interpretation's training, in units of "
                 "theirs; -1: 0, for vectors 0.3")
      ->check(real_number(-1, 100));
  app.add_option("--holdout", arguments.holdout,
                 "Share of the rows that nothing is trained on; -1: 0.1, of few rows 0.2")
      ->check(real_number(-1, .9));
  app.add_option("--edits", arguments.edits.edits, "Edits of every factor that are judged")
      ->check(whole_number(1, 1'000'000));
  app.add_option("--tolerance", arguments.edits.tolerance,
                 "What counts as the same value, as a share of its range")
      ->check(real_number(1e-6, 1));
}

}  // namespace
}  // namespace clipk::study

int main(int argc, char** argv) {
  using namespace clipk::study;
  Program program("factor_study",
                  "Can single factors of what embeddings hold be told apart, read and changed?",
                  {});
  FactorArguments arguments;
  add_options(program.app(), arguments);
  const FactorSource source(program);
  return program.run(argc, argv,
                     [&](Run& run) { run_factor_study(run, source.load(run), arguments); });
}
