// HISTORY OF against the list of what was signalled, whatever became of the files in between.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "db/offline/verification.h"
#include "storage/backends.h"
#include "storage/temporary_directory_for_test.h"
#include "test/statements_fixture.h"

namespace tidal::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Event {
  std::string signal;
  std::string item;
  Timestamp at;
  double weight = 1;
  std::optional<double> value;
};

class Histories : public Statements {
 protected:
  void SetUp() override {
    begin(history_schema());
    for (int i = 0; i < kItems; ++i) {
      ASSERT_EQ(status("PUT item @i" + std::to_string(i) + R"( {"creator":"c)" + std::to_string(i % 3) + "\"}"),
                "created");
    }
  }

  /// Signals up to 40 days old, many of them late, some of them in the same hour.
  void signal_some(int events) {
    for (int i = 0; i < events; ++i) {
      Event event{.signal = random_.below(3) == 0 ? "like" : "view",
                  .item = "i" + std::to_string(random_.below(kItems)),
                  .at = kStart - Duration{static_cast<std::int64_t>(random_.below(40 * 24)) * hours(1).us +
                                          static_cast<std::int64_t>(random_.below(3'600'000'000))},
                  .weight = 1.0 + static_cast<double>(random_.below(4)) / 2,
                  .value = {}};
      if (event.signal == "view" && random_.below(2) == 0) event.value = static_cast<double>(random_.below(100));
      std::string text = "SIGNAL " + event.signal + " ON @" + event.item + " BY @u" + std::to_string(random_.below(9));
      if (event.value) text += " VALUE " + std::to_string(*event.value);
      ASSERT_EQ(status(text + " WEIGHT " + std::to_string(event.weight) + " AT " + to_string(event.at)), "applied");
      events_.push_back(std::move(event));
    }
  }

  RowsReply history(const std::string& text) {
    Result<Reply> reply = run(text);
    EXPECT_TRUE(reply.ok()) << text << ": " << reply.error().to_string();
    return reply.ok() ? std::get<RowsReply>(*reply) : RowsReply{};
  }

  /// Rows of view and like on an item or creator, counted event by event.
  std::vector<std::vector<Value>> counted(const std::string& key, Duration width, std::int64_t buckets,
                                          Timestamp end) const {
    std::vector<std::vector<Value>> rows;
    for (std::int64_t i = buckets; i > 0; --i) {
      const Timestamp start = end - Duration{i * width.us};
      std::vector<Value> row{start};
      for (const std::string signal : {"view", "like"}) {
        std::int64_t count = 0;
        double weight = 0;
        double sum = 0;
        for (const Event& event : events_) {
          const bool is_creators = key.front() == 'c' && (event.item.back() - '0') % 3 == key.back() - '0';
          if (event.signal != signal || (event.item != key && !is_creators)) continue;
          if (event.at < start || event.at >= start + width) continue;
          ++count;
          weight += event.weight;
          sum += event.weight * event.value.value_or(0);  // halves and whole numbers: exact
        }
        row.emplace_back(count);
        row.emplace_back(weight);
        if (signal == "view") row.emplace_back(sum);
      }
      rows.push_back(std::move(row));
    }
    return rows;
  }

  void expect_all(const std::string& when) {
    SCOPED_TRACE(when);
    const Timestamp hour_end{1'700'002'800'000'000};  // 23:00
    const Timestamp day_end{1'700'006'400'000'000};   // midnight
    for (const std::string key : {"i0", "i3", "i6"}) {
      const RowsReply hours_of = history("HISTORY OF view, like ON @" + key + " WINDOW 13d BY hour");
      EXPECT_THAT(hours_of.columns,
                  ElementsAre("start", "view.count", "view.weight", "view.sum", "like.count", "like.weight"));
      EXPECT_EQ(hours_of.rows, counted(key, hours(1), 13 * 24, hour_end)) << key;
      EXPECT_EQ(history("HISTORY OF view, like ON @" + key).rows, counted(key, hours(1), 7 * 24, hour_end));
      EXPECT_EQ(history("HISTORY OF view, like ON item @" + key + " WINDOW 41d").rows,
                counted(key, days(1), 41, day_end));
      EXPECT_EQ(history("HISTORY OF view, like ON @" + key + " UNTIL 2023-11-01T12:30Z WINDOW 90m BY hour").rows,
                counted(key, hours(1), 2, Timestamp{1'698'843'600'000'000}));
    }
    EXPECT_EQ(history("HISTORY OF view, like ON creator @c1 WINDOW 41d BY day").rows,
              counted("c1", days(1), 41, day_end));
  }

  static constexpr int kItems = 7;
  base::Random random_{5};
  std::vector<Event> events_;
};

TEST_F(Histories, AreWhatWasSignalledHourByHour) {
  signal_some(400);
  expect_all("from memory");
  ASSERT_TRUE(core->checkpoint().ok());
  expect_all("from the store");
  signal_some(100);
  expect_all("from both");
}

TEST_F(Histories, OutliveEveryRestart) {
  signal_some(150);
  ASSERT_TRUE(core->checkpoint().ok());
  signal_some(50);
  reopen();
  EXPECT_NE(core->open_report().checkpoint, SeqNo{});
  expect_all("from checkpoint, store and log");
  ASSERT_TRUE(core->checkpoint().ok());
  core.reset();
  ASSERT_TRUE(fs.remove_all("/db/stores/rollups").ok());
  reopen();
  EXPECT_EQ(core->open_report().checkpoint, SeqNo{}) << "a checkpoint without its store is of no use";
  expect_all("from the log");
  signal_some(30);
  ASSERT_TRUE(core->checkpoint().ok());
  core.reset();
  ASSERT_TRUE(fs.remove_all("/db/checkpoints").ok());
  reopen();
  expect_all("from the log, over a store that is ahead of nothing");
}

TEST_F(Histories, ComeOutOfABase) {
  define(*core, "ALTER SETTINGS log_bytes:130KiB");
  for (int round = 0; round < 8; ++round) {
    signal_some(250);
    ASSERT_TRUE(core->compact().ok());
  }
  ASSERT_GT(core->log()->first_seqno(), SeqNo{1}) << "the log must have let its beginning go";
  core.reset();
  ASSERT_TRUE(fs.remove_all("/db/checkpoints").ok());
  ASSERT_TRUE(fs.remove_all("/db/stores").ok());
  reopen();
  EXPECT_NE(core->open_report().base, SeqNo{});
  expect_all("from base and log");
  ASSERT_TRUE(core->rebuild("rollups", {}).ok());
  expect_all("rebuilt from base and log");
}

TEST_F(Histories, AreBuiltAnewAndMoveIntoTheirStore) {
  signal_some(200);
  ASSERT_TRUE(core->checkpoint().ok());
  signal_some(20);
  ASSERT_TRUE(core->rebuild("rollups", {}).ok());
  expect_all("from memory");
  signal_some(20);
  expect_all("and what came since");
  ASSERT_TRUE(core->checkpoint().ok());
  expect_all("from the store again");
  signal_some(20);
  ASSERT_TRUE(core->checkpoint().ok());
  reopen();
  EXPECT_EQ(core->open_report().replayed, 0U);
  expect_all("from the store of a new process");
}

/// RocksDB meets a damaged block only where it reads it, so the database opens, says so, and a rebuild mends it.
TEST_F(Histories, OfADamagedStoreAreBuiltAnew) {
  const storage::TemporaryDirectory directory;
  const std::string path = directory.child("db");
  base::FileSystem& disk = base::posix_file_system();
  const auto open = [&] {
    core.reset();
    core = open_core(disk, clock, path, db::Stores::Files::Production).value();
  };
  open();
  define(*core, history_schema());
  for (int i = 0; i < 400; ++i) {  // so many that the first block holds nothing that an open reads
    const std::string item = "@i" + std::to_string(i);
    ASSERT_EQ(status("PUT item " + item + " {}"), "created");
    ASSERT_EQ(status("SIGNAL like ON " + item), "applied");
  }
  ASSERT_TRUE(core->checkpoint().ok());
  const std::string store = db::store_path(path, db::kStores[1]);
  const auto damage = [&] {
    core.reset();
    ASSERT_TRUE(storage::open_rocksdb_store(store).value()->rewrite().ok());  // into files with blocks
    const std::vector<std::string> names = disk.list(store).value();
    for (const std::string& name : names) {
      // Of the values: a damaged seqno of the store would be met by the open.
      if (!name.ends_with(".sst") || base::read_file(disk, store + "/" + name)->find("values") == std::string::npos) {
        continue;
      }
      const auto file = disk.open(store + "/" + name, base::OpenMode::ReadWrite).value();
      ASSERT_TRUE(file->write_at(0, base::as_bytes("damaged")).ok());
    }
  };
  damage();
  EXPECT_FALSE(db::verify_directory(disk, path)->defects.empty());
  open();
  EXPECT_EQ(core->open_report().notes, std::vector<std::string>{});
  EXPECT_EQ(code("HISTORY OF like ON @i0"), Code::Corruption);
  ASSERT_EQ(status("SIGNAL like ON @i0"), "applied");
  const Result<SeqNo> refused = core->checkpoint();
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().to_string(), HasSubstr("rebuild the view rollups"));
  ASSERT_TRUE(core->rebuild("rollups", {}).ok());
  const auto today = [&] { return history("HISTORY OF like ON @i0 WINDOW 1d BY day").rows.at(0).at(1); };
  EXPECT_EQ(today(), Value(std::int64_t{2}));
  ASSERT_TRUE(core->checkpoint().ok());
  open();
  EXPECT_EQ(core->open_report().replayed, 0U);
  EXPECT_EQ(today(), Value(std::int64_t{2}));
  // Nothing was written since the newest checkpoint: the rebuilt view lasts all the same.
  damage();
  open();
  EXPECT_EQ(code("HISTORY OF like ON @i0"), Code::Corruption);
  ASSERT_TRUE(core->rebuild("rollups", {}).ok());
  ASSERT_TRUE(core->checkpoint().ok());
  open();
  EXPECT_EQ(core->open_report().notes, std::vector<std::string>{});
  EXPECT_EQ(core->open_report().replayed, 0U);
  EXPECT_EQ(today(), Value(std::int64_t{2}));
  core.reset();
  EXPECT_EQ(db::verify_directory(disk, path)->defects, std::vector<std::string>{});
}

TEST_F(Histories, OfAllTimeBeginWithTheFirstEvent) {
  ASSERT_EQ(status("SIGNAL like ON @i1 AT 2021-03-04T05:06Z"), "applied");
  ASSERT_EQ(status("SIGNAL view ON @i1 AT 2021-03-06T00:00Z"), "applied");
  const RowsReply all = history("HISTORY OF view, like ON @i1 WINDOW all UNTIL 2021-03-08T00:00Z");
  ASSERT_EQ(all.rows.size(), 4U);
  EXPECT_EQ(all.rows[0][0], Value(Timestamp{1'614'816'000'000'000}));
  EXPECT_EQ(all.rows[0][4], Value(std::int64_t{1}));
  EXPECT_EQ(all.rows[2][1], Value(std::int64_t{1}));
  EXPECT_EQ(history("HISTORY OF view, like ON @i1 WINDOW all BY hour UNTIL 2021-03-08").rows.size(), 4U * 24U);
  EXPECT_TRUE(history("HISTORY OF like ON @i2 WINDOW all").rows.empty());
  EXPECT_TRUE(history("HISTORY OF like ON @i1 WINDOW all UNTIL 2020-01-01").rows.empty());
}

TEST_F(Histories, CountEdgesOnceAndForgetWhatIsDeleted) {
  ASSERT_EQ(status("RELATE @u1 follows @c1"), "applied");
  ASSERT_EQ(status("RELATE @u1 follows @c1"), "unchanged");
  ASSERT_EQ(status("UNRELATE @u1 follows @c1"), "applied");
  ASSERT_EQ(status("SIGNAL like ON @i1"), "applied");
  const auto today = [this](const std::string& text) { return history(text + " WINDOW 1d BY day").rows.at(0).at(1); };
  EXPECT_EQ(today("HISTORY OF follows ON creator @c1"), Value(std::int64_t{1}));
  ASSERT_EQ(status("DELETE item @i1"), "deleted");
  EXPECT_EQ(code("HISTORY OF like ON @i1"), Code::NotFound);
  ASSERT_EQ(status("PUT item @i1 {}"), "created");
  EXPECT_EQ(today("HISTORY OF like ON @i1"), Value(std::int64_t{0})) << "of its next life";
  EXPECT_EQ(today("HISTORY OF like ON creator @c1"), Value(std::int64_t{1})) << "its creator keeps what it earned";
}

TEST_F(Histories, RefuseWhatTheyDoNotHold) {
  const auto refusal = [this](const std::string& text) {
    const Result<Reply> reply = run(text);
    return reply.ok() ? "answered" : reply.error().to_string();
  };
  EXPECT_EQ(run("HISTORY OF veiw ON @i1").error().detail->nearest, "view");
  EXPECT_THAT(refusal("HISTORY OF view ON @none"), HasSubstr("item 'none' does not exist"));
  EXPECT_THAT(refusal("HISTORY OF view ON user @u1"), HasSubstr("users have no histories"));
  EXPECT_THAT(refusal("HISTORY OF praise ON item @i1"), HasSubstr("is of creators, not of items"));
  EXPECT_THAT(refusal("HISTORY OF view, view ON @i1"), HasSubstr("stands there twice"));
  EXPECT_THAT(refusal("HISTORY OF view ON @i1 BY minute"), HasSubstr("by hour and by day, not by minute"));
  EXPECT_THAT(refusal("HISTORY OF view ON @i1 WINDOW 20000d BY hour"), HasSubstr("expected at most 100000"));
  EXPECT_THAT(refusal("HISTORY OF view ON @i1 WINDOW $w"), HasSubstr("parameter $w has no value"));
  EXPECT_EQ(code("HISTORY OF view ON @i1 COHORT country:DE"), Code::FailedPrecondition);
  EXPECT_EQ(std::get<RowsReply>(run("HISTORY OF view ON $item WINDOW $w UNTIL $t BY hour",
                                    {{"item", "i1"}, {"w", hours(3)}, {"t", kStart}})
                                    .value())
                .rows.size(),
            3U);
}

}  // namespace
}  // namespace tidal::test
