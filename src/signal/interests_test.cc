// Interests against sums over the plain list of events; their view's conformance; readers beside a writer; memory.
#include "signal/interests.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/case_stride_for_test.h"
#include "base/coding.h"
#include "base/random.h"
#include "index/ordinal_list.h"
#include "schema/schema.h"
#include "signal/interests_model.h"

namespace tidal::signal {
namespace {

bool near(double a, double b) { return std::abs(a - b) <= 1e-9 * std::max(std::abs(a), std::abs(b)) + 1e-300; }

/// Of one user at one moment; "" when the reads are the model's.
std::string difference_of(const Interests& state, const Model& model, Ordinal user, std::int64_t now) {
  std::size_t interests = 0;
  for (const std::size_t f : {kCategory, kTags, kMood}) {
    double total = 0;
    for (const std::string& value : model.values_of_user(user, f)) {
      const double expected = model.interest(user, f, value, now);
      if (!near(state.interest(user, f, value, Timestamp{now}), expected)) return fields()[f].name + " " + value;
      total += expected;
      ++interests;
    }
    std::vector<Ordinal> items;
    for (std::uint32_t i = 0; i < kItems + 1; ++i) items.push_back(to_ordinal(i));
    items.push_back(Ordinal::None);
    std::vector<double> out(items.size(), -1.0);
    state.match({.user = user, .field = f, .now = Timestamp{now}}, items, out);
    for (std::size_t i = 0; i < items.size(); ++i) {
      double sum = 0;
      const auto values = model.values.find({f, items[i]});
      if (values != model.values.end()) {
        for (const std::string& v : values->second) sum += model.interest(user, f, v, now);
      }
      if (!near(out[i], total > 0 ? sum / total : 0) || out[i] > 1) return "match of item " + std::to_string(i);
    }
  }
  const std::vector<Interest> top = state.top(user, 1000, Timestamp{now});
  if (top.size() != interests) return "top has " + std::to_string(top.size());
  for (std::size_t i = 0; i < top.size(); ++i) {
    if (!near(top[i].weight, model.interest(user, top[i].field, top[i].value, now))) return "top " + top[i].value;
    if (i > 0 && top[i].weight > top[i - 1].weight) return "the order of top";
  }
  const std::vector<Interest> best = state.top(user, 2, Timestamp{now});
  for (std::size_t i = 0; i < best.size(); ++i) {
    if (best[i].value != top[i].value || best[i].field != top[i].field) return "the best of top";
  }
  return best.size() == std::min<std::size_t>(2, interests) ? "" : "the size of top";
}

std::string difference_after(const Story& story) {
  World world;
  std::int64_t newest = 20'000 * kDay;
  for (const auto& event : story.history.events()) {
    world.apply(event);
    newest = std::max(newest, event.record.event_time.us);
  }
  for (std::uint32_t u = 0; u < kUsers; ++u) {
    for (const std::int64_t now : {newest, newest + 77 * kDay, newest - 40 * kDay}) {
      const std::string found = difference_of(world.state, story.model, to_ordinal(u), now);
      if (!found.empty()) return "user " + std::to_string(u) + ": " + found;
    }
  }
  return {};
}

RC_GTEST_PROP(Interests, EqualSumsOverTheEvents, (std::uint64_t seed)) {  // I1 to I3
  RC_ASSERT(difference_after(random_story(seed, *rc::gen::inRange(0, 200))) == "");
}

TEST(Interests, EqualSumsOverManyHistories) {
  for (std::uint64_t seed = 1; seed <= 10'000; seed += base::kCaseStride) {
    ASSERT_EQ(difference_after(random_story(seed, static_cast<int>(20 + seed % 50))), "") << "seed " << seed;
  }
}

RC_GTEST_PROP(InterestsView, Conforms, (std::uint64_t seed)) {
  const Story story = random_story(seed, *rc::gen::inRange(0, 120));
  RC_ASSERT(materializer::check_view([] { return std::make_unique<World>(); }, story.history) == "");
}

// The state without a user is the state of the history without that user's events; a deleted one leaves no more.
RC_GTEST_PROP(InterestsView, ErasingAUserLeavesNoTrace, (std::uint64_t seed)) {
  const Story story = random_story(seed, 150);
  World erased;
  World deleted;
  World never;
  for (const auto& event : story.history.events()) {
    erased.apply(event);
    deleted.apply(event);
    if (event.record.type != wal::RecordType::Signal || event.ids.user != to_ordinal(1)) never.apply(event);
  }
  const auto next = SeqNo{story.history.events().size() + 1};
  materializer::History last;
  auto& erase = last.add(wal::RecordType::Erase, Timestamp{});
  erase.seqno = next;
  erase.ids.subject = to_ordinal(1);
  erased.apply(erase);
  auto& remove = last.add(wal::RecordType::DeleteEntity, Timestamp{});
  remove.seqno = next;
  remove.record.subject_kind = EntityKind::User;
  remove.ids.subject = to_ordinal(1);
  deleted.apply(remove);
  RC_ASSERT(erased.digest() == never.digest());
  RC_ASSERT(deleted.digest() == never.digest());
  RC_ASSERT(materializer::image_of(erased.view()) == materializer::image_of(never.view()));
}

// All numbers by hand: 30 days halve.
TEST(Interests, HalveInThirtyDaysAndShareAnItem) {
  Interests state;
  state.follow({.position = kCategory, .name = "category", .defaults = {}});
  state.follow({.position = kTags, .name = "tags", .defaults = {}});
  const Ordinal user = to_ordinal(0);
  const Ordinal jazz = to_ordinal(1);
  const Ordinal rock = to_ordinal(2);
  state.put_item(jazz, {{"category", std::string("jazz")}, {"tags", Strings{"live", "sax", "live"}}});
  state.put_item(rock, {{"category", std::string("rock")}});
  const Timestamp start{20'000 * kDay};
  state.record({.user = user, .item = jazz, .at = start, .weight = 4});
  state.record({.user = user, .item = rock, .at = start + days(30), .weight = 2});
  state.record({.user = user, .item = jazz, .at = start + days(30), .weight = 2});
  state.record({.user = user, .item = jazz, .at = start - days(30), .weight = 4});  // late: 1 of it is left below
  state.record({.user = user, .item = jazz, .at = start, .weight = 0});
  const Timestamp then = start + days(30);
  EXPECT_NEAR(state.interest(user, kCategory, "jazz", then), 2 + 2 + 1, 1e-12);
  EXPECT_NEAR(state.interest(user, kCategory, "jazz", then + days(60)), 1.25, 1e-12);
  EXPECT_NEAR(state.interest(user, kCategory, "rock", then), 2, 1e-12);
  EXPECT_NEAR(state.interest(user, kTags, "live", then), 5, 1e-12);
  EXPECT_EQ(state.interest(user, kCategory, "live", then), 0);
  EXPECT_EQ(state.interest(user, 0, "jazz", then), 0);
  EXPECT_EQ(state.interest(user, 99, "jazz", then), 0);
  EXPECT_EQ(state.interest(to_ordinal(7), kCategory, "jazz", then), 0);
  EXPECT_EQ(state.interest(Ordinal::None, kCategory, "jazz", then), 0);

  const std::vector<Ordinal> items{jazz, rock, to_ordinal(3)};
  std::vector<double> out(3);
  state.match({.user = user, .field = kCategory, .now = then + days(90'000)}, items, out);
  EXPECT_NEAR(out[0], 5.0 / 7, 1e-12) << "the share does not change when all decays";
  EXPECT_NEAR(out[1], 2.0 / 7, 1e-12);
  EXPECT_EQ(out[2], 0.0);
  state.match({.user = user, .field = kTags, .now = then}, items, out);
  EXPECT_NEAR(out[0], 1.0, 1e-12);
  EXPECT_EQ(out[1], 0.0);

  const auto top = state.top(user, 2, then);
  ASSERT_EQ(top.size(), 2U);
  EXPECT_EQ(top[0].value, "jazz");
  EXPECT_EQ(top[1].value, "live");
  state.clear_item(jazz);
  EXPECT_NEAR(state.interest(user, kCategory, "jazz", then), 5, 1e-12) << "interests stay";
  state.match({.user = user, .field = kCategory, .now = then}, items, out);
  EXPECT_EQ(out[0], 0.0);
}

TEST(Interests, AFieldBeginsWithItemsThatArePutAfterIt) {  // I2
  Interests state;
  const Ordinal user = to_ordinal(0);
  state.put_item(to_ordinal(1), {{"mood", std::string("wild")}});
  state.follow({.position = kMood, .name = "mood", .defaults = {"calm"}});
  state.record({.user = user, .item = to_ordinal(1), .at = Timestamp{5}});
  EXPECT_TRUE(state.top(user, 9, Timestamp{5}).empty());
  state.update_item(to_ordinal(1), {{"title", std::string("x")}});
  state.record({.user = user, .item = to_ordinal(1), .at = Timestamp{5}});
  EXPECT_TRUE(state.top(user, 9, Timestamp{5}).empty());
  state.update_item(to_ordinal(1), {{"mood", Value()}});
  state.record({.user = user, .item = to_ordinal(1), .at = Timestamp{5}});
  EXPECT_EQ(state.interest(user, kMood, "calm", Timestamp{5}), 1.0);
}

TEST(InterestsView, DigestSeesEveryKindOfChange) {
  World world;
  Story story;
  story.declare_signals();
  for (const FieldDef& def : fields()) story.declare(def);
  std::set<std::string> digests{world.digest()};
  const auto expect_new = [&](const char* what) {
    EXPECT_TRUE(digests.insert(world.digest()).second) << what << " does not reach the digest";
  };
  for (const auto& event : story.history.events()) world.apply(event);
  expect_new("a field with a default");
  world.state.put_item(to_ordinal(1), {{"category", std::string("a")}});
  expect_new("an item's value");
  world.state.update_item(to_ordinal(1), {{"category", std::string("b")}});
  expect_new("another value");
  world.state.update_item(to_ordinal(1), {{"tags", Strings{"b"}}});
  expect_new("a value in another field");
  world.state.record({.user = to_ordinal(1), .item = to_ordinal(1), .at = Timestamp{5}});
  expect_new("an interest");
  world.state.record({.user = to_ordinal(1), .item = to_ordinal(1), .at = Timestamp{5}});
  expect_new("its score");
  world.state.record({.user = to_ordinal(1), .item = to_ordinal(1), .at = Timestamp{6}, .weight = 1e-300});
  expect_new("its time");
  world.state.follow({.position = kMood, .name = "mood", .defaults = {"loud"}});
  expect_new("another default");
  world.state.record({.user = to_ordinal(2), .item = to_ordinal(1), .at = Timestamp{5}});
  expect_new("an interest of another user");
  world.state.clear_item(to_ordinal(1));
  expect_new("an item's deletion");
  world.state.erase_user(to_ordinal(1));
  expect_new("a user's erasure");
}

/// One field's part of an image, as the format has it.
struct ImageField {
  std::string name = "category";
  Strings terms = {"a", "b"};
  std::vector<std::uint32_t> item_values = {0, 1};  // of item 0
  double score = 0.5;                               // of user 0 for term 0
};

std::string image_of_field(const ImageField& field, std::uint64_t users = 1) {
  const auto set = [](const std::vector<std::uint32_t>& numbers, base::Encoder& out) {
    std::vector<Ordinal> ordinals;
    for (const std::uint32_t n : numbers) ordinals.push_back(to_ordinal(n));
    index::encode_ordinals(ordinals, out);
  };
  base::Encoder out;
  out.u8(1);
  out.varint(users);
  out.varint(1);
  out.varint(1);
  out.string(field.name);
  out.varint(field.terms.size());
  for (const std::string& term : field.terms) out.string(term);
  set({}, out);
  set({0}, out);
  set(field.item_values, out);
  set({0}, out);
  set({0}, out);
  out.f64(field.score);
  out.zigzag(7);
  return out.take();
}

TEST(Interests, RefuseAnImageThatTheyCannotHaveWritten) {
  schema::Schema schema;
  schema.fields = fields();
  const auto restore = [&](Interests& state, const std::string& image) {
    return state.restore(image, schema, [](EntityKind, Ordinal o) { return to_index(o) < 3; });
  };
  Interests sound;
  ASSERT_TRUE(restore(sound, image_of_field({})).ok());
  EXPECT_EQ(sound.interest(to_ordinal(0), kCategory, "a", Timestamp{7}), 0.5);
  EXPECT_EQ(sound.capture()->encode(), image_of_field({}));
  const std::map<std::string, std::string> damaged = {
      {"a term that nobody has", image_of_field({.item_values = {0}})},
      {"a term twice", image_of_field({.terms = {"a", "a"}})},
      {"a term beyond all", image_of_field({.item_values = {0, 2}})},
      {"an item without values", image_of_field({.item_values = {}})},
      {"a field that is not of interest", image_of_field({.name = "title"})},
      {"a field that is not declared", image_of_field({.name = "color"})},
      {"a score below 0", image_of_field({.score = -1})},
      {"a score that is no number", image_of_field({.score = std::nan("")})},
      {"an unknown user", image_of_field({}, 4)},
      {"a user beyond the end", image_of_field({}, 0)},
      {"more behind it", image_of_field({}) + "x"},
  };
  for (const auto& [what, image] : damaged) {
    const Status status = restore(sound, image);
    ASSERT_FALSE(status.ok()) << what;
    EXPECT_EQ(status.error().code, Code::Corruption) << what;
    EXPECT_EQ(sound.capture()->encode(), image_of_field({})) << what << ": the state is as it was";
  }
}

TEST(Interests, ACaptureIsWrittenWhileTheStateMovesOn) {
  Interests state;
  state.follow({.position = kCategory, .name = "category", .defaults = {"none"}});
  const auto write = [&](std::uint32_t from, std::uint32_t to) {
    for (std::uint32_t i = from; i < to; ++i) {
      const Ordinal item = to_ordinal(i * 31 % 300);
      if (i % 3 == 0) state.put_item(item, {{"category", "c" + std::to_string(i % 97)}});
      if (i % 41 == 0) state.clear_item(item);
      if (i % 5 == 0) state.put_item(item, {{"category", Strings{"x", "y" + std::to_string(i % 7), "z"}}});
      state.record({.user = to_ordinal(i % 11), .item = item, .at = Timestamp{i * kDay}});
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
      if (round == 2) state.follow({.position = kTags, .name = "tags", .defaults = {"t"}});
      if (round == 3) state.clear();
    }
    EXPECT_EQ(later, at_once);
    EXPECT_EQ(capture->encode(), at_once);
    if (round == 3) state.follow({.position = kCategory, .name = "category", .defaults = {}});
  }
}

// Every event adds the same to both values of its item, so whoever sees them apart saw half an event.
TEST(Interests, ReadersSeeAnEventWhole) {
  Interests state;
  const auto begin = [&state] {
    state.follow({.position = kTags, .name = "tags", .defaults = {}});
    for (std::uint32_t i = 0; i < 50; ++i) {
      state.put_item(to_ordinal(i), {{"tags", Strings{"a" + std::to_string(i), "b" + std::to_string(i)}}});
    }
  };
  begin();
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::atomic<int> reads{0};  // that saw something
  std::vector<std::jthread> readers;
  for (int r = 0; r < 2; ++r) {
    readers.emplace_back([&] {
      std::vector<Ordinal> items;
      for (std::uint32_t i = 0; i < 50; ++i) items.push_back(to_ordinal(i));
      std::vector<double> out(items.size());
      while (!done.load(std::memory_order_relaxed)) {
        const Timestamp now{30'000 * kDay};
        std::map<std::string, double> a;
        std::map<std::string, double> b;
        for (const Interest& each : state.top(to_ordinal(0), 1000, now)) {
          (each.value[0] == 'a' ? a : b)[each.value.substr(1)] = each.weight;
        }
        if (a != b) wrong.fetch_add(1);
        if (!a.empty()) reads.fetch_add(1);
        state.match({.user = to_ordinal(0), .field = kTags, .now = now}, items, out);
        double sum = 0;
        for (const double share : out) sum += share;
        // Items change their values beside this: at most all is theirs.
        if (sum != 0 && !(sum > 0 && sum < 1 + 1e-9)) wrong.fetch_add(1);
        if (state.memory_bytes() == 0) wrong.fetch_add(1);
      }
    });
  }
  base::Random random(4);
  for (int i = 0; i < 20'000 || reads.load() < 300; ++i) {
    const Ordinal item = to_ordinal(static_cast<std::uint32_t>(random.below(50)));
    state.record({.user = to_ordinal(0), .item = item, .at = Timestamp{(20'000 + i % 500) * kDay}});
    if (i % 700 == 0) state.erase_user(to_ordinal(0));
    if (i % 1000 == 0) {
      const std::size_t other = random.below(3);
      state.follow({.position = 4 + other, .name = "f" + std::to_string(other), .defaults = {}});
    }
    if (i % 5000 == 4999) {
      state.clear();
      begin();
    }
  }
  done = true;
  readers.clear();
  EXPECT_EQ(wrong.load(), 0);
}

TEST(Interests, TakeFewBytesAValue) {
  Interests state;
  state.follow({.position = kTags, .name = "tags", .defaults = {}});
  constexpr std::uint32_t kManyItems = 2000;
  base::Random random(8);
  for (std::uint32_t i = 0; i < kManyItems; ++i) {
    Strings tags;
    for (int n = 0; n < 3; ++n) tags.push_back("tag " + std::to_string(random.below(500)));
    state.put_item(to_ordinal(i), {{"tags", tags}});
  }
  const auto bytes_for = [&](std::uint32_t first, std::uint32_t users, int events) {
    state.record({.user = to_ordinal(first + users), .item = to_ordinal(0)});  // room for the users themselves
    const std::size_t before = state.memory_bytes();
    for (std::uint32_t u = first; u < first + users; ++u) {
      for (int i = 0; i < events; ++i) {
        state.record({.user = to_ordinal(u),
                      .item = to_ordinal(static_cast<std::uint32_t>(random.below(kManyItems))),
                      .at = Timestamp{i * kDay}});
      }
    }
    std::size_t values = 0;
    for (std::uint32_t u = first; u < first + users; ++u) values += state.top(to_ordinal(u), 10'000, {}).size();
    return static_cast<double>(state.memory_bytes() - before) / static_cast<double>(values);
  };
  const double median = bytes_for(0, 500, 10);
  const double heavy = bytes_for(1000, 50, 300);
  std::printf("bytes a user's value: %.1f at 10 events a user, %.1f at 300\n", median, heavy);
  EXPECT_LT(median, 24.0);
  EXPECT_LT(heavy, 23.0);
}

}  // namespace
}  // namespace tidal::signal
