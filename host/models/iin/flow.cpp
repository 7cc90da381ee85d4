// The blocks and parameters of a flow, initialised at random or read from a file. The computations
// are in flow_passes.cpp.
#include "clipk/models/flow.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "clipk/core/error.hpp"
#include "clipk/core/random.hpp"

namespace clipk {
namespace {

constexpr int kPartsOfABlock = 4;  // shift, log-scale, and the networks of two couplings

std::string of_block(std::string_view prefix, std::size_t block) {
  return std::string(prefix) + "/block" + std::to_string(block) + "/";
}

bool is_permutation(const std::vector<std::int32_t>& order, std::int64_t n) {
  std::vector<std::int32_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i] != static_cast<std::int32_t>(i)) return false;
  }
  return static_cast<std::int64_t>(order.size()) == n;
}

template <class T>
std::vector<T> to_vector(Context& context, VectorView<const T> values) {
  std::vector<T> host(static_cast<std::size_t>(values.size));
  copy<T>(context, values, VectorView<T>(host.data(), values.size));
  return host;
}

// Checks, before memory is taken, that a file can hold a flow as large as it claims. Computed in
// double, which does not overflow; the flow itself reports sizes that make no sense.
void check_fits(const ArchiveReader& archive, std::int64_t dim, const FlowOptions& options,
                std::size_t item) {
  const auto d = static_cast<double>(dim), width = static_cast<double>(options.width);
  const auto inner = static_cast<double>(options.depth - 1);
  const double numbers =
      static_cast<double>(options.blocks) * (2 * d + d * width + inner * width * width);
  if (numbers * static_cast<double>(item) > static_cast<double>(archive.size())) {
    archive.fail("a flow that fits into " + std::to_string(archive.size()) + " bytes",
                 std::to_string(options.blocks) + " blocks of dimension " + std::to_string(dim) +
                     ", width " + std::to_string(options.width) + " and depth " +
                     std::to_string(options.depth));
  }
}

}  // namespace

template <class T>
void BasicFlow<T>::check_options(std::int64_t dim, const FlowOptions& options) {
  const auto at_least = [](const char* what, std::int64_t least, std::int64_t got) {
    if (got >= least) return;
    throw Error("flow: expected " + std::string(what) + " of at least " + std::to_string(least) +
                ", got " + std::to_string(got));
  };
  at_least("a dimension", 2, dim);
  at_least("blocks", 1, options.blocks);
  at_least("a width", 1, options.width);
  at_least("a depth", 1, options.depth);
  const auto positive = [](const char* what, float largest, float got) {
    if (got > 0 && got <= largest) return;
    throw Error("flow: expected " + std::string(what) + " above 0 and at most " +
                std::to_string(largest) + ", got " + std::to_string(got));
  };
  positive("a clamp", 80, options.clamp);
  positive("a slope", 1, options.slope);
}

// The networks of coupling `index` read one half and give a and t for the other.
template <class T>
MlpOptions BasicFlow<T>::network_options(std::int64_t dim, const FlowOptions& options,
                                         std::int64_t index) {
  // The flow's networks have their own indices: an autoencoder beside the flow uses the first ones.
  constexpr std::int64_t kFirstNetwork = 256;
  const bool first = index % 2 == 0;
  std::vector<std::int64_t> widths(static_cast<std::size_t>(options.depth) + 2, options.width);
  widths.front() = first ? dim / 2 : dim - dim / 2;
  widths.back() = dim - widths.front();
  return {.widths = std::move(widths),
          .activation = Activation::leaky_relu,
          .init = options.init,
          .zero_last = options.zero_last,
          .network = static_cast<std::uint32_t>(kFirstNetwork + index),
          .towers = 2};
}

template <class T>
BasicFlow<T>::BasicFlow(Context& context, std::int64_t dim, FlowOptions options)
    : dim_(dim), options_(options) {
  check_options(dim, options_);
  const auto network_options = [&](std::int64_t index) {
    return BasicFlow::network_options(dim, options_, index);
  };
  std::vector<std::int64_t> sizes;
  for (std::int64_t b = 0; b < options_.blocks; ++b) {
    for (const std::int64_t size : {dim, dim, BasicMlp<T>::parameter_size(network_options(2 * b)),
                                    BasicMlp<T>::parameter_size(network_options(2 * b + 1))}) {
      sizes.push_back(size);
    }
  }
  parameters_ = BasicParameters<T>(context, sizes);
  for (std::int64_t b = 0; b < options_.blocks; ++b) {
    const int part = kPartsOfABlock * static_cast<int>(b);
    blocks_.push_back({parameters_.part(part),
                       parameters_.part(part + 1),
                       BasicMlp<T>(context, network_options(2 * b), parameters_.part(part + 2)),
                       BasicMlp<T>(context, network_options(2 * b + 1), parameters_.part(part + 3)),
                       {}});
    Random random(context.seed(), RandomStream::flow, static_cast<std::uint32_t>(b));
    const std::vector<std::int64_t> drawn = random.permutation(dim);
    set_order(context, blocks_.back(), {drawn.begin(), drawn.end()});
  }
}

template <class T>
void BasicFlow<T>::set_order(Context& context, Block& block,
                             const std::vector<std::int32_t>& order) {
  block.order = Matrix<std::int32_t>(context, 1, dim_);
  copy<std::int32_t>(context, VectorView<const std::int32_t>(order.data(), dim_),
                     block.order.flat());
}

template <class T>
std::int64_t BasicFlow<T>::parameter_count() const {
  std::int64_t count = 2 * dim_ * options_.blocks;
  for (const Block& block : blocks_) {
    count += block.first.parameter_count() + block.second.parameter_count();
  }
  return count;
}

template <class T>
BasicFlow<double> BasicFlow<T>::to_double(Context& context) const {
  Context cpu = Context::cpu({.seed = context.seed(), .threads = 1});
  BasicFlow<double> result(cpu, dim_, options_);
  const std::vector<T> values = to_vector<T>(context, parameters_.all().values);
  std::copy(values.begin(), values.end(), result.parameters().values.begin());
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    result.set_order(cpu, result.blocks_[b],
                     to_vector<std::int32_t>(context, blocks_[b].order.flat()));
  }
  result.initialized_ = initialized_;
  return result;
}

template <class T>
void BasicFlow<T>::save(Context& context, ArchiveWriter& archive, std::string_view prefix) const {
  const std::string p = std::string(prefix) + "/";
  archive.add<std::int64_t>(p + "dim", dim_);
  archive.add<std::int64_t>(p + "blocks", options_.blocks);
  archive.add<std::int64_t>(p + "width", options_.width);
  archive.add<std::int64_t>(p + "depth", options_.depth);
  archive.add(p + "scale", to_string(options_.scale));
  archive.add<float>(p + "clamp", options_.clamp);
  archive.add<float>(p + "slope", options_.slope);
  archive.add<std::uint8_t>(p + "initialized", initialized_ ? 1 : 0);
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    const Block& block = blocks_[b];
    const std::string name = of_block(prefix, b);
    archive.add(name + "order", to_vector<std::int32_t>(context, block.order.flat()));
    archive.add(name + "shift", to_vector<T>(context, block.shift.values));
    archive.add(name + "log_scale", to_vector<T>(context, block.log_scale.values));
    block.first.save(context, archive, name + "first");
    block.second.save(context, archive, name + "second");
  }
}

template <class T>
BasicFlow<T> BasicFlow<T>::load(Context& context, const ArchiveReader& archive,
                                std::string_view prefix, std::int64_t dim) {
  const std::string p = std::string(prefix) + "/";
  const auto saved_dim = archive.number<std::int64_t>(p + "dim");
  if (dim != 0 && saved_dim != dim) {
    archive.fail("a flow of dimension " + std::to_string(dim), std::to_string(saved_dim));
  }
  const std::string scale = archive.text(p + "scale");
  FlowOptions options{.blocks = archive.number<std::int64_t>(p + "blocks"),
                      .width = archive.number<std::int64_t>(p + "width"),
                      .depth = archive.number<std::int64_t>(p + "depth"),
                      .clamp = archive.number<float>(p + "clamp"),
                      .slope = archive.number<float>(p + "slope")};
  check_fits(archive, saved_dim, options, sizeof(T));
  archive.naming([&] {
    options.scale = coupling_scale_named(scale);
    check_options(saved_dim, options);
  });
  for (std::int64_t b = 0; b < options.blocks; ++b) {  // before memory is taken
    const std::string name = of_block(prefix, static_cast<std::size_t>(b));
    archive.expect_vector<std::int32_t>(name + "order", saved_dim);
    archive.expect_vector<T>(name + "shift", saved_dim);
    archive.expect_vector<T>(name + "log_scale", saved_dim);
    BasicMlp<T>::expect_saved(archive, name + "first", network_options(saved_dim, options, 2 * b));
    BasicMlp<T>::expect_saved(archive, name + "second",
                              network_options(saved_dim, options, 2 * b + 1));
  }
  BasicFlow flow(context, saved_dim, options);
  flow.initialized_ = archive.number<std::uint8_t>(p + "initialized", 0, 1) != 0;
  for (std::size_t b = 0; b < flow.blocks_.size(); ++b) {
    Block& block = flow.blocks_[b];
    const std::string name = of_block(prefix, b);
    const auto order = archive.vector<std::int32_t>(name + "order");
    if (!is_permutation(order, saved_dim)) {
      archive.fail(
          "'" + name + "order' to be a permutation of " + std::to_string(saved_dim) + " columns",
          "another list of " + std::to_string(order.size()));
    }
    flow.set_order(context, block, order);
    const auto read = [&](const std::string& entry, VectorView<T> to) {
      const auto values = archive.vector<T>(entry, to.size);
      copy<T>(context, VectorView<const T>(values.data(), to.size), to);
    };
    read(name + "shift", block.shift.values);
    read(name + "log_scale", block.log_scale.values);
    block.first.read(context, archive, name + "first");
    block.second.read(context, archive, name + "second");
  }
  return flow;
}

template BasicFlow<float>::BasicFlow(Context&, std::int64_t, FlowOptions);
template std::int64_t BasicFlow<float>::parameter_count() const;
template void BasicFlow<float>::check_options(std::int64_t, const FlowOptions&);
template MlpOptions BasicFlow<float>::network_options(std::int64_t, const FlowOptions&,
                                                      std::int64_t);
template void BasicFlow<float>::set_order(Context&, Block&, const std::vector<std::int32_t>&);
template BasicFlow<double> BasicFlow<float>::to_double(Context&) const;
template void BasicFlow<float>::save(Context&, ArchiveWriter&, std::string_view) const;
template BasicFlow<float> BasicFlow<float>::load(Context&, const ArchiveReader&, std::string_view,
                                                 std::int64_t);
template BasicFlow<double>::BasicFlow(Context&, std::int64_t, FlowOptions);
template std::int64_t BasicFlow<double>::parameter_count() const;
template void BasicFlow<double>::check_options(std::int64_t, const FlowOptions&);
template MlpOptions BasicFlow<double>::network_options(std::int64_t, const FlowOptions&,
                                                       std::int64_t);
template void BasicFlow<double>::set_order(Context&, Block&, const std::vector<std::int32_t>&);
template BasicFlow<double> BasicFlow<double>::to_double(Context&) const;
template void BasicFlow<double>::save(Context&, ArchiveWriter&, std::string_view) const;
template BasicFlow<double> BasicFlow<double>::load(Context&, const ArchiveReader&, std::string_view,
                                                   std::int64_t);

}  // namespace clipk
