// Layers of field changes above the store.
#include "entity/field_overlay.h"

namespace tidal::entity {
namespace {

constexpr std::size_t kEntryBytes = sizeof(FieldChanges::value_type) + 2 * sizeof(void*);  // node and bucket

/// Puts `change` over what `changes` holds; returns by how many bytes it grew (modulo 2^64 when it shrank).
std::size_t put_over(FieldChanges& changes, EntityRef ref, FieldChange change) {
  const auto [it, inserted] = changes.try_emplace(ref);
  if (inserted || change.replaces) {
    const std::size_t before = inserted ? 0 : kEntryBytes + it->second.fields.size();
    it->second = std::move(change);
    return kEntryBytes + it->second.fields.size() - before;
  }
  Result<FieldChange> combined = combine(it->second, change);
  if (!combined.ok()) return 0;
  const std::size_t before = it->second.fields.size();
  it->second = std::move(combined).value();
  return it->second.fields.size() - before;
}

}  // namespace

Result<FieldChange> combine(const FieldChange& older, const FieldChange& newer) {
  if (newer.replaces) return newer;
  TIDAL_TRY_ASSIGN(std::string fields,
                   merge_fields(older.fields, newer.fields, older.replaces ? Nulls::Drop : Nulls::Keep));
  return FieldChange{older.replaces, std::move(fields)};
}

FieldChanges fold(const std::vector<std::shared_ptr<const FieldChanges>>& layers) {
  FieldChanges folded;
  for (const auto& layer : layers) {
    for (const auto& [ref, change] : *layer) put_over(folded, ref, change);
  }
  return folded;
}

void FieldOverlay::apply(EntityRef ref, FieldChange change) {
  const std::size_t grown = put_over(current_, ref, std::move(change));
  current_bytes_ += grown;
  bytes_ += grown;
}

std::optional<FieldChange> FieldOverlay::find(EntityRef ref) const {
  std::optional<FieldChange> found;
  const auto look_into = [&](const FieldChanges& changes) {
    const auto it = changes.find(ref);
    if (it == changes.end()) return;
    if (!found) {
      found = it->second;
    } else if (Result<FieldChange> combined = combine(it->second, *found); combined.ok()) {
      found = std::move(combined).value();
    }
  };
  look_into(current_);
  for (auto layer = layers_.rbegin(); layer != layers_.rend() && !(found && found->replaces); ++layer) {
    look_into(*layer->changes);
  }
  return found;
}

std::uint64_t FieldOverlay::freeze() {
  if (!current_.empty()) {
    layers_.push_back({++last_number_, current_bytes_, std::make_shared<const FieldChanges>(std::move(current_))});
    current_ = FieldChanges();
    current_bytes_ = 0;
  }
  return last_number_;
}

std::vector<std::shared_ptr<const FieldChanges>> FieldOverlay::frozen(std::uint64_t through) const {
  std::vector<std::shared_ptr<const FieldChanges>> layers;
  for (const Layer& layer : layers_) {
    if (layer.number <= through) layers.push_back(layer.changes);
  }
  return layers;
}

std::vector<std::shared_ptr<const FieldChanges>> FieldOverlay::drop(std::uint64_t through) {
  std::vector<std::shared_ptr<const FieldChanges>> dropped;
  std::vector<Layer> kept;
  for (Layer& layer : layers_) {
    if (layer.number > through) {
      kept.push_back(std::move(layer));
    } else {
      bytes_ -= layer.bytes;
      dropped.push_back(std::move(layer.changes));
    }
  }
  layers_ = std::move(kept);
  return dropped;
}

FieldChanges FieldOverlay::all() const {
  FieldChanges changes = fold(frozen(last_number_));
  for (const auto& [ref, change] : current_) put_over(changes, ref, change);
  return changes;
}

}  // namespace tidal::entity
