// Sets of users behind handles: up to 64 exactly, above that a sketch. And the union of several, without allocation.
//
// A set of one user lies in its handle. Blocks: arrays of 4, 8, 16, 32 and 64 users of 4 bytes (ordinal + 1; the first
// 0 ends one), then 512 registers of one byte. Users lie in the order they came.
// A1: a set is exact as long as it has at most users_max users, and never becomes exact again.
// A2: a handle changes only when its set gets another block; registers only rise, and users of an array stay.
// Threads: single writer; readers under the sequence (atomic_access.h) of whatever holds the handle.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "signal/block_pool.h"
#include "signal/hyperloglog.h"
#include "tidal/types.h"

namespace tidal::signal {

/// 0: the empty set.
using UserSetHandle = std::uint32_t;

inline constexpr std::uint32_t kExactUsersMax = 64;
/// A window's sub-windows: so many sets are joined at most.
inline constexpr std::uint32_t kSetsJoinedMax = 8;

/// One set as a value.
struct UserSetValue {
  std::vector<Ordinal> users;           ///< ascending; of an exact one
  std::vector<std::uint8_t> registers;  ///< kRegisters of a sketch, else none
  bool operator==(const UserSetValue&) const = default;
  [[nodiscard]] bool empty() const { return users.empty() && registers.empty(); }
};

/// Collects parts of a union; reused for many. 5 KiB: make one a batch.
class UserUnion {
 public:
  void clear() {
    count_ = 0;
    may_repeat_ = false;
    has_sketch_ = false;
  }
  /// At most kExactUsersMax * kSetsJoinedMax between two clear().
  void add_user(Ordinal user) { users_[count_++] = to_index(user); }
  void add_registers(const Registers& registers);
  /// From here on users may come that were there before.
  void begin_part() { may_repeat_ = may_repeat_ || count_ > 0; }

  /// Distinct users: exact when all parts are, else the estimate, which is at least `sketched_min`, the least number of
  /// users that makes a set a sketch; whole.
  [[nodiscard]] double size(std::uint32_t sketched_min);

 private:
  [[nodiscard]] std::uint32_t distinct() const;

  std::uint32_t count_ = 0;
  bool may_repeat_ = false;
  bool has_sketch_ = false;
  std::array<std::uint32_t, std::size_t{kExactUsersMax} * kSetsJoinedMax> users_;
  alignas(64) Registers registers_;
};

class UserSets {
 public:
  /// `users_max`: 1 to kExactUsersMax.
  explicit UserSets(std::uint32_t users_max);

  // Write side.

  struct Look {
    bool counted = false;     ///< add() would change nothing
    std::uint32_t users = 0;  ///< of an array: how many there are
  };
  /// `raise`: raise_of(user).
  [[nodiscard]] Look look(UserSetHandle set, Ordinal user, const Raise& raise) const;
  /// The set with the user, whom it does not count yet, as `users` of the look says; the old handle is void if it
  /// differs.
  [[nodiscard]] UserSetHandle add(UserSetHandle set, std::uint32_t users, Ordinal user, const Raise& raise);
  [[nodiscard]] UserSetHandle make(const UserSetValue& value);
  void release(UserSetHandle set);
  /// Fetches what look() reads first.
  void prefetch(UserSetHandle set, const Raise& raise) const;
  /// Fetches what join() reads first.
  void prefetch(UserSetHandle set) const;

  // Read side.

  void join(UserSetHandle set, UserUnion& to) const;
  [[nodiscard]] UserSetValue read(UserSetHandle set) const;
  [[nodiscard]] std::uint32_t users_max() const { return users_max_; }
  /// Of the blocks ever made. Writer only.
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  static constexpr std::uint32_t kSketchClass = 5;

  [[nodiscard]] UserSetHandle make_array(std::span<const Ordinal> users);
  [[nodiscard]] UserSetHandle make_sketch(const Registers& registers);
  static constexpr std::uint32_t class_of(UserSetHandle set) { return (set - 1) & 7U; }
  [[nodiscard]] std::uint64_t* block(UserSetHandle set) const { return pools_[class_of(set)].find((set - 1) >> 3); }

  const std::uint32_t users_max_;
  std::array<BlockPool, kSketchClass + 1> pools_;
};

}  // namespace tidal::signal
