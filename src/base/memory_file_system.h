// Files in memory for tests: forgets at a crash what F1 to F3 (file_system.h) do not promise, fails on demand, counts.
//
// What a crash keeps: of each file the pages covered by its last completed sync; every page written since by coin toss,
// and its new size by another; of each directory the names at its last completed sync, and each change since by coin
// toss. A rename within one directory is one change. Directories made by create_directories are durable at once.
// A failed sync keeps each page by coin toss and forgets that the others need syncing, as Linux does.
// Threads: thread-safe; one mutex around everything. The same seed and calls give the same outcome.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/mutex.h"
#include "base/random.h"

namespace tidal::base {

/// One call that changes something, as whoever watches the files sees it before it happens.
struct FileOperation {
  enum class Kind : std::uint8_t {
    Create,
    Write,
    Truncate,
    Sync,
    CreateDirectory,
    SyncDirectory,
    Rename,
    Remove,
    RemoveAll
  };
  Kind kind = Kind::Write;
  std::string_view path;     ///< of a rename: the new name
  std::uint64_t offset = 0;  ///< Write; Truncate: the new size
  Bytes data{};              ///< Write
};

class MemoryFileSystem final : public FileSystem {
 public:
  explicit MemoryFileSystem(std::uint64_t seed = 0);
  ~MemoryFileSystem() override;

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Status create_directories(const std::string& path) override;
  Status sync_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) const override;
  bool exists(const std::string& path) const override;
  bool is_directory(const std::string& path) const override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status remove_all(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock_existing(const std::string& path) override { return lock(path); }

  enum class Fault : std::uint8_t {
    IoError,     ///< nothing happens, IoError; a sync does a part of its work
    ShortWrite,  ///< a write writes a part and gives IoError; like IoError for the rest
    NoSpace,     ///< a write writes a part and gives ResourceExhausted; so does the rest, doing nothing
  };
  /// Operations that change something (creating, writing, truncating, syncing, renaming, removing) since the beginning.
  [[nodiscard]] std::uint64_t operations() const;
  /// The n-th operation from now fails; 1 is the next. Replaces an earlier call that has not struck yet.
  void fail_operation(std::uint64_t n, Fault fault);
  /// The power goes at the n-th operation from now: it may do a part of its work, and it and all after it give IoError
  /// until crash(). 0: the power is off already, so that the next operation does nothing.
  void stop_at(std::uint64_t n);
  /// From now on files may grow by so many bytes in all; removing and truncating gives bytes back.
  void set_space(std::uint64_t bytes);

  enum class SyncKind : std::uint8_t { File, Directory };
  /// Syncs of that kind on paths that contain `path_part` answer ok and do nothing: a canary, which a crash test must
  /// notice.
  void ignore_syncs(SyncKind kind, std::string path_part);

  /// Calls `hook` before every operation, on its thread and outside the lock, so that it may use the files itself; its
  /// own operations are announced as well. None: off. Not while another thread is inside.
  using Hook = std::function<void(const FileOperation&)>;
  void set_hook(Hook hook) { hook_ = std::move(hook); }

  /// Keeps what is promised and, by coin toss, some of the rest. Files and locks held from before are dead: their
  /// operations give IoError.
  void crash();

 private:
  struct Node;
  class MemoryFile;
  class MemoryLock;
  using Names = std::map<std::string, std::shared_ptr<Node>, std::less<>>;

  // How far an operation gets.
  struct Verdict {
    bool proceeds = true;
    std::optional<Error> error;
    bool partly = false;  // with an error: do a random part first
  };

  void announce(const FileOperation& operation) const {
    if (hook_) hook_(operation);
  }
  Verdict count_operation(std::string_view what, const std::string& path) TIDAL_REQUIRES(mutex_);
  /// Counts an operation that either happens whole or fails.
  Status whole_operation(std::string_view what, const std::string& path) TIDAL_REQUIRES(mutex_);
  [[nodiscard]] std::shared_ptr<Node> find(std::string_view path) const TIDAL_REQUIRES(mutex_);
  [[nodiscard]] bool ignores(SyncKind kind, const std::string& path) const TIDAL_REQUIRES(mutex_);

  [[nodiscard]] bool is_limited() const TIDAL_REQUIRES(mutex_) {
    return space_left_ != std::numeric_limits<std::uint64_t>::max();
  }

  Status write(Node& node, const std::string& path, std::uint64_t offset, Bytes data) TIDAL_REQUIRES(mutex_);
  void put_bytes(Node& node, std::uint64_t offset, Bytes data) TIDAL_REQUIRES(mutex_);
  Status sync(Node& node, const std::string& path) TIDAL_REQUIRES(mutex_);
  void toss_pages(Node& node) TIDAL_REQUIRES(mutex_);
  void resize(Node& node, std::uint64_t size) TIDAL_REQUIRES(mutex_);
  void remove_name(const std::string& path) TIDAL_REQUIRES(mutex_);
  void remove_below(Node& directory, bool all) TIDAL_REQUIRES(mutex_);
  void crash_below(Node& directory) TIDAL_REQUIRES(mutex_);

  Hook hook_;
  mutable Mutex mutex_;
  Random random_ TIDAL_GUARDED_BY(mutex_);
  std::shared_ptr<Node> root_ TIDAL_GUARDED_BY(mutex_);  // shared: open files keep removed nodes alive
  std::uint64_t generation_ TIDAL_GUARDED_BY(mutex_) = 0;
  std::set<std::string> locks_ TIDAL_GUARDED_BY(mutex_);
  std::uint64_t operations_ TIDAL_GUARDED_BY(mutex_) = 0;
  std::uint64_t fault_at_ TIDAL_GUARDED_BY(mutex_) = 0;
  Fault fault_ TIDAL_GUARDED_BY(mutex_) = Fault::IoError;
  std::optional<std::uint64_t> stop_at_ TIDAL_GUARDED_BY(mutex_);
  std::uint64_t space_left_ TIDAL_GUARDED_BY(mutex_) = std::numeric_limits<std::uint64_t>::max();
  std::vector<std::pair<SyncKind, std::string>> ignored_ TIDAL_GUARDED_BY(mutex_);
};

}  // namespace tidal::base
