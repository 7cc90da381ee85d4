#pragma once

#include <algorithm>
#include <cstdint>

namespace clipk::gpu {

inline constexpr std::int64_t kScanQueries = 32;  ///< of a tile
inline constexpr std::int64_t kScanCodes = 128;   ///< of a tile

/// How a search of m codes by n queries is cut (code_scan.cuh): the queries into tiles, the codes
/// into chunks of whole tiles, so that there are blocks for all multiprocessors.
struct ScanPlan {
  ScanPlan(std::int64_t n, std::int64_t m, int multiprocessors)
      : query_tiles((n + kScanQueries - 1) / kScanQueries) {
    const std::int64_t tiles = (m + kScanCodes - 1) / kScanCodes;
    const std::int64_t blocks = std::int64_t{4} * multiprocessors;  // two rounds of two each
    const std::int64_t wanted = std::clamp<std::int64_t>(blocks / query_tiles, 1, tiles);
    chunk_tiles = (tiles + wanted - 1) / wanted;
    chunks = (tiles + chunk_tiles - 1) / chunk_tiles;
  }

  std::int64_t query_tiles;
  std::int64_t chunk_tiles;
  std::int64_t chunks;
};

}  // namespace clipk::gpu
