#pragma once

#include "clipk/ops/pairwise_distance.hpp"

namespace clipk::cpu {

/// Scales are [batch * n] and [batch * m], as row_scales makes them.
void pairwise_distance(int threads, BatchView<const float> x, BatchView<const float> y,
                       Metric metric, const float* scales_x, const float* scales_y,
                       BatchView<float> out);
void pairwise_distance(int threads, BatchView<const double> x, BatchView<const double> y,
                       Metric metric, const double* scales_x, const double* scales_y,
                       BatchView<double> out);

/// Scales of every row of every matrix of both sides; of x alone where scales_y is null.
void batch_scales(int threads, Metric metric, BatchView<const float> x, float* scales_x,
                  BatchView<const float> y, float* scales_y);
void batch_scales(int threads, Metric metric, BatchView<const double> x, double* scales_x,
                  BatchView<const double> y, double* scales_y);

}  // namespace clipk::cpu
