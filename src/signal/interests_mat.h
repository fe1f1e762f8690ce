// Feeds interests from the log. Materializer "interests".
//
// Threads: as Materializer; reads go to the Interests.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "materializer/key_names.h"
#include "materializer/materializer.h"
#include "schema/current_schema.h"
#include "signal/interests.h"
#include "tidal/result.h"

namespace tidal::signal {

/// The fields of an entity record's payload. The codec is the entity folder's; the composition root supplies it.
using DecodeFields = std::function<Result<Fields>(std::string_view payload)>;

class InterestsMaterializer final : public materializer::Materializer {
 public:
  struct Inputs {
    const schema::CurrentSchema& catalog;  ///< of a view that takes every event before this one
    const materializer::KeyNames& keys;    ///< likewise
    DecodeFields decode;
  };
  /// `interests` and what `inputs` refers to outlive this.
  InterestsMaterializer(Interests& interests, Inputs inputs) : interests_(interests), inputs_(std::move(inputs)) {}

  [[nodiscard]] std::string_view name() const override { return "interests"; }
  [[nodiscard]] materializer::ViewScope scope() const override { return materializer::ViewScope::User; }
  [[nodiscard]] materializer::Privacy privacy() const override { return materializer::Privacy::Personal; }
  [[nodiscard]] std::uint32_t logic_version() const override { return 1; }
  /// Then items have no values until they are put or updated.
  [[nodiscard]] bool may_begin_at_base() const override { return true; }
  [[nodiscard]] std::unique_ptr<materializer::CheckpointImage> checkpoint() override;
  void prefetch(std::span<const wal::WalEvent> events) const noexcept override;
  void digest(materializer::DigestSink& sink) const override;
  void erase_user(Ordinal user) noexcept override { interests_.erase_user(user); }
  [[nodiscard]] std::size_t memory_bytes() const override { return interests_.memory_bytes(); }

 private:
  void on_event(const wal::WalEvent& event) noexcept override;
  [[nodiscard]] Status on_restore(std::string_view image) override;
  [[nodiscard]] Status on_begin() override;
  void on_reset() override { interests_.clear(); }
  void on_schema_change(const wal::WalEvent& event);
  void follow(const std::vector<FieldDef>& fields);
  void on_content(const wal::WalEvent& event);
  void on_delete(const wal::WalEvent& event);
  [[nodiscard]] bool shows_interest(const wal::WalEvent& event) const;

  Interests& interests_;
  Inputs inputs_;
};

}  // namespace tidal::signal
