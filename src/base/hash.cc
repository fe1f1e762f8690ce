// The adapters to libxxhash and BLAKE3.
#include "base/hash.h"

#include <blake3.h>
#include <xxhash.h>

#include <cstddef>

namespace tidal::base {
namespace {

void append_hex(std::uint8_t byte, std::string& out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += kDigits[byte >> 4];
  out += kDigits[byte & 0xF];
}

void append_hex(std::uint64_t word, std::string& out) {
  for (int shift = 56; shift >= 0; shift -= 8) append_hex(static_cast<std::uint8_t>(word >> shift), out);
}

Hash256 finish(blake3_hasher& hasher, std::string_view bytes) {
  Hash256 out;
  blake3_hasher_update(&hasher, bytes.data(), bytes.size());
  blake3_hasher_finalize(&hasher, out.data(), out.size());
  return out;
}

}  // namespace

std::uint64_t xxh3_64(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

Hash128 xxh3_128(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return Hash128{.low = hash.low64, .high = hash.high64};
}

Hash256 blake3(std::string_view bytes) {
  blake3_hasher hasher;
  blake3_hasher_init(&hasher);
  return finish(hasher, bytes);
}

Hash256 blake3_keyed(const Hash256& key, std::string_view bytes) {
  static_assert(std::tuple_size_v<Hash256> == BLAKE3_KEY_LEN);
  blake3_hasher hasher;
  blake3_hasher_init_keyed(&hasher, key.data());
  return finish(hasher, bytes);
}

struct Blake3::State {
  blake3_hasher hasher;
};

Blake3::Blake3() : state_(std::make_unique<State>()) { blake3_hasher_init(&state_->hasher); }
Blake3::~Blake3() = default;

void Blake3::add(std::string_view bytes) { blake3_hasher_update(&state_->hasher, bytes.data(), bytes.size()); }

Hash256 Blake3::digest() const {
  Hash256 out;
  blake3_hasher_finalize(&state_->hasher, out.data(), out.size());
  return out;
}

std::string to_hex(const Hash128& hash) {
  std::string out;
  append_hex(hash.high, out);
  append_hex(hash.low, out);
  return out;
}

std::string to_hex(const Hash256& hash) {
  std::string out;
  for (const std::uint8_t byte : hash) append_hex(byte, out);
  return out;
}

}  // namespace tidal::base
