#include "clipk/train/schedule.hpp"

#include <algorithm>
#include <numbers>

#include "core/enum_names.hpp"
#include "core/math/math.hpp"

namespace clipk {

const char* to_string(Schedule schedule) {
  switch (schedule) {
    case Schedule::constant:
      return "constant";
    case Schedule::linear:
      return "linear";
    case Schedule::cosine:
      return "cosine";
    case Schedule::step:
      return "step";
  }
  return "?";
}

Schedule schedule_named(std::string_view name) {
  return named("schedule", name,
               {Schedule::constant, Schedule::linear, Schedule::cosine, Schedule::step});
}

double schedule_share(const ScheduleOptions& options, std::int64_t step, std::int64_t steps,
                      std::int64_t steps_per_epoch) {
  const std::int64_t warmup = options.warmup_steps;
  if (step < warmup) return static_cast<double>(step + 1) / static_cast<double>(warmup);
  const double u =
      std::min(1.0, static_cast<double>(step - warmup) /
                        static_cast<double>(std::max<std::int64_t>(1, steps - warmup)));
  const double fall = 1 - options.final_share;
  switch (options.kind) {
    case Schedule::constant:
      return 1;
    case Schedule::linear:
      return 1 - fall * u;
    case Schedule::cosine:
      return options.final_share + fall * (1 + math::cos(std::numbers::pi * u)) / 2;
    case Schedule::step: {
      const std::int64_t falls = step / steps_per_epoch / options.every;
      return math::pow(options.factor, static_cast<double>(falls));
    }
  }
  return 1;
}

}  // namespace clipk
