#include "simt/runtime/watchdog.hpp"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <thread>

#include <pthread.h>
#include <unistd.h>

#include "simt/runtime/scheduler.hpp"
#include "simt/runtime/simt.hpp"

namespace clipk::simt {

std::atomic<unsigned long> g_progress{0};

namespace {

std::atomic<bool> g_watching{false};
std::atomic<clockid_t> g_clock{CLOCK_PROCESS_CPUTIME_ID};
std::atomic<double> g_limit{60};
pid_t g_owner = 0;

double cpu_seconds() {
  timespec now{};
  clock_gettime(g_clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

void watch() {
  unsigned long seen = g_progress;
  double since = 0;
  bool timing = false;
  for (;;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const unsigned long progress = g_progress;
    if (!g_watching || progress != seen || !timing) {
      seen = progress;
      timing = g_watching;
      if (timing) since = cpu_seconds();
      continue;
    }
    if (g_limit > 0 && cpu_seconds() - since > g_limit) {
      std::fflush(stdout);
      std::fprintf(stderr, "simt: watchdog: no thread has ended for %.0f s of CPU time: %s (%s)\n",
                   g_limit.load(), describe_running(), describe_options().c_str());
      ::_exit(124);
    }
  }
}

}  // namespace

void watchdog_begin() {
  g_limit = options().watchdog_seconds;
  clockid_t clock = CLOCK_PROCESS_CPUTIME_ID;
  pthread_getcpuclockid(pthread_self(), &clock);
  g_clock = clock;
  watchdog_progress();
  if (g_owner != getpid()) {  // first launch, or first one after a fork
    g_owner = getpid();
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread(watch).detach();
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  g_watching = true;
}

void watchdog_end() {
  g_watching = false;
  watchdog_progress();
}

}  // namespace clipk::simt
