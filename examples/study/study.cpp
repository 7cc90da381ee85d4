#include "study/study.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <new>
#include <set>

#include "clipk/core/cpu_target.hpp"
#include "clipk/core/error.hpp"
#include "clipk/io/array_file.hpp"
#include "clipk/io/clip_retrieval.hpp"
#include "clipk/io/npy.hpp"
#include "clipk/io/sha256.hpp"
#include "study/stop.hpp"
#include "study/text.hpp"

namespace clipk::study {

extern const char* const kCommit;  // build_info.cpp, made at build time

namespace {

constexpr int kBadData = 1;
constexpr int kBadUsage = 2;
constexpr int kIncomplete = 3;
constexpr int kStopped = 128;  // and the signal's number

int fail(const std::string& program, const std::string& message, int status) {
  std::fflush(stdout);
  note(fmt::format("{}: {}", program, one_line(message)));
  return status;
}

// A file that is opened must not become standard output or standard error, where those are closed.
void open_standard_descriptors() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(descriptor, F_GETFD) != -1) continue;
    [[maybe_unused]] const int opened = ::open("/dev/null", O_RDWR);
  }
}

// For the last words of a run that a signal ends, even while the program leaves main: they are not
// taken down.
std::string& running_program = *new std::string;
std::string& running_checkpoint = *new std::string;

std::string stopped_words(int signal) {
  return fmt::format("{}: {}; {}\n", running_program, Stopped(signal).what(),
                     running_checkpoint.empty()
                         ? "nothing is kept without --checkpoint"
                         : "the same command goes on from " + running_checkpoint);
}

// Options that name inputs, which count by their content.
constexpr const char* kInputOptions[] = {"images",     "texts",    "pairs",       "features",
                                         "labels",     "captions", "label-names", "embeddings",
                                         "attributes", "prompts",  "words",       "prompt-labels"};

// "--epochs 20, here 30", of each key whose values in the two objects differ.
void add_differences(const Json& kept, const Json& now, const std::string& prefix, bool values,
                     std::vector<std::string>& found) {
  const auto text = [](const Json& object, const std::string& key) {
    return object.contains(key) ? object[key].dump() : "none";
  };
  std::set<std::string> keys;
  for (const Json* object : {&kept, &now}) {
    for (const auto& [key, value] : object->items()) keys.insert(key);
  }
  for (const std::string& key : keys) {
    const std::string a = text(kept, key), b = text(now, key);
    if (a == b) continue;
    found.push_back(prefix + key + (values ? fmt::format(" {}, here {}", a, b) : ""));
  }
}

Precision precision_of(const std::string& name) {
  if (name == "tf32") return Precision::tf32;
  if (name == "bf16") return Precision::bf16;
  return Precision::fp32;
}

// The variable is an option like any other.
void check_cpu_target() {
  try {
    limit_cpu_target();
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
}

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

// A number where the text is one, so that options read in JSON as they were meant.
Json value_of(const std::string& text) {
  const Json parsed = Json::parse(text, nullptr, false);
  if (parsed.is_number() || parsed.is_boolean()) return parsed;
  double value = 0;  // ".4", which JSON does not know
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end && std::isfinite(value) ? Json(value) : Json(text);
}

Json option_value(const CLI::Option& option) {
  if (option.get_expected_max() == 0) return option.count() > 0;  // a flag
  if (option.count() == 0) {
    std::string text = option.get_default_str();
    if (text.size() < 2 || text.front() != '[') return value_of(text);
    Json list = Json::array();  // CLI11's "[512,256]"
    for (const std::string& part : CLI::detail::split(text.substr(1, text.size() - 2), ',')) {
      list.push_back(value_of(part));
    }
    return list;
  }
  if (option.get_expected_max() == 1) return value_of(option.results().front());
  Json list = Json::array();
  for (const std::string& part : option.results()) list.push_back(value_of(part));
  return list;
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

// Null for IDX, whose shape takes reading it all, for text, and for several arrays.
Json shape_of(const std::filesystem::path& file, const std::string& array) {
  const auto format = array_format(file);
  if (!format || *format == ArrayFormat::idx) return {};
  std::vector<ArrayEntry> entries = list_arrays(file);
  std::erase_if(entries, [&](const ArrayEntry& entry) {
    return array.empty() ? !entry.problem.empty() : entry.name != array;
  });
  return entries.size() == 1 ? Json(entries[0].shape) : Json();
}

}  // namespace

Run::Run(Options options, Context context, Json manifest)
    : options_(std::move(options)),
      context_(std::move(context)),
      outputs_(options_.out),
      manifest_(std::move(manifest)) {}

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
  Json input{{"name", name}, {"path", file.string()}};
  if (!array.empty()) input["array"] = array;
  input["shape"] = shape_of(file, array);
  input["sha256"] = sha256_file(file);
  manifest_["inputs"].push_back(std::move(input));
}

void Run::add_generated_input(const std::string& name, MatrixView<const float> values,
                              const std::string& origin) {
  Sha256 sha;
  update_rows(sha, values);
  manifest_["inputs"].push_back({{"name", name},
                                 {"path", nullptr},
                                 {"generated", origin},
                                 {"shape", {values.rows, values.cols}},
                                 {"sha256", to_hex(sha.digest())}});
}

std::string Run::fingerprint(const std::vector<std::string>& but_for) const {
  Json basis = manifest_;
  for (const char* key : {"commit", "threads"}) basis.erase(key);
  Json& options = basis["options"];
  // The device that was found counts, not how it was asked for; nor the seed twice.
  for (const char* key : {"threads", "out", "checkpoint", "device", "seed"}) options.erase(key);
  for (const char* key : kInputOptions) options.erase(key);
  for (const std::string& key : but_for) options.erase(key);
  Json inputs = Json::object();
  for (const Json& input : basis["inputs"]) {
    Json& hashes = inputs[input["name"].get<std::string>()];
    hashes.push_back(input["sha256"].get<std::string>().substr(0, 16));
    if (input.contains("array")) hashes.push_back(input["array"]);
  }
  basis["inputs"] = std::move(inputs);
  return basis.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string difference(const std::string& kept, const std::string& now) {
  // The kept one may be of any file: values that lie deeper than any of a run's are left out, since
  // writing them calls itself once a level.
  const auto shallow = [](int depth, Json::parse_event_t, Json&) { return depth <= 8; };
  const Json a = Json::parse(kept, shallow, false), b = Json::parse(now, nullptr, false);
  if (!a.is_object() || !b.is_object()) return "one of another form";
  std::vector<std::string> found;
  const auto part = [](const Json& all, const char* key) {
    const Json value = all.value(key, Json::object());
    return value.is_object() ? value : Json::object();
  };
  for (const char* key : {"program", "version", "device", "seed"}) {
    add_differences({{key, a.value(key, Json())}}, {{key, b.value(key, Json())}}, "",
                    /*values=*/true, found);
  }
  add_differences(part(a, "options"), part(b, "options"), "--", /*values=*/true, found);
  add_differences(part(a, "inputs"), part(b, "inputs"), "other content of ", /*values=*/false,
                  found);
  return found.empty() ? "one of another form" : fmt::format("{}", fmt::join(found, "; "));
}

Run& Run::part(const std::string& name) {
  Options options = options_;
  options.out /= name;
  if (!options.checkpoint.empty()) options.checkpoint += "." + name;
  std::unique_ptr<Run> part(new Run(options, context_of(options), manifest_));
  part->name_ = name;
  return *parts_.emplace_back(name, std::move(part)).second;
}

void Run::drop_part(const std::string& name) {
  std::erase_if(parts_, [&](const auto& part) { return part.first == name; });
}

void Run::print(std::string_view line) {
  if (!name_.empty() || output_error_ != 0) return;
  const std::string text = printable(line) + "\n";
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    output_error_ = errno;
  }
}

void Run::add_failure(const std::string& what, const std::string& reason) {
  failed_.push_back({{"what", what}, {"reason", one_line(reason)}});
  note(fmt::format("left out: {}{}: {}", name_.empty() ? "" : name_ + ", ", one_line(what),
                   one_line(reason)));
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
  return failed_.empty() ? "" : failed_.back()["reason"].get<std::string>();
}

bool Run::failed() const {
  return !failed_.empty() || std::any_of(parts_.begin(), parts_.end(),
                                         [](const auto& part) { return part.second->failed(); });
}

void Run::check_places(const std::vector<std::string>& files) const {
  for (const std::string& file : files) outputs_.check_place(file);
}

void Run::add_npy(const std::string& file, Matrix<float> matrix) {
  const auto kept = std::make_shared<Matrix<float>>(std::move(matrix));
  outputs_.add(file, [kept](AtomicFile& out) { write_npy<float>(out, kept->view()); });
}

void Run::add_npy(const std::string& file, std::vector<std::int32_t> vector) {
  outputs_.add(file, [vector = std::move(vector)](AtomicFile& out) { write_npy(out, vector); });
}

void Run::add_file(const std::string& file, std::string content) {
  const auto kept = std::make_shared<const std::string>(std::move(content));
  contents_[file] = kept;
  outputs_.add(file, [kept](AtomicFile& out) { out.write(*kept); });
}

void Run::add_model(const std::string& file,
                    std::function<void(const std::filesystem::path&)> save) {
  outputs_.add_by_path(file, std::move(save));
}

void Run::add_picture(const std::string& file, const std::function<std::string()>& draw) {
  attempt(file, [&] { add_file(file, draw()); });
}

const std::string& Run::content(const std::string& file) const {
  static const std::string nothing;
  const auto found = contents_.find(file);
  return found == contents_.end() ? nothing : *found->second;
}

void Run::add_results(std::vector<std::string> files) {
  add_file("results.csv", to_csv(rows_));
  files.insert(files.end(), {"results.csv", "results.json"});
  manifest_["files"] = files;
  Json results{{"manifest", manifest_}, {"rows", rows_}, {"failed", failed_}};
  for (const auto& [key, value] : more_.items()) results[key] = value;
  // Text that is not UTF-8 (captions, names) is marked, and loses nobody's run.
  const std::string text = results.dump(2, ' ', false, Json::error_handler_t::replace);
  add_file("results.json", text + "\n");  // last: where it is, all is
}

void Run::finish() {
  Outputs all(outputs_.folder());
  for (auto& [name, part] : parts_) {
    part->add_results(part->outputs_.names());
    all.take(name, part->outputs_);
    for (const Json& failure : part->failed_) {
      failed_.push_back({{"what", name + ", " + failure["what"].get<std::string>()},
                         {"reason", failure["reason"]}});
    }
  }
  all.take("", outputs_);
  add_results(all.names());
  all.take("", outputs_);
  all.write();
}

Program::Program(std::string name, std::string description, Options defaults)
    : name_(std::move(name)), app_(std::move(description), name_), options_(std::move(defaults)) {
  if (options_.out.empty()) options_.out = "out/" + name_;
  app_.set_version_flag("--version", fmt::format("{} {} ({})", name_, CLIPK_VERSION, kCommit));
  app_.option_defaults()->always_capture_default()->group("The run");
  app_.add_option("--device", options_.device, "auto (a GPU where there is one), cpu or cuda")
      ->check(one_of({"auto", "cpu", "cuda"}));
  app_.add_option("--precision", options_.precision, "Matrix products on a GPU: fp32, tf32, bf16")
      ->check(one_of({"fp32", "tf32", "bf16"}));
  app_.add_option("--seed", options_.seed, "Seed of all random numbers")
      ->check(whole_number(0, INT64_MAX));
  if (options_.epochs > 0) {
    app_.add_option("--epochs", options_.epochs, "Epochs of training")
        ->check(whole_number(1, 1'000'000));
  }
  app_.add_option("--threads", options_.threads, "CPU threads, 0 for all; changes no result")
      ->check(whole_number(0, 1024));
  app_.add_option("--out", options_.out, "Folder of the results");
  app_.add_option("--checkpoint", options_.checkpoint,
                  "File to resume from where it exists, and to save progress in");
  app_.add_flag("--quick", options_.quick, "A short run: a trial, not a result");
}

Json Program::manifest(const Context& context) const {
  Json options = Json::object();
  for (const CLI::Option* option : app_.get_options()) {
    const std::string name = option->get_single_name();
    if (name != "help" && name != "version") options[name] = option_value(*option);
  }
  return {{"program", name_},
          {"version", CLIPK_VERSION},
          {"commit", kCommit},
          {"device", to_string(context.device())},
          {"threads", context.threads()},
          {"seed", options_.seed},
          {"options", options},
          {"inputs", Json::array()}};
}

int Program::run(int argc, char** argv, const std::function<void(Run&)>& body) {
  open_standard_descriptors();
  try {
    app_.parse(argc, argv);
  } catch (const CLI::Success& wish) {  // --help, --version
    return app_.exit(wish);
  } catch (const CLI::ExtrasError&) {
    return fail(name_,
                fmt::format("expected options of --help, got {}", fmt::join(app_.remaining(), " ")),
                kBadUsage);
  } catch (const CLI::ParseError& error) {
    return fail(name_, error.what(), kBadUsage);
  }
  running_program = name_;
  running_checkpoint = options_.checkpoint.string();
  watch_signals(stopped_words);
  try {
    check_cpu_target();
    Context context = context_of(options_);
    Json start = manifest(context);
    Run run(options_, std::move(context), std::move(start));
    body(run);
    run.finish();
    if (run.output_error_ != 0 && run.output_error_ != EPIPE) {
      return fail(name_,
                  fmt::format("expected standard output to take all lines, got {}; the results are "
                              "in {}",
                              std::strerror(run.output_error_), options_.out.string()),
                  kIncomplete);
    }
    return run.failed() ? kIncomplete : 0;
  } catch (const Stopped& stopped) {
    std::string words = stopped_words(stopped.signal());
    words.pop_back();
    note(words);
    return kStopped + stopped.signal();
  } catch (const UsageError& error) {
    return fail(name_, error.what(), kBadUsage);
  } catch (const std::bad_alloc&) {
    return fail(name_, "expected enough memory, got none", kBadData);
  } catch (const std::exception& error) {
    return fail(name_, error.what(), kBadData);
  }
}

}  // namespace clipk::study
