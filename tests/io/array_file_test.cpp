#include "clipk/io/array_file.hpp"

#include <cmath>

#include "clipk/io/dataset.hpp"
#include "clipk/io/embeddings.hpp"
#include "clipk/io/safetensors.hpp"
#include "io/broken_files.hpp"
#include "io/files.hpp"
#include "io/zip_files.hpp"
#include "support/error_of.hpp"
#include "support/golden_folder.hpp"

namespace clipk {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::write_bytes;

class ArrayFileTest : public test::FileTest {
 protected:
  static fs::path golden(const std::string& name) { return test::golden_folder() / name; }
  static void expect_counts(const Matrix<float>& matrix) {
    ASSERT_EQ(matrix.rows(), 3);
    ASSERT_EQ(matrix.cols(), 2);
    for (int k = 0; k < 6; ++k) EXPECT_EQ(matrix(k / 2, k % 2), static_cast<float>(k));
  }
  /// Written under a name that says nothing.
  fs::path idx(const std::string& bytes) const {
    write_bytes(path("x"), bytes);
    return path("x");
  }
};

const std::string kIdxImages{"\0\0\x08\x02\0\0\0\x03\0\0\0\x02\0\1\2\3\4\5", 18};
const std::string kIdxLabels = std::string("\0\0\x08\x01\0\0\0\x03", 8) + "{\1\2";
// The bytes before the first label, '{', could also be the length of a header.
const std::string kIdxManyLabels = std::string("\0\0\x08\x01\0\0\x01\0", 8) + std::string(256, '{');

TEST_F(ArrayFileTest, KnowsFilesByTheirContent) {
  EXPECT_EQ(array_format(golden("npy/f4_le.npy")), ArrayFormat::npy);
  EXPECT_EQ(array_format(golden("npz/stored.npz")), ArrayFormat::npz);
  EXPECT_EQ(array_format(golden("npz/empty.npz")), ArrayFormat::npz);
  EXPECT_EQ(array_format(golden("safetensors/plain.safetensors")), ArrayFormat::safetensors);
  EXPECT_EQ(array_format(idx(kIdxImages)), ArrayFormat::idx);
  EXPECT_EQ(array_format(idx(kIdxLabels)), ArrayFormat::idx);
  EXPECT_EQ(array_format(idx(kIdxManyLabels)), ArrayFormat::idx);
  EXPECT_EQ(array_format(idx("\x1F\x8B\x08 gzip")), ArrayFormat::idx);
  EXPECT_EQ(array_format(idx(std::string("\0\0\1\0\0\0\0\0{", 9))), ArrayFormat::safetensors);
  EXPECT_EQ(array_format(idx("shape,size\n")), std::nullopt);
  EXPECT_EQ(array_format(idx("A photo {of} a cat")), std::nullopt);
  EXPECT_EQ(array_format(idx("")), std::nullopt);
  EXPECT_HAS(error_of([&] { array_format(path("none")); }),
             "expected a .npy, .npz, safetensors or IDX file, got No such file or directory");
  EXPECT_HAS(error_of([&] { read_array<float>(idx("shape,size\n")); }),
             "x: expected a .npy, .npz, safetensors or IDX file, got text");
  EXPECT_HAS(error_of([&] { read_array<float>(idx("\x89HDF\r\n\x1A\n and so on")); }),
             "got an HDF5 file (h5py reads it");
  EXPECT_HAS(error_of([&] { read_features(idx("version https://git-lfs.github.com/spec/v1\n")); }),
             "got a pointer of Git LFS, not the file itself (git lfs pull fetches it)");
  EXPECT_HAS(error_of([&] { read_labels(idx("\n<!DOCTYPE HTML><html>")); }), "got a web page (the");
  EXPECT_HAS(error_of([&] { list_arrays(idx("abc")); }), "got a file of 3 bytes");
}

TEST_F(ArrayFileTest, ReadsOneArrayOfAnyFile) {
  expect_counts(read_array_matrix<float>(golden("npy/f2_be.npy")));
  expect_counts(read_array_matrix<float>(golden("npz/deflated.npz:texts")));
  expect_counts(read_array_matrix<float>(golden("npz/single.npz")));
  expect_counts(read_array_matrix<float>(golden("safetensors/written.safetensors:images")));
  expect_counts(read_array_matrix<float>(golden("safetensors/plain.safetensors")));
  expect_counts(read_array_matrix<float>(idx(kIdxImages)));
  expect_counts(read_features(golden("npz/stored.npz:fortran")));
  EXPECT_EQ(read_features(idx(kIdxImages))(2, 1), 5.0F / 255);
  const std::vector<std::int32_t> labels{0, 1, 2};
  EXPECT_EQ(read_labels(golden("npz/stored.npz:labels")), labels);
  EXPECT_EQ(read_labels(golden("safetensors/written.safetensors:small")), labels);
  EXPECT_EQ(read_array_vector<std::int32_t>(idx(kIdxLabels)),
            (std::vector<std::int32_t>{123, 1, 2}));
  EXPECT_EQ(read_array<float>(golden("safetensors/types.safetensors:cube")).shape.size(), 3u);
  EXPECT_EQ(read_features(golden("clip_retrieval")).rows(), 9);
}

// Pictures, the same from every kind of file: rows of bytes divided by 255.
TEST_F(ArrayFileTest, PicturesAreTheSameFromEveryKindOfFile) {
  constexpr std::int64_t kImages = 4, kSide = 3, kPixels = kSide * kSide;
  NpyArray<std::uint8_t> cube{{kImages, kSide, kSide}, {}};
  for (std::int64_t k = 0; k < kImages * kPixels; ++k) {
    cube.data.push_back(static_cast<std::uint8_t>(7 * k + 3));
  }
  const auto expect_pixels = [&](const fs::path& file) {
    SCOPED_TRACE(file);
    const Matrix<float> rows = read_features(file);
    ASSERT_EQ(rows.rows(), kImages);
    ASSERT_EQ(rows.cols(), kPixels);
    for (std::int64_t k = 0; k < kImages * kPixels; ++k) {
      EXPECT_EQ(rows.data()[k],
                static_cast<float>(cube.data[static_cast<std::size_t>(k)]) / 255.0F);
    }
  };
  const std::string bytes(cube.data.begin(), cube.data.end());
  expect_pixels(idx(std::string("\0\0\x08\x03\0\0\0\4\0\0\0\3\0\0\0\3", 16) + bytes));
  const std::vector<std::vector<std::int64_t>> shapes{
      {kImages, kPixels},         {kImages, kSide, kSide}, {kImages, kSide, kSide, 1},
      {kImages, 1, kSide, kSide}, {kImages, 1, kPixels},   {kImages, kPixels, 1}};
  for (const auto& shape : shapes) {
    for (const bool fortran : {false, true}) {
      cube.shape = shape;
      write_npy(path("c.npy"), cube, {.fortran_order = fortran});
      expect_pixels(path("c.npy"));
      const std::string npy = test::read_bytes(path("c.npy"));
      test::write_zip(path("c.npz"), {{"x_train.npy", npy}, {"y_train.npy", "not read"}});
      expect_pixels(path("c.npz:x_train"));
    }
  }
  write_bytes(path("c"), std::string(1, 'Z') + std::string(7, '\0') +
                             R"({"x":{"dtype":"U8","shape":[4,3,3],"data_offsets":[0,36]}, "y":)" +
                             R"({"dtype":"U8","shape":[0],"data_offsets":[36,36]}})" + bytes);
  std::string whole = test::read_bytes(path("c"));
  whole[0] = static_cast<char>(whole.size() - 8 - bytes.size());
  write_bytes(path("c"), whole);
  expect_pixels(path("c:x"));
  // Of other types the values are taken as they are.
  for (const DType dtype : {DType::int16, DType::uint16, DType::float32, DType::int64}) {
    write_npy(path("c.npy"), cube, {.dtype = dtype});
    EXPECT_EQ(read_features(path("c.npy"))(1, 0), static_cast<float>(cube.data[kPixels]));
  }
  EXPECT_EQ(read_array_matrix<float>(idx(kIdxImages))(2, 1), 5);
}

TEST_F(ArrayFileTest, AxesOfLengthOneDoNotCount) {
  const auto shape_read = [&](const std::vector<std::int64_t>& shape, DType dtype) {
    NpyArray<float> array{shape, {}};
    std::int64_t size = 1;
    for (const std::int64_t extent : shape) size *= extent;
    for (std::int64_t k = 0; k < size; ++k) array.data.push_back(static_cast<float>(k % 7));
    write_npy(path("a.npy"), array, {.dtype = dtype});
    const Matrix<float> rows = read_features(path("a.npy"));
    return std::pair(rows.rows(), rows.cols());
  };
  using Shape = std::pair<std::int64_t, std::int64_t>;
  for (const DType dtype : {DType::float32, DType::float16, DType::int32, DType::uint8}) {
    EXPECT_EQ(shape_read({10, 1, 6}, dtype), Shape(10, 6));
    EXPECT_EQ(shape_read({10, 6, 1}, dtype), Shape(10, 6));
    EXPECT_EQ(shape_read({10, 1, 1}, dtype), Shape(10, 1));
    EXPECT_EQ(shape_read({10, 1}, dtype), Shape(10, 1));
    EXPECT_EQ(shape_read({10}, dtype), Shape(10, 1));
    EXPECT_EQ(shape_read({10, 2, 3}, dtype), Shape(10, 6));
    // One picture stays one.
    EXPECT_EQ(shape_read({1, 10, 6}, dtype), dtype == DType::uint8 ? Shape(1, 60) : Shape(10, 6));
  }
  EXPECT_EQ(shape_read({1, 1, 6}, DType::float32), Shape(1, 6));
  write_npy(path("a.npy"), NpyArray<float>{{3, 1, 2}, {0, 1, 2, 3, 4, 5}});
  expect_counts(read_array_matrix<float>(path("a.npy")));
  expect_counts(read_embeddings(path("a.npy"), Modality::image));
  write_npy(path("a.npy"), NpyArray<float>{{1, 3, 1, 2}, {0, 1, 2, 3, 4, 5}});
  expect_counts(read_embeddings(path("a.npy"), Modality::image));
  // Vectors of every word of a text are no vectors of texts.
  write_npy(path("a.npy"), NpyArray<float>{{1, 3, 2, 2}, std::vector<float>(12)});
  EXPECT_HAS(error_of([&] { read_embeddings(path("a.npy"), Modality::text); }),
             "a.npy: expected an array of one or two dimensions, got shape (1, 3, 2, 2)");
  write_npy(path("a.npy"), NpyArray<float>{{}, {7}});
  EXPECT_HAS(error_of([&] { read_features(path("a.npy")); }), "got shape ()");
}

// Extents whose product overflows, and one of 0: no element, but strides and sums of them.
TEST_F(ArrayFileTest, VastEmptyShapes) {
  const auto with_shape = [&](const std::string& shape, bool fortran) {
    std::string text =
        "{'descr': '<f4', 'fortran_order': " + std::string(fortran ? "True" : "False") +
        ", 'shape': " + shape + ", }";
    text.resize(117, ' ');
    write_bytes(path("v.npy"), "\x93NUMPY\1" + std::string("\0v\0", 3) + text + "\n");
  };
  for (const bool fortran : {false, true}) {
    with_shape("(4611686018427387904, 4611686018427387904, 0)", fortran);
    EXPECT_HAS(error_of([&] { read_array<float>(path("v.npy")); }), "less than 2^63 bytes");
    with_shape("(0, 3037000500, 3037000500)", fortran);
    EXPECT_HAS(error_of([&] { read_array<float>(path("v.npy")); }), "less than 2^63 bytes");
    with_shape("(1152921504606846976, 0, 1)", fortran);
    EXPECT_TRUE(read_array<float>(path("v.npy")).data.empty());
    for (const auto& read :
         {+[](const fs::path& file) { read_features(file); },
          +[](const fs::path& file) { read_embeddings(file, Modality::text); }}) {
      EXPECT_HAS(error_of([&] { read(path("v.npy")); }), "expected at least 1 row and 1 column");
    }
    fs::remove_all(path("folder"));
    fs::create_directories(path("folder/img_emb"));
    fs::copy_file(path("v.npy"), path("folder/img_emb/img_emb_0.npy"),
                  fs::copy_options::overwrite_existing);
    EXPECT_HAS(error_of([&] { read_embeddings(path("folder"), Modality::image); }), "expected at");
    for (const int part : {1, 2, 3, 4, 5, 6, 7, 8}) {
      fs::copy_file(path("v.npy"), path("folder/img_emb/img_emb_" + std::to_string(part) + ".npy"),
                    fs::copy_options::overwrite_existing);
    }
    EXPECT_HAS(error_of([&] { read_clip_retrieval(path("folder"), Modality::image); }),
               "expected fewer than 2^63 rows of all parts, got more");
  }
}

TEST_F(ArrayFileTest, NamesMayHaveColonsAndSoMayFiles) {
  const Matrix<float> x = read_array_matrix<float>(golden("npy/f4_le.npy"));
  write_safetensors(path("a:b"), {{"model:layer:weight", x.view()}, {"y", x.view()}});
  expect_counts(read_array_matrix<float>(path("a:b:model:layer:weight")));
  const ArrayPath parts = split_array_path(path("a:b:model:layer:weight"));
  EXPECT_EQ(parts.file, path("a:b"));
  EXPECT_EQ(parts.name, "model:layer:weight");
  EXPECT_EQ(split_array_path(path("a:b")).name, "");
  EXPECT_EQ(split_array_path(path("none:y")).file, path("none:y"));
  write_npy(path("n.npz:y"), x);
  expect_counts(read_array_matrix<float>(path("n.npz:y")));
}

TEST_F(ArrayFileTest, AsksForANameWhereThereAreSeveral) {
  EXPECT_EQ(error_of([&] { read_array_matrix<float>(golden("npz/stored.npz")); }),
            golden("npz/stored.npz").string() +
                ": expected one of its arrays by name, as FILE:NAME, got 'images', 'texts', "
                "'fortran', 'labels', 'cube', 'names'");
  EXPECT_HAS(error_of([&] { read_array_matrix<float>(golden("npz/empty.npz")); }),
             "empty.npz: expected an array, got none");
  EXPECT_HAS(error_of([&] { read_array_matrix<float>(golden("npz/stored.npz:none")); }),
             "stored.npz: expected an array called 'none', got 'images'");
  EXPECT_HAS(error_of([&] { read_labels(golden("npy/vector.npy:y")); }),
             "vector.npy: expected no name of an array behind this file, which holds one, got 'y'");
  // Of one array of numbers beside others that are none, no name is asked.
  expect_counts(read_array_matrix<float>(golden("npz/other.npz")));
}

TEST_F(ArrayFileTest, ListsArrays) {
  const auto npz = list_arrays(golden("npz/stored.npz"));
  ASSERT_EQ(npz.size(), 6u);
  EXPECT_EQ(npz[4].name, "cube");
  EXPECT_EQ(npz[4].shape, (std::vector<std::int64_t>{2, 3, 4}));
  EXPECT_HAS(npz[5].problem, "expected a dtype");
  for (const ArrayEntry& entry : list_arrays(golden("safetensors/types.safetensors"))) {
    EXPECT_EQ(entry.problem, entry.name == "F8_E4M3" ? "F8_E4M3 is not read" : "");
  }
  EXPECT_EQ(list_arrays(golden("npy/vector.npy")).at(0).shape, std::vector<std::int64_t>{5});
  EXPECT_EQ(list_arrays(idx(kIdxImages)).at(0).shape, (std::vector<std::int64_t>{3, 2}));
}

TEST_F(ArrayFileTest, PairsOfOneFile) {
  Matrix<float> images(5, 3);
  Matrix<float> texts(5, 3);
  for (int k = 0; k < 15; ++k) {
    images.data()[k] = std::sin(static_cast<float>(k));
    texts.data()[k] = std::cos(static_cast<float>(k));
  }
  const std::vector<std::int32_t> more{1, 2};
  for (const auto& [i, t] : {std::pair{"images", "texts"},
                             {"image_embeddings", "text_embeddings"},
                             {"img_emb", "text_emb"}}) {
    write_safetensors(path("p"), {{i, images.view()}, {t, texts.view()}, {"more", more}});
    const EmbeddingPairs pairs = read_pairs(path("p"));
    EXPECT_NEAR(pairs.images(0, 1) / pairs.images(0, 2), images(0, 1) / images(0, 2), 1e-6);
    EXPECT_NEAR(pairs.texts(4, 1) / pairs.texts(4, 2), texts(4, 1) / texts(4, 2), 1e-6);
  }
  EXPECT_EQ(read_pairs(path("p").string() + ":img_emb", path("p").string() + ":text_emb").size(),
            5);
  write_safetensors(path("p"), {{"images", images.view()}, {"more", more}});
  EXPECT_HAS(error_of([&] { read_pairs(path("p")); }),
             "by name, as FILE:NAME, got 'images', 'more'");
  write_safetensors(path("p"), {{"images", images.view()}, {"texts", more}});
  EXPECT_HAS(error_of([&] { read_pairs(path("p")); }),
             "p:texts: expected 5 rows as in " + path("p").string() + ":images, got 2");
  EXPECT_EQ(read_pairs(golden("npz/deflated.npz:cube")).size(), 3);  // of shape (2, 3, 4)
}

TEST_F(ArrayFileTest, SurvivesEveryBrokenByte) {
  for (const char* name : {"npy/f4_le.npy", "npz/single.npz", "safetensors/plain.safetensors"}) {
    test::expect_survives_broken_bytes(golden(name), path("broken"), [](const fs::path& file) {
      read_features(file);
      read_array<double>(file);
    });
  }
}

}  // namespace
}  // namespace clipk
