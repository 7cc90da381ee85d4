// Every part of kernels/detail/portable.cuh whose body differs between nvcc and the SIMT harness.
#include <bit>
#include <cmath>
#include <limits>

#include "kernels/gpu_test.hpp"
#include "kernels/portable_kernels.hpp"
#include "support/arrays.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

class Portable : public GpuTest {};

// Small whole numbers: exact in tf32 and bf16, and their sums exact in any order.
std::vector<float> whole_numbers(std::int64_t n, std::uint64_t seed) {
  std::vector<float> values = normals(n, seed, 3);
  for (float& value : values) value = std::round(value);
  return values;
}

std::vector<double> product(const std::vector<float>& a, const std::vector<float>& b, int depth) {
  std::vector<double> c(128);
  for (int i = 0; i < 16; ++i) {
    for (int j = 0; j < 8; ++j) {
      for (int k = 0; k < depth; ++k) {
        c[static_cast<std::size_t>(i * 8 + j)] +=
            static_cast<double>(a[static_cast<std::size_t>(i * depth + k)]) *
            b[static_cast<std::size_t>(k * 8 + j)];
      }
    }
  }
  return c;
}

TEST_P(Portable, PhiloxGivesRandom123sBits) {
  const std::vector<uint4> counters{
      {0, 0, 0, 0}, {~0u, ~0u, ~0u, ~0u}, {0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}};
  const std::vector<uint2> keys{{0, 0}, {~0u, ~0u}, {0xa4093822u, 0x299f31d0u}};
  const std::vector<uint4> want{{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u},
                                {0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu},
                                {0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}};
  GpuArray<uint4> c(context(), counters), out(context(), 3);
  GpuArray<uint2> k(context(), keys);
  run_philox(c.data(), k.data(), 3, out.data(), stream());
  const auto got = out.values();
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(std::memcmp(&got[i], &want[i], sizeof(uint4)), 0) << "vector " << i;
  }
}

TEST_P(Portable, ConversionsRoundAsTheirFormatsSay) {
  std::vector<float> x = normals(500, 1, 10);
  for (const float special : {0.0F, -0.0F, 1.0F, 65504.0F, 3e38F, 1e-30F, INFINITY, -INFINITY}) {
    x.push_back(special);
  }
  x.push_back(std::bit_cast<float>(0x3F801000u));  // a tie of tf32: away from zero
  x.push_back(std::bit_cast<float>(0x3F808000u));  // ties of bf16: to even
  x.push_back(std::bit_cast<float>(0x3F818000u));
  GpuArray<float> in(context(), x);
  GpuArray<std::uint32_t> out(context(), 4 * x.size());
  run_conversions(in.data(), static_cast<int>(x.size()), out.data(), stream());
  const auto bits = out.values();
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto b = std::bit_cast<std::uint32_t>(x[i]);
    const bool finite = std::isfinite(x[i]);
    const std::uint32_t tf32 = finite ? (b + 0x1000u) & 0xFFFFE000u : b;
    EXPECT_EQ(bits[4 * i], tf32) << x[i];
    const std::uint32_t bf16 = finite ? (b + 0x7FFFu + (b >> 16 & 1)) >> 16 : b >> 16;
    EXPECT_EQ(bits[4 * i + 3], bf16 | (bf16 ^ 0x8000u) << 16) << x[i];
    if (!finite || std::abs(x[i]) > 1e38F) continue;
    const double parts = static_cast<double>(std::bit_cast<float>(bits[4 * i + 1])) +
                         static_cast<double>(std::bit_cast<float>(bits[4 * i + 2]));
    EXPECT_LE(std::abs(parts - x[i]), std::ldexp(std::abs(x[i]), -21)) << x[i];
  }
}

TEST_P(Portable, Tf32FragmentsLieAsTheTablesSay) {
  const int depth = 24;
  const auto a = whole_numbers(16 * depth, 2), b = whole_numbers(depth * 8, 3);
  GpuArray<float> da(context(), a), db(context(), b), dc(context(), 128);
  run_mma_tf32(da.data(), db.data(), depth, dc.data(), stream());
  EXPECT_EQ(converted<double>(dc.values()), product(a, b, depth));
}

TEST_P(Portable, Bf16FragmentsLieAsTheTablesSay) {
  const int depth = 48;
  const auto a = whole_numbers(16 * depth, 4), b = whole_numbers(depth * 8, 5);
  GpuArray<float> da(context(), a), db(context(), b), dc(context(), 128);
  run_mma_bf16(da.data(), db.data(), depth, dc.data(), stream());
  EXPECT_EQ(converted<double>(dc.values()), product(a, b, depth));
}

TEST_P(Portable, LdmatrixHandsOutPairs) {
  std::vector<std::uint32_t> a(128);
  for (std::uint32_t i = 0; i < 128; ++i) a[i] = 1000 + i;
  GpuArray<std::uint32_t> in(context(), a), out(context(), 128);
  run_ldmatrix(in.data(), out.data(), stream());
  const auto got = out.values();
  for (std::size_t lane = 0; lane < 32; ++lane) {
    for (std::size_t matrix = 0; matrix < 4; ++matrix) {
      EXPECT_EQ(got[4 * lane + matrix], a[4 * (8 * matrix + lane / 4) + lane % 4]);
    }
  }
}

TEST_P(Portable, AsynchronousCopiesFillWithZeros) {
  for (const int n : {1, 3, 4, 127, 130, 255, 256}) {
    const auto x = normals(n, 6);
    GpuArray<float> in(context(), x), out(context(), 256);
    run_cp_async(in.data(), n, out.data(), stream());
    std::vector<float> want = x;
    want.resize(256);
    EXPECT_EQ(out.values(), want) << "n = " << n;
  }
}

TEST_P(Portable, BlockReductionsReachEveryThread) {
  for (const int threads : {32, 96, 256, 1024}) {
    const auto x = whole_numbers(threads, 7);
    GpuArray<float> in(context(), x), out(context(), static_cast<std::size_t>(3 * threads));
    run_block_reductions(in.data(), threads, out.data(), stream());
    const auto got = out.values();
    float sum = 0, least = INFINITY, most = -INFINITY;
    for (const float value : x) {
      sum += value;
      least = std::min(least, value);
      most = std::max(most, value);
    }
    for (std::size_t i = 0; i < x.size(); ++i) {
      ASSERT_EQ(got[i], sum);
      ASSERT_EQ(got[x.size() + i], least);
      ASSERT_EQ(got[2 * x.size() + i], most);
    }
  }
}

TEST_P(Portable, GridSumGivesTheSameBitsAgain) {
  const auto x = normals(5000, 8);
  double want = 0;
  for (const float value : x) want += value;
  GpuArray<float> in(context(), x);
  GpuArray<unsigned> ticket(context(), std::vector<unsigned>{0});
  GpuArray<double> partials(context(), 21), total(context(), 1);
  double first = 0;
  for (int run = 0; run < 3; ++run) {
    run_grid_sum(in.data(), 5000, partials.data(), ticket.data(), total.data(), 21, stream());
    const double got = total.values()[0];
    EXPECT_NEAR(got, want, 1e-9);
    if (run == 0) first = got;
    EXPECT_EQ(got, first);
  }
  EXPECT_EQ(ticket.values()[0], 0u);
}

TEST_P(Portable, LargeSharedMemoryNeedsTheAttribute) {
  const int n = 16000;
  const auto x = normals(n, 9);
  GpuArray<float> in(context(), x), out(context(), static_cast<std::size_t>(n));
  EXPECT_HAS(error_of([&] { run_large_shared(in.data(), n, false, out.data(), stream()); }),
             "kernel reverse_kernel, grid 1x1x1, block 128x1x1, 64000 B");
  run_large_shared(in.data(), n, true, out.data(), stream());
  EXPECT_EQ(out.values(), std::vector<float>(x.rbegin(), x.rend()));
}

TEST_P(Portable, Row4LoadsStopAtTheEnd) {
  for (const int columns : {1, 4, 7, 8, 13}) {
    const int rows = 3, padded = (columns + 3) / 4 * 4;
    const auto x = normals(rows * columns, 10);
    GpuArray<float> in(context(), x), out(context(), static_cast<std::size_t>(rows * padded));
    run_load_row4(in.data(), rows, columns, out.data(), stream());
    const auto got = out.values();
    for (int i = 0; i < rows; ++i) {
      for (int j = 0; j < padded; ++j) {
        const float want = j < columns ? x[static_cast<std::size_t>(i * columns + j)] : 0;
        ASSERT_EQ(got[static_cast<std::size_t>(i * padded + j)], want);
      }
    }
  }
}

CLIPK_INSTANTIATE_GPU_TEST(Portable);

}  // namespace
}  // namespace clipk::test
