// Files of arrays that lie, or lack what is asked for: the readers' messages reach the user.
#include <cstring>

#include "clipk/io/safetensors.hpp"
#include "examples/cluster/cluster_files.hpp"
#include "examples/dimension/dimension_files.hpp"
#include "examples/factor/factor_files.hpp"
#include "io/zip_files.hpp"
#include "support/golden_folder.hpp"

namespace clipk::test {
namespace {

namespace fs = std::filesystem;

class InputsRefusesTest : public DimensionTest {
 protected:
  void expect_refused_images(const std::string& images, const std::string& message) {
    expect_refused_run(kData, message, with(toy(), {"--images", images}));
  }
  void expect_refused_pairs(const std::string& message) {
    expect_refused_run(kData, message, {"--pairs", path("p")});
  }
};

TEST_F(InputsRefusesTest, ArchivesOfArrays) {
  write_zip(path("z"), {{"a.npy", read_bytes(path("i.npy"))}, {"b.npy", "broken"}, {"c.npy", ""}});
  const std::string z = path("z");
  expect_refused_images(z + ":images",
                        z + ": expected an array called 'images', got 'a', 'b', 'c'");
  expect_refused_images(z + ":b", z + ":b: expected a .npy file, got a file of 6 bytes");
  write_zip(path("z"),
            {{"a.npy", read_bytes(path("i.npy"))}, {"b.npy", read_bytes(path("t.npy"))}});
  expect_refused_images(z, z + ": expected one of its arrays by name, as FILE:NAME, got 'a', 'b'");
  const std::string i = path("i.npy");
  expect_refused_images(i + ":a", i + ": expected no name of an array behind this file");
}

TEST_F(InputsRefusesTest, SafetensorsThatLie) {
  write_safetensors(path("s"), {{"a", pairs_.images.view()}});
  const std::string whole = read_bytes(path("s"));
  const std::string s = path("s");
  write_bytes(path("s"), whole.substr(0, whole.size() - 1));
  expect_refused_images(s, "for the tensors of the safetensors header, got ");
  std::string lie = whole;
  lie.replace(lie.find("[40,16]"), 7, "[99,99]");
  write_bytes(path("s"), lie);
  expect_refused_images(s, s + ":a: expected 39204 bytes for shape (99, 99) of F32, got 2560");
  lie = whole;
  lie[4] = 1;  // more than 4 GiB
  write_bytes(path("s"), lie);
  expect_refused_images(s, s + ": expected a safetensors header of 42949");
  expect_refused_run(kData, "a safetensors header of 42949", {"--pairs", s});
}

TEST_F(InputsRefusesTest, ClipRetrievalFolders) {
  const fs::path golden = golden_folder() / "clip_retrieval";
  fs::create_directory(path("p"));
  expect_refused_pairs(path("p").string() + ": expected a clip-retrieval folder with img_emb");
  fs::copy(golden, path("p"), fs::copy_options::recursive);
  fs::remove(path("p/text_emb/text_emb_9.npy"));
  expect_refused_pairs("expected part 9 of the texts beside img_emb_9.npy, got none");
  fs::copy(golden / "text_emb/text_emb_0.npy", path("p/text_emb/text_emb_9.npy"));
  expect_refused_pairs("text_emb_9.npy: expected 2 rows as in ");
  fs::copy(golden / "text_emb/text_emb_9.npy", path("p/text_emb/text_emb_9.npy"),
           fs::copy_options::overwrite_existing);
  fs::copy(golden / "metadata/metadata_0.parquet", path("p/metadata/metadata_9.parquet"),
           fs::copy_options::overwrite_existing);
  expect_refused_pairs("img_emb_9.npy: expected 3 rows as in " +
                       path("p/metadata/metadata_9.parquet").string() + ", got 2");
}

class ClusterInputsRefusesTest : public ClusterTest {};

TEST_F(ClusterInputsRefusesTest, ArraysByName) {
  write_zip(path("z"),
            {{"X.npy", read_bytes(path("x.npy"))}, {"y.npy", read_bytes(path("y.npy"))}});
  const std::string z = path("z");
  expect_refused_run(kData, z + ": expected one of its arrays by name, as FILE:NAME, got 'X', 'y'",
                     with(toy(), {"--features", z}));
  expect_refused_run(kData, z + ": expected an array called 'labels', got 'X', 'y'",
                     with(toy(), {"--labels", z + ":labels"}));
  expect_refused_run(kData, z + ":X: expected an array of one dimension, got shape (120, 12)",
                     with(toy(), {"--labels", z + ":X"}));
}

class FactorInputsRefusesTest : public FactorTest {};

TEST_F(FactorInputsRefusesTest, Embeddings) {
  fs::create_directory(path("p"));
  expect_refused_run(kData, path("p").string() + ": expected a clip-retrieval folder with img_emb",
                     {"--embeddings", path("p"), "--attributes", path("a.csv")});
  write_zip(path("z"), {{"a.npy", "broken"}});
  expect_refused_run(kData, path("z").string() + ":a: expected a .npy file, got a file of 6 bytes",
                     {"--embeddings", path("z"), "--attributes", path("a.csv")});
}

}  // namespace
}  // namespace clipk::test
