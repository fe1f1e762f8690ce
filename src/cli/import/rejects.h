// The lines an import could not take: FILE.rejects, a first line that names the import, then "LINE<tab>REASON" each.
//
// What the database refused is passed over when the import is run again, so only the list of the earlier run knows it.
// R1: a mark is committed only after the rejects in front of it are in the file.
// R2: a file that is no list of rejects is never changed.
// Threads: thread-safe (the reading and the writing side both reject).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/mutex.h"
#include "tidal/result.h"

namespace tidal::cli {

class Rejects {
 public:
  struct Place {
    std::string path;
    bool must_work = false;  ///< errors of the file stop the import; else they are told at its end
  };
  Rejects(base::FileSystem& fs, Place place, std::uint64_t most);

  /// Before it rejects are only held back. A list at the path is replaced, but that of this import `resumed` goes on.
  /// FailedPrecondition for a list of a newer format, which is left alone. InvalidArgument when another file is there;
  /// with must_work also a list of another import, and errors of the file.
  [[nodiscard]] Status begin(std::string_view import_id, bool resumed) TIDAL_EXCLUDES(mutex_);
  /// InvalidArgument once there are more than `most` in this run: stop.
  [[nodiscard]] Status add(std::uint64_t line, std::string_view reason) TIDAL_EXCLUDES(mutex_);
  /// The line is tried again: what an earlier run said about it does not count any more.
  void retry(std::uint64_t line) TIDAL_EXCLUDES(mutex_);
  /// R1. Fails only with must_work.
  [[nodiscard]] Status flush() TIDAL_EXCLUDES(mutex_);
  /// Takes out of the list what was tried again with success; removes the list when nothing is left.
  void finish() TIDAL_EXCLUDES(mutex_);

  /// Those of this run and those of earlier ones that this one passed over.
  [[nodiscard]] std::uint64_t count() const TIDAL_EXCLUDES(mutex_);
  [[nodiscard]] std::uint64_t count_of_earlier_runs() const TIDAL_EXCLUDES(mutex_);
  /// "line 17: op: missing"; "" when there is none.
  [[nodiscard]] std::string first() const TIDAL_EXCLUDES(mutex_);
  /// "" when there was nothing to write, or nowhere to write it.
  [[nodiscard]] std::string path() const TIDAL_EXCLUDES(mutex_);
  /// "could not write e.jsonl.rejects: …"; "" when it could be written.
  [[nodiscard]] std::string defect() const TIDAL_EXCLUDES(mutex_);

 private:
  enum class Earlier : bool { Stands, TriedAgain };

  [[nodiscard]] Status take_over(std::string_view header, bool resumed) TIDAL_REQUIRES(mutex_);
  [[nodiscard]] Status open_file() TIDAL_REQUIRES(mutex_);
  [[nodiscard]] Status write_held() TIDAL_REQUIRES(mutex_);
  void write_out() TIDAL_REQUIRES(mutex_);
  [[nodiscard]] Status outcome() const TIDAL_REQUIRES(mutex_);
  [[nodiscard]] Status drop_what_was_tried_again() TIDAL_REQUIRES(mutex_);
  [[nodiscard]] std::uint64_t standing() const TIDAL_REQUIRES(mutex_);

  base::FileSystem& fs_;
  const Place place_;
  const std::uint64_t most_;
  mutable base::Mutex mutex_;
  std::unique_ptr<base::File> file_ TIDAL_GUARDED_BY(mutex_);
  std::string header_ TIDAL_GUARDED_BY(mutex_);  // "" before begin()
  bool is_there_ TIDAL_GUARDED_BY(mutex_) = false;
  std::string held_ TIDAL_GUARDED_BY(mutex_);
  std::uint64_t written_bytes_ TIDAL_GUARDED_BY(mutex_) = 0;
  std::uint64_t count_ TIDAL_GUARDED_BY(mutex_) = 0;
  std::string first_ TIDAL_GUARDED_BY(mutex_);
  std::multimap<std::string, Earlier> earlier_ TIDAL_GUARDED_BY(mutex_);  // lines in the file that add() did not give
  Status defect_ TIDAL_GUARDED_BY(mutex_);
};

}  // namespace tidal::cli
