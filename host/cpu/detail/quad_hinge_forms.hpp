#pragma once

#include "clipk/core/memory.hpp"
#include "cpu/quad_hinge_loss.hpp"

// The two forms behind quad_hinge_loss on the CPU.
namespace clipk::cpu {

/// Rows read where they lie. Scratch: up to 16 gradients.
void quad_gather(int threads, Scratch& scratch, const QuadHinge<float>& call);
void quad_gather(int threads, Scratch& scratch, const QuadHinge<double>& call);

/// All distances by a product, gradients by two more. Scratch: two n x m matrices, a third where
/// the target is made from rows.
void quad_dense(int threads, Scratch& scratch, const QuadHinge<float>& call);
void quad_dense(int threads, Scratch& scratch, const QuadHinge<double>& call);

/// The codes and gradients of x, then (unless within one set) of y, in rows that begin on a cache
/// line and are padded with zeros to whole ones.
template <class T>
struct GatherRows {
  const T* codes;
  T* gradient;
  std::int64_t stride;
};
/// A piece of the quadruples, taken in order by one thread: queries, or numbers.
struct QuadRange {
  std::int64_t first;
  std::int64_t count;
};

}  // namespace clipk::cpu
