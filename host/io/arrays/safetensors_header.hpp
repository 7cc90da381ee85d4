#pragma once

#include <string>

#include "clipk/io/safetensors.hpp"
#include "io/input_file.hpp"

namespace clipk::io {

/// Reads and checks the header.
SafetensorsHeader read_safetensors_header(InputFile& file);

/// "F32" of float32.
const char* safetensors_type(DType dtype);

/// The place of a type in the order in which tensors are written: of these the last comes first.
int safetensors_rank(DType dtype);

}  // namespace clipk::io
