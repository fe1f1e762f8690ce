// Vectors of entities as a log leaves them, and the mean direction of each creator's items, added up anew when asked.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "test/fold/told.h"

namespace tidal::test::fold {

using Vector = std::vector<float>;

/// Of the nearest IEEE half; infinity beyond.
[[nodiscard]] float rounded_to_half(float x);
/// In doubles, then floats; nothing when the norm is below 1e-6.
[[nodiscard]] std::optional<Vector> unit(const std::vector<double>& v);
[[nodiscard]] std::vector<double> as_doubles(const Vector& v);
[[nodiscard]] double dot(const Vector& a, const Vector& b);

class VectorFold {
 public:
  explicit VectorFold(const Told& told) : told_(told) {}
  void take(const Happening& h);

  [[nodiscard]] const Vector* vector(std::size_t slot, Ordinal o) const;
  /// Place of the slot that preferences follow; the number of slots where there is none.
  [[nodiscard]] std::size_t preference_slot() const;
  [[nodiscard]] const std::set<Ordinal>& items_of(Ordinal creator) const;
  /// Sum of the vectors of the creator's items by their number, in doubles; empty without items.
  [[nodiscard]] std::vector<double> mean_of(Ordinal creator) const;
  /// What an event is about, as preferences see it.
  [[nodiscard]] std::optional<Vector> about(const Happening& h) const;

 private:
  void remove(EntityKind kind, Ordinal o);
  void contribute(Ordinal item, Ordinal creator);

  const Told& told_;
  std::map<std::pair<std::size_t, Ordinal>, Vector> vectors_;
  std::map<Ordinal, std::set<Ordinal>> contributing_;  // by creator
  std::map<Ordinal, Ordinal> contributes_to_;
};

}  // namespace tidal::test::fold
