#include "reduce/reduce.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <system_error>

#include "clipk/core/check_finite.hpp"
#include "clipk/core/error.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/io/array_file.hpp"
#include "clipk/io/clip_retrieval.hpp"
#include "clipk/io/embeddings.hpp"
#include "study/stop.hpp"
#include "study/usage_error.hpp"

namespace clipk::study {
namespace {

namespace fs = std::filesystem;

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

// An input that was replaced could not be read a second time.
void check_not_an_input(const ReduceOptions& options, Modality modality) {
  const auto check = [&](const char* option, const fs::path& file) {
    std::error_code error;
    if (fs::equivalent(file, options.out, error)) {
      throw UsageError(fmt::format("--out: expected another file than that of {}, got {}", option,
                                   options.out.string()));
    }
  };
  check("--model", options.model);
  if (!is_folder(options.in)) {
    check("--in", split_array_path(options.in).file);
    return;
  }
  for (const fs::path& part : clip_retrieval_files(options.in, modality)) check("--in", part);
}

Modality chosen_modality(const ReduceOptions& options, const SavedMap& map) {
  if (options.modality) return *options.modality;
  if (map.by_modality()) {
    throw Error(
        fmt::format("--modality: expected image or text, which {} maps in different ways, got none",
                    options.model.string()));
  }
  if (is_folder(options.in)) {
    throw Error(fmt::format("--modality: expected image or text, which are both in {}, got none",
                            options.in.string()));
  }
  return Modality::image;
}

std::int64_t chosen_dim(const ReduceOptions& options, const SavedMap& map) {
  if (options.dim == 0 || options.dim == map.dim()) return map.dim();
  if (!map.has_prefixes()) {
    throw Error(fmt::format("--dim: expected {}, the only dimension of {}, a {}, got {}", map.dim(),
                            options.model.string(), map.kind(), options.dim));
  }
  if (options.dim > map.dim()) {
    throw Error(fmt::format("--dim: expected at most {}, the dimensions that {} has, got {}",
                            map.dim(), options.model.string(), options.dim));
  }
  return options.dim;
}

}  // namespace

std::int64_t block_rows(std::int64_t from, std::int64_t to) {
  constexpr std::int64_t kValues = 1 << 23;  // 32 MiB
  return std::clamp<std::int64_t>(kValues / std::max(from, to), 1, 1 << 16);
}

void reduce_rows(Context& context, const SavedMap& map, Modality modality, bool normalize,
                 RowReader& in, NpyRowWriter& out, std::int64_t block) {
  const StopsByItself stops;  // so that a signal leaves no temporary file
  Matrix<float> rows(std::min(block, in.rows()), in.cols());
  for (;;) {
    if (stop_signal() != 0) throw Stopped(stop_signal());
    const std::int64_t first = in.position();
    const std::int64_t count = in.read(rows);
    if (count == 0) return;
    const MatrixView<float> some = rows.view().row_range(0, count);
    check_finite(some, in.name(), first);
    if (normalize) normalize_embeddings(some, in.name(), first);
    const Matrix<float> codes = map.transform(context, some, modality, out.cols());
    check_finite(codes.view(), "codes of " + in.name(), first);  // huge rows, not normalized
    out.write(codes);
  }
}

Reduced reduce(Context& context, const ReduceOptions& options) {
  const SavedMap map = SavedMap::load(context, options.model);
  const Modality modality = chosen_modality(options, map);
  const std::int64_t dim = chosen_dim(options, map);
  RowReader in(options.in, modality);
  if (in.cols() != map.input_dim()) {
    throw Error(fmt::format("{}: expected rows of {} values, which {} maps, got {}", in.name(),
                            map.input_dim(), options.model.string(), in.cols()));
  }
  check_not_an_input(options, modality);
  NpyRowWriter out(options.out, in.rows(), dim, {.dtype = options.dtype});
  reduce_rows(context, map, modality, options.normalize, in, out, block_rows(in.cols(), dim));
  const auto whole = no_stop();
  out.finish();
  nothing_left_to_stop();
  return {in.rows(), in.cols(), dim};
}

}  // namespace clipk::study
