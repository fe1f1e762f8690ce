// Where a view finds the embedding of what an event is about.
#pragma once

#include <cstdint>
#include <span>

#include "tidal/types.h"

namespace tidal::entity {

/// The vectors as of the event that is being applied. Threads: the applier's.
class EmbeddingSource {
 public:
  virtual ~EmbeddingSource() = default;
  /// What to fetch ahead of item_vector(): the item's place, then what lies behind it. A hint.
  enum class PrefetchStage : std::uint8_t { Place, Vector };
  virtual void prefetch_item(Ordinal /*item*/, PrefetchStage /*stage*/) const noexcept {}
  /// Copies the item's vector in the slot that preferences follow, of whose size `out` is. False, and `out` as it was,
  /// when there is no such slot, the sizes differ or the item has no vector there.
  [[nodiscard]] virtual bool item_vector(Ordinal item, std::span<float> out) const noexcept = 0;
  /// The same with the normalised mean of those of the creator's items.
  [[nodiscard]] virtual bool catalogue_vector(Ordinal creator, std::span<float> out) const noexcept = 0;
};

}  // namespace tidal::entity
