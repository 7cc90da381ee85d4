#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "examples/study/picture_scripts.hpp"
#include "io/files.hpp"
#include "study/pictures/picture_grid.hpp"
#include "support/error_of.hpp"

namespace clipk::study {
namespace {

using test::error_of;

TEST(PictureGrid, PagesOfAnySizeCanBeRead) {
  struct Form {
    std::int64_t side;
    std::size_t columns, rows;
  };
  for (const bool with_long_names : {false, true}) {
    for (const Form form : {Form{1, 1, 1}, {8, 40, 8}, {28, 10, 8}, {28, 300, 8}, {224, 40, 8}}) {
      const std::vector<float> pixels(static_cast<std::size_t>(form.side * form.side), .5F);
      PictureGrid grid{.title = "a with one block of b",
                       .note = "2 of 80 swaps",
                       .shape = {form.side, form.side, 1}};
      for (std::size_t c = 0; c < form.columns; ++c) {
        grid.columns.push_back({.group = name(c / 5, with_long_names),
                                .name = name(c, with_long_names),
                                .pictures = std::vector<const float*>(form.rows, pixels.data())});
      }
      SCOPED_TRACE(form.columns);
      const std::string script = script_of(grid);
      expect_readable(script.substr(0, script.find("plot '-'")));
      const Size size = size_of(to_png(grid));
      EXPECT_EQ(size.width, parsed(script).page.width);
    }
  }
}

TEST(PictureGrid, PixelsAsTheyAreOrTheMeanOfMany) {
  // Red, green, blue and white, from the upper left.
  const std::vector<float> pixels{1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 2};
  PictureGrid grid{.shape = {2, 2, 3}, .columns = {{.pictures = {pixels.data()}}}, .widest = 4};
  const std::string plain = script_of(grid);
  EXPECT_EQ(plain.substr(plain.size() - 12),
            std::string("\xFF\0\0\0\xFF\0\0\0\xFF\xFF\xFF\xFF", 12));
  // Three rows become one, the last two another.
  std::vector<float> tall(3200, 0);
  for (std::size_t i = 0; i < tall.size(); i += 2) tall[i] = 1;
  grid = {.shape = {3200, 1, 1}, .columns = {{.pictures = {tall.data()}}}};
  const std::string script = script_of(grid);
  EXPECT_EQ(script.substr(script.size() - 9), "\xAA\xAA\xAA\x55\x55\x55\x80\x80\x80");
}

TEST(PictureGrid, RefusesColumnsOfDifferentLengths) {
  const std::vector<float> pixels(1);
  PictureGrid grid{.shape = {1, 1, 1},
                   .columns = {{.pictures = {pixels.data()}}, {.pictures = {}}}};
  EXPECT_HAS(error_of([&] { to_png(grid); }), "picture grid: expected columns of 1 pictures");
  grid.columns.clear();
  EXPECT_HAS(error_of([&] { to_png(grid); }), "picture grid: expected at least 1 picture");
}

}  // namespace
}  // namespace clipk::study
