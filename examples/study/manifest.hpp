#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "study/json.hpp"

namespace clipk::study {

/// An input of a run: a file, an array of a file, or values that were generated.
struct ManifestInput {
  std::string name = {};
  std::string path = {};       ///< of the file; empty: generated
  std::string array = {};      ///< of a file of several
  std::string generated = {};  ///< how the values were made
  std::optional<std::vector<std::int64_t>> shape = {};
  std::string sha256 = {};
};

/// What it takes to run a program again: `manifest` of results.json.
struct Manifest {
  std::string program, version, commit, device;
  int threads = 0;
  std::uint64_t seed = 0;
  Json options = Json::object();  ///< by name: a number, a truth, a text, or a list of these
  std::vector<ManifestInput> inputs = {};
  std::vector<std::string> files = {};  ///< that the run has written; empty before its end
};

/// For results.json.
Json json_of(const Manifest& manifest);

}  // namespace clipk::study
