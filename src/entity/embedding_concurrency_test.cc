// Readers beside the applier and a background thread that writes images: every read is of one whole vector or sum.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include "base/vector_math.h"
#include "entity/embedding_store.h"

namespace tidal::entity {
namespace {

constexpr std::uint32_t kSize = 24;
constexpr std::uint32_t kItems = 6;
constexpr std::size_t kFollowed = 0;
constexpr std::size_t kHalves = 1;

std::vector<EmbeddingDef> slots() {
  return {{EntityKind::Item, "content", kSize, VectorMetric::Dot, VectorStorage::F32, true},
          {EntityKind::Item, "look", kSize, VectorMetric::Dot, VectorStorage::F16, false}};
}

/// scale * (1, 2, 3 …): vectors, and their sums, of one direction whatever the scales.
std::vector<float> ramp(float scale) {
  std::vector<float> out(kSize);
  for (std::uint32_t i = 0; i < kSize; ++i) out[i] = scale * static_cast<float>(i + 1);
  return out;
}

class Readers {
 public:
  explicit Readers(const EmbeddingStore& store) : store_(store) { static_cast<void>(base::normalise(direction_)); }
  void run() {
    std::vector<float> vector(kSize);
    std::vector<Ordinal> items;
    for (std::uint32_t i = 0; i < kItems; ++i) items.push_back(to_ordinal(i));
    std::vector<double> dots(kItems);
    const std::vector<float> query(kSize, 1.0F);
    while (!stopped_.load(std::memory_order_relaxed)) {  // relaxed: only a flag
      for (std::uint32_t i = 0; i < kItems; ++i) {
        for (const std::size_t slot : {kFollowed, kHalves}) {
          if (!store_.vector(slot, to_ordinal(i), vector) || vector != ramp(vector[0])) fail("vector");
        }
        if (!store_.item_vector(to_ordinal(i), vector) || vector != ramp(vector[0])) fail("item_vector");
      }
      // Of a whole ramp with scale s: s * (1 + … + 24) = 300 s; scales are powers of 2, so that this is exact.
      store_.dots(kFollowed, query, items, -1, dots);
      for (const double dot : dots) {
        int exponent = 0;
        if (std::frexp(dot / 300, &exponent) != 0.5) fail("dot");
      }
      // Item 0 alternates between two creators, the others stay with the first, so that it always has some.
      if (!store_.catalogue_vector(to_ordinal(0), vector) || !is_direction(vector)) fail("catalogue");
      if (store_.catalogue_vector(to_ordinal(1), vector) && !is_direction(vector))
        fail("catalogue that comes and goes");
      if (store_.catalogue_items(to_ordinal(0)) < kItems - 1 || store_.count(kFollowed) != kItems) fail("number");
      if (store_.memory_bytes() == 0) fail("memory");
      ++rounds_;
    }
  }
  void stop() { stopped_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] int rounds() const { return rounds_; }
  [[nodiscard]] int failures() const { return failures_; }

 private:
  [[nodiscard]] bool is_direction(const std::vector<float>& v) const {
    for (std::uint32_t i = 0; i < kSize; ++i) {
      if (std::abs(v[i] - direction_[i]) > 1e-6F) return false;
    }
    return true;
  }
  void fail(const char* what) {
    if (failures_.fetch_add(1) == 0) ADD_FAILURE() << what << " is not whole";
  }

  const EmbeddingStore& store_;
  std::vector<float> direction_ = ramp(1);
  std::atomic<bool> stopped_{false};
  std::atomic<int> rounds_{0};
  std::atomic<int> failures_{0};
};

class Writer {
 public:
  explicit Writer(EmbeddingStore& store) : store_(store) { store_.declare(slots()); }
  void write(std::uint32_t from, std::uint32_t to) {
    for (std::uint32_t n = from; n < to; ++n) {
      const std::uint32_t item = n % kItems;
      // Scales a thousandfold apart: a mixture of two sums has another direction.
      const std::vector<float> vector = ramp(std::ldexp(1.0F, static_cast<int>(n * 7 % 11)));
      const std::vector<EmbeddingStore::Named> named = {{kFollowed, vector}, {kHalves, vector}};
      const bool moves = item == 0 && (n / kItems) % 2 == 1;
      const EmbeddingStore::Entity entity{EntityKind::Item, to_ordinal(item), to_ordinal(moves ? 1 : 0)};
      if (n % 2 == 0) {
        store_.put(entity, named);
      } else {
        store_.update(entity, named);
      }
    }
  }

 private:
  EmbeddingStore& store_;
};

TEST(EmbeddingConcurrency, ReadersSeeWholeVectorsAndSums) {
  EmbeddingStore store;
  Writer writer(store);
  writer.write(0, kItems);
  Readers readers(store);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i) threads.emplace_back([&] { readers.run(); });
    std::uint32_t n = kItems;
    // Until readers had their turns, whatever the machine does.
    for (; n < 20'000 || (readers.rounds() < 1'000 && readers.failures() == 0); n += 10) writer.write(n, n + 10);
    readers.stop();
  }
  EXPECT_EQ(readers.failures(), 0);
}

TEST(EmbeddingConcurrency, ACaptureIsWrittenWhileTheStateMovesOn) {
  EmbeddingStore store;
  Writer writer(store);
  writer.write(0, 200);
  for (std::uint32_t round = 1; round < 6; ++round) {
    const auto capture = store.capture();
    const std::string at_once = capture->encode();
    std::string later;
    {
      const std::jthread background([&] {
        for (int i = 0; i < 10; ++i) later = capture->encode();
      });
      writer.write(round * 200, (round + 1) * 200);
      store.remove(EntityKind::Item, to_ordinal(round % kItems));
      if (round == 3) {
        for (std::uint32_t i = 0; i < kItems; ++i) store.remove(EntityKind::Item, to_ordinal(i));
      }
      if (round == 4) {
        store.clear();
        store.declare(slots());
      }
    }
    EXPECT_TRUE(later == at_once) << round;
    EXPECT_TRUE(capture->encode() == at_once) << round;
    writer.write((round + 1) * 200 + round, (round + 1) * 200 + round + 2 * kItems);
    EXPECT_TRUE(store.capture()->encode() != at_once);
  }
}

}  // namespace
}  // namespace tidal::entity
