#include "clipk/train/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <utility>

namespace clipk {
namespace {

template <class... A>
std::string format(const char* pattern, A... values) {
  char text[96];
  std::snprintf(text, sizeof(text), pattern, values...);
  return text;
}

std::string clock(double seconds) {
  const auto s = static_cast<long long>(std::llround(seconds));
  return s < 3600 ? format("%lld:%02lld", s / 60, s % 60)
                  : format("%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
}

std::string figures(const Progress& p) {
  std::string text =
      format("epoch %lld/%lld", static_cast<long long>(p.epoch), static_cast<long long>(p.epochs));
  if (!std::isnan(p.loss)) text += format("  loss %.5g", p.loss);
  if (!std::isnan(p.held_out_loss)) text += format("  held out %.5g", p.held_out_loss);
  text += format("  rate %.3g", p.rate);
  if (p.done) return text + "  in " + clock(p.seconds);
  return std::isnan(p.seconds_left) ? text : text + "  " + clock(p.seconds_left) + " left";
}

}  // namespace

ProgressBar::ProgressBar(std::ostream& out, bool terminal, std::string label)
    : out_(&out), terminal_(terminal), label_(std::move(label)) {
  if (!label_.empty()) label_ += "  ";
}

bool ProgressBar::is_terminal(const std::ostream& out) {
  if (&out == &std::cout) return isatty(STDOUT_FILENO) == 1;
  if (&out == &std::cerr || &out == &std::clog) return isatty(STDERR_FILENO) == 1;
  return false;
}

void ProgressBar::operator()(const Progress& p) {
  const double share = p.steps > 0 ? static_cast<double>(p.step) / static_cast<double>(p.steps) : 1;
  if (!terminal_) {
    const auto tenths = static_cast<std::int64_t>(10 * share);
    if (!p.done && (!p.epoch_end || tenths == tenths_)) return;
    tenths_ = tenths;
    *out_ << label_ << figures(p) << '\n' << std::flush;
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (!p.done && now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  constexpr int kCells = 24;
  const int full = std::clamp(static_cast<int>(share * kCells), 0, kCells);
  std::string line = label_ + '[' + std::string(static_cast<std::size_t>(full), '=') +
                     std::string(static_cast<std::size_t>(kCells - full), ' ') +
                     format("] %3d%%  ", static_cast<int>(100 * share)) + figures(p);
  const std::size_t length = line.size();
  if (length < width_) line.append(width_ - length, ' ');  // covers a longer previous line
  width_ = length;
  *out_ << '\r' << line << (p.done ? "\n" : "") << std::flush;
}

}  // namespace clipk
