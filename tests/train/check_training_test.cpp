// The checks that all trainings share name the model and the option.
#include "train/check_training.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "clipk/core/error.hpp"
#include "support/error_of.hpp"

namespace clipk {
namespace {

template <class Change>
std::string refused(Change&& change) {
  TrainingOptions options;
  change(options);
  return test::error_of([&] { train::check_training("vae", options); });
}

TEST(CheckTrainingTest, WhatMakesNoSenseIsNamed) {
  EXPECT_EQ(refused([](auto&) {}), "no error");
  EXPECT_EQ(refused([](auto& o) { o.epochs = -1; }), "vae: expected epochs of at least 0, got -1");
  EXPECT_EQ(refused([](auto& o) { o.rate = -1; }),
            "vae: expected a finite rate of at least 0, got -1.000000");
  EXPECT_EQ(refused([](auto& o) { o.rate = INFINITY; }),
            "vae: expected a finite rate of at least 0, got inf");
  EXPECT_EQ(refused([](auto& o) { o.schedule.warmup_steps = -2; }),
            "vae: expected schedule.warmup_steps of at least 0, got -2");
  EXPECT_EQ(refused([](auto& o) { o.schedule.every = 0; }),
            "vae: expected schedule.every of at least 1, got 0");
  EXPECT_THROW(train::check_batch("vae", 0), Error);
}

}  // namespace
}  // namespace clipk
