// Bad input: exit status, one line that says what was expected and what came, and no files. What
// looks bad and is not: constant columns, duplicates.
#include <cmath>
#include <limits>

#include "clipk/core/context.hpp"
#include "examples/cluster/cluster_files.hpp"

namespace clipk::test {
namespace {

class ClusterRefusesTest : public ClusterTest {
 protected:
  void expect_refused(int status, const std::string& message, const std::vector<std::string>& more,
                      bool fits = false, const ProgramOptions& options = {}) {
    expect_refused_run(status, message, with(toy(), more), fits, options);
  }
  // Long work that a refusal must not wait for: the networks' training, before k-means.
  void expect_refused_rows(const std::string& message, const Matrix<float>& rows,
                           std::vector<std::string> more = {}) {
    write_npy(path("bad.npy"), rows);
    const std::vector<std::string> long_work{"--features", path("bad.npy"), "--methods",
                                             "dec",        "--epochs",      "1000000"};
    more.insert(more.begin(), long_work.begin(), long_work.end());
    expect_refused(kData, message, more);
  }
  void expect_refused_file(const std::string& option, const std::string& message,
                           const std::string& bytes) {
    write_bytes(path("bad"), bytes);
    expect_refused(kData, path("bad").string() + ": expected " + message, {option, path("bad")});
  }
  void expect_refused_labels(const std::string& message, const std::vector<std::int32_t>& labels,
                             const std::vector<std::string>& more = {}) {
    write_npy(path("bad.npy"), labels);
    expect_refused(kData, path("bad.npy").string() + ": expected " + message,
                   with({"--labels", path("bad.npy")}, more));
  }
  // A run that ends well, with a table and a map of numbers.
  void expect_works(const Matrix<float>& rows, const std::vector<std::string>& more = {}) {
    write_npy(path("fine.npy"), rows);
    ASSERT_NO_FATAL_FAILURE(
        run_into("fine", with(toy(), with({"--features", path("fine.npy")}, more))));
    const auto found = results("fine");
    ASSERT_FALSE(found["rows"].empty());
    for (const auto& row : found["rows"]) {
      for (const char* key : {"inertia", "ami", "silhouette"}) {
        EXPECT_TRUE(row[key].is_number()) << row;
      }
    }
    EXPECT_TRUE(found["tsne"]["kl"].is_number());
    const Matrix<float> map = read_npy_matrix<float>(path("fine/tsne.npy"));
    ASSERT_EQ(map.rows(), rows.rows());
    for (const float value : map.flat()) ASSERT_TRUE(std::isfinite(value));
    std::filesystem::remove_all(path("fine"));
  }
  // The first `distinct` rows over and over.
  Matrix<float> repeated(std::int64_t distinct, std::int64_t n = kRows) const {
    Matrix<float> rows(n, kDim);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < kDim; ++j) rows(i, j) = rows_(i % distinct, j);
    }
    return rows;
  }
  static std::string idx(const std::vector<std::uint32_t>& shape, std::size_t bytes) {
    std::string text{'\0', '\0', '\x08', static_cast<char>(shape.size())};
    for (const std::uint32_t extent : shape) {
      for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(extent >> shift);
    }
    for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>(i * i % 251);
    return text;
  }
};

TEST_F(ClusterRefusesTest, Options) {
  const std::string from_1 = ": expected a whole number from 1 to ";
  expect_refused(kUsage, "--k: expected a whole number from 0 to 1000000, got '-3'", {"--k", "-3"});
  expect_refused(kUsage, "--k: expected a whole number from 0 to 1000000, got 'ten'",
                 {"--k", "ten"});
  expect_refused(kUsage, "--k: expected at least 2 clusters, got 1", {"--k", "1"});
  expect_refused(kUsage, "--methods: expected one of kmeans, autoencoder, dec, idec, got 'som'",
                 {"--methods", "kmeans,som"});
  expect_refused(kUsage, "--methods: expected each value once, got dec twice",
                 {"--methods", "dec,dec"});
  expect_refused(kUsage, "--seeds" + from_1 + "1000, got '0'", {"--seeds", "0"});
  expect_refused(kUsage, "--seed: expected a whole number from 0", {"--seed", "-1"});
  expect_refused(kUsage, "--epochs: expected a whole number from 0 to 1000000, got '1e3'",
                 {"--epochs", "1e3"});
  expect_refused(kUsage, "--pca: expected a whole number from 0 to 1048576, got '-1'",
                 {"--pca", "-1"});
  expect_refused(kUsage, "--scaling: expected one of standardized, equal_length, none, got 'unit'",
                 {"--scaling", "unit"});
  expect_refused(kUsage, "--restarts" + from_1 + "10000, got '0'", {"--restarts", "0"});
  expect_refused(kUsage, "--layers" + from_1 + "1048576, got '0'", {"--layers", "16,0"});
  expect_refused(kUsage, "--denoising: expected a whole number from -1 to 1000, got '-2'",
                 {"--denoising", "-2"});
  expect_refused(kUsage, "--kernel: expected one of student_t, von_mises_fisher, got 'gauss'",
                 {"--kernel", "gauss"});
  expect_refused(kUsage, "--perplexity: expected a number from 1 to 10000, got '0.5'",
                 {"--perplexity", "0.5"});
  expect_refused(kUsage, "--perplexity: expected a number from 1 to 10000, got 'nan'",
                 {"--perplexity", "nan"});
  expect_refused(kUsage, "--tsne-rows: expected a whole number from -1", {"--tsne-rows", "-2"});
  expect_refused(kUsage, "got --colour red", {"--colour", "red"});
  expect_refused_run(kUsage, "--features excludes --full", {"--features", path("x.npy"), "--full"});
  expect_refused_run(kUsage, "--labels requires --features", {"--labels", path("y.npy")});
  expect_refused_run(kUsage, "--label-names requires --labels",
                     {"--features", path("x.npy"), "--label-names", path("y.npy")});
  if (!Context::cuda_available()) {
    expect_refused(kData, "--device cuda: expected a usable CUDA GPU, got none",
                   {"--device", "cuda"});
  }
}

TEST_F(ClusterRefusesTest, OptionsThatTheRowsCannotMeet) {
  expect_refused(kData, "--k: expected at most 120, one per row, got 121", {"--k", "121"});
  expect_refused(kData, "--pca: expected at most 12, got 13", {"--pca", "13"});
  const std::string map = "rows, three times as many, got ";
  expect_refused(kData, "--perplexity 40: expected more than 120 " + map + "120",
                 {"--perplexity", "40"});
  expect_refused(kData, "--perplexity 10: expected more than 30 " + map + "30 (--tsne-rows 0",
                 {"--tsne-rows", "30"});
}

TEST_F(ClusterRefusesTest, RowsThatAreEqual) {
  const std::string equal = "expected rows that differ, got 120 equal rows";
  expect_refused_rows(equal, repeated(1));
  expect_refused_rows(equal, repeated(1), {"--pca", "3"});
  expect_refused_rows(equal, Matrix<float>(kRows, kDim));
  expect_refused_rows("expected at least 51 distinct rows, one per cluster, got 50", repeated(50),
                      {"--k", "51"});
  Matrix<float> zeros(kRows, kDim);  // 0 and -0 are one
  for (std::int64_t i = 0; i < kRows; i += 2) zeros(i, 3) = -0.0F;
  expect_refused_rows(equal, zeros);
  // Rows that only seem enough: their codes are not.
  expect_refused(kData, "autoencoder, seed 0: kmeans: expected at least 120 distinct rows (k)",
                 {"--methods", "autoencoder", "--k", "120", "--epochs", "1", "--denoising", "1000"},
                 /*fits=*/true);
}

TEST_F(ClusterRefusesTest, TooFewRowsToChooseK) {
  write_npy(path("few.npy"), repeated(1, 1));
  expect_refused_run(kData, "expected rows that differ, got 1 equal rows",
                     {"--features", path("few.npy"), "--tsne-rows", "0"});
}

TEST_F(ClusterRefusesTest, OddRowsThatWork) {
  Matrix<float> constant_column = planted(kRows);
  for (std::int64_t i = 0; i < kRows; ++i) constant_column(i, 5) = 7;
  expect_works(constant_column);
  expect_works(constant_column, {"--scaling", "standardized", "--pca", "12"});
  expect_works(repeated(4), {"--seeds", "1"});   // as many as clusters, thirty times each
  expect_works(repeated(60), {"--seeds", "1"});  // each twice
}

TEST_F(ClusterRefusesTest, ValuesThatAreNoNumbers) {
  Matrix<float> rows = planted(kRows);
  rows(3, 5) = NAN;
  expect_refused_rows("bad.npy: expected finite values, got nan in row 3, column 5", rows);
  rows(3, 5) = -INFINITY;
  expect_refused_rows("bad.npy: expected finite values, got -inf in row 3, column 5", rows);
  rows(3, 5) = 1e30F;  // squares beyond float32
  write_npy(path("bad.npy"), rows);
  expect_refused(kData, "kmeans: expected squared distances within the range of float32",
                 {"--features", path("bad.npy"), "--methods", "kmeans"}, /*fits=*/true);
  // The networks see rows of one length.
  const ProgramResult others = run(with(toy(), {"--features", path("bad.npy"), "--methods",
                                                "kmeans,autoencoder", "--out", path("o")}));
  EXPECT_EQ(others.status, 3);
  EXPECT_HAS(others.err,
             "left out: kmeans, seed 0: kmeans: expected squared distances within the range of "
             "float32, got overflow\n");
  EXPECT_TRUE(std::filesystem::exists(path("o/embedding_autoencoder_0.npy")));
}

TEST_F(ClusterRefusesTest, Labels) {
  std::vector<std::int32_t> labels = classes(kRows - 1);
  expect_refused_labels("120 labels, one for every row of " + path("x.npy").string() + ", got 119",
                        labels);
  expect_refused_labels("120 labels", classes(kRows + 1));
  labels.push_back(1);
  labels[0] = -1;
  labels[1] = -7;
  write_npy(path("some.npy"), labels);
  ASSERT_NO_FATAL_FAILURE(
      run_into("some", with(toy(), {"--labels", path("some.npy"), "--seeds", "1"})));
  EXPECT_EQ(results("some")["rows"][0]["missing_labels"], 2);
}

TEST_F(ClusterRefusesTest, LabelsThatAreNoIntegers) {
  Matrix<float> halves(1, kRows);
  halves(0, 2) = .5F;
  write_npy(path("h.npy"), halves);
  expect_refused(kData, "h.npy: expected values that int32 can hold, got 0.5",
                 {"--labels", path("h.npy")});
  halves(0, 2) = NAN;
  write_npy(path("h.npy"), halves);
  expect_refused(kData, "h.npy: expected values that int32 can hold, got nan",
                 {"--labels", path("h.npy")});
  expect_refused(kData, "x.npy: expected an array of one dimension, got shape (120, 12)",
                 {"--labels", path("x.npy")});
  expect_refused_file("--labels", "a .npy, .npz, safetensors or IDX file, got text",
                      "label\n1\n2\n");
}

TEST_F(ClusterRefusesTest, LabelNames) {
  write_bytes(path("names"), "a\nb\nc\n");
  expect_refused(kData, "factor class: expected a name for label 3, got 3 names",
                 {"--label-names", path("names")});
  expect_refused_file("--label-names", "a text file with at least 1 line, got an empty one", "");
  expect_refused(kData, "none: expected a text file, got No such file or directory",
                 {"--label-names", path("none")});
  expect_refused(kData, ": expected a text file, got a directory", {"--label-names", path("")});
}

TEST_F(ClusterRefusesTest, Files) {
  const std::string either = "a .npy, .npz, safetensors or IDX file, got ";
  for (const char* option : {"--features", "--labels"}) {
    expect_refused(kData, "none: expected " + either + "No such file or directory",
                   {option, path("none")});
    const bool folder_reads = std::string(option) == "--features";
    expect_refused(kData,
                   folder_reads
                       ? ": expected a clip-retrieval folder with img_emb/img_emb_N.npy, got none"
                       : ": expected " + either + "a directory",
                   {option, path("")});
    expect_refused_file(option, either + "a file of 0 bytes", "");
    expect_refused_file(option, either + "text", "1.0 2.0 3.0\n");
  }
  write_npy(path("empty.npy"), Matrix<float>(0, kDim));
  expect_refused(kData, "empty.npy: expected at least 1 row and 1 column, got shape (0, 12)",
                 {"--features", path("empty.npy")});
  write_npy(path("empty.npy"), Matrix<float>(kRows, 0));
  expect_refused(kData, "empty.npy: expected at least 1 row and 1 column, got shape (120, 0)",
                 {"--features", path("empty.npy")});
  write_npy(path("empty.npy"), std::vector<std::int32_t>{});
  expect_refused(kData, "empty.npy: expected at least 1 label, got 0",
                 {"--labels", path("empty.npy")});
  const std::string bytes = read_bytes(path("x.npy"));
  for (const std::size_t size : {std::size_t{20}, bytes.size() - 1}) {
    expect_refused_file("--features", "", bytes.substr(0, size));
  }
  expect_refused_file("--features", "5888 bytes for shape (120, 12) of float32, got 5889",
                      bytes + '\0');
}

TEST_F(ClusterRefusesTest, IdxHeadersThatLie) {
  const std::string images = idx({kRows, 3, 4}, std::size_t{kRows} * 12);
  write_bytes(path("fine"), images);
  ASSERT_NO_FATAL_FAILURE(run_into("fine-out", with(toy(), {"--features", path("fine")})));
  const std::string size = "1456 bytes for shape (120, 3, 4) of uint8, got ";
  expect_refused_file("--features", size + "1457 (too long)", images + '\0');
  expect_refused_file("--features", size + "1455 (cut short)", images.substr(0, 1455));
  expect_refused_file("--features", "the extents in the IDX header, got the end after 8 of 12",
                      images.substr(0, 12));
  expect_refused_file("--features", "", idx({4'294'967'295U, 28, 28}, 1000));  // terabytes
  expect_refused_file("--features", "a shape of less than 2^63 bytes, got (4294967295, ",
                      idx({4'294'967'295U, 4'294'967'295U, 4'294'967'295U}, 1000));
  expect_refused_file("--features", "at least 1 row and 1 column, got shape (0, 28, 28)",
                      idx({0, 28, 28}, 0));
  expect_refused_file("--labels", "124 bytes for shape (116,)", idx({116}, kRows));
  expect_refused_file("--labels", "an array of one dimension, got shape (120, 3, 4)", images);
  // A gzip stream with one stored block, without its end.
  const auto length = static_cast<std::uint16_t>(images.size());
  std::string stream("\x1F\x8B\x08\0\0\0\0\0\0\x03\x01", 11);
  for (const int value : {length & 0xFF, length >> 8, ~length & 0xFF, ~length >> 8 & 0xFF}) {
    stream += static_cast<char>(value);
  }
  stream += images;
  expect_refused_file("--features", "the rest of the gzip stream, got the end of the file",
                      stream.substr(0, stream.size() - 100));
  expect_refused_file("--features", "the rest of the gzip stream, got the end of the file", stream);
}

TEST_F(ClusterRefusesTest, Checkpoints) {
  write_bytes(path("c"), "no checkpoint");
  expect_refused(kData, "c: expected a clipk cluster_study checkpoint, got a file",
                 {"--checkpoint", path("c")});
  expect_refused(kData, "none/c: expected to write the file, got No such file",
                 {"--checkpoint", path("none/c")});
}

// Signed anew after what makes it a checkpoint of something else.
TEST_F(ClusterRefusesTest, CheckpointsThatLie) {
  const std::string c = path("c");
  const ProgramResult first = run(with(toy(), {"--checkpoint", c, "--out", path("first")}));
  ASSERT_EQ(first.status, 0) << first.err;
  const ArchiveParts whole = parts_of(read_bytes(c));
  const auto refused = [&](const std::string& reason, const auto& change) {
    expect_refused_checkpoint(c, whole, reason, toy(), change);
  };
  using Entry = ArchiveParts::Entry;
  refused("expected a new line after each key, got none after '", [&](Entry& entry) {
    if (entry.name != "keys") return;
    entry.bytes.pop_back();
    --entry.rows;
  });
  refused("fit kmeans/0: expected labels from 0 to ", [&](Entry& entry) {
    if (entry.name == "kmeans/0/labels") entry.bytes.replace(0, 4, "\xff\xff\xff\xff");
  });
  refused("expected entry 'dec/0/embedding' of finite numbers, got ", [&](Entry& entry) {
    if (entry.name == "dec/0/embedding") entry.bytes.replace(0, 4, "\xff\xff\xff\xff");
  });
}

TEST_F(ClusterRefusesTest, Folders) {
  write_bytes(path("file"), "");
  const ProgramResult result = run(with(toy(), {"--out", path("file/out")}));
  EXPECT_EQ(result.status, kData);
  EXPECT_HAS(result.err, "cluster_study: --out: expected a folder, got " + path("file").string());
  const std::optional<MountedRun> refused = run_on_small_disk(toy(), /*read_only=*/true);
  if (!refused) GTEST_SKIP() << "only root may mount a disk";
  EXPECT_EQ(refused->result.status, kData);
  EXPECT_EQ(refused->result.err, "cluster_study: --out: expected a folder to write in, got " +
                                     path("disk").string() + ", which is read-only\n");
  EXPECT_TRUE(refused->empty);
}

TEST_F(ClusterRefusesTest, FullDisk) {
  const std::optional<MountedRun> full = run_on_small_disk(toy());
  if (!full) GTEST_SKIP() << "only root may mount a small disk";
  EXPECT_EQ(full->result.status, kData);
  EXPECT_HAS(last_line(full->result.err), "cluster_study: ");
  EXPECT_HAS(last_line(full->result.err), "expected to write the file, got No space left");
  EXPECT_TRUE(full->empty);
}

// The limit of a file's size comes within a picture, within an array, and within the checkpoint.
TEST_F(ClusterRefusesTest, FilesThatCannotGrow) {
  expect_refused(kData, "expected ", {}, /*fits=*/true, {.file_limit = 0});
  expect_refused(kData, "results.json: expected to write the file, got File too large",
                 {"--tsne-rows", "0"}, /*fits=*/true, {.file_limit = 5000});
  expect_refused(kData, "c: expected to write the file, got File too large",
                 {"--checkpoint", path("c")}, /*fits=*/false, {.file_limit = 100});
}

TEST_F(ClusterRefusesTest, NoGnuplotBeforeTheFirstFit) {
  expect_refused(kData, "expected gnuplot to draw charts (Debian: gnuplot-nox), got No such file",
                 {}, /*fits=*/false, {.environment = {{"PATH", "/nonexistent"}}});
}

}  // namespace
}  // namespace clipk::test
