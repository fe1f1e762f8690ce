// The prompt with a scripted person in front of it.
#include "cli/shell.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <sstream>

namespace tidal::cli {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

/// Types lines; "^C" interrupts.
class ScriptedEditor final : public LineEditor {
 public:
  explicit ScriptedEditor(std::deque<std::string> lines) : lines_(std::move(lines)) {}
  Read read(const std::string& prompt, std::string& line) override {
    prompts.push_back(prompt);
    if (lines_.empty()) return Read::End;
    line = lines_.front();
    lines_.pop_front();
    return line == "^C" ? Read::Interrupted : Read::Line;
  }
  void remember(const std::string& statement) override { remembered.push_back(statement); }

  std::vector<std::string> prompts;
  std::vector<std::string> remembered;

 private:
  std::deque<std::string> lines_;
};

class ShellAtPrompt : public ::testing::Test {
 protected:
  void SetUp() override {
    run({"DEFINE FIELD item.title TEXT; DEFINE SIGNAL like ROLE positive WINDOWS 24h;",
         "PUT item @a {\"fields\":{\"title\":\"Alpha\"}}; PUT item @b {\"fields\":{\"title\":\"Beta\"}};",
         "PUT item @c {\"fields\":{\"title\":\"Gamma\"}};"});
    out.str("");
    ASSERT_EQ(err.str(), "");
  }
  ScriptedEditor run(std::deque<std::string> lines, const std::deque<std::string>& offers = {}) {
    ScriptedEditor editor(std::move(lines));
    Shell shell(terminal, database, editor, {.directory = "", .rc_path = "", .clock_shifted = shifted});
    for (const std::string& offer : offers) shell.offer(offer);
    result = shell.run();
    return editor;
  }

  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  Terminal terminal{.in = in, .out = out, .err = err, .in_is_terminal = true};
  Database database = std::move(Database::open_in_memory()).value();
  bool shifted = false;
  Exit result = Exit::Ok;
};

TEST_F(ShellAtPrompt, RunsAStatementOverSeveralLines) {
  const ScriptedEditor editor = run({"RETRIEVE items", "  SORT BY alphabetical", "  LIMIT 2;"});
  EXPECT_THAT(out.str(), HasSubstr("Alpha"));
  EXPECT_THAT(out.str(), HasSubstr("2 items, "));
  EXPECT_EQ(editor.prompts, (std::vector<std::string>{"tidal> ", "  ...> ", "  ...> ", "tidal> "}));
  EXPECT_EQ(editor.remembered, (std::vector<std::string>{"RETRIEVE items\n  SORT BY alphabetical\n  LIMIT 2;"}));
}

TEST_F(ShellAtPrompt, WaitsForTheEndOfAStringAndOfABatch) {
  const ScriptedEditor editor = run({"BEGIN; PUT item @d {};", "COMMIT;"});
  EXPECT_EQ(editor.prompts.at(1), "  ...> ");
  EXPECT_THAT(out.str(), HasSubstr("commit: 1 statement"));
}

TEST_F(ShellAtPrompt, ClearsTheLineOnInterrupt) {
  run({"RETRIEVE items FILTER", "^C", "GET item @a;"});
  EXPECT_EQ(err.str(), "");
  EXPECT_THAT(out.str(), HasSubstr("Alpha"));
}

TEST_F(ShellAtPrompt, ShowsPageAfterPage) {
  run({"RETRIEVE items SORT BY alphabetical LIMIT 2;", "\\next", "\\next"});
  EXPECT_THAT(out.str(), HasSubstr("Gamma"));
  EXPECT_THAT(err.str(), HasSubstr("there is no next page"));
}

TEST_F(ShellAtPrompt, ShowsErrorsAndGoesOn) {
  run({"RETRIEVE itmes;", "GET item @b;"});
  EXPECT_THAT(err.str(), HasSubstr("error[InvalidArgument]"));
  EXPECT_THAT(err.str(), HasSubstr("^"));
  EXPECT_THAT(out.str(), HasSubstr("Beta"));
  EXPECT_EQ(result, Exit::Ok);
}

TEST_F(ShellAtPrompt, FailsAPipedScriptWithAnError) {
  terminal.in_is_terminal = false;
  run({"RETRIEVE itmes;"});
  EXPECT_EQ(result, Exit::Failed);
  run({"GET item @b"});
  EXPECT_EQ(result, Exit::Ok) << "the last statement of a script needs no ;";
  EXPECT_THAT(out.str(), HasSubstr("Beta"));
}

TEST_F(ShellAtPrompt, KnowsItsOwnCommands) {
  run({"\\?", "\\nonsense", "\\q", "GET item @a;"});
  EXPECT_THAT(out.str(), HasSubstr("\\import FILE"));
  EXPECT_THAT(out.str(), Not(HasSubstr("Alpha"))) << "\\q leaves";
  EXPECT_THAT(err.str(), HasSubstr("there is no command \\nonsense"));
}

TEST_F(ShellAtPrompt, RunsAnOfferOnEnter) {
  run({"", "\\q"}, {"GET item @a;", "GET item @b;"});
  EXPECT_THAT(out.str(), HasSubstr("Press Enter to run:  GET item @a;"));
  EXPECT_THAT(out.str(), HasSubstr("Alpha"));
  EXPECT_THAT(out.str(), HasSubstr("Press Enter to run:  GET item @b;"));
  EXPECT_THAT(out.str(), Not(HasSubstr("Beta")));
}

TEST_F(ShellAtPrompt, ShowsAShiftedClock) {
  shifted = true;
  const ScriptedEditor editor = run({});
  EXPECT_THAT(editor.prompts.at(0), HasSubstr("tidal ["));
}

TEST_F(ShellAtPrompt, CompletesKeywordsAndNames) {
  EXPECT_THAT(Shell::completions(database, "retr"), Contains("RETRIEVE"));
  EXPECT_THAT(Shell::completions(database, "ti"), Contains("title"));
  EXPECT_THAT(Shell::completions(database, "li"), Contains("like"));
  EXPECT_EQ(common_prefix({"RETRIEVE", "retry"}), "RETR");
}

TEST(ShellWords, KeepQuotedPartsTogether) {
  EXPECT_EQ(command_words("\\import a.csv --map 'item:key=id,title=\"a b\"'"),
            (std::vector<std::string>{"\\import", "a.csv", "--map", "item:key=id,title=\"a b\""}));
  EXPECT_EQ(command_words("\\i \"my file\""), (std::vector<std::string>{"\\i", "my file"}));
}

}  // namespace
}  // namespace tidal::cli
