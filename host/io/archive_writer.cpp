#include "clipk/core/error.hpp"
#include "clipk/io/archive.hpp"
#include "clipk/io/atomic_file.hpp"
#include "clipk/io/sha256.hpp"
#include "io/archive_format.hpp"

namespace clipk {
namespace {

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

void put_text(std::string& out, std::string_view text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  out.append(text);
}

}  // namespace

ArchiveWriter::ArchiveWriter(std::string_view kind, std::uint32_t version) {
  head_ = io::kMagic;
  put(head_, io::kContainer);
  put_text(head_, kind);
  put(head_, version);
}

void ArchiveWriter::entry(std::string_view name, std::uint8_t type, std::uint8_t rank,
                          std::int64_t rows, std::int64_t cols) {
  if (!names_.emplace(name).second) {
    throw Error("expected each name of an archive once, got '" + std::string(name) + "' twice");
  }
  put_text(entries_, name);
  put(entries_, type);
  put(entries_, rank);
  put(entries_, static_cast<std::uint64_t>(rows));
  put(entries_, static_cast<std::uint64_t>(cols));
}

template <class T>
void ArchiveWriter::add(std::string_view name, std::type_identity_t<MatrixView<const T>> matrix) {
  if (!matrix.empty() && matrix.device != Device::cpu) {
    throw Error("expected archive entry '" + std::string(name) + "' on cpu, got " +
                to_string(matrix.device));
  }
  entry(name, io::type_of<T>(), 2, matrix.rows, matrix.cols);
  if (matrix.empty()) return;
  for (std::int64_t i = 0; i < matrix.rows; ++i) {
    entries_.append(reinterpret_cast<const char*>(matrix.row(i)),
                    static_cast<std::size_t>(matrix.cols) * sizeof(T));
  }
}

template <class T>
void ArchiveWriter::add(std::string_view name, const std::vector<T>& vector) {
  entry(name, io::type_of<T>(), 1, static_cast<std::int64_t>(vector.size()), 1);
  entries_.append(reinterpret_cast<const char*>(vector.data()), vector.size() * sizeof(T));
}

template <class T>
requires ArchiveNumber<T>
void ArchiveWriter::add(std::string_view name, T value) {
  entry(name, io::type_of<T>(), 0, 1, 1);
  put(entries_, value);
}

void ArchiveWriter::add(std::string_view name, std::string_view text) {
  entry(name, io::kText, 0, static_cast<std::int64_t>(text.size()), 1);
  entries_.append(text);
}

void ArchiveWriter::write(const std::filesystem::path& path) const {
  std::string count;
  put(count, static_cast<std::uint32_t>(names_.size()));
  Sha256 sha;
  AtomicFile file(path);
  for (const std::string_view part :
       {std::string_view(head_), std::string_view(count), std::string_view(entries_)}) {
    sha.update(part.data(), part.size());
    file.write(part);
  }
  const Sha256::Digest digest = sha.digest();
  file.write(digest.data(), digest.size());
  file.commit();
}

#define CLIPK_INSTANTIATE_ARCHIVE(T)                                              \
  template void ArchiveWriter::add<T>(std::string_view,                           \
                                      std::type_identity_t<MatrixView<const T>>); \
  template void ArchiveWriter::add<T>(std::string_view, const std::vector<T>&);   \
  template void ArchiveWriter::add<T>(std::string_view, T);
CLIPK_INSTANTIATE_ARCHIVE(float)
CLIPK_INSTANTIATE_ARCHIVE(double)
CLIPK_INSTANTIATE_ARCHIVE(std::int32_t)
CLIPK_INSTANTIATE_ARCHIVE(std::int64_t)
CLIPK_INSTANTIATE_ARCHIVE(std::uint8_t)
CLIPK_INSTANTIATE_ARCHIVE(std::uint64_t)
#undef CLIPK_INSTANTIATE_ARCHIVE

}  // namespace clipk
