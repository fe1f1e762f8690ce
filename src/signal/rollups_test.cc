// Histories against a fold over the plain list of events, whatever was flushed, lost and restored in between.
#include "signal/rollups.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "signal/rollups_world_for_test.h"
#include "storage/temporary_directory_for_test.h"

namespace tidal::signal {
namespace {

using wal::RecordType;

constexpr Ordinal kItem = to_ordinal(1);
constexpr Ordinal kCreator = to_ordinal(2);

SeriesQuery hours_of(Timestamp from, Timestamp to) {
  return {.kind = EntityKind::Item, .entity = kItem, .signal = 0, .step = RollupStep::Hour, .from = from, .to = to};
}

std::uint64_t total(const Rollups& rollups, const SeriesQuery& query) {
  const auto buckets = rollups.series(query);
  EXPECT_TRUE(buckets.ok());
  std::uint64_t sum = 0;
  for (const Bucket& bucket : *buckets) sum += bucket.count;
  return sum;
}

/// Whether series() answers as the cells say, over a random range.
bool agrees(const Rollups& rollups, const Cells& cells, base::Random& random) {
  const auto kind = random.coin() ? EntityKind::Item : EntityKind::Creator;
  const Timestamp from = random_time(random);
  const SeriesQuery query{.kind = kind,
                          .entity = to_ordinal(static_cast<std::uint32_t>(random.below(kOrdinals))),
                          .signal = static_cast<std::uint16_t>(random.below(history_signals().size())),
                          .step = random.coin() ? RollupStep::Hour : RollupStep::Day,
                          .from = from,
                          .to = random.below(8) == 0 ? random_time(random) : from + hours(40)};
  const std::int64_t width = step_us(query.step);
  const auto buckets = rollups.series(query);
  const std::int64_t span = query.to.us - query.from.us;
  if (span < 0 || span > width * kSeriesBucketsMax) return !buckets.ok();
  if (!buckets.ok()) return span > width * (kSeriesBucketsMax - 1);
  std::size_t seen = 0;
  for (const Bucket& b : *buckets) {
    const auto cell = cells.find({kind, query.entity, query.signal, query.step, floor_div(b.start.us, width)});
    const Cell expected = cell == cells.end() ? Cell{} : cell->second;
    if (expected != Cell{b.count, b.weight, b.value_sum}) return false;
    if (b.start.us != floor_div(query.from.us, width) * width + static_cast<std::int64_t>(seen++) * width) return false;
  }
  return buckets->empty() ? span == 0
                          : buckets->back().start < query.to && buckets->back().start.us + width >= query.to.us;
}

TEST(Rollups, CountInTheHourAndTheDayOfTheEvent) {
  CrashableStore store;
  Rollups rollups(store);
  const Timestamp noon = Timestamp{} + days(100) + hours(12);
  const RollupEvent event{.signal = 0, .kind = EntityKind::Item, .entity = kItem, .creator = kCreator, .at = noon};
  const auto at = [&](Timestamp t, double weight, std::optional<double> value) {
    RollupEvent e = event;
    e.at = t;
    e.weight = weight;
    e.value = value;
    return e;
  };
  rollups.record(event, SeqNo{1});
  rollups.record(at(noon + Duration{hours(1).us - 1}, 2.5, 4.0), SeqNo{2});
  rollups.record(at(noon + hours(2), 1, -1.5), SeqNo{3});
  rollups.record(at(noon - hours(13), 3, {}), SeqNo{4});  // late, the day before
  rollups.record(at(Timestamp{-1}, 1, {}), SeqNo{5});     // the last hour before 1970
  for (const bool stored : {false, true}) {
    std::string image;
    if (stored) {
      ASSERT_TRUE(rollups.capture(SeqNo{5})->write(image).ok());
    }
    const auto buckets = rollups.series(hours_of(noon - hours(1), noon + hours(3)));
    ASSERT_TRUE(buckets.ok());
    EXPECT_EQ(*buckets, (std::vector<Bucket>{{noon - hours(1), 0, 0, 0},
                                             {noon, 2, 3.5, 10},
                                             {noon + hours(1), 0, 0, 0},
                                             {noon + hours(2), 1, 1, -1.5}}));
    SeriesQuery query = hours_of(Timestamp{} + days(99), Timestamp{} + days(101));
    query.step = RollupStep::Day;
    query.kind = EntityKind::Creator;
    query.entity = kCreator;
    EXPECT_EQ(*rollups.series(query),
              (std::vector<Bucket>{{Timestamp{} + days(99), 1, 3, 0}, {Timestamp{} + days(100), 3, 4.5, 8.5}}));
    EXPECT_EQ(*rollups.series(hours_of(Timestamp{-1}, Timestamp{1})),
              (std::vector<Bucket>{{Timestamp{} - hours(1), 1, 1, 0}, {Timestamp{}, 0, 0, 0}}));
    EXPECT_EQ(rollups.series(hours_of(noon, noon))->size(), 0U);
  }
  const std::size_t layer_bytes = rollups.memory_bytes();
  rollups.erase(EntityKind::Item, kItem, SeqNo{6});
  EXPECT_EQ(total(rollups, hours_of(noon - days(3), noon + days(1))), 0U);
  SeriesQuery of_creator = hours_of(noon - days(3), noon + days(1));
  of_creator.kind = EntityKind::Creator;
  of_creator.entity = kCreator;
  EXPECT_EQ(total(rollups, of_creator), 4U);  // keeps what the item earned
  rollups.record(event, SeqNo{7});
  EXPECT_EQ(total(rollups, hours_of(noon - days(3), noon + days(1))), 1U);
  EXPECT_GT(rollups.memory_bytes(), layer_bytes);
}

TEST(Rollups, RefuseQueriesThatCannotBeAnswered) {
  CrashableStore store;
  const Rollups rollups(store);
  const Timestamp day0 = Timestamp{} + days(20'000);
  EXPECT_EQ(rollups.series(hours_of(day0, day0 + hours(kSeriesBucketsMax)))->size(), std::size_t{kSeriesBucketsMax});
  const auto code = [&](const SeriesQuery& query) { return rollups.series(query).error().code; };
  EXPECT_EQ(code(hours_of(day0, day0 + hours(kSeriesBucketsMax) + Duration{1})), Code::InvalidArgument);
  EXPECT_EQ(code(hours_of(day0, day0 - Duration{1})), Code::InvalidArgument);
  EXPECT_EQ(code(hours_of(Timestamp{INT64_MIN}, Timestamp{INT64_MIN + 1})), Code::InvalidArgument);
  EXPECT_EQ(code(hours_of(Timestamp{INT64_MAX - 1}, Timestamp{INT64_MAX})), Code::InvalidArgument);
  SeriesQuery of_user = hours_of(day0, day0 + hours(1));
  of_user.kind = EntityKind::User;
  EXPECT_EQ(code(of_user), Code::InvalidArgument);
  // The first and the last day of the calendar.
  EXPECT_EQ(to_string(rollups.series(hours_of(Timestamp{-62'167'219'200'000'000}, Timestamp{-62'167'219'199'999'999}))
                          ->front()
                          .start),
            "0000-01-01T00:00:00Z");
  EXPECT_EQ(to_string(rollups.series(hours_of(Timestamp{253'402'300'799'999'999}, Timestamp{253'402'300'800'000'000}))
                          ->front()
                          .start),
            "9999-12-31T23:00:00Z");
}

TEST(Rollups, TakeTimesThatNoCalendarHas) {
  CrashableStore store;
  Rollups rollups(store);
  for (const std::int64_t at : {INT64_MIN, INT64_MAX}) {
    rollups.record({.entity = kItem, .at = Timestamp{at}}, SeqNo{1});
  }
  const Cells cells = told_by(rollups);
  EXPECT_EQ(cells.size(), 4U);
  std::string image;
  ASSERT_TRUE(rollups.capture(SeqNo{1})->write(image).ok());
  EXPECT_EQ(told_by(rollups), cells);
}

/// One run of a history: a directory that survives crashes, and the process over it.
class Survival {
 public:
  Survival(std::uint64_t seed, const materializer::History& history) : random_(seed), history_(history) { start(); }

  /// "" or what went wrong.
  std::string run() {
    const std::size_t count = history_.events().size();
    while (applied_ < count) {
      world_->view.apply(history_.events()[applied_++]);
      if (std::string wrong = something_happens(); !wrong.empty()) return wrong;
      // Behind the store the view answers for the store's moment.
      const std::size_t moment = std::max<std::size_t>(applied_, store_.seqno().value);
      if (random_.below(6) == 0 && !agrees(world_->rollups, fold(history_, moment), random_)) return "series differs";
    }
    if (told_by(world_->rollups) != fold(history_, count)) return "facts differ from the fold";
    CrashableStore plain_store;
    RollupsWorld plain(plain_store);
    for (const auto& event : history_.events()) plain.view.apply(event);
    return plain.digest() == world_->digest() ? "" : "the digest depends on flushes";
  }

 private:
  std::string something_happens() {
    switch (random_.below(24)) {
      case 0: return checkpoint(true);
      case 1: return checkpoint(false);  // committed and durable, and never named
      case 2:
      case 3: return crash();
      case 4: {  // written at some later time, or never
        late_seqno_ = world_->view.applied();
        late_ = world_->view.checkpoint();
        return "";
      }
      case 5:
      case 6: return write_late();
      case 7: return fails(store_.commit_fails);
      case 8: return fails(store_.flush_fails);  // after the commit
      case 9: return fails(store_.read_fails);
      default: return "";
    }
  }
  std::string checkpoint(bool named) {
    std::string image;
    if (std::string wrong = world_->write_image(image); !wrong.empty()) return wrong;
    if (named) name(image, world_->view.applied());
    return "";
  }
  std::string write_late() {
    if (!late_) return "";
    std::string image;
    const auto capture = std::move(late_);
    if (const Status written = capture->write_to(image); !written.ok()) return written.error().to_string();
    if (late_seqno_ >= image_seqno_) name(image, late_seqno_);
    return "";
  }
  std::string fails(bool& fails) {
    fails = true;
    std::string image;
    static_cast<void>(world_->write_image(image));
    fails = false;
    return "";
  }
  void name(const std::string& image, SeqNo seqno) {
    image_ = image;
    image_seqno_ = seqno;
  }
  std::string crash() {
    if (crashes_++ == 5) return "";
    stop();
    store_.crash(random_.coin());
    return start();
  }
  void stop() {
    late_.reset();
    world_.reset();
  }
  std::string start() {
    if (!image_) static_cast<void>(store_.clear());
    world_ = std::make_unique<RollupsWorld>(store_);
    applied_ = image_seqno_.value;
    if (!image_) return "";
    const Status restored = world_->view.restore(*image_, image_seqno_);
    return restored.ok() ? "" : restored.error().to_string();
  }

  base::Random random_;
  const materializer::History& history_;
  CrashableStore store_;
  std::optional<std::string> image_;
  SeqNo image_seqno_;
  std::unique_ptr<RollupsWorld> world_;
  std::unique_ptr<materializer::CheckpointImage> late_;
  SeqNo late_seqno_;
  std::size_t applied_ = 0;
  int crashes_ = 0;
};

TEST(Rollups, AreTheFoldOfTheLogWhateverWasFlushedAndLost) {  // H1, H2
  for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
    base::Random random(seed);
    materializer::History history;
    for (std::uint64_t i = 10 + random.below(60); i > 0; --i) add_random_event(random, history);
    ASSERT_EQ(Survival(seed + 1'000'000, history).run(), "") << "seed " << seed;
  }
}

TEST(Rollups, AReaderBesideACommitSeesEveryEventOnce) {  // H3
  CrashableStore store;
  Rollups rollups(store);
  const Timestamp at = Timestamp{} + days(5);
  const RollupEvent event{.entity = kItem, .at = at};
  std::uint64_t seqno = 0;
  std::uint64_t expected = 0;
  const SeriesQuery query = hours_of(at, at + hours(1));
  int looks = 0;
  const auto look = [&] {
    ++looks;
    EXPECT_EQ(total(rollups, query), expected);
    std::uint64_t told = 0;
    EXPECT_TRUE(
        rollups.for_each_fact([&](const RollupFact& f) { told += f.step == RollupStep::Hour ? f.sums.count : 0; })
            .ok());
    EXPECT_EQ(told, expected);
  };
  const auto record = [&] {
    rollups.record(event, SeqNo{++seqno});
    ++expected;
  };
  store.before_commit = look;
  store.after_commit = [&] {
    look();
    record();  // the applier goes on
    look();
  };
  for (int round = 0; round < 3; ++round) {
    record();
    const auto first = rollups.capture(SeqNo{seqno});
    record();
    const auto second = rollups.capture(SeqNo{seqno});
    record();
    std::string image;
    ASSERT_TRUE(first->write(image).ok());
    look();
    if (round == 1) {  // the entity goes, between layers
      rollups.erase(EntityKind::Item, kItem, SeqNo{++seqno});
      expected = 0;
      record();
      look();
    }
    ASSERT_TRUE(second->write(image).ok());
    look();
  }
  EXPECT_GT(looks, 20);
  // A whole flush between a reader's look at the layers and at the store.
  store.before_commit = nullptr;
  store.after_commit = nullptr;
  for (const bool erases : {false, true, false}) {
    record();
    if (erases) {
      rollups.erase(EntityKind::Item, kItem, SeqNo{++seqno});
      expected = 0;
      record();
    }
    bool flushed = false;
    store.before_snapshot = [&] {
      if (std::exchange(flushed, true)) return;
      const auto capture = rollups.capture(SeqNo{seqno});
      rollups.record(event, SeqNo{++seqno});  // after the look
      std::string image;
      EXPECT_TRUE(capture->write(image).ok());
    };
    EXPECT_EQ(total(rollups, query), expected++);
    look();
    EXPECT_TRUE(flushed);
  }
}

// A store that is ahead of the checkpoint, and changes after it.
TEST(Rollups, AReaderOverAStoreThatIsAheadSeesWhatCameAfter) {
  CrashableStore store;
  const RollupEvent event{.entity = kItem, .at = Timestamp{}};
  const SeriesQuery query = hours_of(Timestamp{}, Timestamp{} + hours(1));
  std::string image;
  std::string ahead;
  {
    Rollups rollups(store);
    rollups.record(event, SeqNo{1});
    ASSERT_TRUE(rollups.capture(SeqNo{1})->write(image).ok());
    rollups.record(event, SeqNo{2});
    rollups.record(event, SeqNo{3});
    ASSERT_TRUE(rollups.capture(SeqNo{3})->write(ahead).ok());
  }
  Rollups rollups(store);
  ASSERT_TRUE(rollups.restore(image, SeqNo{1}).ok());
  rollups.record(event, SeqNo{2});
  std::string between;
  ASSERT_TRUE(rollups.capture(SeqNo{2})->write(between).ok());
  EXPECT_EQ(store.seqno(), SeqNo{3});
  rollups.record(event, SeqNo{3});
  EXPECT_EQ(total(rollups, query), 3U);
  rollups.record(event, SeqNo{4});
  EXPECT_EQ(total(rollups, query), 4U);
}

TEST(Rollups, WhatIsCommittedIsNotAddedAgainWhenItsFlushFails) {
  CrashableStore store;
  Rollups rollups(store);
  const SeriesQuery query = hours_of(Timestamp{}, Timestamp{} + hours(1));
  rollups.record({.entity = kItem, .at = Timestamp{}}, SeqNo{1});
  const auto capture = rollups.capture(SeqNo{1});
  std::string image;
  store.commit_fails = true;
  EXPECT_EQ(capture->write(image).error().code, Code::IoError);
  store.commit_fails = false;
  store.flush_fails = true;
  EXPECT_EQ(capture->write(image).error().code, Code::IoError);
  EXPECT_EQ(image, "");
  EXPECT_EQ(total(rollups, query), 1U);
  store.flush_fails = false;
  EXPECT_TRUE(capture->write(image).ok());
  rollups.record({.entity = kItem, .at = Timestamp{}}, SeqNo{2});
  EXPECT_TRUE(rollups.capture(SeqNo{2})->write(image).ok());
  EXPECT_EQ(total(rollups, query), 2U);
}

TEST(Rollups, ReadLongSeriesFromTheStore) {
  CrashableStore store;
  Rollups rollups(store);
  // Blocks on both sides of 1970 and of multiples of 256.
  std::vector<std::int64_t> at_days;
  for (std::int64_t day = -600; day <= 3400; day += 37) at_days.push_back(day);
  std::uint64_t seqno = 0;
  for (const std::int64_t day : at_days) {
    rollups.record({.entity = kItem, .at = Timestamp{} + days(day) + hours(23)}, SeqNo{++seqno});
    rollups.record({.entity = to_ordinal(0), .at = Timestamp{} + days(day)}, SeqNo{++seqno});
    rollups.record({.signal = 4, .entity = kItem, .at = Timestamp{} + days(day)}, SeqNo{++seqno});
  }
  std::string image;
  ASSERT_TRUE(rollups.capture(SeqNo{seqno})->write(image).ok());
  for (const RollupStep step : {RollupStep::Hour, RollupStep::Day}) {
    for (const std::int64_t first : {-600, -599, -257, 0, 255, 1000}) {
      SeriesQuery query = hours_of(Timestamp{} + days(first), Timestamp{} + days(3364) + hours(23));
      query.step = step;
      const auto buckets = rollups.series(query);
      ASSERT_TRUE(buckets.ok()) << buckets.error().to_string();
      std::vector<std::int64_t> found;
      for (const Bucket& b : *buckets) {
        if (b.count != 0) found.push_back(floor_div(b.start.us, days(1).us));
      }
      std::vector<std::int64_t> expected;
      const std::int64_t end = step == RollupStep::Day ? 3365 : 3364;  // the hour at the end is not asked for
      std::ranges::copy_if(at_days, std::back_inserter(expected),
                           [&](std::int64_t d) { return d >= first && d < end; });
      EXPECT_EQ(found, expected);
    }
  }
}

TEST(Rollups, AreKeptByRocksDbAndLmdbAsByMemory) {
  materializer::History history;
  base::Random random(11);
  for (int i = 0; i < 2000; ++i) add_random_event(random, history);
  for (const auto backend : {storage::Backend::RocksDb, storage::Backend::Lmdb}) {
    const storage::TemporaryDirectory directory;
    std::string image;
    std::string digest;
    {
      const auto store = *storage::open_store(backend, base::posix_file_system(), directory.child("rollups"));
      RollupsWorld world(*store);
      for (const auto& event : history.events()) {
        world.view.apply(event);
        if (event.seqno.value % 500 != 0) continue;
        ASSERT_EQ(world.write_image(image), "");
      }
      digest = world.digest();
      EXPECT_EQ(told_by(world.rollups), fold(history, history.events().size()));
      for (int i = 0; i < 200; ++i) EXPECT_TRUE(agrees(world.rollups, told_by(world.rollups), random));
    }
    const auto store = *storage::open_store(backend, base::posix_file_system(), directory.child("rollups"));
    RollupsWorld world(*store);
    ASSERT_TRUE(world.view.restore(image, SeqNo{2000}).ok());
    EXPECT_EQ(world.digest(), digest);
  }
}

// An item with a signal in five hours of each of 32 days, weights of 1 and no values; and with both.
TEST(Rollups, TakeFewBytesADay) {
  for (const bool plain : {true, false}) {
    CrashableStore store;
    Rollups rollups(store);
    base::Random random(1);
    std::uint64_t seqno = 0;
    for (std::int64_t hour = 0; hour < 32 * 24; hour += hour % 24 == 4 ? 20 : 1) {
      for (std::uint64_t n = 1 + random.below(20); n > 0; --n) {
        RollupEvent event{.entity = kItem, .at = Timestamp{} + hours(hour)};
        if (!plain) event.weight = random.uniform();
        if (!plain) event.value = random.uniform() * 100;
        rollups.record(event, SeqNo{++seqno});
      }
    }
    std::string image;
    ASSERT_TRUE(rollups.capture(SeqNo{seqno})->write(image).ok());
    std::size_t bytes = 0;
    for (const auto& [key, value] : store.content().map) bytes += key.size() + value.size();
    const double a_day = static_cast<double>(bytes) / 32;
    std::printf("bytes of an entity, signal and day: %.1f %s\n", a_day, plain ? "plain" : "with weights and values");
    EXPECT_LT(a_day, plain ? 30 : 110);
  }
}

}  // namespace
}  // namespace tidal::signal
