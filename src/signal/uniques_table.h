// Distinct users of one signal on one kind of entity: a pair for each entity.
//
// A pair begins as a list of visits (visit_list.h) in a block of 1, 2, 4, 8 or 16 words, and becomes a record of 33
// sets (all, and 8 sub-windows of 4 windows; user_sets.h) when the list is full. It is never made short again.
// N1: what either form counts is the same; which form it is follows from the events alone.
// N2: fields of a pair and all it leads to are read and written through atomic_access.h, under the pair's sequence,
//     which moves only when something changes.
// Threads: single writer, concurrent readers without locks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/captures.h"
#include "base/chunked_array.h"
#include "signal/block_pool.h"
#include "signal/sub_windows.h"
#include "signal/user_sets.h"
#include "signal/visit_list.h"
#include "tidal/types.h"

namespace tidal::signal {

/// When the forms change. Tests make them small.
struct UniquesLimits {
  std::uint32_t visits_max = kVisitsMax;     ///< at most that, and at most users_max
  std::uint32_t users_max = kExactUsersMax;  ///< at most that
};

struct WindowSets {
  std::int64_t newest = kNoSubWindow;
  std::array<UserSetValue, kSubWindows> back;  ///< by age: [0] is the newest sub-window
  bool operator==(const WindowSets&) const = default;
};

/// One pair as a value. Short: visits, by unit and user; else sets.
struct UniquesPair {
  bool is_short = true;
  std::int64_t origin = 0;  ///< of the visits
  std::vector<Visit> visits;
  UserSetValue all;
  std::array<WindowSets, kRingWindows> windows;
  bool operator==(const UniquesPair&) const = default;
  [[nodiscard]] bool empty() const { return visits.empty() && all.empty(); }
};

using UniquesCaptures = base::Captures<UniquesPair>;

class UniquesTable {
 public:
  explicit UniquesTable(UniquesLimits limits);
  UniquesTable(const UniquesTable&) = delete;
  UniquesTable& operator=(const UniquesTable&) = delete;

  // Write side.

  struct Event {
    Ordinal entity = Ordinal::None;
    Ordinal user = Ordinal::None;
    Timestamp at;
    unsigned windows = 0;  ///< that the signal has now: one bit each
  };
  void record(const Event& event) noexcept;
  void clear_entity(Ordinal entity) noexcept;
  /// Forgets these windows of every pair.
  void drop_windows(unsigned windows);
  /// The pair must be empty, and `value` one that read() gave.
  void restore(Ordinal entity, const UniquesPair& value);
  /// What record() touches in turn: each stage reads what the one before fetched.
  enum class Stage : std::uint8_t { Pair, Block, Sets };
  void prefetch(const Event& event, Stage stage) const;

  // Read side.

  struct Query {
    Window window = Window::All;
    Timestamp now;
  };
  /// Users of the entity in the window, in `scratch`.
  [[nodiscard]] double count(Ordinal entity, Query query, UserUnion& scratch) const;
  void prefetch_count(Ordinal entity, Query query, Stage stage) const;
  /// Empty when the entity has none.
  [[nodiscard]] UniquesPair read(Ordinal entity) const;

  /// The pairs as of now, by ordinal. Writer only; capturing is a read.
  [[nodiscard]] UniquesCaptures::Capture capture() const { return captures_.begin(); }
  /// No entity from here on has anything. Writer only.
  [[nodiscard]] std::uint32_t entities_end() const { return entities_end_; }
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct alignas(16) Pair {
    std::uint32_t sequence;  ///< odd while the writer is inside
    std::uint32_t block;     ///< reference of a block (uniques_table.cc), 0: nothing
    std::int64_t origin;     ///< of a short pair's visits
  };
  struct Insertion;
  struct Plan;

  [[nodiscard]] const Pair* find(Ordinal entity) const { return pairs_.find(to_index(entity)); }
  [[nodiscard]] Pair& pair_of(Ordinal entity);
  void save_for_captures(Ordinal entity);
  [[nodiscard]] std::uint64_t* block(std::uint32_t reference) const;
  [[nodiscard]] VisitList visits_of(const Pair& pair) const;
  void store(Pair& pair, const VisitList& list);
  void store_visits(Pair& pair, std::span<const Visit> visits);
  void become_sets(Pair& pair, const VisitList& list);
  void record_sets(Pair& pair, const Event& event) noexcept;
  [[nodiscard]] Plan plan_of(const std::uint64_t* record, const Event& event, const Raise& raise) const;
  void insert(std::uint64_t* record, const Insertion& insertion, Ordinal user, const Raise& raise);
  void release_block(std::uint32_t reference);
  void release_window(std::uint64_t* record, std::size_t window);
  void join_visits(const Pair& pair, std::uint32_t reference, Query query, UserUnion& to) const;
  template <class Visit>
  static void for_each_set(const std::uint64_t* record, Query query, Visit visit);

  const UniquesLimits limits_;
  mutable UniquesCaptures captures_;  // capturing is a read
  base::ChunkedArray<Pair> pairs_;    // by ordinal: 16 bytes for each spare the miss that an index would cost
  std::uint32_t entities_end_ = 0;    // writer only
  std::array<BlockPool, 6> blocks_;   // five sizes of visit lists, then records of sets
  UserSets sets_;
};

}  // namespace tidal::signal
