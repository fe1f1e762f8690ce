// Feeds distinct users from the log. Materializer "uniques".
//
// A signal on an item counts for the item and for the creator it had at that seqno, one on a creator for the creator;
// an edge that did not stand counts as a signal of its relation's name. Taking back changes nothing: who sent it, sent
// it. Deleting an entity clears its own sets only.   Threads: as Materializer; reads go to the Uniques.
#pragma once

#include <memory>
#include <string_view>

#include "materializer/key_names.h"
#include "materializer/materializer.h"
#include "schema/current_schema.h"
#include "signal/uniques.h"

namespace tidal::signal {

class UniquesMaterializer final : public materializer::Materializer {
 public:
  /// Of views that take every event before this one. All of them outlive the view.
  struct Inputs {
    const schema::CurrentSchema& catalog;  ///< read where the view begins at a base
    const materializer::KeyNames& keys;
  };
  UniquesMaterializer(Uniques& state, const Inputs& in) : state_(state), catalog_(in.catalog), keys_(in.keys) {}

  [[nodiscard]] std::string_view name() const override { return "uniques"; }
  [[nodiscard]] materializer::ViewScope scope() const override { return materializer::ViewScope::Global; }
  [[nodiscard]] materializer::Privacy privacy() const override { return materializer::Privacy::Aggregate; }
  [[nodiscard]] std::uint32_t logic_version() const override { return 1; }
  /// Then users count from there on.
  [[nodiscard]] bool may_begin_at_base() const override { return true; }
  [[nodiscard]] std::unique_ptr<materializer::CheckpointImage> checkpoint() override;
  void prefetch(std::span<const wal::WalEvent> events) const noexcept override;
  void digest(materializer::DigestSink& sink) const override;
  /// The user's number stays in the sets, where it names nobody.
  void erase_user(Ordinal) noexcept override {}
  [[nodiscard]] std::size_t memory_bytes() const override { return state_.memory_bytes(); }

 private:
  void on_event(const wal::WalEvent& event) noexcept override;
  [[nodiscard]] Status on_restore(std::string_view image) override;
  [[nodiscard]] Status on_begin() override;
  void on_reset() override { state_.clear(); }

  Uniques& state_;
  const schema::CurrentSchema& catalog_;
  const materializer::KeyNames& keys_;
};

}  // namespace tidal::signal
