#include "clipk/ops/factor_pair_loss.hpp"

#include <cmath>

#include "clipk/core/memory.hpp"
#include "core/check.hpp"
#include "cpu/factor_pair_loss.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/factor_pair_loss.hpp"
#endif

namespace clipk {
namespace {

constexpr const char* kName = "factor_pair_loss";

template <class T>
void check_arguments(const Context& context, MatrixView<const T> z, VectorView<const T> log_det,
                     MatrixView<const T> shared, VectorView<const std::int32_t> blocks,
                     VectorView<const T> rho, VectorView<double> loss, MatrixView<T> grad_z,
                     VectorView<T> grad_log_det) {
  if (z.rows % 2 != 0) check::fail(kName, "an even number of rows", std::to_string(z.rows));
  check::matrix(kName, "z", context, z, z.rows, z.cols);
  check::optional_vector(kName, "log_det", context, log_det, z.rows);
  check::matrix(kName, "shared", context, shared, z.rows / 2, rho.size);
  check::vector(kName, "blocks", context, blocks, z.cols);
  check::vector(kName, "rho", context, rho, rho.size);
  check::vector(kName, "loss", context, loss, 1);
  check::optional_matrix(kName, "grad_z", context, grad_z, z.rows, z.cols);
  check::optional_vector(kName, "grad_log_det", context, grad_log_det, z.rows);
}

template <class T>
void check_values(MatrixView<const T> shared, VectorView<const std::int32_t> blocks,
                  VectorView<const T> rho) {
  for (const std::int32_t block : blocks) {
    if (block < -1 || block >= rho.size) {
      check::fail(kName, "blocks from -1 to " + std::to_string(rho.size - 1),
                  std::to_string(block));
    }
  }
  for (const T r : rho) {
    if (!(std::fabs(r) < 1)) check::fail(kName, "rho inside (-1, 1)", std::to_string(r));
  }
  for (std::int64_t p = 0; p < shared.rows; ++p) {
    for (std::int64_t f = 0; f < shared.cols; ++f) {
      if (!(std::fabs(shared(p, f)) <= 1)) {
        check::fail(kName, "shared from -1 to 1", std::to_string(shared(p, f)));
      }
    }
  }
}

template <class T>
void on_cpu(Context& context, MatrixView<const T> z, VectorView<const T> log_det,
            MatrixView<const T> shared, VectorView<const std::int32_t> blocks,
            VectorView<const T> rho, VectorView<double> loss, MatrixView<T> grad_z,
            VectorView<T> grad_log_det) {
  check_values(shared, blocks, rho);
  Scratch scratch(context);
  const VectorView<std::int32_t> ends = scratch.vector<std::int32_t>(z.cols);
  const VectorView<double> constants = scratch.vector<double>(rho.size);
  const VectorView<double> parts =
      scratch.vector<double>((z.rows / 2 + cpu::kPairRows - 1) / cpu::kPairRows);
  cpu::factor_pair_loss(context.threads(), z, log_det, shared, blocks, rho, ends, constants, parts,
                        loss, grad_z, grad_log_det);
}

}  // namespace

void factor_pair_loss(Context& context, MatrixView<const float> z, VectorView<const float> log_det,
                      MatrixView<const float> shared, VectorView<const std::int32_t> blocks,
                      VectorView<const float> rho, VectorView<double> loss,
                      MatrixView<float> grad_z, VectorView<float> grad_log_det) {
  check_arguments(context, z, log_det, shared, blocks, rho, loss, grad_z, grad_log_det);
  if (z.empty()) return;
#if CLIPK_HAS_CUDA
  if (context.device() == Device::cuda) {
    Scratch scratch(context);
    const VectorView<std::uint8_t> bytes =
        scratch.vector<std::uint8_t>(static_cast<std::int64_t>(sizeof(gpu::FactorPairLossScratch)));
    fill_zero(context, bytes);
    return gpu::factor_pair_loss(
        z, log_det.data, shared, blocks.data, rho, loss.data, grad_z, grad_log_det.data,
        reinterpret_cast<gpu::FactorPairLossScratch*>(bytes.data), context.stream());
  }
#endif
  on_cpu(context, z, log_det, shared, blocks, rho, loss, grad_z, grad_log_det);
}

void factor_pair_loss(Context& context, MatrixView<const double> z,
                      VectorView<const double> log_det, MatrixView<const double> shared,
                      VectorView<const std::int32_t> blocks, VectorView<const double> rho,
                      VectorView<double> loss, MatrixView<double> grad_z,
                      VectorView<double> grad_log_det) {
  check::cpu_only(kName, context);
  check_arguments(context, z, log_det, shared, blocks, rho, loss, grad_z, grad_log_det);
  if (z.empty()) return;
  on_cpu(context, z, log_det, shared, blocks, rho, loss, grad_z, grad_log_det);
}

}  // namespace clipk
