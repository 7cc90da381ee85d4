#include "cluster/fits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <type_traits>
#include <utility>

namespace clipk::study {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Squared distances of the rows to the mean of their cluster.
double inertia_of(MatrixView<const float> rows, const std::vector<std::int32_t>& labels,
                  std::int64_t k) {
  const Matrix<double> means = means_by_label(rows, labels, k);
  double sum = 0;
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    const double* mean = means.view().row(labels[static_cast<std::size_t>(i)]);
    for (std::int64_t j = 0; j < rows.cols; ++j) {
      const double difference = rows(i, j) - mean[j];
      sum += difference * difference;
    }
  }
  return sum;
}

}  // namespace

void add_fit(ArchiveWriter& archive, const std::string& prefix, const ClusterFit& fit) {
  archive.add(prefix + "/labels", fit.labels);
  archive.add(prefix + "/embedding", fit.embedding);
  archive.add(prefix + "/inertia", fit.inertia);
  archive.add(prefix + "/steps", fit.steps);
  archive.add(prefix + "/seconds", fit.seconds);
  archive.add(prefix + "/kl", fit.kl);
  archive.add(prefix + "/ended", fit.ended);
  if (fit.updates.empty()) return;
  const auto add = [&]<class T>(const char* name, T DecUpdate::*member) {
    using Stored = std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>;
    std::vector<Stored> values;
    for (const DecUpdate& update : fit.updates) values.push_back(update.*member);
    archive.add(prefix + "/updates/" + name, values);
  };
  add("update", &DecUpdate::update);
  add("step", &DecUpdate::step);
  add("rate", &DecUpdate::rate);
  add("divergence", &DecUpdate::divergence);
  add("label_change", &DecUpdate::label_change);
  add("loss", &DecUpdate::loss);
  add("smallest_centre_distance", &DecUpdate::smallest_centre_distance);
  add("entropy", &DecUpdate::entropy);
  add("alarm", &DecUpdate::alarm);
  add("rolled_back", &DecUpdate::rolled_back);
  const auto add_list = [&](const char* name, std::vector<double> DecUpdate::*member) {
    Matrix<double> lists(static_cast<std::int64_t>(fit.updates.size()),
                         static_cast<std::int64_t>((fit.updates[0].*member).size()));
    for (std::size_t u = 0; u < fit.updates.size(); ++u) {
      const std::vector<double>& list = fit.updates[u].*member;
      std::copy(list.begin(), list.end(), lists.view().row(static_cast<std::int64_t>(u)));
    }
    archive.add(prefix + "/updates/" + name, lists);
  };
  add_list("masses", &DecUpdate::masses);
  add_list("shares", &DecUpdate::shares);
}

void read_fit(const ArchiveReader& archive, const std::string& prefix, ClusterFit& fit) {
  fit.labels = archive.vector<std::int32_t>(prefix + "/labels");
  fit.embedding = archive.matrix<float>(prefix + "/embedding");
  fit.inertia = archive.number<double>(prefix + "/inertia");
  fit.steps = archive.number<std::int64_t>(prefix + "/steps");
  fit.seconds = archive.number<double>(prefix + "/seconds");
  fit.kl = archive.number<double>(prefix + "/kl");
  fit.ended = archive.text(prefix + "/ended");
  if (!archive.has(prefix + "/updates/step")) return;
  fit.updates.resize(archive.vector<std::int64_t>(prefix + "/updates/step").size());
  const auto read = [&]<class T>(const char* name, T DecUpdate::*member) {
    using Stored = std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>;
    const auto values = archive.vector<Stored>(prefix + "/updates/" + name);
    if (values.size() != fit.updates.size()) {
      archive.fail(fmt::format("{} updates", fit.updates.size()), std::to_string(values.size()));
    }
    for (std::size_t u = 0; u < values.size(); ++u) {
      fit.updates[u].*member = static_cast<T>(values[u]);
    }
  };
  read("update", &DecUpdate::update);
  read("step", &DecUpdate::step);
  read("rate", &DecUpdate::rate);
  read("divergence", &DecUpdate::divergence);
  read("label_change", &DecUpdate::label_change);
  read("loss", &DecUpdate::loss);
  read("smallest_centre_distance", &DecUpdate::smallest_centre_distance);
  read("entropy", &DecUpdate::entropy);
  read("alarm", &DecUpdate::alarm);
  read("rolled_back", &DecUpdate::rolled_back);
  const auto read_list = [&](const char* name, std::vector<double> DecUpdate::*member) {
    const auto lists = archive.matrix<double>(prefix + "/updates/" + name);
    if (lists.rows() != static_cast<std::int64_t>(fit.updates.size())) {
      archive.fail(fmt::format("{} updates", fit.updates.size()), std::to_string(lists.rows()));
    }
    for (std::int64_t u = 0; u < lists.rows(); ++u) {
      const double* row = lists.view().row(u);
      (fit.updates[static_cast<std::size_t>(u)].*member).assign(row, row + lists.cols());
    }
  };
  read_list("masses", &DecUpdate::masses);
  read_list("shares", &DecUpdate::shares);
}

ClusterFitter::ClusterFitter(Context& context, MatrixView<const float> rows,
                             const ClusterSettings& settings, std::filesystem::path network_file)
    : context_(context), rows_(rows), settings_(settings), network_file_(std::move(network_file)) {}

const Autoencoder& ClusterFitter::autoencoder(const Show& show) {
  if (autoencoder_) return *autoencoder_;
  if (failed_) throw NotConverged(*failed_);
  const auto start = Clock::now();
  AutoencoderOptions options = settings_.autoencoder;
  options.checkpoint = network_file_;
  options.progress = show("autoencoder");
  try {
    autoencoder_ = Autoencoder::fit(context_, rows_, options);
  } catch (const NotConverged& error) {
    failed_ = error;
    throw;
  }
  autoencoder_seconds_ = seconds_since(start);
  return *autoencoder_;
}

KMeans ClusterFitter::kmeans(MatrixView<const float> rows, bool spherical) {
  return KMeans::fit(context_, rows,
                     {.k = settings_.k, .restarts = settings_.restarts, .spherical = spherical});
}

ClusterFit ClusterFitter::fit(const std::string& method, const std::filesystem::path& checkpoint,
                              const Show& show) {
  ClusterFit result;
  if (method == "kmeans") {
    const auto start = Clock::now();
    const KMeans model = kmeans(rows_, settings_.spherical);
    result.seconds = seconds_since(start);
    result.labels = model.labels();
    result.steps = model.iterations();
    result.embedding = Matrix<float>::copy_of(host_, rows_);
  } else {
    const Autoencoder& network = autoencoder(show);
    const auto start = Clock::now();
    if (method == "autoencoder") {
      result.embedding = network.encode(context_, rows_).to_host(context_);
      const KMeans model =
          settings_.denoising.iterations > 0
              ? kmeans(denoise_manifold(context_, result.embedding, settings_.denoising))
              : kmeans(result.embedding);
      result.labels = model.labels();
      result.steps = model.iterations();
    } else {
      DecOptions options = settings_.dec;
      options.k = settings_.k;
      options.restarts = settings_.restarts;
      options.denoising = settings_.denoising;
      if (method == "idec") {
        options.reconstruction = 1;
        options.gamma = settings_.idec_gamma;
      }
      options.checkpoint = checkpoint;
      options.progress = show(method.c_str());
      const Dec model = Dec::fit(context_, rows_, network, options);
      result.labels = model.labels();
      result.steps = model.steps();
      result.updates = model.history();
      result.embedding = model.encode(context_, rows_).to_host(context_);
      result.ended = to_string(model.stop());
    }
    result.seconds = autoencoder_seconds_ + seconds_since(start);
  }
  result.inertia = inertia_of(rows_, result.labels, settings_.k);
  return result;
}

}  // namespace clipk::study
