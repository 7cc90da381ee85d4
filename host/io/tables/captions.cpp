#include "clipk/io/captions.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <unordered_map>

#include "clipk/core/error.hpp"
#include "clipk/io/caption_factors.hpp"
#include "clipk/io/utf8.hpp"

namespace clipk {
namespace {

// hash(i) == hash(j) where equal(i, j).
std::vector<std::vector<std::int64_t>> groups_of_equals(
    std::int64_t count, const std::function<std::uint64_t(std::int64_t)>& hash,
    const std::function<bool(std::int64_t, std::int64_t)>& equal) {
  struct Chain {
    std::int64_t next = -1;   // the first row of another group with the same hash
    std::int64_t group = -1;  // in `groups`, once there are two
  };
  std::vector<Chain> chains(static_cast<std::size_t>(count));
  std::unordered_map<std::uint64_t, std::int64_t> first_of;
  first_of.reserve(static_cast<std::size_t>(count));
  std::vector<std::vector<std::int64_t>> groups;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto [found, is_new] = first_of.try_emplace(hash(i), i);
    if (is_new) continue;
    std::int64_t at = found->second;
    while (!equal(at, i) && chains[static_cast<std::size_t>(at)].next >= 0) {
      at = chains[static_cast<std::size_t>(at)].next;
    }
    Chain& chain = chains[static_cast<std::size_t>(at)];
    if (!equal(at, i)) {
      chain.next = i;
      continue;
    }
    if (chain.group < 0) {
      chain.group = static_cast<std::int64_t>(groups.size());
      groups.push_back({at});
    }
    groups[static_cast<std::size_t>(chain.group)].push_back(i);
  }
  std::sort(groups.begin(), groups.end());
  return groups;
}

}  // namespace

std::vector<std::string> read_captions(const std::filesystem::path& path) {
  std::vector<std::string> captions = read_lines(path);
  for (std::size_t i = 0; i < captions.size(); ++i) {
    if (!is_blank(captions[i])) continue;
    throw Error(path.string() + ": expected a caption on line " + std::to_string(i + 1) + ", got " +
                (captions[i].empty() ? "an empty line" : "a line of blanks"));
  }
  return captions;
}

std::vector<std::string> read_captions(const std::filesystem::path& path, std::int64_t rows,
                                       const std::string& rows_of) {
  std::vector<std::string> captions = read_captions(path);
  if (static_cast<std::int64_t>(captions.size()) != rows) {
    throw Error(path.string() + ": expected " + std::to_string(rows) +
                " captions, one for every row of " + rows_of + ", got " +
                std::to_string(captions.size()));
  }
  return captions;
}

std::vector<std::vector<std::int64_t>> find_duplicate_rows(MatrixView<const float> matrix) {
  const auto hash = [&](std::int64_t i) {
    std::uint64_t value = 0xCBF29CE484222325;  // FNV-1a over words
    for (std::int64_t j = 0; j < matrix.cols; ++j) {
      value = (value ^ std::bit_cast<std::uint32_t>(matrix(i, j) + 0.0F)) * 0x100000001B3;
    }
    return value;
  };
  const auto equal = [&](std::int64_t i, std::int64_t j) {
    return std::equal(matrix.row(i), matrix.row(i) + matrix.cols, matrix.row(j));
  };
  return groups_of_equals(matrix.rows, hash, equal);
}

std::vector<std::vector<std::int64_t>> find_duplicates(const std::vector<std::string>& texts) {
  const auto text = [&](std::int64_t i) -> const std::string& {
    return texts[static_cast<std::size_t>(i)];
  };
  return groups_of_equals(
      static_cast<std::int64_t>(texts.size()),
      [&](std::int64_t i) { return std::hash<std::string>{}(text(i)); },
      [&](std::int64_t i, std::int64_t j) { return text(i) == text(j); });
}

}  // namespace clipk
