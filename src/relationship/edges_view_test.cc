// The view of edges: conformance, erasure, digest, damaged images.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <set>
#include <string>
#include <string_view>

#include "base/coding.h"
#include "index/ordinal_list.h"
#include "relationship/edges_history_for_test.h"
#include "relationship/edges_mat.h"

namespace tidal::relationship {
namespace {

RC_GTEST_PROP(RelationsView, Conforms, (std::uint64_t seed)) {
  const EdgeStory story = random_edge_story(seed, *rc::gen::inRange(0, 150));
  RC_ASSERT(materializer::check_view([] { return std::make_unique<EdgeWorld>(); }, story.history) == "");
}

// The state without a user is the state of the history without that user's edges.
RC_GTEST_PROP(RelationsView, ErasingAUserLeavesNoTrace, (std::uint64_t seed)) {  // R3
  const EdgeStory story = random_edge_story(seed, 200);
  const Ordinal user = to_ordinal(0);
  EdgeWorld erased;
  for (const auto& event : story.history.events()) erased.apply(event);
  erased.view().erase_user(user);
  EdgeWorld never;
  for (const wal::WalEvent& event : story.history.events()) {
    const bool is_edge = event.record.type == wal::RecordType::Relate || event.record.type == wal::RecordType::Unrelate;
    if (is_edge) {
      const RelationDef& def = relation_pool()[event.ids.relation];
      if ((def.from == EntityKind::User && event.ids.from == user) ||
          (def.to == EntityKind::User && event.ids.subject == user)) {
        continue;
      }
    }
    never.apply(event);
  }
  RC_ASSERT(erased.digest() == never.digest());
  RC_ASSERT(materializer::image_of(erased.view()) == materializer::image_of(never.view()));
  erased.state.for_each_fact_of(EntityKind::User, user, [](const EdgeFact&) { RC_FAIL("a cell is left"); });
}

TEST(RelationsView, DigestSeesEveryKindOfChange) {
  EdgeWorld world;
  std::set<std::string> digests{world.digest()};
  const auto expect_new = [&](const char* what) {
    EXPECT_TRUE(digests.insert(world.digest()).second) << what << " does not reach the digest";
  };
  const auto write = [&](std::uint16_t relation, std::uint32_t from, std::uint32_t to, std::int64_t at, bool stands,
                         double weight) {
    world.state.record({relation, to_ordinal(from), to_ordinal(to), Timestamp{at}, stands, weight}, relation_pool());
  };
  write(0, 1, 2, 10, false, 1);
  expect_new("a cell that does not stand");
  write(0, 1, 2, 10, true, 1);
  expect_new("standing");
  write(0, 1, 2, 11, true, 1);
  expect_new("a time");
  write(0, 1, 2, 11, true, 0.5);
  expect_new("a weight");
  write(0, 1, 3, 11, true, 0.5);
  expect_new("another end");
  write(0, 2, 3, 11, true, 0.5);
  expect_new("another beginning");
  write(1, 2, 3, 11, true, 0.5);
  expect_new("another relation");
}

TEST(RelationsView, DigestTellsRelationAndEndsApart) {
  std::set<std::string> digests;
  for (const EdgeEvent& event : {EdgeEvent{.relation = 3, .from = to_ordinal(1), .to = to_ordinal(2)},
                                 EdgeEvent{.relation = 3, .from = to_ordinal(2), .to = to_ordinal(1)},
                                 EdgeEvent{.relation = 4, .from = to_ordinal(1), .to = to_ordinal(2)}}) {
    EdgeWorld world;
    world.state.record(event, relation_pool());
    EXPECT_TRUE(digests.insert(world.digest()).second);
  }
}

TEST(RelationsView, IgnoresWhatIsNoEdgeOfItsSchema) {
  EdgeWorld world;
  const std::string empty = world.digest();
  EdgeStory story;
  story.edge({.relation = 0, .from = Ordinal::None, .to = to_ordinal(1)});
  story.edge({.relation = 0, .from = to_ordinal(1), .to = Ordinal::None});
  for (wal::WalEvent event : story.history.events()) world.apply(event);
  EdgeStory unknown;
  unknown.edge({.relation = 0, .from = to_ordinal(1), .to = to_ordinal(1)});
  wal::WalEvent event = unknown.history.events()[0];
  event.seqno = SeqNo{3};
  event.ids.relation = static_cast<std::uint16_t>(relation_pool().size());
  world.apply(event);
  event.seqno = SeqNo{4};
  event.ids.relation = 0;
  event.ids.is_void = true;
  world.apply(event);
  EXPECT_EQ(world.digest(), empty);
  event.seqno = SeqNo{5};
  event.ids.is_void = false;
  world.apply(event);
  EXPECT_NE(world.digest(), empty);
}

TEST(RelationsView, PrefetchChangesNothing) {
  const EdgeStory story = random_edge_story(11, 300);
  EdgeWorld with;
  EdgeWorld without;
  std::vector<wal::WalEvent> events(story.history.events().begin(), story.history.events().end());
  events[0].ids = {};  // ids may be missing yet
  with.view().prefetch(events);
  for (const auto& event : story.history.events()) {
    with.view().prefetch(events);
    with.apply(event);
    without.apply(event);
  }
  EXPECT_EQ(with.digest(), without.digest());
}

/// One relation with one edge from user 1 to creator 2, written by hand with one thing wrong at a time.
struct Image {
  std::uint8_t format = 1;
  std::uint64_t relations = 1;
  std::uint64_t from_end = 2;
  std::uint64_t to_end = 3;
  std::uint64_t cells = 1;
  std::uint64_t flags = 1;
  double weight = 0.5;
  std::string_view after{};

  [[nodiscard]] Status restore(EdgeWorld& world) const {
    base::Encoder out;
    out.u8(format);
    out.varint(relations);
    out.varint(from_end);
    out.varint(to_end);
    const Ordinal from = to_ordinal(1);
    index::encode_ordinals({&from, 1}, out);
    out.varint(cells);
    out.varint(2 << 2 | flags);
    out.zigzag(77);
    if (flags == 1) out.f64(weight);
    out.raw(after);
    return world.view().restore(out.str(), SeqNo{1});
  }
};

TEST(RelationsView, RefusesImagesThatItCannotHaveWritten) {
  EdgeWorld world;
  ASSERT_TRUE(Image{}.restore(world).ok());
  EXPECT_EQ(world.state.edge(0, to_ordinal(1), to_ordinal(2)), (Edge{to_ordinal(2), 0.5, Timestamp{77}}));
  EXPECT_EQ(world.state.incoming_count(0, to_ordinal(2)), 1U);
  ASSERT_TRUE((Image{.flags = 0}.restore(world).ok()));
  EXPECT_FALSE(world.state.stands(0, to_ordinal(1), to_ordinal(2)));
  ASSERT_TRUE((Image{.flags = 3}.restore(world).ok()));
  EXPECT_EQ(world.state.edge(0, to_ordinal(1), to_ordinal(2))->weight, 1.0);

  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  const Image wrong[] = {{.format = 2},
                         {.relations = 0},
                         {.relations = 2},
                         {.relations = 99},
                         {.from_end = 1},
                         {.from_end = 3},
                         {.from_end = kOrdinals + 1},
                         {.from_end = std::uint64_t{1} << 40},
                         {.to_end = 2},
                         {.to_end = 4},
                         {.to_end = std::uint64_t{1} << 40},
                         {.cells = 0},
                         {.cells = 2},
                         {.cells = std::uint64_t{1} << 60},
                         {.flags = 2},
                         {.weight = nan},
                         {.weight = infinity},
                         {.weight = -0.0},
                         {.weight = -1.0},
                         {.weight = 1.0},
                         {.after = "x"}};
  for (std::size_t i = 0; i < std::size(wrong); ++i) {
    const Status status = wrong[i].restore(world);
    ASSERT_FALSE(status.ok()) << "case " << i;
    EXPECT_EQ(status.error().code, Code::Corruption) << "case " << i;
    EXPECT_FALSE(world.state.stands(0, to_ordinal(1), to_ordinal(2))) << "case " << i;  // reset
  }
}

TEST(RelationsView, RestoredEdgesGoOnAsLiveOnesDo) {
  EdgeWorld live;
  for (std::uint32_t i = 0; i < kOrdinals; ++i) {
    live.state.record({3, to_ordinal(i), to_ordinal(1), Timestamp{i}, i % 2 == 0, 0.25 * i}, relation_pool());
  }
  EdgeWorld restored;
  ASSERT_TRUE(restored.view().restore(materializer::image_of(live.view()), SeqNo{1}).ok());
  for (EdgeWorld* world : {&live, &restored}) {
    EXPECT_EQ(world->state.incoming_count(3, to_ordinal(1)), 3U);
    world->state.erase_user(to_ordinal(1));  // finds every cell that ends there, standing or not
    std::size_t left = 0;
    world->state.for_each_fact([&](const EdgeFact&) { ++left; });
    EXPECT_EQ(left, 0U);
  }
}

}  // namespace
}  // namespace tidal::relationship
