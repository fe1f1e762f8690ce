// Embeddings against plain maps over random histories; the view's conformance; erasure; the digest.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "entity/embedding_history_for_test.h"

namespace tidal::entity {
namespace {

using Fact = EmbeddingFact::Type;

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// "" when vectors and batch reads are the model's.
std::string check_vectors(const EmbeddingStore& store, const EmbeddingModel& model) {
  std::vector<Ordinal> all = {Ordinal::None};
  for (std::uint32_t i = 0; i <= kOrdinals; ++i) all.push_back(to_ordinal(i));
  for (std::size_t s = 0; s < model.slots.size(); ++s) {
    const std::uint32_t size = model.slots[s].size;
    std::vector<float> query(size);
    for (std::uint32_t i = 0; i < size; ++i) query[i] = 0.5F + static_cast<float>(i);
    std::vector<double> dots(all.size());
    store.dots(s, query, all, -7.5, dots);
    std::uint32_t count = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto expected = model.vectors.find({s, all[i]});
      const bool there = expected != model.vectors.end();
      const std::string where = " of slot " + std::to_string(s) + ", entity " + std::to_string(i);
      std::vector<float> got(size, 9.0F);
      count += there ? 1 : 0;
      if (store.has(s, all[i]) != there || store.vector(s, all[i], got) != there) return "presence" + where;
      if (!same_bits(got, there ? expected->second : std::vector<float>(size, 9.0F))) return "vector" + where;
      const double dot = there ? static_cast<double>(base::dot(query, expected->second)) : -7.5;
      if (dots[i] != dot) return "dot" + where;
      if (static_cast<int>(s) != model.preference()) continue;
      std::vector<float> followed(size, 9.0F);
      if (store.item_vector(all[i], followed) != there || !same_bits(followed, got)) return "item_vector" + where;
    }
    if (store.count(s) != count) return "count of slot " + std::to_string(s);
  }
  return {};
}

/// "" when the catalogue is what adding up anew gives, to 1e-9.
std::string check_catalogue(const EmbeddingStore& store, const EmbeddingModel& model) {
  const auto catalogues = model.catalogues();
  const int followed = model.preference();
  std::string wrong;
  std::set<Ordinal> seen;
  std::size_t contributions = 0;
  store.for_each_fact([&](const EmbeddingFact& fact) {
    if (fact.type == Fact::Contribution) {
      ++contributions;
      const auto creator = model.creators.find(fact.entity);
      if (creator == model.creators.end() || creator->second != fact.creator) wrong = "contribution";
    }
    if (fact.type != Fact::Catalogue) return;
    seen.insert(fact.creator);
    const auto items = catalogues.find(fact.creator);
    if (items == catalogues.end() || fact.items != items->second.size()) {
      wrong = "number of items";
      return;
    }
    for (std::size_t d = 0; d < fact.sum.size(); ++d) {
      double sum = 0;
      for (const Ordinal item : items->second) {
        sum += static_cast<double>(model.vectors.at({static_cast<std::size_t>(followed), item})[d]);
      }
      if (std::abs(fact.sum[d] - sum) > 1e-9 * std::max(1.0, std::abs(sum))) wrong = "sum";
    }
  });
  std::size_t expected_contributions = 0;
  for (const auto& [creator, items] : catalogues) expected_contributions += items.size();
  if (contributions != expected_contributions) return "number of contributions";
  if (seen.size() != catalogues.size()) return "number of catalogues";
  for (std::uint32_t c = 0; c < kOrdinals; ++c) {
    const auto items = catalogues.find(to_ordinal(c));
    const std::size_t number = items == catalogues.end() ? 0 : items->second.size();
    if (store.catalogue_items(to_ordinal(c)) != number) return "catalogue_items";
    if (followed < 0 || number > 1) continue;
    // Of one item the mean is the item.
    std::vector<float> got(model.slots[static_cast<std::size_t>(followed)].size, 9.0F);
    std::vector<float> expected = got;
    bool there = number == 1;
    if (there) {
      std::vector<float> direction = model.vectors.at({static_cast<std::size_t>(followed), items->second.front()});
      for (float& v : direction) v += 0.0F;  // a sum has no -0
      there = base::normalise(direction);
      if (there) expected = direction;
    }
    const bool exact = store.catalogue_vector(to_ordinal(c), got) == there;
    for (std::size_t d = 0; exact && d < got.size(); ++d) {
      if (std::abs(got[d] - expected[d]) > 1e-5F) return "catalogue_vector";
    }
    if (!exact && number == 0) return "a catalogue of nothing";
  }
  return wrong;
}

std::string check_history(std::uint64_t seed, int steps) {
  const EmbeddingStory story = RandomEmbeddingStory(seed).run(steps);
  EmbeddingViewWorld world(slot_pool(seed % 3 == 0));
  world.apply_all(story.history);
  std::string wrong = check_vectors(world.store, story.model);
  return wrong.empty() ? check_catalogue(world.store, story.model) : wrong;
}

TEST(Embeddings, EqualPlainMaps) {  // B1, B2
  std::size_t with_catalogues = 0;
  for (std::uint64_t seed = 0; seed < 12'000; ++seed) {
    const int steps = static_cast<int>(seed % 120);
    if (seed % 50 == 0) {
      with_catalogues += RandomEmbeddingStory(seed).run(steps).model.catalogues().empty() ? 0 : 1;
    }
    if (check_history(seed, steps).empty()) continue;
    int least = 0;
    while (check_history(seed, least).empty()) ++least;
    FAIL() << "seed " << seed << ", " << least << " steps: " << check_history(seed, least);
  }
  EXPECT_GT(with_catalogues, 120U) << "of 240 histories";
}

RC_GTEST_PROP(EmbeddingView, Conforms, (std::uint64_t seed)) {
  const EmbeddingStory story = RandomEmbeddingStory(seed).run(*rc::gen::inRange(0, 150));
  const auto make = [seed] { return std::make_unique<EmbeddingViewWorld>(slot_pool(seed % 3 == 0)); };
  RC_ASSERT(materializer::check_view(make, story.history) == "");
}

// The catalog of a database that opens is of a later checkpoint than a view that is behind.
RC_GTEST_PROP(EmbeddingView, DoesNotDependOnACatalogThatIsAhead, (std::uint64_t seed)) {
  const EmbeddingStory story = RandomEmbeddingStory(seed).run(*rc::gen::inRange(0, 150));
  EmbeddingViewWorld live(slot_pool(seed % 3 == 0));
  EmbeddingViewWorld ahead(slot_pool(seed % 3 == 0));
  ahead.catalog.declare_all();
  for (const auto& event : story.history.events()) {
    // What names a slot that is not there yet is refused before the append; a random history does not care.
    const auto content = decode_content(event.record.payload);
    const auto is_early = [&](const auto& named) {
      const auto index_in = [&](const EmbeddingViewWorld& world) {
        return world.catalog.current().embedding_index(event.record.subject_kind, named.first);
      };
      return index_in(live) != index_in(ahead);
    };
    if (content.ok() && std::any_of(content->embeddings.begin(), content->embeddings.end(), is_early)) continue;
    live.apply(event);
    ahead.apply(event);
  }
  RC_ASSERT(ahead.digest() == live.digest());
  RC_ASSERT(materializer::image_of(ahead.view()) == materializer::image_of(live.view()));
}

// The state without a user is the state of the history without what was written of that user.
RC_GTEST_PROP(EmbeddingView, ErasingAUserLeavesNoTrace, (std::uint64_t seed)) {
  const EmbeddingStory story = RandomEmbeddingStory(seed).run(150);
  const Ordinal user = to_ordinal(2);
  EmbeddingViewWorld erased(slot_pool(seed % 3 == 0));
  EmbeddingViewWorld never(slot_pool(seed % 3 == 0));
  erased.apply_all(story.history);
  erased.view().erase_user(user);
  for (const auto& event : story.history.events()) {
    if (event.record.subject_kind != EntityKind::User || event.ids.subject != user) never.apply(event);
  }
  RC_ASSERT(erased.digest() == never.digest());
  RC_ASSERT(materializer::image_of(erased.view()) == materializer::image_of(never.view()));
}

TEST(EmbeddingView, DigestSeesEveryKindOfChange) {
  EmbeddingViewWorld world(slot_pool(false));
  world.catalog.declare_all();
  world.store.declare(world.catalog.current().embeddings);
  std::set<std::string> digests{world.digest()};
  const auto expect_new = [&](const char* what) {
    EXPECT_TRUE(digests.insert(world.digest()).second) << what << " does not reach the digest";
  };
  const auto update = [&](EmbeddingStore::Entity entity, std::size_t slot, std::vector<float> vector) {
    const EmbeddingStore::Named named{slot, vector};
    world.store.update(entity, {&named, 1});
  };
  const EmbeddingStore::Entity item{EntityKind::Item, to_ordinal(1), Ordinal::None};
  update(item, 0, {1, 2, 3, 4, 5});
  expect_new("a vector");
  update(item, 0, {1, 2, 3, 4, 6});
  expect_new("a component");
  update(item, 2, {1, 2, 3});
  expect_new("another slot");
  update({EntityKind::Item, to_ordinal(2), Ordinal::None}, 2, {1, 2, 3});
  expect_new("another item");
  update({EntityKind::User, to_ordinal(1), Ordinal::None}, 5, {1, 2});
  expect_new("a user's vector");
  update({EntityKind::Creator, to_ordinal(1), Ordinal::None}, 3, std::vector<float>(17, 1.0F));
  expect_new("a creator's vector");
  world.store.update({EntityKind::Item, to_ordinal(1), to_ordinal(1)}, {});
  expect_new("a contribution");
  world.store.update({EntityKind::Item, to_ordinal(1), to_ordinal(2)}, {});
  expect_new("another creator");
  // A sum alone: the same vectors, added up to another last bit on the way.
  const EmbeddingStore::Entity second{EntityKind::Item, to_ordinal(3), to_ordinal(2)};
  update(second, 0, {1e-9F, 0, 0, 0, 0});
  expect_new("a second item");
  update(second, 0, {1e30F, 0, 0, 0, 0});
  expect_new("its vector");
  update(second, 0, {1e-9F, 0, 0, 0, 0});
  expect_new("a sum that rounding changed");
}

TEST(EmbeddingView, DigestSeesWhoContributesToWhom) {
  const auto digest = [](std::uint32_t first, std::uint32_t second) {
    EmbeddingViewWorld world(slot_pool(false));
    world.catalog.declare_all();
    world.store.declare(world.catalog.current().embeddings);
    const std::vector<float> vector = {1, 2, 3, 4, 5};
    const EmbeddingStore::Named named{0, vector};
    world.store.put({EntityKind::Item, to_ordinal(0), to_ordinal(first)}, {&named, 1});
    world.store.put({EntityKind::Item, to_ordinal(1), to_ordinal(second)}, {&named, 1});
    return world.digest();
  };
  EXPECT_NE(digest(0, 1), digest(1, 0)) << "the sums are the same";
}

/// Entities of different kinds may have one key.
class SameKeys final : public materializer::KeyNames {
 public:
  [[nodiscard]] std::string_view key_of(EntityKind, Ordinal) const override { return "k"; }
};

TEST(EmbeddingView, DigestTellsKindsApart) {
  std::set<std::string> digests;
  for (const EntityKind kind : {EntityKind::Item, EntityKind::User}) {
    SlotCatalog catalog({{EntityKind::Item, "a", 1, VectorMetric::Dot, VectorStorage::F32, false},
                         {EntityKind::User, "a", 1, VectorMetric::Dot, VectorStorage::F32, false}});
    catalog.declare_all();
    const SameKeys keys;
    EmbeddingStore store;
    const EmbeddingMaterializer view(store, {catalog, keys});
    store.declare(catalog.current().embeddings);
    const std::vector<float> vector = {1};
    const EmbeddingStore::Named named{kind == EntityKind::Item ? 0U : 1U, vector};
    store.put({kind, to_ordinal(0), Ordinal::None}, {&named, 1});
    digests.insert(materializer::digest_of(view).hex);
  }
  EXPECT_EQ(digests.size(), 2U);
}

}  // namespace
}  // namespace tidal::entity
