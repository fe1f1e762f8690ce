// Feeds CreatorItems from the log. Materializer "creator_items".
//
// Its image is empty: what it holds follows from the entities, which are restored first.
// Threads: as Materializer; reads go to the CreatorItems.
#pragma once

#include <memory>
#include <string_view>

#include "entity/entity_store.h"
#include "materializer/materializer.h"
#include "relationship/creator_items.h"

namespace tidal::relationship {

/// The entities that a view stands beside; they change when it is put into service elsewhere.
class CurrentEntities {
 public:
  virtual ~CurrentEntities() = default;
  [[nodiscard]] virtual const entity::EntityStore& entities() const = 0;
};

class CreatorItemsMaterializer final : public materializer::Materializer {
 public:
  /// Both outlive this; the entities take every event before this view.
  CreatorItemsMaterializer(CreatorItems& items, const CurrentEntities& roots) : items_(items), roots_(roots) {}

  [[nodiscard]] std::string_view name() const override { return "creator_items"; }
  [[nodiscard]] materializer::ViewScope scope() const override { return materializer::ViewScope::Global; }
  [[nodiscard]] materializer::Privacy privacy() const override { return materializer::Privacy::Aggregate; }
  [[nodiscard]] std::uint32_t logic_version() const override { return 2; }
  [[nodiscard]] std::uint32_t oldest_image_version() const override { return 1; }  // as empty as today's
  [[nodiscard]] bool may_begin_at_base() const override { return true; }
  [[nodiscard]] std::unique_ptr<materializer::CheckpointImage> checkpoint() override;
  void digest(materializer::DigestSink& sink) const override;
  void erase_user(Ordinal /*user*/) noexcept override {}
  [[nodiscard]] std::size_t memory_bytes() const override { return items_.memory_bytes(); }

 private:
  void on_event(const wal::WalEvent& event) noexcept override;
  [[nodiscard]] Status on_restore(std::string_view image) override;
  [[nodiscard]] Status on_restore_older(std::string_view image, std::uint32_t /*image_version*/) override {
    return on_restore(image);
  }
  [[nodiscard]] Status on_begin() override;
  void on_reset() override { items_.clear(); }

  [[nodiscard]] Timestamp created_at(Ordinal item) const;

  CreatorItems& items_;
  const CurrentEntities& roots_;
};

}  // namespace tidal::relationship
