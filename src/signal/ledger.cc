// The ledger's write side: signals, events, columns.
#include "signal/ledger.h"

#include <algorithm>
#include <limits>

#include "base/ordered_math.h"
#include "signal/ledger_state.h"

namespace tidal::signal {

Ledger::Ledger() : state_(std::make_unique<State>()) {}
Ledger::~Ledger() = default;

void Ledger::configure(const std::vector<SignalDef>& signals) {
  for (std::size_t i = state_->owned.size(); i < signals.size(); ++i) {
    state_->owned.push_back(std::make_unique<SignalTable>(signals[i]));
    // release: pairs with State::find, so that readers see a whole table.
    state_->tables.at_grown(i).store(state_->owned.back().get(), std::memory_order_release);
  }
}

void Ledger::record(const LedgerEvent& event) noexcept {
  SignalTable* table = state_->find(event.signal);
  if (table == nullptr || event.entity == Ordinal::None) return;
  table->record(event);
  // relaxed: the writer's own value; release: a reader that sees the time sees the event.
  if (event.at.us > state_->newest_us.load(std::memory_order_relaxed)) {
    state_->newest_us.store(event.at.us, std::memory_order_release);
  }
}

void Ledger::prefetch(SignalIndex signal, Ordinal entity, PrefetchStage stage) const noexcept {
  const SignalTable* table = state_->find(signal);
  if (table != nullptr && entity != Ordinal::None) table->prefetch(entity, stage);
}

void Ledger::clear_entity(Ordinal entity) noexcept {
  if (entity == Ordinal::None) return;
  for (const auto& table : state_->owned) table->clear_entity(entity);
}

void Ledger::clear() { state_ = std::make_unique<State>(); }

std::size_t Ledger::settle(Timestamp now) noexcept {
  std::size_t changed = 0;
  for (const auto& table : state_->owned) changed += table->settle(now);
  return changed;
}

void Ledger::add_column(SignalIndex signal, Window window, Timestamp now) {
  if (SignalTable* table = state_->find(signal)) table->add_column(window, now, has_events() ? newest_event() : now);
}

void Ledger::add_default_columns(const std::vector<SignalDef>& signals, Timestamp now) {
  for (std::size_t i = 0; i < signals.size(); ++i) {
    const SignalDef& signal = signals[i];
    const bool sorted_by = signal.has_role(Role::View) || signal.has_role(Role::Share) ||
                           signal.has_role(Role::Positive) || signal.has_role(Role::Negative);
    if (!sorted_by) continue;
    const auto index = static_cast<SignalIndex>(i);
    for (const Window window : signal.windows) add_column(index, window, now);
    add_column(index, Window::All, now);
  }
}

std::size_t Ledger::signal_count() const { return state_->owned.size(); }
SignalTable* Ledger::table(SignalIndex signal) { return state_->find(signal); }
const SignalTable* Ledger::table(SignalIndex signal) const { return state_->find(signal); }

bool Ledger::has_events() const {
  return state_->newest_us.load(std::memory_order_acquire) != State::kNoEvents;  // pairs with record()
}

Timestamp Ledger::newest_event() const {
  const std::int64_t us = state_->newest_us.load(std::memory_order_acquire);  // pairs with record()
  return Timestamp{us == State::kNoEvents ? 0 : us};
}

void Ledger::restore_newest(Timestamp newest) { state_->newest_us.store(newest.us, std::memory_order_release); }

Duration Ledger::reach(SignalIndex signal, Window window) const {
  const SignalTable* table = state_->find(signal);
  if (table == nullptr || window == Window::All || !table->has_window(window)) return Duration{0};
  const RingShape& shape = table->shape(ring_of(window));
  return Duration{(static_cast<std::int64_t>(shape.span) - buckets_in(window)) * shape.width_us};
}

LedgerMemory Ledger::memory() const {
  LedgerMemory memory;
  for (const auto& table : state_->owned) table->add_memory(memory);
  return memory;
}

}  // namespace tidal::signal
