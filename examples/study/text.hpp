#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace clipk::study {

// Captions, names of classes and of files are whatever bytes a user has. What is none of UTF-8
// reads as U+FFFD, one for each byte or broken sequence.

/// The characters of a text.
std::u32string code_points(std::string_view text);
/// Characters as UTF-8.
std::string utf8(std::u32string_view characters);
/// The text itself, where it is UTF-8.
std::string valid_utf8(std::string_view text);

/// A text for the terminal: U+FFFD in place of control characters other than the line feed and
/// the tab (an escape sequence could retitle, recolour or clear it), and of those that turn the
/// direction of what follows.
std::string printable(std::string_view text);
/// The same on one line: ends of lines and tabs are a space.
std::string one_line(std::string_view text);

/// How many columns of a terminal a text on one line takes: a Chinese character two, a combining
/// accent none.
std::size_t width(std::string_view text);

/// A text of words in as few lines of at most so many columns as it takes, of about equal length:
/// no last line of one short word. A word that is longer has a line of its own.
std::string wrapped(std::string_view text, std::size_t most);

/// A text of at most so many columns; one that is longer ends in three dots.
std::string shortened(std::string_view text, std::size_t most = 48);
/// How many of the characters to keep, where `kept` fit: an accent stays with its letter.
std::size_t whole_characters(std::u32string_view characters, std::size_t kept);

}  // namespace clipk::study
