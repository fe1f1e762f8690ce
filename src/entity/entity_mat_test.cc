// The view "entities": what its digest sees, which images it refuses, what erasing removes.
#include "entity/entity_mat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/memory_file_system.h"
#include "base/random.h"
#include "entity/entity_history_for_test.h"

namespace tidal::entity {
namespace {

using wal::RecordType;

TestEvent put_item(EntityContent content) {
  return {RecordType::PutEntity, EntityKind::Item, "i1", "", Timestamp{50}, std::move(content)};
}

EntityContent full_content() {
  return {.creator = "c1", .created_at = Timestamp{10}, .fields = {{"title", std::string("one")}, {"n", 1.0}}};
}

std::string digest_of_events(const std::vector<TestEvent>& events) {
  EntityWorld world;
  world.replay(events, SeqNo{0});
  return world.digest();
}

TEST(EntityStoreTest, FindsManyKeysAsItFindsOne) {
  base::MemoryFileSystem fs(1);
  const auto kv = *storage::open_store(storage::Backend::Memory, fs, "");
  EntityStore entities(*kv);
  std::vector<std::string> keys;
  for (int i = 0; i < 150; ++i) keys.push_back("k" + std::to_string(i));
  for (int i = 0; i < 150; i += 3) entities.assign(EntityKind::Item, keys[static_cast<std::size_t>(i)]);
  for (int i = 0; i < 150; i += 5) entities.assign(EntityKind::User, keys[static_cast<std::size_t>(i)]);
  std::vector<Ordinal> found(2 * keys.size());
  std::vector<KeyToFind> wanted;
  for (std::size_t i = 0; i < found.size(); ++i) {
    wanted.push_back({i % 2 == 0 ? EntityKind::Item : EntityKind::User, keys[i / 2], &found[i]});
  }
  entities.find_all(wanted);
  for (const KeyToFind& w : wanted) EXPECT_EQ(*w.found, entities.find(w.kind, w.key)) << w.key;
}

TEST(EntityDigest, ChangesWithEverySingleFact) {
  const TestEvent base = put_item(full_content());
  std::map<std::string, std::vector<TestEvent>> variants;
  variants["base"] = {base};
  const auto variant = [&](const std::string& name) -> TestEvent& {
    variants[name] = {base};
    return variants[name].front();
  };
  variant("key").key = "i2";
  variant("kind").kind = EntityKind::Creator;
  variant("creator").content.creator = "c2";
  variant("no creator").content.creator = std::nullopt;
  variant("created_at").content.created_at = Timestamp{11};
  variant("open").content.created_at = std::nullopt;
  variant("creator's created_at").at = Timestamp{51};
  variant("field value").content.fields["title"] = std::string("two");
  variant("field type").content.fields["title"] = std::vector<std::string>{"one"};
  variant("float bits").content.fields["n"] = -1.0;
  variant("time, not duration").content.fields["n"] = Timestamp{1};
  variant("duration, not time").content.fields["n"] = Duration{1};
  variant("one field more").content.fields["m"] = true;
  variant("one field less").content.fields.erase("n");
  variants["dead"] = {base, {RecordType::DeleteEntity, EntityKind::Item, "i1", "", Timestamp{60}, {}}};
  variants["a user"] = {base, {RecordType::Signal, EntityKind::Item, "i1", "u1", Timestamp{60}, {}}};
  TestEvent open = base;
  open.content.created_at = std::nullopt;
  const TestEvent signal{RecordType::Signal, EntityKind::Item, "i1", "", Timestamp{10}, {}};
  variants["open at the same time"] = {open, signal};

  std::map<std::string, std::string> by_digest;
  for (const auto& [name, events] : variants) {
    const auto [it, is_new] = by_digest.emplace(digest_of_events(events), name);
    EXPECT_TRUE(is_new) << name << " has the digest of " << it->second;
  }
}

TEST(EntityDigest, DoesNotDependOnOrdinalsOrOnWhereFieldsLie) {
  const TestEvent first = put_item(full_content());
  TestEvent second = first;
  second.key = "i2";
  second.content.creator = "c2";
  const std::string digest = digest_of_events({first, second});
  EXPECT_EQ(digest_of_events({second, first}), digest);

  EntityWorld stored;
  stored.replay({first, second}, SeqNo{0});
  std::string image;
  ASSERT_TRUE(stored.view().checkpoint()->write_to(image).ok());
  EXPECT_EQ(stored.digest(), digest);
}

class EntityImages : public testing::Test {
 protected:
  EntityImages() {
    TestEvent creator = put_item({});
    creator.kind = EntityKind::Creator;
    creator.key = "c9";
    events_ = {
        put_item(full_content()), creator, {RecordType::Signal, EntityKind::Item, "i1", "u1", Timestamp{60}, {}}};
    world_.replay(events_, SeqNo{0});
    const Status written = world_.view().checkpoint()->write_to(image_);
    EXPECT_TRUE(written.ok());
  }
  std::vector<TestEvent> events_;
  EntityWorld world_;
  std::string image_;
};

TEST_F(EntityImages, CutAnywhereIsCorruption) {
  for (std::size_t bytes = 0; bytes < image_.size(); ++bytes) {
    EXPECT_EQ(world_.view().restore(image_.substr(0, bytes), SeqNo{3}).error().code, Code::Corruption) << bytes;
    EXPECT_EQ(world_.entities().ordinal_count(EntityKind::Item), 0U) << "left reset";
  }
  EXPECT_EQ(world_.view().restore(image_ + "x", SeqNo{3}).error().code, Code::Corruption);
  EXPECT_TRUE(world_.view().restore(image_, SeqNo{3}).ok());
}

// The image carries no checksum of its own, so a flip may give another valid image; it must never give a crash.
TEST_F(EntityImages, DamagedAnywhereIsCorruptionOrAnotherWholeImage) {
  for (std::size_t at = 0; at < image_.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = image_;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      const Status restored = world_.view().restore(damaged, SeqNo{3});
      if (!restored.ok()) {
        EXPECT_EQ(restored.error().code, Code::Corruption);
        continue;
      }
      EXPECT_EQ(world_.entities().ordinal_count(EntityKind::Item), 1U);
      EXPECT_FALSE(world_.digest().empty());
    }
  }
}

TEST_F(EntityImages, RandomBytesNeverCrash) {
  base::Random random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = round % 2 == 0 ? image_ : std::string(random.below(200), '\0');
    for (std::uint64_t i = 0; i < 1 + random.below(20) && !bytes.empty(); ++i) {
      bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    }
    const Status restored = world_.view().restore(bytes, SeqNo{3});
    EXPECT_TRUE(restored.ok() || restored.error().code == Code::Corruption);
  }
}

TEST_F(EntityImages, OfAnotherMomentIsCorruption) {
  const Status restored = world_.view().restore(image_, SeqNo{4});
  ASSERT_FALSE(restored.ok());
  EXPECT_EQ(restored.error().code, Code::Corruption);
  EXPECT_THAT(restored.error().message, testing::HasSubstr("of seqno 3, expected 4"));
  EXPECT_EQ(world_.view().applied(), SeqNo{0});
}

TEST_F(EntityImages, AStoreBehindItsImageIsCorruption) {
  EntityWorld empty;
  const Status restored = empty.view().restore(image_, SeqNo{3});
  ASSERT_FALSE(restored.ok());
  EXPECT_EQ(restored.error().code, Code::Corruption);
  EXPECT_THAT(restored.error().message, testing::HasSubstr("behind"));
}

// E3
TEST_F(EntityImages, AStoreAheadOfItsImageIsNotWrittenAgain) {
  events_.push_back(
      {RecordType::UpdateEntity, EntityKind::Item, "i1", "", Timestamp{70}, only_fields({{"n", Value{}}})});
  events_.push_back({RecordType::DeleteEntity, EntityKind::Creator, "c9", "", Timestamp{70}, {}});
  world_.replay(events_, SeqNo{3});
  std::string later;
  ASSERT_TRUE(world_.view().checkpoint()->write_to(later).ok());
  const std::string digest = world_.digest();

  ASSERT_TRUE(world_.view().restore(image_, SeqNo{3}).ok());
  world_.replay(events_, SeqNo{3});
  EXPECT_EQ(world_.digest(), digest);
}

TEST(EntityView, EntityAsWrittenIsReadBack) {
  EntityWorld world;
  world.apply(put_item(full_content()), SeqNo{1});
  const Ordinal o = world.entities().find(EntityKind::Item, "i1");
  EXPECT_EQ(world.entities().content(EntityKind::Item, o).value(), full_content());
  EXPECT_EQ(world.entities().key_of(EntityKind::Creator, world.entities().creator_of(o)), "c1");
  EXPECT_EQ(world.entities().created_at(EntityKind::Creator, world.entities().creator_of(o)).at, Timestamp{50});
}

TEST(EntityView, UnknownOrdinalsAreIgnoredAndAnswerNothing) {
  EntityWorld world;
  EntityStore& entities = world.entities();
  for (const Ordinal o : {Ordinal::None, to_ordinal(0), to_ordinal(1'000'000)}) {
    entities.put(EntityKind::Item, o, {}, {SeqNo{1}, Timestamp{1}});
    entities.update(EntityKind::Item, o, {}, {SeqNo{1}, Timestamp{1}});
    entities.remove(EntityKind::Item, o, {SeqNo{1}, Timestamp{1}});
    entities.ensure_live(EntityKind::User, o, {SeqNo{1}, Timestamp{1}});
    entities.note_signal(EntityKind::Item, o, Timestamp{1});
    EXPECT_FALSE(entities.is_live(EntityKind::Item, o));
    EXPECT_EQ(entities.creator_of(o), Ordinal::None);
    EXPECT_FALSE(entities.created_at(EntityKind::Item, o).known);
    EXPECT_EQ(entities.content(EntityKind::Item, o).error().code, Code::NotFound);
  }
}

TEST(EntityView, AnUndecodablePayloadChangesNothing) {
  EntityWorld world;
  world.apply(put_item(full_content()), SeqNo{1});
  const std::string digest = world.digest();
  wal::WalEvent event;
  event.seqno = SeqNo{2};
  event.record.type = RecordType::PutEntity;
  event.record.payload = "\xFF garbage";
  event.ids.subject = to_ordinal(0);
  world.view().apply(event);
  EXPECT_EQ(world.digest(), digest);
}

TEST(EntityView, ErasedUserLeavesOnlyItsOrdinal) {
  TestEvent user{
      RecordType::PutEntity, EntityKind::User, "u1", "", Timestamp{1}, only_fields({{"name", std::string("x")}})};
  EntityWorld world;
  world.apply(put_item(full_content()), SeqNo{1});
  world.apply(user, SeqNo{2});
  std::string image;
  ASSERT_TRUE(world.view().checkpoint()->write_to(image).ok());
  const Ordinal o = world.entities().find(EntityKind::User, "u1");
  world.view().erase_user(o);
  EXPECT_FALSE(world.entities().is_live(EntityKind::User, o));
  EXPECT_EQ(world.entities().find(EntityKind::User, "u1"), Ordinal::None);
  EXPECT_EQ(world.entities().key_of(EntityKind::User, o), "");
  world.apply(put_item(full_content()), SeqNo{3});
  ASSERT_TRUE(world.view().checkpoint()->write_to(image).ok());
  int values = 0;
  ASSERT_TRUE(world.store().scan({}, [&](std::string_view, std::string_view) { return ++values > 0; }).ok());
  EXPECT_EQ(values, 1) << "the item's";
}

/// Refuses to commit while told so, and lets something happen between a reader and its read.
class ScriptedStore final : public storage::KeyValueStore {
 public:
  Result<std::optional<std::string>> get(std::string_view key) const override {
    if (const auto happening = std::exchange(before_next_get, nullptr)) happening();
    return inner_->get(key);
  }
  Status scan(std::string_view prefix,
              const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    return inner_->scan(prefix, visit);
  }
  Result<std::unique_ptr<storage::Snapshot>> snapshot() const override { return inner_->snapshot(); }
  Status commit(const storage::WriteBatch& batch, SeqNo seqno) override {
    if (refuses) return Error(Code::ResourceExhausted, "no space");
    return inner_->commit(batch, seqno);
  }
  Status flush() override { return inner_->flush(); }
  SeqNo seqno() const override { return inner_->seqno(); }
  Status clear() override { return inner_->clear(); }
  Status rewrite() override { return inner_->rewrite(); }
  Status verify() const override { return inner_->verify(); }

  bool refuses = false;
  mutable std::function<void()> before_next_get;

 private:
  std::unique_ptr<storage::KeyValueStore> inner_ = EntityWorld::memory_store();
};

TEST(EntityView, FieldsOfARefusedCheckpointReachTheNextOne) {
  auto owned = std::make_unique<ScriptedStore>();
  ScriptedStore& store = *owned;
  EntityWorld world(std::move(owned));
  world.apply(put_item(full_content()), SeqNo{1});
  store.refuses = true;
  std::string image;
  EXPECT_EQ(world.view().checkpoint()->write_to(image).error().code, Code::ResourceExhausted);
  EXPECT_TRUE(image.empty());
  world.apply({RecordType::UpdateEntity, EntityKind::Item, "i1", "", Timestamp{60}, only_fields({{"m", true}})},
              SeqNo{2});
  store.refuses = false;
  ASSERT_TRUE(world.view().checkpoint()->write_to(image).ok());
  const std::string digest = world.digest();
  ASSERT_TRUE(world.view().restore(image, SeqNo{2}).ok());
  EXPECT_EQ(world.digest(), digest);
  EXPECT_EQ(world.entities().content(EntityKind::Item, to_ordinal(0))->fields.size(), 3U);
}

TEST(EntityView, ReadThatMeetsACommitIsStillOfOneState) {
  auto owned = std::make_unique<ScriptedStore>();
  ScriptedStore& store = *owned;
  EntityWorld world(std::move(owned));
  const auto update = [&](std::int64_t a, std::int64_t b, std::uint64_t seqno) {
    world.apply({RecordType::UpdateEntity, EntityKind::Item, "i1", "", {}, only_fields({{"a", a}, {"b", b}})},
                SeqNo{seqno});
  };
  std::string image;
  world.apply(put_item(full_content()), SeqNo{1});
  ASSERT_TRUE(world.view().checkpoint()->write_to(image).ok());
  world.apply({RecordType::UpdateEntity, EntityKind::Item, "i1", "", {}, only_fields({{"a", std::int64_t{1}}})},
              SeqNo{2});

  store.before_next_get = [&] {
    update(2, 2, 3);
    EXPECT_TRUE(world.view().checkpoint()->write_to(image).ok());
  };
  const Fields fields = world.entities().content(EntityKind::Item, to_ordinal(0))->fields;
  EXPECT_EQ(fields.at("a"), Value{std::int64_t{2}});
  EXPECT_EQ(fields.at("b"), Value{std::int64_t{2}});
}

}  // namespace
}  // namespace tidal::entity
