// Files behind one interface, so that tests can forget, corrupt and refuse: the POSIX one, and one in memory.
//
// Durability, which every implementation promises and the in-memory one takes literally at a crash:
// F1: bytes of a file survive once a sync() of that file that began after the write returned ok.
// F2: a name (created, renamed, removed) survives once a sync_directory() of its directory returned ok.
// F3: nothing else is promised: unsynced 4 KiB pages may survive or not, one by one, in any order.
// Threads: FileSystem is thread-safe; a File takes concurrent reads, writes from one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tidal/result.h"

namespace tidal::base {

using Bytes = std::span<const std::byte>;

/// An open file. Closing happens in the destructor and syncs nothing.
class File {
 public:
  virtual ~File() = default;
  /// Reads up to out.size() bytes at `offset`; fewer only at the end of the file. IoError.
  [[nodiscard]] virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const = 0;
  /// Writes all of `data` at `offset`, growing the file when needed. A failure may leave a part written.
  /// IoError, ResourceExhausted (no space).
  [[nodiscard]] virtual Status write_at(std::uint64_t offset, Bytes data) = 0;
  /// Asks for the space of the first `bytes` bytes, so that a full disk is met before anything is written. No error
  /// where the file system cannot tell. IoError, ResourceExhausted (no space).
  [[nodiscard]] virtual Status reserve(std::uint64_t bytes) = 0;
  /// F1. A failed sync says nothing about which bytes are durable: never retry it. IoError.
  [[nodiscard]] virtual Status sync() = 0;
  [[nodiscard]] virtual Result<std::uint64_t> size() const = 0;
  [[nodiscard]] virtual Status truncate(std::uint64_t size) = 0;
};

/// Held while a process owns a data directory; released by the destructor (or by the death of the process).
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class OpenMode : std::uint8_t {
  Read,       ///< must exist
  ReadWrite,  ///< must exist
  Create,     ///< must not exist; AlreadyExists otherwise
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  /// NotFound, AlreadyExists, PermissionDenied (a read-only file system, too), IoError, ResourceExhausted (no space, no
  /// file descriptors).
  [[nodiscard]] virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  /// With mode 0700, and all above it that is missing; their names are durable on return, also that of `path` when it
  /// exists. No error when it does.
  [[nodiscard]] virtual Status create_directories(const std::string& path) = 0;
  /// F2.
  [[nodiscard]] virtual Status sync_directory(const std::string& path) = 0;
  /// Names (not paths) in a directory, sorted.
  [[nodiscard]] virtual Result<std::vector<std::string>> list(const std::string& path) const = 0;
  [[nodiscard]] virtual bool exists(const std::string& path) const = 0;
  [[nodiscard]] virtual bool is_directory(const std::string& path) const = 0;
  /// Replaces `to` when it exists and is a file.
  [[nodiscard]] virtual Status rename(const std::string& from, const std::string& to) = 0;
  [[nodiscard]] virtual Status remove(const std::string& path) = 0;
  /// A directory and all below it; no error when it does not exist.
  [[nodiscard]] virtual Status remove_all(const std::string& path) = 0;
  /// AlreadyOpen when another process or handle holds it.
  [[nodiscard]] virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;
  /// The same without making the file or asking for the right to write it. NotFound.
  [[nodiscard]] virtual Result<std::unique_ptr<FileLock>> lock_existing(const std::string& path) = 0;
};

/// The operating system's files. Never destroyed.
[[nodiscard]] FileSystem& posix_file_system();

/// The whole file. NotFound, IoError.
[[nodiscard]] Result<std::string> read_file(FileSystem& fs, const std::string& path);
/// Writes a new file, syncs it, renames it over `path`, syncs the directory: whole or not at all.
[[nodiscard]] Status write_file_atomically(FileSystem& fs, const std::string& path, std::string_view content);

[[nodiscard]] inline Bytes as_bytes(std::string_view s) {
  return {reinterpret_cast<const std::byte*>(s.data()), s.size()};
}

}  // namespace tidal::base
