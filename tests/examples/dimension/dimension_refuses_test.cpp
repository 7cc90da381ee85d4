// Bad input: exit status, one line that says what was expected and what came, and no files.
#include <cmath>

#include "clipk/core/context.hpp"
#include "examples/dimension/dimension_files.hpp"

namespace clipk::test {
namespace {

class RefusesTest : public DimensionTest {
 protected:
  void expect_refused(int status, const std::string& message, const std::vector<std::string>& more,
                      bool fits = false, const ProgramOptions& options = {}) {
    expect_refused_run(status, message, with(toy(), more), fits, options);
  }
  void expect_refused_images(const std::string& message, const Matrix<float>& images) {
    write_npy(path("x.npy"), images);
    expect_refused(kData, message, {"--images", path("x.npy")});
  }
};

TEST_F(RefusesTest, Options) {
  const std::string whole = "--dims: expected a whole number from 1 to 1048576, got ";
  expect_refused(kUsage, whole + "'0'", {"--dims", "8,0"});
  expect_refused(kUsage, whole + "'-4'", {"--dims", "-4"});
  expect_refused(kUsage, whole + "'many'", {"--dims", "8,many"});
  expect_refused(kUsage, whole + "'8.5'", {"--dims", "8.5"});
  expect_refused(kUsage, "--dims: expected each value once, got 8 twice", {"--dims", "8,4,8"});
  expect_refused(kUsage, "--methods: expected each value once, got pca twice",
                 {"--methods", "pca,pca"});
  expect_refused(kUsage,
                 "--methods: expected one of pca, paired, random, isometric, isotonic, got 'tsne'",
                 {"--methods", "pca,tsne"});
  expect_refused(kUsage, "--margin: expected a number from 0 to 1, got '-0.1'",
                 {"--margin", "-0.1"});
  expect_refused(kUsage, "--margin: expected a number from 0 to 1, got 'nan'", {"--margin", "nan"});
  expect_refused(kUsage, "--holdout: expected a number from 0 to 0.9, got '1'", {"--holdout", "1"});
  expect_refused(kUsage, "--splits: expected a whole number from 1 to 1000, got '0'",
                 {"--splits", "0"});
  expect_refused(kUsage, "--quads-from: expected one of query, all, got 'some'",
                 {"--quads-from", "some"});
  expect_refused(kUsage, "--quads: expected a whole number from 0", {"--quads", "-1"});
  expect_refused(kUsage, "--epochs: expected a whole number from 1", {"--epochs", "0"});
  expect_refused(kUsage, "--images excludes --pairs", {"--pairs", path("i.npy")});
  expect_refused(kUsage, "got --colour red", {"--colour", "red"});
}

TEST_F(RefusesTest, OptionsThatTheDataCannotMeet) {
  expect_refused(kData, "--dims: expected at most 16, the width of the embeddings, got 17",
                 {"--dims", "8,17"});
  expect_refused(kData, "--holdout 0.05: expected at least 3 pairs on each side, got 2 of 40",
                 {"--holdout", "0.05"});
  write_npy(path("i5.npy"), toy_pairs(5).images);
  write_npy(path("t5.npy"), toy_pairs(5).texts);
  expect_refused(kData, "--holdout 0.6: expected at least 3 pairs on each side, got 2 of 5",
                 {"--images", path("i5.npy"), "--texts", path("t5.npy"), "--holdout", "0.6"});
  if (!Context::cuda_available()) {
    expect_refused(kData, "--device cuda: expected a usable CUDA GPU, got none",
                   {"--device", "cuda"});
  }
}

TEST_F(RefusesTest, Embeddings) {
  const std::string x = path("x.npy");
  const std::string t = path("t.npy");
  expect_refused_images(t + ": expected 39 rows as in " + x + ", got 40", toy_pairs(39).images);
  expect_refused_images(t + ": expected dimension 15 as in " + x + ", got 16",
                        Matrix<float>(kPairs, 15));
  Matrix<float> bad = toy_pairs(kPairs).images;
  bad(3, 5) = NAN;
  expect_refused_images(x + ": expected finite values, got nan in row 3, column 5", bad);
  bad(3, 5) = INFINITY;
  expect_refused_images("got inf in row 3, column 5", bad);
  for (std::int64_t j = 0; j < kDim; ++j) bad(3, j) = 0;
  expect_refused_images("got a zero vector in row 3", bad);
  for (std::int64_t i = 0; i < kPairs; ++i) {
    for (std::int64_t j = 0; j < kDim; ++j) bad(i, j) = pairs_.images(0, j);
  }
  expect_refused_images(x + ": expected rows that differ, got 40 equal rows", bad);
  for (std::int64_t i = 0; i < kPairs; ++i) {
    for (std::int64_t j = 0; j < kDim; ++j) bad(i, j) *= static_cast<float>(i + 1);
  }
  expect_refused_images("expected rows of different directions, got 40 of one direction", bad);
}

TEST_F(RefusesTest, TooFewPairs) {
  for (const std::int64_t n : {1, 2}) {
    write_npy(path("i1.npy"), toy_pairs(n).images);
    write_npy(path("t1.npy"), toy_pairs(n).texts);
    expect_refused(kData,
                   n == 1 ? "i1.npy: expected at least 2 pairs, got 1"
                          : "expected at least 3 pairs to compare distances, got 2",
                   {"--images", path("i1.npy"), "--texts", path("t1.npy"), "--holdout", "0"});
  }
}

TEST_F(RefusesTest, Files) {
  expect_refused(
      kData,
      "none.npy: expected a .npy, .npz, safetensors or IDX file, got No such file or directory",
      {"--images", path("none.npy")});
  expect_refused(kData,
                 path("").string() +
                     ": expected a clip-retrieval folder with text_emb/text_emb_N.npy, got none",
                 {"--texts", path("")});
  const std::string bytes = read_bytes(path("i.npy"));
  for (const std::size_t size : {std::size_t{0}, std::size_t{20}, bytes.size() - 1}) {
    write_bytes(path("half.npy"), bytes.substr(0, size));
    expect_refused(kData, "half.npy: expected ", {"--images", path("half.npy")});
  }
}

TEST_F(RefusesTest, Checkpoints) {
  const std::string c = path("c");
  ASSERT_EQ(run(with(toy(), {"--checkpoint", c, "--out", path("first")})).status, 0);
  const std::string other = c + ": expected a checkpoint of this run, got one of ";
  expect_refused(kData, other + "seed 0, here 1\n", {"--checkpoint", c, "--seed", "1"});
  expect_refused(kData, other + "--epochs 6, here 7\n", {"--checkpoint", c, "--epochs", "7"});
  expect_refused(kData, other + "other content of images\n",
                 {"--checkpoint", c, "--images", path("t.npy")});
  // What no fit depends on may change.
  ASSERT_EQ(run(with(toy(), {"--checkpoint", c, "--margin", "0.1", "--dims", "8", "--threads", "2",
                             "--splits", "1", "--out", path("first")}))
                .status,
            0);
  const std::string bytes = read_bytes(c);
  for (const std::size_t size : {std::size_t{0}, std::size_t{30}, bytes.size() - 1}) {
    write_bytes(c, bytes.substr(0, size));
    expect_refused(kData, c + ": expected ", {"--checkpoint", c});
    EXPECT_EQ(read_bytes(c).size(), size);  // as it was
  }
  expect_refused(kData, "i.npy: expected a clipk dimension_study checkpoint, got a file",
                 {"--checkpoint", path("i.npy")});
  expect_refused(kData, "expected a clipk dimension_study checkpoint, got a directory",
                 {"--checkpoint", path("")});
  expect_refused(kData, "none/c: expected to write the file, got No such file",
                 {"--checkpoint", path("none/c")});
}

// Signed anew after what makes it a checkpoint of something else.
TEST_F(RefusesTest, CheckpointsThatLie) {
  const std::string c = path("c");
  const ProgramResult first = run(with(toy(), {"--checkpoint", c, "--out", path("first")}));
  ASSERT_EQ(first.status, 0) << first.err;
  const ArchiveParts whole = parts_of(read_bytes(c));
  const auto refused = [&](const std::string& reason, const auto& change) {
    expect_refused_checkpoint(c, whole, reason, toy(), change);
  };
  const auto of = [](const ArchiveParts::Entry& entry, const char* name) {
    return entry.name.ends_with(name);
  };
  const auto set_text = [](ArchiveParts::Entry& entry, const std::string& text) {
    entry.bytes = text;
    entry.rows = text.size();
  };
  using Entry = ArchiveParts::Entry;
  refused("expected a new line after each key, got none after '", [&](Entry& entry) {
    if (of(entry, "keys")) set_text(entry, entry.bytes.substr(0, entry.bytes.size() - 1));
  });
  refused("expected keys of lower-case letters, digits and /_.+-, got 'a b'", [&](Entry& entry) {
    if (of(entry, "keys")) set_text(entry, entry.bytes + "a b\n");
  });
  refused("expected each fit once, got '", [&](Entry& entry) {
    if (of(entry, "keys")) set_text(entry, entry.bytes + entry.bytes);
  });
  // A rank below 0 would count as a match.
  refused("fit ", [&](Entry& entry) {
    if (of(entry, "/i2t")) entry.bytes.replace(0, 4, "\xff\xff\xff\xff");
  });
  refused("fit ", [&](Entry& entry) {
    if (of(entry, "/t2i")) entry.bytes.replace(0, 4, "\xff\xff\xff\x7f");
  });
  refused("fit ", [&](Entry& entry) {
    if (!of(entry, "/i2t")) return;
    entry.bytes.resize(entry.bytes.size() - 4);
    --entry.rows;
  });
  refused("expected entry '", [&](Entry& entry) {
    if (of(entry, "/geometry")) entry.bytes.replace(0, 8, std::string(8, '\xff'));  // NaN
  });
  refused("expected entry '", [&](Entry& entry) {
    if (of(entry, "/seconds")) entry.bytes[7] = '\xc0';  // below 0
  });
}

// The limit comes within the first chart, and within the third file.
TEST_F(RefusesTest, FullDisk) {
  expect_refused(kData, "expected ", {}, /*fits=*/false, {.file_limit = 0});
  const ProgramResult late = run({"--synthetic", "200", "--methods", "random", "--dims", "16,512",
                                  "--holdout", "0", "--out", path("out")},
                                 {.file_limit = 200'000});
  EXPECT_EQ(late.status, kData);
  EXPECT_HAS(last_line(late.err),
             "images_random_512.npy: expected to write the file, got File too large");
  EXPECT_TRUE(names("out").empty());
  std::filesystem::remove_all(path("out"));
#ifndef __clang__  // LLVM's OpenMP starts under no limit that cuts the checkpoint
  expect_refused(kData, "c: expected to write the file, got File too large",
                 {"--checkpoint", path("c")}, /*fits=*/false, {.file_limit = 100});
#endif
}

// A file system of 64 KiB: the arrays of six methods and dimensions fit, the chart does not.
TEST_F(RefusesTest, FullDiskOfItsOwn) {
  const std::optional<MountedRun> full = run_on_small_disk(toy());
  if (!full) GTEST_SKIP() << "only root may mount a small disk";
  EXPECT_EQ(full->result.status, kData);
  EXPECT_HAS(last_line(full->result.err),
             "expected to write the file, got No space left on device");
  EXPECT_TRUE(full->empty);
}

TEST_F(RefusesTest, NotEnoughMemory) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer reserves more than the limit";
#endif
  const ProgramResult result =
      run({"--synthetic", "2000000", "--device", "cpu", "--out", path("out")},
          {.memory_limit = rlim_t{2} << 30});
  EXPECT_EQ(result.status, kData);
  EXPECT_EQ(result.err,
            "dimension_study: out of memory: expected 4096000000 bytes on cpu, got none\n");
  EXPECT_FALSE(std::filesystem::exists(path("out")));
}

TEST_F(RefusesTest, NoGnuplotBeforeTheFirstFit) {
  expect_refused(kData, "expected gnuplot to draw charts (Debian: gnuplot-nox), got No such file",
                 {}, /*fits=*/false, {.environment = {{"PATH", "/nonexistent"}}});
}

}  // namespace
}  // namespace clipk::test
