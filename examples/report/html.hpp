#pragma once

#include <string>
#include <string_view>

namespace clipk::study {

/// A text as it may stand in HTML, between tags and in quoted attributes: & < > " ' are written as
/// entities, what is not UTF-8 and what printable() replaces as U+FFFD. All that comes from users
/// goes through it.
std::string html_escape(std::string_view text);

/// Bytes as a data: URI, which needs no further request.
std::string data_uri(std::string_view media_type, std::string_view bytes);

}  // namespace clipk::study
