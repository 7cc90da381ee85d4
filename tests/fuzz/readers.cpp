#include <fstream>

#include "clipk/io/array_file.hpp"
#include "clipk/io/attributes.hpp"
#include "clipk/io/caption_factors.hpp"
#include "clipk/io/captions.hpp"
#include "clipk/io/clip_retrieval.hpp"
#include "clipk/io/dataset.hpp"
#include "clipk/io/embeddings.hpp"
#include "clipk/io/idx.hpp"
#include "clipk/io/npz.hpp"
#include "clipk/io/pairs_index.hpp"
#include "clipk/io/row_stream.hpp"
#include "clipk/io/safetensors.hpp"
#include "fuzz/targets.hpp"

namespace clipk::fuzz {
namespace {

namespace fs = std::filesystem;

fs::path written(const fs::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

void npy(std::string_view bytes, const fs::path& folder) {
  const fs::path path = written(folder / "a.npy", bytes);
  read_npy_header(path);
  survives([&] { read_npy<float>(path); });
  survives([&] { read_npy_matrix<double>(path); });
  survives([&] { read_npy_vector<std::int32_t>(path); });
}

// By their names, so that each array of the file is read.
void npz(std::string_view bytes, const fs::path& folder) {
  const fs::path path = written(folder / "a.npz", bytes);
  for (const NpzEntry& entry : list_npz(path)) {
    survives([&] { read_npz<float>(path, entry.name); });
  }
}

void safetensors(std::string_view bytes, const fs::path& folder) {
  const fs::path path = written(folder / "a.safetensors", bytes);
  for (const SafetensorsEntry& entry : read_safetensors_header(path).tensors) {
    survives([&] { read_safetensors<float>(path, entry.name); });
  }
}

// In blocks that end within the array, and a second time.
void rows(std::string_view bytes, const fs::path& folder) {
  RowReader reader(written(folder / "a", bytes), Modality::image);
  if (reader.cols() > 1 << 20) return;
  Matrix<float> block(3, reader.cols());
  survives([&] {
    while (reader.read(block) > 0) {
    }
  });
  reader.rewind();
  survives([&] { reader.read(block); });
}

// Any of the formats, as programs take them.
void features(std::string_view bytes, const fs::path& folder) {
  const fs::path path = written(folder / "a", bytes);
  survives([&] { list_arrays(path); });
  read_features(path);
}

void labels(std::string_view bytes, const fs::path& folder) {
  read_labels(written(folder / "a", bytes));
}

void pairs_index(std::string_view bytes, const fs::path& folder) {
  read_pairs_index(written(folder / "a", bytes), 3, 4, "t.npy");
}

void idx(std::string_view bytes, const fs::path& folder) {
  const fs::path path = written(folder / "a", bytes);
  const bool one_dimension = bytes.size() > 3 && bytes[3] == 1;  // of a plain file
  if (one_dimension) {
    read_idx_labels(path);
  } else {
    read_idx_images(path);
  }
}

void attributes(std::string_view bytes, const fs::path& folder) {
  read_attributes(written(folder / "a.csv", bytes));
}

void captions(std::string_view bytes, const fs::path& folder) {
  find_duplicates(read_captions(written(folder / "a.txt", bytes)));
}

void factor_words(std::string_view bytes, const fs::path& folder) {
  const fs::path path = written(folder / "a.txt", bytes);
  caption_factors(read_lines(path), read_factor_words(path));
}

// The metadata of a part of three rows.
void parquet(std::string_view bytes, const fs::path& folder) {
  for (const char* part : {"img_emb", "text_emb", "metadata"}) fs::create_directory(folder / part);
  const Matrix<float> rows(3, 2);
  write_npy(folder / "img_emb/img_emb_0.npy", rows);
  write_npy(folder / "text_emb/text_emb_0.npy", rows);
  written(folder / "metadata/metadata_0.parquet", bytes);
  read_clip_retrieval(folder, Modality::image);
}

// The images of a part without metadata.
void clip_retrieval(std::string_view bytes, const fs::path& folder) {
  for (const char* part : {"img_emb", "text_emb"}) fs::create_directory(folder / part);
  written(folder / "img_emb/img_emb_0.npy", bytes);
  written(folder / "text_emb/text_emb_0.npy", bytes);
  read_pairs(folder);
}

}  // namespace

const std::vector<Target>& reader_targets() {
  static const std::vector<Target> targets{
      {"npy", npy, {"golden/npy"}},
      {"npz", npz, {"golden/npz"}},
      {"safetensors", safetensors, {"golden/safetensors"}},
      {"rows", rows, {"golden/npy", "golden/npz", "golden/safetensors", "corpus/idx"}},
      {"features", features, {"golden/npy", "golden/npz", "golden/safetensors", "corpus/idx"}},
      {"labels", labels, {"golden/npy", "corpus/idx"}},
      {"pairs_index", pairs_index, {"golden/npy"}},
      {"idx", idx, {"corpus/idx"}},
      {"attributes", attributes, {"corpus/attributes"}},
      {"captions", captions, {"corpus/captions"}},
      {"factor_words", factor_words, {"corpus/factor_words"}},
      {"parquet", parquet, {"golden/clip_retrieval/metadata"}},
      {"clip_retrieval", clip_retrieval, {"golden/clip_retrieval/img_emb", "golden/npy"}},
  };
  return targets;
}

}  // namespace clipk::fuzz
