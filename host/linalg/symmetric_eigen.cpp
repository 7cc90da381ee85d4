#include "linalg/symmetric_eigen.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "clipk/core/error.hpp"
#include "linalg/fixed_dot.hpp"
#include "linalg/gemm.hpp"
#include "linalg/householder.hpp"
#include "linalg/row_combination.hpp"

namespace clipk::cpu {
namespace {

constexpr std::int64_t kPanel = 32;                       // reflectors applied together
constexpr std::size_t kRotations = std::size_t{1} << 16;  // applied together

// A's tridiagonal form T = Q^T A Q, Q the product of the reflectors H_k = I - tau_k v_k v_k^T.
struct Tridiagonal {
  std::vector<double> diagonal, below;  // [n], [n - 1]
  Matrix<double> reflectors;            // [n, n]: row k is v_k, which is zero up to column k
  std::vector<double> tau;
};

/// @param a symmetric, both halves; overwritten
Tridiagonal tridiagonal_of(int threads, Matrix<double>& a) {
  const std::int64_t n = a.rows();
  Tridiagonal t{std::vector<double>(static_cast<std::size_t>(n)),
                std::vector<double>(static_cast<std::size_t>(std::max<std::int64_t>(n - 1, 0))),
                Matrix<double>(n, n), std::vector<double>(static_cast<std::size_t>(n))};
  Matrix<double> update(kPanel, n);  // w_k: applying the panel's reflectors gives A - v w^T - w v^T
  double products[2 * kPanel];
  for (std::int64_t panel = 0; panel < n; panel += kPanel) {
    const std::int64_t last = std::min(n, panel + kPanel);
    for (std::int64_t k = panel; k < last; ++k) {
      const std::int64_t done = k - panel, rest = n - k - 1;
      const MatrixView<const double> v = t.reflectors.view().row_range(panel, done);
      const MatrixView<const double> w = update.view().row_range(0, done);
      // Row k after the panel's reflectors so far.
      double* const row = a.view().row(k) + k;
      for (std::int64_t j = 0; j < done; ++j) {
        products[j] = -w(j, k);
        products[kPanel + j] = -v(j, k);
      }
      add_row_combination(1, products, v.col_range(k, rest + 1), row);
      add_row_combination(1, products + kPanel, w.col_range(k, rest + 1), row);
      t.diagonal[static_cast<std::size_t>(k)] = row[0];
      if (rest == 0) continue;

      double* const reflector = t.reflectors.view().row(k) + k + 1;
      std::copy_n(row + 1, rest, reflector);
      const double tau = make_reflector(reflector, rest, t.below[static_cast<std::size_t>(k)]);
      t.tau[static_cast<std::size_t>(k)] = tau;

      // w = tau (A - v w^T - w v^T) reflector, minus its component along the reflector.
      double* const out = update.view().row(done) + k + 1;
      std::fill_n(out, rest, 0.0);
      add_row_combination(
          threads, reflector,
          MatrixView<const double>(a.view()).row_range(k + 1, rest).col_range(k + 1, rest), out);
      for (std::int64_t j = 0; j < done; ++j) {
        products[j] = -fixed_dot(w.row(j) + k + 1, reflector, rest);
        products[kPanel + j] = -fixed_dot(v.row(j) + k + 1, reflector, rest);
      }
      add_row_combination(1, products, v.col_range(k + 1, rest), out);
      add_row_combination(1, products + kPanel, w.col_range(k + 1, rest), out);
      const double along = -.5 * tau * tau * fixed_dot(out, reflector, rest);
      for (std::int64_t i = 0; i < rest; ++i) out[i] = tau * out[i] + along * reflector[i];
    }
    const std::int64_t rest = n - last;
    if (rest == 0) break;
    double* const corner = a.view().row(last) + last;
    const double* const v = t.reflectors.view().row(panel) + last;
    const double* const w = update.view().row(0) + last;
    gemm(threads, Transpose::yes, Transpose::no, rest, rest, kPanel, -1.0, v, n, w, n, 1.0, corner,
         n);
    gemm(threads, Transpose::yes, Transpose::no, rest, rest, kPanel, -1.0, w, n, v, n, 1.0, corner,
         n);
  }
  return t;
}

// Q^T, from the last panel to the first: a panel's reflectors are I - V' S V with S [panel, panel]
// upper triangular (Schreiber and Van Loan).
Matrix<double> accumulated(int threads, const Tridiagonal& t) {
  const std::int64_t n = t.reflectors.rows();
  Matrix<double> q(n, n);
  for (std::int64_t i = 0; i < n; ++i) q(i, i) = 1;
  Matrix<double> s(kPanel, kPanel), projected(n, kPanel), turned(n, kPanel);
  for (std::int64_t panel = (n - 1) / kPanel * kPanel; panel >= 0; panel -= kPanel) {
    const std::int64_t count = std::min(kPanel, n - 1 - panel);  // the last row has no reflector
    if (count <= 0) continue;
    const std::int64_t first = panel + 1, size = n - first;
    const MatrixView<const double> v = t.reflectors.view().row_range(panel, count);
    for (std::int64_t i = 0; i < count; ++i) {
      const double tau = t.tau[static_cast<std::size_t>(panel + i)];
      double overlap[kPanel];
      for (std::int64_t j = 0; j < i; ++j) {
        overlap[j] =
            fixed_dot(v.row(j) + panel + i + 1, v.row(i) + panel + i + 1, n - panel - i - 1);
      }
      for (std::int64_t j = 0; j < i; ++j) {
        double sum = 0;
        for (std::int64_t l = j; l < i; ++l) sum += s(j, l) * overlap[l];
        s(j, i) = -tau * sum;
      }
      s(i, i) = tau;
      for (std::int64_t j = i + 1; j < count; ++j) s(j, i) = 0;
    }
    // Q^T (I - V' S V)^T = Q^T - (Q^T V') S' V.
    double* const corner = q.view().row(first) + first;
    gemm(threads, Transpose::no, Transpose::yes, size, count, size, 1.0, corner, n, v.data + first,
         v.stride, 0.0, projected.data(), kPanel);
    gemm(threads, Transpose::no, Transpose::yes, size, count, count, 1.0, projected.data(), kPanel,
         s.data(), kPanel, 0.0, turned.data(), kPanel);
    gemm(threads, Transpose::no, Transpose::no, size, size, count, -1.0, turned.data(), kPanel,
         v.data + first, v.stride, 1.0, corner, n);
  }
  return q;
}

// sqrt(x^2 + y^2) without overflow, from operations that IEEE 754 defines to the bit.
double length(double x, double y) {
  const double large = std::max(std::abs(x), std::abs(y));
  const double small = std::min(std::abs(x), std::abs(y));
  if (small == 0) return large;
  const double ratio = small / large;
  return large * std::sqrt(1 + ratio * ratio);
}

// One step on rows first ... last of the tridiagonal matrix; its rotations are added.
void qr_step(double* diagonal, double* below, std::int64_t first, std::int64_t last,
             std::vector<Rotation>& rotations) {
  // The eigenvalue of the last 2 x 2 block that is nearer to its last element.
  const double half = (diagonal[last - 1] - diagonal[last]) / 2;
  const double off = below[last - 1];
  const double shift =
      diagonal[last] - off * (off / (half + std::copysign(length(half, off), half)));
  double x = diagonal[first] - shift;
  double z = below[first];
  for (std::int64_t k = first; k < last && z != 0; ++k) {
    const double r = length(x, z);
    const double c = x / r, s = z / r;
    rotations.push_back({k, c, s});
    if (k > first) below[k - 1] = r;
    const double a = diagonal[k], b = below[k], g = diagonal[k + 1];
    const double left = c * a + s * b, right = c * b + s * g;
    diagonal[k] = c * left + s * right;
    diagonal[k + 1] = c * (c * g - s * b) - s * (c * b - s * a);
    below[k] = c * right - s * left;
    if (k + 1 == last) break;
    x = below[k];
    z = s * below[k + 1];
    below[k + 1] = c * below[k + 1];
  }
}

void diagonalise(int threads, std::vector<double>& diagonal, std::vector<double>& below,
                 Matrix<double>& vectors) {
  constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
  constexpr std::int64_t kMostSteps = 60;  // an eigenvalue takes about two
  const auto n = static_cast<std::int64_t>(diagonal.size());
  std::vector<Rotation> rotations;
  const auto apply = [&] {
    rotate_rows(threads, rotations.data(), static_cast<std::int64_t>(rotations.size()),
                vectors.view());
    rotations.clear();
  };
  std::int64_t last = n - 1;
  for (std::int64_t steps = 0; last > 0; ++steps) {
    const auto negligible = [&](std::int64_t i) {
      const auto at = static_cast<std::size_t>(i);
      return std::abs(below[at]) <=
             kEpsilon * (std::abs(diagonal[at]) + std::abs(diagonal[at + 1]));
    };
    if (negligible(last - 1)) {
      below[static_cast<std::size_t>(--last)] = 0;
      continue;
    }
    std::int64_t first = last - 1;
    while (first > 0 && !negligible(first - 1)) --first;
    if (steps > kMostSteps * n) throw Error("symmetric_eigen: expected convergence, got none");
    qr_step(diagonal.data(), below.data(), first, last, rotations);
    if (rotations.size() >= kRotations) apply();
  }
  apply();
}

}  // namespace

SymmetricEigen symmetric_eigen(int threads, MatrixView<const double> a) {
  const std::int64_t n = a.rows;
  if (a.cols != n) {
    throw Error("symmetric_eigen: expected a square matrix, got [" + std::to_string(n) + ", " +
                std::to_string(a.cols) + "]");
  }
  double largest = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      if (!std::isfinite(a(i, j))) {
        throw Error("symmetric_eigen: expected finite values, got " + std::to_string(a(i, j)) +
                    " at (" + std::to_string(i) + ", " + std::to_string(j) + ")");
      }
      largest = std::max(largest, std::abs(a(i, j)));
    }
  }
  // Scales by a power of two, so that no square overflows and nothing is rounded.
  int exponent = 0;
  if (largest > 0) std::frexp(largest, &exponent);
  Matrix<double> scaled(n, n);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) scaled(i, j) = std::ldexp(a(i, j), -exponent);
  }
  Tridiagonal t = tridiagonal_of(threads, scaled);
  Matrix<double> vectors = accumulated(threads, t);
  diagonalise(threads, t.diagonal, t.below, vectors);

  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t i, std::int64_t j) {
    return t.diagonal[static_cast<std::size_t>(i)] < t.diagonal[static_cast<std::size_t>(j)];
  });
  SymmetricEigen result{{}, Matrix<double>(n, n)};
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t from = order[static_cast<std::size_t>(i)];
    result.values.push_back(std::ldexp(t.diagonal[static_cast<std::size_t>(from)], exponent));
    std::copy_n(vectors.view().row(from), n, result.vectors.view().row(i));
  }
  return result;
}

}  // namespace clipk::cpu
