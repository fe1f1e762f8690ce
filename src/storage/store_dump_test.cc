// A store streamed to a file and back, between all backends, and what damage to the file does.
#include "storage/store_dump.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/memory_file_system.h"
#include "base/random.h"
#include "storage/temporary_directory_for_test.h"

namespace tidal::storage {
namespace {

const std::string kPath = "/dump";
using Content = std::map<std::string, std::string>;

Content content_of(const KeyValueStore& store) {
  Content content;
  EXPECT_TRUE(store
                  .scan({},
                        [&content](std::string_view key, std::string_view value) {
                          content.emplace(key, value);
                          return true;
                        })
                  .ok());
  return content;
}

std::unique_ptr<KeyValueStore> in_memory(base::FileSystem& fs) { return open_store(Backend::Memory, fs, "").value(); }

/// Some hundred pairs of all lengths, 0 and above a piece among them.
void fill(KeyValueStore& store, std::uint64_t seed, SeqNo seqno) {
  base::Random random(seed);
  WriteBatch batch;
  for (int i = 0; i < 300; ++i) {
    std::string key(1 + random.below(kKeyBytesMax), '\0');
    for (char& c : key) c = static_cast<char>(random.next());
    batch.put(std::move(key), std::string(random.below(i == 7 ? 3 << 20 : 300), static_cast<char>(i)));
  }
  ASSERT_TRUE(store.commit(batch, seqno).ok());
}

void dump(base::FileSystem& fs, const KeyValueStore& store, SeqNo seqno) {
  base::FileWriter out = base::FileWriter::create(fs, kPath).value();
  ASSERT_TRUE(write_dump(store, seqno, out).ok());
  ASSERT_TRUE(out.finish().ok());
}

TEST(StoreDump, FillsAnyBackendWithTheSameContent) {
  for (const Backend backend : {Backend::Memory, Backend::Lmdb, Backend::RocksDb}) {
    TemporaryDirectory directory;
    base::MemoryFileSystem fs;
    const auto from = in_memory(fs);
    fill(*from, 1, SeqNo{41});
    dump(fs, *from, SeqNo{41});
    const std::string path = backend == Backend::Memory ? "" : directory.child("store");
    const auto to = open_store(backend, base::posix_file_system(), path).value();
    fill(*to, 2, SeqNo{99});  // what it held before goes
    const Status loaded = load_dump(fs, kPath, SeqNo{41}, *to);
    ASSERT_TRUE(loaded.ok()) << loaded.error().to_string();
    EXPECT_EQ(to->seqno(), SeqNo{41});
    EXPECT_TRUE(content_of(*to) == content_of(*from));
  }
}

TEST(StoreDump, IsOfOneSeqno) {
  base::MemoryFileSystem fs;
  const auto store = in_memory(fs);
  fill(*store, 1, SeqNo{41});
  base::FileWriter out = base::FileWriter::create(fs, kPath).value();
  EXPECT_EQ(write_dump(*store, SeqNo{42}, out).error().code, Code::FailedPrecondition);
  ASSERT_TRUE(write_dump(*store, SeqNo{41}, out).ok());
  ASSERT_TRUE(out.finish().ok());
  const Status wrong = load_dump(fs, kPath, SeqNo{40}, *store);
  EXPECT_EQ(wrong.error().code, Code::Corruption);
  EXPECT_NE(wrong.error().message.find("41"), std::string::npos);
}

TEST(StoreDump, DamageIsCorruptionAndTheStoreIsThenAtNoSeqno) {
  base::MemoryFileSystem fs;
  const auto store = in_memory(fs);
  fill(*store, 1, SeqNo{41});
  dump(fs, *store, SeqNo{41});
  const std::string sound = base::read_file(fs, kPath).value();
  base::Random random(5);
  for (int round = 0; round < 200; ++round) {
    std::string damaged = sound;
    if (round % 2 == 0) {
      damaged.resize(random.below(sound.size()));
    } else {
      damaged.insert(damaged.size(), "x");
    }
    ASSERT_TRUE(base::write_file_atomically(fs, kPath, damaged).ok());
    const Status loaded = load_dump(fs, kPath, SeqNo{41}, *store);
    ASSERT_FALSE(loaded.ok()) << "round " << round;
    EXPECT_EQ(loaded.error().code, Code::Corruption);
    EXPECT_NE(loaded.error().message.find(kPath), std::string::npos);
  }
  for (int round = 0; round < 200; ++round) {  // without the checksum that goes with the file: anything but a crash
    std::string damaged = sound;
    damaged[random.below(std::min<std::size_t>(damaged.size(), 4096))] ^= static_cast<char>(1U << random.below(8));
    ASSERT_TRUE(base::write_file_atomically(fs, kPath, damaged).ok());
    static_cast<void>(load_dump(fs, kPath, SeqNo{41}, *store));
  }
}

TEST(StoreDump, OfANewerFormatIsRefusedNamingBothVersions) {
  base::MemoryFileSystem fs;
  const auto store = in_memory(fs);
  dump(fs, *store, SeqNo{});
  std::string newer = base::read_file(fs, kPath).value();
  newer.replace(8, 8, std::string("\x09\0\0\0\x09\0\0\0", 8));
  ASSERT_TRUE(base::write_file_atomically(fs, kPath, newer).ok());
  const Status loaded = load_dump(fs, kPath, SeqNo{}, *store);
  EXPECT_EQ(loaded.error().code, Code::FailedPrecondition);
  EXPECT_NE(loaded.error().message.find("format 9"), std::string::npos);
  EXPECT_NE(loaded.error().message.find("up to 1"), std::string::npos);
}

}  // namespace
}  // namespace tidal::storage
