// The set and the table of what is hidden, their image, and their facts for the digest.
//
// Image: format u8 = 1; then for each kind: entities with an entry as differences (ordinal_list.h), then of each:
// is_hidden u8, time zigzag, and of a hidden one its reason.
#include "index/hidden.h"

#include <array>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "base/captures.h"
#include "base/coding.h"
#include "base/epoch.h"
#include "index/hidden_table.h"
#include "index/live_bitmap.h"
#include "index/ordinal_list.h"

namespace tidal::index {
namespace {

constexpr std::uint8_t kImageFormat = 1;

Error corrupt(std::string what) { return Error(Code::Corruption, "hidden image: " + std::move(what)); }

struct KindState {
  LiveBitmap set;
  HiddenTable table;
  mutable base::Captures<const HiddenEntry*> past;  // by ordinal, null: no entry; capturing is a read
};

}  // namespace

struct Hidden::State {
  std::array<KindState, kEntityKinds> kinds;
  [[nodiscard]] KindState& of(EntityKind kind) { return kinds[static_cast<std::size_t>(kind)]; }
};

// Reads. Each holds a guard for as long as it uses the state.

Hidden::Hidden() : state_(new State) {}
Hidden::~Hidden() { delete state_.load(std::memory_order_relaxed); }

bool Hidden::is_hidden(EntityKind kind, Ordinal entity) const {
  const base::EpochGuard guard;
  // acquire, here and below: pairs with clear() and restore().
  return state_.load(std::memory_order_acquire)->of(kind).set.contains(entity);
}

Bitmap Hidden::hidden(EntityKind kind) const {
  const base::EpochGuard guard;
  return state_.load(std::memory_order_acquire)->of(kind).set.snapshot();
}

std::uint64_t Hidden::count(EntityKind kind) const {
  const base::EpochGuard guard;
  return state_.load(std::memory_order_acquire)->of(kind).set.cardinality();
}

std::optional<Hidden::Info> Hidden::info(EntityKind kind, Ordinal entity) const {
  const base::EpochGuard guard;
  const HiddenEntry* entry = state_.load(std::memory_order_acquire)->of(kind).table.find(entity);
  if (entry == nullptr || !entry->is_hidden) return std::nullopt;
  return Info{.at = entry->at, .reason = entry->reason};
}

std::optional<Hidden::Latest> Hidden::latest(EntityKind kind, Ordinal entity) const {
  const base::EpochGuard guard;
  const HiddenEntry* entry = state_.load(std::memory_order_acquire)->of(kind).table.find(entity);
  if (entry == nullptr) return std::nullopt;
  return Latest{.is_hidden = entry->is_hidden, .at = entry->at};
}

std::size_t Hidden::memory_bytes() const {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);
  std::size_t bytes = sizeof state;
  for (const KindState& kind : state.kinds) bytes += kind.set.heap_bytes() + kind.table.heap_bytes();
  return bytes;
}

// Writes. Only this thread replaces the state, so it needs no guard.

void Hidden::hide(const Change& change, std::string_view reason) { apply(change, true, reason); }
void Hidden::unhide(const Change& change) { apply(change, false, {}); }

void Hidden::apply(const Change& change, bool is_hidden, std::string_view reason) {
  KindState& state = state_.load(std::memory_order_relaxed)->of(change.kind);
  const HiddenEntry* before = state.table.find(change.entity);
  if (before != nullptr && before->at > change.at) return;  // H1: late
  state.past.before_change(to_index(change.entity), [before] { return before; });
  state.table.set(
      new HiddenEntry{.entity = change.entity, .is_hidden = is_hidden, .at = change.at, .reason = std::string(reason)});
  if (is_hidden) {
    state.set.add(change.entity);
  } else {
    state.set.remove(change.entity);
  }
}

void Hidden::forget(EntityKind kind, Ordinal entity) {
  KindState& state = state_.load(std::memory_order_relaxed)->of(kind);
  const HiddenEntry* before = state.table.find(entity);
  if (before == nullptr) return;
  state.past.before_change(to_index(entity), [before] { return before; });
  state.set.remove(entity);
  state.table.erase(entity);
}

void Hidden::clear() {
  base::retire(state_.exchange(new State, std::memory_order_acq_rel));  // pairs with the readers' acquire
}

// The image

class Hidden::StateCapture final : public Hidden::Capture {
 public:
  explicit StateCapture(const State& state) : state_(state) {
    for (const KindState& kind : state.kinds) changed_.push_back(kind.past.begin());
  }

  [[nodiscard]] std::string encode() const override {
    base::Encoder out;
    out.u8(kImageFormat);
    for (std::size_t k = 0; k < kEntityKinds; ++k) {
      std::map<Ordinal, const HiddenEntry*> entries;
      state_.kinds[k].table.for_each([&entries](const HiddenEntry& entry) { entries[entry.entity] = &entry; });
      // S1: after the look at the live table.
      changed_[k].for_each_saved([&entries](std::uint64_t entity, const HiddenEntry* entry) {
        entries[to_ordinal(static_cast<std::uint32_t>(entity))] = entry;
      });
      std::erase_if(entries, [](const auto& entry) { return entry.second == nullptr; });
      std::vector<Ordinal> entities;
      for (const auto& [entity, entry] : entries) entities.push_back(entity);
      encode_ordinals(entities, out);
      for (const auto& [entity, entry] : entries) {
        out.u8(entry->is_hidden ? 1 : 0);
        out.zigzag(entry->at.us);
        if (entry->is_hidden) out.string(entry->reason);
      }
    }
    return out.take();
  }

 private:
  base::EpochPin pin_;  // first: it keeps the state, should clear() retire it, and the entries that were replaced
  const State& state_;
  std::vector<base::Captures<const HiddenEntry*>::Capture> changed_;  // by kind
};

std::unique_ptr<Hidden::Capture> Hidden::capture() const {
  return std::make_unique<StateCapture>(*state_.load(std::memory_order_relaxed));
}

Status Hidden::restore(std::string_view image, const std::function<bool(EntityKind, Ordinal)>& is_known) {
  base::Decoder in(image);
  if (const std::uint8_t format = in.u8(); format != kImageFormat) return corrupt("format " + std::to_string(format));
  auto next = std::make_unique<State>();
  for (std::size_t k = 0; k < kEntityKinds; ++k) {
    const auto kind = static_cast<EntityKind>(k);
    const std::vector<Ordinal> entities = decode_ordinals(in, to_index(Ordinal::None));
    if (!entities.empty() && !is_known(kind, entities.back())) {
      return corrupt("unknown " + std::string(kind_name(kind)) + " " + std::to_string(to_index(entities.back())));
    }
    std::vector<Ordinal> hidden;
    for (const Ordinal entity : entities) {
      const std::uint8_t is_hidden = in.u8();
      const Timestamp at{in.zigzag()};
      const std::string_view reason = is_hidden == 1 ? in.string() : std::string_view();
      if (is_hidden > 1) in.fail();
      if (!in.ok()) return corrupt("truncated or malformed");
      next->of(kind).table.set(
          new HiddenEntry{.entity = entity, .is_hidden = is_hidden == 1, .at = at, .reason = std::string(reason)});
      if (is_hidden == 1) hidden.push_back(entity);
    }
    next->of(kind).set.assign(hidden);
  }
  if (!in.ok()) return corrupt("truncated");
  if (!in.at_end()) return corrupt(std::to_string(in.rest().size()) + " bytes after its end");
  base::retire(state_.exchange(next.release(), std::memory_order_acq_rel));  // pairs with the readers' acquire
  return {};
}

void Hidden::for_each_fact(const std::function<void(const HiddenFact&)>& visit) const {
  const State& state = *state_.load(std::memory_order_relaxed);
  for (std::size_t k = 0; k < kEntityKinds; ++k) {
    state.kinds[k].table.for_each([&](const HiddenEntry& entry) {
      visit({.kind = static_cast<EntityKind>(k),
             .entity = entry.entity,
             .is_hidden = entry.is_hidden,
             .at = entry.at,
             .reason = entry.reason});
    });
  }
}

}  // namespace tidal::index
