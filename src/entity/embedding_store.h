// The vectors of entities, slot by slot, and for each creator the mean direction of its items' vectors.
//
// Slots are positions in the schema's list of embeddings; what a slot is (kind, size, storage, whether preferences
// follow it) is fixed when it is defined, and it starts empty.
// B1: a vector is what the slot's storage keeps of the newest one written (halves are rounded to nearest even); whoever
//     reads it gets one whole vector.
// B2: an item contributes to its creator exactly while it has a vector in the slot that preferences follow and names
//     that creator; the catalogue's sum and number are those of the contributing items (within rounding: G2, G3 in
//     catalogue_sums.h). Deleting the creator changes nothing of that.
// B3: writing a vector that is stored already, bit for bit, changes nothing.
// Bytes a vector: 4 or 2 a dimension, 16 of the allocator, 8 an ordinal of the slot; docs/embeddings.md.
// Threads: single writer (the applier), concurrent readers without locks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "entity/embedding_source.h"
#include "tidal/result.h"
#include "tidal/schema.h"
#include "tidal/types.h"

namespace tidal::entity {

/// One elementary statement of the state, for digests.
struct EmbeddingFact {
  enum class Type : std::uint8_t {
    Vector = 0,        ///< `entity`, of `kind`, has `vector` in `slot`
    Contribution = 1,  ///< the item `entity` is in the sum of `creator`; `slot` is the one that preferences follow
    Catalogue = 2,     ///< `creator` has `items` with `sum`; `slot` likewise
  };
  Type type = Type::Vector;
  std::size_t slot = 0;
  EntityKind kind = EntityKind::Item;
  Ordinal entity = Ordinal::None;
  Ordinal creator = Ordinal::None;
  std::uint32_t items = 0;
  std::span<const float> vector{};
  std::span<const double> sum{};
};

class EmbeddingStore final : public EmbeddingSource {
 public:
  EmbeddingStore();
  ~EmbeddingStore() override;
  EmbeddingStore(const EmbeddingStore&) = delete;
  EmbeddingStore& operator=(const EmbeddingStore&) = delete;

  [[nodiscard]] bool has(std::size_t slot, Ordinal o) const;
  /// Copies the vector; false, and `out` as it was, when there is none or `out` is not of the slot's size.
  [[nodiscard]] bool vector(std::size_t slot, Ordinal o, std::span<float> out) const;
  /// out[i] = dot product of the query with the vector of items[i] as stored; `missing` where there is none, and
  /// everywhere when the query is not of the slot's size. out.size() == items.size(). Allocates nothing.
  void dots(std::size_t slot, std::span<const float> query, std::span<const Ordinal> items, double missing,
            std::span<double> out) const;
  /// Vectors in the slot.
  [[nodiscard]] std::uint32_t count(std::size_t slot) const;
  /// Items that contribute to the creator (B2).
  [[nodiscard]] std::uint32_t catalogue_items(Ordinal creator) const;
  void prefetch_item(Ordinal item, PrefetchStage stage) const noexcept override;
  [[nodiscard]] bool item_vector(Ordinal item, std::span<float> out) const noexcept override;
  /// Also false when the mean's norm is below 1e-6.
  [[nodiscard]] bool catalogue_vector(Ordinal creator, std::span<float> out) const noexcept override;
  [[nodiscard]] std::size_t memory_bytes() const;

  // Write side. Applier only.

  /// Adds the slots beyond those it knows. Cost without new ones: one comparison.
  void declare(std::span<const EmbeddingDef> slots);
  struct Entity {
    EntityKind kind = EntityKind::Item;
    Ordinal ordinal = Ordinal::None;
    Ordinal creator = Ordinal::None;  ///< of an item, after the event
  };
  /// An empty vector removes. One of another size than its slot's, or that the storage cannot hold, counts as not
  /// named.
  struct Named {
    std::size_t slot = 0;
    std::span<const float> vector;
  };
  /// What is not named is removed. Slots of other kinds are ignored, here and below.
  void put(const Entity& entity, std::span<const Named> vectors) { write(entity, vectors, Unnamed::Removed); }
  /// What is not named stays.
  void update(const Entity& entity, std::span<const Named> vectors) { write(entity, vectors, Unnamed::Stays); }
  /// The entity was deleted, or its user erased: nothing of it stays.
  void remove(EntityKind kind, Ordinal o) { write({.kind = kind, .ordinal = o}, {}, Unnamed::Removed); }
  /// Fetches what writing the entity will touch first.
  void prefetch(EntityKind kind, Ordinal o) const;
  void clear();

  /// What an image may mention: bounds that keep damage from making tables huge.
  struct ImageLimits {
    std::function<bool(EntityKind, Ordinal)> is_known;  ///< asked for the largest of a kind
    std::span<const EmbeddingDef> slots;                ///< of the schema
  };
  /// The state as of now, detached: vectors are pinned. Encoding may happen on another thread while the state changes,
  /// but not after it is gone. Nothing retired anywhere is freed meanwhile.
  class Capture {
   public:
    virtual ~Capture() = default;
    [[nodiscard]] virtual std::string encode() const = 0;
  };
  /// O(slots): later changes save what they overwrite.
  [[nodiscard]] std::unique_ptr<Capture> capture() const;
  /// Replaces everything, the slots by those of the limits. Corruption on bytes that encode() cannot have written
  /// within them; the state is left as it was.
  [[nodiscard]] Status restore(std::string_view image, const ImageLimits& limits);
  /// Every fact, in no particular order; spans live during the call.
  void for_each_fact(const std::function<void(const EmbeddingFact&)>& visit) const;

 private:
  struct State;
  struct Slot;
  class StateCapture;
  enum class Unnamed : std::uint8_t { Stays, Removed };
  void write(const Entity& entity, std::span<const Named> vectors, Unnamed unnamed);

  std::atomic<State*> state_;  // replaced as a whole by clear() and restore(), freed by epochs
};

}  // namespace tidal::entity
