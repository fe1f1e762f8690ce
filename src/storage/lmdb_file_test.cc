// LMDB files as LMDB writes them pass; damaged ones are refused before LMDB can follow a wrong page.
#include "storage/lmdb_file.h"

#include <gtest/gtest.h>

#include <map>

#include "base/memory_file_system.h"
#include "base/random.h"
#include "storage/backends.h"
#include "storage/sealed_value.h"
#include "storage/temporary_directory_for_test.h"

namespace tidal::storage {
namespace {

constexpr const char* kFile = "/data.mdb";
using Content = std::map<std::string, std::string>;

std::string random_value(base::Random& random) {
  // Some of several pages, so that there are overflow pages too.
  const std::uint64_t bytes = random.below(40) == 0 ? random.below(20'000) : random.below(300);
  return std::string(bytes, static_cast<char>('a' + random.below(26)));
}

/// One batch of puts and deletes, into the store and into the model.
void commit_batch(KeyValueStore& store, Content& model, base::Random& random, std::uint64_t seqno, std::uint64_t keys) {
  WriteBatch batch;
  const bool shrinks = random.below(4) == 0;
  for (std::uint64_t i = random.below(200); i > 0; --i) {
    const std::string key = std::string(random.below(30), 'k') + std::to_string(random.below(keys));
    if (random.below(4) < (shrinks ? 3U : 1U)) {
      batch.erase(key);
      model.erase(key);
    } else {
      const std::string value = random_value(random);
      batch.put(key, value);
      model[key] = value;
    }
  }
  ASSERT_TRUE(store.commit(batch, SeqNo{seqno}).ok());
}

Content content_of(const KeyValueStore& store) {
  Content content;
  EXPECT_TRUE(store
                  .scan({},
                        [&](std::string_view key, std::string_view value) {
                          content.emplace(key, value);
                          return true;
                        })
                  .ok());
  return content;
}

TEST(LmdbFile, EverythingThatLmdbWritesPasses) {
  base::FileSystem& fs = base::posix_file_system();
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    TemporaryDirectory directory;
    const std::string path = directory.child("store");
    base::Random random(seed);
    Content model;
    std::uint64_t seqno = 0;
    for (int opens = 0; opens < 2; ++opens) {
      auto store = open_lmdb_store(path);
      ASSERT_TRUE(store.ok()) << store.error().to_string();
      for (int commits = 0; commits < 30; ++commits) {
        commit_batch(**store, model, random, ++seqno, 50 + 1000 * (seed - 1));
        const auto summary = check_lmdb_file(fs, path + kFile);
        ASSERT_TRUE(summary.ok()) << "seed " << seed << ": " << summary.error().to_string();
        ASSERT_EQ(summary->seqno, SeqNo{seqno});
        ASSERT_EQ(summary->values, model.size());
      }
      if (opens == 0) {
        ASSERT_TRUE((*store)->clear().ok());
        model.clear();
        ASSERT_TRUE(check_lmdb_file(fs, path + kFile).ok());
      }
    }
    EXPECT_EQ(content_of(*open_lmdb_store(path).value()), model);
  }
}

/// A store of several levels, with overflow pages and pages that were freed.
std::string sample_file(const std::string& path, Content& model) {
  base::Random random(42);
  {
    auto store = open_lmdb_store(path).value();
    for (std::uint64_t seqno = 1; seqno <= 60; ++seqno) commit_batch(*store, model, random, seqno, 4000);
    EXPECT_TRUE(store->flush().ok());
  }
  return base::read_file(base::posix_file_system(), path + kFile).value();
}

/// What a disk or a careless hand may do to a file.
std::string damaged(const std::string& good, base::Random& random) {
  constexpr std::size_t kPage = 4096;
  std::string bad = good;
  const std::size_t pages = good.size() / kPage;
  const std::size_t page = random.below(pages) * kPage;
  switch (random.below(6)) {
    case 0: bad[random.below(bad.size())] ^= static_cast<char>(1U << random.below(8)); break;
    case 1: bad[page + random.below(64)] ^= static_cast<char>(1U << random.below(8)); break;  // its header and slots
    case 2: bad.replace(page, kPage, kPage, '\0'); break;
    case 3: bad.replace(page, kPage, good.substr(random.below(pages) * kPage, kPage)); break;  // a stray write
    case 4: bad.replace(page + random.below(kPage / 512) * 512, 512, 512, static_cast<char>(random.below(256))); break;
    default: bad.resize(random.below(bad.size())); break;
  }
  return bad;
}

TEST(LmdbFile, DamageAnywhereIsRefusedOrChangesNothing) {
  TemporaryDirectory directory;
  base::FileSystem& fs = base::posix_file_system();
  Content model;
  const std::string good = sample_file(directory.child("sample"), model);
  base::Random random(7);
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string path = directory.child("store");
    ASSERT_TRUE(fs.remove_all(path).ok());
    ASSERT_TRUE(fs.create_directories(path).ok());
    ASSERT_TRUE(
        (*fs.open(path + kFile, base::OpenMode::Create))->write_at(0, base::as_bytes(damaged(good, random))).ok());
    auto store = open_lmdb_store(path);
    if (!store.ok()) {
      EXPECT_EQ(store.error().code, Code::Corruption) << store.error().to_string();
      ++refused;
      continue;
    }
    // Damage to bytes that nothing reaches, or to the last commit: an older one shows, whole, with its seqno.
    if ((*store)->seqno() == SeqNo{60}) {
      EXPECT_EQ(content_of(**store), model) << "damage " << i;
    }
    Content after = content_of(**store);
    base::Random writes(1);
    for (std::uint64_t seqno = 61; seqno <= 62; ++seqno) commit_batch(**store, after, writes, seqno, 4000);
    EXPECT_EQ(content_of(**store), after);
  }
  EXPECT_GT(refused, 150);
}

// LMDB counts pages that a transaction allocated and gave back again; when they were the last, it never wrote them.
TEST(LmdbFile, MayEndBeforePagesThatWereNeverWritten) {
  constexpr std::uint64_t kLastPageAt = 136;  // of a meta page
  base::FileSystem& fs = base::posix_file_system();
  TemporaryDirectory directory;
  const std::string path = directory.child("store");
  base::Random random(9);
  Content model;
  {
    const auto store = *open_lmdb_store(path);
    for (std::uint64_t seqno = 1; seqno <= 5; ++seqno) commit_batch(*store, model, random, seqno, 200);
  }
  const std::uint64_t pages = check_lmdb_file(fs, path + kFile)->pages;
  const auto counted_more = [&](std::uint64_t more) {
    const auto file = *fs.open(path + kFile, base::OpenMode::ReadWrite);
    const std::uint64_t page_bytes = check_lmdb_file(fs, path + kFile)->page_bytes;
    for (const std::uint64_t meta : {0, 1}) {
      const std::uint64_t last_page = pages - 1 + more;
      const auto* bytes = reinterpret_cast<const std::byte*>(&last_page);
      ASSERT_TRUE(file->write_at(meta * page_bytes + kLastPageAt, {bytes, sizeof last_page}).ok());
    }
  };
  counted_more(3);
  EXPECT_EQ(check_lmdb_file(fs, path + kFile)->pages, pages + 3);
  EXPECT_EQ(content_of(**open_lmdb_store(path)), model);
  counted_more(std::uint64_t{1} << 40);
  EXPECT_EQ(check_lmdb_file(fs, path + kFile).error().code, Code::Corruption);
}

/// LMDB's own data has a version, in each of its two first pages; what we keep in it has another.
TEST(LmdbFile, OfANewerFormatIsRefusedNamingBothBeforeAnyWrite) {
  Content model;
  TemporaryDirectory directory;
  const std::string sample = sample_file(directory.child("sample"), model);
  std::string newer_data = sample;
  for (const std::size_t page : {0U, 4096U}) newer_data[page + 16 + 4] = 9;
  const auto format_entry = [](std::uint32_t format) {
    return seal_value(kLmdbFormatKey, {reinterpret_cast<const char*>(&format), sizeof format});
  };
  std::string newer_store = sample;
  const std::string ours = format_entry(kLmdbStoreFormat);
  for (std::size_t at = newer_store.find(ours); at != std::string::npos; at = newer_store.find(ours, at + 1)) {
    newer_store.replace(at, ours.size(), format_entry(9));
  }
  ASSERT_NE(newer_store, sample) << "a store says its format";
  base::FileSystem& fs = base::posix_file_system();
  for (const std::string& newer : {newer_data, newer_store}) {
    const std::string path = directory.child(newer == newer_data ? "data" : "store");
    ASSERT_TRUE(fs.create_directories(path).ok());
    ASSERT_TRUE(base::write_file_atomically(fs, path + kFile, newer).ok());
    const auto store = open_lmdb_store(path);
    ASSERT_FALSE(store.ok());
    EXPECT_EQ(store.error().code, Code::FailedPrecondition) << store.error().to_string();
    for (const std::string& part : {path + kFile, std::string("9 is newer"), std::string("format 1")}) {
      EXPECT_NE(store.error().message.find(part), std::string::npos) << store.error().message;
    }
    EXPECT_EQ(fs.list(path).value(), std::vector<std::string>{"data.mdb"});
    EXPECT_TRUE(base::read_file(fs, path + kFile).value() == newer);
  }
}

TEST(LmdbFile, IsOnlyRead) {
  TemporaryDirectory directory;
  Content model;
  base::MemoryFileSystem fs;
  ASSERT_TRUE(fs.create_directories("/s").ok());
  ASSERT_TRUE(base::write_file_atomically(fs, "/s/data.mdb", sample_file(directory.child("sample"), model)).ok());
  const std::uint64_t before = fs.operations();
  const auto summary = check_lmdb_file(fs, "/s/data.mdb");
  ASSERT_TRUE(summary.ok()) << summary.error().to_string();
  EXPECT_EQ(summary->values, model.size());
  EXPECT_EQ(fs.operations(), before);
}

}  // namespace
}  // namespace tidal::storage
