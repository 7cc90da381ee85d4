// One child process of the self-test: runs all cases with one bug, or with none. Exit status 0: all
// is right; 3: a result is wrong; 4: an error was thrown; other: the harness ended it.
#include <cstdio>
#include <cstring>
#include <exception>

#include "simt/runtime/simt.hpp"
#include "simt/selftest/bugs.hpp"

using namespace clipk::simt;
using namespace clipk::simt::selftest;

int main(int argc, char** argv) {
  Bug bug = Bug::none;
  for (const Planted& planted : kPlanted) {
    if (argc > 1 && std::strcmp(argv[1], planted.name) == 0) bug = planted.bug;
  }
  if (argc > 1 && bug == Bug::none && std::strcmp(argv[1], "none") != 0) {
    std::fprintf(stderr, "expected the name of a bug, got %s\n", argv[1]);
    return 2;
  }
  try {
    const bool products = run_products(bug);
    const bool reductions = run_reductions(bug);
    const bool host = run_host(bug);
    if (!errors().empty()) return 5;
    if (!products) std::puts("wrong result: products");
    if (!reductions) std::puts("wrong result: reductions");
    if (!host) std::puts("wrong result: host");
    return products && reductions && host ? 0 : 3;
  } catch (const std::exception& error) {
    std::printf("error: %s\n", error.what());
    return 4;
  }
}
