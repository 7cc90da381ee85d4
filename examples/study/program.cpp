#include "study/program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <new>
#include <utility>

#include "clipk/core/cpu_target.hpp"
#include "clipk/core/error.hpp"
#include "study/fit_progress.hpp"
#include "study/manifest.hpp"
#include "study/option_checks.hpp"
#include "study/stop.hpp"
#include "study/text.hpp"

namespace clipk::study {

extern const char* const kCommit;  // build_info.cpp, made at build time

namespace {

constexpr int kBadData = 1;
constexpr int kBadUsage = 2;
constexpr int kIncomplete = 3;
constexpr int kStopped = 128;             // and the signal's number
constexpr std::size_t kHelpColumns = 70;  // beside the 30 of the names

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

// The variable is an option like any other.
void check_cpu_target() {
  try {
    limit_cpu_target();
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
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

}  // namespace

Program::Program(std::string name, const std::string& description, Options defaults)
    : name_(std::move(name)),
      app_(std::make_unique<CLI::App>(description, name_)),
      options_(std::move(defaults)) {
  if (options_.out.empty()) options_.out = "out/" + name_;
  app_->set_version_flag("--version", fmt::format("{} {} ({})", name_, CLIPK_VERSION, kCommit));
  app_->option_defaults()->always_capture_default()->group("The run");
  app_->add_option("--device", options_.device, "auto (a GPU where there is one), cpu or cuda")
      ->check(one_of({"auto", "cpu", "cuda"}));
  app_->add_option("--precision", options_.precision, "Matrix products on a GPU: fp32, tf32, bf16")
      ->check(one_of({"fp32", "tf32", "bf16"}));
  app_->add_option("--seed", options_.seed, "Seed of all random numbers")
      ->check(whole_number(0, INT64_MAX));
  if (options_.epochs > 0) {
    app_->add_option("--epochs", options_.epochs, "Epochs of training")
        ->check(whole_number(1, 1'000'000));
  }
  app_->add_option("--threads", options_.threads, "CPU threads, 0 for all; changes no result")
      ->check(whole_number(0, 1024));
  app_->add_option("--out", options_.out, "Folder of the results");
  app_->add_option("--checkpoint", options_.checkpoint,
                   "File to resume from where it exists, and to save progress in");
  app_->add_flag("--quick", options_.quick, "A short run: a trial, not a result");
}
Program::~Program() = default;

Manifest Program::manifest(const Context& context) const {
  Manifest manifest{.program = name_,
                    .version = CLIPK_VERSION,
                    .commit = kCommit,
                    .device = to_string(context.device()),
                    .threads = context.threads(),
                    .seed = options_.seed};
  for (const CLI::Option* option : std::as_const(*app_).get_options()) {
    const std::string name = option->get_single_name();
    if (name != "help" && name != "version") manifest.options[name] = option_value(*option);
  }
  return manifest;
}

int Program::run(int argc, char** argv, const std::function<void(Run&)>& body) {
  open_standard_descriptors();
  for (CLI::Option* option : app_->get_options()) {
    option->description(wrapped(option->get_description(), kHelpColumns));
  }
  try {
    app_->parse(argc, argv);
  } catch (const CLI::Success& wish) {  // --help, --version
    return app_->exit(wish);
  } catch (const CLI::ExtrasError&) {
    return fail(
        name_, fmt::format("expected options of --help, got {}", fmt::join(app_->remaining(), " ")),
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
    const Manifest start = manifest(context);
    Run run(options_, std::move(context), start);
    body(run);
    run.finish();
    if (run.output_error() != 0 && run.output_error() != EPIPE) {
      return fail(name_,
                  fmt::format("expected standard output to take all lines, got {}; the results are "
                              "in {}",
                              std::strerror(run.output_error()), options_.out.string()),
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
