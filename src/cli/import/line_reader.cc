// One growing buffer; what was handed out is overwritten by the next read.
#include "cli/import/line_reader.h"

#include <cstring>
#include <span>
#include <utility>

namespace tidal::cli {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{1} << 20;
constexpr std::size_t kPeekBytes = std::size_t{64} << 10;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

LineReader::LineReader(std::unique_ptr<InputStream> stream) : stream_(std::move(stream)) {
  buffer_.resize(kBlockBytes + kLinePadding);
}

Status LineReader::fill() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    scanned_ -= begin_;
    begin_ = 0;
  }
  if (end_ + kLinePadding == buffer_.size()) buffer_.resize(2 * (buffer_.size() - kLinePadding) + kLinePadding);
  const std::size_t room = buffer_.size() - kLinePadding - end_;
  TIDAL_TRY_ASSIGN(const std::size_t n, stream_->read(std::span(buffer_.data() + end_, room)));
  end_ += n;
  at_end_ = n < room;
  return {};
}

Status LineReader::skip_byte_order_mark() {
  if (started_) return {};
  started_ = true;
  TIDAL_TRY(fill());
  if (std::string_view(buffer_).substr(0, end_).substr(0, 3) == kByteOrderMark) begin_ = scanned_ = 3;
  return {};
}

Result<std::string_view> LineReader::peek() {
  TIDAL_TRY(skip_byte_order_mark());
  return std::string_view(buffer_).substr(begin_, std::min(end_ - begin_, kPeekBytes));
}

Result<bool> LineReader::next(Line& line) {
  TIDAL_TRY(skip_byte_order_mark());
  bool too_long = false;
  while (true) {
    const void* found = std::memchr(buffer_.data() + scanned_, '\n', end_ - scanned_);
    std::size_t stop = end_;
    if (found != nullptr) {
      stop = static_cast<std::size_t>(static_cast<const char*>(found) - buffer_.data());
    } else if (!at_end_) {
      scanned_ = end_;
      if (end_ - begin_ > kLineBytesMax) {
        too_long = true;  // keep the beginning, drop what follows up to the line break
        end_ = scanned_ = begin_ + kPeekBytes;
      }
      TIDAL_TRY(fill());
      continue;
    } else if (begin_ == end_) {
      return false;
    }
    std::string_view text = std::string_view(buffer_).substr(begin_, stop - begin_);
    if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
    line = {.text = text, .number = ++number_, .too_long = too_long || text.size() > kLineBytesMax};
    begin_ = scanned_ = found != nullptr ? stop + 1 : stop;
    return true;
  }
}

}  // namespace tidal::cli
