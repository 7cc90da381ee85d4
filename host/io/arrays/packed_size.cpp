#include "io/arrays/packed_size.hpp"

#include "clipk/core/error.hpp"

namespace clipk::io {
namespace {

// Deflate packs at most 258 bytes into 2 bits.
constexpr std::uint64_t kMostDeflate = 1032;
// Few data exceed this, such as one-hot rows; up to 1 GiB it does no harm.
constexpr std::uint64_t kMostRatio = 200;
constexpr std::uint64_t kSmall = std::uint64_t{1} << 30;

}  // namespace

void check_packed_size(const std::string& name, std::uint64_t size, std::uint64_t packed) {
  const auto fail = [&](const std::string& expected) {
    throw Error(name + ": expected " + expected + ", got " + packed_sizes(size, packed));
  };
  if (size / kMostDeflate > packed) {
    fail("a size that deflate can reach, " + std::to_string(kMostDeflate) + " times its bytes");
  }
  if (size <= kSmall || size / kMostRatio <= packed) return;
  fail("at most " + std::to_string(kMostRatio) +
       " bytes for every packed one of more than 1 GiB (numpy.save writes them unpacked)");
}

std::string packed_sizes(std::uint64_t size, std::uint64_t packed) {
  return std::to_string(size) + " bytes from " + std::to_string(packed);
}

}  // namespace clipk::io
