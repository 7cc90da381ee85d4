#include "clipk/io/archive.hpp"

#include <cmath>

#include "io/files.hpp"
#include "support/archive_parts.hpp"
#include "support/arrays.hpp"
#include "support/error_of.hpp"

namespace clipk {
namespace {

using test::error_of;
using test::read_bytes;
using test::write_bytes;

class ArchiveTest : public test::FileTest {
 protected:
  void write_sample(const std::string& name) {
    Matrix<float> wide(3, 5);
    for (int i = 0; i < 15; ++i) wide(i / 5, i % 5) = static_cast<float>(i);
    ArchiveWriter writer("neural_mds model", 2);
    writer.add<float>("weights", wide.view().col_range(1, 2));
    writer.add("steps", std::vector<std::int64_t>{5, -6, 7});
    writer.add("rate", 1e-3);
    writer.add("seed", std::uint64_t{1} << 63);
    writer.add("objective", "isotonic");
    writer.add("empty", Matrix<double>(0, 4));
    writer.add("none", std::vector<std::uint8_t>{});
    writer.write(path(name));
  }
  // Replaces the checksum by the right one, so that the content gets read.
  void write_sealed(const std::string& name, std::string bytes) {
    bytes.resize(bytes.size() - 32);
    write_bytes(path(name), test::sealed(bytes));
  }
};

TEST_F(ArchiveTest, RoundTrip) {
  write_sample("a");
  const ArchiveReader reader(path("a"), "neural_mds model", 2);
  EXPECT_EQ(reader.version(), 2u);
  EXPECT_EQ(reader.names(), (std::vector<std::string>{"empty", "none", "objective", "rate", "seed",
                                                      "steps", "weights"}));
  const Matrix<float> weights = reader.matrix<float>("weights");
  ASSERT_EQ(weights.rows(), 3);
  ASSERT_EQ(weights.cols(), 2);
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 2; ++j) EXPECT_EQ(weights(i, j), static_cast<float>(5 * i + j + 1));
  }
  Matrix<float> wide(3, 4);
  reader.read<float>("weights", wide.view().col_range(1, 2));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(wide(i, 0), 0);
    EXPECT_EQ(wide(i, 2), weights(i, 1));
    EXPECT_EQ(wide(i, 3), 0);
  }
  EXPECT_EQ(reader.vector<std::int64_t>("steps"), (std::vector<std::int64_t>{5, -6, 7}));
  EXPECT_EQ(reader.number<double>("rate"), 1e-3);
  EXPECT_EQ(reader.number<std::uint64_t>("seed"), std::uint64_t{1} << 63);
  EXPECT_EQ(reader.text("objective"), "isotonic");
  EXPECT_EQ(reader.matrix<double>("empty").cols(), 4);
  EXPECT_TRUE(reader.vector<std::uint8_t>("none").empty());
  EXPECT_TRUE(reader.has("rate"));
  EXPECT_FALSE(reader.has("rat"));
}

// Files of today are read by the programs of tomorrow: the bytes do not change.
TEST_F(ArchiveTest, TheBytesAreThoseOfTheFormat) {
  ArchiveWriter writer("toy", 7);
  writer.add("x", std::vector<std::int32_t>{-2, 258});
  writer.write(path("a"));
  const std::string content(
      "CLIPK\r\n\x1a\x01\0\0\0\x03\0\0\0toy\x07\0\0\0\x01\0\0\0"
      "\x01\0\0\0x\x02\x01\x02\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0"
      "\xFE\xFF\xFF\xFF\x02\x01\0\0",
      58);
  const std::string bytes = read_bytes(path("a"));
  ASSERT_EQ(bytes.size(), content.size() + 32);
  EXPECT_EQ(bytes.substr(0, content.size()), content);
  write_sealed("b", content + std::string(32, ' '));
  EXPECT_EQ(read_bytes(path("b")), bytes);
}

TEST_F(ArchiveTest, SaysWhatTheFileIs) {
  write_sample("a");
  const std::string name = path("a").string();
  EXPECT_EQ(error_of([&] { ArchiveReader(path("a"), "trainer checkpoint", 2); }),
            name + ": expected a clipk trainer checkpoint, got a clipk neural_mds model");
  EXPECT_EQ(error_of([&] { ArchiveReader(path("a"), "neural_mds model", 1); }),
            name + ": expected a clipk neural_mds model of version 1 or older, got version 2");
  EXPECT_HAS(error_of([&] { ArchiveReader(path("no"), "toy", 1); }),
             "expected a clipk toy, got No such file or directory");
  EXPECT_HAS(error_of([&] { ArchiveReader(path(""), "toy", 1); }), "got a directory");
  write_bytes(path("empty"), "");
  EXPECT_HAS(error_of([&] { ArchiveReader(path("empty"), "toy", 1); }), "got an empty file");
  write_bytes(path("other"), "\x93NUMPY and more");
  EXPECT_HAS(error_of([&] { ArchiveReader(path("other"), "toy", 1); }), "no clipk archive");
  std::string newer = read_bytes(path("a"));
  newer[8] = 2;
  write_sealed("newer", newer);
  EXPECT_HAS(error_of([&] { ArchiveReader(path("newer"), "toy", 1); }),
             "expected archive version 1, got 2");
}

TEST_F(ArchiveTest, SaysItsKind) {
  write_sample("a");
  EXPECT_EQ(archive_kind(path("a")), "neural_mds model");
  const std::string whole = read_bytes(path("a"));
  write_bytes(path("b"), whole.substr(0, 32));  // the kind is all that is read
  EXPECT_EQ(archive_kind(path("b")), "neural_mds model");
  const auto reason = [&](const std::string& bytes) {
    write_bytes(path("b"), bytes);
    const std::string message = error_of([&] { archive_kind(path("b")); });
    EXPECT_EQ(message.rfind(path("b").string() + ": expected ", 0), 0U) << message;
    return message;
  };
  for (std::size_t size = 0; size < 32; ++size) {
    EXPECT_HAS(reason(whole.substr(0, size)), "expected a clipk archive");
  }
  EXPECT_HAS(reason(""), "got an empty file");
  EXPECT_HAS(reason("\x93NUMPY and more of it"), "got a file that is no clipk archive");
  std::string other = whole;
  other[8] = 2;
  EXPECT_HAS(reason(other), "expected archive version 1, got 2");
  other = whole + std::string(1000, 'x');
  other[13] = 2;  // a kind of 528 bytes
  EXPECT_HAS(reason(other), "cut short or damaged");
  other[15] = '\xFF';
  EXPECT_HAS(reason(other), "cut short or damaged");
  EXPECT_HAS(error_of([&] { archive_kind(path("none")); }),
             "expected a clipk archive, got No such file or directory");
}

TEST_F(ArchiveTest, GettersSayWhatTheEntryIs) {
  write_sample("a");
  const ArchiveReader reader(path("a"), "neural_mds model", 2);
  EXPECT_HAS(error_of([&] { reader.number<double>("loss"); }),
             "expected entry 'loss' to be a float64 number, got no such entry");
  EXPECT_HAS(error_of([&] { reader.number<float>("rate"); }),
             "expected entry 'rate' to be a float32 number, got a float64 number");
  EXPECT_HAS(error_of([&] { reader.vector<float>("weights"); }),
             "to be a float32 vector, got a float32 matrix");
  EXPECT_HAS(error_of([&] { reader.text("seed"); }), "to be a text, got a uint64 number");
  EXPECT_HAS(error_of([&] { reader.number<std::uint8_t>("objective"); }), "got a text");
  Matrix<float> small(2, 3);
  EXPECT_HAS(error_of([&] { reader.read<float>("weights", small.view()); }),
             "expected entry 'weights' of shape [2, 3], got [3, 2]");
  EXPECT_HAS(error_of([&] { reader.read<float>("weights", small.view().col_range(0, 2)); }),
             "of shape [2, 2], got [3, 2]");
  ArchiveWriter writer("toy", 1);
  writer.add("x", 1.0);
  EXPECT_HAS(error_of([&] { writer.add("x", 2.0); }), "got 'x' twice");
}

TEST_F(ArchiveTest, ChecksSayWhatIsInTheEntry) {
  ArchiveWriter writer("toy", 1);
  writer.add("numbers", std::vector<double>{1, NAN, 3});
  writer.add("loss", INFINITY);
  Matrix<float> weights(2, 3);
  weights(1, 2) = -INFINITY;
  writer.add("weights", weights);
  writer.add("labels", std::vector<std::int32_t>{0, 3, -1});
  writer.add("epochs", std::int64_t{-4});
  writer.add("fingerprint", "toy of 3 rows, seed 1, rate 0.5");
  writer.write(path("a"));
  const ArchiveReader reader(path("a"), "toy", 1);
  const auto reason = [&](auto&& f) {
    const std::string message = error_of([&] { f(reader); });
    EXPECT_EQ(message.rfind(path("a").string() + ": ", 0), 0U) << message;
    return message.substr(std::min(message.size(), path("a").string().size() + 2));
  };
  using Reader = const ArchiveReader&;
  EXPECT_EQ(reason([](Reader r) { r.vector<double>("numbers"); }),
            "expected entry 'numbers' of finite numbers, got nan in place 1");
  EXPECT_EQ(reason([](Reader r) { r.number<float>("loss"); }),
            "expected entry 'loss' of finite numbers, got inf");
  EXPECT_EQ(reason([](Reader r) { r.matrix<float>("weights"); }),
            "expected entry 'weights' of finite numbers, got -inf in row 1, column 2");
  EXPECT_TRUE(std::isnan(reader.vector<double>("numbers", ArchiveValues::any)[1]));
  EXPECT_EQ(reason([](Reader r) { r.vector<std::int32_t>("labels", 4); }),
            "expected entry 'labels' of size 4, got 3");
  EXPECT_EQ(reason([](Reader r) { r.expect_matrix<float>("weights", 3, 2); }),
            "expected entry 'weights' of shape [3, 2], got [2, 3]");
  EXPECT_EQ(
      reason([](Reader r) { r.expect_within("labels", r.vector<std::int32_t>("labels"), 0, 3); }),
      "expected entry 'labels' from 0 to 3, got -1 in place 2");
  EXPECT_EQ(reason([](Reader r) { r.count("epochs"); }),
            "expected entry 'epochs' of at least 0, got -4");
  EXPECT_EQ(reason([](Reader r) { r.number<std::int64_t>("epochs", 1, 9); }),
            "expected entry 'epochs' from 1 to 9, got -4");
  // Names the parts that differ, where the parts are alike.
  reader.expect_fingerprint("toy of 3 rows, seed 1, rate 0.5");
  EXPECT_EQ(reason([](Reader r) { r.expect_fingerprint("toy of 4 rows, seed 1, rate 0.25"); }),
            "expected a checkpoint of toy of 4 rows, seed 1, rate 0.25, got one of toy of 3 rows, "
            "rate 0.5");
  EXPECT_EQ(reason([](Reader r) { r.expect_fingerprint("toy"); }),
            "expected a checkpoint of toy, got one of toy of 3 rows, seed 1, rate 0.5");
  EXPECT_EQ(
      reason([](Reader r) { r.naming([]() -> int { throw Error("toy: expected 1, got 2"); }); }),
      "toy: expected 1, got 2");
  EXPECT_EQ(reason([](Reader r) { r.naming([&] { return r.text("none"); }); }),
            "expected entry 'none' to be a text, got no such entry");
  EXPECT_EQ(reason([](Reader r) { r.fail("one\nline", std::string(3000, 'x')); }),
            "expected one?line, got " + std::string(2000, 'x') + "...");
}

TEST_F(ArchiveTest, EveryCutAndEveryFlippedByteIsSeen) {
  write_sample("a");
  const std::string whole = read_bytes(path("a"));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write_bytes(path("cut"), whole.substr(0, size));
    EXPECT_HAS(error_of([&] { ArchiveReader(path("cut"), "neural_mds model", 2); }),
               "cut: expected a clipk neural_mds model");
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 1 << at % 8);
    write_bytes(path("flipped"), bytes);
    EXPECT_HAS(error_of([&] { ArchiveReader(path("flipped"), "neural_mds model", 2); }), "got ");
  }
  write_bytes(path("long"), whole + 'x');
  EXPECT_HAS(error_of([&] { ArchiveReader(path("long"), "neural_mds model", 2); }), "damaged");
}

// Behind a right checksum, too, no broken field reads beyond the file.
TEST_F(ArchiveTest, SurvivesBrokenFieldsBehindARightChecksum) {
  write_sample("a");
  const std::string whole = read_bytes(path("a"));
  int errors = 0;
  for (std::size_t at = 8; at + 32 < whole.size(); ++at) {
    for (const int value : {0x00, 0x01, 0x7F, 0xFF}) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(value);
      write_sealed("broken", bytes);
      try {
        const ArchiveReader reader(path("broken"), "neural_mds model", 2);
        for (const std::string& name : reader.names()) {
          try {
            reader.matrix<float>(name);
          } catch (const Error&) {
          }
        }
      } catch (const Error&) {
        ++errors;
      }
    }
  }
  EXPECT_GT(errors, 200);

  ArchiveWriter writer("toy", 1);
  writer.add("x", std::vector<std::int32_t>{1, 2});
  writer.write(path("toy"));
  std::string longer = read_bytes(path("toy"));
  longer[34] = 3;  // the number of rows
  write_sealed("longer", longer);
  EXPECT_HAS(error_of([&] { ArchiveReader(path("longer"), "toy", 1); }),
             "expected 12 bytes at offset 50, got 8");
}

}  // namespace
}  // namespace clipk
