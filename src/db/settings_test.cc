// The settings as a person meets them: what SHOW SETTINGS says, what ALTER SETTINGS takes, what the page lists.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "tidal/tidal.h"

namespace tidal {
namespace {

using ::testing::HasSubstr;

Database opened() {
  Result<Database> db = Database::open_in_memory();
  EXPECT_TRUE(db.ok()) << db.error().to_string();
  return std::move(db).value();
}

/// A value as a person writes it behind the name and the colon.
std::string written(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* span = std::get_if<Duration>(&value)) return to_string(*span);
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return std::to_string(*whole);
  return std::to_string(std::get<double>(value));
}

/// Name to value, as SHOW SETTINGS tells them.
std::map<std::string, std::string> shown(Database& db) {
  std::map<std::string, std::string> settings;
  const auto replies = db.execute("SHOW SETTINGS");
  EXPECT_TRUE(replies.ok()) << replies.error().to_string();
  for (const auto& row : std::get<RowsReply>(replies->front()).rows) {
    settings[std::get<std::string>(row.at(0))] = written(row.at(1));
    EXPECT_NE(std::get<std::string>(row.at(2)), "");
  }
  return settings;
}

/// Every setting there is, as the error on an unknown one lists them.
std::vector<std::string> names(Database& db) {
  const auto refused = db.execute("ALTER SETTINGS nonsense:1");
  EXPECT_FALSE(refused.ok());
  return refused.error().detail->expected;
}

TEST(Settings, AreAllShownAndTakenBackAsTheyAreShown) {
  Database db = opened();
  for (const std::string change : {"", "ALTER SETTINGS log_retention:365d, log_bytes:512MiB, log_archive:false",
                                   "ALTER SETTINGS log_retention:all, log_bytes:all, log_archive:true"}) {
    ASSERT_TRUE(db.execute(change).ok()) << change;
    const auto before = shown(db);
    for (const std::string& name : names(db)) {
      ASSERT_EQ(before.count(name), 1U) << name;
      const auto again = db.execute("ALTER SETTINGS " + name + ":" + before.at(name));
      EXPECT_TRUE(again.ok()) << again.error().to_string();
    }
    EXPECT_EQ(shown(db), before);
  }
}

TEST(Settings, OfTheLogAreShownAsTheyWereSet) {
  Database db = opened();
  EXPECT_EQ(shown(db)["log_bytes"], "10GiB");
  EXPECT_EQ(shown(db)["log_retention"], "all");
  EXPECT_EQ(shown(db)["log_archive"], "true");
  ASSERT_TRUE(db.execute("ALTER SETTINGS log_retention:36h, log_bytes:64KiB, log_archive:false").ok());
  EXPECT_EQ(shown(db)["log_bytes"], "64KiB");
  EXPECT_EQ(shown(db)["log_retention"], "36h");
  EXPECT_EQ(shown(db)["log_archive"], "false");
}

TEST(Settings, StandOnThePageOfTheLanguage) {
  Database db = opened();
  const std::string page =
      base::read_file(base::posix_file_system(), std::string(TIDAL_SOURCE_DIR) + "/docs/language.md").value();
  const std::size_t begin = page.find("The settings that exist:");
  const std::string paragraph = page.substr(begin, page.find("\n## ", begin) - begin);
  for (const std::string& name : names(db)) EXPECT_THAT(paragraph, HasSubstr("`" + name + "`"));
}

}  // namespace
}  // namespace tidal
