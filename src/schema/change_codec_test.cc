// The payload of schema records: what is wrong in it is named, what is new in it is passed over.
// (J1 is checked over random schemas in query/define_test.cc.)
#include "schema/change_codec.h"

#include <gtest/gtest.h>

namespace tidal::schema {
namespace {

TEST(ChangeCodec, ReadsWhatItWrote) {  // J1
  SchemaChange change;
  FieldDef f;
  f.kind = EntityKind::User;
  f.name = "age";
  f.type = FieldType::Int;
  f.default_value = std::int64_t{-5};
  change.fields = {f};
  SignalDef s;
  s.name = "view";
  s.roles = static_cast<std::uint16_t>(Role::View);
  s.has_value = true;
  s.effects.resize(1);
  s.effects[0].when.push_back({ValueTest::Op::Ge, 0.5});
  change.signals = {s};
  change.has_settings = true;
  change.settings.seen_expires = days(90);
  const auto decoded = decode_change(encode_change(change));
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_EQ(*decoded, change);
}

TEST(ChangeCodec, IgnoresMembersOfLaterVersions) {
  const auto c = decode_change(R"({"fields":[{"kind":"item","name":"a","type":"INT","later":[1]}],"profiles":[{}]})");
  ASSERT_TRUE(c.ok());
  EXPECT_EQ(c->fields.size(), 1U);
}

TEST(ChangeCodec, NamesTheMemberThatIsWrong) {
  const auto message = [](const char* json) {
    const auto c = decode_change(json);
    EXPECT_TRUE(c.ok() || c.error().code == Code::Corruption);
    return c.ok() ? "" : c.error().message;
  };
  EXPECT_EQ(message("["), "schema change: not a JSON object");
  EXPECT_EQ(message(R"({"fields":1})"), "schema change: bad member 'change.fields'");
  EXPECT_EQ(message(R"({"fields":[{"kind":"item","name":"a","type":"BLOB"}]})"),
            "schema change: bad member 'fields[0].type'");
  EXPECT_EQ(message(R"({"signals":[{"name":"a"},{"name":5}]})"), "schema change: bad member 'signals[1].name'");
  EXPECT_EQ(message(R"({"signals":[{"name":"a","windows":["2h"]}]})"),
            "schema change: bad member 'signals[0].windows'");
  EXPECT_EQ(message(R"({"settings":{"hot_gravity":"x"}})"), "schema change: bad member 'settings.hot_gravity'");
  EXPECT_EQ(message(R"({"signals":[{"name":"a","effects":[{"kind":"mark","mark":"x"}]}]})"),
            "schema change: bad member 'signals[0].effects.mark'");
}

}  // namespace
}  // namespace tidal::schema
