#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "clipk/core/random.hpp"
#include "clipk/io/embeddings.hpp"
#include "clipk/io/npy.hpp"
#include "examples/study/study_files.hpp"

namespace clipk::test {

/// Small pairs in four planted clusters, with captions that hold HTML, and report run on them.
class ReportTest : public StudyTest {
 protected:
  static constexpr std::int64_t kPairs = 160;
  static constexpr std::int64_t kDim = 16;
  static constexpr std::int32_t kClasses = 4;

  ReportTest() : StudyTest(REPORT) { write_pairs("", kPairs); }

  /// i.npy, t.npy, c.txt and y.npy, with a prefix.
  void write_pairs(const std::string& prefix, std::int64_t n) const {
    Random random(5);
    Matrix<float> images(n, kDim), texts(n, kDim);
    std::vector<std::int32_t> labels;
    std::ofstream captions(path(prefix + "c.txt"));
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < kDim; ++j) {
        const double value = (j % kClasses == i % kClasses ? 1 : 0) + .4 * random.normal();
        images(i, j) = static_cast<float>(value + .7);
        texts(i, j) = static_cast<float>(value + .2 * random.normal() - (j < 4 ? .8 : 0));
      }
      labels.push_back(static_cast<std::int32_t>(i % kClasses));
      captions << "<script>alert(" << i << ")</script> & \"class " << i % kClasses
               << "\" it's <b>bold</b>\n";
    }
    write_npy(path(prefix + "i.npy"), images);
    write_npy(path(prefix + "t.npy"), texts);
    write_npy(path(prefix + "y.npy"), labels);
  }

  std::vector<std::string> pairs(const std::string& prefix = "") const {
    return {"--images", path(prefix + "i.npy"), "--texts", path(prefix + "t.npy"), "--threads",
            "1"};
  }
  /// With all that is known of them. --quick goes last: it takes no value.
  std::vector<std::string> all() const {
    return with(pairs(), {"--captions", path("c.txt"), "--labels", path("y.npy")});
  }
  void run_quick(const std::string& out, const std::vector<std::string>& arguments) const {
    std::vector<std::string> more = with(arguments, {"--out", path(out)});
    more.emplace_back("--quick");
    const ProgramResult result = run(more);
    ASSERT_EQ(result.status, 0) << result.err;
  }
  std::string page(const std::string& out) const { return read_bytes(path(out) / "index.html"); }

  static std::size_t count(const std::string& text, const std::string& what) {
    std::size_t found = 0;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
      ++found;
    }
    return found;
  }
};

}  // namespace clipk::test
