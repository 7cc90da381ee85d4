// The smallest program on the shared parts of the examples; tests/examples/program_test.cpp runs
// it.
#include <fmt/format.h>

#include <new>

#include "chart.hpp"
#include "clipk/core/error.hpp"
#include "pairs.hpp"

int main(int argc, char** argv) {
  using namespace clipk;
  study::Program program("toy_study", "Counts pairs", {.epochs = 7});
  std::vector<int> dims{512, 64};
  std::string fail;
  program.app()
      .add_option("--dims", dims, "Dimensions")
      ->delimiter(',')
      ->check(study::whole_number(1, 65536));
  program.app().add_option("--fail", fail, "Throw: usage, data or memory");
  const study::PairSource source(program);
  return program.run(argc, argv, [&](study::Run& run) {
    EmbeddingPairs pairs = source.load(run);
    if (fail == "usage") throw study::UsageError("expected no failure, got --fail usage");
    if (fail == "data") throw Error("toy: expected a line,\ngot two");
    if (fail == "memory") throw std::bad_alloc();
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
    run.add_file("toy.png", study::to_png(figure));
    run.result("smallest_dim") = 64;
    run.add_npy("images.npy", std::move(pairs.images));
    run.print(table.text());
  });
}
