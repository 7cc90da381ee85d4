#include "dimension/outcome.hpp"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "clipk/core/error.hpp"
#include "clipk/io/archive.hpp"
#include "clipk/metrics/geometry.hpp"
#include "clipk/metrics/retrieval.hpp"

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

void check_ranks(const char* name, const std::vector<std::int32_t>& ranks, std::int64_t pairs) {
  if (static_cast<std::int64_t>(ranks.size()) != pairs) {
    throw Error(fmt::format("expected {} ranks {}, got {}", pairs, name, ranks.size()));
  }
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (ranks[i] >= 0 && ranks[i] < pairs) continue;
    throw Error(fmt::format("expected ranks {} from 0 to {}, got {} in place {}", name, pairs - 1,
                            ranks[i], i));
  }
}

void check_measured(const Measured& m, std::int64_t pairs) {
  check_ranks("of texts", m.i2t_ranks, pairs);
  check_ranks("of images", m.t2i_ranks, pairs);
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
  Retrieval found = retrieval(context, codes.images, codes.texts);
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
  Retrieval found = retrieval(context, pairs.images, pairs.texts);
  return {.i2t_ranks = std::move(found.image_to_text.ranks),
          .t2i_ranks = std::move(found.text_to_image.ranks)};
}

void add_fit(ArchiveWriter& archive, const std::string& prefix, const Outcome& outcome) {
  add_measured(archive, prefix + "/train", outcome.train);
  if (outcome.held) add_measured(archive, prefix + "/held", *outcome.held);
  if (!outcome.images.empty()) {
    archive.add(prefix + "/images", outcome.images);
    archive.add(prefix + "/texts", outcome.texts);
  }
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
  outcome.epochs = archive.count(prefix + "/epochs");
  outcome.seconds =
      archive.number<double>(prefix + "/seconds", 0, std::numeric_limits<double>::max());
}

void check_fit(const Outcome& outcome, const OutcomeSizes& sizes) {
  check_measured(outcome.train, sizes.train);
  if (outcome.held.has_value() != (sizes.held > 0)) {
    throw Error(fmt::format("expected {} on other pairs, got {}",
                            sizes.held > 0 ? "measures" : "no measures",
                            sizes.held > 0 ? "none" : "some"));
  }
  if (outcome.held) {
    check_measured(*outcome.held, sizes.held);
    check_codes("images", outcome.images, 0, 0);
  } else {
    check_codes("images", outcome.images, sizes.train, sizes.dim);
    check_codes("texts", outcome.texts, sizes.train, sizes.dim);
  }
}

}  // namespace clipk::study
