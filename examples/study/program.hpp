#pragma once

#include <functional>
#include <memory>
#include <string>

#include "study/run.hpp"

namespace CLI {
class App;
}

namespace clipk::study {

/// A program's options and its way through main:
///
///   int main(int argc, char** argv) {
///     study::Program program("dimension_study", "How far ...", {.epochs = 200});
///     std::vector<int> dims{512, 64};
///     program.app().add_option("--dims", dims, "Dimensions")
///         ->delimiter(',')->check(study::whole_number(1, 65536));
///     return program.run(argc, argv, [&](study::Run& run) { ... });
///   }
///
/// Whoever adds options includes option_checks.hpp, and with it CLI11.
///
/// Exit status and messages are those of run_command (command.hpp); an error leaves no output file
/// behind. 3: done, but for what `failed` of results.json names, or for lines that standard output
/// did not take. When a signal stops it, what a checkpoint can keep is kept.
class Program {
 public:
  Program(std::string name, const std::string& description, Options defaults);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  CLI::App& app() { return *app_; }
  const Options& options() const { return options_; }
  int run(int argc, char** argv, const std::function<void(Run&)>& body);

 private:
  Manifest manifest(const Context& context) const;

  std::string name_;
  std::unique_ptr<CLI::App> app_;
  Options options_;
};

}  // namespace clipk::study
