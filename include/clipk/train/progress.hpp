#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <limits>
#include <string>

namespace clipk {

/// Where a training stands. Losses are means over an epoch: of the last one that ended (NaN
/// before).
struct Progress {
  std::int64_t epoch = 0;   ///< epochs that ended
  std::int64_t epochs = 0;  ///< of the whole training
  std::int64_t step = 0;    ///< steps that were taken, over all epochs
  std::int64_t steps = 0;   ///< of the whole training
  double loss = std::numeric_limits<double>::quiet_NaN();           ///< of the training
  double held_out_loss = std::numeric_limits<double>::quiet_NaN();  ///< NaN without held-out data
  double rate = 0;     ///< learning rate of the last step
  double seconds = 0;  ///< since run() began
  double seconds_left = std::numeric_limits<double>::quiet_NaN();  ///< at the mean pace of this run
  bool epoch_end = false;                                          ///< an epoch has just ended
  bool done = false;  ///< the training has: at the last epoch, or stopped early
};

/// Shows Progress on a stream: a bar that is drawn over itself on a terminal (at most ten times a
/// second), or about ten plain lines. The stream must outlive it.
class ProgressBar {
 public:
  /// @param terminal whether it may draw over what it drew  @param label stands before the bar
  ProgressBar(std::ostream& out, bool terminal, std::string label = "");
  /// Draws where training stands, if it is time to.
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
