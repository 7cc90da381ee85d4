#include "clipk/io/row_stream.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/io/embeddings.hpp"
#include "clipk/io/npy.hpp"
#include "clipk/io/safetensors.hpp"
#include "io/files.hpp"
#include "io/zip_files.hpp"
#include "support/arrays.hpp"
#include "support/error_of.hpp"
#include "support/golden_folder.hpp"

namespace clipk {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::read_bytes;
using test::write_bytes;

constexpr std::int64_t kRows = 23;
constexpr std::int64_t kCols = 5;

Matrix<float> sample(std::int64_t rows = kRows, std::int64_t cols = kCols) {
  Matrix<float> matrix(rows, cols);
  const auto values = test::normals<float>(rows * cols, 4);
  std::copy(values.begin(), values.end(), matrix.data());
  return matrix;
}

bool same(MatrixView<const float> a, MatrixView<const float> b) {
  if (a.rows != b.rows || a.cols != b.cols) return false;
  for (std::int64_t i = 0; i < a.rows; ++i) {
    if (std::memcmp(a.row(i), b.row(i), static_cast<std::size_t>(a.cols) * sizeof(float)) != 0) {
      return false;
    }
  }
  return true;
}

// All rows that are left, read in blocks of `size`; each but the last must be full.
Matrix<float> in_blocks(RowReader& reader, std::int64_t size) {
  Matrix<float> all(reader.rows() - reader.position(), reader.cols());
  Matrix<float> block(size, reader.cols());
  std::int64_t done = 0;
  while (const std::int64_t count = reader.read(block)) {
    EXPECT_EQ(count, std::min(size, all.rows() - done));
    if (done + count > all.rows()) break;
    std::copy(block.data(), block.data() + count * reader.cols(),
              all.data() + done * reader.cols());
    done += count;
  }
  EXPECT_EQ(done, all.rows());
  EXPECT_EQ(reader.position(), reader.rows());
  EXPECT_EQ(reader.read(block), 0);
  return all;
}

class RowReaderTest : public test::FileTest {
 protected:
  static void expect_rows_of(const fs::path& file, Modality modality = Modality::image) {
    SCOPED_TRACE(file);
    const Matrix<float> whole = read_embeddings(file, modality);
    for (const std::int64_t size : {1, 2, 3, 7, 22, 23, 24, 100}) {
      RowReader reader(file, modality);
      EXPECT_EQ(reader.name(), file.string());
      EXPECT_EQ(reader.rows(), whole.rows());
      EXPECT_EQ(reader.cols(), whole.cols());
      EXPECT_TRUE(same(in_blocks(reader, size), whole)) << "blocks of " << size;
    }
  }
  static std::string reason(const fs::path& file) {
    const std::string message = error_of([&] { RowReader(file, Modality::image); });
    EXPECT_EQ(message.find('\n'), std::string::npos);
    return message;
  }
};

TEST_F(RowReaderTest, ReadsTheRowsOfReadEmbeddings) {
  const Matrix<float> rows = sample();
  for (const DType dtype : {DType::float16, DType::float32, DType::float64}) {
    for (const bool big : {false, true}) {
      for (const bool fortran : {false, true}) {
        write_npy(path("a.npy"), rows,
                  {.dtype = dtype, .big_endian = big, .fortran_order = fortran});
        expect_rows_of(path("a.npy"));
      }
    }
  }
  for (const char* name : {"i1", "u1", "b1", "i8_be", "f4_le_fortran", "vector", "version3"}) {
    expect_rows_of(test::golden_folder() / "npy" / (std::string(name) + ".npy"));
  }
  NpyArray<float> array{{kRows, 1, kCols}, {rows.data(), rows.data() + kRows * kCols}};
  write_npy(path("axes.npy"), array);
  expect_rows_of(path("axes.npy"));
  write_npy(path("axes.npy"), array, {.fortran_order = true});
  expect_rows_of(path("axes.npy"));
}

TEST_F(RowReaderTest, ReadsOneArrayOfSeveral) {
  const Matrix<float> rows = sample(), others = sample(4, 3);
  write_npy(path("rows.npy"), rows, {.dtype = DType::float16});
  write_npy(path("others.npy"), others);
  for (const zip_int32_t method : {ZIP_CM_STORE, ZIP_CM_DEFLATE}) {
    test::write_zip(path("a.npz"), {{"others.npy", read_bytes(path("others.npy")), method},
                                    {"rows.npy", read_bytes(path("rows.npy")), method}});
    expect_rows_of(path("a.npz:rows"));
    expect_rows_of(path("a.npz:others"));
  }
  write_safetensors(path("a.safetensors"),
                    {{.name = "rows", .values = rows.view(), .dtype = DType::bfloat16},
                     {.name = "others", .values = others.view()}});
  expect_rows_of(path("a.safetensors:rows"));
  expect_rows_of(path("a.safetensors:others"));
  EXPECT_HAS(reason(path("a.npz")), "expected one of its arrays by name, as FILE:NAME");
}

TEST_F(RowReaderTest, ReadsThePartsOfAFolderAsOne) {
  fs::copy(test::golden_folder() / "clip_retrieval", path("folder"), fs::copy_options::recursive);
  for (const Modality modality : {Modality::image, Modality::text}) {
    expect_rows_of(path("folder"), modality);
  }
  write_npy(path("folder/text_emb/text_emb_5.npy"), Matrix<float>(0, 4));
  write_npy(path("folder/text_emb/text_emb_99.npy"), Matrix<float>(0, 4));
  expect_rows_of(path("folder"), Modality::text);
  write_npy(path("folder/img_emb/img_emb_11.npy"), Matrix<float>(2, 5));
  EXPECT_HAS(reason(path("folder")), "img_emb_11.npy: expected dimension 4 as in ");
}

// Beyond the elements that are converted at a time.
TEST_F(RowReaderTest, LongRows) {
  write_npy(path("a.npy"), sample(3, 300'001), {.dtype = DType::float64});
  expect_rows_of(path("a.npy"));
}

TEST_F(RowReaderTest, FillsABlockWithAStride) {
  const Matrix<float> rows = sample();
  Context context = Context::cpu();
  for (const DType dtype : {DType::float16, DType::float32}) {
    write_npy(path("a.npy"), rows, {.dtype = dtype});
    const Matrix<float> whole = read_embeddings(path("a.npy"), Modality::image);
    RowReader reader(path("a.npy"), Modality::image);
    test::Guarded<float> block(context, 9, kCols, 3);
    for (const std::int64_t count : {9, 9, 5}) {
      const std::int64_t first = reader.position();
      ASSERT_EQ(reader.read(block.view()), count);
      EXPECT_TRUE(same(block.view().row_range(0, count), whole.view().row_range(first, count)));
    }
    block.check();
  }
}

TEST_F(RowReaderTest, RewindsFromAnywhere) {
  const Matrix<float> rows = sample();
  write_npy(path("rows.npy"), rows);
  test::write_zip(path("a.npz"), {{"rows.npy", read_bytes(path("rows.npy"))}});
  for (const char* name : {"rows.npy", "a.npz"}) {
    RowReader reader(path(name), Modality::image);
    Matrix<float> block(4, kCols);
    for (const int blocks : {0, 1, 3, 6, 7}) {
      for (int i = 0; i < blocks; ++i) reader.read(block);
      reader.rewind();
      EXPECT_EQ(reader.position(), 0);
      EXPECT_TRUE(same(in_blocks(reader, 10), rows)) << blocks;
      reader.rewind();
    }
    RowReader moved = std::move(reader);
    EXPECT_TRUE(same(in_blocks(moved, 10), rows));
  }
  RowReader reader(path("rows.npy"), Modality::image);
  write_npy(path("rows.npy"), sample(kRows + 1, kCols));
  EXPECT_TRUE(same(in_blocks(reader, 10), rows));  // the file that was opened
  reader.rewind();
  Matrix<float> block(4, kCols);
  EXPECT_EQ(error_of([&] { reader.read(block); }),
            path("rows.npy").string() + ": expected a file that stays as it is, got another shape");
}

TEST_F(RowReaderTest, RefusesWhatReadEmbeddingsRefuses) {
  const std::string name = path("a.npy").string();
  const auto expect_same_refusal = [&] {
    const std::string message = reason(name);
    EXPECT_EQ(message, error_of([&] { read_embeddings(name, Modality::image); }));
    return message;
  };
  EXPECT_HAS(expect_same_refusal(), "got No such file or directory");
  write_bytes(name, "x,y\n1,2\n");
  EXPECT_HAS(expect_same_refusal(), name + ": expected ");
  write_npy(name, NpyArray<float>{{2, 3, 4}, std::vector<float>(24)});
  EXPECT_HAS(expect_same_refusal(), "expected an array of one or two dimensions, got shape");
  for (const auto& [rows, cols] : {std::pair{0, 3}, {3, 0}, {0, 0}}) {
    write_npy(name, Matrix<float>(rows, cols));
    EXPECT_HAS(expect_same_refusal(), "expected at least 1 row and 1 column, got shape");
  }
  write_npy(name, sample());
  const std::string whole = read_bytes(name);
  write_bytes(name, whole.substr(0, whole.size() - 1));
  EXPECT_HAS(expect_same_refusal(), "(cut short)");
  fs::create_directory(path("folder"));
  EXPECT_HAS(reason(path("folder")), "expected a clip-retrieval folder with img_emb/img_emb_N.npy");
}

TEST_F(RowReaderTest, NamesTheElementOfTheWholeArray) {
  std::vector<double> values(kRows * kCols, 0.5);
  values[97] = 1e300;
  write_npy(path("a.npy"), NpyArray<double>{{kRows, kCols}, values});
  RowReader reader(path("a.npy"), Modality::image);
  Matrix<float> block(8, kCols);
  EXPECT_EQ(reader.read(block), 8);
  EXPECT_EQ(reader.read(block), 8);
  const std::string message = error_of([&] { reader.read(block); });
  EXPECT_HAS(message, "a.npy: expected values that float32 can hold, got 1");
  EXPECT_HAS(message, " at element 97");
  reader.rewind();
  EXPECT_HAS(error_of([&] { in_blocks(reader, 23); }), " at element 97");
}

TEST_F(RowReaderTest, SaysThatTheFileWasCutWhileItWasRead) {
  write_npy(path("a.npy"), sample());
  RowReader reader(path("a.npy"), Modality::image);
  Matrix<float> block(8, kCols);
  EXPECT_EQ(reader.read(block), 8);
  fs::resize_file(path("a.npy"), fs::file_size(path("a.npy")) - 4);
  EXPECT_EQ(reader.read(block), 8);
  EXPECT_EQ(error_of([&] { reader.read(block); }),
            path("a.npy").string() + ": expected 4 more bytes, got the end");
}

// Known at its end: the checksum.
TEST_F(RowReaderTest, SeesADamagedArchiveWithTheLastRow) {
  write_npy(path("rows.npy"), sample());
  test::write_zip(path("a.npz"), {{"rows.npy", read_bytes(path("rows.npy")), ZIP_CM_STORE}});
  std::string bytes = read_bytes(path("a.npz"));
  const std::size_t at = bytes.find("\x93NUMPY") + 128 + 5;  // in the first row
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  write_bytes(path("a.npz"), bytes);
  RowReader reader(path("a.npz"), Modality::image);
  Matrix<float> block(22, kCols);
  EXPECT_EQ(reader.read(block), 22);
  EXPECT_HAS(error_of([&] { reader.read(block); }), "a.npz:rows: expected ");
}

TEST_F(RowReaderTest, RefusesABlockThatDoesNotFit) {
  write_npy(path("a.npy"), sample());
  RowReader reader(path("a.npy"), Modality::image);
  for (const auto& [rows, cols] :
       {std::pair<std::int64_t, std::int64_t>{4, kCols + 1}, {0, kCols}}) {
    Matrix<float> block(rows, cols);
    EXPECT_HAS(error_of([&] { reader.read(block); }),
               "a.npy: expected a block of 1 row or more and 5 columns on cpu to read into, got (");
  }
  EXPECT_EQ(reader.position(), 0);
}

class NpyRowWriterTest : public test::FileTest {};

TEST_F(NpyRowWriterTest, WritesTheBytesOfWriteNpy) {
  const Matrix<float> rows = sample();
  for (const DType dtype : {DType::float16, DType::float32, DType::float64}) {
    for (const bool big : {false, true}) {
      const NpyFormat format{.dtype = dtype, .big_endian = big};
      write_npy(path("whole"), rows, format);
      for (const std::int64_t size : {1, 4, 22, 23, 100}) {
        NpyRowWriter writer(path("blocks"), kRows, kCols, format);
        while (writer.position() < kRows) {
          const std::int64_t count = std::min(size, kRows - writer.position());
          writer.write(rows.view().row_range(writer.position(), count));
          writer.write(MatrixView<const float>());
        }
        writer.finish();
        EXPECT_EQ(read_bytes(path("blocks")), read_bytes(path("whole"))) << size;
      }
    }
  }
  write_npy(path("whole"), Matrix<float>(0, 3));
  NpyRowWriter(path("blocks"), 0, 3).finish();
  EXPECT_EQ(read_bytes(path("blocks")), read_bytes(path("whole")));
}

TEST_F(NpyRowWriterTest, WritesBlocksWithAStride) {
  const Matrix<float> wide = sample(kRows, 12);
  for (const DType dtype : {DType::float16, DType::float32}) {
    write_npy<float>(path("whole"), wide.view().col_range(3, kCols), {.dtype = dtype});
    NpyRowWriter writer(path("blocks"), kRows, kCols, {.dtype = dtype});
    writer.write(wide.view().col_range(3, kCols).row_range(0, 10));
    writer.write(wide.view().col_range(3, kCols).row_range(10, 13));
    writer.finish();
    EXPECT_EQ(read_bytes(path("blocks")), read_bytes(path("whole")));
  }
}

TEST_F(NpyRowWriterTest, LeavesNothingBehindButTheWholeFile) {
  const Matrix<float> rows = sample();
  const std::string name = path("a.npy").string();
  write_bytes(name, "old");
  const auto expect_refused = [&](const std::string& message,
                                  const std::function<void(NpyRowWriter&)>& work) {
    EXPECT_EQ(error_of([&] {
                NpyRowWriter writer(name, kRows, kCols, {.dtype = DType::float16});
                work(writer);
              }),
              message);
    EXPECT_EQ(read_bytes(name), "old");
    EXPECT_EQ(file_count(), 1u);
  };
  expect_refused("no error", [&](NpyRowWriter& writer) { writer.write(rows); });
  expect_refused(name + ": expected 23 rows in all, got 22", [&](NpyRowWriter& writer) {
    writer.write(rows.view().row_range(0, 22));
    writer.finish();
  });
  expect_refused(name + ": expected 23 rows in all, got at least 24", [&](NpyRowWriter& writer) {
    writer.write(rows);
    writer.write(rows.view().row_range(0, 1));
  });
  expect_refused(name + ": expected a block of 5 columns on cpu to write, got 4 on cpu",
                 [&](NpyRowWriter& writer) { writer.write(rows.view().col_range(0, 4)); });
  Matrix<float> huge = sample();
  huge(7, 2) = 70000;
  expect_refused(name + ": expected values that float16 can hold, got 70000.000000",
                 [&](NpyRowWriter& writer) { writer.write(huge); });
}

TEST_F(NpyRowWriterTest, RefusesShapesAndFormats) {
  const auto reason = [&](std::int64_t rows, std::int64_t cols, const NpyFormat& format = {}) {
    const std::string message = error_of([&] { NpyRowWriter(path("a"), rows, cols, format); });
    EXPECT_EQ(file_count(), 0u);
    return message;
  };
  EXPECT_HAS(reason(-1, 3), "a: expected a shape of less than 2^63 elements, got (-1, 3)");
  EXPECT_HAS(reason(3, -1), "got (3, -1)");
  EXPECT_HAS(reason(std::int64_t{1} << 40, std::int64_t{1} << 40), "less than 2^63 elements");
  EXPECT_HAS(reason(3, 2, {.fortran_order = true}), "got Fortran order");
  EXPECT_HAS(reason(3, 2, {.dtype = DType::bfloat16}), "got bfloat16");
  EXPECT_HAS(error_of([&] { NpyRowWriter(path("none/a"), 1, 1); }), "No such file or directory");
}

}  // namespace
}  // namespace clipk
