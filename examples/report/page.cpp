#include "report/page.hpp"

#include <fmt/format.h>

#include "report/html.hpp"

namespace clipk::study {
namespace {

// Plain on purpose: system fonts, one column, tables and pictures that scroll in their own box.
constexpr const char* kStyle = R"css(
:root { --ink: #1d2329; --soft: #5b6670; --line: #d9dee3; --ground: #ffffff; --card: #f5f7f9; --accent: #0b5c8f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ec; --soft: #a3adb7; --line: #3a434c; --ground: #15191d; --card: #1f252b; --accent: #7cc0ec; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 1.0625rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 54rem; margin: 0 auto; padding: 2.5rem 1.25rem 5rem; overflow-wrap: break-word; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.01em; }
h2 { font-size: 1.45rem; line-height: 1.25; margin: 0 0 .5rem; letter-spacing: -.005em; }
h3 { font-size: 1.0625rem; margin: 1.6rem 0 .4rem; }
p, ul { max-width: 42rem; margin: 0 0 .9rem; }
ul { padding-left: 1.2rem; } li { margin-bottom: .35rem; }
a { color: var(--accent); }
.soft, figcaption, caption { color: var(--soft); font-size: .92rem; }
.question { color: var(--soft); }
section { margin-top: 3rem; padding-top: 2rem; border-top: 1px solid var(--line); }
.note { border-left: 3px solid var(--accent); padding-left: .9rem; }
.keys { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .9rem;
  margin: 1.6rem 0; padding: 0; list-style: none; max-width: none; }
.keys li { background: var(--card); border-radius: .5rem; padding: 1rem 1.1rem; margin: 0; }
.keys .value { display: block; font-size: 1.4rem; font-weight: 650; line-height: 1.2; }
.keys .what { display: block; margin-top: .25rem; line-height: 1.35; }
.keys .sure { display: block; margin-top: .35rem; color: var(--soft); font-size: .88rem; line-height: 1.4; }
figure { margin: 1.4rem 0; }
.scroll { overflow-x: auto; -webkit-overflow-scrolling: touch; }
.picture { background: #ffffff; border: 1px solid var(--line); border-radius: .4rem; padding: .5rem; }
.picture img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
.halves figure { margin-bottom: 0; } .halves + p { margin-top: .6rem; }
.halves { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(19rem, 100%), 1fr)); gap: 0 1rem; }
figcaption { margin-top: .5rem; max-width: 42rem; }
table { border-collapse: collapse; font-size: .95rem; line-height: 1.4; min-width: min(100%, 26rem); }
caption { text-align: left; padding-bottom: .4rem; }
th, td { padding: .35rem .9rem .35rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td:last-child, th:last-child { padding-right: .2rem; }
.text { min-width: 11rem; overflow-wrap: anywhere; }
.made td:first-child { white-space: nowrap; }
.made .text { min-width: 0; white-space: nowrap; }
.made td:last-child { white-space: normal; overflow-wrap: anywhere; min-width: 16rem; }
@media (max-width: 40rem) {
  body { font-size: 1rem; } main { padding-top: 1.5rem; } h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; }
  .picture img.wide { max-width: none; width: 40rem; }
  table { min-width: 0; width: 100%; font-size: .76rem; }
  th, td { padding-right: .3rem; }
  .text { min-width: 0; }
  .number { white-space: normal; }
}
@media print {
  :root { --ink: #000; --soft: #444; --line: #bbb; --ground: #fff; --card: #f3f3f3; --accent: #000; }
  @page { margin: 18mm 16mm; }
  body { font-size: 10.5pt; } main { max-width: none; padding: 0; }
  section { margin-top: 1.5rem; padding-top: 1rem; }
  .scroll { overflow: visible; } a { text-decoration: none; }
  .picture img { max-height: 110mm; width: auto; max-width: 100%; }
  .keys { grid-template-columns: repeat(4, 1fr); gap: .5rem; } .keys .value { font-size: 1.15rem; }
  .halves { grid-template-columns: 1fr 1fr; }
  figure, tr, .keys li { break-inside: avoid; } h2, h3, caption { break-after: avoid; }
}
)css";

// Width and height stand in the first chunk of a PNG.
struct PngSize {
  unsigned width = 0, height = 0;
};

PngSize size_of(const std::string& png) {
  if (png.size() < 24) return {};
  const auto number = [&](std::size_t at) {
    unsigned value = 0;
    for (std::size_t i = 0; i < 4; ++i)
      value = value << 8 | static_cast<unsigned char>(png[at + i]);
    return value;
  };
  return {number(16), number(20)};
}

// Escaped, with numbers and what they count kept on one line.
std::string prose(const std::string& text) {
  std::string html = html_escape(text);
  for (const std::string_view unit : {" %", " points"}) {
    for (std::size_t at = html.find(unit); at != std::string::npos; at = html.find(unit, at + 1)) {
      if (at > 0 && html[at - 1] >= '0' && html[at - 1] <= '9') html.replace(at, 1, "\u00a0");
    }
  }
  return html;
}

std::string paragraph(const std::string& text, const char* attributes = "") {
  return fmt::format("<p{}>{}</p>\n", attributes, prose(text));
}

std::string html_of(const PagePicture& picture) {
  const PngSize size = size_of(picture.png);
  std::string html = fmt::format(
      "<figure>\n<div class=\"picture scroll\" tabindex=\"0\"><img{} width=\"{}\" height=\"{}\" "
      "alt=\"{}\" src=\"{}\"></div>\n",
      size.width > 700 ? " class=\"wide\"" : "", size.width, size.height, html_escape(picture.alt),
      data_uri("image/png", picture.png));
  if (!picture.caption.empty() && !picture.half) {
    html += fmt::format("<figcaption>{}</figcaption>\n", prose(picture.caption));
  }
  return html + "</figure>\n";
}

std::string html_of(const PageTable& table, const char* extra = "") {
  std::string html = fmt::format("<figure class=\"scroll{}\" tabindex=\"0\"><table>\n", extra);
  if (!table.caption.empty()) {
    html += fmt::format("<caption>{}</caption>\n", html_escape(table.caption));
  }
  const auto row = [&](const std::vector<std::string>& cells, const char* tag) {
    html += "<tr>";
    for (std::size_t c = 0; c < cells.size(); ++c) {
      const char* kind = c >= table.texts ? " class=\"number\"" : c > 0 ? " class=\"text\"" : "";
      html += fmt::format("<{0}{1}>{2}</{0}>", tag, kind, prose(cells[c]));
    }
    html += "</tr>\n";
  };
  if (!table.head.empty()) {
    html += "<thead>";
    row(table.head, "th");
    html += "</thead>\n";
  }
  html += "<tbody>\n";
  for (const auto& cells : table.rows) row(cells, "td");
  return html + "</tbody></table></figure>\n";
}

std::string html_of(const PageSection& section) {
  std::string html =
      fmt::format("<section id=\"{}\">\n<h2>{}</h2>\n", section.id, html_escape(section.title));
  html += paragraph(section.question, " class=\"question\"");
  for (const std::string& text : section.found) html += paragraph(text);
  for (std::size_t p = 0; p < section.pictures.size();) {
    if (!section.pictures[p].half) {
      html += html_of(section.pictures[p++]);
      continue;
    }
    // Halves share the place, and what is said below them.
    html += "<div class=\"halves\">\n";
    std::string captions;
    for (; p < section.pictures.size() && section.pictures[p].half; ++p) {
      html += html_of(section.pictures[p]);
      captions += section.pictures[p].caption;
    }
    html += "</div>\n" + paragraph(captions, " class=\"soft\"");
  }
  for (const PageTable& table : section.tables) html += html_of(table);
  if (!section.caveats.empty()) {
    html += "<h3>How sure this is, and what can mislead</h3>\n<ul>\n";
    for (const std::string& text : section.caveats) {
      html += fmt::format("<li>{}</li>\n", prose(text));
    }
    html += "</ul>\n";
  }
  return html + "</section>\n";
}

}  // namespace

PageTable cut(PageTable table) {
  constexpr std::size_t kMostRows = 24;
  if (table.rows.size() <= kMostRows) return table;
  table.caption += fmt::format(" (the first {} of {})", kMostRows, table.rows.size());
  table.rows.resize(kMostRows);
  return table;
}

std::string to_html(const Page& page) {
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      // Nothing but what is in this file, whatever a text may hold.
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
      "style-src 'unsafe-inline'\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n<title>{}</title>\n<style>{}</style>\n</head>\n"
      "<body>\n<main>\n<header>\n<h1>{}</h1>\n",
      html_escape(page.title), kStyle, html_escape(page.title));
  html += paragraph(page.subtitle, " class=\"soft\"");
  html += "</header>\n";
  for (const std::string& note : page.notes) html += paragraph(note, " class=\"note\"");
  html += "<ul class=\"keys\">\n";
  for (const PageSection& section : page.sections) {
    if (section.key.value.empty()) continue;
    html += fmt::format(
        "<li><span class=\"value\">{}</span><span class=\"what\">{}</span>"
        "<span class=\"sure\">{}</span></li>\n",
        prose(section.key.value), prose(section.key.what), prose(section.key.sure));
  }
  html += "</ul>\n<ul>\n";
  for (const PageSection& section : page.sections) {
    html += fmt::format("<li><a href=\"#{}\">{}</a> {}</li>\n", section.id,
                        html_escape(section.title), prose(section.summary));
  }
  html += "</ul>\n";
  for (const PageSection& section : page.sections) html += html_of(section);
  html += "<section id=\"made\">\n<h2>How this page was made</h2>\n";
  for (const PageTable& table : page.made) html += html_of(table, " made");
  return html + "</section>\n</main>\n</body>\n</html>\n";
}

}  // namespace clipk::study
