#include "clipk/io/npy.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <limits>

#include "io/files.hpp"
#include "support/arrays.hpp"
#include "support/error_of.hpp"
#include "support/golden_folder.hpp"

namespace clipk {
namespace {

using test::error_of;
using test::read_bytes;
using test::write_bytes;

std::filesystem::path golden(const std::string& name) {
  return test::golden_folder() / "npy" / (name + ".npy");
}

// A file of version 1.0 with this dictionary (padded as NumPy does) and data.
std::string file_bytes(std::string dictionary, const std::string& data, int version = 1) {
  const std::size_t prefix = version == 1 ? 10 : 12;
  dictionary.append(63 - (prefix + dictionary.size()) % 64, ' ');
  dictionary += '\n';
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(version);
  bytes += '\0';
  for (std::size_t i = 0; i < prefix - 8; ++i) {
    bytes += static_cast<char>(dictionary.size() >> (8 * i) & 0xFF);
  }
  return bytes + dictionary + data;
}

template <class T>
void expect_counts(const std::string& name, bool modulo_2 = false) {
  SCOPED_TRACE(name);
  const Matrix<T> matrix = read_npy_matrix<T>(golden(name));
  ASSERT_EQ(matrix.rows(), 3);
  ASSERT_EQ(matrix.cols(), 2);
  for (int k = 0; k < 6; ++k) {
    EXPECT_EQ(matrix(k / 2, k % 2), static_cast<T>(modulo_2 ? k % 2 : k));
  }
}

class NpyTest : public test::FileTest {};

TEST_F(NpyTest, ReadsWhatNumpyWroteInEveryDtypeEndianAndType) {
  for (const char* code : {"i2", "i4", "i8", "u2", "u4", "u8", "f2", "f4", "f8"}) {
    for (const char* endian : {"_le", "_be"}) {
      const std::string name = std::string(code) + endian;
      expect_counts<float>(name);
      expect_counts<double>(name);
      expect_counts<std::int32_t>(name);
      expect_counts<std::int64_t>(name);
      expect_counts<std::uint8_t>(name);
      expect_counts<std::uint64_t>(name);
      const NpyHeader header = read_npy_header(golden(name));
      EXPECT_EQ(header.big_endian, std::string(endian) == "_be");
      EXPECT_EQ(item_size(header.dtype), code[1] - '0');
    }
  }
  for (const char* name : {"i1", "u1", "version2", "version3", "f4_le_fortran", "f4_be_fortran"}) {
    expect_counts<float>(name);
    expect_counts<std::int64_t>(name);
  }
  expect_counts<float>("b1", true);
  expect_counts<std::uint8_t>("b1", true);
  EXPECT_EQ(read_npy_header(golden("version3")).version, 3);
  EXPECT_TRUE(read_npy_header(golden("f4_le_fortran")).fortran_order);
}

TEST_F(NpyTest, ReadsEveryRank) {
  const auto cube = read_npy<float>(golden("rank3_fortran"));
  EXPECT_EQ(cube.shape, (std::vector<std::int64_t>{2, 3, 4}));
  for (std::size_t k = 0; k < 24; ++k) EXPECT_EQ(cube.data[k], static_cast<float>(k));
  EXPECT_EQ(read_npy_vector<float>(golden("vector")), (std::vector<float>{0, 1, 2, 3, 4}));
  const Matrix<float> column = read_npy_matrix<float>(golden("vector"));
  EXPECT_EQ(column.rows(), 5);
  EXPECT_EQ(column.cols(), 1);
  const auto scalar = read_npy<float>(golden("scalar"));
  EXPECT_TRUE(scalar.shape.empty());
  EXPECT_EQ(scalar.data, std::vector<float>{7});
  const Matrix<float> empty = read_npy_matrix<float>(golden("empty"));
  EXPECT_EQ(empty.rows(), 0);
  EXPECT_EQ(empty.cols(), 5);
  EXPECT_HAS(error_of([] { read_npy_matrix<float>(golden("rank3_fortran")); }),
             "expected an array of one or two dimensions, got shape (2, 3, 4)");
  EXPECT_HAS(error_of([] { read_npy_matrix<float>(golden("scalar")); }), "got shape ()");
  EXPECT_HAS(error_of([] { read_npy_vector<float>(golden("f4_le")); }),
             "expected an array of one dimension, got shape (3, 2)");
}

TEST_F(NpyTest, WritesTheBytesOfNumpy) {
  Matrix<float> counts(3, 2);
  for (int k = 0; k < 6; ++k) counts(k / 2, k % 2) = static_cast<float>(k);
  const struct {
    const char* name;
    DType dtype;
  } kTypes[] = {{"i2", DType::int16},   {"i4", DType::int32},   {"i8", DType::int64},
                {"u2", DType::uint16},  {"u4", DType::uint32},  {"u8", DType::uint64},
                {"f2", DType::float16}, {"f4", DType::float32}, {"f8", DType::float64}};
  for (const auto& type : kTypes) {
    for (const bool big : {false, true}) {
      const std::string name = std::string(type.name) + (big ? "_be" : "_le");
      write_npy(path(name), counts, {.dtype = type.dtype, .big_endian = big});
      EXPECT_EQ(read_bytes(path(name)), read_bytes(golden(name))) << name;
    }
  }
  write_npy(path("fortran"), counts, {.fortran_order = true});
  EXPECT_EQ(read_bytes(path("fortran")), read_bytes(golden("f4_le_fortran")));
  write_npy(path("fortran"), counts, {.big_endian = true, .fortran_order = true});
  EXPECT_EQ(read_bytes(path("fortran")), read_bytes(golden("f4_be_fortran")));
  write_npy(path("u1"), counts, {.dtype = DType::uint8});
  EXPECT_EQ(read_bytes(path("u1")), read_bytes(golden("u1")));
  write_npy(path("vector"), std::vector<float>{0, 1, 2, 3, 4});
  EXPECT_EQ(read_bytes(path("vector")), read_bytes(golden("vector")));
  write_npy(path("scalar"), NpyArray<float>{{}, {7}});
  EXPECT_EQ(read_bytes(path("scalar")), read_bytes(golden("scalar")));
  write_npy(path("empty"), Matrix<float>(0, 5));
  EXPECT_EQ(read_bytes(path("empty")), read_bytes(golden("empty")));
  NpyArray<float> cube{{2, 3, 4}, std::vector<float>(24)};
  for (std::size_t k = 0; k < 24; ++k) cube.data[k] = static_cast<float>(k);
  write_npy(path("cube"), cube, {.fortran_order = true});
  EXPECT_EQ(read_bytes(path("cube")), read_bytes(golden("rank3_fortran")));
}

TEST_F(NpyTest, WritesViewsWithAStride) {
  const Matrix<float> counts = read_npy_matrix<float>(golden("f4_le"));
  Matrix<float> wide(3, 7);
  for (int k = 0; k < 6; ++k) wide(k / 2, 3 + k % 2) = counts(k / 2, k % 2);
  for (const bool fortran : {false, true}) {
    write_npy<float>(path("strided"), wide.view().col_range(3, 2), {.fortran_order = fortran});
    EXPECT_EQ(read_bytes(path("strided")), read_bytes(golden(fortran ? "f4_le_fortran" : "f4_le")));
  }
}

TEST_F(NpyTest, RoundTripsBeyondOneChunk) {
  const auto values = test::normals<double>(700'001, 3);
  for (const bool big : {false, true}) {
    write_npy(path("long"), values, {.big_endian = big});
    EXPECT_EQ(read_npy_vector<double>(path("long")), values);
    const auto narrow = read_npy_vector<float>(path("long"));
    for (std::size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(narrow[i], static_cast<float>(values[i]));
    }
  }
}

TEST_F(NpyTest, ConvertsExactlyOrSaysWhereNot) {
  const auto read = [&](const std::vector<double>& values, DType dtype, auto type) {
    write_npy(path("x"), values, {.dtype = dtype});
    return read_npy_vector<decltype(type)>(path("x"));
  };
  using std::numeric_limits;
  EXPECT_EQ(read({-3, 3}, DType::float64, std::int32_t{}), (std::vector<std::int32_t>{-3, 3}));
  EXPECT_EQ(read({-0x1p63}, DType::float64, std::int64_t{})[0],
            numeric_limits<std::int64_t>::min());
  EXPECT_HAS(error_of([&] {
               read({0, 2.5}, DType::float64, std::int32_t{});
             }),
             "expected values that int32 can hold, got 2.500000 at element 1");
  EXPECT_HAS(error_of([&] { read({0x1p31}, DType::float64, std::int32_t{}); }), "int32");
  EXPECT_HAS(error_of([&] { read({0x1p63}, DType::float64, std::int64_t{}); }), "int64");
  EXPECT_HAS(error_of([&] { read({0x1p32}, DType::int64, std::int32_t{}); }), "4294967296");
  EXPECT_HAS(error_of([&] { read({-1}, DType::int8, std::uint8_t{}); }), "got -1");
  EXPECT_HAS(error_of([&] { read({-1}, DType::float32, std::uint64_t{}); }), "uint64");
  EXPECT_HAS(error_of([&] { read({256}, DType::int16, std::uint8_t{}); }), "got 256");
  EXPECT_HAS(error_of([&] { read({NAN}, DType::float32, std::int32_t{}); }), "got nan");
  EXPECT_HAS(error_of([&] { read({1e300}, DType::float64, float{}); }), "float32 can hold");
  const auto infinite = read({INFINITY, -INFINITY, NAN}, DType::float64, float{});
  EXPECT_EQ(infinite[0], INFINITY);
  EXPECT_EQ(infinite[1], -INFINITY);
  EXPECT_TRUE(std::isnan(infinite[2]));
  EXPECT_HAS(error_of([&] {
               write_npy(path("x"), std::vector<double>{70000}, {.dtype = DType::float16});
             }),
             "expected values that float16 can hold, got 70000");
}

TEST_F(NpyTest, RefusesWhatIsNoArrayOfNumbers) {
  const auto reason = [](const std::string& name) {
    const std::string message = error_of([&] { read_npy_header(golden(name)); });
    EXPECT_HAS(message, golden(name).string() + ": expected ");
    return message;
  };
  EXPECT_HAS(reason("objects"), "got Python objects (dtype '|O')");
  EXPECT_HAS(reason("structured"), "got a structured dtype");
  EXPECT_HAS(reason("complex"), "got '<c8'");
  EXPECT_HAS(reason("text"), "got '<U2'");
}

TEST_F(NpyTest, RefusesMalformedHeaders) {
  const std::string data(24, 'x');
  const auto reason = [&](const std::string& dictionary) {
    write_bytes(path("bad.npy"), file_bytes(dictionary, data));
    const std::string message = error_of([&] { read_npy_matrix<float>(path("bad.npy")); });
    EXPECT_HAS(message, path("bad.npy").string() + ": expected ");
    EXPECT_EQ(message.find('\n'), std::string::npos);
    return message;
  };
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }";
  write_bytes(path("good.npy"), file_bytes(good, data));
  EXPECT_EQ(read_npy_matrix<float>(path("good.npy")).rows(), 3);
  write_bytes(path("good.npy"),
              file_bytes("{\"shape\":(3L,2L),\"fortran_order\":False,\"descr\":\"=f4\"}", data, 3));
  EXPECT_EQ(read_npy_matrix<float>(path("good.npy")).cols(), 2);

  EXPECT_HAS(reason(""), "'{' at byte");
  EXPECT_HAS(reason("[]"), "expected a .npy header with '{' at byte 0, got '[]");
  EXPECT_HAS(reason("{}"), "the key 'descr'");
  EXPECT_HAS(reason("{'descr': '<f4', 'shape': (3, 2), }"), "the key 'fortran_order'");
  EXPECT_HAS(reason("{'descr': '<f4', 'fortran_order': False, }"), "the key 'shape'");
  EXPECT_HAS(reason("{'descr': '<f4', 'descr': '<f4', }"), "'descr' twice");
  EXPECT_HAS(reason("{'descr': '<f4', 'colour': 1, }"), "key 'colour'");
  EXPECT_HAS(reason("{'descr': '<f4"), "closing quote");
  EXPECT_HAS(reason("{'descr': <f4, }"), "'''");
  EXPECT_HAS(reason("{'descr': '', 'fortran_order': False, 'shape': (3, 2), }"), "dtype");
  EXPECT_HAS(reason("{'descr': '|f4', 'fortran_order': False, 'shape': (3, 2), }"), "'|f4'");
  EXPECT_HAS(reason("{'descr': '<f16', 'fortran_order': False, 'shape': (3, 2), }"), "'<f16'");
  EXPECT_HAS(reason("{'descr': '<f4', 'fortran_order': 0, 'shape': (3, 2), }"), "True or False");
  EXPECT_HAS(reason("{'descr': '<f4', 'fortran_order': False, 'shape': [3, 2], }"), "'('");
  EXPECT_HAS(reason("{'descr': '<f4', 'fortran_order': False, 'shape': (-3, -2), }"),
             "an extent of at least 0");
  EXPECT_HAS(reason("{'descr': '<f4', 'fortran_order': False, 'shape': (3.0, 2), }"), "','");
  EXPECT_HAS(reason("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), } x"), "the end");
  EXPECT_HAS(reason("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }"),
             "extents below 2^63");
  EXPECT_HAS(
      reason("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }"),
      "less than 2^63 bytes, got (4294967296, 4294967296)");
  EXPECT_HAS(reason("{'descr': '<f8', 'fortran_order': False, 'shape': (2305843009213693951,), }"),
             "less than 2^63 bytes");
  EXPECT_HAS(reason("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 3), }"),
             "bytes for shape (3, 3) of float32");
}

TEST_F(NpyTest, RefusesOtherFilesAndVersions) {
  const auto reason = [&](const std::string& bytes) {
    write_bytes(path("bad.npy"), bytes);
    return error_of([&] { read_npy<float>(path("bad.npy")); });
  };
  EXPECT_HAS(reason(""), "expected a .npy file, got a file of 0 bytes");
  EXPECT_HAS(reason("PK\x03\x04 an archive of arrays"), "begins with");
  std::string good = read_bytes(golden("f4_le"));
  good[6] = 4;
  EXPECT_HAS(reason(good), "expected .npy version 1.0, 2.0 or 3.0, got 4.0");
  good[6] = 2;  // takes 4 bytes of length, two of them text
  EXPECT_HAS(reason(good), "expected a .npy header of");
  EXPECT_HAS(error_of([&] { read_npy<float>(path("none.npy")); }), "No such file or directory");
  EXPECT_HAS(error_of([&] { read_npy<float>(path("")); }), "expected a .npy file, got a directory");
  EXPECT_HAS(error_of([] { read_npy<float>("/dev/zero"); }), "got a special file");
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_HAS(error_of([&] { read_npy<float>(path("pipe")); }), "got a special file");
  if (::geteuid() != 0) {
    write_bytes(path("secret.npy"), read_bytes(golden("f4_le")));
    ASSERT_EQ(::chmod(path("secret.npy").c_str(), 0), 0);
    EXPECT_HAS(error_of([&] { read_npy<float>(path("secret.npy")); }), "Permission denied");
  }
}

TEST_F(NpyTest, RefusesAFileCutAnywhereOrTooLong) {
  for (const char* name : {"f4_le", "f2_be", "version3", "rank3_fortran"}) {
    const std::string whole = read_bytes(golden(name));
    for (std::size_t size = 0; size < whole.size(); ++size) {
      write_bytes(path("cut.npy"), whole.substr(0, size));
      EXPECT_HAS(error_of([&] { read_npy<float>(path("cut.npy")); }), "cut.npy: expected ");
    }
    write_bytes(path("long.npy"), whole + '\0');
    EXPECT_HAS(error_of([&] { read_npy<float>(path("long.npy")); }), "(too long)");
  }
}

// Any single byte of the header may be broken: an Error or an array, never a crash.
TEST_F(NpyTest, SurvivesEveryBrokenByteOfTheHeader) {
  const std::string whole = read_bytes(golden("f4_le"));
  int errors = 0;
  for (std::size_t at = 0; at < 80; ++at) {
    for (const int value : {0x00, 0x20, 0x27, 0x28, 0x39, 0x7F, 0xFF}) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(value);
      write_bytes(path("broken.npy"), bytes);
      try {
        read_npy<float>(path("broken.npy"));
      } catch (const Error& error) {
        ++errors;
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      }
    }
  }
  EXPECT_GT(errors, 400);
}

}  // namespace
}  // namespace clipk
