#pragma once

#include <string>
#include <vector>

namespace clipk::study {

// A page of plain text, tables and pictures. Every string is text, not HTML: to_html escapes it.

struct PagePicture {
  std::string png = {};      ///< its bytes
  std::string alt = {};      ///< what it shows, for those who do not see it
  std::string caption = {};  ///< below it
  bool half = false;         ///< neighbours of this kind stand side by side where there is room
};

struct PageTable {
  std::string caption = {};
  std::vector<std::string> head = {};
  std::vector<std::vector<std::string>> rows = {};
  std::size_t texts = 1;  ///< so many columns from the left are text, the others are numbers
};

/// Its first rows, of a long one, which says so then.
PageTable cut(PageTable table);

/// One number that matters.
struct KeyFigure {
  std::string value = {};
  std::string what = {};
  std::string sure = {};  ///< its interval, or what it rests on
};

struct PageSection {
  std::string id = {};        ///< of the link to it: letters alone
  std::string title = {};     ///< a question
  std::string question = {};  ///< the same at more length
  std::string summary = {};   ///< one sentence for the top of the page
  KeyFigure key = {};         ///< for the top of the page; without a value none
  std::vector<std::string> found = {};
  std::vector<PagePicture> pictures = {};
  std::vector<PageTable> tables = {};
  std::vector<std::string> caveats = {};  ///< how sure it is, and what can mislead
};

struct Page {
  std::string title = {};
  std::string subtitle = {};
  std::vector<std::string> notes = {};  ///< what the reader must know first
  std::vector<PageSection> sections = {};
  std::vector<PageTable> made = {};  ///< how the page was made
};

/// The page as one HTML file: styles and pictures inside, no script, nothing to be fetched.
std::string to_html(const Page& page);

}  // namespace clipk::study
