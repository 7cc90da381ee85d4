#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "clipk/core/context.hpp"
#include "clipk/core/modality.hpp"
#include "clipk/io/npy.hpp"
#include "clipk/io/row_stream.hpp"
#include "reduce/saved_map.hpp"

namespace clipk::study {

/// The options of clipk-reduce.
struct ReduceOptions {
  std::filesystem::path model, in, out;
  std::optional<Modality> modality = {};
  std::int64_t dim = 0;          ///< columns of a code to keep; 0 for all
  DType dtype = DType::float32;  ///< of the output: float32 or float16
  bool normalize = true;         ///< whether rows are divided by their length first
};

/// What a run did.
struct Reduced {
  std::int64_t rows = 0;
  std::int64_t from = 0;  ///< columns of a row
  std::int64_t to = 0;    ///< columns of a code
};

/// How many rows are mapped at a time: by the widths alone, so that results and memory do not
/// depend on the number of rows.
std::int64_t block_rows(std::int64_t from, std::int64_t to);

/// Maps all rows, a block at a time; the output's finish() is left to the caller.
/// @param normalize whether each row is divided by its length first, as the studies do
/// @throws Error that names the input and the row if a row is not finite or, with `normalize`, has
/// length 0; Stopped between two blocks after a signal.
void reduce_rows(Context& context, const SavedMap& map, Modality modality, bool normalize,
                 RowReader& in, NpyRowWriter& out, std::int64_t block);

/// Applies a saved map to a file. The output appears whole or not at all.
/// @throws Error, UsageError, Stopped
Reduced reduce(Context& context, const ReduceOptions& options);

}  // namespace clipk::study
