#include "io/arrays/zip_archive.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "clipk/core/error.hpp"
#include "io/arrays/packed_size.hpp"

namespace clipk::io {
namespace {

// Bytes of a member's two records, beside its content and its name.
constexpr zip_uint64_t kMemberBytes = 30 + 46;

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
  const int descriptor = file_.duplicate();
  int code = 0;
  zip_.reset(zip_fdopen(descriptor, 0, &code));  // closes the descriptor where it succeeds
  if (zip_ == nullptr) {
    ::close(descriptor);
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    file_.fail("a .npz file (a zip archive)", "one that cannot be opened: " + reason);
  }
  const auto file_size = static_cast<zip_uint64_t>(file_.size());
  zip_uint64_t least = 0;  // bytes that members take if they share none
  const zip_int64_t count = zip_get_num_entries(zip_.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const auto index = static_cast<zip_uint64_t>(i);
    const char* name = zip_get_name(zip_.get(), index, ZIP_FL_ENC_RAW);
    if (name == nullptr) continue;
    members_.push_back({name, index});
    zip_stat_t stat;
    zip_stat_init(&stat);
    const bool known =
        zip_stat_index(zip_.get(), index, 0, &stat) == 0 && (stat.valid & ZIP_STAT_COMP_SIZE) != 0;
    if (!known || stat.comp_size > file_size) continue;  // open() says so
    least += kMemberBytes + stat.comp_size + std::strlen(name);
    if (least > file_size) {
      file_.fail("members side by side in a file of " + std::to_string(file_size) + " bytes",
                 "members that share bytes");
    }
  }
}

std::unique_ptr<Source> ZipArchive::open(const Member& member, const std::string& name) {
  const auto fail = [&](const std::string& expected, const std::string& got) {
    throw Error(name + ": expected " + expected + ", got " + got);
  };
  zip_stat_t stat;
  zip_stat_init(&stat);
  constexpr zip_uint64_t kNeeded =
      ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  if (zip_stat_index(zip_.get(), member.index, 0, &stat) != 0 ||
      (stat.valid & kNeeded) != kNeeded) {
    fail("a sound zip member", zip_error_strerror(zip_get_error(zip_.get())));
  }
  if (stat.encryption_method != ZIP_EM_NONE) fail("a member that is not encrypted", "one that is");
  if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE) {
    fail("a member that is stored or deflated",
         "compression method " + std::to_string(stat.comp_method));
  }
  if (stat.comp_size > static_cast<zip_uint64_t>(file_.size())) {
    fail("a member within a file of " + std::to_string(file_.size()) + " bytes",
         std::to_string(stat.comp_size));
  }
  if (stat.comp_method == ZIP_CM_STORE && stat.size != stat.comp_size) {
    fail("a stored member as large as its bytes", packed_sizes(stat.size, stat.comp_size));
  }
  check_packed_size(name, stat.size, stat.comp_size);
  zip_file_t* file = zip_fopen_index(zip_.get(), member.index, 0);
  if (file == nullptr) fail("a sound zip member", zip_error_strerror(zip_get_error(zip_.get())));
  return std::make_unique<MemberSource>(name, static_cast<std::int64_t>(stat.size), file);
}

}  // namespace clipk::io
