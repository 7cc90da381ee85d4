#include "clipk/io/array_file.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "clipk/core/error.hpp"
#include "clipk/io/npz.hpp"
#include "clipk/io/safetensors.hpp"
#include "io/arrays/array_source.hpp"
#include "io/arrays/elements.hpp"
#include "io/arrays/idx_file.hpp"
#include "io/file_kind.hpp"
#include "io/input_file.hpp"
#include "io/tables/names.hpp"

namespace clipk {
namespace {

constexpr const char* kWhat = "a .npy, .npz, safetensors or IDX file";

ArrayFormat known_format(const std::filesystem::path& file) {
  const std::optional<ArrayFormat> format = array_format(file);
  if (!format) {
    io::InputFile opened(file, kWhat);
    std::string start(std::min(io::kKindBytes, static_cast<std::size_t>(opened.size())), '\0');
    opened.read(start.data(), start.size());
    opened.fail(kWhat, start.size() < 4 ? "a file of " + std::to_string(start.size()) + " bytes"
                                        : io::any_file_kind(start));
  }
  return *format;
}

// The name of the array of numbers, where there is just one.
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
  // A header's length in 8 bytes (the last of them 0, which text does not contain) and its JSON,
  // perhaps after blanks. IDX labels may have the same byte there, but the last 4 of their first 8
  // bytes are a count above 0, which would make the length enormous.
  const bool json = opened.size() >= 9 && start[7] == 0 &&
                    std::strchr("{ \t\r\n", start[8]) != nullptr && start[8] != 0;
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

io::ArraySource io::open_array(const std::filesystem::path& path) {
  const Chosen array = chosen(path);
  switch (array.format) {
    case ArrayFormat::npy:
      return open_npy(array.file);
    case ArrayFormat::npz:
      return open_npz(array.file, array.name);
    case ArrayFormat::safetensors:
      return open_safetensors(array.file, array.name);
    case ArrayFormat::idx:
      break;
  }
  return open_idx(array.file);
}

template <class T>
NpyArray<T> read_array(const std::filesystem::path& path) {
  return io::open_array(path).array<T>();
}

template <class T>
Matrix<T> read_array_matrix(const std::filesystem::path& path) {
  return io::open_array(path).matrix<T>();
}

template <class T>
std::vector<T> read_array_vector(const std::filesystem::path& path) {
  return io::open_array(path).vector<T>();
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
