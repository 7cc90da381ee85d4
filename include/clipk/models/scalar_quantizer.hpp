#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// How a number is stored.
enum class ScalarCode : std::uint8_t {
  float16,  ///< IEEE 754 binary16: 2 bytes
  int8,     ///< one of 256 levels of its column: 1 byte
  int4,     ///< one of 16 levels of its column: half a byte
};

/// The name that files and options use.
const char* to_string(ScalarCode code);
/// The code of that name. @throws Error that lists the names.
ScalarCode scalar_code_named(std::string_view name);

/// What is stored.
struct ScalarQuantizerOptions {
  ScalarCode code = ScalarCode::int8;  ///< of every number
};

/// Scalar quantisation: every number of a row in fewer bits, each column on a scale of its own.
///
/// int8 and int4 store the nearest of 256 or 16 evenly spaced levels; the range of the levels is
/// learnt for each column from fitted rows, about their mean: mean + f (least - mean) to mean +
/// f (most - mean). int8 takes f = 1.2: it has levels to spare, and what costs most is a new row
/// beyond the range (on COCO-500 the squared error of rows held out falls by 30 % to 75 % from that
/// of f = 1). int4 takes for each column the f of .3, .35, ..., 1 with the least squared error over
/// the fitted rows (at most 65,536 of them, evenly spread): clipping rare values buys finer levels
/// for the others. Rows outside the range saturate: they get the first or the last level.
///
/// float16 learns nothing; it rounds to nearest, ties to even.
///
/// Arithmetic is float64 and runs on the host whatever the context's device (rows on a GPU are
/// copied). Deterministic: yes, whatever the number of threads.
class ScalarQuantizer {
 public:
  /// @param rows [n, d]
  /// @throws Error if there is no row or column, a value is not finite, for int8 and int4 if a
  ///   column has one value, or for float16 if a value rounds to more than 65,504.
  static ScalarQuantizer fit(Context& context, MatrixView<const float> rows,
                             const ScalarQuantizerOptions& options = {});

  std::int64_t dim() const { return dim_; }  ///< d, columns of a row
  ScalarCode code() const { return code_; }  ///< what is stored
  /// Bytes of a row: 2 d, d, or d / 2 rounded up.
  std::int64_t bytes_per_vector() const;
  /// [d]: what level 0 stands for; empty for float16. A row is offset + step * level, column by
  /// column.
  const std::vector<double>& offset() const { return offset_; }
  /// [d]: the distance between two levels; empty for float16.
  const std::vector<double>& step() const { return step_; }

  /// Codes of any rows, from the fit or new.
  /// float16: bytes 2 j and 2 j + 1 are column j, the low byte first. int8: byte j is its level;
  /// the level minus 128 as a signed byte is what int8_top_k takes. int4: columns 2 b and 2 b + 1
  /// are the low and the high half of byte b; behind an odd number of columns the half is 0.
  /// @param rows [m, d], on any device  @returns [m, bytes_per_vector()], on the context's
  /// @throws Error if a shape differs, a value is not finite, or as fit does for float16.
  Matrix<std::uint8_t> encode(Context& context, MatrixView<const float> rows) const;
  /// The rows that codes stand for.
  /// @param codes [m, bytes_per_vector()], on any device  @returns [m, d], on the context's
  /// @throws Error if a shape differs.
  Matrix<float> decode(Context& context, MatrixView<const std::uint8_t> codes) const;

  /// Writes the model as one archive of kind "scalar_quantizer model", atomically. @throws Error
  void save(const std::filesystem::path& path) const;
  /// @throws Error if the file is not a whole "scalar_quantizer model" archive.
  static ScalarQuantizer load(const std::filesystem::path& path);

 private:
  ScalarQuantizer() = default;

  ScalarCode code_ = ScalarCode::int8;
  std::int64_t dim_ = 0;
  std::vector<double> offset_, step_;  // [d] each
};

}  // namespace clipk
