// The device side of the harness: everything that nvcc has built in and kernels use. Reads the real
// CUDA headers first, so that float4, dim3 and cudaStream_t are the real ones.
#pragma once

#include <cuda_runtime.h>
#include <device_launch_parameters.h>  // declares threadIdx and the like: before our macros

#undef __shared__
#undef __device__
#undef __global__
#undef __host__
#undef __constant__
#undef __launch_bounds__
#undef __forceinline__
#undef __noinline__  // stays so: libstdc++ spells an attribute like this
#define __device__
#define __global__
#define __host__
#define __constant__ static
#define __launch_bounds__(...)
#define __forceinline__ inline __attribute__((always_inline))

#include "simt/runtime/device_atomic.hpp"
#include "simt/runtime/device_math.hpp"
#include "simt/runtime/device_tensor.hpp"
#include "simt/runtime/device_warp.hpp"
#include "simt/runtime/kernel_api.hpp"

#define threadIdx (::clipk::simt::g_thread_idx)
#define blockIdx (::clipk::simt::g_block_idx)
#define blockDim (::clipk::simt::g_block_dim)
#define gridDim (::clipk::simt::g_grid_dim)
inline constexpr int warpSize = 32;
