#include "clipk/io/safetensors.hpp"

#include <sys/stat.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "clipk/io/array_file.hpp"
#include "clipk/io/atomic_file.hpp"
#include "io/broken_files.hpp"
#include "io/files.hpp"
#include "support/error_of.hpp"
#include "support/golden_folder.hpp"

namespace clipk {
namespace {

using test::error_of;
using test::read_bytes;
using test::write_bytes;

std::filesystem::path golden(const std::string& name) {
  return test::golden_folder() / "safetensors" / (name + ".safetensors");
}

std::string file_bytes(const std::string& header, const std::string& data) {
  const std::uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + data;
}

Matrix<float> counts() {
  Matrix<float> matrix(3, 2);
  for (int k = 0; k < 6; ++k) matrix.data()[k] = static_cast<float>(k);
  return matrix;
}

template <class T>
void expect_counts(const std::string& name, bool modulo_2 = false) {
  SCOPED_TRACE(name);
  const Matrix<T> matrix = read_safetensors_matrix<T>(golden("types"), name);
  ASSERT_EQ(matrix.rows(), 3);
  ASSERT_EQ(matrix.cols(), 2);
  for (int k = 0; k < 6; ++k) {
    EXPECT_EQ(matrix(k / 2, k % 2), static_cast<T>(modulo_2 ? k % 2 : k));
  }
}

class SafetensorsTest : public test::FileTest {
 protected:
  std::string reason(const std::string& bytes, const std::string& name = "x") const {
    write_bytes(path("bad.safetensors"), bytes);
    const std::string message =
        error_of([&] { read_safetensors_matrix<float>(path("bad.safetensors"), name); });
    EXPECT_EQ(message.rfind(path("bad.safetensors").string(), 0), 0u) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message;
  }
  /// With a header whose data are 24 bytes.
  std::string reason_of_header(const std::string& header) const {
    return reason(file_bytes(header, std::string(24, 'x')));
  }
};

TEST_F(SafetensorsTest, ReadsWhatTheReferenceWroteInEveryType) {
  for (const char* type :
       {"I8", "I16", "I32", "I64", "U8", "U16", "U32", "U64", "F16", "BF16", "F32", "F64"}) {
    expect_counts<float>(type);
    expect_counts<double>(type);
    expect_counts<std::int32_t>(type);
    expect_counts<std::uint64_t>(type);
  }
  expect_counts<float>("BOOL", true);
  const auto types = golden("types");
  EXPECT_EQ(read_safetensors_vector<float>(types, "vector"), (std::vector<float>{0, 1, 2, 3, 4}));
  EXPECT_EQ(read_safetensors<float>(types, "scalar").data, std::vector<float>{7});
  const auto cube = read_safetensors<float>(types, "cube");
  EXPECT_EQ(cube.shape, (std::vector<std::int64_t>{2, 3, 4}));
  for (std::size_t k = 0; k < 24; ++k) EXPECT_EQ(cube.data[k], static_cast<float>(k));
  EXPECT_EQ(read_safetensors_matrix<float>(types, "empty").cols(), 5);
  EXPECT_HAS(error_of([&] { read_safetensors_matrix<float>(types, "cube"); }),
             "types.safetensors:cube: expected an array of one or two dimensions, got shape");
  EXPECT_HAS(error_of([&] { read_safetensors_matrix<float>(types, "F8_E4M3"); }),
             ":F8_E4M3: expected a dtype of BOOL, I8-64, U8-64, BF16 or F16-64, got F8_E4M3");
}

TEST_F(SafetensorsTest, ReadsHeaders) {
  const SafetensorsHeader header = read_safetensors_header(golden("written"));
  EXPECT_EQ(header.metadata, (std::map<std::string, std::string>{{"made by", "täst\n"}}));
  ASSERT_EQ(header.tensors.size(), 6u);
  EXPECT_EQ(header.tensors[0].name, "labels");
  EXPECT_EQ(header.tensors[1].name, "Bilder ä\"");
  EXPECT_EQ(header.tensors[2].type, "F32");
  EXPECT_EQ(header.tensors[2].dtype, DType::float32);
  EXPECT_EQ(header.tensors[2].shape, (std::vector<std::int64_t>{3, 2}));
  EXPECT_EQ(header.tensors[2].bytes, 24);
  const auto types = read_safetensors_header(golden("types"));
  EXPECT_EQ(types.tensors.size(), 18u);
  EXPECT_HAS(error_of([] { read_safetensors_matrix<float>(golden("written"), "image"); }),
             "written.safetensors: expected a tensor called 'image', got 'labels', 'Bilder ä\"', "
             "'images', 'small', 'rounded', 'texts'");
}

TEST_F(SafetensorsTest, WritesTheBytesOfTheReference) {
  const Matrix<float> images = counts();
  Matrix<double> wide(3, 7);
  Matrix<double> thirds(3, 2);
  for (int k = 0; k < 6; ++k) {
    wide(k / 2, 3 + k % 2) = k;
    thirds.data()[k] = k / 3.0;
  }
  const std::vector<std::int64_t> labels{0, 1, 2};
  const std::vector<std::int32_t> small{0, 1, 2};
  write_safetensors(path("x"),
                    {{"texts", images.view(), DType::float16},
                     {"images", images.view()},
                     {"rounded", std::as_const(thirds).view(), DType::bfloat16},
                     {"small", small},
                     {"labels", labels},
                     {"Bilder ä\"", std::as_const(wide).view().col_range(3, 2)}},
                    {{"made by", "täst\n"}});
  EXPECT_EQ(read_bytes(path("x")), read_bytes(golden("written")));
  write_safetensors(path("x"), {{"images", images.view()}});
  EXPECT_EQ(read_bytes(path("x")), read_bytes(golden("plain")));
  EXPECT_EQ(file_count(), 1u);
}

TEST_F(SafetensorsTest, RoundTrips) {
  const Matrix<float> none(0, 5);
  Matrix<float> special(1, 3);
  special(0, 0) = NAN;
  special(0, 1) = -INFINITY;
  special(0, 2) = std::numeric_limits<float>::denorm_min();
  write_safetensors(path("x"), {{"none", none.view()}, {"special", special.view()}});
  EXPECT_EQ(read_safetensors_matrix<float>(path("x"), "none").cols(), 5);
  const auto read = read_safetensors_matrix<float>(path("x"), "special");
  EXPECT_EQ(std::memcmp(read.data(), special.data(), 12), 0);
  write_safetensors(path("x"), {});
  EXPECT_TRUE(read_safetensors_header(path("x")).tensors.empty());
}

TEST_F(SafetensorsTest, RefusesToWriteWhatCannotBe) {
  const Matrix<float> x = counts();
  const auto reason = [&](const std::vector<SafetensorsTensor>& tensors,
                          const std::map<std::string, std::string>& metadata = {}) {
    const std::string message = error_of([&] { write_safetensors(path("x"), tensors, metadata); });
    EXPECT_EQ(file_count(), 0u);
    return message;
  };
  EXPECT_HAS(reason({{"a", x.view()}, {"a", x.view()}}),
             "each once and none __metadata__, got 'a'");
  EXPECT_HAS(reason({{"__metadata__", x.view()}}), "got '__metadata__'");
  EXPECT_HAS(reason({{"\xFF", x.view()}}), "expected names and metadata in UTF-8, got other bytes");
  EXPECT_HAS(reason({{"a", x.view()}}, {{"k", "\xFF"}}), "in UTF-8");
  EXPECT_HAS(reason({{"a", x.view(), DType::boolean}}), "expected values that bool can hold");
  const Matrix<double> large = [] {
    Matrix<double> matrix(1, 1);
    matrix(0, 0) = 3.4e38;
    return matrix;
  }();
  EXPECT_HAS(reason({{"a", large.view(), DType::bfloat16}}), "values that bfloat16 can hold");
}

TEST_F(SafetensorsTest, RefusesHeadersThatLie) {
  const std::string good = R"({"x":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]}})";
  write_bytes(path("good"), file_bytes(good + "    ", std::string(24, '\0')));
  EXPECT_EQ(read_safetensors_matrix<float>(path("good"), "x").rows(), 3);

  EXPECT_HAS(reason(""), "expected a safetensors file, got a file of 0 bytes");
  EXPECT_HAS(reason(std::string(8, '\xFF')),
             "expected a safetensors header of 18446744073709551615 bytes, got a file of 8");
  EXPECT_HAS(reason(file_bytes(good, "").substr(0, 40)), "safetensors header of 57 bytes, got a");
  EXPECT_HAS(reason(file_bytes(good, std::string(23, 'x'))),
             "expected 89 bytes for the tensors of the safetensors header, got 88 (cut short)");
  EXPECT_HAS(reason(file_bytes(good, std::string(25, 'x'))), "got 90 (too long)");
  EXPECT_HAS(reason(file_bytes("", "")), "which begins with '{', got an empty one");
  EXPECT_HAS(reason(file_bytes("{}", "x")), "expected 10 bytes for the tensors");
  EXPECT_HAS(reason(file_bytes("{}", "")), "expected a tensor called 'x', got none");

  const auto tensor = [&](const std::string& dtype, const std::string& shape,
                          const std::string& offsets) {
    return reason_of_header(R"({"x":{"dtype":)" + dtype + R"(,"shape":)" + shape +
                            R"(,"data_offsets":)" + offsets + "}}");
  };
  EXPECT_HAS(tensor("\"F32\"", "[3,3]", "[0,24]"),
             "bad.safetensors:x: expected 36 bytes for shape (3, 3) of F32, got 24");
  EXPECT_HAS(tensor("\"F32\"", "[3,2]", "[0,20]"), "expected 24 bytes for shape (3, 2) of F32");
  EXPECT_HAS(tensor("\"F4\"", "[5]", "[0,2]"), "expected 3 bytes for shape (5,) of F4, got 2");
  EXPECT_HAS(tensor("\"F32\"", "[3,2]", "[24,0]"), "a begin and an end, got (24, 0)");
  EXPECT_HAS(tensor("\"F32\"", "[3,2]", "[0,24,0]"), "a begin and an end, got (0, 24, 0)");
  EXPECT_HAS(tensor("\"F32\"", "[3,2]", "[8,32]"),
             "expected tensors side by side, the next at byte 65, got 'x' at byte 73");
  EXPECT_HAS(tensor("\"F32\"", "[3,2]", "[9223372036854775783,9223372036854775807]"),
             "expected offsets below 2^63");
  EXPECT_HAS(tensor("\"F32\"", "[4294967296,4294967296]", "[0,24]"), "less than 2^63 bits");
  EXPECT_HAS(tensor("\"F32\"", "[576460752303423487]", "[0,24]"), "less than 2^63 bits");
  EXPECT_HAS(tensor("\"F32\"", "[-3,-2]", "[0,24]"), "a shape of whole numbers from 0");
  EXPECT_HAS(tensor("\"F32\"", "[3.0,2]", "[0,24]"), "a shape of whole numbers from 0");
  EXPECT_HAS(tensor("\"F32\"", "[18446744073709551615]", "[0,24]"), "numbers from 0 below 2^63");
  EXPECT_HAS(tensor("\"F32\"", "6", "[0,24]"), "a shape that is a list");
  EXPECT_HAS(tensor("\"F33\"", "[3,2]", "[0,24]"), "a dtype of safetensors, got 'F33'");
  EXPECT_HAS(tensor("32", "[3,2]", "[0,24]"), "a dtype that is text");

  const std::string x = R"("x":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]})";
  EXPECT_HAS(reason_of_header("{" + x + "," + x + "}"), "each name of the safetensors header once");
  EXPECT_HAS(reason_of_header(R"({"x":{"dtype":"F32","dtype":"F32"}})"), "got 'dtype' twice");
  EXPECT_HAS(reason_of_header(R"({"x":{"shape":[3,2],"data_offsets":[0,24]}})"),
             "expected a dtype in the safetensors header, got none");
  EXPECT_HAS(
      reason_of_header("{" + x + R"(,"y":{"dtype":"U8","shape":[12],"data_offsets":[12,24]}})"),
      "expected tensors side by side");
  EXPECT_HAS(
      reason_of_header("{" + x + R"(,"y":{"dtype":"U8","shape":[1],"data_offsets":[25,26]}})"),
      "expected tensors side by side");
  EXPECT_HAS(reason_of_header("{" + x + R"(,"__metadata__":{"a":1}})"),
             "expected metadata of texts in the safetensors header, got another value of 'a'");
}

// Checked against safetensors 0.8.
TEST_F(SafetensorsTest, ReadsHeadersThatTheReferenceReads) {
  const std::string x = R"("x":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24])";
  for (const std::string& header :
       {R"({"__metadata__":null,)" + x + "}}", "{" + x + R"(},"__metadata__":{}})",
        " \t\r\n{" + x + "}}\n ",
        "{" + x + R"(,"colour":[1,[2,{"a":{"a":null}},"b"],{}],"more":{"dtype":1}}})",
        "{" + x + R"(},"y":{"dtype":"U8","shape":[0,7],"data_offsets":[24,24]}})",
        "{" + x +
            R"(},"y":{"extra":{"shape":[1]},"dtype":"F16","shape":[0],"data_offsets":[0,0]}})",
        R"({"y":{"dtype":"I64","shape":[0],"data_offsets":[0,0],"shape of y":[[[]]]},)" + x + "}}",
        "{" + x + R"(},"y":{"dtype":"F8_E4M3FNUZ","shape":[0],"data_offsets":[24,24]}})",
        "{" + x + R"(},"y":{"dtype":"F8_E5M2FNUZ","shape":[0],"data_offsets":[24,24]}})"}) {
    SCOPED_TRACE(header);
    write_bytes(path("x"), file_bytes(header, std::string(24, '\0')));
    EXPECT_EQ(read_safetensors_matrix<float>(path("x"), "x").rows(), 3);
    EXPECT_EQ(array_format(path("x")), ArrayFormat::safetensors);
    EXPECT_TRUE(read_safetensors_header(path("x")).metadata.empty());
  }
}

TEST_F(SafetensorsTest, RefusesHeadersThatTheReferenceRefuses) {
  const std::string x = R"("x":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]})";
  const std::string form = "got JSON of another form";
  EXPECT_HAS(reason_of_header(R"({"__metadata__":[],)" + x + "}"), form);
  EXPECT_HAS(reason_of_header(R"({"__metadata__":"",)" + x + "}"), form);
  EXPECT_HAS(reason_of_header(R"({"__metadata__":{"a":{}},)" + x + "}"), form);
  EXPECT_HAS(reason_of_header(R"({"__metadata__":{"a":null},)" + x + "}"), "metadata of texts");
  EXPECT_HAS(reason_of_header("{" + x + R"(,"y":null})"), form);
  EXPECT_HAS(reason_of_header("{" + x + "}" + std::string(3, '\0')), "got a NUL byte");
  EXPECT_HAS(reason_of_header("\xEF\xBB\xBF{" + x + "}"), "which begins with '{', got '?'");
  EXPECT_HAS(reason_of_header("   "), "got an empty one");
  EXPECT_HAS(reason_of_header("{" + x + R"(,"y":{"more":[)" + std::string(10'000, '[')), form);
  EXPECT_HAS(reason_of_header("{" + x +
                              R"(,"y":{"dtype":"U8","shape":[4294967296,4294967296,0],)"
                              R"("data_offsets":[24,24]}})"),
             "less than 2^63 bits");
}

TEST_F(SafetensorsTest, RefusesWhatIsNotTheJsonOfTensors) {
  EXPECT_HAS(reason_of_header("[]"), "which begins with '{', got '['");
  EXPECT_HAS(reason_of_header("{\"x\":"), "a safetensors header in JSON, got something else at");
  EXPECT_HAS(reason_of_header("{\"\xFF\":1}"), "got something else at its byte 3");
  EXPECT_HAS(reason_of_header("{} {}"), "got something else at its byte 4");
  EXPECT_HAS(reason_of_header(R"({"x":{"shape":[1e999]}})"),
             "a safetensors header in JSON, got a number out of range");
  const std::string form = "each a type, a shape and two offsets, got JSON of another form";
  EXPECT_HAS(reason_of_header("{\"x\":1}"), form);
  EXPECT_HAS(reason_of_header("{\"x\":[]}"), "expected ");
  EXPECT_HAS(reason_of_header("{\"x\":{\"shape\":[[1]]}}"), form);
  EXPECT_HAS(reason_of_header("{\"x\":" + std::string(100'000, '[')), form);
  std::string deep;
  for (int i = 0; i < 10'000; ++i) deep += "{\"x\":";
  EXPECT_HAS(reason_of_header(deep), form);
  std::string extents = "{\"x\":{\"shape\":[1";
  for (int i = 0; i < 64; ++i) extents += ",1";
  EXPECT_HAS(reason_of_header(extents + "]}}"), "expected at most 64 dimensions, got more");
}

// Not written in full: a file with a hole is enough.
TEST_F(SafetensorsTest, RefusesAHeaderOfMoreThan100Megabytes) {
  const std::uint64_t length = 100'000'001;
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  write_bytes(path("x"), bytes + "{");
  std::filesystem::resize_file(path("x"), 200'000'000);
  EXPECT_HAS(error_of([&] { read_safetensors_header(path("x")); }),
             "expected a safetensors header of at most 100000000 bytes, got 100000001");
}

TEST_F(SafetensorsTest, RefusesOtherFiles) {
  EXPECT_HAS(error_of([&] { read_safetensors_header(path("none")); }), "No such file");
  EXPECT_HAS(error_of([&] { read_safetensors_header(path("")); }),
             "expected a safetensors file, got a directory");
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_HAS(error_of([&] { read_safetensors_header(path("pipe")); }), "got a special file");
}

TEST_F(SafetensorsTest, SurvivesEveryBrokenByte) {
  for (const char* name : {"written", "types"}) {
    test::expect_survives_broken_bytes(
        golden(name), path("broken"), [](const std::filesystem::path& file) {
          for (const auto& entry : read_safetensors_header(file).tensors) {
            if (entry.dtype) read_safetensors<double>(file, entry.name);
          }
        });
  }
}

}  // namespace
}  // namespace clipk
