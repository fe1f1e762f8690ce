// Versions of an edge table.
#include "relationship/edge_table.h"

#include <algorithm>
#include <array>
#include <new>

#include "base/epoch.h"
#include "base/gallop.h"

namespace tidal::relationship {
namespace {

/// A search through so many cells costs about what the cache misses of a search through a large table cost.
constexpr std::size_t kAppendedMax = 256;

std::uint32_t append_capacity(std::size_t cells) {
  return static_cast<std::uint32_t>(std::clamp<std::size_t>(cells / 8, 4, kAppendedMax));
}

/// The newest appended cell of each other end, in ascending order of ends.
class NewestAppended {
 public:
  explicit NewestAppended(std::span<const EdgeCell> appended) : appended_(appended) {
    for (std::size_t i = 0; i < appended.size(); ++i) {
      // Of equal ends the one with the greatest place stands last.
      order_[i] = static_cast<std::uint64_t>(to_index(appended[i].other)) << 32 | i;
    }
    std::sort(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(appended.size()));
    for (std::size_t i = 0; i < appended.size(); ++i) {
      if (i + 1 == appended.size() || order_[i] >> 32 != order_[i + 1] >> 32) order_[count_++] = order_[i];
    }
  }
  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] const EdgeCell& operator[](std::size_t i) const { return appended_[order_[i] & 0xFFFFFFFFU]; }
  [[nodiscard]] const EdgeCell* find(Ordinal other) const {
    const auto end = order_.begin() + static_cast<std::ptrdiff_t>(count_);
    const auto at = std::lower_bound(order_.begin(), end, static_cast<std::uint64_t>(to_index(other)) << 32);
    if (at == end || *at >> 32 != to_index(other)) return nullptr;
    return &appended_[*at & 0xFFFFFFFFU];
  }

 private:
  std::span<const EdgeCell> appended_;
  std::array<std::uint64_t, kAppendedMax> order_;  // other end, then place; only the first count_ are set
  std::size_t count_ = 0;
};

}  // namespace

/// Header of one allocation; the sorted cells and room for appended ones follow it.
struct alignas(EdgeCell) EdgeTable::Version {
  std::uint32_t sorted_count = 0;
  std::uint32_t capacity = 0;
  std::atomic<std::uint32_t> used{0};

  static Version* of(const std::vector<EdgeCell>& sorted) {
    const std::uint32_t capacity = append_capacity(sorted.size());
    void* memory = ::operator new(sizeof(Version) + (sorted.size() + capacity) * sizeof(EdgeCell));
    auto* v = new (memory) Version;
    v->sorted_count = static_cast<std::uint32_t>(sorted.size());
    v->capacity = capacity;
    std::copy(sorted.begin(), sorted.end(), v->begin());
    return v;
  }
  static void destroy(void* p) {
    static_cast<Version*>(p)->~Version();  // cells are trivially destructible
    ::operator delete(p);
  }

  [[nodiscard]] EdgeCell* begin() { return reinterpret_cast<EdgeCell*>(this + 1); }
  [[nodiscard]] const EdgeCell* begin() const { return reinterpret_cast<const EdgeCell*>(this + 1); }
  [[nodiscard]] std::span<const EdgeCell> sorted() const { return {begin(), sorted_count}; }
  [[nodiscard]] std::span<const EdgeCell> appended() const {
    // acquire: pairs with the release in put(): the cells below the count are written.
    return {begin() + sorted_count, used.load(std::memory_order_acquire)};
  }

  [[nodiscard]] const EdgeCell* find(Ordinal other) const {
    const auto list = appended();
    for (std::size_t i = list.size(); i > 0; --i) {
      if (list[i - 1].other == other) return list[i - 1].kind == EdgeCell::Kind::Gone ? nullptr : &list[i - 1];
    }
    const auto cells = sorted();
    const auto at = std::lower_bound(cells.begin(), cells.end(), other,
                                     [](const EdgeCell& cell, Ordinal o) { return cell.other < o; });
    return at == cells.end() || at->other != other ? nullptr : &*at;
  }
  /// `list`: a prefix of the appended ones.
  [[nodiscard]] std::vector<EdgeCell> merged(std::span<const EdgeCell> list) const {
    const NewestAppended newest(list);
    std::vector<EdgeCell> out;
    out.reserve(sorted_count + newest.size());
    const EdgeCell* rest = begin();
    const EdgeCell* const end = begin() + sorted_count;
    for (std::size_t i = 0; i < newest.size(); ++i) {
      const EdgeCell& cell = newest[i];
      while (rest != end && rest->other < cell.other) out.push_back(*rest++);
      if (rest != end && rest->other == cell.other) ++rest;
      if (cell.kind != EdgeCell::Kind::Gone) out.push_back(cell);  // E2
    }
    out.insert(out.end(), rest, end);
    return out;
  }
};

EdgeTable::~EdgeTable() {
  if (Version* v = version_.load(std::memory_order_relaxed)) Version::destroy(v);
}

void EdgeTable::publish(Version* next) {
  Version* old = version_.load(std::memory_order_relaxed);  // only the writer stores
  version_.store(next, std::memory_order_release);          // pairs with the readers' acquire: the version is whole
  if (old != nullptr) base::retire(old, &Version::destroy);
}

void EdgeTable::put(const EdgeCell& cell) {
  Version* v = version_.load(std::memory_order_relaxed);
  if (v == nullptr || v->used.load(std::memory_order_relaxed) == v->capacity) {
    v = Version::of(v == nullptr ? std::vector<EdgeCell>() : v->merged(v->appended()));
    publish(v);
  }
  const std::uint32_t used = v->used.load(std::memory_order_relaxed);
  new (v->begin() + v->sorted_count + used) EdgeCell(cell);
  v->used.store(used + 1, std::memory_order_release);  // pairs with the acquire in appended()
}

void EdgeTable::clear() { publish(nullptr); }

void EdgeTable::assign(const std::vector<EdgeCell>& sorted) { publish(sorted.empty() ? nullptr : Version::of(sorted)); }

void EdgeTable::prefetch() const noexcept {
  const auto* v = reinterpret_cast<const char*>(version_.load(std::memory_order_relaxed));
  if (v == nullptr) return;
  __builtin_prefetch(v);
  __builtin_prefetch(v + 64);  // the next line: what follows the header
}

std::optional<EdgeCell> EdgeTable::find(Ordinal other) const {
  const base::EpochGuard guard;
  const Version* v = version_.load(std::memory_order_acquire);  // pairs with publish()
  const EdgeCell* cell = v == nullptr ? nullptr : v->find(other);
  return cell == nullptr ? std::nullopt : std::optional(*cell);
}

void EdgeTable::standing(std::span<const Ordinal> others, std::span<double> out) const {
  const base::EpochGuard guard;
  const Version* v = version_.load(std::memory_order_acquire);  // pairs with publish()
  if (v == nullptr) {
    std::fill_n(out.begin(), others.size(), 0.0);
    return;
  }
  const NewestAppended newest(v->appended());
  const EdgeCell* const end = v->begin() + v->sorted_count;
  const EdgeCell* at = v->begin();
  for (std::size_t i = 0; i < others.size(); ++i) {
    const Ordinal other = others[i];
    const EdgeCell* cell = newest.find(other);
    if (cell == nullptr) {
      if (at != v->begin() && !(at[-1].other < other)) at = v->begin();
      at = base::gallop(at, end, [other](const EdgeCell& c) { return c.other < other; });
      if (at != end && at->other == other) cell = at;
    }
    out[i] = cell != nullptr && cell->kind == EdgeCell::Kind::Standing ? 1.0 : 0.0;
  }
}

EdgeTable::Capture EdgeTable::capture() const {
  Capture c;
  c.version_ = version_.load(std::memory_order_acquire);  // pairs with publish()
  if (c.version_ != nullptr) c.used_ = static_cast<std::uint32_t>(c.version_->appended().size());
  return c;
}

std::vector<EdgeCell> EdgeTable::Capture::cells() const {
  if (version_ == nullptr) return {};
  return version_->merged(version_->appended().first(used_));
}

std::vector<EdgeCell> EdgeTable::cells() const {
  const base::EpochGuard guard;
  return capture().cells();
}

std::size_t EdgeTable::heap_bytes() const {
  const base::EpochGuard guard;
  const Version* v = version_.load(std::memory_order_acquire);  // pairs with publish()
  if (v == nullptr) return 0;
  return sizeof(Version) + (std::size_t{v->sorted_count} + v->capacity) * sizeof(EdgeCell);
}

}  // namespace tidal::relationship
