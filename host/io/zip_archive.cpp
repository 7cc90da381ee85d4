#include "io/zip_archive.hpp"

#include <algorithm>
#include <limits>

#include "clipk/core/error.hpp"

namespace clipk::io {
namespace {

// Deflate packs 258 bytes into 2 bits at best.
constexpr std::uint64_t kMostDeflate = 1032;
// What no data of use does: in a small member it does no harm.
constexpr std::uint64_t kMostRatio = 200;
constexpr std::uint64_t kSmall = std::uint64_t{64} << 20;

class MemberSource : public Source {
 public:
  MemberSource(std::string name, std::int64_t size, zip_file_t* file)
      : Source(std::move(name), size), file_(file) {}
  ~MemberSource() override { zip_fclose(file_); }

  void read(void* data, std::size_t bytes) override {
    auto* next = static_cast<char*>(data);
    while (bytes > 0) {
      const std::size_t got = some(next, bytes);
      if (got == 0)
        fail(std::to_string(bytes) + " more bytes", "the end of the member (cut short)");
      next += got;
      bytes -= got;
    }
  }
  void finish() override {
    char extra = 0;
    if (some(&extra, 1) != 0) {
      fail("a member of " + std::to_string(size()) + " bytes", "more (too long)");
    }
  }

 private:
  std::size_t some(char* data, std::size_t bytes) {
    const zip_int64_t got = zip_fread(file_, data, std::min(bytes, std::size_t{1} << 30));
    if (got < 0) fail("a sound zip member", zip_error_strerror(zip_file_get_error(file_)));
    return static_cast<std::size_t>(got);
  }

  zip_file_t* file_;
};

}  // namespace

ZipArchive::ZipArchive(const std::filesystem::path& path) : file_(path, "a .npz file") {
  int code = 0;
  zip_ = zip_fdopen(file_.descriptor(), 0, &code);
  if (zip_ == nullptr) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    file_.fail("a .npz file (a zip archive)", "one that cannot be opened: " + reason);
  }
  const zip_int64_t count = zip_get_num_entries(zip_, 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const auto index = static_cast<zip_uint64_t>(i);
    const char* name = zip_get_name(zip_, index, ZIP_FL_ENC_RAW);
    if (name != nullptr) members_.push_back({name, index});
  }
}

ZipArchive::~ZipArchive() {
  if (zip_ != nullptr) zip_discard(zip_);
}

std::unique_ptr<Source> ZipArchive::open(const Member& member, const std::string& name) {
  const auto fail = [&](const std::string& expected, const std::string& got) {
    throw Error(name + ": expected " + expected + ", got " + got);
  };
  zip_stat_t stat;
  zip_stat_init(&stat);
  constexpr zip_uint64_t kNeeded =
      ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  if (zip_stat_index(zip_, member.index, 0, &stat) != 0 || (stat.valid & kNeeded) != kNeeded) {
    fail("a sound zip member", zip_error_strerror(zip_get_error(zip_)));
  }
  if (stat.encryption_method != ZIP_EM_NONE) fail("a member that is not encrypted", "one that is");
  if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE) {
    fail("a member that is stored or deflated",
         "compression method " + std::to_string(stat.comp_method));
  }
  const auto sizes = [&] {
    return std::to_string(stat.size) + " bytes from " + std::to_string(stat.comp_size);
  };
  if (stat.comp_size > static_cast<zip_uint64_t>(file_.size())) {
    fail("a member within a file of " + std::to_string(file_.size()) + " bytes",
         std::to_string(stat.comp_size));
  }
  if (stat.comp_method == ZIP_CM_STORE && stat.size != stat.comp_size) {
    fail("a stored member as large as its bytes", sizes());
  }
  // A product cannot overflow: the packed size is within the file.
  if (stat.size > kMostDeflate * (stat.comp_size + 1)) {
    fail("a size that deflate can reach, " + std::to_string(kMostDeflate) + " times its bytes",
         sizes());
  }
  if (stat.size > kSmall && stat.size / kMostRatio > stat.comp_size) {
    fail("at most " + std::to_string(kMostRatio) + " bytes for every packed one (no zip bomb)",
         sizes());
  }
  zip_file_t* file = zip_fopen_index(zip_, member.index, 0);
  if (file == nullptr) fail("a sound zip member", zip_error_strerror(zip_get_error(zip_)));
  return std::make_unique<MemberSource>(name, static_cast<std::int64_t>(stat.size), file);
}

}  // namespace clipk::io
