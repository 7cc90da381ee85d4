// Runs every planted bug in every mode, and checks that the bug-free program passes in all of them
// and that each bug is caught by the modes that should catch it.
//
//   clipk_simt_selftest DIRECTORY [BUG]    DIRECTORY holds clipk_simt_planted_{plain,asan,race}
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <string>
#include <vector>

#include <unistd.h>

#include "simt/selftest/bugs.hpp"

namespace clipk::simt::selftest {
namespace {

struct Mode {
  const char* variant;
  const char* name;
  const char* environment;
};
constexpr Mode kModes[] = {
    {"plain", "forward", ""},
    {"plain", "reverse", "ORDER=reverse"},
    {"plain", "random-1", "ORDER=random SEED=1"},
    {"plain", "random-2", "ORDER=random SEED=2"},
    {"plain", "preempt", "ORDER=random SEED=3 RESIDENT=3 PREEMPT=1"},
    {"plain", "greedy", "ORDER=greedy"},
    {"plain", "lazy", "STREAMS=lazy"},
    {"asan", "asan-forward", ""},
    {"asan", "asan-random", "ORDER=random SEED=1"},
    {"race", "race-forward", ""},
    {"race", "race-random", "ORDER=random SEED=1 RESIDENT=3 PREEMPT=1"},
};

struct Outcome {
  int status = 0;
  std::string message;  // the first line that says something
};

Outcome run(const std::string& directory, const Mode& mode, const char* bug) {
  // The watchdog must be slower than the slowest honest case and faster than a tester's patience.
  std::string command = "ASAN_OPTIONS=detect_leaks=0 CLIPK_SIMT_WATCHDOG=1 ";
  for (const char* p = mode.environment; *p != 0;) {
    const char* end = std::strchr(p, ' ');
    const std::string word = end != nullptr ? std::string(p, end) : std::string(p);
    command += "CLIPK_SIMT_" + word + " ";
    p = end != nullptr ? end + 1 : p + word.size();
  }
  command += "timeout 60 '" + directory + "/clipk_simt_planted_" + mode.variant + "' " + bug;
  command += " 2>&1";
  Outcome outcome;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return {-1, "cannot start a process"};
  char line[1000];
  while (std::fgets(line, sizeof line, pipe) != nullptr) {
    const bool tells = std::strncmp(line, "simt: ", 6) == 0 ||
                       std::strstr(line, "rror") != nullptr ||
                       std::strstr(line, "wrong") != nullptr;
    if (tells && outcome.message.empty()) outcome.message.assign(line, std::strcspn(line, "\n"));
  }
  const int status = pclose(pipe);
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return outcome;
}

/// Outcomes of one bug in all modes.
std::vector<Outcome> run_all(const std::string& directory, const char* bug) {
  std::vector<Outcome> outcomes;
  for (const Mode& mode : kModes) outcomes.push_back(run(directory, mode, bug));
  return outcomes;
}

bool caught(const std::vector<Outcome>& outcomes, const std::string& by) {
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const bool meant = by == kModes[i].variant || by == kModes[i].name;
    if (meant && outcomes[i].status != 0) return true;
  }
  return false;
}

/// Prints the row of the table; returns how many expectations failed.
int judge(const char* name, const char* caught_by, const std::vector<Outcome>& outcomes) {
  std::printf("%-27s", name);
  for (const Outcome& outcome : outcomes) std::printf("%3s", outcome.status != 0 ? "x" : ".");
  int failures = 0;
  for (std::string rest = caught_by; !rest.empty();) {
    const std::size_t space = rest.find(' ');
    const std::string by = rest.substr(0, space);
    rest = space == std::string::npos ? "" : rest.substr(space + 1);
    if (caught(outcomes, by)) continue;
    std::printf("  NOT CAUGHT by %s", by.c_str());
    ++failures;
  }
  for (const Outcome& outcome : outcomes) {
    if (outcome.message.empty()) continue;
    std::printf("  %.110s", outcome.message.c_str());
    break;
  }
  std::puts("");
  return failures;
}

int main_of(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY [BUG]\n", argv[0]);
    return 2;
  }
  const std::string directory = argv[1];
  std::printf("x: caught in");
  for (const Mode& mode : kModes) std::printf(" %s", mode.name);
  std::puts("");
  int failures = 0;
  const auto clean = run_all(directory, "none");
  for (std::size_t i = 0; i < clean.size(); ++i) {
    if (clean[i].status == 0) continue;
    std::printf("without a bug, %s fails: %s\n", kModes[i].name, clean[i].message.c_str());
    ++failures;
  }
  judge("(none)", "", clean);
  // Two at a time; printed in order.
  std::vector<const Planted*> bugs;
  for (const Planted& planted : kPlanted) {
    if (argc < 3 || std::strcmp(argv[2], planted.name) == 0) bugs.push_back(&planted);
  }
  auto start = [&](std::size_t i) {
    return std::async(std::launch::async,
                      [&directory, name = bugs[i]->name] { return run_all(directory, name); });
  };
  std::vector<std::future<std::vector<Outcome>>> running;
  for (std::size_t i = 0; i < bugs.size(); ++i) {
    if (i == 0) running.push_back(start(0));
    if (i + 1 < bugs.size()) running.push_back(start(i + 1));
    failures += judge(bugs[i]->name, bugs[i]->caught_by, running[i].get());
    std::fflush(stdout);
  }
  std::printf("%zu bugs planted, %d expectations failed\n", bugs.size(), failures);
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace clipk::simt::selftest

int main(int argc, char** argv) {
  return clipk::simt::selftest::main_of(argc, argv);
}
