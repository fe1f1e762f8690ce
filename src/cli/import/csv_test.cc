// Records of tables: quotes, line breaks, separators, damage.
#include "cli/import/csv.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/memory_file_system.h"

namespace tidal::cli {
namespace {

void put_file(base::FileSystem& fs, const std::string& path, std::string_view content) {
  ASSERT_TRUE(base::write_file_atomically(fs, path, content).ok());
}

/// Each record as its cells joined by "·", or "!" and the defect.
std::vector<std::string> read_all(std::string_view text, char separator = ',') {
  base::MemoryFileSystem fs;
  put_file(fs, "t.csv", text);
  LineReader lines(std::move(open_input(fs, "t.csv")).value());
  CsvReader reader(lines, separator);
  std::vector<std::string> all;
  CsvRecord record;
  while (true) {
    const Result<bool> more = reader.next(record);
    if (!more.ok() || !*more) return all;
    std::string joined = record.defect.empty() ? "" : "!" + std::to_string(record.line) + " " + record.defect;
    for (std::size_t i = 0; i < record.cells.size(); ++i) joined += (i == 0 ? "" : "·") + std::string(record.cells[i]);
    all.push_back(joined);
  }
}

using Records = std::vector<std::string>;

TEST(Csv, SplitsPlainLines) { EXPECT_EQ(read_all("a,b,c\n1,,3\n"), (Records{"a·b·c", "1··3"})); }
TEST(Csv, TakesTheLastLineWithoutALineBreak) { EXPECT_EQ(read_all("a,b\n1,2"), (Records{"a·b", "1·2"})); }
TEST(Csv, DropsTheCarriageReturn) { EXPECT_EQ(read_all("a,b\r\n1,2\r\n"), (Records{"a·b", "1·2"})); }
TEST(Csv, DropsTheByteOrderMark) {
  EXPECT_EQ(read_all("\xEF\xBB\xBF"
                     "a,b\n"),
            (Records{"a·b"}));
}
TEST(Csv, SkipsBlankLines) { EXPECT_EQ(read_all("a\n\n\nb\n"), (Records{"a", "b"})); }
TEST(Csv, KeepsSeparatorsInsideQuotes) { EXPECT_EQ(read_all("\"a,b\",c\n"), (Records{"a,b·c"})); }
TEST(Csv, ReadsDoubledQuotes) { EXPECT_EQ(read_all("\"say \"\"hi\"\"\",2\n"), (Records{"say \"hi\"·2"})); }
TEST(Csv, ReadsLineBreaksInsideQuotes) { EXPECT_EQ(read_all("\"a\nb\",c\nd,e\n"), (Records{"a\nb·c", "d·e"})); }
TEST(Csv, ReadsAnEmptyQuotedLastCell) { EXPECT_EQ(read_all("a,\"\"\n"), (Records{"a·"})); }
TEST(Csv, TakesAQuoteInTheMiddleAsItIs) { EXPECT_EQ(read_all("5\" disk,\"x\"\n\"y\",2\n").size(), 2U); }
TEST(Csv, RefusesTextBehindAClosingQuote) {
  EXPECT_EQ(read_all("a,\"b\"c\nd,e\n"), (Records{"!1 text behind the closing quote of column 2", "d·e"}));
}
TEST(Csv, RefusesAQuoteThatIsNeverClosed) {
  EXPECT_EQ(read_all("a,b\n\"c,d\ne,f\n"), (Records{"a·b", "!2 a quote is never closed"}));
}
TEST(Csv, StopsAQuotedCellAtOneMebibyte) {
  std::string text = "\"open\n";
  for (int i = 0; i < 20'000; ++i) text += std::string(100, 'x') + "\n";
  const Records records = read_all(text);
  ASSERT_FALSE(records.empty());
  EXPECT_EQ(records.front(), "!1 a quoted cell goes on for more than 1 MiB");
}
TEST(Csv, CountsLinesAcrossQuotedBreaks) {
  EXPECT_EQ(read_all("\"a\nb\"\n\"c\"d\n"), (Records{"a\nb", "!3 text behind the closing quote of column 1"}));
}

TEST(Csv, SniffsTheSeparatorThatSplitsEvenly) {
  EXPECT_EQ(sniff_separator("a,b,c\n1,2,3\n"), ',');
  EXPECT_EQ(sniff_separator("a\tb\n1,5\t2\n"), '\t');
  EXPECT_EQ(sniff_separator("a;b\n1,5;2\n2;3\n"), ';');
  EXPECT_EQ(sniff_separator("1|24|M|technician\n2|53|F|other\n"), '|');
  EXPECT_EQ(sniff_separator("id,genres\n1,a|b|c\n2,a|b\n"), ',');
  EXPECT_EQ(sniff_separator("one column\n"), ',');
}

RC_GTEST_PROP(Csv, ReadsBackWhatWasQuoted, ()) {
  const auto alphabet = rc::gen::elementOf(std::string("ab,\"\n ;"));
  const auto cell = rc::gen::container<std::string>(alphabet);
  const auto row_of_cells = rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(cell));
  const auto rows = *rc::gen::resize(12, rc::gen::container<std::vector<std::vector<std::string>>>(row_of_cells));
  std::string text;
  Records expected;
  for (const auto& row : rows) {
    std::string joined;
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += i == 0 ? "\"" : ",\"";
      for (const char c : row[i]) text += c == '"' ? "\"\"" : std::string(1, c);
      text += "\"";
      joined += (i == 0 ? "" : "·") + row[i];
    }
    text += "\n";
    expected.push_back(joined);
  }
  RC_ASSERT(read_all(text) == expected);
}

}  // namespace
}  // namespace tidal::cli
