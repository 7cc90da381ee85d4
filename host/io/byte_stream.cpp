#include "io/byte_stream.hpp"

#include <algorithm>
#include <cstring>

#include "clipk/core/error.hpp"

namespace clipk::io {
namespace {

constexpr std::size_t kBuffer = 1 << 16;

bool gzip_magic(const unsigned char* bytes, std::size_t count) {
  return count >= 2 && bytes[0] == 0x1F && bytes[1] == 0x8B;
}

}  // namespace

ByteStream::ByteStream(const std::filesystem::path& path, const char* what)
    : file_(path, what), left_(file_.size()), buffer_(kBuffer) {
  refill();
  compressed_ = gzip_magic(buffer_.data(), end_);
  constexpr int kGzipOnly = 16;
  if (compressed_ && inflateInit2(&inflate_, MAX_WBITS + kGzipOnly) != Z_OK) {
    throw Error(file_.name() + ": expected memory for zlib, got none");
  }
}

ByteStream::~ByteStream() {
  if (compressed_) inflateEnd(&inflate_);
}

// Keeps the unused bytes and fills the rest of the buffer.
void ByteStream::refill() {
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  const auto count = static_cast<std::size_t>(
      std::min<std::int64_t>(left_, static_cast<std::int64_t>(kBuffer - end_)));
  file_.read(buffer_.data() + end_, count);
  end_ += count;
  left_ -= static_cast<std::int64_t>(count);
}

// A gzip file may be several streams, one after the other.
bool ByteStream::next_member() {
  if (end_ - begin_ < 2) refill();
  if (end_ == begin_) return false;
  if (!gzip_magic(buffer_.data() + begin_, end_ - begin_)) {
    file_.fail("the end of the file after the gzip stream", "other bytes");
  }
  inflateReset(&inflate_);
  return true;
}

std::size_t ByteStream::read(void* data, std::size_t bytes) {
  auto* out = static_cast<unsigned char*>(data);
  std::size_t done = 0;
  while (done < bytes && !ended_) {
    if (begin_ == end_) refill();
    if (!compressed_) {
      const std::size_t count = std::min(bytes - done, end_ - begin_);
      if (count == 0) break;
      std::memcpy(out + done, buffer_.data() + begin_, count);
      begin_ += count;
      done += count;
      continue;
    }
    if (begin_ == end_)
      file_.fail("the rest of the gzip stream", "the end of the file (cut short)");
    const std::size_t space = std::min(bytes - done, std::size_t{1} << 30);
    inflate_.next_in = buffer_.data() + begin_;
    inflate_.avail_in = static_cast<uInt>(end_ - begin_);
    inflate_.next_out = out + done;
    inflate_.avail_out = static_cast<uInt>(space);
    const int status = ::inflate(&inflate_, Z_NO_FLUSH);
    begin_ = end_ - inflate_.avail_in;
    done += space - inflate_.avail_out;
    if (status == Z_STREAM_END) {
      ended_ = !next_member();
    } else if (status != Z_OK) {
      file_.fail("a gzip stream", inflate_.msg != nullptr ? inflate_.msg : "one that zlib refuses");
    }
  }
  return done;
}

}  // namespace clipk::io
