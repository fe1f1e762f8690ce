// A data directory with every file that a closed database leaves, and what can be told of all its files at once.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <string>
#include <tuple>

#include "base/file_system.h"
#include "db/base_state.h"
#include "storage/temporary_directory_for_test.h"
#include "tidal/tidal.h"
#include "wal/log.h"

namespace tidal::db {

/// Name to (bytes, when last changed).
using Snapshot = std::map<std::string, std::tuple<std::string, std::int64_t, std::int64_t>>;

inline Snapshot snapshot_of(const std::string& directory) {
  Snapshot snapshot;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    struct stat st {};
    EXPECT_EQ(::stat(entry.path().c_str(), &st), 0);
    const std::string content =
        entry.is_regular_file() ? base::read_file(base::posix_file_system(), entry.path().string()).value() : "";
    snapshot[entry.path().string()] = {content, st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
  }
  return snapshot;
}

/// A database of a few records, closed with a checkpoint.
class ClosedDatabase {
 public:
  ClosedDatabase() : path_(directory_.child("db")) {
    Result<Database> database = Database::open(path_, {.create_if_missing = true, .segment_bytes = 64U << 10U});
    EXPECT_TRUE(database.ok()) << database.error().to_string();
    const auto written = database->execute(R"(
      BEGIN; DEFINE FIELD item.title TEXT; DEFINE FIELD item.year INT INDEXED;
      DEFINE SIGNAL like ROLE positive WINDOWS 24h EFFECTS mark liked; COMMIT;
      PUT item @a {"fields":{"title":"Heat","year":1995}}; PUT item @b {}; SIGNAL like ON @a BY @u1;
      UPDATE item @b {"fields":{"year":2000}}; DELETE item @b;)");
    EXPECT_TRUE(written.ok()) << written.error().to_string();
    digest_ = database->digest().value();
    schema_ = database->schema_text();
    EXPECT_TRUE(database->close().ok());
  }
  /// Seals the log's first segment by more records, and archives it.
  void archive_log() {
    Result<Database> database = Database::open(path_, {.segment_bytes = 64U << 10U});
    EXPECT_TRUE(database.ok()) << database.error().to_string();
    for (int i = 0; i < 10; ++i) {
      const std::string title(10'000, static_cast<char>('a' + i));
      EXPECT_TRUE(database->execute(R"(PUT item @c {"fields":{"title":")" + title + "\"}};").ok());
    }
    digest_ = database->digest().value();
    EXPECT_TRUE(database->close().ok());
    base::FileSystem& fs = base::posix_file_system();
    Result<std::unique_ptr<wal::Log>> log =
        wal::Log::open(fs, path_ + "/wal", {.archive_dir = path_ + "/archive"}, Timestamp{});
    EXPECT_TRUE(log.ok()) << log.error().to_string();
    EXPECT_TRUE((*log)->retire_segments_before((*log)->last_seqno(), wal::Retire::Archive).ok());
    EXPECT_GT((*log)->first_seqno(), SeqNo{1});
  }
  /// As a compaction does before the archive may be moved away.
  void write_base() { EXPECT_TRUE(promote_checkpoint(base::posix_file_system(), path_, digest_.seqno).ok()); }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const DigestReport& digest() const { return digest_; }
  [[nodiscard]] const std::string& schema() const { return schema_; }

 private:
  storage::TemporaryDirectory directory_;
  std::string path_;
  DigestReport digest_;
  std::string schema_;
};

}  // namespace tidal::db
