#include "study/pictures/picture_grid.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "clipk/core/error.hpp"
#include "study/pictures/gnuplot.hpp"
#include "study/pictures/picture_text.hpp"

namespace clipk::study {
namespace {

constexpr std::int64_t kGap = 2, kGroupGap = 14;  // pixels of the canvas
constexpr std::int64_t kSmallest = 16;            // width of a picture that is made smaller
constexpr std::int64_t kLargestScale = 3;
constexpr std::int64_t kHighest = 1600;
constexpr double kTitle = 66, kGroup = 26, kColumn = 26, kBottom = 46, kSide = 24;
constexpr double kTitleSize = 17, kGroupSize = 13, kNameSize = 11, kSmallestName = 7;
constexpr double kRowName = 260, kColumnName = 200;
constexpr char kPaper = '\xFF';

// How large pictures are drawn: each pixel `enlarged` times, or the mean of `reduced` squared.
struct Scale {
  std::int64_t enlarged = 1, reduced = 1;
  std::int64_t of(std::int64_t pixels) const { return (pixels * enlarged + reduced - 1) / reduced; }
};

Scale scale_of(const PictureGrid& grid, std::int64_t rows) {
  const auto columns = static_cast<std::int64_t>(grid.columns.size());
  const std::int64_t width = columns * (grid.shape.width + kGap);
  const std::int64_t height = rows * (grid.shape.height + kGap);
  Scale scale;
  if (width <= grid.widest && height <= kHighest) {
    scale.enlarged = std::clamp<std::int64_t>(std::min(grid.widest / width, kHighest / height), 1,
                                              kLargestScale);
    return scale;
  }
  const std::int64_t wanted = (width + grid.widest - 1) / grid.widest;
  scale.reduced = std::max({std::min(wanted, grid.shape.width / kSmallest),
                            (height + kHighest - 1) / kHighest, std::int64_t{1}});
  return scale;
}

// The pictures side by side.
struct Canvas {
  std::int64_t width = 0, height = 0;
  std::string pixels = {};  // three bytes each, row by row

  void clear() { pixels.assign(static_cast<std::size_t>(3 * width * height), kPaper); }

  void draw(const float* picture, const ImageShape& shape, const Scale& scale, std::int64_t left,
            std::int64_t top) {
    for (std::int64_t y = 0; y < scale.of(shape.height); ++y) {
      for (std::int64_t x = 0; x < scale.of(shape.width); ++x) {
        const std::int64_t at = 3 * ((top + y) * width + left + x);
        for (std::int64_t c = 0; c < 3; ++c) {
          const double value = mean(picture + (shape.channels == 3 ? c : 0), shape, scale, x, y);
          pixels[static_cast<std::size_t>(at + c)] = static_cast<char>(std::lround(255 * value));
        }
      }
    }
  }

  // Of the picture's pixels that one of the canvas stands for, from 0 to 1.
  static double mean(const float* channel, const ImageShape& shape, const Scale& scale,
                     std::int64_t x, std::int64_t y) {
    const std::int64_t left = x * scale.reduced / scale.enlarged;
    const std::int64_t top = y * scale.reduced / scale.enlarged;
    const std::int64_t right = std::min(left + scale.reduced, shape.width);
    const std::int64_t bottom = std::min(top + scale.reduced, shape.height);
    double sum = 0;
    for (std::int64_t i = top; i < bottom; ++i) {
      for (std::int64_t j = left; j < right; ++j) {
        const double value = channel[(i * shape.width + j) * shape.channels];
        sum += value > 0 ? std::min(value, 1.0) : 0;  // NaN is black
      }
    }
    return sum / static_cast<double>((bottom - top) * (right - left));
  }
};

class GridPage {
 public:
  explicit GridPage(const PictureGrid& grid) : grid_(grid), note_(grid.note) {
    if (!grid.columns.empty()) rows_ = static_cast<std::int64_t>(grid.columns[0].pictures.size());
    for (const PictureGrid::Column& column : grid.columns) {
      if (static_cast<std::int64_t>(column.pictures.size()) != rows_) {
        throw Error(fmt::format("picture grid: expected columns of {} pictures, got {}", rows_,
                                column.pictures.size()));
      }
    }
    if (rows_ == 0 || !grid.shape.known()) {
      throw Error("picture grid: expected at least 1 picture, got none");
    }
    scale_ = scale_of(grid, rows_);
    cell_width_ = scale_.of(grid.shape.width);
    cell_height_ = scale_.of(grid.shape.height);
    place_columns();
    canvas_.height = rows_ * (cell_height_ + kGap) - kGap;
    canvas_.clear();
    for (std::size_t c = 0; c < lefts_.size(); ++c) {
      for (std::int64_t r = 0; r < rows_; ++r) {
        const float* picture = grid.columns[c].pictures[static_cast<std::size_t>(r)];
        if (picture == nullptr) continue;
        canvas_.draw(picture, grid.shape, scale_, lefts_[c], r * (cell_height_ + kGap));
      }
    }
    size_names();
    double row_name = 0;
    for (const std::string& name : grid.rows) {
      row_name = std::max(row_name, text_width(fitted(name, kRowName, kNameSize), kNameSize));
    }
    left_ = kSide + row_name;
    top_ = kTitle + kGroup + column_name_;
    const double texts =
        2 * kSide + std::max(text_width(grid.title, kTitleSize), text_width(note_, kNameSize));
    width_ = std::max(left_ + static_cast<double>(canvas_.width) + kSide,
                      std::min(texts, static_cast<double>(grid.widest)));
    height_ = top_ + static_cast<double>(canvas_.height) + kBottom;
  }

  std::string script() const {
    const auto canvas_width = static_cast<double>(canvas_.width);
    const auto canvas_height = static_cast<double>(canvas_.height);
    std::string script = fmt::format(
        "set encoding utf8\n"
        "set terminal pngcairo noenhanced size {:.0f},{:.0f} font 'sans,12' background rgb "
        "'white'\n"
        "unset border\nunset key\nunset tics\nunset colorbox\n"
        "set lmargin at screen {}\nset rmargin at screen {}\nset tmargin at screen {}\n"
        "set bmargin at screen {}\n",
        width_, height_, across(0), across(canvas_width), up(top_), up(top_ + canvas_height));
    script += names_script();
    // As bytes: numbers to read would take gnuplot twenty times as long.
    script += fmt::format(
        "set xrange [-.5:{}]\nset yrange [{}:-.5]\n"
        "plot '-' binary array=({},{}) format='%3uchar' using 1:2:3 with rgbimage notitle\n",
        canvas_width - .5, canvas_height - .5, canvas_.width, canvas_.height);
    script += canvas_.pixels;
    return script;
  }

 private:
  // As many columns as the width has room for.
  void place_columns() {
    std::int64_t x = 0;
    for (std::size_t c = 0; c < grid_.columns.size(); ++c) {
      const bool same = c > 0 && grid_.columns[c].group == grid_.columns[c - 1].group;
      if (c > 0) x += same ? kGap : kGroupGap;
      if (c > 0 && x + cell_width_ > grid_.widest * 5 / 4) break;  // with gaps between groups
      lefts_.push_back(x);
      x += cell_width_;
      canvas_.width = x;
    }
    if (const std::size_t more = grid_.columns.size() - lefts_.size(); more > 0) {
      note_ += fmt::format("{}{} more columns are not shown", note_.empty() ? "" : "; ", more);
    }
  }

  // Names of columns lie side by side where all fit, else they stand upright.
  void size_names() {
    double widest = 0;
    for (std::size_t c = 0; c < lefts_.size(); ++c) {
      widest = std::max(widest, text_width(grid_.columns[c].name, kNameSize));
    }
    const auto room = static_cast<double>(cell_width_);
    name_size_ = widest > room ? kNameSize * room / widest : kNameSize;
    upright_ = name_size_ < kSmallestName;
    if (!upright_) return;
    name_size_ = std::clamp(room / line_height(1), kSmallestName, kNameSize);
    column_name_ = 16 + std::min(widest * name_size_ / kNameSize, kColumnName);
  }

  double across(double pixels) const { return (left_ + pixels) / width_; }
  double up(double pixels) const { return 1 - pixels / height_; }

  std::string names_script() const {
    const double room = width_ - 2 * kSide;
    std::string script =
        label(fitted(grid_.title, room, kTitleSize), {.5, up(26), "center", kTitleSize});
    script += label(fitted(note_, room, kNameSize), {.5, 20 / height_, "center", kNameSize});
    const auto cell = static_cast<double>(cell_width_);
    for (std::size_t c = 0; c < lefts_.size(); ++c) {
      const std::string& name = grid_.columns[c].name;
      const double middle = static_cast<double>(lefts_[c]) + cell / 2;
      script += upright_ ? label(fitted(name, kColumnName, name_size_),
                                 {across(middle), up(top_ - 6), "left", name_size_, 90})
                         : label(name, {across(middle), up(top_ - 14), "center", name_size_});
      if (c > 0 && grid_.columns[c].group == grid_.columns[c - 1].group) continue;
      std::size_t last = c;
      while (last + 1 < lefts_.size() && grid_.columns[last + 1].group == grid_.columns[c].group) {
        ++last;
      }
      const auto first_pixel = static_cast<double>(lefts_[c]);
      const double last_pixel = static_cast<double>(lefts_[last]) + cell;
      script += label(
          fitted(grid_.columns[c].group, last_pixel - first_pixel + kGroupGap - 10, kGroupSize),
          {across((first_pixel + last_pixel) / 2), up(kTitle + kGroup / 2), "center", kGroupSize});
    }
    for (std::size_t r = 0; r < std::min(grid_.rows.size(), static_cast<std::size_t>(rows_)); ++r) {
      const double y = static_cast<double>(cell_height_ + kGap) * (static_cast<double>(r) + .5);
      script += label(fitted(grid_.rows[r], kRowName, kNameSize),
                      {across(-10), up(top_ + y), "right", kNameSize});
    }
    return script;
  }

  const PictureGrid& grid_;
  std::string note_;
  std::int64_t rows_ = 0, cell_width_ = 0, cell_height_ = 0;
  Scale scale_;
  Canvas canvas_;
  std::vector<std::int64_t> lefts_;  // of the columns that are drawn, on the canvas
  double name_size_ = kNameSize, column_name_ = kColumn;
  bool upright_ = false;
  double left_ = 0, top_ = 0, width_ = 0, height_ = 0;
};

}  // namespace

std::string script_of(const PictureGrid& grid) {
  return GridPage(grid).script();
}

std::string to_png(const PictureGrid& grid) {
  return run_gnuplot(script_of(grid));
}

}  // namespace clipk::study
