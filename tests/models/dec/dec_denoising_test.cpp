// DEC whose k-means sees denoised codes.
#include <algorithm>
#include <string>

#include "clipk/core/random.hpp"
#include "clipk/models/dec.hpp"
#include "clipk/models/kmeans.hpp"
#include "support/arrays.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

Context cpu() {
  return Context::cpu({.seed = 1, .threads = 1});
}

// Clusters about one axis each, so wide that they meet.
Matrix<float> overlapping(std::int64_t n, std::int64_t k) {
  Matrix<float> rows(n, 10);
  Random random(5, RandomStream::data);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < rows.cols(); ++j) {
      rows(i, j) = static_cast<float>((j % k == i % k ? 1 : 0) + 0.5 * random.normal());
    }
  }
  return rows;
}

Autoencoder pretrained(Context& context, const Matrix<float>& rows) {
  AutoencoderOptions options;
  options.hidden = {24};
  options.code = 3;
  options.epochs = 5;
  options.batch = 64;
  options.optimizer = Optimizer::adam;
  options.rate = 3e-3;
  return Autoencoder::fit(context, rows, options);
}

DecOptions small(std::int64_t k) {
  DecOptions options;
  options.k = k;
  options.restarts = 4;
  return options;
}

bool same(const Matrix<float>& a, const Matrix<float>& b) {
  return std::equal(a.flat().begin(), a.flat().end(), b.flat().begin(), b.flat().end());
}

// k-means sees the codes denoised; the centres lie among the codes as they are.
TEST(DecDenoising, StartsFromClearerCodes) {
  Context context = cpu();
  const std::int64_t n = 400, k = 4;
  const Matrix<float> rows = overlapping(n, k);
  const Autoencoder ae = pretrained(context, rows);
  DecOptions options = small(k);
  options.max_steps = 0;
  const Dec plain = Dec::fit(context, rows, ae, options);
  options.denoising = {.neighbors = 9, .iterations = 5};
  const Dec dec = Dec::fit(context, rows, ae, options);

  const Matrix<float> codes = ae.encode(context, rows).to_host(context);
  const Matrix<float> clear = denoise_manifold(context, codes, options.denoising);
  const KMeans kmeans = KMeans::fit(context, clear, {.k = k, .restarts = options.restarts});
  EXPECT_EQ(dec.start_labels(), kmeans.labels());
  EXPECT_NE(dec.start_labels(), plain.start_labels());

  Matrix<double> means(k, codes.cols());
  std::vector<double> counts(k);
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int32_t c = kmeans.labels()[static_cast<std::size_t>(i)];
    counts[static_cast<std::size_t>(c)] += 1;
    for (std::int64_t j = 0; j < codes.cols(); ++j) means(c, j) += codes(i, j);
  }
  const Matrix<float> centres = dec.centres().to_host(context);
  for (std::int64_t c = 0; c < k; ++c) {
    for (std::int64_t j = 0; j < codes.cols(); ++j) {
      EXPECT_NEAR(centres(c, j), means(c, j) / counts[static_cast<std::size_t>(c)], 1e-6);
    }
  }
  EXPECT_FALSE(same(centres, plain.centres()));
  EXPECT_FALSE(same(centres, kmeans.centres()));
}

TEST(DecDenoising, OptionsThatMakeNoSenseAreNamed) {
  Context context = cpu();
  const Matrix<float> rows = overlapping(60, 3);
  const Autoencoder ae = pretrained(context, rows);
  const auto message = [&](const ManifoldDenoisingOptions& denoising) -> std::string {
    DecOptions options = small(3);
    options.denoising = denoising;
    return error_of([&] { Dec::fit(context, rows, ae, options); });
  };
  EXPECT_EQ(message({.neighbors = 1}), "denoise_manifold: expected 2 to 128 neighbors, got 1");
  EXPECT_EQ(message({.neighbors = 129}), "denoise_manifold: expected 2 to 128 neighbors, got 129");
  EXPECT_EQ(message({.neighbors = 61}),
            "denoise_manifold: expected at least 61 rows, one a neighbour, got 60");
  EXPECT_EQ(message({.iterations = -1}),
            "dec: expected denoising.iterations of at least 0, got -1");
}

}  // namespace
}  // namespace clipk::test
