#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace clipk::io {

/// The number of rows that the footer of a Parquet file says; none where it cannot be read: no such
/// file, an encrypted footer, not Parquet.
std::optional<std::int64_t> parquet_rows(const std::filesystem::path& path);

}  // namespace clipk::io
