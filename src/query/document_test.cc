// Runs docs/language.md: its examples parse and print back, its refused lines are refused as they say.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "query/define.h"
#include "query/parser.h"
#include "query/printer.h"
#include "query/syntax_error.h"

namespace tidal::query {
namespace {

/// Contents of the fenced blocks of that language.
std::vector<std::string> blocks(const std::string& language) {
  std::ifstream file(TIDAL_SOURCE_DIR "/docs/language.md");
  std::vector<std::string> out;
  std::string line;
  bool inside = false;
  while (std::getline(file, line)) {
    if (inside && line == "```") {
      inside = false;
    } else if (inside) {
      out.back() += line + "\n";
    } else if (line == "```" + language) {
      inside = true;
      out.emplace_back();
    }
  }
  return out;
}

TEST(LanguagePage, EveryExampleParsesAndPrintsBack) {
  std::size_t count = 0;
  for (const std::string& block : blocks("tidal")) {
    ScriptReader reader(block);
    while (const std::optional<Result<Statement>> statement = reader.next()) {
      ASSERT_TRUE(statement->ok()) << render(statement->error());
      const std::string printed = print(**statement);
      const Result<Script> again = parse(printed);
      ASSERT_TRUE(again.ok()) << printed << "\n" << render(again.error());
      EXPECT_EQ(again->statements.at(0), **statement) << printed;
      EXPECT_EQ(print(again->statements.at(0)), printed);
      ++count;
    }
  }
  EXPECT_GE(count, 95U);
}

/// `statement;  -- column: part of the message or hint`
void expect_refused(const std::string& line) {
  const std::size_t note = line.rfind("-- ");
  const std::size_t colon = line.find(": ", note);
  ASSERT_NE(colon, std::string::npos) << line;
  const unsigned column = static_cast<unsigned>(std::stoul(line.substr(note + 3, colon - note - 3)));
  const std::string wanted = line.substr(colon + 2);
  const Result<Script> script = parse(line);
  std::optional<Error> error;
  if (!script.ok()) {
    error = script.error();
  } else if (const auto validated = validate_definitions({}, script->statements); !validated.ok()) {
    error = validated.error();
  }
  ASSERT_TRUE(error.has_value()) << "accepted: " << line;
  EXPECT_EQ(error->detail->column, column) << render(*error);
  EXPECT_NE(render(*error).find(wanted), std::string::npos) << line << "\n" << render(*error);
}

TEST(LanguagePage, EveryRefusedLineIsRefusedWithItsHintAtItsColumn) {
  const std::vector<std::string> refused = blocks("tidal-refused");
  ASSERT_EQ(refused.size(), 1U);
  std::istringstream lines(refused[0]);
  std::string line;
  std::size_t count = 0;
  for (; std::getline(lines, line); ++count) expect_refused(line);
  EXPECT_EQ(count, 17U);
}

}  // namespace
}  // namespace tidal::query
