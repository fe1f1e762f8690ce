// Scripts: where statements begin and end, limits, and input meant to break the parser.
#include "query/parser.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/case_stride_for_test.h"
#include "query/syntax_error.h"

namespace tidal::query {
namespace {

std::string repeat(const std::string& s, std::size_t n) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) out += s;
  return out;
}

TEST(Script, SplitsAtSemicolonsOutsideOfStringsAndComments) {
  const auto script = parse(";; SUGGEST \"a;b\" ; -- one; two\nHELP;HELP");
  ASSERT_TRUE(script.ok());
  ASSERT_EQ(script->statements.size(), 3U);
  EXPECT_EQ(script->statements[0].text(), "SUGGEST \"a;b\"");
  EXPECT_EQ(script->statements[2].number, 3U);
}

TEST(Script, KeysMayHoldTwoDashes) {
  const auto script = parse("RETRIEVE items FOR USER @a--b FILTER x:c-d; HELP");
  ASSERT_TRUE(script.ok()) << render(script.error());
  EXPECT_EQ(script->statements.size(), 2U);
}

TEST(Script, ACommentMayTouchWhatStandsBeforeIt) {
  for (const std::string statement :
       {"RETRIEVE items DIVERSITY max_per_creator:2--two; at most\n", "RETRIEVE items FILTER x:pt-BR--; a\n",
        "SEARCH items QUERY \"a\" FACETS category:10--; a\n", "PUT item @a {\"fields\":{\"n\":5--; a\n}}",
        "PUT item @a {\"fields\":{\"n\":true--; a\n}}", "SIGNAL view ON @a AT 2026-11-22T12:00--; a\n",
        "DEFINE DIMENSION d ON user.age BUCKETS 0-17--; a\n", "ALTER SETTINGS hot_gravity:2--; a\n"}) {
    const auto script = parse(statement + ";HELP");
    ASSERT_TRUE(script.ok()) << render(script.error());
    EXPECT_EQ(script->statements.size(), 2U) << statement;
    EXPECT_TRUE(is_complete(statement + ";")) << statement;
  }
}

TEST(Script, GoesOnBehindAWrongStatement) {
  ScriptReader reader("HELP;\nSELECT 1;\nSUGGEST \"open;\nHELP;");
  ASSERT_TRUE(reader.next()->ok());
  EXPECT_EQ(reader.next()->error().detail->line, 2U);
  EXPECT_EQ(reader.next()->error().detail->line, 3U);
  EXPECT_FALSE(reader.next().has_value());
}

TEST(Script, CountsLinesAndCharacters) {
  const auto script = parse("HELP;\r\n-- ünï\n  RETRIEVE items FILTER a = \"ünï\", b FLITER c");
  ASSERT_FALSE(script.ok());
  EXPECT_EQ(script.error().detail->line, 3U);
  EXPECT_EQ(script.error().detail->column, 38U);
  EXPECT_EQ(script.error().detail->statement, 2U);
}

TEST(Script, KnowsWhenAPromptShouldGoOn) {
  EXPECT_TRUE(is_complete(""));
  EXPECT_TRUE(is_complete("  -- nothing\n"));
  EXPECT_TRUE(is_complete("HELP;"));
  EXPECT_TRUE(is_complete("HELP; -- done"));
  EXPECT_FALSE(is_complete("RETRIEVE items"));
  EXPECT_FALSE(is_complete("RETRIEVE items FILTER (a,"));
  EXPECT_FALSE(is_complete("PUT item @i1 {\"fields\":{"));
  EXPECT_FALSE(is_complete("HELP; RETRIEVE items LIMIT"));
  EXPECT_TRUE(is_complete("SELECT * FROM items"));
  EXPECT_TRUE(is_complete("SUGGEST \"pia"));
}

TEST(ParserLimits, EachIsNamed) {
  const auto message = [](const std::string& text) {
    const auto script = parse(text);
    return script.ok() ? "accepted" : script.error().message;
  };
  EXPECT_EQ(message("RETRIEVE items LIMIT 1000"), "accepted");
  EXPECT_EQ(message("RETRIEVE items LIMIT 1001"), "LIMIT is at most 1,000");
  EXPECT_EQ(message("RETRIEVE items EXCLUDE [@i1" + repeat(",@i1", 9'999) + "]"), "accepted");
  EXPECT_EQ(message("RETRIEVE items EXCLUDE [@i1" + repeat(",@i1", 10'000) + "]"),
            "EXCLUDE takes at most 10,000 keys, got 10,001");
  EXPECT_EQ(message("RETRIEVE items" + repeat(" WITHIN (RETRIEVE items", 4) + repeat(")", 4)), "accepted");
  EXPECT_EQ(message("RETRIEVE items" + repeat(" WITHIN (RETRIEVE items", 5) + repeat(")", 5)),
            "WITHIN is nested deeper than 4 levels");
  EXPECT_EQ(message("RETRIEVE items FILTER " + repeat("(", 64) + "a" + repeat(")", 64)), "accepted");
  EXPECT_EQ(message("RETRIEVE items FILTER " + repeat("(", 65) + "a" + repeat(")", 65)),
            "nested deeper than 64 levels");
  EXPECT_EQ(message("RETRIEVE items FILTER a" + repeat("+a", 2'000)), "accepted");
  EXPECT_EQ(message("RETRIEVE items FILTER a" + repeat("+a", 2'100)), "the expression has more than 4096 nodes");
  EXPECT_NE(message("SUGGEST \"" + std::string(std::size_t{1} << 20, 'x') + "\"").find("longer than 1024 KiB"),
            std::string::npos);
  EXPECT_EQ(message("HELP; SUGGEST \"" + std::string((std::size_t{1} << 20) - 12, 'x') + "\""), "accepted");
}

TEST(HostileInput, DeepNestingIsRefusedWithoutDeepRecursion) {
  const std::size_t n = 200'000;
  for (const std::string open : {"(", "NOT ", "-", "- ", "f(", "a + (", "[", "{\"a\":"}) {
    EXPECT_FALSE(parse("RETRIEVE items FILTER " + repeat(open, n)).ok());
    EXPECT_FALSE(parse("PUT item @i1 {\"a\":" + repeat(open, n)).ok());
    EXPECT_FALSE(parse("RETRIEVE items SORT BY " + repeat(open, n) + "a").ok());
  }
  EXPECT_FALSE(parse(repeat("RETRIEVE items WITHIN (", 10'000)).ok());
}

TEST(HostileInput, AMebibyteOfAnythingEnds) {
  const std::size_t n = (std::size_t{1} << 20) / base::kCaseStride - 64;
  for (const std::string piece :
       {"a,", "a AND ", "1+", "\"x\",", "@i1,", "$p,", "a.", "x:y,", "--\n", "\n", "\\", "'", "\xFF"}) {
    (void)parse("RETRIEVE items FILTER " + repeat(piece, n / piece.size())).ok();
    (void)parse("PUT item @i1 {\"a\":[" + repeat(piece, n / piece.size())).ok();
  }
  // Members are looked up in less than quadratic time.
  std::string object = "PUT item @i1 {\"x\":0";
  for (int i = 0; object.size() < n - 32; ++i) object += ",\"" + std::to_string(i) + "\":0";
  EXPECT_TRUE(parse(object + "}").ok());
}

TEST(HostileInput, BytesThatAreNoTextAreRefused) {
  EXPECT_FALSE(parse(std::string("RETRIEVE items\0", 15)).ok());
  EXPECT_FALSE(parse("SUGGEST \"\xC3\x28\"").ok());
  EXPECT_FALSE(parse("SUGGEST \"\xED\xA0\x80\"").ok());
  EXPECT_FALSE(parse("SUGGEST \"a\tb\"").ok());
  EXPECT_FALSE(parse(std::string("SUGGEST \"a\0b\"", 13)).ok());
  EXPECT_FALSE(parse("RETRIEVE items FOR USER @\"\xFF\"").ok());
  const auto script = parse("RETRIEVE \xFF\x1B[31m items");
  ASSERT_FALSE(script.ok());
  EXPECT_EQ(render(script.error()).find('\x1B'), std::string::npos);
  EXPECT_EQ(render(script.error()).find('\xFF'), std::string::npos);
}

TEST(HostileInput, RandomBytesNeitherCrashNorLoop) {
  EXPECT_TRUE(rc::check([](const std::string& bytes) {
    (void)parse(bytes).ok();
    (void)is_complete(bytes);
    (void)parse_json_object(bytes).ok();
  }));
  // Pieces of statements in any order, which get further.
  EXPECT_TRUE(rc::check([] {
    std::string text;
    for (int i = *rc::gen::inRange(0, 30); i > 0; --i) {
      text += *rc::gen::element<std::string>("RETRIEVE items", "FILTER", "SORT BY", "a", "(", ")", ",", "=", "NOT",
                                             "AND", "IN", "\"s\"", "12", "24h", "@k", "$p", ":", ".", "-", "{", "}",
                                             "[", "]", "DEFINE SIGNAL", "EFFECTS", "mark", "WHEN", ";", "--", "\n",
                                             "\"", "'", "\\", "WITHIN", "COHORT", "%");
      text += " ";
    }
    const auto script = parse(text);
    if (!script.ok()) RC_ASSERT(!render(script.error()).empty());
  }));
}

TEST(ErrorPicture, LooksAsDocumented) {
  const auto script = parse("HELP;\nRETRIEVE items\n\tFLITER unseen;");
  ASSERT_FALSE(script.ok());
  EXPECT_EQ(render(script.error()),
            "error[InvalidArgument]: unexpected 'FLITER'\n"
            "  3 | \tFLITER unseen;\n"
            "    | \t^^^^^^ expected a clause or the end\n"
            "  hint: did you mean 'FILTER'?\n");
}

TEST(ErrorPicture, ShowsTheCaretInALongLine) {
  const auto script =
      parse("RETRIEVE items FILTER a = \"" + std::string(5'000, 'x') + "\" FLITER b" + std::string(500, ' '));
  ASSERT_FALSE(script.ok());
  EXPECT_EQ(script.error().detail->column, 5'030U);
  const std::string picture = render(script.error());
  EXPECT_NE(picture.find("FLITER b"), std::string::npos);
  EXPECT_LT(picture.size(), 600U);
}

}  // namespace
}  // namespace tidal::query
