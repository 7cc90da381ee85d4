#include "models/neural_mds/mds_problem.hpp"

#include <cmath>
#include <numbers>
#include <utility>

#include "clipk/io/sha256.hpp"
#include "clipk/metrics/retrieval.hpp"
#include "clipk/ops/nearest.hpp"
#include "clipk/ops/normalize_rows.hpp"
#include "clipk/ops/pairwise_distance.hpp"

namespace clipk {
namespace {

// The distances of a block are stored up to this size; larger ones are recomputed from the rows.
constexpr std::int64_t kStoredPairs = std::int64_t{1} << 28;  // 1 GiB
constexpr std::int64_t kUniformShare = 4;  // image-text quadruples for each of another block

double mean_reciprocal_rank(const RetrievalScores& scores) {
  double sum = 0;
  for (const std::int32_t rank : scores.ranks) sum += 1.0 / (rank + 1);
  return sum / static_cast<double>(scores.ranks.size());
}

}  // namespace

TargetDistances MdsProblem::Block::target() const {
  TargetDistances target;
  if (!distances.empty()) {
    target.distances = distances;
    return target;
  }
  target.rows_x = rows_x;
  target.rows_y = rows_y.empty() ? rows_x.view() : rows_y.view();
  return target;
}

MdsProblem::MdsProblem(Context& context, const MdsPairs& pairs, const MdsPairs& held_out,
                       const NeuralMdsOptions& options, MdsNetwork& network)
    : options_(options),
      network_(network),
      n_(pairs.images.rows),
      held_out_(held_out),
      x_(context, 2 * n_, pairs.images.cols),
      codes_(context, 2 * n_, options.dim),
      grad_codes_(context, 2 * n_, options.dim),
      units_(context, 2 * n_, options.dim),
      grad_units_(context, 2 * n_, options.dim),
      lengths_(context, 1, 2 * n_) {
  Sha256 hash;
  for (const auto& rows : {pairs.images, pairs.texts, held_out.images, held_out.texts}) {
    update_rows(hash, rows);
  }
  data_ = to_hex(hash.digest()).substr(0, 16);
  const Matrix<float> images = network.prepared(context, pairs.images, Modality::image);
  const Matrix<float> texts = network.prepared(context, pairs.texts, Modality::text);
  copy<float>(context, images, half(x_, Pairs::image_image));
  copy<float>(context, texts, half(x_, Pairs::text_text));
  add_block(context, pairs, Pairs::image_text, options.blocks.image_text);
  add_block(context, pairs, Pairs::image_image, options.blocks.image_image);
  add_block(context, pairs, Pairs::text_text, options.blocks.text_text);
  network.plan(context, 2 * n_);
}

MatrixView<float> MdsProblem::half(Matrix<float>& both, Pairs kind) const {
  return both.view().row_range(kind == Pairs::text_text ? n_ : 0, n_);
}

void MdsProblem::add_block(Context& context, const MdsPairs& pairs, Pairs kind, float weight) {
  if (weight == 0) return;
  Block block;
  block.pairs = kind;
  block.weight = weight;
  const bool across = kind == Pairs::image_text;
  if (options_.objective == MdsObjective::isometric) {
    // Distances in the scale of the codes; across modalities without the modality gap.
    block.rows_x = Matrix<float>::copy_of(
        context, half(x_, kind == Pairs::text_text ? Pairs::text_text : Pairs::image_image));
    if (across) block.rows_y = Matrix<float>::copy_of(context, half(x_, Pairs::text_text));
  } else {
    block.rows_x =
        Matrix<float>::copy_of(context, kind == Pairs::text_text ? pairs.texts : pairs.images);
    if (across) block.rows_y = Matrix<float>::copy_of(context, pairs.texts);
  }
  const Matrix<float>& y = across ? block.rows_y : block.rows_x;
  if (n_ * n_ <= kStoredPairs) {
    block.distances = Matrix<float>(context, n_, n_);
    pairwise_distance(context, block.rows_x, y, Metric::euclidean, block.distances);
  }
  if (options_.objective == MdsObjective::isotonic) {
    block.quads = {
        .count = std::max<std::int64_t>(
            1, options_.quads_per_epoch / options_.steps_per_epoch / (across ? 1 : kUniformShare)),
        // Two unrelated rows lie about sqrt(2) apart, in unit codes as in x'.
        .margin = options_.margin * std::numbers::sqrt2_v<float>,
        .weight = weight,
        .draw = across ? options_.draw : QuadDraw::all,
        // Each block draws its own random numbers.
        .seed = context.seed() ^ (std::uint64_t{static_cast<std::uint8_t>(kind)} << 62)};
    if (across && options_.every_quadruple) {
      // As many as there are: near n is any candidate.
      const std::int64_t near = options_.near < n_ ? options_.near : 0;
      block.order =
          quad_order(context, block.target(),
                     {.draw = options_.draw, .near = options_.draw == QuadDraw::query ? near : 0});
      block.distances = Matrix<float>();
      block.rows_x = Matrix<float>();
      block.rows_y = Matrix<float>();
    } else if (across && options_.draw == QuadDraw::query) {
      const std::int64_t near = std::min(options_.near, n_);
      block.near_rows = Matrix<std::int32_t>(context, n_, near);
      block.near_cols = Matrix<std::int32_t>(context, n_, near);
      nearest(context, block.rows_x, y, {}, block.near_rows, {});
      nearest(context, y, block.rows_x, {}, block.near_cols, {});
    }
  }
  if (!block.distances.empty()) {
    block.rows_x = Matrix<float>();
    block.rows_y = Matrix<float>();
  }
  blocks_.push_back(std::move(block));
}

void MdsProblem::add_isotonic(Context& context, const Block& block, const Batch& batch,
                              VectorView<double> loss) {
  if (block.pairs != Pairs::image_text) {
    quad_hinge_loss(context, half(codes_, block.pairs), block.target(), {}, block.quads, batch.step,
                    loss, half(grad_codes_, block.pairs));
    return;
  }
  normalize_rows(context, codes_, units_, lengths_.flat());
  fill_zero(context, grad_units_.view());
  const MatrixView<const float> images = half(units_, Pairs::image_image);
  const MatrixView<const float> texts = half(units_, Pairs::text_text);
  const MatrixView<float> grad_images = half(grad_units_, Pairs::image_image);
  const MatrixView<float> grad_texts = half(grad_units_, Pairs::text_text);
  if (options_.every_quadruple) {
    full_quad_hinge_loss(context, images, texts, block.order,
                         {.margin = block.quads.margin, .weight = block.weight}, loss, grad_images,
                         grad_texts);
  } else {
    quad_hinge_loss(context, images, texts, block.target(), {block.near_rows, block.near_cols},
                    block.quads, batch.step, loss, grad_images, grad_texts);
  }
  // The first block overwrites the gradient of the codes; later ones add to it.
  normalize_rows_backward(context, units_, lengths_.flat(), grad_units_, grad_codes_);
}

void MdsProblem::add_isometric(Context& context, const Block& block, VectorView<double> loss) {
  const StressOptions options{.weight = block.weight};
  if (block.pairs == Pairs::image_text) {
    stress_loss(context, half(codes_, Pairs::image_image), half(codes_, Pairs::text_text),
                block.target(), options, loss, half(grad_codes_, Pairs::image_image),
                half(grad_codes_, Pairs::text_text));
  } else {
    stress_loss(context, half(codes_, block.pairs), block.target(), options, loss,
                half(grad_codes_, block.pairs));
  }
}

void MdsProblem::step(Context& context, const Batch& batch, VectorView<double> loss) {
  network_.forward(context, x_, codes_);
  fill_zero(context, grad_codes_.view());
  for (const Block& block : blocks_) {
    if (options_.objective == MdsObjective::isotonic) {
      add_isotonic(context, block, batch, loss);
    } else {
      add_isometric(context, block, loss);
    }
  }
  network_.backward(context, x_, grad_codes_);
}

std::optional<double> MdsProblem::held_out_loss(Context& context) {
  if (held_out_.images.rows == 0) return std::nullopt;
  const Matrix<float> images =
      network_.transform(context, held_out_.images, Modality::image).to_host(context);
  const Matrix<float> texts =
      network_.transform(context, held_out_.texts, Modality::text).to_host(context);
  const Retrieval found = retrieval(context, images, texts);
  return 1 -
         (mean_reciprocal_rank(found.image_to_text) + mean_reciprocal_rank(found.text_to_image)) /
             2;
}

namespace {

std::string setting_text(const std::optional<PairedAxesSetting>& setting) {
  if (!setting) return "";
  return " of ridge " + std::to_string(setting->ridge) + ", mixture " +
         std::to_string(setting->mixture) + ", images " + std::to_string(setting->images);
}

}  // namespace

std::string MdsProblem::fingerprint() const {
  std::string text = std::string(to_string(options_.objective)) + " neural_mds " +
                     std::to_string(x_.cols()) + "-" + std::to_string(options_.hidden) + "-" +
                     std::to_string(options_.dim) + " from " + to_string(options_.start) +
                     setting_text(options_.paired_axes) + ", " + std::to_string(n_) + " pairs " +
                     data_;
  for (const Block& block : blocks_) {
    text += ", " + std::to_string(static_cast<int>(block.pairs)) + ":" +
            std::to_string(block.weight) + ":" + std::to_string(block.quads.count) + ":" +
            std::to_string(static_cast<int>(block.quads.draw));
  }
  return text + ", margin " + std::to_string(options_.margin) + ", near " +
         std::to_string(options_.near) + (options_.network_per_modality ? ", two networks" : "") +
         (options_.every_quadruple ? ", every quadruple" : "");
}

}  // namespace clipk
