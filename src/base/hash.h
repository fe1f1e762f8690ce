// The hashes we use: XXH3 for spreading and digests, BLAKE3 for identities and secrets.
//
// Values are part of file formats (partitions, event ids, digests): they are the same on every machine.
// Threads: pure functions; a Blake3 belongs to one thread at a time.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace tidal::base {

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  auto operator<=>(const Hash128&) const = default;
};

using Hash256 = std::array<std::uint8_t, 32>;

[[nodiscard]] std::uint64_t xxh3_64(std::string_view bytes, std::uint64_t seed = 0);
[[nodiscard]] Hash128 xxh3_128(std::string_view bytes);
[[nodiscard]] Hash256 blake3(std::string_view bytes);
/// Keyed mode: a MAC. Different keys give unrelated values.
[[nodiscard]] Hash256 blake3_keyed(const Hash256& key, std::string_view bytes);

/// BLAKE3 of bytes that come in pieces: digest() after add(a), add(b) is blake3(a + b).
class Blake3 {
 public:
  Blake3();
  ~Blake3();
  Blake3(const Blake3&) = delete;
  Blake3& operator=(const Blake3&) = delete;

  void add(std::string_view bytes);
  /// Of everything added so far; more may follow.
  [[nodiscard]] Hash256 digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Lower-case hex digits; of a Hash128 the high half comes first, as the xxHash tools print it.
[[nodiscard]] std::string to_hex(const Hash128& hash);
[[nodiscard]] std::string to_hex(const Hash256& hash);

}  // namespace tidal::base
