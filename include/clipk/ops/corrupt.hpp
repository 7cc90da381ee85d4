#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// How a value is changed.
enum class Corruption : std::uint8_t {
  dropout,  ///< a value becomes 0 with probability `amount`, and is divided by 1 - amount otherwise
  gaussian,  ///< a normal number of standard deviation `amount` is added
};

/// How a batch is corrupted.
struct CorruptOptions {
  Corruption kind = Corruption::dropout;  ///< dropout or noise
  float amount = 0.2F;                    ///< of dropout in [0, 1), of gaussian at least 0
  std::uint32_t site = 0;  ///< distinguishes the places of a step: each draws its own numbers
};

/// Corrupts a batch: out = corrupted x. The random numbers depend only on the context's seed, the
/// step, the site and the element's place, so they are not stored: the backward pass draws them
/// again. Element (i, j) takes word j % 4 of the block random_block(seed, RandomStream::corruption,
/// low word of step, site << 32 | i ceil(d / 4) + j / 4):
/// - dropout: kept where the word's upper 24 bits are at least round(amount 2^24); the same on both
///   devices to the bit;
/// - gaussian: words 0 and 1 give elements 0 and 1 of the four by the Box-Muller transform, words 2
///   and 3 the others; the same on both devices to rounding.
///
/// @param x [n, d]  @param step [1] on the device, so that a captured graph can be replayed
/// @param[out] out [n, d]; may be x itself
/// @throws Error if a shape, a device or the amount does not fit. Deterministic: yes. Scratch:
/// none. Source: Srivastava et al., JMLR 2014; Vincent et al., JMLR 2010.
void corrupt(Context& context, MatrixView<const float> x, const CorruptOptions& options,
             VectorView<const std::uint64_t> step, MatrixView<float> out);
void corrupt(Context& context, MatrixView<const double> x, const CorruptOptions& options,
             VectorView<const std::uint64_t> step, MatrixView<double> out);

/// The gradient with respect to x, with the random numbers of the same step and site.
///
/// @param grad_out [n, d]  @param[out] grad_x [n, d], overwritten; may be grad_out itself
/// @throws Error as corrupt does. Deterministic: yes. Scratch: none.
void corrupt_backward(Context& context, MatrixView<const float> grad_out,
                      const CorruptOptions& options, VectorView<const std::uint64_t> step,
                      MatrixView<float> grad_x);
void corrupt_backward(Context& context, MatrixView<const double> grad_out,
                      const CorruptOptions& options, VectorView<const std::uint64_t> step,
                      MatrixView<double> grad_x);

}  // namespace clipk
