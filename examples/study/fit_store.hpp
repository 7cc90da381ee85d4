#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "clipk/core/error.hpp"
#include "clipk/io/archive.hpp"
#include "study/fingerprint.hpp"
#include "study/stop.hpp"

namespace clipk::study {

/// Finished fits of a study by key ("pca/64/all"), in a file if one is given: a study that was
/// stopped goes on with the first fit that is missing. Beside Fit there are two functions,
/// `add_fit(ArchiveWriter&, prefix, const Fit&)` and `read_fit(const ArchiveReader&, prefix,
/// Fit&)`; the second refuses what no fit can be. What depends on the study's data, as how many
/// rows a fit is of, the study checks by `check` before it uses a fit.
template <class Fit>
class FitStore {
 public:
  /// @param kind what the file is, as users read it in messages: "dimension_study checkpoint"
  /// @throws Error if the file is not a checkpoint of this fingerprint, has a fit that none can be,
  ///   or cannot be written.
  FitStore(std::string kind, std::uint32_t version, std::filesystem::path file,
           std::string fingerprint)
      : kind_(std::move(kind)),
        version_(version),
        file_(std::move(file)),
        fingerprint_(std::move(fingerprint)) {
    if (file_.empty()) return;
    if (std::filesystem::exists(file_)) {
      load();
    } else {
      save();  // where nothing can be written, that is known before the first fit
    }
    for (const auto& [key, fit] : fits_) remove_part(key);
  }

  const Fit* find(const std::string& key) const {
    const auto it = fits_.find(key);
    return it == fits_.end() ? nullptr : &it->second;
  }

  /// Calls `expect` with the fit of this key, if there is one.
  /// @throws Error of `expect`, with the names of the file and the fit
  template <class Expect>
  void check(const std::string& key, Expect&& expect) const {
    const Fit* fit = find(key);
    if (fit == nullptr) return;
    try {
      expect(*fit);
    } catch (const Error& error) {
      throw FileError(file_.string() + ": fit " + key + ": " + error.what());
    }
  }

  const Fit& add(const std::string& key, Fit fit) {
    const auto whole = no_stop();
    const Fit& added = fits_[key] = std::move(fit);
    if (!file_.empty()) {
      save();
      remove_part(key);
    }
    return added;
  }

  /// Where a trainer keeps the part of a fit that is done; empty without a file. One name a fit:
  /// what a kill leaves behind is taken up by its own fit alone.
  std::filesystem::path part_file(const std::string& key) const {
    std::filesystem::path part = file_;
    if (part.empty()) return part;
    std::string suffix = "." + key + ".fit";
    std::replace(suffix.begin(), suffix.end(), '/', '-');
    return part += suffix;
  }

  void remove_part(const std::string& key) const {
    if (file_.empty()) return;
    for (const char* suffix : {"", ".inner"}) {
      std::filesystem::path part = part_file(key);
      std::error_code error;  // a file that stays does no harm
      std::filesystem::remove(part += suffix, error);
    }
  }

 private:
  void save() const {
    ArchiveWriter archive(kind_, version_);
    archive.add("fingerprint", fingerprint_);
    std::string keys;
    for (const auto& [key, fit] : fits_) {
      keys += key + "\n";
      add_fit(archive, key, fit);
    }
    archive.add("keys", keys);
    archive.write(file_);
  }

  // They become names of entries and of files.
  static bool is_key(const std::string& key) {
    return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
             std::string_view("/_.+-").find(c) != std::string_view::npos;
    });
  }

  void load() {
    const ArchiveReader archive(file_, kind_, version_);
    const std::string found = archive.text("fingerprint");
    if (found != fingerprint_) {
      archive.fail("a checkpoint of this run", "one of " + difference(found, fingerprint_));
    }
    const std::string keys = archive.text("keys");
    for (std::size_t from = 0; from < keys.size();) {
      const std::size_t end = keys.find('\n', from);
      if (end == std::string::npos) {
        archive.fail("a new line after each key", "none after '" + keys.substr(from) + "'");
      }
      const std::string key = keys.substr(from, end - from);
      from = end + 1;
      if (!is_key(key))
        archive.fail("keys of lower-case letters, digits and /_.+-", "'" + key + "'");
      if (fits_.contains(key)) archive.fail("each fit once", "'" + key + "' twice");
      read_fit(archive, key, fits_[key]);
    }
  }

  std::string kind_;
  std::uint32_t version_;
  std::filesystem::path file_;
  std::string fingerprint_;
  std::map<std::string, Fit> fits_;
};

}  // namespace clipk::study
