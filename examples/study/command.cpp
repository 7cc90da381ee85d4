#include "study/command.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>

#include "clipk/core/cpu_target.hpp"
#include "clipk/core/error.hpp"
#include "study/fit_progress.hpp"
#include "study/option_checks.hpp"
#include "study/stop.hpp"
#include "study/text.hpp"

namespace clipk::study {

extern const char* const kCommit;  // build_info.cpp, made at build time

namespace {

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
std::string& kept_words = *new std::string;

std::string stopped_words(int signal) {
  return fmt::format("{}: {}; {}\n", running_program, Stopped(signal).what(), kept_words);
}

// The variable is an option like any other.
void check_cpu_target() {
  try {
    limit_cpu_target();
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
}

}  // namespace

int run_command(CLI::App& app, int argc, char** argv, const std::function<std::string()>& kept,
                const std::function<int()>& body) {
  const std::string name = app.get_name();
  open_standard_descriptors();
  app.set_version_flag("--version", fmt::format("{} {} ({})", name, CLIPK_VERSION, kCommit))
      ->group(app.get_help_ptr()->get_group());
  for (CLI::Option* option : app.get_options()) {
    option->description(wrapped(option->get_description(), kHelpColumns));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wish) {  // --help, --version
    return app.exit(wish);
  } catch (const CLI::ExtrasError&) {
    return fail(name,
                fmt::format("expected options of --help, got {}", fmt::join(app.remaining(), " ")),
                kBadUsage);
  } catch (const CLI::ParseError& error) {
    return fail(name, error.what(), kBadUsage);
  }
  running_program = name;
  kept_words = kept();
  watch_signals(stopped_words);
  try {
    check_cpu_target();
    return body();
  } catch (const Stopped& stopped) {
    std::string words = stopped_words(stopped.signal());
    words.pop_back();
    note(words);
    return kStopped + stopped.signal();
  } catch (const UsageError& error) {
    return fail(name, error.what(), kBadUsage);
  } catch (const std::bad_alloc&) {
    return fail(name, "expected enough memory, got none", kBadData);
  } catch (const std::exception& error) {
    return fail(name, error.what(), kBadData);
  }
}

int print_line(std::string_view line) {
  const std::string text = printable(line) + "\n";
  errno = 0;
  const bool taken =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  return taken ? 0 : errno;
}

int say_output_failed(const CLI::App& app, int error, const std::string& kept) {
  return fail(app.get_name(),
              fmt::format("expected standard output to take all lines, got {}; {}",
                          std::strerror(error), kept),
              kIncomplete);
}

void add_device_option(CLI::App& app, Options& options) {
  app.add_option("--device", options.device, "auto (a GPU where there is one), cpu or cuda")
      ->check(one_of({"auto", "cpu", "cuda"}));
}

void add_threads_option(CLI::App& app, Options& options) {
  app.add_option("--threads", options.threads, "CPU threads, 0 for all; changes no result")
      ->check(whole_number(0, 1024));
}

}  // namespace clipk::study
