// What is hidden against a fold over the plain list of events; its view's conformance; readers beside a writer.
#include "index/hidden.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "base/case_stride_for_test.h"
#include "base/coding.h"
#include "base/random.h"
#include "index/hidden_mat.h"
#include "index/ordinal_list.h"
#include "materializer/view_conformance.h"

namespace tidal::index {
namespace {

struct Happened {
  EntityKind kind;
  Ordinal entity;
  bool hides;
  Timestamp at;
  std::uint64_t seqno;
  std::string reason;
};

struct Story {
  materializer::History history;
  std::vector<Happened> changes;

  void change(bool hides, EntityKind kind, Ordinal entity, Timestamp at, std::string reason) {
    auto& event = history.add(hides ? wal::RecordType::Hide : wal::RecordType::Unhide, at, reason);
    event.record.subject_kind = kind;
    event.ids.subject = entity;
    changes.push_back({kind, entity, hides, at, event.seqno.value, std::move(reason)});
  }
  void write(wal::RecordType type, EntityKind kind, Ordinal entity) {
    auto& event = history.add(type, Timestamp{});
    event.record.subject_kind = kind;
    event.ids.subject = entity;
    if (type == wal::RecordType::Erase) {
      std::erase_if(changes, [&](const Happened& h) { return h.kind == EntityKind::User && h.entity == entity; });
    }
  }
  [[nodiscard]] const Happened* latest(EntityKind kind, Ordinal entity) const {
    const Happened* best = nullptr;
    for (const Happened& h : changes) {
      if (h.kind != kind || h.entity != entity) continue;
      if (best == nullptr || std::tie(h.at, h.seqno) > std::tie(best->at, best->seqno)) best = &h;
    }
    return best;
  }
};

Story random_story(std::uint64_t seed, int steps, std::uint64_t entities) {
  base::Random random(seed);
  Story story;
  for (int i = 0; i < steps; ++i) {
    const auto kind = static_cast<EntityKind>(random.below(kEntityKinds));
    const Ordinal entity = to_ordinal(static_cast<std::uint32_t>(random.below(entities)));
    const Timestamp at{static_cast<std::int64_t>(random.below(8)) - 2};  // few, so that ties and late ones are common
    const std::uint64_t what = random.below(100);
    if (what < 8) {
      story.write(wal::RecordType::DeleteEntity, kind, entity);
    } else if (what < 12) {
      story.write(wal::RecordType::PutEntity, kind, entity);
    } else if (what < 18) {
      story.write(wal::RecordType::Erase, EntityKind::User, entity);
    } else {
      story.change(what < 65, kind, entity, at, random.below(3) == 0 ? "" : "reason " + std::to_string(i));
    }
  }
  return story;
}

class World final : public materializer::ViewWorld {
 public:
  materializer::Materializer& view() override { return mat_; }
  void apply_before(const wal::WalEvent& /*event*/) override {}
  Hidden state;

 private:
  materializer::NumberedKeys keys_{1000};
  HiddenMaterializer mat_{state, keys_};
};

std::string difference_after(const Story& story, std::uint32_t entities) {
  World world;
  for (const auto& event : story.history.events()) world.apply(event);
  for (std::size_t k = 0; k < kEntityKinds; ++k) {
    const auto kind = static_cast<EntityKind>(k);
    Bitmap expected;
    for (std::uint32_t i = 0; i < entities; ++i) {
      const Ordinal entity = to_ordinal(i);
      const std::string what = std::string(kind_name(kind)) + " " + std::to_string(i);
      const Happened* latest = story.latest(kind, entity);
      const bool hidden = latest != nullptr && latest->hides;
      if (hidden) expected.add(entity);
      if (world.state.is_hidden(kind, entity) != hidden) return what;
      const auto info = world.state.info(kind, entity);
      if (info.has_value() != hidden) return what + " has info";
      if (hidden && !(*info == Hidden::Info{.at = latest->at, .reason = latest->reason})) return what + " info";
    }
    if (!(world.state.hidden(kind) == expected)) return "the set";
    if (world.state.count(kind) != expected.cardinality()) return "the count";
    if (world.state.info(kind, to_ordinal(entities + 5)) || world.state.info(kind, Ordinal::None)) return "unknown";
  }
  return {};
}

RC_GTEST_PROP(Hidden, EqualsAFoldOverTheEvents, (std::uint64_t seed)) {  // H1, H2
  const std::uint32_t entities = *rc::gen::element(3U, 300U);
  RC_ASSERT(difference_after(random_story(seed, *rc::gen::inRange(0, 600), entities), entities) == "");
}

TEST(Hidden, EqualsAFoldOverManyHistories) {
  for (std::uint64_t seed = 1; seed <= 10'000; seed += base::kCaseStride) {
    ASSERT_EQ(difference_after(random_story(seed, static_cast<int>(5 + seed % 40), 3), 3), "") << "seed " << seed;
  }
}

RC_GTEST_PROP(HiddenView, Conforms, (std::uint64_t seed)) {
  const Story story = random_story(seed, *rc::gen::inRange(0, 150), 20);
  RC_ASSERT(materializer::check_view([] { return std::make_unique<World>(); }, story.history) == "");
}

RC_GTEST_PROP(HiddenView, ErasingAUserLeavesNoTrace, (std::uint64_t seed)) {
  const Story story = random_story(seed, 100, 4);
  World erased;
  World never;
  for (const auto& event : story.history.events()) {
    erased.apply(event);
    const bool theirs = event.record.subject_kind == EntityKind::User && event.ids.subject == to_ordinal(2);
    if (!theirs || event.record.type == wal::RecordType::Erase) never.apply(event);
  }
  erased.view().erase_user(to_ordinal(2));
  RC_ASSERT(erased.digest() == never.digest());
  RC_ASSERT(materializer::image_of(erased.view()) == materializer::image_of(never.view()));
}

// Every line is worked out by hand.
TEST(Hidden, TheLatestWinsAndATieGoesToTheLaterRecord) {
  Hidden state;
  const auto change = [](std::int64_t at) {
    return Hidden::Change{.kind = EntityKind::Creator, .entity = to_ordinal(4), .at = Timestamp{at}};
  };
  const auto info = [&state] { return state.info(EntityKind::Creator, to_ordinal(4)); };
  state.unhide(change(5));
  state.hide(change(4), "late");
  EXPECT_EQ(info(), std::nullopt);
  state.hide(change(5), "spam");
  EXPECT_EQ(info(), (Hidden::Info{.at = Timestamp{5}, .reason = "spam"}));
  EXPECT_TRUE(state.is_hidden(EntityKind::Creator, to_ordinal(4)));
  EXPECT_FALSE(state.is_hidden(EntityKind::Item, to_ordinal(4)));
  state.hide(change(7), "");
  EXPECT_EQ(info(), (Hidden::Info{.at = Timestamp{7}, .reason = ""}));
  state.hide(change(6), "late");
  EXPECT_EQ(info(), (Hidden::Info{.at = Timestamp{7}, .reason = ""}));
  state.unhide(change(6));
  EXPECT_TRUE(state.is_hidden(EntityKind::Creator, to_ordinal(4)));
  state.unhide(change(7));
  EXPECT_EQ(info(), std::nullopt);
  EXPECT_TRUE(state.hidden(EntityKind::Creator).empty());
}

TEST(HiddenView, DigestSeesEveryKindOfChange) {
  World world;
  std::set<std::string> digests{world.digest()};
  const auto expect_new = [&](const char* what) {
    EXPECT_TRUE(digests.insert(world.digest()).second) << what << " does not reach the digest";
  };
  const auto change = [](EntityKind kind, std::int64_t at) {
    return Hidden::Change{.kind = kind, .entity = to_ordinal(1), .at = Timestamp{at}};
  };
  world.state.unhide(change(EntityKind::Item, 1));
  expect_new("an unhide");
  world.state.unhide(change(EntityKind::Item, 2));
  expect_new("its time");
  world.state.hide(change(EntityKind::Item, 2), "");
  expect_new("a hide");
  world.state.hide(change(EntityKind::Item, 3), "");
  expect_new("its time");
  world.state.hide(change(EntityKind::Item, 3), "why");
  expect_new("its reason");
  world.state.hide(change(EntityKind::User, 3), "why");
  expect_new("another kind");
  world.state.forget(EntityKind::Item, to_ordinal(1));
  expect_new("forgetting");
}

// The reason of every HIDE is its time, so that a reader can tell one's from another's.
TEST(Hidden, ReadersSeeATimeWithItsReason) {
  Hidden state;
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::atomic<int> reads{0};
  std::vector<std::jthread> readers;
  const Hidden::Change always{.kind = EntityKind::Item, .entity = to_ordinal(5000), .at = Timestamp{1}};
  state.hide(always, "1");
  for (int r = 0; r < 2; ++r) {
    readers.emplace_back([&] {
      Timestamp newest{0};
      while (!done.load(std::memory_order_relaxed)) {
        for (std::uint32_t i = 0; i < 40; ++i) {
          const auto info = state.info(EntityKind::Item, to_ordinal(i));
          if (info && info->reason != std::to_string(info->at.us)) wrong.fetch_add(1);
        }
        // Of one entity times only rise, and what nobody touches is always found.
        if (const auto info = state.info(EntityKind::Item, to_ordinal(0))) {
          if (info->at < newest) wrong.fetch_add(1);
          newest = info->at;
        }
        reads.fetch_add(1);
        const auto untouched = state.info(EntityKind::Item, always.entity);
        if (!untouched || untouched->at != always.at) wrong.fetch_add(1);
        if (!state.is_hidden(EntityKind::Item, always.entity)) wrong.fetch_add(1);
        if (!state.hidden(EntityKind::Item).contains(always.entity)) wrong.fetch_add(1);
        if (state.memory_bytes() == 0) wrong.fetch_add(1);
      }
    });
  }
  base::Random random(2);
  for (std::int64_t i = 2; i < 30'000 || reads.load() < 1000; ++i) {
    const auto entities = static_cast<std::uint64_t>(i < 3000 ? 40 : 400);
    const auto entity = static_cast<std::uint32_t>(random.below(entities));
    const Hidden::Change change{.kind = EntityKind::Item, .entity = to_ordinal(entity), .at = Timestamp{i}};
    if (random.below(3) == 0) {
      state.unhide(change);
    } else {
      state.hide(change, std::to_string(i));
    }
    if (random.below(200) == 0 && entity != 0) state.forget(EntityKind::Item, change.entity);
  }
  done = true;
  readers.clear();
  EXPECT_EQ(wrong.load(), 0);
}

TEST(Hidden, RefusesAnImageThatItCannotHaveWritten) {
  struct Parts {
    std::uint32_t item = 1;
    std::uint8_t is_hidden = 1;
    std::string end;
  };
  const auto image_of = [](const Parts& parts) {
    base::Encoder out;
    out.u8(1);
    const Ordinal item = to_ordinal(parts.item);
    encode_ordinals({&item, 1}, out);
    out.u8(parts.is_hidden);
    out.zigzag(7);
    if (parts.is_hidden == 1) out.string("why");
    encode_ordinals({}, out);
    encode_ordinals({}, out);
    out.raw(parts.end);
    return out.take();
  };
  Hidden state;
  const auto restore = [&state](const std::string& image) {
    return state.restore(image, [](EntityKind kind, Ordinal o) { return kind == EntityKind::Item && to_index(o) < 3; });
  };
  const std::string sound = image_of({});
  ASSERT_TRUE(restore(sound).ok());
  EXPECT_EQ(state.info(EntityKind::Item, to_ordinal(1)), (Hidden::Info{.at = Timestamp{7}, .reason = "why"}));
  for (const Parts& parts : {Parts{.item = 3}, Parts{.is_hidden = 2}, Parts{.end = "x"}}) {
    const Status status = restore(image_of(parts));
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, Code::Corruption);
    EXPECT_EQ(state.capture()->encode(), sound) << "the state is as it was";
  }
}

TEST(Hidden, ACaptureIsWrittenWhileTheStateMovesOn) {
  Hidden state;
  const auto write = [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t i = from; i < to; ++i) {
      const Hidden::Change change{.kind = static_cast<EntityKind>(i % 3),
                                  .entity = to_ordinal(static_cast<std::uint32_t>(i * 31 % (200 + i / 20))),
                                  .at = Timestamp{i}};
      if (i % 4 == 0) {
        state.unhide(change);
      } else {
        state.hide(change, "reason " + std::to_string(i));
      }
      if (i % 97 == 0) state.forget(change.kind, change.entity);
    }
  };
  write(0, 3000);
  for (std::int64_t round = 1; round < 5; ++round) {
    const auto capture = state.capture();
    const std::string at_once = capture->encode();
    std::string later;
    {
      const std::jthread background([&] { later = capture->encode(); });
      write(round * 3000, (round + 1) * 3000);
      if (round == 3) state.clear();
    }
    EXPECT_EQ(later, at_once);
    EXPECT_EQ(capture->encode(), at_once);
  }
}

}  // namespace
}  // namespace tidal::index
