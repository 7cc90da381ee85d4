#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "clipk/train/progress.hpp"

namespace clipk::study {

/// A line to standard error. Where that cannot be written, nothing happens.
void note(std::string_view line);

/// What shows a training: a bar where standard error is a terminal, else a line every half minute.
/// After a signal it ends the training by Stopped: at the end of an epoch, where the trainer saves
/// itself, or at once where that is long in coming.
std::function<void(const Progress&)> fit_progress(const std::string& label);

/// "label: 1.2 s", after a fit; on a terminal the bar has said it.
void note_done(const std::string& label, double seconds);

}  // namespace clipk::study
