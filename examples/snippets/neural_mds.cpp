// Maps 512-dimensional pairs to 64 dimensions and says what retrieval lost.

#include <cstdio>

#include "clipk/io/embeddings.hpp"
#include "clipk/io/npy.hpp"
#include "clipk/metrics/retrieval.hpp"
#include "clipk/models/neural_mds.hpp"

int main() {
  // [snippet]
  clipk::Context context = clipk::Context::best();  // a GPU where there is one
  const clipk::EmbeddingPairs pairs = clipk::read_pairs("images.npy", "texts.npy");

  clipk::NeuralMdsOptions options;
  options.objective = clipk::MdsObjective::isotonic;
  options.dim = 64;
  const clipk::NeuralMds map = clipk::NeuralMds::fit(context, pairs.images, pairs.texts, options);

  const auto images = map.transform(context, pairs.images, clipk::Modality::image);
  const auto texts = map.transform(context, pairs.texts, clipk::Modality::text);
  const clipk::Retrieval found = clipk::retrieval(context, images, texts);
  std::printf("%.1f %% of the images find their text\n", 100 * found.image_to_text.top1);
  map.save(context, "map.clipk");
  // [snippet]
}
