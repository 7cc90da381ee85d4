#pragma once

#include <cstddef>
#include <string>

namespace clipk::study {

/// How many characters a text has, not bytes.
std::size_t characters(const std::string& text);

/// A text of at most so many characters; one that is longer ends in three dots.
std::string shortened(const std::string& text, std::size_t most = 48);

}  // namespace clipk::study
