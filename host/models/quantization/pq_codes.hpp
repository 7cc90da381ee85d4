#pragma once

#include <cstdint>

namespace clipk {

/// Sub-vector s of m starts at this column of D: the first D mod m of them have one column more.
inline std::int64_t pq_first_column(std::int64_t dim, std::int64_t m, std::int64_t s) {
  const std::int64_t longer = dim % m;
  return s * (dim / m) + (s < longer ? s : longer);
}

/// Bytes of m codes.
inline std::int64_t pq_bytes(std::int64_t m, std::int64_t centroids) {
  return centroids == 16 ? (m + 1) / 2 : m;
}

/// Code s of a level that starts at `bytes`.
inline std::int64_t pq_code(const std::uint8_t* bytes, std::int64_t centroids, std::int64_t s) {
  return centroids == 16 ? bytes[s / 2] >> s % 2 * 4 & 15 : bytes[s];
}

/// Sets code s of a level whose bytes are zero so far.
inline void set_pq_code(std::uint8_t* bytes, std::int64_t centroids, std::int64_t s,
                        std::int64_t code) {
  bytes[centroids == 16 ? s / 2 : s] |=
      static_cast<std::uint8_t>(centroids == 16 ? code << s % 2 * 4 : code);
}

}  // namespace clipk
