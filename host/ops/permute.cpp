#include "clipk/ops/permute.hpp"

#include <string>
#include <type_traits>

#include "clipk/core/memory.hpp"
#include "core/check.hpp"
#include "cpu/permute.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/permute.hpp"
#endif

namespace clipk {
namespace {

// Each of 0 ... d - 1 once.
void check_order(const char* op, Context& context, VectorView<const std::int32_t> order) {
  Scratch scratch(context);
  const VectorView<std::uint8_t> seen = scratch.vector<std::uint8_t>(order.size);
  fill_zero(context, seen);
  for (std::int64_t j = 0; j < order.size; ++j) {
    const std::int32_t from = order[j];
    if (from < 0 || from >= order.size || seen[from] != 0) {
      check::fail(op, "order to hold each of 0 to " + std::to_string(order.size - 1) + " once",
                  std::to_string(from) + (from < 0 || from >= order.size ? "" : " twice"));
    }
    seen[from] = 1;
  }
}

template <class T>
void check_arguments(const char* op, const char* from_name, const char* to_name, Context& context,
                     MatrixView<const T> from, VectorView<const std::int32_t> order,
                     MatrixView<T> to) {
  check::matrix(op, from_name, context, from, from.rows, from.cols);
  check::vector(op, "order", context, order, from.cols);
  check::matrix(op, to_name, context, to, from.rows, from.cols);
  if (!from.empty() && from.data == to.data) {
    check::fail(op, std::string(to_name) + " apart from " + from_name, "the same matrix");
  }
  if (context.device() == Device::cpu) check_order(op, context, order);
}

template <class T>
void forward(Context& context, MatrixView<const T> x, VectorView<const std::int32_t> order,
             MatrixView<T> y) {
  check_arguments("permute", "x", "y", context, x, order, y);
  if (x.empty()) return;
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::permute(x, order.data, y, context.stream());
    }
  }
#endif
  cpu::permute(context.threads(), x, order, y);
}

template <class T>
void inverse(Context& context, MatrixView<const T> y, VectorView<const std::int32_t> order,
             MatrixView<T> x) {
  check_arguments("permute_inverse", "y", "x", context, y, order, x);
  if (y.empty()) return;
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::permute_inverse(y, order.data, x, context.stream());
    }
  }
#endif
  cpu::permute_inverse(context.threads(), y, order, x);
}

}  // namespace

void permute(Context& context, MatrixView<const float> x, VectorView<const std::int32_t> order,
             MatrixView<float> y) {
  forward(context, x, order, y);
}
void permute(Context& context, MatrixView<const double> x, VectorView<const std::int32_t> order,
             MatrixView<double> y) {
  check::cpu_only("permute", context);
  forward(context, x, order, y);
}

void permute_inverse(Context& context, MatrixView<const float> y,
                     VectorView<const std::int32_t> order, MatrixView<float> x) {
  inverse(context, y, order, x);
}
void permute_inverse(Context& context, MatrixView<const double> y,
                     VectorView<const std::int32_t> order, MatrixView<double> x) {
  check::cpu_only("permute_inverse", context);
  inverse(context, y, order, x);
}

}  // namespace clipk
