#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/core/random.hpp"

namespace clipk::test {

/// Standard normal numbers, the same for the same seed on every machine.
template <class T = float>
std::vector<T> normals(std::int64_t n, std::uint64_t seed, double scale = 1) {
  Random random(seed, RandomStream::data);
  std::vector<T> values(static_cast<std::size_t>(n));
  for (T& value : values) value = static_cast<T>(scale * random.normal());
  return values;
}

template <class To, class From>
std::vector<To> converted(const std::vector<From>& values) {
  return std::vector<To>(values.begin(), values.end());
}

/// A matrix on the context's device with a row stride beyond its columns and sentinels before,
/// after and between its rows; check() finds any write outside it.
template <class T>
class Guarded {
 public:
  Guarded(Context& context, std::int64_t rows, std::int64_t cols, std::int64_t padding = 0)
      : context_(context),
        rows_(rows),
        cols_(cols),
        stride_(cols + padding),
        host_(static_cast<std::size_t>(rows * stride_ + 2 * kGuard), sentinel()),
        device_(context, 1, static_cast<std::int64_t>(host_.size())) {
    upload();
  }
  Guarded(Context& context, std::int64_t rows, std::int64_t cols, const std::vector<T>& values,
          std::int64_t padding = 0)
      : Guarded(context, rows, cols, padding) {
    EXPECT_EQ(values.size(), static_cast<std::size_t>(rows * cols));
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < cols; ++j) {
        host_[index(i, j)] = values[static_cast<std::size_t>(i * cols + j)];
      }
    }
    upload();
  }
  ~Guarded() { check(); }

  MatrixView<T> view() {
    return {device_.data() + kGuard, rows_, cols_, stride_, context_.device()};
  }
  /// All elements as a vector; only without padding.
  VectorView<T> flat() {
    EXPECT_EQ(stride_, cols_);
    return {device_.data() + kGuard, rows_ * cols_, context_.device()};
  }
  /// The elements, row by row.
  std::vector<T> values() {
    download();
    std::vector<T> result;
    result.reserve(static_cast<std::size_t>(rows_ * cols_));
    for (std::int64_t i = 0; i < rows_; ++i) {
      for (std::int64_t j = 0; j < cols_; ++j) result.push_back(host_[index(i, j)]);
    }
    return result;
  }
  void check() {
    download();
    const T expected = sentinel();
    std::size_t touched = 0;
    for (std::size_t p = 0; p < host_.size(); ++p) {
      const auto inside = static_cast<std::int64_t>(p) - kGuard;
      const bool element =
          inside >= 0 && inside < rows_ * stride_ && stride_ > 0 && inside % stride_ < cols_;
      if (!element && std::memcmp(&host_[p], &expected, sizeof(T)) != 0) ++touched;
    }
    EXPECT_EQ(touched, 0u) << "values written outside of a [" << rows_ << ", " << cols_
                           << "] matrix";
  }

 private:
  static constexpr std::int64_t kGuard = 64;
  static T sentinel() {
    T value;
    std::memset(&value, 0x5A, sizeof(T));
    return value;
  }
  std::size_t index(std::int64_t i, std::int64_t j) const {
    return static_cast<std::size_t>(kGuard + i * stride_ + j);
  }
  void upload() {
    copy<T>(context_, VectorView<const T>(host_.data(), static_cast<std::int64_t>(host_.size())),
            device_.flat());
  }
  void download() {
    copy<T>(context_, device_.flat(),
            VectorView<T>(host_.data(), static_cast<std::int64_t>(host_.size())));
  }

  Context& context_;
  std::int64_t rows_, cols_, stride_;
  std::vector<T> host_;
  Matrix<T> device_;
};

/// The larger of an error and the worst one so far; NaN, which no comparison passes, as soon as
/// either is not finite.
inline double worse(double worst, double error) {
  return std::isfinite(worst) && std::isfinite(error) ? std::max(worst, error) : NAN;
}

/// The largest absolute value; NaN as soon as one is not finite.
template <class T>
double largest_of(const std::vector<T>& values) {
  double largest = 0;
  for (const T value : values) largest = worse(largest, std::fabs(static_cast<double>(value)));
  return largest;
}

/// The largest absolute difference; NaN as soon as anything is not finite, or of another size.
template <class A, class B>
double max_error(const std::vector<A>& actual, const std::vector<B>& expected) {
  if (actual.size() != expected.size()) return NAN;
  double worst = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    worst =
        worse(worst, std::fabs(static_cast<double>(actual[i]) - static_cast<double>(expected[i])));
  }
  return worst;
}

/// The tolerance of the project: at most three times the error that a plain float32 loop makes
/// against the double-precision reference, or a rounding of the largest value. Where these two do
/// not compare, the test fails whatever the actual values are.
template <class A>
void expect_as_good_as(const std::vector<A>& actual, const std::vector<float>& plain,
                       const std::vector<double>& reference, const char* what = "") {
  const double error_of_plain = max_error(plain, reference);
  if (!std::isfinite(error_of_plain)) {
    ADD_FAILURE() << what << " expected a plain loop and a reference of one size and finite, got "
                  << plain.size() << " and " << reference.size() << " values";
    return;
  }
  const double allowed = 3 * error_of_plain + 2.4e-7 * largest_of(reference);
  EXPECT_LE(max_error(actual, reference), allowed) << what;
}

}  // namespace clipk::test
