// The layers and parameters of an MLP, initialised at random or read from a file. The computations
// are in mlp_passes.cpp.
#include "clipk/train/mlp.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "clipk/core/error.hpp"
#include "clipk/core/random.hpp"
#include "core/enum_names.hpp"

namespace clipk {
namespace {

void check_options(const MlpOptions& options) {
  const std::vector<std::int64_t>& widths = options.widths;
  if (widths.size() < 2) {
    throw Error("mlp: expected at least two widths, got " + std::to_string(widths.size()));
  }
  for (const std::int64_t width : widths) {
    if (width < 1) throw Error("mlp: expected widths of at least 1, got " + std::to_string(width));
  }
  if (options.towers < 1) {
    throw Error("mlp: expected at least 1 tower, got " + std::to_string(options.towers));
  }
}

// The options that a file keeps, as text.
std::string describe(const MlpOptions& options) {
  std::string text = std::to_string(options.towers) + (options.towers == 1 ? " tower" : " towers");
  for (std::size_t l = 0; l < options.widths.size(); ++l) {
    text += (l == 0 ? " of widths " : "-") + std::to_string(options.widths[l]);
  }
  return text + ", activation " + to_string(options.activation) + ", skip " +
         to_string(options.skip);
}

double init_bound(Init init, std::int64_t in, std::int64_t out) {
  switch (init) {
    case Init::kaiming_uniform:
      return std::sqrt(6.0 / static_cast<double>(in));
    case Init::glorot_uniform:
      return std::sqrt(6.0 / static_cast<double>(in + out));
    case Init::lecun_uniform:
      return std::sqrt(3.0 / static_cast<double>(in));
    case Init::fan_in_uniform:
      return std::sqrt(1.0 / static_cast<double>(in));
  }
  return 0;
}

}  // namespace

const char* to_string(Init init) {
  switch (init) {
    case Init::kaiming_uniform:
      return "kaiming_uniform";
    case Init::glorot_uniform:
      return "glorot_uniform";
    case Init::lecun_uniform:
      return "lecun_uniform";
    case Init::fan_in_uniform:
      return "fan_in_uniform";
  }
  return "?";
}

const char* to_string(MlpSkip skip) {
  switch (skip) {
    case MlpSkip::none:
      return "none";
    case MlpSkip::fixed:
      return "fixed";
    case MlpSkip::trained:
      return "trained";
  }
  return "?";
}

Init init_named(std::string_view name) {
  return named(
      "init", name,
      {Init::kaiming_uniform, Init::glorot_uniform, Init::lecun_uniform, Init::fan_in_uniform});
}

MlpSkip mlp_skip_named(std::string_view name) {
  return named("skip", name, {MlpSkip::none, MlpSkip::fixed, MlpSkip::trained});
}

Activation activation_named(std::string_view name) {
  return named("activation", name,
               {Activation::identity, Activation::relu, Activation::leaky_relu, Activation::tanh,
                Activation::sigmoid});
}

template <class T>
std::int64_t BasicMlp<T>::parameter_size(const MlpOptions& options) {
  check_options(options);
  std::int64_t size = 0;
  for (std::size_t l = 0; l + 1 < options.widths.size(); ++l) {
    const std::int64_t out = options.towers * options.widths[l + 1];
    size += aligned_parameters(options.widths[l] * out) + aligned_parameters(out);
  }
  if (options.skip == MlpSkip::trained) {
    size += aligned_parameters(options.widths.front() * options.towers * options.widths.back());
  }
  return size;
}

template <class T>
BasicMlp<T>::BasicMlp(Context& context, MlpOptions options)
    : BasicMlp(context, options, BasicParameters<T>(context, {parameter_size(options)})) {}

template <class T>
BasicMlp<T>::BasicMlp(Context& context, MlpOptions options, BasicParameters<T> own)
    : BasicMlp(context, std::move(options), own.all()) {
  own_ = std::move(own);
}

template <class T>
BasicMlp<T>::BasicMlp(Context& context, MlpOptions options, BasicParameterSlice<T> parameters)
    : options_(std::move(options)), device_(context.device()), slice_(parameters) {
  const std::int64_t size = parameter_size(options_);
  if (slice_.values.size != size || slice_.gradients.size != size) {
    throw Error("mlp: expected parameters of size " + std::to_string(size) + ", got " +
                std::to_string(slice_.values.size));
  }
  std::int64_t place = 0;
  for (std::size_t l = 0; l + 1 < options_.widths.size(); ++l) {
    const std::int64_t out = options_.towers * options_.widths[l + 1];
    const std::int64_t bias = place + aligned_parameters(out * options_.widths[l]);
    places_.push_back({place, bias});
    place = bias + aligned_parameters(out);
  }
  skip_place_ = place;
  if (options_.skip == MlpSkip::fixed) fixed_skip_ = Matrix<T>(context, outputs(), inputs());
  draw_weights(context);
}

template <class T>
void BasicMlp<T>::draw_weights(Context& context) {
  constexpr std::uint32_t kLayersOfANetwork = 1024;
  for (int l = 0; l < layers(); ++l) {
    if (options_.zero_last && l + 1 == layers()) continue;
    const MatrixView<T> weight = this->weight(l);
    const double bound = init_bound(options_.init, weight.cols, width(l + 1));
    Random random(context.seed(), RandomStream::weights,
                  options_.network * kLayersOfANetwork + static_cast<std::uint32_t>(l));
    Matrix<T> drawn(weight.rows, weight.cols);
    for (T& w : drawn.flat()) w = static_cast<T>(bound * (2.0 * random.uniform() - 1));
    copy<T>(context, drawn, weight);
  }
}

template <class T>
std::int64_t BasicMlp<T>::parameter_count() const {
  std::int64_t count = options_.skip == MlpSkip::trained ? inputs() * outputs() : 0;
  for (std::size_t l = 0; l + 1 < options_.widths.size(); ++l) {
    count += options_.towers * (options_.widths[l] + 1) * options_.widths[l + 1];
  }
  return count;
}

template <class T>
MatrixView<T> BasicMlp<T>::weight_in(VectorView<T> array, int layer) const {
  const auto l = static_cast<std::size_t>(layer);
  return {array.data + places_[l].weight, options_.towers * width(layer + 1), width(layer),
          device_};
}

template <class T>
VectorView<T> BasicMlp<T>::bias_in(VectorView<T> array, int layer) const {
  const auto l = static_cast<std::size_t>(layer);
  return {array.data + places_[l].bias, options_.towers * width(layer + 1), device_};
}

template <class T>
MatrixView<T> BasicMlp<T>::skip_view() const {
  T* const data =
      options_.skip == MlpSkip::trained ? slice_.values.data + skip_place_ : fixed_skip_.data();
  return {data, outputs(), inputs(), device_};
}

template <class T>
MatrixView<T> BasicMlp<T>::skip_weight() {
  return options_.skip == MlpSkip::none ? MatrixView<T>() : skip_view();
}

template <class T>
MatrixView<T> BasicMlp<T>::skip_gradient() {
  if (options_.skip != MlpSkip::trained) return {};
  return {slice_.gradients.data + skip_place_, outputs(), inputs(), device_};
}

template <class T>
void BasicMlp<T>::save(Context& context, ArchiveWriter& archive, std::string_view prefix) const {
  const std::string p = std::string(prefix) + "/";
  archive.add(p + "widths", options_.widths);
  archive.add(p + "activation", to_string(options_.activation));
  archive.add(p + "skip", to_string(options_.skip));
  if (options_.towers > 1) archive.add<std::int64_t>(p + "towers", options_.towers);
  const auto add = [&](const std::string& name, MatrixView<const T> matrix) {
    const Matrix<T> host = [&] {
      Matrix<T> m(matrix.rows, matrix.cols);
      copy<T>(context, matrix, m.view());
      return m;
    }();
    archive.add<T>(p + name, host.view());
  };
  for (int l = 0; l < layers(); ++l) {
    add("weight" + std::to_string(l), weight(l));
    const VectorView<const T> bias = this->bias(l);
    add("bias" + std::to_string(l), MatrixView<const T>(bias.data, 1, bias.size, device_));
  }
  if (options_.skip != MlpSkip::none) add("skip_weight", skip_view());
}

template <class T>
MlpOptions BasicMlp<T>::saved_options(const ArchiveReader& archive, std::string_view prefix) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  const std::string p = std::string(prefix) + "/";
  MlpOptions options = archive.naming([&]() -> MlpOptions {
    return {.widths = archive.vector<std::int64_t>(p + "widths"),
            .activation = activation_named(archive.text(p + "activation")),
            .skip = mlp_skip_named(archive.text(p + "skip")),
            .towers = archive.has(p + "towers")
                          ? archive.number<std::int64_t>(p + "towers", 1, kMost)
                          : 1};
  });
  const std::vector<std::int64_t>& widths = options.widths;
  if (widths.size() < 2) {
    archive.fail("entry '" + p + "widths' of at least two widths", std::to_string(widths.size()));
  }
  archive.expect_within(p + "widths", widths, 1, kMost);
  for (std::size_t l = 0; l + 1 < widths.size(); ++l) {
    const std::int64_t out = options.towers * widths[l + 1];
    archive.expect_matrix<T>(p + "weight" + std::to_string(l), out, widths[l]);
    archive.expect_matrix<T>(p + "bias" + std::to_string(l), 1, out);
  }
  if (options.skip != MlpSkip::none) {
    archive.expect_matrix<T>(p + "skip_weight", options.towers * widths.back(), widths.front());
  }
  return options;
}

template <class T>
void BasicMlp<T>::expect_saved(const ArchiveReader& archive, std::string_view prefix,
                               const MlpOptions& options) {
  const MlpOptions saved = saved_options(archive, prefix);
  if (saved.widths != options.widths || saved.activation != options.activation ||
      saved.skip != options.skip || saved.towers != options.towers) {
    archive.fail("'" + std::string(prefix) + "' to be a network with " + describe(options),
                 describe(saved));
  }
}

template <class T>
BasicMlp<T> BasicMlp<T>::load(Context& context, const ArchiveReader& archive,
                              std::string_view prefix) {
  BasicMlp mlp(context, saved_options(archive, prefix));
  mlp.read(context, archive, prefix);
  return mlp;
}

template <class T>
void BasicMlp<T>::read(Context& context, const ArchiveReader& archive, std::string_view prefix) {
  expect_saved(archive, prefix, options_);
  const std::string p = std::string(prefix) + "/";
  const auto read = [&](const std::string& name, MatrixView<T> matrix) {
    Matrix<T> host(matrix.rows, matrix.cols);
    archive.read<T>(p + name, host.view());
    copy<T>(context, host, matrix);
  };
  for (int l = 0; l < layers(); ++l) {
    read("weight" + std::to_string(l), weight(l));
    const VectorView<T> bias = this->bias(l);
    read("bias" + std::to_string(l), MatrixView<T>(bias.data, 1, bias.size, bias.device));
  }
  if (options_.skip != MlpSkip::none) read("skip_weight", skip_weight());
}

template class BasicMlp<float>;
template class BasicMlp<double>;

}  // namespace clipk
