#include "clipk/io/embeddings.hpp"

#include <cmath>

#include "clipk/io/npy.hpp"
#include "clipk/io/safetensors.hpp"
#include "io/files.hpp"
#include "support/arrays.hpp"
#include "support/error_of.hpp"

namespace clipk {
namespace {

using test::error_of;

class EmbeddingsTest : public test::FileTest {
 protected:
  static Matrix<float> points(std::int64_t n, std::int64_t d, std::uint64_t seed) {
    Matrix<float> matrix(n, d);
    const auto values = test::normals<float>(n * d, seed);
    std::copy(values.begin(), values.end(), matrix.data());
    return matrix;
  }
  std::string error_of_pair(const Matrix<float>& images, const Matrix<float>& texts) {
    write_npy(path("i.npy"), images);
    write_npy(path("t.npy"), texts);
    const std::string message = error_of([&] { read_pairs(path("i.npy"), path("t.npy")); });
    EXPECT_EQ(message.find('\n'), std::string::npos);
    return message;
  }
};

void expect_unit_rows(const Matrix<float>& rows) {
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    double squared = 0;
    for (std::int64_t j = 0; j < rows.cols(); ++j) squared += std::pow(rows(i, j), 2.0);
    EXPECT_NEAR(std::sqrt(squared), 1, 1e-7) << i;
  }
}

TEST_F(EmbeddingsTest, RowsAreNormalisedInFloat32) {
  Matrix<float> images = points(113, 512, 1);
  normalize_embeddings(images, "images");
  write_npy(path("i.npy"), images, {.dtype = DType::float16});
  write_npy(path("t.npy"), points(113, 512, 2));
  const Matrix<float> stored = read_npy_matrix<float>(path("i.npy"));
  double worst = 0;
  for (std::int64_t i = 0; i < stored.rows(); ++i) {
    double squared = 0;
    for (std::int64_t j = 0; j < stored.cols(); ++j) squared += std::pow(stored(i, j), 2.0);
    worst = test::worse(worst, std::fabs(std::sqrt(squared) - 1));
  }
  EXPECT_GT(worst, 1e-6);  // float16 did lose something
  const EmbeddingPairs pairs = read_pairs(path("i.npy"), path("t.npy"));
  EXPECT_EQ(pairs.size(), 113);
  EXPECT_EQ(pairs.dim(), 512);
  expect_unit_rows(pairs.images);
  expect_unit_rows(pairs.texts);
}

TEST_F(EmbeddingsTest, OneFileOfBoth) {
  const Matrix<float> images = points(5, 3, 1);
  const Matrix<float> texts = points(5, 3, 2);
  NpyArray<float> both{{2, 5, 3}, {}};
  both.data.insert(both.data.end(), images.data(), images.data() + 15);
  both.data.insert(both.data.end(), texts.data(), texts.data() + 15);
  write_npy(path("b.npy"), both);
  write_npy(path("i.npy"), images);
  write_npy(path("t.npy"), texts);
  const EmbeddingPairs one = read_pairs(path("b.npy"));
  const EmbeddingPairs two = read_pairs(path("i.npy"), path("t.npy"));
  EXPECT_EQ(std::memcmp(one.images.data(), two.images.data(), 15 * sizeof(float)), 0);
  EXPECT_EQ(std::memcmp(one.texts.data(), two.texts.data(), 15 * sizeof(float)), 0);
  EXPECT_HAS(error_of([&] { read_pairs(path("i.npy")); }), "of shape (2, n, d), got (5, 3)");
  both.shape = {3, 5, 2};
  write_npy(path("b.npy"), both);
  EXPECT_HAS(error_of([&] { read_pairs(path("b.npy")); }), "got (3, 5, 2)");
}

TEST_F(EmbeddingsTest, SeveralTextsAnImage) {
  const Matrix<float> images = points(5, 3, 1), texts = points(7, 3, 2);
  const std::vector<std::int32_t> index{4, 0, 0, -1, 2, 2, 2};
  write_npy(path("i.npy"), images);
  write_npy(path("t.npy"), texts);
  write_npy(path("x.npy"), index);
  const EmbeddingPairs pairs = read_indexed_pairs(path("i.npy"), path("t.npy"), path("x.npy"));
  EXPECT_EQ(pairs.size(), 5);
  EXPECT_EQ(pairs.texts.rows(), 7);
  EXPECT_EQ(pairs.image_of_text, index);
  expect_unit_rows(pairs.texts);
  write_safetensors(path("s"), {{"images", images.view()}, {"texts", texts.view()}});
  const EmbeddingPairs both = read_indexed_pairs(path("s"), path("x.npy"));
  EXPECT_EQ(std::memcmp(both.texts.data(), pairs.texts.data(), 21 * sizeof(float)), 0);
  EXPECT_EQ(both.image_of_text, index);
  EXPECT_TRUE(read_pairs(path("i.npy"), path("i.npy")).image_of_text.empty());

  const auto refused = [&](const Matrix<float>& of_images, const Matrix<float>& of_texts) {
    write_npy(path("i.npy"), of_images);
    write_npy(path("t.npy"), of_texts);
    return error_of([&] { read_indexed_pairs(path("i.npy"), path("t.npy"), path("x.npy")); });
  };
  EXPECT_EQ(refused(points(4, 3, 1), texts),
            path("x.npy").string() +
                ": expected an image from 0 to 3, or -1 for none, for text 0, got 4");
  EXPECT_EQ(refused(images, points(6, 3, 1)), path("x.npy").string() +
                                                  ": expected 6 numbers of images, one for every "
                                                  "row of " +
                                                  path("t.npy").string() + ", got 7");
  EXPECT_EQ(refused(images, points(7, 2, 1)), path("t.npy").string() +
                                                  ": expected dimension 3 as in " +
                                                  path("i.npy").string() + ", got 2");
  write_npy(path("x.npy"), std::vector<std::int32_t>(7, 0));
  EXPECT_EQ(refused(points(1, 3, 1), texts),
            path("i.npy").string() + ": expected at least 2 images, got 1");
}

TEST_F(EmbeddingsTest, RefusesPairsThatCannotBe) {
  const std::string i = path("i.npy").string();
  const std::string t = path("t.npy").string();
  EXPECT_EQ(error_of_pair(points(5, 4, 1), points(6, 4, 2)),
            t + ": expected 5 rows as in " + i +
                ", got 6 (not one text per image? Give the "
                "image of each text by --pairs-index)");
  EXPECT_EQ(error_of_pair(points(5, 4, 1), points(5, 3, 2)),
            t + ": expected dimension 4 as in " + i + ", got 3");
  EXPECT_EQ(error_of_pair(points(1, 4, 1), points(1, 4, 2)),
            i + ": expected at least 2 pairs, got 1");
  EXPECT_EQ(error_of_pair(points(0, 4, 1), points(0, 4, 2)),
            i + ": expected at least 1 row and 1 column, got shape (0, 4)");
  EXPECT_HAS(error_of_pair(points(5, 0, 1), points(5, 0, 2)), "1 column, got shape (5, 0)");
  Matrix<float> broken = points(5, 4, 2);
  broken(3, 1) = NAN;
  EXPECT_EQ(error_of_pair(points(5, 4, 1), broken),
            t + ": expected finite values, got nan in row 3, column 1");
  Matrix<float> zero = points(5, 4, 1);
  for (int j = 0; j < 4; ++j) zero(2, j) = 0;
  EXPECT_EQ(error_of_pair(zero, points(5, 4, 2)),
            i + ": expected vectors with a direction, got a zero vector in row 2");
  Matrix<float> equal(5, 4);
  for (int k = 0; k < 20; ++k) equal(k / 4, k % 4) = static_cast<float>(k % 4 + 1);
  EXPECT_EQ(error_of_pair(points(5, 4, 1), equal),
            t + ": expected rows that differ, got 5 equal rows");
  Matrix<float> ray = points(5, 4, 3);
  for (int k = 4; k < 20; ++k) ray(k / 4, k % 4) = ray(0, k % 4) * static_cast<float>(k / 4 + 1);
  EXPECT_EQ(error_of_pair(points(5, 4, 1), ray),
            t + ": expected rows of different directions, got 5 of one direction");
  equal(4, 3) = 0;
  write_npy(path("t.npy"), equal);
  EXPECT_NO_THROW(read_pairs(path("i.npy"), path("t.npy")));
}

}  // namespace
}  // namespace clipk
