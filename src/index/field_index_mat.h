// Feeds the field index from the log. Materializer "field_index".
//
// Besides puts, updates and deletes it follows who is created in passing: a signal's user, an item's creator.
// Threads: as Materializer; reads go to the FieldIndex.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "index/field_index.h"
#include "materializer/key_names.h"
#include "materializer/materializer.h"
#include "schema/current_schema.h"
#include "tidal/result.h"

namespace tidal::index {

/// What the index needs of an entity record's payload.
struct EntityChange {
  bool names_creator = false;  ///< the payload gives the item a creator, who then exists
  Fields fields;
};

/// Decodes that payload. The codec belongs to the entity folder, a sibling; the composition root connects the two.
using DecodeEntityChange = std::function<Result<EntityChange>(std::string_view payload)>;

class FieldIndexMaterializer final : public materializer::Materializer {
 public:
  struct Inputs {
    const schema::CurrentSchema& catalog;  ///< of a view that takes every event before this one
    const materializer::KeyNames& keys;    ///< likewise
    DecodeEntityChange decode;
  };
  /// `index` and what `inputs` refers to outlive this.
  FieldIndexMaterializer(FieldIndex& index, Inputs inputs);

  [[nodiscard]] std::string_view name() const override { return "field_index"; }
  [[nodiscard]] materializer::ViewScope scope() const override { return materializer::ViewScope::Global; }
  [[nodiscard]] materializer::Privacy privacy() const override { return materializer::Privacy::Personal; }
  [[nodiscard]] std::uint32_t logic_version() const override { return 1; }
  [[nodiscard]] std::unique_ptr<materializer::CheckpointImage> checkpoint() override;
  void digest(materializer::DigestSink& sink) const override;
  void erase_user(Ordinal user) noexcept override;
  [[nodiscard]] std::size_t memory_bytes() const override { return index_.memory_bytes(); }

 private:
  void on_event(const wal::WalEvent& event) noexcept override;
  [[nodiscard]] Status on_restore(std::string_view image) override;
  void on_reset() override;
  void on_content(const wal::WalEvent& event);
  void follow_schema();

  FieldIndex& index_;
  Inputs inputs_;
  std::uint32_t configured_version_ = 0;  // of the schema; version 0 declares nothing
};

}  // namespace tidal::index
