// Changes to entities' fields that the store does not hold yet, newest state first.
//
// A change replaces all fields or patches some; a patch meets what lies below it only when it is read or written out,
// so that the applier never reads the disk.
// O1: patching is idempotent: a patch over fields that already contain it changes nothing.
// Threads: externally synchronized; a frozen layer is immutable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "entity/entity_record.h"
#include "tidal/types.h"

namespace tidal::entity {

/// Kind and ordinal in one word.
enum class EntityRef : std::uint64_t {};
[[nodiscard]] constexpr EntityRef make_ref(EntityKind kind, Ordinal o) {
  return static_cast<EntityRef>((static_cast<std::uint64_t>(kind) << 32) | to_index(o));
}
[[nodiscard]] constexpr EntityKind kind_of(EntityRef ref) {
  return static_cast<EntityKind>(static_cast<std::uint64_t>(ref) >> 32);
}
[[nodiscard]] constexpr Ordinal ordinal_of(EntityRef ref) {
  return to_ordinal(static_cast<std::uint32_t>(static_cast<std::uint64_t>(ref)));
}

struct FieldChange {
  bool replaces = false;  ///< false: a patch, nulls in it remove
  std::string fields;     ///< encoded
};

/// `newer` put over `older`.
[[nodiscard]] Result<FieldChange> combine(const FieldChange& older, const FieldChange& newer);

using FieldChanges = std::unordered_map<EntityRef, FieldChange>;

class FieldOverlay {
 public:
  /// Fields that do not decode are ignored: they were checked when the event was.
  void apply(EntityRef ref, FieldChange change);
  /// All that is known of the entity's fields above the store; none: only the store knows.
  [[nodiscard]] std::optional<FieldChange> find(EntityRef ref) const;

  /// Moves the current changes into a frozen layer; returns a number that is at or above every layer's.
  std::uint64_t freeze();
  /// Frozen layers up to that number, oldest first.
  [[nodiscard]] std::vector<std::shared_ptr<const FieldChanges>> frozen(std::uint64_t through) const;
  /// Takes them out, because the store holds them now; the caller destroys them.
  std::vector<std::shared_ptr<const FieldChanges>> drop(std::uint64_t through);
  /// Everything above the store. Copies.
  [[nodiscard]] FieldChanges all() const;
  [[nodiscard]] std::size_t memory_bytes() const { return bytes_; }

 private:
  // shared: a layer is read by who writes it out while readers still look into it.
  struct Layer {
    std::uint64_t number = 0;
    std::size_t bytes = 0;
    std::shared_ptr<const FieldChanges> changes;
  };
  FieldChanges current_;
  std::vector<Layer> layers_;  // oldest first
  std::uint64_t last_number_ = 0;
  std::size_t current_bytes_ = 0;
  std::size_t bytes_ = 0;
};

/// Layers folded into one, oldest first.
[[nodiscard]] FieldChanges fold(const std::vector<std::shared_ptr<const FieldChanges>>& layers);

}  // namespace tidal::entity
