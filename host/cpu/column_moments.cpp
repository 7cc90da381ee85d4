#include "cpu/column_moments.hpp"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/column_moments.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include "core/parallel.hpp"
#include "core/virtual_lanes-inl.hpp"
#include "shared/column_moments.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// sums[0 ... d) of x - x's first row, sums[d ... 2 d) of its square. The first value of a column is
// near the others, or is an outlier that the variance consists of: at worst the digits of a factor
// of x.rows are lost.
void part_sums(const MatrixView<const float>& x, double* sums) {
  double* const squares = sums + x.cols;
  std::fill(sums, squares + x.cols, 0.0);
  for (std::int64_t i = 1; i < x.rows; ++i) {
    for_lanes<double>(x.cols, [&](auto at, std::int64_t j, int) HWY_ATTR {
      const auto moved = hn::Sub(at.load(x.row(i) + j), at.load(x.row(0) + j));
      at.store(hn::Add(at.load(sums + j), moved), sums + j);
      at.store(hn::MulAdd(moved, moved, at.load(squares + j)), squares + j);
    });
  }
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(part_sums);

namespace {

constexpr std::int64_t kPartRows = 1024;

}  // namespace

std::int64_t column_moment_parts(std::int64_t rows) {
  return (rows + kPartRows - 1) / kPartRows;
}

void column_moments(int threads, MatrixView<const float> x, MatrixView<double> parts,
                    VectorView<double> mean, VectorView<double> variance) {
  parallel_chunks(threads, x.rows, kPartRows, [&](std::int64_t first, std::int64_t count) {
    HWY_DYNAMIC_DISPATCH(part_sums)(x.row_range(first, count), parts.row(first / kPartRows));
  });
  // Parts are joined in their order: the same bytes for any number of threads.
  for (std::int64_t j = 0; j < x.cols; ++j) {
    ColumnPart all;
    for (std::int64_t p = 0; p < parts.rows; ++p) {
      const std::int64_t first = p * kPartRows;
      const auto rows = static_cast<double>(std::min(kPartRows, x.rows - first));
      all = joined(all, column_part(rows, x(first, j), parts(p, j), parts(p, x.cols + j)));
    }
    mean[j] = all.mean;
    if (!variance.empty()) variance[j] = variance_of(all);
  }
}

}  // namespace clipk::cpu
#endif
