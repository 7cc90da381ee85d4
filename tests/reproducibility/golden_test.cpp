// Holds every case to its committed checksum, for several numbers of threads, on the target that
// runs. CLIPK_GOLDEN_WRITE=1 writes the checksums of the cases that run instead.
#include "reproducibility/golden.hpp"

#include <gtest/gtest.h>

#include "clipk/core/cpu_target.hpp"
#include "reproducibility/checksums.hpp"

namespace clipk::golden {
namespace {

std::string checksum(const Case& c, int threads) {
  Context context = Context::cpu({.seed = 12, .threads = threads});
  Run run(context);
  c.run(run);
  return run.checksum();
}

// Read once; after the last test the written ones go into the file, and what has no case leaves it.
class File : public ::testing::Environment {
 public:
  void SetUp() override { checksums = read_checksums(); }
  void TearDown() override {
    if (!writing()) return;
    std::erase_if(checksums, [](const auto& entry) {
      return !std::ranges::binary_search(all_cases(), entry.first, {}, &Case::name);
    });
    write_checksums(checksums);
  }

  Checksums checksums;
};

File* const file = static_cast<File*>(::testing::AddGlobalTestEnvironment(new File));

class Golden : public ::testing::TestWithParam<Case> {};

TEST_P(Golden, Bytes) {
  const Case& c = GetParam();
  std::string& expected = file->checksums[c.name];
  if (writing()) expected = checksum(c, 1);
  for (const int threads : {1, 2, 5}) {
    const std::string got = checksum(c, threads);
    if (got == expected) continue;
    ADD_FAILURE() << c.name << ", target " << limit_cpu_target() << ", " << threads
                  << " threads: expected '" << expected << "', got '" << got << "'";
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, Golden, ::testing::ValuesIn(all_cases()), [](const auto& info) {
  std::string name = info.param.name;
  for (char& c : name) {
    if (c == '/' || c == '.') c = '_';
  }
  return name;
});

}  // namespace
}  // namespace clipk::golden
