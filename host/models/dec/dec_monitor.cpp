#include "models/dec/dec_monitor.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/host_rows.hpp"
#include "core/math/math.hpp"
#include "core/parallel.hpp"

namespace clipk {
namespace {

constexpr std::int64_t kGrain = 1024;  // rows per task

std::int32_t largest(const float* row, std::int64_t k) {
  return static_cast<std::int32_t>(std::max_element(row, row + k) - row);
}

double smallest_distance(MatrixView<const float> centres) {
  double smallest = std::numeric_limits<double>::infinity();
  for (std::int64_t i = 0; i < centres.rows; ++i) {
    for (std::int64_t j = 0; j < i; ++j) {
      double sum = 0;
      for (std::int64_t t = 0; t < centres.cols; ++t) {
        const double difference = static_cast<double>(centres(i, t)) - centres(j, t);
        sum += difference * difference;
      }
      if (!(sum >= smallest)) smallest = sum;  // NaN is kept
    }
  }
  return std::sqrt(smallest);
}

}  // namespace

DecView dec_view(Context& context, MatrixView<const float> q_any,
                 VectorView<const double> column_sums, MatrixView<const float> centres_any) {
  const HostRows q_rows(context, q_any), centre_rows(context, centres_any);
  const MatrixView<const float> q = q_rows.view();
  const std::int64_t n = q.rows, k = q.cols, tasks = (n + kGrain - 1) / kGrain;
  DecView result;
  result.labels.resize(static_cast<std::size_t>(n));
  std::vector<double> entropies(static_cast<std::size_t>(tasks));
  cpu::parallel_chunks(context.threads(), n, kGrain, [&](std::int64_t first, std::int64_t count) {
    double sum = 0;
    for (std::int64_t i = first; i < first + count; ++i) {
      const float* const row = q.row(i);
      result.labels[static_cast<std::size_t>(i)] = largest(row, k);
      for (std::int64_t j = 0; j < k; ++j) {
        const double share = row[j];
        if (share != 0) sum -= share * math::log(share);
      }
    }
    entropies[static_cast<std::size_t>(first / kGrain)] = sum;
  });
  DecUpdate& update = result.update;
  const auto rows = static_cast<double>(n);
  for (const double part : entropies) update.entropy += part / rows;
  update.masses.resize(static_cast<std::size_t>(k));
  copy<double>(context, column_sums, VectorView<double>(update.masses.data(), k));
  for (double& mass : update.masses) mass /= rows;
  std::vector<std::int64_t> counts(static_cast<std::size_t>(k));
  for (const std::int32_t label : result.labels) ++counts[static_cast<std::size_t>(label)];
  for (const std::int64_t count : counts) {
    update.shares.push_back(static_cast<double>(count) / rows);
  }
  update.smallest_centre_distance = smallest_distance(centre_rows.view());
  return result;
}

std::vector<std::int32_t> largest_columns(Context& context, MatrixView<const float> q_any) {
  const HostRows rows(context, q_any);
  const MatrixView<const float> q = rows.view();
  std::vector<std::int32_t> labels(static_cast<std::size_t>(q.rows));
  for (std::int64_t i = 0; i < q.rows; ++i) {
    labels[static_cast<std::size_t>(i)] = largest(q.row(i), q.cols);
  }
  return labels;
}

double label_change(const std::vector<std::int32_t>& before, const std::vector<std::int32_t>& now) {
  std::int64_t changed = 0;
  for (std::size_t i = 0; i < now.size(); ++i) changed += before[i] != now[i] ? 1 : 0;
  return static_cast<double>(changed) / static_cast<double>(now.size());
}

CollapseAlarm::CollapseAlarm(const DecGuard& guard, const DecUpdate& start) {
  const auto smallest = [](const std::vector<double>& values) {
    return *std::min_element(values.begin(), values.end());
  };
  const double even = 1 / static_cast<double>(start.masses.size());
  least_mass_ = guard.least_mass * std::min(even, smallest(start.masses));
  least_share_ = guard.least_mass * std::min(even, smallest(start.shares));
  least_distance_ = guard.least_distance * start.smallest_centre_distance;
}

bool CollapseAlarm::sounds(const DecUpdate& update) const {
  // Written so that NaN raises an alarm.
  const auto all_above = [](const std::vector<double>& values, double least) {
    return std::all_of(values.begin(), values.end(),
                       [least](double value) { return value >= least; });
  };
  return !(std::isfinite(update.loss) && std::isfinite(update.divergence) &&
           std::isfinite(update.entropy) && std::isfinite(update.smallest_centre_distance) &&
           update.smallest_centre_distance >= least_distance_ &&
           all_above(update.masses, least_mass_) && all_above(update.shares, least_share_));
}

void save_history(ArchiveWriter& archive, const std::vector<DecUpdate>& history) {
  const auto n = static_cast<std::int64_t>(history.size());
  const std::int64_t k = history.empty() ? 0 : static_cast<std::int64_t>(history[0].masses.size());
  Matrix<double> numbers(n, 9), masses(n, k), shares(n, k);
  for (std::int64_t i = 0; i < n; ++i) {
    const DecUpdate& u = history[static_cast<std::size_t>(i)];
    const double row[] = {static_cast<double>(u.step),
                          u.rate,
                          u.label_change,
                          u.loss,
                          u.divergence,
                          u.smallest_centre_distance,
                          u.entropy,
                          u.alarm ? 1. : 0.,
                          u.rolled_back ? 1. : 0.};
    std::copy(std::begin(row), std::end(row), numbers.view().row(i));
    std::copy(u.masses.begin(), u.masses.end(), masses.view().row(i));
    std::copy(u.shares.begin(), u.shares.end(), shares.view().row(i));
  }
  archive.add("history/numbers", numbers);
  archive.add("history/masses", masses);
  archive.add("history/shares", shares);
}

std::vector<DecUpdate> load_history(const ArchiveReader& archive, std::int64_t k) {
  const auto numbers = archive.matrix<double>("history/numbers", ArchiveValues::any);
  const std::int64_t n = numbers.rows();
  if (n < 1) archive.fail("a history of at least 1 update", "none");
  archive.expect_matrix<double>("history/numbers", n, 9);
  archive.expect_matrix<double>("history/masses", n, k);
  archive.expect_matrix<double>("history/shares", n, k);
  const auto masses = archive.matrix<double>("history/masses", ArchiveValues::any);
  const auto shares = archive.matrix<double>("history/shares", ArchiveValues::any);
  const auto finite = [](const double* from, std::int64_t count) {
    return std::all_of(from, from + count, [](double value) { return std::isfinite(value); });
  };
  std::vector<DecUpdate> history(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) {
    DecUpdate& u = history[static_cast<std::size_t>(i)];
    const double* const row = numbers.view().row(i);
    const bool alarm = row[7] != 0;
    constexpr double kMostSteps = 9007199254740992;  // doubles hold every integer up to here
    const auto is_flag = [](double value) { return value == 0 || value == 1; };
    if (!(row[0] >= 0 && row[0] <= kMostSteps) || !is_flag(row[7]) || !is_flag(row[8]) ||
        (!alarm &&
         !(finite(row, 9) && finite(masses.view().row(i), k) && finite(shares.view().row(i), k)))) {
      archive.fail("a history of finite numbers and steps of at least 0",
                   "others in update " + std::to_string(i));
    }
    u.update = i;
    u.step = static_cast<std::int64_t>(row[0]);
    u.rate = row[1];
    u.label_change = row[2];
    u.loss = row[3];
    u.divergence = row[4];
    u.smallest_centre_distance = row[5];
    u.entropy = row[6];
    u.alarm = alarm;
    u.rolled_back = row[8] != 0;
    u.masses.assign(masses.view().row(i), masses.view().row(i) + k);
    u.shares.assign(shares.view().row(i), shares.view().row(i) + k);
  }
  return history;
}

}  // namespace clipk
