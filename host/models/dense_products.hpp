#pragma once

#include <Eigen/Core>

#include "cpu/gemm.hpp"

// Products of double-precision matrices by the library's own rule: Eigen's depend on the processor.
namespace clipk {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// rows^T rows
inline RowMajor gram(int threads, const RowMajor& rows) {
  RowMajor result(rows.cols(), rows.cols());
  cpu::gemm_symmetric(threads, cpu::Transpose::yes, rows.cols(), rows.rows(), 1.0, rows.data(),
                      rows.cols(), 0.0, result.data(), rows.cols());
  return result;
}

/// a b
inline RowMajor product(int threads, const RowMajor& a, const RowMajor& b) {
  RowMajor result(a.rows(), b.cols());
  cpu::gemm(threads, cpu::Transpose::no, cpu::Transpose::no, a.rows(), b.cols(), a.cols(), 1.0,
            a.data(), a.cols(), b.data(), b.cols(), 0.0, result.data(), b.cols());
  return result;
}

}  // namespace clipk
