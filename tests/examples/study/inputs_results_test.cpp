// The same arrays from files of every kind: the same results.
#include "clipk/io/safetensors.hpp"
#include "examples/cluster/cluster_files.hpp"
#include "examples/dimension/dimension_files.hpp"
#include "io/zip_files.hpp"

namespace clipk::test {
namespace {

namespace fs = std::filesystem;

class DimensionInputsTest : public DimensionTest {
 protected:
  void expect_results_of_npy(const std::vector<std::string>& inputs) {
    SCOPED_TRACE(inputs[1]);
    std::vector<std::string> arguments = inputs;
    arguments.insert(arguments.end(),
                     {"--dims", "8,4", "--methods", "pca", "--splits", "2", "--threads", "1"});
    run_into("out", arguments);
    EXPECT_EQ(results("out")["rows"].size(), rows_.size());
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      auto row = results("out")["rows"][i];
      row.erase("seconds");
      EXPECT_EQ(row, rows_[i]);
    }
  }
  /// One entry an input: name, file, array and shape.
  nlohmann::ordered_json inputs() const {
    nlohmann::ordered_json list = results("out")["manifest"]["inputs"];
    for (auto& input : list) {
      EXPECT_EQ(input["sha256"].get<std::string>().size(), 64u);
      input.erase("sha256");
    }
    return list;
  }

  void find_rows_of_npy() {
    run_into("npy", with(toy(), {"--methods", "pca"}));
    rows_ = results("npy")["rows"];
    for (auto& row : rows_) row.erase("seconds");
  }

  nlohmann::ordered_json rows_;
};

TEST_F(DimensionInputsTest, PairsOfEveryKindOfFile) {
  find_rows_of_npy();
  write_safetensors(path("s"), {{"images", pairs_.images.view()}, {"texts", pairs_.texts.view()}});
  expect_results_of_npy({"--pairs", path("s")});
  EXPECT_EQ(inputs().dump(),
            nlohmann::ordered_json(
                {{{"name", "pairs"}, {"path", path("s").string()}, {"shape", nullptr}}})
                .dump());
  const std::string images = path("s").string() + ":images";
  expect_results_of_npy({"--images", images, "--texts", path("t.npy")});
  EXPECT_EQ(inputs()[0]["array"], "images");
  EXPECT_EQ(inputs()[0]["path"], path("s").string());
  EXPECT_EQ(inputs()[0]["shape"].dump(), "[40,16]");
  EXPECT_FALSE(inputs()[1].contains("array"));
  for (const int method : {ZIP_CM_STORE, ZIP_CM_DEFLATE}) {
    write_zip(path("z"), {{"images.npy", read_bytes(path("i.npy")), method},
                          {"texts.npy", read_bytes(path("t.npy")), method}});
    expect_results_of_npy({"--pairs", path("z")});
    expect_results_of_npy({"--images", path("i.npy"), "--texts", path("z").string() + ":texts"});
  }
}

TEST_F(DimensionInputsTest, ClipRetrievalFolder) {
  find_rows_of_npy();
  fs::create_directories(path("f/img_emb"));
  fs::create_directories(path("f/text_emb"));
  for (const auto& [from, count, part] : {std::tuple{0, 30, "2"}, {30, 10, "10"}}) {
    write_npy<float>(path("f/img_emb") / (std::string("img_emb_") + part + ".npy"),
                     std::as_const(pairs_.images).view().row_range(from, count));
    write_npy<float>(path("f/text_emb") / (std::string("text_emb_") + part + ".npy"),
                     std::as_const(pairs_.texts).view().row_range(from, count));
  }
  expect_results_of_npy({"--pairs", path("f")});
  ASSERT_EQ(inputs().size(), 4u);
  EXPECT_EQ(inputs()[1]["path"], path("f/img_emb/img_emb_10.npy").string());
  EXPECT_EQ(inputs()[2]["path"], path("f/text_emb/text_emb_2.npy").string());
  expect_results_of_npy({"--images", path("f"), "--texts", path("f")});
  EXPECT_EQ(inputs().size(), 4u);
}

class ClusterInputsTest : public ClusterTest {};

TEST_F(ClusterInputsTest, FeaturesAndLabelsOfOneFile) {
  const std::vector<std::string> quick =
      with(toy(), {"--methods", "kmeans", "--seeds", "1", "--restarts", "2"});
  run_into("npy", quick);
  write_zip(path("z"),
            {{"X.npy", read_bytes(path("x.npy"))}, {"y.npy", read_bytes(path("y.npy"))}});
  run_into("npz", with(quick, {"--features", path("z").string() + ":X", "--labels",
                               path("z").string() + ":y"}));
  const auto rows = [&](const std::string& out) { return lasting_results(out)["rows"].dump(1); };
  EXPECT_EQ(rows("npz"), rows("npy"));
}

}  // namespace
}  // namespace clipk::test
