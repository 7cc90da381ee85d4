// What cluster_study writes, read back and computed again.
#include "examples/cluster/cluster_files.hpp"

namespace clipk::test {
namespace {

using Json = nlohmann::ordered_json;

const std::vector<std::string> kMethods{"kmeans", "autoencoder", "dec", "idec"};

TEST_F(ClusterTest, RowsFilesAndScoresOfEveryMethodAndSeed) {
  ASSERT_NO_FATAL_FAILURE(run_into("out", toy()));
  const Json all = results("out");
  std::vector<std::string> files{"confusion.png", "results.csv", "results.json", "tsne.npy",
                                 "tsne.png"};
  std::vector<std::string> found;
  for (const Json& row : all["rows"]) {
    found.push_back(row["method"].get<std::string>() + " " + row["seed"].dump());
    int position = 0;
    const std::vector<std::string> keys{"method", "seed", "ami",     "ari",    "fmi",
                                        "nmi",    "acc",  "inertia", "seconds"};
    for (const auto& [key, value] : row.items()) {
      if (position < static_cast<int>(keys.size())) {
        EXPECT_EQ(key, keys[static_cast<std::size_t>(position++)]);
      }
    }
    for (const char* key : {"ami", "ari", "fmi", "nmi", "acc"}) {
      EXPECT_GE(row[key], .9) << row.dump();  // the classes are planted
      EXPECT_LE(row[key], 1) << row.dump();
    }
  }
  std::vector<std::string> expected;
  for (const std::string& method : kMethods) {
    for (const char* seed : {"0", "1"}) {
      expected.push_back(method + " " + seed);
      files.push_back("assignments_" + method + "_" + seed + ".npy");
      // That of k-means would be the input once more.
      if (method != "kmeans") files.push_back("embedding_" + method + "_" + seed + ".npy");
    }
  }
  std::sort(files.begin(), files.end());
  EXPECT_EQ(names("out"), files);
  EXPECT_EQ(found, expected);
  EXPECT_EQ(all["k"], kClasses);
  EXPECT_EQ(all["dec"].size(), 4u);
  for (const Json& run : all["dec"]) {
    ASSERT_FALSE(run["updates"].empty());
    double mass = 0;
    for (const double share : run["updates"].back()["masses"]) mass += share;
    EXPECT_NEAR(mass, 1, 1e-6);
  }
  for (const char* key : {"kl", "perplexity", "one_nn", "iterations", "seconds"}) {
    EXPECT_TRUE(all["tsne"][key].is_number()) << key;
  }
  EXPECT_GE(all["tsne"]["one_nn"], .95);
}

// A network of four terabytes.
TEST_F(ClusterTest, AMethodThatFailsLeavesTheOthers) {
  const ProgramResult result =
      run(with(toy(), {"--methods", "kmeans,autoencoder", "--layers", "1048576,1048576,4",
                       "--seeds", "1", "--out", path("out")}));
  EXPECT_EQ(result.status, 3) << result.err;
  EXPECT_HAS(result.err, "left out: autoencoder, seed 0: ");
  const Json all = results("out");
  EXPECT_GE(all["rows"][0]["acc"], .9);
  EXPECT_TRUE(all["rows"][1]["acc"].is_null());
  EXPECT_EQ(all["rows"][1]["failed"], all["failed"][0]["reason"]);
  EXPECT_EQ(all["failed"][0]["what"], "autoencoder, seed 0");
  EXPECT_EQ(all["failed"].size(), 1u);
  for (const char* name : {"assignments_kmeans_0.npy", "confusion.png", "results.csv"}) {
    EXPECT_TRUE(std::filesystem::exists(path("out") / name)) << name;
  }
}

TEST_F(ClusterTest, InertiaAndAccuracyOfTheFiles) {
  ASSERT_NO_FATAL_FAILURE(run_into("out", with(toy(), {"--methods", "kmeans", "--seeds", "1"})));
  const auto labels = read_npy_vector<std::int32_t>(path("out") / "assignments_kmeans_0.npy");
  ASSERT_EQ(labels.size(), static_cast<std::size_t>(kRows));
  std::vector<std::vector<double>> means(kClasses, std::vector<double>(kDim));
  std::vector<double> counts(kClasses);
  for (std::int64_t i = 0; i < kRows; ++i) {
    const auto label = static_cast<std::size_t>(labels[static_cast<std::size_t>(i)]);
    ++counts[label];
    for (std::int64_t j = 0; j < kDim; ++j)
      means[label][static_cast<std::size_t>(j)] += rows_(i, j);
  }
  double inertia = 0;
  for (std::int64_t i = 0; i < kRows; ++i) {
    const auto label = static_cast<std::size_t>(labels[static_cast<std::size_t>(i)]);
    for (std::int64_t j = 0; j < kDim; ++j) {
      const double mean = means[label][static_cast<std::size_t>(j)] / counts[label];
      inertia += (rows_(i, j) - mean) * (rows_(i, j) - mean);
    }
  }
  const Json row = results("out")["rows"][0];
  EXPECT_NEAR(row["inertia"].get<double>(), inertia, 1e-9 * inertia);
  // The planted classes are far apart: each cluster is one of them.
  for (std::size_t i = 0; i < labels.size(); ++i) {
    EXPECT_EQ(labels[i], labels[static_cast<std::size_t>(classes_[i])]);
  }
  EXPECT_EQ(row["acc"], 1);
}

TEST_F(ClusterTest, MissingLabelsAreLeftOutOfTheScores) {
  std::vector<std::int32_t> labels = classes_;
  for (std::size_t i = 0; i < labels.size(); i += 3) labels[i] = -1;
  for (std::int32_t& label : labels) label = label < 0 ? -1 : 10 * label + 5;  // any values will do
  write_npy(path("y.npy"), labels);
  ASSERT_NO_FATAL_FAILURE(run_into("out", with(toy(), {"--methods", "kmeans", "--seeds", "1"})));
  const Json all = results("out");
  EXPECT_EQ(all["k"], kClasses);
  EXPECT_EQ(all["rows"][0]["missing_labels"], kRows / 3);
  EXPECT_EQ(all["rows"][0]["nmi"], 1);
}

TEST_F(ClusterTest, DefaultsAdaptToFewRows) {
  for (const std::int64_t n : {2, 3, 4, 7, 68}) {
    write_npy(path("few.npy"), planted(n));
    const ProgramResult result = run({"--features", path("few.npy"), "--methods", "kmeans",
                                      "--seeds", "1", "--threads", "1", "--out", path("few")});
    ASSERT_EQ(result.status, 0) << n << " rows: " << result.err;
    const nlohmann::ordered_json all = results("few");
    EXPECT_GE(all["k"], 2);
    if (n < 4) {
      EXPECT_HAS(result.out, "Note: no map: t-SNE needs at least 4 rows, got ");
      EXPECT_FALSE(all.contains("tsne"));
      continue;
    }
    EXPECT_HAS(result.out, "Note: --perplexity " + std::to_string((n - 1) / 3) +
                               " in place of 30: a third of the " + std::to_string(n) +
                               " rows on the map");
    EXPECT_EQ(all["tsne"]["perplexity"], static_cast<double>((n - 1) / 3));
  }
}

TEST_F(ClusterTest, LabelsThatTellNothingAreANote) {
  const auto run_with = [&](const std::vector<std::int32_t>& labels) {
    write_npy(path("y.npy"), labels);
    const ProgramResult result =
        run(with(toy(), {"--methods", "kmeans", "--seeds", "1", "--out", path("out")}));
    EXPECT_EQ(result.status, 0) << result.err;
    return result.out;
  };
  EXPECT_HAS(run_with(std::vector<std::int32_t>(kRows, 7)),
             "labels of one class alone, so there is nothing to score against");
  EXPECT_TRUE(results("out")["rows"][0]["ami"].is_null());
  EXPECT_HAS(run_with(std::vector<std::int32_t>(kRows, -1)), "missing labels (negative) alone");
}

TEST_F(ClusterTest, WithoutLabels) {
  std::vector<std::string> arguments = toy();
  arguments.erase(arguments.begin() + 2, arguments.begin() + 4);
  ASSERT_NO_FATAL_FAILURE(run_into("out", with(arguments, {"--methods", "kmeans,dec"})));
  const Json all = results("out");
  EXPECT_EQ(all["k"], kClasses);  // the most stable number
  EXPECT_FALSE(all["k_choice"].empty());
  ASSERT_EQ(all["rows"].size(), 2u * 2);
  for (const Json& row : all["rows"]) {
    EXPECT_TRUE(row["nmi"].is_null());
    EXPECT_GE(row["silhouette"], .5);
  }
  EXPECT_EQ(all["summary"]["dec"]["stability"], 1);
  EXPECT_TRUE(all["tsne"]["one_nn"].is_null());
  const std::vector<std::string> files = names("out");
  EXPECT_EQ(std::count(files.begin(), files.end(), "confusion.png"), 0);
  EXPECT_EQ(std::count(files.begin(), files.end(), "tsne.png"), 1);
}

// Rows that repeat: each distinct one is a cluster, however many the candidates have.
TEST_F(ClusterTest, FewDistinctRowsAreAsManyClusters) {
  for (const std::int64_t distinct : {2, 5, 11, 24}) {
    Matrix<float> rows(kRows, kDim);
    for (std::int64_t i = 0; i < kRows; ++i) {
      for (std::int64_t j = 0; j < kDim; ++j) rows(i, j) = rows_(i % distinct, j);
    }
    write_npy(path("few.npy"), rows);
    ASSERT_NO_FATAL_FAILURE(run_into("few", {"--features", path("few.npy"), "--methods", "kmeans",
                                             "--seeds", "2", "--tsne-rows", "0"}));
    const Json all = results("few");
    EXPECT_EQ(all["k"], distinct);
    EXPECT_EQ(all["summary"]["kmeans"]["stability"], 1);
    for (const Json& row : all["rows"]) EXPECT_NEAR(row["inertia"].get<double>(), 0, 1e-9);
  }
}

// Names that are formats, escape sequences or no UTF-8 neither fail a picture nor reach a terminal.
TEST_F(ClusterTest, NamesOfAnyBytes) {
  write_bytes(path("odd.txt"), "50% worn\n100%\n\x1b[31m'%s'\n\xe6\xbc\xa2 \\n \"x\"\n");
  const std::vector<std::string> arguments =
      with(toy(), {"--methods", "kmeans", "--seeds", "1", "--label-names", path("odd.txt")});
  const ProgramResult result = run(with(arguments, {"--out", path("out")}));
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out.find('\x1b'), std::string::npos);
  EXPECT_EQ(results("out")["rows"][0]["nmi"], 1);
  for (const char* picture : {"confusion.png", "tsne.png"}) {
    EXPECT_EQ(read_bytes(path("out") / picture).substr(0, 4), "\x89PNG") << picture;
  }
}

}  // namespace
}  // namespace clipk::test
