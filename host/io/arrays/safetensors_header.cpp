#include "io/arrays/safetensors_header.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "io/arrays/npy_header.hpp"
#include "io/tables/names.hpp"

namespace clipk::io {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kMaximumHeader = 100'000'000;  // as in the reference implementation
constexpr std::int64_t kMaximumRank = 64;
constexpr int kMaximumDepth = 127;  // as in the reference implementation
constexpr std::int64_t kLengthBytes = 8;
constexpr const char* kMetadata = "__metadata__";

struct Type {
  const char* name;
  std::int64_t bits;
  std::optional<DType> dtype;
};
// In the order of the reference implementation, which writes tensors of the last type first.
constexpr std::array<Type, 22> kTypes{{{"BOOL", 8, DType::boolean},
                                       {"F4", 4, {}},
                                       {"F6_E2M3", 6, {}},
                                       {"F6_E3M2", 6, {}},
                                       {"U8", 8, DType::uint8},
                                       {"I8", 8, DType::int8},
                                       {"F8_E5M2", 8, {}},
                                       {"F8_E4M3", 8, {}},
                                       {"F8_E8M0", 8, {}},
                                       {"F8_E4M3FNUZ", 8, {}},
                                       {"F8_E5M2FNUZ", 8, {}},
                                       {"I16", 16, DType::int16},
                                       {"U16", 16, DType::uint16},
                                       {"F16", 16, DType::float16},
                                       {"BF16", 16, DType::bfloat16},
                                       {"I32", 32, DType::int32},
                                       {"U32", 32, DType::uint32},
                                       {"F32", 32, DType::float32},
                                       {"C64", 64, {}},
                                       {"F64", 64, DType::float64},
                                       {"I64", 64, DType::int64},
                                       {"U64", 64, DType::uint64}}};

bool is_of_tensor(const std::string& key) {
  return key == "dtype" || key == "shape" || key == "data_offsets";
}

const Type* type_named(const std::string& name) {
  const auto found = std::find_if(kTypes.begin(), kTypes.end(),
                                  [&](const Type& type) { return name == type.name; });
  return found == kTypes.end() ? nullptr : &*found;
}

[[noreturn]] void fail_form(const Source& file) {
  file.fail("a safetensors header of tensors, each a type, a shape and two offsets",
            "JSON of another form");
}

// The header as JSON. Repeated names, deep nesting and long lists occur in no valid header; they
// are refused while reading, before they take memory. Other fields of a tensor are left out, as in
// the reference implementation.
Json parsed(const std::string& text, const Source& file) {
  std::vector<std::set<std::string>> names;
  std::int64_t extents = 0;
  bool metadata = false, left_out = false;
  const auto check = [&](int depth, Json::parse_event_t event, Json& value) {
    using Event = Json::parse_event_t;
    if (depth > kMaximumDepth) fail_form(file);
    if (left_out && (depth > 2 || event != Event::key)) {
      if (depth < 2) {
        left_out = false;  // the tensor ends
      } else {
        return true;
      }
    }
    if (event == Event::object_start) names.emplace_back();
    if (event == Event::object_end) names.pop_back();
    if (event == Event::array_start) extents = 0;
    if (event == Event::key) {
      const auto& name = value.get_ref<const std::string&>();
      if (!names.back().insert(name).second) {
        file.fail("each name of the safetensors header once", printable(name) + " twice");
      }
      if (depth == 1) metadata = name == kMetadata;
      left_out = depth == 2 && !metadata && !is_of_tensor(name);
      return !left_out;
    }
    const bool misplaced = event == Event::object_start  ? depth > 1
                           : event == Event::array_start ? depth != 2 || metadata
                                                         : false;
    if (misplaced) fail_form(file);
    if (event == Event::value && depth == 3 && ++extents > kMaximumRank) {
      file.fail("at most " + std::to_string(kMaximumRank) + " dimensions", "more");
    }
    return true;
  };
  // The JSON library would take a NUL for the end.
  if (text.find('\0') != std::string::npos) {
    file.fail("a safetensors header in JSON", "a NUL byte");
  }
  try {
    return Json::parse(text, check);
  } catch (const Json::parse_error& error) {
    file.fail("a safetensors header in JSON",
              "something else at its byte " + std::to_string(error.byte));
  } catch (const Json::exception&) {  // a number that no float64 holds
    file.fail("a safetensors header in JSON", "a number out of range");
  }
}

// Reads the header's entry for one tensor.
class TensorReader {
 public:
  TensorReader(const Source& file, const std::string& name, const Json& json)
      : name_(member_name(file.name(), name)), json_(json) {
    if (!json.is_object()) fail_form(file);
  }

  SafetensorsEntry read(const std::string& name, std::int64_t data_offset) const {
    SafetensorsEntry entry{.name = name, .type = {}, .dtype = {}, .shape = numbers("shape")};
    const Json& type = at("dtype");
    if (!type.is_string()) fail("a dtype that is text", "something else");
    entry.type = type.get<std::string>();
    const Type* known = type_named(entry.type);
    if (known == nullptr) fail("a dtype of safetensors", printable(entry.type));
    entry.dtype = known->dtype;
    const std::vector<std::int64_t> range = numbers("data_offsets");
    if (range.size() != 2 || range[0] > range[1]) {
      fail("data_offsets of a begin and an end", shape_text(range));
    }
    entry.offset = range[0];
    entry.bytes = range[1] - range[0];
    const std::int64_t count = element_count(entry.shape);
    std::int64_t bits = 0;
    if (count < 0 || __builtin_mul_overflow(count, known->bits, &bits)) {
      fail("a shape of less than 2^63 bits", shape_text(entry.shape));
    }
    if (bits % 8 != 0 || bits / 8 != entry.bytes) {
      fail(std::to_string((bits + 7) / 8) + " bytes for shape " + shape_text(entry.shape) + " of " +
               entry.type,
           std::to_string(entry.bytes));
    }
    if (__builtin_add_overflow(entry.offset, data_offset, &entry.offset) ||
        __builtin_add_overflow(entry.offset, entry.bytes, &bits)) {
      fail("offsets below 2^63", shape_text(range));
    }
    return entry;
  }

 private:
  [[noreturn]] void fail(const std::string& expected, const std::string& got) const {
    throw Error(name_ + ": expected " + expected + ", got " + got);
  }
  const Json& at(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end()) fail(std::string("a ") + key + " in the safetensors header", "none");
    return *found;
  }
  std::vector<std::int64_t> numbers(const char* key) const {
    const Json& list = at(key);
    if (!list.is_array()) fail(std::string("a ") + key + " that is a list", "something else");
    std::vector<std::int64_t> result;
    for (const Json& value : list) {
      if (!value.is_number_unsigned() || value.get<std::uint64_t>() > INT64_MAX) {
        fail(std::string("a ") + key + " of whole numbers from 0 below 2^63", "something else");
      }
      result.push_back(value.get<std::int64_t>());
    }
    return result;
  }

  std::string name_;
  const Json& json_;
};

std::map<std::string, std::string> metadata_of(const Source& file, const Json& json) {
  std::map<std::string, std::string> metadata;
  if (json.is_null()) return metadata;  // as in the reference implementation: the same as none
  if (!json.is_object()) fail_form(file);
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string()) {
      file.fail("metadata of texts in the safetensors header",
                "another value of " + printable(key));
    }
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

}  // namespace

SafetensorsHeader read_safetensors_header(InputFile& file) {
  if (file.size() < kLengthBytes) {
    file.fail("a safetensors file", "a file of " + std::to_string(file.size()) + " bytes");
  }
  unsigned char start[kLengthBytes];
  file.read(start, kLengthBytes);
  std::uint64_t length = 0;
  for (int i = 0; i < kLengthBytes; ++i) {
    length |= static_cast<std::uint64_t>(start[i]) << (8 * i);
  }
  if (length > static_cast<std::uint64_t>(file.size() - kLengthBytes)) {
    file.fail("a safetensors header of " + std::to_string(length) + " bytes",
              "a file of " + std::to_string(file.size()));
  }
  if (length > static_cast<std::uint64_t>(kMaximumHeader)) {
    file.fail("a safetensors header of at most " + std::to_string(kMaximumHeader) + " bytes",
              std::to_string(length));
  }
  std::string text(length, '\0');
  file.read(text.data(), text.size());
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos || text[first] != '{') {
    file.fail("a safetensors header in JSON, which begins with '{'",
              first == std::string::npos ? "an empty one" : printable(text.substr(first, 1)));
  }
  const Json json = parsed(text, file);
  const std::int64_t data_offset = kLengthBytes + static_cast<std::int64_t>(length);
  SafetensorsHeader header;
  for (const auto& [name, value] : json.items()) {
    if (name == kMetadata) {
      header.metadata = metadata_of(file, value);
    } else {
      header.tensors.push_back(TensorReader(file, name, value).read(name, data_offset));
    }
  }
  std::stable_sort(header.tensors.begin(), header.tensors.end(), [](const auto& a, const auto& b) {
    return a.offset != b.offset ? a.offset < b.offset : a.bytes < b.bytes;
  });
  std::int64_t end = data_offset;
  for (const SafetensorsEntry& entry : header.tensors) {
    if (entry.offset != end) {
      file.fail("tensors side by side, the next at byte " + std::to_string(end),
                printable(entry.name) + " at byte " + std::to_string(entry.offset));
    }
    end = entry.offset + entry.bytes;
  }
  if (end != file.size()) {
    file.fail(std::to_string(end) + " bytes for the tensors of the safetensors header",
              std::to_string(file.size()) + (file.size() < end ? " (cut short)" : " (too long)"));
  }
  return header;
}

int safetensors_rank(DType dtype) {
  const auto found = std::find_if(kTypes.begin(), kTypes.end(),
                                  [&](const Type& type) { return type.dtype == dtype; });
  return static_cast<int>(found - kTypes.begin());
}

const char* safetensors_type(DType dtype) {
  return kTypes[static_cast<std::size_t>(safetensors_rank(dtype))].name;
}

}  // namespace clipk::io
