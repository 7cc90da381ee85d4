#include "cluster/fits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "clipk/core/error.hpp"

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

bool is_finite(const DecUpdate& update) {
  const auto all = [](const std::vector<double>& values) {
    return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
  };
  const std::vector<double> numbers{update.rate,         update.divergence,
                                    update.label_change, update.loss,
                                    update.entropy,      update.smallest_centre_distance};
  return all(numbers) && all(update.masses) && all(update.shares);
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
  constexpr double kMost = std::numeric_limits<double>::max();
  fit.inertia = archive.number<double>(prefix + "/inertia", 0, kMost);
  fit.steps = archive.count(prefix + "/steps");
  fit.seconds = archive.number<double>(prefix + "/seconds", 0, kMost);
  fit.kl = archive.number<double>(prefix + "/kl");
  fit.ended = archive.text(prefix + "/ended");
  const auto is_ended = [&](DecStop stop) { return fit.ended == to_string(stop); };
  if (!fit.ended.empty() && !is_ended(DecStop::labels_settled) && !is_ended(DecStop::max_steps) &&
      !is_ended(DecStop::collapsed)) {
    archive.fail("entry '" + prefix + "/ended' of a reason to end", "'" + fit.ended + "'");
  }
  if (!archive.has(prefix + "/updates/step")) return;
  const auto updates =
      static_cast<std::int64_t>(archive.vector<std::int64_t>(prefix + "/updates/step").size());
  for (const char* name : {"rate", "divergence", "label_change", "loss", "entropy"}) {
    archive.expect_vector<double>(prefix + "/updates/" + name, updates);  // before memory is taken
  }
  fit.updates.resize(static_cast<std::size_t>(updates));
  const auto read = [&]<class T>(const char* name, T DecUpdate::*member) {
    using Stored = std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>;
    const std::string entry = prefix + "/updates/" + name;
    const auto values = archive.vector<Stored>(entry, static_cast<std::int64_t>(fit.updates.size()),
                                               ArchiveValues::any);
    if constexpr (std::is_same_v<T, bool>) archive.expect_within(entry, values, 0, 1);
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
    const auto lists = archive.matrix<double>(prefix + "/updates/" + name, ArchiveValues::any);
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
  for (std::size_t u = 0; u < fit.updates.size(); ++u) {
    const DecUpdate& update = fit.updates[u];
    if (update.update != static_cast<std::int64_t>(u) || update.step < 0) {
      archive.fail(fmt::format("update {} in place {}, after 0 or more steps", u, u),
                   fmt::format("{}, after {}", update.update, update.step));
    }
    if (!update.alarm && !is_finite(update)) {
      archive.fail("updates of finite numbers but for those of an alarm",
                   fmt::format("others in place {} of {}", u, prefix));
    }
  }
}

void check_fit(const ClusterFit& fit, const ClusterFitSizes& sizes) {
  const std::int64_t labels = sizes.k > 0 ? sizes.rows : 0;
  if (static_cast<std::int64_t>(fit.labels.size()) != labels) {
    throw Error(fmt::format("expected {} labels, got {}", labels, fit.labels.size()));
  }
  for (std::size_t i = 0; i < fit.labels.size(); ++i) {
    if (fit.labels[i] >= 0 && fit.labels[i] < sizes.k) continue;
    throw Error(fmt::format("expected labels from 0 to {}, got {} of row {}", sizes.k - 1,
                            fit.labels[i], i));
  }
  const std::int64_t rows = sizes.cols > 0 ? sizes.rows : 0;
  if (fit.embedding.rows() != rows || fit.embedding.cols() != sizes.cols) {
    throw Error(fmt::format("expected an embedding of shape [{}, {}], got [{}, {}]", rows,
                            sizes.cols, fit.embedding.rows(), fit.embedding.cols()));
  }
  for (const DecUpdate& update : fit.updates) {
    const auto k = static_cast<std::size_t>(sizes.k);
    if (update.masses.size() == k && update.shares.size() == k) continue;
    throw Error(fmt::format("expected masses and shares of {} clusters, got {} and {}", sizes.k,
                            update.masses.size(), update.shares.size()));
  }
}

ClusterFitter::ClusterFitter(Context& context, MatrixView<const float> rows,
                             const ClusterSettings& settings, std::filesystem::path network_file)
    : context_(context), rows_(rows), settings_(settings), network_file_(std::move(network_file)) {}

const Autoencoder& ClusterFitter::autoencoder(const Show& show) {
  if (autoencoder_) return *autoencoder_;
  if (!autoencoder_error_.empty()) throw Error(autoencoder_error_);
  const auto start = Clock::now();
  AutoencoderOptions options = settings_.autoencoder;
  options.checkpoint = network_file_;
  options.progress = show("autoencoder");
  try {
    autoencoder_ = Autoencoder::fit(context_, rows_, options);
  } catch (const Error& error) {
    autoencoder_error_ = error.what();
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
