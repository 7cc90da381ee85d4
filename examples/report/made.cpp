#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>

#include "report/sections.hpp"
#include "study/manifest.hpp"

namespace clipk::study {

std::vector<PageTable> made_tables(const Run& run) {
  const Manifest& manifest = run.manifest();
  PageTable inputs{.caption = "Inputs", .head = {"input", "file", "shape", "SHA-256"}, .texts = 4};
  for (const ManifestInput& input : manifest.inputs) {
    std::string shape;
    if (input.shape) shape = fmt::format("{}", fmt::join(*input.shape, "\u00a0\u00d7\u00a0"));
    inputs.rows.push_back({input.name,
                           input.path.empty()
                               ? input.generated
                               : std::filesystem::path(input.path).filename().string(),
                           shape, input.sha256});
  }
  PageTable options{.caption = "Program and options", .head = {}, .rows = {}, .texts = 2};
  options.rows = {{"program", manifest.program},
                  {"version", manifest.version},
                  {"commit", manifest.commit},
                  {"device", manifest.device},
                  {"seed", std::to_string(manifest.seed)}};
  for (const auto& [key, value] : manifest.options.items()) {
    // They change no result, or stand above.
    static const std::vector<std::string> kLeftOut{"threads",  "out",    "checkpoint", "seed",
                                                   "device",   "images", "texts",      "pairs",
                                                   "captions", "labels", "label-names"};
    if (std::find(kLeftOut.begin(), kLeftOut.end(), key) != kLeftOut.end()) continue;
    options.rows.push_back(
        {"--" + key, value.is_string() ? value.get<std::string>() : value.dump()});
  }
  return {std::move(inputs), std::move(options)};
}

}  // namespace clipk::study
