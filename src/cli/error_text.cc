// Drawing the caret picture.
#include "cli/error_text.h"

#include <algorithm>
#include <ostream>

#include "cli/text_width.h"

namespace tidal::cli {
namespace {

/// The first `count` characters of a UTF-8 text.
std::string_view characters(std::string_view text, std::size_t count) {
  std::size_t at = 0;
  while (at < text.size() && count > 0) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
    --count;
  }
  return text.substr(0, at);
}

std::string expectation(const std::vector<std::string>& expected) {
  std::string text;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    text += i == 0 ? "expected " : i + 1 == expected.size() ? " or " : ", ";
    text += expected[i];
  }
  return text;
}

void append_picture(const Terminal& terminal, const ErrorDetail& detail, std::string& out) {
  const std::string number = std::to_string(detail.line);
  const std::string_view before = characters(detail.source_line, detail.column - 1);
  const std::string_view rest = std::string_view(detail.source_line).substr(before.size());
  const std::size_t length = std::max<std::size_t>(display_width(characters(rest, detail.length)), 1);
  out.append("  ").append(number).append(" | ").append(printable(detail.source_line)).append("\n");
  out.append("  ").append(number.size(), ' ').append(" | ").append(display_width(before), ' ');
  out.append(err_style(terminal, Style::Red)).append(length, '^').append(err_style(terminal, Style::Plain));
  if (!detail.expected.empty()) out.append(" ").append(expectation(detail.expected));
  out.append("\n");
}

void append_one(const Terminal& terminal, const Error& error, std::string& out) {
  out.append(err_style(terminal, Style::Red)).append("error[").append(code_name(error.code)).append("]:");
  out.append(err_style(terminal, Style::Plain)).append(" ").append(error.message).append("\n");
  if (error.detail == nullptr) return;
  if (error.detail->line > 0 && error.detail->column > 0 && !error.detail->source_line.empty()) {
    append_picture(terminal, *error.detail, out);
  }
  if (!error.detail->hint.empty()) {
    out.append("  hint: ").append(error.detail->hint).append("\n");
  } else if (!error.detail->nearest.empty()) {
    out.append("  hint: did you mean '").append(error.detail->nearest).append("'?\n");
  }
}

}  // namespace

std::string error_text(const Terminal& terminal, const Error& error) {
  std::string out;
  append_one(terminal, error, out);
  for (const Error& other : error.others) append_one(terminal, other, out);
  return out;
}

Exit fail(const Terminal& terminal, const Error& error) {
  terminal.out.flush();
  terminal.err << error_text(terminal, error) << std::flush;
  return Exit::Failed;
}

void warn(const Terminal& terminal, std::string_view text) {
  terminal.out.flush();
  terminal.err << err_style(terminal, Style::Yellow) << "warning:" << err_style(terminal, Style::Plain) << " " << text
               << "\n"
               << std::flush;
}

}  // namespace tidal::cli
