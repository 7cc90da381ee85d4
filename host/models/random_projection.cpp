#include "clipk/models/random_projection.hpp"

#include <cmath>
#include <string>

#include "clipk/core/random.hpp"
#include "clipk/ops/dense.hpp"
#include "core/check.hpp"

namespace clipk {

RandomProjection::RandomProjection(std::int64_t input_dim, std::int64_t output_dim,
                                   std::uint64_t seed) {
  constexpr const char* kName = "random_projection";
  if (input_dim < 1) check::fail(kName, "rows of dimension 1 or more", std::to_string(input_dim));
  if (output_dim < 1 || output_dim > input_dim) {
    check::fail(kName, "a dimension from 1 to " + std::to_string(input_dim),
                std::to_string(output_dim));
  }
  matrix_ = Matrix<float>(output_dim, input_dim);
  const double scale = 1 / std::sqrt(static_cast<double>(output_dim));
  for (std::int64_t r = 0; r < output_dim; ++r) {
    Random random(seed, RandomStream::projection, static_cast<std::uint32_t>(r));
    for (std::int64_t c = 0; c < input_dim; ++c) {
      matrix_(r, c) = static_cast<float>(scale * random.normal());
    }
  }
}

void RandomProjection::transform(Context& context, MatrixView<const float> rows,
                                 MatrixView<float> out) const {
  constexpr const char* kName = "random_projection";
  check::matrix(kName, "rows", context, rows, rows.rows, input_dim());
  check::matrix(kName, "out", context, out, rows.rows, output_dim());
  dense(context, rows, matrix_.to_device(context), {}, Activation::identity, out);
}

}  // namespace clipk
