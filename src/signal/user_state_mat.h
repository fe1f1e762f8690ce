// Feeds user state from the log. Materializer "user_state".
//
// Threads: as Materializer; reads go to the UserState.
#pragma once

#include <memory>
#include <string_view>

#include "materializer/key_names.h"
#include "materializer/materializer.h"
#include "schema/current_schema.h"
#include "signal/user_state.h"

namespace tidal::signal {

class UserStateMaterializer final : public materializer::Materializer {
 public:
  struct Inputs {
    const schema::CurrentSchema& catalog;  ///< of a view that takes every event before this one
    const materializer::KeyNames& keys;    ///< likewise
  };
  /// `state` and what `inputs` refers to outlive this.
  UserStateMaterializer(UserState& state, Inputs inputs) : state_(state), inputs_(inputs) {}

  [[nodiscard]] std::string_view name() const override { return "user_state"; }
  [[nodiscard]] materializer::ViewScope scope() const override { return materializer::ViewScope::User; }
  [[nodiscard]] materializer::Privacy privacy() const override { return materializer::Privacy::Personal; }
  [[nodiscard]] std::uint32_t logic_version() const override { return 2; }
  [[nodiscard]] std::uint32_t oldest_image_version() const override { return 1; }
  [[nodiscard]] std::unique_ptr<materializer::CheckpointImage> checkpoint() override;
  void prefetch(std::span<const wal::WalEvent> events) const noexcept override;
  void digest(materializer::DigestSink& sink) const override;
  void erase_user(Ordinal user) noexcept override { state_.erase_user(user); }
  [[nodiscard]] std::size_t memory_bytes() const override { return state_.memory_bytes(); }

 private:
  void on_event(const wal::WalEvent& event) noexcept override;
  [[nodiscard]] Status on_restore(std::string_view image) override;
  [[nodiscard]] Status on_restore_older(std::string_view image, std::uint32_t image_version) override;
  void on_reset() override { state_.clear(); }
  void on_signal(const wal::WalEvent& event);
  [[nodiscard]] UserState::ImageLimits limits() const;

  UserState& state_;
  Inputs inputs_;
};

}  // namespace tidal::signal
