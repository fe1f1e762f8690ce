// Statements as a caller of the database gives them: what is answered, what is refused, where the caret stands and
// what the hint says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "query/parser.h"
#include "tidal/tidal.h"

namespace tidal {
namespace {

using ::testing::HasSubstr;

constexpr Timestamp kNoon{1'795'348'800'000'000};  // 2026-11-22T12:00:00Z

constexpr std::string_view kSchema = R"(
DEFINE FIELD item.title TEXT SEARCHABLE BOOST 2 LANGUAGE "en";
DEFINE FIELD item.format KEYWORD INDEXED DEFAULT "video";
DEFINE FIELD item.studio KEYWORD;
DEFINE FIELD user.age INT DEFAULT 18;
DEFINE SIGNAL view VALUE 0..10 WINDOWS 24h EFFECTS mark seen;
DEFINE SIGNAL nudge SCOPE user WINDOWS 24h;
DEFINE SIGNAL hide EFFECTS mark hidden;
PUT item @a {"creator":"c","created_at":"2026-11-20","fields":{"title":"A"}};
PUT item @b {"created_at":"2027-01-01"};
)";

Database opened(Timestamp now = kNoon) {
  Options options;
  options.clock = {ClockSource::Kind::Fixed, now};
  options.log_level = LogLevel::Off;
  Database db = Database::open_in_memory(options).value();
  const auto replies = db.execute(kSchema);
  EXPECT_TRUE(replies.ok()) << replies.error().to_string();
  return db;
}

Error refused(Database& db, const std::string& statement) {
  const auto replies = db.execute(statement);
  EXPECT_FALSE(replies.ok()) << "accepted: " << statement;
  return replies.ok() ? Error(Code::Internal, "accepted") : replies.error();
}

template <class R>
R answer(Database& db, const std::string& statement) {
  const auto replies = db.execute(statement);
  EXPECT_TRUE(replies.ok()) << statement << ": " << (replies.ok() ? "" : replies.error().to_string());
  return replies.ok() ? std::get<R>(replies->back()) : R{};
}

// ---- where the caret stands -----------------------------------------------------------------------------------------

TEST(Caret, PointsAtThePartThatIsWrong) {
  Database db = opened();
  struct Case {
    std::string statement, pointed_at;
    Code code = Code::InvalidArgument;
  };
  const std::vector<Case> cases = {
      {"SIGNAL view ON @a VALUE -3", "-3"},
      {"SIGNAL view ON @a BY @u1 VALUE 11", "11"},
      {"SIGNAL hide ON @a BY @u1 VALUE 1", "1"},
      {"SIGNAL view ON @a WEIGHT -1 BY @u1", "-1"},
      {"SIGNAL view ON @a AT 2199-01-01", "2199-01-01"},
      {"SIGNAL view ON @nothing BY @u1", "@nothing", Code::NotFound},
      {"SIGNAL veiw ON @a", "veiw"},
      {"SIGNAL view ON @a BY @\"\\u0001\"", "@\"\\u0001\""},
      {"SIGNAL view ON @a CONTEXT {\"page\":1}", "{\"page\":1}"},
      {"UPDATE item @nothing {}", "@nothing", Code::NotFound},
      {"GET item @nothing", "@nothing", Code::NotFound},
      {"PUT item @x {\"fields\":{\"title\":\"abc}}", "\""},
      {"RETRIEVE items FILTER studio = \"abc LIMIT 5", "\""},
  };
  for (const Case& c : cases) {
    for (const bool batched : {false, true}) {
      const bool read = c.statement.front() == 'G' || c.statement.front() == 'R';
      if (batched && read) continue;
      const std::string lead = batched ? "BEGIN; " : "HELP;  ";
      const Error error = refused(db, lead + c.statement + (batched ? "; COMMIT" : ""));
      EXPECT_EQ(error.code, c.code) << error.to_string();
      ASSERT_TRUE(error.detail) << c.statement;
      EXPECT_EQ(error.detail->line, 1U);
      // The last place where it stands: `1` is in `@u1` as well.
      const std::size_t column = c.pointed_at == "\"" ? c.statement.rfind('"') : c.statement.rfind(c.pointed_at);
      EXPECT_EQ(error.detail->column, lead.size() + column + 1) << error.message;
      EXPECT_EQ(error.detail->length, c.pointed_at.size()) << error.message;
    }
  }
}

// ---- hints ----------------------------------------------------------------------------------------------------------

// Statements and clauses that parse, but that this version does not execute.
constexpr std::array<std::string_view, 12> kLater = {"ALTER FIELD", "ALTER SIGNAL", "DROP",    "SEARCH ",
                                                     "SUGGEST",     "HISTORY",      "DRY RUN", "DIVERSITY",
                                                     "FACETS",      "WITHIN ",      "COHORT",  "DEFINE PR"};

// Pieces of a hint that are statements of the language.
std::vector<std::string> statements_in(const std::string& hint) {
  constexpr std::array<std::string_view, 9> kVerbs = {"RETRIEVE ", "SIGNAL ", "PUT ",  "UPDATE ", "DELETE ",
                                                      "DEFINE ",   "ALTER ",  "SHOW ", "EXPLAIN "};
  std::vector<std::string> out;
  for (const std::string_view verb : kVerbs) {
    for (std::size_t at = hint.find(verb); at != std::string::npos; at = hint.find(verb, at + 1)) {
      if (at > 0 && hint[at - 1] != ' ' && hint[at - 1] != '(') continue;
      std::string rest = hint.substr(at);
      // The longest front that parses; what follows is the hint's own words.
      for (std::size_t end = rest.size(); end > verb.size(); --end) {
        if (query::parse(rest.substr(0, end)).ok()) {
          out.push_back(rest.substr(0, end));
          break;
        }
      }
    }
  }
  return out;
}

std::vector<std::string> wrong_statements() {
  std::vector<std::string> out = {
      "SIGNAL follow ON @c BY @u1",
      "SIGNAL blocks ON @c BY @u1",
      "SIGNAL nothing ON @a",
      "DEFINE SIGNAL view WINDOWS 7d",
      "DEFINE FIELD item.title INT",
      "DEFINE FIELD item.studio KEYWORD INDEXED",
      "DEFINE SIGNAL seen",
      "DEFINE FIELD item.age INT",
      "RETRIEVE items SORT BY rising",
      "RETRIEVE items SORT BY trending WINDOW 7d",
      "RETRIEVE items SORT BY hot",
      "RETRIEVE items SORT BY hottest",
      "RETRIEVE items SORT BY view.velocity(24h) DESC",
      "RETRIEVE items SORT BY nudge.count(24h) DESC",
      "RETRIEVE items SORT BY view DESC",
      "RETRIEVE items FOR USER @u1 SORT BY user.view.count(24h) DESC",
      "RETRIEVE items FOR USER @u1 SORT BY time_of(seen) DESC",
      "RETRIEVE items USING PROFILE nosuch",
      "RETRIEVE items USING PROFILE for_you",
      "RETRIEVE items FILTER unseen",
      "RETRIEVE items FILTER titel = \"x\"",
      "RETRIEVE items FILTER studio:north",
      "RETRIEVE items LIMIT 5000",
      "SHOW SCHEMA VERSION 77",
      "HELP nothing",
      "ALTER SETTINGS hot_gravty:2",
      "ALTER SETTINGS future_tolerance:90000d",
      "ALTER SIGNAL view WINDOWS 7d",
  };
  std::ifstream file(TIDAL_SOURCE_DIR "/src/query/misfits.txt");
  std::string statement, said;
  while (std::getline(file, statement) && std::getline(file, said)) out.push_back(statement);
  EXPECT_GE(out.size(), 228U);
  return out;
}

TEST(Hint, NamesOnlyWhatWorksNowOrSaysThatItDoesNot) {
  Database db = opened();
  std::size_t run = 0;
  for (const std::string& wrong : wrong_statements()) {
    const auto replies = db.execute(wrong);
    if (replies.ok()) continue;  // some are wrong only in another schema
    const Error& error = replies.error();
    const std::string hint = error.detail ? error.detail->hint : "";
    const bool honest = hint.find("not available yet") != std::string::npos;
    for (const std::string_view later : kLater) {
      const bool named =
          hint.find(later) != std::string::npos && hint.find("'" + std::string(later)) == std::string::npos;
      EXPECT_TRUE(!named || honest) << wrong << "\n  " << hint;
    }
    if (honest) continue;
    for (const std::string& statement : statements_in(hint)) {
      ++run;
      const auto tried = db.execute(statement);
      if (!tried.ok()) {
        EXPECT_THAT(tried.error().message, ::testing::Not(HasSubstr("not available yet"))) << wrong << "\n  " << hint;
      }
    }
  }
  EXPECT_GT(run, 10U) << "the hints were not taken apart";
}

TEST(Refusal, OfAMalformedStatementAppliesNothing) {
  Database db = opened();
  const DatabaseStats before = db.stats();
  std::ifstream file(TIDAL_SOURCE_DIR "/src/query/misfits.txt");
  std::string statement, said;
  std::size_t count = 0;
  for (; std::getline(file, statement) && std::getline(file, said); ++count) {
    EXPECT_FALSE(db.execute(statement).ok()) << statement;
    EXPECT_FALSE(db.execute("BEGIN; PUT item @new {}; " + statement + "; COMMIT").ok()) << statement;
  }
  EXPECT_GE(count, 200U);
  EXPECT_EQ(db.stats().last_seqno, before.last_seqno);
  EXPECT_EQ(db.stats().schema_version, before.schema_version);
}

TEST(Refusal, OfAnEdgeWrittenAsASignalSaysHowEdgesCome) {
  Database db = opened();
  const Error error = refused(db, "SIGNAL follow ON @c BY @u1");
  EXPECT_THAT(error.detail->hint, HasSubstr("written by RELATE"));
  EXPECT_TRUE(db.execute("DEFINE RELATION follow FROM user TO creator; RELATE @u1 follow @c").ok());
  EXPECT_THAT(refused(db, "SIGNAL follow ON @c BY @u1").detail->hint, HasSubstr("write RELATE @user follow @creator"));
}

TEST(Refusal, OfAProfileThatIsNoneSuggestsOne) {
  Database db = opened();
  const Error unknown = refused(db, "RETRIEVE items USING PROFILE trendin");
  EXPECT_EQ(unknown.code, Code::InvalidArgument);
  EXPECT_EQ(unknown.message, "there is no profile 'trendin'");
  EXPECT_EQ(unknown.detail->nearest, "trending");
  EXPECT_EQ(refused(db, "RETRIEVE items USING PROFILE for_you").code, Code::FailedPrecondition);
}

// ---- answers --------------------------------------------------------------------------------------------------------

TEST(Answer, OfGetHasTheDefaultsOfFieldsThatAreNotSet) {
  Database db = opened();
  EXPECT_EQ(answer<EntityReply>(db, "GET item @a").fields,
            (Fields{{"format", std::string("video")}, {"title", std::string("A")}}));
  EXPECT_EQ(
      answer<EntityReply>(db, "UPDATE item @a {\"fields\":{\"format\":\"clip\"}}; GET item @a WITH fields(format)")
          .fields,
      (Fields{{"format", std::string("clip")}}));
  EXPECT_EQ(answer<EntityReply>(db, "PUT user @u {}; GET user @u").fields, (Fields{{"age", std::int64_t{18}}}));
}

TEST(Answer, OfShowFieldsHasEveryFlag) {
  Database db = opened();
  const auto rows = answer<RowsReply>(db, "SHOW FIELDS").rows;
  EXPECT_EQ(std::get<std::string>(rows.at(0).at(2)), "SEARCHABLE BOOST 2 LANGUAGE \"en\"");
  EXPECT_EQ(std::get<std::string>(rows.at(1).at(2)), "INDEXED DEFAULT \"video\"");
  EXPECT_THAT(answer<RowsReply>(db, "SHOW SCHEMA").text,
              HasSubstr("DEFINE FIELD item.title TEXT SEARCHABLE BOOST 2 LANGUAGE \"en\";\n"
                        "DEFINE FIELD item.format KEYWORD INDEXED DEFAULT \"video\";"));
}

TEST(Answer, ThatIsEmptyDoesNotCallTheShownHidden) {
  Database db = opened();
  const std::string u = "PUT user @u1 {}; RETRIEVE items FOR USER @u1 FILTER ";
  EXPECT_EQ(answer<QueryReply>(db, u + "hidden SORT BY new").warnings.at(0).message,
            "2 candidates, 2 removed by asking for what is hidden");
  EXPECT_EQ(answer<QueryReply>(db, u + "scheduled, title != \"A\" SORT BY new").warnings.at(0).message,
            "2 candidates, 1 removed by asking for what is scheduled, 1 removed by title != \"A\"");
  EXPECT_EQ(answer<QueryReply>(db, "SIGNAL hide ON @a BY @u1; RETRIEVE items FOR USER @u1 SORT BY new")
                .warnings.at(0)
                .message,
            "2 candidates, 1 removed by what the user has hidden, 1 removed by a created_at that has not come yet");
}

TEST(Answer, LeavesEventsWithoutAValueOutOfTheMean) {
  Database db = opened();
  const auto reply = answer<EntityReply>(db,
                                         "SIGNAL view ON @a VALUE 4; SIGNAL view ON @a; SIGNAL view ON @a VALUE 6;"
                                         "GET item @a WITH signals(view.mean(24h), view.mean(all), view.count(all))");
  EXPECT_EQ(reply.signals.at(0).second, 5);
  EXPECT_EQ(reply.signals.at(1).second, 5);
  EXPECT_EQ(reply.signals.at(2).second, 3);
}

TEST(Answer, TakesWhatWasSeenLongAgoForUnseen) {
  Database db = opened();
  ASSERT_TRUE(db.execute("ALTER SETTINGS seen_expires:30d; PUT item @old {\"created_at\":\"2026-01-01\"};"
                         "SIGNAL view ON @a BY @u1 AT 2026-11-20; SIGNAL view ON @old BY @u1 AT 2026-10-23T11:59:59Z")
                  .ok());
  const auto keys = [&](const std::string& filter) {
    std::vector<std::string> out;
    for (const ResultItem& item :
         answer<QueryReply>(db, "RETRIEVE items FOR USER @u1 FILTER " + filter + " SORT BY new").items)
      out.push_back(item.key);
    return out;
  };
  EXPECT_EQ(keys("unseen"), (std::vector<std::string>{"old"})) << "seen 30 days and a second ago";
  EXPECT_EQ(keys("seen"), (std::vector<std::string>{"a"}));
  ASSERT_TRUE(db.execute("SIGNAL view ON @old BY @u1 AT 2026-10-23T12:00:00Z").ok());
  EXPECT_TRUE(keys("unseen").empty()) << "seen again, exactly 30 days ago";
  ASSERT_TRUE(db.execute("ALTER SETTINGS seen_expires:2d").ok());
  EXPECT_EQ(keys("unseen"), (std::vector<std::string>{"a", "old"}));
  ASSERT_TRUE(db.execute("ALTER SETTINGS seen_expires:never").ok());
  EXPECT_TRUE(keys("unseen").empty());
}

TEST(Answer, RefusesWholeNumbersThatComparisonsWouldConfuse) {
  Database db = opened();
  for (const std::string statement :
       {"PUT user @u1 {\"fields\":{\"age\":1234567890123456789}}",
        "UPDATE user @u1 {\"fields\":{\"age\":-9007199254740993}}",
        "DEFINE FIELD item.cid INT DEFAULT 9007199254740993", "RETRIEVE users FILTER age = 1234567890123456789"}) {
    ASSERT_TRUE(db.execute("PUT user @u1 {}").ok());
    const Error error = refused(db, statement);
    EXPECT_EQ(error.code, Code::InvalidArgument);
    EXPECT_THAT(error.message, HasSubstr("expected INT in -9007199254740992..9007199254740992, got ")) << statement;
    ASSERT_NE(error.detail, nullptr);
    EXPECT_EQ(error.detail->hint, "use KEYWORD for ids");
  }
  Entity entity;
  entity.fields["age"] = std::int64_t{9'007'199'254'740'993};
  const auto put = db.put_user("u2", entity);
  ASSERT_FALSE(put.ok());
  EXPECT_THAT(put.error().message, HasSubstr("fields.age: expected INT in"));
}

TEST(Answer, HoldsAtTheLongestSettings) {
  Database db = opened();
  ASSERT_TRUE(db.execute("ALTER SETTINGS future_tolerance:36500d, past_query_tolerance:36500d, seen_expires:36500d;"
                         "SIGNAL view ON @a BY @u1 AT 2099-01-01")
                  .ok());
  EXPECT_TRUE(db.execute("RETRIEVE items FOR USER @u1 FILTER seen SORT BY new").ok());
  for (const std::string name : {"future_tolerance", "past_query_tolerance", "seen_expires"}) {
    const Error error = refused(db, "ALTER SETTINGS " + name + ":36501d");
    EXPECT_THAT(error.message, HasSubstr(name + " must be from 0 to 36500d"));
  }
}

}  // namespace
}  // namespace tidal
