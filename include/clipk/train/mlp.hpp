#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/io/archive.hpp"
#include "clipk/ops/dense.hpp"
#include "clipk/train/parameters.hpp"

namespace clipk {

/// How weights are drawn: uniform in [-bound, bound]; biases start at 0.
enum class Init : std::uint8_t {
  kaiming_uniform,  ///< bound sqrt(6 / in) (He et al. 2015), for relu
  glorot_uniform,   ///< bound sqrt(6 / (in + out)) (Glorot and Bengio 2010), for tanh and sigmoid
  lecun_uniform,    ///< bound sqrt(3 / in) (LeCun et al. 1998), for linear layers
  fan_in_uniform,   ///< bound sqrt(1 / in), as PyTorch draws weights
};

/// A linear path x P^T beside the layers: y = x P^T + MLP(x). P starts at 0; set it through
/// BasicMlp::skip_weight (to PCA's axes, for example).
enum class MlpSkip : std::uint8_t {
  none,     ///< only the layers
  fixed,    ///< P is no parameter: weight decay pulls y to x P^T
  trained,  ///< P is a parameter
};

/// The name that files and options use.
const char* to_string(Init init);
/// The name that files and options use.
const char* to_string(MlpSkip skip);
/// The value of a name of to_string. @throws Error that lists the names.
Init init_named(std::string_view name);
/// The same for a skip path.
MlpSkip mlp_skip_named(std::string_view name);
/// The same for an activation.
Activation activation_named(std::string_view name);

/// Layers of a network and how they start.
struct MlpOptions {
  std::vector<std::int64_t> widths;          ///< inputs, hidden layers, outputs: at least two
  Activation activation = Activation::relu;  ///< of the hidden layers; the output is linear
  Init init = Init::kaiming_uniform;         ///< of the weights
  bool zero_last = false;                    ///< the last layer starts at 0
  MlpSkip skip = MlpSkip::none;              ///< a linear path beside the layers
  std::uint32_t network =
      0;  ///< distinguishes the networks of one model: each draws its own weights
  /// Number of networks of these widths that share one input and whose outputs lie side by side.
  /// Each layer is one batched product.
  std::int64_t towers = 1;
};

/// A multi-layer perceptron with a linear output. All parameters lie in one array on the device
/// (each weight and bias starts on a multiple of 16 elements; the padding between stays 0), and
/// their gradients in another of the same layout, so that one call updates or clips them all. The
/// network owns the arrays, or uses a slice of those that a model of several parts shares.
template <class T>
class BasicMlp {
 public:
  /// Weights are drawn from the context's seed, the same on every device.
  /// @throws Error if there are fewer than two widths, or one or the number of towers is below 1.
  BasicMlp(Context& context, MlpOptions options);
  /// The same on parameters that the caller owns and keeps alive: weights are drawn into them.
  /// @throws Error also if the slice is not of parameter_size(options) numbers.
  BasicMlp(Context& context, MlpOptions options, BasicParameterSlice<T> parameters);
  /// Size of the parameters with padding.
  static std::int64_t parameter_size(const MlpOptions& options);

  /// As they were given.
  const MlpOptions& options() const { return options_; }
  std::int64_t inputs() const { return options_.widths.front(); }  ///< columns of x
  /// Columns of y, over all towers.
  std::int64_t outputs() const { return options_.towers * options_.widths.back(); }
  /// Hidden layers and the output layer.
  int layers() const { return static_cast<int>(options_.widths.size()) - 1; }
  /// Number of trained parameters, without padding.
  std::int64_t parameter_count() const;

  /// All trained parameters, with padding.
  VectorView<T> parameters() { return slice_.values; }
  VectorView<const T> parameters() const { return slice_.values; }
  VectorView<T> gradients() { return slice_.gradients; }  ///< of parameters(), in the same layout

  /// [towers * out, in]: one tower's rows after the other's
  MatrixView<T> weight(int layer) { return weight_in(slice_.values, layer); }
  MatrixView<const T> weight(int layer) const { return weight_in(slice_.values, layer); }
  VectorView<T> bias(int layer) { return bias_in(slice_.values, layer); }  ///< [towers * out]
  VectorView<const T> bias(int layer) const { return bias_in(slice_.values, layer); }  ///< to read
  MatrixView<T> skip_weight();  ///< P [outputs, inputs]; empty without a skip path
  /// The gradient of weight(layer), in its shape.
  MatrixView<T> weight_gradient(int layer) { return weight_in(slice_.gradients, layer); }
  /// The gradient of bias(layer), in its shape.
  VectorView<T> bias_gradient(int layer) { return bias_in(slice_.gradients, layer); }
  MatrixView<T> skip_gradient();  ///< empty unless the path is trained

  /// The hidden layers' values between forward and backward, for up to `rows` rows: planned once by
  /// the caller, reused in every step.
  class Workspace {
   public:
    Workspace() = default;
    /// For at most `rows` rows of this network.
    Workspace(Context& context, const BasicMlp& mlp, std::int64_t rows);
    /// The most rows that it holds.
    std::int64_t rows() const { return rows_; }

   private:
    friend class BasicMlp;
    std::int64_t rows_ = 0;
    std::vector<Matrix<T>> values_;  // one per hidden layer, [towers * rows, width]
  };

  /// y = MLP(x); the workspace keeps the values that backward needs.
  /// @param x [n, inputs], n at most workspace.rows()  @param[out] y [n, outputs]
  void forward(Context& context, MatrixView<const T> x, Workspace& workspace,
               MatrixView<T> y) const;

  /// Gradients of all parameters (overwritten) and, unless empty, of x. Follows forward with the
  /// same x and workspace. Inputs of several kinds are passed as rows of one x. Scratch: that of
  /// dense_backward, and gradients of two hidden layers.
  /// @param grad_y [n, outputs]  @param[out] grad_x [n, inputs] or empty; added to if of_x says so
  void backward(Context& context, MatrixView<const T> x, Workspace& workspace,
                MatrixView<const T> grad_y, MatrixView<T> grad_x = {},
                Gradient of_x = Gradient::overwritten);

  /// y = MLP(x) alone, for any number of rows. Scratch: at most 8192 rows of two hidden layers.
  void transform(Context& context, MatrixView<const T> x, MatrixView<T> y) const;

  /// Saves as entries PREFIX/widths, PREFIX/weight0, ... of an archive.
  void save(Context& context, ArchiveWriter& archive, std::string_view prefix) const;
  /// @throws Error that names file and entry where one is missing, of another shape or not finite.
  static BasicMlp load(Context& context, const ArchiveReader& archive, std::string_view prefix);
  /// The options that a file keeps: widths, activation, skip and towers. It checks that the
  /// file has all their weights, so making such a network takes no more memory than the file's
  /// size suggests.
  static MlpOptions saved_options(const ArchiveReader& archive, std::string_view prefix);
  /// Checks that the options in a file equal these. @throws Error as load does.
  static void expect_saved(const ArchiveReader& archive, std::string_view prefix,
                           const MlpOptions& options);
  /// Replaces this network's parameters by those of a file. @throws Error as load does, also if the
  /// file's network has other widths, activation, skip or towers.
  void read(Context& context, const ArchiveReader& archive, std::string_view prefix);

 private:
  BasicMlp(Context& context, MlpOptions options, BasicParameters<T> own);
  struct Place {
    std::int64_t weight, bias;
  };
  std::int64_t width(int layer) const { return options_.widths[static_cast<std::size_t>(layer)]; }
  std::int64_t hidden_size(std::int64_t rows) const;
  BatchView<T> hidden(T* data, std::int64_t rows, int layer) const;
  BatchView<T> hidden(Workspace& workspace, std::int64_t rows, int layer) const;
  template <class U>
  BatchView<U> output_towers(MatrixView<U> y) const;
  template <class HiddenOf>
  void run(Context& context, MatrixView<const T> x, HiddenOf&& hidden_of, MatrixView<T> y) const;
  MatrixView<T> weight_in(VectorView<T> array, int layer) const;
  VectorView<T> bias_in(VectorView<T> array, int layer) const;
  MatrixView<T> skip_view() const;
  void check_rows(const char* name, const Workspace& workspace, std::int64_t rows) const;
  void draw_weights(Context& context);

  MlpOptions options_;
  std::vector<Place> places_;    // of each layer in the slice
  std::int64_t skip_place_ = 0;  // of P, if trained
  Device device_ = Device::cpu;
  BasicParameters<T> own_;        // empty if the caller owns the parameters
  BasicParameterSlice<T> slice_;  // the parameters, owned or not
  Matrix<T> fixed_skip_;
};

using Mlp = BasicMlp<float>;  ///< In float32, as models hold it.
extern template class BasicMlp<float>;
extern template class BasicMlp<double>;

}  // namespace clipk
