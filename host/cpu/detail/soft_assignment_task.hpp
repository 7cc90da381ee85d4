#pragma once

#include <cstdint>

#include "clipk/core/view.hpp"
#include "clipk/ops/soft_assignment.hpp"

namespace clipk::cpu {

/// The points of one task of soft_assignment, and where its sums go.
template <class T>
struct SoftTask {
  SoftAssignmentOptions options;
  MatrixView<const T> points;   // of this task
  MatrixView<const T> centres;  // [k, d]
  MatrixView<T> q;              // of this task's rows, or empty
  double* sums = nullptr;       // [k] sums of q are added, or null

  bool with_loss = false;
  MatrixView<const T> p;            // of this task's rows, or empty: formed with inverse_sums
  const T* inverse_sums = nullptr;  // [k]
  T factor = 0;                     // of the gradients: share (alpha + 1) / alpha or share kappa
  MatrixView<T> grad_points;        // of this task's rows, or empty
  double* grad_centres = nullptr;   // [k, d] is added to, or null
  double loss = 0;                  // out: sum of p log(p / q)

  T* work = nullptr;  // soft_work_size values, 64-byte aligned
};

/// Points whose values are kept at a time where the dimensions are the lanes.
inline constexpr std::int64_t kWideRows = 64;

/// Whether points are the lanes: for few dimensions, so long as the sums over the points, one
/// vector for each centre and dimension, stay in L2.
constexpr bool soft_narrow(std::int64_t k, std::int64_t d) {
  return d <= 32 && k * d <= 8192;
}

/// Values of T; multiples of 64 bytes on every target.
template <class T>
constexpr std::int64_t soft_work_size(std::int64_t k, std::int64_t d) {
  constexpr auto lanes = static_cast<std::int64_t>(64 / sizeof(T));
  return soft_narrow(k, d) ? (d + 4 * k + k * d) * lanes : 3 * k * kWideRows;
}

}  // namespace clipk::cpu
