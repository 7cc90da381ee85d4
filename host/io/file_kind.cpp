#include "io/file_kind.hpp"

#include <algorithm>
#include <array>

#include "clipk/io/utf8.hpp"

namespace clipk::io {
namespace {

using std::string_view_literals::operator""sv;

constexpr const char* kSave = "numpy.save writes its arrays";

struct Magic {
  std::string_view bytes;
  const char* kind;
  const char* way = nullptr;  // to convert it
  bool text = false;          // a text itself
};
constexpr std::array<Magic, 30> kMagics{{
    {"\x93NUMPY"sv, "a .npy file"},
    {"PK\3\4"sv, "a zip archive (.npz, .xlsx, a PyTorch file)"},
    {"PK\5\6"sv, "an empty zip archive"},
    {"CLIPK\r\n\x1A"sv, "a model or checkpoint of clipk"},
    {"\x89HDF\r\n\x1A\n"sv, "an HDF5 file", "h5py reads it, numpy.save writes its arrays"},
    {"PAR1"sv, "a Parquet file",
     "pandas.read_parquet reads it, numpy.save or to_csv writes its columns"},
    {"ARROW1\0\0"sv, "an Arrow or Feather file",
     "pandas.read_feather reads it, numpy.save or to_csv writes its columns"},
    {"FEA1"sv, "a Feather file",
     "pandas.read_feather reads it, numpy.save or to_csv writes its columns"},
    {"\x80\2\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19"sv, "a PyTorch file",
     "torch.load reads it, numpy.save writes tensor.numpy()"},
    {"\x80\2"sv, "a Python pickle", kSave},
    {"\x80\3"sv, "a Python pickle", kSave},
    {"\x80\4"sv, "a Python pickle", kSave},
    {"\x80\5"sv, "a Python pickle", kSave},
    {"\x89PNG\r\n\x1A\n"sv, "a PNG picture", "many pictures make one array (n, height, width)"},
    {"\xFF\xD8\xFF"sv, "a JPEG picture", "many pictures make one array (n, height, width)"},
    {"GIF8"sv, "a GIF picture", "many pictures make one array (n, height, width)"},
    {"MATLAB 5.0 MAT-file"sv, "a MATLAB file",
     "scipy.io.loadmat reads it, numpy.save writes its arrays"},
    {"GGUF"sv, "a GGUF file"},
    {"SQLite format 3\0"sv, "an SQLite database"},
    {"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"sv, "an old Office document", "save the sheet as CSV"},
    {"%PDF"sv, "a PDF document"},
    {"\x1F\x8B"sv, "a gzip file", "gunzip unpacks it"},
    {"BZh"sv, "a bzip2 file", "bunzip2 unpacks it"},
    {"\xFD\x37zXZ\0"sv, "an xz file", "unxz unpacks it"},
    {"\x28\xB5\x2F\xFD"sv, "a Zstandard file", "unzstd unpacks it"},
    {"7z\xBC\xAF\x27\x1C"sv, "a 7-Zip archive", "7z x unpacks it"},
    {"version https://git-lfs"sv, "a pointer of Git LFS, not the file itself",
     "git lfs pull fetches it", true},
    {"<!doctype html"sv, "a web page", "the download failed, or needs a login", true},
    {"<html"sv, "a web page", "the download failed, or needs a login", true},
    {"<?xml"sv, "an XML file", nullptr, true},
}};

bool begins(std::string_view text, std::string_view magic) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  // Web pages may begin in either case and after blanks.
  if (magic.front() == '<') {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    text.remove_prefix(std::min(first, text.size()));
    return text.size() >= magic.size() && std::equal(magic.begin(), magic.end(), text.begin(),
                                                     [&](char a, char b) { return a == lower(b); });
  }
  return text.starts_with(magic);
}

const Magic* magic_of(std::string_view start) {
  const auto found = std::find_if(kMagics.begin(), kMagics.end(),
                                  [&](const Magic& magic) { return begins(start, magic.bytes); });
  return found == kMagics.end() ? nullptr : &*found;
}

std::string described(const Magic& magic) {
  return magic.way == nullptr ? magic.kind : std::string(magic.kind) + " (" + magic.way + ")";
}

// The last character may be cut off.
bool is_text(std::string_view text) {
  if (text.empty()) return false;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return text.size() < 4 && static_cast<unsigned char>(text[0]) >= 0xC2;
    const char c = text[0];
    if (c == 0x7F || (c >= 0 && c < ' ' && c != '\t' && c != '\n' && c != '\r')) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

std::optional<std::string> file_kind(std::string_view start) {
  constexpr std::size_t kTar = 257;
  if (start.size() > kTar && start.substr(kTar).starts_with("ustar")) {
    return "a tar archive (tar -xf unpacks it)";
  }
  if (start.starts_with("RIFF") && start.size() >= 12 && start.substr(8, 4) == "WEBP") {
    return "a WebP picture (many pictures make one array (n, height, width))";
  }
  const Magic* const magic = magic_of(start);
  if (magic == nullptr) return std::nullopt;
  return described(*magic);
}

std::optional<std::string> kind_of_text(std::string_view start) {
  const Magic* const magic = magic_of(start);
  if (magic == nullptr || !magic->text) return std::nullopt;
  return described(*magic);
}

std::string any_file_kind(std::string_view start) {
  return file_kind(start).value_or(is_text(start) ? "text" : "other bytes");
}

}  // namespace clipk::io
