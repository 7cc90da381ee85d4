#include "models/rows_digest.hpp"

#include "clipk/core/matrix.hpp"
#include "clipk/io/sha256.hpp"

namespace clipk {

std::string rows_digest(Context& context, MatrixView<const float> rows) {
  Matrix<float> host;
  if (rows.device != Device::cpu) {
    host = Matrix<float>(rows.rows, rows.cols);
    copy<float>(context, rows, host.view());
    rows = host;
  }
  Sha256 hash;
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    hash.update(rows.row(i), static_cast<std::size_t>(rows.cols) * sizeof(float));
  }
  return to_hex(hash.digest());
}

}  // namespace clipk
