#pragma once

#include <string>
#include <vector>

namespace clipk::study {

/// What a program left.
struct Ran {
  int error = 0;   ///< of the system, where the program could not be started
  int status = 0;  ///< as waitpid has it
  std::string out = {}, err = {};
};

/// Runs a program of the path to its end. Input and output lie in memory: no pipe that can fill
/// up, no file that can stay. @throws Error where there is no memory for them.
Ran run_program(std::vector<std::string> command, const std::string& input = {});

}  // namespace clipk::study
