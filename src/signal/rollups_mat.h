// Feeds histories from the log. Materializer "rollups".
//
// Threads: as Materializer; reads go to the Rollups, and run beside everything.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "materializer/key_names.h"
#include "materializer/materializer.h"
#include "schema/current_schema.h"
#include "signal/rollups.h"

namespace tidal::signal {

/// A restored or replayed view skips what the key-value store already holds; a store that is ahead of the log must be
/// cleared before reset().
class RollupsMaterializer final : public materializer::Materializer {
 public:
  struct Inputs {
    const schema::CurrentSchema& catalog;  ///< of a view that takes every event before this one
    const materializer::KeyNames& keys;    ///< likewise
  };
  /// `rollups` and what `inputs` refers to outlive this and every image.
  RollupsMaterializer(Rollups& rollups, Inputs inputs) : rollups_(rollups), inputs_(inputs) {}

  [[nodiscard]] std::string_view name() const override { return "rollups"; }
  [[nodiscard]] materializer::ViewScope scope() const override { return materializer::ViewScope::Global; }
  [[nodiscard]] materializer::Privacy privacy() const override { return materializer::Privacy::Aggregate; }
  [[nodiscard]] std::uint32_t logic_version() const override { return 1; }
  [[nodiscard]] bool may_begin_at_base() const override { return true; }
  /// write_to() also commits to the store: the log must be synced through applied() before.
  [[nodiscard]] std::unique_ptr<materializer::CheckpointImage> checkpoint() override;
  void prefetch(std::span<const wal::WalEvent> events) const noexcept override;
  void digest(materializer::DigestSink& sink) const override;
  /// Histories are of items and creators, and name nobody who acted.
  void erase_user(Ordinal /*user*/) noexcept override {}
  [[nodiscard]] std::size_t memory_bytes() const override { return rollups_.memory_bytes(); }

 private:
  void on_event(const wal::WalEvent& event) noexcept override;
  [[nodiscard]] Status on_restore(std::string_view image) override { return rollups_.restore(image, applied()); }
  void on_reset() override { rollups_.reset(); }
  /// What the event counts for; none: for nothing.
  [[nodiscard]] std::optional<RollupEvent> counted(const wal::WalEvent& event) const;

  Rollups& rollups_;
  Inputs inputs_;
};

}  // namespace tidal::signal
