#pragma once

#include "cpu/quad_hinge_loss.hpp"

// The two forms behind quad_hinge_loss on the CPU, and what they share.
namespace clipk::cpu {

/// A call with its codes as the vector loops want them.
template <class T>
struct QuadWork {
  const QuadHinge<T>& call;
  /// Rows of x, then (unless within one set) rows of y; each begins on a cache line and is padded
  /// with zeros to whole cache lines.
  const T* codes = nullptr;
  std::int64_t rows = 0;    ///< n + m, or n within one set
  std::int64_t stride = 0;  ///< of codes and gradients, in elements
  /// 1 / |row| of target.rows_x and rows_y under cosine, else null.
  const T* inverse_norm_x = nullptr;
  const T* inverse_norm_y = nullptr;

  std::int64_t queries() const { return rows; }
  std::int64_t offset_y() const { return call.self ? 0 : call.x.rows; }
};

/// A piece of the quadruples, processed in a fixed order by one thread: queries, or numbers.
struct QuadRange {
  std::int64_t first = 0;
  std::int64_t count = 0;
};

/// Adds sum of hinges to *loss and the gradient of that sum to `gradient` [rows, stride].
void quad_gather(const QuadWork<float>& work, QuadRange range, double* loss, float* gradient);
void quad_gather(const QuadWork<double>& work, QuadRange range, double* loss, double* gradient);

}  // namespace clipk::cpu
