// Turns the keys and names of a record into ordinals and positions, once, before views see it; decides void records.
//
// V1: the answer depends only on the schema and the key map as of the record's seqno: same live and on replay.
// V2: a key that has an ordinal and a signal that has a position keep them, so both may be looked up ahead of time.
// Only
//     an erasure takes the ordinal away, and leaves it dead for ever: one that is dead is looked up again.
#pragma once

#include "entity/entity_store.h"
#include "materializer/registry.h"
#include "schema/catalog.h"

namespace tidal::db {

class Resolver final : public materializer::EventResolver {
 public:
  /// Both outlive this.
  Resolver(const schema::Catalog& catalog, entity::EntityStore& entities) : catalog_(catalog), entities_(entities) {}

  void look_ahead(std::span<wal::WalEvent> events) noexcept override;
  void resolve(wal::WalEvent& event) noexcept override;

 private:
  /// Reads the payload into event.ids; a signal that is not declared leaves ids.signal as it is.
  void read_signal(wal::WalEvent& event) const;
  void resolve_signal(wal::WalEvent& event) noexcept;
  void resolve_write(wal::WalEvent& event) noexcept;
  /// The user whose key has the record's hash, dead or alive. Cost: XXH3 of every user's key, BLAKE3 of one in 4,096:
  /// about 30 ns a user.
  void resolve_undo(wal::WalEvent& event) noexcept;
  void resolve_edge(wal::WalEvent& event) noexcept;
  void resolve_erase(wal::WalEvent& event) noexcept;
  [[nodiscard]] Ordinal live_or_none(EntityKind kind, std::string_view key, Ordinal known) const;

  const schema::Catalog& catalog_;
  entity::EntityStore& entities_;
};

}  // namespace tidal::db
