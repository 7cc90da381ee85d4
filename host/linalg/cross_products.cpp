#include "linalg/cross_products.hpp"

#include <algorithm>
#include <array>

#include "core/parallel.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "linalg/cross_products.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per target; must come before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int kLeft = LeftPanels::width();
constexpr int kRight = RightPanels::width();

using Tag = hn::CappedTag<double, 8>;
constexpr int kVectors = 3;
// The accumulators and the vectors of a step stay in registers, of which AVX-512 has 32, others 16.
constexpr int kTileRows = HWY_TARGET <= HWY_AVX3 ? 8 : 4;

// Adds the product of two panels to c [8, 24], kTileRows by three vectors at a time.
void panel_product(const double* a, const double* b, std::int64_t rows, double* c,
                   std::int64_t stride) {
  const Tag d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t col = 0; col < kRight; col += kVectors * lanes) {
    for (std::int64_t row = 0; row < kLeft; row += kTileRows) {
      hn::Vec<Tag> sums[kTileRows][kVectors];
      for (auto& line : sums) {
        for (auto& sum : line) sum = hn::Zero(d);
      }
      const double* x = a + row;
      const double* y = b + col;
      for (std::int64_t k = 0; k < rows; ++k, x += kLeft, y += kRight) {
        hn::Vec<Tag> right[kVectors];
        for (int v = 0; v < kVectors; ++v) right[v] = hn::LoadU(d, y + v * lanes);
        for (int r = 0; r < kTileRows; ++r) {
          const auto left = hn::Set(d, x[r]);
          for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::MulAdd(left, right[v], sums[r][v]);
        }
      }
      for (int r = 0; r < kTileRows; ++r) {
        double* to = c + (row + r) * stride + col;
        for (int v = 0; v < kVectors; ++v) {
          hn::StoreU(hn::Add(hn::LoadU(d, to + v * lanes), sums[r][v]), d, to + v * lanes);
        }
      }
    }
  }
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(panel_product);

namespace {

// A task's part of a (64 columns) and b (192) over this many rows fit in L2, a panel of a in L1.
constexpr std::int64_t kPieceRows = 256;
constexpr std::int64_t kTaskLeft = 8;  // panels
constexpr std::int64_t kTaskRight = 8;

}  // namespace

void cross_products(int threads, const LeftPanels& a, const RightPanels& b, std::int64_t rows,
                    MatrixView<double> c) {
  constexpr std::int64_t kLeft = LeftPanels::width(), kRight = RightPanels::width();
  const std::int64_t lefts = (c.rows + kLeft - 1) / kLeft;
  const std::int64_t rights = (c.cols + kRight - 1) / kRight;
  const std::int64_t across = (rights + kTaskRight - 1) / kTaskRight;
  const std::int64_t tasks = (lefts + kTaskLeft - 1) / kTaskLeft * across;
  const auto add_panels = [&](std::int64_t i, std::int64_t j, std::int64_t first,
                              std::int64_t count) {
    const double* left = a.panel(i) + first * kLeft;
    const double* right = b.panel(j) + first * kRight;
    double* to = c.row(i * kLeft) + j * kRight;
    const std::int64_t height = std::min(kLeft, c.rows - i * kLeft);
    const std::int64_t width = std::min(kRight, c.cols - j * kRight);
    if (height == kLeft && width == kRight) {
      HWY_DYNAMIC_DISPATCH(panel_product)(left, right, count, to, c.stride);
      return;
    }
    std::array<double, kLeft * kRight> edge{};
    HWY_DYNAMIC_DISPATCH(panel_product)(left, right, count, edge.data(), kRight);
    for (std::int64_t r = 0; r < height; ++r) {
      for (std::int64_t s = 0; s < width; ++s) {
        to[r * c.stride + s] += edge[static_cast<std::size_t>(r * kRight + s)];
      }
    }
  };
  parallel_for(threads, tasks, [&](std::int64_t task) {
    const std::int64_t i = task / across * kTaskLeft, j = task % across * kTaskRight;
    for (std::int64_t first = 0; first < rows; first += kPieceRows) {
      const std::int64_t count = std::min(kPieceRows, rows - first);
      for (std::int64_t left = i; left < std::min(i + kTaskLeft, lefts); ++left) {
        for (std::int64_t right = j; right < std::min(j + kTaskRight, rights); ++right) {
          add_panels(left, right, first, count);
        }
      }
    }
  });
}

}  // namespace clipk::cpu
#endif
