#pragma once

#include <cstdint>
#include <vector>

#include "clipk/core/matrix.hpp"

namespace clipk {

/// A view of parameters and their gradients, of the same size.
template <class T>
struct BasicParameterSlice {
  VectorView<T> values;     ///< the parameters
  VectorView<T> gradients;  ///< of a loss, in the same places
};

/// The parameters of the parts of a model (networks, cluster centres) in one array on the
/// device, and their gradients in another of the same layout: a Trainer, an optimizer or
/// clip_norm takes all of them at once, or adjacent parts. All are zero at first. Moving the
/// object keeps slices valid.
template <class T>
class BasicParameters {
 public:
  BasicParameters() = default;
  /// @param sizes of the parts, in the order in which they lie. Each part starts on a multiple of
  ///   16 elements; the padding between belongs to no part and stays 0.
  BasicParameters(Context& context, const std::vector<std::int64_t>& sizes);

  int parts() const { return static_cast<int>(sizes_.size()); }  ///< number of parts
  BasicParameterSlice<T> part(int index) const;                  ///< without the padding after it
  /// Parts first ... first + count - 1 and the padding between.
  BasicParameterSlice<T> parts(int first, int count) const;
  /// With the padding between the parts.
  BasicParameterSlice<T> all() const { return slice(0, values_.cols()); }

 private:
  BasicParameterSlice<T> slice(std::int64_t first, std::int64_t size) const;

  std::vector<std::int64_t> sizes_, places_;
  Matrix<T> values_, gradients_;
};

/// `size` rounded up to a place where a part may start.
constexpr std::int64_t aligned_parameters(std::int64_t size) {
  constexpr std::int64_t kAlign = 16;  // a cache line of floats, and any vector load
  return (size + kAlign - 1) / kAlign * kAlign;
}

using ParameterSlice = BasicParameterSlice<float>;  ///< In float32, as models hold it.
using Parameters = BasicParameters<float>;          ///< In float32, as models hold it.
extern template class BasicParameters<float>;
extern template class BasicParameters<double>;

}  // namespace clipk
