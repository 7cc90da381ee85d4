#pragma once

#include <filesystem>

#include "clipk/core/matrix.hpp"
#include "clipk/core/modality.hpp"

namespace clipk::study {

/// Vectors of one modality (read_embeddings), each divided by its length.
/// @throws Error also where one is not finite or has length 0.
Matrix<float> read_unit_vectors(const std::filesystem::path& path, Modality modality);

/// The same beside other vectors.
/// @param as where those are from  @throws Error also where the dimensions differ.
Matrix<float> read_unit_vectors(const std::filesystem::path& path, Modality modality,
                                std::int64_t dim, const std::filesystem::path& as);

}  // namespace clipk::study
