#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "clipk/core/error.hpp"
#include "clipk/core/matrix.hpp"

// Named arrays, numbers and texts in one file, for models and checkpoints.
//
// The file, all integers little-endian, no padding:
//   8 bytes   "CLIPK\r\n\x1a" (a transfer as text breaks it visibly)
//   u32       1, the version of this container
//   text      kind, as "neural_mds model"          text = u32 length, then bytes
//   u32       version of the kind's content
//   u32       number of entries, which follow in the order they were added:
//     text      name
//     u8        type: 0 float32, 1 float64, 2 int32, 3 int64, 4 uint8, 5 uint64, 6 text
//     u8        rank: 0 a number or a text, 1 a vector, 2 a matrix
//     u64       rows (for a text its bytes, for a number 1)
//     u64       columns (1 but for a matrix)
//     bytes     rows * columns elements, row by row
//   32 bytes  SHA-256 of all bytes before
namespace clipk {

template <class T>
concept ArchiveNumber = std::same_as<T, float> || std::same_as<T, double> ||
    std::same_as<T, std::int32_t> || std::same_as<T, std::int64_t> ||
    std::same_as<T, std::uint8_t> || std::same_as<T, std::uint64_t>;

/// Collects entries and writes them as one file. T is an ArchiveNumber. add() copies its argument;
/// arrays lie on the host.
class ArchiveWriter {
 public:
  /// @param kind what the file is, as users read it in messages: "neural_mds model"
  /// @param version of the kind's content; readers refuse one newer than they know
  ArchiveWriter(std::string_view kind, std::uint32_t version);

  /// @throws Error if the name is taken, or a view is not on the host.
  template <class T>
  void add(std::string_view name, std::type_identity_t<MatrixView<const T>> matrix);
  template <class T>
  void add(std::string_view name, const Matrix<T>& matrix) {
    add<T>(name, matrix.view());
  }
  template <class T>
  void add(std::string_view name, const std::vector<T>& vector);
  /// A number, as an entry of rank 0.
  template <class T>
  requires ArchiveNumber<T>
  void add(std::string_view name, T value);
  void add(std::string_view name, std::string_view text);
  void add(std::string_view name, const char* text) { add(name, std::string_view(text)); }

  /// Writes the file atomically (AtomicFile): after an error an older file is untouched. The same
  /// entries give the same bytes. @throws Error with path and reason.
  void write(const std::filesystem::path& path) const;

 private:
  void entry(std::string_view name, std::uint8_t type, std::uint8_t rank, std::int64_t rows,
             std::int64_t cols);

  std::string head_;     // all before the number of entries
  std::string entries_;  // all after it
  std::set<std::string, std::less<>> names_;
};

/// The kind of an archive, such as "pca model", by its first bytes: for those who read several
/// kinds. The rest of the file is not looked at; ArchiveReader checks it.
/// @throws Error if the file cannot be read or is no archive.
std::string archive_kind(const std::filesystem::path& path);

/// Which floating-point numbers of an archive are accepted.
enum class ArchiveValues : std::uint8_t {
  finite,  ///< NaN and infinity are errors: the model was broken before it was saved
  any,
};

/// Reads a whole archive, checks it, and returns its entries. Every getter throws an Error that
/// names the file and the entry if the entry is missing, has another type, rank or shape, or holds
/// numbers that are not expected. No getter allocates more memory than its entry has bytes.
class ArchiveReader {
 public:
  /// @throws Error if the file is no archive, is cut short or damaged (checksum), holds another
  /// kind ("expected a clipk neural_mds model, got a clipk trainer checkpoint") or a version of its
  /// content above `max_version`.
  ArchiveReader(const std::filesystem::path& path, std::string_view kind,
                std::uint32_t max_version);

  const std::string& path() const { return path_; }                               ///< of the file
  std::int64_t size() const { return static_cast<std::int64_t>(bytes_.size()); }  ///< bytes of it
  std::uint32_t version() const { return version_; }  ///< of the content, as the writer gave it
  /// Whether there is an entry of that name.
  bool has(std::string_view name) const { return entries_.find(name) != entries_.end(); }
  std::vector<std::string> names() const;  ///< sorted

  /// A matrix on the host.
  template <class T>
  Matrix<T> matrix(std::string_view name, ArchiveValues values = ArchiveValues::finite) const;
  /// Reads into a host matrix of exactly the entry's shape.
  template <class T>
  void read(std::string_view name, MatrixView<T> out,
            ArchiveValues values = ArchiveValues::finite) const;
  /// A vector.
  template <class T>
  std::vector<T> vector(std::string_view name, ArchiveValues values = ArchiveValues::finite) const;
  /// A vector of exactly this size.
  template <class T>
  std::vector<T> vector(std::string_view name, std::int64_t size,
                        ArchiveValues values = ArchiveValues::finite) const;
  /// A number.
  template <class T>
  T number(std::string_view name, ArchiveValues values = ArchiveValues::finite) const;
  /// A number in [least, most].
  template <class T>
  T number(std::string_view name, std::type_identity_t<T> least,
           std::type_identity_t<T> most) const;
  /// A count: an int64 number of at least 0.
  std::int64_t count(std::string_view name) const;
  /// A text.
  std::string text(std::string_view name) const;

  /// Checks that the file holds a matrix of this shape. Call it before allocating by sizes that
  /// the file states.
  template <class T>
  void expect_matrix(std::string_view name, std::int64_t rows, std::int64_t cols) const;
  /// The same for a vector of this size.
  template <class T>
  void expect_vector(std::string_view name, std::int64_t size) const;
  /// Checks that all values, read from an entry, are in [least, most].
  template <class T>
  void expect_within(std::string_view name, const std::vector<T>& values,
                     std::type_identity_t<T> least, std::type_identity_t<T> most) const;
  /// Checks that the entry "fingerprint" equals this one, whose parts are separated by ", ". The
  /// message names the parts that differ.
  void expect_fingerprint(const std::string& expected) const;

  /// For checks of content: throws "PATH: expected EXPECTED, got GOT".
  [[noreturn]] void fail(const std::string& expected, const std::string& got) const;
  /// Returns make(). If make throws an Error that does not name the file, the name is added.
  template <class Make>
  auto naming(Make&& make) const {
    try {
      return make();
    } catch (const Error& error) {
      fail_as(error.what());
    }
  }

 private:
  struct Entry {
    std::uint8_t type = 0;
    std::uint8_t rank = 0;
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    std::size_t offset = 0;
  };
  const Entry& find(std::string_view name, std::uint8_t type, std::uint8_t rank) const;
  template <class T>
  void expect_finite(std::string_view name, const Entry& entry, ArchiveValues values) const;
  template <class T>
  [[noreturn]] void fail_range(std::string_view name, T least, T most,
                               const std::string& got) const;
  [[noreturn]] void fail_as(std::string_view message) const;

  std::string path_;
  std::string bytes_;
  std::uint32_t version_ = 0;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace clipk
