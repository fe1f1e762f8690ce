// Sealing and opening cursors.
#include "query/cursor.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "base/coding.h"
#include "base/hash.h"

namespace tidal::query {
namespace {

constexpr std::uint8_t kLayout = 1;
constexpr std::size_t kMacBytes = 16;  // 128 bits
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string to_base64url(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t buffer = 0;
  unsigned bits = 0;
  for (const char c : bytes) {
    buffer = (buffer << 8U) | static_cast<std::uint8_t>(c);
    for (bits += 8; bits >= 6; bits -= 6) text.push_back(kAlphabet[(buffer >> (bits - 6)) & 63U]);
  }
  if (bits > 0) text.push_back(kAlphabet[(buffer << (6 - bits)) & 63U]);
  return text;
}

// False on any text that to_base64url cannot have written.
bool from_base64url(std::string_view text, std::string& bytes) {
  std::uint32_t buffer = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const std::size_t digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return false;
    buffer = (buffer << 6U) | static_cast<std::uint32_t>(digit);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push_back(static_cast<char>((buffer >> bits) & 0xFFU));
  }
  return bits < 6 && (buffer & ((1U << bits) - 1)) == 0;
}

std::string mac_of(std::string_view payload, std::string_view binding, std::string_view key) {
  TIDAL_ASSERT(key.size() == std::tuple_size_v<base::Hash256>);
  base::Hash256 secret;
  std::copy(key.begin(), key.end(), secret.begin());
  base::Encoder message;
  message.string(binding);
  message.raw(payload);
  const base::Hash256 hash = base::blake3_keyed(secret, message.str());
  return {reinterpret_cast<const char*>(hash.data()), kMacBytes};
}

// Without a branch on the bytes: how long it takes must not tell how much of a forgery was right.
bool equal(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    difference |= static_cast<unsigned>(static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]));
  }
  return difference == 0;
}

Error with_hint(Code code, std::string message, std::string hint) {
  ErrorDetail detail;
  detail.hint = std::move(hint);
  return Error(code, std::move(message), std::move(detail));
}

Error not_ours() {
  return with_hint(Code::InvalidArgument,
                   "the cursor is not one of this query: it was altered or belongs to another one",
                   "AFTER takes the cursor of the previous page; only LIMIT, DEADLINE and WITH may differ");
}

}  // namespace

std::uint64_t fingerprint(std::string_view key) { return base::xxh3_64(key); }

std::string seal(const Cursor& cursor, std::string_view binding, std::string_view key) {
  base::Encoder out;
  out.u8(kLayout);
  out.i64(cursor.now.us);
  out.i64(cursor.issued.us);
  out.u64(cursor.seqno.value);
  out.u64(cursor.seed);
  out.u32(cursor.reached);
  out.u64(cursor.last_rank);
  out.string(cursor.last_text);
  out.string(cursor.last_key);
  out.varint(cursor.served.size());
  for (const std::uint64_t f : cursor.served) out.u64(f);
  const std::string mac = mac_of(out.str(), binding, key);
  return to_base64url(mac + out.str());
}

Result<Cursor> open(std::string_view text, std::string_view binding, std::string_view key, Timestamp clock_now) {
  // Longer than any we seal: do not even decode it.
  constexpr std::size_t kTextMax = 2 * (kServedMax * 8 + 1024);
  std::string bytes;
  if (text.size() > kTextMax || !from_base64url(text, bytes) || bytes.size() <= kMacBytes) return not_ours();
  const std::string_view mac = std::string_view(bytes).substr(0, kMacBytes);
  const std::string_view payload = std::string_view(bytes).substr(kMacBytes);
  if (!equal(mac, mac_of(payload, binding, key))) return not_ours();
  base::Decoder in(payload);
  if (in.u8() != kLayout) return not_ours();
  Cursor cursor;
  cursor.now.us = in.i64();
  cursor.issued.us = in.i64();
  cursor.seqno.value = in.u64();
  cursor.seed = in.u64();
  cursor.reached = in.u32();
  cursor.last_rank = in.u64();
  cursor.last_text = in.string();
  cursor.last_key = in.string();
  const std::uint64_t served = in.varint();
  if (served > kServedMax) return not_ours();
  for (std::uint64_t i = 0; i < served; ++i) cursor.served.push_back(in.u64());
  if (!in.ok()) return not_ours();
  if (clock_now > cursor.issued + kCursorLife || clock_now < cursor.issued - kCursorLife) {
    return with_hint(Code::FailedPrecondition, "cursor expired: a list can be continued for " + to_string(kCursorLife),
                     "ask for the first page again, without AFTER");
  }
  return cursor;
}

}  // namespace tidal::query
