// What flows are made of.
#include "clipk/ops/act_norm.hpp"
#include "clipk/ops/affine_coupling.hpp"
#include "clipk/ops/invertible_leaky_relu.hpp"
#include "clipk/ops/permute.hpp"
#include "clipk/ops/random_permutation.hpp"
#include "reproducibility/golden.hpp"

namespace clipk::golden {
namespace {

constexpr std::int64_t kRows = 1021;  // more than a task's share of every operation here
constexpr std::int64_t kCols[] = {1, 37, 130};

const Registered kActNormInit = both("ops/act_norm/act_norm_init", [](Run& run, auto zero) {
  using T = decltype(zero);
  for (const std::int64_t d : kCols) {
    const auto x = run.inputs.uniform<T>(kRows, d, 5, 9);
    Matrix<T> shift(1, d), log_scale(1, d);
    act_norm_init(run.context, x, shift.flat(), log_scale.flat());
    run.add(shift, log_scale);
  }
});

const Registered kActNorm = both("ops/act_norm/act_norm", [](Run& run, auto zero) {
  using T = decltype(zero);
  for (const std::int64_t d : kCols) {
    const auto x = run.inputs.uniform<T>(kRows, d);
    const auto shift = run.inputs.uniform<T>(1, d);
    const auto log_scale = run.inputs.uniform<T>(1, d);
    Matrix<T> y(kRows, d), log_det(1, kRows);
    act_norm(run.context, x, shift.flat(), log_scale.flat(), y, log_det.flat());
    run.add(y, log_det);
  }
});

const Registered kActNormInverse = both("ops/act_norm/act_norm_inverse", [](Run& run, auto zero) {
  using T = decltype(zero);
  for (const std::int64_t d : kCols) {
    const auto y = run.inputs.uniform<T>(kRows, d);
    const auto shift = run.inputs.uniform<T>(1, d);
    const auto log_scale = run.inputs.uniform<T>(1, d);
    Matrix<T> x(kRows, d);
    act_norm_inverse(run.context, y, shift.flat(), log_scale.flat(), x);
    run.add(x);
  }
});

const Registered kActNormBackward = both("ops/act_norm/act_norm_backward", [](Run& run, auto zero) {
  using T = decltype(zero);
  for (const std::int64_t d : kCols) {
    const auto y = run.inputs.uniform<T>(kRows, d), grad_y = run.inputs.uniform<T>(kRows, d);
    const auto log_scale = run.inputs.uniform<T>(1, d);
    const auto grad_log_det = run.inputs.uniform<T>(1, kRows);
    Matrix<T> grad_x(kRows, d), grad_shift(1, d), grad_log_scale(1, d);
    act_norm_backward(run.context, y, log_scale.flat(), grad_y, grad_log_det.flat(), grad_x,
                      grad_shift.flat(), grad_log_scale.flat());
    run.add(grad_x, grad_shift, grad_log_scale);
  }
});

template <class T>
void coupled(Run& run, CouplingScale scale) {
  for (const std::int64_t d : kCols) {
    const auto x = run.inputs.uniform<T>(kRows, d), t = run.inputs.uniform<T>(kRows, d);
    const auto a = run.inputs.uniform<T>(kRows, d, -4, 4);
    Matrix<T> y(kRows, d), log_det(1, kRows);
    affine_coupling(run.context, x, a, t, {.scale = scale, .clamp = 1.9F}, y, log_det.flat());
    run.add(y, log_det);
  }
}

template <class T>
void uncoupled(Run& run, CouplingScale scale) {
  for (const std::int64_t d : kCols) {
    const auto y = run.inputs.uniform<T>(kRows, d), t = run.inputs.uniform<T>(kRows, d);
    const auto a = run.inputs.uniform<T>(kRows, d, -4, 4);
    Matrix<T> x(kRows, d);
    affine_coupling_inverse(run.context, y, a, t, {.scale = scale, .clamp = 1.9F}, x);
    run.add(x);
  }
}

template <class T>
void coupling_gradients(Run& run, CouplingScale scale) {
  for (const std::int64_t d : kCols) {
    const auto y = run.inputs.uniform<T>(kRows, d), t = run.inputs.uniform<T>(kRows, d);
    const auto a = run.inputs.uniform<T>(kRows, d, -4, 4);
    const auto grad_y = run.inputs.uniform<T>(kRows, d);
    const auto grad_log_det = run.inputs.uniform<T>(1, kRows);
    Matrix<T> grad_x(kRows, d), grad_a(kRows, d), grad_t(kRows, d);
    affine_coupling_backward(run.context, y, a, t, {.scale = scale, .clamp = 1.9F}, grad_y,
                             grad_log_det.flat(), grad_x, grad_a, grad_t);
    run.add(grad_x, grad_a, grad_t);
  }
}

Registered coupling_cases() {
  for (const CouplingScale scale :
       {CouplingScale::tanh, CouplingScale::atan, CouplingScale::sigmoid}) {
    const auto all = [&](const std::string& function, auto f) {
      both("ops/affine_coupling/" + function + "." + to_string(scale), f);
    };
    all("affine_coupling", [scale](Run& run, auto zero) { coupled<decltype(zero)>(run, scale); });
    all("affine_coupling_inverse",
        [scale](Run& run, auto zero) { uncoupled<decltype(zero)>(run, scale); });
    all("affine_coupling_backward",
        [scale](Run& run, auto zero) { coupling_gradients<decltype(zero)>(run, scale); });
  }
  return {};
}

const Registered kAffineCoupling = coupling_cases();

const Registered kInvertibleLeakyRelu =
    both("ops/invertible_leaky_relu/invertible_leaky_relu", [](Run& run, auto zero) {
      using T = decltype(zero);
      for (const std::int64_t d : kCols) {
        const auto x = run.inputs.uniform<T>(kRows, d);
        Matrix<T> y(kRows, d), log_det(1, kRows);
        invertible_leaky_relu(run.context, x, 0.9F, y, log_det.flat());
        run.add(y, log_det);
      }
    });

const Registered kInvertibleLeakyReluInverse =
    both("ops/invertible_leaky_relu/invertible_leaky_relu_inverse", [](Run& run, auto zero) {
      using T = decltype(zero);
      const auto y = run.inputs.uniform<T>(kRows, 37);
      Matrix<T> x(kRows, 37);
      invertible_leaky_relu_inverse(run.context, y, 0.9F, x);
      run.add(x);
    });

const Registered kInvertibleLeakyReluBackward =
    both("ops/invertible_leaky_relu/invertible_leaky_relu_backward", [](Run& run, auto zero) {
      using T = decltype(zero);
      const auto y = run.inputs.uniform<T>(kRows, 37), grad_y = run.inputs.uniform<T>(kRows, 37);
      Matrix<T> grad_x(kRows, 37);
      invertible_leaky_relu_backward(run.context, y, 0.9F, grad_y, grad_x);
      run.add(grad_x);
    });

Matrix<std::int32_t> random_order(Run& run, std::int64_t n) {
  Matrix<std::int32_t> order(1, n);
  random_permutation(run.context, 3, RandomStream{0}, 7, order.flat());
  return order;
}

const Registered kPermute = both("ops/permute/permute", [](Run& run, auto zero) {
  using T = decltype(zero);
  const auto order = random_order(run, 130);
  const auto x = run.inputs.uniform<T>(kRows, 130);
  Matrix<T> y(kRows, 130);
  permute(run.context, x, order.flat(), y);
  run.add(y);
});

const Registered kPermuteInverse = both("ops/permute/permute_inverse", [](Run& run, auto zero) {
  using T = decltype(zero);
  const auto order = random_order(run, 130);
  const auto y = run.inputs.uniform<T>(kRows, 130);
  Matrix<T> x(kRows, 130);
  permute_inverse(run.context, y, order.flat(), x);
  run.add(x);
});

const Registered kRandomPermutation =
    one("ops/random_permutation/random_permutation", [](Run& run) {
      for (const std::int64_t n : {1, 1021, 40'000}) {
        run.add(random_order(run, n));
      }
    });

}  // namespace
}  // namespace clipk::golden
