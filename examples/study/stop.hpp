#pragma once

#include <memory>
#include <mutex>
#include <stdexcept>

namespace clipk::study {

// Signals that ask a program to end: SIGINT, SIGTERM, SIGHUP. A fit that is under way may save
// itself first; whoever else computes is ended where it stands, though not while it writes a
// study's checkpoint or its results. A second signal waits for nothing but the exchange of old
// results for new ones.

/// A run that ends because a signal asked it to.
class Stopped : public std::runtime_error {
 public:
  explicit Stopped(int signal);
  int signal() const { return signal_; }

 private:
  int signal_;
};

/// Begins to watch for the signals, but for those that were ignored when the program began (nohup).
/// Writing to a pipe that nobody reads is an error of that write from here on, and no more. To be
/// called before any thread is started. `at_end` gives the last words, which go to standard error.
void watch_signals(std::string (*at_end)(int signal));

/// Whether a signal came, and which; 0 for none.
int stop_signal();
/// Seconds since it came; 0 where none did.
double seconds_since_stop();

/// While one lives, a signal waits some seconds for the fit to throw Stopped by itself.
class StopsByItself {
 public:
  StopsByItself();
  StopsByItself(const StopsByItself&) = delete;
  StopsByItself& operator=(const StopsByItself&) = delete;
  ~StopsByItself();
};

/// While this lock is held no signal ends the process but the second one.
std::unique_lock<std::recursive_mutex> no_stop();
/// While one lives no signal ends the process, be it the second one.
class MustFinish {
 public:
  MustFinish();
  MustFinish(const MustFinish&) = delete;
  MustFinish& operator=(const MustFinish&) = delete;
  ~MustFinish();
};
/// From here on none does: the results are written, and the program is about to end.
void nothing_left_to_stop();

}  // namespace clipk::study
