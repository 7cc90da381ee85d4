#include "reduce/reduce.hpp"

#include <chrono>
#include <cstring>
#include <fstream>
#include <thread>

#include "clipk/io/safetensors.hpp"
#include "examples/reduce/reduce_files.hpp"
#include "io/zip_files.hpp"

namespace clipk::test {
namespace {

namespace fs = std::filesystem;

class ReduceTest : public ReduceFiles {
 protected:
  /// The file that write_npy makes of codes.
  std::string bytes_of(const Matrix<float>& codes, DType dtype = DType::float32) const {
    write_npy(path("expected.npy"), codes, {.dtype = dtype});
    return read_bytes(path("expected.npy"));
  }
  /// Runs, and returns the bytes of the output.
  std::string reduced(const std::vector<std::string>& arguments) const {
    const ProgramResult result = run(arguments);
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.err, "");
    return read_bytes(path("b.npy"));
  }
  /// A file of zeros that takes no space on disk.
  void write_sparse(const std::string& name, std::int64_t rows, std::int64_t cols) const {
    std::string header = "\x93NUMPY\x01";
    header += std::string("\0\x76\0", 3);
    header += "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", " +
              std::to_string(cols) + "), }";
    header.resize(127, ' ');
    write_bytes(path(name), header + '\n');
    fs::resize_file(path(name), 128 + static_cast<std::uintmax_t>(rows * cols) * sizeof(float));
  }
};

// Byte for byte what the model's transform makes of all rows at once, wherever blocks end.
TEST_F(ReduceTest, EqualsTransformForAnyBlocks) {
  Context context = Context::cpu({.threads = 2});
  const NeuralMds network = mds(context);
  network.save(context, path("mds.clipk"));
  const PairedAxes axes = this->axes();
  const Pca pca = this->pca();
  for (const Modality modality : {Modality::image, Modality::text}) {
    const Matrix<float>& rows = unit(modality);
    Matrix<float> first_axes(kPairs, 4);
    axes.transform(context, rows, modality, first_axes.view());
    const struct {
      const char* model;
      std::int64_t dim;
      Matrix<float> codes;
    } cases[] = {{"axes.clipk", kCode, axes.transform(context, rows, modality)},
                 {"axes.clipk", 4, std::move(first_axes)},
                 {"pca.clipk", kDim, pca.transform(context, rows, modality, kDim)},
                 {"pca.clipk", 3, pca.transform(context, rows, modality, 3)},
                 {"mds.clipk", kCode, network.transform(context, rows, modality)}};
    for (const auto& [model, dim, codes] : cases) {
      const std::string expected = bytes_of(codes);
      const study::SavedMap map = study::SavedMap::load(context, path(model));
      for (const std::int64_t block : {1, 3, 7, 20, 39, 40, 41, 1000}) {
        RowReader in(file(modality), modality);
        NpyRowWriter out(path("b.npy"), kPairs, dim);
        study::reduce_rows(context, map, modality, true, in, out, block);
        out.finish();
        EXPECT_EQ(read_bytes(path("b.npy")), expected) << model << ", " << dim << ", " << block;
      }
    }
    // The two modalities are not mapped alike.
    const Modality other = modality == Modality::image ? Modality::text : Modality::image;
    for (const auto& c : cases) {
      const study::SavedMap map = study::SavedMap::load(context, path(c.model));
      const Matrix<float> codes = map.transform(context, rows, other, c.dim);
      EXPECT_NE(bytes_of(codes), bytes_of(c.codes)) << c.model;
    }
  }
}

TEST_F(ReduceTest, TheProgramWritesTheCodesAndSaysSo) {
  Context context = Context::cpu();
  const std::string expected = bytes_of(axes().transform(context, unit_.texts, Modality::text));
  const std::vector<std::string> texts =
      with(images_by_axes(), {"--in", path("t.npy"), "--modality", "text"});
  const ProgramResult result = run(texts);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out.rfind(path("b.npy").string() + ": 40 rows, 16 -> 6 dimensions, ", 0), 0u)
      << result.out;
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1);
  EXPECT_EQ(read_bytes(path("b.npy")), expected);
  EXPECT_EQ(reduced(with(texts, {"--threads", "3"})), expected);  // in the place of the first
  EXPECT_NE(reduced(images_by_axes()), expected);
}

TEST_F(ReduceTest, OptionsOfTheMap) {
  Context context = Context::cpu();
  const PairedAxes axes = this->axes();
  const Matrix<float> codes = axes.transform(context, unit_.images, Modality::image);
  EXPECT_EQ(reduced(with(images_by_axes(), {"--dtype", "float16"})),
            bytes_of(codes, DType::float16));
  Matrix<float> first(kPairs, 2);
  axes.transform(context, unit_.images, Modality::image, first.view());
  EXPECT_EQ(reduced(with(images_by_axes(), {"--dim", "2"})), bytes_of(first));
  EXPECT_EQ(reduced(with(images_by_axes(), {"--dim", "6"})), bytes_of(codes));
  const Matrix<float> raw = axes.transform(context, raw_.images, Modality::image);
  std::vector<std::string> arguments = images_by_axes();
  arguments.emplace_back("--no-normalize");
  EXPECT_EQ(reduced(arguments), bytes_of(raw));
  EXPECT_NE(bytes_of(raw), bytes_of(codes));

  // A map that has one mean for both modalities needs not know which this is.
  for (const Centering centering : {Centering::pooled, Centering::none}) {
    const Pca pca = this->pca(centering);
    pca.save(path("one.clipk"));
    EXPECT_EQ(reduced({"--model", path("one.clipk"), "--in", path("t.npy"), "--out", path("b.npy"),
                       "--dim", "5", "--device", "cpu"}),
              bytes_of(pca.transform(context, unit_.texts, Modality::text, 5)));
  }
}

TEST_F(ReduceTest, ReadsFilesAsTheStudiesDo) {
  Context context = Context::cpu();
  const std::string expected = bytes_of(axes().transform(context, unit_.images, Modality::image));
  const std::string npy = read_bytes(path("i.npy"));
  write_zip(path("a.npz"), {{"images.npy", npy}, {"texts.npy", read_bytes(path("t.npy"))}});
  EXPECT_EQ(reduced(with(images_by_axes(), {"--in", path("a.npz").string() + ":images"})),
            expected);
  write_safetensors(path("a.safetensors"), {{.name = "x", .values = raw_.images.view()}});
  EXPECT_EQ(reduced(with(images_by_axes(), {"--in", path("a.safetensors")})), expected);
  write_npy(path("f.npy"), raw_.images,
            {.dtype = DType::float64, .big_endian = true, .fortran_order = true});
  EXPECT_EQ(reduced(with(images_by_axes(), {"--in", path("f.npy")})), expected);
  for (const char* part : {"img_emb", "text_emb"}) fs::create_directories(path("folder") / part);
  write_npy<float>(path("folder/img_emb/img_emb_0.npy"), raw_.images.view().row_range(0, 15));
  write_npy<float>(path("folder/img_emb/img_emb_1.npy"), raw_.images.view().row_range(15, 25));
  write_npy(path("folder/text_emb/text_emb_0.npy"), raw_.texts);
  EXPECT_EQ(reduced(with(images_by_axes(), {"--in", path("folder")})), expected);
}

TEST_F(ReduceTest, ManyRowsInBlocksOfTheProgram) {
  constexpr std::int64_t kMany = 70'000;
  ASSERT_LT(study::block_rows(kDim, kCode), kMany);
  EXPECT_GE(study::block_rows(std::int64_t{1} << 40, 1), 1);
  Matrix<float> many = rows(kMany, 9);
  write_npy(path("many.npy"), many);
  normalize_embeddings(many, "many");
  Context context = Context::cpu();
  EXPECT_EQ(reduced(with(images_by_axes(), {"--in", path("many.npy"), "--threads", "2"})),
            bytes_of(axes().transform(context, many, Modality::image)));
}

// 614 MB of rows in less memory than that. Rows of zeros are only taken as they are.
TEST_F(ReduceTest, MemoryDoesNotGrowWithTheRows) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer keeps memory that was freed";
#endif
  constexpr std::int64_t kMany = 300'000, kWide = 512;
  Matrix<float> pairs(8, kWide);
  for (std::int64_t i = 0; i < 8; ++i) pairs(i, i) = 1;
  Context context = Context::cpu();
  const Pca pca = Pca::fit(context, pairs, {.components = 2});
  pca.save(path("wide.clipk"));
  write_sparse("many.npy", kMany, kWide);
  const ProgramResult result =
      run({"--model", path("wide.clipk"), "--in", path("many.npy"), "--out", path("b.npy"),
           "--no-normalize", "--device", "cpu", "--threads", "2"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_LT(result.peak_memory, std::int64_t{250} << 20);
  const Matrix<float> codes = read_npy_matrix<float>(path("b.npy"));
  ASSERT_EQ(codes.rows(), kMany);
  const Matrix<float> of_zero = pca.transform(context, Matrix<float>(1, kWide), Modality::image, 2);
  for (std::int64_t i = 0; i < kMany; ++i) {
    ASSERT_EQ(std::memcmp(codes.view().row(i), of_zero.data(), 2 * sizeof(float)), 0) << i;
  }
}

TEST_F(ReduceTest, ASignalLeavesNothing) {
  write_sparse("many.npy", 20'000'000, kDim);
  write_bytes(path("b.npy"), "old");
  const std::vector<std::string> before = names("");
  std::vector<std::string> arguments = with(images_by_axes(), {"--in", path("many.npy")});
  arguments.emplace_back("--no-normalize");
  ChildProgram program(CLIPK_REDUCE, arguments);
  while (!fs::exists(path(".b.npy.tmp")) && program.running()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  program.kill(SIGTERM);
  const ProgramResult result = program.wait();
  EXPECT_EQ(result.status, 128 + SIGTERM);
  EXPECT_EQ(result.err, "clipk-reduce: stopped by SIGTERM; nothing is written\n");
  EXPECT_EQ(names(""), before);
  EXPECT_EQ(read_bytes(path("b.npy")), "old");
}

TEST_F(ReduceTest, SaysWhatItIs) {
  const ProgramResult help = run({"--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_HAS(help.out, "--no-normalize");
  const ProgramResult version = run({"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_EQ(version.out.rfind("clipk-reduce ", 0), 0u);
}

TEST_F(ReduceTest, SaysThatStandardOutputIsFullButKeepsTheCodes) {
  std::string command = std::string("exec ") + CLIPK_REDUCE;
  for (const std::string& argument : images_by_axes()) command += " " + argument;
  const ProgramResult result = ChildProgram("/bin/sh", {"-c", command + " >/dev/full"}).wait();
  EXPECT_EQ(result.status, 3);
  EXPECT_HAS(result.err, "expected standard output to take all lines, got No space left");
  EXPECT_HAS(result.err, "the codes are in " + path("b.npy").string());
  EXPECT_EQ(read_npy_matrix<float>(path("b.npy")).rows(), kPairs);
}

}  // namespace
}  // namespace clipk::test
