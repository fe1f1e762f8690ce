// Versions, their merging and their publication.
#include "index/live_bitmap.h"

#include <algorithm>
#include <memory>
#include <new>

#include "base/assert.h"
#include "base/epoch.h"

namespace tidal::index {
namespace {

/// Above this many members the base is a Bitmap: 16 blocks of 128 members each is where the two take about the same
/// room in a set spread over a million ordinals.
constexpr std::size_t kArrayMax = 2048;
constexpr std::size_t kTogglesMin = 4;
/// A linear search through the toggles stays below the cost of a cache miss.
constexpr std::size_t kTogglesMax = 512;

std::uint32_t toggle_capacity(std::size_t members) {
  return static_cast<std::uint32_t>(std::clamp(members / 8, kTogglesMin, kTogglesMax));
}

/// Ascending, without those that stand an even number of times.
std::vector<Ordinal> odd_ones(std::span<const Ordinal> toggles) {
  std::vector<Ordinal> sorted(toggles.begin(), toggles.end());
  std::sort(sorted.begin(), sorted.end());
  std::size_t kept = 0;
  for (std::size_t i = 0; i < sorted.size();) {
    std::size_t j = i;
    while (j < sorted.size() && sorted[j] == sorted[i]) ++j;
    if ((j - i) % 2 == 1) sorted[kept++] = sorted[i];
    i = j;
  }
  sorted.resize(kept);
  return sorted;
}

}  // namespace

/// Header of one allocation; the base array (empty when `big` is set) and room for the toggles follow it.
struct LiveBitmap::Version {
  std::unique_ptr<const Bitmap> big;
  std::uint32_t base_count = 0;
  std::uint32_t capacity = 0;
  std::atomic<std::uint32_t> used{0};

  static Version* make(std::unique_ptr<const Bitmap> big, std::span<const Ordinal> base, std::uint32_t capacity) {
    void* memory = ::operator new(sizeof(Version) + (base.size() + capacity) * sizeof(Ordinal));
    auto* v = new (memory) Version;
    v->big = std::move(big);
    v->base_count = static_cast<std::uint32_t>(base.size());
    v->capacity = capacity;
    std::copy(base.begin(), base.end(), v->ordinals());
    return v;
  }
  static Version* of_members(std::span<const Ordinal> ascending) {
    const std::uint32_t capacity = toggle_capacity(ascending.size());
    if (ascending.size() <= kArrayMax) return make(nullptr, ascending, capacity);
    return make(std::make_unique<const Bitmap>(Bitmap::of(ascending)), {}, capacity);
  }
  static void destroy(void* p) {
    auto* v = static_cast<Version*>(p);
    v->~Version();
    ::operator delete(p);
  }

  [[nodiscard]] Ordinal* ordinals() { return reinterpret_cast<Ordinal*>(this + 1); }
  [[nodiscard]] const Ordinal* ordinals() const { return reinterpret_cast<const Ordinal*>(this + 1); }
  [[nodiscard]] std::span<const Ordinal> base() const { return {ordinals(), base_count}; }
  [[nodiscard]] std::span<const Ordinal> toggles() const {
    // acquire: pairs with the release in toggle(): the ordinals below the count are written.
    return {ordinals() + base_count, used.load(std::memory_order_acquire)};
  }

  [[nodiscard]] bool contains(Ordinal o) const {
    const bool in_base = big ? big->contains(o) : std::binary_search(base().begin(), base().end(), o);
    const auto list = toggles();
    return in_base != (std::count(list.begin(), list.end(), o) % 2 == 1);
  }
  /// Of the array form only. `list`: a prefix of the toggles.
  [[nodiscard]] std::vector<Ordinal> merged(std::span<const Ordinal> list) const {
    const std::vector<Ordinal> odd = odd_ones(list);
    std::vector<Ordinal> out;
    out.reserve(base_count + odd.size());
    std::set_symmetric_difference(base().begin(), base().end(), odd.begin(), odd.end(), std::back_inserter(out));
    return out;
  }
  /// Of the other form.
  [[nodiscard]] Bitmap merged_bitmap(std::span<const Ordinal> list) const {
    Bitmap out = *big;
    if (!list.empty()) out ^= Bitmap::of(odd_ones(list));
    return out;
  }
};

LiveBitmap::~LiveBitmap() {
  if (Version* v = version_.load(std::memory_order_relaxed)) Version::destroy(v);
}

void LiveBitmap::publish(Version* next) {
  // release: pairs with the readers' acquire, so that they see the version whole.
  Version* old = version_.load(std::memory_order_relaxed);
  version_.store(next, std::memory_order_release);
  if (old != nullptr) base::retire(old, &Version::destroy);
}

void LiveBitmap::toggle(Ordinal o) {
  Version* v = version_.load(std::memory_order_relaxed);  // only this thread stores
  if (v == nullptr) {
    v = Version::make(nullptr, {}, kTogglesMin);
    publish(v);
  } else if (v->used.load(std::memory_order_relaxed) == v->capacity) {
    Version* next = nullptr;
    if (v->big == nullptr) {
      next = Version::of_members(v->merged(v->toggles()));
    } else if (cardinality() < kArrayMax / 2) {  // half: no flipping to and fro at the boundary
      next = Version::of_members(v->merged_bitmap(v->toggles()).to_vector());
    } else {
      next = Version::make(std::make_unique<const Bitmap>(v->merged_bitmap(v->toggles())), {},
                           toggle_capacity(cardinality()));
    }
    publish(next);
    v = next;
  }
  const std::uint32_t used = v->used.load(std::memory_order_relaxed);
  v->ordinals()[v->base_count + used] = o;
  v->used.store(used + 1, std::memory_order_release);  // pairs with the acquire in toggles()
}

void LiveBitmap::prefetch() const noexcept {
  const auto* v = reinterpret_cast<const char*>(version_.load(std::memory_order_relaxed));
  if (v == nullptr) return;
  __builtin_prefetch(v);
  __builtin_prefetch(v + 64);  // the next line: what follows the header
}

bool LiveBitmap::add(Ordinal o) noexcept {
  const Version* v = version_.load(std::memory_order_relaxed);
  if (v != nullptr && v->contains(o)) return false;
  toggle(o);
  cardinality_.store(cardinality_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  return true;
}

bool LiveBitmap::remove(Ordinal o) noexcept {
  const Version* v = version_.load(std::memory_order_relaxed);
  if (v == nullptr || !v->contains(o)) return false;
  const std::uint32_t left = cardinality_.load(std::memory_order_relaxed) - 1;
  if (left == 0) {
    clear();
    return true;
  }
  toggle(o);
  cardinality_.store(left, std::memory_order_relaxed);
  return true;
}

void LiveBitmap::assign(std::span<const Ordinal> ascending) {
  publish(ascending.empty() ? nullptr : Version::of_members(ascending));
  cardinality_.store(static_cast<std::uint32_t>(ascending.size()), std::memory_order_relaxed);
}

void LiveBitmap::clear() noexcept {
  publish(nullptr);
  cardinality_.store(0, std::memory_order_relaxed);
}

bool LiveBitmap::contains(Ordinal o) const {
  const base::EpochGuard guard;
  const Version* v = version_.load(std::memory_order_acquire);  // pairs with publish()
  return v != nullptr && v->contains(o);
}

Bitmap LiveBitmap::snapshot() const {
  const base::EpochGuard guard;
  const Version* v = version_.load(std::memory_order_acquire);  // pairs with publish()
  if (v == nullptr) return {};
  return v->big ? v->merged_bitmap(v->toggles()) : Bitmap::of(v->merged(v->toggles()));
}

LiveBitmap::Capture LiveBitmap::capture() const {
  Capture c;
  c.version_ = version_.load(std::memory_order_acquire);  // pairs with publish()
  if (c.version_ != nullptr) c.used_ = static_cast<std::uint32_t>(c.version_->toggles().size());
  return c;
}

std::vector<Ordinal> LiveBitmap::Capture::to_vector() const {
  if (version_ == nullptr) return {};
  const auto list = version_->toggles().first(used_);
  return version_->big ? version_->merged_bitmap(list).to_vector() : version_->merged(list);
}

void LiveBitmap::for_each(const std::function<bool(Ordinal)>& visit) const {
  const base::EpochGuard guard;
  const Version* v = version_.load(std::memory_order_acquire);  // pairs with publish()
  if (v == nullptr) return;
  const std::vector<Ordinal> odd = odd_ones(v->toggles());
  auto next = odd.begin();
  bool goes_on = true;
  const auto meet = [&](Ordinal of_base) {
    while (goes_on && next != odd.end() && *next < of_base) goes_on = visit(*next++);
    if (!goes_on) return false;
    if (next != odd.end() && *next == of_base) {
      ++next;  // was removed
      return true;
    }
    return goes_on = visit(of_base);
  };
  if (v->big) {
    v->big->for_each(meet);
  } else {
    static_cast<void>(std::ranges::all_of(v->base(), meet));
  }
  while (goes_on && next != odd.end()) goes_on = visit(*next++);
}

std::vector<Ordinal> LiveBitmap::to_vector() const {
  const base::EpochGuard guard;
  return capture().to_vector();
}

std::size_t LiveBitmap::heap_bytes() const {
  const base::EpochGuard guard;
  const Version* v = version_.load(std::memory_order_acquire);  // pairs with publish()
  if (v == nullptr) return 0;
  return sizeof(Version) + (std::size_t{v->base_count} + v->capacity) * sizeof(Ordinal) +
         (v->big ? v->big->memory_bytes() : 0);
}

}  // namespace tidal::index
