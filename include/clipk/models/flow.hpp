#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/io/archive.hpp"
#include "clipk/ops/affine_coupling.hpp"
#include "clipk/train/mlp.hpp"
#include "clipk/train/parameters.hpp"

namespace clipk {

/// Layers of a flow.
struct FlowOptions {
  std::int64_t blocks = 12;  ///< one after the other
  std::int64_t width = 512;  ///< of the hidden layers of the networks s and t
  std::int64_t depth = 3;    ///< hidden layers, leaky ReLU of slope 0.01 between them
  CouplingScale scale = CouplingScale::tanh;  ///< the function that bounds the log-scales
  float clamp = 1;                            ///< every coupling scales by e^-clamp ... e^clamp
  float slope = 1;  ///< of an invertible leaky ReLU after every ActNorm; 1 for none
  Init init = Init::fan_in_uniform;  ///< of the networks s and t
  bool zero_last = true;  ///< last layer of s and t starts at 0: couplings start as the identity
};

/// A normalizing flow z = T(x) of rows: blocks of ActNorm, optionally an invertible leaky ReLU, two
/// affine couplings (the second with the halves exchanged), and a fixed permutation of the columns
/// drawn from the seed. With an odd dimension the second half is one column wider. Its density is
/// log p(x) = log N(T(x); 0, I) + log |det T'(x)|.
///
/// ActNorm takes its values from the first rows that the flow sees: call initialize() once, before
/// anything else. A file keeps this state, and a loaded flow is never initialized again. Every
/// function throws an Error for rows of another width than dim().
/// Deterministic: the same seed, data and device give the same bytes for any number of threads.
///
/// Source: Dinh, Sohl-Dickstein and Bengio, ICLR 2017 (couplings); Kingma and Dhariwal, NeurIPS
/// 2018 (ActNorm); Esser, Rombach and Ommer, CVPR 2020 (this order of layers).
template <class T>
class BasicFlow {
 public:
  /// Weights and permutations are drawn from the context's seed.
  /// @throws Error if dim is below 2 or an option makes no sense.
  BasicFlow(Context& context, std::int64_t dim, FlowOptions options = {});

  std::int64_t dim() const { return dim_; }  ///< columns of a row
  /// The options given to the constructor.
  const FlowOptions& options() const { return options_; }
  /// Number of trained parameters, without padding.
  std::int64_t parameter_count() const;
  /// All trained parameters, one array on the device (the padding between its parts stays 0).
  BasicParameterSlice<T> parameters() { return parameters_.all(); }

  bool initialized() const { return initialized_; }  ///< whether ActNorm has its values
  /// Sets ActNorm of every block from x [n, dim], n at least 1, such that its output has mean 0 and
  /// standard deviation 1 in every column. @throws Error if it was called before, or if x holds
  /// values that are not finite.
  void initialize(Context& context, MatrixView<const T> x);

  /// The values that forward keeps for backward, for up to `rows` rows: allocated once, reused in
  /// every step.
  class Workspace {
   public:
    Workspace() = default;
    /// For at most `rows` rows of this flow.
    Workspace(Context& context, const BasicFlow& flow, std::int64_t rows);
    /// The most rows that it holds.
    std::int64_t rows() const { return rows_; }

   private:
    friend class BasicFlow;
    struct Coupling {
      typename BasicMlp<T>::Workspace networks;
      Matrix<T> outputs;  // [rows, 2 k]: a and t; after backward their gradients
    };
    struct Block {
      Matrix<T> normed;   // [rows, dim] after ActNorm
      Matrix<T> bent;     // after the leaky ReLU; empty without
      Matrix<T> coupled;  // after both couplings
      Coupling first, second;
    };
    std::int64_t rows_ = 0;
    std::vector<Block> blocks_;
    Matrix<T> state_;     // [rows, dim] between blocks
    Matrix<T> gradient_;  // its gradient
  };

  /// z = T(x) and the log-determinant of every row, both overwritten. It can be captured in a CUDA
  /// graph: nothing is read back. @throws Error unless initialized.
  /// @param x [n, dim], n at most workspace.rows()  @param[out] z [n, dim], not x
  /// @param[out] log_det [n]
  void forward(Context& context, MatrixView<const T> x, Workspace& workspace, MatrixView<T> z,
               VectorView<T> log_det) const;

  /// Gradients of a loss of z and log_det with respect to all parameters (overwritten) and, unless
  /// empty, to x. Follows forward with the same x and workspace, once.
  /// @param grad_z [n, dim]  @param grad_log_det [n], or empty for none
  /// @param[out] grad_x [n, dim] or empty
  void backward(Context& context, MatrixView<const T> x, Workspace& workspace,
                MatrixView<const T> grad_z, VectorView<const T> grad_log_det,
                MatrixView<T> grad_x = {});

  /// z = T(x) and, unless empty, log_det, for any number of rows. Scratch: at most 8192 rows.
  /// @param[out] z [n, dim], may be x  @param[out] log_det [n] or empty; overwritten
  void transform(Context& context, MatrixView<const T> x, MatrixView<T> z,
                 VectorView<T> log_det = {}) const;
  /// x = T^-1(z), for any number of rows. Scratch: at most 8192 rows.
  /// @param[out] x [n, dim], may be z
  /// @throws Error if T has no inverse: where a scale of ActNorm is 0 or not finite (block and
  ///   column are named), or x is not finite.
  void inverse(Context& context, MatrixView<const T> z, MatrixView<T> x) const;

  /// log p(x) of every row in nats, summed in float64.
  std::vector<double> log_density(Context& context, MatrixView<const T> x) const;
  /// n rows of the flow's density: T^-1 of standard normal rows that the context's seed and `draw`
  /// address; another n gives the same first rows, up to rounding. @throws Error as inverse does.
  Matrix<T> sample(Context& context, std::int64_t n, std::uint32_t draw = 0) const;

  /// The same flow in double on the CPU (for any context of the CPU): for checks.
  BasicFlow<double> to_double(Context& context) const;

  /// Saves as entries PREFIX/dim, PREFIX/block0/order, ... of an archive.
  void save(Context& context, ArchiveWriter& archive, std::string_view prefix) const;
  /// @param dim the flow's required dimension, or 0 for any
  /// @throws Error that names the file where an entry is missing or of another shape, the dimension
  ///   is another, an order is no permutation, or a parameter is not finite.
  static BasicFlow load(Context& context, const ArchiveReader& archive, std::string_view prefix,
                        std::int64_t dim = 0);

 private:
  template <class U>
  friend class BasicFlow;
  struct Block {
    BasicParameterSlice<T> shift, log_scale;  // [dim]
    BasicMlp<T> first, second;                // first half -> second half, and back
    Matrix<std::int32_t> order;               // [1, dim]
  };

  std::int64_t half() const { return dim_ / 2; }
  AffineCouplingOptions coupling() const { return {options_.scale, options_.clamp}; }
  static void check_options(std::int64_t dim, const FlowOptions& options);
  static MlpOptions network_options(std::int64_t dim, const FlowOptions& options,
                                    std::int64_t index);
  void set_order(Context& context, Block& block, const std::vector<std::int32_t>& order);
  void check_initialized(const char* function) const;
  void check_cols(const char* function, const char* name, MatrixView<const T> rows) const;
  void check_step(const char* function, MatrixView<const T> x, const Workspace& workspace) const;
  void check_scales(Context& context) const;
  void couple(Context& context, const Block& block, MatrixView<T> x, VectorView<T> log_det) const;
  void block_inverse(Context& context, const Block& block, MatrixView<T> z, MatrixView<T> x) const;

  std::int64_t dim_;
  FlowOptions options_;
  bool initialized_ = false;
  BasicParameters<T> parameters_;
  std::vector<Block> blocks_;
};

using Flow = BasicFlow<float>;  ///< In float32, as models hold it.
extern template class BasicFlow<float>;
extern template class BasicFlow<double>;

}  // namespace clipk
