// Reads and writes of embeddings.
#include "entity/embedding_store.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/epoch.h"
#include "base/vector_math.h"
#include "entity/embedding_state.h"
#include "entity/entity_record.h"

namespace tidal::entity {
namespace {

using Stored = VectorColumn::Stored;
using VectorBuffer = std::array<float, kEmbeddingSizeMax>;

/// False, and `out` as it was, when there is no vector of that size.
bool copy_vector(const VectorColumn& vectors, Ordinal o, std::span<float> out) {
  if (out.size() != vectors.shape().size) return false;
  const Stored stored = vectors.find(o);
  if (stored != nullptr) vectors.widen(stored, out);
  return stored != nullptr;
}

}  // namespace

EmbeddingStore::EmbeddingStore() : state_(new State) {}
EmbeddingStore::~EmbeddingStore() { delete state_.load(std::memory_order_relaxed); }

// Reads. Each holds a guard for as long as it uses the state; the acquire pairs with clear() and restore().

bool EmbeddingStore::has(std::size_t slot, Ordinal o) const {
  const base::EpochGuard guard;
  const Slot* s = state_.load(std::memory_order_acquire)->find(slot);
  return s != nullptr && s->vectors.find(o) != nullptr;
}

bool EmbeddingStore::vector(std::size_t slot, Ordinal o, std::span<float> out) const {
  const base::EpochGuard guard;
  const Slot* s = state_.load(std::memory_order_acquire)->find(slot);
  return s != nullptr && copy_vector(s->vectors, o, out);
}

void EmbeddingStore::dots(std::size_t slot, std::span<const float> query, std::span<const Ordinal> items,
                          double missing, std::span<double> out) const {
  const base::EpochGuard guard;
  const Slot* s = state_.load(std::memory_order_acquire)->find(slot);
  if (s != nullptr && s->vectors.shape().size == query.size()) {
    s->vectors.dots(query, items, missing, out);
  } else {
    std::fill(out.begin(), out.end(), missing);
  }
}

std::uint32_t EmbeddingStore::count(std::size_t slot) const {
  const base::EpochGuard guard;
  const Slot* s = state_.load(std::memory_order_acquire)->find(slot);
  return s == nullptr ? 0 : s->vectors.count();
}

std::uint32_t EmbeddingStore::catalogue_items(Ordinal creator) const {
  const base::EpochGuard guard;
  return state_.load(std::memory_order_acquire)->sums.items(creator);
}

void EmbeddingStore::prefetch_item(Ordinal item, PrefetchStage stage) const noexcept {
  if (item == Ordinal::None) return;
  const Slot* s = state_.load(std::memory_order_relaxed)->preference_slot();
  if (s == nullptr) return;
  if (stage == PrefetchStage::Place) return s->vectors.prefetch(item);
  const Stored stored = s->vectors.find(item);
  if (stored == nullptr) return;
  for (std::size_t offset = 0; offset < s->vectors.shape().bytes(); offset += 64) __builtin_prefetch(stored + offset);
}

bool EmbeddingStore::item_vector(Ordinal item, std::span<float> out) const noexcept {
  const base::EpochGuard guard;
  const Slot* s = state_.load(std::memory_order_acquire)->preference_slot();
  return s != nullptr && copy_vector(s->vectors, item, out);
}

bool EmbeddingStore::catalogue_vector(Ordinal creator, std::span<float> out) const noexcept {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);
  const Slot* s = state.preference_slot();
  if (s == nullptr || s->vectors.shape().size != out.size()) return false;
  VectorBuffer buffer;
  const std::span<float> mean = std::span(buffer).first(out.size());
  if (!state.sums.mean(creator, mean) || !base::normalise(mean)) return false;
  std::copy(mean.begin(), mean.end(), out.begin());
  return true;
}

std::size_t EmbeddingStore::memory_bytes() const {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);
  std::size_t bytes =
      sizeof state + state.slots.memory_bytes() + state.sums.memory_bytes() + state.contributes_to.memory_bytes();
  const std::uint32_t slots = state.slot_end.load(std::memory_order_acquire);  // as find()
  for (std::uint32_t s = 0; s < slots; ++s) bytes += state.slots[s].vectors.memory_bytes();
  return bytes;
}

// Writes. Only this thread replaces the state, so it needs no guard.

void EmbeddingStore::State::declare(std::span<const EmbeddingDef> defs) {
  std::uint32_t end = slot_end.load(std::memory_order_relaxed);
  for (; end < defs.size(); ++end) {
    const EmbeddingDef& def = defs[end];
    Slot& slot = slots.at_grown(end);
    slot.kind = def.kind;
    slot.vectors.set_shape({.size = def.size, .storage = def.storage});
    slot_end.store(end + 1, std::memory_order_release);  // pairs with find()
    if (!def.preference || def.kind != EntityKind::Item || preference.load(std::memory_order_relaxed) >= 0) continue;
    sums.set_size(def.size);
    preference.store(static_cast<std::int32_t>(end), std::memory_order_release);  // pairs with preference_slot()
  }
}

void EmbeddingStore::declare(std::span<const EmbeddingDef> slots) {
  state_.load(std::memory_order_relaxed)->declare(slots);
}

void EmbeddingStore::State::move_contribution(const VectorColumn& vectors, const Entity& item, const Next& next) {
  const Stored before = vectors.find(item.ordinal);
  const Stored after = next.stays ? before : next.block.get();
  const Ordinal from = creator_of(item.ordinal);
  const Ordinal to = after == nullptr ? Ordinal::None : item.creator;
  if (from == to && next.stays) return;

  VectorBuffer old_buffer;
  VectorBuffer new_buffer;
  std::span<float> minus;
  std::span<float> plus;
  if (from != Ordinal::None) {
    minus = std::span(old_buffer).first(vectors.shape().size);
    vectors.widen(before, minus);
  }
  if (to != Ordinal::None) {
    plus = std::span(new_buffer).first(vectors.shape().size);
    vectors.widen(after, plus);
  }
  if (from == to) {
    if (to != Ordinal::None) sums.change(to, {.minus = minus, .plus = plus});
    return;
  }
  if (from != Ordinal::None) sums.change(from, {.minus = minus, .plus = {}});
  if (to != Ordinal::None) sums.change(to, {.minus = {}, .plus = plus});
  set_creator(item.ordinal, to);
}

void EmbeddingStore::write(const Entity& entity, std::span<const Named> vectors, Unnamed unnamed) {
  if (entity.ordinal == Ordinal::None) return;
  State& state = *state_.load(std::memory_order_relaxed);
  const std::uint32_t end = state.slot_end.load(std::memory_order_relaxed);
  const std::int32_t preference = state.preference.load(std::memory_order_relaxed);
  for (std::uint32_t s = 0; s < end; ++s) {
    Slot& slot = state.slots[s];
    if (slot.kind != entity.kind) continue;
    State::Next next{.stays = unnamed == Unnamed::Stays};
    const auto named = std::ranges::find(vectors, s, &Named::slot);
    if (named != vectors.end()) {
      if (named->vector.empty()) {
        next.stays = false;
      } else if (named->vector.size() == slot.vectors.shape().size) {
        next.block = slot.vectors.block_of(named->vector);
        if (next.block != nullptr) next.stays = false;
      }
    }
    if (slot.vectors.same(slot.vectors.find(entity.ordinal), next.block.get())) next.stays = true;  // B3
    if (static_cast<std::int32_t>(s) == preference) state.move_contribution(slot.vectors, entity, next);
    if (!next.stays) slot.vectors.set(entity.ordinal, std::move(next.block));
  }
}

void EmbeddingStore::prefetch(EntityKind kind, Ordinal o) const {
  if (o == Ordinal::None) return;
  const State& state = *state_.load(std::memory_order_relaxed);
  const std::uint32_t end = state.slot_end.load(std::memory_order_relaxed);
  for (std::uint32_t s = 0; s < end; ++s) {
    if (state.slots[s].kind == kind) state.slots[s].vectors.prefetch(o);
  }
  if (kind == EntityKind::Item) state.contributes_to.prefetch(to_index(o));
}

void EmbeddingStore::clear() {
  base::retire(state_.exchange(new State, std::memory_order_acq_rel));  // pairs with the readers' acquire
}

void EmbeddingStore::for_each_fact(const std::function<void(const EmbeddingFact&)>& visit) const {
  using Type = EmbeddingFact::Type;
  const State& state = *state_.load(std::memory_order_relaxed);
  const std::uint32_t slots = state.slot_end.load(std::memory_order_relaxed);
  VectorBuffer buffer;
  for (std::uint32_t s = 0; s < slots; ++s) {
    const Slot& slot = state.slots[s];
    const std::span<float> vector = std::span(buffer).first(slot.vectors.shape().size);
    for (std::uint32_t i = 0; i < slot.vectors.end(); ++i) {
      if (!copy_vector(slot.vectors, to_ordinal(i), vector)) continue;
      visit({.type = Type::Vector, .slot = s, .kind = slot.kind, .entity = to_ordinal(i), .vector = vector});
    }
  }
  const std::int32_t preference = state.preference.load(std::memory_order_relaxed);
  if (preference < 0) return;
  const auto followed = static_cast<std::size_t>(preference);
  for (std::uint32_t i = 0; i < state.contributes_to.end(); ++i) {
    const Ordinal creator = state.creator_of(to_ordinal(i));
    if (creator == Ordinal::None) continue;
    visit({.type = Type::Contribution, .slot = followed, .entity = to_ordinal(i), .creator = creator});
  }
  for (std::uint32_t c = 0; c < state.sums.end(); ++c) {
    const CatalogueSums::Total total = state.sums.total(to_ordinal(c));
    if (total.items == 0) continue;
    visit({.type = Type::Catalogue,
           .slot = followed,
           .kind = EntityKind::Creator,
           .creator = to_ordinal(c),
           .items = total.items,
           .sum = total.sum});
  }
}

}  // namespace tidal::entity
