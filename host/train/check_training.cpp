#include "train/check_training.hpp"

#include <cmath>
#include <string>

#include "core/check.hpp"

namespace clipk::train {

void check_at_least(const char* model, const char* name, std::int64_t least, std::int64_t value) {
  if (value >= least) return;
  check::fail(model, std::string(name) + " of at least " + std::to_string(least),
              std::to_string(value));
}

void check_batch(const char* model, std::int64_t batch) {
  check_at_least(model, "a batch", 1, batch);
}

void check_rate(const char* model, double rate) {
  if (rate >= 0 && std::isfinite(rate)) return;
  check::fail(model, "a finite rate of at least 0", std::to_string(rate));
}

void check_schedule(const char* model, const ScheduleOptions& schedule) {
  check_at_least(model, "schedule.warmup_steps", 0, schedule.warmup_steps);
  check_at_least(model, "schedule.every", 1, schedule.every);
}

void check_training(const char* model, const TrainingOptions& options) {
  check_at_least(model, "epochs", 0, options.epochs);
  check_rate(model, options.rate);
  check_schedule(model, options.schedule);
}

}  // namespace clipk::train
