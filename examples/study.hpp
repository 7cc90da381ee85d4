#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "outputs.hpp"
#include "table.hpp"
#include "usage.hpp"

namespace clipk::study {

/// The options that all programs share.
struct Options {
  std::string device = "auto";  ///< auto, cpu or cuda
  std::string precision = "fp32";
  std::uint64_t seed = 0;
  int epochs = 0;
  int threads = 0;  ///< 0: all; results do not depend on it
  std::filesystem::path out = {};
  std::filesystem::path checkpoint = {};  ///< empty: none
  bool quick = false;
};

/// One run of a program: its context, and everything it will leave in --out. Nothing is written
/// before the body has returned; then `results.json`, `results.csv` and all other files appear
/// together, those of its parts too.
class Run {
 public:
  const Options& options() const { return options_; }
  Context& context() { return context_; }
  /// One more context on the same device, with a seed of its own.
  Context context_for(std::uint64_t seed) const;

  /// An input for the manifest: shape (of a .npy file) and SHA-256 are taken from the file.
  void add_input(const std::string& name, const std::filesystem::path& path);
  /// An input that was generated: shape, the SHA-256 of its values, and how it was made.
  void add_generated_input(const std::string& name, MatrixView<const float> values,
                           const std::string& origin);
  /// What the results depend on: program, version, device, options (but for threads, --out and
  /// --checkpoint) and inputs, as a digest. A checkpoint of another one is refused.
  std::string fingerprint() const;
  /// A line to standard output.
  void print(std::string_view line);

  /// Adds a row to `rows` of results.json and to results.csv.
  void add_row(Json row) { rows_.push_back(std::move(row)); }
  const Json& rows() const { return rows_; }
  /// What else the study found: a further key of results.json, after `manifest` and `rows`.
  Json& result(const std::string& key) { return more_[key]; }

  /// A study within this one: with its context, seed, options and inputs so far, but with results
  /// of its own in a folder of this name below --out, and a checkpoint of its own. It prints
  /// nothing. Its files appear together with those of this run.
  Run& part(const std::string& name);
  /// Program, version, device, options and the inputs so far, as results.json will hold them.
  const Json& manifest() const { return manifest_; }

  /// Files beside results.json; the matrix lies on the host.
  void add_npy(const std::string& file, Matrix<float> matrix);
  void add_npy(const std::string& file, std::vector<std::int32_t> vector);
  void add_file(const std::string& file, std::string content);
  /// What add_file was given under this name; empty where there is no such file.
  const std::string& content(const std::string& file) const;
  /// The one file that appears after all others: where it is, everything is.
  void add_last_file(const std::string& file, std::string content);

 private:
  friend class Program;
  Run(Options options, Context context, Json manifest);
  void add_results();
  void finish();

  Options options_;
  Context context_;
  Outputs outputs_;
  Json manifest_;
  Json rows_ = Json::array();
  Json more_ = Json::object();
  std::map<std::string, std::shared_ptr<const std::string>> contents_;
  std::pair<std::string, std::string> last_;  // name and content
  bool silent_ = false;
  std::vector<std::pair<std::string, std::unique_ptr<Run>>> parts_;
};

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
/// Exit status: 0 done; 2 for options that are wrong in themselves (UsageError, or what CLI11
/// refuses), CLIPK_CPU_TARGET, and a processor that is too old; 1 for everything that depends on
/// data or machine (Error): files, --device cuda without a usable GPU, a full disk, memory. Both
/// say why in one line on standard error, "dimension_study: expected ..., got ...", and leave no
/// output file behind.
class Program {
 public:
  Program(std::string name, std::string description, Options defaults);

  CLI::App& app() { return app_; }
  const Options& options() const { return options_; }
  int run(int argc, char** argv, const std::function<void(Run&)>& body);

 private:
  Json manifest(const Context& context) const;

  std::string name_;
  CLI::App app_;
  Options options_;
};

}  // namespace clipk::study
