#include "study/data_sets.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <system_error>

#include "clipk/core/error.hpp"

namespace clipk::study {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kFashionClasses{"T-shirt/top", "Trouser",   "Pullover", "Dress",
                                               "Coat",        "Sandal",    "Shirt",    "Sneaker",
                                               "Bag",         "Ankle boot"};
constexpr const char* kFashionPackage = "/usr/share/datasets/fashion-mnist";

}  // namespace

std::filesystem::path data_folder(const std::string& name) {
  const char* chosen = std::getenv("CLIPK_DATA");
  std::vector<std::filesystem::path> roots;
  if (chosen != nullptr && *chosen != '\0') {
    roots = {chosen};
  } else {
    roots = {"data", std::filesystem::path(CLIPK_SOURCE_DIR) / "data"};
  }
  for (const auto& root : roots) {
    std::error_code error;
    if (std::filesystem::is_directory(root / name, error)) return root / name;
  }
  return {};
}

Coco500Files coco500_files() {
  const fs::path folder = data_folder("coco500");
  if (folder.empty()) return {};
  const auto beside = [&](const char* name) {
    return fs::exists(folder / name) ? folder / name : fs::path();
  };
  return {.images = folder / "image_embeddings.npy",
          .texts = folder / "text_embeddings.npy",
          .captions = beside("captions.txt"),
          .labels = beside("theme_labels.npy"),
          .label_names = beside("theme_names.txt")};
}

std::vector<LabelledFiles> fashion_mnist_files(bool full) {
  fs::path folder = data_folder("fashion-mnist");
  if (folder.empty()) folder = kFashionPackage;
  std::vector<LabelledFiles> parts;
  for (const char* set : {"train", "t10k"}) {
    if (!full && set[0] == 't' && set[1] == 'r') continue;
    const fs::path features = folder / fmt::format("{}-images-idx3-ubyte.gz", set);
    if (std::error_code error; !fs::exists(features, error)) {
      throw Error(
          fmt::format("expected Fashion-MNIST as {} (Debian: dataset-fashion-mnist), or "
                      "--features, got neither",
                      features.string()));
    }
    parts.push_back({features, folder / fmt::format("{}-labels-idx1-ubyte.gz", set)});
  }
  return parts;
}

const std::vector<std::string>& fashion_mnist_names() {
  return kFashionClasses;
}

}  // namespace clipk::study
