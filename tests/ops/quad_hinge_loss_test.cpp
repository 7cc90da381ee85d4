#include "clipk/ops/quad_hinge_loss.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <string>

#include "clipk/core/random.hpp"
#include "support/arrays.hpp"
#include "support/central_difference.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"
#include "backends/quad_draw.hpp"

namespace clipk::test {
namespace {

struct Pair {
  std::int64_t i, j;
};
struct Quad {
  Pair first, second;
};

// A block of codes with its target. Distances d are random; the codes know nothing of them.
struct Problem {
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
std::vector<std::int32_t> nearest_of(const Problem& p, bool columns) {
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

Problem make_problem(std::int64_t n, std::int64_t m, std::int64_t dim, bool self,
                     const QuadHingeOptions& options) {
  Problem p;
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
std::vector<Quad> replay(const Problem& p) {
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
struct Result {
  double loss = 0;
  std::vector<T> grad_x, grad_y;
  std::int64_t kinks = 0;  // quadruples too near to a kink to compare
};

template <class T>
T target_of(const Problem& p, const Pair& pair) {
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
Result<T> plain(const Problem& p, const std::vector<T>& x, const std::vector<T>& y) {
  Result<T> result;
  result.grad_x.resize(x.size());
  result.grad_y.resize(y.size());
  const auto row = [&](auto& v, std::int64_t i) { return &v[static_cast<std::size_t>(i * p.dim)]; };
  const auto length = [&](const Pair& pair) {
    T sum = 0;
    for (std::int64_t k = 0; k < p.dim; ++k) {
      const T v = row(x, pair.i)[k] - row(y, pair.j)[k];
      sum += v * v;
    }
    return std::sqrt(sum);
  };
  const T factor = static_cast<T>(p.options.weight) / static_cast<T>(p.options.count);
  const auto push = [&](const Pair& pair, T e, T sign) {
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
    // A pair against itself, or within one set against its mirror image.
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
Result<T> plain(const Problem& p) {
  return plain<T>(p, converted<T>(p.x), converted<T>(p.y));
}

// The operation in T on a device, with strides and sentinels.
template <class T>
Result<T> compute(Context& context, const Problem& p) {
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

std::string describe(const Problem& p) {
  return "n " + std::to_string(p.n) + " m " + std::to_string(p.m) + " dim " +
         std::to_string(p.dim) + (p.self ? " self" : " cross") +
         (p.options.draw == QuadDraw::query ? " query" : " all") +
         (p.options.form == QuadForm::dense ? " dense" : " gather") + " count " +
         std::to_string(p.options.count);
}

void expect_like_plain(Context& context, const Problem& p) {
  SCOPED_TRACE(describe(p));
  const Result<double> reference = plain<double>(p);
  const Result<float> loop = plain<float>(p);
  ASSERT_EQ(reference.kinks, 0) << "choose another seed";
  const Result<float> actual = compute<float>(context, p);
  // A hinge is a difference of distances, and rounds as they do.
  const double distance = std::sqrt(2 * static_cast<double>(p.dim));
  EXPECT_NEAR(actual.loss, reference.loss, 3e-7 * static_cast<double>(p.options.weight) * distance);
  expect_as_good_as(actual.grad_x, loop.grad_x, reference.grad_x, "grad_x");
  expect_as_good_as(actual.grad_y, loop.grad_y, reference.grad_y, "grad_y");
}

constexpr QuadDraw kDraws[] = {QuadDraw::query, QuadDraw::all};
constexpr QuadForm kForms[] = {QuadForm::dense, QuadForm::gather};

class QuadHingeLoss : public DeviceTest {};

TEST_P(QuadHingeLoss, FollowsThePlainLoop) {
  struct Size {
    std::int64_t n, m, dim, count;
  };
  for (const Size& size :
       {Size{1, 2, 1, 7}, Size{2, 1, 2, 5}, Size{2, 2, 3, 1}, Size{17, 2, 17, 100},
        Size{17, 31, 64, 1021}, Size{113, 57, 33, 3000}, Size{257, 113, 16, 2},
        Size{40, 257, 128, 9000}, Size{1021, 33, 5, 1500}}) {
    if (simt() && size.n * size.m > 7000) continue;
    for (const QuadDraw draw : kDraws) {
      for (const QuadForm form : kForms) {
        for (const bool self : {false, true}) {
          if (self && size.n < 2) continue;
          expect_like_plain(context(), make_problem(size.n, size.m, size.dim, self,
                                                    {.count = size.count,
                                                     .margin = 0.3F,
                                                     .weight = 1.5F,
                                                     .draw = draw,
                                                     .form = form,
                                                     .seed = 5}));
        }
      }
    }
  }
}

TEST_P(QuadHingeLoss, ManyRows) {
  if (simt()) GTEST_SKIP() << "capacity only";
  for (const QuadDraw draw : kDraws) {
    for (const QuadForm form : kForms) {
      expect_like_plain(
          context(),
          make_problem(70000, 3, 2, false,
                       {.count = 1000, .margin = 0.1F, .draw = draw, .form = form, .seed = 8}));
    }
  }
}

// More quadruples than one slot, one batch or one tile takes.
TEST_P(QuadHingeLoss, ManyQuadruples) {
  if (simt()) GTEST_SKIP() << "capacity only";
  for (const QuadDraw draw : kDraws) {
    for (const bool self : {false, true}) {
      Problem p = make_problem(300, 260, 24, self,
                               {.count = 400'003, .margin = 0.2F, .draw = draw, .seed = 21});
      const Result<double> reference = plain<double>(p);
      const double largest = largest_of(reference.grad_x);
      for (const QuadForm form : kForms) {
        p.options.form = form;
        SCOPED_TRACE(describe(p));
        const Result<float> actual = compute<float>(context(), p);
        // A quadruple at its kink may fall on either side: one unit vector in each of four rows.
        const double allowed = 2e-6 * largest + static_cast<double>(reference.kinks) / 400'003.0;
        EXPECT_NEAR(actual.loss, reference.loss, 3e-6 * reference.loss);
        EXPECT_LE(max_error(actual.grad_x, reference.grad_x), allowed);
        EXPECT_LE(max_error(actual.grad_y, reference.grad_y), allowed);
      }
    }
  }
}

TEST_P(QuadHingeLoss, TargetFromRows) {
  for (const Metric metric : {Metric::squared_euclidean, Metric::euclidean, Metric::cosine}) {
    for (const QuadDraw draw : kDraws) {
      for (const QuadForm form : kForms) {
        for (const bool self : {false, true}) {
          Problem p = make_problem(simt() ? 9 : 61, simt() ? 13 : 43, 8, self,
                                   {.count = simt() ? 100 : 700,
                                    .margin = 0.1F,
                                    .draw = draw,
                                    .form = form,
                                    .seed = 32});
          p.d.clear();
          p.metric = metric;
          p.row_dim = 37;
          p.rows_x = normals(p.n * p.row_dim, 14);
          if (!self) p.rows_y = normals(p.m * p.row_dim, 15);
          expect_like_plain(context(), p);
        }
      }
    }
  }
}

// Equal d count nothing; equal codes have no gradient but a hinge.
TEST_P(QuadHingeLoss, TiesAndDuplicates) {
  for (const QuadDraw draw : kDraws) {
    for (const QuadForm form : kForms) {
      for (const bool self : {false, true}) {
        for (const float margin : {0.F, 0.25F}) {
          Problem p = make_problem(
              19, 23, 6, self,
              {.count = 600, .margin = margin, .draw = draw, .form = form, .seed = 41});
          for (float& d : p.d) d = std::floor(d * 4);
          for (std::int64_t i = 0; i < p.n; ++i) {
            for (std::int64_t k = 0; k < p.dim; ++k) {
              // Few distinct rows, far from the origin: the expanded form would cancel.
              p.x[static_cast<std::size_t>(i * p.dim + k)] =
                  8 + p.y[static_cast<std::size_t>(i % 5 * p.dim + k)];
            }
          }
          for (std::int64_t j = 0; j < p.m; ++j) {
            for (std::int64_t k = 0; k < p.dim; ++k) {
              p.y[static_cast<std::size_t>(j * p.dim + k)] =
                  p.x[static_cast<std::size_t>(j % 7 * p.dim + k)];
            }
          }
          if (self) p.y = p.x;
          expect_like_plain(context(), p);
        }
      }
    }
  }
}

// Pairs a thousandth of their length apart, whose products cancel and whose coefficients are large.
TEST_P(QuadHingeLoss, NearTwins) {
  for (const QuadForm form : kForms) {
    for (const bool self : {false, true}) {
      Problem p =
          make_problem(21, 23, 8, self, {.count = 500, .margin = 0.25F, .form = form, .seed = 43});
      const std::vector<float> shift = normals(p.n * p.dim, 19, 1e-3);
      for (std::int64_t i = 0; i < p.n; ++i) {
        for (std::int64_t k = 0; k < p.dim; ++k) {
          const auto at = static_cast<std::size_t>(i * p.dim + k);
          p.x[at] = p.y[static_cast<std::size_t>(i % 6 * p.dim + k)] + shift[at];
        }
      }
      if (self) p.y = p.x;
      expect_like_plain(context(), p);
    }
  }
}

TEST_P(QuadHingeLoss, AddsToItsOutputsAndLeavesOutEmptyOnes) {
  for (const QuadForm form : kForms) {
    const Problem p =
        make_problem(12, 9, 4, false, {.count = 200, .margin = 0.5F, .form = form, .seed = 2});
    const Result<float> once = compute<float>(context(), p);
    Guarded<float> x(context(), p.n, p.dim, p.x), y(context(), p.m, p.dim, p.y);
    Guarded<float> d(context(), p.n, p.m, p.d);
    Guarded<std::int32_t> rows(context(), p.n, p.near, p.near_rows);
    Guarded<std::int32_t> cols(context(), p.m, p.near, p.near_cols);
    Guarded<std::uint64_t> step(context(), 1, 1, std::vector<std::uint64_t>{p.step});
    Guarded<double> loss(context(), 1, 1, std::vector<double>{7.0});
    Guarded<float> grad_y(context(), p.m, p.dim, std::vector<float>(p.y.size(), 2.F));
    TargetDistances target;
    target.distances = d.view();
    quad_hinge_loss(context(), x.view(), y.view(), target, {rows.view(), cols.view()}, p.options,
                    step.flat(), loss.flat(), {}, grad_y.view());
    EXPECT_NEAR(loss.values()[0], 7 + once.loss, 1e-12);
    std::vector<float> expected = once.grad_y;
    for (float& g : expected) g += 2;
    EXPECT_LE(max_error(grad_y.values(), expected), 3e-7);
  }
}

TEST_P(QuadHingeLoss, TheStepIsReadFromTheDevice) {
  Problem p = make_problem(15, 14, 4, false, {.count = 300, .margin = 0.1F, .seed = 4});
  const Result<float> a = compute<float>(context(), p);
  p.step = 4;
  const Result<float> b = compute<float>(context(), p);
  EXPECT_GT(std::fabs(a.loss - b.loss), 0);
  expect_like_plain(context(), p);
}

TEST_P(QuadHingeLoss, SameBytesEveryTime) {
  for (const QuadDraw draw : kDraws) {
    for (const QuadForm form : kForms) {
      for (const bool self : {false, true}) {
        const Problem p = make_problem(simt() ? 21 : 211, simt() ? 18 : 180, 19, self,
                                       {.count = simt() ? 2000 : 300'000,
                                        .margin = 0.1F,
                                        .draw = draw,
                                        .form = form,
                                        .seed = 6});
        SCOPED_TRACE(describe(p));
        const Result<float> two = compute<float>(context(), p);
        std::vector<Result<float>> others = {compute<float>(context(), p)};
        if (on_cpu()) {
          for (const int threads : {1, 3}) {
            Context other = Context::cpu({.seed = 1, .threads = threads});
            others.push_back(compute<float>(other, p));
          }
        }
        for (const Result<float>& other : others) {
          EXPECT_EQ(std::memcmp(&two.loss, &other.loss, sizeof(double)), 0);
          EXPECT_EQ(std::memcmp(two.grad_x.data(), other.grad_x.data(), 4 * two.grad_x.size()), 0);
          EXPECT_EQ(std::memcmp(two.grad_y.data(), other.grad_y.data(), 4 * two.grad_y.size()), 0);
        }
      }
    }
  }
}

TEST_P(QuadHingeLoss, NaNShows) {
  for (const QuadDraw draw : kDraws) {
    for (const QuadForm form : kForms) {
      Problem p = make_problem(9, 8, 4, false, {.count = 400, .draw = draw, .form = form});
      p.x[5] = NAN;
      EXPECT_TRUE(std::isnan(compute<float>(context(), p).loss)) << describe(p);
    }
  }
}

TEST_P(QuadHingeLoss, NoAllocationOnceItHasRun) {
  for (const QuadForm form : kForms) {
    const Problem p = make_problem(30, 25, 8, false, {.count = 500, .form = form, .seed = 6});
    compute<float>(context(), p);
    compute<float>(context(), p);  // chunks of scratch have been merged into one
    const std::int64_t allocations = context().scratch().allocations();
    compute<float>(context(), p);
    EXPECT_EQ(context().scratch().allocations(), allocations);
  }
}

// Products in lower precision: distances are off by their rounding, and quadruples within that of
// their kink may change sides.
TEST_P(QuadHingeLoss, TensorCores) {
  if (on_cpu()) GTEST_SKIP() << "the CPU computes in float32";
  for (const QuadDraw draw : kDraws) {
    const Problem p = make_problem(
        33, 47, 24, false,
        {.count = 1000, .margin = 0.2F, .draw = draw, .form = QuadForm::dense, .seed = 9});
    const Result<double> reference = plain<double>(p);
    const double largest = largest_of(reference.grad_x);
    for (const Precision precision : {Precision::tf32, Precision::bf16}) {
      Context other = Context::cuda({.seed = 1, .precision = precision});
      const Result<float> actual = compute<float>(other, p);
      const double rounding = precision == Precision::tf32 ? 0x1p-10 : 0x1p-7;
      EXPECT_NEAR(actual.loss, reference.loss, 2 * rounding * std::sqrt(2.0 * 24));
      EXPECT_GT(std::fabs(actual.loss - compute<float>(context(), p).loss), 0)
          << "not in lower precision";
      const double allowed = 8 * rounding * largest + (precision == Precision::tf32 ? 2e-3 : 6e-3);
      EXPECT_LE(max_error(actual.grad_x, reference.grad_x), allowed);
      EXPECT_LE(max_error(actual.grad_y, reference.grad_y), allowed);
    }
  }
}

TEST_P(QuadHingeLoss, BadInput) {
  Problem p = make_problem(6, 5, 3, false, {.count = 10, .seed = 2});
  Guarded<float> x(context(), 6, 3, p.x), y(context(), 5, 3, p.y), d(context(), 6, 5, p.d);
  Guarded<std::int32_t> rows(context(), 6, p.near, p.near_rows);
  Guarded<std::int32_t> cols(context(), 5, p.near, p.near_cols);
  Guarded<std::uint64_t> step(context(), 1, 1, std::vector<std::uint64_t>{0});
  Guarded<double> loss(context(), 1, 1, std::vector<double>{0.0});
  Guarded<float> grad_x(context(), 6, 3, p.x), grad_y(context(), 5, 3, p.y);
  TargetDistances target;
  target.distances = d.view();
  QuadNeighbors neighbors{rows.view(), cols.view()};
  QuadHingeOptions options = p.options;
  MatrixView<const float> vx = x.view(), vy = y.view();
  const auto message = [&] {
    return error_of([&] {
      quad_hinge_loss(context(), vx, vy, target, neighbors, options, step.flat(), loss.flat(),
                      grad_x.view(), grad_y.view());
    });
  };
  EXPECT_EQ(message(), "no error");
  options.count = 0;
  EXPECT_EQ(message(), "quad_hinge_loss: expected at least 1 quadruple, got 0");
  options.count = 10;
  vy = y.view().col_range(0, 2);
  EXPECT_EQ(message(), "quad_hinge_loss: expected y of shape [5, 3], got [5, 2]");
  vy = y.view();
  target.distances = d.view().row_range(0, 4);
  EXPECT_EQ(message(), "quad_hinge_loss: expected target distances of shape [6, 5], got [4, 5]");
  target.distances = {};
  EXPECT_EQ(message(),
            "quad_hinge_loss: expected target distances, or rows of at least 1 column, got [0, 0]");
  target.distances = d.view();
  neighbors.of_rows = {};
  EXPECT_EQ(message(),
            "quad_hinge_loss: expected neighbors of_rows with at least 1 column for a draw by "
            "query, got [0, 0]");
  options.draw = QuadDraw::all;
  EXPECT_EQ(message(), "no error");
  vx = x.view().row_range(0, 1);
  vy = y.view().row_range(0, 1);
  EXPECT_EQ(message(), "quad_hinge_loss: expected a block of at least 2 pairs, got [1, 1]");
  if (!on_cpu()) return;
  p.near_cols[7] = 6;
  Guarded<std::int32_t> wrong(context(), 5, p.near, p.near_cols);
  vx = x.view();
  vy = y.view();
  options.draw = QuadDraw::query;
  neighbors = {rows.view(), wrong.view()};
  EXPECT_EQ(message(), "quad_hinge_loss: expected neighbors of_cols in [0, 6), got 6 in row 1");
  neighbors = {rows.view(), cols.view()};
  options.count = 1000;
  std::vector<float> with_zero = p.x;
  std::fill_n(with_zero.begin() + 3, 3, 0.F);
  Guarded<float> zero_row(context(), 6, 3, with_zero);
  target.distances = {};
  target.metric = Metric::cosine;
  target.rows_x = zero_row.view();
  target.rows_y = y.view();
  for (const QuadForm form : kForms) {
    options.form = form;
    EXPECT_HAS(message(), "with a length above");
  }
}

CLIPK_INSTANTIATE_DEVICE_TEST(QuadHingeLoss);

// Against central differences in double. A quadruple whose hinge is within the step of its kink
// would spoil them: the seeds are such that there is none.
TEST(QuadHingeLossGradient, CentralDifferences) {
  Context context = Context::cpu({.threads = 2});
  for (const QuadDraw draw : kDraws) {
    for (const QuadForm form : kForms) {
      for (const bool self : {false, true}) {
        const Problem p = make_problem(
            11, 9, 5, self,
            {.count = 300, .margin = 0.4F, .weight = 2, .draw = draw, .form = form, .seed = 17});
        SCOPED_TRACE(describe(p));
        ASSERT_EQ(plain<double>(p).kinks, 0);
        const Result<double> result = compute<double>(context, p);
        std::vector<double> x = converted<double>(p.x), y = converted<double>(p.y);
        const auto loss = [&] { return plain<double>(p, x, self ? x : y).loss; };
        EXPECT_NEAR(result.loss, plain<double>(p).loss, 1e-13);
        expect_central_differences(loss, x, result.grad_x, 1e-6, 1e-8);
        if (!self) expect_central_differences(loss, y, result.grad_y, 1e-6, 1e-8);
      }
    }
  }
}

// Pearson's statistic of counts that should be equal, less its mean, in standard deviations.
double excess(const std::vector<std::int64_t>& counts) {
  const double total = static_cast<double>(std::accumulate(counts.begin(), counts.end(), 0LL));
  const double cells = static_cast<double>(counts.size());
  double statistic = 0;
  for (const std::int64_t count : counts) {
    const double off = static_cast<double>(count) - total / cells;
    statistic += off * off * cells / total;
  }
  return (statistic - (cells - 1)) / std::sqrt(2 * (cells - 1));
}

TEST(QuadDraws, AreUniformAndUseTheLists) {
  for (const bool self : {false, true}) {
    Problem p = make_problem(23, 19, 1, self, {.count = 200'000, .seed = 77});
    const auto cell = [&](const Pair& pair) {
      const std::int64_t j = pair.j - (self && pair.j > pair.i ? 1 : 0);
      return static_cast<std::size_t>(pair.i * (p.m - (self ? 1 : 0)) + j);
    };
    const auto cells = static_cast<std::size_t>(p.n * (p.m - (self ? 1 : 0)));
    p.options.draw = QuadDraw::all;
    std::vector<std::int64_t> first(cells), second(cells);
    for (const Quad& quad : replay(p)) {
      ++first[cell(quad.first)];
      ++second[cell(quad.second)];
      ASSERT_TRUE(!self || (quad.first.i != quad.first.j && quad.second.i != quad.second.j));
    }
    EXPECT_LT(std::fabs(excess(first)), 4);
    EXPECT_LT(std::fabs(excess(second)), 4);

    p.options.draw = QuadDraw::query;
    std::vector<std::int64_t> places(static_cast<std::size_t>(p.n * p.near)), others(cells);
    std::int64_t number = 0;
    for (const Quad& quad : replay(p)) {
      if (number++ % (self ? p.n : p.n + p.m) >= p.n) {
        ASSERT_EQ(quad.first.j, quad.second.j);
        continue;
      }
      ASSERT_EQ(quad.first.i, quad.second.i);
      const auto list = p.near_rows.begin() + quad.first.i * p.near;
      const auto found = std::find(list, list + p.near, quad.first.j);
      ASSERT_NE(found, list + p.near);
      ++places[static_cast<std::size_t>(found - p.near_rows.begin())];
      ++others[cell(quad.second)];
    }
    EXPECT_LT(std::fabs(excess(places)), 4);
    EXPECT_LT(std::fabs(excess(others)), 4);
  }
}

}  // namespace
}  // namespace clipk::test
