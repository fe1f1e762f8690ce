// Decoding UTF-8 and the widths of the ranges that are not one column wide.
#include "cli/text_width.h"

#include <array>
#include <cstdint>

namespace tidal::cli {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

struct Range {
  char32_t first;
  char32_t last;
};

// Marks that combine with the character before, and format characters.
constexpr std::array<Range, 12> kZeroWidth = {{{0x0300, 0x036F},
                                               {0x0483, 0x0489},
                                               {0x0591, 0x05BD},
                                               {0x0610, 0x061A},
                                               {0x064B, 0x065F},
                                               {0x1AB0, 0x1AFF},
                                               {0x1DC0, 0x1DFF},
                                               {0x200B, 0x200F},
                                               {0x202A, 0x202E},
                                               {0x2060, 0x2064},
                                               {0x20D0, 0x20FF},
                                               {0xFE00, 0xFE0F}}};
// East Asian Wide and Fullwidth, and emoji.
constexpr std::array<Range, 12> kDoubleWidth = {{{0x1100, 0x115F},
                                                 {0x2E80, 0x303E},
                                                 {0x3041, 0x33FF},
                                                 {0x3400, 0x4DBF},
                                                 {0x4E00, 0x9FFF},
                                                 {0xA000, 0xA4CF},
                                                 {0xAC00, 0xD7A3},
                                                 {0xF900, 0xFAFF},
                                                 {0xFE30, 0xFE6F},
                                                 {0xFF00, 0xFF60},
                                                 {0x1F300, 0x1FAFF},
                                                 {0x20000, 0x3FFFD}}};

template <std::size_t n>
bool in_any(const std::array<Range, n>& ranges, char32_t c) {
  for (const Range& r : ranges) {
    if (c >= r.first && c <= r.last) return true;
  }
  return false;
}

std::size_t width_of(char32_t c) {
  if (c < 0x300) return 1;
  if (in_any(kZeroWidth, c)) return 0;
  return in_any(kDoubleWidth, c) ? 2 : 1;
}

/// Takes one character off the front; a byte that starts no valid character counts as U+FFFD.
char32_t next_character(std::string_view& text) {
  const auto lead = static_cast<std::uint8_t>(text.front());
  const std::size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
  if (length == 0 || lead > 0xF4 || length > text.size()) {
    text.remove_prefix(1);
    return kReplacement;
  }
  if (length == 1) {
    text.remove_prefix(1);
    return lead;
  }
  char32_t c = lead & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    if ((byte & 0xC0) != 0x80) {
      text.remove_prefix(1);
      return kReplacement;
    }
    c = (c << 6) | (byte & 0x3FU);
  }
  const bool overlong = (length == 3 && c < 0x800) || (length == 4 && c < 0x10000);
  text.remove_prefix(length);
  return overlong || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF) ? kReplacement : c;
}

char32_t printable_character(char32_t c) {
  if (c == '\n' || c == '\t' || c == '\r') return ' ';
  return c < 0x20 || (c >= 0x7F && c < 0xA0) ? kReplacement : c;
}

void append(std::string& out, char32_t c) {
  const auto byte = [&out](char32_t b) { out.push_back(static_cast<char>(b)); };
  if (c < 0x80) return byte(c);
  if (c < 0x800) return byte(0xC0 | (c >> 6)), byte(0x80 | (c & 0x3F));
  if (c < 0x10000) return byte(0xE0 | (c >> 12)), byte(0x80 | ((c >> 6) & 0x3F)), byte(0x80 | (c & 0x3F));
  byte(0xF0 | (c >> 18));
  byte(0x80 | ((c >> 12) & 0x3F));
  byte(0x80 | ((c >> 6) & 0x3F));
  byte(0x80 | (c & 0x3F));
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) width += width_of(printable_character(next_character(text)));
  return width;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) append(out, printable_character(next_character(text)));
  return out;
}

std::string fit(std::string_view text, std::size_t columns) {
  std::string out;
  std::size_t width = 0;
  std::size_t keep = 0;  // bytes of `out` that leave room for the ellipsis
  while (!text.empty()) {
    const char32_t c = printable_character(next_character(text));
    width += width_of(c);
    if (width > columns) {
      out.resize(keep);
      return out + "…";
    }
    append(out, c);
    if (width + 1 <= columns) keep = out.size();
  }
  return out;
}

}  // namespace tidal::cli
