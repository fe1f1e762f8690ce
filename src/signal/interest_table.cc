// Blocks of scored terms.
#include "signal/interest_table.h"

#include <algorithm>
#include <new>

#include "base/epoch.h"
#include "signal/atomic_access.h"

namespace tidal::signal {
namespace {

/// An eighth, so that replacing a block costs a constant an inserted term; few in small ones, as most users' are.
std::uint32_t capacity_for(std::size_t entries) {
  return static_cast<std::uint32_t>(entries + std::clamp<std::size_t>(entries / 8, 2, 256));
}

DecayedScore first_score(const InterestTable::Event& event) {
  return add_event({.score = 0, .newest_us = event.at_us}, event.rate, event.at_us, event.weight);
}

}  // namespace

/// Header of one allocation; scores, times and terms follow it, each `capacity` of them.
struct InterestTable::Block {
  std::uint32_t sequence = 0;
  std::uint32_t count = 0;  // at most `capacity` in every version, so that a torn read stays inside
  std::uint32_t capacity = 0;
  std::uint32_t unused = 0;

  static std::size_t bytes(std::uint32_t capacity) {
    return sizeof(Block) + std::size_t{capacity} * (sizeof(double) + sizeof(std::int64_t) + sizeof(std::uint32_t));
  }
  static Block* of(std::span<const ScoredTerm> sorted) {
    const std::uint32_t capacity = capacity_for(sorted.size());
    auto* block = new (::operator new(bytes(capacity))) Block;
    block->count = static_cast<std::uint32_t>(sorted.size());
    block->capacity = capacity;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      new (block->scores() + i) double(sorted[i].decayed.score);
      new (block->times() + i) std::int64_t(sorted[i].decayed.newest_us);
      new (block->terms() + i) std::uint32_t(sorted[i].term);
    }
    for (std::size_t i = sorted.size(); i < capacity; ++i) {
      new (block->scores() + i) double(0);
      new (block->times() + i) std::int64_t(0);
      new (block->terms() + i) std::uint32_t(0);
    }
    return block;
  }
  static void destroy(void* p) { ::operator delete(p); }  // all of it is plain data

  [[nodiscard]] double* scores() { return reinterpret_cast<double*>(this + 1); }
  [[nodiscard]] std::int64_t* times() { return reinterpret_cast<std::int64_t*>(scores() + capacity); }
  [[nodiscard]] std::uint32_t* terms() { return reinterpret_cast<std::uint32_t*>(times() + capacity); }
  [[nodiscard]] const double* scores() const { return const_cast<Block*>(this)->scores(); }
  [[nodiscard]] const std::int64_t* times() const { return const_cast<Block*>(this)->times(); }
  [[nodiscard]] const std::uint32_t* terms() const { return const_cast<Block*>(this)->terms(); }

  /// Position of the first term that is not smaller; in a torn read any position up to count.
  [[nodiscard]] std::uint32_t lower_bound(std::uint32_t term) const {
    std::uint32_t from = 0;
    std::uint32_t length = load_word(count);
    while (length > 0) {
      const std::uint32_t half = length / 2;
      if (load_word(terms()[from + half]) < term) {
        from += half + 1;
        length -= half + 1;
      } else {
        length = half;
      }
    }
    return from;
  }
  [[nodiscard]] ScoredTerm at(std::uint32_t i) const {
    return {load_word(terms()[i]), {load_word(scores()[i]), load_word(times()[i])}};
  }
  /// Inside a SequenceWrite.
  void set(std::uint32_t i, const ScoredTerm& entry) {
    store_word(terms()[i], entry.term);
    store_word(scores()[i], entry.decayed.score);
    store_word(times()[i], entry.decayed.newest_us);
  }
};

InterestTable::~InterestTable() { Block::destroy(block_.load(std::memory_order_relaxed)); }

void InterestTable::publish(Block* next) {
  Block* old = block_.load(std::memory_order_relaxed);  // only the writer stores
  block_.store(next, std::memory_order_release);        // pairs with the readers' acquire: the block is whole
  if (old != nullptr) base::retire(old, &Block::destroy);
}

void InterestTable::assign(std::span<const ScoredTerm> sorted) {
  if (sorted.empty() && empty()) return;
  publish(sorted.empty() ? nullptr : Block::of(sorted));
}

void InterestTable::add(std::span<const std::uint32_t> terms, const Event& event) {
  if (terms.empty()) return;
  Block* block = block_.load(std::memory_order_relaxed);
  const std::uint32_t count = block == nullptr ? 0 : block->count;
  const auto is_known = [&](std::uint32_t term) {
    const std::uint32_t i = block == nullptr ? 0 : block->lower_bound(term);
    return i < count && block->terms()[i] == term;
  };
  const auto fresh = static_cast<std::size_t>(std::ranges::count_if(terms, [&](auto term) { return !is_known(term); }));

  if (block != nullptr && count + fresh <= block->capacity) {
    const SequenceWrite write(block->sequence);
    std::uint32_t left = count + static_cast<std::uint32_t>(fresh);  // entries below have still to be placed
    std::uint32_t old = count;
    store_word(block->count, left);
    // From the end, so that nothing is overwritten before it moved; once left == old nothing moves any more.
    for (std::size_t t = terms.size(); t-- > 0;) {
      if (left == old) left = old = std::min(old, block->lower_bound(terms[t]) + 1);
      while (old > 0 && block->terms()[old - 1] > terms[t]) block->set(--left, block->at(--old));
      ScoredTerm entry{terms[t], first_score(event)};
      if (old > 0 && block->terms()[old - 1] == terms[t]) {
        entry.decayed = add_event(block->at(--old).decayed, event.rate, event.at_us, event.weight);
      }
      block->set(--left, entry);
    }
    return;
  }

  std::vector<ScoredTerm> merged;
  merged.reserve(count + fresh);
  std::size_t t = 0;
  for (std::uint32_t i = 0; i < count || t < terms.size();) {
    if (t == terms.size() || (i < count && block->terms()[i] < terms[t])) {
      merged.push_back(block->at(i++));
    } else if (i < count && block->terms()[i] == terms[t]) {
      merged.push_back({terms[t++], add_event(block->at(i++).decayed, event.rate, event.at_us, event.weight)});
    } else {
      merged.push_back({terms[t++], first_score(event)});
    }
  }
  publish(Block::of(merged));
}

void InterestTable::prefetch() const noexcept {
  const auto* block = reinterpret_cast<const char*>(block_.load(std::memory_order_relaxed));
  if (block == nullptr) return;
  __builtin_prefetch(block);
  __builtin_prefetch(block + 64);
}

std::vector<ScoredTerm> InterestTable::entries() const {
  const base::EpochGuard guard;
  std::vector<ScoredTerm> out;
  const Block* block = block_.load(std::memory_order_acquire);  // pairs with publish()
  if (block == nullptr) return out;
  out.reserve(block->capacity);
  read_consistently(block->sequence, [&] {
    out.clear();
    const std::uint32_t count = load_word(block->count);
    for (std::uint32_t i = 0; i < count; ++i) out.push_back(block->at(i));
    return true;
  });
  return out;
}

DecayedScore InterestTable::find(std::uint32_t term) const {
  const base::EpochGuard guard;
  const Block* block = block_.load(std::memory_order_acquire);  // pairs with publish()
  if (block == nullptr) return {};
  return read_consistently(block->sequence, [&] {
    const std::uint32_t i = block->lower_bound(term);
    if (i >= load_word(block->count)) return DecayedScore{};
    const ScoredTerm entry = block->at(i);
    return entry.term == term ? entry.decayed : DecayedScore{};
  });
}

std::size_t InterestTable::heap_bytes() const {
  const base::EpochGuard guard;
  const Block* block = block_.load(std::memory_order_acquire);  // pairs with publish()
  return block == nullptr ? 0 : Block::bytes(block->capacity);
}

}  // namespace tidal::signal
