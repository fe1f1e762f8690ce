// The view "rollups": conformance, what its digest sees, which images and stores it refuses.
#include "signal/rollups_mat.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "base/coding.h"
#include "signal/rollups_state.h"
#include "signal/rollups_world_for_test.h"

namespace tidal::signal {
namespace {

using wal::RecordType;

/// Image and store in one, as a base keeps them: the view's state is both.
class StoreAndImage final : public materializer::CheckpointImage {
 public:
  StoreAndImage(std::unique_ptr<materializer::CheckpointImage> image, const CrashableStore& store)
      : image_(std::move(image)), store_(store) {}
  [[nodiscard]] Status write_to(std::string& out) const override {
    std::string image;
    TIDAL_TRY(image_->write_to(image));
    base::Encoder all;
    all.string(image);
    all.u64(store_.content().seqno.value);
    all.varint(store_.content().map.size());
    for (const auto& [key, value] : store_.content().map) {
      all.string(key);
      all.string(value);
    }
    out += all.str();
    return {};
  }

 private:
  std::unique_ptr<materializer::CheckpointImage> image_;
  const CrashableStore& store_;
};

class WithStore final : public materializer::Materializer {
 public:
  [[nodiscard]] std::string_view name() const override { return world_.view.name(); }
  [[nodiscard]] materializer::ViewScope scope() const override { return world_.view.scope(); }
  [[nodiscard]] materializer::Privacy privacy() const override { return world_.view.privacy(); }
  [[nodiscard]] std::uint32_t logic_version() const override { return world_.view.logic_version(); }
  [[nodiscard]] std::unique_ptr<materializer::CheckpointImage> checkpoint() override {
    return std::make_unique<StoreAndImage>(world_.view.checkpoint(), store_);
  }
  void digest(materializer::DigestSink& sink) const override { world_.view.digest(sink); }
  void erase_user(Ordinal user) noexcept override { world_.view.erase_user(user); }
  [[nodiscard]] std::size_t memory_bytes() const override { return world_.view.memory_bytes(); }

 private:
  void on_event(const wal::WalEvent& event) noexcept override {
    world_.view.prefetch({&event, 1});
    world_.view.apply(event);
  }
  void on_void(const wal::WalEvent& event) noexcept override { world_.view.apply(event); }
  Status on_restore(std::string_view bytes) override {
    base::Decoder in(bytes);
    const std::string_view image = in.string();
    CrashableStore::Content content;
    content.seqno = SeqNo{in.u64()};
    const std::uint64_t count = in.varint();
    for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
      std::string key(in.string());
      content.map.emplace(std::move(key), in.string());
    }
    if (!in.ok() || !in.at_end()) return Error(Code::Corruption, "the store is cut short");
    store_.set(std::move(content));
    return world_.view.restore(image, applied());
  }
  void on_reset() override {
    world_.view.reset();
    static_cast<void>(store_.clear());
  }

  CrashableStore store_;
  RollupsWorld world_{store_};
};

class World final : public materializer::ViewWorld {
 public:
  materializer::Materializer& view() override { return view_; }
  void apply_before(const wal::WalEvent& /*event*/) override {}

 private:
  WithStore view_;
};

RC_GTEST_PROP(RollupsView, Conforms, (std::uint64_t seed)) {
  base::Random random(seed);
  materializer::History history;
  for (int i = *rc::gen::inRange(0, 120); i > 0; --i) add_random_event(random, history);
  RC_ASSERT(materializer::check_view([] { return std::make_unique<World>(); }, history) == "");
}

wal::WalEvent view_event(std::uint64_t seqno) {
  wal::WalEvent event;
  event.seqno = SeqNo{seqno};
  event.record.event_time = Timestamp{} + days(40) + hours(5);
  event.ids = {.subject = to_ordinal(1), .creator = to_ordinal(2), .signal = 0, .has_value = true, .value = 3};
  return event;
}

TEST(RollupsView, DigestChangesWithEverySingleFact) {
  std::map<std::string, std::string> by_digest;
  const auto expect_new = [&](const std::string& what, const RollupsWorld& world) {
    const auto [it, is_new] = by_digest.emplace(world.digest(), what);
    EXPECT_TRUE(is_new) << what << " has the digest of " << it->second;
  };
  const auto variant = [&](const std::string& what, const std::function<void(wal::WalEvent&)>& change) {
    CrashableStore store;
    RollupsWorld world(store);
    wal::WalEvent event = view_event(1);
    change(event);
    world.view.apply(event);
    expect_new(what, world);
  };
  variant("base", [](wal::WalEvent&) {});
  variant("nothing", [](wal::WalEvent& e) { e.ids.is_void = true; });
  variant("entity", [](wal::WalEvent& e) { e.ids.subject = to_ordinal(3); });
  variant("kind and signal", [](wal::WalEvent& e) {
    e.ids.signal = 1;
    e.record.subject_kind = EntityKind::Creator;
  });
  variant("signal", [](wal::WalEvent& e) { e.ids.signal = 4; });
  variant("creator", [](wal::WalEvent& e) { e.ids.creator = to_ordinal(3); });
  variant("no creator", [](wal::WalEvent& e) { e.ids.creator = Ordinal::None; });
  variant("hour", [](wal::WalEvent& e) { e.record.event_time = e.record.event_time + hours(1); });
  variant("day", [](wal::WalEvent& e) { e.record.event_time = e.record.event_time + days(1); });
  variant("weight", [](wal::WalEvent& e) {
    e.ids.weight = 2;
    e.ids.value = 1.5;
  });
  variant("value", [](wal::WalEvent& e) { e.ids.value = 3 + 0x1p-32; });
  CrashableStore store;
  RollupsWorld world(store);
  world.view.apply(view_event(1));
  std::string image;
  ASSERT_EQ(world.write_image(image), "");
  EXPECT_EQ(by_digest[world.digest()], "base") << "where it lies does not matter";
  wal::WalEvent weightless = view_event(2);
  weightless.ids.weight = 0;
  world.view.apply(weightless);
  expect_new("count", world);

  // One number of one block of either step.
  for (const auto& [key, value] : CrashableStore::Map(store.content().map)) {
    if (key.size() != kBlockKeyBytes) continue;
    const BlockRef ref = *decode_block_key(key);
    RollupBlock block = *decode_block(ref.step, value);
    for (RollupSums& sums : block) sums.count += sums.count != 0 ? 5 : 0;
    CrashableStore::Content content = store.content();
    content.map[key] = encode_block(block);
    CrashableStore other;
    other.set(content);
    const RollupsWorld changed(other);
    expect_new("the stored block of step " + std::to_string(static_cast<int>(ref.step)) + " of kind " +
                   std::to_string(static_cast<int>(parts_of(ref.series).kind)),
               changed);
    content.map[key] = "damaged";
    other.set(content);
    EXPECT_EQ(changed.rollups.for_each_fact([](const RollupFact&) {}).error().code, Code::Corruption);
    EXPECT_FALSE(by_digest.contains(changed.digest()));
    const SeriesParts parts = parts_of(ref.series);
    const Timestamp from = Timestamp{} + days(40);
    EXPECT_EQ(
        changed.rollups.series({parts.kind, parts.entity, parts.signal, ref.step, from, from + days(1)}).error().code,
        Code::Corruption);
  }
}

TEST(RollupsView, CountsWhatHappenedToItemsAndCreatorsOnly) {
  CrashableStore store;
  RollupsWorld world(store);
  const auto told = [&] { return told_by(world.rollups).size(); };
  wal::WalEvent event = view_event(1);
  event.record.type = RecordType::Unsignal;
  world.view.apply(event);
  event = view_event(2);
  event.record.type = RecordType::Relate;
  event.ids.signal = 2;
  event.ids.stood = true;
  world.view.apply(event);
  event = view_event(3);
  event.ids.signal = 3;  // of users
  event.record.subject_kind = EntityKind::User;
  world.view.apply(event);
  event = view_event(4);
  event.ids.signal = 77;
  world.view.apply(event);
  EXPECT_EQ(told(), 0U);
  event = view_event(5);
  event.record.type = RecordType::Relate;
  event.ids.signal = 2;
  world.view.apply(event);
  EXPECT_EQ(told(), 4U);  // hour and day of item and creator
  world.view.erase_user(to_ordinal(1));
  EXPECT_EQ(told(), 4U);
  wal::WalEvent gone;
  gone.seqno = SeqNo{6};
  gone.record.type = RecordType::DeleteEntity;
  gone.record.subject_kind = EntityKind::User;
  gone.ids.subject = to_ordinal(1);
  world.view.apply(gone);
  EXPECT_EQ(told(), 4U);
  gone.seqno = SeqNo{7};
  gone.record.subject_kind = EntityKind::Item;
  world.view.apply(gone);
  EXPECT_EQ(told(), 2U);
}

TEST(RollupsView, RefusesImagesAndStoresThatDoNotBelongTogether) {
  CrashableStore store;
  RollupsWorld world(store);
  world.view.apply(view_event(7));
  std::string image;
  ASSERT_EQ(world.write_image(image), "");
  const auto code = [&](const std::string& bytes, SeqNo seqno) {
    const Status restored = world.view.restore(bytes, seqno);
    return restored.ok() ? std::optional<Code>() : restored.error().code;
  };
  for (std::size_t n = 0; n < image.size(); ++n) EXPECT_EQ(code(image.substr(0, n), SeqNo{7}), Code::Corruption);
  EXPECT_EQ(code(image + "x", SeqNo{7}), Code::Corruption);
  EXPECT_EQ(code(image, SeqNo{6}), Code::Corruption);
  for (std::size_t at = 0; at < image.size(); ++at) {
    std::string damaged = image;
    damaged[at] = static_cast<char>(damaged[at] ^ 4);
    EXPECT_EQ(code(damaged, SeqNo{7}), Code::Corruption) << at;
  }
  EXPECT_EQ(code(image, SeqNo{7}), std::nullopt);
  const CrashableStore::Content whole = store.content();
  for (const std::string_view marker :
       {std::string_view(), std::string_view("short"), std::string_view("\1\0\0\0\0\0\0\0", 8)}) {
    CrashableStore::Content content = whole;
    content.map[std::string(kRollupMarker)] = std::string(marker);
    store.set(content);
    EXPECT_EQ(code(image, SeqNo{7}), Code::Corruption);
  }
  store.set({});
  EXPECT_EQ(code(image, SeqNo{7}), Code::Corruption) << "behind";
  store.set(whole);
  EXPECT_EQ(code(image, SeqNo{7}), std::nullopt);
}

TEST(RollupsView, ACaptureFromBeforeAResetWritesNothing) {
  CrashableStore store;
  RollupsWorld world(store);
  world.view.apply(view_event(1));
  const auto image = world.view.checkpoint();
  world.view.reset();
  std::string bytes;
  EXPECT_EQ(image->write_to(bytes).error().code, Code::FailedPrecondition);
  EXPECT_TRUE(store.content().map.empty());
}

// The order in which an open database restores, gives up and clears.
TEST(RollupsView, AStoreThatIsClearedAfterARefusedRestoreIsFilledFromTheFirstEvent) {
  CrashableStore store;
  std::string digest;
  {
    RollupsWorld world(store);
    for (std::uint64_t i = 1; i <= 5; ++i) world.view.apply(view_event(i));
    std::string image;
    ASSERT_EQ(world.write_image(image), "");
    digest = world.digest();
  }
  RollupsWorld world(store);
  EXPECT_FALSE(world.view.restore("damaged", SeqNo{5}).ok());
  ASSERT_TRUE(store.clear().ok());
  for (std::uint64_t i = 1; i <= 5; ++i) world.view.apply(view_event(i));
  EXPECT_EQ(world.digest(), digest);
}

}  // namespace
}  // namespace tidal::signal
