#include "clipk/ops/corrupt.hpp"

#include <cmath>
#include <cstring>
#include <numbers>
#include <string>

#include "clipk/core/random.hpp"
#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

class Corrupt : public DeviceTest {
 protected:
  static std::array<std::uint32_t, 4> block(const CorruptOptions& options, std::uint64_t seed,
                                            std::uint64_t step, std::int64_t d, std::int64_t i,
                                            std::int64_t j) {
    return random_block(
        seed, RandomStream::corruption, static_cast<std::uint32_t>(step),
        std::uint64_t{options.site} << 32 | static_cast<std::uint64_t>(i * ((d + 3) / 4) + j / 4));
  }

  // As the header says it, element by element.
  template <class T>
  std::vector<T> plain(const CorruptOptions& options, std::uint64_t step, std::int64_t d,
                       const std::vector<T>& x) {
    std::vector<T> out(x.size());
    for (std::size_t e = 0; e < x.size(); ++e) {
      const auto i = static_cast<std::int64_t>(e) / d, j = static_cast<std::int64_t>(e) % d;
      const auto word = block(options, context().seed(), step, d, i, j);
      const auto w = static_cast<std::size_t>(j % 4);
      if (options.kind == Corruption::dropout) {
        const bool kept = (word[w] >> 8) >= std::lround(options.amount * 0x1p24);
        out[e] = kept ? x[e] * (1 / (1 - options.amount)) : 0;
      } else {
        const T u = (static_cast<T>(word[w / 2 * 2] >> 8) + T{0.5}) * T{0x1p-24};
        const T angle =
            2 * std::numbers::pi_v<T> * static_cast<T>(word[w / 2 * 2 + 1] >> 8) * T{0x1p-24};
        const T radius = std::sqrt(-2 * std::log(u)) * static_cast<T>(options.amount);
        out[e] = x[e] + radius * (w % 2 == 0 ? std::cos(angle) : std::sin(angle));
      }
    }
    return out;
  }

  std::vector<float> corrupted(const CorruptOptions& options, std::uint64_t step, std::int64_t n,
                               std::int64_t d, const std::vector<float>& x,
                               std::int64_t padding = 0) {
    Guarded<float> gx(context(), n, d, x, padding), out(context(), n, d, padding);
    Guarded<std::uint64_t> gs(context(), 1, 1, std::vector<std::uint64_t>{step});
    corrupt(context(), gx.view(), options, gs.flat(), out.view());
    return out.values();
  }
};

TEST_P(Corrupt, DropoutIsTheDocumentedMaskToTheBit) {
  for (const std::int64_t n : {1, 2, 17, 257, 70000}) {
    for (const std::int64_t d : {1, 4, 17, 113, 1021}) {
      if (n * d > (simt() ? 5000 : 300000)) continue;
      SCOPED_TRACE(std::to_string(n) + " x " + std::to_string(d));
      const std::vector<float> x = normals(n * d, 1);
      for (const CorruptOptions& options :
           {CorruptOptions{}, CorruptOptions{.amount = 0.7F, .site = 3}}) {
        const std::uint64_t step = (std::uint64_t{7} << 32) + 5;
        EXPECT_EQ(corrupted(options, step, n, d, x), plain(options, step, d, x));
        EXPECT_EQ(corrupted(options, step, n, d, x, 3), plain(options, step, d, x));
        EXPECT_EQ(corrupted(options, step, n, d, x, 4), plain(options, step, d, x));
      }
    }
  }
}

TEST_P(Corrupt, GaussianNoiseFollowsBoxAndMuller) {
  const CorruptOptions options{.kind = Corruption::gaussian, .amount = 0.3F, .site = 1};
  for (const std::int64_t d : {1, 6, 64, 1021}) {
    const std::int64_t n = 19;
    const std::vector<float> x = normals(n * d, 1);
    expect_as_good_as(corrupted(options, 2, n, d, x), plain(options, 2, d, x),
                      plain(options, 2, d, converted<double>(x)));
    expect_as_good_as(corrupted(options, 2, n, d, x, 1), plain(options, 2, d, x),
                      plain(options, 2, d, converted<double>(x)));
  }
}

TEST_P(Corrupt, StatisticsAreThoseOfTheAmount) {
  const std::int64_t n = simt() ? 20 : 1000, d = 100;
  const auto size = static_cast<double>(n * d);
  const std::vector<float> ones(static_cast<std::size_t>(n * d), 1.0F);
  for (const float amount : {0.0F, 0.2F, 0.9F}) {
    std::int64_t zeros = 0;
    for (const float value : corrupted({.amount = amount}, 1, n, d, ones)) {
      if (value == 0) {
        ++zeros;
      } else {
        EXPECT_EQ(value, 1 / (1 - amount));
      }
    }
    const double allowed = 4 * std::sqrt(amount * (1 - amount) / size);
    EXPECT_NEAR(static_cast<double>(zeros) / size, amount, allowed);
  }
  double sum = 0, squares = 0, fourths = 0;
  const std::vector<float> noise = corrupted({.kind = Corruption::gaussian, .amount = 2}, 1, n, d,
                                             std::vector<float>(static_cast<std::size_t>(n * d)));
  for (const float value : noise) {
    sum += value;
    squares += std::pow(value / 2, 2);
    fourths += std::pow(value / 2, 4);
  }
  EXPECT_NEAR(sum / size, 0, 4 * 2 / std::sqrt(size));
  EXPECT_NEAR(squares / size, 1, 4 * std::sqrt(2 / size));
  EXPECT_NEAR(fourths / size, 3, 4 * std::sqrt(96 / size));
}

TEST_P(Corrupt, StepsAndSitesDrawNumbersOfTheirOwn) {
  const std::vector<float> ones(1000, 1.0F);
  const std::vector<float> first = corrupted({.amount = 0.5F}, 1, 10, 100, ones);
  EXPECT_EQ(first, corrupted({.amount = 0.5F}, 1, 10, 100, ones));
  for (const auto& other : {corrupted({.amount = 0.5F}, 2, 10, 100, ones),
                            corrupted({.amount = 0.5F, .site = 1}, 1, 10, 100, ones)}) {
    int equal = 0;
    for (std::size_t e = 0; e < ones.size(); ++e) equal += other[e] == first[e];
    EXPECT_NEAR(equal, 500, 80);
  }
}

TEST_P(Corrupt, InPlaceAndBackwardUseTheSameMask) {
  const std::int64_t n = 30, d = 13;
  const CorruptOptions options{.amount = 0.4F};
  const std::vector<float> x = normals(n * d, 1), g = normals(n * d, 2);
  const std::vector<float> expected = corrupted(options, 9, n, d, x);
  Guarded<float> both(context(), n, d, x), gg(context(), n, d, g), gx(context(), n, d);
  Guarded<std::uint64_t> step(context(), 1, 1, std::vector<std::uint64_t>{9});
  corrupt(context(), both.view(), options, step.flat(), both.view());
  EXPECT_EQ(both.values(), expected);
  corrupt_backward(context(), gg.view(), options, step.flat(), gx.view());
  EXPECT_EQ(gx.values(), corrupted(options, 9, n, d, g));
  const CorruptOptions noise{.kind = Corruption::gaussian};
  corrupt_backward(context(), gg.view(), noise, step.flat(), gx.view());
  EXPECT_EQ(gx.values(), g);
  corrupt_backward(context(), gg.view(), noise, step.flat(), gg.view());
  EXPECT_EQ(gg.values(), g);
}

TEST_P(Corrupt, DroppedNaNIsZeroAndAmountZeroIsTheIdentity) {
  const std::vector<float> nan(400, NAN);
  int zeros = 0;
  for (const float value : corrupted({.amount = 0.5F}, 1, 4, 100, nan)) zeros += value == 0;
  EXPECT_NEAR(zeros, 200, 60);
  const std::vector<float> x = normals(400, 1);
  EXPECT_EQ(corrupted({.amount = 0}, 1, 4, 100, x), x);
  EXPECT_EQ(corrupted({.kind = Corruption::gaussian, .amount = 0}, 1, 4, 100, x), x);
}

TEST_P(Corrupt, DoubleUsesTheSameNumbersForAnyThreads) {
  if (!on_cpu()) GTEST_SKIP() << "double precision is the CPU's";
  const std::int64_t n = 300, d = 301;
  const std::vector<double> x = normals<double>(n * d, 1);
  for (const Corruption kind : {Corruption::dropout, Corruption::gaussian}) {
    const CorruptOptions options{.kind = kind};
    std::vector<std::vector<float>> results;
    for (const int threads : {1, 2}) {
      Context own = Context::cpu({.seed = 4, .threads = threads});
      Guarded<std::uint64_t> step(own, 1, 1, std::vector<std::uint64_t>{9});
      Guarded<double> wide(own, n, d, x);
      Guarded<float> narrow(own, n, d, converted<float>(x));
      corrupt(own, wide.view(), options, step.flat(), wide.view());
      corrupt(own, narrow.view(), options, step.flat(), narrow.view());
      results.push_back(narrow.values());
      EXPECT_LE(max_error(results.back(), wide.values()), 1e-6);
    }
    EXPECT_EQ(std::memcmp(results[0].data(), results[1].data(), results[0].size() * sizeof(float)),
              0);
  }
}

TEST_P(Corrupt, BadInputIsNamed) {
  Matrix<float> x(context(), 3, 4), narrow(context(), 3, 3), none(context(), 0, 4);
  Matrix<std::uint64_t> step(context(), 1, 1);
  const auto message = [&](const CorruptOptions& options, Matrix<float>& out) {
    return error_of([&] { corrupt(context(), x, options, step.flat(), out); });
  };
  EXPECT_EQ(message({}, narrow), "corrupt: expected out of shape [3, 4], got [3, 3]");
  EXPECT_EQ(message({.amount = 1}, x), "corrupt: expected an amount from 0, below 1, got 1.000000");
  EXPECT_EQ(message({.amount = NAN}, x), "corrupt: expected an amount from 0, below 1, got nan");
  EXPECT_EQ(message({.kind = Corruption::gaussian, .amount = -1}, x),
            "corrupt: expected a finite amount from 0, got -1.000000");
  corrupt(context(), none, {}, step.flat(), none);
}

CLIPK_INSTANTIATE_DEVICE_TEST(Corrupt);

}  // namespace
}  // namespace clipk::test
