// What a store answers when the operating system refuses it something.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file_system.h"
#include "storage/backends.h"
#include "storage/temporary_directory_for_test.h"

namespace tidal::storage {
namespace {

using ::testing::HasSubstr;

/// Lets the process open `count` more files, while it lives.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t count) {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
    const int next = ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ::close(next);
    rlimit few = before_;
    few.rlim_cur = static_cast<rlim_t>(next) + count;
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  }
  ~FewDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

 private:
  rlimit before_{};
};

TEST(LmdbScarcity, OfDescriptorsIsToldApartFromBrokenFiles) {
  TemporaryDirectory directory;
  int refused = 0;
  bool opened = false;
  for (rlim_t count = 1; count <= 8 && !opened; ++count) {
    const FewDescriptors few(count);
    const auto store = open_lmdb_store(directory.child("store"), {});
    opened = store.ok();
    if (opened) continue;
    ++refused;
    EXPECT_EQ(store.error().code, Code::ResourceExhausted) << store.error().to_string();
  }
  EXPECT_TRUE(opened);
  EXPECT_GT(refused, 1) << "the directory, then the lock, then the data";
}

TEST(LmdbScarcity, OfDescriptorsInARewriteLeavesTheStoreInService) {
  TemporaryDirectory directory;
  const auto store = open_lmdb_store(directory.child("store"), {}).value();
  WriteBatch batch;
  batch.put("a", "1");
  ASSERT_TRUE(store->commit(batch, SeqNo{1}).ok());
  {
    const FewDescriptors few(1);
    const Status rewritten = store->rewrite();
    ASSERT_FALSE(rewritten.ok());
    EXPECT_EQ(rewritten.error().code, Code::ResourceExhausted) << rewritten.error().to_string();
  }
  EXPECT_EQ(store->get("a").value(), "1");
  EXPECT_TRUE(store->rewrite().ok());
  EXPECT_EQ(store->get("a").value(), "1");
}

TEST(RocksDbScarcity, OfDescriptorsIsToldApartFromBrokenFiles) {
  TemporaryDirectory directory;
  {
    const auto store = open_rocksdb_store(directory.child("store")).value();
    WriteBatch batch;
    batch.put("a", "1");
    ASSERT_TRUE(store->commit(batch, SeqNo{1}).ok());
  }
  int refused = 0;
  bool opened = false;
  for (rlim_t count = 1; count <= 64 && !opened; ++count) {
    const FewDescriptors few(count);
    const auto store = open_rocksdb_store(directory.child("store"));
    opened = store.ok();
    if (opened) continue;
    ++refused;
    EXPECT_EQ(store.error().code, Code::ResourceExhausted) << store.error().to_string();
  }
  EXPECT_TRUE(opened);
  EXPECT_GT(refused, 1);
  EXPECT_EQ(open_rocksdb_store(directory.child("store")).value()->get("a").value(), "1");
}

TEST(LmdbScarcity, OfAddressesNamesTheMapAndTheLimit) {
  TemporaryDirectory directory;
  // More than any processor of today can address.
  const auto store = open_lmdb_store(directory.child("store"), {.map_bytes = std::size_t{1} << 60});
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.error().code, Code::ResourceExhausted);
  EXPECT_THAT(store.error().message, HasSubstr("with a map of 1099511627776 MiB"));
  EXPECT_THAT(store.error().message, HasSubstr("address space"));
  EXPECT_THAT(store.error().message, HasSubstr("ulimit -v"));
}

}  // namespace
}  // namespace tidal::storage
