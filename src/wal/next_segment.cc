// Preparing, adopting and handing over the next segment's file.
#include "wal/next_segment.h"

#include <utility>

#include "base/background_thread.h"
#include "wal/segment.h"

namespace tidal::wal {
namespace {

/// Whole and without a header.
Result<bool> is_usable(const base::File& file, std::uint64_t bytes) {
  TIDAL_TRY_ASSIGN(const std::uint64_t size, file.size());
  if (size != bytes) return false;
  std::string page(kPageBytes, '\0');
  TIDAL_TRY_ASSIGN(const std::size_t n, file.read_at(0, std::as_writable_bytes(std::span(page))));
  return n == page.size() && page.find_first_not_of('\0') == std::string::npos;
}

}  // namespace

NextSegment::NextSegment(base::FileSystem& fs, const std::string& dir, std::uint64_t bytes)
    : fs_(fs), path_(dir + "/next.wal.ready"), unfinished_path_(dir + "/next.wal.tmp"), bytes_(bytes) {}

NextSegment::~NextSegment() {
  if (thread_.joinable()) thread_.join();
}

Status NextSegment::adopt() {
  if (!fs_.exists(path_)) return {};
  {
    TIDAL_TRY_ASSIGN(std::unique_ptr<base::File> file, fs_.open(path_, base::OpenMode::ReadWrite));
    TIDAL_TRY_ASSIGN(const bool usable, is_usable(*file, bytes_));
    if (usable) {
      file_ = std::move(file);
      return {};
    }
  }
  return fs_.remove(path_);
}

void NextSegment::want() {
  if (thread_.joinable() || file_ != nullptr) return;
  Result<std::thread> thread = base::start_background_thread("tidal-segment", [this] { static_cast<void>(prepare()); });
  if (thread.ok()) thread_ = std::move(thread).value();
}

Status NextSegment::prepare() {
  if (file_ != nullptr) return {};
  TIDAL_TRY_ASSIGN(std::unique_ptr<base::File> file, create_zeros(fs_, unfinished_path_, bytes_));
  if (Status renamed = fs_.rename(unfinished_path_, path_); !renamed.ok()) {
    static_cast<void>(fs_.remove(unfinished_path_));  // best effort: the first error is the one to report
    return renamed;
  }
  file_ = std::move(file);
  return {};
}

std::unique_ptr<base::File> NextSegment::take(std::uint64_t bytes) {
  if (thread_.joinable()) thread_.join();
  if (bytes != bytes_) return nullptr;
  return std::move(file_);
}

}  // namespace tidal::wal
