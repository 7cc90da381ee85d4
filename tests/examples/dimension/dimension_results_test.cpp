// What dimension_study writes, read back and computed again.
#include <cmath>
#include <cstring>
#include <map>
#include <sstream>

#include "clipk/io/sha256.hpp"
#include "examples/dimension/dimension_files.hpp"

namespace clipk::test {
namespace {

using Json = nlohmann::ordered_json;

// Queries whose partner is the most similar row by cosine, in plain loops.
int matched(const Matrix<float>& queries, const Matrix<float>& candidates) {
  const auto cosine = [&](std::int64_t i, std::int64_t j) {
    double dot = 0, a = 0, b = 0;
    for (std::int64_t k = 0; k < queries.cols(); ++k) {
      dot += double{queries(i, k)} * candidates(j, k);
      a += double{queries(i, k)} * queries(i, k);
      b += double{candidates(j, k)} * candidates(j, k);
    }
    return dot / std::sqrt(a * b);
  };
  int count = 0;
  for (std::int64_t i = 0; i < queries.rows(); ++i) {
    bool best = true;
    for (std::int64_t j = 0; j < candidates.rows(); ++j) best &= cosine(i, j) <= cosine(i, i);
    count += best;
  }
  return count;
}

TEST_F(DimensionTest, RowsOfEveryMethodDimensionAndSplit) {
  ASSERT_NO_FATAL_FAILURE(run_into("out", toy()));
  const Json all = results("out");
  const std::vector<std::string> methods{"pca", "paired", "random", "isometric", "isotonic"};
  std::vector<std::string> files{"quality.png",   "results.csv",        "results.json",
                                 "map_pca.clipk", "map_paired_8.clipk", "map_paired_4.clipk"};
  std::vector<std::string> expected;
  for (const char* split : {"all", "train", "heldout"}) {
    expected.push_back(std::string("none 16 ") + split);
  }
  for (const std::string& method : methods) {
    for (const char* dim : {"8", "4"}) {
      for (const char* split : {"all", "train", "heldout"}) {
        expected.push_back(method + " " + dim + " " + split);
      }
      for (const char* modality : {"images_", "texts_"}) {
        files.push_back(modality + method + "_" + dim + ".npy");
      }
    }
  }
  std::sort(files.begin(), files.end());
  EXPECT_EQ(names("out"), files);
  std::vector<std::string> found;
  for (const Json& row : all["rows"]) {
    found.push_back(row["method"].get<std::string>() + " " + row["dim"].dump() + " " +
                    row["split"].get<std::string>());
    int position = 0;
    const std::vector<std::string> keys{
        "method",   "dim", "split", "i2t_matched", "i2t_top1",         "t2i_matched",
        "t2i_top1", "r5",  "r10",   "stress1",     "kendall_distance", "seconds"};
    for (const auto& [key, value] : row.items()) {
      if (static_cast<std::size_t>(position) < keys.size()) {
        EXPECT_EQ(key, keys[static_cast<std::size_t>(position)]);
      }
      ++position;
      if (key == "method" || key == "split") continue;
      ASSERT_TRUE(value.is_number()) << key;
      EXPECT_GE(value.get<double>(), 0) << key;
    }
    EXPECT_LE(row["kendall_distance"], 1);
    EXPECT_LE(row["r5"], row["r10"]);
    const double queries = row["split"] == "all" ? kPairs : kPairs / 2.0;
    EXPECT_NEAR(row["i2t_matched"].get<double>() / queries, row["i2t_top1"], 1e-12);
    EXPECT_NEAR(row["t2i_matched"].get<double>() / queries, row["t2i_top1"], 1e-12);
  }
  EXPECT_EQ(found, expected);
}

TEST_F(DimensionTest, CodesAreThoseOfTheRows) {
  ASSERT_NO_FATAL_FAILURE(run_into("out", with(toy(), {"--splits", "1"})));
  const Json all = results("out");
  EXPECT_EQ(all["rows"].size(), 11u * 3);
  for (const Json& row : all["rows"]) {
    if (row["split"] != "all") continue;
    Matrix<float> images = read_npy_matrix<float>(path("i.npy"));
    Matrix<float> texts = read_npy_matrix<float>(path("t.npy"));
    const std::string name = row["method"];
    const std::int64_t dim = row["dim"];
    if (name != "none") {
      const std::string end = name + "_" + std::to_string(dim) + ".npy";
      images = read_npy_matrix<float>(path("out") / ("images_" + end));
      texts = read_npy_matrix<float>(path("out") / ("texts_" + end));
    }
    ASSERT_EQ(images.rows(), kPairs);
    ASSERT_EQ(texts.rows(), kPairs);
    ASSERT_EQ(images.cols(), dim);
    ASSERT_EQ(texts.cols(), dim);
    EXPECT_EQ(row["i2t_matched"], matched(images, texts)) << name << dim;
    EXPECT_EQ(row["t2i_matched"], matched(texts, images)) << name << dim;
    EXPECT_TRUE(row["i2t_matched"].is_number_integer());
  }
}

TEST_F(DimensionTest, ManifestAndSmallestDimension) {
  // Pairs that find each other well enough for a loss of 30 points to be one.
  Random random(4);
  Matrix<float> near(kPairs, kDim);
  for (std::int64_t i = 0; i < kPairs * kDim; ++i) {
    near.data()[i] = pairs_.images.data()[i] + static_cast<float>(.2 * random.normal());
  }
  write_npy(path("t.npy"), near);
  ASSERT_NO_FATAL_FAILURE(run_into("out", with(toy(), {"--margin", "0.3", "--seed", "5"})));
  const Json all = results("out");
  std::vector<std::string> keys;
  for (const auto& [key, value] : all.items()) keys.push_back(key);
  EXPECT_EQ(keys,
            (std::vector<std::string>{"manifest", "rows", "failed", "match", "no_dimension_is_safe",
                                      "smallest_dim", "margin", "intervals"}));
  EXPECT_TRUE(all["match"]["shown"]);
  EXPECT_TRUE(all["no_dimension_is_safe"].is_null());
  const Json& manifest = all["manifest"];
  EXPECT_EQ(manifest["program"], "dimension_study");
  EXPECT_EQ(manifest["seed"], 5);
  EXPECT_EQ(manifest["options"]["dims"], Json({8, 4}));
  EXPECT_EQ(manifest["options"]["margin"], 0.3);
  ASSERT_EQ(manifest["inputs"].size(), 2u);
  for (const int i : {0, 1}) {
    const auto file = path(i == 0 ? "i.npy" : "t.npy");
    EXPECT_EQ(manifest["inputs"][i]["name"], i == 0 ? "images" : "texts");
    EXPECT_EQ(manifest["inputs"][i]["path"], file.string());
    EXPECT_EQ(manifest["inputs"][i]["shape"], Json({kPairs, kDim}));
    EXPECT_EQ(manifest["inputs"][i]["sha256"], sha256_file(file));
  }

  // The least dimension whose interval stays above the margin, from the intervals themselves.
  Json smallest = Json::object();
  for (const Json& interval : all["intervals"]) {
    Json& of = smallest[interval["method"].get<std::string>()]
                       [interval["split"] == "all" ? "in_sample" : "held_out"];
    for (const char* way : {"i2t", "t2i"}) {
      if (!of.contains(way)) of[way] = nullptr;
      // As numbers: null, which is what NaN is written as, would compare as the least of all.
      const auto change = interval[way].get<std::map<std::string, double>>();
      EXPECT_LE(change.at("low"), change.at("change"));
      EXPECT_LE(change.at("change"), change.at("high"));
      if (change.at("low") <= -0.3) continue;
      if (of[way].is_null() || interval["dim"] < of[way]) of[way] = interval["dim"];
    }
  }
  EXPECT_EQ(all["intervals"].size(), 5u * 2 * 2);
  EXPECT_EQ(all["smallest_dim"].dump(1), smallest.dump(1));
  EXPECT_FALSE(smallest["pca"]["in_sample"]["i2t"].is_null());
}

TEST_F(DimensionTest, ChartAndTableSayTheSame) {
  ASSERT_NO_FATAL_FAILURE(run_into("out", with(toy(), {"--methods", "pca,random"})));
  const std::string png = read_bytes(path("out") / "quality.png");
  ASSERT_GT(png.size(), 5000u);
  EXPECT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n");
  EXPECT_EQ(png.substr(png.size() - 8, 4), "IEND");

  const Json rows = results("out")["rows"];
  std::istringstream csv(read_bytes(path("out") / "results.csv"));
  const auto fields = [&] {
    std::vector<std::string> found;
    std::string line, field;
    std::getline(csv, line);
    std::istringstream parts(line);
    while (std::getline(parts, field, ',')) found.push_back(field);
    return found;
  };
  const std::vector<std::string> head = fields();
  ASSERT_FALSE(rows.empty());
  for (const Json& row : rows) {
    const std::vector<std::string> cells = fields();
    ASSERT_EQ(cells.size(), row.size());
    std::size_t i = 0;
    for (const auto& [key, value] : row.items()) {
      EXPECT_EQ(head[i], key);
      if (value.is_string()) {
        EXPECT_EQ(cells[i], value.get<std::string>());
      } else {
        EXPECT_EQ(std::stod(cells[i]), value.get<double>()) << key;
      }
      ++i;
    }
  }
  EXPECT_TRUE(fields().empty());
}

TEST_F(DimensionTest, WithoutHoldoutOneSplitKind) {
  ASSERT_NO_FATAL_FAILURE(run_into("out", with(toy(), {"--holdout", "0"})));
  const Json all = results("out");
  EXPECT_EQ(all["rows"].size(), 1u + 5 * 2);
  for (const Json& row : all["rows"]) EXPECT_EQ(row["split"], "all");
  EXPECT_EQ(all["smallest_dim"].size(), 5u);
  for (const Json& found : all["smallest_dim"]) {
    EXPECT_TRUE(found.contains("in_sample"));
    EXPECT_FALSE(found.contains("held_out"));
  }
}

TEST_F(DimensionTest, DefaultDimensionsThatTheDataHas) {
  ASSERT_NO_FATAL_FAILURE(
      run_into("out", {"--images", path("i.npy"), "--texts", path("t.npy"), "--methods", "pca"}));
  EXPECT_EQ(names("out").size(), 3u + 2 + 1);
  EXPECT_TRUE(std::filesystem::exists(path("out") / "images_pca_16.npy"));
}

TEST_F(DimensionTest, OneFileOfPairsIsTheSame) {
  NpyArray<float> both{{2, kPairs, kDim}, {}};
  for (const Matrix<float>* half : {&pairs_.images, &pairs_.texts}) {
    both.data.insert(both.data.end(), half->data(), half->data() + kPairs * kDim);
  }
  write_npy(path("b.npy"), both);
  ASSERT_NO_FATAL_FAILURE(run_into("two", toy()));
  std::vector<std::string> one = toy();
  one.erase(one.begin(), one.begin() + 4);
  one.insert(one.end(), {"--pairs", path("b.npy")});
  ASSERT_NO_FATAL_FAILURE(run_into("one", one));
  EXPECT_EQ(names("one"), names("two"));
  for (const std::string& name : names("one")) {
    if (name.find(".npy") == std::string::npos) continue;
    EXPECT_EQ(read_bytes(path("one") / name), read_bytes(path("two") / name)) << name;
  }
  EXPECT_EQ(lasting_results("one")["rows"], lasting_results("two")["rows"]);
  const Json input = results("one")["manifest"]["inputs"];
  ASSERT_EQ(input.size(), 1u);
  EXPECT_EQ(input[0]["shape"], Json({2, kPairs, kDim}));
  EXPECT_EQ(input[0]["sha256"], sha256_file(path("b.npy")));
}

TEST_F(DimensionTest, HalfPrecisionInput) {
  write_npy(path("i16.npy"), pairs_.images, {.dtype = DType::float16});
  write_npy(path("t16.npy"), pairs_.texts, {.dtype = DType::float16});
  write_npy(path("i32.npy"), read_npy_matrix<float>(path("i16.npy")));
  write_npy(path("t32.npy"), read_npy_matrix<float>(path("t16.npy")));
  for (const std::string bits : {"16", "32"}) {
    ASSERT_NO_FATAL_FAILURE(
        run_into(bits, with(toy(), {"--images", path("i" + bits + ".npy"), "--texts",
                                    path("t" + bits + ".npy"), "--holdout", "0"})));
  }
  EXPECT_EQ(lasting_results("16")["rows"], lasting_results("32")["rows"]);
  EXPECT_EQ(read_bytes(path("16/texts_isotonic_4.npy")),
            read_bytes(path("32/texts_isotonic_4.npy")));
}

TEST_F(DimensionTest, QuadruplesFromAllPairs) {
  const auto base = with(toy(), {"--methods", "pca,isotonic", "--holdout", "0"});
  ASSERT_NO_FATAL_FAILURE(run_into("query", base));
  ASSERT_NO_FATAL_FAILURE(run_into("all", with(base, {"--quads-from", "all"})));
  const auto same = [&](const std::string& name) {
    return read_bytes(path("query") / name) == read_bytes(path("all") / name);
  };
  EXPECT_TRUE(same("images_pca_8.npy"));
  EXPECT_FALSE(same("images_isotonic_8.npy"));
  EXPECT_EQ(results("all")["manifest"]["options"]["quads-from"], "all");
}

TEST_F(DimensionTest, HelpNamesEveryOption) {
  const ProgramResult help = run({"--help"});
  EXPECT_EQ(help.status, 0);
  for (const char* option :
       {"--images", "--texts", "--pairs", "--synthetic", "--dims", "--methods", "--epochs",
        "--quads", "--quads-from", "--holdout", "--splits", "--margin", "--device", "--seed",
        "--threads", "--out", "--quick", "--checkpoint", "--version"}) {
    EXPECT_HAS(help.out, std::string(option) + " ");
  }
}

// Every storage of every dimension, with the bytes it says; the smallest safe one is one of them.
TEST_F(DimensionTest, BytesOfEveryStorage) {
  std::vector<std::string> options = with(toy(), {"--methods", "pca,paired,random"});
  options.emplace_back("--bytes");
  ASSERT_NO_FATAL_FAILURE(run_into("out", options));
  const Json all = results("out");
  EXPECT_TRUE(std::filesystem::exists(path("out") / "bytes.png"));
  const std::map<std::string, int> bytes_of_8{{"float32", 32}, {"float16", 16},    {"int8", 8},
                                              {"int4", 4},     {"pq-residual", 2}, {"binary", 1},
                                              {"pq", 1}};
  std::map<std::string, int> counts;
  for (const Json& size : all["sizes"]) {
    EXPECT_NE(size["method"], "random");
    const std::string storage = size["storage"];
    ++counts[storage];
    if (size["dim"] == 8) {
      EXPECT_EQ(size["bytes"], bytes_of_8.at(storage)) << storage;
    }
    EXPECT_LE(size["i2t"]["low"], size["i2t"]["high"]);
  }
  EXPECT_EQ(counts.size(), bytes_of_8.size());
  for (const auto& [storage, count] : counts) EXPECT_EQ(count, 2 * 2 * 2) << storage;
  // float32 stores the codes as they are.
  for (const Json& size : all["sizes"]) {
    if (size["storage"] != "float32") continue;
    for (const Json& row : all["rows"]) {
      if (row["method"] != size["method"] || row["dim"] != size["dim"]) continue;
      if (row["split"] != size["split"]) continue;
      EXPECT_NEAR(row["i2t_top1"], size["i2t_top1"], 1e-9);
    }
  }
  EXPECT_EQ(all["smallest_bytes"].size(), 3u);
  EXPECT_TRUE(all["smallest_bytes"]["random"]["in_sample"].is_null());
}

}  // namespace
}  // namespace clipk::test
