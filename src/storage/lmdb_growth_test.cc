// An LMDB store that outgrows its map, with readers and snapshots about.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/case_stride_for_test.h"
#include "storage/backends.h"
#include "storage/temporary_directory_for_test.h"

namespace tidal::storage {
namespace {

constexpr std::size_t kSmallMapBytes = std::size_t{1} << 18;

std::unique_ptr<KeyValueStore> opened(Result<std::unique_ptr<KeyValueStore>> store) {
  EXPECT_TRUE(store.ok()) << store.error().to_string();
  return std::move(store).value();
}

void put(KeyValueStore& store, const std::string& key, std::string_view value, std::uint64_t seqno) {
  WriteBatch batch;
  batch.put(key, std::string(value));
  ASSERT_TRUE(store.commit(batch, SeqNo{seqno}).ok());
}

TEST(LmdbGrowth, MapDoublesUntilTheBatchFits) {
  TemporaryDirectory directory;
  const auto store = opened(open_lmdb_store(directory.child("store"), {.map_bytes = kSmallMapBytes}));
  const std::string large(4 * kSmallMapBytes, 'x');
  put(*store, "before", "1", 1);
  put(*store, "large", large, 2);
  EXPECT_EQ(store->get("before").value(), "1");
  EXPECT_EQ(store->get("large").value(), large);
  EXPECT_EQ(store->seqno(), SeqNo{2});
}

TEST(LmdbGrowth, AnOpenSnapshotRefusesItAndNothingIsApplied) {
  TemporaryDirectory directory;
  const auto store = opened(open_lmdb_store(directory.child("store"), {.map_bytes = kSmallMapBytes}));
  put(*store, "a", "1", 1);
  WriteBatch batch;
  batch.put("a", "2");
  batch.put("large", std::string(4 * kSmallMapBytes, 'x'));
  {
    const auto snapshot = store->snapshot().value();
    EXPECT_EQ(store->commit(batch, SeqNo{2}).error().code, Code::Unavailable);
    EXPECT_EQ(snapshot->get("a").value(), "1");
    EXPECT_EQ(store->get("a").value(), "1");
    EXPECT_EQ(store->seqno(), SeqNo{1});
  }
  EXPECT_TRUE(store->commit(batch, SeqNo{2}).ok());
}

/// The list of freed pages needs pages itself.
TEST(LmdbGrowth, AStoreThatFillsItsMapCanBeCleared) {
  constexpr auto kStride = static_cast<int>(base::kCaseStride);
  for (int pairs = 0; pairs < 400; pairs += 7 * kStride) {
    SCOPED_TRACE(pairs);
    TemporaryDirectory directory;
    const auto store = opened(open_lmdb_store(directory.child("store"), {.map_bytes = kSmallMapBytes}));
    WriteBatch batch;
    for (int i = 0; i < pairs; ++i) batch.put("key" + std::to_string(i), std::string(1'200, 'x'));
    ASSERT_TRUE(store->commit(batch, SeqNo{1}).ok());
    const Status cleared = store->clear();
    ASSERT_TRUE(cleared.ok()) << cleared.error().to_string();
    EXPECT_EQ(store->seqno(), SeqNo{0});
    EXPECT_EQ(store->get("key0").value(), std::nullopt);
  }
}

TEST(LmdbGrowth, ReadersGoOnWhileTheMapMoves) {
  TemporaryDirectory directory;
  const auto store = opened(open_lmdb_store(directory.child("store"), {.map_bytes = kSmallMapBytes}));
  put(*store, "a", "1", 1);
  std::atomic<bool> stopped{false};
  std::atomic<int> wrong{0};
  const auto read = [&] {
    while (!stopped.load(std::memory_order_relaxed)) {  // relaxed: only a flag
      const auto value = store->get("a");
      if (!value.ok() || *value != "1") ++wrong;
    }
  };
  std::thread first(read);
  std::thread second(read);
  for (std::uint64_t i = 0; i < 40; ++i)
    put(*store, "k" + std::to_string(i), std::string(kSmallMapBytes / 4, 'x'), i + 2);
  stopped.store(true, std::memory_order_relaxed);
  first.join();
  second.join();
  EXPECT_EQ(wrong.load(), 0);
}

}  // namespace
}  // namespace tidal::storage
