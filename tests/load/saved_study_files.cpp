#include <utility>

#include "cluster/fits.hpp"
#include "dimension/outcome.hpp"
#include "load/saved_files.hpp"
#include "study/fit_store.hpp"

namespace clipk::test {
namespace {

namespace fs = std::filesystem;
using namespace clipk::study;

constexpr const char* kFingerprint = R"({"program": "study", "options": {}, "inputs": {}})";

Measured measured(std::int32_t pairs) {
  Measured m;
  for (std::int32_t i = 0; i < pairs; ++i) {
    m.i2t_ranks.push_back(i);
    m.t2i_ranks.push_back(pairs - 1 - i);
  }
  m.stress1 = 0.25;
  m.kendall_distance = 0.5;
  return m;
}

FitStore<Outcome> dimension_store(const fs::path& path) {
  return {"dimension_study checkpoint", 1, path, kFingerprint};
}

void save_dimension(Context&, const fs::path& path) {
  FitStore<Outcome> store = dimension_store(path);
  Outcome all, split;
  all.train = measured(3);
  all.images = Matrix<float>(3, 2);
  all.texts = Matrix<float>(3, 2);
  all.epochs = 4;
  store.add("pca/2/all", std::move(all));
  split.train = measured(2);
  split.held = measured(1);
  split.seconds = 0.25;
  store.add("pca/2/0", std::move(split));
}

std::function<void()> load_dimension(Context&, const fs::path& path) {
  const FitStore<Outcome> store = dimension_store(path);
  store.check("pca/2/all", [](const Outcome& outcome) {
    check_fit(outcome, {.train = SetSizes::of(3), .dim = 2});
  });
  store.check("pca/2/0", [](const Outcome& outcome) {
    check_fit(outcome, {.train = SetSizes::of(2), .held = SetSizes::of(1), .dim = 2});
  });
  return [] {};
}

FitStore<ClusterFit> cluster_store(const fs::path& path) {
  return {"cluster_study checkpoint", 1, path, kFingerprint};
}

void save_cluster(Context&, const fs::path& path) {
  FitStore<ClusterFit> store = cluster_store(path);
  ClusterFit kmeans, dec, map;
  kmeans.labels = {0, 1, 0};
  kmeans.embedding = Matrix<float>(3, 4);
  kmeans.inertia = 2.5;
  store.add("kmeans/0", std::move(kmeans));
  dec.labels = {1, 0, 1};
  dec.embedding = Matrix<float>(3, 2);
  dec.steps = 6;
  dec.ended = to_string(DecStop::max_steps);
  for (std::int64_t u = 0; u < 2; ++u) {
    DecUpdate& update = dec.updates.emplace_back();
    update.update = u;
    update.step = 3 * u;
    update.masses = {0.5, 0.5};
    update.shares = {0.25, 0.75};
  }
  store.add("dec/0", std::move(dec));
  map.embedding = Matrix<float>(3, 2);
  map.kl = 0.5;
  store.add("tsne", std::move(map));
}

std::function<void()> load_cluster(Context&, const fs::path& path) {
  const FitStore<ClusterFit> store = cluster_store(path);
  const auto check = [&](const char* key, std::int64_t k, std::int64_t cols) {
    store.check(key,
                [&](const ClusterFit& fit) { check_fit(fit, {.rows = 3, .k = k, .cols = cols}); });
  };
  check("kmeans/0", 2, 4);
  check("dec/0", 2, 2);
  check("tsne", 0, 2);
  return [] {};
}

}  // namespace

std::vector<SavedFile> study_files() {
  return {{"dimension_study", "dimension_study checkpoint", save_dimension, load_dimension},
          {"cluster_study", "cluster_study checkpoint", save_cluster, load_cluster}};
}

}  // namespace clipk::test
