#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "study/run.hpp"

namespace CLI {
class App;
}

namespace clipk::study {

// Exit statuses.
inline constexpr int kDone = 0;
inline constexpr int kBadData = 1;
inline constexpr int kBadUsage = 2;
inline constexpr int kIncomplete = 3;

/// A program's way through main: parses its options, runs the body, and says in one line on
/// standard error why that failed, "dimension_study: expected ..., got ...".
///
/// Exit status: what the body returns, usually 0. 2 for options that are wrong in themselves
/// (UsageError, or what CLI11 refuses), CLIPK_CPU_TARGET, and a processor that is too old; 1 for
/// everything that depends on data or machine (Error): files, --device cuda without a usable GPU, a
/// full disk, memory. 128 + n: stopped by signal n (SIGINT, SIGTERM, SIGHUP).
/// @param app its options; its name is the program's
/// @param kept after parsing: what a run that a signal ends leaves, for the message
int run_command(CLI::App& app, int argc, char** argv, const std::function<std::string()>& kept,
                const std::function<int()>& body);

/// A line to standard output. @returns errno where it was not taken, else 0.
int print_line(std::string_view line);
/// Says that standard output did not take all lines, and returns that exit status.
/// @param error errno  @param kept where the results are nevertheless
int say_output_failed(const CLI::App& app, int error, const std::string& kept);

/// --device, of options that context_of takes.
void add_device_option(CLI::App& app, Options& options);
/// --threads, likewise.
void add_threads_option(CLI::App& app, Options& options);

}  // namespace clipk::study
