#include "cpu/quad_hinge_loss.hpp"

#include <algorithm>
#include <cmath>

#include "clipk/core/memory.hpp"
#include "cpu/parallel.hpp"
#include "cpu/quad_hinge_forms.hpp"

namespace clipk::cpu {
namespace {

// Every slot owns a gradient, and they are added in order; their number follows from the sizes
// alone. More of them serve more threads and cost memory and a longer sum.
constexpr std::int64_t kMaxSlots = 16;
constexpr std::int64_t kQuadsOfSlot = 1 << 16;
constexpr std::int64_t kSlotBytes = std::int64_t{1} << 29;
// Slots of a uniform draw begin at whole batches of draws.
constexpr std::int64_t kSlotGrain = 4096;

constexpr std::int64_t kRowGrain = 256;

template <class T>
void pad_rows(int threads, MatrixView<const T> from, std::int64_t stride, T* to) {
  parallel_chunks(threads, from.rows, kRowGrain, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t i = first; i < first + count; ++i) {
      std::copy_n(from.row(i), from.cols, to + i * stride);
      std::fill(to + i * stride + from.cols, to + (i + 1) * stride, T{0});
    }
  });
}

template <class T>
void inverse_norms(int threads, MatrixView<const T> rows, T* out) {
  parallel_chunks(threads, rows.rows, kRowGrain, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t i = first; i < first + count; ++i) {
      double sum = 0;
      for (std::int64_t k = 0; k < rows.cols; ++k) {
        sum += static_cast<double>(rows(i, k)) * static_cast<double>(rows(i, k));
      }
      out[i] = static_cast<T>(1 / std::sqrt(sum));
    }
  });
}

/// out += factor * sum over the slots, in order.
template <class T>
void add_slots(int threads, double factor, const T* slots, std::int64_t count,
               std::int64_t slot_size, std::int64_t stride, MatrixView<T> out) {
  parallel_chunks(threads, out.rows, kRowGrain, [&](std::int64_t first, std::int64_t rows) {
    for (std::int64_t i = first; i < first + rows; ++i) {
      for (std::int64_t k = 0; k < out.cols; ++k) {
        double sum = 0;
        for (std::int64_t s = 0; s < count; ++s) {
          sum += static_cast<double>(slots[s * slot_size + i * stride + k]);
        }
        out(i, k) = static_cast<T>(static_cast<double>(out(i, k)) + factor * sum);
      }
    }
  });
}

template <class T>
void run(Context& context, const QuadHinge<T>& call) {
  const int threads = context.threads();
  const std::int64_t n = call.x.rows;
  const std::int64_t line = 64 / static_cast<std::int64_t>(sizeof(T));
  QuadWork<T> work{call};
  work.rows = n + (call.self ? 0 : call.y.rows);
  work.stride = (call.x.cols + line - 1) / line * line;

  Scratch scratch(context);
  T* codes = scratch.vector<T>(work.rows * work.stride).data;
  pad_rows(threads, call.x, work.stride, codes);
  if (!call.self) pad_rows(threads, call.y, work.stride, codes + n * work.stride);
  work.codes = codes;
  if (call.target.distances.empty() && call.target.metric == Metric::cosine) {
    T* norms = scratch.vector<T>(work.rows).data;
    inverse_norms(threads, call.target.rows_x, norms);
    if (!call.self) inverse_norms(threads, call.target.rows_y, norms + n);
    work.inverse_norm_x = norms;
    work.inverse_norm_y = norms + n;
  }

  const std::int64_t slot_size = work.rows * work.stride;
  const std::int64_t fit = kSlotBytes / (slot_size * static_cast<std::int64_t>(sizeof(T)));
  const std::int64_t slots =
      std::clamp<std::int64_t>(std::min(call.options.count / kQuadsOfSlot, fit), 1, kMaxSlots);
  T* gradients = scratch.vector<T>(slots * slot_size).data;
  double* losses = scratch.vector<double>(slots).data;
  const bool by_query = call.options.draw == QuadDraw::query;
  const std::int64_t total = by_query ? work.queries() : call.options.count;
  const std::int64_t grain = by_query ? 1 : kSlotGrain;
  const std::int64_t share = ((total + slots - 1) / slots + grain - 1) / grain * grain;
  parallel_for(threads, slots, [&](std::int64_t slot) {
    T* gradient = gradients + slot * slot_size;
    std::fill_n(gradient, slot_size, T{0});
    losses[slot] = 0;
    const std::int64_t first = std::min(slot * share, total);
    quad_gather(work, {first, std::min(share, total - first)}, &losses[slot], gradient);
  });

  const double factor =
      static_cast<double>(call.options.weight) / static_cast<double>(call.options.count);
  double loss = 0;
  for (std::int64_t slot = 0; slot < slots; ++slot) loss += losses[slot];
  *call.loss += factor * loss;
  if (!call.grad_x.empty()) {
    add_slots(threads, factor, gradients, slots, slot_size, work.stride, call.grad_x);
  }
  if (!call.grad_y.empty()) {
    add_slots(threads, factor, gradients + n * work.stride, slots, slot_size, work.stride,
              call.grad_y);
  }
}

}  // namespace

void quad_hinge_loss(Context& context, const QuadHinge<float>& call) {
  run(context, call);
}
void quad_hinge_loss(Context& context, const QuadHinge<double>& call) {
  run(context, call);
}

}  // namespace clipk::cpu
