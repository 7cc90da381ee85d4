#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "clipk/core/device.hpp"

struct CUstream_st;  // cudaStream_t, so that this header needs no CUDA

namespace clipk {

class Arena;

/// Options of a context.
struct ContextOptions {
  std::uint64_t seed = 0;                 ///< seed of all random numbers
  Precision precision = Precision::fp32;  ///< of matrix products on CUDA
  int threads = 0;  ///< CPU threads; 0 takes all there are. Results do not depend on it.
};

/// Everything an operation needs beside its data: the device, its stream and BLAS handle, scratch
/// memory, the seed and the precision. Not thread-safe: use one context per thread.
class Context {
 public:
  /// A context on the CPU. @throws Error as limit_cpu_target of cpu_target.hpp does; so
  /// do the next two.
  static Context cpu(const ContextOptions& options = {});
  /// @throws Error where there is no usable GPU (or the library was built without CUDA).
  static Context cuda(const ContextOptions& options = {}, int ordinal = 0);
  /// A GPU where there is one, the CPU elsewhere.
  static Context best(const ContextOptions& options = {});
  /// False where the library was built without CUDA, cudaGetDeviceCount returns an error or 0, or
  /// the first GPU is older than compute capability 8.0.
  static bool cuda_available();

  /// Takes over the contents of the other context, which can then only be assigned to or destroyed.
  Context(Context&&) noexcept;
  /// Like the move constructor.
  Context& operator=(Context&&) noexcept;
  ~Context();

  Device device() const;  ///< where operations run and their arrays lie
  /// The options as given; where threads is 0, threads() returns the number that is used.
  const ContextOptions& options() const;
  std::uint64_t seed() const { return options().seed; }        ///< of the options
  Precision precision() const { return options().precision; }  ///< of the options
  int threads() const;                                         ///< as resolved: at least 1
  int multiprocessors() const;                                 ///< of the GPU; 1 on the CPU
  CUstream_st* stream() const;                                 ///< null on the CPU
  Arena& scratch();  ///< memory that operations reuse; taken through Scratch
  /// Waits until all work given to this context has ended. @throws Error if any of it failed.
  void synchronize();

 private:
  friend struct LibraryHandles;  // what operations keep in a context between calls
  struct Impl;
  explicit Context(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipk
