// One page on a user's own pairs: how small the vectors can be, what groups they form, what
// separates them and what they mean. Runs the four studies and writes index.html.

#include <fmt/format.h>

#include "gnuplot.hpp"
#include "report/data.hpp"
#include "report/page.hpp"
#include "report/sections.hpp"
#include "report/words.hpp"
#include "study.hpp"

namespace clipk::study {
namespace {

void run_report(Run& run, const ReportData& data, const ReportSettings& settings) {
  check_charts();
  Page page{.title = fmt::format("What is in {}", data.name),
            .subtitle = fmt::format("{} images with their texts, as vectors of {} numbers each.",
                                    data.pairs.size(), data.pairs.dim()),
            .notes = data.notes};
  if (const std::string few = few_rows_words(data.pairs.size()); !few.empty()) {
    page.notes.insert(page.notes.begin(), few);
  }
  const auto begin = [](int number, const char* study) {
    fmt::print(stderr, "study {} of 4: {}\n", number, study);
  };
  begin(1, "dimension");
  page.sections.push_back(dimension_section(run, data, settings));
  begin(2, "clusters");
  page.sections.push_back(cluster_section(run, data));
  begin(3, "factors");
  page.sections.push_back(factor_section(run, data));
  begin(4, "meaning");
  page.sections.push_back(semantic_section(run, data));
  page.made = made_tables(run);

  Table table({"study", "what was found"});
  for (const PageSection& section : page.sections) {
    table.add({section.id, section.summary});
    run.add_row({{"study", section.id},
                 {"summary", section.summary},
                 {"figure", section.key.value},
                 {"of", section.key.what},
                 {"sure", section.key.sure}});
  }
  run.print(table.text());
  run.print(fmt::format("The page: {}", (run.options().out / "index.html").string()));
  run.add_last_file("index.html", to_html(page));
}

}  // namespace
}  // namespace clipk::study

int main(int argc, char** argv) {
  using namespace clipk::study;
  Program program(
      "report", "All four studies on image-text pairs, and one page that tells what came out.", {});
  ReportSettings settings;
  program.app().option_defaults()->group("The report");
  program.app()
      .add_option("--margin", settings.margin, "Loss of top-1 that would not matter")
      ->check(real_number(0, 1));
  const ReportSource source(program);
  return program.run(argc, argv, [&](Run& run) { run_report(run, source.load(run), settings); });
}
