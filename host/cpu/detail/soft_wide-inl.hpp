// Soft assignments with dimensions as lanes, for many of them or many centres; compiled once a
// target.
#if defined(CLIPK_CPU_SOFT_WIDE_INL_HPP_) == defined(HWY_TARGET_TOGGLE)
#ifdef CLIPK_CPU_SOFT_WIDE_INL_HPP_
#undef CLIPK_CPU_SOFT_WIDE_INL_HPP_
#else
#define CLIPK_CPU_SOFT_WIDE_INL_HPP_
#endif

#include <hwy/highway.h>

#include <algorithm>

#include "core/virtual_lanes-inl.hpp"
#include "cpu/detail/soft_assignment_task.hpp"
#include "cpu/detail/soft_rows-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::int64_t kTile = 4;  // points and centres that are taken together
// Points of a tile whose sums stay in registers.
constexpr std::int64_t kTilePoints = HWY_TARGET <= HWY_AVX3 ? 4 : 2;

// d2 or dot products of up to kTilePoints points and kTile centres; places past the last one
// repeat it. A vector of the block of dimensions at a time, which needs fewer registers.
template <bool kDot, class D, class T>
void wide_tile(D d, MatrixView<const T> points, std::int64_t i, MatrixView<const T> centres,
               std::int64_t j, T* HWY_RESTRICT value) {
  const T* z[kTilePoints];
  const T* m[kTile];
  for (std::int64_t r = 0; r < kTilePoints; ++r) {
    z[r] = points.row(std::min(i + r, points.rows - 1));
  }
  for (std::int64_t s = 0; s < kTile; ++s) {
    m[s] = centres.row(std::min(j + s, centres.rows - 1));
  }
  LaneSum<T> sums[kTilePoints][kTile];
  for (int v = 0; v < kBlockVectors<T>; ++v) {
    hn::Vec<D> sum[kTilePoints][kTile];
    for (auto& row : sum) {
      for (auto& s : row) s = hn::Zero(d);
    }
    for (std::int64_t t = v * kVectorLanes<T>; t < points.cols; t += kBlockLanes<T>) {
      const LastPlace<T> place{points.cols - t};
      hn::Vec<D> centre[kTile];
      for (std::int64_t s = 0; s < kTile; ++s) centre[s] = place.load(m[s] + t);
      for (std::int64_t r = 0; r < kTilePoints; ++r) {
        const auto point = place.load(z[r] + t);
        for (std::int64_t s = 0; s < kTile; ++s) {
          if constexpr (kDot) {
            sum[r][s] = hn::MulAdd(point, centre[s], sum[r][s]);
          } else {
            const auto difference = hn::Sub(point, centre[s]);
            sum[r][s] = hn::MulAdd(difference, difference, sum[r][s]);
          }
        }
      }
    }
    for (std::int64_t r = 0; r < kTilePoints; ++r) {
      for (std::int64_t s = 0; s < kTile; ++s) sums[r][s].vector[v] = sum[r][s];
    }
  }
  for (std::int64_t r = 0; r < kTilePoints && i + r < points.rows; ++r) {
    for (std::int64_t s = 0; s < kTile && j + s < centres.rows; ++s) {
      value[(j + s) * kWideRows + i + r] = sums[r][s].total();
    }
  }
}

// Adds sum over j of c_ij (z_i - m_j), or of c_ij m_j, to the gradients of points i ... i + 3, by
// blocks of centres that keep their place in the cache.
template <bool kDot, class D, class T>
void wide_point_gradients(D d, MatrixView<const T> points, std::int64_t i,
                          MatrixView<const T> centres, const T* HWY_RESTRICT c,
                          MatrixView<T> grad) {
  constexpr std::int64_t kBlock = 16;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const std::int64_t rows = std::min(kTile, points.rows - i);
  for (std::int64_t first = 0; first < centres.rows; first += kBlock) {
    const std::int64_t end = std::min(first + kBlock, centres.rows);
    for (std::int64_t t = 0; t < points.cols; t += lanes) {
      const std::int64_t count = points.cols - t;
      hn::Vec<D> z[kTile], sum[kTile];
      for (std::int64_t r = 0; r < kTile; ++r) {
        const std::int64_t row = i + std::min(r, rows - 1);
        z[r] = load_some<T>(points.row(row) + t, count);
        sum[r] = hn::Zero(d);
      }
      for (std::int64_t j = first; j < end; ++j) {
        const auto m = load_some<T>(centres.row(j) + t, count);
        for (std::int64_t r = 0; r < kTile; ++r) {
          const auto factor = hn::Set(d, c[j * kWideRows + i + r]);
          sum[r] = hn::MulAdd(factor, kDot ? m : hn::Sub(z[r], m), sum[r]);
        }
      }
      for (std::int64_t r = 0; r < rows; ++r) {
        T* const to = grad.row(i + r) + t;
        store_some<T>(hn::Add(load_some<T>(to, count), sum[r]), to, count);
      }
    }
  }
}

// Adds the gradients of centres j ... j + 3 over all points of the block to doubles [k, d].
template <bool kDot, class D, class T>
void wide_centre_gradients(D d, MatrixView<const T> points, MatrixView<const T> centres,
                           std::int64_t j, const T* HWY_RESTRICT c, double* HWY_RESTRICT grad) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const std::int64_t rows = std::min(kTile, centres.rows - j);
  HWY_ALIGN T total[hn::MaxLanes(d)];
  for (std::int64_t t = 0; t < points.cols; t += lanes) {
    const std::int64_t count = points.cols - t;
    hn::Vec<D> m[kTile], sum[kTile];
    const T* factors[kTile];
    for (std::int64_t s = 0; s < kTile; ++s) {
      const std::int64_t row = j + std::min(s, rows - 1);
      m[s] = load_some<T>(centres.row(row) + t, count);
      sum[s] = hn::Zero(d);
      factors[s] = c + row * kWideRows;
    }
    for (std::int64_t i = 0; i < points.rows; ++i) {
      const auto z = load_some<T>(points.row(i) + t, count);
      for (std::int64_t s = 0; s < kTile; ++s) {
        const auto factor = hn::Set(d, factors[s][i]);
        sum[s] =
            kDot ? hn::MulAdd(factor, z, sum[s]) : hn::NegMulAdd(factor, hn::Sub(z, m[s]), sum[s]);
      }
    }
    for (std::int64_t s = 0; s < rows; ++s) {
      hn::Store(sum[s], d, total);
      double* const to = grad + (j + s) * points.cols + t;
      for (std::int64_t lane = 0; lane < std::min(lanes, count); ++lane) {
        to[lane] += static_cast<double>(total[lane]);
      }
    }
  }
}

template <bool kDot, class T>
void wide_task(SoftTask<T>& task) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const std::int64_t k = task.centres.rows;
  T* const value = task.work;
  T* const q = value + k * kWideRows;
  T* const p = q + k * kWideRows;
  std::fill(value, value + k * kWideRows, T{0});  // what no point owns is computed with
  for (std::int64_t first = 0; first < task.points.rows; first += kWideRows) {
    const std::int64_t rows = std::min(kWideRows, task.points.rows - first);
    const MatrixView<const T> points = task.points.row_range(first, rows);
    for (std::int64_t j = 0; j < k; j += kTile) {
      for (std::int64_t i = 0; i < rows; i += kTilePoints) {
        wide_tile<kDot>(d, points, i, task.centres, j, value);
      }
    }
    for (std::int64_t block = 0; block < rows; block += kBlockLanes<T>) {
      LaneSum<T> loss;
      for (int v = 0; v < kBlockVectors<T>; ++v) {
        const std::int64_t i = block + v * lanes, row = first + i;
        const std::int64_t count = std::min(lanes, rows - i);
        if (count <= 0) break;
        const auto valid = hn::FirstN(d, static_cast<std::size_t>(count));
        shares(d, task.options, k, kWideRows, value + i, q + i);
        if (task.q.data != nullptr) {
          store_columns(d, q + i, kWideRows, count, k, task.q.row(row), task.q.stride);
        }
        if (!task.with_loss) continue;
        if (task.inverse_sums != nullptr) {
          sharpened(d, k, kWideRows, task.inverse_sums, q + i, p + i);
        } else {
          load_columns(d, task.p.row(row), task.p.stride, count, k, p + i, kWideRows);
        }
        loss.vector[v] = divergence(d, valid, task.options.kernel, task.factor, k, kWideRows, p + i,
                                    q + i, value + i);
      }
      task.loss += static_cast<double>(loss.total());
    }
    if (task.sums != nullptr) {
      for (std::int64_t j = 0; j < k; ++j) {
        LaneSum<T> sum;
        for_lanes<T>(rows, [&](auto place, std::int64_t i, int v) HWY_ATTR {
          sum.vector[v] = hn::Add(sum.vector[v], place.load(q + j * kWideRows + i));
        });
        task.sums[j] += static_cast<double>(sum.total());
      }
    }
    if (!task.with_loss) continue;
    if (task.grad_points.data != nullptr) {
      const MatrixView<T> grad = task.grad_points.row_range(first, rows);
      for (std::int64_t i = 0; i < rows; i += kTile) {
        wide_point_gradients<kDot>(d, points, i, task.centres, value, grad);
      }
    }
    if (task.grad_centres != nullptr) {
      for (std::int64_t j = 0; j < k; j += kTile) {
        wide_centre_gradients<kDot>(d, points, task.centres, j, value, task.grad_centres);
      }
    }
  }
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
