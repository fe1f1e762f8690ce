// A view built anew beside the one in service ends in the same state: whatever is written, read, checkpointed,
// cancelled or cut off meanwhile.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/case_stride_for_test.h"
#include "base/epoch.h"
#include "base/memory_file_system.h"
#include "test/core_fixture.h"

namespace tidal::test {
namespace {

constexpr std::string_view kPath = "/db";

class Rebuilt {
 public:
  explicit Rebuilt(std::uint64_t seed, std::string_view settings = "log_bytes:10GiB")
      : fs(seed), history_(seed, kStart) {
    open();
    run(history_schema());
    run("ALTER SETTINGS " + std::string(settings));
  }
  void open() {
    auto opened = open_core(fs, clock, std::string(kPath));
    ASSERT_TRUE(opened.ok()) << opened.error().to_string();
    core = std::move(*opened);
  }
  void run(std::string_view text) { define(*core, text); }
  void write(int steps) {
    for (int i = 0; i < steps; ++i) {
      const Step step = history_.next();
      clock.set(history_.now());
      write_step(*core, step);
    }
  }
  [[nodiscard]] ViewDigests digest() const { return by_view(core->digest().value()); }

  base::MemoryFileSystem fs;
  base::FixedClock clock{kStart};
  std::unique_ptr<db::Core> core;

 private:
  History history_;
};

class Rebuild : public testing::TestWithParam<std::string> {};

TEST_P(Rebuild, EndsInTheSameState) {
  for (std::uint64_t seed = 1; seed <= 10; seed += base::kCaseStride) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rebuilt database(seed);
    database.write(300);
    const auto before = database.digest();
    const Result<RebuildReport> report = database.core->rebuild(GetParam(), {});
    ASSERT_TRUE(report.ok()) << report.error().to_string();
    EXPECT_EQ(report->events, database.core->applied().value);
    EXPECT_EQ(report->seqno, database.core->applied());
    ASSERT_EQ(database.digest(), before);
    database.write(100);  // the new view takes events like the old one
    ASSERT_TRUE(database.core->checkpoint().ok());
    database.write(20);
    const auto later = database.digest();
    database.core.reset();
    database.open();
    EXPECT_NE(database.core->open_report().checkpoint, SeqNo{});
    ASSERT_EQ(database.digest(), later);
    ASSERT_TRUE(database.fs.remove_all(std::string(kPath) + "/checkpoints").ok());
    database.core.reset();
    database.open();
    ASSERT_EQ(database.digest(), later) << "a replay of the log";
  }
}

TEST_P(Rebuild, BeginsAtTheBaseThatTheLogStandsOn) {
  Rebuilt database(3, "log_bytes:128KiB, log_archive:false");
  database.write(2500);
  ASSERT_GT(database.core->compact()->segments_removed, 0U);
  database.write(200);
  const auto before = database.digest();
  const Result<RebuildReport> report = database.core->rebuild(GetParam(), {});
  ASSERT_TRUE(report.ok()) << report.error().to_string();
  EXPECT_LT(report->events, database.core->applied().value);
  ASSERT_EQ(database.digest(), before);
}

TEST_P(Rebuild, ThatIsCancelledLeavesTheOldViewInService) {
  Rebuilt database(4);
  database.write(200);
  const auto before = database.digest();
  int told = 0;
  const Result<RebuildReport> report = database.core->rebuild(GetParam(), [&](const RebuildProgress& progress) {
    EXPECT_EQ(progress.view, GetParam());
    EXPECT_TRUE(database.core->rebuild_progress().has_value());
    ++told;
    return false;
  });
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code, Code::Unavailable);
  EXPECT_EQ(told, 1);
  EXPECT_FALSE(database.core->rebuild_progress().has_value());
  EXPECT_EQ(database.digest(), before);
  database.write(50);
  EXPECT_TRUE(database.core->rebuild(GetParam(), {}).ok());
}

/// Writes that come while the view is being built, more than fit into the last stretch.
TEST_P(Rebuild, TakesWhatIsWrittenMeanwhile) {
  Rebuilt database(5);
  database.write(200);
  const SeqNo begun = database.core->applied();
  int rounds = 0;
  const Result<RebuildReport> report = database.core->rebuild(GetParam(), [&](const RebuildProgress&) {
    if (++rounds <= 3) database.write(200);
    return true;
  });
  ASSERT_TRUE(report.ok()) << report.error().to_string();
  EXPECT_GT(report->seqno, begun);
  const auto after = database.digest();
  database.core.reset();
  database.open();
  EXPECT_EQ(database.digest(), after) << "a replay of the log";
}

TEST_P(Rebuild, CutOffByACrashLeavesNoTrace) {
  Rebuilt database(6);
  database.write(100);
  const auto before = database.digest();
  const Result<RebuildReport> report = database.core->rebuild(GetParam(), [&](const RebuildProgress&) {
    database.fs.crash();  // from here on the files of the running process are dead
    return true;
  });
  database.core.reset();
  database.open();
  EXPECT_EQ(database.digest(), before);
}

TEST_P(Rebuild, RunsUnderWritesReadsAndCheckpoints) {
  Rebuilt database(7, "past_query_tolerance:36500d");  // the clock and the newest event are set one after the other
  database.write(300);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    while (!done.load(std::memory_order_acquire)) database.write(5);  // acquire: pairs with the release below
  });
  std::thread reader([&] {
    while (!done.load(std::memory_order_acquire)) {
      database.run("RETRIEVE items FOR USER @u1 FILTER unseen, category = \"jazz\" SORT BY hot LIMIT 5");
      database.run("SHOW STATS");
      database.run("EXPORT USER @u1");
    }
  });
  std::thread checkpointer([&] {
    while (!done.load(std::memory_order_acquire)) EXPECT_TRUE(database.core->checkpoint().ok());
  });
  for (int i = 0; i < 5; ++i) {
    const Result<RebuildReport> report = database.core->rebuild(GetParam(), {});
    EXPECT_TRUE(report.ok()) << report.error().to_string();
  }
  done.store(true, std::memory_order_release);  // pairs with the acquires above
  writer.join();
  reader.join();
  checkpointer.join();
  const auto after = database.digest();
  database.core.reset();
  ASSERT_TRUE(database.fs.remove_all(std::string(kPath) + "/checkpoints").ok());
  database.open();
  EXPECT_EQ(database.digest(), after);
  EXPECT_EQ(base::reclaim(), 0U) << "replaced views are freed";
}

std::vector<std::string> derived_views() {
  const std::vector<std::string_view> names = db::Views::derived();
  return {names.begin(), names.end()};
}

INSTANTIATE_TEST_SUITE_P(EveryDerivedView, Rebuild, testing::ValuesIn(derived_views()),
                         [](const auto& view) { return view.param; });

TEST(RebuildRefusal, NamesWhatCanBeRebuilt) {
  Rebuilt database(8);
  EXPECT_EQ(database.core->rebuild("entities", {}).error().code, Code::FailedPrecondition);
  const Result<RebuildReport> unknown = database.core->rebuild("ledgr", {});
  EXPECT_EQ(unknown.error().code, Code::InvalidArgument);
  EXPECT_NE(unknown.error().message.find("ledger, user_state"), std::string::npos);
}

}  // namespace
}  // namespace tidal::test
