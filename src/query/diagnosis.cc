// From the farthest place that did not fit to an error that helps.
#include "query/diagnosis.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "query/syntax_error.h"
#include "schema/validation.h"

namespace tidal::query {
namespace {

constexpr std::size_t kFoundCharactersMax = 40;

bool is_word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string upper(std::string_view s) {
  std::string out(s);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

/// Words of other languages, and what says the same here.
struct Foreign {
  std::string_view word;
  std::string_view hint;
};
constexpr Foreign kForeign[] = {
    {"SELECT", "write RETRIEVE: RETRIEVE items FILTER … LIMIT 20"},
    {"FIND", "write RETRIEVE: RETRIEVE items FILTER … LIMIT 20"},
    {"MATCH", "words are found by SEARCH, which is not available yet; RETRIEVE filters fields"},
    {"WHERE", "write FILTER"},
    {"HAVING", "write FILTER; signals may stand there too"},
    {"OFFSET", "there is no OFFSET: pages go on with AFTER \"cursor\""},
    {"SKIP", "there is no SKIP: pages go on with AFTER \"cursor\""},
    {"ORDER", "write SORT BY"},
    {"GROUP", "there is no GROUP BY: one statement answers for one group, chosen by FILTER"},
    {"JOIN", "there are no joins: `creator.name` and `user.country` reach the owner's fields"},
    {"INSERT", "write PUT: PUT item @i1 {\"fields\":{…}}"},
    {"UPSERT", "write PUT: PUT item @i1 {\"fields\":{…}}"},
    {"REPLACE", "write PUT: PUT item @i1 {\"fields\":{…}}"},
    {"SET", "write UPDATE: UPDATE item @i1 {\"fields\":{…}}"},
    {"CREATE", "write DEFINE"},
    {"REMOVE", "write DELETE: DELETE item @i1"},
    {"DEL", "write DELETE: DELETE item @i1"},
    {"TRUNCATE", "there is no TRUNCATE: DELETE takes one entity"},
    {"ZADD", "write SIGNAL: SIGNAL view ON @i1 BY @u1"},
    {"ZINCRBY", "write SIGNAL: SIGNAL view ON @i1 BY @u1"},
    {"INCR", "write SIGNAL: SIGNAL view ON @i1 BY @u1"},
    {"INCRBY", "write SIGNAL: SIGNAL view ON @i1 BY @u1"},
    {"HINCRBY", "write SIGNAL: SIGNAL view ON @i1 BY @u1"},
    {"TRACK", "write SIGNAL: SIGNAL view ON @i1 BY @u1"},
    {"DESCRIBE", "write SHOW: SHOW SCHEMA, SHOW FIELDS"},
    {"LIKE", "there is no LIKE: = compares whole values; words are found by SEARCH, which is not available yet"},
    {"IS", "test with exists(field), or NOT exists(field)"},
    {"NULL", "test with exists(field), or NOT exists(field)"},
    {"STRING", "TEXT is for words, KEYWORD for whole values"},
    {"VARCHAR", "TEXT is for words, KEYWORD for whole values"},
    {"INTEGER", "write INT"},
    {"DOUBLE", "write FLOAT"},
    {"BOOLEAN", "write BOOL"},
    {"DATETIME", "write TIMESTAMP"},
    {"USE", "a database is chosen when it is opened"},
    {"START", "write BEGIN"},
    {"END", "write COMMIT"},
};

/// Everything that is known about the place.
struct Scene {
  std::string_view statement;  // its text
  std::size_t at;              // offset in it
  std::string_view found;      // the token there; "" at the end
  const Misfit& misfit;

  [[nodiscard]] bool expects(std::string_view what) const {
    return std::find(misfit.expected.begin(), misfit.expected.end(), what) != misfit.expected.end();
  }
  [[nodiscard]] bool expects_keyword(std::string_view what) const {
    return std::find(misfit.keywords.begin(), misfit.keywords.end(), what) != misfit.keywords.end();
  }
  /// The statement's n-th word, upper case.
  [[nodiscard]] std::string word(std::size_t n) const {
    std::size_t i = 0;
    for (;;) {
      while (i < statement.size() && is_blank(statement[i])) ++i;
      std::size_t end = i;
      while (end < statement.size() && is_word_char(statement[end])) ++end;
      if (end == i || n-- == 0) return upper(statement.substr(i, end - i));
      i = end;
    }
  }
  /// Anything that an expression may start with.
  [[nodiscard]] bool expects_value() const {
    return expects("a value") || expects("a condition") || expects("an expression");
  }
  [[nodiscard]] std::string found_upper() const { return upper(found); }
};

/// The token at the front of `rest`, roughly, for "unexpected …".
std::string_view token_at(std::string_view rest) {
  if (rest.empty()) return rest;
  const char c = rest[0];
  std::size_t n = 0;
  if (c == '\'') {
    const std::size_t end = rest.find_first_of("'\n", 1);
    return end == std::string_view::npos || rest[end] == '\n' ? rest.substr(0, 1) : rest.substr(0, end + 1);
  }
  if (c == '"') return rest.substr(0, std::max<std::size_t>(1, string_token(rest)));
  if (is_digit(c)) {
    while (n < rest.size() &&
           (is_word_char(rest[n]) || (rest[n] == '.' && n + 1 < rest.size() && is_digit(rest[n + 1])))) {
      ++n;
    }
    return rest.substr(0, n);
  }
  if (c == '@' || c == '$') n = 1;
  while (n < rest.size() && is_word_char(rest[n])) ++n;
  if (n > 0) return rest.substr(0, n);
  for (const std::string_view two : {"==", "<>", "!=", "<=", ">=", "&&", "||", ".."}) {
    if (rest.substr(0, 2) == two) return two;
  }
  return rest.substr(0, std::max<std::size_t>(1, base::utf8_sequence(rest)));
}

bool is_comparison(std::string_view s) {
  return s == "=" || s == "==" || s == "!=" || s == "<>" || s == "<" || s == "<=" || s == ">" || s == ">=";
}

/// Signs that other languages use.
std::string sign_hint(const Scene& s) {
  if (!s.found.empty() && s.found[0] == '\'') {
    std::string inside(s.found.substr(1, s.found.size() > 2 ? s.found.size() - 2 : 0));
    return inside.empty() ? "strings are in double quotes"
                          : "strings are in double quotes: \"" + printable(inside, 40) + "\"";
  }
  if (s.found == "<>" || (s.found == ">" && s.at > 0 && s.statement[s.at - 1] == '<')) return "write !=";
  if (s.found == "&&" || s.found == "&") return "write AND";
  if (s.found == "||" || s.found == "|") return "write OR";
  if (s.found == "!") return "write NOT";
  if (s.found == "`") return "names are not quoted";
  if (s.found == "." && s.expects_value()) return "a number starts with a digit: 0.5";
  if (s.expects("an operator")) {
    if (s.found == "%") return "there is no modulo";
    if (s.found == "^") return "write pow(a, b)";
  }
  if ((s.found == "=" || s.found == "==") && s.at > 0 && s.statement[s.at - 1] == '=') return "compare with a single =";
  if (is_comparison(s.found) && s.expects("an operator")) {
    return "comparisons do not chain: write x BETWEEN 1 AND 5, or 1 < x AND x < 5";
  }
  return "";
}

/// Where something of the right sort was written in the wrong form.
std::string form_hint(const Scene& s) {
  const bool word = !s.found.empty() && is_word_char(s.found[0]);
  const std::string found = printable(s.found, kFoundCharactersMax);
  if (s.expects("a key") && word && !s.expects("item, user or creator")) return "a key starts with @: @" + found;
  if (s.expects("a key") && !s.found.empty() && s.found[0] == '"') return "a key starts with @: @" + found;
  if (s.expects_value() && word && is_digit(s.found[0])) {
    return "numbers are written 12, 0.5 or 1e-3, durations as a whole number and a unit such as 90m";
  }
  if (s.expects_value() && schema::is_reserved(s.found)) return "'" + found + "' is a reserved word";
  if (s.expects("a time")) return "a time is written 2026-11-22 or 2026-11-22T12:00Z";
  if (s.expects("what to show")) return "SHOW SCHEMA, SHOW FIELDS, SHOW SIGNALS, SHOW SORTS …; HELP SHOW lists them";
  if (s.expects("a list of keys") && !s.found.empty() && s.found[0] == '@') return "keys stand in brackets: [@i1, @i2]";
  if (s.expects("a duration") && word && is_digit(s.found[0]) && !s.expects("a number")) {
    return "a duration has a unit, one of ms s m h d w: 50ms, 24h, 7d";
  }
  if (s.expects("a window such as 24h, or all") && word && is_digit(s.found[0])) {
    return "a window has a unit, one of m h d w: 1h, 24h, 7d, 30d";
  }
  if (s.expects("a field such as item.title") && word) return "a field has its kind in front: item." + found;
  if (s.expects("a profile's name") && !s.found.empty() && s.found[0] == '@') {
    return "the profile's name stands before its version: home" + found;
  }
  if (s.expects("a member's name in double quotes") && word)
    return "JSON names its members in double quotes: \"" + found + "\"";
  if (s.expects("a JSON object") && !s.found.empty() && s.found[0] == '@') return "one key, then the object";
  if (s.expects("a percentage") && word) return "a percentage ends with %: 10%";
  if (s.expects("a string in double quotes") && word && !s.expects("an operator"))
    return "strings are in double quotes: \"" + found + "\"";
  if (s.expects("a list in parentheses")) return "write (\"a\", \"b\") or a parameter such as $list";
  return "";
}

/// What a statement as a whole does not allow.
std::string statement_hint(const Scene& s) {
  const std::string found = printable(s.found, kFoundCharactersMax);
  if (s.expects("item, user or creator") &&
      (s.found_upper() == "ITEMS" || s.found_upper() == "USERS" || s.found_upper() == "CREATORS")) {
    return "singular for one: " + found.substr(0, found.size() - 1);
  }
  if (s.expects("items, users or creators") &&
      (s.found_upper() == "ITEM" || s.found_upper() == "USER" || s.found_upper() == "CREATOR")) {
    return "plural for a set: " + found + "s";
  }
  if (s.word(0) == "EXPLAIN" && s.expects("a query")) return "only queries have plans: EXPLAIN RETRIEVE items …";
  if (s.word(0) == "DRY" && s.expects("a change")) return "only changes can be tried: definitions and writes";
  if (s.expects_keyword("ASC") && s.expects_keyword("DESC")) {
    return "only a named sort knows its direction: write ASC or DESC after an expression";
  }
  const bool at_key = !s.found.empty() && (s.found[0] == '@' || s.found[0] == '$');
  if (s.word(0) == "SIGNAL" && s.expects_keyword("ON") && at_key) {
    const std::string name =
        s.word(1) == "ON" ? "like"
                          : printable(s.statement.substr(s.statement.find_first_of(" \t\n") + 1, s.word(1).size()), 64);
    return "write ON before the key: SIGNAL " + name + " ON " + printable(s.found, kFoundCharactersMax);
  }
  const bool retrieve = s.word(0) == "RETRIEVE" && s.expects("a clause");
  if (retrieve && (s.found_upper() == "QUERY" || s.found_upper() == "VECTOR" || s.found_upper() == "FACETS")) {
    return s.found_upper() + " belongs to SEARCH, which is not available yet";
  }
  return "";
}

std::string foreign_hint(const Scene& s) {
  const std::string found = s.found_upper();
  for (const Foreign& f : kForeign) {
    if (f.word == found) return std::string(f.hint);
  }
  return "";
}

/// The keyword that was probably meant. Only a word can be a misspelt one.
std::string nearest_keyword(const Scene& s) {
  if (s.found.size() < 3 || is_digit(s.found[0]) || !is_word_char(s.found[0])) return "";
  std::vector<std::string> known;
  for (const std::string_view word : s.misfit.keywords) {
    if (word.size() > 2) known.emplace_back(word);
  }
  return schema::nearest_name(s.found, known);
}

}  // namespace

Error diagnose(std::string_view source, std::uint32_t number, Span statement, const Misfit& misfit) {
  const std::string_view text = source.substr(statement.offset, statement.length);
  Complaint complaint;
  Span span;
  span.offset = statement.offset + misfit.offset;
  if (!misfit.message.empty()) {
    span.length = misfit.length;
    complaint.message = misfit.message;
    complaint.hint = misfit.hint;
    return error_at(source, number, span, std::move(complaint));
  }
  Scene scene{text, std::min<std::size_t>(misfit.offset, text.size()), "", misfit};
  scene.found = token_at(text.substr(scene.at));
  for (const std::string_view what : misfit.expected) complaint.expected.emplace_back(what);
  if (scene.found.empty()) {
    const bool separated = span.offset < source.size() && source[span.offset] == ';';
    if (!separated) {
      while (span.offset > statement.offset && is_blank(source[span.offset - 1])) --span.offset;
    }
    span.length = 1;
    complaint.message = separated ? "unexpected ';'" : "unexpected end of the statement";
  } else {
    span.length = static_cast<std::uint32_t>(scene.found.size());
    complaint.message =
        "unexpected " + (scene.found[0] == '\'' ? printable(scene.found, kFoundCharactersMax)
                                                : "'" + printable(scene.found, kFoundCharactersMax) + "'");
  }
  for (const auto hint_of : {sign_hint, statement_hint, foreign_hint}) {
    if (complaint.hint.empty()) complaint.hint = hint_of(scene);
  }
  if (complaint.hint.empty()) complaint.nearest = nearest_keyword(scene);
  if (complaint.hint.empty() && complaint.nearest.empty()) complaint.hint = form_hint(scene);
  return error_at(source, number, span, std::move(complaint));
}

}  // namespace tidal::query
