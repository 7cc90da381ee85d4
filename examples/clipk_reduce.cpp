// Applies a map that was saved, such as one of dimension_study, to a file of embeddings of any
// size.

#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <string>

#include "reduce/reduce.hpp"
#include "study/command.hpp"
#include "study/option_checks.hpp"

int main(int argc, char** argv) {
  using namespace clipk::study;
  CLI::App app(
      "Applies a saved map to a file of embeddings of any size, and writes the codes as .npy.",
      "clipk-reduce");
  ReduceOptions options;
  Options run;
  std::string modality, dtype = "float32";
  bool raw = false;
  app.option_defaults()->group("The map");
  app.add_option("--model", options.model,
                 "Saved map: a pca model, a paired_axes model or a neural_mds model")
      ->required();
  app.add_option("--modality", modality,
                 "What the rows are: image or text. Needed where the map treats them differently")
      ->check(one_of({"image", "text"}));
  app.add_option("--dim", options.dim,
                 "Dimensions to keep, the first ones (pca, paired_axes); by default all")
      ->check(whole_number(1, 1 << 20));
  app.add_flag("--no-normalize", raw,
               "Takes rows as they are. By default each is divided by its length first, as the "
               "studies do before they fit; a map that was fitted to raw rows needs this");
  app.option_defaults()->group("The files");
  app.add_option("--in", options.in,
                 "Embeddings: FILE or FILE:NAME (.npy, .npz, safetensors), or a clip-retrieval "
                 "folder")
      ->required();
  app.add_option("--out", options.out, "File of the codes, .npy")->required();
  app.option_defaults()->always_capture_default();
  app.add_option("--dtype", dtype, "Of the codes in the file: float32 or float16")
      ->check(one_of({"float32", "float16"}));
  app.option_defaults()->group("The run");
  add_device_option(app, run);
  add_threads_option(app, run);

  const auto kept = [] { return std::string("nothing is written"); };
  return run_command(app, argc, argv, kept, [&] {
    if (!modality.empty()) {
      options.modality = modality == "image" ? clipk::Modality::image : clipk::Modality::text;
    }
    if (dtype == "float16") options.dtype = clipk::DType::float16;
    options.normalize = !raw;
    const auto start = std::chrono::steady_clock::now();
    clipk::Context context = context_of(run);
    const Reduced done = reduce(context, options);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    const int error =
        print_line(fmt::format("{}: {} rows, {} -> {} dimensions, {:.1f} s", options.out.string(),
                               done.rows, done.from, done.to, seconds.count()));
    if (error != 0 && error != EPIPE) {
      return say_output_failed(app, error, "the codes are in " + options.out.string());
    }
    return kDone;
  });
}
