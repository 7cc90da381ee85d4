// The smallest program on the shared parts of the examples; tests/examples/study/program_test.cpp
// runs it.
#include <fmt/format.h>

#include <chrono>
#include <new>
#include <nlohmann/json.hpp>
#include <thread>

#include "clipk/core/error.hpp"
#include "clipk/io/atomic_file.hpp"
#include "study/fit_progress.hpp"
#include "study/option_checks.hpp"
#include "study/pairs.hpp"
#include "study/pictures/chart.hpp"
#include "study/pictures/gnuplot.hpp"
#include "study/program.hpp"
#include "study/table.hpp"

int main(int argc, char** argv) {
  using namespace clipk;
  study::Program program("toy_study", "Counts pairs", {.epochs = 7});
  std::vector<int> dims{512, 64};
  std::string fail;
  program.app()
      .add_option("--dims", dims, "Dimensions")
      ->delimiter(',')
      ->check(study::whole_number(1, 65536));
  program.app().add_option("--fail", fail, "Throw: usage, data or memory; part, picture or both");
  int files = 0;
  program.app().add_option("--files", files, "More arrays to write");
  std::string wait;
  program.app().add_option("--wait", wait,
                           "For a signal: in a fit, in work that knows of none, or while a file is "
                           "being written");
  const study::PairSource source(program);
  return program.run(argc, argv, [&](study::Run& run) {
    study::check_charts();
    EmbeddingPairs pairs = source.load(run).pairs;
    if (fail == "usage") throw study::UsageError("expected no failure, got --fail usage");
    if (fail == "data") throw Error("toy: expected a line,\ngot two");
    if (fail == "memory") throw std::bad_alloc();
    if (fail == "part" || fail == "both") {
      run.attempt("a part", [] { throw Error("toy: expected a part,\ngot none"); });
    }
    if (wait == "write") {
      run.add_model("slow", [](const std::filesystem::path& path) {
        study::note("waiting");
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
        write_file(path, "slow");
      });
    } else if (!wait.empty()) {
      study::note("waiting");
    }
    if (wait == "fit") {
      const auto progress = study::fit_progress("toy");
      for (std::int64_t step = 1;; ++step) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        progress({.step = step, .epoch_end = step % 10 == 0});
      }
    }
    while (wait == "work") std::this_thread::sleep_for(std::chrono::seconds(1));
    study::Table table({"dim", "pairs"});
    study::Figure figure{.title = "Toy", .panels = {{.title = "a"}}};
    study::Series line{.label = "pairs"};
    for (const int dim : dims) {
      run.add_row({{"dim", dim}, {"pairs", pairs.size()}, {"note", nullptr}});
      table.add({std::to_string(dim), std::to_string(pairs.size())});
      line.x.push_back(dim);
      line.y.push_back(static_cast<double>(pairs.size()));
    }
    figure.panels[0].series.push_back(line);
    run.add_picture("toy.png", [&]() -> std::string {
      if (fail == "picture" || fail == "both") throw std::bad_alloc();
      return study::to_png(figure);
    });
    for (int i = 0; i < files; ++i) {
      run.add_npy(fmt::format("more/{}.npy", i), std::vector<std::int32_t>{i});
    }
    run.result("smallest_dim") = 64;
    run.add_npy("images.npy", std::move(pairs.images));
    run.print(table.text());
  });
}
