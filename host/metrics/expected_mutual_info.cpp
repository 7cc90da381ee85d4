#include <algorithm>
#include <utility>

#include "clipk/metrics/clustering.hpp"
#include "core/math/double_double.hpp"
#include "core/math/math.hpp"

// The expected mutual information of random labelings with fixed cluster sizes,
//
//   E = sum over classes a and clusters b of  sum_x P(x) (x / n) log(x n / (a b)),
//
// with P(x) = C(a, x) C(n - a, b - x) / C(n, b), the hypergeometric distribution of their overlap.
//
// 1. Only sizes matter, so two sizes (a, b) are computed once, however many clusters have them. At
//    most sqrt(2 n) sizes are distinct; for singletons there is only one.
// 2. x P(x; n, a, b) = (a b / n) P(x - 1; n - 1, a - 1, b - 1), from x C(a, x) = a C(a - 1, x - 1)
//    and b C(n, b) = n C(n - 1, b - 1). Two sizes therefore contribute
//      (a b / n^2) L,   L = mean of log((X + 1) n / (a b)) over X hypergeometric (n-1, a-1, b-1),
//    and since the factors a b / n^2 add up to 1, an error below e in every L is below e in E.
// 3. P needs no factorials: weights w from the ratios of neighbours,
//      r(x) = w(x + 1) / w(x) = (a-1-x)(b-1-x) / ((x + 1)(n + 2 - a - b + x)),
//    with w = 1 at the mode, are proportional to P, and L = sum w log / sum w. With log-gamma,
//    whose values are of the size n log n, P would lose log10(n log n) digits.
// 4. Few x matter: r falls as x grows (its numerator falls, its denominator grows), so above the
//    mode w(x + i) <= w(x) r(x)^i, and all terms after x together weigh less than w(x) r / (1 - r);
//    below the mode the same holds for 1 / r. The sum stops where that is below 1e-22 (1 at the
//    mode): |log| is below log 2^62 < 43, so that the omitted part of L is below 1e-20. As the
//    standard deviation of X is below sqrt(a b / n), that takes about 20 sqrt(a b / n) terms.
namespace clipk {
namespace {

constexpr double kTail = 1e-22;

// Adds w and w log((x + 1) / mean) while x moves away from the mode by `step`.
// ratio(x) = w(x + step) / w(x).
template <class Ratio>
void add_side(std::int64_t x, std::int64_t step, std::int64_t last, double mean, Ratio ratio,
              double& weights, double& logs) {
  double w = 1;
  while (x != last) {
    const double r = ratio(x);
    w *= r;
    x += step;
    weights += w;
    logs += w * math::log(static_cast<double>(x + 1) / mean);
    if (w < kTail * (1 - r)) return;
  }
}

// L of step 2.
double mean_log(std::int64_t n, std::int64_t a, std::int64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * static_cast<Wide>(b);
  const double mean = static_cast<double>(product) / static_cast<double>(n);
  const std::int64_t low = std::max<std::int64_t>(0, a - n + b - 1);
  const std::int64_t high = std::min(a, b) - 1;
  const auto mode =
      std::clamp(static_cast<std::int64_t>(product / static_cast<Wide>(n + 1)), low, high);
  const auto ratio = [&](std::int64_t x) {
    return static_cast<double>(a - 1 - x) * static_cast<double>(b - 1 - x) /
           (static_cast<double>(x + 1) * static_cast<double>(n - a - b + 2 + x));
  };
  double up = 0, down = 0, weights = 1;
  const double middle = math::log(static_cast<double>(mode + 1) / mean);
  add_side(mode, 1, high, mean, ratio, weights, up);
  add_side(
      mode, -1, low, mean, [&](std::int64_t x) { return 1 / ratio(x - 1); }, weights, down);
  return (middle + up + down) / weights;
}

// Distinct values and how often each occurs.
std::vector<std::pair<std::int64_t, std::int64_t>> histogram(std::vector<std::int64_t> sizes) {
  std::sort(sizes.begin(), sizes.end());
  std::vector<std::pair<std::int64_t, std::int64_t>> result;
  for (const std::int64_t size : sizes) {
    if (result.empty() || result.back().first != size) result.emplace_back(size, 0);
    ++result.back().second;
  }
  return result;
}

}  // namespace

double expected_mutual_info(const Contingency& table) {
  const auto n = static_cast<double>(table.points);
  const auto rows = histogram(table.row_sums), cols = histogram(table.col_sums);
  DoubleDouble sum;
  for (const auto& [a, classes] : rows) {
    for (const auto& [b, clusters] : cols) {
      const double share = static_cast<double>(a) / n * static_cast<double>(classes) *
                           (static_cast<double>(b) / n * static_cast<double>(clusters));
      sum += exact_product(share, mean_log(table.points, a, b));
    }
  }
  return sum.value();
}

}  // namespace clipk
