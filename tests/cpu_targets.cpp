// Prints the targets that cpu tests run on, the best first: ctest asks.
#include <iostream>

#include "clipk/core/cpu_target.hpp"

int main() {
  const std::vector<std::string> names = clipk::cpu_targets();
  for (const std::string& name : names) std::cout << name << '\n';
  return names.empty() ? 1 : 0;
}
