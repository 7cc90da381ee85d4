// Gives every file of the corpus (seeds, and findings of earlier fuzzing) to its reader.
//
//   clipk_fuzz_corpus [TARGET...]        reads each file once; a failure ends the program
//   clipk_fuzz_corpus --list             the names of the targets
//   clipk_fuzz_corpus --write FOLDER     the files, by target

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>

#include "fuzz/targets.hpp"
#include "load/saved_files.hpp"
#include "support/archive_parts.hpp"

namespace clipk::fuzz {
namespace {

namespace fs = std::filesystem;
using Files = std::map<std::string, std::string>;  // bytes by name

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void add_files(const fs::path& folder, Files& files) {
  if (!fs::is_directory(folder)) return;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file()) files[entry.path().filename()] = bytes_of(entry.path());
  }
}

// Of all targets. A small archive of each kind is made; findings lie in corpus/TARGET.
std::map<std::string, Files> corpus() {
  const fs::path tests = CLIPK_TESTS_FOLDER;
  std::map<std::string, Files> result;
  for (const Target& target : reader_targets()) {
    Files& files = result[target.name];
    for (const std::string& seeds : target.seeds) {
      const bool golden = seeds.starts_with("golden/");
      add_files(golden ? tests / seeds : tests / "fuzz" / seeds, files);
    }
    add_files(tests / "fuzz/corpus" / target.name, files);
  }
  const fs::path made = fs::temp_directory_path() / ("clipk-corpus-" + std::to_string(::getpid()));
  for (const test::SavedFile& file : test::saved_files()) {
    Context context = Context::cpu({.seed = 1, .threads = 1});
    file.save(context, made);
    Files& files = result[file.name];
    files["made"] = test::content_of(test::parts_of(bytes_of(made)));
    fs::remove(made);
    add_files(tests / "fuzz/corpus" / file.name, files);
  }
  return result;
}

int main_of(const std::vector<std::string>& arguments) {
  std::map<std::string, Files> targets = corpus();
  if (arguments.size() == 2 && arguments[0] == "--write") {
    for (const auto& [target, files] : targets) {
      fs::create_directories(fs::path(arguments[1]) / target);
      for (const auto& [name, bytes] : files) {
        std::ofstream(fs::path(arguments[1]) / target / name, std::ios::binary) << bytes;
      }
    }
    return 0;
  }
  const bool lists = arguments.size() == 1 && arguments[0] == "--list";
  for (const auto& [target, files] : targets) {
    if (lists) std::printf("%s\n", target.c_str());
    if (lists ||
        (!arguments.empty() && std::count(arguments.begin(), arguments.end(), target) == 0)) {
      continue;
    }
    if (files.empty()) {
      std::fprintf(stderr, "%s: expected files to read, got none\n", target.c_str());
      return 1;
    }
    std::printf("%s: %zu files\n", target.c_str(), files.size());
    std::fflush(stdout);  // says where a failure was
    for (const auto& [name, bytes] : files) {
      run(target, bytes);
      // Cut anywhere, or with one bit changed: seconds of what the fuzzer does for minutes.
      const std::size_t step = std::max<std::size_t>(bytes.size() / 64, 1);
      for (std::size_t at = 0; at < bytes.size(); at += step) {
        run(target, bytes.substr(0, at));
        std::string changed = bytes;
        changed[at] = static_cast<char>(changed[at] ^ 1 << at % 8);
        run(target, changed);
      }
    }
  }
  return 0;
}

}  // namespace
}  // namespace clipk::fuzz

int main(int argc, char** argv) {
  return clipk::fuzz::main_of({argv + 1, argv + argc});
}
