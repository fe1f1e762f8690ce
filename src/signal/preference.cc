// Reads of preferences and the moves.
#include "signal/preference.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "base/ordered_math.h"
#include "signal/preference_tables.h"

namespace tidal::signal {
namespace {

using Block = PreferenceBlock;

double interest_decay_rate() {
  static const double rate = decay_rate(kInterestVectorHalfLife);
  return rate;
}

double weight_at(const DecayedScore& weight, std::int64_t now_us) {
  return weight.score * base::ordered_exp(read_exponent(interest_decay_rate(), weight.newest_us, now_us));
}

/// Slots of a user's interests, ascending.
class Slots {
 public:
  explicit Slots(std::size_t count) : count_(count) {
    for (std::size_t i = 0; i < count; ++i) slots_[i] = static_cast<std::uint8_t>(i);
  }
  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] std::size_t operator[](std::size_t i) const { return slots_[i]; }
  void remove(std::size_t i) {
    std::copy(slots_.begin() + static_cast<std::ptrdiff_t>(i) + 1, slots_.begin() + static_cast<std::ptrdiff_t>(count_),
              slots_.begin() + static_cast<std::ptrdiff_t>(i));
    --count_;
  }

 private:
  std::array<std::uint8_t, kInterestsMax> slots_{};
  std::size_t count_;
};

/// Position in `slots`, which has one, of the weakest (R5).
std::size_t weakest(const Block& block, const Slots& slots) {
  std::int64_t newest_us = std::numeric_limits<std::int64_t>::min();
  for (std::size_t i = 0; i < slots.size(); ++i) newest_us = std::max(newest_us, block.weights[slots[i]].newest_us);
  std::size_t found = 0;
  double least = weight_at(block.weights[slots[0]], newest_us);
  for (std::size_t i = 1; i < slots.size(); ++i) {
    const double weight = weight_at(block.weights[slots[i]], newest_us);
    if (weight >= least) continue;
    found = i;
    least = weight;
  }
  return found;
}

constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

/// What a move does to interests. Positions are those of the block to come.
struct InterestPlan {
  Slots kept{0};                ///< where each comes from in the block so far
  std::size_t moved = kNone;    ///< added to
  std::size_t founded = kNone;  ///< begins with this move; in place of a kept one, or behind them
  [[nodiscard]] std::size_t count() const {
    return founded == kNone ? kept.size() : std::max(kept.size(), founded + 1);
  }
};

InterestPlan plan_interests(const Block& block, VectorLayout layout, std::size_t limit, bool positive,
                            std::span<const float> direction) {
  InterestPlan plan{Slots(block.interests)};
  while (plan.kept.size() > limit) plan.kept.remove(weakest(block, plan.kept));
  float nearest = 0;
  for (std::size_t i = 0; i < plan.kept.size(); ++i) {
    const float cosine = layout.dot(block.interest(layout, plan.kept[i]), direction);
    if (cosine < kInterestCosineMin || (plan.moved != kNone && cosine <= nearest)) continue;
    plan.moved = i;
    nearest = cosine;
  }
  if (plan.moved == kNone && positive && limit > 0) {
    plan.founded = plan.kept.size() < limit ? plan.kept.size() : weakest(block, plan.kept);
  }
  return plan;
}

/// One stored vector, before and after it takes a share of e.
struct StoredStep {
  const std::byte* before;
  std::byte* after;
};

/// normalise(before + rate * e), or before as it was (R4).
void step(const StoredStep& stored, VectorLayout layout, float rate, std::span<const float> e, std::span<float> sum) {
  layout.load(stored.before, sum);
  base::add_scaled(sum, rate, e);
  if (base::normalise(sum)) {
    layout.store(sum, stored.after);
  } else {
    std::memcpy(stored.after, stored.before, layout.bytes());
  }
}

std::uint32_t one_more(std::uint32_t count) { return count + (count != std::numeric_limits<std::uint32_t>::max()); }

}  // namespace

Preferences::Preferences() : state_(new State) {}
Preferences::~Preferences() { delete state_.load(std::memory_order_relaxed); }

// Reads. Each holds a guard for as long as it uses the state, whose acquire pairs with clear() and restore().

std::uint32_t Preferences::size() const {
  const base::EpochGuard guard;
  return state_.load(std::memory_order_acquire)->layout().size;
}

bool Preferences::vector(Ordinal user, std::span<float> out) const {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);
  const Block* block = state.find(user);
  if (block == nullptr || out.size() != state.layout().size) return false;
  state.layout().load(block->whole(), out);
  return true;
}

std::uint32_t Preferences::positives(Ordinal user) const {
  const base::EpochGuard guard;
  const Block* block = state_.load(std::memory_order_acquire)->find(user);
  return block == nullptr ? 0 : block->positives;
}

std::size_t Preferences::users() const {
  const base::EpochGuard guard;
  return state_.load(std::memory_order_acquire)->users.load(std::memory_order_relaxed);
}

Preferences::Interests Preferences::interests(Ordinal user, Timestamp now) const {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);
  Interests out;
  const Block* block = state.find(user);
  if (block == nullptr) return out;
  const VectorLayout layout = state.layout();
  out.count = block->interests;
  out.size = layout.size;
  out.vectors.resize(out.count * out.size);
  for (std::size_t slot = 0; slot < out.count; ++slot) {
    out.weights[slot] = weight_at(block->weights[slot], now.us);
    layout.load(block->interest(layout, slot), std::span(out.vectors).subspan(slot * out.size, out.size));
  }
  return out;
}

Preferences::Matcher Preferences::matcher(Ordinal user) const {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);
  Matcher out;
  const Block* block = state.find(user);
  if (block == nullptr) return out;
  const VectorLayout layout = state.layout();
  out.size_ = layout.size;
  const std::size_t count = std::max<std::size_t>(1, block->interests);
  const std::byte* from = block->interests == 0 ? block->whole() : block->interest(layout, 0);
  out.vectors_.resize(count * out.size_);
  for (std::size_t i = 0; i < count; ++i) {
    layout.load(from + i * layout.bytes(), std::span(out.vectors_).subspan(i * out.size_, out.size_));
  }
  return out;
}

float Preferences::Matcher::best(std::span<const float> unit_vector) const {
  if (empty()) return 0;
  TIDAL_DCHECK(unit_vector.size() == size_);
  float best = base::dot(std::span(vectors_).first(size_), unit_vector);
  for (std::size_t at = size_; at < vectors_.size(); at += size_) {
    best = std::max(best, base::dot(std::span(vectors_).subspan(at, size_), unit_vector));
  }
  return best;
}

float Preferences::Matcher::best_halves(std::span<const std::uint16_t> unit_vector) const {
  if (empty()) return 0;
  TIDAL_DCHECK(unit_vector.size() == size_);
  float best = base::dot_halves(unit_vector, std::span(vectors_).first(size_));
  for (std::size_t at = size_; at < vectors_.size(); at += size_) {
    best = std::max(best, base::dot_halves(unit_vector, std::span(vectors_).subspan(at, size_)));
  }
  return best;
}

// Writes. Only this thread replaces the state, so it needs no guard.

void Preferences::define(std::uint32_t size) {
  State& state = *state_.load(std::memory_order_relaxed);
  if (state.layout().size == 0) state.define(size);
}

void Preferences::limit_interests(std::uint32_t limit) {
  state_.load(std::memory_order_relaxed)->limit = std::min(limit, std::uint32_t{kInterestsMax});
}

void Preferences::move(const PreferenceMove& move, std::span<const float> e) {
  State& state = *state_.load(std::memory_order_relaxed);
  const VectorLayout layout = state.layout();
  if (move.user == Ordinal::None || move.rate == 0 || e.size() != layout.size || layout.size == 0) return;
  const bool positive = move.rate > 0;
  const Block* before = state.find(move.user);
  if (before == nullptr && !positive) return;
  std::ranges::copy(e, state.direction.begin());
  if (!base::normalise(state.direction)) return;

  static const Block nobody;  // without interests; of the vectors behind it there are none
  const Block& old = before == nullptr ? nobody : *before;
  const InterestPlan plan = plan_interests(old, layout, state.limit, positive, state.direction);
  Block* after = Block::make(layout, plan.count());
  const auto rate = static_cast<float>(move.rate);
  after->positives = positive ? one_more(old.positives) : old.positives;
  if (before == nullptr) {
    layout.store(state.direction, after->whole());
  } else {
    step({old.whole(), after->whole()}, layout, rate, e, state.sum);
  }
  for (std::size_t slot = 0; slot < plan.count(); ++slot) {
    std::byte* to = after->interest(layout, slot);
    if (slot == plan.founded) {
      layout.store(state.direction, to);
      after->weights[slot] = {move.rate, move.at.us};
      continue;
    }
    const std::byte* from = old.interest(layout, plan.kept[slot]);
    after->weights[slot] = old.weights[plan.kept[slot]];
    if (slot != plan.moved) {
      std::memcpy(to, from, layout.bytes());
      continue;
    }
    step({from, to}, layout, rate, e, state.sum);
    if (positive) after->weights[slot] = add_event(after->weights[slot], interest_decay_rate(), move.at.us, move.rate);
  }
  state.replace(move.user, after);
}

void Preferences::prefetch(Ordinal user, PrefetchStage stage) const {
  if (user == Ordinal::None) return;
  const State& state = *state_.load(std::memory_order_relaxed);
  const std::atomic<const Block*>* place = state.blocks.find(to_index(user));
  if (place == nullptr) return;
  if (stage == PrefetchStage::User) {
    __builtin_prefetch(place);
  } else if (const Block* block = place->load(std::memory_order_relaxed)) {  // the writer's own
    __builtin_prefetch(block);
    __builtin_prefetch(block->whole());
  }
}

void Preferences::erase_user(Ordinal user) {
  State& state = *state_.load(std::memory_order_relaxed);
  if (state.find(user) != nullptr) state.replace(user, nullptr);
}

void Preferences::clear() {
  base::retire(state_.exchange(new State, std::memory_order_acq_rel));  // pairs with the readers' acquire
}

std::size_t Preferences::memory_bytes() const {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);
  return sizeof state + state.blocks.memory_bytes() + state.block_bytes.load(std::memory_order_relaxed) +
         2 * state.layout().size * sizeof(float);
}

}  // namespace tidal::signal
