// What Uniques consists of. Included by its own sources only.
#pragma once

#include <array>
#include <atomic>
#include <string>
#include <vector>

#include "base/chunked_array.h"
#include "signal/uniques.h"

namespace tidal::signal {

/// Kinds that are counted, in the order of images.
inline constexpr std::array<EntityKind, 2> kCountedKinds = {EntityKind::Item, EntityKind::Creator};
[[nodiscard]] constexpr std::size_t slot_of(EntityKind kind) { return kind == EntityKind::Item ? 0 : 1; }
[[nodiscard]] constexpr bool is_counted(EntityKind kind) { return kind != EntityKind::User; }

/// A signal as the view's events declared it: it may be behind the catalog.
struct Uniques::Declared {
  std::string name;
  EntityKind target = EntityKind::Item;
  bool unique = false;   ///< and its target is counted
  unsigned windows = 0;  ///< one bit each; none unless unique
  bool operator==(const Declared&) const = default;

  [[nodiscard]] static Declared of(const SignalDef& def);
  /// Whether entities of the kind have a table: a signal on items counts for their creators as well.
  [[nodiscard]] bool has_table(EntityKind kind) const {
    return unique && is_counted(kind) && (kind == EntityKind::Creator || target == EntityKind::Item);
  }
};

struct Uniques::State {
  /// A null pointer where nothing is counted. Readers' way in: what is unlinked is retired.
  using Tables = base::ChunkedArray<std::atomic<UniquesTable*>, 4>;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State();

  std::vector<Declared> signals;  // by position; writer only
  std::array<Tables, kCountedKinds.size()> tables;

  [[nodiscard]] UniquesTable* find(EntityKind kind, std::uint16_t signal) const {
    if (!is_counted(kind)) return nullptr;
    const std::atomic<UniquesTable*>* cell = tables[slot_of(kind)].find(signal);
    return cell == nullptr ? nullptr : cell->load(std::memory_order_acquire);  // pairs with link()
  }
  /// Appends the signal with empty tables.
  void add(Declared signal, UniquesLimits limits);
  /// Makes the tables that a signal should have and has not, and drops the others.
  void link(std::uint16_t signal, UniquesLimits limits);
};

}  // namespace tidal::signal
