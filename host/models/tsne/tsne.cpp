#include "clipk/models/tsne.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "clipk/core/check_finite.hpp"
#include "clipk/core/random.hpp"
#include "clipk/io/archive.hpp"
#include "clipk/models/pca.hpp"
#include "clipk/ops/tsne_attraction.hpp"
#include "clipk/ops/tsne_update.hpp"
#include "core/check.hpp"
#include "core/math/math.hpp"
#include "models/rows_digest.hpp"
#include "models/tsne/tsne_affinities.hpp"
#include "train/checkpoint_file.hpp"
#include "train/progress_clock.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "tsne";
constexpr const char* kModelKind = "tsne model";
constexpr const char* kCheckpointKind = "tsne checkpoint";
constexpr std::uint32_t kVersion = 1;
constexpr std::int64_t kReportInterval = 50;
constexpr std::int64_t kExactKlRows = 100'000;  // exact repulsion takes some seconds on two cores
constexpr double kStartDeviation = 1e-4;

template <class T>
std::string text_of(T value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

template <class T>
void require(bool holds, const char* expected, T got) {
  if (!holds) check::fail(kName, expected, text_of(got));
}

void check_options(const TsneOptions& o, std::int64_t n) {
  require(o.perplexity >= 1, "a perplexity of at least 1", o.perplexity);
  if (!(static_cast<double>(n - 1) >= 3 * o.perplexity)) {
    check::fail(kName,
                "at least " + text_of(std::ceil(3 * o.perplexity) + 1) +
                    " rows for a perplexity of " + text_of(o.perplexity),
                std::to_string(n));
  }
  require(o.iterations >= 0, "iterations of at least 0", o.iterations);
  require(o.exaggeration_iterations >= 0, "exaggeration_iterations of at least 0",
          o.exaggeration_iterations);
  require(o.exaggeration > 0, "an exaggeration above 0", o.exaggeration);
  require(o.rate >= 0, "a rate of at least 0", o.rate);
  require(o.max_step >= 0, "a max_step of at least 0", o.max_step);
  for (const float momentum : {o.early_momentum, o.momentum}) {
    require(momentum >= 0 && momentum < 1, "a momentum from 0 to below 1", momentum);
  }
  require(o.checkpoint_interval >= 1, "a checkpoint_interval of at least 1", o.checkpoint_interval);
}

bool all_equal(MatrixView<const float> rows) {
  for (std::int64_t i = 1; i < rows.rows; ++i) {
    if (!std::equal(rows.row(0), rows.row(0) + rows.cols, rows.row(i))) return false;
  }
  return true;
}

// Two principal components and noise. A component that the rows do not span is noise alone, of the
// same size.
Matrix<float> start_of(Context& context, MatrixView<const float> rows) {
  Matrix<float> start(rows.rows, 2);
  std::int64_t spanned = 0;
  if (!all_equal(rows)) {
    spanned = std::min<std::int64_t>(2, rows.cols);
    const Pca pca = Pca::fit(context, rows, {.components = spanned});
    const Matrix<float> codes =
        pca.transform(context, rows, Modality::image, spanned).to_host(context);
    const double scale = kStartDeviation / std::sqrt(pca.explained_variance()[0]);
    if (spanned == 2 && !(pca.explained_variance()[1] > 1e-12 * pca.explained_variance()[0])) {
      spanned = 1;
    }
    for (std::int64_t i = 0; i < rows.rows; ++i) {
      for (std::int64_t c = 0; c < spanned; ++c) {
        start(i, c) = static_cast<float>(scale * codes(i, c));
      }
    }
  }
  Random random(context.seed(), RandomStream::map_start);
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    for (std::int64_t c = 0; c < 2; ++c) {
      const double deviation = c < spanned ? 0.01 * kStartDeviation : kStartDeviation;
      start(i, c) += static_cast<float>(deviation * random.normal());
    }
  }
  return start;
}

Matrix<float> ones(std::int64_t rows) {
  Matrix<float> result(rows, 2);
  std::fill_n(result.data(), 2 * rows, 1.0F);
  return result;
}

template <class T>
Matrix<T> on_device(Context& context, const std::vector<T>& values) {
  return Matrix<T>::copy_of(
      context, MatrixView<const T>(values.data(), 1, static_cast<std::int64_t>(values.size())));
}

// The moving points and the state of the descent, on the context's device.
struct Descent {
  Descent(Context& context, const tsne::Affinities& p, const Matrix<float>& start,
          std::int64_t normalizers)
      : starts(on_device(context, p.starts)),
        columns(on_device(context, p.columns)),
        values(on_device(context, p.values)),
        y(start.to_device(context)),
        velocity(context, start.rows(), 2),
        gains(ones(start.rows()).to_device(context)),
        attraction(context, start.rows(), 2),
        repulsion(context, start.rows(), 2),
        z(context, 1, normalizers),
        loss(context, 1, 1) {}

  TsneAffinities p() const { return {starts.flat(), columns.flat(), values.flat()}; }

  Matrix<std::int64_t> starts;
  Matrix<std::int32_t> columns;
  Matrix<float> values;
  Matrix<float> y, velocity, gains, attraction, repulsion;
  Matrix<double> z, loss;
};

std::string fingerprint(Context& context, const TsneOptions& o, float rate,
                        MatrixView<const float> rows) {
  std::ostringstream text;
  text.precision(9);
  text << "rows " << check::shape(rows.rows, rows.cols) << ' '
       << rows_digest(context, rows).substr(0, 16) << ", seed " << context.seed() << ", perplexity "
       << o.perplexity << ", exaggeration " << o.exaggeration << " for "
       << o.exaggeration_iterations << ", momentum " << o.early_momentum << ' ' << o.momentum
       << ", rate " << rate << ", longest step " << o.max_step << ", " << to_string(o.method);
  return text.str();
}

// The parts of a descent that a checkpoint keeps, by name.
constexpr std::pair<const char*, Matrix<float> Descent::*> kParts[] = {
    {"map", &Descent::y}, {"velocity", &Descent::velocity}, {"gains", &Descent::gains}};

void save_checkpoint(Context& context, const train::CheckpointFile& file, const std::string& print,
                     const Descent& descent, std::int64_t iteration) {
  file.write(print, [&](ArchiveWriter& archive) {
    archive.add("iteration", iteration);
    for (const auto& [name, part] : kParts) train::add_array(context, archive, name, descent.*part);
  });
}

// The iteration to resume from; 0 if there is no checkpoint.
std::int64_t load_checkpoint(Context& context, const train::CheckpointFile& file,
                             const std::string& print, std::int64_t iterations, Descent& descent) {
  const std::optional<ArchiveReader> archive = file.read(print);
  if (!archive) return 0;
  const auto iteration = archive->number<std::int64_t>("iteration", 0, iterations);
  for (const auto& [name, part] : kParts) {
    train::read_array(context, *archive, name, descent.*part);
  }
  return iteration;
}

double read_number(Context& context, const Matrix<double>& number) {
  return number.to_host(context)(0, 0);
}

}  // namespace

Tsne Tsne::fit(Context& context, MatrixView<const float> rows, const TsneOptions& options) {
  train::ProgressClock clock;
  const std::int64_t n = rows.rows;
  check_options(options, n);
  require(rows.cols >= 1, "rows of at least 1 column", rows.cols);
  Tsne model;
  model.perplexity_ = options.perplexity;
  model.rows_ = Matrix<float>(n, rows.cols);
  copy<float>(context, rows, model.rows_.view());
  const MatrixView<const float> host = std::as_const(model.rows_).view();
  check_finite(host, "tsne rows");

  const std::int64_t k = std::min(n - 1, static_cast<std::int64_t>(3 * options.perplexity) + 1);
  tsne::Affinities p;
  {
    const Matrix<float> data = Matrix<float>::copy_of(context, rows);
    const tsne::Neighbors neighbors = tsne::find_neighbors(context, data, data, true, k);
    p = tsne::joint_affinities(
        context.threads(),
        tsne::conditional_affinities(context.threads(), neighbors, options.perplexity));
  }
  const double mass = p.mass();
  const double p_log_p = p.sum_p_log_p(context.threads());
  const float rate = options.rate > 0
                         ? options.rate
                         : std::max(200.0F, static_cast<float>(n) / options.exaggeration);

  Descent descent(context, p, start_of(context, host), 1);
  const train::CheckpointFile file(options.checkpoint, kCheckpointKind);
  const std::string print = file.wanted() ? fingerprint(context, options, rate, host) : "";
  const std::int64_t first = load_checkpoint(context, file, print, options.iterations, descent);
  const auto kl = [&] {
    return p_log_p + read_number(context, descent.loss) +
           mass * math::log(read_number(context, descent.z));
  };
  clock.start_steps();
  for (std::int64_t iteration = first; iteration < options.iterations; ++iteration) {
    const bool early = iteration < options.exaggeration_iterations;
    const bool report = options.progress != nullptr && (iteration + 1) % kReportInterval == 0;
    tsne_attraction(context, descent.p(), descent.y, descent.y, descent.attraction,
                    report ? descent.loss.flat() : VectorView<double>());
    tsne_repulsion(context, descent.y, options.method, descent.repulsion, descent.z.flat());
    const double loss = report ? kl() : 0;
    tsne_update(context,
                {.rate = rate,
                 .momentum = early ? options.early_momentum : options.momentum,
                 .exaggeration = early ? options.exaggeration : 1,
                 .max_step = options.max_step},
                descent.attraction, descent.repulsion, std::as_const(descent.z).flat(), descent.y,
                descent.velocity, descent.gains);
    const std::int64_t done = iteration + 1;
    clock.count_step();
    const bool saved =
        file.wanted() && (done % options.checkpoint_interval == 0 || done == options.iterations);
    if (saved) save_checkpoint(context, file, print, descent, done);
    if (!report) continue;
    try {
      options.progress({.epoch = done,
                        .epochs = options.iterations,
                        .step = done,
                        .steps = options.iterations,
                        .loss = loss,
                        .rate = rate,
                        .seconds = clock.seconds(),
                        .seconds_left = clock.seconds_left(options.iterations - done),
                        .epoch_end = true});
    } catch (...) {  // the progress callback ends the fit: the state is kept
      if (!saved && file.wanted()) {
        save_checkpoint(context, file, print, descent, done);
      }
      throw;
    }
  }

  tsne_attraction(context, descent.p(), descent.y, descent.y, descent.attraction,
                  descent.loss.flat());
  model.kl_exact_ = options.method == TsneMethod::exact || n <= kExactKlRows;
  tsne_repulsion(context, descent.y, model.kl_exact_ ? TsneMethod::exact : TsneMethod::fft,
                 descent.repulsion, descent.z.flat());
  model.kl_ = kl();
  model.map_ = descent.y.to_host(context);
  check_finite(model.map(), "tsne map");
  model.iterations_ = options.iterations;
  model.seconds_ = clock.seconds();
  if (options.progress) {
    options.progress({.epoch = options.iterations,
                      .epochs = options.iterations,
                      .step = options.iterations,
                      .steps = options.iterations,
                      .loss = model.kl_,
                      .rate = rate,
                      .seconds = model.seconds_,
                      .seconds_left = 0,
                      .epoch_end = true,
                      .done = true});
  }
  return model;
}

Matrix<float> Tsne::transform(Context& context, MatrixView<const float> rows,
                              const TsneTransformOptions& o) const {
  const std::int64_t n = rows_.rows(), m = rows.rows;
  if (rows.cols != rows_.cols()) {
    check::fail(kName, "rows of shape " + check::shape(m, rows_.cols()),
                check::shape(m, rows.cols));
  }
  require(o.perplexity >= 1, "a perplexity of at least 1", o.perplexity);
  const std::int64_t k = static_cast<std::int64_t>(3 * o.perplexity) + 1;
  if (!(static_cast<double>(n) >= 3 * o.perplexity)) {
    check::fail(
        kName,
        "a perplexity of new rows of at most a third of the " + std::to_string(n) + " fitted rows",
        text_of(o.perplexity));
  }
  require(o.neighbors >= 1, "at least 1 neighbour to start from", o.neighbors);
  require(o.iterations >= 0, "iterations of at least 0", o.iterations);
  if (m == 0) return Matrix<float>(0, 2);
  {
    Matrix<float> host(m, rows.cols);
    copy<float>(context, rows, host.view());
    check_finite(std::as_const(host).view(), "tsne new rows");
  }
  const std::int64_t started = std::min(o.neighbors, n);
  tsne::Neighbors neighbors;
  {
    const Matrix<float> data = rows_.to_device(context);
    const Matrix<float> queries = Matrix<float>::copy_of(context, rows);
    neighbors =
        tsne::find_neighbors(context, queries, data, false, std::max(std::min(k, n), started));
  }
  Matrix<float> start(m, 2);
  std::vector<float> places(static_cast<std::size_t>(started));
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t c = 0; c < 2; ++c) {
      for (std::int64_t j = 0; j < started; ++j) {
        places[static_cast<std::size_t>(j)] = map_(neighbors.indices(i, j), c);
      }
      const auto middle = places.begin() + (started - 1) / 2;
      std::nth_element(places.begin(), middle, places.end());
      start(i, c) = *middle;
    }
  }
  const tsne::Affinities p =
      tsne::conditional_affinities(context.threads(), neighbors, o.perplexity);
  Descent descent(context, p, start, m);
  const Matrix<float> map = map_.to_device(context);
  for (std::int64_t iteration = 0; iteration < o.iterations; ++iteration) {
    tsne_attraction(context, descent.p(), descent.y, map, descent.attraction, {});
    tsne_repulsion(context, descent.y, map, TsneMethod::automatic, descent.repulsion,
                   descent.z.flat());
    tsne_update(context,
                {.rate = o.rate,
                 .momentum = o.momentum,
                 .exaggeration = o.exaggeration,
                 .max_step = o.max_step,
                 .recentre = false},
                descent.attraction, descent.repulsion, std::as_const(descent.z).flat(), descent.y,
                descent.velocity, descent.gains);
  }
  return descent.y.to_host(context);
}

void Tsne::save(const std::filesystem::path& path) const {
  ArchiveWriter archive(kModelKind, kVersion);
  archive.add("rows", rows_);
  archive.add("map", map_);
  archive.add("perplexity", perplexity_);
  archive.add("kl", kl_);
  archive.add("kl_exact", std::int64_t{kl_exact_});
  archive.add("iterations", iterations_);
  archive.add("seconds", seconds_);
  archive.write(path);
}

Tsne Tsne::load(const std::filesystem::path& path) {
  const ArchiveReader archive(path, kModelKind, kVersion);
  Tsne model;
  model.rows_ = archive.matrix<float>("rows");
  const std::int64_t n = model.rows_.rows();
  if (model.rows_.empty()) {
    archive.fail("rows of at least 1 column", check::shape(n, model.rows_.cols()));
  }
  archive.expect_matrix<float>("map", n, 2);
  model.map_ = archive.matrix<float>("map");
  model.perplexity_ = archive.number<double>("perplexity", 1, static_cast<double>(n));
  model.kl_ = archive.number<double>("kl");
  model.kl_exact_ = archive.number<std::int64_t>("kl_exact", 0, 1) != 0;
  model.iterations_ = archive.count("iterations");
  model.seconds_ = archive.number<double>("seconds", 0, std::numeric_limits<double>::max());
  return model;
}

}  // namespace clipk
