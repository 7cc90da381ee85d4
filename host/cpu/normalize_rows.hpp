#pragma once

#include "clipk/ops/normalize_rows.hpp"

namespace clipk::cpu {

void normalize_rows(int threads, MatrixView<const float> x, MatrixView<float> y,
                    VectorView<float> lengths);
void normalize_rows(int threads, MatrixView<const double> x, MatrixView<double> y,
                    VectorView<double> lengths);
void normalize_rows_backward(int threads, MatrixView<const float> y,
                             VectorView<const float> lengths, MatrixView<const float> grad_y,
                             MatrixView<float> grad_x);
void normalize_rows_backward(int threads, MatrixView<const double> y,
                             VectorView<const double> lengths, MatrixView<const double> grad_y,
                             MatrixView<double> grad_x);

}  // namespace clipk::cpu
