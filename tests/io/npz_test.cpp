#include "clipk/io/npz.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <map>
#include <thread>

#include "clipk/io/atomic_file.hpp"
#include "io/arrays/packed_size.hpp"
#include "io/arrays/zip_archive.hpp"
#include "io/broken_files.hpp"
#include "io/files.hpp"
#include "io/zip_files.hpp"
#include "support/error_of.hpp"
#include "support/golden_folder.hpp"

namespace clipk {
namespace {

using test::error_of;
using test::read_bytes;
using test::write_bytes;

std::filesystem::path golden(const std::string& name) {
  return test::golden_folder() / "npz" / (name + ".npz");
}

// Where the record of a member in the central directory stands.
std::size_t central_record(const std::string& bytes, const std::string& member) {
  for (std::size_t at = bytes.find("PK\1\2"); at != std::string::npos;
       at = bytes.find("PK\1\2", at + 1)) {
    if (bytes.compare(at + 46, member.size(), member) == 0) return at;
  }
  ADD_FAILURE() << "no member " << member;
  return 0;
}
constexpr std::size_t kFlags = 8, kChecksum = 16, kPacked = 20, kSize = 24;

std::uint32_t word(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, 4);
  return value;
}
void set_word(std::string& bytes, std::size_t at, std::uint32_t value) {
  std::memcpy(bytes.data() + at, &value, 4);
}

class NpzTest : public test::FileTest {
 protected:
  void write_zip(const std::string& name, const std::vector<test::ZipMember>& members) const {
    test::write_zip(path(name), members);
  }
  /// The Error of reading `member` of a golden file with a word of its central record changed.
  std::string lie(const std::string& file, const std::string& member, std::size_t field,
                  std::uint32_t value) const {
    std::string bytes = read_bytes(golden(file));
    set_word(bytes, central_record(bytes, member + ".npy") + field, value);
    write_bytes(path("lie.npz"), bytes);
    const std::string message = error_of([&] { read_npz_matrix<float>(path("lie.npz"), member); });
    EXPECT_EQ(message.rfind(path("lie.npz").string(), 0), 0u) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
    return message;
  }
};

template <class T>
void expect_counts(const Matrix<T>& matrix) {
  ASSERT_EQ(matrix.rows(), 3);
  ASSERT_EQ(matrix.cols(), 2);
  for (int k = 0; k < 6; ++k) EXPECT_EQ(matrix(k / 2, k % 2), static_cast<T>(k));
}

TEST_F(NpzTest, ReadsWhatNumpyWrote) {
  for (const char* name : {"stored", "deflated"}) {
    SCOPED_TRACE(name);
    for (const char* key : {"images", "texts", "fortran"}) {
      expect_counts(read_npz_matrix<float>(golden(name), key));
      expect_counts(read_npz_matrix<double>(golden(name), key));
    }
    EXPECT_EQ(read_npz_vector<std::int32_t>(golden(name), "labels"),
              (std::vector<std::int32_t>{0, 1, 2}));
    const auto cube = read_npz<float>(golden(name), "cube");
    EXPECT_EQ(cube.shape, (std::vector<std::int64_t>{2, 3, 4}));
    for (std::size_t k = 0; k < 24; ++k) EXPECT_EQ(cube.data[k], static_cast<float>(k));
  }
  expect_counts(read_npz_matrix<float>(golden("single"), "arr_0"));
  expect_counts(read_npz_matrix<float>(golden("zip64"), "x"));
  expect_counts(read_npz_matrix<float>(golden("zip64"), "y"));
  const auto values = read_npz_vector<double>(golden("long"), "long");
  ASSERT_EQ(values.size(), 300'001u);
  for (std::size_t k = 0; k < values.size(); ++k) ASSERT_EQ(values[k], static_cast<double>(k % 5));
}

TEST_F(NpzTest, ListsWhatIsThere) {
  for (const char* name : {"stored", "deflated"}) {
    const auto entries = list_npz(golden(name));
    ASSERT_EQ(entries.size(), 6u);
    EXPECT_EQ(entries[0].name, "images");
    EXPECT_EQ(entries[0].header->shape, (std::vector<std::int64_t>{3, 2}));
    EXPECT_EQ(entries[1].header->dtype, DType::float16);
    EXPECT_TRUE(entries[2].header->fortran_order);
    EXPECT_EQ(entries[5].name, "names");
    EXPECT_FALSE(entries[5].header.has_value());
    EXPECT_HAS(entries[5].problem, ":names: expected a dtype of bool");
  }
  const auto other = list_npz(golden("other"));
  ASSERT_EQ(other.size(), 2u);
  EXPECT_EQ(other[0].name, "x");
  EXPECT_HAS(other[1].problem, "npz:bad: expected a .npy header of 118 bytes, got a file of 90");
  EXPECT_TRUE(list_npz(golden("empty")).empty());
}

TEST_F(NpzTest, RefusesWhatIsNotThere) {
  EXPECT_HAS(error_of([] { read_npz_matrix<float>(golden("stored"), "image"); }),
             "stored.npz: expected an array called 'image', got 'images', 'texts', 'fortran', "
             "'labels', 'cube', 'names'");
  EXPECT_HAS(error_of([] { read_npz_matrix<float>(golden("empty"), "x"); }), "'x', got none");
  EXPECT_HAS(error_of([] { read_npz_matrix<float>(golden("twice"), "x"); }),
             "expected each array once, got 'x' twice");
  EXPECT_HAS(error_of([] { read_npz_matrix<float>(golden("stored"), "cube"); }),
             "stored.npz:cube: expected an array of one or two dimensions, got shape (2, 3, 4)");
  EXPECT_HAS(error_of([] { read_npz_vector<float>(golden("stored"), "images"); }),
             "stored.npz:images: expected an array of one dimension, got shape (3, 2)");
  EXPECT_HAS(error_of([] { read_npz_matrix<float>(golden("stored"), "names"); }), "got '<U1'");
  std::vector<test::ZipMember> many;
  for (int i = 0; i < 13; ++i) many.push_back({"k\n" + std::to_string(i) + ".npy", "x"});
  write_zip("many.npz", many);
  EXPECT_HAS(error_of([&] { read_npz_matrix<float>(path("many.npz"), "x"); }),
             "got 'k?0', 'k?1', 'k?2', 'k?3', 'k?4', 'k?5', 'k?6', 'k?7', 'k?8', 'k?9' and 3 more");
}

TEST_F(NpzTest, RefusesOtherFiles) {
  const auto reason = [&](const std::string& bytes) {
    write_bytes(path("bad.npz"), bytes);
    return error_of([&] { list_npz(path("bad.npz")); });
  };
  EXPECT_HAS(reason(""), "bad.npz: expected a .npz file (a zip archive), got one that cannot be");
  EXPECT_HAS(reason("\x93NUMPY and so on, for more bytes"), "Not a zip archive");
  write_zip("pytorch", {{"archive/data.pkl", "x"}, {"archive/data/0", "x"}});
  EXPECT_HAS(error_of([&] { list_npz(path("pytorch")); }),
             "expected a zip archive of .npy files, got a PyTorch file (torch.load reads it");
  write_zip("excel", {{"[Content_Types].xml", "x"}, {"xl/workbook.xml", "x"}});
  EXPECT_HAS(error_of([&] { list_npz(path("excel")); }), "got an Excel workbook (save the sheet");
  EXPECT_HAS(error_of([&] { list_npz(path("none.npz")); }), "No such file or directory");
  EXPECT_HAS(error_of([&] { list_npz(path("")); }), "expected a .npz file, got a directory");
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_HAS(error_of([&] { list_npz(path("pipe")); }), "got a special file");
}

TEST_F(NpzTest, RefusesEncryptedAndOtherMethods) {
  EXPECT_HAS(
      error_of([] { read_npz_matrix<float>(golden("bzip2"), "x"); }),
      "bzip2.npz:x: expected a member that is stored or deflated, got compression method 12");
  std::string bytes = read_bytes(golden("deflated"));
  const std::size_t record = central_record(bytes, "images.npy");
  bytes[record + kFlags] = static_cast<char>(bytes[record + kFlags] | 1);
  write_bytes(path("secret.npz"), bytes);
  EXPECT_HAS(error_of([&] { read_npz_matrix<float>(path("secret.npz"), "images"); }),
             "secret.npz:images: expected a member that is not encrypted, got one that is");
}

TEST_F(NpzTest, RefusesSizesThatLie) {
  const std::string stored = read_bytes(golden("stored"));
  const std::string deflated = read_bytes(golden("deflated"));
  const std::uint32_t packed = word(deflated, central_record(deflated, "images.npy") + kPacked);
  EXPECT_EQ(word(stored, central_record(stored, "images.npy") + kSize), 152u);
  EXPECT_HAS(lie("stored", "images", kSize, 4'000'000'000u),
             "expected a stored member as large as its bytes, got 4000000000 bytes from 152");
  EXPECT_HAS(lie("stored", "images", kPacked, 4'000'000'000u),
             "expected a member within a file of");
  EXPECT_HAS(lie("deflated", "images", kPacked, 4'000'000'000u), "a member within a file of");
  EXPECT_HAS(lie("deflated", "images", kSize, 4'000'000'000u),
             "expected a size that deflate can reach, 1032 times its bytes, got 4000000000 bytes "
             "from " +
                 std::to_string(packed));
  EXPECT_HAS(lie("deflated", "images", kSize, 200),
             ":images: expected 152 bytes for shape (3, 2) of float32, got 200 (too long)");
  EXPECT_HAS(lie("deflated", "images", kSize, 140), "got 140 (cut short)");
  EXPECT_HAS(lie("deflated", "images", kSize, 4), "expected a .npy file, got a file of 4 bytes");
  EXPECT_HAS(lie("deflated", "images", kPacked, 10), ":images: expected ");
  EXPECT_HAS(lie("deflated", "images", kChecksum, 1), "expected a sound zip member, got CRC error");
  EXPECT_HAS(lie("stored", "images", kChecksum, 1), "got CRC error");
}

// A member that holds more, or less, than both its sizes say.
TEST_F(NpzTest, RefusesMembersOfAnotherSizeThanTheyHold) {
  const std::string whole = read_bytes(test::golden_folder() / "npy/f4_le.npy");
  for (const int more : {-8, -1, 1, 4096}) {
    SCOPED_TRACE(more);
    std::string content = whole;
    content.resize(static_cast<std::size_t>(static_cast<int>(whole.size()) + more), 'x');
    write_zip("x.npz", {{"x.npy", content}});
    std::string bytes = read_bytes(path("x.npz"));
    set_word(bytes, central_record(bytes, "x.npy") + kSize,
             static_cast<std::uint32_t>(whole.size()));
    write_bytes(path("x.npz"), bytes);
    EXPECT_HAS(error_of([&] { read_npz_matrix<float>(path("x.npz"), "x"); }),
               more < 0 ? "(cut short)" : "(too long)");
  }
}

// The sizes alone tell, so nothing is unpacked.
TEST(PackedSize, RefusesBombs) {
  constexpr std::uint64_t kSize = std::uint64_t{1} << 60;
  io::check_packed_size("x", kSize, kSize / 200);  // as dense as data are
  const std::string reason = error_of([&] { io::check_packed_size("x", kSize, kSize / 500); });
  EXPECT_EQ(reason,
            "x: expected at most 200 bytes for every packed one of more than 1 GiB (numpy.save "
            "writes them unpacked), got 1152921504606846976 bytes from 2305843009213693");
  EXPECT_HAS(error_of([&] { io::check_packed_size("x", kSize, kSize / 2000); }),
             "x: expected a size that deflate can reach, 1032 times its bytes, got ");
}

// 68 MB in 68 kB, as one-hot rows are.
TEST_F(NpzTest, ReadsWhatIsPackedAThousandfold) {
  const std::string npy = test::npy_of_zeros(17'000'000);
  write_zip("packed.npz", {{"x.npy", npy}});
  EXPECT_EQ(list_npz(path("packed.npz")).at(0).problem, "");
  EXPECT_EQ(read_npz_matrix<float>(path("packed.npz"), "x").flat().size, 17'000'000);
  // Stored it is as large as it says.
  write_zip("fine.npz", {{"x.npy", npy, ZIP_CM_STORE}});
  const auto entries = list_npz(path("fine.npz"));
  EXPECT_EQ(entries.at(0).problem, "");
  EXPECT_EQ(entries.at(0).header->size, 17'000'000);
}

// Two members of one place in the file: a few bytes more for each would cost the inflation of it.
TEST_F(NpzTest, RefusesMembersThatShareBytes) {
  std::string npy = test::npy_of_zeros(1);
  write_zip("one.npz", {{"a.npy", npy}, {"b.npy", npy}});
  std::string bytes = read_bytes(path("one.npz"));
  const std::size_t central = central_record(bytes, "a.npy");
  const std::size_t record = central_record(bytes, "b.npy") - central;
  const std::string records = bytes.substr(central, record);
  std::string shared = bytes.substr(0, bytes.find("PK\3\4", 4));
  const auto start = static_cast<std::uint32_t>(shared.size());
  constexpr std::uint32_t kMembers = 20'000;
  for (std::uint32_t i = 0; i < kMembers; ++i) {
    std::string one = records;
    one.replace(46, 1, std::string(1, static_cast<char>('a' + i % 26)));
    shared += one;
  }
  std::string end = bytes.substr(bytes.find("PK\5\6"));
  for (const std::size_t count : {8, 10}) {
    end[count] = static_cast<char>(kMembers & 0xFF);
    end[count + 1] = static_cast<char>(kMembers >> 8);
  }
  set_word(end, 12, static_cast<std::uint32_t>(shared.size()) - start);
  set_word(end, 16, start);
  write_bytes(path("shared.npz"), shared + end);
  EXPECT_HAS(error_of([&] { list_npz(path("shared.npz")); }),
             "shared.npz: expected members side by side in a file of ");
  EXPECT_HAS(error_of([&] { read_npz<float>(path("shared.npz"), "a"); }),
             " bytes, got members that share bytes");
}

// libzip closes the descriptor it is given. The number may be another file's by the time the
// archive goes, here as in another thread.
TEST_F(NpzTest, ClosesNoDescriptorOfOthers) {
  write_bytes(path("other"), "text");
  int other = -1;
  {
    const io::ZipArchive archive(golden("stored"));
    other = ::open(path("other").c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_GE(other, 0);
  }
  EXPECT_GE(::fcntl(other, F_GETFD), 0) << "closed with the archive";
  ::close(other);
}

TEST_F(NpzTest, LeavesNoDescriptorOpen) {
  write_bytes(path("bad"), "no archive, but of more than 22 bytes");
  const auto open_descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  const auto before = open_descriptors();
  for (int i = 0; i < 20; ++i) {
    list_npz(golden("stored"));
    read_npz<float>(golden("deflated"), "cube");
    EXPECT_THROW(list_npz(path("bad")), Error);
    EXPECT_THROW(read_npz<float>(golden("deflated"), "none"), Error);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(NpzTest, ReadsBesideThreadsThatWrite) {
  constexpr int kEach = 2, kRounds = 40;
  std::atomic<int> reading = kEach, wrong = 0;
  const auto read = [&] {
    for (int round = 0; round < kRounds; ++round) {
      const io::ZipArchive open_for_a_while(golden("stored"));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      wrong += read_npz_vector<double>(golden("long"), "long").back() != 300'000 % 5;
    }
    --reading;
  };
  const auto write = [&](int thread) {
    const std::filesystem::path own = path("own" + std::to_string(thread));
    const std::string content(5000, static_cast<char>('a' + thread));
    while (reading > 0) {
      try {
        AtomicFile file(own);
        for (int i = 0; i < 20; ++i) file.write(content);
        file.commit();
        wrong += read_bytes(own).size() != 20 * content.size();
      } catch (const Error&) {
        ++wrong;
      }
    }
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < kEach; ++t) {
    threads.emplace_back(read);
    threads.emplace_back(write, t);
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

// An array that is read equals the one written: the checksum covers header and elements.
TEST_F(NpzTest, SurvivesEveryBrokenByte) {
  for (const char* name : {"stored", "deflated", "zip64", "bzip2", "other"}) {
    SCOPED_TRACE(name);
    const auto read = [](const std::filesystem::path& file) {
      std::map<std::string, std::vector<double>> values;
      for (const NpzEntry& entry : list_npz(file)) {
        if (!entry.header || entry.name == "cube") continue;
        values[entry.name] = read_npz<double>(file, entry.name).data;
      }
      return values;
    };
    const auto whole = read(golden(name));
    int same = 0;
    test::expect_survives_broken_bytes(golden(name), path("broken.npz"),
                                       [&](const std::filesystem::path& file) {
                                         for (const auto& [key, values] : read(file)) {
                                           if (!whole.contains(key))
                                             continue;  // a byte of the name
                                           EXPECT_EQ(values, whole.at(key));
                                           ++same;
                                         }
                                       });
    if (!whole.empty()) {
      EXPECT_GT(same, 0);  // times of files, attributes
    }
  }
}

}  // namespace
}  // namespace clipk
