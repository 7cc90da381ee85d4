#pragma once

#include <string>
#include <vector>

namespace clipk::study {

struct Manifest;

/// What the fits of a checkpoint depend on, as JSON: program, version, device, the content of the
/// inputs, and all options but --threads, --out, --checkpoint and these. A checkpoint of another
/// one is refused; see difference().
std::string fingerprint_of(const Manifest& manifest, const std::vector<std::string>& but_for);

/// How the run of a checkpoint differs from this one, by their fingerprints: "--epochs 20, here
/// 30".
std::string difference(const std::string& kept, const std::string& now);

}  // namespace clipk::study
