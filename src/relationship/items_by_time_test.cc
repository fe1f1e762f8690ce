// The items of a creator in order, against a sorted set; CreatorItems on top of it; both read beside a writer.
#include "relationship/items_by_time.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "base/epoch.h"
#include "base/random.h"
#include "relationship/creator_items.h"

namespace tidal::relationship {
namespace {

struct ReadBefore {
  bool operator()(const CreatedItem& a, const CreatedItem& b) const { return a.is_before(b); }
};
using Model = std::set<CreatedItem, ReadBefore>;

std::vector<CreatedItem> walk(ItemsByTime::Cursor cursor) {
  std::vector<CreatedItem> out;
  for (; !cursor.at_end(); cursor.next()) out.push_back(cursor.entry());
  return out;
}

std::vector<CreatedItem> not_after(const Model& model, Timestamp bound) {
  std::vector<CreatedItem> out;
  for (const CreatedItem& each : model) {
    if (each.created <= bound) out.push_back(each);
  }
  return out;
}

/// What is inserted comes mostly in order, in any order, or with few different times.
CreatedItem random_entry(base::Random& random, std::uint32_t step, std::uint64_t shape) {
  const std::int64_t in_order = step;
  const auto any = static_cast<std::int64_t>(random.below(5'000));
  const auto few = static_cast<std::int64_t>(random.below(3));
  const std::int64_t created = shape == 0 ? in_order : shape == 1 ? any : few;
  return {Timestamp{random.below(20) == 0 ? -any : created},
          to_ordinal(static_cast<std::uint32_t>(random.below(4'000)))};
}

RC_GTEST_PROP(ItemsByTime, IsASortedSet, (std::uint64_t seed)) {
  base::Random random(seed);
  ItemsByTime items;
  Model model;
  const std::uint64_t shape = random.below(3);
  const std::uint64_t removals = 1 + random.below(4);  // of 8
  const std::uint64_t steps = random.below(1'500);
  for (std::uint32_t step = 0; step < steps; ++step) {
    if (random.below(8) < removals && !model.empty()) {
      auto victim = model.lower_bound(random_entry(random, step, shape));
      if (victim == model.end()) victim = model.begin();
      items.remove(*victim);
      model.erase(victim);
    } else {
      const CreatedItem entry = random_entry(random, step, shape);
      if (model.insert(entry).second) items.insert(entry);
    }
    if (step % 97 != 0 && step + 1 != steps) continue;
    const base::EpochGuard guard;
    RC_ASSERT(walk({items, Timestamp{10'000}}) == std::vector<CreatedItem>(model.begin(), model.end()));
    const Timestamp bound{static_cast<std::int64_t>(random.below(6'000)) - 500};
    RC_ASSERT(walk({items, bound}) == not_after(model, bound));
  }
}

TEST(ItemsByTime, EmptyAgainAfterTheLastRemoval) {
  ItemsByTime items;
  const base::EpochGuard guard;
  EXPECT_TRUE(ItemsByTime::Cursor(items, Timestamp{0}).at_end());
  for (std::uint32_t i = 0; i < 1'000; ++i) items.insert({Timestamp{7}, to_ordinal(i)});
  EXPECT_TRUE(ItemsByTime::Cursor(items, Timestamp{6}).at_end());
  EXPECT_EQ(ItemsByTime::Cursor(items, Timestamp{7}).entry().item, to_ordinal(0));
  for (std::uint32_t i = 0; i < 1'000; ++i) items.remove({Timestamp{7}, to_ordinal((i * 7) % 1'000)});
  EXPECT_TRUE(ItemsByTime::Cursor(items, Timestamp{7}).at_end());
  items.insert({Timestamp{8}, to_ordinal(3)});
  EXPECT_EQ(walk({items, Timestamp{8}}).size(), 1U);
}

TEST(ItemsByTime, TakesLittleMoreThanItsEntriesWhenTheyComeInOrder) {
  ItemsByTime items;
  for (std::uint32_t i = 0; i < 100'000; ++i) items.insert({Timestamp{i}, to_ordinal(i)});
  EXPECT_LT(items.heap_bytes(), 100'000 * 13U);
}

RC_GTEST_PROP(CreatorItems, HoldsEachItemAtItsCreatorAndTime, (std::uint64_t seed)) {
  base::Random random(seed);
  CreatorItems items;
  std::map<Ordinal, std::pair<Ordinal, Timestamp>> model;
  for (std::uint64_t step = random.below(600); step > 0; --step) {
    const Ordinal item = to_ordinal(static_cast<std::uint32_t>(random.below(60)));
    const Ordinal creator = to_ordinal(static_cast<std::uint32_t>(random.below(4)));
    const Timestamp created{static_cast<std::int64_t>(random.below(20))};
    switch (random.below(5)) {
      case 0:
        items.set(item, Ordinal::None, created);
        model.erase(item);
        break;
      case 1:
        items.set_created(item, created);
        if (const auto held = model.find(item); held != model.end()) held->second.second = created;
        break;
      default: items.set(item, creator, created); model[item] = {creator, created};
    }
  }
  const base::EpochGuard guard;
  for (std::uint32_t c = 0; c < 5; ++c) {
    Model wanted;
    for (const auto& [item, place] : model) {
      if (place.first == to_ordinal(c)) wanted.insert({place.second, item});
    }
    const std::vector<CreatedItem> walked = walk(items.newest(to_ordinal(c), Timestamp{100}));
    RC_ASSERT(walked == std::vector<CreatedItem>(wanted.begin(), wanted.end()));
    std::set<Ordinal> held;
    for (const CreatedItem& each : wanted) held.insert(each.item);
    RC_ASSERT(items.items(to_ordinal(c)).to_vector() == std::vector<Ordinal>(held.begin(), held.end()));
    RC_ASSERT(items.count(to_ordinal(c)) == held.size());
  }
  items.clear();
  RC_ASSERT(items.newest(to_ordinal(0), Timestamp{100}).at_end());
}

/// T2. Even ordinals stay, odd ones come and go at random places; a walk meets all even ones, once and in order, and
/// nothing torn or too new.
TEST(ItemsByTimeConcurrent, AWalkMeetsWhatStays) {
  constexpr std::uint32_t kItems = 2'000;
  const auto created = [](std::uint32_t item) { return Timestamp{(item * std::int64_t{7'919}) % kItems / 4}; };
  ItemsByTime items;
  for (std::uint32_t i = 0; i < kItems; i += 2) items.insert({created(i), to_ordinal(i)});
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  for (std::uint64_t r = 0; r < 2; ++r) {
    readers.emplace_back([&, r] {
      base::Random random(r);
      while (!done) {
        const base::EpochGuard guard;
        const Timestamp bound{static_cast<std::int64_t>(random.below(kItems / 4))};
        std::size_t stayed = 0;
        CreatedItem last{Timestamp{kItems}, to_ordinal(0)};
        for (ItemsByTime::Cursor cursor(items, bound); !cursor.at_end(); cursor.next()) {
          const CreatedItem entry = cursor.entry();
          ASSERT_EQ(entry.created, created(to_index(entry.item)));
          ASSERT_LE(entry.created, bound);
          if (to_index(entry.item) % 2 != 0) continue;
          ASSERT_TRUE(last.is_before(entry));
          ++stayed;
          last = entry;
        }
        std::size_t wanted = 0;
        for (std::uint32_t i = 0; i < kItems; i += 2) wanted += created(i) <= bound ? 1 : 0;
        ASSERT_EQ(stayed, wanted);
      }
    });
  }
  base::Random random(9);
  std::set<std::uint32_t> there;
  for (int step = 0; step < 60'000; ++step) {
    const auto item = static_cast<std::uint32_t>(random.below(kItems / 2)) * 2 + 1;
    if (there.erase(item) > 0) {
      items.remove({created(item), to_ordinal(item)});
    } else {
      items.insert({created(item), to_ordinal(item)});
      there.insert(item);
    }
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace tidal::relationship
