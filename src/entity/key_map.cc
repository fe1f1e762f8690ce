// The table, the arena and the order in which they are published.
#include "entity/key_map.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/assert.h"
#include "base/hash.h"
#include "base/zeroed_memory.h"

namespace tidal::entity {
namespace {

constexpr unsigned kFirstTableBits = 6;
constexpr std::size_t kFirstArenaBytes = 4096;
constexpr std::size_t kArenaBytesMax = std::size_t{1} << 20;
constexpr std::uint32_t kOrdinalsMax = 3U << 30;  // a table of 2^32 slots, which is all that 32 bits of hash tell apart
constexpr unsigned kPartitionBits = 12;

constexpr std::uint64_t make_slot(std::uint32_t hash, std::uint32_t ordinal) {
  return (std::uint64_t{hash} << 32) | (ordinal + 1);
}
constexpr std::uint32_t slot_hash_of(std::uint64_t slot) { return static_cast<std::uint32_t>(slot >> 32); }
constexpr std::uint32_t slot_ordinal(std::uint64_t slot) { return static_cast<std::uint32_t>(slot) - 1; }

std::string_view key_at(const char* ref) { return {ref + 1, static_cast<unsigned char>(*ref)}; }

}  // namespace

std::uint64_t hash_key(EntityKind kind, std::string_view key) {
  char buffer[1 + KeyMap::kKeyBytesMax];
  const std::size_t bytes = std::min(key.size(), KeyMap::kKeyBytesMax);
  buffer[0] = static_cast<char>(kind);
  std::memcpy(buffer + 1, key.data(), bytes);
  return base::xxh3_64({buffer, 1 + bytes});
}

std::uint16_t partition_of_key(EntityKind kind, std::string_view key) {
  return static_cast<std::uint16_t>(hash_key(kind, key) >> (64 - kPartitionBits));
}

/// Slot 0 is empty. The home slot is the hash's top bits, so doubling the table keeps the slots' order.
struct KeyMap::Table {
  explicit Table(unsigned table_bits)
      : bits(table_bits), slots(static_cast<std::atomic<std::uint64_t>*>(base::allocate_zeroed(bytes()))) {
    TIDAL_ASSERT(slots != nullptr);
  }
  ~Table() { base::free_zeroed(slots, bytes()); }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;
  [[nodiscard]] std::size_t bytes() const { return capacity() * sizeof(std::uint64_t); }
  [[nodiscard]] std::size_t capacity() const { return std::size_t{1} << bits; }
  [[nodiscard]] std::size_t home(std::uint32_t hash) const { return hash >> (32 - bits); }
  [[nodiscard]] std::size_t after(std::size_t slot) const { return (slot + 1) & (capacity() - 1); }

  const unsigned bits;
  std::atomic<std::uint64_t>* const slots;
};

KeyMap::KeyMap(EntityKind kind) : kind_(kind) { clear(); }
KeyMap::~KeyMap() = default;

void KeyMap::clear() {
  tables_.clear();
  arena_.clear();
  arena_next_ = nullptr;
  arena_left_ = 0;
  refs_.clear();
  // relaxed: no reader may be inside.
  size_.store(0, std::memory_order_relaxed);
  key_bytes_.store(0, std::memory_order_relaxed);
  tables_.push_back(std::make_unique<Table>(kFirstTableBits));
  heap_bytes_.store(tables_.back()->capacity() * sizeof(std::uint64_t), std::memory_order_relaxed);
  table_.store(tables_.back().get(), std::memory_order_release);  // pairs with the acquire in find()
}

// The low half: the top bits are the partition, which all keys of a shard may share.
std::uint32_t KeyMap::slot_hash(std::string_view key) const { return static_cast<std::uint32_t>(hash_key(kind_, key)); }

Ordinal KeyMap::find(std::string_view key) const {
  if (key.empty() || key.size() > kKeyBytesMax) return Ordinal::None;
  return find_hashed(key, slot_hash(key));
}

Ordinal KeyMap::find_hashed(std::string_view key, std::uint32_t hash) const {
  // acquire: pairs with the release in grow(), so that the table's slots are readable.
  const Table& table = *table_.load(std::memory_order_acquire);
  for (std::size_t s = table.home(hash);; s = table.after(s)) {
    // acquire: pairs with the release in insert(), so that the key behind the ordinal is readable.
    const std::uint64_t slot = table.slots[s].load(std::memory_order_acquire);
    if (slot == 0) return Ordinal::None;
    if (slot_hash_of(slot) != hash) continue;
    const std::uint32_t ordinal = slot_ordinal(slot);
    // acquire: the slot's covers the key it was given with; what took its place pairs with the release in forget().
    if (key_at(refs_[ordinal].load(std::memory_order_acquire)) == key) return to_ordinal(ordinal);
  }
}

KeyMap::Probe KeyMap::probe(std::string_view key) const {
  const Probe probe{.hash = slot_hash(key)};
  const Table& table = *table_.load(std::memory_order_acquire);  // as find_hashed(), here and below
  __builtin_prefetch(&table.slots[table.home(probe.hash)]);
  return probe;
}

void KeyMap::fetch_ref(Probe& probe) const {
  const Table& table = *table_.load(std::memory_order_acquire);
  for (std::size_t s = table.home(probe.hash);; s = table.after(s)) {
    const std::uint64_t slot = table.slots[s].load(std::memory_order_acquire);
    if (slot == 0) return;
    if (slot_hash_of(slot) != probe.hash) continue;
    probe.candidate = slot_ordinal(slot);
    __builtin_prefetch(refs_.find(probe.candidate));
    return;
  }
}

void KeyMap::fetch_key(const Probe& probe) const {
  const auto* ref = probe.candidate == Probe{}.candidate ? nullptr : refs_.find(probe.candidate);
  if (ref != nullptr) __builtin_prefetch(ref->load(std::memory_order_relaxed));  // relaxed: it is not followed
}

Ordinal KeyMap::find(std::string_view key, const Probe& probe) const {
  if (key.empty() || key.size() > kKeyBytesMax) return Ordinal::None;
  return find_hashed(key, probe.hash);
}

std::string_view KeyMap::key_of(Ordinal o) const {
  const std::atomic<const char*>* ref = o == Ordinal::None ? nullptr : refs_.find(to_index(o));
  // acquire: pairs with the release in assign(), for readers that got the ordinal some other way.
  const char* key = ref == nullptr ? nullptr : ref->load(std::memory_order_acquire);
  return key == nullptr ? std::string_view{} : key_at(key);
}

Ordinal KeyMap::assign(std::string_view key) {
  if (key.empty() || key.size() > kKeyBytesMax) return Ordinal::None;
  if (const Ordinal known = find(key); known != Ordinal::None) return known;
  const std::uint32_t ordinal = size_.load(std::memory_order_relaxed);  // relaxed: the writer's own
  if (ordinal >= kOrdinalsMax) return Ordinal::None;
  if ((std::uint64_t{ordinal} + 1) * 4 > std::uint64_t{tables_.back()->capacity()} * 3) grow();
  refs_.at_grown(ordinal).store(store_key(key), std::memory_order_release);  // pairs with the acquire in key_of()
  insert(slot_hash(key), ordinal);
  size_.store(ordinal + 1, std::memory_order_release);  // pairs with the acquire in size()
  return to_ordinal(ordinal);
}

Ordinal KeyMap::assign_forgotten(std::uint16_t partition) {
  const std::uint32_t ordinal = size_.load(std::memory_order_relaxed);  // relaxed: the writer's own
  if (ordinal >= kOrdinalsMax) return Ordinal::None;
  // It takes no slot, but slots are counted by ordinals.
  if ((std::uint64_t{ordinal} + 1) * 4 > std::uint64_t{tables_.back()->capacity()} * 3) grow();
  refs_.at_grown(ordinal).store(store_forgotten(partition), std::memory_order_release);  // pairs as in assign()
  size_.store(ordinal + 1, std::memory_order_release);                                   // likewise
  return to_ordinal(ordinal);
}

void KeyMap::forget(Ordinal o) {
  const std::string_view key = key_of(o);
  if (key.empty()) return;
  key_bytes_.fetch_sub(key.size(), std::memory_order_relaxed);
  // Its slot stays: no key is equal to what is left. release: pairs with the acquire in key_of().
  refs_.at_grown(to_index(o)).store(store_forgotten(partition_of(o)), std::memory_order_release);
}

std::uint16_t KeyMap::partition_of(Ordinal o) const {
  const std::atomic<const char*>* ref = o == Ordinal::None ? nullptr : refs_.find(to_index(o));
  const char* key = ref == nullptr ? nullptr : ref->load(std::memory_order_acquire);  // as key_of()
  if (key == nullptr) return 0;
  if (*key != 0) return partition_of_key(kind_, key_at(key));
  std::uint16_t partition = 0;
  std::memcpy(&partition, key + 1, sizeof partition);
  return partition;
}

Ordinal KeyMap::find_if(std::uint16_t partition, const std::function<bool(std::string_view key)>& is_it) const {
  const std::uint32_t count = size();
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::string_view key = key_of(to_ordinal(i));
    if (!key.empty() && partition_of_key(kind_, key) == partition && is_it(key)) return to_ordinal(i);
  }
  return Ordinal::None;
}

const char* KeyMap::store_key(std::string_view key) {
  char* const ref = take_arena(key.size() + 1);
  *ref = static_cast<char>(key.size());
  std::memcpy(ref + 1, key.data(), key.size());
  key_bytes_.fetch_add(key.size(), std::memory_order_relaxed);
  return ref;
}

const char* KeyMap::store_forgotten(std::uint16_t partition) {
  char* const ref = take_arena(1 + sizeof partition);
  *ref = 0;
  std::memcpy(ref + 1, &partition, sizeof partition);
  return ref;
}

char* KeyMap::take_arena(std::size_t bytes) {
  if (arena_left_ < bytes) {
    arena_left_ = std::min(kFirstArenaBytes << std::min<std::size_t>(arena_.size(), 16), kArenaBytesMax);
    arena_.push_back(std::make_unique<char[]>(arena_left_));
    arena_next_ = arena_.back().get();
    heap_bytes_.fetch_add(arena_left_, std::memory_order_relaxed);
  }
  char* const taken = arena_next_;
  arena_next_ += bytes;
  arena_left_ -= bytes;
  return taken;
}

void KeyMap::insert(std::uint32_t hash, std::uint32_t ordinal) {
  Table& table = *tables_.back();
  std::size_t s = table.home(hash);
  while (table.slots[s].load(std::memory_order_relaxed) != 0) s = table.after(s);  // relaxed: the writer's own stores
  table.slots[s].store(make_slot(hash, ordinal), std::memory_order_release);       // pairs with the acquire in find()
}

void KeyMap::grow() {
  const Table& old = *tables_.back();
  auto next = std::make_unique<Table>(old.bits + 1);
  for (std::size_t i = 0; i < old.capacity(); ++i) {
    // relaxed: nobody reads the new table before it is published.
    const std::uint64_t slot = old.slots[i].load(std::memory_order_relaxed);
    if (slot == 0) continue;
    std::size_t s = next->home(slot_hash_of(slot));
    while (next->slots[s].load(std::memory_order_relaxed) != 0) s = next->after(s);
    next->slots[s].store(slot, std::memory_order_relaxed);
  }
  heap_bytes_.fetch_add(next->capacity() * sizeof(std::uint64_t), std::memory_order_relaxed);
  tables_.push_back(std::move(next));
  table_.store(tables_.back().get(), std::memory_order_release);  // pairs with the acquire in find()
}

std::size_t KeyMap::memory_bytes() const {
  return sizeof *this + refs_.memory_bytes() + heap_bytes_.load(std::memory_order_relaxed);
}

}  // namespace tidal::entity
