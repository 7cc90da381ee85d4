#include "clipk/models/scalar_quantizer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "clipk/core/check_finite.hpp"
#include "clipk/io/archive.hpp"
#include "clipk/io/half.hpp"
#include "core/check.hpp"
#include "core/enum_names.hpp"
#include "core/host_rows.hpp"
#include "core/parallel.hpp"
#include "models/quantization/check_columns.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "scalar_quantizer";
constexpr const char* kKind = "scalar_quantizer model";
constexpr std::uint32_t kVersion = 1;  // of the archive

constexpr std::int64_t kGrainCols = 16;  // of a task of fit
constexpr std::int64_t kGrainRows = 256;
constexpr std::int64_t kMostErrorRows = 65536;  // behind the choice of a range

constexpr double kInt8Widening = 1.2;
// The factors of int4, in percent: counted in integers, so that each is exactly the nearest double.
constexpr int kMostPercent = 100, kLeastPercent = 30, kPercentStep = 5;

double last_level(ScalarCode code) {
  return code == ScalarCode::int8 ? 255 : 15;
}

struct Range {
  double offset = 0, step = 0;
};

// The nearest level; a value outside the range gets the first or the last one. The halves between
// two levels go up.
double level_of(double value, double offset, double per_step, double last) {
  const double place = std::clamp((value - offset) * per_step, 0.0, last);
  // NOLINTNEXTLINE(bugprone-incorrect-roundings): place is not negative, and lround is a call
  return static_cast<double>(static_cast<std::int32_t>(place + 0.5));
}

struct Column {
  double least, most, mean;
};

// @param columns [count] those from `first` on
void describe(MatrixView<const float> rows, std::int64_t first, std::int64_t count,
              Column* columns) {
  for (std::int64_t j = 0; j < count; ++j) {
    const auto value = static_cast<double>(rows(0, first + j));
    columns[j] = {value, value, 0};
  }
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    const float* row = rows.row(i) + first;
    for (std::int64_t j = 0; j < count; ++j) {
      const auto value = static_cast<double>(row[j]);
      columns[j].least = std::min(columns[j].least, value);
      columns[j].most = std::max(columns[j].most, value);
      columns[j].mean += value;
    }
  }
  // Rounding must not carry the mean of nearly equal values past them.
  for (std::int64_t j = 0; j < count; ++j) {
    Column& column = columns[j];
    column.mean =
        std::clamp(column.mean / static_cast<double>(rows.rows), column.least, column.most);
  }
}

Range widened(const Column& column, double factor, double last) {
  constexpr double kMost = std::numeric_limits<float>::max();  // of what decode can give back
  const double low = std::max(column.mean - factor * (column.mean - column.least), -kMost);
  const double high = std::min(column.mean + factor * (column.most - column.mean), kMost);
  return {low, (high - low) / last};
}

double squared_error(const std::vector<double>& values, const Range& range, double last) {
  const double per_step = 1 / range.step;
  double sum = 0;
  for (const double value : values) {
    const double apart =
        value - (range.offset + range.step * level_of(value, range.offset, per_step, last));
    sum += apart * apart;
  }
  return sum;
}

Range least_error(MatrixView<const float> rows, std::int64_t col, const Column& column,
                  double last) {
  const std::int64_t row_step = (rows.rows + kMostErrorRows - 1) / kMostErrorRows;
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>((rows.rows + row_step - 1) / row_step));
  for (std::int64_t i = 0; i < rows.rows; i += row_step) {
    values.push_back(static_cast<double>(rows(i, col)));
  }
  Range best;
  double least = std::numeric_limits<double>::infinity();
  for (int percent = kMostPercent; percent >= kLeastPercent; percent -= kPercentStep) {
    const Range range = widened(column, percent / 100.0, last);
    const double error = squared_error(values, range, last);
    if (error < least) {
      least = error;
      best = range;
    }
  }
  return best;
}

// Names the first value that float16 would round to infinity.
void check_half(MatrixView<const float> rows) {
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    for (std::int64_t j = 0; j < rows.cols; ++j) {
      if (std::fabs(rows(i, j)) < 65520.0F) continue;
      check::fail(kName, "values of at most 65504 (float16)",
                  std::to_string(rows(i, j)) + " in row " + std::to_string(i) + ", column " +
                      std::to_string(j));
    }
  }
}

void encode_half(const float* row, std::int64_t dim, std::uint8_t* code) {
  for (std::int64_t j = 0; j < dim; ++j) {
    const std::uint16_t half = double_to_half(static_cast<double>(row[j]));
    code[2 * j] = static_cast<std::uint8_t>(half & 0xFFu);
    code[2 * j + 1] = static_cast<std::uint8_t>(half >> 8);
  }
}

void decode_half(const std::uint8_t* code, std::int64_t dim, float* row) {
  for (std::int64_t j = 0; j < dim; ++j) {
    row[j] = half_to_float(static_cast<std::uint16_t>(code[2 * j] | code[2 * j + 1] << 8));
  }
}

// Two levels below 16 a byte, the first in the low half.
void pack_halves(const std::uint8_t* levels, std::int64_t dim, std::uint8_t* code) {
  for (std::int64_t j = 0; j < dim; j += 2) {
    const int high = j + 1 < dim ? levels[j + 1] : 0;
    code[j / 2] = static_cast<std::uint8_t>(levels[j] | high << 4);
  }
}

void unpack_halves(const std::uint8_t* code, std::int64_t dim, std::uint8_t* levels) {
  for (std::int64_t j = 0; j < dim; ++j) {
    levels[j] = static_cast<std::uint8_t>(code[j / 2] >> 4 * (j % 2) & 15);
  }
}

}  // namespace

const char* to_string(ScalarCode code) {
  switch (code) {
    case ScalarCode::float16:
      return "float16";
    case ScalarCode::int8:
      return "int8";
    case ScalarCode::int4:
      break;
  }
  return "int4";
}

ScalarCode scalar_code_named(std::string_view name) {
  return named("scalar code", name, {ScalarCode::float16, ScalarCode::int8, ScalarCode::int4});
}

ScalarQuantizer ScalarQuantizer::fit(Context& context, MatrixView<const float> rows,
                                     const ScalarQuantizerOptions& options) {
  if (rows.empty()) {
    check::fail(kName, "at least 1 row and 1 column", check::shape(rows.rows, rows.cols));
  }
  const HostRows<float> fetched(context, rows);
  const MatrixView<const float> host = fetched.view();
  check_finite(host, std::string(kName) + " rows");
  ScalarQuantizer result;
  result.code_ = options.code;
  result.dim_ = rows.cols;
  if (options.code == ScalarCode::float16) {
    check_half(host);
    return result;
  }
  const double last = last_level(options.code);
  std::vector<Column> columns(static_cast<std::size_t>(rows.cols));
  cpu::parallel_chunks(context.threads(), rows.cols, kGrainCols,
                       [&](std::int64_t first, std::int64_t count) {
                         describe(host, first, count, columns.data() + first);
                       });
  for (std::size_t j = 0; j < columns.size(); ++j) {
    if (columns[j].least < columns[j].most) continue;
    check::fail(kName, std::string("columns that vary (") + to_string(options.code) + ")",
                std::to_string(columns[j].least) + " in every row of column " + std::to_string(j));
  }
  result.offset_.resize(columns.size());
  result.step_.resize(columns.size());
  cpu::parallel_chunks(context.threads(), rows.cols, kGrainCols,
                       [&](std::int64_t first, std::int64_t count) {
                         for (std::int64_t j = first; j < first + count; ++j) {
                           const auto at = static_cast<std::size_t>(j);
                           const Range range = options.code == ScalarCode::int8
                                                   ? widened(columns[at], kInt8Widening, last)
                                                   : least_error(host, j, columns[at], last);
                           result.offset_[at] = range.offset;
                           result.step_[at] = range.step;
                         }
                       });
  return result;
}

std::int64_t ScalarQuantizer::bytes_per_vector() const {
  switch (code_) {
    case ScalarCode::float16:
      return 2 * dim_;
    case ScalarCode::int8:
      return dim_;
    case ScalarCode::int4:
      break;
  }
  return (dim_ + 1) / 2;
}

Matrix<std::uint8_t> ScalarQuantizer::encode(Context& context, MatrixView<const float> rows) const {
  check_columns(kName, "rows", rows.rows, dim_, rows.cols);
  Matrix<std::uint8_t> codes(rows.rows, bytes_per_vector());
  const HostRows<float> fetched(context, rows);
  const MatrixView<const float> host = fetched.view();
  check_finite(host, std::string(kName) + " rows");
  if (code_ == ScalarCode::float16) check_half(host);
  std::vector<double> per_step(step_.size());
  std::transform(step_.begin(), step_.end(), per_step.begin(),
                 [](double step) { return 1 / step; });
  const auto levels_of = [&](const float* row, std::uint8_t* levels) {
    const double last = last_level(code_);
    for (std::size_t j = 0; j < offset_.size(); ++j) {
      levels[j] = static_cast<std::uint8_t>(
          level_of(static_cast<double>(row[j]), offset_[j], per_step[j], last));
    }
  };
  cpu::parallel_chunks(context.threads(), rows.rows, kGrainRows,
                       [&](std::int64_t first, std::int64_t count) {
                         std::vector<std::uint8_t> levels(offset_.size());
                         for (std::int64_t i = first; i < first + count; ++i) {
                           std::uint8_t* code = codes.view().row(i);
                           if (code_ == ScalarCode::float16) {
                             encode_half(host.row(i), dim_, code);
                           } else if (code_ == ScalarCode::int8) {
                             levels_of(host.row(i), code);
                           } else {
                             levels_of(host.row(i), levels.data());
                             pack_halves(levels.data(), dim_, code);
                           }
                         }
                       });
  return context.device() == Device::cpu ? std::move(codes) : codes.to_device(context);
}

Matrix<float> ScalarQuantizer::decode(Context& context,
                                      MatrixView<const std::uint8_t> codes) const {
  check_columns(kName, "codes", codes.rows, bytes_per_vector(), codes.cols);
  Matrix<float> rows(codes.rows, dim_);
  const HostRows<std::uint8_t> fetched(context, codes);
  const auto values_of = [&](const std::uint8_t* levels, float* row) {
    for (std::size_t j = 0; j < offset_.size(); ++j) {
      row[j] = static_cast<float>(offset_[j] + step_[j] * levels[j]);
    }
  };
  cpu::parallel_chunks(context.threads(), codes.rows, kGrainRows,
                       [&](std::int64_t first, std::int64_t count) {
                         std::vector<std::uint8_t> levels(offset_.size());
                         for (std::int64_t i = first; i < first + count; ++i) {
                           const std::uint8_t* code = fetched.view().row(i);
                           float* row = rows.view().row(i);
                           if (code_ == ScalarCode::float16) {
                             decode_half(code, dim_, row);
                           } else if (code_ == ScalarCode::int8) {
                             values_of(code, row);
                           } else {
                             unpack_halves(code, dim_, levels.data());
                             values_of(levels.data(), row);
                           }
                         }
                       });
  return context.device() == Device::cpu ? std::move(rows) : rows.to_device(context);
}

void ScalarQuantizer::save(const std::filesystem::path& path) const {
  ArchiveWriter archive(kKind, kVersion);
  archive.add("code", to_string(code_));
  archive.add("dim", dim_);
  archive.add("offset", offset_);
  archive.add("step", step_);
  archive.write(path);
}

ScalarQuantizer ScalarQuantizer::load(const std::filesystem::path& path) {
  const ArchiveReader archive(path, kKind, kVersion);
  ScalarQuantizer result;
  result.code_ = archive.naming([&] { return scalar_code_named(archive.text("code")); });
  result.dim_ = archive.number<std::int64_t>("dim", 1, std::numeric_limits<std::int32_t>::max());
  const std::int64_t scales = result.code_ == ScalarCode::float16 ? 0 : result.dim_;
  result.offset_ = archive.vector<double>("offset", scales);
  result.step_ = archive.vector<double>("step", scales);
  constexpr double kMost = std::numeric_limits<double>::max();
  archive.expect_within("step", result.step_, std::numeric_limits<double>::min(), kMost);
  for (std::size_t j = 0; j < result.step_.size(); ++j) {
    const double first = result.offset_[j];
    const double last = first + result.step_[j] * last_level(result.code_);
    if (std::isfinite(static_cast<float>(first)) && std::isfinite(static_cast<float>(last))) {
      continue;
    }
    archive.fail(
        "levels that float32 holds",
        std::to_string(first) + " to " + std::to_string(last) + " in column " + std::to_string(j));
  }
  return result;
}

}  // namespace clipk
