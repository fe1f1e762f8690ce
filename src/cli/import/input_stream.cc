// The only place that knows zlib and zstd on the reading side of an import.
#include "cli/import/input_stream.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

namespace tidal::cli {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{256} << 10;
constexpr std::string_view kGzipMagic = "\x1f\x8b";
constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd";

/// The file's own bytes, front to back.
class RawInput final : public InputStream {
 public:
  RawInput(std::unique_ptr<base::File> file, std::uint64_t size) : file_(std::move(file)), size_(size) {}

  Result<std::size_t> read(std::span<char> out) override {
    std::size_t filled = 0;
    while (filled < out.size()) {
      TIDAL_TRY_ASSIGN(const std::size_t n, file_->read_at(at_, std::as_writable_bytes(out.subspan(filled))));
      if (n == 0) break;
      filled += n;
      at_ += n;
    }
    return filled;
  }
  double share() const override {
    return size_ == 0 ? 1.0 : std::min(1.0, static_cast<double>(at_) / static_cast<double>(size_));
  }

 private:
  std::unique_ptr<base::File> file_;
  std::uint64_t size_;
  std::uint64_t at_ = 0;
};

/// What both decompressors need: a block of compressed bytes that is refilled when used up.
class Compressed {
 public:
  explicit Compressed(std::unique_ptr<RawInput> raw) : raw_(std::move(raw)), block_(kBlockBytes) {}

  /// The bytes not yet taken; empty only at the end of the file.
  Result<std::span<char>> pending() {
    if (pending_.empty()) {
      TIDAL_TRY_ASSIGN(const std::size_t n, raw_->read(block_));
      pending_ = std::span(block_).first(n);
    }
    return pending_;
  }
  void take(std::size_t n) { pending_ = pending_.subspan(n); }
  double share() const { return raw_->share(); }

 private:
  std::unique_ptr<RawInput> raw_;
  std::vector<char> block_;
  std::span<char> pending_;
};

class GzipInput final : public InputStream {
 public:
  GzipInput(std::unique_ptr<RawInput> raw, std::string path) : source_(std::move(raw)), path_(std::move(path)) {
    ready_ = inflateInit2(&stream_, 15 + 16) == Z_OK;  // 15: the largest window, 16: gzip framing
  }
  ~GzipInput() override { inflateEnd(&stream_); }
  GzipInput(const GzipInput&) = delete;
  GzipInput& operator=(const GzipInput&) = delete;

  Result<std::size_t> read(std::span<char> out) override {
    if (!ready_) return Error(Code::ResourceExhausted, "no memory to decompress " + path_);
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    while (stream_.avail_out > 0) {
      TIDAL_TRY_ASSIGN(const std::span<char> in, source_.pending());
      if (in.empty()) {
        if (!at_member_end_) return Error(Code::Corruption, "gzip data ends early: " + path_);
        break;
      }
      if (at_member_end_) inflateReset(&stream_);
      stream_.next_in = reinterpret_cast<Bytef*>(in.data());
      stream_.avail_in = static_cast<uInt>(in.size());
      const int code = inflate(&stream_, Z_NO_FLUSH);
      source_.take(in.size() - stream_.avail_in);
      at_member_end_ = code == Z_STREAM_END;
      if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
        return Error(Code::Corruption, "damaged gzip data: " + path_);
      }
    }
    return out.size() - stream_.avail_out;
  }
  double share() const override { return source_.share(); }

 private:
  Compressed source_;
  std::string path_;
  z_stream stream_{};
  bool ready_ = false;
  bool at_member_end_ = false;
};

class ZstdInput final : public InputStream {
 public:
  ZstdInput(std::unique_ptr<RawInput> raw, std::string path)
      : source_(std::move(raw)), path_(std::move(path)), context_(ZSTD_createDCtx()) {}
  ~ZstdInput() override { ZSTD_freeDCtx(context_); }
  ZstdInput(const ZstdInput&) = delete;
  ZstdInput& operator=(const ZstdInput&) = delete;

  Result<std::size_t> read(std::span<char> out) override {
    if (context_ == nullptr) return Error(Code::ResourceExhausted, "no memory to decompress " + path_);
    ZSTD_outBuffer target{out.data(), out.size(), 0};
    while (target.pos < target.size) {
      TIDAL_TRY_ASSIGN(const std::span<char> in, source_.pending());
      if (in.empty() && frame_done_) break;
      ZSTD_inBuffer from{in.data(), in.size(), 0};
      const std::size_t before = target.pos;
      const std::size_t hint = ZSTD_decompressStream(context_, &target, &from);
      if (ZSTD_isError(hint) != 0) {
        return Error(Code::Corruption, "damaged zstd data: " + path_ + ": " + ZSTD_getErrorName(hint));
      }
      source_.take(from.pos);
      frame_done_ = hint == 0;
      if (in.empty() && target.pos == before) return Error(Code::Corruption, "zstd data ends early: " + path_);
    }
    return target.pos;
  }
  double share() const override { return source_.share(); }

 private:
  Compressed source_;
  std::string path_;
  ZSTD_DCtx* context_;
  bool frame_done_ = true;
};

}  // namespace

Result<std::unique_ptr<InputStream>> open_input(base::FileSystem& fs, const std::string& path) {
  if (fs.is_directory(path)) return Error(Code::InvalidArgument, "expected a file, got a directory: " + path);
  TIDAL_TRY_ASSIGN(std::unique_ptr<base::File> file, fs.open(path, base::OpenMode::Read));
  TIDAL_TRY_ASSIGN(const std::uint64_t size, file->size());
  std::array<char, 4> magic{};
  TIDAL_TRY_ASSIGN(const std::size_t n, file->read_at(0, std::as_writable_bytes(std::span(magic))));
  const std::string_view head(magic.data(), n);
  auto raw = std::make_unique<RawInput>(std::move(file), size);
  if (head.substr(0, 2) == kGzipMagic) return {std::make_unique<GzipInput>(std::move(raw), path)};
  if (head == kZstdMagic) return {std::make_unique<ZstdInput>(std::move(raw), path)};
  return {std::unique_ptr<InputStream>(std::move(raw))};
}

}  // namespace tidal::cli
