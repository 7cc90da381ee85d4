#include "clipk/train/parameters.hpp"

#include <string>

#include "clipk/core/error.hpp"

namespace clipk {

template <class T>
BasicParameters<T>::BasicParameters(Context& context, const std::vector<std::int64_t>& sizes)
    : sizes_(sizes) {
  std::int64_t total = 0;
  for (const std::int64_t size : sizes_) {
    if (size < 0) {
      throw Error("parameters: expected parts of at least 0 numbers, got " + std::to_string(size));
    }
    places_.push_back(total);
    total += aligned_parameters(size);
  }
  values_ = Matrix<T>(context, 1, total);
  gradients_ = Matrix<T>(context, 1, total);
}

template <class T>
BasicParameterSlice<T> BasicParameters<T>::slice(std::int64_t first, std::int64_t size) const {
  return {
      VectorView<T>(values_.data(), values_.cols(), values_.device()).slice(first, size),
      VectorView<T>(gradients_.data(), gradients_.cols(), gradients_.device()).slice(first, size)};
}

template <class T>
BasicParameterSlice<T> BasicParameters<T>::part(int index) const {
  return parts(index, 1);
}

template <class T>
BasicParameterSlice<T> BasicParameters<T>::parts(int first, int count) const {
  if (first < 0 || count < 0 || first + count > parts()) {
    throw Error("parameters: expected parts within [0, " + std::to_string(parts()) + "), got [" +
                std::to_string(first) + ", " + std::to_string(first + count) + ")");
  }
  if (count == 0) return slice(0, 0);
  const auto last = static_cast<std::size_t>(first + count - 1);
  const std::int64_t place = places_[static_cast<std::size_t>(first)];
  return slice(place, places_[last] + sizes_[last] - place);
}

template class BasicParameters<float>;
template class BasicParameters<double>;

}  // namespace clipk
