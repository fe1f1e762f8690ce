// A retry counts once: on every way to write, across reopening, in batches, and while the first one is on its way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/memory_file_system.h"
#include "base/random.h"
#include "db/core.h"
#include "db/forget.h"
#include "storage/temporary_directory_for_test.h"
#include "tidal/tidal.h"

namespace tidal {
namespace {

constexpr std::string_view kSchema = R"(
  BEGIN; DEFINE SIGNAL like ROLE positive WINDOWS 24h EFFECTS mark liked; DEFINE SIGNAL view;
  PUT item @a {}; PUT item @b {}; COMMIT)";
constexpr Timestamp kAt{1'795'348'800'000'000};

Database opened() {
  Database db =
      Database::open_in_memory({.clock = {ClockSource::Kind::Fixed, kAt}, .log_level = LogLevel::Off}).value();
  EXPECT_TRUE(db.execute(kSchema).ok());
  return db;
}

Signal like(std::string item, std::string user, std::optional<Timestamp> at, std::string key = "") {
  return {
      .kind = "like", .item = std::move(item), .user = std::move(user), .at = at, .idempotency_key = std::move(key)};
}

std::uint64_t likes(Database& db, const std::string& item) {
  const auto replies = db.execute("GET item @" + item + " WITH signals(like.count(all))");
  EXPECT_TRUE(replies.ok()) << replies.error().to_string();
  return replies.ok() ? static_cast<std::uint64_t>(std::get<EntityReply>(replies->front()).signals.front().second) : 0;
}

TEST(Duplicate, IsAnsweredWithTheFirstSeqnoAndWrittenNowhere) {
  Database db = opened();
  const WriteReply first = db.signal(like("a", "u1", {}, "k1")).value();
  const WriteReply again = db.signal(like("b", "u2", kAt - hours(2), "k1")).value();
  EXPECT_EQ(first.status, "applied");
  EXPECT_EQ(again.status, "deduplicated");
  EXPECT_EQ(again.seqno, first.seqno);
  EXPECT_EQ(likes(db, "a"), 1U);
  EXPECT_EQ(likes(db, "b"), 0U);
  EXPECT_EQ(db.stats().last_seqno, first.seqno);
}

TEST(Duplicate, NeedsNoKeyWhenUserAndTimeAreGiven) {
  Database db = opened();
  EXPECT_EQ(db.signal(like("a", "u1", kAt))->status, "applied");
  EXPECT_EQ(db.signal(like("a", "u1", kAt + milliseconds(400)))->status, "deduplicated");
  EXPECT_EQ(db.signal(like("a", "u1", kAt + seconds(1)))->status, "applied");
  EXPECT_EQ(db.signal(like("a", "u2", kAt))->status, "applied");
  EXPECT_EQ(db.signal(like("a", "", kAt))->status, "applied") << "anonymous signals are never the same";
  EXPECT_EQ(db.signal(like("a", "", kAt))->status, "applied");
  EXPECT_EQ(db.signal(like("a", "u1", {}))->status, "applied") << "nobody gave a time";
  EXPECT_EQ(db.signal(like("a", "u1", {}))->status, "applied");
  EXPECT_EQ(likes(db, "a"), 7U);
}

TEST(Duplicate, IsFoundInsideABatchAndAcrossBatches) {
  Database db = opened();
  ASSERT_TRUE(db.signal(like("a", "u1", kAt)).ok());
  const std::vector<Signal> batch = {like("b", "u1", kAt), like("a", "u1", kAt),      like("b", "u1", kAt),
                                     like("b", "u2", kAt), like("a", "u9", kAt, "k"), like("b", "u9", kAt, "k")};
  const std::vector<WriteReply> replies = db.signals(batch).value();
  std::vector<std::string> statuses;
  std::vector<std::uint64_t> places;
  for (const WriteReply& reply : replies) {
    statuses.push_back(reply.status);
    places.push_back(reply.seqno.value - replies[0].seqno.value + 1);
  }
  EXPECT_THAT(statuses,
              testing::ElementsAre("applied", "deduplicated", "deduplicated", "applied", "applied", "deduplicated"));
  EXPECT_THAT(places, testing::ElementsAre(1, 0, 1, 2, 3, 3)) << "seqnos have no holes";
  EXPECT_EQ(likes(db, "a"), 2U);
  EXPECT_EQ(likes(db, "b"), 2U);
  EXPECT_EQ(db.signals(batch)->front().status, "deduplicated") << "a batch of which nothing is left";
  EXPECT_EQ(db.write(std::vector<Operation>(batch.begin(), batch.end()), {.keep_duplicates = true})->back().status,
            "applied");
}

TEST(Duplicate, OfAVoidRecordIsNone) {
  Database db = opened();
  EXPECT_EQ(db.signal(like("c", "u1", kAt, "k")).error().code, Code::NotFound);
  ASSERT_TRUE(db.put_item("c", {}).ok());
  EXPECT_EQ(db.signal(like("c", "u1", kAt, "k"))->status, "applied") << "the refused one was never written";
}

TEST(Duplicate, IsSaidInTheLanguageAndByAsyncCalls) {
  Database db = opened();
  ASSERT_TRUE(db.execute("SIGNAL like ON @a BY @u1 KEY \"k\"").ok());
  const auto again = db.execute("SIGNAL like ON @a BY @u1 KEY \"k\"");
  EXPECT_EQ(std::get<WriteReply>(again->front()).status, "deduplicated");
  EXPECT_TRUE(std::get<WriteReply>(again->front()).warnings.empty());
  std::promise<Result<WriteReply>> done;
  ASSERT_TRUE(
      db.signal_async(like("a", "u1", {}, "k"), [&done](Result<WriteReply> r) { done.set_value(std::move(r)); }).ok());
  const Result<WriteReply> reply = done.get_future().get();
  EXPECT_EQ(reply->status, "deduplicated");
  EXPECT_EQ(reply->seqno, std::get<WriteReply>(again->front()).seqno);
}

TEST(Duplicate, IsKnownAfterReopeningWithAndWithoutCheckpoint) {
  for (const bool checkpoint : {false, true}) {
    storage::TemporaryDirectory directory;
    const Options options{.create_if_missing = true, .checkpoint_on_close = checkpoint, .log_level = LogLevel::Off};
    SeqNo first;
    std::string digest;
    {
      Database db = Database::open(directory.child("db"), options).value();
      ASSERT_TRUE(db.execute(kSchema).ok());
      first = db.signal(like("a", "u1", kAt))->seqno;
      digest = db.digest()->all;
    }
    Database db = Database::open(directory.child("db"), options).value();
    EXPECT_EQ(db.digest()->all, digest);
    const WriteReply again = db.signal(like("a", "u1", kAt)).value();
    EXPECT_EQ(again.status, "deduplicated");
    EXPECT_EQ(again.seqno, first);
  }
}

TEST(Duplicate, IsForgottenByAppendTimeEvenWhenTheClockWentBack) {
  base::MemoryFileSystem fs(1);
  base::FixedClock clock(kAt);
  auto core = db::Core::open("/db", {.create_if_missing = true, .log_level = LogLevel::Off},
                             {.fs = fs, .clock = clock, .stores = db::Stores::Files::Plain, .background = false})
                  .value();
  const auto write = [&core](const Operation& operation) {
    db::Preparer preparer = core->preparer();
    auto batch = db::prepare_batch(preparer, std::span(&operation, 1), {}).value();
    EXPECT_TRUE(core->commit(batch).ok());
    return batch.replies.front();
  };
  schema::SchemaChange change;
  change.signals.emplace_back();
  change.signals.back().name = "like";
  db::PreparedBatch schema;
  schema.records.push_back(db::schema_record(change, kAt));
  ASSERT_TRUE(core->commit(schema).ok());
  write(PutOperation{.key = "a"});
  const Signal signal = like("a", "u1", kAt - days(1));
  EXPECT_EQ(write(signal).status, "applied");
  clock.advance(minutes(-300));
  EXPECT_EQ(write(signal).status, "deduplicated");
  clock.set(kAt + minutes(9));
  EXPECT_EQ(write(signal).status, "deduplicated");
  clock.set(kAt + minutes(21));
  EXPECT_EQ(write(signal).status, "applied");
  clock.set(kAt);  // goes back behind what the log has seen: append times stand still
  EXPECT_EQ(write(signal).status, "deduplicated");

  // A compaction after an erasure begins a segment: what is appended next is not older than that.
  ASSERT_TRUE(db::forget_user(*core, "u1").ok());
  clock.set(kAt + minutes(61));
  ASSERT_GT(core->compact()->segments_rewritten, 0U);
  clock.set(kAt + minutes(30));
  EXPECT_EQ(write(signal).status, "applied");
}

/// Every thread sends every event, in its own order: each counts once, and all are told the same seqno.
TEST(Duplicate, CountsOnceHoweverManySendIt) {
  constexpr int kThreads = 8;
  constexpr int kEvents = 400;
  Database db = opened();
  std::vector<std::vector<std::uint64_t>> seqnos(kThreads, std::vector<std::uint64_t>(kEvents));
  std::atomic<int> applied{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      base::Random random(static_cast<std::uint64_t>(t) + 1);
      std::vector<int> order(kEvents);
      for (int i = 0; i < kEvents; ++i) order[static_cast<std::size_t>(i)] = i;
      for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
      for (const int i : order) {
        // In twos, so that a batch is now whole, now half, now nothing.
        const std::vector<Signal> batch = {like("a", "u" + std::to_string(i), kAt),
                                           like("a", "u" + std::to_string((i * 7) % kEvents), kAt)};
        const auto replies = db.signals(batch);
        ASSERT_TRUE(replies.ok()) << replies.error().to_string();
        seqnos[static_cast<std::size_t>(t)][static_cast<std::size_t>(i)] = (*replies)[0].seqno.value;
        // relaxed: read after the threads were joined.
        for (const WriteReply& r : *replies)
          applied.fetch_add(r.status == "applied" ? 1 : 0, std::memory_order_relaxed);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(applied.load(std::memory_order_relaxed), kEvents);
  EXPECT_EQ(likes(db, "a"), static_cast<std::uint64_t>(kEvents));
  for (int t = 1; t < kThreads; ++t) EXPECT_EQ(seqnos[static_cast<std::size_t>(t)], seqnos[0]);
}

}  // namespace
}  // namespace tidal
