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
/// Exit status: 0 done; 2 for options that are wrong in themselves (UsageError, or what CLI11
/// refuses), CLIPK_CPU_TARGET, and a processor that is too old; 1 for everything that depends on
/// data or machine (Error): files, --device cuda without a usable GPU, a full disk, memory. Both
/// say why in one line on standard error, "dimension_study: expected ..., got ...", and leave no
/// output file behind. 3: done, but for what `failed` of results.json names, or for lines that
/// standard output did not take. 128 + n: stopped by signal n (SIGINT, SIGTERM, SIGHUP); what a
/// checkpoint can keep is kept.
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
