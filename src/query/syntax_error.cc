// Errors that point into a statement.
#include "query/syntax_error.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace tidal::query {
namespace {

// A longer line (a script without line breaks) is not kept; line and column still say where the error is.
constexpr std::size_t kSourceLineBytesMax = 64 * 1024;
// What a terminal shows of a line: up to this many characters, the caret among them.
constexpr std::size_t kPictureWidth = 120;
constexpr std::size_t kBeforeCaret = 60;
constexpr std::size_t kWholeLine = ~std::size_t{0};

/// Byte offset of the n-th character.
std::size_t skip_characters(std::string_view s, std::size_t n) {
  std::size_t at = 0;
  while (n-- > 0 && at < s.size()) at += std::max<std::size_t>(1, base::utf8_sequence(s.substr(at)));
  return at;
}

void draw(const ErrorDetail& detail, std::string& out) {
  if (detail.line == 0) return;
  const std::string number = std::to_string(detail.line);
  const std::string margin = "  " + std::string(number.size(), ' ') + " | ";
  const std::size_t before = detail.column - 1;
  const std::string expected = detail.expected.empty() ? "" : " expected " + join_alternatives(detail.expected);
  if (detail.source_line.empty() && before > 0) {
    out += "  line " + number + ", column " + std::to_string(detail.column) + expected + "\n";
    return;
  }
  const std::size_t hidden = before > kPictureWidth - kBeforeCaret / 2 ? before - kBeforeCaret : 0;
  const std::string_view line = detail.source_line;
  const std::string_view rest = line.substr(skip_characters(line, hidden));
  const std::string_view shown = rest.substr(0, skip_characters(rest, kPictureWidth));
  const std::string_view lead = hidden > 0 ? "…" : "";
  out +=
      "  " + number + " | " + std::string(lead) + std::string(shown) + (shown.size() < rest.size() ? "…" : "") + "\n";
  out += margin + (hidden > 0 ? " " : "");
  const std::string_view under = shown.substr(0, skip_characters(shown, before - hidden));
  for (std::size_t at = 0; at < under.size(); at += std::max<std::size_t>(1, base::utf8_sequence(under.substr(at)))) {
    out += under[at] == '\t' ? '\t' : ' ';
  }
  const std::size_t room = kPictureWidth > before - hidden ? kPictureWidth - (before - hidden) : 1;
  out += std::string(std::clamp<std::size_t>(detail.length, 1, room), '^') + expected + "\n";
}

}  // namespace

std::string printable(std::string_view text, std::size_t characters_max) {
  std::string out;
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); ++count) {
    if (count == characters_max) return out + "…";
    const std::size_t n = base::utf8_sequence(text.substr(at));
    const auto lead = static_cast<unsigned char>(text[at]);
    const bool c1 = n == 2 && lead == 0xC2 && static_cast<unsigned char>(text[at + 1]) < 0xA0;
    if (n == 0 || c1 || (lead < 0x20 && lead != '\t') || lead == 0x7F) {
      out += '?';
    } else {
      out += text.substr(at, n);
    }
    at += std::max<std::size_t>(1, n);
  }
  return out;
}

std::string join_alternatives(const std::vector<std::string>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += words.size() > 2 ? ", " : " ";
    if (i > 0 && i + 1 == words.size()) out += "or ";
    out += words[i];
  }
  return out;
}

Error error_at(std::string_view source, std::uint32_t statement, Span span, Complaint complaint) {
  const std::size_t offset = std::min<std::size_t>(span.offset, source.size());
  const std::string_view before = source.substr(0, offset);
  const std::size_t line_begin = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  const std::size_t line_end = std::min(source.find('\n', offset), source.size());
  const std::string_view line = source.substr(line_begin, line_end - line_begin);
  ErrorDetail detail;
  detail.statement = statement;
  detail.line = static_cast<std::uint32_t>(std::count(before.begin(), before.end(), '\n') + 1);
  detail.column = static_cast<std::uint32_t>(base::utf8_length(source.substr(line_begin, offset - line_begin)) + 1);
  const std::size_t length = std::min<std::size_t>(span.length, line_end - offset);
  detail.length =
      static_cast<std::uint32_t>(std::max<std::size_t>(1, base::utf8_length(source.substr(offset, length))));
  if (line.size() <= kSourceLineBytesMax) {
    detail.source_line = printable(line.substr(0, line.find_last_not_of('\r') + 1), kWholeLine);
  }
  detail.expected = std::move(complaint.expected);
  if (complaint.hint.empty() && !complaint.nearest.empty())
    complaint.hint = "did you mean '" + complaint.nearest + "'?";
  detail.nearest = std::move(complaint.nearest);
  detail.hint = std::move(complaint.hint);
  return Error(complaint.code, std::move(complaint.message), std::move(detail));
}

Error error_at(const Statement& statement, Span span, Complaint complaint) {
  if (statement.source) return error_at(*statement.source, statement.number, span, std::move(complaint));
  Error error = error_at(std::string_view(), statement.number, Span{}, std::move(complaint));
  ErrorDetail detail = *error.detail;
  detail.line = detail.column = detail.length = 0;
  error.detail = std::make_shared<const ErrorDetail>(std::move(detail));
  return error;
}

std::string render(const Error& error) {
  std::string out = "error[" + std::string(code_name(error.code)) + "]: " + error.message + "\n";
  if (error.detail) {
    draw(*error.detail, out);
    if (!error.detail->hint.empty()) out += "  hint: " + error.detail->hint + "\n";
  }
  for (const Error& other : error.others) out += render(other);
  return out;
}

}  // namespace tidal::query
