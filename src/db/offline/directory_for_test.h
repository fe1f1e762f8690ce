// A data directory with every file that a closed database leaves, and what can be told of all its files at once.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <string>
#include <tuple>

#include "base/file_system.h"
#include "storage/temporary_directory_for_test.h"
#include "tidal/tidal.h"

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
