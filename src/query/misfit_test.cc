// Malformed statements and exactly what is said about them: the pairs of lines in misfits.txt.
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "query/parser.h"
#include "query/syntax_error.h"

namespace tidal::query {
namespace {

/// `column+length: message; expected …; hint`
std::string one_line(const Error& error) {
  const ErrorDetail& detail = *error.detail;
  std::string out = std::to_string(detail.column) + "+" + std::to_string(detail.length) + ": " + error.message;
  if (!detail.expected.empty()) out += "; expected " + join_alternatives(detail.expected);
  if (!detail.hint.empty()) out += "; " + detail.hint;
  return out;
}

TEST(Misfit, IsDescribedExactly) {
  std::ifstream file(TIDAL_SOURCE_DIR "/src/query/misfits.txt");
  std::string statement, expected;
  std::size_t count = 0;
  for (; std::getline(file, statement) && std::getline(file, expected); ++count) {
    const Result<Script> script = parse(statement);
    ASSERT_FALSE(script.ok()) << "accepted: " << statement;
    EXPECT_EQ(script.error().code, Code::InvalidArgument);
    EXPECT_EQ("    " + one_line(script.error()), expected) << render(script.error());
  }
  EXPECT_GE(count, 200U);
}

}  // namespace
}  // namespace tidal::query
