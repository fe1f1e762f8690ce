// The operating system's files: positioned reads and writes, fdatasync, and flock for the directory lock.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/file_system.h"
#include "base/system_error.h"

namespace tidal::base {
namespace {

namespace stdfs = std::filesystem;

Error last_error(std::string_view what, const std::string& path) { return error_of_errno(errno, what, path); }

/// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

Descriptor open_retrying(const std::string& path, int flags) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  } while (fd < 0 && errno == EINTR);
  return Descriptor(fd);
}

class PosixFile final : public File {
 public:
  PosixFile(std::string path, Descriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t n = ::pread(fd_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return last_error("read", path_);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

  Status write_at(std::uint64_t offset, Bytes data) override {
    std::size_t done = 0;
    while (done < data.size()) {
      const ssize_t n = ::pwrite(fd_.get(), data.data() + done, data.size() - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return last_error("write", path_);
      if (n == 0) return Error(Code::IoError, "write " + path_ + ": no byte was taken");
      done += static_cast<std::size_t>(n);
    }
    return {};
  }

  Status reserve(std::uint64_t bytes) override {
    int rc = 0;
    do {
      rc = ::fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes));
    } while (rc != 0 && errno == EINTR);
    if (rc == 0 || errno == EOPNOTSUPP || errno == ENOSYS) return {};
    return last_error("reserve space for", path_);
  }

  // No retry on EINTR: what an interrupted sync left undone is unknown.
  Status sync() override {
    if (::fdatasync(fd_.get()) != 0) return last_error("sync", path_);
    return {};
  }

  Result<std::uint64_t> size() const override {
    struct stat st {};
    if (::fstat(fd_.get(), &st) != 0) return last_error("size of", path_);
    return static_cast<std::uint64_t>(st.st_size);
  }

  Status truncate(std::uint64_t size) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return last_error("truncate", path_);
    return {};
  }

 private:
  std::string path_;
  Descriptor fd_;
};

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(Descriptor fd) : fd_(std::move(fd)) {}

 private:
  Descriptor fd_;  // flock belongs to the open file: closing releases it
};

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    int flags = O_RDONLY;
    if (mode == OpenMode::ReadWrite) flags = O_RDWR;
    if (mode == OpenMode::Create) flags = O_RDWR | O_CREAT | O_EXCL;
    Descriptor fd = open_retrying(path, flags);
    if (!fd.valid()) return last_error("open", path);
    return std::unique_ptr<File>(std::make_unique<PosixFile>(path, std::move(fd)));
  }

  Status create_directories(const std::string& path) override {
    if (path.size() > 1 && path.ends_with('/')) return create_directories(path.substr(0, path.size() - 1));
    const stdfs::path parent = stdfs::path(path).parent_path();
    if (parent == path) return {};  // the root
    const std::string above = parent.empty() ? "." : parent.string();
    if (is_directory(path)) return sync_name_in(above);  // who made it may have failed to
    TIDAL_TRY(create_directories(above));
    if (::mkdir(path.c_str(), 0700) != 0 && !(errno == EEXIST && is_directory(path))) {
      return last_error("create directory", path);
    }
    return sync_directory(above);
  }

  /// Of a directory that was there: one whose parent may not be read, or is on a disk that syncs no directories, is not
  /// one that we made.
  static Status sync_name_in(const std::string& parent) {
    const Descriptor fd = open_retrying(parent, O_RDONLY | O_DIRECTORY);
    if (!fd.valid() && errno == EACCES) return {};
    if (!fd.valid()) return last_error("open directory", parent);
    const bool failed = ::fsync(fd.get()) != 0 && errno != EINVAL && errno != ENOTSUP && errno != EROFS;
    return failed ? last_error("sync directory", parent) : Status();
  }

  Status sync_directory(const std::string& path) override {
    const Descriptor fd = open_retrying(path, O_RDONLY | O_DIRECTORY);
    if (!fd.valid()) return last_error("open directory", path);
    if (::fsync(fd.get()) != 0) return last_error("sync directory", path);
    return {};
  }

  Result<std::vector<std::string>> list(const std::string& path) const override {
    std::error_code ec;
    std::vector<std::string> names;
    stdfs::directory_iterator it(path, ec);
    for (; !ec && it != stdfs::directory_iterator(); it.increment(ec)) names.push_back(it->path().filename().string());
    if (ec) return error_of_errno(ec.value(), "list", path);
    std::sort(names.begin(), names.end());
    return names;
  }

  bool exists(const std::string& path) const override {
    std::error_code ec;
    const stdfs::file_status status = stdfs::status(path, ec);
    // What cannot be looked at is not taken for missing: whoever opens it gets the error.
    return status.type() != stdfs::file_type::not_found;
  }

  bool is_directory(const std::string& path) const override {
    std::error_code ec;
    return stdfs::is_directory(path, ec);
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return last_error("rename " + from + " to", to);
    return {};
  }

  Status remove(const std::string& path) override {
    if (::remove(path.c_str()) != 0) return last_error("remove", path);
    return {};
  }

  Status remove_all(const std::string& path) override {
    std::error_code ec;
    stdfs::remove_all(path, ec);
    if (ec) return error_of_errno(ec.value(), "remove", path);
    return {};
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    return lock_opened(path, open_retrying(path, O_RDWR | O_CREAT));
  }

  Result<std::unique_ptr<FileLock>> lock_existing(const std::string& path) override {
    return lock_opened(path, open_retrying(path, O_RDONLY));
  }

 private:
  static Result<std::unique_ptr<FileLock>> lock_opened(const std::string& path, Descriptor fd) {
    if (!fd.valid()) return last_error("open lock", path);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return Error(Code::AlreadyOpen, "lock " + path + ": held by another open database");
      return last_error("lock", path);
    }
    return std::unique_ptr<FileLock>(std::make_unique<PosixLock>(std::move(fd)));
  }
};

}  // namespace

FileSystem& posix_file_system() {
  // Never destroyed: files may be closed by destructors of statics.
  static FileSystem* const instance = new PosixFileSystem;
  return *instance;
}

}  // namespace tidal::base
