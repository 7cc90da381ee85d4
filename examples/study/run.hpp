#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "study/json.hpp"

namespace clipk::study {

struct Manifest;

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

/// The context that these options ask for. @throws Error where there is none.
Context context_of(const Options& options);

/// One run of a program: its context, and everything it will leave in --out. Nothing is written
/// before the body has returned; then `results.json`, `results.csv` and all other files take the
/// place of an earlier run's, those of its parts too.
class Run {
 public:
  Run(Options options, Context context, const Manifest& manifest);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  const Options& options() const { return options_; }
  Context& context() { return context_; }
  /// One more context on the same device, with a seed of its own.
  Context context_for(std::uint64_t seed) const;

  /// An input for the manifest: shape (of a .npy file) and SHA-256 are taken from the file.
  void add_input(const std::string& name, const std::filesystem::path& path);
  /// An input that was generated: shape, the SHA-256 of its values, and how it was made.
  void add_generated_input(const std::string& name, MatrixView<const float> values,
                           const std::string& origin);
  /// What the fits of a checkpoint depend on: see fingerprint_of.
  std::string fingerprint(const std::vector<std::string>& but_for = {}) const;
  /// A line to standard output. What it cannot take decides over no result.
  void print(std::string_view line);
  /// errno of the first line that standard output did not take; 0 where it took all.
  int output_error() const;

  /// Does a part of the work that the rest can do without: a picture, one of several methods or
  /// studies. If it throws (Error, or memory is short), that is printed and stands in `failed` of
  /// results.json, the run goes on, and its exit status is 3. A FileError ends the run: a
  /// checkpoint that cannot be read or written is for the user to look at.
  /// @param what as users know it: "quality.png", "dec, seed 1"
  /// @return whether it succeeded
  bool attempt(const std::string& what, const std::function<void()>& work);
  /// Enters a failure that was dealt with otherwise, as attempt() does.
  void add_failure(const std::string& what, const std::string& reason);
  /// The reason of the last failure here.
  std::string last_failure() const;
  /// Whether anything was left out here or in a part.
  bool failed() const;

  /// Adds a row to `rows` of results.json and to results.csv.
  void add_row(Json row);
  /// What else the study found: a further key of results.json, after `manifest` and `rows`. For
  /// what is written once, at the end: a study computes from its own structs.
  Json& result(const std::string& key);

  /// A study within this one: with its context, seed, options and inputs so far, but with results
  /// of its own in a folder of this name below --out, and a checkpoint of its own. It prints
  /// nothing. Its files appear together with those of this run.
  Run& part(const std::string& name);
  /// Forgets a part that failed as a whole, if it was begun: it leaves no file.
  void drop_part(const std::string& name);
  /// Program, version, device, options and the inputs so far, as results.json will hold them.
  const Manifest& manifest() const;

  /// Before the work: that these files will have a place. @throws Error where a directory or the
  /// like is in the way.
  void check_places(const std::vector<std::string>& files) const;
  /// Files beside results.json; the matrix lies on the host.
  void add_npy(const std::string& file, Matrix<float> matrix);
  void add_npy(const std::string& file, std::vector<std::int32_t> vector);
  void add_file(const std::string& file, std::string content);
  /// `save` is called at the end, with the path to write to.
  void add_model(const std::string& file, std::function<void(const std::filesystem::path&)> save);
  /// An attempt() to draw a picture, as the bytes of a PNG, and to add it.
  void add_picture(const std::string& file, const std::function<std::string()>& draw);
  /// What add_file was given under this name; empty where there is no such file.
  const std::string& content(const std::string& file) const;

  /// Writes everything, of the parts too. For Program, once.
  void finish();

 private:
  struct Kept;  // what it will write

  Options options_;
  Context context_;
  std::unique_ptr<Kept> kept_;
};

}  // namespace clipk::study
