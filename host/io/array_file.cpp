#include "clipk/io/array_file.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "clipk/core/error.hpp"
#include "clipk/io/npz.hpp"
#include "clipk/io/safetensors.hpp"
#include "io/elements.hpp"
#include "io/idx_file.hpp"
#include "io/input_file.hpp"
#include "io/names.hpp"
#include "io/npy_header.hpp"

namespace clipk {
namespace {

constexpr const char* kWhat = "a .npy, .npz, safetensors or IDX file";

// The elements of an IDX file, which is read as a whole.
class IdxSource : public io::Source {
 public:
  explicit IdxSource(const std::filesystem::path& path)
      : Source(path.string()), idx_(io::read_idx(path)) {
    size_ = static_cast<std::int64_t>(idx_.bytes.size());
    header_.dtype = idx_.dtype;
    header_.big_endian = true;
    header_.shape = idx_.shape;
    header_.size = io::element_count(idx_.shape);
  }
  void read(void* data, std::size_t bytes) override {
    std::memcpy(data, idx_.bytes.data() + at_, bytes);
    at_ += bytes;
  }
  const NpyHeader& header() const { return header_; }

 private:
  io::IdxFile idx_;
  NpyHeader header_;
  std::size_t at_ = 0;
};

ArrayFormat known_format(const std::filesystem::path& file) {
  const std::optional<ArrayFormat> format = array_format(file);
  if (!format) {
    const io::InputFile opened(file, kWhat);
    opened.fail(kWhat, opened.size() < 4 ? "a file of " + std::to_string(opened.size()) + " bytes"
                                         : "other bytes");
  }
  return *format;
}

// The name of the only array of numbers.
std::string only_name(const std::filesystem::path& file) {
  const std::vector<ArrayEntry> entries = list_arrays(file);
  const auto readable = [](const ArrayEntry& entry) { return entry.problem.empty(); };
  if (entries.size() == 1) return entries[0].name;
  if (std::count_if(entries.begin(), entries.end(), readable) == 1) {
    return std::find_if(entries.begin(), entries.end(), readable)->name;
  }
  std::vector<std::string> names;
  names.reserve(entries.size());
  for (const ArrayEntry& entry : entries) names.push_back(entry.name);
  throw Error(file.string() + ": expected " +
              (entries.empty() ? "an array" : "one of its arrays by name, as FILE:NAME") +
              ", got " + io::name_list(names));
}

struct Chosen {
  ArrayFormat format;
  std::filesystem::path file;
  std::string name;
};

Chosen chosen(const std::filesystem::path& path) {
  auto [file, name] = split_array_path(path);
  const ArrayFormat format = known_format(file);
  const bool named = format == ArrayFormat::npz || format == ArrayFormat::safetensors;
  if (!named && !name.empty()) {
    throw Error(file.string() + ": expected no name of an array behind this file, which holds one" +
                ", got " + io::printable(name));
  }
  if (named && name.empty()) name = only_name(file);
  return {format, file, name};
}

}  // namespace

std::optional<ArrayFormat> array_format(const std::filesystem::path& file) {
  io::InputFile opened(file, kWhat);
  unsigned char start[9] = {};
  opened.read(start, static_cast<std::size_t>(std::min<std::int64_t>(opened.size(), 9)));
  const auto begins = [&](std::string_view magic) {
    return opened.size() >= 4 && std::memcmp(start, magic.data(), magic.size()) == 0;
  };
  using std::string_view_literals::operator""sv;
  if (begins("\x93N"sv)) return ArrayFormat::npy;
  if (begins("PK\3\4"sv) || begins("PK\5\6"sv)) return ArrayFormat::npz;
  if (begins("\x1F\x8B"sv)) return ArrayFormat::idx;
  // A header's length in 8 bytes (the last of them 0, which no text has), and its JSON. IDX labels
  // may have that byte there too, but of their 8 bytes before it the last 4 are a count, above 0,
  // and as a length it would be vast.
  const bool json = opened.size() >= 9 && start[7] == 0 && start[8] == '{';
  const bool vast = std::any_of(start + 4, start + 8, [](unsigned char byte) { return byte != 0; });
  if (json && !(begins("\0\0"sv) && vast)) return ArrayFormat::safetensors;
  if (begins("\0\0"sv)) return ArrayFormat::idx;
  return std::nullopt;
}

ArrayPath split_array_path(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::exists(path, error)) return {path, {}};
  const std::string text = path.string();
  for (std::size_t colon = text.find(':'); colon != std::string::npos;
       colon = text.find(':', colon + 1)) {
    const std::filesystem::path file = text.substr(0, colon);
    if (std::filesystem::is_regular_file(file, error)) return {file, text.substr(colon + 1)};
  }
  return {path, {}};
}

std::vector<ArrayEntry> list_arrays(const std::filesystem::path& file) {
  std::vector<ArrayEntry> entries;
  switch (known_format(file)) {
    case ArrayFormat::npy:
      entries.push_back({{}, read_npy_header(file).shape, {}});
      break;
    case ArrayFormat::npz:
      for (NpzEntry& entry : list_npz(file)) {
        entries.push_back({std::move(entry.name),
                           entry.header ? entry.header->shape : std::vector<std::int64_t>{},
                           std::move(entry.problem)});
      }
      break;
    case ArrayFormat::safetensors:
      for (SafetensorsEntry& entry : read_safetensors_header(file).tensors) {
        std::string problem = entry.dtype ? "" : entry.type + " is not read";
        entries.push_back({std::move(entry.name), std::move(entry.shape), std::move(problem)});
      }
      break;
    case ArrayFormat::idx:
      entries.push_back({{}, io::read_idx(file).shape, {}});
      break;
  }
  return entries;
}

template <class T>
NpyArray<T> read_array(const std::filesystem::path& path) {
  const Chosen array = chosen(path);
  if (array.format == ArrayFormat::npy) return read_npy<T>(array.file);
  if (array.format == ArrayFormat::npz) return read_npz<T>(array.file, array.name);
  if (array.format == ArrayFormat::safetensors) return read_safetensors<T>(array.file, array.name);
  IdxSource idx(array.file);
  return io::read_array<T>(idx, idx.header());
}

template <class T>
Matrix<T> read_array_matrix(const std::filesystem::path& path) {
  const Chosen array = chosen(path);
  if (array.format == ArrayFormat::npy) return read_npy_matrix<T>(array.file);
  if (array.format == ArrayFormat::npz) return read_npz_matrix<T>(array.file, array.name);
  if (array.format == ArrayFormat::safetensors) {
    return read_safetensors_matrix<T>(array.file, array.name);
  }
  IdxSource idx(array.file);
  return io::read_matrix<T>(idx, idx.header());
}

template <class T>
std::vector<T> read_array_vector(const std::filesystem::path& path) {
  const Chosen array = chosen(path);
  if (array.format == ArrayFormat::npy) return read_npy_vector<T>(array.file);
  if (array.format == ArrayFormat::npz) return read_npz_vector<T>(array.file, array.name);
  if (array.format == ArrayFormat::safetensors) {
    return read_safetensors_vector<T>(array.file, array.name);
  }
  IdxSource idx(array.file);
  return io::read_vector<T>(idx, idx.header());
}

#define CLIPK_INSTANTIATE_ARRAY_FILE(T)                                  \
  template NpyArray<T> read_array<T>(const std::filesystem::path&);      \
  template Matrix<T> read_array_matrix<T>(const std::filesystem::path&); \
  template std::vector<T> read_array_vector<T>(const std::filesystem::path&);
CLIPK_INSTANTIATE_ARRAY_FILE(float)
CLIPK_INSTANTIATE_ARRAY_FILE(double)
CLIPK_INSTANTIATE_ARRAY_FILE(std::int32_t)
CLIPK_INSTANTIATE_ARRAY_FILE(std::int64_t)
CLIPK_INSTANTIATE_ARRAY_FILE(std::uint8_t)
CLIPK_INSTANTIATE_ARRAY_FILE(std::uint64_t)
#undef CLIPK_INSTANTIATE_ARRAY_FILE

}  // namespace clipk
