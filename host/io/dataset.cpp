#include "clipk/io/dataset.hpp"

#include <cstring>

#include "clipk/core/error.hpp"
#include "clipk/io/check_finite.hpp"
#include "clipk/io/idx.hpp"
#include "clipk/io/npy.hpp"
#include "io/idx_file.hpp"
#include "io/input_file.hpp"
#include "io/npy_header.hpp"

namespace clipk {
namespace {

enum class Kind { npy, idx };

// By the first bytes: \x93NUMPY, gzip's magic, or the two zeros of IDX.
Kind kind_of(const std::filesystem::path& path) {
  constexpr const char* kWhat = "a .npy or IDX file (plain or gzip)";
  io::InputFile file(path, kWhat);
  unsigned char start[2] = {};
  if (file.size() < 4) file.fail(kWhat, "a file of " + std::to_string(file.size()) + " bytes");
  file.read(start, 2);
  const auto begins = [&](unsigned char a, unsigned char b) {
    return start[0] == a && start[1] == b;
  };
  if (begins(0x93, 'N')) return Kind::npy;
  if (!begins(0x1F, 0x8B) && !begins(0, 0)) file.fail(kWhat, "other bytes");
  return Kind::idx;
}

}  // namespace

Matrix<float> read_features(const std::filesystem::path& path) {
  Matrix<float> features;
  if (kind_of(path) == Kind::idx) {
    const io::IdxFile idx = io::read_idx(path);
    features = io::idx_images(path, idx, idx.dtype == DType::uint8 ? 255.0F : 1.0F);
  } else {
    features = read_npy_matrix<float>(path);
  }
  if (features.empty()) {
    throw Error(path.string() + ": expected at least 1 row and 1 column, got shape " +
                io::shape_text({features.rows(), features.cols()}));
  }
  check_finite(features.view(), path.string());
  return features;
}

std::vector<std::int32_t> read_labels(const std::filesystem::path& path) {
  if (kind_of(path) == Kind::idx) return read_idx_labels(path);
  std::vector<std::int32_t> labels = read_npy_vector<std::int32_t>(path);
  if (labels.empty()) throw Error(path.string() + ": expected at least 1 label, got 0");
  return labels;
}

}  // namespace clipk
