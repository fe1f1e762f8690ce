// Collecting and writing rejects.
#include "cli/import/rejects.h"

#include <utility>

namespace tidal::cli {
namespace {
constexpr std::size_t kHeldBytesMax = std::size_t{64} << 10;
}

Rejects::Rejects(base::FileSystem& fs, std::string path, std::uint64_t most)
    : fs_(fs), path_(std::move(path)), most_(most) {
  if (fs_.exists(path_)) static_cast<void>(fs_.remove(path_));  // if it cannot go, it cannot be written either
}

Status Rejects::add(std::uint64_t line, std::string_view reason) {
  base::MutexLock lock(mutex_);
  ++count_;
  const std::string number = std::to_string(line);
  if (first_.empty()) first_ = "line " + number + ": " + std::string(reason);
  if (count_ > most_) {
    write_out();
    return Error(Code::InvalidArgument,
                 "more than " + std::to_string(most_) + " bad lines (--max-rejects); the first: " + first_);
  }
  held_.append(number).append("\t").append(reason).append("\n");
  if (held_.size() > kHeldBytesMax) write_out();
  return {};
}

void Rejects::write_out() {
  if (held_.empty() || unwritable_) return;
  if (file_ == nullptr) {
    Result<std::unique_ptr<base::File>> file = fs_.open(path_, base::OpenMode::Create);
    if (!file.ok()) {
      unwritable_ = true;
      return;
    }
    file_ = *std::move(file);
  }
  unwritable_ = !file_->write_at(written_bytes_, base::as_bytes(held_)).ok();
  written_bytes_ += held_.size();
  held_.clear();
}

void Rejects::flush() {
  base::MutexLock lock(mutex_);
  write_out();
}

std::uint64_t Rejects::count() const {
  base::MutexLock lock(mutex_);
  return count_;
}

std::string Rejects::first() const {
  base::MutexLock lock(mutex_);
  return first_;
}

std::string Rejects::path() const {
  base::MutexLock lock(mutex_);
  return count_ == 0 || unwritable_ ? "" : path_;
}

}  // namespace tidal::cli
