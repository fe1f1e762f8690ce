// Reads and writes of weights.
#include "relationship/weights.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/epoch.h"
#include "base/ordered_math.h"
#include "relationship/weights_state.h"
#include "signal/decay.h"

namespace tidal::relationship {
namespace {

using signal::MarkEntry;
using signal::MarkTable;

/// No pair's word: it would be a negative time.
constexpr std::int64_t kNoWord = -1;

WeightFact fact_of(Ordinal user, const MarkEntry& e) {
  return {WeightFact::Type::Pair, kind_of(e.key), user, signal::item_of(e.key), e.word};
}

}  // namespace

WeightState::WeightState() : state_(new State) {}
WeightState::~WeightState() { delete state_.load(std::memory_order_relaxed); }

// Reads. Each holds a guard for as long as it uses the state.

void WeightState::read(WeightKind kind, Ordinal user, std::span<const Ordinal> others, Timestamp now,
                       std::span<double> out) const {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);  // pairs with clear() and restore()
  const MarkTable* table = state.find(user);
  if (table == nullptr) {
    std::fill_n(out.begin(), others.size(), 0.0);
    return;
  }
  const double rate = signal::decay_rate(Duration{state.half_life_us.load(std::memory_order_relaxed)});
  constexpr std::size_t kGroup = 256;  // words and exponents of a group stay in the nearest cache
  std::array<std::int64_t, kGroup> words;
  std::array<double, kGroup> left;
  for (std::size_t first = 0; first < others.size(); first += kGroup) {
    const std::size_t count = std::min(kGroup, others.size() - first);
    table->words_of(static_cast<std::uint8_t>(kind), others.subspan(first, count), kNoWord, {words.data(), count});
    for (std::size_t i = 0; i < count; ++i) {
      left[i] = words[i] == kNoWord ? 0.0 : signal::read_exponent(rate, unpack(words[i]).time_us(), now.us);
    }
    base::ordered_exp_array({left.data(), count}, {left.data(), count});
    for (std::size_t i = 0; i < count; ++i) {
      out[first + i] = words[i] == kNoWord ? 0.0 : unpack(words[i]).weight() * left[i];
    }
  }
}

std::vector<Weight> WeightState::top(Ordinal user, WeightKind kind, std::size_t n, Timestamp now) const {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);  // pairs with clear() and restore()
  std::vector<Weight> out;
  const MarkTable* table = state.find(user);
  if (table == nullptr) return out;
  const double rate = signal::decay_rate(Duration{state.half_life_us.load(std::memory_order_relaxed)});
  for (const MarkEntry& e : table->entries(signal::keys_of_slot(static_cast<std::uint8_t>(kind)))) {
    const WeightPoint point = unpack(e.word);
    const double weight = point.weight() * base::ordered_exp(signal::read_exponent(rate, point.time_us(), now.us));
    if (weight > 0) out.push_back({signal::item_of(e.key), weight});
  }
  const auto heavier = [](const Weight& a, const Weight& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.other < b.other;
  };
  const auto end = out.begin() + static_cast<std::ptrdiff_t>(std::min(n, out.size()));
  std::partial_sort(out.begin(), end, out.end(), heavier);
  out.erase(end, out.end());
  return out;
}

Duration WeightState::half_life() const {
  const base::EpochGuard guard;
  return Duration{state_.load(std::memory_order_acquire)->half_life_us.load(std::memory_order_relaxed)};
}

void WeightState::for_each_fact(const std::function<void(const WeightFact&)>& visit) const {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);  // pairs with clear() and restore()
  visit({.type = WeightFact::Type::HalfLife, .number = state.half_life_us.load(std::memory_order_relaxed)});
  const std::uint32_t user_end = state.user_end.load(std::memory_order_relaxed);
  for (std::uint32_t u = 0; u < user_end; ++u) for_each_fact_of(to_ordinal(u), visit);
}

void WeightState::for_each_fact_of(Ordinal user, const std::function<void(const WeightFact&)>& visit) const {
  const base::EpochGuard guard;
  const MarkTable* table = state_.load(std::memory_order_acquire)->find(user);
  if (table == nullptr) return;
  for (const MarkEntry& e : table->all()) visit(fact_of(user, e));
}

// Writes. Only this thread replaces the state, so it needs no guard.

void WeightState::record(const WeightEvent& event) {
  if (event.delta == 0 || event.user == Ordinal::None || event.other == Ordinal::None) return;
  State& state = *state_.load(std::memory_order_relaxed);
  MarkTable& table = state.grow_to(event.user);
  const MarkTable::Place place = table.locate(key_of(event.kind, event.other));
  const std::optional<std::int64_t> word = place.word();
  const std::optional<WeightPoint> before = word ? std::optional(unpack(*word)) : std::nullopt;
  const double rate = signal::decay_rate(Duration{state.half_life_us.load(std::memory_order_relaxed)});
  const WeightPoint after = after_event(before, event.delta, second_of(event.at), rate);
  if (before ? *before == after : after.units == 0) return;
  state.save_for_captures(event.user);
  table.set(place, pack(after), state.captures);
}

void WeightState::prefetch(Ordinal user, PrefetchStage stage) const {
  const MarkTable* table = state_.load(std::memory_order_relaxed)->find(user);
  if (table == nullptr) return;
  switch (stage) {
    case PrefetchStage::User: __builtin_prefetch(table); return;
    case PrefetchStage::Table: table->prefetch(); return;
    case PrefetchStage::Steps: table->prefetch_steps(); return;
  }
}

void WeightState::set_half_life(Duration half_life) {
  state_.load(std::memory_order_relaxed)->half_life_us.store(half_life.us, std::memory_order_relaxed);
}

void WeightState::erase_user(Ordinal user) {
  State& state = *state_.load(std::memory_order_relaxed);
  if (state.find(user) == nullptr) return;
  state.save_for_captures(user);
  state.users[to_index(user)].clear();
}

void WeightState::clear() {
  base::retire(state_.exchange(new State, std::memory_order_acq_rel));  // pairs with the readers' acquire
}

std::size_t WeightState::memory_bytes() const {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);  // pairs with clear() and restore()
  std::size_t bytes = sizeof state + state.users.memory_bytes();
  const std::uint32_t user_end = state.user_end.load(std::memory_order_relaxed);
  for (std::uint32_t u = 0; u < user_end; ++u) {
    if (const MarkTable* table = state.users.find(u)) bytes += table->heap_bytes();
  }
  return bytes;
}

}  // namespace tidal::relationship
