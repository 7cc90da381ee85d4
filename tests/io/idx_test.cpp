#include "clipk/io/idx.hpp"

#include <zlib.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "clipk/io/array_file.hpp"
#include "clipk/io/dataset.hpp"
#include "clipk/io/npy.hpp"
#include "io/files.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xFF);
  return bytes;
}

std::string idx(int type, const std::vector<std::uint32_t>& shape, const std::string& data) {
  std::string bytes{'\0', '\0', static_cast<char>(type), static_cast<char>(shape.size())};
  for (const std::uint32_t extent : shape) bytes += big_endian(extent);
  return bytes + data;
}

// Element k is the byte k.
std::string counting(std::size_t n) {
  std::string data(n, '\0');
  for (std::size_t k = 0; k < n; ++k) data[k] = static_cast<char>(k & 0xFF);
  return data;
}

std::string gzipped(const std::string& bytes) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string result(deflateBound(&stream, bytes.size()), '\0');
  std::string input = bytes;
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  result.resize(stream.total_out);
  deflateEnd(&stream);
  return result;
}

class IdxTest : public FileTest {
 protected:
  std::filesystem::path file(const std::string& bytes) {
    write_bytes(path("x"), bytes);
    return path("x");
  }
  std::string images_reason(const std::string& bytes) {
    const std::string message = error_of([&] { read_idx_images(file(bytes)); });
    EXPECT_EQ(message.find(path("x").string() + ": expected "), 0u) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message;
  }
  std::string labels_reason(const std::string& bytes) {
    return error_of([&] { read_idx_labels(file(bytes)); });
  }
};

TEST_F(IdxTest, ReadsImagesPlainAndGzip) {
  const std::string bytes = idx(8, {5, 4, 13}, counting(260));
  for (const std::string& content : {bytes, gzipped(bytes)}) {
    const Matrix<float> images = read_idx_images(file(content));
    ASSERT_EQ(images.rows(), 5);
    ASSERT_EQ(images.cols(), 52);
    for (int k = 0; k < 260; ++k) EXPECT_EQ(images.data()[k], static_cast<float>(k % 256));
    const Matrix<float> scaled = read_idx_images(file(content), {.divisor = 255});
    for (int k = 0; k < 260; ++k) {
      EXPECT_EQ(scaled.data()[k], static_cast<float>(k % 256) / 255.0F);
    }
  }
  EXPECT_EQ(read_idx_images(file(idx(8, {3, 7}, counting(21)))).cols(), 7);
  EXPECT_EQ(read_idx_images(file(idx(8, {2, 3, 5, 2}, counting(60)))).cols(), 30);
}

TEST_F(IdxTest, ReadsEveryType) {
  const auto read = [&](int type, const std::string& data) {
    const Matrix<float> matrix = read_idx_images(file(idx(type, {1, 2}, data)));
    return std::vector<float>{matrix(0, 0), matrix(0, 1)};
  };
  EXPECT_EQ(read(0x08, {"\x01\xFE", 2}), (std::vector<float>{1, 254}));
  EXPECT_EQ(read(0x09, {"\x01\xFE", 2}), (std::vector<float>{1, -2}));
  EXPECT_EQ(read(0x0B, {"\x01\x02\xFF\xFE", 4}), (std::vector<float>{258, -2}));
  EXPECT_EQ(read(0x0C, {"\x00\x01\x00\x02\xFF\xFF\xFF\xFE", 8}), (std::vector<float>{65538, -2}));
  EXPECT_EQ(read(0x0D, big_endian(std::bit_cast<std::uint32_t>(1.5F)) +
                           big_endian(std::bit_cast<std::uint32_t>(-3.25F))),
            (std::vector<float>{1.5F, -3.25F}));
  const auto bits = std::bit_cast<std::uint64_t>(-0.1);
  const std::string twice = big_endian(static_cast<std::uint32_t>(bits >> 32)) +
                            big_endian(static_cast<std::uint32_t>(bits));
  EXPECT_EQ(read(0x0E, twice + twice), (std::vector<float>{-0.1F, -0.1F}));
}

TEST_F(IdxTest, ReadsLabelsOfEveryIntegerType) {
  const auto read = [&](int type, const std::string& data) {
    return read_idx_labels(file(idx(type, {2}, data)));
  };
  EXPECT_EQ(read(0x08, {"\x00\xFF", 2}), (std::vector<std::int32_t>{0, 255}));
  EXPECT_EQ(read(0x09, {"\x07\xFF", 2}), (std::vector<std::int32_t>{7, -1}));
  EXPECT_EQ(read(0x0B, {"\x01\x00\x00\x03", 4}), (std::vector<std::int32_t>{256, 3}));
  EXPECT_EQ(read(0x0C, {"\x7F\xFF\xFF\xFF\x00\x00\x00\x03", 8}),
            (std::vector<std::int32_t>{std::numeric_limits<std::int32_t>::max(), 3}));
  EXPECT_EQ(read_idx_labels(file(gzipped(idx(8, {2}, "\x05\x06")))),
            (std::vector<std::int32_t>{5, 6}));
}

TEST_F(IdxTest, ReadsBeyondOneBuffer) {
  std::string data(3'000'017, '\0');
  std::uint32_t state = 1;
  for (char& byte : data) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<char>(state >> 24);
  }
  const std::string bytes = idx(8, {3'000'017, 1}, data);
  for (const std::string& content : {bytes, gzipped(bytes)}) {
    const Matrix<float> images = read_idx_images(file(content));
    ASSERT_EQ(images.rows(), 3'000'017);
    std::size_t wrong = 0;
    for (std::size_t k = 0; k < data.size(); ++k) {
      wrong += images.data()[k] != static_cast<float>(static_cast<unsigned char>(data[k]));
    }
    EXPECT_EQ(wrong, 0u);
  }
}

// Parallel compressors write a file as several gzip streams.
TEST_F(IdxTest, ReadsSeveralGzipStreams) {
  const std::string bytes = idx(8, {2, 50}, counting(100));
  for (const std::size_t cut : {1, 12, 60, 111}) {
    const Matrix<float> images =
        read_idx_images(file(gzipped(bytes.substr(0, cut)) + gzipped(bytes.substr(cut))));
    for (int k = 0; k < 100; ++k) EXPECT_EQ(images.data()[k], static_cast<float>(k));
  }
}

TEST_F(IdxTest, RefusesAHeaderThatLies) {
  EXPECT_HAS(images_reason(idx(8, {3, 2, 2}, counting(11))),
             "expected 28 bytes for shape (3, 2, 2) of uint8, got 27 (cut short)");
  EXPECT_HAS(images_reason(idx(8, {3, 2, 2}, counting(13))),
             "expected 28 bytes for shape (3, 2, 2) of uint8, got 29 (too long)");
  EXPECT_HAS(images_reason(gzipped(idx(8, {3, 2, 2}, counting(11)))), "got 27 (cut short)");
  EXPECT_HAS(images_reason(gzipped(idx(8, {3, 2, 2}, counting(13)))), "got more (too long)");
  EXPECT_HAS(images_reason(idx(12, {3, 2, 2}, counting(12))),
             "expected 64 bytes for shape (3, 2, 2) of int32, got 28 (cut short)");
  EXPECT_HAS(labels_reason(idx(8, {10}, counting(9))), "expected 18 bytes");
  EXPECT_HAS(labels_reason(gzipped(idx(8, {10}, counting(11)))), "too long");
  // Beyond 2^63 bytes, and just below.
  EXPECT_HAS(images_reason(idx(8, {~0U, ~0U, ~0U}, "")), "less than 2^63 bytes");
  EXPECT_HAS(images_reason(gzipped(idx(14, {~0U, 0x7FFFFFFF}, ""))), "less than 2^63 bytes");
  EXPECT_HAS(images_reason(idx(8, {~0U, 0x7FFFFFFF}, "abc")), "got 15 (cut short)");
}

// Two terabytes, which no machine here could hold.
TEST_F(IdxTest, ALieOfTerabytesTakesNoMemory) {
  const std::string lie = idx(8, {1U << 31, 1U << 10}, counting(100'000));
  EXPECT_HAS(images_reason(lie), "(cut short)");
  EXPECT_HAS(
      images_reason(gzipped(lie)),
      "expected a size that deflate can reach, 1032 times its bytes, got 2199023255564 bytes "
      "from ");
}

// 68 MB in 68 kB.
TEST_F(IdxTest, WhatIsPackedAThousandfoldIsRead) {
  std::string packed = gzipped(idx(8, {68'000, 1'000}, std::string(68'000'000, '\0')));
  write_bytes(path("x"), packed);
  EXPECT_EQ(read_features(path("x")).rows(), 68'000);
  packed.resize(packed.size() - 1);
  EXPECT_HAS(images_reason(packed), "cut short");
}

// Were it inflated further, the cut in its middle would be found.
TEST_F(IdxTest, ABombIsNotInflatedBeyondTheHeader) {
  const std::string bomb = gzipped(idx(8, {10, 10}, std::string(std::size_t{16} << 20, '\0')));
  EXPECT_LT(bomb.size(), 1U << 15);
  EXPECT_HAS(images_reason(bomb.substr(0, bomb.size() / 2)),
             "expected 112 bytes for shape (10, 10) of uint8, got more (too long)");
}

TEST_F(IdxTest, RefusesAFileCutAnywhere) {
  const std::string plain = idx(8, {4, 3, 5}, counting(60));
  for (const std::string& whole :
       {plain, gzipped(plain), gzipped(plain.substr(0, 40)) + gzipped(plain.substr(40))}) {
    EXPECT_EQ(read_idx_images(file(whole)).cols(), 15);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      images_reason(whole.substr(0, size));
      EXPECT_HAS(error_of([&] { read_features(path("x")); }), ": expected ");
      EXPECT_HAS(error_of([&] { read_labels(path("x")); }), ": expected ");
    }
    images_reason(whole + '\0');
    images_reason(whole + whole);
  }
}

// Any byte may be broken, extents to gigabytes among them: an Error or an array, never a crash.
TEST_F(IdxTest, SurvivesEveryBrokenByte) {
  const std::string plain = idx(8, {4, 3, 5}, counting(60));
  int errors = 0;
  for (const std::string& whole : {plain, gzipped(plain)}) {
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (const int value : {0x00, 0x01, 0x08, 0x7F, 0x80, 0xFF}) {
        std::string bytes = whole;
        bytes[at] = static_cast<char>(value);
        try {
          read_features(file(bytes));
        } catch (const Error& error) {
          ++errors;
          EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
        }
      }
    }
  }
  EXPECT_GT(errors, 400);
}

TEST_F(IdxTest, RefusesWhatIsNotIdx) {
  EXPECT_HAS(images_reason(""), "expected an IDX file, got the end after 0 of 4 bytes");
  EXPECT_HAS(images_reason("\x93NUMPY"), "begins with two zero bytes, got a .npy file");
  EXPECT_HAS(images_reason(gzipped("some text")), "two zero bytes, got text in a gzip file");
  EXPECT_HAS(images_reason(gzipped("\x93NUMPY\1 and so on")), "got a .npy file in a gzip file");
  EXPECT_HAS(images_reason(gzipped(std::string(257, 'x') + "ustar")), "got a tar archive (tar -xf");
  EXPECT_HAS(images_reason(gzipped("")), "the end after 0 of 4 bytes");
  EXPECT_HAS(images_reason(idx(10, {1, 1}, "x")), "an IDX type of 8, 9, 11, 12, 13 or 14, got 10");
  EXPECT_HAS(images_reason({"\0\0\x08\0", 4}), "1 to 16 dimensions, got 0");
  EXPECT_HAS(images_reason(std::string("\0\0\x08\xFF", 4) + counting(2000)), "got 255");
  EXPECT_HAS(images_reason(idx(8, {3}, "abc")), "expected images of shape (n, height, width)");
  EXPECT_HAS(images_reason(idx(8, {0, 28, 28}, "")), "none of them 0, got (0, 28, 28)");
  EXPECT_HAS(images_reason(idx(8, {7, 0, 28}, "")), "got (7, 0, 28)");
  EXPECT_HAS(labels_reason(idx(8, {3, 1}, "abc")), "expected labels of shape (n,), n at least 1");
  EXPECT_HAS(labels_reason(idx(8, {0}, "")), "got (0,)");
  EXPECT_HAS(labels_reason(idx(13, {1}, "abcd")), "labels of an integer type, got float32");
  EXPECT_HAS(error_of([&] { read_idx_images(path("none")); }), "No such file or directory");
  EXPECT_HAS(error_of([&] { read_idx_images(path("")); }), "got a directory");
  EXPECT_HAS(error_of([&] {
               read_idx_images(file(idx(8, {1, 1}, "x")), {.divisor = 0});
             }),
             "expected a finite divisor above 0, got 0");
}

TEST_F(IdxTest, NamesABrokenGzipStream) {
  std::string stream = gzipped(idx(8, {4, 3, 5}, counting(60)));
  std::string checksum = stream;
  checksum[checksum.size() - 6] ^= 1;
  EXPECT_HAS(images_reason(checksum), "expected a gzip stream, got incorrect data check");
  EXPECT_HAS(images_reason(stream.substr(0, stream.size() - 3)),
             "expected the rest of the gzip stream, got the end of the file (cut short)");
  EXPECT_HAS(images_reason(stream + "xyz"), "the end of the file after the gzip stream, got other");
  stream[2] = 7;
  EXPECT_HAS(images_reason(stream), "unknown compression method");
}

using DatasetTest = IdxTest;

TEST_F(DatasetTest, FeaturesByContent) {
  Matrix<float> rows(3, 2);
  for (int k = 0; k < 6; ++k) rows.data()[k] = static_cast<float>(k) - 2;
  write_npy(path("rows.gz"), rows, {.dtype = DType::int16});  // its name does not count
  const Matrix<float> read = read_features(path("rows.gz"));
  EXPECT_EQ(std::memcmp(read.data(), rows.data(), 24), 0);
  const std::string images = idx(8, {2, 2, 2}, counting(8));
  write_bytes(path("images.npy"), images);
  const Matrix<float> pixels = read_features(path("images.npy"));
  EXPECT_EQ(pixels.cols(), 4);
  EXPECT_EQ(pixels(1, 3), 7.0F / 255);
  EXPECT_EQ(read_features(file(gzipped(images)))(1, 3), 7.0F / 255);
  EXPECT_EQ(read_features(file(idx(9, {1, 2}, "\x05\xFF")))(0, 0), 5);
  EXPECT_EQ(read_features(file(idx(9, {1, 2}, "\x05\xFF")))(0, 1), -1);
}

TEST_F(DatasetTest, FeaturesThatAreNone) {
  const auto reason = [&](const std::string& bytes) {
    return error_of([&] { read_features(file(bytes)); });
  };
  EXPECT_HAS(reason(""),
             "x: expected a .npy, .npz, safetensors or IDX file, got a file of 0 bytes");
  EXPECT_HAS(reason("\1\2\3\4"), "a .npy, .npz, safetensors or IDX file, got other bytes");
  EXPECT_HAS(reason(idx(8, {0, 28, 28}, "")),
             "x: expected at least 1 row and 1 column, got shape (0, 28, 28)");
  EXPECT_HAS(error_of([&] { read_features(path("none")); }), "No such file or directory");
  write_npy(path("empty.npy"), Matrix<float>(0, 5));
  EXPECT_HAS(error_of([&] { read_features(path("empty.npy")); }),
             "empty.npy: expected at least 1 row and 1 column, got shape (0, 5)");
  Matrix<float> rows(2, 2);
  rows(1, 0) = NAN;
  write_npy(path("nan.npy"), rows);
  EXPECT_HAS(error_of([&] { read_features(path("nan.npy")); }),
             "nan.npy: expected finite values, got nan in row 1, column 0");
}

TEST_F(DatasetTest, LabelsByContent) {
  const std::vector<std::int32_t> expected = {3, 0, 9};
  for (const DType dtype : {DType::int8, DType::int16, DType::int32, DType::int64, DType::uint8,
                            DType::uint16, DType::uint32, DType::uint64, DType::float32}) {
    write_npy(path("y"), std::vector<std::int32_t>{3, 0, 9}, {.dtype = dtype});
    EXPECT_EQ(read_labels(path("y")), expected) << to_string(dtype);
  }
  write_npy(path("y"), NpyArray<std::int64_t>{{3, 1}, {3, 0, 9}});
  EXPECT_EQ(read_labels(path("y")), expected);
  const std::string labels = idx(8, {3}, {"\x03\x00\x09", 3});
  EXPECT_EQ(read_labels(file(labels)), expected);
  EXPECT_EQ(read_labels(file(gzipped(labels))), expected);
  EXPECT_EQ(read_labels(file(idx(8, {3, 1, 1}, {"\x03\x00\x09", 3}))), expected);
  write_npy(path("y"), NpyArray<double>{{1, 3, 1}, {3, 0, 9}});
  EXPECT_EQ(read_labels(path("y")), expected);
}

TEST_F(DatasetTest, LabelsThatAreNone) {
  const auto reason = [&] { return error_of([&] { read_labels(path("y")); }); };
  write_npy(path("y"), std::vector<std::int64_t>{1, std::int64_t{1} << 31});
  EXPECT_HAS(reason(), "y: expected values that int32 can hold, got 2147483648 at element 1");
  write_npy(path("y"), std::vector<double>{1, 2.5});
  EXPECT_HAS(reason(), "got 2.500000 at element 1");
  write_npy(path("y"), Matrix<float>(3, 2));
  EXPECT_HAS(reason(), "expected an array of one dimension, got shape (3, 2)");
  write_npy(path("y"), std::vector<std::int32_t>{});
  EXPECT_HAS(reason(), "expected at least 1 label, got 0");
  write_bytes(path("y"), idx(8, {3, 2, 2}, counting(12)));
  EXPECT_HAS(reason(), "expected an array of one dimension, got shape (3, 2, 2)");
  write_bytes(path("y"), "label\n1\n");
  EXPECT_HAS(reason(), "expected a .npy, .npz, safetensors or IDX file, got text");
}

// Debian's dataset-fashion-mnist.
TEST_F(DatasetTest, FashionMnist) {
  const std::filesystem::path folder = "/usr/share/datasets/fashion-mnist";
  if (!std::filesystem::exists(folder / "t10k-images-idx3-ubyte.gz")) {
    GTEST_SKIP() << "no Fashion-MNIST here: package dataset-fashion-mnist";
  }
  const Matrix<float> images = read_features(folder / "t10k-images-idx3-ubyte.gz");
  const std::vector<std::int32_t> labels = read_labels(folder / "t10k-labels-idx1-ubyte.gz");
  ASSERT_EQ(images.rows(), 10000);
  ASSERT_EQ(images.cols(), 784);
  std::vector<int> counts(10);
  for (const std::int32_t label : labels) ++counts[static_cast<std::size_t>(label)];
  EXPECT_EQ(counts, std::vector<int>(10, 1000));
  double sum = 0;
  for (std::int64_t i = 0; i < 7'840'000; ++i) sum += static_cast<double>(images.data()[i]);
  EXPECT_NEAR(sum / 7'840'000, 0.2868, 5e-5);  // the known mean of the test images
}

}  // namespace
}  // namespace clipk::test
