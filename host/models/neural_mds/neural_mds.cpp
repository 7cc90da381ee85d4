#include "clipk/models/neural_mds.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <utility>

#include "clipk/core/equal_rows.hpp"
#include "clipk/core/random.hpp"
#include "clipk/core/select_rows.hpp"
#include "clipk/models/pca.hpp"
#include "clipk/models/retrieval_axes.hpp"
#include "core/check.hpp"
#include "linalg/matrix_algebra.hpp"
#include "models/neural_mds/mds_network.hpp"
#include "models/neural_mds/mds_problem.hpp"
#include "train/check_training.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "neural_mds";
constexpr const char* kKind = "neural_mds model";
constexpr std::uint32_t kVersion = 1;

// Least improvement of the mean reciprocal rank among the pairs set aside. A smaller one may be
// chance, and training that does not help new pairs soon harms them.
constexpr double kLeastGain = 0.03;

void check_options(const NeuralMdsOptions& options, std::int64_t dim) {
  train::check_training(kName, options);
  if (options.dim < 1 || options.dim > dim) {
    check::fail(kName, "a dimension from 1 to " + std::to_string(dim), std::to_string(options.dim));
  }
  if (options.hidden < 0)
    check::fail(kName, "a hidden width from 0", std::to_string(options.hidden));
  if (!(options.margin >= 0)) {
    check::fail(kName, "a margin from 0", std::to_string(options.margin));
  }
  if (options.steps_per_epoch < 1) {
    check::fail(kName, "at least 1 step an epoch", std::to_string(options.steps_per_epoch));
  }
  if (options.objective == MdsObjective::isotonic && options.quads_per_epoch < 1) {
    check::fail(kName, "at least 1 quadruple an epoch", std::to_string(options.quads_per_epoch));
  }
  if (options.start == MdsStart::paired_axes && !options.network_per_modality) {
    check::fail(kName, "a network per modality with start paired_axes", "one for both");
  }
  const std::int64_t least = options.every_quadruple ? 0 : 1;
  if (options.near < least) {
    check::fail(kName, "at least " + std::to_string(least) + " near row" + (least == 1 ? "" : "s"),
                std::to_string(options.near));
  }
  const MdsBlocks& blocks = options.blocks;
  if (blocks.image_image < 0 || blocks.text_text < 0 || blocks.image_text < 0 ||
      !(blocks.image_image + blocks.text_text + blocks.image_text > 0)) {
    check::fail(kName, "block weights from 0, one above",
                std::to_string(blocks.image_image) + ", " + std::to_string(blocks.text_text) +
                    ", " + std::to_string(blocks.image_text));
  }
  if (!(options.inner_share >= 0 && options.inner_share < 1)) {
    check::fail(kName, "an inner share from 0, below 1", std::to_string(options.inner_share));
  }
}

// The untrained network: means and scale of the rows, and the start's map.
MdsNetwork started_network(Context& context, const MdsPairs& pairs,
                           const NeuralMdsOptions& options) {
  const std::int64_t dim = pairs.images.cols;
  const Pca pca = Pca::fit(context, pairs.images, pairs.texts, {.components = options.dim});
  Matrix<float> means(2, dim);
  Matrix<float> centered[2] = {Matrix<float>(pairs.images.rows, dim),
                               Matrix<float>(pairs.texts.rows, dim)};
  double squares = 0;
  for (int m = 0; m < 2; ++m) {
    const auto mean = pca.mean(m == 0 ? Modality::image : Modality::text);
    const MatrixView<const float> rows = m == 0 ? pairs.images : pairs.texts;
    std::copy(mean.begin(), mean.end(), means.view().row(m));
    for (std::int64_t i = 0; i < rows.rows; ++i) {
      for (std::int64_t j = 0; j < dim; ++j) {
        const double value = static_cast<double>(rows(i, j)) - mean[j];
        centered[m](i, j) = static_cast<float>(value);
        squares += value * value;
      }
    }
  }
  const auto rms = static_cast<float>(
      std::sqrt(squares / static_cast<double>(pairs.images.rows + pairs.texts.rows)));

  std::vector<Matrix<float>> starts;
  if (options.start == MdsStart::paired_axes) {
    const PairedAxes axes = PairedAxes::fit(context, pairs.images, pairs.texts, options.dim,
                                            {.setting = options.paired_axes, .complete = true});
    for (const Modality modality : {Modality::image, Modality::text}) {
      starts.push_back(cpu::cast<float>(axes.axes(modality)));
    }
  } else {
    starts.push_back(options.start == MdsStart::retrieval_axes
                         ? retrieval_axes(centered[0], centered[1], options.dim)
                         : cpu::cast<float>(pca.components()));
    if (options.network_per_modality) {
      starts.push_back(cpu::cast<float, float>(starts.front()));
    }
  }
  return MdsNetwork(context, options, starts, std::move(means), rms);
}

TrainingResult train_map(Context& context, const MdsPairs& pairs, const MdsPairs& held_out,
                         const NeuralMdsOptions& options, const std::filesystem::path& checkpoint,
                         MdsNetwork& network) {
  MdsProblem problem(context, pairs, held_out, options, network);
  TrainerOptions trainer{options};
  trainer.batch = 0;
  trainer.steps_per_epoch = options.steps_per_epoch;
  trainer.checkpoint = checkpoint;
  trainer.checkpoint_every = std::max<std::int64_t>(1, options.epochs / 20);
  if (held_out.images.rows > 0) {
    trainer.early_stopping = {.patience = options.patience, .min_delta = kLeastGain};
  }
  return Trainer(context, problem, trainer).run();
}

// The number of epochs after which retrieval among the pairs set aside was best; all epochs if
// equal rows leave no pairs to set aside, or none that differ to fit.
std::int64_t chosen_epochs(Context& context, const MdsPairs& pairs,
                           const NeuralMdsOptions& options) {
  const std::int64_t n = pairs.images.rows;
  auto order = Random(context.seed(), RandomStream::mds_split).permutation(n);
  const std::vector<std::int64_t> groups =
      pair_groups(equal_row_groups(pairs.images), equal_row_groups(pairs.texts));
  const std::int64_t aside =
      set_groups_aside(order,
                       std::clamp<std::int64_t>(
                           std::llround(options.inner_share * static_cast<double>(n)), 1, n - 2),
                       groups);
  const auto group = [&](std::int64_t row) { return groups[static_cast<std::size_t>(row)]; };
  const auto differs = [&](std::int64_t row) { return group(row) != group(order.back()); };
  if (aside == 0 || std::none_of(order.begin() + aside, order.end(), differs)) {
    return options.epochs;
  }
  const std::span<const std::int64_t> all = order;
  const auto out = all.first(static_cast<std::size_t>(aside));
  const auto in = all.subspan(static_cast<std::size_t>(aside));
  const Matrix<float> out_images = select_rows(pairs.images, out);
  const Matrix<float> out_texts = select_rows(pairs.texts, out);
  const Matrix<float> in_images = select_rows(pairs.images, in);
  const Matrix<float> in_texts = select_rows(pairs.texts, in);
  const MdsPairs inner{in_images, in_texts};
  MdsNetwork network = started_network(context, inner, options);
  std::filesystem::path checkpoint = options.checkpoint;
  if (!checkpoint.empty()) checkpoint += ".inner";
  return train_map(context, inner, {out_images, out_texts}, options, checkpoint, network)
      .best_epoch;
}

}  // namespace

const char* to_string(MdsObjective objective) {
  return objective == MdsObjective::isometric ? "isometric" : "isotonic";
}

const char* to_string(MdsStart start) {
  switch (start) {
    case MdsStart::pca:
      return "pca";
    case MdsStart::retrieval_axes:
      return "retrieval_axes";
    case MdsStart::paired_axes:
      break;
  }
  return "paired_axes";
}

struct NeuralMds::Impl {
  MdsNetwork network;
  std::int64_t epochs = 0;
  std::vector<double> losses;
};

NeuralMds::NeuralMds(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
NeuralMds::NeuralMds(NeuralMds&&) noexcept = default;
NeuralMds& NeuralMds::operator=(NeuralMds&&) noexcept = default;
NeuralMds::~NeuralMds() = default;

NeuralMds NeuralMds::fit(Context& context, MatrixView<const float> images,
                         MatrixView<const float> texts, const NeuralMdsOptions& options) {
  check_options(options, images.cols);
  // Rows are checked and prepared on the host for every device.
  Matrix<float> host_images(images.rows, images.cols), host_texts(texts.rows, texts.cols);
  copy<float>(context, images, host_images.view());
  copy<float>(context, texts, host_texts.view());
  const MdsPairs pairs{host_images, host_texts};

  MdsNetwork network = started_network(context, pairs, options);
  NeuralMdsOptions final = options;
  if (options.inner_share > 0 && images.rows > 3) {
    final.epochs = chosen_epochs(context, pairs, options);
  }
  TrainingResult result;
  if (final.epochs > 0) {
    result = train_map(context, pairs, {}, final, options.checkpoint, network);
  }
  return NeuralMds(
      std::make_unique<Impl>(Impl{std::move(network), final.epochs, std::move(result.loss)}));
}

std::int64_t NeuralMds::input_dim() const {
  return impl_->network.inputs();
}
std::int64_t NeuralMds::dim() const {
  return impl_->network.outputs();
}
std::int64_t NeuralMds::epochs() const {
  return impl_->epochs;
}
const std::vector<double>& NeuralMds::losses() const {
  return impl_->losses;
}

Matrix<float> NeuralMds::transform(Context& context, MatrixView<const float> rows,
                                   Modality modality) const {
  return impl_->network.transform(context, rows, modality);
}

void NeuralMds::save(Context& context, const std::filesystem::path& path) const {
  ArchiveWriter archive(kKind, kVersion);
  archive.add("epochs", impl_->epochs);
  archive.add("losses", impl_->losses);
  impl_->network.save(context, archive);
  archive.write(path);
}

NeuralMds NeuralMds::load(Context& context, const std::filesystem::path& path) {
  const ArchiveReader archive(path, kKind, kVersion);
  return NeuralMds(
      std::make_unique<Impl>(Impl{MdsNetwork::load(context, archive), archive.count("epochs"),
                                  archive.vector<double>("losses")}));
}

}  // namespace clipk
