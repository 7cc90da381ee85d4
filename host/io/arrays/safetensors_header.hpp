#pragma once

#include <string>

#include "clipk/io/safetensors.hpp"
#include "io/input_file.hpp"

namespace clipk::io {

/// Reads and checks the header.
SafetensorsHeader read_safetensors_header(InputFile& file);

/// "F32" for float32.
const char* safetensors_type(DType dtype);

/// The place of a type in the order of types; tensors of the last type are written first.
int safetensors_rank(DType dtype);

}  // namespace clipk::io
