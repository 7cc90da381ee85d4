#include "outputs.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <set>

#include "clipk/core/error.hpp"

namespace clipk::study {

Outputs::Outputs(std::filesystem::path folder) : folder_(std::move(folder)) {
  if (folder_.empty()) throw Error("--out: expected the name of a folder, got ''");
  // The nearest thing on the way that exists must be a folder one may write in.
  std::error_code error;
  std::filesystem::path nearest = std::filesystem::absolute(folder_);
  while (!std::filesystem::exists(nearest, error) && nearest.has_relative_path()) {
    nearest = nearest.parent_path();
  }
  if (!std::filesystem::is_directory(nearest, error)) {
    throw Error(fmt::format("--out: expected a folder, got {}, which is none", nearest.string()));
  }
  if (::access(nearest.c_str(), W_OK | X_OK) != 0) {
    throw Error(fmt::format("--out: expected a folder to write in, got {}, which is read-only",
                            nearest.string()));
  }
}

void Outputs::add(const std::string& name, std::function<void(AtomicFile&)> write) {
  files_.emplace_back(name, std::move(write));
}

void Outputs::take(const std::string& folder, Outputs& other) {
  for (auto& [name, write] : other.files_)
    add((std::filesystem::path(folder) / name).string(), std::move(write));
  other.files_.clear();
}

void Outputs::write() {
  std::set<std::filesystem::path> folders{folder_};
  for (const auto& [name, write] : files_) folders.insert((folder_ / name).parent_path());
  for (const std::filesystem::path& folder : folders) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) {
      throw Error(
          fmt::format("{}: expected to make the folder, got {}", folder.string(), error.message()));
    }
  }
  std::deque<AtomicFile> open;
  for (const auto& [name, write] : files_) write(open.emplace_back(folder_ / name));
  for (AtomicFile& file : open) file.flush();
  for (AtomicFile& file : open) file.commit();
}

namespace {

std::string csv_field(const Json& value) {
  if (value.is_null()) return "";
  std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

}  // namespace

std::string to_csv(const Json& rows) {
  std::vector<std::string> keys;
  for (const Json& row : rows) {
    for (const auto& [key, value] : row.items()) {
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    }
  }
  std::string text;
  const auto line = [&](auto field) {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (i > 0) text += ',';
      text += field(keys[i]);
    }
    text += '\n';
  };
  line([](const std::string& key) { return csv_field(key); });
  for (const Json& row : rows) {
    line([&](const std::string& key) { return csv_field(row.contains(key) ? row[key] : Json()); });
  }
  return text;
}

}  // namespace clipk::study
