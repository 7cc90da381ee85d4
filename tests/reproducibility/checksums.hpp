#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace clipk::golden {

/// The committed checksum of every case.
using Checksums = std::map<std::string, std::string>;

/// tests/golden/checksums.txt: a line `NAME CHECKSUM` for each case, by name.
std::filesystem::path checksums_file();
/// @throws Error for a line of another form, or a name that comes twice.
Checksums read_checksums();
void write_checksums(const Checksums& checksums);

/// Whether $CLIPK_GOLDEN_WRITE is 1: checksums are written, not held.
bool writing();

}  // namespace clipk::golden
