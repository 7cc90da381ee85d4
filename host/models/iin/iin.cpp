#include "clipk/models/iin.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "clipk/core/check_finite.hpp"
#include "clipk/core/random.hpp"
#include "core/check.hpp"
#include "core/host_rows.hpp"
#include "core/math/math.hpp"
#include "models/autoencoder/scaled_rows.hpp"
#include "models/iin/iin_problem.hpp"
#include "models/iin/typical_range.hpp"
#include "train/check_training.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "iin";
constexpr const char* kKind = "iin model";
constexpr std::uint32_t kVersion = 1;
constexpr const char* kResidual = "residual";
constexpr std::size_t kFirstRows = 8192;  // for the start of ActNorm

void check_options(const IinOptions& o) {
  if (!(o.rho >= 0 && o.rho < 1)) {
    check::fail(kName, "rho from 0, below 1", std::to_string(o.rho));
  }
  if (!(o.noise >= 0 && std::isfinite(o.noise))) {
    check::fail(kName, "finite noise from 0", std::to_string(o.noise));
  }
  if (!(o.rho_warmup >= 0 && o.rho_warmup <= 1)) {
    check::fail(kName, "rho_warmup from 0 to 1", std::to_string(o.rho_warmup));
  }
  train::check_training(kName, o);
  train::check_batch(kName, o.batch);
  if (o.pairs_per_epoch < 0) {
    check::fail(kName, "at least 0 pairs per epoch", std::to_string(o.pairs_per_epoch));
  }
}

void check_rows(Context& context, MatrixView<const float> rows,
                MatrixView<const float> log_variance) {
  if (rows.cols < 2) {
    check::fail(kName, "rows of at least 2 columns", std::to_string(rows.cols));
  }
  check_finite(HostRows<float>(context, rows).view(), kName);
  if (log_variance.data == nullptr) return;
  if (log_variance.rows != rows.rows || log_variance.cols != rows.cols) {
    check::fail(kName, "log_variance of shape " + check::shape(rows.rows, rows.cols),
                check::shape(log_variance.rows, log_variance.cols));
  }
  check_finite(HostRows<float>(context, log_variance).view(), kName);
}

// Checks the sizes in the options.
std::vector<std::int64_t> checked_sizes(const std::vector<std::int64_t>& sizes,
                                        std::int64_t factors, std::int64_t dim) {
  if (static_cast<std::int64_t>(sizes.size()) != factors) {
    check::fail(kName, std::to_string(factors) + " sizes of blocks, one a factor",
                std::to_string(sizes.size()));
  }
  std::int64_t sum = 0;
  for (const std::int64_t size : sizes) {
    if (size < 1) check::fail(kName, "blocks of at least 1 column", std::to_string(size));
    sum += size;
  }
  if (sum > dim) {
    check::fail(
        kName, "blocks of at most " + std::to_string(dim) + " columns together (those of the rows)",
        std::to_string(sum));
  }
  return sizes;
}

// log(noise^2 mean variance), of every value.
Matrix<float> constant_variance(Context& context, MatrixView<const float> rows, double noise) {
  const HostRows<float> host(context, rows);
  double sum = 0;
  for (std::int64_t j = 0; j < rows.cols; ++j) {
    double mean = 0, squares = 0;
    for (std::int64_t i = 0; i < rows.rows; ++i) mean += host.view()(i, j);
    mean /= static_cast<double>(rows.rows);
    for (std::int64_t i = 0; i < rows.rows; ++i) {
      const double moved = host.view()(i, j) - mean;
      squares += moved * moved;
    }
    sum += squares / static_cast<double>(rows.rows);
  }
  const double variance = noise * noise * sum / static_cast<double>(rows.cols);
  Matrix<float> result(rows.rows, rows.cols);
  std::fill_n(result.data(), rows.rows * rows.cols,
              static_cast<float>(math::log(std::max(variance, 1e-30))));
  return result.to_device(context);
}

void initialize(Context& context, const IinRows& rows, Flow& flow) {
  const std::vector<std::int64_t> order =
      Random(context.seed(), RandomStream::iin_start).permutation(rows.means.rows);
  std::vector<std::int32_t> some(order.begin(), order.begin() + std::min(order.size(), kFirstRows));
  Matrix<float> first(context, static_cast<std::int64_t>(some.size()), rows.means.cols);
  rows.draw(context, some, 0, IinSite::start, first);
  flow.initialize(context, first);
}

TrainerOptions trainer_options(const IinOptions& options) {
  TrainerOptions trainer{options};
  trainer.batch = options.batch;
  trainer.adam = options.adam;
  trainer.clip_norm = options.clip_norm;
  trainer.checkpoint_every = options.checkpoint_every;
  return trainer;
}

}  // namespace

struct Iin::Impl {
  Flow flow;
  std::vector<IinBlock> blocks;
  FactorSizes estimated;
  std::vector<double> losses;
  TypicalRange range;

  void check_width(MatrixView<const float> rows) const {
    if (rows.cols != flow.dim()) {
      check::fail(kName, "rows of width " + std::to_string(flow.dim()), std::to_string(rows.cols));
    }
  }
  const IinBlock& block(std::int64_t index) const {
    if (index < 0 || index >= static_cast<std::int64_t>(blocks.size())) {
      check::fail(kName, "a block from 0 to " + std::to_string(blocks.size() - 1),
                  std::to_string(index));
    }
    return blocks[static_cast<std::size_t>(index)];
  }
  void check_pairs(MatrixView<const float> rows, MatrixView<const float> others) const {
    check_width(rows);
    if (others.rows != rows.rows || others.cols != rows.cols) {
      check::fail(kName, "others of shape " + check::shape(rows.rows, rows.cols),
                  check::shape(others.rows, others.cols));
    }
  }
  Matrix<float> codes(Context& context, MatrixView<const float> rows) const {
    check_width(rows);
    Matrix<float> result = Matrix<float>::copy_of(context, rows);
    flow.transform(context, result, result);
    return result;
  }
  Matrix<float> back(Context& context, Matrix<float> codes) const {
    flow.inverse(context, codes, codes);
    return codes;
  }
  std::vector<double> log_density(Context& context, MatrixView<const float> rows) const {
    check_width(rows);
    return flow.log_density(context, ScaledRows(context, rows));
  }
};

Iin::Iin(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Iin::Iin(Iin&&) noexcept = default;
Iin& Iin::operator=(Iin&&) noexcept = default;
Iin::~Iin() = default;

Iin Iin::fit(Context& context, MatrixView<const float> rows, MatrixView<const float> log_variance,
             const std::vector<Factor>& factors, const IinOptions& options) {
  check_options(options);
  check_rows(context, rows, log_variance);
  for (const Factor& factor : factors) {
    if (factor.name == kResidual) check::fail(kName, "factors of other names", kResidual);
  }
  const FactorPairs pairs(factors, rows.rows, options.pairs);
  const ScaledRows means(context, rows);
  Matrix<float> variance;
  if (!log_variance.empty()) {
    variance = Matrix<float>::copy_of(context, log_variance);
  } else if (options.noise > 0) {
    variance = constant_variance(context, rows, options.noise);
  }
  const IinRows input{means, std::as_const(variance).view()};

  FactorSizes estimated;
  std::vector<std::int64_t> sizes;
  if (options.sizes.empty() && !factors.empty()) {
    estimated = factor_sizes(context, rows, pairs, options.sizing);
    sizes.assign(estimated.sizes.begin(), estimated.sizes.end() - 1);
  } else {
    sizes = checked_sizes(options.sizes, pairs.factors(), rows.cols);
  }

  Flow flow(context, rows.cols, options.flow);
  initialize(context, input, flow);
  IinProblem problem(context, input, pairs, sizes, options, flow);
  std::vector<double> losses = Trainer(context, problem, trainer_options(options)).run().loss;

  std::vector<IinBlock> blocks;
  std::int64_t first = 0;
  for (std::size_t f = 0; f < sizes.size(); ++f) {
    blocks.push_back({factors[f].name, first, sizes[f], static_cast<double>(problem.rho()[f])});
    first += sizes[f];
  }
  blocks.push_back({kResidual, first, rows.cols - first, 0});

  auto impl = std::make_unique<Impl>(Impl{std::move(flow), std::move(blocks), std::move(estimated),
                                          std::move(losses), TypicalRange{}});
  impl->range = TypicalRange::of(impl->log_density(context, means),
                                 impl->codes(context, means).to_host(context));
  return Iin(std::move(impl));
}

std::int64_t Iin::dim() const {
  return impl_->flow.dim();
}
std::int64_t Iin::factors() const {
  return static_cast<std::int64_t>(impl_->blocks.size()) - 1;
}
const std::vector<IinBlock>& Iin::blocks() const {
  return impl_->blocks;
}
const FactorSizes& Iin::estimated_sizes() const {
  return impl_->estimated;
}
const std::vector<double>& Iin::losses() const {
  return impl_->losses;
}
const Flow& Iin::flow() const {
  return impl_->flow;
}

std::int64_t Iin::block_named(std::string_view name) const {
  std::string names;
  for (std::size_t b = 0; b < impl_->blocks.size(); ++b) {
    if (impl_->blocks[b].name == name) return static_cast<std::int64_t>(b);
    names += (b == 0 ? "" : ", ") + impl_->blocks[b].name;
  }
  check::fail(kName, "a block of " + names, "'" + std::string(name) + "'");
}

Matrix<float> Iin::transform(Context& context, MatrixView<const float> rows) const {
  return impl_->codes(context, rows);
}

Matrix<float> Iin::inverse(Context& context, MatrixView<const float> codes) const {
  impl_->check_width(codes);
  return impl_->back(context, Matrix<float>::copy_of(context, codes));
}

Matrix<float> Iin::swap(Context& context, MatrixView<const float> rows,
                        MatrixView<const float> others, std::int64_t block) const {
  impl_->check_pairs(rows, others);
  const IinBlock& place = impl_->block(block);
  Matrix<float> codes = impl_->codes(context, rows);
  const Matrix<float> from = impl_->codes(context, others);
  copy<float>(context, from.view().col_range(place.first, place.size),
              codes.view().col_range(place.first, place.size));
  return impl_->back(context, std::move(codes));
}

Matrix<float> Iin::set(Context& context, MatrixView<const float> rows, std::int64_t block,
                       std::int64_t component, float value) const {
  const IinBlock& place = impl_->block(block);
  if (component < 0 || component >= place.size) {
    check::fail(kName,
                "a component of " + place.name + " from 0, below " + std::to_string(place.size),
                std::to_string(component));
  }
  if (!std::isfinite(value)) check::fail(kName, "a finite value", std::to_string(value));
  Matrix<float> codes = impl_->codes(context, rows);
  Matrix<float> column(rows.rows, 1);
  std::fill_n(column.data(), rows.rows, value);
  copy<float>(context, column, codes.view().col_range(place.first + component, 1));
  return impl_->back(context, std::move(codes));
}

Matrix<float> Iin::interpolate(Context& context, MatrixView<const float> rows,
                               MatrixView<const float> others, std::int64_t block, float t) const {
  impl_->check_pairs(rows, others);
  const IinBlock& place = impl_->block(block);
  if (!std::isfinite(t)) check::fail(kName, "a finite t", std::to_string(t));
  Matrix<float> codes = impl_->codes(context, rows).to_host(context);
  const Matrix<float> towards = impl_->codes(context, others).to_host(context);
  for (std::int64_t i = 0; i < codes.rows(); ++i) {
    for (std::int64_t j = place.first; j < place.first + place.size; ++j) {
      codes(i, j) = (1 - t) * codes(i, j) + t * towards(i, j);
    }
  }
  return impl_->back(context, codes.to_device(context));
}

std::vector<double> Iin::log_density(Context& context, MatrixView<const float> rows) const {
  return impl_->log_density(context, rows);
}

IinTypicality Iin::typicality(Context& context, MatrixView<const float> rows) const {
  return impl_->range.typicality(impl_->log_density(context, rows),
                                 impl_->codes(context, rows).to_host(context));
}

void Iin::save(Context& context, const std::filesystem::path& path) const {
  ArchiveWriter archive(kKind, kVersion);
  std::vector<std::int64_t> sizes;
  std::vector<double> rho;
  for (std::size_t b = 0; b + 1 < impl_->blocks.size(); ++b) {
    archive.add("factor" + std::to_string(b), std::string_view(impl_->blocks[b].name));
    sizes.push_back(impl_->blocks[b].size);
    rho.push_back(impl_->blocks[b].rho);
  }
  archive.add("sizes", sizes);
  archive.add("rho", rho);
  archive.add("losses", impl_->losses);
  impl_->range.save(archive);
  impl_->flow.save(context, archive, "flow");
  archive.write(path);
}

Iin Iin::load(Context& context, const std::filesystem::path& path) {
  const ArchiveReader archive(path, kKind, kVersion);
  Flow flow = Flow::load(context, archive, "flow");
  if (!flow.initialized()) archive.fail("a flow that was trained", "one that was not");
  const auto sizes = archive.vector<std::int64_t>("sizes");
  const auto rho = archive.vector<double>("rho", static_cast<std::int64_t>(sizes.size()));
  archive.expect_within("rho", rho, 0, 1);
  TypicalRange range = TypicalRange::load(archive, flow.dim());
  std::vector<IinBlock> blocks;
  std::int64_t first = 0;
  for (std::size_t f = 0; f < sizes.size(); ++f) {
    if (sizes[f] < 1 || sizes[f] > flow.dim() - first) {
      archive.fail("blocks of " + std::to_string(flow.dim()) + " columns together",
                   std::to_string(sizes[f]) + " from column " + std::to_string(first));
    }
    const std::string name = archive.text("factor" + std::to_string(f));
    if (name == kResidual || std::any_of(blocks.begin(), blocks.end(), [&](const IinBlock& block) {
          return block.name == name;
        })) {
      archive.fail("each block's name once", "'" + name + "' twice");
    }
    blocks.push_back({name, first, sizes[f], rho[f]});
    first += sizes[f];
  }
  blocks.push_back({kResidual, first, flow.dim() - first, 0});
  return Iin(std::make_unique<Impl>(Impl{std::move(flow), std::move(blocks), FactorSizes{},
                                         archive.vector<double>("losses"), std::move(range)}));
}

}  // namespace clipk
