#include "study/labels.hpp"

#include <fmt/format.h>

#include <utility>

#include "clipk/core/error.hpp"
#include "clipk/io/array_file.hpp"
#include "clipk/io/captions.hpp"
#include "clipk/io/dataset.hpp"
#include "study/run.hpp"
#include "study/usage_error.hpp"

namespace clipk::study {

std::vector<std::int32_t> read_labels_of(const std::filesystem::path& path, std::int64_t rows,
                                         const std::string& of) {
  std::vector<std::int32_t> labels = read_labels(path);
  if (static_cast<std::int64_t>(labels.size()) != rows) {
    throw Error(fmt::format("{}: expected {} labels, one for every {}, got {}", path.string(), rows,
                            of, labels.size()));
  }
  return labels;
}

std::vector<std::string> read_label_names(const std::filesystem::path& path) {
  return path.empty() ? std::vector<std::string>{} : read_captions(path);
}

std::vector<Factor> attributes_of(Run& run, const std::filesystem::path& path,
                                  const std::vector<std::string>& label_names) {
  run.add_input("attributes", path);
  if (array_format(split_array_path(path).file)) {
    std::vector<Factor> factors;
    factors.push_back(class_factor("class", read_labels(path), label_names));
    return factors;
  }
  if (!label_names.empty()) throw UsageError("--label-names: expected labels, got a CSV file");
  Attributes read = read_attributes(path);
  for (const std::string& note : read.notes) {
    run.print(fmt::format("Note: {}: {}", path.string(), note));
  }
  return std::move(read.factors);
}

void check_rows(const std::vector<Factor>& factors, std::int64_t rows,
                const std::filesystem::path& from, const std::string& of) {
  for (const Factor& factor : factors) {
    if (factor.rows() == rows) continue;
    throw Error(fmt::format("{}: expected {} rows, one for every {}, got {}", from.string(), rows,
                            of, factor.rows()));
  }
}

}  // namespace clipk::study
