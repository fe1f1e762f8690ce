// The file of the segment after the newest, filled with zeros ahead of time: rotation then costs a rename, not 64 MiB.
//
// N1: a file gets the name next.wal.ready after its zeros were synced, and loses it by becoming a segment. One that is
// there with a header was on its way when the system stopped: nothing in it was ever acknowledged, and it is removed.
// Failing to prepare is no error: the segment is then made when it is needed.
// Threads: externally synchronized (the log's writer); its own thread lives from want() to the next take().
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "base/file_system.h"
#include "tidal/result.h"

namespace tidal::wal {

class NextSegment {
 public:
  /// `bytes`: of every file it prepares.
  NextSegment(base::FileSystem& fs, const std::string& dir, std::uint64_t bytes);
  ~NextSegment();
  NextSegment(const NextSegment&) = delete;
  NextSegment& operator=(const NextSegment&) = delete;

  /// Takes over the file that an earlier process prepared, or removes it when it is of no use.
  [[nodiscard]] Status adopt();
  /// Prepares the file on a thread, unless it is there or on its way.
  void want();
  /// The same on the calling thread. IoError, ResourceExhausted.
  [[nodiscard]] Status prepare();
  /// The prepared file, to be renamed from path(); waits for the one on its way. Null when there is none of that size.
  [[nodiscard]] std::unique_ptr<base::File> take(std::uint64_t bytes);

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  base::FileSystem& fs_;
  const std::string path_;
  const std::string unfinished_path_;
  const std::uint64_t bytes_;
  std::unique_ptr<base::File> file_;  // the thread's while it runs
  std::thread thread_;
};

}  // namespace tidal::wal
