// Reading that waits in one place only, where a signal ends it.
#include "cli/input.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <span>

#include "base/system_error.h"
#include "cli/interrupt.h"

namespace tidal::cli {
namespace {

/// The next bytes; 0 at the end and when interrupted. -1 with errno.
ssize_t read_some(int descriptor, std::span<char> out) {
  while (wait_for_input(descriptor)) {
    const ssize_t n = ::read(descriptor, out.data(), out.size());
    if (n >= 0 || (errno != EINTR && errno != EAGAIN)) return n;
  }
  return interrupted() ? 0 : -1;
}

/// Closes a file descriptor in the end.
class Opened {
 public:
  explicit Opened(int descriptor) : descriptor_(descriptor) {}
  ~Opened() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  const int descriptor_;
};

}  // namespace

Result<std::string> read_text(const std::string& path) {
  // O_NONBLOCK: the opening of a fifo would wait for its writer, and no signal would end that.
  const Opened file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (file.get() < 0) return base::error_of_errno(errno, "open", path);
  std::string text;
  std::array<char, 65536> block{};
  while (true) {
    const ssize_t n = read_some(file.get(), block);
    if (n < 0) return base::error_of_errno(errno, "read", path);
    if (interrupted()) return Error(Code::Unavailable, "interrupted while reading " + path);
    if (n == 0) return text;
    text.append(block.data(), static_cast<std::size_t>(n));
  }
}

InputBuffer::int_type InputBuffer::underflow() {
  const ssize_t n = read_some(descriptor_, block_);
  if (n <= 0) return traits_type::eof();
  setg(block_.data(), block_.data(), block_.data() + n);
  return traits_type::to_int_type(block_.front());
}

}  // namespace tidal::cli
