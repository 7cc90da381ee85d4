#include "clipk/ops/cross_entropy_loss.hpp"

#include <string>
#include <type_traits>

#include "clipk/core/memory.hpp"
#include "core/check.hpp"
#include "cpu/cross_entropy_loss.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/cross_entropy_loss.hpp"
#endif

namespace clipk {
namespace {

constexpr const char* kName = "cross_entropy_loss";

// The number of rows with a label; all labels are in range.
std::int64_t known_rows(VectorView<const std::int32_t> labels, std::int64_t classes) {
  std::int64_t known = 0;
  for (std::int64_t i = 0; i < labels.size; ++i) {
    if (labels[i] >= classes) {
      check::fail(kName, "labels below " + std::to_string(classes),
                  std::to_string(labels[i]) + " in row " + std::to_string(i));
    }
    known += labels[i] >= 0 ? 1 : 0;
  }
  return known;
}

template <class T>
void run(Context& context, MatrixView<const T> logits, VectorView<const std::int32_t> labels,
         Reduction reduction, T weight, VectorView<double> loss, MatrixView<T> grad) {
  check::matrix(kName, "logits", context, logits, logits.rows, logits.cols);
  check::vector(kName, "labels", context, labels, logits.rows);
  check::vector(kName, "loss", context, loss, 1);
  check::optional_matrix(kName, "grad", context, grad, logits.rows, logits.cols);
  if (logits.empty()) return;
  Scratch scratch(context);
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      const VectorView<std::uint8_t> bytes =
          scratch.vector<std::uint8_t>(static_cast<std::int64_t>(sizeof(gpu::CrossEntropyScratch)));
      fill_zero(context, bytes);
      return gpu::cross_entropy_loss(logits, labels.data, reduction, weight, loss.data, grad,
                                     reinterpret_cast<gpu::CrossEntropyScratch*>(bytes.data),
                                     context.stream());
    }
  }
#endif
  const std::int64_t known = known_rows(labels, logits.cols);
  const std::int64_t divisor = reduction == Reduction::sum || known == 0 ? 1 : known;
  const VectorView<double> parts =
      scratch.vector<double>((logits.rows + cpu::kCrossEntropyRows - 1) / cpu::kCrossEntropyRows);
  cpu::cross_entropy_loss(context.threads(), logits, labels,
                          static_cast<double>(weight) / static_cast<double>(divisor), parts, loss,
                          grad);
}

}  // namespace

void cross_entropy_loss(Context& context, MatrixView<const float> logits,
                        VectorView<const std::int32_t> labels, Reduction reduction, float weight,
                        VectorView<double> loss, MatrixView<float> grad) {
  run(context, logits, labels, reduction, weight, loss, grad);
}
void cross_entropy_loss(Context& context, MatrixView<const double> logits,
                        VectorView<const std::int32_t> labels, Reduction reduction, double weight,
                        VectorView<double> loss, MatrixView<double> grad) {
  check::cpu_only(kName, context);
  run(context, logits, labels, reduction, weight, loss, grad);
}

}  // namespace clipk
