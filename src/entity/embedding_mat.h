// Feeds the embeddings from the log. Materializer "embeddings".
//
// Threads: as Materializer; reads go to the EmbeddingStore.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "entity/embedding_store.h"
#include "materializer/key_names.h"
#include "materializer/materializer.h"
#include "schema/current_schema.h"

namespace tidal::entity {

class EmbeddingMaterializer final : public materializer::Materializer {
 public:
  struct Inputs {
    const schema::CurrentSchema& catalog;  ///< of a view that takes every event before this one
    const materializer::KeyNames& keys;    ///< likewise
  };
  /// `store` and what `inputs` refers to outlive this.
  EmbeddingMaterializer(EmbeddingStore& store, Inputs inputs) : store_(store), inputs_(inputs) {}

  [[nodiscard]] std::string_view name() const override { return "embeddings"; }
  [[nodiscard]] materializer::ViewScope scope() const override { return materializer::ViewScope::Global; }
  /// Users have slots too.
  [[nodiscard]] materializer::Privacy privacy() const override { return materializer::Privacy::Personal; }
  [[nodiscard]] std::uint32_t logic_version() const override { return 1; }
  [[nodiscard]] bool may_begin_at_base() const override { return true; }
  [[nodiscard]] std::unique_ptr<materializer::CheckpointImage> checkpoint() override;
  void prefetch(std::span<const wal::WalEvent> events) const noexcept override;
  void digest(materializer::DigestSink& sink) const override;
  void erase_user(Ordinal user) noexcept override { store_.remove(EntityKind::User, user); }
  [[nodiscard]] std::size_t memory_bytes() const override { return store_.memory_bytes(); }

 private:
  void on_event(const wal::WalEvent& event) noexcept override;
  [[nodiscard]] Status on_restore(std::string_view image) override;
  void on_reset() override { store_.clear(); }
  void on_write(const wal::WalEvent& event);

  EmbeddingStore& store_;
  Inputs inputs_;
  // Of the event at hand; kept so that one event after another needs no allocation.
  std::vector<float> numbers_;
  std::vector<EmbeddingStore::Named> named_;
};

}  // namespace tidal::entity
