#include "study/outputs.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "clipk/core/error.hpp"
#include "study/fit_progress.hpp"
#include "study/stop.hpp"
#include "study/text.hpp"

namespace clipk::study {
namespace {

namespace fs = std::filesystem;

constexpr const char* kResults = "results.json";
constexpr const char* kStaging = ".clipk-partial";

void make_folders(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw Error(
        fmt::format("{}: expected to make the folder, got {}", folder.string(), error.message()));
  }
}

// Makes what happened in a folder durable; a file system that cannot is no reason to fail.
void sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

// The right to write into a folder, which one run has at a time and others wait for.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder)
      : descriptor_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (descriptor_ < 0) {
      throw Error(fmt::format("{}: expected a folder to write in, got {}", folder.string(),
                              std::strerror(errno)));
    }
    // Some network file systems know no locks; there we trust that nobody else writes here.
    for (int tries = 0; ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0; ++tries) {
      if (errno != EWOULDBLOCK && errno != EINTR) break;
      if (tries == kTriesUnsaid) {
        note(fmt::format("waiting for another run that writes into {}", folder.string()));
      }
      std::this_thread::sleep_for(kBetweenTries);
    }
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock() { ::close(descriptor_); }

 private:
  static constexpr auto kBetweenTries = std::chrono::milliseconds(20);
  static constexpr int kTriesUnsaid = 100;

  int descriptor_;
};

// A hidden folder in which the new files wait. What a killed run left in it is removed.
class Staging {
 public:
  explicit Staging(const fs::path& folder) : path_(folder / kStaging) {
    clear();
    make_folders(path_);
  }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  ~Staging() {
    if (!kept_) clear();
  }
  const fs::path& path() const { return path_; }
  void keep() { kept_ = true; }

 private:
  void clear() const {
    std::error_code error;  // what stays is hidden, and goes with the next run
    fs::remove_all(path_, error);
  }

  fs::path path_;
  bool kept_ = false;
};

// A relative path of plain names, which cannot lead out of the folder.
bool is_plain(const fs::path& name) {
  return !name.empty() && name.is_relative() &&
         std::none_of(name.begin(), name.end(),
                      [](const fs::path& part) { return part == ".." || part == "."; });
}

// Why a file of this name could not lie in the folder, or nothing: what is on the way to it must be
// folders, no links to elsewhere, and of one file system.
std::string obstacle(const fs::path& folder, const fs::path& name) {
  struct stat root {};
  struct stat here {};
  if (::stat(folder.c_str(), &root) != 0) return "";  // still to be made
  fs::path way = folder;
  for (const fs::path& part : name.parent_path()) {
    way /= part;
    if (::lstat(way.c_str(), &here) != 0) return "";
    if (S_ISLNK(here.st_mode)) return way.string() + ": expected a folder, got a link";
    if (!S_ISDIR(here.st_mode)) return way.string() + ": expected a folder, got a file";
    if (here.st_dev != root.st_dev) {
      return way.string() + ": expected a folder of the same file system, got one of another";
    }
  }
  way /= name.filename();
  if (::lstat(way.c_str(), &here) != 0 || S_ISREG(here.st_mode) || S_ISLNK(here.st_mode)) return "";
  return fmt::format("{}: expected a place for a file, got {}", way.string(),
                     S_ISDIR(here.st_mode) ? "a directory" : "a special file");
}

// What an earlier run left in the folder, by its own list; its results.json first.
std::vector<fs::path> earlier_files(const fs::path& folder) {
  std::vector<fs::path> names;
  std::ifstream file(folder / kResults);
  const Json results = Json::parse(file, nullptr, false);
  if (!results.is_object() || !results.contains("manifest")) return names;
  const Json& manifest = results["manifest"];
  if (!manifest.is_object() || !manifest.contains("program")) return names;
  names.emplace_back(kResults);
  const auto list = manifest.find("files");
  if (list == manifest.end() || !list->is_array()) return names;
  for (const Json& name : *list) {
    if (!name.is_string()) continue;
    const fs::path path = name.get<std::string>();
    if (is_plain(path) && path != kResults) names.push_back(path);
  }
  return names;
}

}  // namespace

Outputs::Outputs(fs::path folder) : folder_(std::move(folder)) {
  if (folder_.empty()) throw Error("--out: expected the name of a folder, got ''");
  // The nearest thing on the way that exists must be a folder one may write in.
  std::error_code error;
  fs::path nearest = fs::absolute(folder_);
  while (!fs::exists(nearest, error) && nearest.has_relative_path()) {
    nearest = nearest.parent_path();
  }
  if (!fs::is_directory(nearest, error)) {
    throw Error(fmt::format("--out: expected a folder, got {}, which is none", nearest.string()));
  }
  if (::access(nearest.c_str(), W_OK | X_OK) != 0) {
    throw Error(fmt::format("--out: expected a folder to write in, got {}, which is read-only",
                            nearest.string()));
  }
  check_place(kResults);
}

void Outputs::check_place(const std::string& name) const {
  if (const std::string what = obstacle(folder_, name); !what.empty()) throw Error(what);
}

void Outputs::add(const std::string& name, std::function<void(AtomicFile&)> write) {
  add_by_path(name, [write = std::move(write)](const fs::path& path) {
    AtomicFile file(path);
    write(file);
    file.commit();
  });
}

void Outputs::add_by_path(const std::string& name, std::function<void(const fs::path&)> write) {
  files_.emplace_back(name, std::move(write));
}

void Outputs::take(const std::string& folder, Outputs& other) {
  for (auto& [name, write] : other.files_) {
    add_by_path((fs::path(folder) / name).string(), std::move(write));
  }
  other.files_.clear();
}

std::vector<std::string> Outputs::names() const {
  std::vector<std::string> names;
  for (const auto& [name, write] : files_) names.push_back(name);
  return names;
}

void Outputs::write() {
  make_folders(folder_);
  const FolderLock lock(folder_);
  const auto whole = no_stop();
  for (const auto& [name, write] : files_) check_place(name);
  Staging staging(folder_);
  for (const auto& [name, write] : files_) {
    make_folders((folder_ / name).parent_path());
    make_folders((staging.path() / name).parent_path());
    try {
      write(staging.path() / name);
    } catch (const FileError& error) {  // by the name that the user knows
      std::string message = error.what();
      const std::string hidden = staging.path().string();
      if (message.starts_with(hidden)) message.replace(0, hidden.size(), folder_.string());
      throw FileError(message);
    }
  }
  replace_files(staging.path(), [&] { staging.keep(); });
}

// From here on nothing can run out, and no signal ends it.
void Outputs::replace_files(const fs::path& staged, const std::function<void()>& keep) const {
  const MustFinish must_finish;
  std::error_code error;
  for (const fs::path& old : earlier_files(folder_)) {
    if (obstacle(folder_, old).empty()) fs::remove(folder_ / old, error);
  }
  sync_folder(folder_);
  std::set<fs::path> folders{folder_};
  for (const auto& [name, write] : files_) {
    if (&name == &files_.back().first) {  // before it everything else is in its place
      for (const fs::path& folder : folders) sync_folder(folder);
    }
    fs::rename(staged / name, folder_ / name, error);
    if (error) {
      keep();
      throw Error(fmt::format("{}: expected to write the file, got {}; the new files are in {}",
                              (folder_ / name).string(), error.message(), staged.string()));
    }
    folders.insert((folder_ / name).parent_path());
  }
  sync_folder(folder_);
  nothing_left_to_stop();
}

namespace {

bool is_number(const std::string& text) {
  double value = 0;
  const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(begin, end, value);
  return error == std::errc{} && stop == end;
}

std::string csv_field(const Json& value) {
  if (value.is_null()) return "";
  std::string text = value.is_string() ? valid_utf8(value.get<std::string>()) : value.dump();
  std::replace(text.begin(), text.end(), '\0', ' ');
  // What spreadsheets run as a formula.
  if (value.is_string() && !text.empty() && std::strchr("=+-@\t\r", text[0]) != nullptr &&
      !is_number(text)) {
    text.insert(text.begin(), '\'');
  }
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
