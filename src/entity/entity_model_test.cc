// The entity view beside a plain map, through checkpoints, restores, late images and replays at random points.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "entity/entity_generators_for_test.h"
#include "entity/entity_history_for_test.h"

namespace tidal::entity {
namespace {

using wal::RecordType;

/// What an entity is, said as plainly as possible.
struct ModelEntity {
  bool live = false;
  bool open = false;
  std::optional<Timestamp> created_at;
  std::string creator;
  Fields fields;
};

class Model {
 public:
  void apply(const TestEvent& event) {
    ModelEntity& subject = of(event.kind, event.key);
    if (event.type == RecordType::PutEntity) return put(subject, event);
    if (!subject.live) return;
    if (event.type == RecordType::UpdateEntity) return update(subject, event);
    if (event.type == RecordType::DeleteEntity) {
      subject = {};
      return;
    }
    const std::string creator = subject.creator;
    note(subject, event.at);
    if (!event.user.empty()) {
      create(EntityKind::User, event.user, event.at);
      note(of(EntityKind::User, event.user), event.at);
    }
    if (!creator.empty()) note(of(EntityKind::Creator, creator), event.at);
  }

  void expect_equals(EntityStore& store) const {
    std::array<std::uint32_t, kEntityKinds> live{};
    for (const auto& [name, entity] : entities_) {
      const auto& [kind, key] = name;
      const Ordinal o = store.find(kind, key);
      RC_ASSERT(store.is_live(kind, o) == entity.live);
      live[static_cast<std::size_t>(kind)] += entity.live ? 1 : 0;
      const auto content = store.content(kind, o);
      if (!entity.live) {
        RC_ASSERT(content.error().code == Code::NotFound);
        continue;
      }
      RC_ASSERT(store.key_of(kind, o) == key);
      RC_ASSERT(content.ok());
      RC_ASSERT(content->fields == entity.fields);
      RC_ASSERT(content->created_at == entity.created_at);
      RC_ASSERT(content->creator.value_or("") == entity.creator);
      double time = 0;
      store.creation_times(kind, std::span(&o, 1), -1e6, std::span(&time, 1));
      RC_ASSERT(time == (entity.created_at ? static_cast<double>(entity.created_at->us) : -1e6));
    }
    for (std::size_t kind = 0; kind < kEntityKinds; ++kind) {
      RC_ASSERT(store.live_count(static_cast<EntityKind>(kind)) == live[kind]);
    }
  }

 private:
  ModelEntity& of(EntityKind kind, const std::string& key) { return entities_[{kind, key}]; }

  void create(EntityKind kind, const std::string& key, Timestamp at) {
    ModelEntity& entity = of(kind, key);
    if (entity.live) return;
    entity.live = true;
    entity.created_at = at;
  }
  void name_creator(ModelEntity& item, const std::string& creator, Timestamp at) {
    item.creator = creator;
    if (!creator.empty()) create(EntityKind::Creator, creator, at);
  }
  static void set_fields(ModelEntity& entity, const Fields& fields) {
    for (const auto& [name, value] : fields) {
      if (value.index() == 0) {
        entity.fields.erase(name);
      } else {
        entity.fields[name] = value;
      }
    }
  }
  void put(ModelEntity& subject, const TestEvent& event) {
    ModelEntity next;
    next.live = true;
    next.open = !event.content.created_at.has_value();
    next.created_at = event.content.created_at;
    if (next.open && subject.live && subject.open) next.created_at = subject.created_at;
    set_fields(next, event.content.fields);
    subject = next;
    if (event.kind == EntityKind::Item) name_creator(subject, event.content.creator.value_or(""), event.at);
  }
  void update(ModelEntity& subject, const TestEvent& event) {
    set_fields(subject, event.content.fields);
    if (event.content.created_at) {
      subject.created_at = event.content.created_at;
      subject.open = false;
    }
    if (event.kind == EntityKind::Item && event.content.creator)
      name_creator(subject, *event.content.creator, event.at);
  }
  static void note(ModelEntity& entity, Timestamp at) {
    if (!entity.live || !entity.open) return;
    if (!entity.created_at || *entity.created_at > at) entity.created_at = at;
  }

  std::map<std::pair<EntityKind, std::string>, ModelEntity> entities_;
};

struct TakenImage {
  std::string bytes;
  SeqNo seqno;
};

struct PendingImage {
  std::unique_ptr<materializer::CheckpointImage> image;
  SeqNo seqno;
};

/// One random run of a world beside its model.
class Run {
 public:
  void step() {
    switch (*rc::gen::weightedElement<int>({{12, 0}, {1, 1}, {1, 2}, {1, 3}, {1, 4}, {1, 5}})) {
      case 0: return event();
      case 1: return take_image();
      case 2: return write_image();
      case 3: return restore();
      case 4: return rebuild();
      default: return repeat();
    }
  }
  void check() {
    model_.expect_equals(world_.entities());
    EntityWorld fresh;
    fresh.replay(events_, SeqNo{0});
    RC_ASSERT(world_.digest() == fresh.digest());
  }

 private:
  void event() {
    events_.push_back(*any_event());
    world_.apply(events_.back(), SeqNo{events_.size()});
    model_.apply(events_.back());
  }
  void take_image() { pending_.push_back({world_.view().checkpoint(), world_.view().applied()}); }
  void write_image() {
    if (pending_.empty()) return;
    const auto i = *rc::gen::inRange<std::size_t>(0, pending_.size());
    TakenImage taken{{}, pending_[i].seqno};
    RC_ASSERT(pending_[i].image->write_to(taken.bytes).ok());
    images_.push_back(std::move(taken));
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  void restore() {
    if (images_.empty()) return;
    const TakenImage& taken = images_[*rc::gen::inRange<std::size_t>(0, images_.size())];
    RC_ASSERT(world_.view().restore(taken.bytes, taken.seqno).ok());
    world_.replay(events_, taken.seqno);
    expect_pending_cancelled();
  }
  void rebuild() {
    // Over a store that is ahead of nothing, or over an empty one.
    if (*rc::gen::arbitrary<bool>()) {
      RC_ASSERT(world_.store().clear().ok());
      images_.clear();
    }
    world_.view().reset();
    world_.replay(events_, SeqNo{0});
    expect_pending_cancelled();
  }
  void expect_pending_cancelled() {
    for (PendingImage& pending : pending_) {
      std::string bytes;
      RC_ASSERT(pending.image->write_to(bytes).error().code == Code::FailedPrecondition);
    }
    pending_.clear();
  }
  // M2
  void repeat() {
    if (events_.empty()) return;
    const auto i = *rc::gen::inRange<std::size_t>(0, events_.size());
    world_.apply(events_[i], SeqNo{i + 1});
  }

  EntityWorld world_;
  Model model_;
  std::vector<TestEvent> events_;
  std::vector<PendingImage> pending_;
  std::vector<TakenImage> images_;
};

RC_GTEST_PROP(EntityView, AgreesWithAPlainModelThroughCheckpointsAndReplays, ()) {
  Run run;
  const int steps = *rc::gen::inRange(1, 60);
  for (int i = 0; i < steps; ++i) {
    run.step();
    if (*rc::gen::inRange(0, 8) == 0) run.check();
  }
  run.check();
}

}  // namespace
}  // namespace tidal::entity
