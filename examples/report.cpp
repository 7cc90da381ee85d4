// One page on a user's own pairs: how small the vectors can be, what groups they form, what
// separates them and what they mean. Runs the four studies and writes index.html.

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/data.hpp"
#include "report/page.hpp"
#include "report/sections.hpp"
#include "report/words.hpp"
#include "study/fit_progress.hpp"
#include "study/option_checks.hpp"
#include "study/pictures/gnuplot.hpp"
#include "study/program.hpp"
#include "study/table.hpp"

namespace clipk::study {
namespace {

void run_report(Run& run, const ReportData& data, const ReportSettings& settings) {
  check_charts();
  Page page{
      .title = fmt::format("What is in {}", data.name),
      .subtitle = fmt::format("{}, as vectors of {} dimensions.",
                              data.pairs.image_of_text.empty()
                                  ? fmt::format("{} images with their texts", data.pairs.size())
                                  : pair_count_words(data.pairs.size(), data.pairs.texts.rows(),
                                                     data.pairs.image_of_text),
                              data.pairs.dim()),
      .notes = data.notes};
  if (const std::string few = few_rows_words(data.pairs.size()); !few.empty()) {
    page.notes.insert(page.notes.begin(), few);
  }
  run.check_places({"index.html", "dimension/results.json", "clusters/results.json",
                    "factors/results.json", "meaning/results.json"});
  // A study that fails is a section that says so.
  const auto add = [&](int number, const std::string& id, const auto& study) {
    note(fmt::format("study {} of 4: {}", number, id));
    PageSection section{.id = id, .title = fmt::format("The study of {}", id)};
    if (!run.attempt(id, [&] { section = study(); })) {
      run.drop_part(id);
      say_left_out("the study failed, " + run.last_failure(), section);
    }
    page.sections.push_back(std::move(section));
  };
  add(1, "dimension", [&] { return dimension_section(run, data, settings); });
  add(2, "clusters", [&] { return cluster_section(run, data); });
  add(3, "factors", [&] { return factor_section(run, data); });
  add(4, "meaning", [&] { return semantic_section(run, data); });
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
  run.add_file("index.html", to_html(page));
}

}  // namespace
}  // namespace clipk::study

int main(int argc, char** argv) {
  using namespace clipk::study;
  Program program("report",
                  "Runs all four studies on image-text pairs and writes their results to one page.",
                  {});
  ReportSettings settings;
  program.app().option_defaults()->group("The report");
  program.app()
      .add_option("--margin", settings.margin,
                  "Loss of top-1 accuracy that is acceptable, as a share")
      ->check(real_number(0, 1));
  const ReportSource source(program);
  return program.run(argc, argv, [&](Run& run) { run_report(run, source.load(run), settings); });
}
