#include "dimension/outcome.hpp"

#include <utility>

#include "clipk/io/archive.hpp"
#include "clipk/metrics/geometry.hpp"
#include "clipk/metrics/retrieval.hpp"

namespace clipk::study {
namespace {

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

// Exactly where the pairs of rows fit into a gigabyte.
double order_error_of(Context& context, const PairRows& high, const PairRows& low) {
  return high.x.rows <= kMostRowsOrdered
             ? order_error(context, high, low)
             : sampled_order_error(context, high, low, kSampledOrders, context.seed()).error;
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
  m.order_error = m.map_order_error = order_error_of(context, high, map);
  if (!codes.image_block.empty()) {
    const PairRows block{.x = codes.image_block};
    m.stress1 = stress1(context, high, block);
    m.order_error = order_error_of(context, high, block);
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
  outcome.epochs = archive.number<std::int64_t>(prefix + "/epochs");
  outcome.seconds = archive.number<double>(prefix + "/seconds");
}

}  // namespace clipk::study
