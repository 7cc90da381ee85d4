#include "chart.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "clipk/core/error.hpp"

extern char** environ;

namespace clipk::study {
namespace {

// Okabe and Ito's palette: told apart by colour-blind readers too.
constexpr std::array<const char*, 7> kColours{"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                              "#E69F00", "#56B4E9", "#666666"};
constexpr std::array<int, 7> kPoints{7, 5, 9, 13, 11, 15, 3};  // disc, square, triangles, diamond
constexpr const char* kInk = "#333333";

// Bytes in memory behind a file descriptor: no pipe that can fill up, no file that can stay.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(::memfd_create("clipk", MFD_CLOEXEC)) {
    if (descriptor_ < 0)
      throw Error(std::string("expected memory for a chart, got ") + std::strerror(errno));
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(descriptor_); }
  int descriptor() const { return descriptor_; }
  void fill(const std::string& text) const {
    if (::pwrite(descriptor_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
      throw Error(std::string("expected memory for a chart, got ") + std::strerror(errno));
    }
  }
  std::string content() const {
    const off_t size = ::lseek(descriptor_, 0, SEEK_END);
    std::string text(static_cast<std::size_t>(std::max<off_t>(size, 0)), '\0');
    const ssize_t got = ::pread(descriptor_, text.data(), text.size(), 0);
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return text;
  }

 private:
  int descriptor_;
};

std::string run_gnuplot(const std::string& script) {
  const MemoryFile in, out, err;
  in.fill(script);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in.descriptor(), 0);
  ::posix_spawn_file_actions_adddup2(&actions, out.descriptor(), 1);
  ::posix_spawn_file_actions_adddup2(&actions, err.descriptor(), 2);
  std::string name = "gnuplot";
  char* arguments[] = {name.data(), nullptr};
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, "gnuplot", &actions, nullptr, arguments, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw Error(fmt::format("expected gnuplot to draw charts (Debian: gnuplot-nox), got {}",
                            std::strerror(error)));
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  std::string png = out.content();
  if (status != 0 || png.substr(0, 4) != "\x89PNG") {
    std::string said = err.content();
    for (char& c : said) {
      if (c == '\n' || c == '\r' || c == '\t') c = ' ';
    }
    throw Error(fmt::format("expected a picture from gnuplot, got status {}: {}", status,
                            said.substr(0, 400)));
  }
  return png;
}

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'') result += '\'';
    result += c == '\n' ? ' ' : c;
  }
  return result + "'";
}

std::vector<std::string> labels_of(const Figure& figure) {
  std::vector<std::string> labels;
  for (const Panel& panel : figure.panels) {
    for (const Series& series : panel.series) {
      if (std::find(labels.begin(), labels.end(), series.label) == labels.end()) {
        labels.push_back(series.label);
      }
    }
  }
  return labels;
}

void check(const Figure& figure) {
  for (const Panel& panel : figure.panels) {
    for (const Series& series : panel.series) {
      const auto n = series.x.size();
      if (series.y.size() != n || series.low.size() != series.high.size() ||
          (!series.low.empty() && series.low.size() != n)) {
        throw Error(
            fmt::format("chart: expected {} values for series '{}', got {} (band {} and {})", n,
                        series.label, series.y.size(), series.low.size(), series.high.size()));
      }
    }
  }
}

// gnuplot reads "nan" as a missing point.
void put_data(std::string& script, const std::string& name, const Series& series) {
  script += fmt::format("${} << EOD\n", name);
  for (std::size_t i = 0; i < series.x.size(); ++i) {
    const bool band = !series.low.empty();
    script += fmt::format("{} {} {} {}\n", series.x[i], series.y[i], band ? series.low[i] : NAN,
                          band ? series.high[i] : NAN);
  }
  script += "EOD\n";
}

std::string panel_script(const Panel& panel, std::size_t number,
                         const std::vector<std::string>& labels) {
  std::string script;
  for (std::size_t i = 0; i < panel.series.size(); ++i) {
    put_data(script, fmt::format("data{}_{}", number, i), panel.series[i]);
  }
  double x_low = INFINITY, x_high = -INFINITY;
  for (const Series& series : panel.series) {
    for (const double x : series.x) {
      x_low = std::min(x_low, x);
      x_high = std::max(x_high, x);
    }
  }
  script += panel.log_x ? "set logscale x 2\n" : "unset logscale x\n";
  if (x_low < x_high) {  // a margin, so that no point sits on the frame
    if (panel.log_x && x_low > 0) {
      const double margin = std::pow(x_high / x_low, .04);
      script += fmt::format("set xrange [{}:{}]\n", x_low / margin, x_high * margin);
    } else {
      const double margin = .04 * (x_high - x_low);
      script += fmt::format("set xrange [{}:{}]\n", x_low - margin, x_high + margin);
    }
  } else {
    script += "set xrange [*:*]\n";
  }
  script += "set yrange [*:*]\nset offsets 0, 0, graph .06, graph .04\n";
  script += fmt::format("set format y '{}'\n", panel.percent_y ? "%.0f %%" : "%g");
  if (panel.x_ticks.empty()) {
    script += "set xtics autofreq\n";
  } else {
    script += "set xtics (";
    for (std::size_t i = 0; i < panel.x_ticks.size(); ++i) {
      script += fmt::format("{}'{}' {}", i > 0 ? ", " : "", panel.x_ticks[i], panel.x_ticks[i]);
    }
    script += ")\n";
  }
  script += fmt::format("set title {} font ',15' offset 0,-.3\n", quoted(panel.title));
  script +=
      fmt::format("set xlabel {}\nset ylabel {}\n", quoted(panel.x_label), quoted(panel.y_label));

  const char* scale = panel.percent_y ? "100" : "1";
  std::vector<std::string> parts;
  const auto colour_of = [&](const std::string& label) {
    const auto at = std::find(labels.begin(), labels.end(), label) - labels.begin();
    return static_cast<std::size_t>(at) % kColours.size();
  };
  for (std::size_t i = 0; i < panel.series.size(); ++i) {
    if (panel.series[i].low.empty()) continue;
    parts.push_back(
        fmt::format("$data{}_{} using 1:($3*{}):($4*{}) with filledcurves fillcolor rgb '{}' "
                    "fillstyle transparent solid .16 noborder notitle",
                    number, i, scale, scale, kColours[colour_of(panel.series[i].label)]));
  }
  for (const Level& level : panel.levels) {
    parts.push_back(
        fmt::format("{}*{} with lines linecolor rgb '{}' linewidth 1.6 dashtype (9,5) "
                    "title {}",
                    level.y, scale, kInk, quoted(level.label)));
  }
  for (std::size_t i = 0; i < panel.series.size(); ++i) {
    const std::size_t colour = colour_of(panel.series[i].label);
    parts.push_back(fmt::format(
        "$data{}_{} using 1:($2*{}) with linespoints linecolor rgb '{}' linewidth 2.4 "
        "pointtype {} pointsize 1.1 title {}",
        number, i, scale, kColours[colour], kPoints[colour], quoted(panel.series[i].label)));
  }
  script += "plot ";
  for (std::size_t i = 0; i < parts.size(); ++i) script += (i > 0 ? ", \\\n  " : "") + parts[i];
  return script + "\n";
}

}  // namespace

std::string to_png(const Figure& figure) {
  check(figure);
  const std::vector<std::string> labels = labels_of(figure);
  const std::size_t count = std::max<std::size_t>(figure.panels.size(), 1);
  std::string script = fmt::format(
      "set encoding utf8\n"
      "set terminal pngcairo noenhanced size {},{} font 'sans,12' background rgb 'white'\n"
      "set border 3 linecolor rgb '#999999' linewidth 1\n"
      "set tics nomirror scale .6 textcolor rgb '{}'\n"
      "set grid xtics ytics linetype 1 linecolor rgb '#E6E6E6' linewidth 1\n"
      "set title textcolor rgb '{}'\nset xlabel textcolor rgb '{}'\nset ylabel textcolor rgb '{}'\n"
      "set key bottom right reverse Left textcolor rgb '{}' samplen 2.4 spacing 1.25 "
      "opaque nobox\n",
      figure.panel_width * static_cast<int>(count), figure.height, kInk, kInk, kInk, kInk, kInk);
  script += fmt::format("set multiplot layout 1,{} title {} font ',17' textcolor rgb '{}'\n", count,
                        quoted(figure.title), kInk);
  for (std::size_t i = 0; i < figure.panels.size(); ++i) {
    if (i > 0) script += "unset key\n";
    script += panel_script(figure.panels[i], i, labels);
  }
  script += "unset multiplot\n";
  return run_gnuplot(script);
}

}  // namespace clipk::study
