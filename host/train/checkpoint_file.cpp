#include "train/checkpoint_file.hpp"

#include <system_error>

#include "clipk/core/matrix.hpp"

namespace clipk::train {
namespace {

constexpr std::uint32_t kVersion = 1;  // for all kinds

}  // namespace

void CheckpointFile::write(const std::string& fingerprint,
                           const std::function<void(ArchiveWriter&)>& add) const {
  ArchiveWriter archive(kind_, kVersion);
  archive.add("fingerprint", fingerprint);
  add(archive);
  archive.write(path_);
}

std::optional<ArchiveReader> CheckpointFile::read(const std::string& fingerprint) const {
  if (!wanted()) return std::nullopt;
  std::error_code error;  // the reader reports a file that cannot be accessed
  if (!std::filesystem::exists(path_, error) && !error) return std::nullopt;
  ArchiveReader archive(path_, kind_, kVersion);
  archive.expect_fingerprint(fingerprint);
  return archive;
}

void add_array(Context& context, ArchiveWriter& archive, const char* name,
               MatrixView<const float> array) {
  if (array.empty()) return;
  Matrix<float> host(array.rows, array.cols);
  copy<float>(context, array, host.view());
  archive.add(name, host);
}

void read_array(Context& context, const ArchiveReader& archive, const char* name,
                MatrixView<float> array) {
  if (array.empty()) return;
  Matrix<float> host(array.rows, array.cols);
  archive.read(name, host.view());
  copy<float>(context, host, array);
}

}  // namespace clipk::train
