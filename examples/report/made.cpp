#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>

#include "report/sections.hpp"

namespace clipk::study {

std::vector<PageTable> made_tables(const Run& run) {
  const Json& manifest = run.manifest();
  PageTable inputs{.caption = "Inputs", .head = {"input", "file", "shape", "SHA-256"}, .texts = 4};
  for (const Json& input : manifest["inputs"]) {
    std::string shape;
    if (input["shape"].is_array()) {
      for (const Json& extent : input["shape"]) {
        shape += (shape.empty() ? "" : "\u00a0\u00d7\u00a0") + extent.dump();
      }
    }
    inputs.rows.push_back(
        {input["name"],
         input["path"].is_null()
             ? input["generated"].get<std::string>()
             : std::filesystem::path(input["path"].get<std::string>()).filename().string(),
         shape, input["sha256"]});
  }
  PageTable options{.caption = "Program and options", .head = {}, .rows = {}, .texts = 2};
  for (const char* key : {"program", "version", "commit", "device", "seed"}) {
    const Json& value = manifest[key];
    options.rows.push_back({key, value.is_string() ? value.get<std::string>() : value.dump()});
  }
  for (const auto& [key, value] : manifest["options"].items()) {
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
