#pragma once

#include <string>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/random.hpp"
#include "clipk/io/embeddings.hpp"
#include "clipk/io/npy.hpp"
#include "clipk/models/neural_mds.hpp"
#include "clipk/models/paired_axes.hpp"
#include "clipk/models/pca.hpp"
#include "examples/study/study_files.hpp"

namespace clipk::test {

/// Small pairs and maps of them on disk, and clipk-reduce run on these.
class ReduceFiles : public StudyTest {
 protected:
  static constexpr std::int64_t kPairs = 40;
  static constexpr std::int64_t kDim = 16;
  static constexpr std::int64_t kCode = 6;

  ReduceFiles() : StudyTest(CLIPK_REDUCE), raw_{rows(kPairs, 1), rows(kPairs, 2)} {
    unit_ = {copied(raw_.images), copied(raw_.texts)};
    normalize_embeddings(unit_.images, "images");
    normalize_embeddings(unit_.texts, "texts");
    write_npy(path("i.npy"), raw_.images);
    write_npy(path("t.npy"), raw_.texts);
    axes().save(path("axes.clipk"));
    pca().save(path("pca.clipk"));
  }

  /// Rows of any length, apart from 0 by an offset.
  static Matrix<float> rows(std::int64_t n, std::uint64_t seed) {
    Random random(seed);
    Matrix<float> result(n, kDim);
    for (float& value : result.flat()) value = static_cast<float>(random.normal() + 0.5);
    return result;
  }
  static Matrix<float> copied(const Matrix<float>& matrix) {
    Context context = Context::cpu();
    return matrix.to_host(context);
  }
  const Matrix<float>& unit(Modality modality) const {
    return modality == Modality::image ? unit_.images : unit_.texts;
  }
  std::string file(Modality modality) const {
    return path(modality == Modality::image ? "i.npy" : "t.npy");
  }

  PairedAxes axes() const {
    Context context = Context::cpu();
    return PairedAxes::fit(context, unit_.images, unit_.texts, kCode,
                           {.setting = PairedAxesSetting()});
  }
  Pca pca(Centering centering = Centering::per_modality) const {
    Context context = Context::cpu();
    return Pca::fit(context, unit_.images, unit_.texts, {.centering = centering});
  }
  NeuralMds mds(Context& context) const {
    NeuralMdsOptions options;
    options.dim = kCode;
    options.hidden = 8;
    options.network_per_modality = true;
    options.epochs = 3;
    options.quads_per_epoch = 1000;
    return NeuralMds::fit(context, unit_.images, unit_.texts, options);
  }

  std::vector<std::string> images_by_axes() const {
    return {"--model", path("axes.clipk"), "--in",     path("i.npy"), "--modality", "image",
            "--out",   path("b.npy"),      "--device", "cpu",         "--threads",  "1"};
  }

  EmbeddingPairs raw_, unit_;
};

}  // namespace clipk::test
