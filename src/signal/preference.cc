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

/// What is fetched ahead of a user's block: a whole one of 128 dimensions. In larger ones the processor follows by
/// itself.
constexpr std::size_t kFetchedBytes = 2752;

constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

/// What a move does to interests. Positions are those of the block to come.
struct InterestPlan {
  Slots kept{0};                ///< where each comes from in the block so far
  std::size_t moved = kNone;    ///< added to
  std::size_t founded = kNone;  ///< begins with this move; in place of a kept one, or behind them
  [[nodiscard]] std::size_t count() const {
    return founded == kNone ? kept.size() : std::max(kept.size(), founded + 1);
  }
  /// Whether every interest of the block so far has a place in the one to come, and there are no more of them.
  [[nodiscard]] bool keeps_places(const Block& block) const {
    return kept.size() == block.interests && count() == block.interests;
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

/// With the interests that the plan keeps where it wants them, and room for what it founds.
Block* copy_of(const Block& block, VectorLayout layout, const InterestPlan& plan) {
  Block* copy = Block::make(layout, plan.count());
  for (std::size_t slot = 0; slot < plan.kept.size(); ++slot) {
    copy->weights[slot] = block.weights[plan.kept[slot]];
    std::memcpy(copy->interest(layout, slot), block.interest(layout, plan.kept[slot]), layout.stride());
  }
  return copy;
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
  Block::Copy copy = block->read(state.layout(), 0, 1);
  state.layout().load(bytes_of(copy.vectors), out);
  return true;
}

std::uint32_t Preferences::positives(Ordinal user) const {
  const base::EpochGuard guard;
  const Block* block = state_.load(std::memory_order_acquire)->find(user);
  return block == nullptr ? 0 : load_word(block->positives);
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
  Block::Copy copy = block->read(layout, 1, out.count);
  for (std::size_t slot = 0; slot < out.count; ++slot) {
    out.weights[slot] = weight_at(copy.weights[slot], now.us);
    layout.load(bytes_of(copy.vectors) + slot * layout.stride(),
                std::span(out.vectors).subspan(slot * out.size, out.size));
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
  Block::Copy copy = block->read(layout, block->interests == 0 ? 0 : 1, count);
  out.vectors_.resize(count * out.size_);
  for (std::size_t i = 0; i < count; ++i) {
    layout.load(bytes_of(copy.vectors) + i * layout.stride(),
                std::span(out.vectors_).subspan(i * out.size_, out.size_));
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
  Block* before = state.find(move.user);
  if (before == nullptr && !positive) return;
  std::ranges::copy(e, state.direction.begin());
  if (!base::normalise(state.direction)) return;

  static const Block nobody;  // without interests; of the vectors behind it there are none
  const Block& old = before == nullptr ? nobody : *before;
  const InterestPlan plan = plan_interests(old, layout, state.limit, positive, state.direction);
  const auto rate = static_cast<float>(move.rate);
  if (before == nullptr) {
    layout.store(state.direction, bytes_of(state.next_whole));
  } else {
    step({old.whole(), bytes_of(state.next_whole)}, layout, rate, e, state.sum);
  }
  const std::size_t slot = plan.founded != kNone ? plan.founded : plan.moved;
  DecayedScore weight{move.rate, move.at.us};
  if (plan.founded != kNone) {
    layout.store(state.direction, bytes_of(state.next_interest));
  } else if (plan.moved != kNone) {
    const std::size_t from = plan.kept[plan.moved];
    step({old.interest(layout, from), bytes_of(state.next_interest)}, layout, rate, e, state.sum);
    weight = old.weights[from];
    if (positive) weight = add_event(weight, interest_decay_rate(), move.at.us, move.rate);
  }

  const bool in_place = before != nullptr && before->generation == state.captures && plan.keeps_places(old);
  Block* after = in_place ? before : copy_of(old, layout, plan);
  {
    const SequenceWrite section(after->sequence);
    store_word(after->positives, positive ? one_more(old.positives) : old.positives);
    store_words(bytes_of(state.next_whole), after->whole(), layout.stride());
    if (slot != kNone) {
      store_word(after->weights[slot].score, weight.score);
      store_word(after->weights[slot].newest_us, weight.newest_us);
      store_words(bytes_of(state.next_interest), after->interest(layout, slot), layout.stride());
    }
  }
  if (in_place) return;
  after->generation = state.captures;
  state.replace(move.user, after);
}

void Preferences::prefetch(Ordinal user, PrefetchStage stage) const {
  if (user == Ordinal::None) return;
  const State& state = *state_.load(std::memory_order_relaxed);
  const std::atomic<Block*>* place = state.blocks.find(to_index(user));
  if (place == nullptr) return;
  if (stage == PrefetchStage::User) {
    __builtin_prefetch(place);
  } else if (const Block* block = place->load(std::memory_order_relaxed)) {  // the writer's own
    const auto* at = reinterpret_cast<const char*>(block);
    for (std::size_t offset = 0; offset < kFetchedBytes; offset += 64) __builtin_prefetch(at + offset);
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
