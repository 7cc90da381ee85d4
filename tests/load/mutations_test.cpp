// Files that were altered and signed anew: every reader refuses them by name or makes a model that
// works, and takes no more memory than the file allows.

#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "clipk/core/random.hpp"
#include "io/files.hpp"
#include "load/allocations.hpp"
#include "load/saved_files.hpp"
#include "support/archive_parts.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

constexpr int kMutations = 1500;  // of each file
constexpr std::size_t kTimes = 10;
// What does not grow with the file: messages, streams, tables of names.
constexpr std::size_t kAside = std::size_t{64} << 10;

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_(seed, RandomStream::data) {}

  std::string mutated(const ArchiveParts& whole) {
    ArchiveParts parts = whole;
    for (std::size_t left = 1 + below(2); left > 0; --left) change(parts);
    std::string content = content_of(parts);
    if (below(12) == 0) content.resize(below(content.size()));
    if (below(12) == 0) content[below(content.size())] ^= static_cast<char>(1 << below(8));
    return sealed(std::move(content));
  }

 private:
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_.below(limit)); }

  template <class T>
  T pick(std::initializer_list<T> values) {
    return values.begin()[below(values.size())];
  }

  std::uint64_t size() {
    return pick<std::uint64_t>({0, 1, 2, 3, 5, 64, 1 << 20, std::uint64_t{1} << 31,
                                std::uint64_t{1} << 40, std::uint64_t{1} << 62, ~std::uint64_t{0}});
  }

  template <class T>
  void set(ArchiveParts::Entry& entry, T value) {
    const std::size_t count = entry.bytes.size() / sizeof(T);
    if (count > 0) std::memcpy(entry.bytes.data() + sizeof(T) * below(count), &value, sizeof(T));
  }

  void set_value(ArchiveParts::Entry& entry) {
    constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const double number = pick({kNan, kInfinity, -kInfinity, 0., -1., 1e30, -1e300, 1e-30});
    const auto integer = static_cast<std::int64_t>(size()) * pick<std::int64_t>({1, -1});
    switch (entry.type) {
      case 0:
        return set(entry, static_cast<float>(number));
      case 1:
        return set(entry, number);
      case 2:
        return set(entry, static_cast<std::int32_t>(integer));
      case 6:
        entry.bytes = pick<std::string>({"", "relu", "none", "pooled", "fixed", "trained", "\n\0x",
                                         "residual", entry.bytes + "\n"});
        entry.rows = entry.bytes.size();
        return;
      default:
        return entry.bytes.size() % 8 == 0 ? set(entry, integer)
                                           : set(entry, static_cast<std::uint8_t>(integer));
    }
  }

  // Fewer or more elements, with the bytes that they need.
  void resize(ArchiveParts::Entry& entry) {
    const std::size_t count = entry.rows * entry.cols;
    if (count == 0 || entry.bytes.empty()) return;
    const std::size_t item = entry.bytes.size() / count;
    entry.rows = pick<std::uint64_t>({0, 1, entry.rows / 2, entry.rows + 1, 2 * entry.rows});
    if (entry.rank == 2 && below(2) == 0) entry.cols = pick<std::uint64_t>({0, 1, entry.cols + 1});
    std::string bytes = entry.bytes;
    while (bytes.size() < entry.rows * entry.cols * item) bytes += entry.bytes;
    bytes.resize(entry.rows * entry.cols * item);
    entry.bytes = bytes;
  }

  void change(ArchiveParts& parts) {
    if (parts.entries.empty()) return;
    const std::size_t at = below(parts.entries.size());
    ArchiveParts::Entry& entry = parts.entries[at];
    switch (below(12)) {
      case 0:
        parts.entries.erase(parts.entries.begin() + static_cast<std::ptrdiff_t>(at));
        return;
      case 1:
        parts.entries.push_back(entry);  // NOLINT(performance-unnecessary-copy-initialization)
        return;
      case 2:
        entry.name += pick<std::string>({"x", "\n", "/widths"});
        return;
      case 3:
        (below(2) == 0 ? entry.rows : entry.cols) = size();
        return;
      case 4:  // no bytes, however many rows
        entry.rows = size();
        entry.cols = 0;
        entry.bytes.clear();
        return;
      case 5:
        return resize(entry);
      case 6:
        entry.type = static_cast<std::uint8_t>(below(8));
        return;
      case 7:
        entry.rank = static_cast<std::uint8_t>(below(4));
        return;
      case 8:
        std::swap(entry.bytes, parts.entries[below(parts.entries.size())].bytes);
        return;
      case 9:
        if (!entry.bytes.empty()) {
          entry.bytes[below(entry.bytes.size())] ^= static_cast<char>(1 << below(8));
        }
        return;
      default:
        return set_value(entry);
    }
  }

  Random random_;
};

class MutatedFile : public FileTest {
 protected:
  // @returns how many were refused
  int expect_survives(const SavedFile& file) {
    const std::filesystem::path path = this->path("file.clipk");
    file.save(context_, path);
    const std::string whole = read_bytes(path);
    const PeakMark sound;
    file.load(context_, path)();
    const std::size_t peak_of_sound = sound.bytes();
    const ArchiveParts parts = parts_of(whole);
    EXPECT_EQ(sealed(content_of(parts)), whole);

    int refused = 0;
    Mutator mutator(7);
    for (int m = 0; m < kMutations; ++m) {
      const std::string bytes = mutator.mutated(parts);
      write_bytes(path, bytes);
      std::string refusal;
      const PeakMark mark;
      std::function<void()> use;
      try {
        use = file.load(context_, path);
      } catch (const Error& error) {
        refusal = error.what();
      } catch (const std::exception& error) {
        ADD_FAILURE() << "mutation " << m << ": expected an Error, got " << error.what();
      }
      // A training also allocates its workspace.
      const std::size_t most = kTimes * bytes.size() + std::max(kAside, 2 * peak_of_sound);
      EXPECT_LE(mark.bytes(), most) << "mutation " << m << ": " << refusal;
      if (use) {
        try {
          use();
        } catch (const Error&) {  // as values that overflow
        }
        continue;
      }
      ++refused;
      EXPECT_EQ(refusal.rfind(path.string() + ": ", 0), 0U) << "mutation " << m << ": " << refusal;
      EXPECT_HAS(refusal, "expected ");
      EXPECT_EQ(refusal.find('\n'), std::string::npos) << "mutation " << m << ": " << refusal;
    }
    return refused;
  }

  Context context_ = Context::cpu({.seed = 1, .threads = 1});
};

class MutatedModel : public MutatedFile, public ::testing::WithParamInterface<SavedFile> {};

TEST_P(MutatedModel, IsRefusedByNameOrWorks) {
  EXPECT_GT(expect_survives(GetParam()), kMutations / 2);
}

// Each number in turn that is not one, and each entry in turn that has no rows or is missing.
TEST_P(MutatedModel, NeedsAllOfItsNumbers) {
  const std::filesystem::path path = this->path("file.clipk");
  GetParam().save(context_, path);
  const ArchiveParts whole = parts_of(read_bytes(path));
  const auto refused = [&](const ArchiveParts& parts) {
    write_bytes(path, sealed(content_of(parts)));
    return error_of([&] { GetParam().load(context_, path); });
  };
  for (std::size_t e = 0; e < whole.entries.size(); ++e) {
    const ArchiveParts::Entry& entry = whole.entries[e];
    SCOPED_TRACE(entry.name);
    const std::size_t item = entry.type == 0 ? 4 : 8;
    for (std::size_t at = 0; entry.type < 2 && at < entry.bytes.size(); at += item) {
      ArchiveParts parts = whole;
      parts.entries[e].bytes.replace(at, item, std::string(item, '\xff'));  // NaN
      EXPECT_HAS(refused(parts), path.string() + ": expected ");
    }
    if (!GetParam().kind.ends_with(" model")) continue;  // what has no entry was not done yet
    ArchiveParts parts = whole;
    parts.entries.erase(parts.entries.begin() + static_cast<std::ptrdiff_t>(e));
    EXPECT_HAS(refused(parts), path.string() + ": expected ");
    if (entry.rank == 0 || entry.bytes.empty() || entry.name.find("loss") != std::string::npos)
      continue;
    parts = whole;
    parts.entries[e].rows = 0;
    parts.entries[e].bytes.clear();
    EXPECT_HAS(refused(parts), path.string() + ": expected ");
  }
}

INSTANTIATE_TEST_SUITE_P(, MutatedModel, ::testing::ValuesIn(saved_files()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace clipk::test
