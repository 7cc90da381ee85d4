#include "clipk/io/clip_retrieval.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <string>
#include <string_view>
#include <system_error>

#include "clipk/core/error.hpp"
#include "clipk/io/npy.hpp"
#include "io/arrays/clip_retrieval_parts.hpp"
#include "io/arrays/elements.hpp"
#include "io/arrays/npy_header.hpp"
#include "io/arrays/parquet_rows.hpp"

namespace clipk {
namespace {

namespace fs = std::filesystem;
using Parts = std::map<std::uint64_t, fs::path>;

std::string stem_of(Modality modality) {
  return modality == Modality::image ? "img_emb" : "text_emb";
}

// FOLDER/STEM/STEM_N.ENDING by N. None where there is no such folder.
Parts parts_of(const fs::path& folder, const std::string& stem, std::string_view ending) {
  std::error_code error;
  Parts parts;
  const fs::path inner = folder / stem;
  if (!fs::is_directory(inner, error)) return parts;
  fs::directory_iterator files(inner, error);
  for (; !error && files != fs::directory_iterator(); files.increment(error)) {
    const std::string name = files->path().filename().string();
    std::string_view digits = name;
    if (!digits.starts_with(stem + "_") || !digits.ends_with(ending)) continue;
    digits.remove_prefix(stem.size() + 1);
    digits.remove_suffix(std::min(ending.size(), digits.size()));
    std::uint64_t number = 0;
    const auto [end, failed] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (digits.empty() || failed != std::errc{} || end != digits.data() + digits.size()) continue;
    const auto [other, is_new] = parts.emplace(number, files->path());
    if (!is_new) {
      const auto [first, second] = std::minmax(other->second, files->path());
      throw Error(second.string() + ": expected one part of number " + std::to_string(number) +
                  ", got " + first.filename().string() + " beside it");
    }
  }
  if (error) {
    throw Error(inner.string() + ": expected a folder that can be read, got " + error.message());
  }
  return parts;
}

Parts parts_of(const fs::path& folder, Modality modality) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    throw Error(folder.string() + ": expected a clip-retrieval folder, got " +
                (error ? error.message() : "something else"));
  }
  const std::string stem = stem_of(modality);
  Parts parts = parts_of(folder, stem, ".npy");
  if (parts.empty()) {
    throw Error(folder.string() + ": expected a clip-retrieval folder with " + stem + "/" + stem +
                "_N.npy, got none");
  }
  return parts;
}

// Rows and columns.
std::vector<std::int64_t> shape_of(const fs::path& part) {
  const std::vector<std::int64_t> said = read_npy_header(part).shape;
  std::vector<std::int64_t> shape = io::matrix_shape(said);
  if (shape.size() != 2) {
    throw Error(part.string() + ": expected vectors of shape (n, d), got " + io::shape_text(said));
  }
  return shape;
}

std::int64_t rows_of(const fs::path& part) {
  return shape_of(part)[0];
}

[[noreturn]] void other_rows(const fs::path& part, std::int64_t rows, const fs::path& other,
                             std::int64_t expected) {
  throw Error(part.string() + ": expected " + std::to_string(expected) + " rows as in " +
              other.string() + ", got " + std::to_string(rows));
}

}  // namespace

std::vector<fs::path> clip_retrieval_files(const fs::path& folder, Modality modality) {
  std::vector<fs::path> files;
  for (const auto& [number, path] : parts_of(folder, modality)) files.push_back(path);
  return files;
}

io::RetrievalParts io::clip_retrieval_parts(const fs::path& folder, Modality modality) {
  const Parts paths = parts_of(folder, modality);
  const Parts metadata = parts_of(folder, "metadata", ".parquet");
  const fs::path& first = paths.begin()->second;
  RetrievalParts all;
  all.parts.reserve(paths.size());
  for (const auto& [number, path] : paths) {
    const std::vector<std::int64_t> shape = shape_of(path);
    const std::int64_t here = shape[0], width = shape[1];
    if (!all.parts.empty() && width != all.cols) {
      throw Error(path.string() + ": expected dimension " + std::to_string(all.cols) + " as in " +
                  first.string() + ", got " + std::to_string(width));
    }
    const auto known = metadata.find(number);
    if (known != metadata.end()) {
      const auto said = io::parquet_rows(known->second);
      if (said && *said != here) other_rows(path, here, known->second, *said);
    }
    all.cols = width;
    all.parts.push_back({path, here});
    // A file may claim any number of rows without columns.
    if (__builtin_add_overflow(all.rows, here, &all.rows)) {
      throw Error(path.string() + ": expected fewer than 2^63 rows of all parts, got more");
    }
  }
  return all;
}

Matrix<float> read_clip_retrieval(const fs::path& folder, Modality modality) {
  const io::RetrievalParts parts = io::clip_retrieval_parts(folder, modality);
  if (parts.parts.size() == 1) return read_npy_matrix<float>(parts.parts[0].path);
  Matrix<float> all(parts.rows, parts.cols);
  std::int64_t done = 0;
  for (const auto& [path, rows] : parts.parts) {
    const Matrix<float> part = read_npy_matrix<float>(path);
    if (part.cols() != parts.cols || part.rows() > parts.rows - done) {
      throw Error(path.string() + ": expected a file that stays as it is, got another shape");
    }
    std::copy(part.data(), part.data() + part.rows() * part.cols(),
              all.data() + done * part.cols());
    done += part.rows();
  }
  return all;
}

void check_clip_retrieval_pairs(const fs::path& folder) {
  const Parts images = parts_of(folder, Modality::image);
  const Parts texts = parts_of(folder, Modality::text);
  const auto expect_beside = [&](const Parts& these, const Parts& others, Modality other) {
    for (const auto& [number, path] : these) {
      if (others.contains(number)) continue;
      throw Error(folder.string() + ": expected part " + std::to_string(number) + " of the " +
                  to_string(other) + "s beside " + path.filename().string() + ", got none");
    }
  };
  expect_beside(images, texts, Modality::text);
  expect_beside(texts, images, Modality::image);
  for (const auto& [number, path] : texts) {
    const fs::path& image = images.at(number);
    const std::int64_t rows = rows_of(path);
    if (rows != rows_of(image)) other_rows(path, rows, image, rows_of(image));
  }
}

}  // namespace clipk
