#include "models/rows_digest.hpp"

#include "clipk/io/sha256.hpp"
#include "core/host_rows.hpp"

namespace clipk {

std::string rows_digest(Context& context, MatrixView<const float> rows) {
  Sha256 hash;
  update_rows(hash, HostRows<float>(context, rows).view());
  return to_hex(hash.digest());
}

}  // namespace clipk
