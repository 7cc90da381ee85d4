#include "io/arrays/npy_header.hpp"

#include <array>
#include <charconv>
#include <cstring>
#include <string_view>

#include "io/file_kind.hpp"
#include "io/tables/names.hpp"

namespace clipk {

namespace {
struct DTypeInfo {
  const char* name;
  const char* code;
  std::int64_t size;
};
// In the order of DType.
constexpr std::array<DTypeInfo, 13> kDTypes{{{"bool", "b1", 1},
                                             {"int8", "i1", 1},
                                             {"int16", "i2", 2},
                                             {"int32", "i4", 4},
                                             {"int64", "i8", 8},
                                             {"uint8", "u1", 1},
                                             {"uint16", "u2", 2},
                                             {"uint32", "u4", 4},
                                             {"uint64", "u8", 8},
                                             {"float16", "f2", 2},
                                             {"float32", "f4", 4},
                                             {"float64", "f8", 8},
                                             {"bfloat16", "", 2}}};
const DTypeInfo& info(DType dtype) {
  return kDTypes[static_cast<std::size_t>(dtype)];
}
}  // namespace

const char* to_string(DType dtype) {
  return info(dtype).name;
}
std::int64_t item_size(DType dtype) {
  return info(dtype).size;
}

namespace io {
namespace {

constexpr std::string_view kMagic{"\x93NUMPY", 6};
// A real header has some hundred bytes, NumPy accepts 10,000; an archive may hold many headers.
constexpr std::int64_t kMaximumHeader = 1 << 16;
constexpr std::size_t kMaximumRank = 64;  // as NumPy

// The text of the dictionary, a Python literal, read from left to right.
class Dictionary {
 public:
  Dictionary(std::string_view text, const Source& file) : text_(text), file_(file) {}

  NpyHeader parse() {
    NpyHeader header;
    bool seen[3] = {};
    take('{');
    while (!next_is('}')) {
      const std::string key = quoted();
      take(':');
      std::size_t which = 0;
      if (key == "descr") {
        descr(header);
      } else if (key == "fortran_order") {
        which = 1;
        header.fortran_order = boolean();
      } else if (key == "shape") {
        which = 2;
        header.shape = tuple();
      } else {
        file_.fail("a header with the keys descr, fortran_order and shape",
                   "key " + printable(key));
      }
      if (seen[which]) file_.fail("each key of the header once", printable(key) + " twice");
      seen[which] = true;
      if (!next_is('}')) take(',');
    }
    take('}');
    skip_spaces();
    if (at_ != text_.size()) malformed("the end of the header");
    for (std::size_t i = 0; i < 3; ++i) {
      if (!seen[i]) {
        constexpr const char* kKeys[] = {"descr", "fortran_order", "shape"};
        file_.fail(std::string("a header with the key '") + kKeys[i] + "'", "none");
      }
    }
    return header;
  }

 private:
  [[noreturn]] void malformed(const std::string& expected) {
    file_.fail("a .npy header with " + expected + " at byte " + std::to_string(at_),
               at_ == text_.size() ? "its end" : printable(text_.substr(at_, 20)));
  }
  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool next_is(char c) {
    skip_spaces();
    return at_ < text_.size() && text_[at_] == c;
  }
  void take(char c) {
    if (!next_is(c)) malformed(std::string("'") + c + "'");
    ++at_;
  }
  bool take_word(std::string_view word) {
    skip_spaces();
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  std::string quoted() {
    const char quote = next_is('"') ? '"' : '\'';
    take(quote);
    const std::size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) malformed("a closing quote");
    std::string result(text_.substr(at_, end - at_));
    at_ = end + 1;
    return result;
  }
  bool boolean() {
    if (take_word("True")) return true;
    if (take_word("False")) return false;
    malformed("True or False");
  }
  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> shape;
    take('(');
    while (!next_is(')')) {
      skip_spaces();
      std::int64_t extent = 0;
      const char* begin = text_.data() + at_;
      const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), extent);
      if (error == std::errc::result_out_of_range) file_.fail("extents below 2^63", "a larger one");
      if (error != std::errc{} || extent < 0) malformed("an extent of at least 0");
      at_ += static_cast<std::size_t>(end - begin);
      take_word("L");  // Python 2 wrote long integers this way
      shape.push_back(extent);
      if (shape.size() > kMaximumRank) file_.fail("at most 64 dimensions", "more");
      if (!next_is(')')) take(',');
    }
    take(')');
    return shape;
  }
  void descr(NpyHeader& header) {
    if (next_is('[')) file_.fail("an array of numbers", "a structured dtype");
    const std::string code = quoted();
    const char order = code.empty() ? '?' : code[0];
    const std::string_view number = std::string_view(code).substr(code.empty() ? 0 : 1);
    if (number == "O") {
      file_.fail("an array of numbers", "Python objects (dtype " + printable(code) + ")");
    }
    for (std::size_t i = 0; i < kDTypes.size(); ++i) {
      const bool one_byte = kDTypes[i].size == 1;
      if (!number.empty() && number == kDTypes[i].code &&
          (order == '<' || order == '>' || order == '=' || (order == '|' && one_byte))) {
        header.dtype = static_cast<DType>(i);
        header.big_endian = order == '>' && !one_byte;
        return;
      }
    }
    file_.fail("a dtype of bool, int8-64, uint8-64 or float16-64", printable(code));
  }

  std::string_view text_;
  const Source& file_;
  std::size_t at_ = 0;
};

}  // namespace

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + (shape.size() == 1 ? ",)" : ")");
}

std::int64_t element_count(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  bool empty = false;
  for (const std::int64_t extent : shape) {
    if (extent == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(count, extent, &count)) {
      return -1;
    }
  }
  return empty ? 0 : count;
}

NpyHeader read_header(Source& file) {
  unsigned char start[12] = {};
  constexpr std::int64_t kFixed = 8;
  if (file.size() < kFixed) {
    file.fail("a .npy file", "a file of " + std::to_string(file.size()) + " bytes");
  }
  file.read(start, kFixed);
  if (std::memcmp(start, kMagic.data(), kMagic.size()) != 0) {
    file.fail("a .npy file, which begins with \\x93NUMPY",
              any_file_kind({reinterpret_cast<const char*>(start), kFixed}));
  }
  const int version = start[6];
  if (version < 1 || version > 3 || start[7] != 0) {
    file.fail(".npy version 1.0, 2.0 or 3.0",
              std::to_string(version) + "." + std::to_string(start[7]));
  }
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  if (file.size() < kFixed + static_cast<std::int64_t>(length_bytes)) {
    file.fail("the length of the .npy header", "the end of the file");
  }
  file.read(start + kFixed, length_bytes);
  std::int64_t length = 0;
  for (std::size_t i = 0; i < length_bytes; ++i) {
    length |= static_cast<std::int64_t>(start[kFixed + i]) << (8 * i);
  }
  const std::int64_t offset = kFixed + static_cast<std::int64_t>(length_bytes) + length;
  if (length > kMaximumHeader || offset > file.size()) {
    file.fail("a .npy header of " + std::to_string(length) + " bytes",
              "a file of " + std::to_string(file.size()));
  }
  std::string text(static_cast<std::size_t>(length), '\0');
  file.read(text.data(), text.size());
  NpyHeader header = Dictionary(text, file).parse();
  header.version = version;
  header.data_offset = offset;
  header.size = element_count(header.shape);
  std::int64_t bytes = 0;
  if (header.size < 0 || __builtin_mul_overflow(header.size, item_size(header.dtype), &bytes) ||
      __builtin_add_overflow(bytes, offset, &bytes)) {
    file.fail("a shape of less than 2^63 bytes", shape_text(header.shape));
  }
  if (file.size() != bytes) {
    file.fail(std::to_string(bytes) + " bytes for shape " + shape_text(header.shape) + " of " +
                  to_string(header.dtype),
              std::to_string(file.size()) + (file.size() < bytes ? " (cut short)" : " (too long)"));
  }
  return header;
}

std::string header_bytes(DType dtype, bool big_endian, bool fortran_order,
                         const std::vector<std::int64_t>& shape) {
  const DTypeInfo& type = info(dtype);
  std::string text = std::string("{'descr': '") +
                     (type.size == 1 ? '|'
                      : big_endian   ? '>'
                                     : '<') +
                     type.code + "', 'fortran_order': " + (fortran_order ? "True" : "False") +
                     ", 'shape': " + shape_text(shape) + ", }";
  // 10 bytes precede the text; the data start at a multiple of 64, after a newline.
  constexpr std::size_t kPrefix = 10;
  text.append(63 - (kPrefix + text.size()) % 64, ' ');
  text += '\n';
  std::string bytes(kMagic);
  bytes += '\x01';
  bytes += '\0';
  bytes += static_cast<char>(text.size() & 0xFF);
  bytes += static_cast<char>(text.size() >> 8);
  return bytes + text;
}

}  // namespace io
}  // namespace clipk
