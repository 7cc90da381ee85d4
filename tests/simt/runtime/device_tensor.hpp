// Tensor-core products and ldmatrix, by the fragment tables of the PTX ISA.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "simt/runtime/device_warp.hpp"

namespace clipk::simt {

/// cvt.rna.tf32: 10 mantissa bits, ties away from zero.
inline std::uint32_t round_to_tf32(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7F800000u) == 0x7F800000u) {
    return (bits & 0x007FFFFFu) != 0 ? 0x7FFFE000u : bits;  // NaN, infinity
  }
  return (bits + 0x1000u) & 0xFFFFE000u;
}

/// cvt.rn.bf16: ties to even; in the low half.
inline std::uint32_t round_to_bf16(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return 0x7FFFu;
  return (bits + 0x7FFFu + (bits >> 16 & 1)) >> 16;
}

struct MmaLane {
  const std::uint32_t* a;
  const std::uint32_t* b;
  float* d;
};

inline bool whole_warp(unsigned present, const char* what) {
  if (present == ~0u) return true;
  report("%s: only lanes %08x take part", what, present);
  return false;
}

/// Adds A (16 x kDepth) times B (kDepth x 8) to the accumulators of all lanes.
template <int kDepth>
void add_product(void* const* lanes, const float (&a)[16][kDepth], const float (&b)[kDepth][8]) {
  for (int lane = 0; lane < 32; ++lane) {
    const int g = lane / 4, t = lane % 4;
    float* d = static_cast<MmaLane*>(lanes[lane])->d;
    for (int i = 0; i < 4; ++i) {
      const int row = g + 8 * (i / 2), column = 2 * t + i % 2;
      float sum = 0;
      for (int k = 0; k < kDepth; ++k) sum += a[row][k] * b[k][column];
      d[i] += sum;
    }
  }
}

inline void mma_m16n8k8_tf32(float (&d)[4], const std::uint32_t (&a)[4],
                             const std::uint32_t (&b)[2], CLIPK_SIMT_WHERE) {
  MmaLane mine{a, b, d};
  warp_collective(Collective::mma, ~0u, &mine,
                  [](void* const* lanes, unsigned present) {
                    if (!whole_warp(present, "mma.m16n8k8.tf32")) return;
                    float full_a[16][8], full_b[8][8];
                    std::uint32_t low_bits = 0;
                    for (int lane = 0; lane < 32; ++lane) {
                      const auto* in = static_cast<MmaLane*>(lanes[lane]);
                      const int g = lane / 4, t = lane % 4;
                      for (int i = 0; i < 4; ++i) {
                        low_bits |= in->a[i] & 0x1FFFu;
                        full_a[g + 8 * (i % 2)][t + 4 * (i / 2)] =
                            std::bit_cast<float>(in->a[i] & ~0x1FFFu);
                      }
                      for (int i = 0; i < 2; ++i) {
                        low_bits |= in->b[i] & 0x1FFFu;
                        full_b[t + 4 * i][g] = std::bit_cast<float>(in->b[i] & ~0x1FFFu);
                      }
                    }
                    if (low_bits != 0)
                      report("mma.m16n8k8.tf32: an operand was not rounded by to_tf32");
                    add_product(lanes, full_a, full_b);
                  },
                  {file, line});
}

inline float low_bf16(std::uint32_t pair) {
  return std::bit_cast<float>(pair << 16);
}
inline float high_bf16(std::uint32_t pair) {
  return std::bit_cast<float>(pair & 0xFFFF0000u);
}

inline void mma_m16n8k16_bf16(float (&d)[4], const std::uint32_t (&a)[4],
                              const std::uint32_t (&b)[2], CLIPK_SIMT_WHERE) {
  MmaLane mine{a, b, d};
  warp_collective(Collective::mma, ~0u, &mine,
                  [](void* const* lanes, unsigned present) {
                    if (!whole_warp(present, "mma.m16n8k16.bf16")) return;
                    float full_a[16][16], full_b[16][8];
                    for (int lane = 0; lane < 32; ++lane) {
                      const auto* in = static_cast<MmaLane*>(lanes[lane]);
                      const int g = lane / 4, t = lane % 4;
                      for (int i = 0; i < 4; ++i) {
                        const int row = g + 8 * (i % 2), column = 2 * t + 8 * (i / 2);
                        full_a[row][column] = low_bf16(in->a[i]);
                        full_a[row][column + 1] = high_bf16(in->a[i]);
                      }
                      for (int i = 0; i < 2; ++i) {
                        full_b[2 * t + 8 * i][g] = low_bf16(in->b[i]);
                        full_b[2 * t + 8 * i + 1][g] = high_bf16(in->b[i]);
                      }
                    }
                    add_product(lanes, full_a, full_b);
                  },
                  {file, line});
}

struct LdmatrixLane {
  std::uint32_t row[4];  // the 16 bytes it points at
  std::uint32_t* out;
};

inline void ldmatrix_x4(std::uint32_t (&r)[4], const void* row, CLIPK_SIMT_WHERE) {
  LdmatrixLane mine{{}, r};
  if (reinterpret_cast<std::uintptr_t>(row) % 16 != 0) report("ldmatrix: a row is not aligned");
  // Read here, not in the collective, so that the access is this thread's.
  for (int i = 0; i < 4; ++i) mine.row[i] = static_cast<const std::uint32_t*>(row)[i];
  warp_collective(Collective::ldmatrix, ~0u, &mine,
                  [](void* const* lanes, unsigned present) {
                    if (!whole_warp(present, "ldmatrix.x4")) return;
                    for (int lane = 0; lane < 32; ++lane) {
                      for (int matrix = 0; matrix < 4; ++matrix) {
                        static_cast<LdmatrixLane*>(lanes[lane])->out[matrix] =
                            static_cast<LdmatrixLane*>(lanes[8 * matrix + lane / 4])->row[lane % 4];
                      }
                    }
                  },
                  {file, line});
}

}  // namespace clipk::simt
