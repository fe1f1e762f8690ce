// The contract of KeyValueStore (K1, K2, K3), on every backend; each test runs on a fresh directory.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <filesystem>
#include <map>

#include "base/file_system.h"
#include "storage/kv.h"
#include "storage/temporary_directory_for_test.h"

namespace tidal::storage {
namespace {

using Model = std::map<std::string, std::string>;

std::unique_ptr<KeyValueStore> opened(Backend backend, const std::string& path) {
  auto store = open_store(backend, base::posix_file_system(), path);
  EXPECT_TRUE(store.ok()) << store.error().to_string();
  return std::move(store).value();
}

template <class Readable>
Model contents(const Readable& store, std::string_view prefix = {}) {
  Model found;
  std::string last;
  const Status status = store.scan(prefix, [&](std::string_view key, std::string_view value) {
    EXPECT_LT(last, key) << "K2";
    last = key;
    found.emplace(key, value);
    return true;
  });
  EXPECT_TRUE(status.ok());
  return found;
}

void put(KeyValueStore& store, const std::string& key, const std::string& value, std::uint64_t seqno) {
  WriteBatch batch;
  batch.put(key, value);
  ASSERT_TRUE(store.commit(batch, SeqNo{seqno}).ok());
}

class StoreContract : public testing::TestWithParam<Backend> {
 protected:
  void reopen() {
    store_.reset();
    store_ = opened(GetParam(), path_);
  }
  [[nodiscard]] std::optional<std::string> get(const std::string& key) const {
    auto value = store_->get(key);
    EXPECT_TRUE(value.ok());
    return value.ok() ? *value : std::nullopt;
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.child("store");
  std::unique_ptr<KeyValueStore> store_ = opened(GetParam(), path_);
};

TEST_P(StoreContract, AnswersNothingForAnAbsentKey) {
  EXPECT_EQ(get("absent"), std::nullopt);
  EXPECT_EQ(store_->seqno(), SeqNo{0});
  EXPECT_TRUE(contents(*store_).empty());
}

TEST_P(StoreContract, LaterOperationOfABatchWins) {
  WriteBatch batch;
  batch.put("a", "1");
  batch.put("a", "2");
  batch.put("b", "1");
  batch.erase("b");
  batch.erase("never there");
  ASSERT_TRUE(store_->commit(batch, SeqNo{7}).ok());
  EXPECT_EQ(contents(*store_), (Model{{"a", "2"}}));
  EXPECT_EQ(store_->seqno(), SeqNo{7});
}

TEST_P(StoreContract, KeepsEmptyAndLargeValues) {
  const std::string large(std::size_t{5} << 20, 'x');
  put(*store_, "empty", "", 1);
  put(*store_, "large", large, 2);
  EXPECT_EQ(get("empty"), "");
  EXPECT_EQ(get("large"), large);
}

TEST_P(StoreContract, RefusesKeysOutsideTheLimits) {
  for (const std::string& key : {std::string(), std::string(kKeyBytesMax + 1, 'k')}) {
    WriteBatch batch;
    batch.put("good", "1");
    batch.put(key, "1");
    EXPECT_EQ(store_->commit(batch, SeqNo{1}).error().code, Code::InvalidArgument);
    EXPECT_EQ(store_->get(key).error().code, Code::InvalidArgument);
  }
  EXPECT_EQ(get("good"), std::nullopt);
  put(*store_, std::string(kKeyBytesMax, 'k'), "1", 1);
  EXPECT_EQ(get(std::string(kKeyBytesMax, 'k')), "1");
}

TEST_P(StoreContract, ScansAPrefixInByteOrder) {
  const std::string high("p\xFF\xFF", 3);
  const std::string zero("p\0", 2);
  for (const std::string& key : {high, zero, std::string("p"), std::string("o\xFF"), std::string("q")}) {
    put(*store_, key, "v", 1);
  }
  EXPECT_EQ(contents(*store_, "p"), (Model{{"p", "v"}, {zero, "v"}, {high, "v"}}));
  EXPECT_EQ(contents(*store_, high), (Model{{high, "v"}}));
  int visits = 0;
  EXPECT_TRUE(store_->scan("p", [&](std::string_view, std::string_view) { return ++visits < 2; }).ok());
  EXPECT_EQ(visits, 2);
}

TEST_P(StoreContract, KeepsFlushedBatchesAcrossAReopen) {
  put(*store_, "a", "1", 1);
  put(*store_, "b", "2", 2);
  ASSERT_TRUE(store_->flush().ok());
  reopen();
  EXPECT_EQ(store_->seqno(), SeqNo{2});
  EXPECT_EQ(contents(*store_), (Model{{"a", "1"}, {"b", "2"}}));
  EXPECT_TRUE(store_->verify().ok());
}

TEST_P(StoreContract, SnapshotDoesNotSeeLaterCommits) {
  put(*store_, "a", "old", 1);
  auto snapshot = store_->snapshot();
  ASSERT_TRUE(snapshot.ok());
  put(*store_, "a", "new", 2);
  put(*store_, "b", "new", 3);
  EXPECT_EQ(contents(**snapshot), (Model{{"a", "old"}}));
  EXPECT_EQ((*snapshot)->get("a").value(), "old");
  EXPECT_EQ(contents(*store_), (Model{{"a", "new"}, {"b", "new"}}));
}

TEST_P(StoreContract, ClearRemovesContentAndSeqno) {
  put(*store_, "a", "1", 5);
  put(*store_, std::string(kKeyBytesMax, '\xFF'), "1", 6);
  ASSERT_TRUE(store_->clear().ok());
  EXPECT_EQ(store_->seqno(), SeqNo{0});
  EXPECT_TRUE(contents(*store_).empty());
  reopen();
  EXPECT_EQ(store_->seqno(), SeqNo{0});
  EXPECT_TRUE(contents(*store_).empty());
  put(*store_, "b", "1", 1);
  EXPECT_EQ(contents(*store_), (Model{{"b", "1"}}));
}

/// Every file below the directory, name and content.
std::string bytes_below(const std::string& path) {
  std::string all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    if (!entry.is_regular_file()) continue;
    all += entry.path().string();
    all += base::read_file(base::posix_file_system(), entry.path().string()).value();
  }
  return all;
}

TEST_P(StoreContract, RewriteLeavesNothingOfWhatWasReplacedOrDeleted) {
  const std::string secret = "an-unmistakable-secret-7731";
  for (std::uint64_t i = 1; i <= 300; ++i) {
    const std::string number = std::to_string(i);
    put(*store_, "key" + number, "value " + number + (i % 7 == 0 ? secret : std::string(i * 40, 'x') + secret), i);
  }
  ASSERT_TRUE(store_->flush().ok());
  for (std::uint64_t i = 1; i <= 300; ++i) {
    WriteBatch batch;
    if (i % 3 == 0) {
      batch.erase("key" + std::to_string(i));
    } else {
      batch.put("key" + std::to_string(i), "clean");
    }
    ASSERT_TRUE(store_->commit(batch, SeqNo{300 + i}).ok());
  }
  ASSERT_TRUE(store_->flush().ok());
  const Model before = contents(*store_);
  if (GetParam() == Backend::Lmdb) {
    EXPECT_NE(bytes_below(path_).find(secret), std::string::npos) << "the test can see it";
  }
  ASSERT_TRUE(store_->rewrite().ok());
  EXPECT_EQ(bytes_below(directory_.child("")).find(secret), std::string::npos);
  EXPECT_EQ(contents(*store_), before);
  EXPECT_EQ(store_->seqno(), SeqNo{600});
  put(*store_, "later", "too", 601);
  ASSERT_TRUE(store_->flush().ok());
  ASSERT_TRUE(store_->verify().ok());
  reopen();
  EXPECT_EQ(contents(*store_).size(), before.size() + 1);
  EXPECT_EQ(get("later"), "too");
  EXPECT_EQ(store_->seqno(), SeqNo{601});
}

TEST_P(StoreContract, AgreesWithASortedMap) {
  rc::check([&] {
    ASSERT_TRUE(store_->clear().ok());
    Model model;
    std::uint64_t seqno = 0;
    const auto steps = *rc::gen::inRange(1, 20);
    for (int step = 0; step < steps; ++step) {
      WriteBatch batch;
      const auto operations = *rc::gen::inRange(0, 8);
      for (int i = 0; i < operations; ++i) {
        const std::string key =
            *rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::elementOf(std::string("\0ab\xFF", 4))));
        if (*rc::gen::inRange(0, 4) == 0) {
          batch.erase(key);
          model.erase(key);
        } else {
          const auto value = *rc::gen::arbitrary<std::string>();
          batch.put(key, value);
          model[key] = value;
        }
      }
      ASSERT_TRUE(store_->commit(batch, SeqNo{++seqno}).ok());
      if (*rc::gen::inRange(0, 10) == 0) {
        ASSERT_TRUE(store_->flush().ok());
        reopen();
      }
    }
    RC_ASSERT(contents(*store_) == model);
    RC_ASSERT(store_->seqno() == SeqNo{seqno});
  });
}

INSTANTIATE_TEST_SUITE_P(Backends, StoreContract, testing::Values(Backend::Lmdb, Backend::RocksDb, Backend::Memory),
                         [](const auto& backend) -> std::string {
                           switch (backend.param) {
                             case Backend::Lmdb: return "Lmdb";
                             case Backend::RocksDb: return "RocksDb";
                             case Backend::Memory: return "Memory";
                           }
                           return "";
                         });

}  // namespace
}  // namespace tidal::storage
