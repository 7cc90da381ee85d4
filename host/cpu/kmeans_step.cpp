#include "cpu/kmeans_step.hpp"

#include <omp.h>

#include <algorithm>
#include <vector>

#include "core/parallel.hpp"
#include "cpu/detail/kmeans_labels.hpp"

namespace clipk::cpu {
namespace {

constexpr std::int64_t kMostPieces = 32;
constexpr std::int64_t kLeastPieceRows = 1024;
constexpr std::int64_t kMostPieceSums = std::int64_t{1} << 23;  // doubles a set of centres
constexpr std::int64_t kBlockValues = 96 * 1024;                // of the points: 384 KB of L2
constexpr std::int64_t kLeastBlock = 64;

std::vector<CentredSet> centred_sets(int threads, const KMeansPlan& plan, const KMeansState& state,
                                     const KMeansBounds& bounds, const KMeansScratch& scratch) {
  const std::int64_t k = state.centres.rows;
  std::vector<CentredSet> sets(static_cast<std::size_t>(state.centres.batch));
  parallel_for(threads, state.centres.batch, [&](std::int64_t s) {
    CentredSet& set = sets[static_cast<std::size_t>(s)];
    set.centres = state.centres[s];
    set.panels = scratch.panels + s * plan.panel_values;
    set.offsets = scratch.offsets + s * plan.padded;
    set.grows = scratch.grows + s * k;
    set.shrinks = scratch.shrinks + s * k;
    center(set);
    if (!bounds.upper.empty()) set_moves(set, bounds.moves.row(s));
  });
  return sets;
}

// The labels of a piece, and what changes by them.
void step_piece(const KMeansPlan& plan, std::int64_t piece, MatrixView<const float> points,
                const KMeansState& state, const KMeansBounds& bounds,
                const std::vector<CentredSet>& sets, const KMeansScratch& scratch) {
  const std::int64_t r = state.centres.batch, k = state.centres.rows, d = points.cols;
  float* values = scratch.values + omp_get_thread_num() * kPanelRows * plan.padded;
  double* sums = scratch.sums + piece * r * k * d;
  std::int64_t* counts = scratch.counts + piece * r * (k + 1);
  std::fill_n(sums, r * k * d, 0.0);
  std::fill_n(counts, r * (k + 1), 0);
  float lengths[kMostBlockRows];
  const std::int64_t end = std::min((piece + 1) * plan.piece_rows, points.rows);
  for (std::int64_t i = piece * plan.piece_rows; i < end; i += plan.block_rows) {
    const MatrixView<const float> rows = points.row_range(i, std::min(plan.block_rows, end - i));
    std::fill_n(lengths, rows.rows, -1.0F);
    for (std::int64_t s = 0; s < r; ++s) {
      const bool bounded = !bounds.upper.empty();
      assign_block(
          sets[static_cast<std::size_t>(s)],
          {rows, lengths, state.labels.row(s) + i, bounded ? bounds.upper.row(s) + i : nullptr,
           bounded ? bounds.lower.row(s) + i : nullptr},
          {sums + s * k * d, counts + s * (k + 1)}, values);
    }
  }
}

}  // namespace

KMeansPlan::KMeansPlan(std::int64_t n, std::int64_t k, std::int64_t d)
    : panel_values(padded_centres(k) * d), padded(padded_centres(k)) {
  const std::int64_t most = std::clamp<std::int64_t>(kMostPieceSums / (k * d), 1, kMostPieces);
  block_rows = std::clamp(kBlockValues / d, kLeastBlock, kMostBlockRows);
  piece_rows = std::max((n + most - 1) / most, kLeastPieceRows);
  pieces = (n + piece_rows - 1) / piece_rows;
}

void kmeans_step(int threads, const KMeansPlan& plan, MatrixView<const float> points,
                 const KMeansState& state, const KMeansBounds& bounds,
                 const KMeansScratch& scratch) {
  const std::int64_t r = state.centres.batch, k = state.centres.rows, d = points.cols;
  const std::vector<CentredSet> sets = centred_sets(threads, plan, state, bounds, scratch);
  parallel_for(threads, plan.pieces, [&](std::int64_t piece) {
    step_piece(plan, piece, points, state, bounds, sets, scratch);
  });
  parallel_for(threads, r * k, [&](std::int64_t task) {
    const std::int64_t set = task / k, c = task % k;
    double* sum = state.sums.data + task * d;
    for (std::int64_t piece = 0; piece < plan.pieces; ++piece) {
      const std::int64_t* counts = scratch.counts + (piece * r + set) * (k + 1);
      if (counts[k] == 0) continue;
      const double* part = scratch.sums + (piece * r * k + task) * d;
      for (std::int64_t j = 0; j < d; ++j) sum[j] += part[j];
      state.counts(set, c) += counts[c];
    }
    if (state.counts(set, c) == 0) std::fill_n(sum, d, 0.0);
  });
  for (std::int64_t set = 0; set < r; ++set) {
    state.changed[set] = 0;
    for (std::int64_t piece = 0; piece < plan.pieces; ++piece) {
      state.changed[set] += scratch.counts[(piece * r + set) * (k + 1) + k];
    }
  }
}

void kmeans_inertia(int threads, const KMeansPlan& plan, MatrixView<const float> points,
                    BatchView<const float> centres, MatrixView<const std::int32_t> labels,
                    double* piece_inertia, MatrixView<double> squared, VectorView<double> inertia) {
  const std::int64_t r = centres.batch;
  parallel_for(threads, plan.pieces, [&](std::int64_t piece) {
    double* sums = piece_inertia + piece * r;
    std::fill_n(sums, r, 0.0);
    const std::int64_t end = std::min((piece + 1) * plan.piece_rows, points.rows);
    for (std::int64_t i = piece * plan.piece_rows; i < end; i += plan.block_rows) {
      const MatrixView<const float> rows = points.row_range(i, std::min(plan.block_rows, end - i));
      for (std::int64_t set = 0; set < r; ++set) {
        sums[set] += block_inertia(rows, centres[set], labels.row(set) + i,
                                   squared.empty() ? nullptr : squared.row(set) + i);
      }
    }
  });
  for (std::int64_t set = 0; set < r; ++set) {
    inertia[set] = 0;
    for (std::int64_t piece = 0; piece < plan.pieces; ++piece) {
      inertia[set] += piece_inertia[piece * r + set];
    }
  }
}

}  // namespace clipk::cpu
