// Widths, numbers, errors, tables: what people see, letter by letter.
#include <gtest/gtest.h>

#include <sstream>

#include "cli/error_text.h"
#include "cli/params.h"
#include "cli/progress.h"
#include "cli/quantity_text.h"
#include "cli/table.h"
#include "cli/text_width.h"

namespace tidal::cli {
namespace {

struct Streams {
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  Terminal terminal{.in = in, .out = out, .err = err};
};

TEST(TextWidth, CountsColumnsNotBytes) {
  EXPECT_EQ(display_width("plain"), 5U);
  EXPECT_EQ(display_width("Amélie"), 6U);
  EXPECT_EQ(display_width("Ame\xCC\x81lie"), 6U) << "a combining accent takes no column";
  EXPECT_EQ(display_width("千と千尋"), 8U);
  EXPECT_EQ(display_width("\xF0\x9F\x8E\xB9"), 2U) << "an emoji takes two";
  EXPECT_EQ(display_width("\xFF\xFE"), 2U);
}

TEST(TextWidth, LetsNoControlCharacterThrough) {
  EXPECT_EQ(printable("a\x1b[31mb"), "a\xEF\xBF\xBD[31mb");
  EXPECT_EQ(printable("a\nb\tc"), "a b c");
  EXPECT_EQ(printable("\xC2\x9B"
                      "2J"),
            "\xEF\xBF\xBD"
            "2J")
      << "the eight-bit form of an escape";
  EXPECT_EQ(printable("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD") << "overlong";
}

TEST(TextWidth, CutsWithAnEllipsis) {
  EXPECT_EQ(fit("short", 5), "short");
  EXPECT_EQ(fit("longer", 5), "long…");
  EXPECT_EQ(fit("千と千尋", 8), "千と千尋");
  EXPECT_EQ(fit("千と千尋", 7), "千と千…");
  EXPECT_EQ(fit("千と千尋", 6), "千と…") << "half a character is not shown";
  EXPECT_EQ(fit("abc", 1), "…");
}

TEST(QuantityText, ReadsLikeAPersonWroteIt) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1204551), "1,204,551");
  EXPECT_EQ(counted(1, "item"), "1 item");
  EXPECT_EQ(counted(4812, "candidate"), "4,812 candidates");
  EXPECT_EQ(elapsed_text(83), "83 µs");
  EXPECT_EQ(elapsed_text(1900), "1.9 ms");
  EXPECT_EQ(elapsed_text(2'400'000), "2.4 s");
  EXPECT_EQ(bytes_text(512), "512 B");
  EXPECT_EQ(bytes_text(64 << 20), "64.0 MiB");
  EXPECT_EQ(rough_span(seconds(130)), "2 min 10 s");
  EXPECT_EQ(rough_span(days(3650)), "3,650 days");
  EXPECT_EQ(number_text(0.041234567), "0.0412346");
  EXPECT_EQ(number_text(12), "12");
  EXPECT_EQ(number_text(1476640644.25), "1476640644");
  EXPECT_EQ(number_text(-0.0), "0");
}

TEST(ErrorText, PointsAtThePlace) {
  Streams s;
  ErrorDetail detail{.statement = 1,
                     .line = 1,
                     .column = 37,
                     .length = 7,
                     .source_line = "RETRIEVE items FOR USER @u1 FILTER  categry = \"jazz\", unseen LIMIT 5;",
                     .expected = {"a field", "a signal", "a flag"},
                     .nearest = "category",
                     .hint = "",
                     .retry_after_ms = std::nullopt};
  EXPECT_EQ(error_text(s.terminal, Error(Code::InvalidArgument, "items have no field 'categry'", detail)),
            "error[InvalidArgument]: items have no field 'categry'\n"
            "  1 | RETRIEVE items FOR USER @u1 FILTER  categry = \"jazz\", unseen LIMIT 5;\n"
            "    |                                     ^^^^^^^ expected a field, a signal or a flag\n"
            "  hint: did you mean 'category'?\n");
}

TEST(ErrorText, PointsBehindWideCharacters) {
  Streams s;
  ErrorDetail detail;
  detail.line = 12;
  detail.column = 4;
  detail.length = 2;
  detail.source_line = "\"千\" xx";
  EXPECT_EQ(error_text(s.terminal, Error(Code::InvalidArgument, "no", detail)),
            "error[InvalidArgument]: no\n  12 | \"千\" xx\n     |     ^^\n");
}

TEST(ErrorText, ShowsEveryErrorOfABatch) {
  Streams s;
  Error error(Code::InvalidArgument, "first");
  error.others.emplace_back(Code::AlreadyExists, "second");
  EXPECT_EQ(error_text(s.terminal, error), "error[InvalidArgument]: first\nerror[AlreadyExists]: second\n");
}

TEST(Table, AlignsNumbersRightAndTextLeft) {
  const Table table{{{.name = "rank", .right = true}, {.name = "title"}, {.name = "score", .right = true}},
                    {{"1", "Heat", "12.5"}, {"10", "Amélie", "3"}}};
  EXPECT_EQ(render(table, 80),
            "rank  title   score\n"
            "----  ------  -----\n"
            "   1  Heat     12.5\n"
            "  10  Amélie      3\n");
}

TEST(Table, CutsTheWidestColumnThatMayBeCut) {
  const Table table{{{.name = "title"}, {.name = "key", .whole = true}},
                    {{"A very long title that goes on and on", "key-0123456789"}}};
  EXPECT_EQ(render(table, 30),
            "title           key\n"
            "--------------  --------------\n"
            "A very long t…  key-0123456789\n");
}

TEST(Table, KeepsToTheWidthWithWideCharacters) {
  const Table table{{{.name = "t"}, {.name = "n"}}, {{"千と千尋の神隠し", "x"}}};
  EXPECT_EQ(render(table, 12), "t          n\n---------  -\n千と千尋…  x\n");
}

TEST(Table, QuotesCsvWhereItMust) {
  const Table table{{{.name = "a"}, {.name = "b,c"}}, {{"plain", "say \"hi\""}, {"two\nlines", ""}}};
  EXPECT_EQ(render_csv(table), "a,\"b,c\"\nplain,\"say \"\"hi\"\"\"\n\"two\nlines\",\n");
}

TEST(Progress, IsSilentForASecondAndThenTellsRateShareAndTimeLeft) {
  Streams s;
  base::FixedClock clock(Timestamp{0});
  {
    Progress progress(s.terminal, clock, "operations");
    progress.stage("reading");
    clock.advance(milliseconds(900));
    progress.update(900, 0.1);
    EXPECT_EQ(s.err.str(), "");
    clock.advance(milliseconds(1100));
    progress.update(2000, 0.25);
  }
  EXPECT_EQ(s.err.str(), "reading: 2,000 operations, 1,000 a second, 25 %, 6 s left\n");
}

TEST(Progress, IsSilentWhenAskedTo) {
  Streams s;
  s.terminal.quiet = true;
  base::FixedClock clock(Timestamp{0});
  Progress progress(s.terminal, clock, "operations");
  clock.advance(seconds(10));
  progress.update(1, 0.5);
  EXPECT_EQ(s.err.str(), "");
}

TEST(Params, TakeTheTypeOfWhatIsWritten) {
  const Result<Params> params =
      parse_params({"user=u1", "n=3", "$x=0.5", "on=true", "list=[\"a\",\"b\"]", "key=\"42\"", "empty=", "q=a=b"});
  ASSERT_TRUE(params.ok());
  EXPECT_EQ(params->at("user"), Value(std::string("u1")));
  EXPECT_EQ(params->at("n"), Value(std::int64_t{3}));
  EXPECT_EQ(params->at("x"), Value(0.5));
  EXPECT_EQ(params->at("on"), Value(true));
  EXPECT_EQ(params->at("list"), Value(std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(params->at("key"), Value(std::string("42")));
  EXPECT_EQ(params->at("empty"), Value(std::string()));
  EXPECT_EQ(params->at("q"), Value(std::string("a=b")));
  const Result<Params> times = parse_params({"d=30d", "t=1970-01-01T00:00:01Z", "text=\"30d\"", "near=30dd"});
  ASSERT_TRUE(times.ok());
  EXPECT_EQ(times->at("d"), Value(days(30)));
  EXPECT_EQ(times->at("t"), Value(Timestamp{1'000'000}));
  EXPECT_EQ(times->at("text"), Value(std::string("30d")));
  EXPECT_EQ(times->at("near"), Value(std::string("30dd")));
  EXPECT_FALSE(parse_params({"user"}).ok());
  EXPECT_FALSE(parse_params({"=1"}).ok());
  EXPECT_FALSE(parse_params({R"(l=[1, "a"])"}).ok());
  EXPECT_FALSE(parse_params({"l=[1e39]"}).ok());
  EXPECT_EQ(parse_params({"v=[1, -0.5]"})->at("v"), ParamValue(std::vector<float>{1.0F, -0.5F}));
}

}  // namespace
}  // namespace tidal::cli
