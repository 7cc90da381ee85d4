#include "clipk/io/utf8.hpp"

#include <gtest/gtest.h>

#include <string>

namespace clipk::test {
namespace {

void expect_character(std::string_view text, char32_t code, std::size_t bytes) {
  const Utf8Character found = utf8_character(text);
  EXPECT_TRUE(found.well_formed) << text;
  EXPECT_EQ(found.code, code) << text;
  EXPECT_EQ(found.bytes, bytes) << text;
  EXPECT_EQ(utf8_length(text), bytes) << text;
}

TEST(Utf8, CharactersOfEveryLength) {
  expect_character("ab", U'a', 1);
  expect_character(std::string_view("\0b", 2), 0, 1);
  expect_character("\x7F", 0x7F, 1);
  expect_character("\u0080", 0x80, 2);
  expect_character("\u00e9t\u00e9", 0xE9, 2);
  expect_character("\u0800", 0x800, 3);
  expect_character("\u6f22\u5b57", 0x6F22, 3);
  expect_character("\uFFFD", 0xFFFD, 3);
  expect_character("\U00010000", 0x10000, 4);
  expect_character("\U0010FFFF", 0x10FFFF, 4);
}

TEST(Utf8, WhatIsNoneOfIt) {
  const auto expect_broken = [](std::string_view text, std::size_t bytes) {
    const Utf8Character found = utf8_character(text);
    EXPECT_FALSE(found.well_formed) << text;
    EXPECT_EQ(found.code, char32_t{0xFFFD}) << text;
    EXPECT_EQ(found.bytes, bytes) << text;
    EXPECT_EQ(utf8_length(text), 0u) << text;
  };
  expect_broken("\x80", 1);
  expect_broken("\xC0\xAF", 1);  // longer than needed
  expect_broken("\xE0\x80\xAF", 1);
  expect_broken("\xED\xA0\x80", 1);      // half of a pair
  expect_broken("\xF4\x90\x80\x80", 1);  // above the last one
  expect_broken("\xFF", 1);
  expect_broken("\xC3", 1);  // breaks off
  expect_broken("\xE6\xBC", 2);
  expect_broken("\xF0\x9F\x98z", 3);
}

TEST(Utf8, ControlsAreThoseThatShowNothingOfThemselves) {
  for (const char32_t c :
       {0x0, 0x9, 0xA, 0x1B, 0x1F, 0x7F, 0x80, 0x9F, 0x202A, 0x202E, 0x2066, 0x2069}) {
    EXPECT_TRUE(is_control(c)) << std::hex << static_cast<unsigned>(c);
  }
  for (const char32_t c : {0x20, 0x7E, 0xA0, 0x200D, 0x2028, 0x2029, 0x202F, 0x206A, 0xFEFF}) {
    EXPECT_FALSE(is_control(c)) << std::hex << static_cast<unsigned>(c);
  }
}

}  // namespace
}  // namespace clipk::test
