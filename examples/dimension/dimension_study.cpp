#include "dimension/dimension_study.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "clipk/core/equal_rows.hpp"
#include "clipk/core/error.hpp"
#include "clipk/core/random.hpp"
#include "dimension/results.hpp"
#include "study/fit_progress.hpp"
#include "study/fit_store.hpp"
#include "study/pair_checks.hpp"
#include "study/pairs.hpp"
#include "study/pictures/gnuplot.hpp"

namespace clipk::study {
namespace {

constexpr std::int64_t kQuadsPerPair = 1600;  // the deck's 8,000,000 for 5000 pairs
constexpr std::int64_t kFewestPairs = 3;      // two distances, so that there is an order of them

// Pairs of an equal image, or of an equal text that is no prompt of many, stay on one side. An
// image has all its texts beside it. Sides are large enough by their images that have any.
std::vector<Split> make_splits(const EmbeddingPairs& pairs, const std::vector<std::int64_t>& equal,
                               const DimensionSettings& settings, std::uint64_t seed) {
  std::vector<Split> splits;
  if (settings.holdout == 0) return splits;
  const std::int64_t n = pairs.size();
  std::vector<bool> asks(static_cast<std::size_t>(n));
  std::set<std::int64_t> all;
  for (const std::int64_t i : pair_queries(n, pairs.image_of_text).images) {
    asks[static_cast<std::size_t>(i)] = true;
    all.insert(equal[static_cast<std::size_t>(i)]);
  }
  const auto wanted =
      static_cast<std::int64_t>(std::llround(settings.holdout * static_cast<double>(n)));
  for (int s = 0; s < settings.splits; ++s) {
    auto order =
        Random(seed, RandomStream::dimension_splits, static_cast<std::uint32_t>(s)).permutation(n);
    const std::int64_t held = set_groups_aside(order, wanted, equal);
    const auto groups_of = [&](std::int64_t first, std::int64_t end) {
      std::set<std::int64_t> groups;
      for (std::int64_t i = first; i < end; ++i) {
        const auto row = static_cast<std::size_t>(order[static_cast<std::size_t>(i)]);
        if (asks[row]) groups.insert(equal[row]);
      }
      return static_cast<std::int64_t>(groups.size());
    };
    const std::int64_t fewest = std::min(groups_of(0, held), groups_of(held, n));
    if (fewest < kFewestPairs) {
      throw Error(
          fmt::format("--holdout {:g}: expected at least {} pairs{} on each side, got {} "
                      "of {}",
                      settings.holdout, kFewestPairs, group_count(equal) < n ? " that differ" : "",
                      fewest, all.size()));
    }
    std::sort(order.begin(), order.begin() + held);
    std::sort(order.begin() + held, order.end());
    splits.push_back({{order.begin() + held, order.end()}, {order.begin(), order.begin() + held}});
  }
  return splits;
}

// Dimensions of the data's own, where it has none of the default: half as many again and again.
std::vector<int> halved_dims(std::int64_t full) {
  std::vector<int> dims;
  for (std::int64_t dim = std::max<std::int64_t>(full / 2, 1); dim >= 1 && dims.size() < 3;
       dim /= 2) {
    dims.push_back(static_cast<int>(dim));
  }
  return dims;
}

bool is_in(const std::vector<std::string>& all, const char* one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

// Fitted rows span at most so many dimensions, less one for the mean of each modality.
void note_narrow_span(Run& run, const EmbeddingPairs& pairs, const DimensionSettings& settings) {
  const std::int64_t n = pairs.size();
  const auto held =
      static_cast<std::int64_t>(std::llround(settings.holdout * static_cast<double>(n)));
  const std::int64_t fitted = n - held;
  const std::int64_t span = fitted - 1 + (pairs.texts.rows() * fitted / n - 1);
  const int most = *std::max_element(settings.dims.begin(), settings.dims.end());
  if (most <= span || most > pairs.dim()) return;
  run.print(fmt::format(
      "Note: {} fitted pairs span at most {} dimensions, fewer than --dims {}: beyond these the "
      "codes of paired axes are 0",
      fitted, span, most));
}

// What the options ask of the data. Defaults adapt to it, and say so.
void check_data(Run& run, const EmbeddingPairs& pairs, DimensionArguments& arguments) {
  DimensionSettings& settings = arguments.settings;
  const std::int64_t asking = sizes_of(pairs).image_queries;
  if (asking < kFewestPairs) {
    throw Error(fmt::format("expected at least {} {} to compare distances, got {}", kFewestPairs,
                            pairs.image_of_text.empty() ? "pairs" : "images that have a text",
                            asking));
  }
  if (is_in(settings.methods, "paired")) note_narrow_span(run, pairs, settings);
  const auto too_many = [&](int dim) { return dim > pairs.dim(); };
  const auto first = std::find_if(settings.dims.begin(), settings.dims.end(), too_many);
  if (first == settings.dims.end()) return;
  if (!arguments.dims_chosen) {
    std::erase_if(settings.dims, too_many);
    if (settings.dims.empty()) {
      settings.dims = halved_dims(pairs.dim());
      run.print(fmt::format("Note: --dims {}: the embeddings have {} columns",
                            fmt::join(settings.dims, ","), pairs.dim()));
    }
    return;
  }
  throw Error(fmt::format("--dims: expected at most {}, the width of the embeddings, got {}",
                          pairs.dim(), *first));
}

// Of a method without a network; empty for others.
std::string map_file(const std::string& method, int dim) {
  if (method == "pca") return "map_pca.clipk";
  return method == "paired" ? fmt::format("map_paired_{}.clipk", dim) : "";
}

void check_places(const Run& run, const DimensionSettings& settings) {
  std::vector<std::string> files{"quality.png"};
  if (settings.bytes) files.emplace_back("bytes.png");
  for (const std::string& method : settings.methods) {
    for (const int dim : settings.dims) {
      if (const std::string map = map_file(method, dim); !map.empty()) files.push_back(map);
      for (const char* modality : {"images", "texts"}) {
        files.push_back(fmt::format("{}_{}_{}.npy", modality, method, dim));
      }
    }
  }
  run.check_places(files);
}

// None where the default holds out more than there is.
std::vector<Split> possible_splits(Run& run, const EmbeddingPairs& pairs,
                                   const std::vector<std::int64_t>& equal,
                                   const DimensionArguments& arguments) {
  try {
    return make_splits(pairs, equal, arguments.settings, run.options().seed);
  } catch (const Error& error) {
    if (arguments.holdout_chosen) throw;
    run.print(fmt::format("Note: nothing is held out, so only the fitted pairs are measured; {}",
                          error.what()));
    return {};
  }
}

// Fits everything that the study needs, or finds it in the checkpoint.
class DimensionStudy {
 public:
  DimensionStudy(Run& run, const EmbeddingPairs& pairs, const DimensionSettings& settings,
                 std::vector<Split> splits, const std::string& fingerprint)
      : run_(run),
        pairs_(pairs),
        settings_(settings),
        splits_(std::move(splits)),
        store_("dimension_study checkpoint", 3, run.options().checkpoint, fingerprint),
        fits_(settings.methods.size() * settings.dims.size() * (1 + splits_.size())) {
    check_store();
  }

  DimensionFindings run() {
    const Result original = baseline();
    std::vector<Result> results;
    for (const std::string& method : settings_.methods) {
      for (const int dim : settings_.dims) {
        Result& result = results.emplace_back();
        result.method = method;
        result.dim = dim;
      }
    }
    fit_all(results);
    for (std::size_t s = 0; s < splits_.size(); ++s) fit_split(s, results);
    for (const Result& result : results) {
      if (!result.failed) add_codes(result);
    }
    return dimension_findings(run_.context(), original, results, splits_, settings_.margin,
                              run_.options().seed, pairs_.size(), pairs_.image_of_text);
  }

 private:
  static std::string key_of(const std::string& method, int dim, const std::string& split) {
    return fmt::format("{}/{}/{}", method, dim, split);
  }
  // That what the checkpoint has is of these pairs.
  void check_store() const {
    const auto check = [&](const std::string& key, const OutcomeSizes& sizes) {
      store_.check(key, [&](const Outcome& outcome) { check_fit(outcome, sizes); });
    };
    for (const std::string& method : settings_.methods) {
      for (const int dim : settings_.dims) {
        check(key_of(method, dim, "all"), {.train = sizes_of(pairs_), .dim = dim});
        for (std::size_t s = 0; s < splits_.size(); ++s) {
          check(key_of(method, dim, std::to_string(s)),
                {.train = sizes_of(pairs_, splits_[s].train),
                 .held = sizes_of(pairs_, splits_[s].held),
                 .dim = dim});
        }
      }
    }
  }

  Result baseline() {
    Result result;
    result.method = "none";
    result.dim = static_cast<int>(pairs_.dim());
    result.all = measure_baseline(run_.context(), pairs_);
    for (const Split& split : splits_) {
      result.train.push_back(measure_baseline(run_.context(), select_pairs(pairs_, split.train)));
      result.held.push_back(measure_baseline(run_.context(), select_pairs(pairs_, split.held)));
    }
    return result;
  }

  void fit_all(std::vector<Result>& results) {
    Fitter fitter(run_.context(), pairs_, settings_, /*generalize=*/false);
    for (Result& result : results) {
      const Outcome* fitted = fit(fitter, result, "all", nullptr);
      if (fitted == nullptr) continue;
      const Outcome& outcome = *fitted;
      result.all = outcome.train;
      result.all_seconds = outcome.seconds;
      result.all_epochs = outcome.epochs;
      for (const StoredOutcome& stored : outcome.stored) {
        result.stored.push_back({.method = result.method,
                                 .dim = result.dim,
                                 .storage = stored.storage,
                                 .bytes = stored.bytes,
                                 .all = stored.train});
      }
      add_map(fitter, result);
    }
  }

  // Maps for clipk-reduce; a PCA serves all its dimensions.
  // Files are written at the end of the run, when the fitter is gone.
  void add_map(Fitter& fitter, const Result& result) {
    const auto add = [&](auto map) {
      run_.add_model(map_file(result.method, result.dim),
                     [map](const std::filesystem::path& path) { map->save(path); });
    };
    if (result.method == "paired") add(fitter.paired_axes(result.dim));
    if (result.method == "pca" && result.dim == settings_.dims.front()) add(fitter.pca());
  }

  void add_codes(const Result& result) {
    const Outcome& outcome = *store_.find(key_of(result.method, result.dim, "all"));
    for (const char* modality : {"images", "texts"}) {
      const Matrix<float>& codes = modality[0] == 'i' ? outcome.images : outcome.texts;
      run_.add_npy(fmt::format("{}_{}_{}.npy", modality, result.method, result.dim),
                   Matrix<float>::copy_of(host_, codes));
    }
  }

  void fit_split(std::size_t s, std::vector<Result>& results) {
    const EmbeddingPairs train = select_pairs(pairs_, splits_[s].train);
    const EmbeddingPairs held = select_pairs(pairs_, splits_[s].held);
    Fitter fitter(run_.context(), train, settings_, /*generalize=*/true);
    for (Result& result : results) {
      if (result.failed) continue;
      const Outcome* outcome = fit(fitter, result, std::to_string(s), &held, &train);
      if (outcome == nullptr) continue;
      result.train.push_back(outcome->train);
      result.held.push_back(*outcome->held);
      result.split_seconds += outcome->seconds;
      result.split_epochs += outcome->epochs;
      add_held(*outcome, result);
    }
  }

  // A storage that a split does not allow is measured on none.
  static void add_held(const Outcome& outcome, Result& result) {
    std::erase_if(result.stored, [&](Result& stored) {
      const auto found =
          std::find_if(outcome.stored.begin(), outcome.stored.end(),
                       [&](const StoredOutcome& other) { return other.storage == stored.storage; });
      if (found == outcome.stored.end()) return true;
      stored.train.push_back(found->train);
      stored.held.push_back(*found->held);
      return false;
    });
  }

  // Null where it failed: then the method and dimension as a whole are left out.
  const Outcome* fit(Fitter& fitter, Result& result, const std::string& split,
                     const EmbeddingPairs* held, const EmbeddingPairs* train = nullptr) {
    const std::string key = key_of(result.method, result.dim, split);
    ++fit_;
    if (const Outcome* known = store_.find(key)) return known;
    const std::string label = fmt::format(
        "{}/{} {} {} {}", fit_, fits_, result.method, result.dim,
        held == nullptr ? "all pairs" : "split " + std::to_string(std::stoi(split) + 1));
    const auto start = std::chrono::steady_clock::now();
    std::vector<const EmbeddingPairs*> sets{train == nullptr ? &pairs_ : train};
    if (held != nullptr) sets.push_back(held);

    Outcome outcome;
    const bool fitted = run_.attempt(label, [&] {
      std::vector<Codes> codes =
          fitter.codes(result.method, result.dim, sets, store_.part_file(key), fit_progress(label),
                       outcome.epochs);
      outcome.seconds =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      outcome.train = measure(run_.context(), *sets[0], codes[0]);
      if (held != nullptr) outcome.held = measure(run_.context(), *held, codes[1]);
      if (settings_.bytes && result.method != "random") {
        outcome.stored = measure_stored(run_.context(), sets, codes);
      }
      if (held == nullptr) {
        outcome.images = std::move(codes[0].images);
        outcome.texts = std::move(codes[0].texts);
      }
    });
    if (!fitted) {
      result.failed = true;
      return nullptr;
    }
    note_done(label, outcome.seconds);
    return &store_.add(key, std::move(outcome));
  }

  Run& run_;
  Context host_ = Context::cpu();
  const EmbeddingPairs& pairs_;
  const DimensionSettings& settings_;
  std::vector<Split> splits_;
  FitStore<Outcome> store_;
  std::size_t fits_;
  std::size_t fit_ = 0;
};

}  // namespace

DimensionFindings run_dimension_study(Run& run, const EmbeddingPairs& pairs, const EqualRows& equal,
                                      DimensionArguments arguments) {
  DimensionSettings& settings = arguments.settings;
  check_data(run, pairs, arguments);
  check_charts();
  check_places(run, settings);
  settings.epochs =
      run.options().quick ? std::min<std::int64_t>(arguments.epochs, 20) : arguments.epochs;
  settings.draw = arguments.quads_from == "query" ? QuadDraw::query : QuadDraw::all;
  settings.pairs = sizes_of(pairs).text_queries;
  settings.quads = arguments.quads == 0 ? kQuadsPerPair * settings.pairs : arguments.quads;
  run.print(fmt::format("{} of {} dimensions on {}",
                        pair_count_words(pairs.size(), pairs.texts.rows(), pairs.image_of_text),
                        pairs.dim(), to_string(run.context().device())));
  // A fit depends on none of these.
  const std::string fingerprint = run.fingerprint({"dims", "methods", "splits", "margin"});
  DimensionStudy study(run, pairs, settings, possible_splits(run, pairs, equal.pairs, arguments),
                       fingerprint);
  DimensionFindings found = study.run();
  found.repeated =
      repeated_pairs(pairs.images, pairs.texts, equal, /*paired=*/true, pairs.image_of_text);
  if (!pairs.image_of_text.empty())
    run.result("pairs_index") = json_of_index(pairs.size(), pairs.image_of_text);
  print_results(run, found);
  write_results(run, found);
  return found;
}

}  // namespace clipk::study
