#pragma once

#include <span>

#include "clipk/core/metric.hpp"
#include "clipk/core/view.hpp"

namespace clipk::cpu {

/// The value of each row that distances in expanded form need: |x|^2 for |x|^2 + |y|^2 - 2 x.y, or
/// 1 / |x| for the cosine distance 1 - x.y / (|x| |y|).
/// @param[out] scales [n]
void row_scales(Metric metric, MatrixView<const float> x, float* scales);
void row_scales(Metric metric, MatrixView<const double> x, double* scales);

/// Whether float32 holds the products and squares of rows with these 1 / |x| (and the rows are
/// finite): lengths from 1e-15 to 1e15.
bool lengths_are_moderate(std::span<const float> scales);

}  // namespace clipk::cpu
