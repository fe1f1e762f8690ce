// Versions of a mark table.
#include "signal/mark_table.h"

#include <algorithm>
#include <new>

#include "base/epoch.h"

namespace tidal::signal {
namespace {

/// Room for appended entries: an eighth of the table, so that merging costs a constant an insert.
std::uint32_t append_capacity(std::size_t entries) {
  return static_cast<std::uint32_t>(std::clamp<std::size_t>(entries / 8, 4, 128));
}

constexpr KeyRange kAllKeys{0, ~std::uint64_t{0}};

}  // namespace

/// Header of one allocation; the sorted entries and room for appended ones follow it.
struct MarkTable::Version {
  struct Entry {
    std::uint64_t key;
    std::atomic<std::int64_t> word;  // relaxed: no other data hangs on it
  };
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

void MarkTable::set(std::uint64_t key, std::int64_t word, std::uint32_t generation) {
  Version* v = version_.load(std::memory_order_relaxed);
  const Version::Entry* known = v == nullptr ? nullptr : v->find(key);
  const bool frozen = v != nullptr && v->generation != generation;
  if (known != nullptr && !frozen) {
    const_cast<Version::Entry*>(known)->word.store(word, std::memory_order_relaxed);
    return;
  }
  const bool full = v == nullptr || v->used.load(std::memory_order_relaxed) == v->capacity;
  if (full || known != nullptr) {
    std::vector<MarkEntry> entries = v == nullptr ? std::vector<MarkEntry>() : v->collect_all();
    if (known != nullptr) {
      const auto at = std::lower_bound(entries.begin(), entries.end(), key,
                                       [](const MarkEntry& e, std::uint64_t k) { return e.key < k; });
      at->word = word;
    }
    v = Version::of(entries);
    v->generation = generation;
    publish(v);
    if (known != nullptr) return;
  }
  // Appending to a frozen version is fine: its captures know how far they reach.
  const std::uint32_t used = v->used.load(std::memory_order_relaxed);
  new (v->begin() + v->sorted_count + used) Version::Entry{key, word};
  v->used.store(used + 1, std::memory_order_release);  // pairs with the acquire in end()
}

void MarkTable::prefetch() const noexcept {
  const auto* v = reinterpret_cast<const char*>(version_.load(std::memory_order_relaxed));
  if (v == nullptr) return;
  __builtin_prefetch(v);
  __builtin_prefetch(v + 64);  // the next line: what follows the header
}

void MarkTable::erase(KeyRange range) {
  const Version* v = version_.load(std::memory_order_relaxed);
  if (v == nullptr) return;
  std::vector<MarkEntry> kept = v->collect_all();
  const std::size_t before = kept.size();
  std::erase_if(kept, [range](const MarkEntry& e) { return e.key >= range.first && e.key < range.end; });
  if (kept.size() != before) assign(kept);
}

void MarkTable::clear() { publish(nullptr); }

void MarkTable::assign(const std::vector<MarkEntry>& sorted) {
  publish(sorted.empty() ? nullptr : Version::of(sorted));
}

std::optional<std::int64_t> MarkTable::get(std::uint64_t key) const {
  const base::EpochGuard guard;
  const Version* v = version_.load(std::memory_order_acquire);  // pairs with publish()
  const Version::Entry* e = v == nullptr ? nullptr : v->find(key);
  if (e == nullptr) return std::nullopt;
  return e->word.load(std::memory_order_relaxed);
}

std::optional<std::int64_t> MarkTable::max_in(KeyRange range) const {
  const base::EpochGuard guard;
  const Version* v = version_.load(std::memory_order_acquire);  // pairs with publish()
  std::optional<std::int64_t> max;
  if (v == nullptr) return max;
  v->for_each(range, v->end(), [&max](const Version::Entry& e) {
    const std::int64_t word = e.word.load(std::memory_order_relaxed);
    if (!max || word > *max) max = word;
  });
  return max;
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
  return sizeof(Version) + (std::size_t{v->sorted_count} + v->capacity) * sizeof(Version::Entry);
}

}  // namespace tidal::signal
