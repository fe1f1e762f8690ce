// Lines of a stream, without their line breaks, in a buffer that a SIMD parser may read past.
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "cli/import/input_stream.h"
#include "tidal/result.h"

namespace tidal::cli {

inline constexpr std::size_t kLineBytesMax = std::size_t{16} << 20;  // as much as one log frame holds
inline constexpr std::size_t kLinePadding = 64;                      // readable bytes behind every line

struct Line {
  std::string_view text;     ///< without "\n" or "\r\n"; valid until the next call; kLinePadding bytes follow it
  std::uint64_t number = 0;  ///< from 1
  bool too_long = false;     ///< above kLineBytesMax: `text` is its beginning
};

class LineReader {
 public:
  explicit LineReader(std::unique_ptr<InputStream> stream);

  /// The first bytes of the stream (up to 64 KiB), a byte order mark left out. Only before the first next().
  [[nodiscard]] Result<std::string_view> peek();
  /// False at the end.
  [[nodiscard]] Result<bool> next(Line& line);
  [[nodiscard]] double share() const { return stream_->share(); }

 private:
  [[nodiscard]] Status fill();
  [[nodiscard]] Status skip_byte_order_mark();

  std::unique_ptr<InputStream> stream_;
  std::string buffer_;       // always kLinePadding longer than what may be filled
  std::size_t begin_ = 0;    // of what is not yet handed out
  std::size_t end_ = 0;      // of what was read
  std::size_t scanned_ = 0;  // no line break in [begin_, scanned_)
  std::uint64_t number_ = 0;
  bool at_end_ = false;
  bool started_ = false;
};

}  // namespace tidal::cli
