#include "clipk/io/npz.hpp"

#include <algorithm>
#include <set>
#include <string_view>

#include "clipk/core/error.hpp"
#include "io/arrays/array_source.hpp"
#include "io/arrays/elements.hpp"
#include "io/arrays/npy_header.hpp"
#include "io/arrays/zip_archive.hpp"
#include "io/tables/names.hpp"

namespace clipk {
namespace {

constexpr std::string_view kSuffix = ".npy";

struct Npz {
  explicit Npz(const std::filesystem::path& path) : archive(path) {
    std::set<std::string> seen;
    for (io::ZipArchive::Member member : archive.members()) {
      if (!member.name.ends_with(kSuffix)) {
        refuse_kin(member.name);
        continue;
      }
      member.name.resize(member.name.size() - kSuffix.size());
      if (!seen.insert(member.name).second) {
        archive.file().fail("each array once", io::printable(member.name) + " twice");
      }
      arrays.push_back(std::move(member));
    }
  }
  std::unique_ptr<io::Source> open(const io::ZipArchive::Member& member) {
    return archive.open(member, io::member_name(archive.file().name(), member.name));
  }
  std::unique_ptr<io::Source> open(const std::string& name) {
    std::vector<std::string> names;
    for (const auto& member : arrays) {
      if (member.name == name) return open(member);
      names.push_back(member.name);
    }
    archive.file().fail("an array called " + io::printable(name), io::name_list(names));
  }

  // Other kinds of files that are zip archives; each is recognised by one of its members.
  void refuse_kin(const std::string& member) const {
    constexpr const char* kArrays = "a zip archive of .npy files";
    if (member == "data.pkl" || member.ends_with("/data.pkl")) {
      archive.file().fail(kArrays,
                          "a PyTorch file (torch.load reads it, numpy.save writes "
                          "tensor.numpy())");
    }
    if (member == "xl/workbook.xml") {
      archive.file().fail(kArrays, "an Excel workbook (save the sheet as CSV)");
    }
    if (member == "model.weights.h5") archive.file().fail(kArrays, "a Keras model");
  }

  io::ZipArchive archive;
  std::vector<io::ZipArchive::Member> arrays;  // without suffix
};

// A member of an archive that it keeps open.
class ArchivedSource : public io::Source {
 public:
  ArchivedSource(const std::filesystem::path& path, const std::string& name)
      : Source(io::member_name(path.string(), name)), npz_(path), member_(npz_.open(name)) {
    size_ = member_->size();
  }
  void read(void* data, std::size_t bytes) override { member_->read(data, bytes); }
  void finish() override { member_->finish(); }

 private:
  Npz npz_;
  std::unique_ptr<io::Source> member_;
};

}  // namespace

std::vector<NpzEntry> list_npz(const std::filesystem::path& path) {
  Npz npz(path);
  std::vector<NpzEntry> entries;
  for (const auto& member : npz.arrays) {
    NpzEntry entry{.name = member.name, .header = {}, .problem = {}};
    try {
      entry.header = io::read_header(*npz.open(member));
    } catch (const Error& error) {
      entry.problem = error.what();
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

io::ArraySource io::open_npz(const std::filesystem::path& path, const std::string& name) {
  auto member = std::make_unique<ArchivedSource>(path, name);
  NpyHeader header = read_header(*member);
  return {std::move(member), std::move(header)};
}

template <class T>
NpyArray<T> read_npz(const std::filesystem::path& path, const std::string& name) {
  return io::open_npz(path, name).array<T>();
}

template <class T>
Matrix<T> read_npz_matrix(const std::filesystem::path& path, const std::string& name) {
  return io::open_npz(path, name).matrix<T>();
}

template <class T>
std::vector<T> read_npz_vector(const std::filesystem::path& path, const std::string& name) {
  return io::open_npz(path, name).vector<T>();
}

#define CLIPK_INSTANTIATE_NPZ(T)                                                           \
  template NpyArray<T> read_npz<T>(const std::filesystem::path&, const std::string&);      \
  template Matrix<T> read_npz_matrix<T>(const std::filesystem::path&, const std::string&); \
  template std::vector<T> read_npz_vector<T>(const std::filesystem::path&, const std::string&);
CLIPK_INSTANTIATE_NPZ(float)
CLIPK_INSTANTIATE_NPZ(double)
CLIPK_INSTANTIATE_NPZ(std::int32_t)
CLIPK_INSTANTIATE_NPZ(std::int64_t)
CLIPK_INSTANTIATE_NPZ(std::uint8_t)
CLIPK_INSTANTIATE_NPZ(std::uint64_t)
#undef CLIPK_INSTANTIATE_NPZ

}  // namespace clipk
