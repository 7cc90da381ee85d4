#include "picture_grid.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "clipk/core/error.hpp"
#include "gnuplot.hpp"

namespace clipk::study {
namespace {

constexpr std::int64_t kGap = 2, kGroupGap = 14;  // pixels of the canvas
constexpr double kTop = 118, kBottom = 46, kSide = 24;
constexpr double kLetter = 7.6;  // a letter's mean width
constexpr std::uint32_t kPaper = 0xFFFFFF;

// The pictures side by side.
struct Canvas {
  std::int64_t width, height;
  std::vector<std::uint32_t> pixels;

  void draw(const float* picture, const ImageShape& shape, std::int64_t scale, std::int64_t left,
            std::int64_t top) {
    for (std::int64_t y = 0; y < shape.height * scale; ++y) {
      for (std::int64_t x = 0; x < shape.width * scale; ++x) {
        const float* from = picture + ((y / scale) * shape.width + x / scale) * shape.channels;
        std::uint32_t colour = 0;
        for (std::int64_t c = 0; c < 3; ++c) {
          const float value = std::clamp(from[shape.channels == 3 ? c : 0], 0.0F, 1.0F);
          colour = colour << 8 | static_cast<std::uint32_t>(std::lround(255 * value));
        }
        pixels[static_cast<std::size_t>((top + y) * width + left + x)] = colour;
      }
    }
  }

  // A matrix of packed colours, which gnuplot takes apart.
  std::string data() const {
    std::string text;
    text.reserve(pixels.size() * 9);
    for (std::int64_t y = 0; y < height; ++y) {
      for (std::int64_t x = 0; x < width; ++x) {
        text += fmt::format("{} ", pixels[static_cast<std::size_t>(y * width + x)]);
      }
      text += '\n';
    }
    return text;
  }
};

}  // namespace

std::string to_png(const PictureGrid& grid) {
  const std::size_t rows = grid.columns.empty() ? 0 : grid.columns.front().pictures.size();
  for (const PictureGrid::Column& column : grid.columns) {
    if (column.pictures.size() != rows) {
      throw Error(fmt::format("picture grid: expected columns of {} pictures, got {}", rows,
                              column.pictures.size()));
    }
  }
  if (rows == 0 || !grid.shape.known()) {
    throw Error("picture grid: expected at least 1 picture, got none");
  }
  const auto columns = static_cast<std::int64_t>(grid.columns.size());
  const std::int64_t scale = std::max<std::int64_t>(
      1, std::min<std::int64_t>(3, grid.widest / (columns * (grid.shape.width + kGap))));
  const std::int64_t cell_width = grid.shape.width * scale, cell_height = grid.shape.height * scale;

  std::vector<std::int64_t> lefts;
  std::int64_t x = 0;
  for (std::size_t c = 0; c < grid.columns.size(); ++c) {
    if (c > 0) x += grid.columns[c].group == grid.columns[c - 1].group ? kGap : kGroupGap;
    lefts.push_back(x);
    x += cell_width;
  }
  Canvas canvas{x, static_cast<std::int64_t>(rows) * (cell_height + kGap) - kGap, {}};
  canvas.pixels.assign(static_cast<std::size_t>(canvas.width * canvas.height), kPaper);
  for (std::size_t c = 0; c < grid.columns.size(); ++c) {
    for (std::size_t r = 0; r < rows; ++r) {
      const float* picture = grid.columns[c].pictures[r];
      if (picture == nullptr) continue;
      canvas.draw(picture, grid.shape, scale, lefts[c],
                  static_cast<std::int64_t>(r) * (cell_height + kGap));
    }
  }

  std::size_t row_name = 0;
  for (const std::string& name : grid.rows) row_name = std::max(row_name, name.size());
  const double left = kSide + kLetter * static_cast<double>(row_name);
  const double wanted =
      kLetter * 1.35 * static_cast<double>(std::max(grid.title.size(), grid.note.size()));
  const double width = std::max(left + static_cast<double>(canvas.width) + kSide, wanted);
  const double height = kTop + static_cast<double>(canvas.height) + kBottom;
  const auto across = [&](double pixels) { return (left + pixels) / width; };
  const auto up = [&](double pixels) { return 1 - pixels / height; };  // from the top

  std::string script = fmt::format(
      "set encoding utf8\n"
      "set terminal pngcairo noenhanced size {:.0f},{:.0f} font 'sans,12' background rgb 'white'\n"
      "unset border\nunset key\nunset tics\nunset colorbox\n"
      "set lmargin at screen {}\nset rmargin at screen {}\nset tmargin at screen {}\n"
      "set bmargin at screen {}\n",
      width, height, across(0), across(static_cast<double>(canvas.width)), up(kTop),
      up(kTop + static_cast<double>(canvas.height)));
  const auto label = [&](const std::string& text, double at_x, double at_y, const char* align,
                         double size) {
    script += fmt::format("set label {} at screen {},{} {} font ',{}' textcolor rgb '{}'\n",
                          quoted(text), at_x, at_y, align, size, kInk);
  };
  label(grid.title, .5, up(26), "center", 17);
  label(grid.note, .5, 20 / height, "center", 11);
  for (std::size_t c = 0; c < grid.columns.size(); ++c) {
    const double middle = static_cast<double>(lefts[c]) + static_cast<double>(cell_width) / 2;
    label(grid.columns[c].name, across(middle), up(kTop - 14), "center",
          std::clamp(static_cast<double>(cell_width) / 4.5, 7.0, 11.0));
    if (c > 0 && grid.columns[c].group == grid.columns[c - 1].group) continue;
    std::size_t last = c;
    while (last + 1 < grid.columns.size() &&
           grid.columns[last + 1].group == grid.columns[c].group) {
      ++last;
    }
    label(grid.columns[c].group,
          across(static_cast<double>(lefts[c] + lefts[last] + cell_width) / 2), up(kTop - 38),
          "center", 13);
  }
  for (std::size_t r = 0; r < grid.rows.size(); ++r) {
    label(grid.rows[r], across(-10),
          up(kTop + static_cast<double>(cell_height + kGap) * (static_cast<double>(r) + .5)),
          "right", 12);
  }
  script += fmt::format(
      "set xrange [-.5:{}]\nset yrange [{}:-.5]\n$pixels << EOD\n{}EOD\n"
      "plot $pixels matrix using 1:2:(int($3)>>16):(int($3)>>8&255):(int($3)&255) with rgbimage "
      "notitle\n",
      static_cast<double>(canvas.width) - .5, static_cast<double>(canvas.height) - .5,
      canvas.data());
  return run_gnuplot(script);
}

}  // namespace clipk::study
