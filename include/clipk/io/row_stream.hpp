#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "clipk/core/modality.hpp"
#include "clipk/core/view.hpp"
#include "clipk/io/atomic_file.hpp"
#include "clipk/io/npy.hpp"

// Rows of files that are larger than memory: read and written a block at a time.
namespace clipk {

/// Reads the rows of a file of embeddings front to back, in blocks of any size:
///
///   RowReader reader("a.npy", Modality::image);
///   Matrix<float> block(4096, reader.cols());
///   while (const std::int64_t count = reader.read(block)) use(block.view().row_range(0, count));
///
/// The values are those of read_embeddings, whatever the blocks. Memory does not depend on the
/// number of rows, except that an array in Fortran order is read whole.
class RowReader {
 public:
  /// Opens the file and checks its header.
  /// @param path "FILE", "FILE:NAME" or a clip-retrieval folder, as read_embeddings takes it
  /// @param modality which part of a folder is read; does not matter for a file
  /// @throws Error as read_embeddings does for headers and sizes; also if there are no rows or no
  /// columns.
  RowReader(const std::filesystem::path& path, Modality modality);
  /// Moves the reader; the other one can then only be assigned to or destroyed.
  RowReader(RowReader&&) noexcept;
  /// Like the move constructor.
  RowReader& operator=(RowReader&&) noexcept;
  ~RowReader();

  const std::string& name() const;  ///< the path as given, for messages
  std::int64_t rows() const;        ///< of the whole file
  std::int64_t cols() const;        ///< of every row
  std::int64_t position() const;    ///< rows read so far, the number of the next row

  /// Reads the next rows into the first rows of `block`.
  /// @param[out] block [at least 1, cols()], on the host
  /// @returns how many: block.rows or, near the end, those that are left; 0 at the end
  /// @throws Error that names the file: it cannot be read, is damaged (known of an archive only
  /// after its last row), was changed while it was read, or holds a value that float32 cannot
  /// hold. Afterwards the reader can only be rewound or destroyed.
  std::int64_t read(MatrixView<float> block);
  /// Goes back to the first row, for another pass over the rows.
  void rewind();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Writes a .npy file of known shape a block of rows at a time. The file appears with finish(), and
/// whole (AtomicFile); without it nothing is left behind, and an older file stays as it was.
class NpyRowWriter {
 public:
  /// Creates the file and writes its header.
  /// @param rows, cols the shape of the whole array
  /// @param format in C order; without a dtype, float32
  /// @throws Error if the file cannot be created, the shape is negative or of 2^63 elements and
  /// more, or the format is in Fortran order or of bfloat16.
  NpyRowWriter(const std::filesystem::path& path, std::int64_t rows, std::int64_t cols,
               const NpyFormat& format = {});

  std::int64_t rows() const { return rows_; }          ///< of the whole array
  std::int64_t cols() const { return cols_; }          ///< of every row
  std::int64_t position() const { return position_; }  ///< rows written so far

  /// Appends rows, converted as write_npy does.
  /// @param block [any number, cols()], on the host
  /// @throws Error if the width differs, there are more rows than announced, the dtype cannot hold
  /// a value, or the file cannot be written.
  void write(MatrixView<const float> block);
  /// Makes the file visible. Nothing may be written after it.
  /// @throws Error if rows are missing, or the file cannot be written.
  void finish();

 private:
  AtomicFile file_;
  std::int64_t rows_;
  std::int64_t cols_;
  NpyFormat format_;
  std::int64_t position_ = 0;
};

}  // namespace clipk
