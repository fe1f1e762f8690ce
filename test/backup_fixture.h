// A database under random writes on files that forget, its backups, and what it was at every record.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/memory_file_system.h"
#include "db/offline/replayed.h"
#include "db/offline/restoring.h"
#include "db/views.h"
#include "materializer/registry.h"
#include "storage/kv.h"
#include "test/core_fixture.h"
#include "wal/log.h"

namespace tidal::test {

inline const std::string kSource = "/db";
inline const std::string kBackup = "/backup";
inline const std::string kRestored = "/restored";

/// What a replay of a directory's base and log gives.
inline ViewDigests replayed_digest(base::FileSystem& fs, const std::string& path) {
  const auto replayed = db::ReplayedDatabase::open(fs, path);
  EXPECT_TRUE(replayed.ok()) << replayed.error().to_string();
  return replayed.ok() ? by_view((*replayed)->digest()) : ViewDigests{};
}

/// What a database was when a record was its last.
struct Moment {
  Timestamp append_time;
  ViewDigests digest;
};

/// By seqno, of a log that is whole from its first record: every event applied by itself, the digest taken after each,
/// or after those of `only`.
inline std::map<std::uint64_t, Moment> moments_of(base::FileSystem& fs, const std::string& path,
                                                  const std::set<SeqNo>& only = {}) {
  std::map<std::uint64_t, Moment> moments;
  const auto log = wal::Log::read(fs, path + "/wal", {.archive_dir = path + "/archive"});
  EXPECT_TRUE(log.ok()) << log.error().to_string();
  db::Stores stores;
  db::Views views(stores);
  const Status replayed = (*log)->replay(SeqNo{1}, [&](std::span<wal::WalEvent> events) -> Status {
    for (std::size_t i = 0; i < events.size(); ++i) {
      views.registry().apply(events.subspan(i, 1));
      if (!only.empty() && !only.contains(events[i].seqno)) continue;
      Moment& moment = moments[events[i].seqno.value];
      moment.append_time = events[i].append_time;
      for (const materializer::ViewDigest& line : views.registry().digest_by_view()) {
        moment.digest.emplace(line.view, line.hex);
      }
    }
    return {};
  });
  EXPECT_TRUE(replayed.ok()) << replayed.error().to_string();
  return moments;
}

class BackedUp {
 public:
  explicit BackedUp(std::uint64_t seed, const std::string& settings = "log_bytes:10GiB")
      : fs(seed), history_(seed, kStart) {
    open();
    define(*core, history_schema());
    define(*core, "ALTER SETTINGS " + settings);
  }

  void open() {
    auto opened = open_core(fs, clock, kSource);
    ASSERT_TRUE(opened.ok()) << opened.error().to_string();
    core = std::move(*opened);
  }
  void write(int steps) {
    for (int i = 0; i < steps; ++i) {
      const Step step = history_.next();
      clock.set(history_.now());
      write_step(*core, step);
    }
  }
  /// Writes until wal/ and archive/ have had so many segments.
  void write_segments(std::size_t count) {
    while (core->stats().log_segments + core->stats().archive_segments < count) write(10);
  }
  [[nodiscard]] Result<BackupReport> backup(const BackupOptions& options = {}) {
    return core->backup(kBackup, options);
  }
  [[nodiscard]] ViewDigests digest() const { return by_view(core->digest().value()); }

  [[nodiscard]] Result<RestoreReport> restore(const RestoreOptions& options = {}) {
    return db::restore_backup(fs, kBackup, kRestored, options);
  }
  /// Restores into a folder that is gone again afterwards; the error, if it could not.
  [[nodiscard]] Result<std::pair<RestoreReport, ViewDigests>> try_restore(const RestoreOptions& options = {}) {
    TIDAL_TRY_ASSIGN(const RestoreReport report, restore(options));
    const ViewDigests digest = replayed_digest(fs, kRestored);
    TIDAL_TRY(fs.remove_all(kRestored));
    return std::pair(report, digest);
  }

  base::MemoryFileSystem fs;
  base::FixedClock clock{kStart};
  std::unique_ptr<db::Core> core;

 private:
  History history_;
};

}  // namespace tidal::test
