#include "study/stop.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>

namespace clipk::study {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
constexpr int kGraceSeconds = 10;  // for a fit to reach a place where it can save itself

std::atomic<int> came{0};
std::atomic<Clock::rep> when{0};
std::atomic<int> fits{0};  // that stop by themselves
std::atomic<bool> finished{false}, must_finish{false};
std::recursive_mutex& unbroken = *new std::recursive_mutex;  // never taken down: threads go on
std::string (*last_words)(int) = nullptr;

void watch(sigset_t signals) {
  int signal = 0;
  ::sigwait(&signals, &signal);
  when = Clock::now().time_since_epoch().count();
  came = signal;
  bool second = false;
  if (fits > 0) {
    const timespec grace{kGraceSeconds, 0};
    second = ::sigtimedwait(&signals, nullptr, &grace) > 0;
  }
  while (!unbroken.try_lock() && (!second || must_finish)) {
    const timespec between{0, 20'000'000};
    second = ::sigtimedwait(&signals, nullptr, &between) > 0 || second;
  }
  if (finished) {
    unbroken.unlock();
    return;
  }
  const std::string words = last_words(signal);
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, words.data(), words.size());
  ::_exit(128 + signal);
}

}  // namespace

Stopped::Stopped(int signal)
    : std::runtime_error(fmt::format("stopped by SIG{}", ::sigabbrev_np(signal))),
      signal_(signal) {}

void watch_signals(std::string (*at_end)(int)) {
  last_words = at_end;
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : kSignals) {
    struct sigaction now {};
    if (::sigaction(signal, nullptr, &now) == 0 && now.sa_handler != SIG_IGN) {
      ::sigaddset(&signals, signal);
    }
  }
  // Threads inherit the mask, so that the watcher alone takes them.
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread(watch, signals).detach();
}

int stop_signal() {
  return came;
}

double seconds_since_stop() {
  if (came == 0) return 0;
  return std::chrono::duration<double>(Clock::now().time_since_epoch() - Clock::duration(when))
      .count();
}

StopsByItself::StopsByItself() {
  ++fits;
}
StopsByItself::~StopsByItself() {
  --fits;
}

std::unique_lock<std::recursive_mutex> no_stop() {
  return std::unique_lock<std::recursive_mutex>(unbroken);
}

MustFinish::MustFinish() {
  must_finish = true;
}
MustFinish::~MustFinish() {
  must_finish = false;
}

void nothing_left_to_stop() {
  finished = true;
}

}  // namespace clipk::study
