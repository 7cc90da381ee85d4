#include "cpu/detail/kmeans_labels.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/detail/kmeans_labels.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include "core/virtual_lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, kPanel>;
using Vector = hn::Vec<Tag>;

// Vectors of a panel, and the rows whose products fill 12 accumulators.
constexpr std::int64_t kVectors = kPanel / static_cast<std::int64_t>(hn::MaxLanes(Tag()));
constexpr std::int64_t kGroup = kVectors < 12 ? 12 / kVectors : 1;
static_assert(kGroup <= kPanelRows);

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
HWY_INLINE double exact_square(const float* x, const float* y, std::int64_t d) {
  return sum_of_squares<double, 2>(d, [&](auto place, std::int64_t j) HWY_ATTR {
    return hn::Sub(place.load(x + j), place.load(y + j));
  });
}

HWY_INLINE float squared_difference(const float* x, const float* y, std::int64_t d) {
  return sum_of_squares<float, 4>(d, [&](auto place, std::int64_t j) HWY_ATTR {
    return hn::Sub(place.load(x + j), place.load(y + j));
  });
}

HWY_INLINE float length(const float* x, std::int64_t d) {
  return std::sqrt(sum_of_squares<float, 4>(
      d, [&](auto place, std::int64_t j) HWY_ATTR { return place.load(x + j); }));
}

// values [kGroup, stride]: of kGroup points with all centres.
HWY_INLINE void group_values(const CentredSet& set, const float* const* x, float* values,
                             std::int64_t stride) {
  const Tag tag;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  const std::int64_t d = set.centres.cols;
  for (std::int64_t first = 0; first < stride; first += kPanel) {
    const float* panel = set.panels + first * d;
    Vector sums[kGroup][kVectors];
    for (auto& row : sums) {
      for (Vector& sum : row) sum = hn::Zero(tag);
    }
    for (std::int64_t j = 0; j < d; ++j, panel += kPanel) {
      Vector centre[kVectors];
      for (std::int64_t v = 0; v < kVectors; ++v) centre[v] = hn::Load(tag, panel + v * lanes);
      for (std::int64_t g = 0; g < kGroup; ++g) {
        const Vector value = hn::Set(tag, x[g][j]);
        for (std::int64_t v = 0; v < kVectors; ++v) {
          sums[g][v] = hn::MulAdd(value, centre[v], sums[g][v]);
        }
      }
    }
    for (std::int64_t g = 0; g < kGroup; ++g) {
      for (std::int64_t v = 0; v < kVectors; ++v) {
        const std::int64_t c = first + v * lanes;
        hn::StoreU(hn::Sub(hn::LoadU(tag, set.offsets + c), sums[g][v]), tag,
                   values + g * stride + c);
      }
    }
  }
}

struct TwoLeast {
  std::int32_t label;  // of the least value
  float best, second;
};

HWY_INLINE TwoLeast two_least(const float* values, std::int64_t count) {
  const Tag tag;
  const hn::RebindToSigned<Tag> itag;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  const Vector infinity = hn::Set(tag, std::numeric_limits<float>::infinity());
  Vector best = hn::LoadU(tag, values), second = infinity;
  auto label = hn::Iota(itag, 0);
  for (std::int64_t c = lanes; c < count; c += lanes) {
    const Vector value = hn::LoadU(tag, values + c);
    const auto less = hn::Lt(value, best);
    second = hn::Min(second, hn::IfThenElse(less, best, value));
    label = hn::IfThenElse(hn::RebindMask(itag, less), hn::Iota(itag, static_cast<std::int32_t>(c)),
                           label);
    best = hn::IfThenElse(less, value, best);
  }
  const Vector least = hn::MinOfLanes(tag, best);
  const auto lane = hn::FindFirstTrue(tag, hn::Eq(best, least));
  if (lane < 0) return {0, hn::GetLane(least), hn::GetLane(infinity)};  // not a number
  const auto chosen =
      hn::RebindMask(tag, hn::Eq(hn::Iota(itag, 0), hn::Set(itag, static_cast<int>(lane))));
  second = hn::MinOfLanes(tag, hn::IfThenElse(chosen, second, best));
  HWY_ALIGN std::int32_t labels[kPanel];
  hn::Store(label, itag, labels);
  return {labels[lane], hn::GetLane(least), hn::GetLane(second)};
}

// The nearest of the centres whose value is at most the limit, by float64.
std::int32_t nearest_exactly(const CentredSet& set, const float* x, const float* values,
                             float limit) {
  std::int32_t nearest = 0;
  double least = std::numeric_limits<double>::infinity();
  for (std::int64_t c = 0; c < set.centres.rows; ++c) {
    if (values[c] > limit) continue;
    const double distance = exact_square(x, set.centres.row(c), set.centres.cols);
    if (distance < least) {
      least = distance;
      nearest = static_cast<std::int32_t>(c);
    }
  }
  return nearest;
}

constexpr float kTiny = 1e-35F;       // above what underflow may take from a squared distance
constexpr float kRounding = 2.4e-7F;  // more than two roundings

// Lists the points whose bounds, after the centres have moved, do not prove that their label stays.
std::int64_t list_points(const CentredSet& set, const KMeansBlock& block, std::int32_t* list) {
  if (block.upper == nullptr) {
    std::iota(list, list + block.points.rows, 0);
    return block.points.rows;
  }
  std::int64_t count = 0;
  const auto step = [&](auto tag, std::int64_t i) HWY_ATTR {
    const hn::RebindToSigned<decltype(tag)> itag;
    const auto label = hn::LoadU(itag, block.labels + i);
    const auto known = hn::Max(label, hn::Zero(itag));
    const auto grown =
        hn::Add(hn::LoadU(tag, block.upper + i), hn::GatherIndex(tag, set.grows, known));
    const auto shrunk =
        hn::Sub(hn::LoadU(tag, block.lower + i), hn::GatherIndex(tag, set.shrinks, known));
    const auto upper = hn::Mul(grown, hn::Set(tag, 1 + kRounding));
    const auto lower = hn::Mul(shrunk, hn::Set(tag, 1 - kRounding));
    hn::StoreU(upper, tag, block.upper + i);
    hn::StoreU(lower, tag, block.lower + i);
    const auto passed = hn::And(hn::Lt(upper, lower), hn::RebindMask(tag, hn::Eq(label, known)));
    std::uint8_t bytes[8] = {};
    hn::StoreMaskBits(tag, hn::Not(passed), bytes);
    std::uint64_t bits;
    std::memcpy(&bits, bytes, sizeof(bits));
    for (; bits != 0; bits &= bits - 1) {
      list[count++] = static_cast<std::int32_t>(i + __builtin_ctzll(bits));
    }
  };
  const Tag vector;
  const hn::CappedTag<float, 1> scalar;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(vector));
  std::int64_t i = 0;
  for (; i + lanes <= block.points.rows; i += lanes) step(vector, i);
  for (; i < block.points.rows; ++i) step(scalar, i);
  return count;
}

// Replaces the upper bounds of the listed points by their distances. Keeps in the list, with their
// squared distances, the points whose label that does not prove.
std::int64_t tighten(const CentredSet& set, const KMeansBlock& block, std::int64_t count,
                     std::int32_t* list, float* squared) {
  std::int64_t kept = 0;
  for (std::int64_t l = 0; l < count; ++l) {
    const std::int32_t i = list[l], label = block.labels[i];
    if (label >= 0) {
      const float square =
          squared_difference(block.points.row(i), set.centres.row(label), set.centres.cols);
      block.upper[i] = std::sqrt(square * (1 + set.part) + kTiny);
      if (block.upper[i] < block.lower[i]) continue;
      squared[kept] = square;
    }
    list[kept++] = i;
  }
  return kept;
}

// The label of a listed point from its values, and new bounds.
HWY_INLINE void finish_point(const CentredSet& set, const KMeansBlock& block,
                             const KMeansMoves& moves, std::int32_t i, float squared,
                             const float* values) {
  const float* x = block.points.row(i);
  const std::int64_t k = set.centres.rows, d = set.centres.cols;
  if (block.lengths[i] < 0) block.lengths[i] = length(x, d);
  const float error = set.error * block.lengths[i] + set.slack;
  TwoLeast least = two_least(values, padded_centres(k));
  if (!(least.second > least.best + 2 * error)) {
    least.label = nearest_exactly(set, x, values, least.best + 2 * error);
    least.second = least.best;
  }
  const std::int32_t from = block.labels[i], to = least.label;
  if (block.upper != nullptr) {
    const std::int32_t known = from >= 0 ? from : to;
    if (from < 0) squared = squared_difference(x, set.centres.row(to), d);
    // Differences of values are half those of squared distances.
    const float own =
        squared * (1 + set.part) + 2 * (values[to] - values[known]) + (known == to ? 0 : 4 * error);
    const float other = squared * (1 - set.part) + 2 * (least.second - values[known]) - 4 * error;
    block.upper[i] = std::sqrt(std::max(own, 0.0F) + kTiny);
    block.lower[i] = std::sqrt(std::max(other - kTiny, 0.0F));
  }
  if (from == to) return;
  if (from >= 0) {
    accumulate<false>(x, d, moves.sums + from * d);
    --moves.counts[from];
  }
  accumulate<true>(x, d, moves.sums + to * d);
  ++moves.counts[to];
  ++moves.counts[k];
  block.labels[i] = to;
}

void assign(const CentredSet& set, const KMeansBlock& block, const KMeansMoves& moves,
            std::int32_t* list, float* squared, float* values) {
  const std::int64_t stride = padded_centres(set.centres.rows);
  std::int64_t count = list_points(set, block, list);
  if (block.upper != nullptr) count = tighten(set, block, count, list, squared);
  for (std::int64_t l = 0; l < count; l += kGroup) {
    const float* x[kGroup];
    for (std::int64_t g = 0; g < kGroup; ++g) {
      x[g] = block.points.row(list[std::min(l + g, count - 1)]);
    }
    group_values(set, x, values, stride);
    for (std::int64_t g = 0; g < std::min(kGroup, count - l); ++g) {
      finish_point(set, block, moves, list[l + g], squared[l + g], values + g * stride);
    }
  }
}

double inertia(MatrixView<const float> points, MatrixView<const float> centres,
               const std::int32_t* labels, double* squared) {
  double sum = 0;
  for (std::int64_t i = 0; i < points.rows; ++i) {
    const double distance = exact_square(points.row(i), centres.row(labels[i]), points.cols);
    if (squared != nullptr) squared[i] = distance;
    sum += distance;
  }
  return sum;
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(assign);
HWY_EXPORT(inertia);

void center(CentredSet& set) {
  const std::int64_t k = set.centres.rows, d = set.centres.cols;
  std::vector<double> mean(static_cast<std::size_t>(d));
  for (std::int64_t c = 0; c < k; ++c) {
    const float* row = set.centres.row(c);
    for (std::int64_t j = 0; j < d; ++j) mean[static_cast<std::size_t>(j)] += row[j];
  }
  for (double& value : mean) value /= static_cast<double>(k);
  double longest = 0, largest = 0;
  for (std::int64_t c = 0; c < padded_centres(k); ++c) {
    float* to = set.panels + c / kPanel * d * kPanel + c % kPanel;
    if (c >= k) {
      for (std::int64_t j = 0; j < d; ++j) to[j * kPanel] = 0;
      set.offsets[c] = std::numeric_limits<float>::infinity();
      continue;
    }
    const float* row = set.centres.row(c);
    double square = 0, offset = 0;
    for (std::int64_t j = 0; j < d; ++j) {
      const double m = mean[static_cast<std::size_t>(j)];
      const double value = static_cast<double>(row[j]) - m;
      to[j * kPanel] = static_cast<float>(value);
      square += value * value;
      offset += value * m;
    }
    offset += square / 2;
    set.offsets[c] = static_cast<float>(offset);
    longest = std::max(longest, square);
    largest = std::max(largest, std::fabs(offset));
  }
  // The largest error of a float32 sum of d products, in any order.
  set.part = 6e-8F * static_cast<float>(d + 16);
  set.error = set.part * static_cast<float>(std::sqrt(longest)) * 1.001F;
  set.slack = static_cast<float>(largest * 2.4e-7);
}

void set_moves(const CentredSet& set, const double* moves) {
  const std::int64_t k = set.centres.rows;
  double first = 0, second = 0;  // the two farthest
  for (std::int64_t c = 0; c < k; ++c) {
    second = std::max(second, std::min(first, moves[c]));
    first = std::max(first, moves[c]);
  }
  for (std::int64_t c = 0; c < k; ++c) {
    constexpr double kUp = 1 + 1e-6;  // float32 may not round it down
    set.grows[c] = static_cast<float>(moves[c] * kUp);
    set.shrinks[c] = static_cast<float>((moves[c] == first ? second : first) * kUp);
  }
}

void assign_block(const CentredSet& set, const KMeansBlock& block, const KMeansMoves& moves,
                  float* values) {
  std::int32_t list[kMostBlockRows];
  float squared[kMostBlockRows + kPanelRows];
  HWY_DYNAMIC_DISPATCH(assign)(set, block, moves, list, squared, values);
}

double block_inertia(MatrixView<const float> points, MatrixView<const float> centres,
                     const std::int32_t* labels, double* squared) {
  return HWY_DYNAMIC_DISPATCH(inertia)(points, centres, labels, squared);
}

}  // namespace clipk::cpu
#endif
