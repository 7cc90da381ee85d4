#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace clipk::study {

/// The folder of a data set: $CLIPK_DATA/NAME where that variable is set, else data/NAME in the
/// working directory, else in the source tree. Empty where it does not exist.
std::filesystem::path data_folder(const std::string& name);

/// The files of COCO-500 (script/fetch-data gets it). Those that may be missing are empty where
/// they are; all are where the data set is not found.
struct Coco500Files {
  std::filesystem::path images = {}, texts = {};
  std::filesystem::path captions = {}, labels = {}, label_names = {};  ///< may be missing
  bool found() const { return !images.empty(); }
};
Coco500Files coco500_files();

/// A file of rows and one of their labels.
struct LabelledFiles {
  std::filesystem::path features = {}, labels = {};
};
/// Fashion-MNIST (Debian's dataset-fashion-mnist, or data/fashion-mnist).
/// @param full training and test images, else the ten thousand test images
/// @throws Error where they are not found.
std::vector<LabelledFiles> fashion_mnist_files(bool full);
/// The names of its classes.
const std::vector<std::string>& fashion_mnist_names();

}  // namespace clipk::study
