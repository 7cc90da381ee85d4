#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "clipk/core/random.hpp"
#include "clipk/ops/quad_hinge_loss.hpp"
#include "shared/quad_draw.hpp"
#include "support/arrays.hpp"

namespace clipk::test {

struct TwoRows {
  std::int64_t i, j;
};
struct Quad {
  TwoRows first, second;
};

// A block of codes with its target. Distances d are random; the codes know nothing of them.
struct QuadProblem {
  std::int64_t n = 0, m = 0, dim = 0;
  bool self = false;
  std::vector<float> x, y, d;
  std::vector<float> rows_x, rows_y;  // instead of d
  std::int64_t row_dim = 0;
  Metric metric = Metric::euclidean;
  std::int64_t near = 0;
  std::vector<std::int32_t> near_rows, near_cols;
  QuadHingeOptions options;
  std::uint64_t step = 3;

  std::size_t at(std::int64_t i, std::int64_t j) const {
    return static_cast<std::size_t>(i * m + j);
  }
};

// The `near` smallest of a row or a column of d.
inline std::vector<std::int32_t> nearest_of(const QuadProblem& p, bool columns) {
  std::vector<std::int32_t> lists;
  for (std::int64_t q = 0; q < (columns ? p.m : p.n); ++q) {
    std::vector<std::int32_t> order;
    for (std::int32_t c = 0; c < (columns ? p.n : p.m); ++c) {
      if (!p.self || c != q) order.push_back(c);
    }
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      return columns ? p.d[p.at(a, q)] < p.d[p.at(b, q)] : p.d[p.at(q, a)] < p.d[p.at(q, b)];
    });
    lists.insert(lists.end(), order.begin(), order.begin() + p.near);
  }
  return lists;
}

inline QuadProblem make_problem(std::int64_t n, std::int64_t m, std::int64_t dim, bool self,
                                const QuadHingeOptions& options) {
  QuadProblem p;
  p.n = n;
  p.m = self ? n : m;
  p.dim = dim;
  p.self = self;
  p.options = options;
  p.x = normals(n * dim, 11);
  p.y = self ? p.x : normals(p.m * dim, 12);
  Random random(13, RandomStream::data);
  p.d.resize(static_cast<std::size_t>(n * p.m));
  for (float& value : p.d) value = random.uniform();
  for (std::int64_t i = 0; self && i < n; ++i) {
    p.d[p.at(i, i)] = 0;
    for (std::int64_t j = 0; j < i; ++j) p.d[p.at(j, i)] = p.d[p.at(i, j)];
  }
  const std::int64_t smallest = std::min(p.n, p.m) - (self ? 1 : 0);
  p.near = std::min<std::int64_t>(10, std::max<std::int64_t>(smallest, 1));
  p.near_rows = nearest_of(p, false);
  if (!self) p.near_cols = nearest_of(p, true);
  return p;
}

// The quadruples as the header documents them.
inline std::vector<Quad> replay(const QuadProblem& p) {
  std::vector<Quad> quads;
  const auto bits = [&](std::uint64_t index) {
    return random_block(p.options.seed, RandomStream::quadruples,
                        static_cast<std::uint32_t>(p.step), index);
  };
  const auto n = static_cast<std::uint32_t>(p.n);
  const auto m = static_cast<std::uint32_t>(p.m);
  if (p.options.draw == QuadDraw::all) {
    for (std::int64_t t = 0; t < p.options.count; ++t) {
      const auto w = bits(static_cast<std::uint64_t>(t));
      const std::uint32_t i = quad_below(w[0], n), k = quad_below(w[2], n);
      quads.push_back({{i, p.self ? quad_below_skip(w[1], m, i) : quad_below(w[1], m)},
                       {k, p.self ? quad_below_skip(w[3], m, k) : quad_below(w[3], m)}});
    }
    return quads;
  }
  const std::int64_t queries = p.self ? p.n : p.n + p.m;
  for (std::int64_t number = 0; number < p.options.count; ++number) {
    const std::int64_t q = number % queries, t = number / queries;
    const auto w = bits(quad_query_block(q, t));
    const std::uint32_t place =
        quad_below(w[static_cast<std::size_t>(t % 2 * 2)], static_cast<std::uint32_t>(p.near));
    const std::uint32_t other = w[static_cast<std::size_t>(t % 2 * 2 + 1)];
    if (q < p.n) {
      const std::int64_t c =
          p.self ? quad_below_skip(other, m, static_cast<std::uint32_t>(q)) : quad_below(other, m);
      quads.push_back({{q, p.near_rows[static_cast<std::size_t>(q * p.near + place)]}, {q, c}});
    } else {
      const std::int64_t j = q - p.n;
      quads.push_back({{p.near_cols[static_cast<std::size_t>(j * p.near + place)], j},
                       {quad_below(other, n), j}});
    }
  }
  return quads;
}

template <class T>
struct QuadResult {
  double loss = 0;
  std::vector<T> grad_x, grad_y;
  std::int64_t kinks = 0;  // quadruples too near to a kink to compare
};

template <class T>
T target_of(const QuadProblem& p, const TwoRows& pair) {
  if (!p.d.empty()) return p.d[p.at(pair.i, pair.j)];
  const float* a = &p.rows_x[static_cast<std::size_t>(pair.i * p.row_dim)];
  const float* b = &(p.self ? p.rows_x : p.rows_y)[static_cast<std::size_t>(pair.j * p.row_dim)];
  T squares = 0, ab = 0, aa = 0, bb = 0;
  for (std::int64_t k = 0; k < p.row_dim; ++k) {
    const T u = a[k], v = b[k];
    squares += (u - v) * (u - v);
    ab += u * v;
    aa += u * u;
    bb += v * v;
  }
  return p.metric == Metric::cosine ? 1 - ab / std::sqrt(aa * bb) : squares;
}

// One quadruple after the other, as the header writes the loss.
template <class T>
QuadResult<T> plain(const QuadProblem& p, const std::vector<T>& x, const std::vector<T>& y) {
  QuadResult<T> result;
  result.grad_x.resize(x.size());
  result.grad_y.resize(y.size());
  const auto row = [&](auto& v, std::int64_t i) { return &v[static_cast<std::size_t>(i * p.dim)]; };
  const auto length = [&](const TwoRows& pair) {
    T sum = 0;
    for (std::int64_t k = 0; k < p.dim; ++k) {
      const T v = row(x, pair.i)[k] - row(y, pair.j)[k];
      sum += v * v;
    }
    return std::sqrt(sum);
  };
  const T factor = static_cast<T>(p.options.weight) / static_cast<T>(p.options.count);
  const auto push = [&](const TwoRows& pair, T e, T sign) {
    if (e == 0) return;
    for (std::int64_t k = 0; k < p.dim; ++k) {
      const T g = sign * factor * (row(x, pair.i)[k] - row(y, pair.j)[k]) / e;
      row(result.grad_x, pair.i)[k] += g;
      row(p.self ? result.grad_x : result.grad_y, pair.j)[k] -= g;
    }
  };
  T sum = 0;
  for (Quad quad : replay(p)) {
    const T d_first = target_of<T>(p, quad.first), d_second = target_of<T>(p, quad.second);
    // The same two rows twice, or within one set in the other order.
    const bool same = (quad.first.i == quad.second.i && quad.first.j == quad.second.j) ||
                      (p.self && quad.first.i == quad.second.j && quad.first.j == quad.second.i);
    const bool close = std::fabs(d_first - d_second) < T(1e-6) * (d_first + d_second);
    if (p.d.empty() && !same && close) ++result.kinks;
    if (same || d_first == d_second) continue;
    if (d_first > d_second) std::swap(quad.first, quad.second);
    const T e_near = length(quad.first), e_far = length(quad.second);
    const T hinge = static_cast<T>(p.options.margin) + e_near - e_far;
    if (hinge != 0 && std::fabs(hinge) < T(5e-7) * (e_near + e_far)) ++result.kinks;
    if (!(hinge > 0)) continue;
    sum += hinge;
    push(quad.first, e_near, T(1));
    push(quad.second, e_far, T(-1));
  }
  result.loss = static_cast<double>(factor * sum);
  return result;
}
template <class T>
QuadResult<T> plain(const QuadProblem& p) {
  return plain<T>(p, converted<T>(p.x), converted<T>(p.y));
}

// The operation in T on a device, with strides and sentinels.
template <class T>
QuadResult<T> compute(Context& context, const QuadProblem& p) {
  Guarded<T> x(context, p.n, p.dim, converted<T>(p.x), 3);
  Guarded<T> y(context, p.m, p.dim, converted<T>(p.y), 1);
  Guarded<T> grad_x(context, p.n, p.dim, std::vector<T>(p.x.size()), 2);
  Guarded<T> grad_y(context, p.m, p.dim, std::vector<T>(p.y.size()), 5);
  Guarded<std::uint64_t> step(context, 1, 1, std::vector<std::uint64_t>{p.step});
  Guarded<double> loss(context, 1, 1, std::vector<double>{0.0});
  const std::int64_t d_rows = p.d.empty() ? 0 : p.n;
  Guarded<T> d(context, d_rows, p.m, converted<T>(p.d), 2);
  Guarded<T> rows_x(context, p.rows_x.empty() ? 0 : p.n, p.row_dim, converted<T>(p.rows_x), 1);
  Guarded<T> rows_y(context, p.rows_y.empty() ? 0 : p.m, p.row_dim, converted<T>(p.rows_y), 1);
  BasicTargetDistances<T> target;
  target.metric = p.metric;
  if (p.d.empty()) {
    target.rows_x = rows_x.view();
    if (!p.self) target.rows_y = rows_y.view();
  } else {
    target.distances = d.view();
  }
  const bool lists = p.options.draw == QuadDraw::query;
  Guarded<std::int32_t> near_rows(context, lists ? p.n : 0, p.near,
                                  lists ? p.near_rows : std::vector<std::int32_t>(), 1);
  Guarded<std::int32_t> near_cols(context, lists && !p.self ? p.m : 0, p.near,
                                  lists ? p.near_cols : std::vector<std::int32_t>(), 2);
  QuadNeighbors neighbors;
  if (lists) neighbors.of_rows = near_rows.view();
  if (lists && !p.self) neighbors.of_cols = near_cols.view();
  if (p.self) {
    quad_hinge_loss(context, x.view(), target, neighbors, p.options, step.flat(), loss.flat(),
                    grad_x.view());
  } else {
    quad_hinge_loss(context, x.view(), y.view(), target, neighbors, p.options, step.flat(),
                    loss.flat(), grad_x.view(), grad_y.view());
  }
  return {loss.values()[0], grad_x.values(), grad_y.values(), 0};
}

inline std::string describe(const QuadProblem& p) {
  return "n " + std::to_string(p.n) + " m " + std::to_string(p.m) + " dim " +
         std::to_string(p.dim) + (p.self ? " self" : " cross") +
         (p.options.draw == QuadDraw::query ? " query" : " all") +
         (p.options.form == QuadForm::dense ? " dense" : " gather") + " count " +
         std::to_string(p.options.count);
}

inline constexpr QuadDraw kQuadDraws[] = {QuadDraw::query, QuadDraw::all};
inline constexpr QuadForm kQuadForms[] = {QuadForm::dense, QuadForm::gather};

}  // namespace clipk::test
