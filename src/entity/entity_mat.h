// Feeds the entity store from the log: puts, updates and deletes, and what signals create.
//
// Threads: as Materializer.
#pragma once

#include <memory>
#include <string_view>

#include "entity/entity_store.h"
#include "materializer/materializer.h"

namespace tidal::entity {

/// The view "entities". A restored or replayed view skips fields that the key-value store already holds; a store that
/// is ahead of the log must be cleared before reset().
class EntityMaterializer final : public materializer::Materializer {
 public:
  /// `entities` outlives this and every image.
  explicit EntityMaterializer(EntityStore& entities) : entities_(entities) {}

  [[nodiscard]] std::string_view name() const override { return "entities"; }
  [[nodiscard]] materializer::ViewScope scope() const override { return materializer::ViewScope::Global; }
  [[nodiscard]] materializer::Privacy privacy() const override { return materializer::Privacy::Personal; }
  [[nodiscard]] std::uint32_t logic_version() const override { return 2; }
  /// write_to() also commits the fields to the store: the log must be synced through applied() before.
  [[nodiscard]] std::unique_ptr<materializer::CheckpointImage> checkpoint() override;
  void digest(materializer::DigestSink& sink) const override;
  /// Deletes the user and forgets the key; the ordinal stays taken.
  void erase_user(Ordinal user) noexcept override;
  [[nodiscard]] std::size_t memory_bytes() const override { return entities_.memory_bytes(); }

 private:
  void on_event(const wal::WalEvent& event) noexcept override;
  void on_signal(const wal::WalEvent& event);
  [[nodiscard]] Status on_restore(std::string_view image) override { return entities_.restore(image, applied()); }
  void on_reset() override { entities_.reset(); }

  EntityStore& entities_;
};

}  // namespace tidal::entity
