// Which signals are one event, and how far back that is known: beside a plain list of everything ever written.
#include "db/duplicate_window.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/bloom_filter.h"
#include "base/random.h"
#include "db/event_id.h"
#include "db/import_marks.h"
#include "materializer/registry.h"
#include "signal/signal_record.h"

namespace tidal::db {
namespace {

constexpr Timestamp kStart{1'700'000'400'000'000};  // a span begins here: a multiple of 10 minutes
static_assert(kStart.us % DuplicateWindow::kSpan.us == 0);

struct SignalText {
  std::string kind = "like";
  std::string item = "i1";
  std::string user = "u1";
  Timestamp at = kStart;
  bool time_given = true;
  std::string key = "";
};

wal::EventId id_of(const SignalText& text) {
  std::string payload;
  signal::encode_payload({.name = text.kind, .weight = 1.0, .value = {}}, payload);
  wal::Record record{.flags = text.time_given ? wal::kFlagTimeGiven : std::uint8_t{0},
                     .event_time = text.at,
                     .subject_key = text.item,
                     .user_key = text.user,
                     .payload = payload,
                     .extensions = {}};
  if (!text.key.empty()) {
    record.extensions.push_back({.tag = static_cast<std::uint8_t>(wal::Tag::IdempotencyKey), .bytes = text.key});
  }
  return event_id_of(record);
}

TEST(EventId, IsOfTheKeyWhenThereIsOne) {
  EXPECT_EQ(id_of({.key = "k"}), id_of({.kind = "view", .item = "i2", .user = "", .time_given = false, .key = "k"}));
  EXPECT_NE(id_of({.key = "k"}), id_of({.key = "k2"}));
  EXPECT_NE(id_of({.key = "k"}), id_of({}));
}

TEST(EventId, IsOfWhoDidWhatInWhichSecond) {
  EXPECT_FALSE(id_of({}).is_none());
  EXPECT_EQ(id_of({}), id_of({.at = kStart + milliseconds(999)}));
  EXPECT_NE(id_of({}), id_of({.at = kStart + seconds(1)}));
  EXPECT_NE(id_of({}), id_of({.kind = "view"}));
  EXPECT_NE(id_of({}), id_of({.item = "i2"}));
  EXPECT_NE(id_of({}), id_of({.user = "u2"}));
  EXPECT_NE(id_of({.item = "ab", .user = "c"}), id_of({.item = "a", .user = "bc"}));
  EXPECT_NE(id_of({.at = Timestamp{-1}}), id_of({.at = Timestamp{1}})) << "the second before 1970 is another one";
}

TEST(EventId, IsNoneWithoutUserOrTimeOfTheCallers) {  // I2
  EXPECT_TRUE(id_of({.user = ""}).is_none());
  EXPECT_TRUE(id_of({.time_given = false}).is_none());
  wal::Record put;
  put.type = wal::RecordType::PutEntity;
  put.flags = wal::kFlagTimeGiven;
  put.user_key = "u";
  EXPECT_TRUE(event_id_of(put).is_none());
}

class Window {
 public:
  explicit Window(std::size_t ids_max = 64, std::size_t bloom_members = 64) : view(ids_max, bloom_members) {}
  void append(const wal::EventId& id, Timestamp at, bool is_void = false) {
    wal::WalEvent event;
    event.seqno = SeqNo{++last};
    event.append_time = at;
    event.ids.is_void = is_void;
    event.record.event_id = id;
    view.apply(event);
  }
  [[nodiscard]] std::string digest() const { return materializer::digest_of(view).hex; }
  DuplicateWindow view;
  std::uint64_t last = 0;
};

/// Of every eight ids a filter of one line tells only one from another.
wal::EventId number(std::uint64_t n) {
  return {.low = n * 0x9E3779B97F4A7C15U + 1, .high = (n % 8) * 0xC2B2AE3D27D4EB4FU};
}

TEST(DuplicateWindow, RemembersForOneToTwoSpans) {
  Window window;
  window.append(number(1), kStart + minutes(9));
  EXPECT_EQ(window.view.first_of(number(1), kStart + minutes(9)), SeqNo{1});
  EXPECT_EQ(window.view.first_of(number(1), kStart + minutes(19)), SeqNo{1});
  EXPECT_EQ(window.view.first_of(number(1), kStart + minutes(20)), SeqNo{}) << "two spans later it is forgotten";
  EXPECT_EQ(window.view.first_of(number(2), kStart + minutes(9)), SeqNo{});
  window.append({}, kStart + minutes(12));
  EXPECT_TRUE(window.view.holds(number(1)));
  window.append({}, kStart + minutes(20), true);  // a void record, too, tells how late it is
  EXPECT_FALSE(window.view.holds(number(1)));
}

TEST(DuplicateWindow, IgnoresVoidRecords) {
  Window window;
  window.append(number(1), kStart, true);
  EXPECT_EQ(window.view.first_of(number(1), kStart), SeqNo{});
}

TEST(DuplicateWindow, AnswersTheFirstOfSeveral) {
  Window window;
  window.append(number(1), kStart);
  window.append(number(1), kStart);
  window.append(number(1), kStart + minutes(11));
  EXPECT_EQ(window.view.first_of(number(1), kStart + minutes(11)), SeqNo{1});
}

TEST(DuplicateWindow, ABatchIsAnsweredAsItsIdsOneByOne) {
  // Two generations that share every third id, and a batch longer than what is looked for at once.
  Window window;
  for (std::uint64_t n = 1; n <= 60; ++n) window.append(number(n), kStart);
  for (std::uint64_t n = 1; n <= 60; n += 3) window.append(number(n), kStart + minutes(10));
  for (std::uint64_t n = 61; n <= 80; ++n) window.append(number(n), kStart + minutes(10));
  std::vector<wal::EventId> ids;
  for (std::uint64_t n = 100; n > 0; --n) ids.insert(ids.end(), {number(n), wal::EventId{}, number(n)});
  for (const Timestamp now : {kStart + minutes(10), kStart + minutes(20), kStart + minutes(30)}) {
    std::vector<SeqNo> first(ids.size(), SeqNo{99});
    window.view.find_first(ids, now, first);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      EXPECT_EQ(first[i], ids[i].is_none() ? SeqNo{} : window.view.first_of(ids[i], now)) << i;
    }
    EXPECT_EQ(first[3 * 60], now < kStart + minutes(20) ? SeqNo{40} : now < kStart + minutes(30) ? SeqNo{74} : SeqNo{});
  }
}

TEST(DuplicateWindow, EndsAGenerationEarlyWhenItIsFull) {
  Window window(4);
  for (std::uint64_t n = 1; n <= 9; ++n) window.append(number(n), kStart);
  EXPECT_FALSE(window.view.holds(number(4))) << "two generations later";
  for (std::uint64_t n = 5; n <= 9; ++n) EXPECT_EQ(window.view.first_of(number(n), kStart), SeqNo{n});
}

// U2. The filter looks at the low half for the place and at 54 bits of the high one.
TEST(DuplicateWindow, AForcedFalsePositiveOfTheFilterIsNoDuplicate) {
  Window window;
  const wal::EventId there{.low = 7, .high = 0x0123456789ABCDEF};
  const wal::EventId other{.low = 7, .high = there.high ^ (std::uint64_t{1} << 60)};
  base::BloomFilter filter(64);
  filter.add(there.low, there.high);
  ASSERT_TRUE(filter.may_hold(other.low, other.high)) << "no false positive was forced";
  window.append(there, kStart);
  EXPECT_EQ(window.view.first_of(other, kStart), SeqNo{});
  EXPECT_EQ(window.view.false_positives(), 1U);
  window.append(other, kStart);
  EXPECT_EQ(window.view.first_of(other, kStart), SeqNo{2}) << "it was added all the same";
  EXPECT_EQ(window.view.first_of(there, kStart), SeqNo{1});
}

/// Everything ever written, and the rules by the letter.
class Model {
 public:
  explicit Model(std::size_t ids_max) : ids_max_(ids_max) {}
  void append(const wal::EventId& id, Timestamp at, bool is_void) {
    ++last_;
    const std::int64_t span = at.us / DuplicateWindow::kSpan.us;
    if (span > span_) {
      span_ = span;
      generations_.push_back({span_, {}});
    }
    if (id.is_none() || is_void) return;
    if (generations_.back().first.size() >= ids_max_) generations_.push_back({span_, {}});
    generations_.back().first.try_emplace({id.low, id.high}, last_);
  }
  [[nodiscard]] std::uint64_t first_of(const wal::EventId& id, Timestamp now) const {
    const std::int64_t oldest = std::max(span_, now.us / DuplicateWindow::kSpan.us) - 1;
    const std::size_t n = generations_.size();
    for (std::size_t i = n < 2 ? 0 : n - 2; i < n; ++i) {
      const auto found = generations_[i].first.find({id.low, id.high});
      if (generations_[i].span >= oldest && found != generations_[i].first.end()) return found->second;
    }
    return 0;
  }

 private:
  struct Generation {
    std::int64_t span;
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> first;
  };
  const std::size_t ids_max_;
  std::vector<Generation> generations_;
  std::int64_t span_ = 0;
  std::uint64_t last_ = 0;
};

struct Appended {
  wal::EventId id;
  Timestamp at;
  bool is_void = false;
};

std::vector<Appended> random_records(base::Random& random) {
  std::vector<Appended> records(200);
  Timestamp now = kStart;
  for (Appended& record : records) {
    constexpr Duration kSteps[] = {seconds(0), seconds(1), minutes(2), minutes(10), minutes(25)};
    const std::uint64_t step = random.below(40);
    now = now + kSteps[step < 3 ? 4 - step : step % 2];
    record = {.id = random.below(5) == 0 ? wal::EventId{} : number(random.below(60)),
              .at = now,
              .is_void = random.below(10) == 0};
  }
  return records;
}

TEST(DuplicateWindow, AnswersLikeAListOfEverythingWritten) {
  std::uint64_t false_positives = 0;
  std::uint64_t found = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::Random random(seed);
    Window window(20, 1);  // a filter of one line: most of what it passes is not there
    Model model(20);
    for (const Appended& record : random_records(random)) {
      window.append(record.id, record.at, record.is_void);
      model.append(record.id, record.at, record.is_void);
      const wal::EventId asked = number(random.below(70));
      const Timestamp now = record.at + minutes(static_cast<std::int64_t>(random.below(25)));
      const std::uint64_t expected = model.first_of(asked, now);
      ASSERT_EQ(window.view.first_of(asked, now).value, expected);
      found += expected != 0 ? 1 : 0;
    }
    false_positives += window.view.false_positives();
  }
  EXPECT_GT(false_positives, 1'000U);
  EXPECT_GT(found, 1'000U);
}

/// Every id, its first seqno, its generation and that one's span count.
TEST(DuplicateWindow, EachOfItsFieldsIsInItsDigest) {
  const auto digest_of_two = [](std::uint64_t first, Timestamp at, std::uint64_t second, Timestamp later) {
    Window window;
    window.append(number(first), at);
    window.append(number(second), later);
    return window.digest();
  };
  const Timestamp in_next_span = kStart + minutes(10);
  const std::string base = digest_of_two(1, kStart, 2, in_next_span);
  EXPECT_EQ(digest_of_two(1, kStart, 2, in_next_span), base);
  EXPECT_NE(digest_of_two(3, kStart, 2, in_next_span), base) << "an id of the older generation";
  EXPECT_NE(digest_of_two(1, kStart, 3, in_next_span), base) << "an id of the newer one";
  EXPECT_NE(digest_of_two(2, kStart, 1, in_next_span), base) << "the seqnos";
  EXPECT_NE(digest_of_two(1, kStart, 2, kStart), base) << "which generation";
  EXPECT_NE(digest_of_two(1, in_next_span, 2, in_next_span + minutes(10)), base) << "the spans";
}

TEST(ImportMarks, EachOfItsFieldsIsInItsDigest) {
  const auto digest_of_mark = [](const std::string& id, std::uint64_t position) {
    const std::string mark = encode_import_mark(id, position);
    wal::WalEvent event;
    event.seqno = SeqNo{1};
    event.record.type = wal::RecordType::ImportMark;
    event.record.extensions.push_back({.tag = static_cast<std::uint8_t>(wal::Tag::ImportMark), .bytes = mark});
    ImportMarks view;
    view.apply(event);
    EXPECT_EQ(view.position(id), position);
    return materializer::digest_of(view).hex;
  };
  const std::string one(kImportIdBytes, 'a');
  EXPECT_EQ(digest_of_mark(one, 7), digest_of_mark(one, 7));
  EXPECT_NE(digest_of_mark(one, 7), digest_of_mark(one, 8));
  EXPECT_NE(digest_of_mark(one, 7), digest_of_mark(std::string(kImportIdBytes, 'b'), 7));
}

TEST(DuplicateWindow, AReplayThatSkipsWhatIsTooOldEndsInTheSameState) {  // U1
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::Random random(seed);
    const std::vector<Appended> records = random_records(random);
    Window whole(20);
    Window skipping(20);
    skipping.view.expect_newest(records.back().at);
    for (const Appended& record : records) {
      whole.append(record.id, record.at, record.is_void);
      skipping.append(record.id, record.at, record.is_void);
    }
    ASSERT_EQ(skipping.digest(), whole.digest());
  }
}

TEST(DuplicateWindow, AnImageHoldsTheMomentItWasTakenAt) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::Random random(seed);
    const std::vector<Appended> records = random_records(random);
    const std::size_t at = random.below(records.size());
    Window live(20);
    for (std::size_t i = 0; i < at; ++i) live.append(records[i].id, records[i].at, records[i].is_void);
    const auto image = live.view.checkpoint();
    for (std::size_t i = at; i < records.size(); ++i) live.append(records[i].id, records[i].at, records[i].is_void);
    std::string bytes;
    ASSERT_TRUE(image->write_to(bytes).ok());
    Window restored(20);
    const Status read = restored.view.restore(bytes, SeqNo{at});
    ASSERT_TRUE(read.ok()) << read.error().to_string();
    restored.last = at;
    for (std::size_t i = at; i < records.size(); ++i) restored.append(records[i].id, records[i].at, records[i].is_void);
    ASSERT_EQ(restored.digest(), live.digest());
  }
}

}  // namespace
}  // namespace tidal::db
