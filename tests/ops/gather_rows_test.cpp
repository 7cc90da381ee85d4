#include "clipk/ops/gather_rows.hpp"

#include <cmath>
#include <string>

#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

class GatherRows : public DeviceTest {
 protected:
  void compare(std::int64_t n, std::int64_t d, std::int64_t b, std::int64_t padding) {
    SCOPED_TRACE("[" + std::to_string(n) + ", " + std::to_string(d) + "] padding " +
                 std::to_string(padding));
    const std::vector<float> x = normals(n * d, 1);
    Random random(2);
    std::vector<std::int32_t> indices;
    std::vector<float> expected;
    for (std::int64_t i = 0; i < b; ++i) {
      // The first and the last row for sure.
      const auto index =
          i == 0   ? n - 1
          : i == 1 ? 0
                   : static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(n)));
      indices.push_back(static_cast<std::int32_t>(index));
      expected.insert(expected.end(), x.begin() + index * d, x.begin() + (index + 1) * d);
    }
    Guarded<float> gx(context(), n, d, x, padding), out(context(), b, d, padding);
    Guarded<std::int32_t> gi(context(), 1, b, indices);
    gather_rows(context(), gx.view(), gi.flat(), out.view());
    EXPECT_EQ(out.values(), expected);
  }
};

TEST_P(GatherRows, CopiesTheChosenRows) {
  for (const std::int64_t n : {1, 2, 17, 1021, 70000}) {
    for (const std::int64_t d : {1, 4, 33, 256}) {
      if (n * d > 300000) continue;
      const std::int64_t b = n < 100 ? 257 : simt() ? 40 : 66000;
      compare(n, d, b, 0);
      compare(n, d, 5, 3);
      compare(n, d, 5, 4);
    }
  }
}

TEST_P(GatherRows, NothingToDoIsFine) {
  Matrix<float> x(context(), 3, 4), none(context(), 0, 4), flat(context(), 3, 0);
  Matrix<float> flat_out(context(), 2, 0);
  Matrix<std::int32_t> indices(context(), 1, 2);
  gather_rows(context(), x, {}, none);
  gather_rows(context(), flat, indices.flat(), flat_out);
  context().synchronize();
}

TEST_P(GatherRows, AnIndexOutOfRangeReadsNothing) {
  const std::vector<float> x = normals(12, 1);
  for (const std::int32_t bad : {-1, 3, 1 << 30}) {
    Guarded<float> gx(context(), 3, 4, x), out(context(), 2, 4);
    Guarded<std::int32_t> indices(context(), 1, 2, std::vector<std::int32_t>{1, bad});
    if (on_cpu()) {
      EXPECT_EQ(error_of([&] { gather_rows(context(), gx.view(), indices.flat(), out.view()); }),
                "gather_rows: expected indices in [0, 3), got " + std::to_string(bad));
    } else {
      gather_rows(context(), gx.view(), indices.flat(), out.view());
      EXPECT_EQ(out.values()[0], x[4]);
      for (std::size_t i = 4; i < 8; ++i) EXPECT_TRUE(std::isnan(out.values()[i]));
    }
  }
}

TEST_P(GatherRows, ShapesThatDifferAreNamed) {
  Matrix<float> x(context(), 3, 4), out(context(), 2, 5);
  Matrix<std::int32_t> indices(context(), 1, 2);
  EXPECT_EQ(error_of([&] { gather_rows(context(), x, indices.flat(), out); }),
            "gather_rows: expected out of shape [2, 4], got [2, 5]");
}

CLIPK_INSTANTIATE_DEVICE_TEST(GatherRows);

}  // namespace
}  // namespace clipk::test
