#include "cpu/detail/fft.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstring>
#include <numbers>

#include "clipk/core/memory.hpp"
#include "support/arrays.hpp"
#include "support/each_target.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

using Complex = std::complex<double>;
using cpu::kFftLines;
using cpu::kFftRow;

// Every length of a t-SNE grid, halved too.
constexpr std::int64_t kLengths[] = {64,  80,  96,   128,  160,  192,  256,  320,  384, 512,
                                     640, 768, 1024, 1280, 1536, 2048, 2560, 3072, 4096};

// A strip of this many rows, with NaN where nothing is written.
class Strip {
 public:
  explicit Strip(std::int64_t rows)
      : rows_(rows),
        buffer_(Device::cpu, static_cast<std::size_t>(rows * kFftRow) * sizeof(float)) {
    std::fill_n(data(), rows * kFftRow, NAN);
  }
  Strip(std::int64_t rows, std::uint64_t seed) : Strip(rows) {
    const std::vector<float> values = normals(rows * kFftRow, seed);
    std::copy(values.begin(), values.end(), data());
  }
  float* data() { return static_cast<float*>(buffer_.data()); }
  std::vector<Complex> line(std::int64_t line) {
    std::vector<Complex> values;
    for (std::int64_t r = 0; r < rows_; ++r) {
      const float* at = data() + r * kFftRow + line;
      values.emplace_back(at[0], at[kFftLines]);
    }
    return values;
  }
  std::vector<float> values() { return {data(), data() + rows_ * kFftRow}; }

 private:
  std::int64_t rows_;
  Buffer buffer_;
};

// Definition of the transform: sum of x[j] exp(sign 2 pi i j (k + shift) / n), at each k of
// `order`.
std::vector<Complex> plain(const std::vector<Complex>& x, std::int64_t n, double shift, double sign,
                           const std::vector<std::int64_t>& order) {
  std::vector<Complex> roots, result;
  for (std::int64_t k = 0; k < 4 * n; ++k) {
    roots.push_back(std::polar(
        1.0, sign * std::numbers::pi / 2 * static_cast<double>(k) / static_cast<double>(n)));
  }
  for (const std::int64_t k : order) {
    const std::int64_t step = 4 * k + std::llround(4 * shift);
    Complex sum;
    for (std::size_t j = 0; j < x.size(); ++j) {
      const auto root = static_cast<std::size_t>(static_cast<std::int64_t>(j) * step % (4 * n));
      sum += x[j] * roots[root];
    }
    result.push_back(sum);
  }
  return result;
}

// Which frequency stands where, read from the transform of 1 at j = 1.
std::vector<std::int64_t> order_of(const std::vector<Complex>& turns, double shift) {
  const auto n = static_cast<double>(turns.size());
  std::vector<std::int64_t> order;
  for (const Complex& turn : turns) {
    const double k = -std::arg(turn) * n / (2 * std::numbers::pi) - shift;
    order.push_back((std::llround(k) + std::llround(n)) % std::llround(n));
  }
  std::vector<std::int64_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t k = 0; k < sorted.size(); ++k) {
    EXPECT_EQ(sorted[k], static_cast<std::int64_t>(k)) << "a frequency is missing";
  }
  return order;
}

// Root mean square of the error, of that of the values.
double relative_error(const std::vector<Complex>& actual, const std::vector<Complex>& expected) {
  if (actual.size() != expected.size()) return INFINITY;
  double errors = 0, squares = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    errors += std::norm(actual[i] - expected[i]);
    squares += std::norm(expected[i]);
  }
  return std::sqrt(errors / squares);
}

constexpr double kTolerance = 4e-7;

TEST(RealFft, IsTheDefinition) {
  for (const std::int64_t n : kLengths) {
    const cpu::RealFft fft(n);
    const std::int64_t count = n - n / 9, stride = 48;
    const std::vector<float> values = normals(count * stride, 3);
    std::vector<float> unit(static_cast<std::size_t>(2 * kFftLines));
    std::fill(unit.begin() + kFftLines, unit.end(), 1.0F);
    Strip strip(n);
    fft.forward(unit.data(), kFftLines, 2, strip.data());
    const std::vector<std::int64_t> order = order_of(strip.line(0), 0.25);

    fft.forward(values.data() + 1, stride, count, strip.data());
    std::vector<Complex> x;
    const std::int64_t line = n / 16 % kFftLines;
    for (std::int64_t j = 0; j < count; ++j) {
      x.emplace_back(values[static_cast<std::size_t>(j * stride + 1 + line)]);
    }
    EXPECT_LT(relative_error(strip.line(line), plain(x, n, 0.25, -1, order)), kTolerance) << n;
  }
}

TEST(RealFft, TheWayBackGivesTheRealPart) {
  for (const std::int64_t n : kLengths) {
    const cpu::RealFft fft(n);
    const std::int64_t count = n / 2 + 5, stride = 32;
    std::vector<float> unit(static_cast<std::size_t>(2 * kFftLines));
    std::fill(unit.begin() + kFftLines, unit.end(), 1.0F);
    Strip strip(n), spectrum(n, 4);
    fft.forward(unit.data(), kFftLines, 2, strip.data());
    const std::vector<std::int64_t> order = order_of(strip.line(0), 0.25);

    const std::int64_t line = n / 16 % kFftLines;
    const std::vector<Complex> frequencies = spectrum.line(line);
    std::vector<Complex> sorted(static_cast<std::size_t>(n)), expected, actual;
    for (std::size_t p = 0; p < sorted.size(); ++p) {
      sorted[static_cast<std::size_t>(order[p])] = frequencies[p];
    }
    std::vector<std::int64_t> places;
    for (std::int64_t j = 0; j < count; ++j) places.push_back(j);
    // exp(2 pi i j k / n) first, then the quarter of a frequency.
    const std::vector<Complex> whole = plain(sorted, n, 0, 1, places);
    for (std::int64_t j = 0; j < count; ++j) {
      const double quarter = std::numbers::pi / 2 * static_cast<double>(j) / static_cast<double>(n);
      expected.emplace_back((whole[static_cast<std::size_t>(j)] * std::polar(1.0, quarter)).real());
    }
    std::vector<float> lines(static_cast<std::size_t>((count + 1) * stride), NAN);
    fft.inverse(spectrum.data(), count, lines.data() + 1, stride);
    for (std::int64_t j = 0; j < count; ++j) {
      actual.emplace_back(lines[static_cast<std::size_t>(j * stride + 1 + line)]);
    }
    EXPECT_LT(relative_error(actual, expected), kTolerance) << n;
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(lines.size()); ++i) {
      const bool written = i >= 1 && (i - 1) % stride < kFftLines && (i - 1) / stride < count;
      EXPECT_EQ(!std::isnan(lines[static_cast<std::size_t>(i)]), written) << n << ' ' << i;
    }
  }
}

TEST(RealFft, AProductOfSpectraIsAPlainConvolution) {
  const std::int64_t n = 80, count = n - 3;
  const cpu::RealFft fft(n);
  const std::vector<float> a = normals(count * kFftLines, 5), b = normals(n * kFftLines, 6);
  Strip spectrum(n), other(n);
  fft.forward(a.data(), kFftLines, count, spectrum.data());
  fft.forward(b.data(), kFftLines, n, other.data());
  for (std::int64_t k = 0; k < n; ++k) {
    for (std::int64_t line = 0; line < kFftLines; ++line) {
      float* const at = spectrum.data() + k * kFftRow + line;
      const float* const factor = other.data() + k * kFftRow + line;
      const std::complex<float> product = std::complex<float>(at[0], at[kFftLines]) *
                                          std::complex<float>(factor[0], factor[kFftLines]);
      at[0] = product.real();
      at[kFftLines] = product.imag();
    }
  }
  std::vector<float> lines(static_cast<std::size_t>(n * kFftLines));
  fft.inverse(spectrum.data(), n, lines.data(), kFftLines);
  for (std::int64_t line = 0; line < kFftLines; ++line) {
    std::vector<Complex> actual, expected;
    for (std::int64_t m = 0; m < n; ++m) {
      double sum = 0;
      for (std::int64_t j = 0; j <= std::min(m, count - 1); ++j) {
        sum += static_cast<double>(a[static_cast<std::size_t>(j * kFftLines + line)]) *
               static_cast<double>(b[static_cast<std::size_t>((m - j) * kFftLines + line)]);
      }
      expected.emplace_back(sum);
      actual.emplace_back(lines[static_cast<std::size_t>(m * kFftLines + line)] /
                          static_cast<float>(n));
    }
    EXPECT_LT(relative_error(actual, expected), 1e-6) << line;
  }
}

TEST(PaddedFft, IsTheDefinition) {
  for (const std::int64_t n : kLengths) {
    const cpu::PaddedFft fft(n);
    Strip unit(2), strip(n);
    std::fill_n(unit.data(), 2 * kFftRow, 0.0F);
    std::fill_n(unit.data() + kFftRow, kFftLines, 1.0F);
    fft.forward(unit.data(), 2, strip.data());
    const std::vector<std::int64_t> order = order_of(strip.line(0), 0);

    for (const std::int64_t count : {n / 2, n / 2 - 9, n / 16}) {
      Strip lines(count, 7);
      fft.forward(lines.data(), count, strip.data());
      const std::int64_t line = n / 16 % kFftLines;
      EXPECT_LT(relative_error(strip.line(line), plain(lines.line(line), n, 0, -1, order)),
                kTolerance)
          << n << ' ' << count;
    }
  }
}

TEST(PaddedFft, ConvolutionIsTheDefinition) {
  for (const std::int64_t n : kLengths) {
    const cpu::PaddedFft fft(n);
    const std::int64_t count = n / 2 - 7, line = n / 16 % kFftLines;
    Strip lines(count, 8), strip(n), spectrum(n, 9);
    const std::vector<Complex> x = lines.line(line);
    fft.forward(lines.data(), count, strip.data());
    // Back in double precision, from the transform that the test above has looked at.
    Strip unit(2), turns(n);
    std::fill_n(unit.data(), 2 * kFftRow, 0.0F);
    std::fill_n(unit.data() + kFftRow, kFftLines, 1.0F);
    fft.forward(unit.data(), 2, turns.data());
    const std::vector<std::int64_t> order = order_of(turns.line(0), 0);
    std::vector<Complex> sorted(static_cast<std::size_t>(n));
    const std::vector<Complex> frequencies = strip.line(line);
    for (std::size_t p = 0; p < sorted.size(); ++p) {
      const float factor = spectrum.data()[static_cast<std::int64_t>(p) * kFftLines + line];
      sorted[static_cast<std::size_t>(order[p])] = frequencies[p] * static_cast<double>(factor);
    }
    std::vector<std::int64_t> places;
    for (std::int64_t j = 0; j < count; ++j) places.push_back(j);
    fft.convolve(lines.data(), count, spectrum.data(), strip.data());
    EXPECT_LT(relative_error(lines.line(line), plain(sorted, n, 0, 1, places)), 2 * kTolerance)
        << n;
  }
}

TEST(Fft, BytesDoNotDependOnTheProcessor) {
  for (const std::int64_t n : {64, 80, 96, 512, 640, 768}) {
    std::vector<float> first;
    on_each_target([&] {
      const cpu::RealFft real(n);
      const cpu::PaddedFft padded(n);
      const std::vector<float> values = normals(n * kFftLines, 10);
      Strip strip(n), lines(n / 2, 11), spectrum(n, 12), work(n);
      std::vector<float> back(values.size());
      real.forward(values.data(), kFftLines, n, strip.data());
      padded.convolve(lines.data(), n / 2, spectrum.data(), work.data());
      std::vector<float> all = strip.values();
      const std::vector<float> convolved = lines.values();
      all.insert(all.end(), convolved.begin(), convolved.end());
      real.inverse(strip.data(), n, back.data(), kFftLines);
      all.insert(all.end(), back.begin(), back.end());
      if (first.empty()) first = all;
      ASSERT_EQ(all.size(), first.size());
      EXPECT_EQ(std::memcmp(all.data(), first.data(), all.size() * sizeof(float)), 0) << n;
    });
  }
}

TEST(Fft, OtherLengthsAreNamed) {
  for (const std::int64_t n : {0, 32, 100, 448, -64}) {
    EXPECT_EQ(error_of([&] { cpu::PaddedFft fft(n); }),
              "fft: expected a length of 1, 3 or 5 times a power of two from 64 on, got " +
                  std::to_string(n));
  }
}

}  // namespace
}  // namespace clipk::test
