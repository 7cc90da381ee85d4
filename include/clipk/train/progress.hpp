#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <limits>
#include <string>

namespace clipk {

/// The progress of a training. Losses are means over the last completed epoch (NaN before).
struct Progress {
  std::int64_t epoch = 0;                                           ///< completed
  std::int64_t epochs = 0;                                          ///< of the whole training
  std::int64_t step = 0;                                            ///< taken, over all epochs
  std::int64_t steps = 0;                                           ///< of the whole training
  double loss = std::numeric_limits<double>::quiet_NaN();           ///< of the training
  double held_out_loss = std::numeric_limits<double>::quiet_NaN();  ///< NaN without held-out data
  double rate = 0;     ///< learning rate of the last step
  double seconds = 0;  ///< since run() began
  double seconds_left = std::numeric_limits<double>::quiet_NaN();  ///< at the mean pace of this run
  bool epoch_end = false;                                          ///< an epoch has just ended
  bool done = false;  ///< whether the training has ended: at the last epoch, or stopped early
};

/// Shows Progress on a stream: on a terminal a bar that overwrites itself (at most ten times per
/// second), elsewhere about ten plain lines. The stream must outlive it.
class ProgressBar {
 public:
  /// @param terminal whether it may overwrite its output  @param label stands before the bar
  ProgressBar(std::ostream& out, bool terminal, std::string label = "");
  /// Draws the progress, if enough time has passed.
  void operator()(const Progress& progress);

  /// Whether std::cout or std::cerr is a terminal; false for any other stream.
  static bool is_terminal(const std::ostream& out);

 private:
  std::ostream* out_;
  bool terminal_;
  std::string label_;
  std::chrono::steady_clock::time_point drawn_{};
  std::int64_t tenths_ = -1;
  std::size_t width_ = 0;
};

}  // namespace clipk
