#include "study/run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <new>
#include <nlohmann/json.hpp>
#include <utility>

#include "clipk/core/error.hpp"
#include "clipk/io/array_file.hpp"
#include "clipk/io/clip_retrieval.hpp"
#include "clipk/io/npy.hpp"
#include "clipk/io/sha256.hpp"
#include "study/command.hpp"
#include "study/fingerprint.hpp"
#include "study/fit_progress.hpp"
#include "study/manifest.hpp"
#include "study/outputs.hpp"
#include "study/text.hpp"

namespace clipk::study {
namespace {

Precision precision_of(const std::string& name) {
  if (name == "tf32") return Precision::tf32;
  if (name == "bf16") return Precision::bf16;
  return Precision::fp32;
}

// Of a clip-retrieval folder what the readers take: one modality, or both for pairs.
std::vector<std::filesystem::path> files_of_folder(const std::string& name,
                                                   const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const Modality modality : {Modality::image, Modality::text}) {
    if (name != "pairs" && (name == "texts") != (modality == Modality::text)) continue;
    const auto more = clip_retrieval_files(folder, modality);
    files.insert(files.end(), more.begin(), more.end());
  }
  return files;
}

// None for IDX, whose shape takes reading it all, for text, and for several arrays.
std::optional<std::vector<std::int64_t>> shape_of(const std::filesystem::path& file,
                                                  const std::string& array) {
  const auto format = array_format(file);
  if (!format || *format == ArrayFormat::idx) return {};
  std::vector<ArrayEntry> entries = list_arrays(file);
  std::erase_if(entries, [&](const ArrayEntry& entry) {
    return array.empty() ? !entry.problem.empty() : entry.name != array;
  });
  if (entries.size() != 1) return {};
  return std::vector<std::int64_t>(entries[0].shape.begin(), entries[0].shape.end());
}

struct Failure {
  std::string what, reason;
};

Json json_of(const std::vector<Failure>& failures) {
  Json json = Json::array();
  for (const auto& [what, reason] : failures) json.push_back({{"what", what}, {"reason", reason}});
  return json;
}

}  // namespace

struct Run::Kept {
  Outputs outputs;
  Manifest manifest;
  Json rows = Json::array();
  std::vector<Failure> failures = {};
  Json more = Json::object();
  std::map<std::string, std::shared_ptr<const std::string>> contents = {};
  std::string name = {};  // of a part, else empty
  int output_error = 0;
  std::vector<std::pair<std::string, std::unique_ptr<Run>>> parts = {};

  void add_file(const std::string& file, std::string content) {
    const auto kept = std::make_shared<const std::string>(std::move(content));
    contents[file] = kept;
    outputs.add(file, [kept](AtomicFile& out) { out.write(*kept); });
  }

  void add_results(std::vector<std::string> files) {
    add_file("results.csv", to_csv(rows));
    files.insert(files.end(), {"results.csv", "results.json"});
    manifest.files = std::move(files);
    Json results{{"manifest", json_of(manifest)}, {"rows", rows}, {"failed", json_of(failures)}};
    for (const auto& [key, value] : more.items()) results[key] = value;
    // Text that is not UTF-8 (captions, names) is marked, and loses nobody's run.
    const std::string text = results.dump(2, ' ', false, Json::error_handler_t::replace);
    add_file("results.json", text + "\n");  // last: where it is, all is
  }
};

Context context_of(const Options& options) {
  const ContextOptions context{.seed = options.seed,
                               .precision = precision_of(options.precision),
                               .threads = options.threads};
  if (options.device == "cpu") return Context::cpu(context);
  if (options.device == "cuda") {
    if (!Context::cuda_available()) {
      throw Error("--device cuda: expected a usable CUDA GPU, got none");
    }
    return Context::cuda(context);
  }
  return Context::best(context);
}

Run::Run(Options options, Context context, const Manifest& manifest)
    : options_(std::move(options)),
      context_(std::move(context)),
      kept_(new Kept{.outputs = Outputs(options_.out), .manifest = manifest}) {}
Run::~Run() = default;

Context Run::context_for(std::uint64_t seed) const {
  Options options = options_;
  options.seed = seed;
  return context_of(options);
}

void Run::add_input(const std::string& name, const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) {
    for (const auto& file : files_of_folder(name, path)) add_input(name, file);
    return;
  }
  const auto [file, array] = split_array_path(path);
  kept_->manifest.inputs.push_back({.name = name,
                                    .path = file.string(),
                                    .array = array,
                                    .shape = shape_of(file, array),
                                    .sha256 = sha256_file(file)});
}

void Run::add_generated_input(const std::string& name, MatrixView<const float> values,
                              const std::string& origin) {
  Sha256 sha;
  update_rows(sha, values);
  kept_->manifest.inputs.push_back({.name = name,
                                    .generated = origin,
                                    .shape = std::vector{values.rows, values.cols},
                                    .sha256 = to_hex(sha.digest())});
}

std::string Run::fingerprint(const std::vector<std::string>& but_for) const {
  return fingerprint_of(kept_->manifest, but_for);
}

Run& Run::part(const std::string& name) {
  Options options = options_;
  options.out /= name;
  if (!options.checkpoint.empty()) options.checkpoint += "." + name;
  auto part = std::make_unique<Run>(options, context_of(options), kept_->manifest);
  part->kept_->name = name;
  return *kept_->parts.emplace_back(name, std::move(part)).second;
}

void Run::drop_part(const std::string& name) {
  std::erase_if(kept_->parts, [&](const auto& part) { return part.first == name; });
}

const Manifest& Run::manifest() const {
  return kept_->manifest;
}

void Run::print(std::string_view line) {
  if (!kept_->name.empty() || kept_->output_error != 0) return;
  kept_->output_error = print_line(line);
}

int Run::output_error() const {
  return kept_->output_error;
}

void Run::add_failure(const std::string& what, const std::string& reason) {
  kept_->failures.push_back({what, one_line(reason)});
  note(fmt::format("left out: {}{}: {}", kept_->name.empty() ? "" : kept_->name + ", ",
                   one_line(what), one_line(reason)));
}

bool Run::attempt(const std::string& what, const std::function<void()>& work) {
  try {
    work();
    return true;
  } catch (const FileError&) {
    throw;
  } catch (const Error& error) {
    add_failure(what, error.what());
  } catch (const std::bad_alloc&) {
    add_failure(what, "expected enough memory, got none");
  }
  return false;
}

std::string Run::last_failure() const {
  return kept_->failures.empty() ? "" : kept_->failures.back().reason;
}

bool Run::failed() const {
  return !kept_->failures.empty() ||
         std::any_of(kept_->parts.begin(), kept_->parts.end(),
                     [](const auto& part) { return part.second->failed(); });
}

void Run::add_row(Json row) {
  kept_->rows.push_back(std::move(row));
}

Json& Run::result(const std::string& key) {
  return kept_->more[key];
}

void Run::check_places(const std::vector<std::string>& files) const {
  for (const std::string& file : files) kept_->outputs.check_place(file);
}

void Run::add_npy(const std::string& file, Matrix<float> matrix) {
  const auto kept = std::make_shared<Matrix<float>>(std::move(matrix));
  kept_->outputs.add(file, [kept](AtomicFile& out) { write_npy<float>(out, kept->view()); });
}

void Run::add_npy(const std::string& file, std::vector<std::int32_t> vector) {
  kept_->outputs.add(file,
                     [vector = std::move(vector)](AtomicFile& out) { write_npy(out, vector); });
}

void Run::add_file(const std::string& file, std::string content) {
  kept_->add_file(file, std::move(content));
}

void Run::add_model(const std::string& file,
                    std::function<void(const std::filesystem::path&)> save) {
  kept_->outputs.add_by_path(file, std::move(save));
}

void Run::add_picture(const std::string& file, const std::function<std::string()>& draw) {
  attempt(file, [&] { add_file(file, draw()); });
}

const std::string& Run::content(const std::string& file) const {
  static const std::string nothing;
  const auto found = kept_->contents.find(file);
  return found == kept_->contents.end() ? nothing : *found->second;
}

void Run::finish() {
  Outputs all(kept_->outputs.folder());
  for (auto& [name, part] : kept_->parts) {
    Kept& of_part = *part->kept_;
    of_part.add_results(of_part.outputs.names());
    all.take(name, of_part.outputs);
    for (const auto& [what, reason] : of_part.failures) {
      kept_->failures.push_back({fmt::format("{}, {}", name, what), reason});
    }
  }
  all.take("", kept_->outputs);
  kept_->add_results(all.names());
  all.take("", kept_->outputs);
  all.write();
}

}  // namespace clipk::study
