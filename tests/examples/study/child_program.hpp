#pragma once

#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace clipk::test {

struct ProgramOptions {
  rlim_t file_limit = RLIM_INFINITY;  ///< bytes of a file: what a full disk looks like
  rlim_t memory_limit = RLIM_INFINITY;
  std::vector<std::pair<std::string, std::string>> environment = {};  ///< besides the test's own
};

struct ProgramResult {
  int status = -1;  ///< the exit status; minus the signal's number where a signal ended it
  std::string out, err;
  std::int64_t peak_memory = 0;  ///< bytes that were resident at once, at most
};

/// A child process that runs a program as its users do. What it prints must fit into a pipe.
class ChildProgram {
 public:
  ChildProgram(const std::filesystem::path& program, std::vector<std::string> arguments,
               const ProgramOptions& options = {});
  ChildProgram(const ChildProgram&) = delete;
  ChildProgram& operator=(const ChildProgram&) = delete;
  ~ChildProgram();  ///< kills it where it still runs

  bool running();
  void kill(int signal = SIGKILL);
  /// Until standard error holds this text; what it holds is part of the result too.
  void wait_for_error(const std::string& text);
  ProgramResult wait();

 private:
  void end(int status, const rusage& usage);

  pid_t child_ = -1;
  int out_ = -1, err_ = -1;
  std::string early_error_;
  ProgramResult result_;
};

}  // namespace clipk::test
