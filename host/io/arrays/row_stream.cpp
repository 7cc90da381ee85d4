#include "clipk/io/row_stream.hpp"

#include <algorithm>
#include <optional>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "clipk/core/error.hpp"
#include "clipk/core/matrix.hpp"
#include "io/arrays/array_source.hpp"
#include "io/arrays/clip_retrieval_parts.hpp"
#include "io/arrays/elements.hpp"
#include "io/arrays/npy_header.hpp"

namespace clipk {

struct RowReader::Impl {
  std::string name;
  bool folder = false;
  io::RetrievalParts parts;  // of a file, itself

  std::int64_t position = 0;
  std::size_t part = 0;                   // the one that is read
  std::int64_t done = 0;                  // rows read of it
  std::optional<io::ArraySource> source;  // it, where it is open
  Matrix<float> whole;                    // it, where it is in Fortran order

  io::RetrievalParts::Part& current() { return parts.parts[part]; }

  void open() {
    source = folder ? io::open_npy(current().path) : io::open_array(current().path);
    done = 0;
  }

  // Rows and columns of the open part.
  std::pair<std::int64_t, std::int64_t> shape() const {
    const std::vector<std::int64_t> shape = io::matrix_shape(source->header.shape);
    if (shape.empty() || shape.size() > 2) {
      source->elements->fail("an array of one or two dimensions",
                             "shape " + io::shape_text(source->header.shape));
    }
    return {shape[0], shape.size() == 2 ? shape[1] : 1};
  }

  // Opens the part unless it is open; it was open before, or its header was read.
  void reopen() {
    if (source) return;
    open();
    if (shape() != std::pair(current().rows, parts.cols)) {
      source->elements->fail("a file that stays as it is", "another shape");
    }
  }

  // Up to `count` rows of the part that is read.
  std::int64_t read_part(MatrixView<float> out) {
    const std::int64_t cols = parts.cols;
    const std::int64_t count = std::min(out.rows, current().rows - done);
    if (source->header.fortran_order && source->header.shape.size() > 1) {
      if (whole.empty()) whole = source->matrix<float>();
      for (std::int64_t i = 0; i < count; ++i) {
        std::copy_n(whole.view().row(done + i), cols, out.row(i));
      }
      return count;
    }
    const std::int64_t at_once = out.stride == cols ? std::max<std::int64_t>(count, 1) : 1;
    for (std::int64_t i = 0; i < count; i += at_once) {
      io::read_next(*source->elements, source->header, (done + i) * cols, at_once * cols,
                    out.row(i));
    }
    if (done + count == current().rows) source->elements->finish();
    return count;
  }

  void close() {
    source.reset();
    whole = {};
    done = 0;
  }
};

RowReader::RowReader(const std::filesystem::path& path, Modality modality)
    : impl_(std::make_unique<Impl>()) {
  impl_->name = path.string();
  std::error_code error;
  impl_->folder = std::filesystem::is_directory(path, error);
  if (impl_->folder) {
    impl_->parts = io::clip_retrieval_parts(path, modality);
  } else {
    impl_->parts.parts.push_back({path, 0});
    impl_->open();
    std::tie(impl_->parts.rows, impl_->parts.cols) = impl_->shape();
    impl_->current().rows = impl_->parts.rows;
  }
  if (rows() == 0 || cols() == 0) {
    throw Error(name() + ": expected at least 1 row and 1 column, got shape " +
                io::shape_text({rows(), cols()}));
  }
}

RowReader::RowReader(RowReader&&) noexcept = default;
RowReader& RowReader::operator=(RowReader&&) noexcept = default;
RowReader::~RowReader() = default;

const std::string& RowReader::name() const {
  return impl_->name;
}
std::int64_t RowReader::rows() const {
  return impl_->parts.rows;
}
std::int64_t RowReader::cols() const {
  return impl_->parts.cols;
}
std::int64_t RowReader::position() const {
  return impl_->position;
}

std::int64_t RowReader::read(MatrixView<float> block) {
  if (block.rows < 1 || block.cols != cols() || block.device != Device::cpu) {
    throw Error(name() + ": expected a block of 1 row or more and " + std::to_string(cols()) +
                " columns on cpu to read into, got " + io::shape_text({block.rows, block.cols}) +
                " on " + to_string(block.device));
  }
  std::int64_t count = 0;
  while (count < block.rows && impl_->part < impl_->parts.parts.size()) {
    impl_->reopen();
    const std::int64_t more = impl_->read_part(block.row_range(count, block.rows - count));
    count += more;
    impl_->done += more;
    impl_->position += more;
    if (impl_->done == impl_->current().rows) {
      impl_->close();
      ++impl_->part;
    }
  }
  return count;
}

void RowReader::rewind() {
  impl_->close();
  impl_->part = 0;
  impl_->position = 0;
}

namespace {

// The file is created once the rest is known to be in order.
const std::filesystem::path& checked(const std::filesystem::path& path, std::int64_t rows,
                                     std::int64_t cols, const NpyFormat& format) {
  if (rows < 0 || cols < 0 || io::element_count({rows, cols}) < 0) {
    throw Error(path.string() + ": expected a shape of less than 2^63 elements, got " +
                io::shape_text({rows, cols}));
  }
  if (format.fortran_order) {
    throw Error(path.string() + ": expected C order to write rows in, got Fortran order");
  }
  if (format.dtype == DType::bfloat16) {
    throw Error(path.string() + ": expected a dtype that .npy has, got bfloat16");
  }
  return path;
}

}  // namespace

NpyRowWriter::NpyRowWriter(const std::filesystem::path& path, std::int64_t rows, std::int64_t cols,
                           const NpyFormat& format)
    : file_(checked(path, rows, cols, format)), rows_(rows), cols_(cols), format_(format) {
  file_.write(
      io::header_bytes(io::stored_type<float>(format), format.big_endian, false, {rows, cols}));
}

void NpyRowWriter::write(MatrixView<const float> block) {
  if (block.rows == 0) return;
  const std::string name = file_.path().string();
  if (block.cols != cols_ || block.device != Device::cpu) {
    throw Error(name + ": expected a block of " + std::to_string(cols_) +
                " columns on cpu to write, got " + std::to_string(block.cols) + " on " +
                to_string(block.device));
  }
  if (block.rows > rows_ - position_) {
    throw Error(name + ": expected " + std::to_string(rows_) + " rows in all, got at least " +
                std::to_string(position_ + block.rows));
  }
  if (cols_ > 0) {
    const bool packed = block.stride == cols_;
    io::write_elements<float>(file_, {block.rows, cols_}, packed ? 1 : block.rows,
                              packed ? block.rows * cols_ : cols_, format_,
                              [&](std::int64_t i) { return block.row(i); });
  }
  position_ += block.rows;
}

void NpyRowWriter::finish() {
  if (position_ != rows_) {
    throw Error(file_.path().string() + ": expected " + std::to_string(rows_) +
                " rows in all, got " + std::to_string(position_));
  }
  file_.commit();
}

}  // namespace clipk
