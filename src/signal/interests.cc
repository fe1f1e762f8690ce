// Reads and writes of interests.
#include "signal/interests.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "base/epoch.h"
#include "base/ordered_math.h"
#include "signal/decay.h"
#include "signal/interests_state.h"

namespace tidal::signal {
namespace {

double decayed_to(const DecayedScore& score, std::int64_t now_us) {
  static const double rate = decay_rate(kInterestHalfLife);
  return score.score * base::ordered_exp(read_exponent(rate, score.newest_us, now_us));
}

const Value* find_value(const Fields& fields, std::string_view name) {
  const auto it = fields.find(name);
  return it == fields.end() ? nullptr : &it->second;
}

}  // namespace

// Field and State

std::vector<std::uint32_t> Interests::Field::intern(const std::vector<std::string>& values) {
  std::vector<std::uint32_t> ids;
  ids.reserve(values.size());
  for (const std::string& value : values) ids.push_back(terms.intern(value));
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

void Interests::Field::set_item(Ordinal item, const Value* value) {
  if (const auto* one = value == nullptr ? nullptr : std::get_if<std::string>(value)) {
    const std::uint32_t id = terms.intern(*one);
    items.set(item, {&id, 1});
  } else if (const auto* list = value == nullptr ? nullptr : std::get_if<std::vector<std::string>>(value)) {
    items.set(item, intern(*list));
  } else {
    items.set(item, defaults);
  }
}

Interests::Field* Interests::State::find(std::string_view name) {
  const auto found = std::ranges::find_if(fields, [name](const auto& field) { return field->name == name; });
  return found == fields.end() ? nullptr : found->get();
}

Interests::Field& Interests::State::add(std::size_t position, std::string name) {
  fields.push_back(std::make_unique<Field>(position, std::move(name)));
  return *fields.back();
}

void Interests::State::publish() {
  auto next = std::make_unique<Directory>();
  for (const auto& field : fields) {
    if (field->position >= next->by_position.size()) next->by_position.resize(field->position + 1);
    next->by_position[field->position] = field.get();
  }
  // release: pairs with the acquire in find(): the fields are whole.
  const Directory* old = directory.exchange(next.release(), std::memory_order_release);
  if (old != nullptr) base::retire(old);
}

// Reads. Each holds a guard for as long as it uses the state.

Interests::Interests() : state_(new State) {}
Interests::~Interests() { delete state_.load(std::memory_order_relaxed); }

const Interests::Field* Interests::find(std::size_t position) const {
  // acquire: pairs with the exchange in clear() and restore(), then with publish().
  const Directory* directory = state_.load(std::memory_order_acquire)->directory.load(std::memory_order_acquire);
  return directory == nullptr || position >= directory->by_position.size() ? nullptr : directory->by_position[position];
}

double Interests::interest(Ordinal user, std::size_t field, std::string_view value, Timestamp now) const {
  const base::EpochGuard guard;
  const Field* f = find(field);
  const InterestTable* table = f == nullptr || user == Ordinal::None ? nullptr : f->users.find(to_index(user));
  if (table == nullptr || table->empty()) return 0;
  const std::uint32_t term = f->terms.find(value);
  return term == index::TermDictionary::kNone ? 0 : decayed_to(table->find(term), now.us);
}

std::vector<Interest> Interests::top(Ordinal user, std::size_t n, Timestamp now) const {
  const base::EpochGuard guard;
  struct Weighed {
    double weight;
    std::size_t field;
    const std::string* value;
  };
  std::vector<Weighed> all;
  const Directory* directory = state_.load(std::memory_order_acquire)->directory.load(std::memory_order_acquire);
  if (directory == nullptr || user == Ordinal::None) return {};
  for (const Field* f : directory->by_position) {
    const InterestTable* table = f == nullptr ? nullptr : f->users.find(to_index(user));
    if (table == nullptr) continue;
    for (const ScoredTerm& e : table->entries()) {
      const double weight = decayed_to(e.decayed, now.us);
      if (weight > 0) all.push_back({weight, f->position, &f->terms.term(e.term)});
    }
  }
  n = std::min(n, all.size());
  std::partial_sort(
      all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n), all.end(), [](const Weighed& a, const Weighed& b) {
        return a.weight != b.weight ? a.weight > b.weight : std::tie(a.field, *a.value) < std::tie(b.field, *b.value);
      });
  std::vector<Interest> out;
  out.reserve(n);
  for (std::size_t i = 0; i < n; ++i) out.push_back({all[i].field, *all[i].value, all[i].weight});
  return out;
}

void Interests::match(const Match& what, std::span<const Ordinal> items, std::span<double> out) const {
  const base::EpochGuard guard;
  std::fill(out.begin(), out.end(), 0.0);
  const Field* f = find(what.field);
  const InterestTable* table =
      f == nullptr || what.user == Ordinal::None ? nullptr : f->users.find(to_index(what.user));
  if (table == nullptr || table->empty()) return;
  std::vector<ScoredTerm> interests = table->entries();
  // All shares are the same at any moment after the newest event, and at that one nothing has underflowed.
  std::int64_t newest_us = std::numeric_limits<std::int64_t>::min();
  for (const ScoredTerm& e : interests) newest_us = std::max(newest_us, e.decayed.newest_us);
  double total = 0;
  for (ScoredTerm& e : interests) {
    e.decayed.score = decayed_to(e.decayed, std::min(what.now.us, newest_us));
    total = clamp_finite(total + e.decayed.score);
  }
  if (!(total > 0)) return;
  for (std::size_t i = 0; i < items.size(); ++i) {
    double sum = 0;
    f->items.for_each(items[i], [&](std::uint32_t id) {
      const auto e = std::lower_bound(interests.begin(), interests.end(), id,
                                      [](const ScoredTerm& entry, std::uint32_t term) { return entry.term < term; });
      if (e != interests.end() && e->term == id) sum += e->decayed.score;
    });
    out[i] = std::min(1.0, sum / total);
  }
}

// Writes. Only this thread replaces the state, so it needs no guard.

void Interests::follow(const FieldToFollow& field) {
  State& state = *state_.load(std::memory_order_relaxed);
  Field* known = state.find(field.name);
  Field& f = known != nullptr ? *known : state.add(field.position, field.name);
  f.defaults = f.intern(field.defaults);
  if (known == nullptr) state.publish();
}

void Interests::put_item(Ordinal item, const Fields& fields) {
  for (const auto& f : state_.load(std::memory_order_relaxed)->fields) f->set_item(item, find_value(fields, f->name));
}

void Interests::update_item(Ordinal item, const Fields& fields) {
  for (const auto& f : state_.load(std::memory_order_relaxed)->fields) {
    if (const Value* value = find_value(fields, f->name)) f->set_item(item, value);
  }
}

void Interests::clear_item(Ordinal item) {
  for (const auto& f : state_.load(std::memory_order_relaxed)->fields) f->items.set(item, {});
}

void Interests::record(const Shown& event) {
  static const double rate = decay_rate(kInterestHalfLife);
  if (event.user == Ordinal::None || !(event.weight > 0)) return;
  State& state = *state_.load(std::memory_order_relaxed);
  for (const auto& f : state.fields) {
    state.scratch.clear();
    f->items.for_each(event.item, [&state](std::uint32_t id) { state.scratch.push_back(id); });
    if (state.scratch.empty()) continue;
    InterestTable& table = f->grow_to(event.user);
    f->save_for_captures(event.user);
    table.add(state.scratch, {.rate = rate, .at_us = event.at.us, .weight = event.weight});
  }
}

void Interests::prefetch(const Shown& event, PrefetchStage stage) const {
  for (const auto& f : state_.load(std::memory_order_relaxed)->fields) {
    const InterestTable* table = event.user == Ordinal::None ? nullptr : f->users.find(to_index(event.user));
    if (stage == PrefetchStage::Places) {
      f->items.prefetch(event.item);
      if (table != nullptr) __builtin_prefetch(table);
    } else if (table != nullptr) {
      table->prefetch();
    }
  }
}

void Interests::erase_user(Ordinal user) {
  if (user == Ordinal::None) return;
  for (const auto& f : state_.load(std::memory_order_relaxed)->fields) {
    InterestTable* table = f->users.find(to_index(user));
    if (table == nullptr || table->empty()) continue;
    f->save_for_captures(user);
    table->clear();
  }
}

void Interests::clear() {
  base::retire(state_.exchange(new State, std::memory_order_acq_rel));  // pairs with the readers' acquire
}

std::size_t Interests::memory_bytes() const {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);
  const Directory* directory = state.directory.load(std::memory_order_acquire);
  std::size_t bytes = sizeof state;
  if (directory == nullptr) return bytes;
  for (const Field* f : directory->by_position) {
    if (f == nullptr) continue;
    bytes += sizeof *f + f->terms.memory_bytes() + f->items.memory_bytes() + f->users.memory_bytes();
    const std::uint32_t end = f->user_end.load(std::memory_order_relaxed);
    for (std::uint32_t u = 0; u < end; ++u) {
      if (const InterestTable* table = f->users.find(u)) bytes += table->heap_bytes();
    }
  }
  return bytes;
}

}  // namespace tidal::signal
