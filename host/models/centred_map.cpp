#include "models/centred_map.hpp"

#include <algorithm>
#include <vector>

#include "core/check.hpp"
#include "core/host_rows.hpp"
#include "core/parallel.hpp"
#include "linalg/gemm.hpp"

namespace clipk {

void centred_map(Context& context, const char* name, MatrixView<const float> rows,
                 VectorView<const double> mean, MatrixView<const double> axes,
                 MatrixView<float> out) {
  if (rows.cols != axes.cols) {
    check::fail(name, "rows of shape " + check::shape(rows.rows, axes.cols),
                check::shape(rows.rows, rows.cols));
  }
  check::matrix(name, "out", context, out, rows.rows, axes.rows);
  if (rows.rows == 0) return;
  const HostRows<float> host(context, rows);
  const auto map_into = [&](MatrixView<float> to) {
    cpu::parallel_chunks(
        context.threads(), rows.rows, 256, [&](std::int64_t first, std::int64_t count) {
          std::vector<double> centered(static_cast<std::size_t>(count * axes.cols));
          std::vector<double> codes(static_cast<std::size_t>(count * axes.rows));
          for (std::int64_t i = 0; i < count; ++i) {
            std::transform(mean.begin(), mean.end(), host.view().row(first + i),
                           centered.begin() + i * axes.cols,
                           [](double m, float value) { return double{value} - m; });
          }
          cpu::gemm(1, cpu::Transpose::no, cpu::Transpose::yes, count, axes.rows, axes.cols, 1.0,
                    centered.data(), axes.cols, axes.data, axes.stride, 0.0, codes.data(),
                    axes.rows);
          for (std::int64_t i = 0; i < count; ++i) {
            std::transform(codes.begin() + i * axes.rows, codes.begin() + (i + 1) * axes.rows,
                           to.row(first + i),
                           [](double value) { return static_cast<float>(value); });
          }
        });
  };
  if (out.device == Device::cpu) {
    map_into(out);
    return;
  }
  Matrix<float> result(rows.rows, axes.rows);
  map_into(result.view());
  copy<float>(context, result, out);
}

}  // namespace clipk
