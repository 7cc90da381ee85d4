#include "study/fingerprint.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "study/manifest.hpp"

namespace clipk::study {
namespace {

// Options that name inputs, which count by their content.
constexpr const char* kInputOptions[] = {
    "images",     "texts",      "pairs",   "features", "labels",        "captions",   "label-names",
    "embeddings", "attributes", "prompts", "words",    "prompt-labels", "pairs-index"};

// "--epochs 20, here 30", of each key whose values in the two objects differ.
void add_differences(const Json& kept, const Json& now, const std::string& prefix, bool values,
                     std::vector<std::string>& found) {
  const auto text = [](const Json& object, const std::string& key) {
    return object.contains(key) ? object[key].dump() : "none";
  };
  std::set<std::string> keys;
  for (const Json* object : {&kept, &now}) {
    for (const auto& [key, value] : object->items()) keys.insert(key);
  }
  for (const std::string& key : keys) {
    const std::string a = text(kept, key), b = text(now, key);
    if (a == b) continue;
    found.push_back(prefix + key + (values ? fmt::format(" {}, here {}", a, b) : ""));
  }
}

}  // namespace

std::string fingerprint_of(const Manifest& manifest, const std::vector<std::string>& but_for) {
  Json options = manifest.options;
  // The device that was found counts, not how it was asked for; nor the seed twice.
  for (const char* key : {"threads", "out", "checkpoint", "device", "seed"}) options.erase(key);
  for (const char* key : kInputOptions) options.erase(key);
  for (const std::string& key : but_for) options.erase(key);
  Json inputs = Json::object();
  for (const ManifestInput& input : manifest.inputs) {
    Json& hashes = inputs[input.name];
    hashes.push_back(input.sha256.substr(0, 16));
    if (!input.array.empty()) hashes.push_back(input.array);
  }
  const Json basis{{"program", manifest.program}, {"version", manifest.version},
                   {"device", manifest.device},   {"seed", manifest.seed},
                   {"options", options},          {"inputs", inputs}};
  return basis.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string difference(const std::string& kept, const std::string& now) {
  // The kept one may be of any file: values that lie deeper than any of a run's are left out, since
  // writing them calls itself once a level.
  const auto shallow = [](int depth, Json::parse_event_t, Json&) { return depth <= 8; };
  const Json a = Json::parse(kept, shallow, false), b = Json::parse(now, nullptr, false);
  if (!a.is_object() || !b.is_object()) return "one of another form";
  std::vector<std::string> found;
  const auto part = [](const Json& all, const char* key) {
    const Json value = all.value(key, Json::object());
    return value.is_object() ? value : Json::object();
  };
  for (const char* key : {"program", "version", "device", "seed"}) {
    add_differences({{key, a.value(key, Json())}}, {{key, b.value(key, Json())}}, "",
                    /*values=*/true, found);
  }
  add_differences(part(a, "options"), part(b, "options"), "--", /*values=*/true, found);
  add_differences(part(a, "inputs"), part(b, "inputs"), "other content of ", /*values=*/false,
                  found);
  return found.empty() ? "one of another form" : fmt::format("{}", fmt::join(found, "; "));
}

}  // namespace clipk::study
