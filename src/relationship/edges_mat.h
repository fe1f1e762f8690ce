// Feeds edges from the log. Materializer "relations".
//
// Threads: as Materializer; reads go to the EdgeState.
#pragma once

#include <memory>
#include <string_view>

#include "materializer/key_names.h"
#include "materializer/materializer.h"
#include "relationship/edges.h"
#include "schema/current_schema.h"

namespace tidal::relationship {

class EdgeMaterializer final : public materializer::Materializer {
 public:
  struct Inputs {
    const schema::CurrentSchema& catalog;  ///< of a view that takes every event before this one
    const materializer::KeyNames& keys;    ///< likewise
  };
  /// `state` and what `inputs` refers to outlive this.
  EdgeMaterializer(EdgeState& state, Inputs inputs) : state_(state), inputs_(inputs) {}

  [[nodiscard]] std::string_view name() const override { return "relations"; }
  [[nodiscard]] materializer::ViewScope scope() const override { return materializer::ViewScope::Relationship; }
  [[nodiscard]] materializer::Privacy privacy() const override { return materializer::Privacy::Personal; }
  [[nodiscard]] std::uint32_t logic_version() const override { return 1; }
  [[nodiscard]] bool may_begin_at_base() const override { return true; }
  [[nodiscard]] std::unique_ptr<materializer::CheckpointImage> checkpoint() override;
  void prefetch(std::span<const wal::WalEvent> events) const noexcept override;
  void digest(materializer::DigestSink& sink) const override;
  void erase_user(Ordinal user) noexcept override { state_.erase_user(user); }
  [[nodiscard]] std::size_t memory_bytes() const override { return state_.memory_bytes(); }

 private:
  void on_event(const wal::WalEvent& event) noexcept override;
  [[nodiscard]] Status on_restore(std::string_view image) override;
  void on_reset() override { state_.clear(); }

  EdgeState& state_;
  Inputs inputs_;
};

}  // namespace tidal::relationship
