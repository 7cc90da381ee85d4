// Distances of rows, and operations that use them without storing them.
#include "clipk/ops/cosine_top_k.hpp"
#include "clipk/ops/hamming_top_k.hpp"
#include "clipk/ops/int8_top_k.hpp"
#include "clipk/ops/log_sum_exp.hpp"
#include "clipk/ops/nearest.hpp"
#include "clipk/ops/pairwise_distance.hpp"
#include "clipk/ops/pq_top_k.hpp"
#include "reproducibility/golden.hpp"

namespace clipk::golden {
namespace {

constexpr Metric kMetrics[] = {Metric::squared_euclidean, Metric::euclidean, Metric::cosine};

// More than a tile of rows and of columns, an odd number of dimensions, and rows of y near to some
// of x, whose distances are computed again.
template <class T>
struct Sides {
  Sides(Run& run, std::int64_t n, std::int64_t m, std::int64_t d)
      : x(run.inputs.uniform<T>(n, d)), y(run.inputs.uniform<T>(m, d)) {
    for (std::int64_t i = 0; i < n && i < m; i += 3) {
      for (std::int64_t j = 0; j < d; ++j) y(i, j) = x(i, j) + y(i, j) * static_cast<T>(0x1p-10);
    }
  }
  Matrix<T> x, y;
};

struct Shape {
  std::int64_t n, m, d;
};
constexpr Shape kShapes[] = {{261, 519, 37}, {17, 33, 300}, {1, 600, 512}, {300, 2, 1}};

template <class T>
void distances(Run& run, Metric metric) {
  for (const Shape& s : kShapes) {
    const Sides<T> sides(run, s.n, s.m, s.d);
    Matrix<T> out(s.n, s.m), within(s.n, s.n);
    pairwise_distance(run.context, sides.x, sides.y, metric, out);
    pairwise_distance(run.context, sides.x, sides.x, metric, within);
    run.add(out, within);
  }
}

template <class T>
void distance_gradients(Run& run, Metric metric) {
  for (const Shape& s : kShapes) {
    const Sides<T> sides(run, s.n, s.m, s.d);
    const auto grad_out = run.inputs.uniform<T>(s.n, s.m);
    Matrix<T> grad_x(s.n, s.d), grad_y(s.m, s.d);
    pairwise_distance_backward(run.context, sides.x, sides.y, metric, grad_out, grad_x, grad_y);
    run.add(grad_x, grad_y);
  }
}

template <class T>
void neighbours(Run& run, Metric metric, bool within) {
  for (const std::int64_t k : {1, 10, 128}) {
    const Sides<T> sides(run, 300, 1021, 37);
    const Matrix<T>& database = within ? sides.x : sides.y;
    Matrix<std::int32_t> indices(300, k);
    Matrix<T> values(300, k);
    nearest(run.context, sides.x, database, {.metric = metric, .exclude_self = within}, indices,
            values);
    run.add(indices, values);
  }
}

Registered distance_cases() {
  for (const Metric metric : kMetrics) {
    both(std::string("ops/pairwise_distance/pairwise_distance.") + to_string(metric),
         [metric](Run& run, auto zero) { distances<decltype(zero)>(run, metric); });
    both(std::string("ops/pairwise_distance/pairwise_distance_backward.") + to_string(metric),
         [metric](Run& run, auto zero) { distance_gradients<decltype(zero)>(run, metric); });
  }
  return {};
}

Registered nearest_cases() {
  for (const Metric metric : kMetrics) {
    for (const bool within : {false, true}) {
      both(std::string("ops/nearest/nearest.") + to_string(metric) + (within ? "_self" : ""),
           [metric, within](Run& run, auto zero) {
             neighbours<decltype(zero)>(run, metric, within);
           });
    }
  }
  return {};
}

const Registered kPairwiseDistance = distance_cases();

const Registered kPairwiseDistanceBatchFloat =
    one("ops/pairwise_distance/pairwise_distance.batch.float", [](Run& run) {
      const auto x = run.inputs.uniform(3 * 70, 37);
      const auto y = run.inputs.uniform(3 * 41, 37);
      Matrix<float> out(3 * 70, 41);
      pairwise_distance(run.context, BatchView<const float>(x.data(), 3, 70, 37),
                        BatchView<const float>(y.data(), 3, 41, 37), Metric::euclidean,
                        BatchView<float>(out.data(), 3, 70, 41));
      run.add(out);
    });

const Registered kPairwiseDistanceBackwardBatchFloat =
    one("ops/pairwise_distance/pairwise_distance_backward.batch.float", [](Run& run) {
      const auto x = run.inputs.uniform(3 * 70, 37), y = run.inputs.uniform(3 * 41, 37);
      const auto grad_out = run.inputs.uniform(3 * 70, 41);
      Matrix<float> grad_x(3 * 70, 37), grad_y(3 * 41, 37);
      pairwise_distance_backward(run.context, BatchView<const float>(x.data(), 3, 70, 37),
                                 BatchView<const float>(y.data(), 3, 41, 37), Metric::cosine,
                                 BatchView<const float>(grad_out.data(), 3, 70, 41),
                                 BatchView<float>(grad_x.data(), 3, 70, 37),
                                 BatchView<float>(grad_y.data(), 3, 41, 37));
      run.add(grad_x, grad_y);
    });

const Registered kNearest = nearest_cases();

// Random bytes as T.
template <class T>
Matrix<T> bytes(Run& run, std::int64_t rows, std::int64_t cols) {
  const auto numbers = run.inputs.below(rows, cols, 256);
  Matrix<T> result(rows, cols);
  for (std::int64_t i = 0; i < rows * cols; ++i) {
    result.data()[i] = static_cast<T>(numbers.data()[i]);
  }
  return result;
}

const Registered kHammingTopK = one("ops/hamming_top_k/hamming_top_k", [](Run& run) {
  for (const std::int64_t n : {2, 200}) {
    for (const std::int64_t width : {5, 40}) {
      const auto queries = bytes<std::uint8_t>(run, n, width);
      const auto database = bytes<std::uint8_t>(run, 5021, width);
      Matrix<std::int32_t> indices(n, 20), distances(n, 20);
      hamming_top_k(run.context, queries, database, indices, distances);
      run.add(indices, distances);
    }
  }
});

const Registered kInt8TopK = one("ops/int8_top_k/int8_top_k.float", [](Run& run) {
  for (const std::int64_t n : {2, 200}) {
    const auto queries = bytes<std::int8_t>(run, n, 37);
    const auto database = bytes<std::int8_t>(run, 5021, 37);
    const auto scale = run.inputs.uniform(1, 5021, 0.5, 2);
    Matrix<std::int32_t> indices(n, 20);
    Matrix<float> scores(n, 20);
    int8_top_k(run.context, queries, database, scale.flat(), indices, scores);
    run.add(indices, scores);
  }
});

const Registered kPqTopK = one("ops/pq_top_k/pq_top_k.float", [](Run& run) {
  for (const std::int64_t n : {2, 40}) {
    for (const std::int64_t centroids : {16, 256}) {
      const std::int64_t m = 19, width = centroids == 16 ? 10 : m;
      const auto tables = run.inputs.uniform(n * m, centroids);
      const auto codes = bytes<std::uint8_t>(run, 5021, width);
      for (const PqOrder order : {PqOrder::smallest_first, PqOrder::largest_first}) {
        Matrix<std::int32_t> indices(n, 20);
        Matrix<float> scores(n, 20);
        pq_top_k(run.context, BatchView<const float>(tables.data(), n, m, centroids), codes, order,
                 indices, scores);
        run.add(indices, scores);
      }
    }
  }
});

const Registered kLogSumExp = both("ops/log_sum_exp/log_sum_exp", [](Run& run, auto zero) {
  using T = decltype(zero);
  for (const double scale : {0.5, 50.}) {
    const auto x = run.inputs.directions<T>(300, 37);
    const auto y = run.inputs.directions<T>(1021, 37);
    const auto offset = run.inputs.uniform<double>(1, 1021);
    Matrix<double> out(2, 300);
    log_sum_exp(run.context, x, y, scale, offset.flat(), {out.view().row(0), 300});
    log_sum_exp(run.context, x, y, scale, {}, {out.view().row(1), 300});
    run.add(out);
  }
});

const Registered kCosineTopK = one("ops/cosine_top_k/cosine_top_k.float", [](Run& run) {
  const auto x = run.inputs.clustered(517, 37, 40);
  const auto y = run.inputs.near(x, 0.4);
  for (const std::int64_t k : {1, 10}) {
    Matrix<std::int32_t> of_x(517, k), of_y(517, k);
    Matrix<float> cosines_of_x(517, k), cosines_of_y(517, k);
    cosine_top_k(run.context, x, y, of_x, cosines_of_x, of_y, cosines_of_y);
    run.add(of_x, cosines_of_x, of_y, cosines_of_y);
  }
});

}  // namespace
}  // namespace clipk::golden
