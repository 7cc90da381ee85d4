#include "linalg/row_combination.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "linalg/row_combination.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per target; must come before highway.h
#include <hwy/highway.h>

#include "core/parallel.hpp"
#include "core/row_lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void combine(const double* factors, MatrixView<const double> rows, double* out) {
  const hn::ScalableTag<double> d;
  constexpr std::int64_t kRows = 8;  // rows read at once, for one load and store of `out`
  std::int64_t r = 0;
  for (; r + kRows <= rows.rows; r += kRows) {
    const double* const from = rows.row(r);
    const double* const f = factors + r;
    for_row<double>(rows.cols, [&](auto place, std::int64_t j) HWY_ATTR {
      auto sum = place.load(out + j);
      for (std::int64_t i = 0; i < kRows; ++i) {
        sum = hn::MulAdd(hn::Set(d, f[i]), place.load(from + i * rows.stride + j), sum);
      }
      place.store(sum, out + j);
    });
  }
  for (; r < rows.rows; ++r) {
    const auto factor = hn::Set(d, factors[r]);
    for_row<double>(rows.cols, [&](auto place, std::int64_t j) HWY_ATTR {
      place.store(hn::MulAdd(factor, place.load(rows.row(r) + j), place.load(out + j)), out + j);
    });
  }
}

// Rotations of one QR step follow each other down the rows: the row that two of them share stays
// in registers.
template <int kVectors, class Place>
HWY_INLINE void rotate_columns(const Rotation* rotations, std::int64_t count, double* data,
                               std::int64_t stride, Place place) {
  const hn::ScalableTag<double> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  hn::Vec<decltype(d)> shared[kVectors];
  std::int64_t held = -1;  // the row that is in registers
  const auto each = [&](auto&& step) HWY_ATTR {
    for (int v = 0; v < kVectors; ++v) step(shared[v], v * lanes);
  };
  const auto put_back = [&]() HWY_ATTR {
    if (held < 0) return;
    each([&](auto& value, std::int64_t j)
             HWY_ATTR { place.store(value, data + held * stride + j); });
  };
  for (std::int64_t i = 0; i < count; ++i) {
    const Rotation& r = rotations[i];
    double* const upper = data + r.row * stride;
    if (r.row != held) {
      put_back();
      each([&](auto& value, std::int64_t j) HWY_ATTR { value = place.load(upper + j); });
    }
    const auto c = hn::Set(d, r.c), s = hn::Set(d, r.s);
    each([&](auto& value, std::int64_t j) HWY_ATTR {
      const auto lower = place.load(upper + stride + j);
      place.store(hn::MulAdd(s, lower, hn::Mul(c, value)), upper + j);
      value = hn::NegMulAdd(s, value, hn::Mul(c, lower));
    });
    held = r.row + 1;
  }
  put_back();
}

void rotate(const Rotation* rotations, std::int64_t count, MatrixView<double> matrix) {
  constexpr int kVectors = 4;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<double>()));
  std::int64_t j = 0;
  for (; j + kVectors * lanes <= matrix.cols; j += kVectors * lanes) {
    rotate_columns<kVectors>(rotations, count, matrix.data + j, matrix.stride,
                             WholeVector<double>());
  }
  for (; j + lanes <= matrix.cols; j += lanes) {
    rotate_columns<1>(rotations, count, matrix.data + j, matrix.stride, WholeVector<double>());
  }
  if (j < matrix.cols) {
    rotate_columns<1>(rotations, count, matrix.data + j, matrix.stride,
                      PartVector<double>{static_cast<std::size_t>(matrix.cols - j)});
  }
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(combine);
HWY_EXPORT(rotate);

namespace {

constexpr std::int64_t kColumns = 256;         // per task
constexpr std::int64_t kSerialWork = 1 << 18;  // least multiply-adds for a second thread
constexpr std::int64_t kRotatedColumns = 64;   // per task: their part of the matrix stays in L2

}  // namespace

void add_row_combination(int threads, const double* factors, MatrixView<const double> rows,
                         double* out) {
  if (rows.rows * rows.cols < kSerialWork) threads = 1;
  parallel_chunks(threads, rows.cols, kColumns, [&](std::int64_t first, std::int64_t count) {
    HWY_DYNAMIC_DISPATCH(combine)(factors, rows.col_range(first, count), out + first);
  });
}

void rotate_rows(int threads, const Rotation* rotations, std::int64_t count,
                 MatrixView<double> matrix) {
  if (count * matrix.cols < kSerialWork) threads = 1;
  parallel_chunks(threads, matrix.cols, kRotatedColumns,
                  [&](std::int64_t first, std::int64_t cols) {
                    HWY_DYNAMIC_DISPATCH(rotate)(rotations, count, matrix.col_range(first, cols));
                  });
}

}  // namespace clipk::cpu
#endif
