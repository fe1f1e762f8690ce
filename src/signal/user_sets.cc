// Arrays that grow into sketches, and unions.
#include "signal/user_sets.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/assert.h"
#include "signal/atomic_access.h"

namespace tidal::signal {
namespace {

constexpr std::uint32_t kUsersInFirstClass = 4;
constexpr std::size_t kRegisterWords = kRegisters / sizeof(std::uint64_t);

constexpr std::uint32_t number_of(UserSetHandle set) { return (set - 1) >> 3; }
constexpr UserSetHandle handle_of(std::uint32_t size_class, std::uint32_t number) {
  return ((number << 3) | size_class) + 1;
}
constexpr std::uint32_t capacity_of(std::uint32_t size_class) { return kUsersInFirstClass << size_class; }

/// A set of one user is its handle, unless the ordinal is too large.
constexpr UserSetHandle kSingle = 0x80000000U;
constexpr bool is_single(UserSetHandle set) { return set >= kSingle; }
constexpr bool fits_handle(Ordinal user) { return to_index(user) < kSingle; }
constexpr UserSetHandle single(Ordinal user) { return to_index(user) | kSingle; }
constexpr Ordinal user_of(UserSetHandle single) { return to_ordinal(single & ~kSingle); }

/// Two users a word, the first in the low half.
constexpr std::uint32_t stored(Ordinal user) { return to_index(user) + 1; }
constexpr std::uint32_t half(std::uint64_t word, std::uint32_t i) { return static_cast<std::uint32_t>(word >> i * 32); }
std::uint32_t user_at(const std::uint64_t* block, std::uint32_t i) { return half(load_word(block[i / 2]), i % 2); }
void set_user(std::uint64_t* block, std::uint32_t i, Ordinal user) {
  store_word(block[i / 2], block[i / 2] | std::uint64_t{stored(user)} << (i % 2 * 32));
}

constexpr std::uint8_t register_in(std::uint64_t word, std::uint32_t index) {
  return static_cast<std::uint8_t>(word >> index % 8 * 8);
}

Registers sketch_of(std::span<const Ordinal> users) {
  Registers out{};
  for (const Ordinal user : users) raise(out, user);
  return out;
}

Registers load_registers(const std::uint64_t* block) {
  Registers out;
  for (std::size_t i = 0; i < kRegisterWords; ++i) {
    const std::uint64_t word = load_word(block[i]);
    std::memcpy(out.data() + i * sizeof word, &word, sizeof word);
  }
  return out;
}

}  // namespace

void UserUnion::add_registers(const Registers& registers) {
  if (!has_sketch_) {
    registers_ = registers;
    has_sketch_ = true;
    return;
  }
  for (std::size_t i = 0; i < kRegisters; ++i) registers_[i] = std::max(registers_[i], registers[i]);
}

std::uint32_t UserUnion::distinct() const {
  if (!may_repeat_) return count_;
  // Open addressing on the stack, at most half full.
  std::array<std::uint32_t, 2 * std::size_t{kExactUsersMax} * kSetsJoinedMax> table;
  const std::uint32_t size = std::bit_ceil(2 * count_);
  const int shift = 32 - std::countr_zero(size);
  std::fill_n(table.begin(), size, std::uint32_t{0});
  std::uint32_t found = 0;
  for (std::uint32_t i = 0; i < count_; ++i) {
    const std::uint32_t user = users_[i] + 1;
    std::uint32_t at = (user * 0x9E3779B1U) >> shift;
    while (table[at] != 0 && table[at] != user) at = (at + 1) & (size - 1);
    found += table[at] == 0 ? 1 : 0;
    table[at] = user;
  }
  return found;
}

double UserUnion::size(std::uint32_t sketched_min) {
  if (!has_sketch_) return distinct();
  for (std::uint32_t i = 0; i < count_; ++i) raise(registers_, to_ordinal(users_[i]));
  return std::max(std::floor(estimate_users(registers_) + 0.5), static_cast<double>(sketched_min));
}

UserSets::UserSets(std::uint32_t users_max) : users_max_(users_max) {
  TIDAL_ASSERT(users_max >= 1 && users_max <= kExactUsersMax);
  for (std::uint32_t c = 0; c < kSketchClass; ++c) pools_[c].set_words(capacity_of(c) / 2);
  pools_[kSketchClass].set_words(kRegisterWords);
}

UserSets::Look UserSets::look(UserSetHandle set, Ordinal user, const Raise& raise) const {
  if (set == 0) return {};
  if (is_single(set)) return {.counted = set == single(user) && fits_handle(user), .users = 1};
  const std::uint64_t* words = block(set);
  if (class_of(set) == kSketchClass) return {.counted = register_in(words[raise.index / 8], raise.index) >= raise.rank};
  // The writer's own words: plain reads, all of them, so that they are compared many at once.
  using Half [[gnu::may_alias]] = std::uint32_t;
  const auto* halves = reinterpret_cast<const Half*>(words);
  const std::uint32_t wanted = stored(user);
  std::uint32_t hits = 0;
  std::uint32_t used = 0;
  for (std::uint32_t i = 0; i < capacity_of(class_of(set)); i += kUsersInFirstClass) {
    for (std::uint32_t j = i; j < i + kUsersInFirstClass; ++j) {
      hits += halves[j] == wanted ? 1 : 0;
      used += halves[j] != 0 ? 1 : 0;
    }
  }
  return {.counted = hits != 0, .users = used};
}

UserSetHandle UserSets::add(UserSetHandle set, std::uint32_t users, Ordinal user, const Raise& raise) {
  if (set == 0) return make_array({&user, 1});
  if (is_single(set)) {
    const std::array<Ordinal, 2> both = {user_of(set), user};
    return users_max_ == 1 ? make_sketch(sketch_of(both)) : make_array(both);
  }
  std::uint64_t* words = block(set);
  if (class_of(set) == kSketchClass) {
    std::uint64_t& word = words[raise.index / 8];
    const unsigned shift = raise.index % 8 * 8;
    store_word(word, (word & ~(std::uint64_t{0xFF} << shift)) | std::uint64_t{raise.rank} << shift);
    return set;
  }
  const std::uint32_t capacity = capacity_of(class_of(set));
  if (users == users_max_) {
    std::array<Ordinal, kExactUsersMax + 1> all;
    for (std::uint32_t i = 0; i < users; ++i) all[i] = to_ordinal(user_at(words, i) - 1);
    all[users] = user;
    release(set);
    return make_sketch(sketch_of({all.data(), users + std::size_t{1}}));
  }
  if (users < capacity) {
    set_user(words, users, user);
    return set;
  }
  const UserSetHandle wider = handle_of(class_of(set) + 1, pools_[class_of(set) + 1].allocate());
  std::uint64_t* to = block(wider);
  for (std::uint32_t i = 0; i < capacity / 2; ++i) store_word(to[i], words[i]);
  set_user(to, users, user);
  release(set);
  return wider;
}

UserSetHandle UserSets::make_sketch(const Registers& registers) {
  const UserSetHandle set = handle_of(kSketchClass, pools_[kSketchClass].allocate());
  std::uint64_t* words = block(set);
  for (std::size_t i = 0; i < kRegisterWords; ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, registers.data() + i * sizeof word, sizeof word);
    store_word(words[i], word);
  }
  return set;
}

UserSetHandle UserSets::make(const UserSetValue& value) {
  if (value.empty()) return 0;
  if (!value.registers.empty()) {
    Registers registers{};
    std::ranges::copy(value.registers, registers.begin());
    return make_sketch(registers);
  }
  return make_array(value.users);
}

UserSetHandle UserSets::make_array(std::span<const Ordinal> users) {
  if (users.size() == 1 && fits_handle(users[0])) return single(users[0]);
  std::uint32_t size_class = 0;
  while (capacity_of(size_class) < users.size()) ++size_class;
  const UserSetHandle set = handle_of(size_class, pools_[size_class].allocate());
  for (std::uint32_t i = 0; i < users.size(); ++i) set_user(block(set), i, users[i]);
  return set;
}

void UserSets::release(UserSetHandle set) {
  if (set != 0 && !is_single(set)) pools_[class_of(set)].release(number_of(set));
}

void UserSets::prefetch(UserSetHandle set, const Raise& raise) const {
  if (set == 0 || is_single(set)) return;
  const std::uint64_t* words = block(set);
  if (class_of(set) == kSketchClass) return __builtin_prefetch(words + raise.index / 8);
  // Lines of 8 words: the adjacent ones come by themselves once the scan has begun.
  for (std::uint32_t i = 0; i < capacity_of(class_of(set)) / 2; i += 8) __builtin_prefetch(words + i);
}

void UserSets::prefetch(UserSetHandle set) const {
  if (set != 0 && !is_single(set)) __builtin_prefetch(block(set));
}

void UserSets::join(UserSetHandle set, UserUnion& to) const {
  if (set == 0) return;
  if (is_single(set)) {
    to.begin_part();
    return to.add_user(user_of(set));
  }
  const std::uint64_t* words = block(set);
  if (class_of(set) == kSketchClass) return to.add_registers(load_registers(words));
  to.begin_part();
  for (std::uint32_t i = 0; i < capacity_of(class_of(set)) / 2; ++i) {
    const std::uint64_t word = load_word(words[i]);
    if (half(word, 0) == 0) return;
    to.add_user(to_ordinal(half(word, 0) - 1));
    if (half(word, 1) == 0) return;
    to.add_user(to_ordinal(half(word, 1) - 1));
  }
}

UserSetValue UserSets::read(UserSetHandle set) const {
  UserSetValue out;
  if (set == 0) return out;
  if (is_single(set)) {
    out.users.push_back(user_of(set));
    return out;
  }
  const std::uint64_t* words = block(set);
  if (class_of(set) == kSketchClass) {
    const Registers registers = load_registers(words);
    out.registers.assign(registers.begin(), registers.end());
    return out;
  }
  for (std::uint32_t i = 0; i < capacity_of(class_of(set)); ++i) {
    const std::uint32_t user = user_at(words, i);
    if (user == 0) break;
    out.users.push_back(to_ordinal(user - 1));
  }
  std::sort(out.users.begin(), out.users.end());
  return out;
}

std::size_t UserSets::memory_bytes() const {
  std::size_t bytes = 0;
  for (const BlockPool& pool : pools_) bytes += pool.memory_bytes();
  return bytes;
}

}  // namespace tidal::signal
