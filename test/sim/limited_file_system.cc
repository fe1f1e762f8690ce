// Counting descriptors and refusing.
#include "test/sim/limited_file_system.h"

#include <utility>

namespace tidal::sim {

class LimitedFileSystem::LimitedFile final : public base::File {
 public:
  LimitedFile(LimitedFileSystem& fs, std::string path, std::unique_ptr<base::File> below)
      : fs_(fs), path_(std::move(path)), below_(std::move(below)) {
    fs_.open_.fetch_add(1, std::memory_order_relaxed);
  }
  ~LimitedFile() override { fs_.open_.fetch_sub(1, std::memory_order_relaxed); }

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    return below_->read_at(offset, out);
  }
  Status write_at(std::uint64_t offset, base::Bytes data) override {
    TIDAL_TRY(fs_.check_writable(path_));
    return below_->write_at(offset, data);
  }
  Status reserve(std::uint64_t bytes) override {
    TIDAL_TRY(fs_.check_writable(path_));
    return below_->reserve(bytes);
  }
  Status sync() override {
    TIDAL_TRY(fs_.check_writable(path_));
    return below_->sync();
  }
  Result<std::uint64_t> size() const override { return below_->size(); }
  Status truncate(std::uint64_t size) override {
    TIDAL_TRY(fs_.check_writable(path_));
    return below_->truncate(size);
  }

 private:
  LimitedFileSystem& fs_;
  const std::string path_;
  const std::unique_ptr<base::File> below_;
};

Status LimitedFileSystem::check_descriptor(const std::string& path) const {
  if (open_now() < open_max_) return {};
  refused_.fetch_add(1, std::memory_order_relaxed);
  return Error(Code::ResourceExhausted, "open " + path + ": too many open files");
}

Status LimitedFileSystem::check_writable(const std::string& path) const {
  if (!read_only_) return {};
  refused_.fetch_add(1, std::memory_order_relaxed);
  return Error(Code::PermissionDenied, "change " + path + ": read-only file system");
}

Result<std::unique_ptr<base::File>> LimitedFileSystem::open(const std::string& path, base::OpenMode mode) {
  TIDAL_TRY(check_descriptor(path));
  if (mode != base::OpenMode::Read) TIDAL_TRY(check_writable(path));
  TIDAL_TRY_ASSIGN(std::unique_ptr<base::File> file, below_.open(path, mode));
  return std::unique_ptr<base::File>(std::make_unique<LimitedFile>(*this, path, std::move(file)));
}

Status LimitedFileSystem::create_directories(const std::string& path) {
  if (!below_.is_directory(path)) TIDAL_TRY(check_writable(path));
  return below_.create_directories(path);
}

Status LimitedFileSystem::sync_directory(const std::string& path) {
  TIDAL_TRY(check_descriptor(path));
  TIDAL_TRY(check_writable(path));
  return below_.sync_directory(path);
}

Result<std::vector<std::string>> LimitedFileSystem::list(const std::string& path) const {
  TIDAL_TRY(check_descriptor(path));
  return below_.list(path);
}

Status LimitedFileSystem::rename(const std::string& from, const std::string& to) {
  TIDAL_TRY(check_writable(to));
  return below_.rename(from, to);
}

Status LimitedFileSystem::remove(const std::string& path) {
  TIDAL_TRY(check_writable(path));
  return below_.remove(path);
}

Status LimitedFileSystem::remove_all(const std::string& path) {
  if (below_.exists(path)) {
    if (below_.is_directory(path)) TIDAL_TRY(check_descriptor(path));
    TIDAL_TRY(check_writable(path));
  }
  return below_.remove_all(path);
}

/// A lock that is held is not counted: it was there before the limit was.
Result<std::unique_ptr<base::FileLock>> LimitedFileSystem::lock(const std::string& path) {
  TIDAL_TRY(check_descriptor(path));
  TIDAL_TRY(check_writable(path));
  return below_.lock(path);
}

}  // namespace tidal::sim
