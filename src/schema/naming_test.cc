// Names: which may be declared, and which was probably meant.
#include <gtest/gtest.h>

#include "schema/entity_key.h"
#include "schema/validation.h"

namespace tidal::schema {
namespace {

TEST(Identifier, IsLettersDigitsAndUnderscoreUpTo64) {
  EXPECT_TRUE(is_identifier("a") && is_identifier("_A9") && is_identifier(std::string(64, 'x')));
  EXPECT_FALSE(is_identifier("") || is_identifier("9a") || is_identifier("a-b") || is_identifier("ä"));
  EXPECT_FALSE(is_identifier(std::string(65, 'x')));
}

TEST(ReservedWord, IsOneInAnyCase) {
  EXPECT_TRUE(is_reserved("limit") && is_reserved("LIMIT") && is_reserved("Min"));
  EXPECT_FALSE(is_reserved("value") || is_reserved("language") || is_reserved("limits"));
}

TEST(ComputedName, DependsOnTheKind) {
  EXPECT_TRUE(is_computed_name(EntityKind::Item, "age") && is_computed_name(EntityKind::Item, "seen"));
  EXPECT_FALSE(is_computed_name(EntityKind::User, "age"));
  EXPECT_TRUE(is_computed_name(EntityKind::User, "key") && is_computed_name(EntityKind::Creator, "score"));
}

TEST(NearestName, FindsMisspellings) {
  const std::vector<std::string> known = {"category", "language", "title", "age"};
  EXPECT_EQ(nearest_name("categry", known), "category");
  EXPECT_EQ(nearest_name("tilte", known), "title");
  EXPECT_EQ(nearest_name("TITLE", known), "title");
  EXPECT_EQ(nearest_name("aeg", known), "age");
  EXPECT_EQ(nearest_name("price", known), "");
  EXPECT_EQ(nearest_name("", known), "");
  EXPECT_EQ(nearest_name(std::string(100'000, 'x'), known), "");
}

TEST(EntityKey, Is1To128BytesOfUtf8WithoutControlCharacters) {
  EXPECT_TRUE(check_entity_key("u1").ok() && check_entity_key("zwei Wörter 🎹").ok());
  EXPECT_TRUE(check_entity_key(std::string(128, 'x')).ok());
  EXPECT_FALSE(check_entity_key("").ok());
  EXPECT_FALSE(check_entity_key(std::string(129, 'x')).ok());
  for (const char* bad : {"a\nb", "a\x7f", "a\xC2\x85", "\xFF", "\xC0\x80", "a\xE2\x82"}) {
    EXPECT_FALSE(check_entity_key(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace tidal::schema
