#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// The function that a layer applies to every sum.
enum class Activation : std::uint8_t {
  identity,    ///< s
  relu,        ///< max(s, 0)
  leaky_relu,  ///< s, and 0.01 s below 0
  tanh,        ///< tanh(s)
  sigmoid,     ///< 1 / (1 + e^-s)
};

/// The name that files and options use.
const char* to_string(Activation activation);

/// Whether a gradient replaces the contents of its memory or is added to them.
enum class Gradient : std::uint8_t {
  overwritten,  ///< the gradient replaces the contents
  added,        ///< the gradient is added to the contents
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
/// @param y [n, out]: the result of the forward pass (the derivative of every activation follows
///   from its value)  @param grad_y [n, out]
/// @param[out] grad_x [n, in]  @param[out] grad_weight [out, in]  @param[out] grad_bias [out]; each
///   may be empty. Overwritten, not added to. At the kink of relu the derivative is 0.
/// @throws Error if a shape or a device differs. Deterministic: yes.
/// Scratch: (n + n / 64) out floats.
void dense_backward(Context& context, MatrixView<const float> x, MatrixView<const float> weight,
                    MatrixView<const float> y, Activation activation,
                    MatrixView<const float> grad_y, MatrixView<float> grad_x,
                    MatrixView<float> grad_weight, VectorView<float> grad_bias);
void dense_backward(Context& context, MatrixView<const double> x, MatrixView<const double> weight,
                    MatrixView<const double> y, Activation activation,
                    MatrixView<const double> grad_y, MatrixView<double> grad_x,
                    MatrixView<double> grad_weight, VectorView<double> grad_bias);

/// A batch of layers of one shape: y_b = activation(x_b w_b^T + bias_b).
///
/// @param x [b, n, in]; a batch stride of 0 gives all layers the same input  @param weight
///   [b, out, in]
/// @param bias [b, out], or empty for none  @param[out] y [b, n, out]
/// The matrices of a batch may be column ranges of one: a batch stride below the row stride.
/// @throws Error if a shape or a device differs, or matrices of y overlap.
/// Deterministic: yes. Scratch: none.
void dense(Context& context, BatchView<const float> x, BatchView<const float> weight,
           MatrixView<const float> bias, Activation activation, BatchView<float> y);
void dense(Context& context, BatchView<const double> x, BatchView<const double> weight,
           MatrixView<const double> bias, Activation activation, BatchView<double> y);

/// Its gradients, as dense_backward gives them for each layer. (An input that layers share gets no
/// gradient here: the caller adds the gradients of the layers.)
///
/// @param y, grad_y [b, n, out]  @param[out] grad_x [b, n, in]
/// @param[out] grad_weight [b, out, in]
/// @param[out] grad_bias [b, out]; each may be empty
/// @param of_x whether grad_x is overwritten, like the others, or added to, for an input with
///   other uses too
/// @throws Error if a shape or a device differs, or matrices of an output overlap.
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

/// A linear path beside another layer: y += x w^T.
///
/// @param x [n, in]  @param weight [out, in]  @param[in,out] y [n, out]
/// @throws Error if a shape or a device differs. Deterministic: yes. Scratch: none.
void dense_add(Context& context, MatrixView<const float> x, MatrixView<const float> weight,
               MatrixView<float> y);
void dense_add(Context& context, MatrixView<const double> x, MatrixView<const double> weight,
               MatrixView<double> y);

/// Its gradient with respect to x, also added: grad_x += grad_y w. (For the gradient of the weight
/// use dense_backward with Activation::identity.)
///
/// @param weight [out, in]  @param grad_y [n, out]  @param[in,out] grad_x [n, in]
/// @throws Error if a shape or a device differs. Deterministic: yes. Scratch: none.
void dense_add_backward(Context& context, MatrixView<const float> weight,
                        MatrixView<const float> grad_y, MatrixView<float> grad_x);
void dense_add_backward(Context& context, MatrixView<const double> weight,
                        MatrixView<const double> grad_y, MatrixView<double> grad_x);

}  // namespace clipk
