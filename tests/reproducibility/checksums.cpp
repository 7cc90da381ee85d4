#include "reproducibility/checksums.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string_view>

#include "clipk/core/error.hpp"
#include "support/golden_folder.hpp"

namespace clipk::golden {

std::filesystem::path checksums_file() {
  return test::golden_folder() / "checksums.txt";
}

Checksums read_checksums() {
  Checksums checksums;
  std::ifstream file(checksums_file());
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name, checksum, more;
    if (!(words >> name >> checksum) || words >> more ||
        !checksums.emplace(name, checksum).second) {
      throw Error(checksums_file().string() + ": expected each name once with a checksum, got '" +
                  line + "'");
    }
  }
  return checksums;
}

void write_checksums(const Checksums& checksums) {
  std::ofstream file(checksums_file());
  for (const auto& [name, checksum] : checksums) file << name << ' ' << checksum << '\n';
  if (!file.flush())
    throw Error(checksums_file().string() + ": expected to write it, got an error");
}

bool writing() {
  const char* const value = std::getenv("CLIPK_GOLDEN_WRITE");
  return value != nullptr && std::string_view(value) == "1";
}

}  // namespace clipk::golden
