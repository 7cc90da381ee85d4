#include "dimension/outcome.hpp"

#include <fmt/format.h>

#include <limits>
#include <numeric>
#include <sstream>
#include <utility>

#include "clipk/core/error.hpp"
#include "clipk/core/select_rows.hpp"
#include "clipk/io/archive.hpp"
#include "clipk/metrics/geometry.hpp"
#include "clipk/metrics/retrieval.hpp"
#include "dimension/storage.hpp"
#include "study/pair_checks.hpp"

namespace clipk::study {
namespace {

void add_measured(ArchiveWriter& archive, const std::string& prefix, const Measured& m) {
  archive.add(prefix + "/i2t", m.i2t_ranks);
  archive.add(prefix + "/t2i", m.t2i_ranks);
  archive.add(prefix + "/geometry", std::vector<double>{m.stress1, m.kendall_distance,
                                                        m.map_stress1, m.map_kendall_distance});
}

Measured read_measured(const ArchiveReader& archive, const std::string& prefix) {
  const auto geometry = archive.vector<double>(prefix + "/geometry", 4);
  archive.expect_within(prefix + "/geometry", geometry, 0, std::numeric_limits<double>::max());
  return {archive.vector<std::int32_t>(prefix + "/i2t"),
          archive.vector<std::int32_t>(prefix + "/t2i"),
          geometry[0],
          geometry[1],
          geometry[2],
          geometry[3]};
}

// Exactly where the pairs of rows fit into a gigabyte.
double kendall_distance_of(Context& context, const DistanceBlock& high, const DistanceBlock& low) {
  return high.x.rows <= kMostRowsOrdered
             ? kendall_distance(context, high, low)
             : sampled_kendall_distance(context, high, low, kSampledOrders, context.seed())
                   .distance;
}

void check_ranks(const char* name, const std::vector<std::int32_t>& ranks, std::int64_t queries,
                 std::int64_t candidates) {
  if (static_cast<std::int64_t>(ranks.size()) != queries) {
    throw Error(fmt::format("expected {} ranks {}, got {}", queries, name, ranks.size()));
  }
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (ranks[i] >= 0 && ranks[i] < candidates) continue;
    throw Error(fmt::format("expected ranks {} from 0 to {}, got {} in place {}", name,
                            candidates - 1, ranks[i], i));
  }
}

void check_measured(const Measured& m, const SetSizes& sizes) {
  check_ranks("of texts", m.i2t_ranks, sizes.image_queries, sizes.texts);
  check_ranks("of images", m.t2i_ranks, sizes.text_queries, sizes.images);
}

Retrieval retrieval_of(Context& context, const Matrix<float>& images, const Matrix<float>& texts,
                       const EmbeddingPairs& pairs) {
  return pairs.image_of_text.empty() ? retrieval(context, images, texts)
                                     : retrieval(context, images, texts, pairs.image_of_text);
}

void check_codes(const char* name, const Matrix<float>& codes, std::int64_t rows,
                 std::int64_t cols) {
  if (codes.rows() == rows && codes.cols() == cols) return;
  throw Error(fmt::format("expected codes of {} of shape [{}, {}], got [{}, {}]", name, rows, cols,
                          codes.rows(), codes.cols()));
}

}  // namespace

Measured measure(Context& context, const EmbeddingPairs& pairs, const Codes& codes) {
  Measured m;
  Retrieval found = retrieval_of(context, codes.images, codes.texts, pairs);
  m.i2t_ranks = std::move(found.image_to_text.ranks);
  m.t2i_ranks = std::move(found.text_to_image.ranks);
  const DistanceBlock high{.x = pairs.images};
  const DistanceBlock map{.x = codes.images};
  m.stress1 = m.map_stress1 = stress1(context, high, map);
  m.kendall_distance = m.map_kendall_distance = kendall_distance_of(context, high, map);
  if (!codes.image_block.empty()) {
    const DistanceBlock block{.x = codes.image_block};
    m.stress1 = stress1(context, high, block);
    m.kendall_distance = kendall_distance_of(context, high, block);
  }
  return m;
}

Measured measure_baseline(Context& context, const EmbeddingPairs& pairs) {
  Retrieval found = retrieval_of(context, pairs.images, pairs.texts, pairs);
  return {.i2t_ranks = std::move(found.image_to_text.ranks),
          .t2i_ranks = std::move(found.text_to_image.ranks)};
}

std::vector<StoredOutcome> measure_stored(Context& context,
                                          const std::vector<const EmbeddingPairs*>& sets,
                                          const std::vector<Codes>& codes) {
  // Texts of no image are in every set, so a quantizer must not see them.
  Matrix<float> own;
  if (!sets[0]->image_of_text.empty()) {
    own = select_rows(codes[0].texts, pair_queries(sets[0]->size(), sets[0]->image_of_text).texts);
  }
  std::vector<StoredOutcome> result;
  for (const StoredCodes& stored :
       stored_codes(context, codes[0].images, own.empty() ? codes[0].texts : own, codes)) {
    StoredOutcome& outcome = result.emplace_back();
    outcome.storage = stored.storage;
    outcome.bytes = stored.bytes;
    for (std::size_t s = 0; s < sets.size(); ++s) {
      const Codes& back = stored.decoded[s];
      Measured& into = s == 0 ? outcome.train : outcome.held.emplace();
      into.i2t_ranks =
          retrieval_of(context, codes[s].images, back.texts, *sets[s]).image_to_text.ranks;
      into.t2i_ranks =
          retrieval_of(context, back.images, codes[s].texts, *sets[s]).text_to_image.ranks;
    }
  }
  return result;
}

void add_fit(ArchiveWriter& archive, const std::string& prefix, const Outcome& outcome) {
  add_measured(archive, prefix + "/train", outcome.train);
  if (outcome.held) add_measured(archive, prefix + "/held", *outcome.held);
  if (!outcome.images.empty()) {
    archive.add(prefix + "/images", outcome.images);
    archive.add(prefix + "/texts", outcome.texts);
  }
  std::string storages;
  for (const StoredOutcome& stored : outcome.stored) {
    const std::string name = fmt::format("{}/stored/{}", prefix, stored.storage);
    archive.add(name + "/bytes", stored.bytes);
    add_measured(archive, name + "/train", stored.train);
    if (stored.held) add_measured(archive, name + "/held", *stored.held);
    storages += stored.storage;
    storages += ' ';
  }
  archive.add(prefix + "/storages", storages);
  archive.add(prefix + "/epochs", outcome.epochs);
  archive.add(prefix + "/seconds", outcome.seconds);
}

void read_fit(const ArchiveReader& archive, const std::string& prefix, Outcome& outcome) {
  outcome.train = read_measured(archive, prefix + "/train");
  if (archive.has(prefix + "/held/i2t")) outcome.held = read_measured(archive, prefix + "/held");
  if (archive.has(prefix + "/images")) {
    outcome.images = archive.matrix<float>(prefix + "/images");
    outcome.texts = archive.matrix<float>(prefix + "/texts");
  }
  std::istringstream storages(archive.text(prefix + "/storages"));
  for (std::string storage; storages >> storage;) {
    const std::string name = fmt::format("{}/stored/{}", prefix, storage);
    StoredOutcome& stored = outcome.stored.emplace_back();
    stored.storage = storage;
    stored.bytes = archive.count(name + "/bytes");
    stored.train = read_measured(archive, name + "/train");
    if (archive.has(name + "/held/i2t")) stored.held = read_measured(archive, name + "/held");
  }
  outcome.epochs = archive.count(prefix + "/epochs");
  outcome.seconds =
      archive.number<double>(prefix + "/seconds", 0, std::numeric_limits<double>::max());
}

SetSizes sizes_of(const EmbeddingPairs& pairs, const std::vector<std::int64_t>& rows) {
  const auto images = static_cast<std::int64_t>(rows.size());
  if (pairs.image_of_text.empty()) return SetSizes::of(images);
  std::vector<std::int64_t> texts(static_cast<std::size_t>(pairs.images.rows()));
  SetSizes sizes{.images = images};
  for (const std::int32_t image : pairs.image_of_text) {
    if (image < 0) {
      ++sizes.texts;
    } else {
      ++texts[static_cast<std::size_t>(image)];
    }
  }
  for (const std::int64_t row : rows) {
    const std::int64_t count = texts[static_cast<std::size_t>(row)];
    sizes.image_queries += count > 0;
    sizes.text_queries += count;
  }
  sizes.texts += sizes.text_queries;
  return sizes;
}

SetSizes sizes_of(const EmbeddingPairs& pairs) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(pairs.images.rows()));
  std::iota(all.begin(), all.end(), 0);
  return sizes_of(pairs, all);
}

void check_fit(const Outcome& outcome, const OutcomeSizes& sizes) {
  check_measured(outcome.train, sizes.train);
  const bool held = sizes.held.images > 0;
  if (outcome.held.has_value() != held) {
    throw Error(fmt::format("expected {} on other pairs, got {}", held ? "measures" : "no measures",
                            held ? "none" : "some"));
  }
  if (outcome.held) {
    check_measured(*outcome.held, sizes.held);
    check_codes("images", outcome.images, 0, 0);
  } else {
    check_codes("images", outcome.images, sizes.train.images, sizes.dim);
    check_codes("texts", outcome.texts, sizes.train.texts, sizes.dim);
  }
  for (const StoredOutcome& stored : outcome.stored) {
    check_measured(stored.train, sizes.train);
    if (stored.held.has_value() != held) {
      throw Error(fmt::format("expected {} on other pairs of {}, got {}",
                              held ? "measures" : "no measures", stored.storage,
                              held ? "none" : "some"));
    }
    if (stored.held) check_measured(*stored.held, sizes.held);
  }
}

}  // namespace clipk::study
