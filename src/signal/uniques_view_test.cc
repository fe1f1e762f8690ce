// The view of distinct users: conformance, digest, erasure, damage, prefetch.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "base/coding.h"
#include "signal/uniques_mat.h"
#include "signal/uniques_model_for_test.h"

namespace tidal::signal {
namespace {

using test::kEntities;
using test::kUsers;
using test::Story;
using test::StoryTeller;

/// Keys of which some users' were forgotten.
class Keys final : public materializer::KeyNames {
 public:
  [[nodiscard]] std::string_view key_of(EntityKind kind, Ordinal o) const override {
    if (kind == EntityKind::User && forgotten.contains(o)) return {};
    return all_.key_of(kind, o);
  }
  std::set<Ordinal> forgotten;

 private:
  materializer::NumberedKeys all_{kUsers + kEntities};
};

class World final : public materializer::ViewWorld {
 public:
  explicit World(UniquesLimits limits = {}) : state(limits) {}
  materializer::Materializer& view() override { return mat_; }
  void apply_before(const wal::WalEvent& event) override {
    if (event.record.type == wal::RecordType::Erase) keys.forgotten.insert(event.ids.subject);
  }
  Uniques state;
  Keys keys;
  test::FixedSchema catalog;

 private:
  UniquesMaterializer mat_{state, {.catalog = catalog, .keys = keys}};
};

RC_GTEST_PROP(UniquesView, Conforms, (std::uint32_t seed)) {
  const Story story = StoryTeller(seed).tell(*rc::gen::inRange<std::uint32_t>(0, 150));
  const UniquesLimits limits = test::limits_of(seed);
  RC_ASSERT(materializer::check_view([limits] { return std::make_unique<World>(limits); }, story.history) == "");
}

RC_GTEST_PROP(UniquesView, PrefetchChangesNothing, (std::uint32_t seed)) {
  const Story story = StoryTeller(seed).tell(150);
  World with(test::limits_of(seed));
  World without(test::limits_of(seed));
  const std::vector<wal::WalEvent> events(story.history.events().begin(), story.history.events().end());
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (i % 16 == 0) with.view().prefetch(std::span(events).subspan(i, std::min<std::size_t>(16, events.size() - i)));
    with.apply(events[i]);
    without.apply(events[i]);
  }
  RC_ASSERT(with.digest() == without.digest());
}

SignalDef unique_signal(const char* name, EntityKind target, std::vector<Window> windows) {
  SignalDef def;
  def.name = name;
  def.target = target;
  def.windows = std::move(windows);
  def.unique = true;
  return def;
}

TEST(UniquesView, DigestSeesEveryKindOfChange) {
  World world({.visits_max = 2, .users_max = 3});
  std::set<std::string> digests{world.digest()};
  const auto expect_new = [&](const char* what) {
    EXPECT_TRUE(digests.insert(world.digest()).second) << what << " does not reach the digest";
  };
  const auto record = [&](std::uint16_t signal, std::uint32_t user, std::uint32_t subject, Timestamp at) {
    world.state.record({.signal = signal, .user = to_ordinal(user), .subject = to_ordinal(subject), .at = at});
  };
  world.state.declare(std::vector{unique_signal("view", EntityKind::Item, {Window::Hour})});
  expect_new("a declaration");
  world.state.declare(std::vector{unique_signal("view", EntityKind::Item, {Window::Hour, Window::Day})});
  expect_new("a window");
  world.state.declare(std::vector{unique_signal("follow", EntityKind::Creator, {Window::Hour, Window::Day})});
  expect_new("another signal");
  record(0, 0, 0, Timestamp{});
  expect_new("a user");
  record(1, 0, 0, Timestamp{});
  expect_new("a user of another signal");
  record(0, 0, 1, Timestamp{});
  expect_new("another entity");
  world.state.record({.user = to_ordinal(0), .subject = to_ordinal(1), .creator = to_ordinal(0)});
  expect_new("a creator");
  record(0, 0, 0, Timestamp{minutes(8).us});
  expect_new("a sub-window of an hour");
  record(0, 0, 0, Timestamp{hours(4).us});
  expect_new("a sub-window of a day");
  record(0, 1, 0, Timestamp{hours(4).us});
  expect_new("a user in the long form");
  for (const std::uint32_t u : {2U, 3U, 4U}) record(0, u, 0, Timestamp{hours(4).us});
  expect_new("a sketch");
  record(0, 6, 0, Timestamp{hours(4).us});
  expect_new("a register");
  record(0, 6, 0, Timestamp{hours(100).us});
  expect_new("what a window forgot");
  world.keys.forgotten.insert(to_ordinal(0));
  expect_new("that a user was forgotten");
  world.state.clear_entity(EntityKind::Item, to_ordinal(0));
  expect_new("a deletion");
}

TEST(UniquesView, OfALaterBeginningCountsWhatTheSchemaDeclares) {  // M7, Q3
  World world;
  world.catalog.schema.signals = {unique_signal("view", EntityKind::Item, {Window::Day})};
  ASSERT_TRUE(world.view().begin(SeqNo{7}).ok());
  EXPECT_EQ(world.view().applied(), SeqNo{7});
  for (std::uint32_t u = 0; u < 3; ++u) world.state.record({.user = to_ordinal(u), .subject = to_ordinal(0)});
  double users = 0;
  const Ordinal item = to_ordinal(0);
  world.state.uniques({.window = Window::Day}, {&item, 1}, {&users, 1});
  EXPECT_EQ(users, 3);
}

class Recorded final : public materializer::DigestSink {
 public:
  void add(std::string_view key, std::string_view value) override { text += std::string(key) + std::string(value); }
  std::string text;
};

TEST(UniquesView, NothingNamesAForgottenUser) {  // Q4
  World world;
  world.state.declare(std::vector{unique_signal("view", EntityKind::Item, {Window::Day})});
  for (std::uint32_t u = 0; u < 3; ++u) world.state.record({.user = to_ordinal(u), .subject = to_ordinal(0)});
  const auto digest_text = [&] {
    Recorded sink;
    world.view().digest(sink);
    return sink.text;
  };
  const std::string image = materializer::image_of(world.view());
  EXPECT_EQ(image.find("user"), std::string::npos);  // no keys, whoever's
  EXPECT_NE(digest_text().find("user 1"), std::string::npos);
  world.keys.forgotten.insert(to_ordinal(1));
  world.view().erase_user(to_ordinal(1));
  EXPECT_EQ(digest_text().find("user 1"), std::string::npos);
  EXPECT_NE(digest_text().find("user 2"), std::string::npos);
  EXPECT_EQ(materializer::image_of(world.view()), image);
  const Ordinal item = to_ordinal(0);
  double count = 0;
  world.state.uniques({.window = Window::Day}, {&item, 1}, {&count, 1});
  EXPECT_EQ(count, 3);  // the one who was there stays one of three
}

/// An image with one signal, whose table holds what `pairs` writes.
template <class Pairs>
std::string image_with(Pairs pairs) {
  base::Encoder out;
  out.u8(1);
  out.varint(1);
  out.string("view");
  out.u8(static_cast<std::uint8_t>(EntityKind::Creator) | 4U);
  out.u8(3);  // 1h and 24h
  out.varint(0);
  out.varint(1);
  out.varint(1);  // one pair, of creator 0
  out.varint(0);
  pairs(out);
  return out.take();
}

void visit(base::Encoder& out, std::int64_t step, std::uint64_t user, std::uint8_t windows) {
  out.zigzag(step);
  out.varint(user);
  out.u8(windows);
}

TEST(UniquesView, ImagesThatNoStateGivesAreRefused) {
  World world;
  const auto accepts = [&](auto pairs) {
    const Status read = world.view().restore(image_with(pairs), SeqNo{1});
    EXPECT_TRUE(read.ok() || read.error().code == Code::Corruption);
    return read.ok();
  };
  using base::Encoder;
  const auto visits = [](std::vector<std::tuple<std::int64_t, std::uint64_t, std::uint8_t>> all) {
    return [all](Encoder& out) {
      out.varint(2 * all.size());
      out.zigzag(100);
      for (const auto& [step, user, windows] : all) visit(out, step, user, windows);
    };
  };
  EXPECT_TRUE(accepts(visits({{0, 1, 3}, {1, 2, 3}})));
  EXPECT_TRUE(accepts(visits({{0, 1, 3}, {1, 1, 1}})));
  EXPECT_FALSE(accepts(visits({})));
  EXPECT_FALSE(accepts(visits({{0, 1, 4}})));             // a window that the signal has not
  EXPECT_FALSE(accepts(visits({{0, 1, 3}, {0, 1, 3}})));  // twice
  EXPECT_FALSE(accepts(visits({{0, 2, 3}, {0, 1, 3}})));  // out of order
  EXPECT_FALSE(accepts(visits({{0, 1, 3}, {1, 1, 3}})));  // twice in a sub-window of a day (T1)
  EXPECT_FALSE(accepts(visits({{0, 1, 3}, {8, 2, 3}})));  // older than the window keeps (T1)
  EXPECT_FALSE(accepts(visits({{1, 1, 0}})));             // no window, not at the origin (T2)
  EXPECT_FALSE(accepts(visits({{0, 1, 0}, {1, 1, 3}})));  // no window, not the only one (T2)
  EXPECT_FALSE(accepts(visits({{0, 0xFFFFFFFF, 3}})));    // no ordinal
  EXPECT_FALSE(accepts(visits({{1LL << 40, 1, 3}})));     // no time
  EXPECT_FALSE(accepts(visits({{1LL << 27, 1, 3}})));     // too far from the origin
  const auto sets = [](std::uint8_t rank, std::uint8_t ages, std::int64_t newest) {
    return [=](Encoder& out) {
      out.varint(1);
      out.varint(0);
      for (std::size_t i = 0; i < kRegisters; ++i) out.u8(i == 7 ? rank : 0);
      out.u8(ages);
      if (ages != 0) out.zigzag(newest);
      for (unsigned age = 0; age < 8; ++age) {
        if ((ages >> age & 1U) == 0) continue;
        out.varint(1);  // one user, 5
        out.varint(5);
      }
      out.u8(0);
    };
  };
  EXPECT_TRUE(accepts(sets(1, 0, 0)));
  EXPECT_TRUE(accepts(sets(kRankMax, 0x81, -3)));
  EXPECT_FALSE(accepts(sets(kRankMax + 1, 0, 0)));  // no such rank
  EXPECT_FALSE(accepts(sets(0, 0, 0)));             // a sketch of nobody
  EXPECT_FALSE(accepts(sets(1, 0x80, 0)));          // the newest sub-window is empty
  EXPECT_FALSE(accepts(sets(1, 1, 1LL << 50)));     // no time
}

TEST(UniquesView, SignalsAnswerAgainAfterARestore) {
  const Story story = StoryTeller(11).tell(200);
  World before;
  for (const auto& event : story.history.events()) before.apply(event);
  World after;
  ASSERT_TRUE(after.view().restore(materializer::image_of(before.view()), before.view().applied()).ok());
  std::vector<Ordinal> entities;
  for (std::uint32_t e = 0; e < kEntities; ++e) entities.push_back(to_ordinal(e));
  std::vector<double> of_before(kEntities);
  std::vector<double> of_after(kEntities);
  double sum = 0;
  for (std::uint16_t s = 0; s < story.model.signals.size(); ++s) {
    for (const Window w : {Window::Hour, Window::Month, Window::All}) {
      const UniquesQuery query{.signal = s, .window = w, .now = story.history.events().back().record.event_time};
      before.state.uniques(query, entities, of_before);
      after.state.uniques(query, entities, of_after);
      EXPECT_EQ(of_before, of_after);
      for (const double n : of_after) sum += n;
    }
  }
  EXPECT_GT(sum, 0);
}

}  // namespace
}  // namespace tidal::signal
