#include "dimension/outcome.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include "clipk/io/archive.hpp"
#include "clipk/metrics/geometry.hpp"
#include "clipk/metrics/retrieval.hpp"

namespace clipk::study {
namespace {

constexpr const char* kKind = "dimension_study checkpoint";
constexpr std::uint32_t kVersion = 1;

void add_measured(ArchiveWriter& archive, const std::string& prefix, const Measured& m) {
  archive.add(prefix + "/i2t", m.i2t_ranks);
  archive.add(prefix + "/t2i", m.t2i_ranks);
  archive.add(prefix + "/geometry",
              std::vector<double>{m.stress1, m.order_error, m.map_stress1, m.map_order_error});
}

Measured read_measured(const ArchiveReader& archive, const std::string& prefix) {
  const auto geometry = archive.vector<double>(prefix + "/geometry");
  if (geometry.size() != 4) archive.fail("4 measures", std::to_string(geometry.size()));
  return {archive.vector<std::int32_t>(prefix + "/i2t"),
          archive.vector<std::int32_t>(prefix + "/t2i"),
          geometry[0],
          geometry[1],
          geometry[2],
          geometry[3]};
}

}  // namespace

Measured measure(Context& context, const EmbeddingPairs& pairs, const Codes& codes) {
  Measured m;
  Retrieval found = retrieval(context, codes.images, codes.texts);
  m.i2t_ranks = std::move(found.image_to_text.ranks);
  m.t2i_ranks = std::move(found.text_to_image.ranks);
  const PairRows high{.x = pairs.images};
  const PairRows map{.x = codes.images};
  m.stress1 = m.map_stress1 = stress1(context, high, map);
  m.order_error = m.map_order_error = order_error(context, high, map);
  if (!codes.image_block.empty()) {
    const PairRows block{.x = codes.image_block};
    m.stress1 = stress1(context, high, block);
    m.order_error = order_error(context, high, block);
  }
  return m;
}

Measured measure_baseline(Context& context, const EmbeddingPairs& pairs) {
  Retrieval found = retrieval(context, pairs.images, pairs.texts);
  return {.i2t_ranks = std::move(found.image_to_text.ranks),
          .t2i_ranks = std::move(found.text_to_image.ranks)};
}

OutcomeStore::OutcomeStore(std::filesystem::path file, std::string fingerprint)
    : file_(std::move(file)), fingerprint_(std::move(fingerprint)) {
  if (file_.empty()) return;
  if (std::filesystem::exists(file_)) {
    load();
  } else {
    save();  // where nothing can be written, that is known before the first fit
  }
  for (const auto& [key, outcome] : outcomes_) remove_fit(key);
}

const Outcome* OutcomeStore::find(const std::string& key) const {
  const auto it = outcomes_.find(key);
  return it == outcomes_.end() ? nullptr : &it->second;
}

const Outcome& OutcomeStore::add(const std::string& key, Outcome outcome) {
  const Outcome& added = outcomes_[key] = std::move(outcome);
  if (!file_.empty()) {
    save();
    remove_fit(key);
  }
  return added;
}

std::filesystem::path OutcomeStore::fit_file(const std::string& key) const {
  std::filesystem::path fit = file_;
  if (fit.empty()) return fit;
  std::string suffix = "." + key + ".fit";
  std::replace(suffix.begin(), suffix.end(), '/', '-');
  return fit += suffix;
}

void OutcomeStore::remove_fit(const std::string& key) const {
  for (const char* suffix : {"", ".inner"}) {
    std::filesystem::path fit = fit_file(key);
    std::error_code error;  // a file that stays does no harm
    std::filesystem::remove(fit += suffix, error);
  }
}

void OutcomeStore::save() const {
  ArchiveWriter archive(kKind, kVersion);
  archive.add("fingerprint", fingerprint_);
  std::string keys;
  for (const auto& [key, outcome] : outcomes_) {
    keys += key + "\n";
    add_measured(archive, key + "/train", outcome.train);
    if (outcome.held) add_measured(archive, key + "/held", *outcome.held);
    if (!outcome.images.empty()) {
      archive.add(key + "/images", outcome.images);
      archive.add(key + "/texts", outcome.texts);
    }
    archive.add(key + "/epochs", outcome.epochs);
    archive.add(key + "/seconds", outcome.seconds);
  }
  archive.add("keys", keys);
  archive.write(file_);
}

void OutcomeStore::load() {
  const ArchiveReader archive(file_, kKind, kVersion);
  const std::string found = archive.text("fingerprint");
  if (found != fingerprint_) archive.fail("a checkpoint of " + fingerprint_, "one of " + found);
  const std::string keys = archive.text("keys");
  for (std::size_t from = 0; from < keys.size();) {
    const std::size_t end = keys.find('\n', from);
    const std::string key = keys.substr(from, end - from);
    from = end + 1;
    Outcome outcome;
    outcome.train = read_measured(archive, key + "/train");
    if (archive.has(key + "/held/i2t")) outcome.held = read_measured(archive, key + "/held");
    if (archive.has(key + "/images")) {
      outcome.images = archive.matrix<float>(key + "/images");
      outcome.texts = archive.matrix<float>(key + "/texts");
    }
    outcome.epochs = archive.number<std::int64_t>(key + "/epochs");
    outcome.seconds = archive.number<double>(key + "/seconds");
    outcomes_[key] = std::move(outcome);
  }
}

}  // namespace clipk::study
