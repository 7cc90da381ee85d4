#include "clipk/io/synthetic_pairs.hpp"

#include <cmath>
#include <cstring>

#include "support/error_of.hpp"

namespace clipk {
namespace {

double cosine(const Matrix<float>& a, std::int64_t i, const Matrix<float>& b, std::int64_t j) {
  double sum = 0;
  for (std::int64_t k = 0; k < a.cols(); ++k) sum += double{a(i, k)} * double{b(j, k)};
  return sum;
}

// The figures of 500 COCO pairs under CLIP: the draws differ from them by a few thousandths.
TEST(SyntheticPairs, HasTheGeometryOfCoco) {
  const EmbeddingPairs pairs = synthetic_pairs({.pairs = 500, .seed = 1});
  ASSERT_EQ(pairs.size(), 500);
  ASSERT_EQ(pairs.dim(), 512);
  double gap = 0;
  for (std::int64_t k = 0; k < 512; ++k) {
    double difference = 0;
    for (std::int64_t i = 0; i < 500; ++i) {
      difference += double{pairs.images(i, k)} - double{pairs.texts(i, k)};
    }
    gap += std::pow(difference / 500, 2);
  }
  EXPECT_NEAR(std::sqrt(gap), .851, .03);
  double paired = 0, unpaired = 0, images = 0, texts = 0;
  int found = 0;
  for (std::int64_t i = 0; i < 500; ++i) {
    const double own = cosine(pairs.images, i, pairs.texts, i);
    bool first = true;
    for (std::int64_t j = 0; j < 500; ++j) {
      if (i == j) continue;
      const double other = cosine(pairs.images, i, pairs.texts, j);
      first = first && own > other;
      unpaired += other;
      images += cosine(pairs.images, i, pairs.images, j);
      texts += cosine(pairs.texts, i, pairs.texts, j);
    }
    paired += own;
    found += first ? 1 : 0;
  }
  EXPECT_NEAR(paired / 500, .310, .02);
  EXPECT_NEAR(unpaired / (500 * 499), .162, .02);
  EXPECT_NEAR(images / (500 * 499), .532, .02);
  // The texts of 24 seeds: .531, with a standard deviation of .002.
  EXPECT_NEAR(texts / (500 * 499), .515, .025);
  EXPECT_NEAR(found / 500.0, .53, .12);  // top-1, both directions' mean of COCO
  for (std::int64_t i = 0; i < 500; ++i) {
    EXPECT_NEAR(cosine(pairs.images, i, pairs.images, i), 1, 1e-6);
  }
}

TEST(SyntheticPairs, TheSeedDecides) {
  const auto bytes = [](std::uint64_t seed) {
    const EmbeddingPairs pairs = synthetic_pairs({.pairs = 7, .dim = 9, .seed = seed});
    return std::string(reinterpret_cast<const char*>(pairs.texts.data()), 7 * 9 * sizeof(float));
  };
  EXPECT_EQ(bytes(1), bytes(1));
  EXPECT_NE(bytes(1), bytes(2));
}

TEST(SyntheticPairs, RefusesWhatItCannotMake) {
  EXPECT_EQ(test::error_of([] { synthetic_pairs({.pairs = 1}); }),
            "synthetic_pairs: expected at least 2 pairs, got 1");
  EXPECT_EQ(test::error_of([] { synthetic_pairs({.dim = 3}); }),
            "synthetic_pairs: expected a dimension from 4 to 65536, got 3");
}

}  // namespace
}  // namespace clipk
