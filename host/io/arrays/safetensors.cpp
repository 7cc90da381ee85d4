#include "clipk/io/safetensors.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "clipk/core/error.hpp"
#include "clipk/io/atomic_file.hpp"
#include "io/arrays/array_source.hpp"
#include "io/arrays/elements.hpp"
#include "io/arrays/npy_header.hpp"
#include "io/arrays/safetensors_header.hpp"
#include "io/tables/names.hpp"

namespace clipk {
namespace {

constexpr const char* kWhat = "a safetensors file";

// One tensor of a file, from its first element.
class TensorSource : public io::Source {
 public:
  TensorSource(const std::filesystem::path& path, const std::string& name)
      : Source(io::member_name(path.string(), name)), file_(path, kWhat) {
    const SafetensorsHeader all = io::read_safetensors_header(file_);
    std::vector<std::string> names;
    for (const SafetensorsEntry& entry : all.tensors) {
      names.push_back(entry.name);
      if (entry.name != name) continue;
      if (!entry.dtype) fail("a dtype of BOOL, I8-64, U8-64, BF16 or F16-64", entry.type);
      size_ = entry.bytes;
      header_.dtype = *entry.dtype;
      header_.shape = entry.shape;
      header_.size = io::element_count(entry.shape);
      file_.seek(entry.offset);
      return;
    }
    file_.fail("a tensor called " + io::printable(name), io::name_list(names));
  }
  void read(void* data, std::size_t bytes) override { file_.read(data, bytes); }
  const NpyHeader& header() const { return header_; }

 private:
  io::InputFile file_;
  NpyHeader header_;
};

template <class T>
void check_on_host(const AtomicFile& file, const std::string& name, MatrixView<const T> matrix) {
  if (!matrix.empty() && matrix.device != Device::cpu) {
    throw Error(io::member_name(file.path().string(), name) +
                ": expected a matrix on cpu to write, got one on " + to_string(matrix.device));
  }
}

std::vector<std::int64_t> shape_of(const SafetensorsTensor& tensor) {
  return std::visit(
      [](const auto& values) -> std::vector<std::int64_t> {
        if constexpr (requires { values.rows; }) {
          return {values.rows, values.cols};
        } else {
          return {static_cast<std::int64_t>(values.size())};
        }
      },
      tensor.values);
}

DType type_of(const SafetensorsTensor& tensor) {
  return std::visit(
      [&](const auto& values) {
        if constexpr (requires { values.rows; }) {
          using T = std::remove_cvref_t<decltype(*values.row(0))>;
          return io::stored_type<T>({.dtype = tensor.dtype});
        } else {
          using T = std::remove_cvref_t<decltype(values[0])>;
          return io::stored_type<T>({.dtype = tensor.dtype});
        }
      },
      tensor.values);
}

void write_values(AtomicFile& file, const SafetensorsTensor& tensor) {
  const NpyFormat format{.dtype = tensor.dtype};
  std::visit(
      [&](const auto& values) {
        if constexpr (requires { values.rows; }) {
          using T = std::remove_cvref_t<decltype(*values.row(0))>;
          check_on_host(file, tensor.name, values);
          io::write_elements<T>(file, shape_of(tensor), values.empty() ? 0 : values.rows,
                                values.cols, format, [&](std::int64_t i) { return values.row(i); });
        } else {
          using T = std::remove_cvref_t<decltype(values[0])>;
          io::write_elements<T>(file, shape_of(tensor), 1, static_cast<std::int64_t>(values.size()),
                                format, [&](std::int64_t) { return values.data(); });
        }
      },
      tensor.values);
}

}  // namespace

SafetensorsHeader read_safetensors_header(const std::filesystem::path& path) {
  io::InputFile file(path, kWhat);
  return io::read_safetensors_header(file);
}

io::ArraySource io::open_safetensors(const std::filesystem::path& path, const std::string& name) {
  auto tensor = std::make_unique<TensorSource>(path, name);
  NpyHeader header = tensor->header();
  return {std::move(tensor), std::move(header)};
}

template <class T>
NpyArray<T> read_safetensors(const std::filesystem::path& path, const std::string& name) {
  return io::open_safetensors(path, name).array<T>();
}

template <class T>
Matrix<T> read_safetensors_matrix(const std::filesystem::path& path, const std::string& name) {
  return io::open_safetensors(path, name).matrix<T>();
}

template <class T>
std::vector<T> read_safetensors_vector(const std::filesystem::path& path, const std::string& name) {
  return io::open_safetensors(path, name).vector<T>();
}

void write_safetensors(AtomicFile& file, const std::vector<SafetensorsTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const auto fail = [&](const std::string& expected, const std::string& got) {
    throw Error(file.path().string() + ": expected " + expected + ", got " + got);
  };
  std::vector<const SafetensorsTensor*> order;
  std::set<std::string> names{"__metadata__"};
  for (const SafetensorsTensor& tensor : tensors) {
    if (!names.insert(tensor.name).second) {
      fail("names of tensors, each once and none __metadata__", io::printable(tensor.name));
    }
    order.push_back(&tensor);
  }
  std::sort(order.begin(), order.end(), [](const SafetensorsTensor* a, const SafetensorsTensor* b) {
    const int left = io::safetensors_rank(type_of(*a));
    const int right = io::safetensors_rank(type_of(*b));
    return left != right ? left > right : a->name < b->name;
  });
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::int64_t end = 0;
  for (const SafetensorsTensor* tensor : order) {
    const DType dtype = type_of(*tensor);
    const std::vector<std::int64_t> shape = shape_of(*tensor);
    const std::int64_t begin = end;
    end += io::element_count(shape) * item_size(dtype);
    header[tensor->name] = {
        {"dtype", io::safetensors_type(dtype)}, {"shape", shape}, {"data_offsets", {begin, end}}};
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::type_error&) {
    fail("names and metadata in UTF-8", "other bytes");
  }
  text.append((8 - text.size() % 8) % 8, ' ');
  for (int i = 0; i < 8; ++i) {
    const auto byte = static_cast<char>(text.size() >> (8 * i) & 0xFF);
    file.write(&byte, 1);
  }
  file.write(text);
  for (const SafetensorsTensor* tensor : order) write_values(file, *tensor);
}

void write_safetensors(const std::filesystem::path& path,
                       const std::vector<SafetensorsTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  AtomicFile file(path);
  write_safetensors(file, tensors, metadata);
  file.commit();
}

#define CLIPK_INSTANTIATE_SAFETENSORS(T)                                                           \
  template NpyArray<T> read_safetensors<T>(const std::filesystem::path&, const std::string&);      \
  template Matrix<T> read_safetensors_matrix<T>(const std::filesystem::path&, const std::string&); \
  template std::vector<T> read_safetensors_vector<T>(const std::filesystem::path&,                 \
                                                     const std::string&);
CLIPK_INSTANTIATE_SAFETENSORS(float)
CLIPK_INSTANTIATE_SAFETENSORS(double)
CLIPK_INSTANTIATE_SAFETENSORS(std::int32_t)
CLIPK_INSTANTIATE_SAFETENSORS(std::int64_t)
CLIPK_INSTANTIATE_SAFETENSORS(std::uint8_t)
CLIPK_INSTANTIATE_SAFETENSORS(std::uint64_t)
#undef CLIPK_INSTANTIATE_SAFETENSORS

}  // namespace clipk
