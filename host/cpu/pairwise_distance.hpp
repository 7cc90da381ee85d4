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

/// Scales of every row of every matrix of a batch.
void batch_scales(int threads, Metric metric, BatchView<const float> x, float* scales);
void batch_scales(int threads, Metric metric, BatchView<const double> x, double* scales);

}  // namespace clipk::cpu
