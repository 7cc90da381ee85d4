// Bad input: exit status, one line that says what was expected and what came, and no files.
#include <cmath>

#include "clipk/core/context.hpp"
#include "clipk/io/archive.hpp"
#include "examples/reduce/reduce_files.hpp"

namespace clipk::test {
namespace {

namespace fs = std::filesystem;

class ReduceRefusesTest : public ReduceFiles {
 protected:
  void expect_refused_arguments(int status, const std::string& message,
                                const std::vector<std::string>& arguments,
                                const ProgramOptions& options = {}) const {
    const std::vector<std::string> before = names("");
    const ProgramResult result = run(arguments, options);
    EXPECT_EQ(result.status, status) << result.err;
    EXPECT_HAS(result.err, message);
    EXPECT_EQ(result.err.rfind("clipk-reduce: ", 0), 0u) << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(names(""), before);
  }
  void expect_refused(int status, const std::string& message, const std::vector<std::string>& more,
                      const ProgramOptions& options = {}) const {
    expect_refused_arguments(status, message, with(images_by_axes(), more), options);
  }
  /// Without this option and its value.
  std::vector<std::string> without(const std::string& option) const {
    std::vector<std::string> arguments = images_by_axes();
    const auto at = std::find(arguments.begin(), arguments.end(), option);
    arguments.erase(at, at + 2);
    return arguments;
  }
  void expect_refused_rows(const std::string& message, const Matrix<float>& rows,
                           bool normalize = true) const {
    write_npy(path("x.npy"), rows);
    std::vector<std::string> arguments = with(images_by_axes(), {"--in", path("x.npy")});
    if (!normalize) arguments.emplace_back("--no-normalize");
    expect_refused_arguments(kData, path("x.npy").string() + ": expected " + message, arguments);
  }
};

TEST_F(ReduceRefusesTest, Options) {
  for (const char* option : {"--model", "--in", "--out"}) {
    expect_refused_arguments(kUsage, std::string(option) + " is required", without(option));
  }
  expect_refused(kUsage, "--modality: expected one of image, text, got 'images'",
                 {"--modality", "images"});
  expect_refused(kUsage, "--dim: expected a whole number from 1 to 1048576, got '0'",
                 {"--dim", "0"});
  expect_refused(kUsage, "--dtype: expected one of float32, float16, got 'int8'",
                 {"--dtype", "int8"});
  expect_refused(kUsage, "--threads: expected a whole number from 0", {"--threads", "-1"});
  expect_refused(kUsage, "--device: expected one of auto, cpu, cuda", {"--device", "tpu"});
  expect_refused(kUsage, "got --colour red", {"--colour", "red"});
  if (!Context::cuda_available()) {
    expect_refused(kData, "--device cuda: expected a usable CUDA GPU, got none",
                   {"--device", "cuda"});
  }
}

TEST_F(ReduceRefusesTest, Models) {
  const std::string model = path("m.clipk").string();
  const auto expect_refused_model = [&](const std::string& message) {
    expect_refused(kData, model + ": expected " + message, {"--model", model});
  };
  expect_refused_model("a clipk archive, got No such file or directory");
  write_bytes(model, "");
  expect_refused_model("a clipk archive, got an empty file");
  write_bytes(model, read_bytes(path("i.npy")));
  expect_refused_model("a clipk archive, got a file that is no clipk archive");
  ArchiveWriter("kmeans model", 1).write(model);
  expect_refused_model(
      "a pca model, a paired_axes model or a neural_mds model, got a clipk kmeans model");
  ArchiveWriter("kmeans\nmodel", 1).write(model);
  expect_refused_model(
      "a pca model, a paired_axes model or a neural_mds model, got a clipk kmeans");
  ArchiveWriter("pca model", 1).write(model);
  expect_refused_model("entry 'centering' to be a text, got no such entry");
  std::string bytes = read_bytes(path("axes.clipk"));
  write_bytes(model, bytes.substr(0, bytes.size() / 2));
  expect_refused_model("a clipk paired_axes model whose checksum fits, got a file of ");
  write_bytes(model, bytes.substr(0, 20));
  expect_refused_model("a clipk archive that states its kind, got a file of 20 bytes that is cut");
  fs::remove(model);
  fs::create_directory(model);
  expect_refused_model("a clipk archive, got a directory");
}

TEST_F(ReduceRefusesTest, WhatTheModelNeedsToKnow) {
  Context context = Context::cpu();
  mds(context).save(context, path("mds.clipk"));
  pca(Centering::pooled).save(path("pooled.clipk"));
  for (const char* model : {"axes.clipk", "pca.clipk", "mds.clipk"}) {
    std::vector<std::string> arguments = without("--modality");
    arguments[1] = path(model);
    expect_refused_arguments(kData,
                             "--modality: expected image or text, which " + path(model).string() +
                                 " maps in different ways, got none",
                             arguments);
  }
  fs::create_directory(path("folder"));
  std::vector<std::string> arguments = without("--modality");
  arguments[1] = path("pooled.clipk");
  expect_refused_arguments(kData,
                           "--modality: expected image or text, which are both in " +
                               path("folder").string() + ", got none",
                           with(arguments, {"--in", path("folder")}));
  expect_refused(kData,
                 "--dim: expected at most 6, the dimensions that " + path("axes.clipk").string() +
                     " has, got 7",
                 {"--dim", "7"});
  expect_refused(kData,
                 "--dim: expected 6, the only dimension of " + path("mds.clipk").string() +
                     ", a neural_mds model, got 5",
                 {"--dim", "5", "--model", path("mds.clipk")});
}

TEST_F(ReduceRefusesTest, Rows) {
  const std::string model = path("axes.clipk").string();
  expect_refused_rows("rows of 16 values, which " + model + " maps, got 15", Matrix<float>(3, 15));
  expect_refused_rows("at least 1 row and 1 column, got shape (0, 16)", Matrix<float>(0, 16));
  Matrix<float> bad = rows(kPairs, 3);
  bad(37, 5) = NAN;
  expect_refused_rows("finite values, got nan in row 37, column 5", bad);
  expect_refused_rows("finite values, got nan in row 37, column 5", bad, /*normalize=*/false);
  bad(37, 5) = INFINITY;
  expect_refused_rows("finite values, got inf in row 37, column 5", bad);
  for (std::int64_t j = 0; j < kDim; ++j) bad(37, j) = 0;
  expect_refused_rows("a row of finite length above 0, got length 0.000000 in row 37", bad);
  // The number of the row in the file, not in its block.
  Matrix<float> many = rows(70'000, 3);
  many(69'999, 2) = NAN;
  expect_refused_rows("finite values, got nan in row 69999, column 2", many);
  for (std::int64_t j = 0; j < kDim; ++j) many(69'999, j) = 0;
  expect_refused_rows("a row of finite length above 0, got length 0.000000 in row 69999", many);
}

TEST_F(ReduceRefusesTest, CodesThatTheTypeCannotHold) {
  Matrix<float> large = rows(kPairs, 3);
  for (std::int64_t j = 0; j < kDim; ++j) large(7, j) *= 1e6F;
  write_npy(path("x.npy"), large);
  std::vector<std::string> arguments =
      with(images_by_axes(), {"--in", path("x.npy"), "--dtype", "float16"});
  arguments.emplace_back("--no-normalize");
  expect_refused_arguments(
      kData, path("b.npy").string() + ": expected values that float16 can hold, got ", arguments);
  const PairedAxes model = axes();
  const MatrixView<const double> axes = model.axes(Modality::image);
  for (std::int64_t j = 0; j < kDim; ++j) large(7, j) = axes(0, j) > 0 ? 3e38F : -3e38F;
  write_npy(path("x.npy"), large);
  arguments[arguments.size() - 2] = "float32";
  expect_refused_arguments(
      kData, "codes of " + path("x.npy").string() + ": expected finite values, got inf in row 7",
      arguments);
}

TEST_F(ReduceRefusesTest, Files) {
  const std::string x = path("x.npy").string();
  expect_refused(kData, x + ": expected a .npy, .npz, safetensors or IDX file, got No such file",
                 {"--in", x});
  const std::string whole = read_bytes(path("i.npy"));
  write_bytes(x, whole.substr(0, whole.size() - 100));
  expect_refused(kData, "(cut short)", {"--in", x});
  write_bytes(x, "a,b\n1,2\n");
  expect_refused(kData, x + ": expected a .npy, .npz, safetensors or IDX file, got ", {"--in", x});
  write_npy(x, NpyArray<float>{{2, 4, 16}, std::vector<float>(128)});
  expect_refused(kData, x + ": expected an array of one or two dimensions, got shape (2, 4, 16)",
                 {"--in", x});
  fs::create_directory(path("folder"));
  expect_refused(kData, "folder: expected a clip-retrieval", {"--in", path("folder")});
}

TEST_F(ReduceRefusesTest, PlacesOfTheOutput) {
  fs::create_directory(path("folder"));
  expect_refused(kData, path("folder").string() + ": expected a regular file to write, got a dir",
                 {"--out", path("folder")});
  expect_refused(kData, path("none/b.npy").string() + ": expected to write the file, got No such",
                 {"--out", path("none/b.npy")});
  const std::string in = read_bytes(path("i.npy"));
  const std::string model = read_bytes(path("axes.clipk"));
  fs::create_symlink(path("i.npy"), path("link.npy"));
  expect_refused(kUsage,
                 "--out: expected another file than that of --in, got " + path("i.npy").string(),
                 {"--out", path("i.npy")});
  expect_refused(kUsage, "--out: expected another file than that of --in",
                 {"--out", path("link.npy")});
  expect_refused(kUsage, "--out: expected another file than that of --model",
                 {"--out", path("axes.clipk")});
  fs::create_directories(path("parts/img_emb"));
  write_npy(path("parts/img_emb/img_emb_0.npy"), raw_.images);
  expect_refused(kUsage, "--out: expected another file than that of --in",
                 {"--in", path("parts"), "--out", path("parts/img_emb/img_emb_0.npy")});
  EXPECT_EQ(read_bytes(path("i.npy")), in);
  EXPECT_EQ(read_bytes(path("axes.clipk")), model);
}

// 40 rows of 6 codes are 960 bytes behind a header of 128.
TEST_F(ReduceRefusesTest, FullDisk) {
  write_bytes(path("b.npy"), "old");
  for (const rlim_t limit : {1024, 1087}) {
    expect_refused(kData,
                   path("b.npy").string() + ": expected to write the file, got File too large", {},
                   {.file_limit = limit});
    EXPECT_EQ(read_bytes(path("b.npy")), "old");
  }
  EXPECT_EQ(run(images_by_axes(), {.file_limit = 1088}).status, 0);
  EXPECT_EQ(read_bytes(path("b.npy")).size(), 1088u);
}

}  // namespace
}  // namespace clipk::test
