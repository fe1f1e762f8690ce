// Splits a script into statements, matches each with the grammar, and lowers it to its value.
#include "query/parser.h"

#include <algorithm>
#include <utility>

#include "query/diagnosis.h"
#include "query/grammar.h"
#include "query/lowering.h"
#include "query/syntax_error.h"

namespace tidal::query {
namespace {

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool is_word_part(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '+' || c == '-';
}

/// Offset of the ";" that ends the statement at the front of `text`, or its size. Strings and comments may hold one.
std::size_t statement_end(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size() && text[i] != ';') {
    if (text[i] == '"') {
      const std::size_t n = string_token(text.substr(i));
      // A string that is not closed ends with its line, so that the statements behind it can still be told apart.
      i = n > 0 ? i + n : std::min(text.find('\n', i), text.size());
    } else if (text[i] == '@') {
      // A key may hold "--".
      for (++i; i < text.size() && is_word_part(text[i]);) ++i;
    } else if (text.substr(i, 2) == "--") {
      i = std::min(text.find('\n', i), text.size());
    } else {
      ++i;
    }
  }
  return i;
}

/// Offset of the first character that is neither blank nor in a comment.
std::size_t skip_gap(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    if (is_blank(text[i])) {
      ++i;
    } else if (text.substr(i, 2) == "--") {
      i = std::min(text.find('\n', i), text.size());
    } else {
      break;
    }
  }
  return i;
}

}  // namespace

ScriptReader::ScriptReader(std::string_view text, const ParseLimits& limits)
    : source_(std::make_shared<const std::string>(text)), limits_(limits) {}

std::optional<Result<Statement>> ScriptReader::next() {
  const std::string_view source = *source_;
  if (source.size() > limits_.script_bytes) {
    if (std::exchange(at_, source.size()) == source.size()) return std::nullopt;
    return Result<Statement>(Error(Code::InvalidArgument,
                                   "the script is longer than " + std::to_string(limits_.script_bytes >> 20) + " MiB"));
  }
  while (at_ < source.size()) {
    const std::size_t begin = at_ + skip_gap(source.substr(at_));
    const std::size_t end = begin + statement_end(source.substr(begin));
    at_ = end < source.size() ? end + 1 : end;
    if (begin == end) continue;
    Span span;
    span.offset = static_cast<std::uint32_t>(begin);
    span.length = static_cast<std::uint32_t>(end - begin);
    return read(span);
  }
  return std::nullopt;
}

Result<Statement> ScriptReader::read(Span span) {
  const std::string_view source = *source_;
  const std::string_view text = source.substr(span.offset, span.length);
  ++number_;
  if (text.size() > limits_.statement_bytes) {
    Span start = span;
    start.length = 1;
    return error_at(source, number_, start,
                    {.message = "the statement is longer than " + std::to_string(limits_.statement_bytes >> 10) +
                                " KiB, got " + std::to_string(text.size() >> 10) + " KiB",
                     .hint = "large values go into parameters, many writes into several statements"});
  }
  const Matched matched = match_statement(text, limits_.nesting);
  if (matched.misfit) return diagnose(source, number_, span, *matched.misfit);
  Lowering::Where where;
  where.source = source;
  where.offset = span.offset;
  where.number = number_;
  Lowering lowering(where, limits_);
  Statement out;
  out.body = lowering.statement(Ref(matched.nodes, 0));
  if (lowering.error()) return *lowering.error();
  out.number = number_;
  out.span.offset = span.offset;
  out.span.length = matched.nodes[0].end;
  out.source = source_;
  return out;
}

Result<Script> parse(std::string_view text, const ParseLimits& limits) {
  ScriptReader reader(text, limits);
  Script out;
  while (std::optional<Result<Statement>> statement = reader.next()) {
    if (!statement->ok()) return std::move(*statement).error();
    out.statements.push_back(std::move(*statement).value());
  }
  return out;
}

bool is_complete(std::string_view text) {
  std::size_t at = 0;
  for (;;) {
    at += skip_gap(text.substr(at));
    if (at == text.size()) return true;
    const std::size_t end = at + statement_end(text.substr(at));
    if (end == text.size()) break;
    at = end + 1;
  }
  // The rest waits for its ";", unless what is wrong with it lies before its end.
  const std::string_view rest = text.substr(at);
  const Matched matched = match_statement(rest, ParseLimits{}.nesting);
  if (!matched.misfit) return false;
  return !matched.misfit->message.empty() || matched.misfit->offset < rest.size();
}

}  // namespace tidal::query
