// Can single factors of embeddings be separated, read and changed? A first stage (a
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
                 "vae, autoencoder or pca; by default vae for pictures, pca for embeddings")
      ->check(one_of({"vae", "autoencoder", "pca"}));
  app.add_option("--latent", arguments.stage.latent, "Dimension of the codes; 0: 12, or 16 for pca")
      ->check(whole_number(0, 1 << 20));
  app.add_option("--layers", arguments.stage.hidden, "Widths of the encoder's hidden layers")
      ->delimiter(',')
      ->check(whole_number(1, 1 << 20));
  app.add_option("--sigma", arguments.stage.sigma, "Standard deviation of the VAE decoder's noise")
      ->check(real_number(1e-6, 1e6));
  app.add_option("--epochs", arguments.stage.epochs,
                 "Epochs of the first stage; 0: about 2800 steps")
      ->check(whole_number(0, 1'000'000));
  app.add_option(
         "--iin-epochs", arguments.iin_epochs,
         "Epochs of the interpretation network; 0: about 2800 steps, at most 40 epochs; for "
         "embeddings 400 steps")
      ->check(whole_number(0, 1'000'000));
  app.add_option("--blocks", arguments.iin.flow.blocks,
                 "Blocks of the flow; 0: 6, for embeddings 2")
      ->check(whole_number(0, 1000));
  app.add_option("--width", arguments.iin.flow.width,
                 "Width of the flow's networks; 0: 128, for embeddings 32")
      ->check(whole_number(0, 1 << 16));
  app.add_option("--depth", arguments.iin.flow.depth, "Hidden layers of the flow's networks")
      ->check(whole_number(1, 100));
  app.add_option("--scale", arguments.scale,
                 "Scale function of the couplings: tanh, atan or sigmoid")
      ->check(one_of({"tanh", "atan", "sigmoid"}));
  app.add_option("--block-sizes", arguments.iin.sizes,
                 "Dimensions of every factor's block, as 2,1,1; by default estimated, and for "
                 "embeddings the number of classes less one")
      ->delimiter(',')
      ->check(whole_number(0, 1 << 20));
  app.add_option(
         "--sizing", arguments.sizing,
         "How block sizes are estimated: correlations (canonical correlations of rows that share "
         "the factor; the default) or softmax (the original paper's rule)")
      ->check(one_of({"correlations", "softmax"}));
  app.add_option("--rho", arguments.iin.rho,
                 "Correlation of a block between two rows that share its factor; -1: 0.99, for "
                 "embeddings 0.9")
      ->check(real_number(-1, .9999));
  app.add_option("--rho-warmup", arguments.iin.rho_warmup,
                 "Share of the epochs over which rho rises from 0")
      ->check(real_number(0, 1));
  app.add_option(
         "--noise", arguments.iin.noise,
         "Noise added to the codes in training, in units of their standard deviation; -1: 0, for "
         "embeddings 0.3")
      ->check(real_number(-1, 100));
  app.add_option("--holdout", arguments.holdout,
                 "Share of the rows that is held out; -1: 0.1, or 0.2 for fewer than 5000 rows")
      ->check(real_number(-1, .9));
  app.add_option("--edits", arguments.edits.edits, "Number of edits of every factor")
      ->check(whole_number(1, 1'000'000));
  app.add_option("--tolerance", arguments.edits.tolerance,
                 "Largest difference that counts as the same value, as a share of its range")
      ->check(real_number(1e-6, 1));
}

}  // namespace
}  // namespace clipk::study

int main(int argc, char** argv) {
  using namespace clipk::study;
  Program program("factor_study",
                  "Can single factors of embeddings be separated, read and changed?", {});
  FactorArguments arguments;
  add_options(program.app(), arguments);
  const FactorSource source(program);
  return program.run(argc, argv,
                     [&](Run& run) { run_factor_study(run, source.load(run), arguments); });
}
