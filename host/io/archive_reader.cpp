#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>

#include "clipk/core/error.hpp"
#include "clipk/io/archive.hpp"
#include "clipk/io/sha256.hpp"
#include "io/archive_format.hpp"
#include "io/input_file.hpp"
#include "io/tables/names.hpp"

namespace clipk {
namespace {

using io::kText;

std::string described(std::uint8_t type, std::uint8_t rank) {
  if (type == kText) return "a text";
  return std::string("a ") + io::kTypeNames[type] + " " + io::kRankNames[rank];
}

std::string shape_text(std::int64_t rows, std::int64_t cols) {
  return "[" + std::to_string(rows) + ", " + std::to_string(cols) + "]";
}

template <class T>
std::string number_text(T value) {
  if constexpr (std::is_floating_point_v<T>) return std::to_string(static_cast<double>(value));
  return std::to_string(value);
}

// Text of a file as part of a message: one line of limited length.
std::string in_message(std::string_view text) {
  constexpr std::size_t kMost = 2000;
  std::string line(text.substr(0, kMost));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  }
  return text.size() > kMost ? line + "..." : line;
}

std::vector<std::string> parts_of(const std::string& fingerprint) {
  std::vector<std::string> parts;
  for (std::size_t from = 0; from != std::string::npos;) {
    const std::size_t end = fingerprint.find(", ", from);
    parts.push_back(fingerprint.substr(from, end - from));
    from = end == std::string::npos ? end : end + 2;
  }
  return parts;
}

// Reads values from the front of bytes that have passed their checksum. It still checks every
// bound: a writer with a fault may have written a valid checksum.
class Cursor {
 public:
  Cursor(const ArchiveReader& reader, std::string_view bytes) : reader_(reader), bytes_(bytes) {}
  std::size_t at() const { return at_; }
  std::size_t left() const { return bytes_.size() - at_; }
  std::string_view take(std::uint64_t count) {
    if (count > left()) {
      reader_.fail(std::to_string(count) + " bytes at offset " + std::to_string(at_),
                   std::to_string(left()));
    }
    const std::string_view part = bytes_.substr(at_, static_cast<std::size_t>(count));
    at_ += part.size();
    return part;
  }
  template <class T>
  T value() {
    T result;
    std::memcpy(&result, take(sizeof(T)).data(), sizeof(T));
    return result;
  }
  std::string_view text() { return take(value<std::uint32_t>()); }

 private:
  const ArchiveReader& reader_;
  std::string_view bytes_;
  std::size_t at_ = 0;
};

}  // namespace

std::string archive_kind(const std::filesystem::path& path) {
  const char* const wanted = "a clipk archive";
  io::InputFile file(path, wanted);
  const std::size_t fixed = io::kMagic.size() + 2 * sizeof(std::uint32_t);
  std::string start(std::min(fixed, static_cast<std::size_t>(file.size())), '\0');
  file.read(start.data(), start.size());
  if (std::string_view(start).substr(0, io::kMagic.size()) != io::kMagic) {
    file.fail(wanted, start.empty() ? "an empty file" : "a file that is no clipk archive");
  }
  std::uint32_t container = 0, length = 0;
  if (start.size() == fixed) {
    std::memcpy(&container, start.data() + io::kMagic.size(), sizeof container);
    std::memcpy(&length, start.data() + io::kMagic.size() + sizeof container, sizeof length);
  }
  const auto left = static_cast<std::uint64_t>(file.size()) - start.size();
  constexpr std::uint32_t kLongest = 256;  // kinds are a few words
  if (start.size() < fixed || length > left || length > kLongest) {
    file.fail(std::string(wanted) + " that states its kind",
              "a file of " + std::to_string(file.size()) + " bytes that is cut short or damaged");
  }
  if (container != io::kContainer) {
    file.fail("archive version " + std::to_string(io::kContainer), std::to_string(container));
  }
  std::string kind(length, '\0');
  file.read(kind.data(), kind.size());
  return kind;
}

ArchiveReader::ArchiveReader(const std::filesystem::path& path, std::string_view kind,
                             std::uint32_t max_version)
    : path_(path.string()) {
  const std::string wanted = "a clipk " + std::string(kind);
  io::InputFile file(path, wanted.c_str());
  try {
    bytes_.resize(static_cast<std::size_t>(file.size()));
  } catch (const std::exception&) {  // std::bad_alloc, std::length_error
    fail("memory for " + wanted + " of " + std::to_string(file.size()) + " bytes", "none");
  }
  file.read(bytes_.data(), bytes_.size());
  if (std::string_view(bytes_).substr(0, io::kMagic.size()) != io::kMagic) {
    fail(wanted, bytes_.empty() ? "an empty file" : "a file that is no clipk archive");
  }
  constexpr std::size_t kDigest = sizeof(Sha256::Digest);
  const std::size_t content = bytes_.size() - std::min(bytes_.size(), kDigest);
  Sha256 sha;
  sha.update(bytes_.data(), content);
  const Sha256::Digest digest = sha.digest();
  if (bytes_.size() < io::kMagic.size() + kDigest ||
      std::memcmp(digest.data(), bytes_.data() + content, kDigest) != 0) {
    fail(wanted + " whose checksum fits",
         "a file of " + std::to_string(bytes_.size()) + " bytes that is cut short or damaged");
  }

  Cursor cursor(*this, std::string_view(bytes_).substr(0, content));
  cursor.take(io::kMagic.size());
  const auto container = cursor.value<std::uint32_t>();
  if (container != io::kContainer) {
    fail("archive version " + std::to_string(io::kContainer), std::to_string(container));
  }
  const std::string_view found = cursor.text();
  if (found != kind) fail(wanted, "a clipk " + std::string(found));
  version_ = cursor.value<std::uint32_t>();
  if (version_ > max_version) {
    fail(wanted + " of version " + std::to_string(max_version) + " or older",
         "version " + std::to_string(version_));
  }
  for (auto left = cursor.value<std::uint32_t>(); left > 0; --left) {
    const std::string name(cursor.text());
    Entry entry;
    entry.type = cursor.value<std::uint8_t>();
    entry.rank = cursor.value<std::uint8_t>();
    const auto rows = cursor.value<std::uint64_t>();
    const auto cols = cursor.value<std::uint64_t>();
    std::uint64_t size = 0;
    constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (entry.type >= io::kTypeNames.size() || entry.rank >= io::kRankNames.size() ||
        rows > kLargest || cols > kLargest || __builtin_mul_overflow(rows, cols, &size) ||
        __builtin_mul_overflow(size, io::kTypeSizes[entry.type], &size) ||
        (entry.rank < 2 && cols != 1) || (entry.rank == 0 && entry.type != kText && rows != 1)) {
      fail("a sound table of entries", "a broken entry " + io::printable(name));
    }
    entry.rows = static_cast<std::int64_t>(rows);
    entry.cols = static_cast<std::int64_t>(cols);
    entry.offset = cursor.at();
    cursor.take(size);
    if (!entries_.emplace(name, entry).second) {
      fail("each entry once", io::printable(name) + " twice");
    }
  }
  if (cursor.left() > 0) {
    fail("no bytes after the last entry", std::to_string(cursor.left()));
  }
}

void ArchiveReader::fail(const std::string& expected, const std::string& got) const {
  throw FileError(path_ + ": expected " + in_message(expected) + ", got " + in_message(got));
}

void ArchiveReader::fail_as(std::string_view message) const {
  const std::string start = path_ + ": ";
  if (message.starts_with(start)) message.remove_prefix(start.size());
  throw FileError(start + in_message(message));
}

std::vector<std::string> ArchiveReader::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

const ArchiveReader::Entry& ArchiveReader::find(std::string_view name, std::uint8_t type,
                                                std::uint8_t rank) const {
  const auto found = entries_.find(name);
  const std::string wanted = "entry '" + std::string(name) + "' to be " + described(type, rank);
  if (found == entries_.end()) fail(wanted, "no such entry");
  const Entry& entry = found->second;
  if (entry.type != type || entry.rank != rank) fail(wanted, described(entry.type, entry.rank));
  return entry;
}

template <class T>
void ArchiveReader::fail_range(std::string_view name, T least, T most,
                               const std::string& got) const {
  const std::string what = "entry '" + std::string(name) + "' ";
  if (most == std::numeric_limits<T>::max()) {
    fail(what + "of at least " + number_text(least), got);
  }
  fail(what + "from " + number_text(least) + " to " + number_text(most), got);
}

template <class T>
void ArchiveReader::expect_finite(std::string_view name, const Entry& entry,
                                  ArchiveValues values) const {
  if constexpr (std::is_floating_point_v<T>) {
    if (values == ArchiveValues::any) return;
    const std::int64_t count = entry.rows * entry.cols;
    for (std::int64_t i = 0; i < count; ++i) {
      T value;
      std::memcpy(&value, bytes_.data() + entry.offset + static_cast<std::size_t>(i) * sizeof(T),
                  sizeof(T));
      if (std::isfinite(value)) continue;
      std::string place;
      if (entry.rank == 1) place = " in place " + std::to_string(i);
      if (entry.rank == 2) {
        place = " in row " + std::to_string(i / entry.cols) + ", column " +
                std::to_string(i % entry.cols);
      }
      fail("entry '" + std::string(name) + "' of finite numbers", number_text(value) + place);
    }
  }
}

template <class T>
Matrix<T> ArchiveReader::matrix(std::string_view name, ArchiveValues values) const {
  const Entry& entry = find(name, io::type_of<T>(), 2);
  Matrix<T> result(entry.rows, entry.cols);
  read<T>(name, result.view(), values);
  return result;
}

template <class T>
void ArchiveReader::read(std::string_view name, MatrixView<T> out, ArchiveValues values) const {
  expect_matrix<T>(name, out.rows, out.cols);
  if (out.empty()) return;
  if (out.device != Device::cpu) {
    throw Error("expected a matrix on cpu for archive entry '" + std::string(name) + "', got " +
                to_string(out.device));
  }
  const Entry& entry = find(name, io::type_of<T>(), 2);
  expect_finite<T>(name, entry, values);
  const std::size_t bytes = static_cast<std::size_t>(out.cols) * sizeof(T);
  for (std::int64_t i = 0; i < out.rows; ++i) {
    std::memcpy(out.row(i), bytes_.data() + entry.offset + static_cast<std::size_t>(i) * bytes,
                bytes);
  }
}

template <class T>
std::vector<T> ArchiveReader::vector(std::string_view name, ArchiveValues values) const {
  const Entry& entry = find(name, io::type_of<T>(), 1);
  expect_finite<T>(name, entry, values);
  std::vector<T> result(static_cast<std::size_t>(entry.rows));
  if (!result.empty()) {
    std::memcpy(result.data(), bytes_.data() + entry.offset, result.size() * sizeof(T));
  }
  return result;
}

template <class T>
std::vector<T> ArchiveReader::vector(std::string_view name, std::int64_t size,
                                     ArchiveValues values) const {
  expect_vector<T>(name, size);
  return vector<T>(name, values);
}

template <class T>
T ArchiveReader::number(std::string_view name, ArchiveValues values) const {
  const Entry& entry = find(name, io::type_of<T>(), 0);
  expect_finite<T>(name, entry, values);
  T value;
  std::memcpy(&value, bytes_.data() + entry.offset, sizeof(T));
  return value;
}

template <class T>
T ArchiveReader::number(std::string_view name, std::type_identity_t<T> least,
                        std::type_identity_t<T> most) const {
  const T value = number<T>(name);
  if (value < least || value > most) fail_range(name, least, most, number_text(value));
  return value;
}

std::int64_t ArchiveReader::count(std::string_view name) const {
  return number<std::int64_t>(name, 0, std::numeric_limits<std::int64_t>::max());
}

std::string ArchiveReader::text(std::string_view name) const {
  const Entry& entry = find(name, kText, 0);
  return bytes_.substr(entry.offset, static_cast<std::size_t>(entry.rows));
}

template <class T>
void ArchiveReader::expect_matrix(std::string_view name, std::int64_t rows,
                                  std::int64_t cols) const {
  const Entry& entry = find(name, io::type_of<T>(), 2);
  if (entry.rows == rows && entry.cols == cols) return;
  fail("entry '" + std::string(name) + "' of shape " + shape_text(rows, cols),
       shape_text(entry.rows, entry.cols));
}

template <class T>
void ArchiveReader::expect_vector(std::string_view name, std::int64_t size) const {
  const Entry& entry = find(name, io::type_of<T>(), 1);
  if (entry.rows == size) return;
  fail("entry '" + std::string(name) + "' of size " + std::to_string(size),
       std::to_string(entry.rows));
}

template <class T>
void ArchiveReader::expect_within(std::string_view name, const std::vector<T>& values,
                                  std::type_identity_t<T> least,
                                  std::type_identity_t<T> most) const {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] >= least && values[i] <= most) continue;  // false for a NaN
    fail_range(name, least, most, number_text(values[i]) + " in place " + std::to_string(i));
  }
}

void ArchiveReader::expect_fingerprint(const std::string& expected) const {
  const std::string got = text("fingerprint");
  if (got == expected) return;
  const std::vector<std::string> wanted = parts_of(expected), found = parts_of(got);
  std::string differing;
  if (wanted.size() == found.size()) {
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i] != found[i]) differing += (differing.empty() ? "" : ", ") + found[i];
    }
  }
  fail("a checkpoint of " + expected, differing.empty() ? "one of " + got : "one of " + differing);
}

#define CLIPK_INSTANTIATE_ARCHIVE(T)                                                              \
  template Matrix<T> ArchiveReader::matrix<T>(std::string_view, ArchiveValues) const;             \
  template void ArchiveReader::read<T>(std::string_view, MatrixView<T>, ArchiveValues) const;     \
  template std::vector<T> ArchiveReader::vector<T>(std::string_view, ArchiveValues) const;        \
  template std::vector<T> ArchiveReader::vector<T>(std::string_view, std::int64_t, ArchiveValues) \
      const;                                                                                      \
  template T ArchiveReader::number<T>(std::string_view, ArchiveValues) const;                     \
  template T ArchiveReader::number<T>(std::string_view, std::type_identity_t<T>,                  \
                                      std::type_identity_t<T>) const;                             \
  template void ArchiveReader::expect_matrix<T>(std::string_view, std::int64_t, std::int64_t)     \
      const;                                                                                      \
  template void ArchiveReader::expect_vector<T>(std::string_view, std::int64_t) const;            \
  template void ArchiveReader::expect_within<T>(std::string_view, const std::vector<T>&,          \
                                                std::type_identity_t<T>, std::type_identity_t<T>) \
      const;
CLIPK_INSTANTIATE_ARCHIVE(float)
CLIPK_INSTANTIATE_ARCHIVE(double)
CLIPK_INSTANTIATE_ARCHIVE(std::int32_t)
CLIPK_INSTANTIATE_ARCHIVE(std::int64_t)
CLIPK_INSTANTIATE_ARCHIVE(std::uint8_t)
CLIPK_INSTANTIATE_ARCHIVE(std::uint64_t)
#undef CLIPK_INSTANTIATE_ARCHIVE

}  // namespace clipk
