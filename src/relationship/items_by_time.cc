// Chunks, their directory, and how both are replaced under readers.
#include "relationship/items_by_time.h"

#include <algorithm>
#include <new>

#include "base/assert.h"
#include "base/epoch.h"

namespace tidal::relationship {
namespace {

constexpr std::uint32_t kChunkMax = 128;
constexpr std::uint32_t kChunkMin = 2;

// Chunks and directories are one allocation each: a header, and behind it room for what it holds.
void release(void* block) { ::operator delete(block); }

}  // namespace

/// Header of `capacity` times and, behind them, as many ordinals.
struct ItemsByTime::Chunk {
  std::uint32_t capacity;
  std::atomic<std::uint32_t> size{0};

  static std::size_t bytes(std::uint32_t capacity) {
    return sizeof(Chunk) + capacity * (sizeof(std::int64_t) + sizeof(Ordinal));
  }
  static Chunk* make(std::uint32_t capacity) {
    return new (::operator new(bytes(capacity))) Chunk{.capacity = capacity};
  }

  [[nodiscard]] std::int64_t* times() { return reinterpret_cast<std::int64_t*>(this + 1); }
  [[nodiscard]] const std::int64_t* times() const { return const_cast<Chunk*>(this)->times(); }
  [[nodiscard]] Ordinal* items() { return reinterpret_cast<Ordinal*>(times() + capacity); }
  [[nodiscard]] const Ordinal* items() const { return const_cast<Chunk*>(this)->items(); }

  // acquire: pairs with the release in append(): the entries below the count are written.
  [[nodiscard]] std::uint32_t count() const { return size.load(std::memory_order_acquire); }
  [[nodiscard]] CreatedItem entry(std::uint32_t i) const { return {Timestamp{times()[i]}, items()[i]}; }
  /// Where `entry` is or belongs: behind all that are read after it.
  [[nodiscard]] std::uint32_t place_of(CreatedItem wanted) const {
    std::uint32_t low = 0;
    for (std::uint32_t high = count(); low < high;) {
      const std::uint32_t middle = low + (high - low) / 2;
      if (wanted.is_before(entry(middle))) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  void append(CreatedItem last) {
    const std::uint32_t at = size.load(std::memory_order_relaxed);  // only the writer stores
    times()[at] = last.created.us;
    items()[at] = last.item;
    size.store(at + 1, std::memory_order_release);
  }
  void append(const Chunk& from, std::uint32_t begin, std::uint32_t end) {
    for (std::uint32_t i = begin; i < end; ++i) append(from.entry(i));
  }
};

/// Header of `capacity` pointers.
struct ItemsByTime::Directory {
  using Slot = std::atomic<Chunk*>;

  std::uint32_t capacity;
  std::atomic<std::uint32_t> size{0};

  static std::size_t bytes(std::uint32_t capacity) { return sizeof(Directory) + capacity * sizeof(Slot); }
  static Directory* make(std::uint32_t capacity) {
    auto* directory = new (::operator new(bytes(capacity))) Directory{.capacity = capacity};
    for (std::uint32_t i = 0; i < capacity; ++i) new (directory->slots() + i) Slot(nullptr);
    return directory;
  }

  [[nodiscard]] Slot* slots() { return reinterpret_cast<Slot*>(this + 1); }
  // acquire: both pair with the releases in append() and replace().
  [[nodiscard]] std::uint32_t count() const { return size.load(std::memory_order_acquire); }
  [[nodiscard]] Chunk* chunk(std::uint32_t i) const {
    return const_cast<Directory*>(this)->slots()[i].load(std::memory_order_acquire);
  }
  void append(Chunk* chunk) {
    const std::uint32_t at = size.load(std::memory_order_relaxed);  // only the writer stores
    slots()[at].store(chunk, std::memory_order_relaxed);
    size.store(at + 1, std::memory_order_release);
  }
  /// The last whose oldest entry is read after `entry` or is it; else the first. Not empty.
  [[nodiscard]] std::uint32_t chunk_of(CreatedItem entry) const {
    std::uint32_t low = 0;
    for (std::uint32_t high = count(); high - low > 1;) {
      const std::uint32_t middle = low + (high - low) / 2;
      if (chunk(middle)->entry(0).is_before(entry)) {
        high = middle;
      } else {
        low = middle;
      }
    }
    return low;
  }
};

ItemsByTime::~ItemsByTime() {
  Directory* directory = directory_.load(std::memory_order_relaxed);
  if (directory == nullptr) return;
  for (std::uint32_t i = 0; i < directory->count(); ++i) release(directory->chunk(i));
  release(directory);
}

// Only the writer stores what the functions below load relaxed; release pairs with the readers' acquire.

void ItemsByTime::publish(Directory* next) {
  Directory* old = directory_.load(std::memory_order_relaxed);
  directory_.store(next, std::memory_order_release);
  if (old != nullptr) base::retire(old, &release);
}

/// Behind the last chunk, beginning with `entry`.
void ItemsByTime::append_chunk(std::uint32_t capacity, CreatedItem entry) {
  Directory* directory = directory_.load(std::memory_order_relaxed);
  Chunk* chunk = Chunk::make(capacity);
  chunk->append(entry);
  const std::uint32_t count = directory == nullptr ? 0 : directory->count();
  if (directory != nullptr && count < directory->capacity) return directory->append(chunk);
  Directory* grown = Directory::make(count == 0 ? 1 : count * 2);
  for (std::uint32_t i = 0; i < count; ++i) grown->append(directory->chunk(i));
  grown->append(chunk);
  publish(grown);
}

/// Puts `first` and, where it is not null, `second` in the place of one chunk. A null `first` takes it out.
void ItemsByTime::replace(std::uint32_t at, Chunk* first, Chunk* second) {
  Directory* directory = directory_.load(std::memory_order_relaxed);
  Chunk* old = directory->chunk(at);
  if (first != nullptr && second == nullptr) {
    directory->slots()[at].store(first, std::memory_order_release);
  } else {
    Directory* next = Directory::make(directory->capacity + (second == nullptr ? 0 : 1));
    for (std::uint32_t i = 0; i < directory->count(); ++i) {
      if (i != at) {
        next->append(directory->chunk(i));
        continue;
      }
      if (first != nullptr) next->append(first);
      if (second != nullptr) next->append(second);
    }
    publish(next);
  }
  base::retire(old, &release);
}

void ItemsByTime::insert(CreatedItem entry) {
  const Directory* directory = directory_.load(std::memory_order_relaxed);
  if (directory == nullptr || directory->count() == 0) return append_chunk(kChunkMin, entry);
  const std::uint32_t at = directory->chunk_of(entry);
  Chunk* chunk = directory->chunk(at);
  const std::uint32_t count = chunk->count();
  const std::uint32_t place = chunk->place_of(entry);
  if (place == count && count < chunk->capacity) return chunk->append(entry);
  if (place == kChunkMax && at + 1 == directory->count()) return append_chunk(kChunkMax, entry);
  if (count == kChunkMax) {
    Chunk* older = Chunk::make(kChunkMax);
    Chunk* newer = Chunk::make(kChunkMax);
    older->append(*chunk, 0, count / 2);
    newer->append(*chunk, count / 2, count);
    replace(at, older, newer);
    return insert(entry);  // there is room in either
  }
  Chunk* grown = Chunk::make(std::clamp(count + count / 2 + 1, kChunkMin, kChunkMax));
  grown->append(*chunk, 0, place);
  grown->append(entry);
  grown->append(*chunk, place, count);
  replace(at, grown, nullptr);
}

void ItemsByTime::remove(CreatedItem entry) {
  const Directory* directory = directory_.load(std::memory_order_relaxed);
  TIDAL_ASSERT(directory != nullptr && directory->count() > 0);
  const std::uint32_t at = directory->chunk_of(entry);
  const Chunk* chunk = directory->chunk(at);
  const std::uint32_t count = chunk->count();
  const std::uint32_t place = chunk->place_of(entry);
  TIDAL_ASSERT(place < count && chunk->entry(place) == entry);
  if (count == 1) return replace(at, nullptr, nullptr);
  Chunk* rest = Chunk::make(count);
  rest->append(*chunk, 0, place);
  rest->append(*chunk, place + 1, count);
  replace(at, rest, nullptr);
}

std::size_t ItemsByTime::heap_bytes() const {
  const Directory* directory = directory_.load(std::memory_order_relaxed);
  if (directory == nullptr) return 0;
  std::size_t bytes = Directory::bytes(directory->capacity);
  for (std::uint32_t i = 0; i < directory->count(); ++i) bytes += Chunk::bytes(directory->chunk(i)->capacity);
  return bytes;
}

ItemsByTime::Cursor::Cursor(const ItemsByTime& items, Timestamp not_after)
    : directory_(items.directory_.load(std::memory_order_acquire)) {  // pairs with publish()
  if (directory_ == nullptr || directory_->count() == 0) return;
  enter(directory_->chunk_of({not_after, to_ordinal(0)}) + 1);  // nothing of that moment is read before ordinal 0
  // All of a chunk is newer where everything is, and where its oldest entry has been taken out since it was chosen.
  for (; !at_end(); enter(chunks_left_)) {
    const std::int64_t* times = chunk_->times();
    const auto* end = std::upper_bound(times, times + entries_left_ + 1, not_after.us);
    if (end == times) continue;
    entries_left_ = static_cast<std::uint32_t>(end - times) - 1;
    return;
  }
}

/// The newest entry of the last of `count` chunks; the end when there are none.
void ItemsByTime::Cursor::enter(std::uint32_t count) {
  chunk_ = nullptr;
  if (count == 0) return;
  chunk_ = directory_->chunk(count - 1);
  chunks_left_ = count - 1;
  entries_left_ = chunk_->count() - 1;
}

CreatedItem ItemsByTime::Cursor::entry() const { return chunk_->entry(entries_left_); }

void ItemsByTime::Cursor::next() {
  if (entries_left_ > 0) {
    --entries_left_;
  } else {
    enter(chunks_left_);
  }
}

}  // namespace tidal::relationship
