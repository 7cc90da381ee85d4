#include "cpu/kmeans_step.hpp"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/kmeans_step.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include "cpu/gemm.hpp"
#include "cpu/parallel.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// sum += sign x
template <bool kAdd>
HWY_INLINE void accumulate(const float* x, std::int64_t d, double* sum) {
  const auto step = [&](auto tag, std::int64_t j) HWY_ATTR {
    const hn::Rebind<float, decltype(tag)> narrow;
    const auto value = hn::PromoteTo(tag, hn::LoadU(narrow, x + j));
    const auto old = hn::LoadU(tag, sum + j);
    hn::StoreU(kAdd ? hn::Add(old, value) : hn::Sub(old, value), tag, sum + j);
  };
  const hn::ScalableTag<double> vector;
  const hn::CappedTag<double, 1> scalar;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(vector));
  std::int64_t j = 0;
  for (; j + lanes <= d; j += lanes) step(vector, j);
  for (; j < d; ++j) step(scalar, j);
}

// |x - y|^2 in float64.
HWY_INLINE double squared_distance(const float* x, const float* y, std::int64_t d) {
  const hn::ScalableTag<double> wide;
  const hn::Rebind<float, decltype(wide)> narrow;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(wide));
  auto even = hn::Zero(wide), odd = hn::Zero(wide);
  const auto difference = [&](std::int64_t j) HWY_ATTR {
    return hn::Sub(hn::PromoteTo(wide, hn::LoadU(narrow, x + j)),
                   hn::PromoteTo(wide, hn::LoadU(narrow, y + j)));
  };
  std::int64_t j = 0;
  for (; j + 2 * lanes <= d; j += 2 * lanes) {
    const auto a = difference(j), b = difference(j + lanes);
    even = hn::MulAdd(a, a, even);
    odd = hn::MulAdd(b, b, odd);
  }
  double total = hn::GetLane(hn::SumOfLanes(wide, hn::Add(even, odd)));
  for (; j < d; ++j) {
    const double rest = static_cast<double>(x[j]) - static_cast<double>(y[j]);
    total += rest * rest;
  }
  return total;
}

// Lengths of the rows of a block, in float32.
void lengths_of(MatrixView<const float> rows, float* lengths) {
  const hn::ScalableTag<float> tag;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    const float* x = rows.row(i);
    auto even = hn::Zero(tag), odd = hn::Zero(tag);
    std::int64_t j = 0;
    for (; j + 2 * lanes <= rows.cols; j += 2 * lanes) {
      const auto a = hn::LoadU(tag, x + j), b = hn::LoadU(tag, x + j + lanes);
      even = hn::MulAdd(a, a, even);
      odd = hn::MulAdd(b, b, odd);
    }
    float total = hn::GetLane(hn::SumOfLanes(tag, hn::Add(even, odd)));
    for (; j < rows.cols; ++j) total += x[j] * x[j];
    lengths[i] = std::sqrt(total);
  }
}

// The nearest of the centres whose value is within the error of the least one.
std::int32_t nearest_exactly(const CentredSet& set, const float* x, std::int64_t d,
                             const float* products, std::int64_t pitch, float limit) {
  std::int32_t nearest = 0;
  double least = std::numeric_limits<double>::infinity();
  for (std::int64_t c = 0; c < set.k; ++c) {
    if (set.offsets[c] - products[c * pitch] > limit) continue;
    const double distance = squared_distance(x, set.centres + c * set.stride, d);
    if (distance < least) {
      least = distance;
      nearest = static_cast<std::int32_t>(c);
    }
  }
  return nearest;
}

// The labels of a block's rows from products [k, pitch] of the centred centres with the rows; whole
// vectors of them can be read and of labels written.
void select(const CentredSet& set, MatrixView<const float> rows, const float* lengths,
            const float* products, std::int64_t pitch, std::int32_t* labels) {
  const hn::ScalableTag<float> tag;
  const hn::RebindToSigned<decltype(tag)> itag;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  for (std::int64_t i = 0; i < rows.rows; i += lanes) {
    auto best = hn::Sub(hn::Set(tag, set.offsets[0]), hn::LoadU(tag, products + i));
    auto second = hn::Set(tag, std::numeric_limits<float>::infinity());
    auto label = hn::Zero(itag);
    for (std::int64_t c = 1; c < set.k; ++c) {
      const auto value =
          hn::Sub(hn::Set(tag, set.offsets[c]), hn::LoadU(tag, products + c * pitch + i));
      const auto less = hn::Lt(value, best);
      second = hn::Min(second, hn::IfThenElse(less, best, value));
      label = hn::IfThenElse(hn::RebindMask(itag, less),
                             hn::Set(itag, static_cast<std::int32_t>(c)), label);
      best = hn::IfThenElse(less, value, best);
    }
    hn::StoreU(label, itag, labels + i);
    const auto error =
        hn::MulAdd(hn::LoadU(tag, lengths + i), hn::Set(tag, set.part), hn::Set(tag, set.slack));
    const auto limit = hn::MulAdd(hn::Set(tag, 2.0F), error, best);
    const auto unclear = hn::Not(hn::Gt(second, limit));
    if (hn::AllFalse(tag, unclear)) continue;
    std::uint8_t bytes[8] = {};
    hn::StoreMaskBits(tag, unclear, bytes);
    std::uint64_t bits;
    std::memcpy(&bits, bytes, sizeof(bits));
    HWY_ALIGN float limits[HWY_MAX_BYTES / sizeof(float)];
    hn::Store(limit, tag, limits);
    for (; bits != 0; bits &= bits - 1) {
      const std::int64_t lane = __builtin_ctzll(bits), row = i + lane;
      if (row >= rows.rows) break;
      labels[row] =
          nearest_exactly(set, rows.row(row), rows.cols, products + row, pitch, limits[lane]);
    }
  }
}

// Moves the rows of a block whose label changed between the sums of their clusters.
void move_rows(MatrixView<const float> rows, const std::int32_t* labels, std::int32_t* old_labels,
               std::int64_t k, double* sums, std::int64_t* counts) {
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    const std::int32_t from = old_labels[i], to = labels[i];
    if (from == to) continue;
    if (from >= 0) {
      accumulate<false>(rows.row(i), rows.cols, sums + from * rows.cols);
      --counts[from];
    }
    accumulate<true>(rows.row(i), rows.cols, sums + to * rows.cols);
    ++counts[to];
    ++counts[k];
    old_labels[i] = to;
  }
}

double distances_of(MatrixView<const float> rows, MatrixView<const float> centres,
                    const std::int32_t* labels, double* squared) {
  double sum = 0;
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    const double distance = squared_distance(rows.row(i), centres.row(labels[i]), rows.cols);
    if (squared != nullptr) squared[i] = distance;
    sum += distance;
  }
  return sum;
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(lengths_of);
HWY_EXPORT(select);
HWY_EXPORT(move_rows);
HWY_EXPORT(distances_of);

namespace {

constexpr std::int64_t kMostPieces = 32;
constexpr std::int64_t kLeastPieceRows = 1024;
constexpr std::int64_t kMostPieceSums = std::int64_t{1} << 23;  // doubles a set of centres
constexpr std::int64_t kBlockValues = 96 * 1024;                // of the points: 384 KB of L2
constexpr std::int64_t kLeastBlock = 64, kMostBlock = 1024;
constexpr std::int64_t kVector = 64;  // floats; no vector is longer

// Centres less the mean of their set; see CentredCentres.
void center(MatrixView<const float> centres, std::int64_t set, const CentredCentres& out) {
  const std::int64_t k = centres.rows, d = centres.cols;
  std::vector<double> mean(static_cast<std::size_t>(d));
  for (std::int64_t c = 0; c < k; ++c) {
    for (std::int64_t j = 0; j < d; ++j) mean[static_cast<std::size_t>(j)] += centres(c, j);
  }
  for (double& value : mean) value /= static_cast<double>(k);
  double longest = 0, largest = 0;
  for (std::int64_t c = 0; c < k; ++c) {
    double length = 0, offset = 0;
    float* row = out.rows + (set * k + c) * d;
    for (std::int64_t j = 0; j < d; ++j) {
      const double m = mean[static_cast<std::size_t>(j)];
      const double value = static_cast<double>(centres(c, j)) - m;
      row[j] = static_cast<float>(value);
      length += value * value;
      offset += value * m;
    }
    offset += length / 2;
    out.offsets[set * k + c] = static_cast<float>(offset);
    longest = std::max(longest, length);
    largest = std::max(largest, std::fabs(offset));
  }
  out.lengths[set] = static_cast<float>(std::sqrt(longest));
  out.slack[set] = static_cast<float>(largest * 2.4e-7);
}

}  // namespace

KMeansPlan::KMeansPlan(std::int64_t n, std::int64_t k, std::int64_t d) {
  const std::int64_t most =
      std::clamp<std::int64_t>(kMostPieceSums / std::max<std::int64_t>(k * d, 1), 1, kMostPieces);
  block_rows = std::clamp(kBlockValues / d / kVector * kVector, kLeastBlock, kMostBlock);
  piece_rows = std::max((n + most - 1) / most, kLeastPieceRows);
  piece_rows = (piece_rows + block_rows - 1) / block_rows * block_rows;
  pieces = (n + piece_rows - 1) / piece_rows;
  pitch = block_rows;
}

void kmeans_step(int threads, const KMeansPlan& plan, MatrixView<const float> points,
                 const KMeansState& state, const KMeansScratch& scratch) {
  const std::int64_t r = state.centres.batch, k = state.centres.rows, d = points.cols;
  const CentredCentres& centred = scratch.centred;
  parallel_for(threads, r, [&](std::int64_t set) { center(state.centres[set], set, centred); });
  // What a float32 product of length d may be off, in any order of its sum.
  const float unit = 6e-8F * static_cast<float>(d + 16);

  parallel_for(threads, plan.pieces, [&](std::int64_t piece) {
    float* products = scratch.products + omp_get_thread_num() * r * k * plan.pitch;
    double* sums = scratch.sums + piece * r * k * d;
    std::int64_t* counts = scratch.counts + piece * r * (k + 1);
    std::fill_n(sums, r * k * d, 0.0);
    std::fill_n(counts, r * (k + 1), 0);
    float lengths[kMostBlock];
    std::int32_t labels[kMostBlock];
    const std::int64_t end = std::min((piece + 1) * plan.piece_rows, points.rows);
    for (std::int64_t i = piece * plan.piece_rows; i < end; i += plan.block_rows) {
      const MatrixView<const float> rows = points.row_range(i, std::min(plan.block_rows, end - i));
      gemm_serial(Transpose::no, Transpose::yes, r * k, rows.rows, d, 1.0F, centred.rows, d,
                  rows.data, rows.stride, 0.0F, products, plan.pitch);
      HWY_DYNAMIC_DISPATCH(lengths_of)(rows, lengths);
      for (std::int64_t set = 0; set < r; ++set) {
        const MatrixView<const float> own = state.centres[set];
        HWY_DYNAMIC_DISPATCH(select)
        ({own.data, own.stride, k, centred.offsets + set * k, unit * centred.lengths[set],
          centred.slack[set]},
         rows, lengths, products + set * k * plan.pitch, plan.pitch, labels);
        HWY_DYNAMIC_DISPATCH(move_rows)
        (rows, labels, state.labels.row(set) + i, k, sums + set * k * d, counts + set * (k + 1));
      }
    }
  });

  parallel_for(threads, r * k, [&](std::int64_t task) {
    const std::int64_t set = task / k, c = task % k;
    double* sum = state.sums.data + task * d;
    for (std::int64_t piece = 0; piece < plan.pieces; ++piece) {
      const double* part = scratch.sums + (piece * r * k + task) * d;
      for (std::int64_t j = 0; j < d; ++j) sum[j] += part[j];
      state.counts(set, c) += scratch.counts[(piece * r + set) * (k + 1) + c];
    }
    if (state.counts(set, c) == 0) std::fill_n(sum, d, 0.0);
  });
  for (std::int64_t set = 0; set < r; ++set) {
    state.changed[set] = 0;
    for (std::int64_t piece = 0; piece < plan.pieces; ++piece) {
      state.changed[set] += scratch.counts[(piece * r + set) * (k + 1) + k];
    }
  }
}

void kmeans_inertia(int threads, const KMeansPlan& plan, MatrixView<const float> points,
                    BatchView<const float> centres, MatrixView<const std::int32_t> labels,
                    double* piece_inertia, MatrixView<double> squared, VectorView<double> inertia) {
  const std::int64_t r = centres.batch;
  parallel_for(threads, plan.pieces, [&](std::int64_t piece) {
    double* sums = piece_inertia + piece * r;
    std::fill_n(sums, r, 0.0);
    const std::int64_t end = std::min((piece + 1) * plan.piece_rows, points.rows);
    for (std::int64_t i = piece * plan.piece_rows; i < end; i += plan.block_rows) {
      const MatrixView<const float> rows = points.row_range(i, std::min(plan.block_rows, end - i));
      for (std::int64_t set = 0; set < r; ++set) {
        sums[set] +=
            HWY_DYNAMIC_DISPATCH(distances_of)(rows, centres[set], labels.row(set) + i,
                                               squared.empty() ? nullptr : squared.row(set) + i);
      }
    }
  });
  for (std::int64_t set = 0; set < r; ++set) {
    inertia[set] = 0;
    for (std::int64_t piece = 0; piece < plan.pieces; ++piece) {
      inertia[set] += piece_inertia[piece * r + set];
    }
  }
}

}  // namespace clipk::cpu
#endif
