// Versions of a mark table.
#include "signal/mark_table.h"

#include <algorithm>
#include <array>
#include <new>

#include "base/epoch.h"
#include "base/gallop.h"

namespace tidal::signal {
namespace {

constexpr std::size_t kAppendedMax = 128;

/// Room for appended entries: an eighth of the table, so that merging costs a constant an insert.
std::uint32_t append_capacity(std::size_t entries) {
  return static_cast<std::uint32_t>(std::clamp<std::size_t>(entries / 8, 4, kAppendedMax));
}

constexpr KeyRange kAllKeys{0, ~std::uint64_t{0}};

}  // namespace

struct MarkTable::Entry {
  std::uint64_t key;
  std::atomic<std::int64_t> word;  // relaxed: no other data hangs on it
};

/// Header of one allocation; the sorted entries and room for appended ones follow it.
struct MarkTable::Version {
  std::uint32_t sorted_count = 0;
  std::uint32_t capacity = 0;
  std::uint32_t generation = 0;  // captures there were when it was made; 0 for all that assign() makes
  std::atomic<std::uint32_t> used{0};

  static Version* of(const std::vector<MarkEntry>& sorted) {
    const std::uint32_t capacity = append_capacity(sorted.size());
    void* memory = ::operator new(sizeof(Version) + (sorted.size() + capacity) * sizeof(Entry));
    auto* v = new (memory) Version;
    v->sorted_count = static_cast<std::uint32_t>(sorted.size());
    v->capacity = capacity;
    for (std::size_t i = 0; i < sorted.size(); ++i) new (v->begin() + i) Entry{sorted[i].key, sorted[i].word};
    return v;
  }
  static void destroy(void* p) {
    static_cast<Version*>(p)->~Version();  // entries are trivially destructible
    ::operator delete(p);
  }

  [[nodiscard]] Entry* begin() { return reinterpret_cast<Entry*>(this + 1); }
  [[nodiscard]] const Entry* begin() const { return reinterpret_cast<const Entry*>(this + 1); }
  [[nodiscard]] const Entry* sorted_end() const { return begin() + sorted_count; }
  [[nodiscard]] const Entry* end() const {
    // acquire: pairs with the release in set(): the entries below the count are written.
    return sorted_end() + used.load(std::memory_order_acquire);
  }
  [[nodiscard]] const Entry* lower_bound(std::uint64_t key) const {
    return std::lower_bound(begin(), sorted_end(), key, [](const Entry& e, std::uint64_t k) { return e.key < k; });
  }
  [[nodiscard]] const Entry* find(std::uint64_t key) const {
    if (const Entry* e = lower_bound(key); e != sorted_end() && e->key == key) return e;
    const Entry* last = end();
    const Entry* e = std::find_if(sorted_end(), last, [key](const Entry& x) { return x.key == key; });
    return e == last ? nullptr : e;
  }
  template <class Visit>
  void for_each(KeyRange range, const Entry* last, Visit visit) const {
    for (const Entry* e = lower_bound(range.first); e != sorted_end() && e->key < range.end; ++e) visit(*e);
    for (const Entry* e = sorted_end(); e != last; ++e) {
      if (e->key >= range.first && e->key < range.end) visit(*e);
    }
  }
  [[nodiscard]] std::vector<MarkEntry> collect_all() const { return collect(kAllKeys, end()); }
  /// `last`: where the appended entries stop that count.
  [[nodiscard]] std::vector<MarkEntry> collect(KeyRange range, const Entry* last) const {
    std::vector<MarkEntry> out;
    for_each(range, last, [&](const Entry& e) { out.push_back({e.key, e.word.load(std::memory_order_relaxed)}); });
    std::sort(out.begin(), out.end(), [](const MarkEntry& a, const MarkEntry& b) { return a.key < b.key; });
    return out;
  }
};

MarkTable::~MarkTable() {
  if (Version* v = version_.load(std::memory_order_relaxed)) Version::destroy(v);
}

void MarkTable::publish(Version* next) {
  Version* old = version_.load(std::memory_order_relaxed);  // only the writer stores
  version_.store(next, std::memory_order_release);          // pairs with the readers' acquire: the version is whole
  if (old != nullptr) base::retire(old, &Version::destroy);
}

std::optional<std::int64_t> MarkTable::Place::word() const {
  return known_ == nullptr ? std::nullopt : std::optional(known_->word.load(std::memory_order_relaxed));
}

MarkTable::Place MarkTable::locate(std::uint64_t key) {
  Version* v = version_.load(std::memory_order_relaxed);  // only the writer stores
  Place place;
  place.key_ = key;
  place.known_ = v == nullptr ? nullptr : const_cast<Entry*>(v->find(key));
  return place;
}

void MarkTable::set(const Place& place, std::int64_t word, std::uint32_t generation) {
  Version* v = version_.load(std::memory_order_relaxed);
  const bool known = place.known_ != nullptr;
  const bool frozen = v != nullptr && v->generation != generation;
  if (known && !frozen) {
    place.known_->word.store(word, std::memory_order_relaxed);
    return;
  }
  const bool full = v == nullptr || v->used.load(std::memory_order_relaxed) == v->capacity;
  if (full || known) {
    std::vector<MarkEntry> entries = v == nullptr ? std::vector<MarkEntry>() : v->collect_all();
    if (known) {
      const auto at = std::lower_bound(entries.begin(), entries.end(), place.key_,
                                       [](const MarkEntry& e, std::uint64_t k) { return e.key < k; });
      at->word = word;
    }
    v = Version::of(entries);
    v->generation = generation;
    publish(v);
    if (known) return;
  }
  // Appending to a frozen version is fine: its captures know how far they reach.
  const std::uint32_t used = v->used.load(std::memory_order_relaxed);
  new (v->begin() + v->sorted_count + used) Entry{place.key_, word};
  v->used.store(used + 1, std::memory_order_release);  // pairs with the acquire in end()
}

void MarkTable::prefetch() const noexcept {
  const auto* v = reinterpret_cast<const char*>(version_.load(std::memory_order_relaxed));
  if (v == nullptr) return;
  __builtin_prefetch(v);
  __builtin_prefetch(v + 64);  // the next line: what follows the header
}

void MarkTable::prefetch_steps() const noexcept {
  const Version* v = version_.load(std::memory_order_relaxed);
  if (v == nullptr || v->sorted_count < 16) return;
  for (std::size_t eighth = 1; eighth < 8; ++eighth) __builtin_prefetch(v->begin() + v->sorted_count * eighth / 8);
}

void MarkTable::erase(KeyRange range) {
  const Version* v = version_.load(std::memory_order_relaxed);
  if (v == nullptr) return;
  std::vector<MarkEntry> kept = v->collect_all();
  const std::size_t before = kept.size();
  std::erase_if(kept, [range](const MarkEntry& e) { return e.key >= range.first && e.key < range.end; });
  if (kept.size() != before) assign(kept);
}

void MarkTable::erase(std::span<const std::uint64_t> sorted, std::uint32_t generation) {
  const Version* v = version_.load(std::memory_order_relaxed);
  if (v == nullptr) return;
  std::vector<MarkEntry> kept = v->collect_all();
  const auto is_gone = [sorted](const MarkEntry& e) { return std::binary_search(sorted.begin(), sorted.end(), e.key); };
  if (std::erase_if(kept, is_gone) == 0) return;
  Version* next = kept.empty() ? nullptr : Version::of(kept);
  if (next != nullptr) next->generation = generation;
  publish(next);
}

void MarkTable::clear() { publish(nullptr); }

void MarkTable::assign(const std::vector<MarkEntry>& sorted) {
  publish(sorted.empty() ? nullptr : Version::of(sorted));
}

std::optional<std::int64_t> MarkTable::get(std::uint64_t key) const {
  const base::EpochGuard guard;
  const Version* v = version_.load(std::memory_order_acquire);  // pairs with publish()
  const Entry* e = v == nullptr ? nullptr : v->find(key);
  if (e == nullptr) return std::nullopt;
  return e->word.load(std::memory_order_relaxed);
}

void MarkTable::words_of(std::uint8_t slot, std::span<const Ordinal> items, std::int64_t missing,
                         std::span<std::int64_t> out) const {
  const base::EpochGuard guard;
  const Version* v = version_.load(std::memory_order_acquire);  // pairs with publish()
  if (v == nullptr) {
    std::fill_n(out.begin(), items.size(), missing);
    return;
  }
  const auto is_before = [](const Entry* e, std::uint64_t key) { return e->key < key; };
  std::array<const Entry*, kAppendedMax> appended;  // of the slot, by key; only the first `count` are set
  std::size_t count = 0;
  const Entry* const last = v->end();
  for (const Entry* e = v->sorted_end(); e != last; ++e) {
    if (slot_of(e->key) == slot) appended[count++] = e;
  }
  const auto appended_end = appended.begin() + static_cast<std::ptrdiff_t>(count);
  std::sort(appended.begin(), appended_end, [](const auto* a, const auto* b) { return a->key < b->key; });

  const Entry* const first = v->lower_bound(keys_of_slot(slot).first);
  const Entry* at = first;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::uint64_t key = mark_key(slot, items[i], 0);
    if (at != first && at[-1].key >= key) at = first;
    at = base::gallop(at, v->sorted_end(), [key](const Entry& e) { return e.key < key; });
    const Entry* found = at != v->sorted_end() && at->key == key ? at : nullptr;
    if (found == nullptr && count > 0) {
      const auto place = std::lower_bound(appended.begin(), appended_end, key, is_before);
      if (place != appended_end && (*place)->key == key) found = *place;
    }
    out[i] = found == nullptr ? missing : found->word.load(std::memory_order_relaxed);
  }
}

std::optional<std::int64_t> MarkTable::max_in(KeyRange range) const {
  const base::EpochGuard guard;
  const Version* v = version_.load(std::memory_order_acquire);  // pairs with publish()
  std::optional<std::int64_t> max;
  if (v == nullptr) return max;
  v->for_each(range, v->end(), [&max](const Entry& e) {
    const std::int64_t word = e.word.load(std::memory_order_relaxed);
    if (!max || word > *max) max = word;
  });
  return max;
}

std::optional<MarkEntry> MarkTable::max_entry_in(KeyRange range) const {
  const base::EpochGuard guard;
  const Version* v = version_.load(std::memory_order_acquire);  // pairs with publish()
  std::optional<MarkEntry> max;
  if (v == nullptr) return max;
  v->for_each(range, v->end(), [&max](const Entry& e) {
    const std::int64_t word = e.word.load(std::memory_order_relaxed);
    if (!max || word > max->word || (word == max->word && e.key > max->key)) max = MarkEntry{e.key, word};
  });
  return max;
}

std::size_t MarkTable::count_in(KeyRange range, std::int64_t word) const {
  const base::EpochGuard guard;
  const Version* v = version_.load(std::memory_order_acquire);  // pairs with publish()
  std::size_t count = 0;
  if (v == nullptr) return count;
  v->for_each(range, v->end(), [&count, word](const Entry& e) {
    if (e.word.load(std::memory_order_relaxed) == word) ++count;
  });
  return count;
}

std::vector<MarkEntry> MarkTable::entries(KeyRange range) const {
  const base::EpochGuard guard;
  const Version* v = version_.load(std::memory_order_acquire);  // pairs with publish()
  return v == nullptr ? std::vector<MarkEntry>() : v->collect(range, v->end());
}

MarkTable::Capture MarkTable::capture() const {
  Capture c;
  c.version_ = version_.load(std::memory_order_acquire);  // pairs with publish()
  if (c.version_ != nullptr) c.used_ = c.version_->used.load(std::memory_order_acquire);
  return c;
}

std::vector<MarkEntry> MarkTable::Capture::entries() const {
  if (version_ == nullptr) return {};
  return version_->collect(kAllKeys, version_->sorted_end() + used_);
}

std::size_t MarkTable::heap_bytes() const {
  const base::EpochGuard guard;
  const Version* v = version_.load(std::memory_order_acquire);  // pairs with publish()
  if (v == nullptr) return 0;
  return sizeof(Version) + (std::size_t{v->sorted_count} + v->capacity) * sizeof(Entry);
}

}  // namespace tidal::signal
