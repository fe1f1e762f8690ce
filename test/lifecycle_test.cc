// The ends of a database: calls after it was closed, in a forked child, and closers that meet; and writers that find no
// room.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/memory_file_system.h"
#include "db/batch_write.h"
#include "storage/temporary_directory_for_test.h"
#include "test/core_fixture.h"
#include "tidal/tidal.h"

namespace tidal {
namespace {

Database opened(const std::string& path) {
  Options options;
  options.create_if_missing = true;
  options.log_level = LogLevel::Off;
  Result<Database> db = Database::open(path, options);
  EXPECT_TRUE(db.ok()) << db.error().to_string();
  EXPECT_TRUE(db->execute("DEFINE SIGNAL view EFFECTS mark seen; PUT item @i {}").ok());
  return std::move(*db);
}

/// The code of every call that has a Result.
std::vector<Code> codes_of_all_calls(Database& db) {
  std::vector<Code> codes;
  const auto note = [&codes](const auto& result) {
    codes.push_back(result.ok() ? Code::Internal : result.error().code);
  };
  const Signal signal{.kind = "view", .item = "i", .user = "u"};
  const Operation operation = signal;
  note(db.signal(signal));
  note(db.signals(std::span(&signal, 1)));
  note(db.signal_async(signal, [](const Result<WriteReply>&) {}));
  note(db.put_item("i", {}));
  note(db.put_user("u", {}));
  note(db.put_creator("c", {}));
  note(db.update(EntityKind::Item, "i", {}));
  note(db.remove(EntityKind::Item, "i"));
  note(db.write(std::span(&operation, 1)));
  note(db.retrieve(Retrieve::items()));
  note(db.get(EntityKind::Item, "i"));
  note(db.execute("SHOW STATS"));
  note(db.forget_user("u"));
  note(db.export_user("u"));
  note(db.checkpoint());
  note(db.compact());
  note(db.rebuild("ledger"));
  note(db.backup("/nowhere"));
  note(db.digest());
  return codes;
}

TEST(ClosedDatabase, RefusesEveryCall) {
  const storage::TemporaryDirectory directory;
  Database db = opened(directory.child("db"));
  ASSERT_TRUE(db.close().ok());
  EXPECT_THAT(codes_of_all_calls(db), testing::Each(Code::Unavailable));
  EXPECT_EQ(db.schema_text(), "");
  EXPECT_EQ(db.import_position(std::string(32, 'i')), 0U);
  EXPECT_EQ(db.stats().items, 0U);
  EXPECT_TRUE(db.close().ok()) << "once more is no error";
}

TEST(Deadline, OfACallIsFromZeroToOneDay) {
  Database db = Database::open_in_memory().value();
  ASSERT_TRUE(db.execute("DEFINE SIGNAL view EFFECTS mark seen; PUT item @i {}").ok());
  const Operation operation = Signal{.kind = "view", .item = "i"};
  for (const Duration wrong : {Duration{-1}, days(2)}) {
    const auto refused = db.write(std::span(&operation, 1), {.deadline = wrong});
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::InvalidArgument);
    EXPECT_THAT(refused.error().message, testing::HasSubstr("deadline: expected 0 to 1 day"));
  }
  for (const Duration right : {Duration{0}, days(1)}) {
    EXPECT_TRUE(db.write(std::span(&operation, 1), {.deadline = right}).ok());
  }
}

TEST(ForkedDatabase, BelongsToTheParent) {
  const storage::TemporaryDirectory directory;
  auto db = std::make_unique<Database>(opened(directory.child("db")));
  const pid_t child = fork();
  if (child == 0) {
    const std::vector<Code> codes = codes_of_all_calls(*db);
    const bool refused = std::ranges::all_of(codes, [](Code code) { return code == Code::Unavailable; });
    const bool closed = db->close().ok();
    db.reset();
    _exit(refused && !closed ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_TRUE(db->signal({.kind = "view", .item = "i", .user = "u"}).ok());
  EXPECT_TRUE(db->close().ok());
}

TEST(ClosedDatabase, MayBeClosedBySeveralAtOnceBesideWriters) {
  for (int round = 0; round < 8; ++round) {
    const storage::TemporaryDirectory directory;
    Database db = opened(directory.child("db"));
    constexpr int kThreads = 6;
    std::latch start(kThreads);
    std::vector<std::thread> threads;
    std::atomic<int> acknowledged{0};
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        start.arrive_and_wait();
        if (t % 2 == 0) {
          EXPECT_TRUE(db.close().ok());
          return;
        }
        while (true) {
          const Result<WriteReply> reply = db.signal({.kind = "view", .item = "i"});
          if (!reply.ok()) {
            EXPECT_EQ(reply.error().code, Code::Unavailable) << reply.error().to_string();
            return;
          }
          acknowledged.fetch_add(1, std::memory_order_relaxed);  // read after the joins
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    Database again = opened(directory.child("db"));
    const auto reply = again.execute("GET item @i WITH signals(view.count(all))");
    ASSERT_TRUE(reply.ok());
    EXPECT_EQ(std::get<EntityReply>(reply->front()).signals.at(0).second, acknowledged.load());
  }
}

/// A sync that takes until it is told to end.
struct SlowSync {
  void watch(base::MemoryFileSystem& fs) {
    fs.set_hook([this](const base::FileOperation& operation) {
      if (operation.kind != base::FileOperation::Kind::Sync || !operation.path.starts_with("/db/wal/")) return;
      if (begun_.exchange(true, std::memory_order_acq_rel)) return;  // the first one only
      reached.set_value();
      end.get_future().wait();
    });
  }
  std::promise<void> reached;
  std::promise<void> end;

 private:
  std::atomic<bool> begun_{false};
};

TEST(FullQueue, BlocksUntilTheDeadlineOfTheDatabaseOrTheCall) {
  base::MemoryFileSystem fs;
  SlowSync slow;  // outlives the database, whose files announce to it
  const base::FixedClock clock{test::kStart};
  Options options;
  options.create_if_missing = true;
  options.queue_bytes = 1;  // one batch waits
  options.write_deadline = milliseconds(50);
  options.log_level = LogLevel::Off;
  const auto core = db::Core::open("/db", options,
                                   {.fs = fs, .clock = clock, .stores = db::Stores::Files::Plain, .background = false})
                        .value();
  test::define(*core, "DEFINE SIGNAL view EFFECTS mark seen; PUT item @i {}");
  const auto write = [&core](std::optional<Duration> deadline) {
    const Operation operation = Signal{.kind = "view", .item = "i"};
    const auto replies = db::write_batch(*core, std::span(&operation, 1), {.deadline = deadline});
    return replies.ok() ? Status() : Status(replies.error());
  };
  slow.watch(fs);
  auto leads = std::async(std::launch::async, write, std::nullopt);
  slow.reached.get_future().wait();
  // Behind the leader at its sync another frame is written, then the queue fills up.
  Status refused;
  std::chrono::steady_clock::duration waited{};
  const auto timed = [&](const std::function<Status()>& call) {
    const auto begin = std::chrono::steady_clock::now();
    refused = call();
    waited = std::chrono::steady_clock::now() - begin;
  };
  const auto write_async = [&core] {
    db::Preparer preparer = core->preparer();
    WriteReply reply;
    auto record = preparer.prepare(Signal{.kind = "view", .item = "i"}, reply).value();
    return core->commit_async(std::move(*record), [](const Result<WriteReply>&) {});
  };
  for (int i = 0; i < 100 && refused.ok(); ++i) timed(write_async);
  // Nothing below may leave before the leader was let go. Both waits are least ones: a slow machine waits longer.
  EXPECT_TRUE(!refused.ok() && refused.error().code == Code::Unavailable);
  EXPECT_GE(waited, std::chrono::milliseconds(50)) << "the option's";
  timed([&write] { return write(milliseconds(120)); });
  EXPECT_TRUE(!refused.ok() && refused.error().code == Code::Unavailable);
  EXPECT_GE(waited, std::chrono::milliseconds(120)) << "the call's";
  slow.end.set_value();
  EXPECT_TRUE(leads.get().ok());
  EXPECT_TRUE(core->close().ok());
}

}  // namespace
}  // namespace tidal
