// Feeds what is hidden from the log. Materializer "hidden".
//
// Threads: as Materializer; reads go to the Hidden.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "index/hidden.h"
#include "materializer/key_names.h"
#include "materializer/materializer.h"

namespace tidal::index {

class HiddenMaterializer final : public materializer::Materializer {
 public:
  /// `keys`: of a view that takes every event before this one. Both outlive this.
  HiddenMaterializer(Hidden& hidden, const materializer::KeyNames& keys) : hidden_(hidden), keys_(keys) {}

  [[nodiscard]] std::string_view name() const override { return "hidden"; }
  [[nodiscard]] materializer::ViewScope scope() const override { return materializer::ViewScope::Global; }
  [[nodiscard]] materializer::Privacy privacy() const override { return materializer::Privacy::Personal; }
  [[nodiscard]] std::uint32_t logic_version() const override { return 1; }
  [[nodiscard]] bool may_begin_at_base() const override { return true; }
  [[nodiscard]] std::unique_ptr<materializer::CheckpointImage> checkpoint() override;
  void digest(materializer::DigestSink& sink) const override;
  void erase_user(Ordinal user) noexcept override { hidden_.forget(EntityKind::User, user); }
  [[nodiscard]] std::size_t memory_bytes() const override { return hidden_.memory_bytes(); }

 private:
  void on_event(const wal::WalEvent& event) noexcept override;
  [[nodiscard]] Status on_restore(std::string_view image) override;
  void on_reset() override { hidden_.clear(); }

  Hidden& hidden_;
  const materializer::KeyNames& keys_;
};

}  // namespace tidal::index
