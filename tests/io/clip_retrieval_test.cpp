#include "clipk/io/clip_retrieval.hpp"

#include <cstring>

#include "clipk/io/embeddings.hpp"
#include "clipk/io/npy.hpp"
#include "io/arrays/parquet_rows.hpp"
#include "io/broken_files.hpp"
#include "io/files.hpp"
#include "support/error_of.hpp"
#include "support/golden_folder.hpp"

namespace clipk {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::read_bytes;
using test::write_bytes;

/// A copy of the golden folder: parts 0, 9 and 10 of 3, 2 and 4 rows.
class ClipRetrievalTest : public test::FileTest {
 protected:
  ClipRetrievalTest() {
    fs::copy(test::golden_folder() / "clip_retrieval", folder(), fs::copy_options::recursive);
  }
  fs::path folder() const { return path("folder"); }
  static Matrix<float> rows(std::int64_t n, std::int64_t d) {
    Matrix<float> matrix(n, d);
    for (std::int64_t i = 0; i < n * d; ++i) matrix.data()[i] = static_cast<float>(i);
    return matrix;
  }
  std::string reason_of_pairs() const {
    const std::string message = error_of([&] { read_pairs(folder()); });
    EXPECT_EQ(message.rfind(folder().string(), 0), 0u) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message;
  }
};

TEST_F(ClipRetrievalTest, PartsInTheOrderOfTheirNumbers) {
  write_bytes(folder() / "img_emb/readme.txt", "x");
  write_bytes(folder() / "img_emb/img_emb_x.npy", "x");
  write_bytes(folder() / "img_emb/img_emb_.npy", "x");
  write_bytes(folder() / "img_emb/img_emb_1.npy.tmp", "x");
  fs::rename(folder() / "img_emb/img_emb_9.npy", folder() / "img_emb/img_emb_0009.npy");
  const auto files = clip_retrieval_files(folder(), Modality::image);
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[1].filename(), "img_emb_0009.npy");
  EXPECT_EQ(files[2].filename(), "img_emb_10.npy");
  for (const Modality modality : {Modality::image, Modality::text}) {
    const Matrix<float> matrix = read_clip_retrieval(folder(), modality);
    ASSERT_EQ(matrix.rows(), 9);
    ASSERT_EQ(matrix.cols(), 4);
    const float sign = modality == Modality::image ? 1.0F : -1.0F;
    for (int k = 0; k < 36; ++k) EXPECT_EQ(matrix.data()[k], sign * static_cast<float>(k));
  }
  const EmbeddingPairs pairs = read_pairs(folder());
  EXPECT_EQ(pairs.size(), 9);
  const EmbeddingPairs two = read_pairs(folder(), folder());
  EXPECT_EQ(std::memcmp(pairs.texts.data(), two.texts.data(), 36 * sizeof(float)), 0);
}

TEST_F(ClipRetrievalTest, PartsMayHaveAxesOfLengthOne) {
  const Matrix<float> whole = read_clip_retrieval(folder(), Modality::image);
  const fs::path part = folder() / "img_emb/img_emb_9.npy";
  auto array = read_npy<float>(part);
  array.shape = {2, 1, 4};
  write_npy(part, array);
  const Matrix<float> same = read_clip_retrieval(folder(), Modality::image);
  EXPECT_EQ(std::memcmp(same.data(), whole.data(), 36 * sizeof(float)), 0);
  EXPECT_EQ(read_pairs(folder()).size(), 9);
  array.shape = {2, 2, 2};
  write_npy(part, array);
  EXPECT_HAS(error_of([&] { read_clip_retrieval(folder(), Modality::image); }),
             "expected vectors of shape (n, d), got (2, 2, 2)");
}

TEST_F(ClipRetrievalTest, OneModalityAlone) {
  fs::remove_all(folder() / "text_emb");
  EXPECT_EQ(read_embeddings(folder(), Modality::image).rows(), 9);
  EXPECT_HAS(error_of([&] { read_embeddings(folder(), Modality::text); }),
             "expected a clip-retrieval folder with text_emb/text_emb_N.npy, got none");
  EXPECT_HAS(reason_of_pairs(), "with text_emb/text_emb_N.npy, got none");
}

TEST_F(ClipRetrievalTest, RefusesPartsThatDoNotMatch) {
  write_npy(folder() / "text_emb/text_emb_9.npy", rows(3, 4));
  fs::remove_all(folder() / "metadata");
  EXPECT_HAS(reason_of_pairs(), "text_emb_9.npy: expected 2 rows as in " +
                                    (folder() / "img_emb/img_emb_9.npy").string() + ", got 3");
  write_npy(folder() / "text_emb/text_emb_9.npy", rows(2, 5));
  EXPECT_HAS(reason_of_pairs(), "text_emb_9.npy: expected dimension 4 as in " +
                                    (folder() / "text_emb/text_emb_0.npy").string() + ", got 5");
  write_npy(folder() / "text_emb/text_emb_9.npy", std::vector<float>{1, 2});
  EXPECT_HAS(reason_of_pairs(), "expected vectors of shape (n, d), got (2,)");
  fs::remove(folder() / "text_emb/text_emb_9.npy");
  EXPECT_HAS(reason_of_pairs(), "expected part 9 of the texts beside img_emb_9.npy, got none");
  fs::rename(folder() / "text_emb/text_emb_10.npy", folder() / "text_emb/text_emb_09.npy");
  fs::remove(folder() / "img_emb/img_emb_10.npy");
  fs::rename(folder() / "img_emb/img_emb_9.npy", folder() / "img_emb/img_emb_1.npy");
  fs::copy(folder() / "img_emb/img_emb_1.npy", folder() / "img_emb/img_emb_01.npy");
  EXPECT_HAS(reason_of_pairs(),
             "img_emb_1.npy: expected one part of number 1, got img_emb_01.npy beside it");
}

TEST_F(ClipRetrievalTest, RefusesOtherRowsThanTheMetadata) {
  const fs::path metadata = folder() / "metadata/metadata_9.parquet";
  fs::copy(folder() / "metadata/metadata_10.parquet", metadata,
           fs::copy_options::overwrite_existing);
  EXPECT_EQ(error_of([&] { read_clip_retrieval(folder(), Modality::image); }),
            (folder() / "img_emb/img_emb_9.npy").string() + ": expected 4 rows as in " +
                metadata.string() + ", got 2");
  EXPECT_HAS(reason_of_pairs(), "expected 4 rows as in");
  fs::rename(metadata, folder() / "metadata/metadata_09.parquet");
  EXPECT_HAS(reason_of_pairs(), "metadata_09.parquet, got 2");
  // What cannot be read checks nothing.
  write_bytes(folder() / "metadata/metadata_09.parquet", "PAR1 but not really");
  EXPECT_EQ(read_pairs(folder()).size(), 9);
  fs::remove_all(folder() / "metadata");
  EXPECT_EQ(read_pairs(folder()).size(), 9);
}

TEST_F(ClipRetrievalTest, RefusesOtherFolders) {
  fs::create_directory(path("empty"));
  EXPECT_EQ(error_of([&] { read_pairs(path("empty")); }),
            path("empty").string() +
                ": expected a clip-retrieval folder with img_emb/img_emb_N.npy, got none");
  EXPECT_HAS(error_of([&] { read_clip_retrieval(path("none"), Modality::image); }),
             "expected a clip-retrieval folder, got No such file or directory");
  write_bytes(folder() / "img_emb/img_emb_9.npy", "broken");
  EXPECT_HAS(reason_of_pairs(), "img_emb_9.npy: expected a .npy file");
}

TEST_F(ClipRetrievalTest, RowsOfParquetFiles) {
  const auto rows_of = [&](int part) {
    return io::parquet_rows(folder() / "metadata" /
                            ("metadata_" + std::to_string(part) + ".parquet"));
  };
  EXPECT_EQ(rows_of(0), 3);
  EXPECT_EQ(rows_of(9), 2);
  EXPECT_EQ(rows_of(10), 4);
  EXPECT_EQ(rows_of(1), std::nullopt);
  for (const char* bytes : {"", "PAR1", "PAR1PAR1", "\xFF\xFF\xFF\xFFPAR1", "1234PARE"}) {
    write_bytes(path("x"), bytes);
    EXPECT_EQ(io::parquet_rows(path("x")), std::nullopt);
  }
  EXPECT_EQ(io::parquet_rows(folder()), std::nullopt);
  // Field 3 first, its number counted on from 0 or said in full; 5 rows, -5, and another type.
  const auto rows_of_footer = [&](const std::string& footer) {
    write_bytes(path("x"),
                footer + static_cast<char>(footer.size()) + std::string(3, '\0') + "PAR1");
    return io::parquet_rows(path("x"));
  };
  EXPECT_EQ(rows_of_footer("\x36\x0A"), 5);
  EXPECT_EQ(rows_of_footer("\x06\x06\x0A"), 5);
  EXPECT_EQ(rows_of_footer("\x36\x09"), std::nullopt);
  EXPECT_EQ(rows_of_footer("\x38\x01x"), std::nullopt);
  // A field of number 2^63 - 1 before it, which the next one's would count on from.
  EXPECT_EQ(rows_of_footer("\x06\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x02\x06\x06\x0A"),
            std::nullopt);
  EXPECT_EQ(rows_of_footer(std::string(40, '\x1C')), std::nullopt);  // structs in structs
}

// The footers alone: the data before them are not read.
TEST_F(ClipRetrievalTest, SurvivesEveryBrokenByteOfAParquetFooter) {
  const std::string whole = read_bytes(folder() / "metadata/metadata_0.parquet");
  std::uint32_t length = 0;
  std::memcpy(&length, whole.data() + whole.size() - 8, 4);
  const std::string footer = whole.substr(whole.size() - 8 - length);
  std::size_t same = 0;
  for (std::size_t at = 0; at < footer.size(); ++at) {
    for (const int flip : {0x01, 0x08, 0x80, 0xFF}) {
      std::string broken = footer;
      broken[at] = static_cast<char>(broken[at] ^ flip);
      write_bytes(path("x"), broken);
      same += io::parquet_rows(path("x")) == 3 ? 1 : 0;
    }
  }
  EXPECT_GT(same, footer.size());  // most of it is behind the field
  for (std::size_t size = 0; size < footer.size(); size += 7) {
    write_bytes(path("x"), footer.substr(footer.size() - 8 - std::min(size, footer.size() - 8)));
    io::parquet_rows(path("x"));
  }
}

}  // namespace
}  // namespace clipk
