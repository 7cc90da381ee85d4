// Layers of one shape side by side give what each gives alone.

#include <cmath>
#include <string>

#include "clipk/ops/dense.hpp"
#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

struct Shape {
  std::int64_t batch, n, in, out;
};

enum class Layout { one_after_the_other, side_by_side, shared };

// A batch in guarded memory.
class Batch {
 public:
  Batch(Context& context, Layout layout, std::int64_t batch, std::int64_t rows, std::int64_t cols,
        const std::vector<float>& values)
      : layout_(layout),
        batch_(batch),
        rows_(rows),
        cols_(cols),
        memory_(context, layout == Layout::one_after_the_other ? batch * rows : rows,
                layout == Layout::side_by_side ? batch * cols : cols, arranged(values), 3) {}

  BatchView<float> view() {
    const MatrixView<float> all = memory_.view();
    BatchView<float> result(all);
    result.batch = batch_;
    result.rows = rows_;
    result.cols = cols_;
    result.batch_stride = layout_ == Layout::one_after_the_other ? rows_ * all.stride
                          : layout_ == Layout::side_by_side      ? cols_
                                                                 : 0;
    return result;
  }
  // One matrix after the other.
  std::vector<float> values() { return arranged(memory_.values(), true); }

 private:
  std::vector<float> arranged(const std::vector<float>& from, bool back = false) const {
    if (layout_ != Layout::side_by_side) return from;
    std::vector<float> to(from.size());
    for (std::int64_t b = 0; b < batch_; ++b) {
      for (std::int64_t i = 0; i < rows_; ++i) {
        for (std::int64_t j = 0; j < cols_; ++j) {
          const std::int64_t apart = (b * rows_ + i) * cols_ + j;
          const std::int64_t beside = (i * batch_ + b) * cols_ + j;
          to[back ? apart : beside] = from[back ? beside : apart];
        }
      }
    }
    return to;
  }

  Layout layout_;
  std::int64_t batch_, rows_, cols_;
  Guarded<float> memory_;
};

class DenseBatched : public DeviceTest {
 protected:
  struct Inputs {
    std::vector<float> x, w, bias, y, grad_y;

    Inputs(Shape s, bool shared)
        : x(normals((shared ? 1 : s.batch) * s.n * s.in, 1)),
          w(normals(s.batch * s.out * s.in, 2, 1 / std::sqrt(double(s.in)))),
          bias(normals(s.batch * s.out, 3)),
          y(normals(s.batch * s.n * s.out, 4)),
          grad_y(normals(s.batch * s.n * s.out, 5)) {}
  };
  struct Results {
    std::vector<float> y, grad_x, grad_weight, grad_bias;
    void append(const Results& other) {
      const auto add = [](std::vector<float>& to, const std::vector<float>& from) {
        to.insert(to.end(), from.begin(), from.end());
      };
      add(y, other.y);
      add(grad_x, other.grad_x);
      add(grad_weight, other.grad_weight);
      add(grad_bias, other.grad_bias);
    }
  };

  Results compute(Context& context, Shape s, Layout layout, Activation activation,
                  const Inputs& in) {
    const Layout of_outputs = layout == Layout::shared ? Layout::side_by_side : layout;
    const auto zeros = [](std::int64_t size) {
      return std::vector<float>(static_cast<std::size_t>(size));
    };
    Batch x(context, layout, s.batch, s.n, s.in, in.x);
    Batch w(context, Layout::one_after_the_other, s.batch, s.out, s.in, in.w);
    Batch y(context, of_outputs, s.batch, s.n, s.out, zeros(s.batch * s.n * s.out));
    Batch given(context, of_outputs, s.batch, s.n, s.out, in.y);
    Batch grad_y(context, of_outputs, s.batch, s.n, s.out, in.grad_y);
    Batch grad_x(context, of_outputs, s.batch, s.n, s.in, zeros(s.batch * s.n * s.in));
    Batch grad_w(context, Layout::one_after_the_other, s.batch, s.out, s.in,
                 zeros(s.batch * s.out * s.in));
    Guarded<float> bias(context, s.batch, s.out, in.bias, 1), grad_bias(context, s.batch, s.out, 2);
    dense(context, x.view(), w.view(), bias.view(), activation, y.view());
    dense_backward(context, x.view(), w.view(), given.view(), activation, grad_y.view(),
                   grad_x.view(), grad_w.view(), grad_bias.view());
    return {y.values(), grad_x.values(), grad_w.values(), grad_bias.values()};
  }

  // One layer after the other, by the operation on matrices.
  Results one_by_one(Shape s, bool shared, Activation activation, const Inputs& in) {
    Results all;
    for (std::int64_t b = 0; b < s.batch; ++b) {
      const auto part = [&](const std::vector<float>& v, std::int64_t size, std::int64_t index) {
        return std::vector<float>(v.begin() + index * size, v.begin() + (index + 1) * size);
      };
      Guarded<float> x(context(), s.n, s.in, part(in.x, s.n * s.in, shared ? 0 : b));
      Guarded<float> w(context(), s.out, s.in, part(in.w, s.out * s.in, b));
      Guarded<float> bias(context(), 1, s.out, part(in.bias, s.out, b));
      Guarded<float> y(context(), s.n, s.out),
          given(context(), s.n, s.out, part(in.y, s.n * s.out, b));
      Guarded<float> grad_y(context(), s.n, s.out, part(in.grad_y, s.n * s.out, b));
      Guarded<float> grad_x(context(), s.n, s.in), grad_w(context(), s.out, s.in);
      Guarded<float> grad_bias(context(), 1, s.out);
      dense(context(), x.view(), w.view(), bias.flat(), activation, y.view());
      dense_backward(context(), x.view(), w.view(), given.view(), activation, grad_y.view(),
                     grad_x.view(), grad_w.view(), grad_bias.flat());
      all.append({y.values(), grad_x.values(), grad_w.values(), grad_bias.values()});
    }
    return all;
  }

  void check(Shape s, Layout layout, Activation activation) {
    SCOPED_TRACE(std::to_string(s.batch) + " of [" + std::to_string(s.n) + ", " +
                 std::to_string(s.in) + "] to " + std::to_string(s.out) + ", layout " +
                 std::to_string(static_cast<int>(layout)) + ", " + to_string(activation));
    const bool shared = layout == Layout::shared;
    const Inputs in(s, shared);
    const Results got = compute(context(), s, layout, activation, in);
    const Results expected = one_by_one(s, shared, activation, in);
    // Another row stride may mean another algorithm: sums of the same terms in another order.
    const auto expect_near = [](const std::vector<float>& a, const std::vector<float>& b) {
      EXPECT_LE(max_error(a, b), 2e-6 * largest_of(b));
    };
    expect_near(got.y, expected.y);
    expect_near(got.grad_x, expected.grad_x);
    expect_near(got.grad_weight, expected.grad_weight);
    expect_near(got.grad_bias, expected.grad_bias);
  }
};

TEST_P(DenseBatched, EveryLayoutFollowsSingleLayers) {
  for (const Layout layout : {Layout::one_after_the_other, Layout::side_by_side, Layout::shared}) {
    for (const Shape s : {Shape{1, 5, 3, 4}, Shape{2, 1, 1, 1}, Shape{3, 17, 113, 8},
                          Shape{2, 130, 32, 20}, Shape{2, 257, 64, 300}}) {
      if (simt() && s.batch * s.n * s.in * s.out > 400000) continue;
      check(s, layout, Activation::leaky_relu);
    }
  }
}

TEST_P(DenseBatched, EveryActivation) {
  for (const Activation activation :
       {Activation::identity, Activation::relu, Activation::leaky_relu, Activation::tanh,
        Activation::sigmoid}) {
    check({2, 33, 9, 12}, Layout::side_by_side, activation);
    check({3, 33, 9, 7}, Layout::one_after_the_other, activation);
  }
}

TEST_P(DenseBatched, EmptyRowsAndEmptyOutputs) {
  Matrix<float> w(context(), 6, 5), gw(context(), 6, 5), bias(context(), 2, 3), gb(context(), 2, 3);
  const BatchView<float> weights(w.data(), 2, 3, 5, w.device());
  const BatchView<float> x(w.data(), 2, 0, 5, w.device()), y(w.data(), 2, 0, 3, w.device());
  dense(context(), x, weights, bias.view(), Activation::relu, y);
  const std::vector<float> ones(30, 1.F);
  copy<float>(context(), VectorView<const float>(ones.data(), 30), gw.flat());
  copy<float>(context(), VectorView<const float>(ones.data(), 6), gb.flat());
  dense_backward(context(), x, weights, y, Activation::relu, y, BatchView<float>(),
                 BatchView<float>(gw.data(), 2, 3, 5, gw.device()), gb.view());
  for (const Matrix<float>* gradient : {&gw, &gb}) {
    const Matrix<float> host = gradient->to_host(context());
    for (const float value : host.flat()) EXPECT_EQ(value, 0);
  }
  dense_backward(context(), x, weights, y, Activation::relu, y, BatchView<float>(),
                 BatchView<float>(), MatrixView<float>());
}

TEST_P(DenseBatched, OneAndTwoThreadsGiveTheSameBytes) {
  if (!on_cpu()) GTEST_SKIP() << "threads of the CPU";
  const Shape s{3, 300, 200, 257};
  const Inputs in(s, false);
  Context one = Context::cpu({.threads = 1}), two = Context::cpu({.threads = 2});
  const Results a = compute(one, s, Layout::side_by_side, Activation::tanh, in);
  const Results b = compute(two, s, Layout::side_by_side, Activation::tanh, in);
  EXPECT_EQ(a.y, b.y);
  EXPECT_EQ(a.grad_x, b.grad_x);
  EXPECT_EQ(a.grad_weight, b.grad_weight);
  EXPECT_EQ(a.grad_bias, b.grad_bias);
}

TEST_P(DenseBatched, BadBatchesAreNamed) {
  Matrix<float> m(context(), 1, 64), bias(context(), 3, 2);
  const auto batch = [&](std::int64_t count, std::int64_t rows, std::int64_t cols) {
    return BatchView<float>(m.data(), count, rows, cols, m.device());
  };
  const MatrixView<float> none;
  EXPECT_EQ(error_of([&] {
              dense(context(), batch(2, 4, 5), batch(3, 3, 5), none, Activation::relu,
                    batch(2, 4, 3));
            }),
            "dense: expected weight of 2 matrices, got 3");
  EXPECT_EQ(error_of([&] {
              dense(context(), batch(2, 4, 5), batch(2, 3, 5), bias.view(), Activation::relu,
                    batch(2, 4, 3));
            }),
            "dense: expected bias of shape [2, 3], got [3, 2]");
  BatchView<float> overlapping = batch(2, 4, 3);
  overlapping.batch_stride = 0;
  EXPECT_EQ(error_of([&] {
              dense(context(), batch(2, 4, 5), batch(2, 3, 5), none, Activation::relu, overlapping);
            }),
            "dense: expected y with a batch stride of at least 3, got 0");
  EXPECT_EQ(error_of([&] {
              dense_backward(context(), batch(2, 4, 5), batch(2, 3, 5), batch(2, 4, 3),
                             Activation::relu, batch(2, 3, 4), BatchView<float>(),
                             BatchView<float>(), none);
            }),
            "dense_backward: expected grad_y of shape [4, 3], got [3, 4]");
}

CLIPK_INSTANTIATE_DEVICE_TEST(DenseBatched);

}  // namespace
}  // namespace clipk::test
