#include "clipk/train/progress.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

namespace clipk::test {
namespace {

Progress at(std::int64_t epoch, bool done = false) {
  Progress p;
  p.epoch = epoch;
  p.epochs = 20;
  p.step = epoch * 5;
  p.steps = 100;
  p.loss = 0.125;
  p.rate = 1e-3;
  p.seconds = 75;
  p.seconds_left = 3700;
  p.epoch_end = true;
  p.done = done;
  return p;
}

TEST(ProgressBar, PlainLinesAreAboutTen) {
  std::ostringstream out;
  ProgressBar bar(out, false, "isotonic 64");
  for (std::int64_t epoch = 1; epoch <= 20; ++epoch) {
    Progress step = at(epoch);
    step.epoch_end = false;
    bar(step);
    bar(at(epoch, epoch == 20));
  }
  const std::string text = out.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 11);
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_EQ(text.substr(0, text.find('\n')),
            "isotonic 64  epoch 1/20  loss 0.125  rate 0.001  1:01:40 left");
  EXPECT_NE(text.find("epoch 20/20  loss 0.125  rate 0.001  in 1:15\n"), std::string::npos);
}

TEST(ProgressBar, ABarIsDrawnOverItself) {
  std::ostringstream out;
  ProgressBar bar(out, true);
  bar(at(10));
  bar(at(11));  // too soon after the one before
  Progress last = at(20, true);
  last.held_out_loss = 0.25;
  bar(last);
  const std::string text = out.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\r'), 2);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_NE(text.find("[============            ]  50%"), std::string::npos);
  EXPECT_NE(text.find("[========================] 100%"), std::string::npos);
  EXPECT_NE(text.find("held out 0.25"), std::string::npos);
}

TEST(ProgressBar, OtherStreamsAreNoTerminals) {
  EXPECT_FALSE(ProgressBar::is_terminal(std::ostringstream()));
}

}  // namespace
}  // namespace clipk::test
