#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// What a layer applies to every sum.
enum class Activation : std::uint8_t {
  identity,    ///< s
  relu,        ///< max(s, 0)
  leaky_relu,  ///< s, and .01 s below 0
  tanh,        ///< tanh(s)
  sigmoid,     ///< 1 / (1 + e^-s)
};

/// The name that files and options use.
const char* to_string(Activation activation);

/// What becomes of what a gradient's memory held before.
enum class Gradient : std::uint8_t {
  overwritten,  ///< it is lost
  added,        ///< the gradient is added to it
};

/// A fully connected layer: y = activation(x w^T + bias).
///
/// @param x [n, in]  @param weight [out, in]  @param bias [out], or empty for none
/// @param[out] y [n, out]
/// @throws Error if a shape or a device differs. Deterministic: yes. Scratch: none.
void dense(Context& context, MatrixView<const float> x, MatrixView<const float> weight,
           VectorView<const float> bias, Activation activation, MatrixView<float> y);
void dense(Context& context, MatrixView<const double> x, MatrixView<const double> weight,
           VectorView<const double> bias, Activation activation, MatrixView<double> y);

/// Gradients of a loss with respect to the inputs and parameters of `dense`.
///
/// @param y [n, out]: what the forward pass gave (the derivative of every activation follows from
///   its value)  @param grad_y [n, out]
/// @param[out] grad_x [n, in]  @param[out] grad_weight [out, in]  @param[out] grad_bias [out]; each
///   may be empty. Overwritten, not added to. At the kink of relu the derivative is 0.
/// @throws Error if a shape or a device differs. Deterministic: yes. Scratch: (n + n / 64) out
/// floats.
void dense_backward(Context& context, MatrixView<const float> x, MatrixView<const float> weight,
                    MatrixView<const float> y, Activation activation,
                    MatrixView<const float> grad_y, MatrixView<float> grad_x,
                    MatrixView<float> grad_weight, VectorView<float> grad_bias);
void dense_backward(Context& context, MatrixView<const double> x, MatrixView<const double> weight,
                    MatrixView<const double> y, Activation activation,
                    MatrixView<const double> grad_y, MatrixView<double> grad_x,
                    MatrixView<double> grad_weight, VectorView<double> grad_bias);

/// Layers of one shape side by side: y_b = activation(x_b w_b^T + bias_b).
///
/// @param x [b, n, in]; a batch stride of 0 gives one input to all  @param weight [b, out, in]
/// @param bias [b, out], or empty for none  @param[out] y [b, n, out]
/// The matrices of a batch may be column ranges of one: a batch stride below the row stride.
/// @throws Error if a shape or a device differs, or matrices of y would lie on one another.
/// Deterministic: yes. Scratch: none.
void dense(Context& context, BatchView<const float> x, BatchView<const float> weight,
           MatrixView<const float> bias, Activation activation, BatchView<float> y);
void dense(Context& context, BatchView<const double> x, BatchView<const double> weight,
           MatrixView<const double> bias, Activation activation, BatchView<double> y);

/// Its gradients, as dense_backward gives them for each layer. (An input that layers share gets no
/// gradient here: the gradients of its users have to be added.)
///
/// @param y, grad_y [b, n, out]  @param[out] grad_x [b, n, in]  @param[out] grad_weight [b, out,
/// in]
/// @param[out] grad_bias [b, out]; each may be empty
/// @param of_x whether grad_x is overwritten, as the others are, or added to: an input that is used
///   elsewhere too
/// @throws Error if a shape or a device differs, or matrices of an output would lie on one another.
/// Deterministic: yes. Scratch: b (n + n / 64) out floats.
void dense_backward(Context& context, BatchView<const float> x, BatchView<const float> weight,
                    BatchView<const float> y, Activation activation, BatchView<const float> grad_y,
                    BatchView<float> grad_x, BatchView<float> grad_weight,
                    MatrixView<float> grad_bias, Gradient of_x = Gradient::overwritten);
void dense_backward(Context& context, BatchView<const double> x, BatchView<const double> weight,
                    BatchView<const double> y, Activation activation,
                    BatchView<const double> grad_y, BatchView<double> grad_x,
                    BatchView<double> grad_weight, MatrixView<double> grad_bias,
                    Gradient of_x = Gradient::overwritten);

/// A linear path beside another one: y += x w^T.
///
/// @param x [n, in]  @param weight [out, in]  @param[in,out] y [n, out]
/// @throws Error if a shape or a device differs. Deterministic: yes. Scratch: none.
void dense_add(Context& context, MatrixView<const float> x, MatrixView<const float> weight,
               MatrixView<float> y);
void dense_add(Context& context, MatrixView<const double> x, MatrixView<const double> weight,
               MatrixView<double> y);

/// Its gradient with respect to x, added likewise: grad_x += grad_y w. (That of the weight is
/// dense_backward's with Activation::identity.)
///
/// @param weight [out, in]  @param grad_y [n, out]  @param[in,out] grad_x [n, in]
/// @throws Error if a shape or a device differs. Deterministic: yes. Scratch: none.
void dense_add_backward(Context& context, MatrixView<const float> weight,
                        MatrixView<const float> grad_y, MatrixView<float> grad_x);
void dense_add_backward(Context& context, MatrixView<const double> weight,
                        MatrixView<const double> grad_y, MatrixView<double> grad_x);

}  // namespace clipk
