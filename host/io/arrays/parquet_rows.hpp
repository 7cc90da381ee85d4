#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace clipk::io {

/// The number of rows according to the footer of a Parquet file; none where it cannot be read: no
/// such file, an encrypted footer, not Parquet.
std::optional<std::int64_t> parquet_rows(const std::filesystem::path& path);

}  // namespace clipk::io
