#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "clipk/ops/full_quad_hinge_loss.hpp"
#include "support/quad_problem.hpp"

// A QuadProblem whose quadruples are all taken, none drawn: of its options draw, margin and weight
// count. `near` 0: every pair of a query.
namespace clipk::test {

inline QuadProblem make_full_problem(std::int64_t n, std::int64_t m, std::int64_t dim, bool self,
                                     QuadDraw draw, std::int64_t near, float margin) {
  QuadProblem p = make_problem(n, m, dim, self, {.margin = margin, .weight = 1.5F, .draw = draw});
  p.near = near;
  return p;
}

/// The groups whose distances are compared with each other, the nearest first.
template <class T>
std::vector<std::vector<TwoRows>> groups_of(const QuadProblem& p) {
  std::vector<std::vector<TwoRows>> groups;
  if (p.options.draw == QuadDraw::all) {
    groups.emplace_back();
    for (std::int64_t i = 0; i < p.n; ++i) {
      for (std::int64_t j = p.self ? i + 1 : 0; j < p.m; ++j) groups[0].push_back({i, j});
    }
  } else {
    for (std::int64_t i = 0; i < p.n; ++i) {
      groups.emplace_back();
      for (std::int64_t j = 0; j < p.m; ++j) {
        if (!p.self || i != j) groups.back().push_back({i, j});
      }
    }
    for (std::int64_t j = 0; j < p.m && !p.self; ++j) {
      groups.emplace_back();
      for (std::int64_t i = 0; i < p.n; ++i) groups.back().push_back({i, j});
    }
  }
  for (auto& group : groups) {
    std::stable_sort(group.begin(), group.end(), [&](const TwoRows& a, const TwoRows& b) {
      return target_of<T>(p, a) < target_of<T>(p, b);
    });
  }
  return groups;
}

/// Every quadruple, the smaller distance first.
template <class T>
std::vector<Quad> all_quads(const QuadProblem& p) {
  std::vector<Quad> quads;
  for (const auto& group : groups_of<T>(p)) {
    const std::size_t nearer =
        p.near == 0 ? group.size() : std::min(group.size(), static_cast<std::size_t>(p.near));
    for (std::size_t a = 0; a < nearer; ++a) {
      for (std::size_t b = a + 1; b < group.size(); ++b) {
        if (target_of<T>(p, group[a]) < target_of<T>(p, group[b])) {
          quads.push_back({group[a], group[b]});
        }
      }
    }
  }
  return quads;
}

/// The definition: one quadruple after the other. `count` of the problem is ignored.
template <class T>
QuadResult<T> plain_full(const QuadProblem& p, const std::vector<T>& x, const std::vector<T>& y) {
  QuadResult<T> result;
  result.grad_x.resize(x.size());
  result.grad_y.resize(y.size());
  const auto row = [&](auto& v, std::int64_t i) { return &v[static_cast<std::size_t>(i * p.dim)]; };
  std::vector<T> lengths(static_cast<std::size_t>(p.n * p.m));
  for (std::int64_t i = 0; i < p.n; ++i) {
    for (std::int64_t j = 0; j < p.m; ++j) {
      T sum = 0;
      for (std::int64_t k = 0; k < p.dim; ++k) {
        const T v = row(x, i)[k] - row(y, j)[k];
        sum += v * v;
      }
      lengths[p.at(i, j)] = std::sqrt(sum);
    }
  }
  const std::vector<Quad> quads = all_quads<T>(p);
  if (quads.empty()) return result;
  const T factor = static_cast<T>(p.options.weight) / static_cast<T>(quads.size());
  const auto push = [&](const TwoRows& pair, T e, T sign) {
    if (e == 0) return;
    for (std::int64_t k = 0; k < p.dim; ++k) {
      const T g = sign * factor * (row(x, pair.i)[k] - row(y, pair.j)[k]) / e;
      row(result.grad_x, pair.i)[k] += g;
      row(p.self ? result.grad_x : result.grad_y, pair.j)[k] -= g;
    }
  };
  T sum = 0;
  for (const Quad& quad : quads) {
    const T e_near = lengths[p.at(quad.first.i, quad.first.j)];
    const T e_far = lengths[p.at(quad.second.i, quad.second.j)];
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
QuadResult<T> plain_full(const QuadProblem& p) {
  return plain_full<T>(p, converted<T>(p.x), converted<T>(p.y));
}

/// The order of the problem's target on a device, by strided arrays.
template <class T>
QuadOrder order_of(Context& context, const QuadProblem& p) {
  Guarded<T> d(context, p.d.empty() ? 0 : p.n, p.m, converted<T>(p.d), 2);
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
  return quad_order(context, target, {.draw = p.options.draw, .one_set = p.self, .near = p.near});
}

/// The operation in T on a device, with strides and sentinels.
template <class T>
QuadResult<T> compute_full(Context& context, const QuadProblem& p, const QuadOrder& order) {
  Guarded<T> x(context, p.n, p.dim, converted<T>(p.x), 3);
  Guarded<T> y(context, p.m, p.dim, converted<T>(p.y), 1);
  Guarded<T> grad_x(context, p.n, p.dim, std::vector<T>(p.x.size()), 2);
  Guarded<T> grad_y(context, p.m, p.dim, std::vector<T>(p.y.size()), 5);
  Guarded<double> loss(context, 1, 1, std::vector<double>{0.0});
  const FullQuadHingeOptions options{.margin = p.options.margin, .weight = p.options.weight};
  if (p.self) {
    full_quad_hinge_loss(context, x.view(), order, options, loss.flat(), grad_x.view());
  } else {
    full_quad_hinge_loss(context, x.view(), y.view(), order, options, loss.flat(), grad_x.view(),
                         grad_y.view());
  }
  return {loss.values()[0], grad_x.values(), grad_y.values(), 0};
}
template <class T>
QuadResult<T> compute_full(Context& context, const QuadProblem& p) {
  return compute_full<T>(context, p, order_of<T>(context, p));
}

inline std::string describe_full(const QuadProblem& p) {
  return "n " + std::to_string(p.n) + " m " + std::to_string(p.m) + " dim " +
         std::to_string(p.dim) + (p.self ? " self" : " cross") +
         (p.options.draw == QuadDraw::query ? " query" : " all") + " near " +
         std::to_string(p.near) + " margin " + std::to_string(p.options.margin);
}

}  // namespace clipk::test
