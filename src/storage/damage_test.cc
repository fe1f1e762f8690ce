// What each backend does about damaged bytes and a crash (K1, K3).
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>

#include "base/memory_file_system.h"
#include "base/random.h"
#include "storage/backends.h"
#include "storage/sealed_value.h"
#include "storage/temporary_directory_for_test.h"

namespace tidal::storage {
namespace {

constexpr std::string_view kMarker = "a value that stands in the file as it is";

std::unique_ptr<KeyValueStore> opened(Result<std::unique_ptr<KeyValueStore>> store) {
  EXPECT_TRUE(store.ok()) << store.error().to_string();
  return std::move(store).value();
}

void put(KeyValueStore& store, const std::string& key, std::string_view value, std::uint64_t seqno) {
  WriteBatch batch;
  batch.put(key, std::string(value));
  ASSERT_TRUE(store.commit(batch, SeqNo{seqno}).ok());
}

/// Changes one byte of the marker wherever it stands in the file.
void damage_marker(base::FileSystem& fs, const std::string& path) {
  const std::string bytes = base::read_file(fs, path).value();
  const auto file = fs.open(path, base::OpenMode::ReadWrite).value();
  std::size_t found = 0;
  for (std::size_t at = bytes.find(kMarker); at != std::string::npos; at = bytes.find(kMarker, at + 1)) {
    ASSERT_TRUE(file->write_at(at, base::as_bytes("A")).ok());
    ++found;
  }
  ASSERT_GT(found, 0U);
}

// K3
TEST(DamagedStore, LmdbNamesTheDamagedValueAndIsNotOpened) {
  TemporaryDirectory directory;
  const std::string path = directory.child("store");
  {
    const auto store = opened(open_lmdb_store(path));
    put(*store, "bad", kMarker, 1);
    put(*store, "good", "fine", 2);
    ASSERT_TRUE(store->flush().ok());
  }
  damage_marker(base::posix_file_system(), path + "/data.mdb");
  const auto store = open_lmdb_store(path);
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.error().code, Code::Corruption);
  EXPECT_THAT(store.error().message, testing::HasSubstr(printable_key("bad")));
}

// K3. RocksDB's own checksums guard its files; ours is behind them, so the damage is put in through RocksDB.
TEST(DamagedStore, RocksDbNamesTheDamagedValueAndKeepsTheOthers) {
  TemporaryDirectory directory;
  const std::string path = directory.child("store");
  put(*opened(open_rocksdb_store(path)), "good", "fine", 1);
  {
    std::vector<rocksdb::ColumnFamilyHandle*> families;
    rocksdb::DB* raw = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open({}, path, {{"default", {}}, {"values1", {}}}, &families, &raw).ok());
    const std::unique_ptr<rocksdb::DB> db(raw);
    ASSERT_TRUE(db->Put({}, families[1], "bad", "no checksum here").ok());
    for (auto* family : families) ASSERT_TRUE(db->DestroyColumnFamilyHandle(family).ok());
  }
  const auto store = opened(open_rocksdb_store(path));
  EXPECT_EQ(store->get("bad").error().code, Code::Corruption);
  EXPECT_THAT(store->verify().error().message, testing::HasSubstr(printable_key("bad")));
  EXPECT_EQ(store->get("good").value(), "fine");
}

/// Of a store's folder: content by name, without RocksDB's own log of what it does.
std::map<std::string, std::string> rocksdb_files(const std::string& path) {
  base::FileSystem& fs = base::posix_file_system();
  std::map<std::string, std::string> files;
  const std::vector<std::string> names = fs.list(path).value();
  for (const std::string& name : names) files[name] = base::read_file(fs, path + "/" + name).value();
  return files;
}

TEST(CheckedStore, RocksDbIsJudgedWithoutAWrite) {
  TemporaryDirectory directory;
  const std::string path = directory.child("store");
  EXPECT_EQ(check_rocksdb_store(path).error().code, Code::NotFound);
  {
    const auto store = opened(open_rocksdb_store(path));
    for (std::uint64_t i = 1; i <= 50; ++i) put(*store, "key" + std::to_string(i), kMarker, i);
    ASSERT_TRUE(store->flush().ok());
  }
  const auto before = rocksdb_files(path);
  const Result<RocksDbSummary> summary = check_rocksdb_store(path);
  ASSERT_TRUE(summary.ok()) << summary.error().to_string();
  EXPECT_EQ(summary->seqno, SeqNo{50});
  EXPECT_EQ(summary->values, 50U);
  EXPECT_EQ(rocksdb_files(path), before);

  ASSERT_TRUE(opened(open_rocksdb_store(path))->rewrite().ok());  // into files with blocks
  ASSERT_TRUE(check_rocksdb_store(path).ok());
  std::size_t damaged = 0;
  for (const auto& [name, content] : rocksdb_files(path)) {
    if (!name.ends_with(".sst") || content.find("key1") == std::string::npos) continue;
    const auto file = base::posix_file_system().open(path + "/" + name, base::OpenMode::ReadWrite).value();
    ASSERT_TRUE(file->write_at(content.find("key1"), base::as_bytes("x")).ok());
    ++damaged;
  }
  ASSERT_EQ(damaged, 1U);
  EXPECT_EQ(check_rocksdb_store(path).error().code, Code::Corruption);
}

TEST(CheckedStore, NewerRocksDbStoreIsRefusedByBothFormats) {
  TemporaryDirectory directory;
  const std::string path = directory.child("store");
  put(*opened(open_rocksdb_store(path)), "a", "b", 1);
  {
    std::vector<rocksdb::ColumnFamilyHandle*> families;
    rocksdb::DB* raw = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open({}, path, {{"default", {}}, {"values1", {}}}, &families, &raw).ok());
    const std::unique_ptr<rocksdb::DB> db(raw);
    ASSERT_TRUE(db->Put({}, families[0], "format", seal_value("format", std::string_view("\x09\0\0\0", 4))).ok());
    for (auto* family : families) ASSERT_TRUE(db->DestroyColumnFamilyHandle(family).ok());
  }
  for (const Error& error : {open_rocksdb_store(path).error(), check_rocksdb_store(path).error()}) {
    EXPECT_EQ(error.code, Code::FailedPrecondition);
    EXPECT_THAT(error.message, testing::HasSubstr("format 9, this program reads up to 1"));
  }
}

TEST(DamagedStore, MemoryFileDamagedOrCutAnywhereIsCorruption) {
  base::MemoryFileSystem fs;
  {
    const auto store = opened(open_memory_store(fs, "/stores/entities"));
    put(*store, "a", kMarker, 1);
    ASSERT_TRUE(store->flush().ok());
  }
  const std::string good = base::read_file(fs, "/stores/entities").value();
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string damaged = good;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    for (const std::string& bytes : {damaged, good.substr(0, at)}) {
      ASSERT_TRUE(base::write_file_atomically(fs, "/stores/entities", bytes).ok());
      const auto store = open_memory_store(fs, "/stores/entities");
      ASSERT_FALSE(store.ok());
      // Bytes 6 and 7 hold the reader that the file asks for: damage there looks like a newer format.
      const bool asks_for_more = bytes == damaged && at == 7;
      EXPECT_EQ(store.error().code, asks_for_more ? Code::FailedPrecondition : Code::Corruption) << at;
    }
  }
}

TEST(DamagedStore, NewerMemoryFileIsRefusedByName) {
  base::MemoryFileSystem fs;
  ASSERT_TRUE(fs.create_directories("/stores").ok());
  const std::string newer("TDKV\x07\x00\x07\x00 whatever comes then", 29);
  ASSERT_TRUE(base::write_file_atomically(fs, "/stores/entities", newer).ok());
  const auto store = open_memory_store(fs, "/stores/entities");
  EXPECT_EQ(store.error().code, Code::FailedPrecondition);
  EXPECT_THAT(store.error().message, testing::HasSubstr("needs reader 7, this is reader 1"));
}

TEST(DamagedStore, AForeignFileIsNotAnLmdbStore) {
  TemporaryDirectory directory;
  const std::string path = directory.child("store");
  ASSERT_TRUE(base::posix_file_system().create_directories(path).ok());
  ASSERT_TRUE(base::write_file_atomically(base::posix_file_system(), path + "/data.mdb", std::string(8192, 'x')).ok());
  EXPECT_EQ(open_lmdb_store(path).error().code, Code::Corruption);
}

// K1
TEST(CrashedStore, MemoryKeepsTheStateOfItsLastFlushOrTheOneInProgress) {
  for (std::uint64_t stop = 1; stop < 40; ++stop) {
    base::MemoryFileSystem fs(stop);
    std::uint64_t flushed = 0;
    {
      const auto store = opened(open_memory_store(fs, "/stores/entities"));
      fs.stop_at(stop);
      for (std::uint64_t seqno = 1; seqno <= 5; ++seqno) {
        put(*store, "a", std::to_string(seqno), seqno);
        put(*store, "b", std::to_string(seqno), seqno);
        if (store->flush().ok()) flushed = seqno;
      }
    }
    fs.crash();
    const auto store = opened(open_memory_store(fs, "/stores/entities"));
    const std::uint64_t seqno = store->seqno().value;
    EXPECT_TRUE(seqno == flushed || seqno == flushed + 1) << stop;
    const std::optional<std::string> expected = seqno == 0 ? std::nullopt : std::optional(std::to_string(seqno));
    EXPECT_EQ(store->get("a").value(), expected);
    EXPECT_EQ(store->get("b").value(), expected);
  }
}

enum class Rewrites : std::uint8_t { Never, Always };

/// Commits for ever: one batch a seqno, each key's value the seqno; tells every flush down the pipe, and may make its
/// files anew all the time.
[[noreturn]] void commit_until_killed(KeyValueStore& store, int pipe_end, Rewrites rewrites) {
  for (std::uint64_t seqno = 1;; ++seqno) {
    WriteBatch batch;
    for (int key = 0; key < 200; ++key) batch.put("key" + std::to_string(key), std::to_string(seqno));
    if (!store.commit(batch, SeqNo{seqno}).ok() || !store.flush().ok()) _exit(1);
    if (write(pipe_end, &seqno, sizeof seqno) != sizeof seqno) _exit(1);
    for (int i = 0; rewrites == Rewrites::Always && i < 4; ++i) {
      if (!store.rewrite().ok()) _exit(1);
    }
  }
}

void expect_whole_batches_after_a_kill(Result<std::unique_ptr<KeyValueStore>> (*open)(const std::string&),
                                       Rewrites rewrites, int rounds) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer does not follow threads started after a fork";
#endif
  TemporaryDirectory directory;
  const std::string path = directory.child("store");
  std::uint64_t acknowledged = 0;
  for (int round = 0; round < rounds; ++round) {
    const int kill_after = 1 + round % 8;
    ASSERT_TRUE(base::posix_file_system().remove_all(path).ok());
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      auto store = open(path);
      if (!store.ok()) _exit(1);
      commit_until_killed(**store, ends[1], rewrites);
    }
    close(ends[1]);
    for (int i = 0; i < kill_after; ++i) {
      ASSERT_EQ(read(ends[0], &acknowledged, sizeof acknowledged), static_cast<ssize_t>(sizeof acknowledged));
    }
    base::Random spin(static_cast<std::uint64_t>(round));  // off the moment of the acknowledgement
    for (std::uint64_t i = spin.below(3'000'000); i > 0; --i) static_cast<void>(spin.next());
    ASSERT_EQ(kill(child, SIGKILL), 0);
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
    while (read(ends[0], &acknowledged, sizeof acknowledged) > 0) {
    }
    close(ends[0]);

    const auto store = opened(open(path));
    const std::uint64_t seqno = store->seqno().value;
    EXPECT_GE(seqno, acknowledged);
    int keys = 0;
    const Status scanned = store->scan({}, [&](std::string_view, std::string_view value) {
      EXPECT_EQ(value, std::to_string(seqno));
      return ++keys > 0;
    });
    EXPECT_TRUE(scanned.ok());
    EXPECT_EQ(keys, 200);
  }
}

Result<std::unique_ptr<KeyValueStore>> open_lmdb(const std::string& path) { return open_lmdb_store(path); }

// K1, as far as a killed process shows it.
TEST(CrashedStore, LmdbKeepsWholeBatchesWhenKilled) {
  expect_whole_batches_after_a_kill(open_lmdb, Rewrites::Never, 3);
}
TEST(CrashedStore, LmdbKeepsWholeBatchesWhenKilledWhileItsFilesAreMadeAnew) {
  expect_whole_batches_after_a_kill(open_lmdb, Rewrites::Always, 16);
}
TEST(CrashedStore, RocksDbKeepsWholeBatchesWhenKilled) {
  expect_whole_batches_after_a_kill(open_rocksdb_store, Rewrites::Never, 3);
}

}  // namespace
}  // namespace tidal::storage
