// The lines an import could not take: FILE.rejects with "LINE<tab>REASON", up to a limit.
//
// Threads: thread-safe (the reading and the writing side both reject).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/mutex.h"
#include "tidal/result.h"

namespace tidal::cli {

class Rejects {
 public:
  /// A file of an earlier run at `path` is removed; a new one appears with the first reject.
  Rejects(base::FileSystem& fs, std::string path, std::uint64_t most);

  /// InvalidArgument once there are more than `most`: stop. A file that cannot be written is no error: the first
  /// reason is kept in any case.
  [[nodiscard]] Status add(std::uint64_t line, std::string_view reason) TIDAL_EXCLUDES(mutex_);
  [[nodiscard]] std::uint64_t count() const TIDAL_EXCLUDES(mutex_);
  /// "line 17: op: missing"; "" when there is none.
  [[nodiscard]] std::string first() const TIDAL_EXCLUDES(mutex_);
  /// "" when there was nothing to write, or nowhere to write it.
  [[nodiscard]] std::string path() const TIDAL_EXCLUDES(mutex_);
  /// Writes what is still held back.
  void flush() TIDAL_EXCLUDES(mutex_);

 private:
  void write_out() TIDAL_REQUIRES(mutex_);

  base::FileSystem& fs_;
  const std::string path_;
  const std::uint64_t most_;
  mutable base::Mutex mutex_;
  std::unique_ptr<base::File> file_ TIDAL_GUARDED_BY(mutex_);
  std::string held_ TIDAL_GUARDED_BY(mutex_);
  std::uint64_t written_bytes_ TIDAL_GUARDED_BY(mutex_) = 0;
  std::uint64_t count_ TIDAL_GUARDED_BY(mutex_) = 0;
  std::string first_ TIDAL_GUARDED_BY(mutex_);
  bool unwritable_ TIDAL_GUARDED_BY(mutex_) = false;
};

}  // namespace tidal::cli
