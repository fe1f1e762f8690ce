// Files of a process that may hold only so many of them open, on a disk that may turn read-only.
//
// As Linux tells it: ResourceExhausted for a descriptor too many (EMFILE), PermissionDenied for every change of a
// read-only file system (EROFS). Listing and syncing a directory need a descriptor for a moment.
// Threads: thread-safe where the file system below is; the limits are set while nobody is inside.
#pragma once

#include <atomic>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"

namespace tidal::sim {

class LimitedFileSystem final : public base::FileSystem {
 public:
  /// `below` outlives this.
  explicit LimitedFileSystem(base::FileSystem& below) : below_(below) {}

  static constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();
  /// Beside those that are open now.
  void set_spare_files(std::uint64_t count) { open_max_ = count == kUnlimited ? count : open_now() + count; }
  void set_read_only(bool read_only) { read_only_ = read_only; }
  /// How often either was met since the beginning.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

  Result<std::unique_ptr<base::File>> open(const std::string& path, base::OpenMode mode) override;
  Status create_directories(const std::string& path) override;
  Status sync_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) const override;
  bool exists(const std::string& path) const override { return below_.exists(path); }
  bool is_directory(const std::string& path) const override { return below_.is_directory(path); }
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status remove_all(const std::string& path) override;
  Result<std::unique_ptr<base::FileLock>> lock(const std::string& path) override;
  Result<std::unique_ptr<base::FileLock>> lock_existing(const std::string& path) override { return lock(path); }

 private:
  class LimitedFile;
  // relaxed, all three: counts and a switch that order nothing.
  [[nodiscard]] std::uint64_t open_now() const { return open_.load(std::memory_order_relaxed); }
  [[nodiscard]] Status check_descriptor(const std::string& path) const;
  [[nodiscard]] Status check_writable(const std::string& path) const;

  base::FileSystem& below_;
  std::atomic<std::uint64_t> open_{0};
  std::uint64_t open_max_ = kUnlimited;
  bool read_only_ = false;
  mutable std::atomic<std::uint64_t> refused_{0};
};

}  // namespace tidal::sim
