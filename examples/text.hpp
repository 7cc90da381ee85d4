#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace clipk::study {

/// How many characters a text has, not bytes.
std::size_t characters(const std::string& text);

/// A text of at most so many characters; one that is longer ends in three dots.
std::string shortened(const std::string& text, std::size_t most = 48);

/// The text as valid UTF-8: what is none becomes U+FFFD.
std::string valid_utf8(std::string_view text);

/// The text for a terminal: valid UTF-8, and no control character but the end of a line; each of
/// the others becomes U+FFFD.
std::string printable(std::string_view text);

}  // namespace clipk::study
