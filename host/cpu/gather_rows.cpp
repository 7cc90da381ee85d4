#include "cpu/gather_rows.hpp"

#include <algorithm>
#include <cstring>

#include "core/parallel.hpp"

namespace clipk::cpu {

void gather_rows(int threads, MatrixView<const float> x, VectorView<const std::int32_t> indices,
                 MatrixView<float> out) {
  constexpr std::int64_t kGrain = 1 << 14;  // elements a task
  const auto bytes = static_cast<std::size_t>(x.cols) * sizeof(float);
  parallel_chunks(threads, out.rows, std::max<std::int64_t>(1, kGrain / x.cols),
                  [&](std::int64_t first, std::int64_t count) {
                    for (std::int64_t i = first; i < first + count; ++i) {
                      std::memcpy(out.row(i), x.row(indices[i]), bytes);
                    }
                  });
}

}  // namespace clipk::cpu
