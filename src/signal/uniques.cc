// Reads and writes of distinct users.
#include "signal/uniques.h"

#include <algorithm>
#include <utility>

#include "base/epoch.h"
#include "signal/uniques_tables.h"

namespace tidal::signal {

Uniques::Declared Uniques::Declared::of(const SignalDef& def) {
  Declared out{.name = def.name, .target = def.target, .unique = def.unique && is_counted(def.target)};
  for (const Window w : def.windows) {
    if (out.unique && w != Window::All) out.windows |= 1U << static_cast<unsigned>(w);
  }
  return out;
}

Uniques::State::~State() {
  for (std::size_t s = 0; s < signals.size(); ++s) {
    for (const Tables& of_kind : tables) delete of_kind[s].load(std::memory_order_relaxed);  // no reader is left
  }
}

void Uniques::State::add(Declared signal, UniquesLimits limits) {
  const auto position = static_cast<std::uint16_t>(signals.size());
  signals.push_back(std::move(signal));
  for (Tables& of_kind : tables) of_kind.grow(position + std::size_t{1});
  link(position, limits);
}

void Uniques::State::link(std::uint16_t signal, UniquesLimits limits) {
  for (const EntityKind kind : kCountedKinds) {
    std::atomic<UniquesTable*>& cell = tables[slot_of(kind)][signal];
    UniquesTable* before = cell.load(std::memory_order_relaxed);  // only the writer stores
    const bool wanted = signals[signal].has_table(kind);
    if (wanted == (before != nullptr)) continue;
    // release: pairs with find(), so that readers see the table whole.
    cell.store(wanted ? new UniquesTable(limits) : nullptr, std::memory_order_release);
    if (before != nullptr) base::retire(before);
  }
}

Uniques::Uniques(UniquesLimits limits) : limits_(limits), state_(new State) {}
Uniques::~Uniques() { delete state_.load(std::memory_order_relaxed); }

// Reads hold a guard for as long as they use the state.

void Uniques::uniques(const UniquesQuery& query, std::span<const Ordinal> entities, std::span<double> out) const {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);  // pairs with clear() and restore()
  const UniquesTable* table = state.find(query.kind, query.signal);
  if (table == nullptr) {
    std::ranges::fill(out, 0.0);
    return;
  }
  const UniquesTable::Query asked{.window = query.window, .now = query.now};
  UserUnion scratch;
  constexpr std::size_t kGroup = 64;  // whose memory is fetched together
  for (std::size_t at = 0; at < entities.size(); at += kGroup) {
    const std::span<const Ordinal> group = entities.subspan(at, std::min(kGroup, entities.size() - at));
    if (group.size() > 1) {
      for (const Stage stage : {Stage::Pair, Stage::Block, Stage::Sets}) {
        for (const Ordinal entity : group) table->prefetch_count(entity, asked, stage);
      }
    }
    for (std::size_t i = 0; i < group.size(); ++i) out[at + i] = table->count(group[i], asked, scratch);
  }
}

std::size_t Uniques::memory_bytes() const {
  const State& state = *state_.load(std::memory_order_relaxed);  // the writer's own
  std::size_t bytes = sizeof state;
  for (std::size_t s = 0; s < state.signals.size(); ++s) {
    bytes += sizeof(Declared) + state.signals[s].name.capacity();
    for (const EntityKind kind : kCountedKinds) {
      if (const auto* table = state.find(kind, static_cast<std::uint16_t>(s))) bytes += table->memory_bytes();
    }
  }
  return bytes;
}

// Writes. Only this thread replaces the state, so it needs no guard.

void Uniques::declare(std::span<const SignalDef> definitions) {
  State& state = *state_.load(std::memory_order_relaxed);
  for (const SignalDef& def : definitions) {
    Declared next = Declared::of(def);
    const auto known =
        std::ranges::find_if(state.signals, [&](const Declared& signal) { return signal.name == next.name; });
    if (known == state.signals.end()) {
      state.add(std::move(next), limits_);
      continue;
    }
    const auto position = static_cast<std::uint16_t>(known - state.signals.begin());
    if (known->target != next.target) {  // what was counted is of other entities
      known->unique = false;
      state.link(position, limits_);
    }
    const unsigned dropped = known->windows & ~next.windows;
    *known = std::move(next);
    state.link(position, limits_);
    if (dropped == 0) continue;
    for (const EntityKind kind : kCountedKinds) {
      if (UniquesTable* table = state.find(kind, position)) table->drop_windows(dropped);
    }
  }
}

void Uniques::record(const UniquesEvent& event) noexcept {
  const State& state = *state_.load(std::memory_order_relaxed);
  if (event.signal >= state.signals.size() || event.user == Ordinal::None) return;
  const Declared& signal = state.signals[event.signal];
  if (!signal.unique) return;
  const auto count = [&](EntityKind kind, Ordinal entity) {
    if (entity == Ordinal::None) return;
    state.find(kind, event.signal)
        ->record({.entity = entity, .user = event.user, .at = event.at, .windows = signal.windows});
  };
  count(signal.target, event.subject);
  if (signal.target == EntityKind::Item) count(EntityKind::Creator, event.creator);
}

void Uniques::prefetch(const UniquesEvent& event, Stage stage) const {
  const State& state = *state_.load(std::memory_order_relaxed);
  if (event.signal >= state.signals.size() || event.user == Ordinal::None) return;
  const Declared& signal = state.signals[event.signal];
  if (!signal.unique) return;
  const auto fetch = [&](EntityKind kind, Ordinal entity) {
    if (entity == Ordinal::None) return;
    state.find(kind, event.signal)
        ->prefetch({.entity = entity, .user = event.user, .at = event.at, .windows = signal.windows}, stage);
  };
  fetch(signal.target, event.subject);
  if (signal.target == EntityKind::Item) fetch(EntityKind::Creator, event.creator);
}

void Uniques::clear_entity(EntityKind kind, Ordinal entity) noexcept {
  const State& state = *state_.load(std::memory_order_relaxed);
  for (std::size_t s = 0; s < state.signals.size(); ++s) {
    if (auto* table = state.find(kind, static_cast<std::uint16_t>(s))) table->clear_entity(entity);
  }
}

void Uniques::clear() {
  base::retire(state_.exchange(new State, std::memory_order_acq_rel));  // pairs with the readers' acquire
}

std::string_view Uniques::signal_name(std::uint16_t signal) const {
  const State& state = *state_.load(std::memory_order_relaxed);
  return signal < state.signals.size() ? std::string_view(state.signals[signal].name) : std::string_view();
}

bool Uniques::counts(std::uint16_t signal, EntityKind target) const {
  const State& state = *state_.load(std::memory_order_relaxed);
  return signal < state.signals.size() && state.signals[signal].unique && state.signals[signal].target == target;
}

}  // namespace tidal::signal
