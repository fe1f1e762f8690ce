// What a person, a file or a pipe gives to read, until somebody asks to stop.
//
// The library's own streams and the file system try again after a signal: whoever waits in them for a pipe cannot be
// stopped. Threads: one at a time.
#pragma once

#include <array>
#include <streambuf>
#include <string>

#include "tidal/result.h"

namespace tidal::cli {

/// The whole of a text that the person named: a file, or what has no size and comes piece by piece (a pipe, a fifo, a
/// terminal). NotFound, PermissionDenied, IoError, ResourceExhausted; Unavailable when interrupted() before its end.
[[nodiscard]] Result<std::string> read_text(const std::string& path);

/// The bytes of a file descriptor, which stays the caller's. They end when interrupted(), too: ask it.
class InputBuffer final : public std::streambuf {
 public:
  explicit InputBuffer(int descriptor) : descriptor_(descriptor) {}

 protected:
  int_type underflow() override;

 private:
  const int descriptor_;
  std::array<char, 65536> block_{};
};

}  // namespace tidal::cli
