#pragma once

#include <string>

namespace clipk::study {

/// The colour of text and lines in every picture.
inline constexpr const char* kInk = "#333333";

/// For programs that draw after long work: whether charts can be drawn is known before it.
/// @throws Error where gnuplot is missing or has no PNG terminal.
void check_charts();

/// What a script of gnuplot with `set terminal pngcairo` draws, as the bytes of a PNG.
/// @throws Error where gnuplot is missing or fails.
std::string run_gnuplot(const std::string& script);

}  // namespace clipk::study
