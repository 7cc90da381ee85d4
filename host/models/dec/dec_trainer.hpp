#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/models/dec.hpp"
#include "models/dec/dec_monitor.hpp"
#include "models/dec/dec_network.hpp"
#include "train/checkpoint_file.hpp"
#include "train/progress_clock.hpp"
#include "train/rate_table.hpp"
#include "train/shuffled_batches.hpp"
#include "train/step_graph.hpp"

namespace clipk {

/// The state of a training at a healthy update: with the seed, all that is needed to resume.
struct DecState {
  std::int64_t step = 0;
  std::int64_t alarms = 0;
  double rate_cut = 1;  ///< the guard's factor, once for each alarm
  bool done = false;
  DecStop stop = DecStop::max_steps;
  std::vector<std::int32_t> labels, start_labels;
  std::vector<DecUpdate> history;
  Matrix<float> parameters, first_moment, second_moment;  ///< copies, on the device
};

/// Trains a DecNetwork: steps and updates in turn, see Dec.
class DecTrainer {
 public:
  /// @param rows [n, d], scaled, on the context's device; all arguments must outlive the trainer
  DecTrainer(Context& context, MatrixView<const float> rows, const DecOptions& options,
             DecNetwork& network);
  /// Leaves the last healthy state in the network. @returns the rest of that state
  DecState run();

 private:
  ParameterSlice trained();
  void start();
  void update();
  DecView look();
  void train(std::int64_t steps);
  void one_step();
  void keep_state(std::vector<std::int32_t> labels);
  void put_back();
  double rate_of(std::int64_t step) const;
  void report(bool update_end);
  std::string fingerprint() const;
  void save_checkpoint() const;
  bool load_checkpoint();

  Context& context_;
  MatrixView<const float> rows_;
  const DecOptions& options_;
  DecNetwork& network_;
  std::int64_t batch_;
  train::CheckpointFile checkpoint_;
  std::string data_;  // digests of rows and start

  DecState state_;
  std::optional<CollapseAlarm> alarm_;
  std::int64_t step_ = 0;  // of the network, which may be ahead of the state
  train::ShuffledBatches batches_;
  train::RateTable rates_;
  Matrix<float> codes_, q_, p_, x_, batch_p_;
  Matrix<float> first_moment_, second_moment_;
  Matrix<double> column_sums_, loss_, divergence_;
  train::StepGraph graph_{true};
  train::ProgressClock clock_;
};

}  // namespace clipk
