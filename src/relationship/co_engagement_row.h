// The pairs of one item, and the recent items of one user: small blocks that one writer changes beside readers.
//
// Each block is one allocation, a header and places behind it, and is read under its sequence lock
// (signal/atomic_access.h). A block that is too small is replaced by a larger one; the owner publishes and retires.
// Threads: single writer; read() from anywhere under an EpochGuard or EpochPin.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "tidal/types.h"

namespace tidal::relationship {

inline constexpr std::size_t kNeighboursMax = 256;
inline constexpr std::size_t kRecentMax = 256;

/// Raised by each deletion of an item; what was said of another generation of it no longer holds.
using Generation = std::uint8_t;

/// A pair's weight and the item at its other end in one word. Weights are > 0, so that words order as weights do.
[[nodiscard]] inline std::uint64_t pair_word(Ordinal item, float weight) {
  return std::uint64_t{std::bit_cast<std::uint32_t>(weight)} << 32 | to_index(item);
}
[[nodiscard]] inline Ordinal item_of(std::uint64_t word) { return to_ordinal(static_cast<std::uint32_t>(word)); }
[[nodiscard]] inline float weight_of(std::uint64_t word) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(word >> 32));
}
/// Ascending in the order in which pairs leave a full row: by weight, of equal ones the higher ordinal first (E2).
[[nodiscard]] inline std::uint64_t leaving_order(std::uint64_t word) { return word ^ 0xFFFFFFFFU; }

/// A row at one moment, stale pairs included.
struct PairSnapshot {
  std::size_t size = 0;
  std::array<std::uint64_t, kNeighboursMax> words;
  std::array<Generation, kNeighboursMax> generations;
};

/// Header of a row; `capacity` tags follow it, rounded up to whole words, then `capacity` words. The tag of a pair is
/// the sum of its item's low byte and its generation. So a search reads two lines of a full row's ten, and a third
/// where it finds something; and what `floor` keeps out reads no more.
struct PairRow {
  std::uint32_t sequence = 0;
  std::uint16_t capacity = 0;
  std::uint16_t used = 0;
  // The writer's own.
  std::uint32_t deletions_seen = 0;  ///< of the state, when stale pairs were last looked for
  float floor = 0;                   ///< no pair weighs less

  static constexpr std::size_t kNowhere = ~std::size_t{0};
  using Tag = std::uint8_t;

  [[nodiscard]] static PairRow* make(std::size_t capacity);
  static void destroy(void* row);
  [[nodiscard]] static std::size_t tag_bytes(std::size_t capacity) { return (capacity + 7) / 8 * 8; }
  [[nodiscard]] static std::size_t bytes(std::size_t capacity) {
    return sizeof(PairRow) + tag_bytes(capacity) + capacity * sizeof(std::uint64_t);
  }

  /// Of those, from the beginning, what candidate() reads.
  [[nodiscard]] static std::size_t searched_bytes(std::size_t capacity) {
    return sizeof(PairRow) + tag_bytes(capacity);
  }

  [[nodiscard]] Tag* tags() { return reinterpret_cast<Tag*>(this + 1); }
  [[nodiscard]] const Tag* tags() const { return reinterpret_cast<const Tag*>(this + 1); }
  [[nodiscard]] std::uint64_t* words() { return reinterpret_cast<std::uint64_t*>(tags() + tag_bytes(capacity)); }
  [[nodiscard]] const std::uint64_t* words() const {
    return reinterpret_cast<const std::uint64_t*>(tags() + tag_bytes(capacity));
  }
  [[nodiscard]] static Tag tag_of(Ordinal item, Generation generation) {
    return static_cast<Tag>(to_index(item) + generation);
  }
  [[nodiscard]] static Generation generation_of(std::uint64_t word, Tag tag) {
    return static_cast<Generation>(tag - to_index(item_of(word)));
  }

  void read(PairSnapshot& out) const;

  // Writer only.

  /// The first place from `from` on with that tag; reads no words.
  [[nodiscard]] std::size_t candidate(Tag tag, std::size_t from = 0) const;
  [[nodiscard]] std::size_t find(Ordinal item, Generation generation) const;
  [[nodiscard]] Generation generation_at(std::size_t place) const {
    return generation_of(words()[place], tags()[place]);
  }
  /// Of a full row: the place of the pair that leaves for this newcomer (E2), which then must be set there; kNowhere
  /// when it would leave first itself.
  [[nodiscard]] std::size_t place_for(std::uint64_t newcomer);
  void set(std::size_t place, std::uint64_t word, Generation generation);
  /// There is a free place.
  void append(std::uint64_t word, Generation generation);
  /// The last pair takes its place.
  void remove(std::size_t place);
};
static_assert(sizeof(PairRow) == 16);

inline std::size_t PairRow::candidate(Tag tag, std::size_t from) const {
  // Eight tags at a time: only where a byte differs in nothing does no sum or bit of it reach its highest bit.
  constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101;
  constexpr std::uint64_t kLowBits = 0x7F * kOnes;
  for (std::size_t k = from / 8 * 8; k < used; k += 8) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, tags() + k, sizeof eight);
    const std::uint64_t differs = eight ^ kOnes * tag;
    std::uint64_t same = ~(((differs & kLowBits) + kLowBits) | differs | kLowBits);
    if (k < from) same &= ~std::uint64_t{0} << 8 * (from - k);
    if (same == 0) continue;
    const std::size_t place = k + static_cast<std::size_t>(std::countr_zero(same)) / 8;
    return place < used ? place : kNowhere;
  }
  return kNowhere;
}

inline std::size_t PairRow::find(Ordinal item, Generation generation) const {
  const Tag tag = tag_of(item, generation);
  std::size_t place = candidate(tag);
  while (place != kNowhere && item_of(words()[place]) != item) place = candidate(tag, place + 1);
  return place;
}

/// A place of a user's list. The item's generation keeps deleted items out (E3).
struct RecentPlace {
  std::int64_t time_us = 0;
  std::uint32_t item = 0;
  std::uint32_t generation = 0;
};

/// A list at one moment, oldest first, stale places included.
struct RecentSnapshot {
  std::size_t size = 0;
  std::array<RecentPlace, kRecentMax> places;
  [[nodiscard]] std::span<const RecentPlace> span() const { return {places.data(), size}; }
};

/// Header of a list; `capacity` places follow it, oldest first.
struct RecentList {
  std::uint32_t sequence = 0;
  std::uint16_t capacity = 0;
  std::uint16_t used = 0;

  [[nodiscard]] static RecentList* make(std::size_t capacity);
  static void destroy(void* list);
  [[nodiscard]] static std::size_t bytes(std::size_t capacity) {
    return sizeof(RecentList) + capacity * sizeof(RecentPlace);
  }
  [[nodiscard]] RecentPlace* places() { return reinterpret_cast<RecentPlace*>(this + 1); }
  [[nodiscard]] const RecentPlace* places() const { return reinterpret_cast<const RecentPlace*>(this + 1); }

  void read(RecentSnapshot& out) const;
  /// Writer only. places.size() <= capacity.
  void assign(std::span<const RecentPlace> places);
};
static_assert(sizeof(RecentList) == 8 && sizeof(RecentPlace) == 16);

/// Room that a block gets for `size` places: a power of two from 4 on, at most `most`.
[[nodiscard]] inline std::size_t capacity_for(std::size_t size, std::size_t most) {
  const std::size_t room = std::bit_ceil(size < 4 ? std::size_t{4} : size);
  return room < most ? room : most;
}

}  // namespace tidal::relationship
