// UTF-8: is it valid, and how many characters is it.   Threads: pure functions.
#pragma once

#include <cstddef>
#include <string_view>

namespace tidal::base {

/// Bytes of the well-formed sequence at the front of `s`; 0 when there is none (overlong forms, surrogates, values
/// above U+10FFFF and cut sequences are not well-formed).
[[nodiscard]] constexpr std::size_t utf8_sequence(std::string_view s) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(s[i])); };
  const auto tail = [&](std::size_t i) { return i < s.size() && (at(i) & 0xC0U) == 0x80U; };
  if (s.empty()) return 0;
  const unsigned lead = at(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4 || !tail(1)) return 0;
  if (lead < 0xE0) return 2;
  if (!tail(2)) return 0;
  const unsigned second = at(1);
  if (lead < 0xF0) {
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second >= 0xA0)) return 0;
    return 3;
  }
  if (!tail(3) || (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second >= 0x90)) return 0;
  return 4;
}

[[nodiscard]] constexpr bool is_utf8(std::string_view s) {
  while (!s.empty()) {
    const std::size_t n = utf8_sequence(s);
    if (n == 0) return false;
    s.remove_prefix(n);
  }
  return true;
}

/// Characters in `s`; a byte that belongs to no well-formed sequence counts as one.
[[nodiscard]] constexpr std::size_t utf8_length(std::string_view s) {
  std::size_t count = 0;
  while (!s.empty()) {
    const std::size_t n = utf8_sequence(s);
    s.remove_prefix(n == 0 ? 1 : n);
    ++count;
  }
  return count;
}

}  // namespace tidal::base
