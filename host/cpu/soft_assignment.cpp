#include "cpu/soft_assignment.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/soft_assignment.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include <algorithm>

#include "core/parallel.hpp"
#include "cpu/detail/soft_assignment_task.hpp"
#include "cpu/detail/soft_rows-inl.hpp"
#include "cpu/detail/soft_wide-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Points are taken a block of lanes at a time, whatever the vectors: their column t, or what
// belongs to centre t, begins at t * kBlockLanes. The functions work on one vector of the block.

// d2 to every centre of a vector of points, or their dot products.
template <bool kDot, class D, class T>
void narrow_values(D d, const T* HWY_RESTRICT z, MatrixView<const T> centres,
                   T* HWY_RESTRICT value) {
  constexpr std::int64_t lanes = kBlockLanes<T>;
  for (std::int64_t j = 0; j < centres.rows; ++j) {
    const T* const centre = centres.row(j);
    auto sum = hn::Zero(d);
    for (std::int64_t t = 0; t < centres.cols; ++t) {
      const auto m = hn::Set(d, centre[t]), v = hn::Load(d, z + t * lanes);
      if constexpr (kDot) {
        sum = hn::MulAdd(v, m, sum);
      } else {
        const auto difference = hn::Sub(v, m);
        sum = hn::MulAdd(difference, difference, sum);
      }
    }
    hn::Store(sum, d, value + j * lanes);
  }
}

// The gradients from the coefficients c: those of the points take the place of z, and one vector
// for each centre and dimension is added to `grad_m`.
template <bool kDot, class D, class T>
void narrow_gradients(D d, T* HWY_RESTRICT z, MatrixView<const T> centres, const T* HWY_RESTRICT c,
                      T* HWY_RESTRICT grad_m) {
  constexpr std::int64_t lanes = kBlockLanes<T>;
  for (std::int64_t t = 0; t < centres.cols; ++t) {
    const auto v = hn::Load(d, z + t * lanes);
    auto sum = hn::Zero(d);
    for (std::int64_t j = 0; j < centres.rows; ++j) {
      const auto m = hn::Set(d, centres.row(j)[t]), factor = hn::Load(d, c + j * lanes);
      T* const to = grad_m + (j * centres.cols + t) * lanes;
      if constexpr (kDot) {
        sum = hn::MulAdd(factor, m, sum);
        hn::Store(hn::MulAdd(factor, v, hn::Load(d, to)), d, to);
      } else {
        const auto move = hn::Mul(factor, hn::Sub(v, m));
        sum = hn::Add(sum, move);
        hn::Store(hn::Sub(hn::Load(d, to), move), d, to);
      }
    }
    hn::Store(sum, d, z + t * lanes);
  }
}

// Adds the lanes of `count` blocks to as many doubles, and clears them.
template <class T>
void drain(T* blocks, std::int64_t count, double* to) {
  for (std::int64_t i = 0; i < count; ++i) {
    T* const lanes = blocks + i * kBlockLanes<T>;
    double sum = 0;
    for (std::int64_t lane = 0; lane < kBlockLanes<T>; ++lane) {
      sum += static_cast<double>(lanes[lane]);
    }
    to[i] += sum;
    std::fill_n(lanes, kBlockLanes<T>, T{0});
  }
}

template <bool kDot, class T>
void narrow_task(SoftTask<T>& task) {
  constexpr std::int64_t kDrain = 32;  // groups of points that a lane adds in its own precision
  constexpr std::int64_t lanes = kBlockLanes<T>;
  const std::int64_t k = task.centres.rows, dim = task.centres.cols;
  T* const z = task.work;
  T* const value = z + dim * lanes;
  T* const q = value + k * lanes;
  T* const p = q + k * lanes;
  T* const sums = p + k * lanes;
  T* const grad_m = sums + k * lanes;
  std::fill(sums, grad_m + k * dim * lanes, T{0});
  const auto empty = [&] {
    if (task.sums != nullptr) drain(sums, k, task.sums);
    if (task.grad_centres != nullptr) drain(grad_m, k * dim, task.grad_centres);
  };
  const hn::ScalableTag<T> d;
  std::int64_t groups = 0;
  for (std::int64_t first = 0; first < task.points.rows; first += lanes) {
    LaneSum<T> loss;
    for (int v = 0; v < kBlockVectors<T>; ++v) {
      const std::int64_t at = v * kVectorLanes<T>, i = first + at;
      const std::int64_t count = std::min(kVectorLanes<T>, task.points.rows - i);
      if (count <= 0) break;
      const auto valid = hn::FirstN(d, static_cast<std::size_t>(count));
      load_columns(d, task.points.row(i), task.points.stride, count, dim, z + at, lanes);
      narrow_values<kDot>(d, z + at, task.centres, value + at);
      shares(d, task.options, k, lanes, value + at, q + at);
      if (task.q.data != nullptr) {
        store_columns(d, q + at, lanes, count, k, task.q.row(i), task.q.stride);
      }
      if (task.sums != nullptr) {
        for (std::int64_t j = 0; j < k; ++j) {
          T* const to = sums + j * lanes + at;
          const auto share = hn::IfThenElseZero(valid, hn::Load(d, q + j * lanes + at));
          hn::Store(hn::Add(hn::Load(d, to), share), d, to);
        }
      }
      if (!task.with_loss) continue;
      if (task.inverse_sums != nullptr) {
        sharpened(d, k, lanes, task.inverse_sums, q + at, p + at);
      } else {
        load_columns(d, task.p.row(i), task.p.stride, count, k, p + at, lanes);
      }
      loss.vector[v] = divergence(d, valid, task.options.kernel, task.factor, k, lanes, p + at,
                                  q + at, value + at);
      if (task.grad_points.data == nullptr && task.grad_centres == nullptr) continue;
      narrow_gradients<kDot>(d, z + at, task.centres, value + at, grad_m + at);
      if (task.grad_points.data != nullptr) {
        add_columns(d, z + at, lanes, count, dim, task.grad_points.row(i), task.grad_points.stride);
      }
    }
    task.loss += static_cast<double>(loss.total());
    if (++groups % kDrain == 0) empty();
  }
  empty();
}

template <class T>
void soft_task(SoftTask<T>& task) {
  const bool dot = task.options.kernel == SoftKernel::von_mises_fisher;
  if (soft_narrow(task.centres.rows, task.centres.cols)) {
    return dot ? narrow_task<true>(task) : narrow_task<false>(task);
  }
  dot ? wide_task<true>(task) : wide_task<false>(task);
}

void soft_task_float(SoftTask<float>& task) {
  soft_task(task);
}
void soft_task_double(SoftTask<double>& task) {
  soft_task(task);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(soft_task_float);
HWY_EXPORT(soft_task_double);

namespace {

constexpr std::int64_t kTaskRows = 256;
constexpr std::int64_t kMaxTasks = 64;
constexpr std::int64_t kPartials = 1 << 22;    // doubles of all tasks' gradients together
constexpr std::int64_t kSerialSize = 1 << 16;  // n k d below which one thread is faster

void soft_task(SoftTask<float>& task) {
  HWY_DYNAMIC_DISPATCH(soft_task_float)(task);
}
void soft_task(SoftTask<double>& task) {
  HWY_DYNAMIC_DISPATCH(soft_task_double)(task);
}

template <class T>
double whole(int threads, Scratch& scratch, const SoftCall<T>& call) {
  const std::int64_t n = call.points.rows, dim = call.points.cols, k = call.centres.rows;
  if (n * k * dim < kSerialSize) threads = 1;
  const bool centre_gradients = call.grad_centres.data != nullptr;
  const bool with_sums = call.column_sums.data != nullptr;
  const std::int64_t most = std::clamp<std::int64_t>(kPartials / (k * dim), 1, kMaxTasks);
  // Whole groups of points whatever the lanes.
  const std::int64_t rows =
      std::max(kTaskRows, ((n + most - 1) / most + kWideRows - 1) / kWideRows * kWideRows);
  const std::int64_t tasks = (n + rows - 1) / rows;

  const T* inverse_sums = nullptr;
  if (call.with_loss && call.p.data == nullptr) {
    const VectorView<T> inverse = scratch.vector<T>(k);
    for (std::int64_t j = 0; j < k; ++j) {
      inverse[j] = static_cast<T>(1 / std::max(call.target_sums[j], 1e-30));
    }
    inverse_sums = inverse.data;
  }
  const double slope = call.options.kernel == SoftKernel::student_t
                           ? 1 + 1 / static_cast<double>(call.options.alpha)
                           : static_cast<double>(call.options.kappa);
  const std::int64_t work_size = soft_work_size<T>(k, dim);
  const VectorView<T> work = scratch.vector<T>(tasks * work_size);
  const std::int64_t partial_size = (with_sums ? k : 0) + (centre_gradients ? k * dim : 0);
  const VectorView<double> partials = scratch.vector<double>(tasks * partial_size);
  const VectorView<double> losses = scratch.vector<double>(tasks);

  parallel_chunks(threads, n, rows, [&](std::int64_t first, std::int64_t count) {
    const std::int64_t index = first / rows;
    double* const partial = partials.data + index * partial_size;
    std::fill(partial, partial + partial_size, 0.0);
    const auto some = [&](auto m) { return m.data == nullptr ? m : m.row_range(first, count); };
    SoftTask<T> task;
    task.options = call.options;
    task.points = call.points.row_range(first, count);
    task.centres = call.centres;
    task.q = some(call.q);
    task.sums = with_sums ? partial : nullptr;
    task.with_loss = call.with_loss;
    task.p = some(call.p);
    task.inverse_sums = inverse_sums;
    task.factor = static_cast<T>(call.share * slope);
    task.grad_points = some(call.grad_points);
    task.grad_centres = centre_gradients ? partial + (with_sums ? k : 0) : nullptr;
    task.work = work.data + index * work_size;
    soft_task(task);
    losses[index] = task.loss;
  });

  const auto total = [&](std::int64_t at) {
    double sum = 0;
    for (std::int64_t t = 0; t < tasks; ++t) sum += partials[t * partial_size + at];
    return sum;
  };
  if (with_sums) {
    for (std::int64_t j = 0; j < k; ++j) call.column_sums[j] = total(j);
  }
  if (centre_gradients) {
    const std::int64_t before = with_sums ? k : 0;
    for (std::int64_t j = 0; j < k; ++j) {
      T* const to = call.grad_centres.row(j);
      for (std::int64_t t = 0; t < dim; ++t) {
        to[t] = static_cast<T>(static_cast<double>(to[t]) + total(before + j * dim + t));
      }
    }
  }
  double loss = 0;
  for (const double part : losses) loss += part;
  return call.share * loss;
}

}  // namespace

double soft_assignment(int threads, Scratch& scratch, const SoftCall<float>& call) {
  return whole(threads, scratch, call);
}
double soft_assignment(int threads, Scratch& scratch, const SoftCall<double>& call) {
  return whole(threads, scratch, call);
}

}  // namespace clipk::cpu
#endif
