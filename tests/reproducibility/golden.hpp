#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <type_traits>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/io/sha256.hpp"
#include "reproducibility/inputs.hpp"

namespace clipk::golden {

/// What a case gets, and where it leaves its results.
class Run {
 public:
  explicit Run(Context& context_) : context(context_) {}

  Context& context;
  Inputs inputs;

  /// Adds results: views, matrices, vectors of numbers, numbers. A NaN is refused: its bytes are
  /// the processor's.
  template <class... Parts>
  void add(const Parts&... parts) {
    (add_part(parts), ...);
  }
  /// Of all bytes that were added, and the shapes around them: 16 hexadecimal digits.
  std::string checksum();

 private:
  template <class T>
  void add_part(const Matrix<T>& m) {
    add_part(m.view());
  }
  template <class T>
  void add_part(const MatrixView<T>& m) {
    add_part(m.rows);
    for (std::int64_t i = 0; i < m.rows; ++i) add_part(VectorView<T>(m.row(i), m.cols));
  }
  template <class T>
  void add_part(const std::vector<T>& v) {
    add_part(VectorView<const T>(v.data(), static_cast<std::int64_t>(v.size())));
  }
  template <class T>
  void add_part(const VectorView<T>& v) {
    add_part(v.size);
    if (std::any_of(v.begin(), v.end(), [](T value) { return value != value; })) refuse_nan();
    sha_.update(v.data, static_cast<std::size_t>(v.size) * sizeof(T));
  }
  template <class T>
  requires std::is_arithmetic_v<T>
  void add_part(const T& value) {
    if (value != value) refuse_nan();
    sha_.update(&value, sizeof value);
  }
  [[noreturn]] void refuse_nan() const;

  Sha256 sha_;
};

/// A computation on fixed inputs whose bytes are held.
struct Case {
  std::string name;
  std::function<void(Run&)> run;
};

/// What gtest shows of it.
void PrintTo(const Case& c, std::ostream* out);

/// What `one` and `both` return, so that they can be called before main.
struct Registered {};

/// Registers a case: FOLDER/HEADER/NAME of a public header below include/clipk. In ops the name
/// begins with the function's, and ends in .float or .double where there are both.
Registered one(const std::string& name, std::function<void(Run&)> run);
/// The same code in float32 and in float64: `f` is called with a zero of the type.
template <class F>
Registered both(const std::string& name, F f) {
  one(name + ".float", [f](Run& run) { f(run, 0.F); });
  return one(name + ".double", [f](Run& run) { f(run, 0.); });
}

/// All that are registered, by name.
const std::vector<Case>& all_cases();

}  // namespace clipk::golden
