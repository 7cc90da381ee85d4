#pragma once

/// Before a function that nvcc compiles for the GPU as well.
#ifdef __CUDACC__
#define CLIPK_HOST_DEVICE __host__ __device__
#else
#define CLIPK_HOST_DEVICE
#endif
