// Readers beside the applier and a background thread that writes images: every read is of one whole state.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "entity/entity_history_for_test.h"

namespace tidal::entity {
namespace {

using wal::RecordType;

constexpr std::uint32_t kItems = 20;
constexpr std::uint64_t kRounds = 300;

std::string item_key(std::uint32_t n) { return "i" + std::to_string(n); }

/// Round r writes r into one field: "a" when even, "b" when odd, and every 30th round both. So in every state the two
/// are at most one apart, and a mixture of two states hardly ever keeps to that.
TestEvent write_of(std::uint32_t item, std::uint64_t round) {
  const auto number = static_cast<std::int64_t>(round);
  const bool is_put = round % 30 == 0;
  Fields fields;
  if (is_put || round % 2 == 0) fields["a"] = number;
  if (is_put || round % 2 == 1) fields["b"] = number;
  TestEvent event{is_put ? RecordType::PutEntity : RecordType::UpdateEntity,
                  EntityKind::Item,
                  item_key(item),
                  "",
                  Timestamp{number},
                  only_fields(std::move(fields))};
  event.content.creator = "c" + std::to_string(round % 7);
  event.content.created_at = Timestamp{number};
  return event;
}

class Readers {
 public:
  explicit Readers(const EntityStore& entities) : entities_(entities) {}
  void run() {
    std::vector<std::int64_t> newest(kItems, -1);
    for (std::uint32_t i = 0; !stopped_.load(std::memory_order_relaxed);
         i = (i + 1) % kItems) {  // relaxed: only a flag
      const Ordinal o = entities_.find(EntityKind::Item, item_key(i));
      if (o == Ordinal::None || !entities_.is_live(EntityKind::Item, o)) continue;
      if (entities_.key_of(EntityKind::Item, o) != item_key(i)) ++wrong_;
      const Ordinal creator = entities_.creator_of(o);
      if (creator == Ordinal::None || entities_.key_of(EntityKind::Creator, creator).empty()) ++wrong_;
      const auto content = entities_.content(EntityKind::Item, o);
      if (!content.ok() || !is_whole(*content, newest[i])) ++wrong_;
    }
  }
  void stop() { stopped_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] int wrong() const { return wrong_; }

 private:
  static bool is_whole(const EntityContent& content, std::int64_t& newest) {
    const auto a = content.fields.find("a");
    const auto b = content.fields.find("b");
    if (a == content.fields.end() || b == content.fields.end()) return false;
    const std::int64_t low = std::min(std::get<std::int64_t>(a->second), std::get<std::int64_t>(b->second));
    const std::int64_t round = std::max(std::get<std::int64_t>(a->second), std::get<std::int64_t>(b->second));
    if (round - low > 1) return false;
    if (content.created_at != Timestamp{round} || content.creator != "c" + std::to_string(round % 7)) return false;
    return std::exchange(newest, round) <= round;  // one reader never goes back in time
  }

  const EntityStore& entities_;
  std::atomic<bool> stopped_{false};
  std::atomic<int> wrong_{0};
};

TEST(EntityConcurrency, ReadersSeeWholeEntitiesWhileImagesAreWritten) {
  EntityWorld world;
  Readers readers(world.entities());
  std::thread first([&] { readers.run(); });
  std::thread second([&] { readers.run(); });

  std::uint64_t seqno = 0;
  std::string last_image;
  SeqNo last_seqno;
  std::vector<TestEvent> events;
  std::thread background;
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    for (std::uint32_t item = 0; item < kItems; ++item) {
      events.push_back(write_of(item, round));
      world.apply(events.back(), SeqNo{++seqno});
    }
    if (round % 10 != 9) continue;
    if (background.joinable()) background.join();
    last_seqno = world.view().applied();
    background = std::thread([image = world.view().checkpoint(), &last_image] {
      last_image.clear();
      EXPECT_TRUE(image->write_to(last_image).ok());
    });
  }
  readers.stop();
  first.join();
  second.join();
  background.join();
  EXPECT_EQ(readers.wrong(), 0);

  const std::string digest = world.digest();
  ASSERT_TRUE(world.view().restore(last_image, last_seqno).ok());
  world.replay(events, last_seqno);
  EXPECT_EQ(world.digest(), digest);
}

}  // namespace
}  // namespace tidal::entity
