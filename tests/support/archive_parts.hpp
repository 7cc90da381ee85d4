#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "clipk/io/sha256.hpp"

namespace clipk::test {

/// What an archive holds, to be changed and written again.
struct ArchiveParts {
  struct Entry {
    std::string name;
    std::uint8_t type = 0, rank = 0;
    std::uint64_t rows = 0, cols = 0;
    std::string bytes;
  };
  std::string head;  ///< all before the number of entries
  std::vector<Entry> entries;
};

namespace detail {

template <class T>
T take(std::string_view& bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  bytes.remove_prefix(sizeof(T));
  return value;
}

template <class T>
void put(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

}  // namespace detail

/// @param bytes of a sound archive
inline ArchiveParts parts_of(std::string_view bytes) {
  ArchiveParts parts;
  std::string_view rest = bytes.substr(12);  // magic and version
  rest.remove_prefix(detail::take<std::uint32_t>(rest));
  rest.remove_prefix(4);
  parts.head = bytes.substr(0, bytes.size() - rest.size());
  for (auto left = detail::take<std::uint32_t>(rest); left > 0; --left) {
    ArchiveParts::Entry& entry = parts.entries.emplace_back();
    const auto name = detail::take<std::uint32_t>(rest);
    entry.name = rest.substr(0, name);
    rest.remove_prefix(name);
    entry.type = detail::take<std::uint8_t>(rest);
    entry.rank = detail::take<std::uint8_t>(rest);
    entry.rows = detail::take<std::uint64_t>(rest);
    entry.cols = detail::take<std::uint64_t>(rest);
    constexpr std::size_t kSizes[] = {4, 8, 4, 8, 1, 8, 1};
    entry.bytes = rest.substr(0, entry.rows * entry.cols * kSizes[entry.type]);
    rest.remove_prefix(entry.bytes.size());
  }
  return parts;
}

/// Without the checksum.
inline std::string content_of(const ArchiveParts& parts) {
  std::string bytes = parts.head;
  detail::put(bytes, static_cast<std::uint32_t>(parts.entries.size()));
  for (const ArchiveParts::Entry& entry : parts.entries) {
    detail::put(bytes, static_cast<std::uint32_t>(entry.name.size()));
    bytes += entry.name;
    detail::put(bytes, entry.type);
    detail::put(bytes, entry.rank);
    detail::put(bytes, entry.rows);
    detail::put(bytes, entry.cols);
    bytes += entry.bytes;
  }
  return bytes;
}

/// Content and its checksum: what is behind it gets read.
inline std::string sealed(std::string content) {
  Sha256 sha;
  sha.update(content.data(), content.size());
  for (const std::uint8_t byte : sha.digest()) content += static_cast<char>(byte);
  return content;
}

}  // namespace clipk::test
