// The innermost loops of the matrix product; included once per Highway target.
#if defined(CLIPK_GEMM_KERNEL_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CLIPK_GEMM_KERNEL_INL
#undef CLIPK_GEMM_KERNEL_INL
#else
#define CLIPK_GEMM_KERNEL_INL
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <type_traits>
#include <utility>

#include "core/row_lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A tile of C: its accumulators, a row of B and a value of A stay in registers.
#if HWY_TARGET <= HWY_AVX3  // 32 registers
constexpr int kTileRows = 14, kTileVectors = 2;
#elif HWY_TARGET == HWY_AVX2  // 16
constexpr int kTileRows = 6, kTileVectors = 2;
#else                         // 32 short ones: Arm64
constexpr int kTileRows = 6, kTileVectors = 4;
#endif

/// Where and how a tile is written.
template <class T>
struct TileOut {
  T* data;
  std::int64_t stride;
  std::int64_t cols;  ///< columns that are written: up to the tile's vectors
  T alpha, beta;
  bool read;  ///< whether beta is not 0
};

// Calls f with each of 0 ... kCount - 1 as a constant: only arrays with constant indices are sure
// to stay in registers.
template <int kCount, class F>
HWY_INLINE void unrolled(F&& f) {
  [&]<int... kI>(std::integer_sequence<int, kI...>) HWY_ATTR {
    (f(std::integral_constant<int, kI>()), ...);
  }
  (std::make_integer_sequence<int, kCount>());
}

/// C = alpha sum + beta C for kR rows of kV vectors; sum is a chain of multiply-adds over k.
/// Element (r, k) of A is a[r * a_row + k * a_step]; row k of B is the vectors at b + k * b_step.
template <int kR, int kV, class T>
HWY_NOINLINE void tile_kernel(const T* HWY_RESTRICT a, std::int64_t a_row, std::int64_t a_step,
                              const T* HWY_RESTRICT b, std::int64_t b_step, std::int64_t k,
                              const TileOut<T>& out) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  V sums[kR][kV];
  unrolled<kR>([&](auto r) HWY_ATTR {
    __builtin_prefetch(out.data + r * out.stride, 1);  // to write
    if (kV > 1) __builtin_prefetch(out.data + r * out.stride + (kV - 1) * lanes, 1);
    unrolled<kV>([&](auto v) HWY_ATTR { sums[r][v] = hn::Zero(d); });
  });
  for (; k > 0; --k, a += a_step, b += b_step) {
    V right[kV];
    unrolled<kV>([&](auto v) HWY_ATTR { right[v] = hn::LoadU(d, b + v * lanes); });
    unrolled<kR>([&](auto r) HWY_ATTR {
      const V left = hn::Set(d, a[r * a_row]);
      unrolled<kV>([&](auto v) HWY_ATTR { sums[r][v] = hn::MulAdd(left, right[v], sums[r][v]); });
    });
  }
  const V alpha = hn::Set(d, out.alpha);
  const V beta = hn::Set(d, out.beta);
  const bool whole = out.cols == kV * lanes;
  unrolled<kR>([&](auto r) HWY_ATTR {
    unrolled<kV>([&](auto v) HWY_ATTR {
      T* const to = out.data + r * out.stride + v * lanes;
      const std::int64_t count = out.cols - v * lanes;
      V value = hn::Mul(alpha, sums[r][v]);
      if (out.read) {
        const V old = whole ? hn::LoadU(d, to) : load_some(to, count);
        value = hn::MulAdd(alpha, sums[r][v], hn::Mul(beta, old));
      }
      if (whole) {
        hn::StoreU(value, d, to);
      } else {
        store_some(value, to, count);
      }
    });
  });
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // CLIPK_GEMM_KERNEL_INL
