#include "core/available_memory.hpp"

#include <algorithm>
#include <fstream>
#include <string>

namespace clipk {
namespace {

// The first number of a file; nothing for "max" or no file.
std::optional<std::uint64_t> number_in(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::uint64_t value = 0;
  if (in >> value) return value;
  return std::nullopt;
}

// The number of a line that begins with `key`.
std::optional<std::uint64_t> entry(const std::filesystem::path& file, const std::string& key) {
  std::ifstream in(file);
  for (std::string word; in >> word;) {
    std::uint64_t value = 0;
    if (word == key && in >> value) return value;
  }
  return std::nullopt;
}

// The memory that a group may still take. Its page cache counts as free, as it can be given up.
std::optional<std::uint64_t> left_in(const std::filesystem::path& group, const char* limit,
                                     const char* usage, const char* cache) {
  const auto most = number_in(group / limit), used = number_in(group / usage);
  if (!most || !used) return std::nullopt;
  const std::uint64_t spare = entry(group / "memory.stat", cache).value_or(0);
  const std::uint64_t held = *used - std::min(*used, spare);
  return *most - std::min(*most, held);
}

}  // namespace

std::optional<std::uint64_t> available_memory(const std::filesystem::path& root) {
  std::optional<std::uint64_t> result;
  const auto limit = [&](std::optional<std::uint64_t> bytes) {
    if (bytes) result = std::min(*bytes, result.value_or(*bytes));
  };
  if (const auto kib = entry(root / "proc/meminfo", "MemAvailable:")) limit(*kib * 1024);
  // Lines "0::/path" (version 2) and "4:memory:/path" (version 1). The limits of the groups above a
  // group hold for it as well; a container sees its own group as the topmost.
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t second = line.find(':', line.find(':') + 1);
    if (second == std::string::npos) continue;
    const bool version_2 = line.rfind("0::", 0) == 0;
    if (!version_2 && line.find(":memory:") == std::string::npos) continue;
    const std::filesystem::path top = root / (version_2 ? "sys/fs/cgroup" : "sys/fs/cgroup/memory");
    for (std::filesystem::path path = line.substr(second + 1);; path = path.parent_path()) {
      const std::filesystem::path group = top / path.relative_path();
      limit(version_2 ? left_in(group, "memory.max", "memory.current", "inactive_file")
                      : left_in(group, "memory.limit_in_bytes", "memory.usage_in_bytes",
                                "total_inactive_file"));
      if (path == path.parent_path()) break;
    }
  }
  return result;
}

}  // namespace clipk
