// Keys to ordinals: order of first appearance, lookups while the map grows, and its memory.
#include "entity/key_map.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <string>
#include <thread>

#include "wal/record.h"

namespace tidal::entity {
namespace {

std::string key_number(std::uint32_t n) { return "key-" + std::to_string(n); }

// N1
RC_GTEST_PROP(KeyMap, AgreesWithAPlainMap, ()) {
  KeyMap map(EntityKind::Item);
  std::map<std::string, std::uint32_t> model;
  const auto keys =
      *rc::gen::container<std::vector<std::string>>(rc::gen::container<std::string>(rc::gen::element('a', 'b', '\0')));
  for (const std::string& key : keys) {
    if (key.empty()) {
      RC_ASSERT(map.assign(key) == Ordinal::None);
      continue;
    }
    const auto [it, inserted] = model.try_emplace(key, static_cast<std::uint32_t>(model.size()));
    RC_ASSERT(map.find(key) == (inserted ? Ordinal::None : to_ordinal(it->second)));
    RC_ASSERT(map.assign(key) == to_ordinal(it->second));
  }
  RC_ASSERT(map.size() == model.size());
  for (const auto& [key, ordinal] : model) {
    RC_ASSERT(map.find(key) == to_ordinal(ordinal));
    RC_ASSERT(map.key_of(to_ordinal(ordinal)) == key);
  }
  for (const std::string& key : {model.empty() ? std::string("c") : model.begin()->first, std::string("absent"),
                                 std::string(), std::string(300, 'a')}) {
    KeyMap::Probe probe = map.probe(key);
    map.fetch_ref(probe);
    map.fetch_key(probe);
    RC_ASSERT(map.find(key, probe) == map.find(key));
  }
}

TEST(KeyMap, HoldsManyKeysAndTheirViewsStay) {
  constexpr std::uint32_t kKeys = 200'000;
  KeyMap map(EntityKind::User);
  const Ordinal first = map.assign(key_number(0));
  const std::string_view view = map.key_of(first);
  for (std::uint32_t i = 0; i < kKeys; ++i) ASSERT_EQ(map.assign(key_number(i)), to_ordinal(i));
  for (std::uint32_t i = 0; i < kKeys; ++i) ASSERT_EQ(map.find(key_number(i)), to_ordinal(i));
  EXPECT_EQ(map.key_of(first).data(), view.data()) << "N2";
  EXPECT_EQ(map.find("never there"), Ordinal::None);
  EXPECT_EQ(map.key_of(to_ordinal(kKeys)), "");
  EXPECT_EQ(map.key_of(Ordinal::None), "");
}

TEST(KeyMap, KeepsKeysUpToItsLimit) {
  KeyMap map(EntityKind::Item);
  const std::string longest(KeyMap::kKeyBytesMax, 'k');
  EXPECT_EQ(map.assign(longest), to_ordinal(0));
  EXPECT_EQ(map.key_of(to_ordinal(0)), longest);
  EXPECT_EQ(map.assign(longest + "k"), Ordinal::None);
  EXPECT_EQ(map.find(longest + "k"), Ordinal::None);
}

TEST(KeyMap, AForgottenKeyLeavesItsOrdinalAndItsPartition) {
  KeyMap map(EntityKind::User);
  const Ordinal ann = map.assign("ann");
  const Ordinal bob = map.assign("bob");
  const std::string_view held = map.key_of(ann);
  const std::uint16_t partition = partition_of_key(EntityKind::User, "ann");
  EXPECT_EQ(map.partition_of(ann), partition);
  EXPECT_EQ(map.find_if(partition, [](std::string_view key) { return key == "ann"; }), ann);
  EXPECT_EQ(map.find_if(static_cast<std::uint16_t>(partition ^ 1U), [](std::string_view) { return true; }),
            Ordinal::None);
  map.forget(ann);
  map.forget(ann);
  EXPECT_EQ(map.key_of(ann), "");
  EXPECT_EQ(held, "ann") << "N2";
  EXPECT_EQ(map.find("ann"), Ordinal::None);
  EXPECT_EQ(map.find(""), Ordinal::None);
  EXPECT_EQ(map.find_if(partition, [](std::string_view) { return true; }), Ordinal::None);
  EXPECT_EQ(map.partition_of(ann), partition) << "N3";
  EXPECT_EQ(map.find("bob"), bob);
  EXPECT_EQ(map.key_bytes(), 3U);
  const Ordinal again = map.assign("ann");
  EXPECT_EQ(to_index(again), 2U);
  EXPECT_EQ(map.find("ann"), again);
  EXPECT_EQ(to_index(map.assign_forgotten(77)), 3U);
  EXPECT_EQ(map.key_of(to_ordinal(3)), "");
  EXPECT_EQ(map.partition_of(to_ordinal(3)), 77U);
  for (int i = 0; i < 1000; ++i) map.assign("k" + std::to_string(i));  // through several tables
  EXPECT_EQ(map.find("ann"), again);
  EXPECT_EQ(map.key_of(ann), "");
}

TEST(KeyMap, ClearForgetsEverything) {
  KeyMap map(EntityKind::Item);
  for (std::uint32_t i = 0; i < 1000; ++i) map.assign(key_number(i));
  map.clear();
  EXPECT_EQ(map.size(), 0U);
  EXPECT_EQ(map.find(key_number(1)), Ordinal::None);
  EXPECT_EQ(map.assign(key_number(500)), to_ordinal(0));
}

TEST(KeyMap, PartitionIsTheOneThatTheLogWrites) {
  for (const EntityKind kind : {EntityKind::Item, EntityKind::User, EntityKind::Creator}) {
    for (std::uint32_t i = 0; i < 100; ++i) {
      EXPECT_EQ(partition_of_key(kind, key_number(i)), wal::partition_of(kind, key_number(i)));
    }
  }
}

TEST(KeyMap, ReadersFindEveryKeyThatWasThereWhenTheyLooked) {
  constexpr std::uint32_t kKeys = 100'000;
  KeyMap map(EntityKind::Item);
  const auto read = [&](std::uint32_t stride) {
    std::uint32_t wrong = 0;
    for (std::uint32_t n = 0, i = 0; n < kKeys; n = map.size()) {
      i = n == 0 ? 0 : (i + stride) % n;
      if (n > 0 && (map.find(key_number(i)) != to_ordinal(i) || map.key_of(to_ordinal(i)) != key_number(i))) ++wrong;
    }
    EXPECT_EQ(wrong, 0U);
  };
  std::thread first(read, 7919);
  std::thread second(read, 104729);
  for (std::uint32_t i = 0; i < kKeys; ++i) map.assign(key_number(i));
  first.join();
  second.join();
}

}  // namespace
}  // namespace tidal::entity
