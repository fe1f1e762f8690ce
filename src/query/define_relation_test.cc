// DEFINE EMBEDDING and DEFINE RELATION: from text to the schema, to the log's bytes and to text again; what is refused.
#include <gtest/gtest.h>

#include <string>

#include "query/define.h"
#include "query/parser.h"
#include "query/syntax_error.h"
#include "schema/change_codec.h"
#include "schema/statements.h"

namespace tidal::query {
namespace {

Result<schema::Validated> define(const std::string& text, const schema::Schema& base = {}) {
  const Result<Script> script = parse(text);
  if (!script.ok()) return script.error();
  return validate_definitions(base, script->statements);
}

/// The message of the first error, "" when there is none.
std::string refusal(const std::string& text, const schema::Schema& base = {}) {
  const auto v = define(text, base);
  return v.ok() ? "" : v.error().message;
}

const std::string kBoth =
    "DEFINE SIGNAL view; DEFINE EMBEDDING item.content SIZE 384 STORAGE f16 PREFERENCE;"
    "DEFINE RELATION follows FROM user TO creator WINDOWS 24h, 7d EFFECTS preference +0.1, creator +0.3;"
    "DEFINE EMBEDDING user.face SIZE 3 METRIC l2; DEFINE SIGNAL like;"
    "DEFINE RELATION friend FROM user TO user HALF LIFE 30d;"
    "DEFINE RELATION mutes FROM user TO creator EXCLUDES feeds; DEFINE RELATION blocks FROM user TO creator EXCLUDES "
    "always DECAY exponential(7d);";

TEST(DefineRelation, GivesARelationAndTheSignalThatCountsIt) {
  const auto v = define(kBoth);
  ASSERT_TRUE(v.ok()) << render(v.error());
  const schema::Schema& schema = v->next;
  const RelationDef* follows = schema.relation("follows");
  ASSERT_NE(follows, nullptr);
  EXPECT_EQ(follows->from, EntityKind::User);
  EXPECT_EQ(follows->to, EntityKind::Creator);
  EXPECT_EQ(follows->excludes, RelationDef::Excludes::Nothing);
  const SignalDef* counted = schema.signal("follows");
  ASSERT_NE(counted, nullptr);
  EXPECT_TRUE(counted->relation);
  EXPECT_EQ(counted->target, EntityKind::Creator);
  EXPECT_EQ(counted->windows.size(), 2U);
  EXPECT_EQ(counted->effects.size(), 2U);
  EXPECT_FALSE(schema.signal("like")->relation);
  EXPECT_EQ(schema.relation("friend")->half_life, days(30));
  EXPECT_EQ(schema.relation("mutes")->excludes, RelationDef::Excludes::Feeds);
  EXPECT_EQ(schema.relation("blocks")->excludes, RelationDef::Excludes::Always);
  EXPECT_EQ(schema.relation_index("blocks"), 3);
}

TEST(DefineEmbedding, GivesASlot) {
  const auto v = define(kBoth);
  ASSERT_TRUE(v.ok()) << render(v.error());
  const EmbeddingDef* content = v->next.embedding(EntityKind::Item, "content");
  ASSERT_NE(content, nullptr);
  EXPECT_EQ(content->size, 384U);
  EXPECT_EQ(content->storage, VectorStorage::F16);
  EXPECT_EQ(content->metric, VectorMetric::Cosine);
  EXPECT_EQ(v->next.preference_slot(), 0);
  EXPECT_EQ(v->next.embedding(EntityKind::User, "face")->metric, VectorMetric::L2);
  EXPECT_EQ(v->next.embedding(EntityKind::User, "content"), nullptr);
}

TEST(DefineRelation, IsPrintedAsWhatRecreatesIt) {
  const auto v = define(kBoth);
  ASSERT_TRUE(v.ok());
  const std::string text = schema::to_statements(v->next);
  const auto again = define(text);
  ASSERT_TRUE(again.ok()) << text << render(again.error());
  EXPECT_EQ(again->next.relations, v->next.relations);
  EXPECT_EQ(again->next.signals, v->next.signals);
  EXPECT_EQ(again->next.embeddings, v->next.embeddings);
  EXPECT_EQ(schema::to_statements(again->next), text);
}

TEST(DefineRelation, SurvivesTheLogAndNamesTheReaderItNeeds) {
  const auto v = define(kBoth);
  ASSERT_TRUE(v.ok());
  const std::string bytes = schema::encode_change(v->change);
  EXPECT_NE(bytes.find(R"("min_reader":2)"), std::string::npos);
  const auto decoded = schema::decode_change(bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_EQ(*decoded, v->change);
  // What an older program reads as well asks for nothing.
  EXPECT_EQ(schema::encode_change(define("DEFINE SIGNAL view;")->change).find("min_reader"), std::string::npos);
}

TEST(DefineRelation, TheSameAgainChangesNothing) {
  const auto v = define(kBoth);
  ASSERT_TRUE(v.ok());
  const auto again = define(kBoth, v->next);
  ASSERT_TRUE(again.ok()) << render(again.error());
  EXPECT_TRUE(again->change.empty());
}

TEST(DefineRelation, RefusesADifferentOneOfTheSameName) {
  const auto v = define(kBoth);
  ASSERT_TRUE(v.ok());
  EXPECT_EQ(refusal("DEFINE RELATION follows FROM user TO item;", v->next),
            "relation follows: is defined differently already");
  EXPECT_EQ(define("DEFINE RELATION follows FROM user TO item;", v->next).error().code, Code::AlreadyExists);
  EXPECT_EQ(refusal("DEFINE RELATION follows FROM user TO creator;", v->next),
            "relation follows: is defined differently already");
  EXPECT_EQ(refusal("DEFINE SIGNAL follows ON creators;", v->next),
            "signal follows: a relation has that name, and counts its edges under it");
  EXPECT_EQ(refusal("DEFINE RELATION view FROM user TO creator;", v->next),
            "relation view: a signal has that name, and a relation counts its edges under its own");
  EXPECT_EQ(refusal("DEFINE EMBEDDING item.content SIZE 385 STORAGE f16 PREFERENCE;", v->next),
            "embedding item.content: is defined differently already");
}

TEST(DefineRelation, RefusesWhatAnEdgeCannotHave) {
  const std::string to_user = "DEFINE RELATION r FROM user TO user ";
  EXPECT_NE(refusal(to_user + "WINDOWS 24h;").find("edges to users are not counted"), std::string::npos);
  EXPECT_NE(refusal(to_user + "EFFECTS creator +0.1;").find("EFFECTS are between"), std::string::npos);
  EXPECT_NE(refusal("DEFINE RELATION r FROM creator TO item EFFECTS affinity +0.1;").find("EFFECTS are between"),
            std::string::npos);
  EXPECT_NE(refusal(to_user + "HALF LIFE 0s;").find("HALF LIFE must be above 0"), std::string::npos);
  EXPECT_NE(refusal("DEFINE RELATION r FROM creator TO item EXCLUDES always;").find("EXCLUDES needs"),
            std::string::npos);
  EXPECT_NE(refusal("DEFINE RELATION r FROM user TO creator VALUE 0..1;").find("a WEIGHT and no VALUE"),
            std::string::npos);
  EXPECT_NE(refusal("DEFINE RELATION r FROM user TO creator EFFECTS mark seen;").find("marks and affinity"),
            std::string::npos);
  EXPECT_NE(refusal("DEFINE RELATION limit FROM user TO creator;").find("reserved word"), std::string::npos);
}

TEST(DefineEmbedding, RefusesWhatASlotCannotBe) {
  EXPECT_NE(refusal("DEFINE EMBEDDING item.v SIZE 0;").find("1 to 4096"), std::string::npos);
  EXPECT_NE(refusal("DEFINE EMBEDDING item.v SIZE 4097;").find("got 4097"), std::string::npos);
  EXPECT_NE(refusal("DEFINE EMBEDDING item.v;").find("1 to 4096"), std::string::npos);
  EXPECT_NE(refusal("DEFINE EMBEDDING user.v SIZE 3 PREFERENCE;").find("only a slot of items"), std::string::npos);
  EXPECT_NE(refusal("DEFINE EMBEDDING item.v SIZE 3 PREFERENCE; DEFINE EMBEDDING item.w SIZE 3 PREFERENCE;")
                .find("preferences follow item.v already"),
            std::string::npos);
  const auto later = define("DEFINE EMBEDDING item.v SIZE 3 STORAGE i8;");
  ASSERT_FALSE(later.ok());
  EXPECT_EQ(later.error().code, Code::FailedPrecondition);
  EXPECT_EQ(define("DEFINE EMBEDDING item.v SIZE 3 RESCORE;").error().code, Code::FailedPrecondition);
}

TEST(DefineEmbedding, AnErrorPointsAtItsStatement) {
  const auto v =
      define("DEFINE SIGNAL view;\nDEFINE EMBEDDING item.v SIZE 0;\nDEFINE RELATION r FROM user TO user WINDOWS 24h;");
  ASSERT_FALSE(v.ok());
  EXPECT_EQ(v.error().detail->line, 2U);
  ASSERT_EQ(v.error().others.size(), 1U);
  EXPECT_EQ(v.error().others[0].detail->line, 3U);
}

TEST(Settings, OfTheLoopAreRead) {
  const auto v = define("ALTER SETTINGS interest_vectors:2, relationship_half_life:7d;");
  ASSERT_TRUE(v.ok()) << render(v.error());
  EXPECT_EQ(v->next.settings.interest_vectors, 2);
  EXPECT_EQ(v->next.settings.relationship_half_life, days(7));
  EXPECT_FALSE(define("ALTER SETTINGS interest_vectors:9;").ok());
  EXPECT_FALSE(define("ALTER SETTINGS interest_vectors:two;").ok());
  EXPECT_FALSE(define("ALTER SETTINGS relationship_half_life:0s;").ok());
}

}  // namespace
}  // namespace tidal::query
