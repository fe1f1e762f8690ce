// Turns signal events into ledgers: the materializer of items', creators' and users' own counts.
//
// G1: a signal on an item counts for the item and for the creator it had at that seqno, and, when its scope includes
// the user, in the ledger of the user who acted. A signal on a creator counts for the creator.
// G2: deleting an entity clears its own ledger only: a creator keeps what its deleted items earned.
// Threads: as Materializer; reset and restore need the readers of the ledgers gone, everything else runs beside them.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "materializer/key_names.h"
#include "materializer/materializer.h"
#include "signal/ledger_set.h"
#include "tidal/schema.h"

namespace tidal::signal {

class GlobalSignalMaterializer final : public materializer::Materializer {
 public:
  /// Both outlive this. `names` gives the keys of digests.
  GlobalSignalMaterializer(LedgerSet& ledgers, const materializer::KeyNames& names)
      : ledgers_(ledgers), names_(names) {}

  [[nodiscard]] std::string_view name() const override { return "ledger"; }
  [[nodiscard]] materializer::ViewScope scope() const override { return materializer::ViewScope::Global; }
  [[nodiscard]] materializer::Privacy privacy() const override { return materializer::Privacy::Aggregate; }
  [[nodiscard]] std::uint32_t logic_version() const override { return 2; }
  [[nodiscard]] std::unique_ptr<materializer::CheckpointImage> checkpoint() override;
  void prefetch(std::span<const wal::WalEvent> events) const noexcept override;
  void digest(materializer::DigestSink& sink) const override;
  /// Items and creators keep their counts, which name nobody; the user's own ledger goes.
  void erase_user(Ordinal user) noexcept override { ledgers_.users.clear_entity(user); }
  [[nodiscard]] std::size_t memory_bytes() const override;

  /// Rolls the read columns to the clock's buckets. On the applier's thread, at least at every minute. The first call
  /// makes the columns: before it, a replay spares itself the rolls of days that nobody will ask about.
  std::size_t settle(Timestamp now) noexcept;

 private:
  void on_event(const wal::WalEvent& event) noexcept override;
  [[nodiscard]] Status on_restore(std::string_view image) override;
  void on_reset() override;

  void on_signal(const wal::WalEvent& event) noexcept;
  void on_schema_change(std::string_view payload) noexcept;
  void configure();

  LedgerSet& ledgers_;
  const materializer::KeyNames& names_;
  bool has_columns_ = false;
  std::vector<SignalDef> signals_;  // as this view's events declared them: it may be behind the catalog
};

}  // namespace tidal::signal
