#pragma once

#include <cuda_runtime_api.h>

namespace clipk {

/// Throws Error with the name and the text of a CUDA error.
void check_cuda(cudaError_t status, const char* what);

}  // namespace clipk
