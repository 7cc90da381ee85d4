#include "clipk/core/matrix.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "clipk/core/error.hpp"
#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

TEST(Error, IsARuntimeErrorWithItsMessage) {
  EXPECT_EQ(error_of([] { throw Error("adam: expected m of size 12, got 7"); }),
            "adam: expected m of size 12, got 7");
  EXPECT_THROW(throw Error("x"), std::runtime_error);
}

TEST(Matrix, IsZeroWhenMade) {
  const Matrix<double> m(3, 5);
  for (const double value : m.flat()) EXPECT_EQ(value, 0.0);
  EXPECT_EQ(m.rows(), 3);
  EXPECT_EQ(m.cols(), 5);
  EXPECT_EQ(m.device(), Device::cpu);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(m.data()) % 64, 0u);
}

TEST(Matrix, MovesAndLeavesNothingBehind) {
  Matrix<float> a(2, 2);
  a(1, 1) = 7;
  const float* const data = a.data();
  Matrix<float> b = std::move(a);
  EXPECT_EQ(b.data(), data);
  EXPECT_EQ(b(1, 1), 7);
  Matrix<float> c(4, 4);
  c = std::move(b);
  EXPECT_EQ(c.data(), data);
  EXPECT_EQ(c.rows(), 2);
  for (const Matrix<float>* moved : {&a, &b}) {  // NOLINT: that is the point
    EXPECT_EQ(moved->data(), nullptr);
    EXPECT_TRUE(moved->empty());
  }
}

TEST(Matrix, AnImpossibleShapeIsNamed) {
  EXPECT_EQ(error_of([] { Matrix<float>(-1, 3); }),
            "expected a matrix shape that fits memory, got [-1, 3]");
  const std::int64_t huge = std::int64_t{1} << 40;
  EXPECT_EQ(error_of([&] { Matrix<float>(huge, huge); }),
            "expected a matrix shape that fits memory, got [1099511627776, 1099511627776]");
  EXPECT_EQ(error_of([&] { Matrix<double>(huge, huge >> 20); }),
            "out of memory: expected 9223372036854775808 bytes on cpu, got none");
}

class MatrixOnDevice : public DeviceTest {};

TEST_P(MatrixOnDevice, IsZeroWhenMadeAndComesBackAsItWent) {
  const Matrix<float> zero(context(), 17, 5);
  EXPECT_EQ(zero.device(), context().device());
  const Matrix<float> back = zero.to_host(context());
  for (const float value : back.flat()) EXPECT_EQ(value, 0.0F);

  Matrix<std::int32_t> host(9, 7);
  for (std::int64_t i = 0; i < 63; ++i) host.flat()[i] = static_cast<std::int32_t>(i * i);
  const Matrix<std::int32_t> there = host.to_device(context());
  EXPECT_EQ(there.device(), context().device());
  const Matrix<std::int32_t> again = there.to_host(context());
  EXPECT_EQ(again.device(), Device::cpu);
  EXPECT_EQ(std::memcmp(again.data(), host.data(), 63 * sizeof(std::int32_t)), 0);
}

TEST_P(MatrixOnDevice, AnEmptyOneIsFine) {
  const Matrix<float> none(context(), 0, 5), flat(context(), 5, 0);
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(flat.to_host(context()).rows(), 5);
  EXPECT_EQ(none.to_host(context()).cols(), 5);
}

// Strides on both sides, between every two places; sentinels catch what goes astray.
TEST_P(MatrixOnDevice, CopyKeepsToItsStrides) {
  const std::int64_t rows = 13, cols = 6;
  const std::vector<float> values = normals(rows * cols, 1);
  Context host = Context::cpu();
  for (const std::int64_t padding : {0, 3}) {
    Guarded<float> from(host, rows, cols, values, padding);
    Guarded<float> first(context(), rows, cols, 2), second(context(), rows, cols, padding);
    Guarded<float> to(host, rows, cols, 5);
    copy<float>(context(), from.view(), first.view());
    copy<float>(context(), first.view(), second.view());
    copy<float>(context(), second.view(), to.view());
    EXPECT_EQ(to.values(), values);
    const Matrix<float> part =
        Matrix<float>::copy_of(context(), second.view().row_range(2, 4).col_range(1, 3));
    const Matrix<float> part_host = part.to_host(context());
    for (std::int64_t i = 0; i < 4; ++i) {
      for (std::int64_t j = 0; j < 3; ++j) {
        EXPECT_EQ(part_host(i, j), values[static_cast<std::size_t>((i + 2) * cols + j + 1)]);
      }
    }
  }
}

TEST_P(MatrixOnDevice, FillZeroKeepsToItsStride) {
  const std::vector<float> values = normals(20, 1);
  for (const std::int64_t padding : {0, 3}) {
    Guarded<float> m(context(), 4, 5, values, padding);
    fill_zero(context(), m.view());
    EXPECT_EQ(m.values(), std::vector<float>(20));
    m.check();
  }
  Guarded<float> part(context(), 4, 5, values);
  fill_zero(context(), part.view().col_range(1, 2));
  const std::vector<float> left = part.values();
  for (std::size_t i = 0; i < left.size(); ++i) {
    EXPECT_EQ(left[i], i % 5 == 1 || i % 5 == 2 ? 0.0F : values[i]);
  }
}

TEST_P(MatrixOnDevice, ACopyOfAnotherShapeIsNamed) {
  Matrix<float> a(context(), 3, 4), b(context(), 4, 3);
  EXPECT_EQ(error_of([&] { copy<float>(context(), a, b.view()); }),
            "copy: expected a destination of shape [3, 4], got [4, 3]");
}

CLIPK_INSTANTIATE_DEVICE_TEST(MatrixOnDevice);

}  // namespace
}  // namespace clipk::test
