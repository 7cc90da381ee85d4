#include "clipk/io/idx.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <type_traits>

#include "clipk/core/error.hpp"
#include "io/arrays/array_source.hpp"
#include "io/arrays/idx_file.hpp"
#include "io/arrays/npy_header.hpp"
#include "io/arrays/packed_size.hpp"
#include "io/byte_stream.hpp"
#include "io/file_kind.hpp"

namespace clipk {
namespace io {
namespace {

constexpr std::size_t kMostDimensions = 16;

DType type_of(unsigned char code, const InputFile& file) {
  switch (code) {
    case 0x08:
      return DType::uint8;
    case 0x09:
      return DType::int8;
    case 0x0B:
      return DType::int16;
    case 0x0C:
      return DType::int32;
    case 0x0D:
      return DType::float32;
    case 0x0E:
      return DType::float64;
    default:
      file.fail("an IDX type of 8, 9, 11, 12, 13 or 14", std::to_string(code));
  }
}

// The elements of a file, which is read as a whole.
class IdxSource : public Source {
 public:
  explicit IdxSource(const std::filesystem::path& path)
      : Source(path.string()), idx_(read_idx(path)) {
    size_ = static_cast<std::int64_t>(idx_.bytes.size());
    header_.dtype = idx_.dtype;
    header_.big_endian = true;
    header_.shape = idx_.shape;
    header_.size = element_count(idx_.shape);
  }
  void read(void* data, std::size_t bytes) override {
    std::memcpy(data, idx_.bytes.data() + at_, bytes);
    at_ += bytes;
  }
  const NpyHeader& header() const { return header_; }

 private:
  IdxFile idx_;
  NpyHeader header_;
  std::size_t at_ = 0;
};

[[noreturn]] void wrong_size(const InputFile& file, const IdxFile& idx, std::int64_t expected,
                             const std::string& got) {
  file.fail(std::to_string(expected) + " bytes for shape " + shape_text(idx.shape) + " of " +
                to_string(idx.dtype),
            got);
}

}  // namespace

IdxFile read_idx(const std::filesystem::path& path) {
  ByteStream stream(path, "an IDX file");
  const InputFile& file = stream.file();
  const auto header_part = [&](unsigned char* bytes, std::size_t count, const char* what) {
    const std::size_t got = stream.read(bytes, count);
    if (got < count) {
      file.fail(what,
                "the end after " + std::to_string(got) + " of " + std::to_string(count) + " bytes");
    }
  };
  unsigned char magic[4];
  header_part(magic, 4, "an IDX file");
  if (magic[0] != 0 || magic[1] != 0) {
    std::string start(kKindBytes, '\0');
    std::memcpy(start.data(), magic, 4);
    start.resize(4 + stream.read(start.data() + 4, kKindBytes - 4));
    file.fail("an IDX file, which begins with two zero bytes",
              any_file_kind(start) + (stream.compressed() ? " in a gzip file" : ""));
  }
  IdxFile idx;
  idx.dtype = type_of(magic[2], file);
  const std::size_t rank = magic[3];
  if (rank < 1 || rank > kMostDimensions) {
    file.fail("an IDX file of 1 to 16 dimensions", std::to_string(rank));
  }
  unsigned char extents[4 * kMostDimensions];
  header_part(extents, 4 * rank, "the extents in the IDX header");
  for (std::size_t k = 0; k < rank; ++k) {
    std::int64_t extent = 0;
    for (std::size_t b = 0; b < 4; ++b) extent = extent << 8 | extents[4 * k + b];
    idx.shape.push_back(extent);
  }
  const std::int64_t count = element_count(idx.shape);
  const auto header = static_cast<std::int64_t>(4 + 4 * rank);
  std::int64_t bytes = 0;
  if (count < 0 || __builtin_mul_overflow(count, item_size(idx.dtype), &bytes) ||
      __builtin_add_overflow(bytes, header, &bytes)) {
    file.fail("a shape of less than 2^63 bytes", shape_text(idx.shape));
  }
  if (!stream.compressed() && file.size() != bytes) {
    wrong_size(
        file, idx, bytes,
        std::to_string(file.size()) + (file.size() < bytes ? " (cut short)" : " (too long)"));
  }
  if (stream.compressed()) {
    check_packed_size(file.name(), static_cast<std::uint64_t>(bytes),
                      static_cast<std::uint64_t>(file.size()));
  }
  // The size of a gzip stream's content is known only at its end: memory grows with the bytes read.
  const auto wanted = static_cast<std::size_t>(bytes - header);
  while (idx.bytes.size() < wanted) {
    const std::size_t had = idx.bytes.size();
    const std::size_t more = std::min(wanted - had, std::max(had, std::size_t{1} << 20));
    idx.bytes.resize(had + more);
    const std::size_t got = stream.read(idx.bytes.data() + had, more);
    if (got < more) {
      wrong_size(file, idx, bytes,
                 std::to_string(header + static_cast<std::int64_t>(had + got)) + " (cut short)");
    }
  }
  unsigned char extra = 0;
  if (stream.read(&extra, 1) != 0) wrong_size(file, idx, bytes, "more (too long)");
  return idx;
}

ArraySource open_idx(const std::filesystem::path& path) {
  auto source = std::make_unique<IdxSource>(path);
  NpyHeader header = source->header();
  return {std::move(source), std::move(header)};
}

}  // namespace io

namespace {

// Calls f(index, value) for all elements.
template <class T, class F>
void for_each(const std::vector<unsigned char>& bytes, F f) {
  const std::size_t count = bytes.size() / sizeof(T);
  for (std::size_t i = 0; i < count; ++i) {
    unsigned char element[sizeof(T)];
    std::memcpy(element, bytes.data() + i * sizeof(T), sizeof(T));
    if (std::endian::native == std::endian::little) std::reverse(element, element + sizeof(T));
    f(i, std::bit_cast<T>(element));
  }
}

template <class F>
void for_each_element(const io::IdxFile& idx, F f) {
  switch (idx.dtype) {
    case DType::int8:
      return for_each<std::int8_t>(idx.bytes, f);
    case DType::int16:
      return for_each<std::int16_t>(idx.bytes, f);
    case DType::int32:
      return for_each<std::int32_t>(idx.bytes, f);
    case DType::float32:
      return for_each<float>(idx.bytes, f);
    case DType::float64:
      return for_each<double>(idx.bytes, f);
    default:
      return for_each<std::uint8_t>(idx.bytes, f);
  }
}

}  // namespace

Matrix<float> io::idx_images(const std::filesystem::path& path, const IdxFile& idx, float divisor) {
  if (idx.shape.size() < 2 || element_count(idx.shape) == 0) {
    throw Error(path.string() +
                ": expected images of shape (n, height, width), none of them 0, got " +
                shape_text(idx.shape));
  }
  const std::int64_t images = idx.shape[0];
  Matrix<float> result(images, element_count(idx.shape) / images);
  for_each_element(idx, [&](std::size_t i, auto value) {
    result.data()[i] = static_cast<float>(value) / divisor;
  });
  return result;
}

Matrix<float> read_idx_images(const std::filesystem::path& path, const IdxImageOptions& options) {
  if (!(options.divisor > 0 && std::isfinite(options.divisor))) {
    throw Error(path.string() + ": expected a finite divisor above 0, got " +
                std::to_string(options.divisor));
  }
  return io::idx_images(path, io::read_idx(path), options.divisor);
}

std::vector<std::int32_t> read_idx_labels(const std::filesystem::path& path) {
  const io::IdxFile idx = io::read_idx(path);
  if (idx.shape.size() != 1 || idx.shape[0] == 0) {
    throw Error(path.string() + ": expected labels of shape (n,), n at least 1, got " +
                io::shape_text(idx.shape));
  }
  if (idx.dtype == DType::float32 || idx.dtype == DType::float64) {
    throw Error(path.string() + ": expected labels of an integer type, got " +
                to_string(idx.dtype));
  }
  std::vector<std::int32_t> labels(static_cast<std::size_t>(idx.shape[0]));
  for_each_element(idx, [&](std::size_t i, auto value) {
    labels[i] = static_cast<std::int32_t>(value);  // NOLINT(bugprone-signed-char-misuse): a number
  });
  return labels;
}

}  // namespace clipk
