// The ledger materializer: whose ledger counts what, the conformance rules M1 to M3, and the digest's sensitivity.
#include "signal/global_mat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "schema/catalog.h"
#include "signal/ledger_image.h"
#include "signal/signal_record.h"

namespace tidal::signal {
namespace {

class NumberedKeys final : public materializer::KeyNames {
 public:
  [[nodiscard]] std::string_view key_of(EntityKind kind, Ordinal ordinal) const override {
    std::string& key = keys_[{kind, ordinal}];
    key = std::string(kind_name(kind)) + std::to_string(to_index(ordinal));
    return key;
  }

 private:
  mutable std::map<std::pair<EntityKind, Ordinal>, std::string> keys_;
};

class CollectingSink final : public materializer::DigestSink {
 public:
  void add(std::string_view key, std::string_view value) override {
    EXPECT_TRUE(pairs.try_emplace(std::string(key), value).second) << "the key " << key << " came twice";
  }
  std::map<std::string, std::string> pairs;
};

/// A view with the ledgers it writes.
struct View {
  LedgerSet ledgers;
  NumberedKeys keys;
  GlobalSignalMaterializer mat{ledgers, keys};

  [[nodiscard]] std::map<std::string, std::string> digest() const {
    CollectingSink sink;
    mat.digest(sink);
    return sink.pairs;
  }
  [[nodiscard]] std::string image() {
    std::string out;
    EXPECT_TRUE(mat.checkpoint()->write_to(out).ok());
    return out;
  }
};

/// Events with the bytes they point to.
class EventLog {
 public:
  void schema(std::vector<SignalDef> signals) {
    signals_.insert(signals_.end(), signals.begin(), signals.end());
    schema::SchemaChange change;
    change.signals = std::move(signals);
    add(wal::RecordType::SchemaChange, EntityKind::Item, {}, Timestamp{}, schema::encode_change(change));
  }
  struct Ids {
    std::uint16_t signal;
    Ordinal subject;
    Ordinal creator = Ordinal::None;
    Ordinal user = Ordinal::None;
  };
  void signal(Ids ids, Timestamp at, double weight = 1.0, std::optional<double> value = {}) {
    const SignalDef& def = signals_[ids.signal];
    std::string payload;
    encode_payload({def.name, weight, value}, payload);
    add(wal::RecordType::Signal, def.target,
        {.subject = ids.subject,
         .user = ids.user,
         .creator = ids.creator,
         .signal = ids.signal,
         .has_value = value.has_value(),
         .weight = weight,
         .value = value.value_or(0.0)},
        at, payload);
  }
  void remove(EntityKind kind, Ordinal subject) {
    add(wal::RecordType::DeleteEntity, kind, {.subject = subject}, Timestamp{}, "");
  }
  void make_last_void() { events_.back().ids.is_void = true; }

  [[nodiscard]] std::size_t size() const { return events_.size(); }
  void play(View& view, std::size_t from, std::size_t to) const {
    for (std::size_t i = from; i < to; ++i) {
      wal::WalEvent event = events_[i];
      event.record.payload = payloads_[i];
      view.mat.apply(event);
    }
  }
  void play(View& view) const { play(view, 0, size()); }

 private:
  void add(wal::RecordType type, EntityKind kind, wal::EventIds ids, Timestamp at, std::string payload) {
    wal::WalEvent event;
    event.seqno = SeqNo{events_.size() + 1};
    event.record.type = type;
    event.record.subject_kind = kind;
    event.record.event_time = at;
    event.ids = ids;
    events_.push_back(event);
    payloads_.push_back(std::move(payload));
  }
  std::vector<SignalDef> signals_;
  std::vector<wal::WalEvent> events_;
  std::vector<std::string> payloads_;
};

constexpr Timestamp kNoon{days(20'000).us + hours(12).us};

std::vector<SignalDef> definitions() {
  SignalDef view;
  view.name = "view";
  view.decay = {Decay::Kind::Exponential, days(7)};
  view.windows = {Window::Hour, Window::Day};
  view.roles = static_cast<std::uint16_t>(Role::View);
  view.scopes = static_cast<std::uint8_t>(Scope::Global) | static_cast<std::uint8_t>(Scope::User);
  SignalDef completion;
  completion.name = "completion";
  completion.decay = {Decay::Kind::Linear, days(2)};
  completion.windows = {Window::Month};
  completion.has_value = true;
  SignalDef follow;
  follow.name = "follow";
  follow.target = EntityKind::Creator;
  follow.windows = {Window::Week};
  return {view, completion, follow};
}

double count(const Ledger& ledger, std::uint16_t signal, Ordinal o) {
  double out = 0;
  const std::array<Ordinal, 1> who = {o};
  ledger.counts({.signal = signal, .window = Window::All, .now = kNoon}, who, std::span(&out, 1));
  return out;
}

TEST(GlobalMaterializer, AnEventWithoutItsValueIsNoPartOfTheMean) {
  View view;
  EventLog log;
  log.schema(definitions());
  log.signal({.signal = 1, .subject = to_ordinal(3)}, kNoon, 2, 0.5);
  log.signal({.signal = 1, .subject = to_ordinal(3)}, kNoon, 7);
  log.signal({.signal = 1, .subject = to_ordinal(3)}, kNoon, 6, 1.0);
  log.signal({.signal = 1, .subject = to_ordinal(4)}, kNoon, 1);
  log.play(view);
  const std::array<Ordinal, 2> who = {to_ordinal(3), to_ordinal(4)};
  for (const Window window : {Window::Month, Window::All}) {
    const WindowQuery query{.signal = 1, .window = window, .now = kNoon};
    std::array<double, 2> out{};
    view.ledgers.items.means(query, who, out);
    EXPECT_DOUBLE_EQ(out[0], 7.0 / 8) << window_name(window);
    EXPECT_EQ(out[1], 0.0) << window_name(window);
    view.ledgers.items.sums(query, who, out);
    EXPECT_DOUBLE_EQ(out[0], 7.0);
    view.ledgers.items.counts(query, who, out);
    EXPECT_EQ(out[0], 3.0);
  }
  double score = 0;
  view.ledgers.items.decay_scores(1, kNoon, std::span(who).first(1), std::span(&score, 1));
  EXPECT_NEAR(score, 15, 0.1) << "decay adds the weight of every event";
}

EventLog random_log(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto pick = [&](std::uint32_t n) { return to_ordinal(static_cast<std::uint32_t>(random() % n)); };
  EventLog log;
  log.schema(definitions());
  Timestamp now = kNoon;
  const std::size_t events = 20 + random() % 60;
  for (std::size_t i = 0; i < events; ++i) {
    now = now + Duration{static_cast<std::int64_t>(random() % hours(9).us)};
    const auto signal = static_cast<std::uint16_t>(random() % 3);
    const Timestamp at = random() % 4 == 0 ? now - hours(60) : now;
    if (random() % 12 == 0) {
      log.remove(static_cast<EntityKind>(random() % 3), pick(4));
    } else if (signal == 2) {
      log.signal({2, pick(3), Ordinal::None, pick(5)}, at);
    } else {
      const Ordinal user = random() % 5 == 0 ? Ordinal::None : pick(5);
      log.signal({signal, pick(6), pick(3), user}, at, static_cast<double>(random() % 9) / 4,
                 signal == 1 ? std::optional(0.25 * static_cast<double>(random() % 5)) : std::nullopt);
    }
    if (random() % 15 == 0) log.make_last_void();
  }
  return log;
}

TEST(GlobalSignals, CountForTheItemItsCreatorAndTheUser) {  // G1
  EventLog log;
  log.schema(definitions());
  log.signal({0, Ordinal{7}, Ordinal{2}, Ordinal{5}}, kNoon);
  log.signal({1, Ordinal{7}, Ordinal{2}, Ordinal{5}}, kNoon, 1.0, 0.5);
  log.signal({0, Ordinal{7}, Ordinal::None, Ordinal::None}, kNoon);
  View view;
  log.play(view);
  EXPECT_EQ(count(view.ledgers.items, 0, Ordinal{7}), 2);
  EXPECT_EQ(count(view.ledgers.creators, 0, Ordinal{2}), 1);
  EXPECT_EQ(count(view.ledgers.users, 0, Ordinal{5}), 1);
  EXPECT_EQ(count(view.ledgers.items, 1, Ordinal{7}), 1);
  EXPECT_EQ(count(view.ledgers.creators, 1, Ordinal{2}), 1);
  EXPECT_EQ(count(view.ledgers.users, 1, Ordinal{5}), 0) << "its scope does not include the user";
}

TEST(GlobalSignals, OnACreatorCountForTheCreatorOnly) {  // G1
  EventLog log;
  log.schema(definitions());
  log.signal({2, Ordinal{4}, Ordinal::None, Ordinal{5}}, kNoon);
  View view;
  log.play(view);
  EXPECT_EQ(count(view.ledgers.creators, 2, Ordinal{4}), 1);
  EXPECT_EQ(count(view.ledgers.items, 2, Ordinal{4}), 0);
  EXPECT_EQ(count(view.ledgers.users, 2, Ordinal{5}), 0);
}

TEST(GlobalSignals, DeletionClearsTheEntityAndLeavesItsCreatorItsTotals) {  // G2
  EventLog log;
  log.schema(definitions());
  log.signal({0, Ordinal{7}, Ordinal{2}, Ordinal{5}}, kNoon);
  log.remove(EntityKind::Item, Ordinal{7});
  log.signal({0, Ordinal{7}, Ordinal{3}, Ordinal{5}}, kNoon);
  View view;
  log.play(view);
  EXPECT_EQ(count(view.ledgers.items, 0, Ordinal{7}), 1) << "only what came after the deletion";
  EXPECT_EQ(count(view.ledgers.creators, 0, Ordinal{2}), 1);
  EXPECT_EQ(count(view.ledgers.creators, 0, Ordinal{3}), 1);
  EXPECT_EQ(count(view.ledgers.users, 0, Ordinal{5}), 2);
}

TEST(GlobalSignals, ErasureTakesTheUsersOwnLedgerOnly) {
  EventLog log;
  log.schema(definitions());
  log.signal({0, Ordinal{7}, Ordinal{2}, Ordinal{5}}, kNoon);
  View view;
  log.play(view);
  view.mat.erase_user(Ordinal{5});
  EXPECT_EQ(count(view.ledgers.users, 0, Ordinal{5}), 0);
  EXPECT_EQ(count(view.ledgers.items, 0, Ordinal{7}), 1);
}

TEST(GlobalSignals, DefaultColumnsSettleWithTheClock) {
  EventLog log;
  log.schema(definitions());
  log.signal({0, Ordinal{7}, Ordinal{2}, Ordinal{5}}, kNoon);
  View view;
  log.play(view);
  view.mat.settle(kNoon + hours(3));
  EXPECT_TRUE(view.ledgers.items.has_settled_column(0, Window::Day, kNoon + hours(3)));
  EXPECT_FALSE(view.ledgers.items.has_settled_column(0, Window::Day, kNoon + hours(4)));
  EXPECT_FALSE(view.ledgers.items.has_settled_column(1, Window::Month, kNoon + hours(3))) << "no sort reads it";
  std::vector<float> cells(8);
  ASSERT_TRUE(view.ledgers.items.scan_column(0, Window::Day, kNoon + hours(3), 0, cells));
  EXPECT_EQ(cells[7], 1.0F);
}

TEST(GlobalConformance, TwiceIsOnce) {  // M2
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const EventLog log = random_log(seed);
    View once;
    View twice;
    log.play(once);
    log.play(twice, 0, log.size() / 2);
    log.play(twice, 0, log.size() / 2);
    log.play(twice);
    log.play(twice);
    ASSERT_EQ(once.digest(), twice.digest()) << seed;
  }
}

TEST(GlobalConformance, CheckpointAndReplayEqualLive) {  // M3
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const EventLog log = random_log(seed);
    for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, log.size() / 3, log.size() / 2, log.size()}) {
      View live;
      log.play(live, 0, cut);
      const std::string image = live.image();
      const std::unique_ptr<materializer::CheckpointImage> captured = live.mat.checkpoint();
      log.play(live, cut, log.size());
      std::string late;
      ASSERT_TRUE(captured->write_to(late).ok());
      ASSERT_TRUE(late == image) << "an image must not see what came after its capture";
      View restored;
      log.play(restored);  // to be thrown away
      ASSERT_TRUE(restored.mat.restore(image, SeqNo{cut}).ok());
      log.play(restored);
      ASSERT_EQ(live.digest(), restored.digest()) << seed << " cut at " << cut;
      ASSERT_TRUE(live.image() == restored.image()) << seed << " cut at " << cut;
    }
  }
}

TEST(GlobalConformance, ReplayFromZeroEqualsLive) {  // M1
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const EventLog log = random_log(seed);
    View live;
    View again;
    log.play(live);
    live.mat.settle(kNoon + days(400));
    log.play(again);
    again.mat.reset();
    EXPECT_TRUE(again.digest().empty());
    log.play(again);
    ASSERT_EQ(live.digest(), again.digest());
  }
}

TEST(GlobalConformance, DamagedImagesAreCorruptionAndLeaveTheViewReset) {  // I2
  const EventLog log = random_log(4);
  View live;
  log.play(live);
  const std::string image = live.image();
  std::mt19937_64 random(9);
  std::size_t refused = 0;
  for (int i = 0; i < 6'000; ++i) {
    std::string damaged = image;
    if (i % 3 == 0) {
      damaged.resize(random() % image.size());
    } else {
      for (std::uint64_t n = 1 + random() % 3; n > 0; --n)
        damaged[random() % image.size()] = static_cast<char>(random());
    }
    View view;
    const Status status = view.mat.restore(damaged, SeqNo{log.size()});
    if (status.ok()) continue;  // a damaged number can still be a possible one; the file's checksum is for that
    ++refused;
    EXPECT_EQ(status.error().code, Code::Corruption);
    EXPECT_TRUE(view.digest().empty());
    EXPECT_EQ(view.mat.applied(), SeqNo{});
  }
  EXPECT_GT(refused, 2'000U);
  View view;
  EXPECT_EQ(view.mat.restore(image + "x", SeqNo{1}).error().code, Code::Corruption);
}

/// Every single field of a pair, changed a little.
std::vector<std::function<bool(PairState&)>> mutations() {
  std::vector<std::function<bool(PairState&)>> all = {
      [](PairState& p) { return ++p.newest_us, true; },
      [](PairState& p) { return ++p.count, true; },
      [](PairState& p) { return p.score = std::nextafter(p.score, 1e9), true; },
      [](PairState& p) { return p.weight_sum = std::nextafter(p.weight_sum, 1e9), true; },
      [](PairState& p) { return p.value_sum = std::nextafter(p.value_sum, 1e9), true; },
      [](PairState& p) { return p.entity = to_ordinal(to_index(p.entity) + 100), true; }};
  for (std::size_t r = 0; r < kRings; ++r) {
    const auto on_ring = [r](auto change) {
      return [r, change](PairState& p) {
        if (p.rings[r].empty()) return false;
        change(p.rings[r]);
        return true;
      };
    };
    all.emplace_back(on_ring([](std::vector<RingEntry>& ring) { --ring.front().bucket; }));
    all.emplace_back(on_ring([](std::vector<RingEntry>& ring) { ++ring.back().count; }));
    all.emplace_back(on_ring([](std::vector<RingEntry>& ring) { ring.erase(ring.begin()); }));
    all.emplace_back(on_ring([](std::vector<RingEntry>& ring) { ring.front().weight += 0.5; }));
    all.emplace_back(on_ring([](std::vector<RingEntry>& ring) { ring.front().value += 0.5; }));
  }
  return all;
}

TEST(GlobalDigest, ChangesWithEveryField) {
  const EventLog log = random_log(11);
  View live;
  log.play(live);
  std::size_t changed = 0;
  for (const EntityKind kind : {EntityKind::Item, EntityKind::User, EntityKind::Creator}) {
    for_each_pair(live.ledgers.of(kind), [&](SignalIndex, const PairState& pair) {
      const std::string before = canonical_bytes(pair);
      for (const auto& mutate : mutations()) {
        PairState other = pair;
        if (!mutate(other)) continue;
        ++changed;
        if (other.entity == pair.entity) {
          EXPECT_NE(canonical_bytes(other), before);
        }
      }
    });
  }
  EXPECT_GT(changed, 200U);
}

TEST(GlobalDigest, NamesEntitySignalKindAndNewestEvent) {
  const auto digest_of = [](EventLog::Ids ids, Timestamp newest) {
    EventLog log;
    log.schema(definitions());
    log.signal(ids, kNoon);
    log.signal({0, Ordinal{50}}, newest);
    log.remove(EntityKind::Item, Ordinal{50});
    View view;
    log.play(view);
    return view.digest();
  };
  const auto base = digest_of({0, Ordinal{1}}, kNoon);
  EXPECT_EQ(base.size(), 2U);
  EXPECT_NE(base, digest_of({0, Ordinal{2}}, kNoon)) << "another entity";
  EXPECT_NE(base, digest_of({1, Ordinal{1}}, kNoon)) << "another signal";
  EXPECT_NE(base, digest_of({0, Ordinal{1}, Ordinal{1}}, kNoon)) << "a creator's ledger too";
  EXPECT_NE(base, digest_of({0, Ordinal{1}}, kNoon + seconds(1))) << "the newest event, though its item is gone";
}

TEST(GlobalDigest, LeavesColumnsOut) {  // K3
  const EventLog log = random_log(3);
  View view;
  log.play(view);
  const auto before = view.digest();
  const std::string image = view.image();
  view.mat.settle(kNoon + days(900));
  view.ledgers.items.add_column(1, Window::Month, kNoon);
  EXPECT_EQ(view.digest(), before);
  EXPECT_TRUE(view.image() == image);
}

}  // namespace
}  // namespace tidal::signal
