#include "study/fit_progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <memory>
#include <utility>

#include "study/stop.hpp"
#include "study/text.hpp"

namespace clipk::study {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kBetweenLines = std::chrono::seconds(30);
constexpr double kPatience = 2;  // seconds that the end of an epoch is waited for

bool on_terminal() {
  return ::isatty(STDERR_FILENO) != 0;
}

// One training. Copies of the function share it.
class FitProgress {
 public:
  explicit FitProgress(const std::string& label)
      : label_(label), bar_(std::cerr, true, label), terminal_(on_terminal()) {}

  void operator()(const Progress& progress) {
    if (terminal_) {
      bar_(progress);
    } else if (const auto now = Clock::now(); !progress.done && now - said_ >= kBetweenLines) {
      said_ = now;
      note(line(progress));
    }
    if (stop_signal() != 0 && (progress.epoch_end || seconds_since_stop() > kPatience)) {
      throw Stopped(stop_signal());
    }
  }

 private:
  std::string line(const Progress& progress) const {
    std::string text = fmt::format("{}: epoch {} of {}", label_, progress.epoch, progress.epochs);
    if (!std::isnan(progress.loss)) text += fmt::format(", loss {:.5g}", progress.loss);
    if (!std::isnan(progress.seconds_left)) {
      text += fmt::format(", about {:.0f} s left", progress.seconds_left);
    }
    return text;
  }

  std::string label_;
  ProgressBar bar_;
  bool terminal_;
  Clock::time_point said_ = Clock::now();
  StopsByItself stops_;
};

}  // namespace

void note(std::string_view line) {
  const std::string text = printable(line) + "\n";
  std::fwrite(text.data(), 1, text.size(), stderr);
}

std::function<void(const Progress&)> fit_progress(const std::string& label) {
  const auto shared = std::make_shared<FitProgress>(label);
  return [shared](const Progress& progress) { (*shared)(progress); };
}

void note_done(const std::string& label, double seconds) {
  if (!on_terminal()) note(fmt::format("{}: {:.1f} s", label, seconds));
}

}  // namespace clipk::study
