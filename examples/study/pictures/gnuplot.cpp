#include "study/pictures/gnuplot.hpp"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "clipk/core/error.hpp"
#include "study/subprocess.hpp"
#include "study/text.hpp"

namespace clipk::study {

std::string run_gnuplot(const std::string& script) {
  Ran ran = run_program({"gnuplot", "-d"}, script);  // without the user's own settings
  if (ran.error != 0) {
    throw Error(fmt::format("expected gnuplot to draw charts (Debian: gnuplot-nox), got {}",
                            std::strerror(ran.error)));
  }
  if (ran.status != 0 || ran.out.substr(0, 4) != "\x89PNG") {
    throw Error(fmt::format("expected a picture from gnuplot, got status {}: {}", ran.status,
                            shortened(one_line(ran.err), 400)));
  }
  return std::move(ran.out);
}

void check_charts() {
  run_gnuplot("set terminal pngcairo size 10,10\nplot 0\n");
}

}  // namespace clipk::study
