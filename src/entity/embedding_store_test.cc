// Embeddings by hand: rounding, moves of contributions, what a PUT and an UPDATE leave, images that are refused,
// memory.
#include "entity/embedding_store.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>

#include "base/coding.h"
#include "entity/embedding_history_for_test.h"

namespace tidal::entity {
namespace {

using Vector = std::vector<float>;

constexpr std::size_t kContent = 0;  // of items, floats, followed by preferences
constexpr std::size_t kLook = 1;     // of items, halves
constexpr std::size_t kTaste = 2;    // of users, floats
constexpr std::size_t kStyle = 3;    // of creators, floats

const std::vector<EmbeddingDef>& slots() {
  static const std::vector<EmbeddingDef> defs = {
      {EntityKind::Item, "content", 2, VectorMetric::Cosine, VectorStorage::F32, true},
      {EntityKind::Item, "look", 3, VectorMetric::Dot, VectorStorage::F16, false},
      {EntityKind::User, "taste", 2, VectorMetric::Dot, VectorStorage::F32, false},
      {EntityKind::Creator, "style", 2, VectorMetric::Dot, VectorStorage::F32, false}};
  return defs;
}

class EmbeddingsByHand : public testing::Test {
 protected:
  EmbeddingsByHand() { store.declare(slots()); }

  static EmbeddingStore::Entity item(std::uint32_t i, std::optional<std::uint32_t> creator = {}) {
    return {EntityKind::Item, to_ordinal(i), creator ? to_ordinal(*creator) : Ordinal::None};
  }
  void put(const EmbeddingStore::Entity& entity, std::size_t slot, const Vector& vector) {
    const EmbeddingStore::Named named{slot, vector};
    store.put(entity, {&named, 1});
  }
  void update(const EmbeddingStore::Entity& entity, std::size_t slot, const Vector& vector) {
    const EmbeddingStore::Named named{slot, vector};
    store.update(entity, {&named, 1});
  }
  /// {} when there is none.
  Vector vector(std::size_t slot, std::uint32_t o) {
    Vector out(slots()[slot].size);
    return store.vector(slot, to_ordinal(o), out) ? out : Vector{};
  }
  Vector catalogue(std::uint32_t creator) {
    Vector out(slots()[kContent].size);
    return store.catalogue_vector(to_ordinal(creator), out) ? out : Vector{};
  }
  /// {} when there is none.
  std::vector<double> sum(std::uint32_t creator) {
    std::vector<double> out;
    store.for_each_fact([&](const EmbeddingFact& fact) {
      if (fact.type == EmbeddingFact::Type::Catalogue && fact.creator == to_ordinal(creator)) {
        out.assign(fact.sum.begin(), fact.sum.end());
      }
    });
    return out;
  }
  Status restore(std::string_view image) {
    return store.restore(image, {[](EntityKind, Ordinal o) { return to_index(o) < 10; }, slots()});
  }

  EmbeddingStore store;
};

TEST_F(EmbeddingsByHand, FloatsAreKeptAsTheyAreAndHalvesAreRounded) {  // B1
  put(item(1), kContent, {0.1F, -3e38F});
  EXPECT_EQ(vector(kContent, 1), (Vector{0.1F, -3e38F}));
  put(item(1), kLook, {0.1F, 2049.0F, -65504.0F});
  EXPECT_EQ(vector(kLook, 1), (Vector{0.0999755859375F, 2048.0F, -65504.0F})) << "ties to even";
  EXPECT_FALSE(store.has(kContent, to_ordinal(1))) << "a PUT replaces";
  update(item(1), kLook, {1, 1, 65520.0F});
  EXPECT_EQ(vector(kLook, 1), (Vector{0.0999755859375F, 2048.0F, -65504.0F})) << "too large to be kept: not named";
  update(item(1), kLook, {1, 2});
  EXPECT_EQ(vector(kLook, 1).size(), 3U);
  put(item(1), kLook, {1, 1, 65520.0F});
  EXPECT_FALSE(store.has(kLook, to_ordinal(1)));
}

TEST_F(EmbeddingsByHand, AnUpdateChangesWhatItNames) {
  put(item(1), kContent, {1, 2});
  update(item(1), kLook, {1, 2, 3});
  EXPECT_EQ(vector(kContent, 1), (Vector{1, 2}));
  update(item(1), kContent, {});
  EXPECT_FALSE(store.has(kContent, to_ordinal(1)));
  EXPECT_EQ(vector(kLook, 1), (Vector{1, 2, 3}));
  EXPECT_EQ(store.count(kContent), 0U);
  EXPECT_EQ(store.count(kLook), 1U);
  store.put(item(1), {});
  EXPECT_EQ(store.count(kLook), 0U);
}

TEST_F(EmbeddingsByHand, ReadsLeaveTheirOutputWhereThereIsNothing) {
  put(item(1, 1), kContent, {1, 2});
  Vector out = {7, 7};
  EXPECT_FALSE(store.vector(kContent, to_ordinal(2), out));
  EXPECT_FALSE(store.vector(kStyle, to_ordinal(1), out));
  EXPECT_FALSE(store.vector(99, to_ordinal(1), out));
  EXPECT_FALSE(store.item_vector(to_ordinal(2), out));
  EXPECT_FALSE(store.item_vector(Ordinal::None, out));
  EXPECT_FALSE(store.catalogue_vector(to_ordinal(2), out));
  EXPECT_FALSE(store.catalogue_vector(Ordinal::None, out));
  Vector wrong_size = {7, 7, 7};
  EXPECT_FALSE(store.vector(kContent, to_ordinal(1), wrong_size));
  EXPECT_FALSE(store.item_vector(to_ordinal(1), wrong_size));
  EXPECT_FALSE(store.catalogue_vector(to_ordinal(1), wrong_size));
  EXPECT_EQ(out, (Vector{7, 7}));
  EXPECT_EQ(wrong_size, (Vector{7, 7, 7}));
  EXPECT_TRUE(store.item_vector(to_ordinal(1), out));
  EXPECT_EQ(out, (Vector{1, 2}));
}

TEST_F(EmbeddingsByHand, DotsOfABatch) {
  for (std::uint32_t i = 0; i < 100; ++i) {
    if (i % 3 != 0) continue;
    put(item(i), kContent, {static_cast<float>(i), 1});
    update(item(i), kLook, {static_cast<float>(i), 0.1F, 2});
  }
  std::vector<Ordinal> items;
  for (std::uint32_t i = 120; i-- > 0;) items.push_back(to_ordinal(i));
  std::vector<double> out(items.size());
  const auto expect = [&](std::size_t slot, const Vector& query, auto value) {
    store.dots(slot, query, items, -1, out);
    for (std::size_t k = 0; k < items.size(); ++k) {
      const std::uint32_t i = to_index(items[k]);
      EXPECT_EQ(out[k], i < 100 && i % 3 == 0 ? value(i) : -1.0) << i;
    }
  };
  expect(kContent, {2, 10}, [](double i) { return 2 * i + 10; });
  expect(kLook, {2, 4, 8}, [](double i) { return 2 * i + 4 * 0.0999755859375 + 16; });
  const auto none = [](double) { return -1.0; };
  expect(kContent, {2, 10, 1}, none);
  expect(kStyle, {2, 10}, none);
  expect(99, {2, 10}, none);
  store.dots(kContent, Vector{1, 1}, {}, -1, {});
}

TEST_F(EmbeddingsByHand, TheCatalogueIsTheDirectionOfTheSum) {  // B2
  EXPECT_EQ(catalogue(5), Vector{});
  put(item(1, 5), kContent, {3, 0});
  EXPECT_EQ(catalogue(5), (Vector{1, 0}));
  put(item(2, 5), kContent, {0, 4});
  EXPECT_EQ(catalogue(5), (Vector{0.6F, 0.8F}));
  EXPECT_EQ(sum(5), (std::vector<double>{3, 4}));
  EXPECT_EQ(store.catalogue_items(to_ordinal(5)), 2U);
  put(item(3, 5), kContent, {-3, -4});
  EXPECT_EQ(catalogue(5), Vector{}) << "no direction";
  EXPECT_EQ(store.catalogue_items(to_ordinal(5)), 3U);
  update(item(3, 5), kContent, {-3, -3});
  EXPECT_EQ(catalogue(5), (Vector{0, 1}));
  store.remove(EntityKind::Item, to_ordinal(3));
  EXPECT_EQ(sum(5), (std::vector<double>{3, 4}));
}

TEST_F(EmbeddingsByHand, AMeanBelowAMillionthHasNoDirection) {
  put(item(1, 5), kContent, {3e-6F, 0});
  EXPECT_EQ(catalogue(5), (Vector{1, 0}));
  for (std::uint32_t i = 2; i <= 4; ++i) put(item(i, 5), kContent, {0, 0});
  EXPECT_EQ(catalogue(5), Vector{}) << "the sum's norm is 3e-6, that of the mean 0.75e-6";
}

TEST_F(EmbeddingsByHand, AContributionMovesWithItsItem) {
  put(item(1, 5), kContent, {1, 0});
  put(item(2, 5), kContent, {0, 1});
  store.update(item(1, 6), {});
  EXPECT_EQ(sum(5), (std::vector<double>{0, 1}));
  EXPECT_EQ(sum(6), (std::vector<double>{1, 0}));
  put(item(1, 5), kContent, {2, 0});
  EXPECT_EQ(sum(5), (std::vector<double>{2, 1}));
  EXPECT_EQ(sum(6), std::vector<double>{});
  store.update(item(2), {});  // names no creator any more
  EXPECT_EQ(sum(5), (std::vector<double>{2, 0}));
  update(item(2, 5), kLook, {1, 1, 1});  // only the slot that preferences follow counts
  EXPECT_EQ(sum(5), (std::vector<double>{2, 1}));
  update(item(1, 5), kContent, {});
  EXPECT_EQ(sum(5), (std::vector<double>{0, 1}));
  store.put(item(2, 5), {});
  EXPECT_EQ(sum(5), std::vector<double>{});
  EXPECT_EQ(store.catalogue_items(to_ordinal(5)), 0U);
}

TEST_F(EmbeddingsByHand, TheDeletionOfACreatorTakesItsOwnVectorsOnly) {
  put(item(1, 5), kContent, {1, 0});
  put({EntityKind::Creator, to_ordinal(5), Ordinal::None}, kStyle, {1, 1});
  store.remove(EntityKind::Creator, to_ordinal(5));
  EXPECT_EQ(vector(kStyle, 5), Vector{});
  EXPECT_EQ(catalogue(5), (Vector{1, 0}));
  store.remove(EntityKind::Item, to_ordinal(1));
  EXPECT_EQ(catalogue(5), Vector{});
}

TEST_F(EmbeddingsByHand, ASumStartsFromExactlyNothing) {  // G2 of catalogue_sums.h
  put(item(1, 5), kContent, {1e30F, 0.1F});
  put(item(2, 5), kContent, {1, 0.2F});
  store.remove(EntityKind::Item, to_ordinal(1));
  EXPECT_EQ(sum(5)[0], 0.0) << "rounding took the 1, as is known of sums";
  update(item(2, 5), kContent, {2, 0.3F});
  EXPECT_EQ(sum(5), (std::vector<double>{2, static_cast<double>(0.3F)})) << "the only item";
  put(item(1, 5), kContent, {1e30F, 0.1F});
  store.remove(EntityKind::Item, to_ordinal(1));
  store.remove(EntityKind::Item, to_ordinal(2));
  put(item(1, 5), kContent, {1, 0.7F});
  EXPECT_EQ(sum(5), (std::vector<double>{1, static_cast<double>(0.7F)}));
}

TEST_F(EmbeddingsByHand, WritingTheSameVectorChangesNothing) {  // B3
  put(item(1, 5), kContent, {1e30F, 0});
  put(item(2, 5), kContent, {-1e30F, 0});
  put(item(3, 5), kContent, {1, 0});
  EXPECT_EQ(sum(5), (std::vector<double>{1, 0}));
  put(item(1, 5), kContent, {1e30F, 0});  // away and back would make it 0
  update(item(1, 5), kContent, {1e30F, 0});
  EXPECT_EQ(sum(5), (std::vector<double>{1, 0}));
}

TEST_F(EmbeddingsByHand, ASlotIsWhatItsFirstDefinitionSays) {
  std::vector<EmbeddingDef> changed = slots();
  changed[kContent].size = 3;
  changed.push_back({EntityKind::Item, "late", 1, VectorMetric::Dot, VectorStorage::F32, true});
  store.declare(changed);
  put(item(1, 5), kContent, {1, 2});
  EXPECT_EQ(vector(kContent, 1), (Vector{1, 2}));
  Vector out(2);
  EXPECT_TRUE(store.catalogue_vector(to_ordinal(5), out)) << "preferences follow the first";
  update(item(1, 5), 4, {9});
  EXPECT_TRUE(store.has(4, to_ordinal(1)));
}

TEST_F(EmbeddingsByHand, AnImageHoldsEverything) {
  put(item(1, 5), kContent, {1, 2});
  update(item(1, 5), kLook, {1, 2, 3});
  put(item(9, 0), kContent, {3, 4});
  put({EntityKind::User, to_ordinal(4), Ordinal::None}, kTaste, {5, 6});
  const std::string image = store.capture()->encode();
  store.clear();
  EXPECT_EQ(vector(kContent, 1), Vector{});
  ASSERT_TRUE(restore(image).ok());
  EXPECT_EQ(vector(kContent, 1), (Vector{1, 2}));
  EXPECT_EQ(vector(kLook, 1), (Vector{1, 2, 3}));
  EXPECT_EQ(vector(kTaste, 4), (Vector{5, 6}));
  EXPECT_EQ(sum(0), (std::vector<double>{3, 4}));
  EXPECT_EQ(catalogue(0), (Vector{0.6F, 0.8F}));
  EXPECT_EQ(sum(5), (std::vector<double>{1, 2}));
  store.remove(EntityKind::Item, to_ordinal(1));
  EXPECT_EQ(sum(5), std::vector<double>{}) << "the contribution was restored too";
  EXPECT_EQ(store.count(kContent), 1U);
}

/// An image of one item with a vector, and how each part of it may be off.
struct ImageOfOne {
  std::uint64_t slot = 0;
  std::uint64_t size = 2;
  std::uint8_t storage = 0;
  std::uint64_t end = 2;
  std::uint64_t count = 1;
  std::vector<std::uint64_t> ordinals{1};
  float component = 0.5F;
  std::uint64_t contributions = 1;
  std::uint64_t creator_end = 6;
  std::uint64_t item = 1;
  std::uint64_t creator = 5;
  double dimension = 0.5;
  std::string after{};

  [[nodiscard]] std::string encode() const {
    base::Encoder out;
    out.u8(1);
    out.varint(1);
    out.varint(slot);
    out.varint(size);
    out.u8(storage);
    out.varint(end);
    out.varint(count);
    for (const std::uint64_t o : ordinals) {
      out.varint(o);
      out.f32(component);
      out.f32(0.25F);
    }
    out.varint(contributions);
    out.varint(creator_end);
    out.varint(item);
    out.varint(creator);
    out.f64(dimension);
    out.f64(0.25);
    out.raw(after);
    return out.take();
  }
};

TEST_F(EmbeddingsByHand, ADamagedImageIsRefusedAndLeavesTheStateAlone) {
  put(item(1, 5), kContent, {0.5F, 0.25F});
  const std::string image = store.capture()->encode();
  ASSERT_EQ(image, ImageOfOne{}.encode());
  put(item(2, 5), kContent, {3, 4});
  const auto refuses = [&](const ImageOfOne& damaged) {
    const Status read = restore(damaged.encode());
    return !read.ok() && read.error().code == Code::Corruption;
  };
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(refuses({.slot = 4})) << "unknown slot";
  EXPECT_TRUE(refuses({.slot = ~std::uint64_t{0}}));
  EXPECT_TRUE(refuses({.slot = kTaste})) << "users have no catalogue";
  EXPECT_TRUE(refuses({.size = 3})) << "another size";
  EXPECT_TRUE(refuses({.storage = 1})) << "another storage";
  EXPECT_TRUE(refuses({.end = 11})) << "unknown item";
  EXPECT_TRUE(refuses({.end = std::uint64_t{1} << 40})) << "no ordinal";
  EXPECT_TRUE(refuses({.end = 1})) << "an ordinal beyond the end";
  EXPECT_TRUE(refuses({.count = 0, .ordinals = {}})) << "a slot without vectors";
  EXPECT_TRUE(refuses({.count = ~std::uint64_t{0}})) << "an absurd count";
  EXPECT_TRUE(refuses({.count = 2, .ordinals = {1, 0}})) << "an ordinal twice";
  EXPECT_TRUE(refuses({.component = std::numeric_limits<float>::infinity()})) << "an infinite vector";
  EXPECT_TRUE(refuses({.contributions = 2})) << "more contributions than vectors";
  EXPECT_TRUE(refuses({.creator_end = 11})) << "unknown creator";
  EXPECT_TRUE(refuses({.creator_end = 5})) << "a creator beyond the end";
  EXPECT_TRUE(refuses({.item = 0})) << "an item without a vector";
  EXPECT_TRUE(refuses({.creator = 6})) << "a creator beyond the end";
  EXPECT_TRUE(refuses({.dimension = infinity})) << "an infinite sum";
  EXPECT_TRUE(refuses({.dimension = std::numeric_limits<double>::quiet_NaN()}));
  EXPECT_TRUE(refuses({.after = "x"})) << "bytes after the end";
  EXPECT_EQ(sum(5), (std::vector<double>{3.5, 4.25})) << "as it was";
  EXPECT_TRUE(restore(image).ok());
  EXPECT_EQ(sum(5), (std::vector<double>{0.5, 0.25}));
}

TEST_F(EmbeddingsByHand, ACatalogueNeedsASlotThatPreferencesFollow) {
  put(item(1, 5), kContent, {0.5F, 0.25F});
  const std::string image = store.capture()->encode();
  std::vector<EmbeddingDef> without = slots();
  without[kContent].preference = false;
  const Status read = store.restore(image, {[](EntityKind, Ordinal) { return true; }, without});
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, Code::Corruption);
}

TEST_F(EmbeddingsByHand, AnErasedUserIsGone) {
  const std::string empty = store.capture()->encode();
  put({EntityKind::User, to_ordinal(4), Ordinal::None}, kTaste, {5, 6});
  EXPECT_NE(store.capture()->encode(), empty);
  store.remove(EntityKind::User, to_ordinal(4));
  EXPECT_EQ(vector(kTaste, 4), Vector{});
  EXPECT_EQ(store.capture()->encode(), empty);
  store.remove(EntityKind::User, Ordinal::None);
}

TEST(EmbeddingMemory, IsWhatTheStorageAsksFor) {
  std::vector<EmbeddingDef> defs = {{EntityKind::Item, "a", 128, VectorMetric::Dot, VectorStorage::F32, false},
                                    {EntityKind::User, "b", 128, VectorMetric::Dot, VectorStorage::F16, false},
                                    {EntityKind::Item, "c", 128, VectorMetric::Dot, VectorStorage::F32, true}};
  EmbeddingStore store;
  store.declare(defs);
  const std::vector<float> vector(128, 0.5F);
  constexpr std::uint32_t kVectors = 4096;
  const auto bytes_a_vector = [&](EntityKind kind, std::size_t slot, std::uint32_t creators) {
    const std::size_t before = store.memory_bytes();
    for (std::uint32_t i = 0; i < kVectors; ++i) {
      const EmbeddingStore::Named named{slot, vector};
      store.update({kind, to_ordinal(i), creators == 0 ? Ordinal::None : to_ordinal(i % creators)}, {&named, 1});
    }
    return static_cast<double>(store.memory_bytes() - before) / kVectors;
  };
  const double floats = bytes_a_vector(EntityKind::Item, 0, 0);
  const double halves = bytes_a_vector(EntityKind::User, 1, 0);
  const double followed = bytes_a_vector(EntityKind::Item, 2, kVectors / 10);
  std::printf("bytes a vector of 128: %.1f floats, %.1f halves, %.1f with a tenth of a catalogue\n", floats, halves,
              followed);
  EXPECT_EQ(floats, 512 + 16 + 8);
  EXPECT_EQ(halves, 256 + 16 + 8);
  EXPECT_NEAR(followed, 512 + 16 + 8 + 4 + 0.1 * (1024 + 8 + 16 + 10), 2);
}

}  // namespace
}  // namespace tidal::entity
