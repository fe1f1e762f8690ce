// Rings: adding events to sparse and dense blocks, and summing ranges of buckets.
#include "signal/warm.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "signal/atomic_access.h"
#include "signal/decay.h"

namespace tidal::signal {
namespace {

constexpr std::uint64_t head_word(std::int64_t bucket, std::uint32_t count) {
  return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(bucket)) << 32) | count;
}
constexpr std::uint32_t low_of(std::uint64_t head) { return static_cast<std::uint32_t>(head >> 32); }
constexpr std::uint32_t count_of(std::uint64_t head) { return static_cast<std::uint32_t>(head); }
/// Buckets between `newest` and an entry; entries lie within 2^32 buckets of it.
constexpr std::uint32_t age_of(std::uint64_t head, std::int64_t newest) {
  return static_cast<std::uint32_t>(newest) - low_of(head);
}

double load_double(const std::uint64_t& word) { return std::bit_cast<double>(load_word(word)); }
void store_double(std::uint64_t& word, double v) { store_word(word, std::bit_cast<std::uint64_t>(v)); }

/// Reads the sums of an entry whose head is known.
RingEntry entry_at(const RingShape& shape, const std::uint64_t* entry, std::uint64_t head, std::int64_t bucket) {
  RingEntry e{.bucket = bucket, .count = count_of(head)};
  if (shape.entry_words() >= 2) e.weight = load_double(entry[1]);
  if (shape.entry_words() >= 3) e.value = load_double(entry[2]);
  return e;
}

std::uint32_t slot_of(std::int64_t bucket, std::uint32_t span) {
  const std::int64_t r = bucket % static_cast<std::int64_t>(span);
  return static_cast<std::uint32_t>(r < 0 ? r + span : r);
}

/// Calls visit(bucket, head, entry) for the entries of a block with first <= bucket <= last, ascending.
template <class Visit>
void visit_block(const RingShape& shape, std::uint32_t size_class, const std::uint64_t* block, std::int64_t newest,
                 std::int64_t first, std::int64_t last, Visit visit) {
  const std::uint32_t words = shape.entry_words();
  first = std::max(first, newest - shape.span + 1);
  last = std::min(last, newest);
  if (first > last) return;
  if (size_class == kDenseClass) {
    std::uint32_t slot = slot_of(first, shape.span);
    for (std::int64_t bucket = first; bucket <= last; ++bucket) {
      const std::uint64_t* entry = block + std::size_t{slot} * words;
      const std::uint64_t head = load_word(*entry);
      if (count_of(head) != 0 && low_of(head) == static_cast<std::uint32_t>(bucket)) visit(bucket, head, entry);
      if (++slot == shape.span) slot = 0;
    }
    return;
  }
  const auto oldest_age = static_cast<std::uint32_t>(newest - first);
  const auto newest_age = static_cast<std::uint32_t>(newest - last);
  for (std::uint32_t i = 0; i < kClassEntries[size_class]; ++i) {
    const std::uint64_t* entry = block + std::size_t{i} * words;
    const std::uint64_t head = load_word(*entry);
    if (count_of(head) == 0) return;
    const std::uint32_t age = age_of(head, newest);
    if (age > oldest_age) continue;
    if (age < newest_age) return;
    visit(newest - static_cast<std::int64_t>(age), head, entry);
  }
}

}  // namespace

void collect_entries(const RingShape& shape, std::uint32_t size_class, const std::uint64_t* block, std::int64_t newest,
                     std::vector<RingEntry>& out) {
  visit_block(shape, size_class, block, newest, newest - shape.span + 1, newest,
              [&](std::int64_t bucket, std::uint64_t head, const std::uint64_t* entry) {
                out.push_back(entry_at(shape, entry, head, bucket));
              });
}

void RingStore::set_shape(const RingShape& shape) {
  shape_ = shape;
  for (std::uint32_t c = 0; c < pools_.size(); ++c) pools_[c].set_words(capacity_of(c) * shape.entry_words());
}

std::uint32_t RingStore::capacity_of(std::uint32_t size_class) const {
  return size_class == kDenseClass ? shape_.span : kClassEntries[size_class];
}

void RingStore::write_entry(std::uint64_t* entry, const RingEntry& value) const {
  if (shape_.entry_words() >= 2) store_double(entry[1], value.weight);
  if (shape_.entry_words() >= 3) store_double(entry[2], value.value);
  store_word(*entry, head_word(value.bucket, value.count));
}

void RingStore::add_to_entry(std::uint64_t* entry, const Event& event) const {
  if (shape_.entry_words() >= 2) store_double(entry[1], clamp_finite(std::bit_cast<double>(entry[1]) + event.weight));
  if (shape_.entry_words() >= 3) store_double(entry[2], clamp_finite(std::bit_cast<double>(entry[2]) + event.value));
  // Saturates: a bucket of 2^32 events is full rather than wrong.
  if (count_of(*entry) != std::numeric_limits<std::uint32_t>::max()) store_word(*entry, *entry + 1);
}

BlockRef RingStore::start_block(const Event& event) {
  const BlockRef ref{0, pools_[0].allocate()};
  write_entry(block_of(ref), {event.bucket, 1, clamp_finite(event.weight), clamp_finite(event.value)});
  return ref;
}

RingStore::Added RingStore::add(RingHandle handle, std::int64_t newest, const Event& event) {
  if (handle == 0) return {start_block(event).handle(), true, true};
  if (event.bucket <= newest - shape_.span) return {handle, false, false};
  if (event.bucket >= newest + shape_.span) {  // a leap: nothing of the old ring is retained
    release(handle);
    return {start_block(event).handle(), true, true};
  }
  const BlockRef ref = BlockRef::of(handle);
  return ref.size_class == kDenseClass ? add_dense(ref, newest, event) : add_sparse(ref, newest, event);
}

RingStore::Added RingStore::add_sparse(BlockRef ref, std::int64_t newest, const Event& event) {
  const std::uint32_t words = shape_.entry_words();
  std::uint64_t* block = block_of(ref);
  std::uint32_t used = 0;
  while (used < kClassEntries[ref.size_class] && count_of(block[std::size_t{used} * words]) != 0) ++used;
  const std::int64_t reference = std::max(newest, event.bucket);
  std::uint32_t expired = 0;
  while (expired < used && age_of(block[std::size_t{expired} * words], reference) >= shape_.span) ++expired;
  if (expired != 0) {
    for (std::uint32_t i = 0; i < used * words; ++i) {
      store_word(block[i], i + expired * words < used * words ? block[i + expired * words] : std::uint64_t{0});
    }
    used -= expired;
  }
  // Position of the event's bucket: most events belong to the last one.
  const auto age = static_cast<std::uint32_t>(reference - event.bucket);
  std::uint32_t at = used;
  while (at > 0 && age_of(block[std::size_t{at - 1} * words], reference) < age) --at;
  if (at > 0 && age_of(block[std::size_t{at - 1} * words], reference) == age) {
    add_to_entry(block + std::size_t{at - 1} * words, event);
    return {ref.handle(), true, false};
  }
  if (used == kClassEntries[ref.size_class]) {
    ref = widened(ref, used, reference);
    if (ref.size_class == kDenseClass) return add_dense(ref, reference, event);
    block = block_of(ref);
  }
  for (std::size_t i = std::size_t{used} * words; i > std::size_t{at} * words; --i) {
    store_word(block[i + words - 1], block[i - 1]);
  }
  write_entry(block + std::size_t{at} * words,
              {event.bucket, 1, clamp_finite(event.weight), clamp_finite(event.value)});
  return {ref.handle(), true, true};
}

BlockRef RingStore::widened(BlockRef ref, std::uint32_t used, std::int64_t newest) {
  const std::uint32_t words = shape_.entry_words();
  // A ring that can never have more than 48 buckets stays sparse: its largest class holds them all.
  const BlockRef wider{ref.size_class + 1, pools_[ref.size_class + 1].allocate()};
  const std::uint64_t* from = block_of(ref);
  std::uint64_t* to = block_of(wider);
  for (std::uint32_t i = 0; i < used; ++i) {
    const std::int64_t bucket = newest - static_cast<std::int64_t>(age_of(from[std::size_t{i} * words], newest));
    const std::size_t place = wider.size_class == kDenseClass ? slot_of(bucket, shape_.span) : i;
    for (std::uint32_t w = 0; w < words; ++w) store_word(to[place * words + w], from[std::size_t{i} * words + w]);
  }
  pools_[ref.size_class].release(ref.number);
  return wider;
}

RingStore::Added RingStore::add_dense(BlockRef ref, std::int64_t newest, const Event& event) {
  const std::uint32_t words = shape_.entry_words();
  std::uint64_t* block = block_of(ref);
  // Slots that the ring moves over hold expired buckets.
  std::uint32_t slot = slot_of(std::min(newest, event.bucket), shape_.span);
  for (std::int64_t bucket = newest; bucket < event.bucket; ++bucket) {
    if (++slot == shape_.span) slot = 0;
    for (std::uint32_t w = 0; w < words; ++w) store_word(block[std::size_t{slot} * words + w], std::uint64_t{0});
  }
  std::uint64_t* entry = block + std::size_t{slot} * words;
  if (count_of(*entry) != 0) {
    add_to_entry(entry, event);
    return {ref.handle(), true, false};
  }
  write_entry(entry, {event.bucket, 1, clamp_finite(event.weight), clamp_finite(event.value)});
  return {ref.handle(), true, true};
}

RingHandle RingStore::make(std::span<const RingEntry> entries) {
  if (entries.empty()) return 0;
  std::uint32_t size_class = 0;
  while (size_class < kDenseClass && kClassEntries[size_class] < entries.size()) ++size_class;
  const BlockRef ref{size_class, pools_[size_class].allocate()};
  std::uint64_t* block = block_of(ref);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::size_t place = size_class == kDenseClass ? slot_of(entries[i].bucket, shape_.span) : i;
    write_entry(block + place * shape_.entry_words(), entries[i]);
  }
  return ref.handle();
}

void RingStore::release(RingHandle handle) {
  if (handle == 0) return;
  const BlockRef ref = BlockRef::of(handle);
  pools_[ref.size_class].release(ref.number);
}

template <class Visit>
void RingStore::visit_range(RingHandle handle, std::int64_t newest, std::int64_t first, std::int64_t last,
                            Visit visit) const {
  if (handle == 0) return;
  const BlockRef ref = BlockRef::of(handle);
  visit_block(shape_, ref.size_class, block_of(ref), newest, first, last, visit);
}

RingSum RingStore::sum(RingHandle handle, std::int64_t newest, std::int64_t first, std::int64_t last) const {
  RingSum total;
  visit_range(handle, newest, first, last, [&](std::int64_t bucket, std::uint64_t head, const std::uint64_t* entry) {
    const RingEntry e = entry_at(shape_, entry, head, bucket);
    total.count += e.count;
    total.weight += e.weight;
    total.value += e.value;
  });
  total.weight = clamp_finite(total.weight);
  total.value = clamp_finite(total.value);
  return total;
}

std::uint64_t RingStore::count(RingHandle handle, std::int64_t newest, std::int64_t first, std::int64_t last) const {
  std::uint64_t total = 0;
  visit_range(handle, newest, first, last,
              [&](std::int64_t, std::uint64_t head, const std::uint64_t*) { total += count_of(head); });
  return total;
}

double RingStore::linear_score(RingHandle handle, std::int64_t newest, Duration lifetime, Timestamp now) const {
  double score = 0;
  visit_range(handle, newest, newest - shape_.span + 1, newest,
              [&](std::int64_t bucket, std::uint64_t, const std::uint64_t* entry) {
                score += load_double(entry[1]) * linear_share(bucket, shape_.width_us, lifetime, now.us);
              });
  return clamp_finite(score);
}

void RingStore::collect(RingHandle handle, std::int64_t newest, std::vector<RingEntry>& out) const {
  if (handle == 0) return;
  const BlockRef ref = BlockRef::of(handle);
  collect_entries(shape_, ref.size_class, block_of(ref), newest, out);
}

void RingStore::prefetch(RingHandle handle) const {
  if (handle == 0) return;
  const BlockRef ref = BlockRef::of(handle);
  __builtin_prefetch(block_of(ref));
}

std::size_t RingStore::memory_bytes() const {
  std::size_t bytes = 0;
  for (const BlockPool& pool : pools_) bytes += pool.memory_bytes();
  return bytes;
}

}  // namespace tidal::signal
