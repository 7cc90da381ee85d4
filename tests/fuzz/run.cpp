#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "clipk/core/error.hpp"
#include "clipk/io/archive.hpp"
#include "fuzz/targets.hpp"
#include "load/saved_files.hpp"
#include "support/archive_parts.hpp"

namespace clipk::fuzz {
namespace {

namespace fs = std::filesystem;

// A folder of this process, in memory where there is such a place.
const fs::path& scratch() {
  static const struct Folder {
    Folder() {
      std::error_code error;
      const fs::path shared = "/dev/shm";
      const fs::path base = fs::is_directory(shared, error) ? shared : fs::temp_directory_path();
      path = base / ("clipk-fuzz-" + std::to_string(::getpid()));
      fs::create_directories(path);
    }
    ~Folder() {
      std::error_code error;  // a folder that stays does no harm
      fs::remove_all(path, error);
    }
    fs::path path;
  } folder;
  return folder.path;
}

const test::SavedFile* archive_named(const std::string& name) {
  static const std::vector<test::SavedFile> files = test::saved_files();
  const auto at =
      std::find_if(files.begin(), files.end(), [&](const auto& file) { return file.name == name; });
  return at == files.end() ? nullptr : &*at;
}

void read(const std::string& name, std::string_view bytes) {
  const auto& targets = reader_targets();
  const auto at = std::find_if(targets.begin(), targets.end(),
                               [&](const Target& target) { return target.name == name; });
  if (at != targets.end()) return at->read(bytes, scratch());
  const test::SavedFile* const archive = archive_named(name);
  if (archive == nullptr) {
    std::fprintf(stderr, "fuzz: expected the name of a target, got '%s'\n", name.c_str());
    std::exit(2);
  }
  const fs::path path = scratch() / "a.clipk";
  std::ofstream(path, std::ios::binary) << test::sealed(std::string(bytes));
  survives([&] { archive_kind(path); });
  static Context context = Context::cpu({.seed = 1, .threads = 1});
  archive->load(context, path)();
}

}  // namespace

void survives(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    const std::string message = error.what();
    if (message.find("expected ") != std::string::npos && message.find('\n') == std::string::npos) {
      return;
    }
    std::fprintf(stderr, "expected one line that says what was expected, got: %s\n",
                 message.c_str());
    std::abort();
  }
}

void run(const std::string& target, std::string_view bytes) {
  survives([&] { read(target, bytes); });
  for (const fs::directory_entry& entry : fs::directory_iterator(scratch())) {
    fs::remove_all(entry.path());
  }
}

}  // namespace clipk::fuzz
