#include "study/labels.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "io/files.hpp"
#include "support/error_of.hpp"

namespace clipk::study {
namespace {

class LabelsTest : public test::FileTest {};

// A class without a name could not be told from others in a table.
TEST_F(LabelsTest, AClassNeedsAName) {
  std::ofstream(path("names.txt")) << "cat\n\ndog\n";
  EXPECT_HAS(test::error_of([&] { read_label_names(path("names.txt")); }), "names.txt");
  std::ofstream(path("names.txt")) << "cat\ndog\n";
  EXPECT_EQ(read_label_names(path("names.txt")), (std::vector<std::string>{"cat", "dog"}));
  EXPECT_TRUE(read_label_names("").empty());
}

}  // namespace
}  // namespace clipk::study
