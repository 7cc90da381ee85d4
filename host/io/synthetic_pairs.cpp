#include "clipk/io/synthetic_pairs.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "clipk/core/error.hpp"
#include "clipk/core/random.hpp"
#include "core/math/math.hpp"

namespace clipk {
namespace {

// Values of COCO-500: lengths and cosine of the means, and the variances about them.
constexpr double kImageMean = .7297;
constexpr double kTextMean = .7184;
constexpr double kMeanCosine = .3088;

struct Profile {
  double total, a, b, c;
};
constexpr Profile kCommon{.148, 1.35, 1.4, 80};
constexpr Profile kOwn{.320, .75, .75, 85};

using Vector = std::vector<double>;

std::vector<double> deviations(const Profile& profile, std::int64_t dim) {
  Vector result(static_cast<std::size_t>(dim));
  double sum = 0;
  for (std::size_t k = 0; k < result.size(); ++k) {
    const auto at = static_cast<double>(k);
    result[k] = math::pow(at + profile.a, -profile.b) * math::exp(-at / profile.c);
    sum += result[k];
  }
  for (double& value : result) value = std::sqrt(profile.total * value / sum);
  return result;
}

double dot(const double* a, const double* b, std::int64_t n) {
  double sums[8] = {};  // in a fixed order that vectorises
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (std::int64_t k = 0; k < 8; ++k) sums[k] += a[i + k] * b[i + k];
  }
  for (; i < n; ++i) sums[0] += a[i] * b[i];
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

// The rows are a random orthonormal basis (Gram-Schmidt, modified, of a normal matrix) that begins
// with the rows of `first`.
Vector random_basis(std::int64_t dim, Random random, const Vector& first = {}) {
  Vector basis(static_cast<std::size_t>(dim * dim));
  for (double& value : basis) value = random.normal();
  std::copy(first.begin(), first.end(), basis.begin());
  for (std::int64_t i = static_cast<std::int64_t>(first.size()) / dim; i < dim; ++i) {
    double* row = basis.data() + i * dim;
    for (std::int64_t k = 0; k < i; ++k) {
      const double* other = basis.data() + k * dim;
      const double along = dot(row, other, dim);
      for (std::int64_t j = 0; j < dim; ++j) row[j] -= along * other[j];
    }
    const double scale = 1 / std::sqrt(dot(row, row, dim));
    for (std::int64_t j = 0; j < dim; ++j) row[j] *= scale;
  }
  return basis;
}

// row += sum over k of deviation_k * normal_k * direction_k, the directions being the last rows of
// the basis.
void add_normal(Vector& row, const Vector& deviation, const Vector& basis, Random& random) {
  const double* direction = basis.data() + (row.size() - deviation.size()) * row.size();
  for (const double scale : deviation) {
    const double weight = scale * random.normal();
    for (std::size_t j = 0; j < row.size(); ++j) row[j] += weight * direction[j];
    direction += row.size();
  }
}

}  // namespace

EmbeddingPairs synthetic_pairs(const SyntheticPairsOptions& options) {
  const std::int64_t n = options.pairs;
  const std::int64_t dim = options.dim;
  if (n < 2) {
    throw Error("synthetic_pairs: expected at least 2 pairs, got " + std::to_string(n));
  }
  if (dim < 4 || dim > 65536) {
    throw Error("synthetic_pairs: expected a dimension from 4 to 65536, got " +
                std::to_string(dim));
  }
  enum : std::uint32_t {
    kCommonBasis,
    kImageBasis,
    kTextBasis,
    kCommonDraw,
    kImageDraw,
    kTextDraw
  };
  const auto random = [&](std::uint32_t part) {
    return Random(options.seed, RandomStream::synthetic_pairs, part);
  };
  const auto d = static_cast<std::size_t>(dim);
  const Vector common_basis = random_basis(dim, random(kCommonBasis));
  const Vector plane(common_basis.begin(), common_basis.begin() + 2 * dim);  // of the means
  const Vector image_basis = random_basis(dim, random(kImageBasis), plane);
  const Vector text_basis = random_basis(dim, random(kTextBasis), plane);
  const Vector common = deviations(kCommon, dim - 2);
  const Vector own = deviations(kOwn, dim - 2);
  Vector image_mean(d), text_mean(d);
  for (std::size_t j = 0; j < d; ++j) {
    image_mean[j] = kImageMean * plane[j];
    text_mean[j] = kTextMean * (kMeanCosine * plane[j] +
                                std::sqrt(1 - kMeanCosine * kMeanCosine) * plane[d + j]);
  }

  EmbeddingPairs pairs{Matrix<float>(n, dim), Matrix<float>(n, dim)};
  Random common_draw = random(kCommonDraw);
  Random image_draw = random(kImageDraw);
  Random text_draw = random(kTextDraw);
  Vector shared(d), image(d), text(d);
  for (std::int64_t i = 0; i < n; ++i) {
    std::fill(shared.begin(), shared.end(), 0);
    add_normal(shared, common, common_basis, common_draw);
    for (std::size_t j = 0; j < d; ++j) {
      image[j] = image_mean[j] + shared[j];
      text[j] = text_mean[j] + shared[j];
    }
    add_normal(image, own, image_basis, image_draw);
    add_normal(text, own, text_basis, text_draw);
    for (std::int64_t j = 0; j < dim; ++j) {
      pairs.images(i, j) = static_cast<float>(image[static_cast<std::size_t>(j)]);
      pairs.texts(i, j) = static_cast<float>(text[static_cast<std::size_t>(j)]);
    }
  }
  normalize_embeddings(pairs.images, "synthetic images");
  normalize_embeddings(pairs.texts, "synthetic texts");
  return pairs;
}

}  // namespace clipk
