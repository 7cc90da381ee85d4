#include "io/tables/names.hpp"

#include <gtest/gtest.h>

#include <string>

namespace clipk::test {
namespace {

TEST(Names, StayUtf8) {
  EXPECT_EQ(io::printable("Bilder ä 猫 🐈"), "'Bilder ä 猫 🐈'");
  EXPECT_EQ(io::member_name("a.npz", "größe"), "a.npz:größe");
  EXPECT_EQ(io::name_list({"ä", "b"}), "'ä', 'b'");
}

TEST(Names, ShowWhatDoesNotPrint) {
  EXPECT_EQ(io::printable("a\nb\tc\x7F\x1B[1m"), "'a?b?c??[1m'");
  EXPECT_EQ(io::printable(std::string("a\0b", 3)), "'a?b'");
  EXPECT_EQ(io::printable("\u0085\u009B\u2028\u2029\u202E\u2066\u200F\uFEFF"),
            "'" + std::string(8, '?') + "'");
  EXPECT_EQ(io::printable("\u00A0\u00E9\u2027\u202F"), "'\u00A0\u00E9\u2027\u202F'");
  EXPECT_EQ(io::printable("caf\xE9 \xC3\xA9 \xC3"), "'caf? é ?'");
  EXPECT_EQ(io::printable("\xED\xA0\x80"), "'" + std::string(3, '?') + "'");  // a surrogate
}

TEST(Names, AreCutBetweenCharacters) {
  std::string long_name;
  for (int i = 0; i < 50; ++i) long_name += "ä";
  EXPECT_EQ(io::shown(long_name), long_name.substr(0, 80));
}

}  // namespace
}  // namespace clipk::test
