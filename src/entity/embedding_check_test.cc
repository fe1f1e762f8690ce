// Every refusal of a vector, and what passes.
#include "entity/embedding_check.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/random.h"

namespace tidal::entity {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

EmbeddingDef slot(VectorMetric metric, VectorStorage storage = VectorStorage::F32) {
  EmbeddingDef def;
  def.name = "content";
  def.size = 3;
  def.metric = metric;
  def.storage = storage;
  return def;
}

std::string refusal(const EmbeddingDef& def, std::vector<float> vector) {
  const auto prepared = prepared_vector(def, std::move(vector));
  if (prepared.ok()) return "";
  EXPECT_EQ(prepared.error().code, Code::InvalidArgument);
  return prepared.error().message;
}

TEST(PreparedVector, ComesOutTheSameAgain) {
  base::Random random(5);
  const EmbeddingDef slot{.name = "content", .size = 384};
  for (int i = 0; i < 2'000; ++i) {
    std::vector<float> vector(slot.size);
    for (float& x : vector) x = static_cast<float>(random.below(2'001)) / 1'000.0F - 1.0F;
    const std::vector<float> once = prepared_vector(slot, vector).value();
    ASSERT_EQ(prepared_vector(slot, once).value(), once);
  }
}

TEST(PreparedVector, IsNormalisedUnderCosineOnly) {
  const std::vector<float> given = {3.0F, 0.0F, -4.0F};
  EXPECT_EQ(prepared_vector(slot(VectorMetric::Dot), given).value(), given);
  EXPECT_EQ(prepared_vector(slot(VectorMetric::L2), given).value(), given);
  EXPECT_EQ(prepared_vector(slot(VectorMetric::Cosine), given).value(), (std::vector<float>{0.6F, 0.0F, -0.8F}));
}

TEST(PreparedVector, HasTheSizeOfTheSlot) {
  for (const auto metric : {VectorMetric::Cosine, VectorMetric::Dot}) {
    EXPECT_EQ(refusal(slot(metric), {1, 2}), "embedding item.content: expected 3 numbers, got 2");
    EXPECT_EQ(refusal(slot(metric), {1, 2, 3, 4}), "embedding item.content: expected 3 numbers, got 4");
    EXPECT_EQ(refusal(slot(metric), {}), "embedding item.content: expected 3 numbers, got 0");
  }
}

TEST(PreparedVector, IsFinite) {
  for (const auto storage : {VectorStorage::F32, VectorStorage::F16}) {
    for (const auto metric : {VectorMetric::Cosine, VectorMetric::L2}) {
      EXPECT_EQ(refusal(slot(metric, storage), {1, kNaN, 3}),
                "embedding item.content: expected finite numbers, got NaN as number 2");
      EXPECT_EQ(refusal(slot(metric, storage), {kInfinity, 2, 3}),
                "embedding item.content: expected finite numbers, got infinity as number 1");
      EXPECT_EQ(refusal(slot(metric, storage), {1, 2, -kInfinity}),
                "embedding item.content: expected finite numbers, got -infinity as number 3");
    }
  }
}

TEST(PreparedVector, FitsIntoHalvesWhereTheyAreStored) {
  for (const auto metric : {VectorMetric::Cosine, VectorMetric::Dot}) {
    EXPECT_EQ(refusal(slot(metric, VectorStorage::F16), {1, 2, 65504.0F}), "");
    EXPECT_EQ(refusal(slot(metric, VectorStorage::F16), {1, -65504.0F, 2}), "");
    EXPECT_EQ(refusal(slot(metric, VectorStorage::F16), {1, 65505.0F, 3}),
              "embedding item.content: expected numbers from -65504 to 65504 (storage f16), got 65505 as number 2");
    EXPECT_EQ(refusal(slot(metric, VectorStorage::F16), {-1e30F, 2, 3}),
              "embedding item.content: expected numbers from -65504 to 65504 (storage f16), got -1e+30 as number 1");
    EXPECT_EQ(refusal(slot(metric, VectorStorage::F32), {1, 65505.0F, 3}), "");
  }
}

TEST(PreparedVector, HasADirectionUnderCosine) {
  EXPECT_EQ(refusal(slot(VectorMetric::Cosine), {0, 0, 0}),
            "embedding item.content: expected a norm of at least 1e-06 (metric cosine), got 0");
  EXPECT_EQ(refusal(slot(VectorMetric::Cosine), {5e-7F, 0, 0}),
            "embedding item.content: expected a norm of at least 1e-06 (metric cosine), got 5e-07");
  EXPECT_EQ(refusal(slot(VectorMetric::Cosine), {2e-6F, 0, 0}), "");
  EXPECT_EQ(refusal(slot(VectorMetric::Dot), {0, 0, 0}), "");
  const auto huge = prepared_vector(slot(VectorMetric::Cosine), {3e38F, 0, 0});
  EXPECT_EQ(huge.value(), (std::vector<float>{1, 0, 0})) << "its norm is a finite double";
}

TEST(PreparedVector, NamesTheKind) {
  EmbeddingDef def = slot(VectorMetric::Dot);
  def.kind = EntityKind::User;
  EXPECT_EQ(refusal(def, {}), "embedding user.content: expected 3 numbers, got 0");
}

}  // namespace
}  // namespace tidal::entity
