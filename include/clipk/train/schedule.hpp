#pragma once

#include <cstdint>
#include <string_view>

namespace clipk {

/// How the learning rate falls after the warm-up; u runs from 0 to 1 over the rest of the training.
enum class Schedule : std::uint8_t {
  constant,  ///< 1
  linear,    ///< 1 - (1 - final) u
  cosine,    ///< final + (1 - final) (1 + cos(pi u)) / 2 (Loshchilov and Hutter, ICLR 2017)
  step,      ///< factor ^ floor(epoch / every)
};

/// The name that files and options use.
const char* to_string(Schedule schedule);
/// The value of a name of to_string. @throws Error that lists the names.
Schedule schedule_named(std::string_view name);

/// How the learning rate changes over a training.
struct ScheduleOptions {
  Schedule kind = Schedule::constant;  ///< after the warm-up
  /// Steps of linear warm-up: step t (from 0) of w uses the share (t + 1) / w of the rate.
  std::int64_t warmup_steps = 0;
  double final_share = 0;   ///< of the rate, at the end of linear and cosine
  std::int64_t every = 30;  ///< epochs between two drops of step
  double factor = 0.1;      ///< of a drop
};

/// The share of the learning rate that a step uses.
/// @param step from 0, over all epochs  @param steps of the whole training
double schedule_share(const ScheduleOptions& options, std::int64_t step, std::int64_t steps,
                      std::int64_t steps_per_epoch);

}  // namespace clipk
