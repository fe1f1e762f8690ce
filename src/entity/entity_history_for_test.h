// A small world for tests of the entity view: events that own their bytes, the resolver's part, and a store.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "entity/entity_mat.h"
#include "materializer/registry.h"
#include "storage/kv.h"

namespace tidal::entity {

/// A record with its own bytes; `user` is for signals, `content` for puts and updates.
struct TestEvent {
  wal::RecordType type = wal::RecordType::PutEntity;
  EntityKind kind = EntityKind::Item;
  std::string key;
  std::string user;
  Timestamp at;
  EntityContent content;
};

/// Content that is nothing but fields.
[[nodiscard]] inline EntityContent only_fields(Fields fields) {
  EntityContent content;
  content.fields = std::move(fields);
  return content;
}

/// A key-value store, the entities over it and their materializer, applied to as the composition root does.
class EntityWorld {
 public:
  EntityWorld() : EntityWorld(memory_store()) {}
  explicit EntityWorld(std::unique_ptr<storage::KeyValueStore> store) : store_(std::move(store)) {}

  static std::unique_ptr<storage::KeyValueStore> memory_store() {
    return storage::open_store(storage::Backend::Memory, base::posix_file_system(), "").value();
  }

  void apply(const TestEvent& event, SeqNo seqno) {
    const std::string payload = encode_content(event.content);
    wal::WalEvent e;
    e.seqno = seqno;
    e.record.type = event.type;
    e.record.subject_kind = event.kind;
    e.record.event_time = event.at;
    e.record.subject_key = event.key;
    e.record.user_key = event.user;
    e.record.payload = payload;
    if (seqno > view_.applied()) resolve(e);  // keys are given in seqno order, never again
    view_.apply(e);
  }

  /// Applies events[i] as seqno i + 1, for those after `after`.
  void replay(const std::vector<TestEvent>& events, SeqNo after) {
    for (std::uint64_t i = after.value; i < events.size(); ++i) apply(events[i], SeqNo{i + 1});
  }

  [[nodiscard]] std::string digest() const { return materializer::digest_of(view_).hex; }
  [[nodiscard]] EntityStore& entities() { return entities_; }
  [[nodiscard]] EntityMaterializer& view() { return view_; }
  [[nodiscard]] storage::KeyValueStore& store() { return *store_; }

 private:
  void resolve(wal::WalEvent& e) {
    const EntityKind kind = e.record.subject_kind;
    if (e.record.type == wal::RecordType::PutEntity) {
      e.ids.subject = entities_.assign(kind, e.record.subject_key);
      return;
    }
    e.ids.subject = entities_.find(kind, e.record.subject_key);
    e.ids.is_void = !entities_.is_live(kind, e.ids.subject);
    if (e.ids.is_void || e.record.type != wal::RecordType::Signal) return;
    if (kind == EntityKind::Item) e.ids.creator = entities_.creator_of(e.ids.subject);
    if (!e.record.user_key.empty()) e.ids.user = entities_.assign(EntityKind::User, e.record.user_key);
  }

  std::unique_ptr<storage::KeyValueStore> store_;
  EntityStore entities_{*store_};
  EntityMaterializer view_{entities_};
};

}  // namespace tidal::entity
