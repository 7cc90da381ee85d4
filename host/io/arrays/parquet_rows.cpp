#include "io/arrays/parquet_rows.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "clipk/core/error.hpp"
#include "io/input_file.hpp"

namespace clipk::io {
namespace {

// Thrift's compact protocol, as far as needed to skip the fields before the wanted one:
// https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
// FileMetaData of Parquet has fields 1: version, 2: the schema, 3: num_rows (int64), and more.
class CompactReader {
 public:
  explicit CompactReader(std::string_view bytes) : bytes_(bytes) {}

  /// The value of an integer field in the struct that begins here.
  std::optional<std::int64_t> integer_field(int wanted) {
    std::int64_t id = 0;
    while (true) {
      const int type = field(id);
      if (failed_ || type == kStop) return std::nullopt;
      if (id == wanted) {
        if (type < kInt16 || type > kInt64) return std::nullopt;
        const std::int64_t value = zigzag();
        return failed_ ? std::nullopt : std::optional(value);
      }
      skip(type, 0);
    }
  }

 private:
  enum Type {
    kStop,
    kTrue,
    kFalse,
    kByte,
    kInt16,
    kInt32,
    kInt64,
    kDouble,
    kBinary,
    kList,
    kSet,
    kMap,
    kStruct
  };
  static constexpr int kMostDepth = 16;

  unsigned byte() {
    if (at_ == bytes_.size()) {
      failed_ = true;
      return 0;
    }
    return static_cast<unsigned char>(bytes_[at_++]);
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const unsigned part = byte();
      value |= static_cast<std::uint64_t>(part & 0x7F) << shift;
      if ((part & 0x80) == 0) return value;
    }
    failed_ = true;
    return 0;
  }
  std::int64_t zigzag() {
    const std::uint64_t value = varint();
    return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
  }
  // The type of the next field; its number is a difference to the last one, or is given in full.
  int field(std::int64_t& id) {
    const unsigned head = byte();
    const int type = static_cast<int>(head & 15);
    if (type == kStop) return type;
    if (head >> 4 != 0) {
      id += head >> 4;
    } else {
      id = zigzag();
    }
    if (id < INT16_MIN || id > INT16_MAX) failed_ = true;  // the protocol's field ids are int16
    return type;
  }
  void skip_bytes(std::uint64_t count) {
    if (count > bytes_.size() - at_) {
      failed_ = true;
    } else {
      at_ += count;
    }
  }
  // Every element takes at least one byte, so a false count cannot make this loop past the end.
  void skip_elements(int type, std::uint64_t count, int depth) {
    for (std::uint64_t i = 0; i < count && !failed_; ++i) {
      if (type == kTrue || type == kFalse) {
        byte();
      } else {
        skip(type, depth);
      }
    }
  }
  void skip(int type, int depth) {
    if (depth > kMostDepth) failed_ = true;
    if (failed_) return;
    switch (type) {
      case kTrue:
      case kFalse:
        return;  // the type is the value
      case kByte:
        byte();
        return;
      case kInt16:
      case kInt32:
      case kInt64:
        varint();
        return;
      case kDouble:
        return skip_bytes(8);
      case kBinary:
        return skip_bytes(varint());
      case kList:
      case kSet: {
        const unsigned head = byte();
        const std::uint64_t count = head >> 4 == 15 ? varint() : head >> 4;
        return skip_elements(static_cast<int>(head & 15), count, depth + 1);
      }
      case kMap: {
        const std::uint64_t count = varint();
        if (count == 0) return;
        const unsigned types = byte();
        for (std::uint64_t i = 0; i < count && !failed_; ++i) {
          skip_elements(static_cast<int>(types >> 4), 1, depth + 1);
          skip_elements(static_cast<int>(types & 15), 1, depth + 1);
        }
        return;
      }
      case kStruct: {
        std::int64_t id = 0;
        for (int next = field(id); next != kStop && !failed_; next = field(id)) {
          skip(next, depth + 1);
        }
        return;
      }
      default:
        failed_ = true;
    }
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

}  // namespace

std::optional<std::int64_t> parquet_rows(const std::filesystem::path& path) {
  constexpr std::int64_t kTail = 8;         // the footer's length and "PAR1"
  constexpr std::int64_t kMost = 16 << 20;  // far beyond any schema
  try {
    InputFile file(path, "a Parquet file");
    if (file.size() < kTail) return std::nullopt;
    unsigned char tail[kTail];
    file.seek(file.size() - kTail);
    file.read(tail, kTail);
    if (std::memcmp(tail + 4, "PAR1", 4) != 0) return std::nullopt;
    std::int64_t length = 0;
    for (int i = 0; i < 4; ++i) length |= static_cast<std::int64_t>(tail[i]) << (8 * i);
    if (length > file.size() - kTail) return std::nullopt;
    std::string footer(static_cast<std::size_t>(std::min(length, kMost)), '\0');
    file.seek(file.size() - kTail - length);
    file.read(footer.data(), footer.size());
    const std::optional<std::int64_t> rows = CompactReader(footer).integer_field(3);
    return rows && *rows >= 0 ? rows : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace clipk::io
