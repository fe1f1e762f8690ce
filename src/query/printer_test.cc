// R1: whatever parses prints as text that parses to the same. Random statements, from pieces of every kind.
#include "query/printer.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "query/parser.h"
#include "query/syntax_error.h"

namespace tidal::query {
namespace {

int below(int n) { return *rc::gen::inRange(0, n); }
bool coin() { return below(2) == 1; }

template <class... T>
std::string one_of(T... words) {
  const std::string all[] = {words...};
  return all[static_cast<std::size_t>(below(sizeof...(T)))];
}

std::string name() { return one_of("view", "like", "category", "length", "_x1", "value", "Query", "all", "score"); }
std::string number() { return one_of("0", "12", "0.5", "3.0", "1e-3", "2.5E+7", "9223372036854775807"); }
std::string duration() { return one_of("50ms", "90s", "5m", "24h", "7d", "2w"); }
std::string text() { return one_of("\"\"", "\"jazz\"", R"("a \"b\" \\ \/ \u00e4 \ud83c\udfb9 \n")", "\"ünï; -- x\""); }
std::string key() { return one_of("@u1", "@a.b-c", "@\"user:7\"", "@\"two words\"", "@0", "$user"); }
std::string word() { return one_of("US", "18-24", "65+", "pt-BR", "0.6", "\"two words\"", "$w", "500"); }
std::string time() {
  return one_of("2026-11-22", "2026-11-22T12:00Z", "2026-11-22T12:00:00.5+01:00", "0000-01-01", "$t");
}

std::string literal() {
  switch (below(7)) {
    case 0: return one_of("true", "FALSE", "now");
    case 1: return text();
    case 2: return one_of("2026-11-22", "2026-11-22T12:00:00.123456Z");
    case 3: return duration();
    case 4: return key();
    default: return number();
  }
}

template <class F>
std::string list(F one, const char* glue = ", ") {
  std::string out = one();
  for (int i = below(3); i > 0; --i) out += glue + one();
  return out;
}

std::string expr(int depth);

std::string path(int depth) {
  std::string out = name();
  if (coin()) out += "." + name();
  if (coin() && depth > 0) {
    const auto arg = [&] { return below(3) == 0 ? name() + ":" + word() : expr(depth - 1); };
    out += "(" + (coin() ? list(arg) : "") + ")";
  } else if (out == "all") {
    out = "view";
  }
  return out;
}

std::string primary(int depth) {
  switch (below(depth > 0 ? 6 : 4)) {
    case 0: return literal();
    case 1: return name() + ":" + word();
    case 4: return "(" + list([&] { return expr(depth - 1); }) + ")";
    case 5: return "- " + (coin() ? primary(depth - 1) : "(" + expr(depth - 1) + ")");  // "--" is a comment
    default: return path(depth);
  }
}

std::string sum(int depth) {
  std::string out = primary(depth);
  for (int i = below(3); i > 0; --i) out += " " + one_of("+", "-", "*", "/") + " " + primary(depth);
  return out;
}

std::string compare(int depth) {
  const std::string left = (below(6) == 0 ? "NOT " : "") + sum(depth);
  const auto element = [] { return coin() ? literal() : "-" + one_of("5", "0.25", "7d"); };
  const auto values = [&] { return coin() ? "$list" : "(" + list(element) + ")"; };
  switch (below(6)) {
    case 0: return left + " " + one_of("=", "!=", "<", "<=", ">", ">=") + " " + sum(depth);
    case 1: return left + one_of(" IN ", " NOT IN ", " in ") + values();
    case 2: return left + " ALL " + values();
    case 3: return left + one_of(" BETWEEN ", " NOT between ") + sum(depth) + " AND " + sum(depth);
    default: return left;
  }
}

std::string expr(int depth) {
  std::string out = compare(depth);
  for (int i = below(3); i > 0; --i) out += one_of(" AND ", " OR ", " and ") + compare(depth);
  return out;
}

std::string condition() {
  return list([] { return expr(2); });
}
std::string call(bool with_word) {
  std::string out = one_of("ann", "max_per", "trending");
  if (coin()) out += "(" + list([] { return coin() ? "limit:" + word() : expr(1); }) + ")";
  return out + (with_word && coin() ? ":" + word() : "");
}
std::string cohort() { return "COHORT " + condition() + one_of("", " EXACT", " EXACT STRICT", " strict"); }
std::string window() { return "WINDOW " + one_of("all", "24h", "$w"); }

std::string query(int depth);

std::string within(int depth) {
  if (depth > 0 && coin()) return "WITHIN (" + query(depth - 1) + ")";
  return "WITHIN " + one_of("FOLLOWING", "TRENDING", "trending " + cohort(), "TRENDING " + window() + " " + cohort());
}

std::string with() {
  return "WITH " + list([] {
           static int turn = 0;
           switch (turn++ % 3) {
             case 0: return "fields(" + one_of("", "*", "title, length") + ")";
             case 1: return "signals(" + list([] { return expr(1); }) + ")";
             default: return std::string("highlights");
           }
         });
}

/// Clauses in a random order, each with an even chance.
std::string query(int depth) {
  std::vector<std::string> clauses = {"FOR USER " + key(),
                                      "FOR ITEM " + key(),
                                      "CONTEXT home",
                                      "SIMILAR TO " + list(key),
                                      "FROM " + list([] { return call(false); }),
                                      "FILTER " + condition(),
                                      "EXCLUDE " + one_of("[]", "$keys", "[@a, @\"b c\", $d]"),
                                      within(depth),
                                      "DIVERSITY " + list([] { return call(true); }),
                                      "EXPLORE " + one_of("10%", "2.5% BY thompson", "0% by EPSILON"),
                                      "MIN SCORE " + expr(1),
                                      "RECORD IMPRESSIONS",
                                      "AS OF " + time(),
                                      "DEADLINE " + duration(),
                                      "AFTER " + text(),
                                      "LIMIT " + one_of("1", "1000", "$n")};
  clauses.push_back(coin() ? "USING PROFILE " + one_of("home", "home@2")
                           : "SORT BY " + one_of("hot", "near(5)", expr(1) + " DESC", expr(1) + " asc"));
  // A COHORT or WINDOW behind TRENDING would belong to it, so those of the query come first.
  std::string out = one_of("RETRIEVE ", "retrieve ") + one_of("items", "users", "creators");
  if (coin())
    out = "SEARCH items QUERY " + text() + (coin() ? " VECTOR content:[1, -0.5, $x]" : " VECTOR $v FACETS a:10, b");
  if (coin()) out += " " + cohort();
  if (coin()) out += " " + window();
  const std::vector<std::size_t> order = *rc::gen::container<std::vector<std::size_t>>(
      clauses.size() * 2, rc::gen::inRange<std::size_t>(0, clauses.size()));
  std::vector<bool> used(clauses.size(), false);
  for (const std::size_t i : order) {
    if (used[i]) continue;
    used[i] = true;
    if (coin()) out += (coin() ? " " : "\n-- a comment; \"\n ") + clauses[i];
  }
  return out;
}

std::string json(int depth) {
  switch (below(depth > 0 ? 8 : 6)) {
    case 0: return text();
    case 1: return one_of("0", "-1", "12.5", "-1e3", "9223372036854775807");
    case 2: return one_of("true", "false", "null");
    case 3: return "$p";
    case 6: return "[" + (coin() ? list([&] { return json(depth - 1); }) : "") + "]";
    case 7: return "{\"a\": " + json(depth - 1) + ", \"b c\" :" + json(depth - 1) + "}";
    default: return text();
  }
}

std::string signal_options() {
  std::string out;
  if (coin()) out += " ROLE view, positive";
  if (coin()) out += " VELOCITY";
  if (coin()) out += " VALUE " + one_of("0..", "-1..1", "0.5..5", "1e-3..");
  if (coin()) out += " DECAY " + one_of("none", "exponential(7d)", "linear(90m)");
  if (coin()) out += " UNIQUE";
  if (coin()) out += " WINDOWS 1h, 24h";
  if (coin()) out += " SCOPE user, global";
  if (coin())
    out += " EFFECTS preference " + one_of("+", "-") + "0.1 * " + primary(1) + " WHEN " + expr(1) + ", creator - " +
           primary(1) + ", mark seen";
  return out;
}

std::string write() {
  switch (below(6)) {
    case 0:
      return "SIGNAL view ON " + key() + " BY " + key() + " KEY " + text() + " VALUE -0.5 WEIGHT $w AT " + time() +
             " CONTEXT {\"surface\":" + json(1) + "}";
    case 1: return one_of("PUT", "update") + " item " + key() + " {\"fields\":" + json(3) + "}";
    case 2: return "UNSIGNAL like ON @i1 BY @u1 AT " + time();
    case 3: return one_of("RELATE @u1 follows @c1 WEIGHT 0.5", "UNRELATE @u1 follows @c1 AT 2026-01-01");
    case 4: return one_of("HIDE creator @c1 REASON \"x\"", "UNHIDE item @i1", "DELETE user @u1", "FORGET USER @u1");
    default: return "DELETE item " + key();
  }
}

std::string define() {
  switch (below(9)) {
    case 0:
      return "FIELD user.age " + one_of("INT", "KEYWORD[]", "TEXT") +
             one_of("", " REQUIRED INDEXED", " DEFAULT -5", " SEARCHABLE BOOST 0.5 LANGUAGE \"en\" DIMENSION");
    case 1: return "EMBEDDING item.content SIZE 384 STORAGE f16 METRIC dot RESCORE PREFERENCE";
    case 2: return "SIGNAL s" + one_of("", " ON creators") + signal_options();
    case 3: return "RELATION follows FROM user TO creator HALF LIFE 30d EXCLUDES feeds" + signal_options();
    case 4: return "DIMENSION age_group ON user.age ALIAS age BUCKETS 0-17, 65+, dach(\"DE\", \"AT\")";
    case 5: return "COHORT c AS " + condition() + one_of("", " UNTIL a < 3", " BACKFILL", " UNTIL b BACKFILL 30d");
    case 6:
      return "PROFILE home@2 ON items EXTENDS home BASE " + expr(2) + " GATE " + condition() +
             " COLD START impressions:100 COMPOSE " + expr(1) + " EXPLORE 10% PER CREATOR 2% DIVERSITY mmr:0.7 DRAFT";
    case 7: return "EXPERIMENT e ON PROFILE p SPLIT p@1:90, p@2:10 OUTCOMES like";
    default: return "SYNONYM ps5 AS \"ps5\", \"ps 5\" TO \"playstation 5\"";
  }
}

std::string statement() {
  switch (below(10)) {
    case 0: return "EXPLAIN " + one_of("", "ANALYZE ", "ITEM @i1 IN ") + query(1);
    case 1: return write();
    case 2: return "DEFINE " + define();
    case 3: return "DRY RUN " + one_of(write(), "DEFINE " + define(), "DROP SIGNAL like FORCE");
    case 4:
      return "HISTORY OF view, like ON " + one_of("", "creator ") + key() + " BY hour UNTIL 2026-01-01 WINDOW 7d " +
             cohort();
    case 5:
      return one_of("SHOW SCHEMA VERSION 3", "SHOW SCHEMA CHANGES", "SHOW RELATIONS OF user @u1", "SHOW PROFILE home@2",
                    "SHOW COHORT c", "SHOW SOURCES", "show stats");
    case 6:
      return one_of("BEGIN", "COMMIT", "ROLLBACK", "EXPORT USER @u1", "CANCEL MIGRATION $n", "HELP", "HELP RETRIEVE",
                    "GET item @i1 " + with());
    case 7:
      return "ALTER " +
             one_of("FIELD item.a NOT INDEXED SEARCHABLE", "SIGNAL s NOT VELOCITY" + std::string(" DECAY none"),
                    "SETTINGS seen_expires:90d, x:$y", "PROFILE p SERVE @2", "EXPERIMENT e STOP") +
             one_of("", " FROM HISTORY", " FORCE");
    case 8: return "SUGGEST " + text() + " LIMIT 5 FOR USER " + key();
    default: return query(2);
  }
}

TEST(Printer, PrintsWhatParsesToTheSame) {  // R1
  std::size_t accepted = 0;
  EXPECT_TRUE(rc::check([&] {
    const std::string source = statement();
    RC_LOG() << source;
    const Result<Script> script = parse(source);
    if (!script.ok()) RC_FAIL(render(script.error()));
    ++accepted;
    const std::string printed = print(*script);
    const Result<Script> again = parse(printed);
    if (!again.ok()) RC_FAIL(printed + render(again.error()));
    if (!(*again == *script)) RC_FAIL("other meaning: " + printed);
    RC_ASSERT(print(*again) == printed);
  }));
  EXPECT_GE(accepted, 100U);
}

std::string canonical(const std::string& text) {
  const Result<Script> script = parse(text);
  return script.ok() ? print(script->statements.at(0)) : render(script.error());
}

TEST(Printer, WritesClausesInCanonicalOrder) {
  EXPECT_EQ(canonical("retrieve items limit 5 filter a and (b or c), d after \"x\" for user @u1"),
            "RETRIEVE items FOR USER @u1 FILTER a, b OR c, d AFTER \"x\" LIMIT 5");
}

TEST(Printer, KeepsMeaningWithTheFewestParentheses) {
  EXPECT_EQ(canonical("RETRIEVE items SORT BY ((a + b)) * c - (d - e) - (-(-5)) DESC"),
            "RETRIEVE items SORT BY (a + b) * c - (d - e) - - -5 DESC");
  EXPECT_EQ(canonical("RETRIEVE items FILTER NOT (a, b) OR (c = 1)"), "RETRIEVE items FILTER NOT (a AND b) OR c = 1");
}

}  // namespace
}  // namespace tidal::query
