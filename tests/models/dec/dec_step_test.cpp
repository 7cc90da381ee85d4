// One step of Dec against plain double loops: forward through the networks, the target, the
// gradients back, and the update.
#include <algorithm>
#include <cmath>
#include <string>

#include "clipk/models/dec.hpp"
#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/soft_reference.hpp"

namespace clipk::test {
namespace {

using Rows = std::vector<std::vector<double>>;

// A perceptron with relu between its layers.
struct PlainNetwork {
  std::vector<Rows> weights;
  std::vector<std::vector<double>> biases;

  explicit PlainNetwork(const Mlp& mlp) {
    for (int l = 0; l < mlp.layers(); ++l) {
      const auto w = mlp.weight(l);
      weights.emplace_back();
      for (std::int64_t i = 0; i < w.rows; ++i) {
        weights.back().emplace_back(w.row(i), w.row(i) + w.cols);
      }
      biases.emplace_back(mlp.bias(l).begin(), mlp.bias(l).end());
    }
  }

  // All layers' values of all rows, the input first.
  std::vector<Rows> forward(const Rows& x) const {
    std::vector<Rows> values{x};
    for (std::size_t l = 0; l < weights.size(); ++l) {
      Rows next;
      for (const auto& row : values.back()) {
        next.push_back(biases[l]);
        for (std::size_t o = 0; o < biases[l].size(); ++o) {
          for (std::size_t i = 0; i < row.size(); ++i) next.back()[o] += weights[l][o][i] * row[i];
          if (l + 1 < weights.size()) next.back()[o] = std::max(0.0, next.back()[o]);
        }
      }
      values.push_back(next);
    }
    return values;
  }

  // Steps down the gradient; returns the gradient of the input.
  Rows descend(const std::vector<Rows>& values, Rows grad, double rate) {
    for (std::size_t l = weights.size(); l-- > 0;) {
      const Rows& x = values[l];
      Rows back(x.size(), std::vector<double>(x[0].size()));
      Rows new_weights = weights[l];
      for (std::size_t r = 0; r < x.size(); ++r) {
        for (std::size_t o = 0; o < biases[l].size(); ++o) {
          if (l + 1 < weights.size() && values[l + 1][r][o] <= 0) grad[r][o] = 0;
          for (std::size_t i = 0; i < x[r].size(); ++i) {
            back[r][i] += grad[r][o] * weights[l][o][i];
            new_weights[o][i] -= rate * grad[r][o] * x[r][i];
          }
          biases[l][o] -= rate * grad[r][o];
        }
      }
      weights[l] = new_weights;
      grad = back;
    }
    return grad;
  }
};

std::vector<double> flat(const Rows& rows) {
  std::vector<double> result;
  for (const auto& row : rows) result.insert(result.end(), row.begin(), row.end());
  return result;
}

Rows folded(const std::vector<double>& values, std::size_t cols) {
  Rows rows;
  for (std::size_t at = 0; at < values.size(); at += cols) {
    rows.emplace_back(values.begin() + static_cast<std::ptrdiff_t>(at),
                      values.begin() + static_cast<std::ptrdiff_t>(at + cols));
  }
  return rows;
}

Rows plain(const Matrix<float>& m) {
  Rows rows;
  for (std::int64_t i = 0; i < m.rows(); ++i) {
    rows.emplace_back(m.view().row(i), m.view().row(i) + m.cols());
  }
  return rows;
}

double length(const std::vector<double>& row) {
  double squares = 0;
  for (const double value : row) squares += value * value;
  return std::sqrt(squares);
}

Rows unit(Rows rows) {
  for (auto& row : rows) {
    const double factor = 1 / length(row);
    for (double& value : row) value *= factor;
  }
  return rows;
}

// The gradient through the division of rows by their length.
Rows through_unit(const Rows& raw, Rows grad) {
  for (std::size_t r = 0; r < raw.size(); ++r) {
    const double l = length(raw[r]);
    double along = 0;
    for (std::size_t j = 0; j < raw[r].size(); ++j) along += grad[r][j] * raw[r][j] / l;
    for (std::size_t j = 0; j < raw[r].size(); ++j) {
      grad[r][j] = (grad[r][j] - along * raw[r][j] / l) / l;
    }
  }
  return grad;
}

// Sinkhorn on q^2, rows last.
std::vector<double> sinkhorn(std::vector<double> p, std::size_t k, int iterations) {
  const std::size_t n = p.size() / k;
  for (double& value : p) value *= value;
  const auto rows = [&] {
    for (std::size_t i = 0; i < n; ++i) {
      double sum = 0;
      for (std::size_t j = 0; j < k; ++j) sum += p[i * k + j];
      for (std::size_t j = 0; j < k; ++j) p[i * k + j] /= sum;
    }
  };
  rows();
  for (int t = 0; t < iterations; ++t) {
    for (std::size_t j = 0; j < k; ++j) {
      double sum = 0;
      for (std::size_t i = 0; i < n; ++i) sum += p[i * k + j];
      for (std::size_t i = 0; i < n; ++i) {
        p[i * k + j] *= static_cast<double>(n) / static_cast<double>(k) / sum;
      }
    }
    rows();
  }
  return p;
}

struct Case {
  const char* name;
  double reconstruction;
  bool balanced;
  SoftAssignmentOptions soft;
};

TEST(DecStep, FollowsPlainLoops) {
  constexpr std::int64_t kRows = 60, kDim = 6, kClusters = 3;
  constexpr std::size_t kCode = 2;
  constexpr double kRate = 0.5, kGamma = 0.7;
  Context context = Context::cpu({.seed = 3, .threads = 1});
  Matrix<float> rows(kRows, kDim);
  const std::vector<float> noise = normals(kRows * kDim, 4);
  for (std::int64_t i = 0; i < kRows; ++i) {
    for (std::int64_t j = 0; j < kDim; ++j) {
      rows(i, j) =
          noise[static_cast<std::size_t>(i * kDim + j)] +
          2 * static_cast<float>(std::sin(static_cast<double>((i * i % 7 % 3 + 1) * (j + 1))));
    }
  }
  AutoencoderOptions ae_options;
  ae_options.hidden = {9};
  ae_options.code = static_cast<std::int64_t>(kCode);
  ae_options.epochs = 10;
  ae_options.batch = 16;
  ae_options.rate = 0.1;
  ae_options.scaling = RowScaling::none;
  const Autoencoder ae = Autoencoder::fit(context, rows, ae_options);

  Matrix<float> previous;
  for (const Case& c :
       {Case{"dec", 0, false, {}}, Case{"alpha", 0, false, {.alpha = 2.5F}},
        Case{"idec", 1.5, false, {}}, Case{"balanced", 0, true, {}},
        Case{"von mises-fisher", 0, false, {.kernel = SoftKernel::von_mises_fisher, .kappa = 5}},
        Case{"von mises-fisher idec",
             1.5,
             true,
             {.kernel = SoftKernel::von_mises_fisher, .kappa = 5}}}) {
    SCOPED_TRACE(c.name);
    DecOptions options;
    options.k = kClusters;
    options.soft = c.soft;
    options.balanced = c.balanced;
    options.balance.iterations = 4;
    options.reconstruction = c.reconstruction;
    options.gamma = kGamma;
    options.batch = kRows;
    options.rate = kRate;
    options.momentum = 0;
    options.tolerance = 0;
    options.guard = {.least_mass = 0, .least_distance = 0};
    options.max_steps = 0;
    const Dec start = Dec::fit(context, rows, ae, options);
    options.max_steps = 1;
    const Dec after = Dec::fit(context, rows, ae, options);

    const bool dot = c.soft.kernel == SoftKernel::von_mises_fisher;
    PlainNetwork encoder(ae.network().encoder()), decoder(ae.network().decoder());
    const Rows x = plain(rows);
    const std::vector<Rows> forward = encoder.forward(x);
    const Rows& raw = forward.back();
    const Rows codes = dot ? unit(raw) : raw;
    const Rows centres = plain(start.centres());
    auto soft = plain_soft<double>(flat(codes), flat(centres), kRows, kClusters,
                                   static_cast<std::int64_t>(kCode), c.soft, {}, kGamma);
    if (c.balanced) {
      soft = plain_soft<double>(flat(codes), flat(centres), kRows, kClusters,
                                static_cast<std::int64_t>(kCode), c.soft,
                                sinkhorn(soft.q, kClusters, 4), kGamma);
    }
    Rows grad = folded(soft.grad_points, kCode), grad_centres = folded(soft.grad_centres, kCode);
    // Centres come out of a k-means at length one, up to rounding.
    if (dot) grad_centres = through_unit(centres, grad_centres);
    if (dot) grad = through_unit(raw, grad);
    double loss = soft.loss;
    if (c.reconstruction > 0) {
      const std::vector<Rows> decoded = decoder.forward(raw);
      Rows error = decoded.back();
      const double share = c.reconstruction / static_cast<double>(kRows * kDim);
      for (std::size_t i = 0; i < error.size(); ++i) {
        for (std::size_t j = 0; j < error[i].size(); ++j) {
          error[i][j] -= x[i][j];
          loss += share * error[i][j] * error[i][j];
          error[i][j] *= 2 * share;
        }
      }
      const Rows back = decoder.descend(decoded, error, kRate);
      for (std::size_t i = 0; i < grad.size(); ++i) {
        for (std::size_t j = 0; j < kCode; ++j) grad[i][j] += back[i][j];
      }
    }
    encoder.descend(forward, grad, kRate);
    Rows moved = centres;
    for (std::size_t j = 0; j < moved.size(); ++j) {
      for (std::size_t t = 0; t < kCode; ++t) moved[j][t] -= kRate * grad_centres[j][t];
    }
    if (dot) moved = unit(moved);
    const Rows new_raw = encoder.forward(x).back();

    const auto values = [](const Matrix<float>& m) {
      return std::vector<float>(m.flat().begin(), m.flat().end());
    };
    const double change = max_error(flat(moved), flat(centres));
    EXPECT_GT(change, 1e-4);  // or the test would see nothing
    EXPECT_LT(max_error(values(after.centres()), flat(moved)), 1e-3 * change);
    const Matrix<float> new_codes = after.encode(context, rows);
    EXPECT_LT(max_error(values(new_codes), flat(dot ? unit(new_raw) : new_raw)), 2e-5);
    EXPECT_NEAR(after.history().back().loss, loss, 1e-5);
    double error = 0;
    const Rows new_output = decoder.forward(new_raw).back();
    for (std::size_t i = 0; i < x.size(); ++i) {
      for (std::size_t j = 0; j < x[i].size(); ++j)
        error += std::pow(new_output[i][j] - x[i][j], 2);
    }
    EXPECT_NEAR(after.reconstruction_error(context, rows), error / (kRows * kDim), 1e-5);
    // Every case moves elsewhere.
    if (!previous.empty()) {
      EXPECT_GT(max_error(values(previous), flat(moved)), 1e-3 * change);
    }
    previous = after.centres().to_host(context);
  }
}

}  // namespace
}  // namespace clipk::test
