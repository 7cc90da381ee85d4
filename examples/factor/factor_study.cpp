#include "factor/factor_study.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <memory>
#include <utility>

#include "clipk/core/equal_rows.hpp"
#include "clipk/core/error.hpp"
#include "clipk/core/random.hpp"
#include "clipk/core/select_rows.hpp"
#include "clipk/io/archive.hpp"
#include "clipk/models/factor_pairs.hpp"
#include "factor/results.hpp"
#include "study/fingerprint.hpp"
#include "study/fit_progress.hpp"
#include "study/pictures/gnuplot.hpp"
#include "study/usage_error.hpp"

namespace clipk::study {
namespace {

constexpr std::int64_t kFewRows = 5000;
constexpr double kStageSteps = 2800, kIinSteps = 2800;  // for as many epochs as make these
constexpr std::int64_t kMostIinEpochs = 40;             // of fewer rows each is seen too often
constexpr std::int64_t kBlocks = 6, kWidth = 128;
constexpr double kRho = .99;
// Of a few hundred vectors without a spread a large flow learns each by heart.
constexpr std::int64_t kVectorBlocks = 2, kVectorWidth = 32;
constexpr double kVectorSteps = 400, kVectorRho = .9, kVectorNoise = .3;
constexpr std::int64_t kQuickShare = 4;
constexpr std::int64_t kCheckpoints = 20;
constexpr std::int64_t kJudgeRows = 10'000;  // real ones, and as many decoded ones

// What depends on the data.
void settle(FactorArguments& arguments, const Options& options, const FactorData& data) {
  StageSettings& stage = arguments.stage;
  const std::int64_t n = data.rows.rows();
  if (stage.kind.empty()) stage.kind = data.vectors ? "pca" : "vae";
  if (stage.latent == 0) {
    // Of few rows few columns, but enough for every factor.
    stage.latent = std::min(std::int64_t{stage.kind == "pca" ? 16 : 12}, n / 4);
    stage.latent =
        std::max({stage.latent, std::int64_t{2}, static_cast<std::int64_t>(data.factors.size())});
    stage.latent = std::min(stage.latent, data.rows.cols());
    if (stage.latent < 2) {
      throw Error("expected rows of at least 2 values, got 1");
    }
  }
  if (stage.latent < 2) {
    throw UsageError(fmt::format("--latent: expected at least 2 columns, got {}", stage.latent));
  }
  if (stage.latent > data.rows.cols()) {
    throw Error(fmt::format("--latent: expected at most the {} values of a row, got {}",
                            data.rows.cols(), stage.latent));
  }
  if (static_cast<std::int64_t>(data.factors.size()) > stage.latent) {
    throw Error(fmt::format("--latent {}: expected a column for each of the {} factors, got fewer",
                            stage.latent, data.factors.size()));
  }
  for (const Factor& factor : data.factors) {
    if (factor.name == "residual" || factor.name == "chance") {
      throw Error(fmt::format("expected another name for the factor {}, which the results use",
                              factor.name));
    }
  }
  for (const auto& [option, value] :
       {std::pair{"--rho", arguments.iin.rho}, std::pair{"--noise", arguments.iin.noise},
        std::pair{"--holdout", arguments.holdout}}) {
    if (value < 0 && value != -1) {
      throw UsageError(fmt::format("{}: expected a number from 0, or -1, got {:g}", option, value));
    }
  }
  if (!arguments.iin.sizes.empty()) {
    if (arguments.iin.sizes.size() != data.factors.size()) {
      throw UsageError(fmt::format("--block-sizes: expected {} sizes, one per factor, got {}",
                                   data.factors.size(), arguments.iin.sizes.size()));
    }
    std::int64_t sum = 0;
    for (const std::int64_t size : arguments.iin.sizes) sum += size;
    if (sum > stage.latent) {
      throw UsageError(
          fmt::format("--block-sizes: expected at most --latent {} columns together, got {}",
                      stage.latent, sum));
    }
  }
  IinOptions& iin = arguments.iin;
  if (iin.flow.blocks == 0) iin.flow.blocks = data.vectors ? kVectorBlocks : kBlocks;
  if (iin.flow.width == 0) iin.flow.width = data.vectors ? kVectorWidth : kWidth;
  if (iin.rho < 0) iin.rho = data.vectors ? kVectorRho : kRho;
  if (iin.noise < 0) iin.noise = data.vectors ? kVectorNoise : 0;
  if (data.vectors && iin.sizes.empty() && arguments.sizing.empty()) {
    // So few rows tell too little of the sizes; k classes lie in k - 1 dimensions.
    const auto share = stage.latent / (static_cast<std::int64_t>(data.factors.size()) + 1);
    for (const Factor& factor : data.factors) {
      const auto classes = static_cast<std::int64_t>(factor.class_names.size());
      const std::int64_t size = factor.categorical() ? classes - 1 : factor.values.cols();
      iin.sizes.push_back(std::clamp<std::int64_t>(size, 1, std::max<std::int64_t>(share, 1)));
    }
  }
  if (arguments.holdout < 0) {
    arguments.holdout = n < kFewRows ? .2 : .1;
    arguments.holdout = std::max(arguments.holdout, 1 / static_cast<double>(n));  // one row
  }
  arguments.iin.flow.scale = coupling_scale_named(arguments.scale);
  if (!arguments.sizing.empty()) iin.sizing.rule = size_rule_named(arguments.sizing);
  const auto epochs = [&](double steps, std::int64_t batch) {
    const double found = steps * static_cast<double>(batch) / static_cast<double>(n);
    return std::max<std::int64_t>(std::llround(found), 1);
  };
  if (stage.epochs == 0) stage.epochs = epochs(kStageSteps, VaeOptions{}.batch);
  iin.epochs = arguments.iin_epochs;
  if (iin.epochs == 0) {
    const std::int64_t batch = std::min(iin.batch, n);
    iin.epochs = data.vectors ? epochs(kVectorSteps, batch)
                              : std::min(epochs(kIinSteps, batch), kMostIinEpochs);
  }
  if (options.quick) stage.epochs = std::max<std::int64_t>(stage.epochs / kQuickShare, 1);
  arguments.iin.checkpoint_every = std::max<std::int64_t>(arguments.iin.epochs / kCheckpoints, 1);
}

// Rows for training and held-out ones, at random; equal rows stay on one side, and of a class at
// least two in the training.
struct Split {
  std::vector<std::int64_t> train, held_out;
};

Split split_rows(const FactorData& data, double share, std::uint64_t seed) {
  const std::int64_t n = data.rows.rows();
  const auto wanted = static_cast<std::size_t>(std::llround(share * static_cast<double>(n)));
  std::vector<std::vector<std::int64_t>> left;  // members of each class in the training
  for (const Factor& factor : data.factors) {
    std::vector<std::int64_t>& members = left.emplace_back(factor.class_names.size());
    for (const std::int32_t c : factor.classes) {
      if (c >= 0) ++members[static_cast<std::size_t>(c)];
    }
  }
  const std::vector<std::int64_t> equal =
      data.vectors ? equal_row_groups(data.rows) : same_row_groups(data.rows);
  std::vector<std::vector<std::int64_t>> members(static_cast<std::size_t>(group_count(equal)));
  for (std::int64_t i = 0; i < n; ++i) {
    members[static_cast<std::size_t>(equal[static_cast<std::size_t>(i)])].push_back(i);
  }
  // How many of the rows have each class of a factor, by class.
  const auto counts = [&](std::size_t f, const std::vector<std::int64_t>& rows) {
    std::map<std::size_t, std::int64_t> of_class;
    for (const std::int64_t row : rows) {
      const std::int32_t c = data.factors[f].classes[static_cast<std::size_t>(row)];
      if (c >= 0) ++of_class[static_cast<std::size_t>(c)];
    }
    return of_class;
  };
  Split split;
  for (const std::int64_t row : Random(seed, RandomStream::factor_split).permutation(n)) {
    std::vector<std::int64_t>& group =
        members[static_cast<std::size_t>(equal[static_cast<std::size_t>(row)])];
    bool spare = split.held_out.size() + group.size() <= wanted;
    for (std::size_t f = 0; spare && f < left.size(); ++f) {
      if (!data.factors[f].categorical()) continue;
      for (const auto& [c, count] : counts(f, group)) spare = spare && left[f][c] - count >= 2;
    }
    for (std::size_t f = 0; spare && f < left.size(); ++f) {
      if (!data.factors[f].categorical()) continue;
      for (const auto& [c, count] : counts(f, group)) left[f][c] -= count;
    }
    std::vector<std::int64_t>& side = spare ? split.held_out : split.train;
    side.insert(side.end(), group.begin(), group.end());
    group.clear();  // dealt
  }
  std::sort(split.train.begin(), split.train.end());
  return split;
}

std::vector<Factor> factors_of(const std::vector<Factor>& factors,
                               const std::vector<std::int64_t>& rows) {
  std::vector<Factor> result;
  result.reserve(factors.size());
  for (const Factor& factor : factors) result.push_back(select_rows(factor, rows));
  return result;
}

class FactorStudy {
  template <class Work>
  auto timed(const std::string& label, const Work& work) {
    const auto started = std::chrono::steady_clock::now();
    auto result = work();
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    note(fmt::format("{}: {:.1f} s", label, seconds));
    return result;
  }

 public:
  FactorStudy(Run& run, const FactorData& data, FactorArguments arguments)
      : run_(run), data_(data), arguments_(std::move(arguments)) {
    open_checkpoint();
  }

  FactorFindings run() {
    const auto started = std::chrono::steady_clock::now();
    Context& context = run_.context();
    const Split split = split_rows(data_, arguments_.holdout, run_.options().seed);
    if (split.held_out.empty()) {
      throw Error(fmt::format("--holdout {:g}: expected at least 1 row held out, got 0 of {}",
                              arguments_.holdout, data_.rows.rows()));
    }
    if (static_cast<std::int64_t>(split.train.size()) <= arguments_.stage.latent) {
      throw Error(fmt::format("expected more than {} rows to train on, as many as --latent, got {}",
                              arguments_.stage.latent, split.train.size()));
    }
    for (const Factor& factor : data_.factors) {  // before the work, not after it
      const auto known = [&](const std::vector<std::int64_t>& some) {
        return std::count_if(some.begin(), some.end(),
                             [&](std::int64_t row) { return factor.known(row); });
      };
      if (known(split.train) > 1 && known(split.held_out) > 0) continue;
      throw Error(
          fmt::format("{}: expected known rows to train on and to hold out, got {} and {} "
                      "(another --seed or --holdout)",
                      factor.name, known(split.train), known(split.held_out)));
    }
    const Matrix<float> rows = select_rows(data_.rows, split.train);
    const std::vector<Factor> factors = factors_of(data_.factors, split.train);

    StageSettings settings = arguments_.stage;
    settings.checkpoint = part("stage");
    settings.progress = fit_progress("1/4 first stage");
    // Shared with what writes them at the end.
    const auto first_stage = timed("1/4 first stage (" + settings.kind + ")", [&] {
      return std::make_shared<const FirstStage>(FirstStage::fit(context, rows, settings));
    });
    const FirstStage& stage = *first_stage;
    const Matrix<float> codes = stage.encode(context, rows);

    check_diagnosable(context, stage.sample(context, rows, 0));
    IinOptions options = arguments_.iin;
    options.checkpoint = part("iin");
    options.progress = fit_progress("2/4 interpretation");
    const auto interpretation = timed("2/4 interpretation", [&] {
      return std::make_shared<const Iin>(
          Iin::fit(context, codes, stage.log_variance(context, rows), factors, options));
    });
    const Iin& iin = *interpretation;

    FactorModels found;
    found.data = &data_;
    found.stage = &stage;
    found.iin = &iin;
    found.train = split.train;
    found.held_out = split.held_out;
    found.held_out_factors = factors_of(data_.factors, split.held_out);
    found.codes = stage.encode(context, data_.rows).to_host(context);
    found.held_out_codes = select_rows(found.codes, split.held_out);
    const Matrix<float> held_out_rows = select_rows(data_.rows, split.held_out);
    timed("3/4 diagnostics", [&] {
      // As the flow was trained: on draws of the codes where they have a spread.
      found.diagnostics = flow_diagnostics(context, iin.flow(), stage.sample(context, rows, 0),
                                           stage.sample(context, held_out_rows, 1));
      found.leakage =
          leakage(context, iin, codes, factors, found.held_out_codes, found.held_out_factors);
      return 0;
    });
    timed("4/4 edits", [&] {
      const Probe judge = fit_judge(stage, rows, factors);
      found.judge_scores = judge.scores(context, held_out_rows, found.held_out_factors);
      found.edits = measure_edits(context, iin, stage, judge, found.held_out_codes,
                                  found.held_out_factors, arguments_.edits, run_.options().seed);
      return 0;
    });
    found.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    FactorFindings findings = factor_findings(context, found);
    write_results(run_, found, findings);
    save(first_stage, interpretation, found, findings);
    return findings;
  }

 private:
  // What reads decoded pictures. It has seen real rows and decoded ones, so that the decoder's
  // blur does not mislead it, but no edit.
  Probe fit_judge(const FirstStage& stage, MatrixView<const float> rows,
                  const std::vector<Factor>& factors) {
    Context& context = run_.context();
    const std::int64_t n = std::min(rows.rows, kJudgeRows);
    const MatrixView<const float> real = rows.row_range(0, n);
    const Matrix<float> decoded = stage.decode(context, stage.encode(context, real));
    Matrix<float> both(2 * n, rows.cols);
    std::vector<std::int64_t> from;
    for (std::int64_t i = 0; i < 2 * n; ++i) {
      const float* row = i < n ? real.row(i) : decoded.view().row(i - n);
      std::copy_n(row, rows.cols, both.view().row(i));
      from.push_back(i % n);
    }
    return Probe::fit(context, both, factors_of(factors, from),
                      {.hidden = {256, 128}, .epochs = run_.options().quick ? 10 : 20});
  }

  void save(const std::shared_ptr<const FirstStage>& stage, const std::shared_ptr<const Iin>& iin,
            const FactorModels& found, const FactorFindings& findings) {
    Context& context = run_.context();
    run_.add_npy("codes.npy", Matrix<float>::copy_of(host_, found.codes));
    run_.add_npy("interpreted.npy", Matrix<float>::copy_of(host_, findings.interpreted));
    std::vector<std::int32_t> held_out(found.held_out.begin(), found.held_out.end());
    run_.add_npy("held_out.npy", held_out);
    run_.add_model("first_stage.clipk",
                   [&context, stage](const auto& path) { stage->save(context, path); });
    run_.add_model("iin.clipk", [&context, iin](const auto& path) { iin->save(context, path); });
  }

  // The checkpoint is a file that says what it is of, and one more beside it for each training.
  void open_checkpoint() {
    const std::filesystem::path& file = run_.options().checkpoint;
    if (file.empty()) return;
    const std::string fingerprint = run_.fingerprint();
    if (std::filesystem::exists(file)) {
      const ArchiveReader archive(file, "factor_study checkpoint", 2);
      const std::string got = archive.text("fingerprint");
      if (got != fingerprint) {
        archive.fail("a checkpoint of this run", "one of " + difference(got, fingerprint));
      }
      return;
    }
    ArchiveWriter archive("factor_study checkpoint", 2);
    archive.add("fingerprint", fingerprint);
    archive.write(file);
  }
  std::filesystem::path part(const std::string& name) const {
    std::filesystem::path path = run_.options().checkpoint;
    return path.empty() ? path : path += "." + name;
  }

  Run& run_;
  const FactorData& data_;
  FactorArguments arguments_;
  Context host_ = Context::cpu();
};

}  // namespace

FactorArguments::FactorArguments() {
  stage.kind = "";  // by the data
  stage.sigma = .1;
  iin.flow = {.blocks = 0, .width = 0, .depth = 2};
  iin.rho = -1;
  iin.noise = -1;
  iin.rate = 3e-3;
}

FactorFindings run_factor_study(Run& run, const FactorData& data, FactorArguments arguments) {
  settle(arguments, run.options(), data);
  // Refuses what cannot be paired.
  [[maybe_unused]] const FactorPairs pairs(data.factors, data.rows.rows());
  check_charts();
  run.check_places({"codes.npy", "interpreted.npy", "held_out.npy", "first_stage.clipk",
                    "iin.clipk", "edits.png", "swaps.png", "leakage.png", "training.png"});
  return FactorStudy(run, data, std::move(arguments)).run();
}

}  // namespace clipk::study
