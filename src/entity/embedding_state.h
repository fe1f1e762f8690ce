// What EmbeddingStore consists of. Included by its own sources only.
#pragma once

#include <atomic>

#include "base/chunked_array.h"
#include "base/coding.h"
#include "base/word_column.h"
#include "entity/catalogue_sums.h"
#include "entity/embedding_store.h"
#include "entity/vector_column.h"

namespace tidal::entity {

struct EmbeddingStore::Slot {
  EntityKind kind = EntityKind::Item;
  VectorColumn vectors;
};

struct EmbeddingStore::State {
  base::ChunkedArray<Slot, 3> slots;
  std::atomic<std::uint32_t> slot_end{0};
  std::atomic<std::int32_t> preference{-1};  // position of the slot that preferences follow
  CatalogueSums sums;
  /// By item: ordinal + 1 of the creator it contributes to (B2); 0: none.
  base::WordColumn<std::uint32_t> contributes_to;

  /// nullptr for a slot that is not defined.
  [[nodiscard]] const Slot* find(std::size_t slot) const {
    // acquire: pairs with the release in declare(): kind and shape are written.
    return slot < slot_end.load(std::memory_order_acquire) ? slots.find(slot) : nullptr;
  }
  [[nodiscard]] const Slot* preference_slot() const {
    // acquire: pairs with the release in declare(): the slot and the size of the sums are there.
    const std::int32_t position = preference.load(std::memory_order_acquire);
    return position < 0 ? nullptr : find(static_cast<std::size_t>(position));
  }
  [[nodiscard]] Ordinal creator_of(Ordinal item) const {
    const std::uint32_t word = contributes_to.get(to_index(item));
    return word == 0 ? Ordinal::None : to_ordinal(word - 1);
  }
  void set_creator(Ordinal item, Ordinal creator) {
    contributes_to.set(to_index(item), creator == Ordinal::None ? 0 : to_index(creator) + 1);
  }
  void declare(std::span<const EmbeddingDef> defs);
  /// What one event makes of a vector.
  struct Next {
    bool stays = true;
    VectorColumn::OwnedBlock block{};  ///< unless it stays; nullptr: no vector any more
  };
  /// Brings the catalogue in step with what the item's vector and creator are going to be (B2).
  void move_contribution(const VectorColumn& vectors, const Entity& item, const Next& next);
  /// Reads contributions and sums from an image; vectors are there already.
  [[nodiscard]] Status read_catalogue(base::Decoder& in, const ImageLimits& limits);
};

}  // namespace tidal::entity
