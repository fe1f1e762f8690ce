// User state against a fold over the plain list of events; its view's conformance; readers beside a writer; memory.
#include "signal/user_state.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <tuple>

#include "base/random.h"
#include "materializer/view_conformance.h"
#include "schema/catalog.h"
#include "signal/signal_record.h"
#include "signal/user_state_mat.h"

namespace tidal::signal {
namespace {

constexpr std::uint32_t kUsers = 6;
constexpr std::uint32_t kItems = 12;

/// Small numbers, as ordinals want them.
class Random {
 public:
  explicit Random(std::uint64_t seed) : random_(seed) {}
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_.below(n)); }

 private:
  base::Random random_;
};

EffectDef marks(Mark mark, std::vector<ValueTest> when = {}) {
  EffectDef e;
  e.kind = EffectDef::Kind::Mark;
  e.mark = mark;
  e.when = std::move(when);
  return e;
}

SignalDef signal_def(std::string name, std::vector<EffectDef> effects) {
  SignalDef def;
  def.name = std::move(name);
  def.has_value = true;
  def.effects = std::move(effects);
  return def;
}

/// All signals a history may declare, in this order.
const std::vector<SignalDef>& signal_pool() {
  using Op = ValueTest::Op;
  static const std::vector<SignalDef> pool = [] {
    EffectDef preference;
    preference.kind = EffectDef::Kind::Preference;
    preference.rate = 0.1;
    std::vector<SignalDef> out = {
        signal_def("impression", {preference}),
        signal_def("view", {marks(Mark::Seen)}),
        signal_def("like", {marks(Mark::Liked), marks(Mark::Seen), preference}),
        signal_def("completion",
                   {marks(Mark::Completed, {{Op::Ge, 0.9}}), marks(Mark::InProgress, {{Op::Lt, 0.9}, {Op::Gt, 0.1}})}),
        signal_def("love", {marks(Mark::Liked), marks(Mark::Saved)}),
        signal_def("finish", {marks(Mark::Completed), marks(Mark::InProgress, {{Op::Ne, 1.0}})}),
        signal_def("resume", {marks(Mark::InProgress)}),
        signal_def("follow_up", {marks(Mark::Hidden)}),
    };
    out.back().target = EntityKind::Creator;
    return out;
  }();
  return pool;
}

struct Happened {
  std::uint16_t signal;
  Ordinal user;
  Ordinal item;
  Timestamp at;
  std::uint64_t seqno;
  std::optional<double> value;
};

/// What a history did: the list itself. Everything is folded from it anew.
struct Model {
  std::vector<SignalDef> signals;
  std::vector<Happened> events;              // on items only
  std::map<Ordinal, std::uint64_t> deleted;  // item -> seqno of its last deletion
  std::optional<Timestamp> seen_since;       // set while times of seen are kept
  std::uint64_t seen_since_seqno = 0;

  static bool passes(const EffectDef& e, std::optional<double> value) {
    using Op = ValueTest::Op;
    for (const ValueTest& t : e.when) {
      if (!value) return false;
      const double v = *value;
      const double x = t.threshold;
      if (!(t.op == Op::Eq   ? v == x
            : t.op == Op::Ne ? v != x
            : t.op == Op::Lt ? v < x
            : t.op == Op::Le ? v <= x
            : t.op == Op::Gt ? v > x
                             : v >= x)) {
        return false;
      }
    }
    return true;
  }
  [[nodiscard]] bool sets(const Happened& h, Mark mark) const {
    if (h.user == Ordinal::None) return false;
    const auto& effects = signals[h.signal].effects;
    return std::any_of(effects.begin(), effects.end(), [&](const EffectDef& e) {
      return e.kind == EffectDef::Kind::Mark && e.mark == mark && passes(e, h.value);
    });
  }
  /// The event that decides the mark: the latest by event time, then seqno.
  [[nodiscard]] const Happened* latest(Ordinal user, Ordinal item, Mark mark) const {
    const Happened* best = nullptr;
    for (const Happened& h : events) {
      if (h.user != user || h.item != item || !sets(h, mark)) continue;
      if (best == nullptr || std::tie(h.at, h.seqno) > std::tie(best->at, best->seqno)) best = &h;
    }
    return best;
  }
  [[nodiscard]] bool stands(Ordinal user, Ordinal item, Mark mark) const {
    const Happened* h = latest(user, item, mark);
    if (h == nullptr || mark != Mark::InProgress) return h != nullptr;
    const Happened* completed = latest(user, item, Mark::Completed);
    return completed == nullptr || std::tie(h->at, h->seqno) > std::tie(completed->at, completed->seqno);  // U2
  }
  [[nodiscard]] std::optional<Timestamp> time(Ordinal user, Ordinal item, Mark mark) const {
    if (!stands(user, item, mark)) return std::nullopt;
    if (mark != Mark::Seen) return latest(user, item, mark)->at;
    std::optional<Timestamp> best;
    for (const Happened& h : events) {
      const bool kept = seen_since.has_value() && h.seqno > seen_since_seqno;
      if (kept && h.user == user && h.item == item && sets(h, mark) && (!best || h.at > *best)) best = h.at;
    }
    return best;
  }
  [[nodiscard]] bool stands_since(Ordinal user, Ordinal item, Mark mark, Timestamp not_before) const {
    if (!stands(user, item, mark)) return false;
    if (const auto t = time(user, item, mark)) return *t >= not_before;
    return !seen_since || *seen_since >= not_before;
  }
  [[nodiscard]] double net(std::uint16_t signal, Ordinal item) const {  // U3
    const auto& effects = signals[signal].effects;
    const bool marking = std::any_of(effects.begin(), effects.end(), [](const EffectDef& e) {
      return e.kind == EffectDef::Kind::Mark && e.mark != Mark::Seen;
    });
    std::set<Ordinal> users;
    double others = 0;
    const auto gone = deleted.find(item);
    for (const Happened& h : events) {
      if (h.signal != signal || h.item != item) continue;
      if (!marking || h.user == Ordinal::None) {
        if (gone == deleted.end() || h.seqno > gone->second) ++others;
        continue;
      }
      for (std::size_t m = 1; m < kMarks; ++m) {
        if (sets(h, static_cast<Mark>(m))) users.insert(h.user);
      }
    }
    return static_cast<double>(users.size()) + others;
  }
};

struct Story {
  materializer::History history;
  Model model;

  void declare(const SignalDef& def) {
    schema::SchemaChange change;
    change.signals.push_back(def);
    history.add(wal::RecordType::SchemaChange, Timestamp{}, schema::encode_change(change));
    model.signals.push_back(def);
  }
  void set_seen_expires(Duration expires, Timestamp at) {
    schema::SchemaChange change;
    change.has_settings = true;
    change.settings.seen_expires = expires;
    const auto& event = history.add(wal::RecordType::SchemaChange, at, schema::encode_change(change));
    if (expires.us == 0) {
      model.seen_since.reset();
    } else if (!model.seen_since) {
      model.seen_since = at;
      model.seen_since_seqno = event.seqno.value;
    }
  }
  void signal(std::uint16_t s, Ordinal user, Ordinal subject, Timestamp at, std::optional<double> value) {
    std::string payload;
    encode_payload({model.signals[s].name, 1.0, value}, payload);
    auto& event = history.add(wal::RecordType::Signal, at, payload);
    event.record.subject_kind = model.signals[s].target;
    event.ids = {
        .subject = subject, .user = user, .signal = s, .has_value = value.has_value(), .value = value.value_or(0.0)};
    if (model.signals[s].target == EntityKind::Item) {
      model.events.push_back({s, user, subject, at, event.seqno.value, value});
    }
  }
  void erase(EntityKind kind, Ordinal o) {
    auto& event = history.add(wal::RecordType::DeleteEntity, Timestamp{});
    event.record.subject_kind = kind;
    event.ids.subject = o;
    if (kind == EntityKind::Item) model.deleted[o] = event.seqno.value;
  }
};

Story random_story(std::uint64_t seed, int steps) {
  Random random(seed);
  Story story;
  story.declare(signal_pool()[0]);
  for (int i = 0; i < steps; ++i) {
    const std::uint32_t what = random.below(100);
    // Few distinct times, so that ties and late events are common.
    const Timestamp at{static_cast<std::int64_t>(random.below(8)) - 2};
    if (what < 10 && story.model.signals.size() < signal_pool().size()) {
      story.declare(signal_pool()[story.model.signals.size()]);
    } else if (what < 13) {
      story.set_seen_expires(Duration{static_cast<std::int64_t>(random.below(3))}, at);
    } else if (what < 18) {
      story.erase(static_cast<EntityKind>(random.below(3)), to_ordinal(random.below(kItems)));
    } else {
      const auto s = static_cast<std::uint16_t>(random.below(static_cast<std::uint32_t>(story.model.signals.size())));
      const Ordinal user = random.below(6) == 0 ? Ordinal::None : to_ordinal(random.below(kUsers));
      const std::optional<double> value =
          random.below(5) == 0 ? std::nullopt : std::optional<double>(random.below(13) * 0.1);
      story.signal(s, user, to_ordinal(random.below(kItems)), at, value);
    }
  }
  return story;
}

class World final : public materializer::ViewWorld {
 public:
  materializer::Materializer& view() override { return mat_; }
  void apply_before(const wal::WalEvent& event) override { catalog_.apply(event); }
  UserState state;

 private:
  schema::Catalog catalog_;
  materializer::NumberedKeys keys_{kUsers + kItems};
  UserStateMaterializer mat_{state, {catalog_, keys_}};
};

template <class Test>
index::Bitmap where(Test test) {
  index::Bitmap out;
  for (std::uint32_t i = 0; i < kItems; ++i) {
    if (test(to_ordinal(i))) out.add(to_ordinal(i));
  }
  return out;
}

void expect_marks(const UserState& state, const Model& model, Ordinal user, Mark mark) {
  RC_ASSERT(state.marked(user, mark) == where([&](Ordinal i) { return model.stands(user, i, mark); }));
  for (std::int64_t t = -3; t < 8; ++t) {
    RC_ASSERT(state.marked_since(user, mark, Timestamp{t}) ==
              where([&](Ordinal i) { return model.stands_since(user, i, mark, Timestamp{t}); }));
  }
  const std::vector<Ordinal> items = index::Bitmap::range(kItems).to_vector();
  std::vector<double> times(items.size());
  state.times_of(user, mark, items, -99, times);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto time = model.time(user, items[i], mark);
    RC_ASSERT(times[i] == (time ? static_cast<double>(time->us) : -99));
  }
}

RC_GTEST_PROP(UserState, EqualsAFoldOverTheEvents, (std::uint64_t seed)) {  // U1 to U4
  const Story story = random_story(seed, *rc::gen::inRange(0, 250));
  World world;
  for (const auto& event : story.history.events()) world.apply(event);
  for (std::uint32_t u = 0; u < kUsers; ++u) {
    const Ordinal user = to_ordinal(u);
    for (std::size_t m = 0; m < kMarks; ++m) expect_marks(world.state, story.model, user, static_cast<Mark>(m));
    for (std::uint32_t i = 0; i < kItems; ++i) {
      const Ordinal item = to_ordinal(i);
      const bool stands = story.model.stands(user, item, Mark::InProgress);
      const double expected =
          stands ? std::clamp(story.model.latest(user, item, Mark::InProgress)->value.value_or(0), 0.0, 1.0) : 0;
      RC_ASSERT(world.state.progress(user, item) == expected);
    }
  }
  const std::vector<Ordinal> items = index::Bitmap::range(kItems).to_vector();
  std::vector<double> net(items.size());
  for (std::uint16_t s = 0; s < story.model.signals.size(); ++s) {
    if (story.model.signals[s].target != EntityKind::Item) continue;
    world.state.net(s, items, net);
    for (std::size_t i = 0; i < items.size(); ++i) RC_ASSERT(net[i] == story.model.net(s, items[i]));
  }
}

RC_GTEST_PROP(UserStateView, Conforms, (std::uint64_t seed)) {
  const Story story = random_story(seed, *rc::gen::inRange(0, 150));
  RC_ASSERT(materializer::check_view([] { return std::make_unique<World>(); }, story.history) == "");
}

// The state without a user is the state of the history without that user's events.
RC_GTEST_PROP(UserStateView, ErasingAUserLeavesNoTrace, (std::uint64_t seed)) {
  const Story story = random_story(seed, 150);
  World erased;
  for (const auto& event : story.history.events()) erased.apply(event);
  erased.view().erase_user(to_ordinal(2));
  World never;
  for (wal::WalEvent event : story.history.events()) {
    // Events of signals that mark nothing count without their user as well, so those stay.
    if (event.record.type == wal::RecordType::Signal && event.ids.user == to_ordinal(2)) {
      const bool counted = event.ids.signal <= 1;  // impression, view
      if (!counted) continue;
      event.ids.user = Ordinal::None;
    }
    never.apply(event);
  }
  RC_ASSERT(erased.digest() == never.digest());
}

TEST(UserState, LikingTwiceCountsOnceAndTwoSignalsMayShareAMark) {
  UserState state;
  const SignalDef& like = signal_pool()[2];
  const SignalDef& love = signal_pool()[4];
  const Ordinal item = to_ordinal(3);
  const auto net = [&](std::uint16_t s) {
    double out = -1;
    state.net(s, {&item, 1}, {&out, 1});
    return out;
  };
  state.record({2, to_ordinal(1), item, Timestamp{10}, {}}, like);
  state.record({2, to_ordinal(1), item, Timestamp{20}, {}}, like);
  state.record({4, to_ordinal(1), item, Timestamp{5}, {}}, love);
  state.record({2, Ordinal::None, item, Timestamp{1}, {}}, like);
  EXPECT_EQ(net(2), 2.0);
  EXPECT_EQ(net(4), 1.0);
  EXPECT_EQ(state.marked(to_ordinal(1), Mark::Liked).cardinality(), 1U);
  state.clear_item(item);  // U4
  EXPECT_EQ(net(2), 1.0);
  EXPECT_TRUE(state.marked(to_ordinal(1), Mark::Liked).contains(item));
  state.erase_user(to_ordinal(1));
  EXPECT_EQ(net(2), 0.0);
  EXPECT_TRUE(state.marked(to_ordinal(1), Mark::Liked).empty());
}

TEST(UserStateView, DigestSeesEveryKindOfChange) {
  World world;
  Story story;
  for (const SignalDef& def : signal_pool()) story.declare(def);
  for (const auto& event : story.history.events()) world.apply(event);
  std::set<std::string> digests{world.digest()};
  const auto expect_new = [&](const char* what) {
    EXPECT_TRUE(digests.insert(world.digest()).second) << what << " does not reach the digest";
  };
  const auto record = [&](std::uint16_t s, Ordinal user, std::int64_t at, std::optional<double> value) {
    world.state.record({s, user, to_ordinal(1), Timestamp{at}, value}, signal_pool()[s]);
  };
  record(0, Ordinal::None, 1, {});
  expect_new("an event without a mark");
  record(1, to_ordinal(1), 1, {});
  expect_new("seen");
  record(2, to_ordinal(1), 1, {});
  expect_new("a mark");
  record(2, to_ordinal(1), 2, {});
  expect_new("a mark's time");
  record(4, to_ordinal(1), 2, {});
  expect_new("another signal behind the same mark");
  record(3, to_ordinal(1), 2, 0.5);
  expect_new("being in progress");
  record(3, to_ordinal(1), 2, 0.6);
  expect_new("the progress");
  record(3, to_ordinal(1), 2, 0.95);
  expect_new("completion");
  world.state.keep_seen_times(true, Timestamp{3});
  expect_new("keeping times of seen");
  record(1, to_ordinal(1), 4, {});
  expect_new("a time of seen");
  record(2, Ordinal::None, 1, {});
  expect_new("a like without user");
}

// One user with 5,000 seen items among a million and one with 60, as at the 99th and the 50th percentile.
TEST(UserState, TakesAFewBytesAMark) {
  UserState state;
  const SignalDef& view = signal_pool()[1];
  const SignalDef& like = signal_pool()[2];
  Random random(1);
  const auto bytes_for = [&](std::uint32_t first_user, std::uint32_t users, std::uint32_t items) {
    const std::size_t before = state.memory_bytes();
    for (std::uint32_t u = 0; u < users; ++u) {
      for (std::uint32_t i = 0; i < items; ++i) {
        const Ordinal item = to_ordinal(random.below(1'000'000));
        const bool liked = i % 12 == 11;
        state.record({static_cast<std::uint16_t>(liked ? 2 : 1),
                      to_ordinal(first_user + u),
                      item,
                      Timestamp{1'700'000'000'000'000},
                      {}},
                     liked ? like : view);
      }
    }
    return static_cast<double>(state.memory_bytes() - before) / users / items;
  };
  state.record({1, to_ordinal(4095), to_ordinal(999'999), Timestamp{}, {}}, view);  // room for users and counts
  state.record({2, to_ordinal(4095), to_ordinal(999'999), Timestamp{}, {}}, like);
  const double median = bytes_for(0, 2000, 60);
  const double heavy = bytes_for(3000, 20, 5000);
  RecordProperty("bytes_a_mark_median", std::to_string(median));
  RecordProperty("bytes_a_mark_heavy", std::to_string(heavy));
  std::printf("bytes a mark: %.1f at 60 items a user, %.1f at 5000\n", median, heavy);
  EXPECT_LT(median, 10.0);
  EXPECT_LT(heavy, 8.0);
}

// Readers hold that what the writer never takes back stays, and that times only rise.
TEST(UserState, ReadersSeeMarksOnlyGrow) {
  UserState state;
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::vector<std::jthread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&] {
      const Ordinal user = to_ordinal(0);
      const Ordinal item = to_ordinal(7);
      std::uint64_t seen = 0;
      std::uint64_t liked = 0;
      double time = 0;
      double net = 0;
      while (!done.load(std::memory_order_relaxed)) {
        const std::uint64_t seen_now = state.marked(user, Mark::Seen).cardinality();
        const std::uint64_t liked_now = state.marked_since(user, Mark::Liked, Timestamp{0}).cardinality();
        double time_now = 0;
        state.times_of(user, Mark::Liked, {&item, 1}, 0, {&time_now, 1});
        double net_now = 0;
        state.net(2, {&item, 1}, {&net_now, 1});
        if (seen_now < seen || liked_now < liked || time_now < time || net_now < net) wrong.fetch_add(1);
        const double progress = state.progress(user, item);
        if (progress < 0 || progress > 1 || state.memory_bytes() == 0) wrong.fetch_add(1);
        seen = seen_now;
        liked = liked_now;
        time = time_now;
        net = net_now;
      }
    });
  }
  for (std::uint32_t i = 0; i < 6000; ++i) {
    const Timestamp at{i + 1};
    state.record({1, to_ordinal(0), to_ordinal(i), at, {}}, signal_pool()[1]);
    state.record({2, to_ordinal(0), to_ordinal(i % 300), at, {}}, signal_pool()[2]);
    state.record({2, to_ordinal(i % 50), to_ordinal(7), at, {}}, signal_pool()[2]);
    state.record({3, to_ordinal(0), to_ordinal(7), at, (i % 10) * 0.1}, signal_pool()[3]);
  }
  done = true;
  readers.clear();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_EQ(state.marked(to_ordinal(0), Mark::Seen).cardinality(), 6000U);
}

TEST(UserState, ACaptureIsWrittenWhileTheStateMovesOn) {
  UserState state;
  const auto write = [&](std::uint32_t from, std::uint32_t to) {
    for (std::uint32_t i = from; i < to; ++i) {
      const Ordinal user = to_ordinal(i % 7);
      const Ordinal item = to_ordinal(i * 31 % 400);
      state.record({2, user, item, Timestamp{i}, {}}, signal_pool()[2]);
      state.record({3, user, item, Timestamp{i}, (i % 10) * 0.1}, signal_pool()[3]);
      state.record({1, Ordinal::None, item, Timestamp{i}, {}}, signal_pool()[1]);
    }
  };
  write(0, 3000);
  for (std::uint32_t round = 1; round < 5; ++round) {
    const auto capture = state.capture();
    const std::string at_once = capture->encode();
    std::string later;
    {
      const std::jthread background([&] { later = capture->encode(); });
      write(round * 3000, (round + 1) * 3000);
      state.erase_user(to_ordinal(round));
      if (round == 3) state.clear();
    }
    EXPECT_EQ(later, at_once);
    EXPECT_EQ(capture->encode(), at_once);
  }
}

}  // namespace
}  // namespace tidal::signal
