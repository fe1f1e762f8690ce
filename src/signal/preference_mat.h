// Feeds preferences from the log. Materializer "preference".
//
// Threads: as Materializer; reads go to the Preferences.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "entity/embedding_source.h"
#include "materializer/key_names.h"
#include "materializer/materializer.h"
#include "schema/current_schema.h"
#include "signal/preference.h"

namespace tidal::signal {

class PreferenceMaterializer final : public materializer::Materializer {
 public:
  struct Inputs {
    const schema::CurrentSchema& catalog;       ///< of a view that takes every event before this one
    const materializer::KeyNames& keys;         ///< likewise
    const entity::EmbeddingSource& embeddings;  ///< as of the event that this view is given
  };
  /// `state` and what `inputs` refers to outlive this.
  PreferenceMaterializer(Preferences& state, Inputs inputs) : state_(state), inputs_(inputs) {}

  [[nodiscard]] std::string_view name() const override { return "preference"; }
  [[nodiscard]] materializer::ViewScope scope() const override { return materializer::ViewScope::User; }
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
  void on_feedback(const wal::WalEvent& event);
  void on_schema_change(std::string_view payload);
  /// Fills e_ with the vector of what the event is about.
  [[nodiscard]] bool find_vector(const wal::WalEvent& event);

  Preferences& state_;
  Inputs inputs_;
  std::vector<float> e_;
};

}  // namespace tidal::signal
