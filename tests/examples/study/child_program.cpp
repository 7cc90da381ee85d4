#include "examples/study/child_program.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

namespace clipk::test {
namespace {

std::string drained(int descriptor) {
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = ::read(descriptor, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(descriptor);
  return text;
}

void limit(int resource, rlim_t value) {
  if (value == RLIM_INFINITY) return;
  const rlimit both{value, value};
  ::setrlimit(static_cast<__rlimit_resource>(resource), &both);
}

}  // namespace

ChildProgram::ChildProgram(const std::filesystem::path& program, std::vector<std::string> arguments,
                           const ProgramOptions& options) {
  // Pipes, not files: no limit on files cuts what it says.
  int out[2], err[2];
  EXPECT_EQ(::pipe2(out, O_CLOEXEC), 0);
  EXPECT_EQ(::pipe2(err, O_CLOEXEC), 0);
  arguments.insert(arguments.begin(), program.string());
  child_ = ::fork();
  if (child_ == 0) {
    ::dup2(out[1], 1);
    ::dup2(err[1], 2);
    for (const auto& [name, value] : options.environment) {
      ::setenv(name.c_str(), value.c_str(), 1);
    }
    ::signal(SIGXFSZ, SIG_IGN);
    limit(RLIMIT_FSIZE, options.file_limit);
    limit(RLIMIT_AS, options.memory_limit);
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    ::execv(pointers[0], pointers.data());
    ::_exit(127);
  }
  ::close(out[1]);
  ::close(err[1]);
  out_ = out[0];
  err_ = err[0];
}

ChildProgram::~ChildProgram() {
  if (child_ > 0) {
    kill();
    wait();
  }
}

bool ChildProgram::running() {
  int status = 0;
  rusage usage{};
  if (child_ > 0 && ::wait4(child_, &status, WNOHANG, &usage) == child_) end(status, usage);
  return child_ > 0;
}

void ChildProgram::kill(int signal) {
  if (child_ > 0) ::kill(child_, signal);
}

void ChildProgram::wait_for_error(const std::string& text) {
  char buffer[4096];
  while (early_error_.find(text) == std::string::npos) {
    const ssize_t got = ::read(err_, buffer, sizeof buffer);
    if (got <= 0) return;
    early_error_.append(buffer, static_cast<std::size_t>(got));
  }
}

ProgramResult ChildProgram::wait() {
  if (child_ > 0) {
    int status = 0;
    rusage usage{};
    ::wait4(child_, &status, 0, &usage);
    end(status, usage);
  }
  return result_;
}

void ChildProgram::end(int status, const rusage& usage) {
  child_ = -1;
  result_ = {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), drained(out_),
             early_error_ + drained(err_), std::int64_t{usage.ru_maxrss} * 1024};
}

}  // namespace clipk::test
