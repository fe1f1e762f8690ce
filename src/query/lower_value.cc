// Tokens to values.
#include <charconv>
#include <cmath>
#include <unordered_set>

#include "base/time_text.h"
#include "base/utf8.h"
#include "query/lowering.h"
#include "schema/entity_key.h"
#include "schema/validation.h"

namespace tidal::query {
namespace {

constexpr std::size_t kNameMax = 64;

void append_utf8(std::uint32_t c, std::string& out) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0U | c >> 6);
    put(0x80U | (c & 0x3FU));
  } else if (c < 0x10000) {
    put(0xE0U | c >> 12);
    put(0x80U | (c >> 6 & 0x3FU));
    put(0x80U | (c & 0x3FU));
  } else {
    put(0xF0U | c >> 18);
    put(0x80U | (c >> 12 & 0x3FU));
    put(0x80U | (c >> 6 & 0x3FU));
    put(0x80U | (c & 0x3FU));
  }
}

/// The four hex digits of `\uXXXX` at `at`.
std::optional<std::uint32_t> hex4(std::string_view s, std::size_t at) {
  if (at + 4 > s.size()) return std::nullopt;
  std::uint32_t value = 0;
  const auto [end, failure] = std::from_chars(s.data() + at, s.data() + at + 4, value, 16);
  if (failure != std::errc() || end != s.data() + at + 4) return std::nullopt;
  return value;
}

}  // namespace

std::vector<Ref> Ref::children() const {
  std::vector<Ref> out;
  for (const Ref child : *this) out.push_back(child);
  return out;
}

std::optional<Ref> Ref::find(Tag tag) const {
  for (const Ref child : *this) {
    if (child.is(tag)) return child;
  }
  return std::nullopt;
}

Span Lowering::span(Ref r) const {
  Span s;
  s.offset = where_.offset + r.node().begin;
  s.length = r.node().end - r.node().begin;
  return s;
}

std::string_view Lowering::text(Ref r) const {
  const Span s = span(r);
  return where_.source.substr(s.offset, s.length);
}

std::string Lowering::word_of(Ref r) const {
  std::string out(text(r));
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

void Lowering::fail(Span at, Complaint complaint) {
  if (!error_) error_ = error_at(where_.source, where_.number, at, std::move(complaint));
}

Name Lowering::name(Ref r) {
  Name out;
  out.text = std::string(text(r));
  out.span = span(r);
  if (out.text.size() > kNameMax) fail(out.span, {.message = "a name has at most 64 characters"});
  return out;
}

std::string Lowering::string(Ref r) { return quoted_text(text(r), span(r)); }

std::string Lowering::quoted_text(std::string_view token, Span at) {
  std::string out;
  const auto place = [&](std::size_t i, std::size_t n) {
    Span s;
    s.offset = at.offset + static_cast<std::uint32_t>(i);
    s.length = static_cast<std::uint32_t>(n);
    return s;
  };
  for (std::size_t i = 1; i + 1 < token.size();) {
    const std::size_t n = base::utf8_sequence(token.substr(i));
    if (token[i] == '\\') {
      escape(token, i, at, out);
    } else if (n == 0) {
      fail(place(i, 1), {.message = "the string is not UTF-8"});
      return out;
    } else if (static_cast<unsigned char>(token[i]) < 0x20) {
      fail(place(i, 1), {.message = "a control character in a string",
                         .hint = "write \\t for a tab, \\u0000 to \\u001f for others"});
      return out;
    } else {
      out += token.substr(i, n);
      i += n;
    }
  }
  return out;
}

/// One escape at `at`, which moves behind it.
void Lowering::escape(std::string_view token, std::size_t& at, Span place, std::string& out) {
  const std::size_t begin = at;
  const auto wrong = [&](std::size_t length, const char* message) {
    Span s;
    s.offset = place.offset + static_cast<std::uint32_t>(begin);
    s.length = static_cast<std::uint32_t>(length);
    fail(s, {.message = message, .hint = "escapes are \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u0041"});
  };
  const char c = token[at + 1];
  at += 2;
  constexpr std::string_view kLetters = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
  if (const std::size_t i = kLetters.find(c); i != std::string_view::npos) {
    out += kMeanings[i];
    return;
  }
  const std::optional<std::uint32_t> unit = c == 'u' ? hex4(token, at) : std::nullopt;
  if (!unit) return wrong(2, "an escape that does not exist");
  at += 4;
  if (*unit < 0xD800 || *unit > 0xDFFF) return append_utf8(*unit, out);
  const bool pair = *unit < 0xDC00 && token.substr(at, 2) == "\\u";
  const std::optional<std::uint32_t> low = pair ? hex4(token, at + 2) : std::nullopt;
  if (!low || *low < 0xDC00 || *low > 0xDFFF) return wrong(6, "half of a surrogate pair");
  at += 6;
  append_utf8(0x10000U + ((*unit - 0xD800U) << 10) + (*low - 0xDC00U), out);
}

std::string Lowering::key_text(Ref r) {
  const std::string_view token = text(r).substr(1);
  Span at = span(r);
  ++at.offset;
  std::string out = token.substr(0, 1) == "\"" ? quoted_text(token, at) : std::string(token);
  if (const Status s = schema::check_entity_key(out); !s.ok()) fail(span(r), {.message = s.error().message});
  return out;
}

std::int64_t Lowering::whole(Ref r) {
  const std::string_view token = text(r);
  std::int64_t out = 0;
  const auto [end, failure] = std::from_chars(token.data(), token.data() + token.size(), out);
  if (failure != std::errc() || end != token.data() + token.size()) {
    fail(span(r), {.message = "the whole number is out of range"});
  }
  return out;
}

double Lowering::real(Ref r) {
  const std::string_view token = text(r);
  double out = 0;
  const auto failure = std::from_chars(token.data(), token.data() + token.size(), out).ec;
  if (failure != std::errc() || !std::isfinite(out)) fail(span(r), {.message = "the number is out of range"});
  return out;
}

double Lowering::percent(Ref r) {
  const double out = real(r);  // from_chars stops at the "%"
  if (out > 100) fail(span(r), {.message = "a percentage is at most 100%"});
  return out;
}

double Lowering::signed_real(Ref r) {
  const bool minus = r.first().is(Tag::Op);
  double out = 0;
  for (const Ref child : r) {
    if (child.is(Tag::Real)) out = real(child);
  }
  return minus ? -out : out;
}

Duration Lowering::duration(Ref r) {
  Result<Duration> out = base::parse_duration(text(r));
  if (out.ok()) return *out;
  fail(span(r), {.message = out.error().message});
  return {};
}

Timestamp Lowering::time(Ref r) {
  Result<Timestamp> out = base::parse_time(text(r));
  if (out.ok()) return *out;
  fail(span(r), {.message = out.error().message});
  return {};
}

std::uint32_t Lowering::version(std::string_view digits, Span at) {
  std::uint32_t out = 0;
  const auto failure = std::from_chars(digits.data(), digits.data() + digits.size(), out).ec;
  if (failure != std::errc() || out == 0) fail(at, {.message = "versions count from 1"});
  return out;
}

Literal Lowering::literal(Ref r) {
  switch (r.tag()) {
    case Tag::String: return string(r);
    case Tag::Moment: return time(r);
    case Tag::Duration: return duration(r);
    case Tag::Real:
      if (text(r).find_first_of(".eE") == std::string_view::npos) return whole(r);
      return real(r);
    case Tag::RawKey: return KeyLiteral{key_text(r)};
    case Tag::Param: return param(r);
    default: break;
  }
  if (says(r, "now")) return NowLiteral{};
  return says(r, "true");
}

Key Lowering::key(Ref r) {
  return bindable<std::string>(r, [&](Ref written) { return key_text(written); });
}
Text Lowering::bind_text(Ref r) {
  return bindable<std::string>(r, [&](Ref written) { return string(written); });
}
Word Lowering::word(Ref r) {
  return bindable<std::string>(r, [&](Ref w) { return w.is(Tag::String) ? string(w) : std::string(text(w)); });
}
Number Lowering::number(Ref r) {
  return bindable<double>(r, [&](Ref written) { return signed_real(written); });
}
Whole Lowering::bind_whole(Ref r) {
  return bindable<std::int64_t>(r, [&](Ref written) { return whole(written); });
}
Time Lowering::bind_time(Ref r) {
  return bindable<Timestamp>(r, [&](Ref written) { return time(written); });
}
TimeSpan Lowering::bind_duration(Ref r) {
  return bindable<Duration>(r, [&](Ref written) { return duration(written); });
}

ProfileRef Lowering::profile_ref(Ref r) {
  ProfileRef out;
  out.span = span(r);
  const std::string_view token = text(r);
  const std::size_t at = std::min(token.find('@'), token.size());
  out.name = std::string(token.substr(0, at));
  if (out.name.size() > kNameMax) fail(out.span, {.message = "a name has at most 64 characters"});
  if (at < token.size()) out.version = version(token.substr(at + 1), out.span);
  return out;
}

FieldName Lowering::field_name(Ref r) {
  FieldName out;
  out.span = span(r);
  for (const Ref child : r) {
    if (child.is(Tag::Choice)) out.kind = kind(child);
    if (child.is(Tag::Ident)) out.name = name(child);
  }
  return out;
}

EntityKind Lowering::kind(Ref r) const {
  const std::string word = word_of(r);
  if (word[0] == 'i') return EntityKind::Item;
  return word[0] == 'u' ? EntityKind::User : EntityKind::Creator;
}

WindowRef Lowering::window(Ref r) {
  WindowRef out;
  out.span = span(r);
  if (r.first().is(Tag::Choice)) {
    out.all = true;
  } else {
    out.length = bind_duration(r.first());
  }
  return out;
}

std::vector<Name> Lowering::names(Ref parent) {
  std::vector<Name> out;
  for (const Ref child : parent) {
    if (child.is(Tag::Ident)) out.push_back(name(child));
  }
  return out;
}

std::vector<std::string> Lowering::strings(Ref parent) {
  std::vector<std::string> out;
  for (const Ref child : parent) {
    if (child.is(Tag::String)) out.push_back(string(child));
  }
  return out;
}

Json Lowering::json(Ref r) {
  Json out;
  std::unordered_set<std::string> seen;  // an object may have a hundred thousand members
  out.span = span(r);
  switch (r.tag()) {
    case Tag::JsonObject:
      out.kind = Json::Kind::Object;
      for (const Ref member : r) {
        Name member_name;
        member_name.text = string(member.first());
        member_name.span = span(member.first());
        if (!seen.insert(member_name.text).second) {
          fail(member_name.span,
               {.message = "the member '" + printable(member_name.text, kNameMax) + "' is given twice"});
        }
        const std::vector<Ref> parts = member.children();
        out.items.push_back(json(parts.back()));
        out.member_names.push_back(std::move(member_name));
      }
      return out;
    case Tag::JsonArray:
      out.kind = Json::Kind::Array;
      for (const Ref element : r) out.items.push_back(json(element));
      return out;
    case Tag::String:
      out.kind = Json::Kind::String;
      out.text = string(r);
      return out;
    case Tag::Param:
      out.kind = Json::Kind::Param;
      out.text = param(r).name;
      return out;
    case Tag::JsonNumber:
      if (text(r).find_first_of(".eE") == std::string_view::npos) {
        out.kind = Json::Kind::Integer;
        out.integer = whole(r);
      } else {
        out.kind = Json::Kind::Real;
        out.real = real(r);
      }
      return out;
    default:
      if (text(r) == "null") return out;
      out.kind = Json::Kind::Bool;
      out.boolean = text(r) == "true";
      return out;
  }
}

}  // namespace tidal::query
