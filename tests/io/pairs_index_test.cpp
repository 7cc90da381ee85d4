#include "clipk/io/pairs_index.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "clipk/io/npy.hpp"
#include "io/files.hpp"
#include "support/error_of.hpp"

namespace clipk {
namespace {

using test::error_of;
using test::write_bytes;

class PairsIndexTest : public test::FileTest {
 protected:
  std::vector<std::int32_t> read(const std::string& file) const {
    return read_pairs_index(path(file), 3, 4, "t.npy");
  }
  void expect_refused(const std::string& file, const std::string& message) const {
    EXPECT_EQ(error_of([&] { read(file); }), path(file).string() + ": " + message);
  }
};

const std::vector<std::int32_t> kIndex{0, 2, -1, 2};

TEST_F(PairsIndexTest, ArraysOfAnyTypeAndShape) {
  write_npy(path("int64.npy"), std::vector<std::int64_t>{0, 2, -1, 2});
  EXPECT_EQ(read("int64.npy"), kIndex);
  write_npy(path("double.npy"), std::vector<double>{0, 2, -1, 2});
  EXPECT_EQ(read("double.npy"), kIndex);
  write_npy(path("column.npy"), NpyArray<std::int32_t>{{4, 1}, {0, 2, -1, 2}});
  EXPECT_EQ(read("column.npy"), kIndex);
}

TEST_F(PairsIndexTest, LinesOfText) {
  for (const char* text : {"0\n2\n-1\n2\n", "0\r\n2\r\n-1\r\n2", "image\n0\n2\n-1\n2\n",
                           "\xEF\xBB\xBF"
                           "0\n 2\n-1 \n2.0\n"}) {
    write_bytes(path("x.csv"), text);
    EXPECT_EQ(read("x.csv"), kIndex) << text;
  }
}

TEST_F(PairsIndexTest, BadIndicesAreNamed) {
  const auto array = [&](const std::vector<double>& numbers) { write_npy(path("x.npy"), numbers); };
  const std::string expected = "expected an image from 0 to 2, or -1 for none, for text ";
  array({0, 2, -1, 3});
  expect_refused("x.npy", expected + "3, got 3");
  array({0, -2, -1, 2});
  expect_refused("x.npy", expected + "1, got -2");
  array({0, .5, -1, 2});
  expect_refused("x.npy", expected + "1, got 0.500000");
  array({0, 1, NAN, 2});
  expect_refused("x.npy", expected + "2, got nan");
  array({1e300, 1, 1, 2});
  EXPECT_EQ(error_of([&] { read("x.npy"); }).rfind(path("x.npy").string() + ": " + expected, 0),
            0u);
  array({0, 1, 2});
  expect_refused("x.npy", "expected 4 numbers of images, one for every row of t.npy, got 3");
  array({-1, -1, -1, -1});
  expect_refused("x.npy", "expected at least 1 text with an image, got -1 for all 4");
  write_npy(path("x.npy"), NpyArray<std::int32_t>{{2, 2}, {0, 2, -1, 2}});
  expect_refused("x.npy", "expected an array of one dimension, got shape (2, 2)");

  write_bytes(path("x.csv"), "0\n2\nnone\n2\n");
  expect_refused("x.csv", "expected one number on line 3, got 'none'");
  write_bytes(path("x.csv"), ",image\n0,0\n1,2\n");  // with row names, as pandas writes them
  expect_refused("x.csv", "expected one number on line 1, got ',image'");
  write_bytes(path("x.csv"), "image\n0\n\n-1\n2\n");
  expect_refused("x.csv", "expected one number on line 3, got ''");
  write_bytes(path("x.csv"), "");
  expect_refused("x.csv", "expected a text file with at least 1 line, got an empty one");
}

}  // namespace
}  // namespace clipk
