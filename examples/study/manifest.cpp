#include "study/manifest.hpp"

namespace clipk::study {

Json json_of(const Manifest& manifest) {
  Json inputs = Json::array();
  for (const ManifestInput& input : manifest.inputs) {
    Json entry{{"name", input.name}};
    if (input.path.empty()) {
      entry["path"] = nullptr;
      entry["generated"] = input.generated;
    } else {
      entry["path"] = input.path;
    }
    if (!input.array.empty()) entry["array"] = input.array;
    entry["shape"] = input.shape ? Json(*input.shape) : Json();
    entry["sha256"] = input.sha256;
    inputs.push_back(std::move(entry));
  }
  Json json{{"program", manifest.program}, {"version", manifest.version},
            {"commit", manifest.commit},   {"device", manifest.device},
            {"threads", manifest.threads}, {"seed", manifest.seed},
            {"options", manifest.options}, {"inputs", std::move(inputs)}};
  if (!manifest.files.empty()) json["files"] = manifest.files;
  return json;
}

}  // namespace clipk::study
