// The schema view: versions from records, image and restore, digest.
#include "schema/catalog.h"

#include <gtest/gtest.h>

#include <map>

namespace tidal::schema {
namespace {

class Pairs final : public materializer::DigestSink {
 public:
  void add(std::string_view key, std::string_view value) override { pairs.emplace(key, value); }
  std::map<std::string, std::string> pairs;
};

std::map<std::string, std::string> digest_of(const Catalog& catalog) {
  Pairs sink;
  catalog.digest(sink);
  return sink.pairs;
}

std::string signal_change(const std::string& name) {
  SchemaChange change;
  SignalDef s;
  s.name = name;
  change.signals = {s};
  return encode_change(change);
}

void apply(Catalog& catalog, std::uint64_t seqno, const std::string& payload,
           wal::RecordType type = wal::RecordType::SchemaChange) {
  wal::WalEvent event;
  event.seqno = SeqNo{seqno};
  event.append_time = Timestamp{static_cast<std::int64_t>(seqno) * 1'000'000};
  event.record.type = type;
  event.record.payload = payload;
  catalog.apply(event);
}

TEST(Catalog, KeepsEveryVersion) {
  Catalog catalog;
  const Schema& before = catalog.current();
  EXPECT_EQ(before.version, 0U);
  apply(catalog, 1, signal_change("like"));
  apply(catalog, 2, "", wal::RecordType::Signal);
  apply(catalog, 3, signal_change("view"));
  EXPECT_EQ(catalog.current().version, 2U);
  EXPECT_EQ(catalog.current().signal_index("view"), 1);
  EXPECT_EQ(before.version, 0U);  // references stay valid
  EXPECT_EQ(catalog.version(1)->signals.size(), 1U);
  EXPECT_EQ(catalog.version(3), nullptr);
  ASSERT_EQ(catalog.versions().size(), 2U);
  EXPECT_EQ(catalog.versions()[1].seqno, SeqNo{3});
  EXPECT_EQ(catalog.versions()[1].at, Timestamp{3'000'000});
}

TEST(Catalog, TakesARecordOnce) {  // M2
  Catalog catalog;
  apply(catalog, 1, signal_change("like"));
  apply(catalog, 1, signal_change("like"));
  EXPECT_EQ(catalog.versions().size(), 1U);
}

TEST(Catalog, AnUnreadableRecordChangesNothing) {
  Catalog catalog;
  apply(catalog, 1, "not json");
  EXPECT_EQ(catalog.current().version, 0U);
  EXPECT_EQ(catalog.applied(), SeqNo{1});
}

TEST(Catalog, ADefinitionAgainTakesItsOwnPlace) {  // S1
  Catalog catalog;
  apply(catalog, 1, signal_change("like"));
  apply(catalog, 2, signal_change("view"));
  SchemaChange altered;
  SignalDef s;
  s.name = "like";
  s.unique = true;
  altered.signals = {s};
  apply(catalog, 3, encode_change(altered));
  EXPECT_EQ(catalog.current().signal_index("like"), 0);
  EXPECT_TRUE(catalog.current().signals[0].unique);
  EXPECT_FALSE(catalog.version(2)->signals[0].unique);
}

TEST(Catalog, ComesBackFromItsImage) {  // M3
  Catalog live;
  apply(live, 1, signal_change("like"));
  std::string image;
  ASSERT_TRUE(live.checkpoint()->write_to(image).ok());
  apply(live, 2, signal_change("view"));
  Catalog restored;
  ASSERT_TRUE(restored.restore(image, SeqNo{1}).ok());
  apply(restored, 2, signal_change("view"));
  EXPECT_EQ(restored.current(), live.current());
  EXPECT_EQ(digest_of(restored), digest_of(live));
  EXPECT_EQ(restored.versions()[0].at, live.versions()[0].at);
}

TEST(Catalog, ADamagedImageIsCorruptionAndLeavesItEmpty) {
  Catalog live;
  apply(live, 1, signal_change("like"));
  apply(live, 2, signal_change("view"));
  std::string image;
  ASSERT_TRUE(live.checkpoint()->write_to(image).ok());
  for (std::size_t n = 0; n < image.size(); ++n) {
    Catalog restored;
    const Status s = restored.restore(image.substr(0, n), SeqNo{2});
    ASSERT_FALSE(s.ok()) << n;
    EXPECT_EQ(s.error().code, Code::Corruption);
    EXPECT_EQ(restored.current().version, 0U);
  }
  Catalog restored;
  EXPECT_FALSE(restored.restore(image + "x", SeqNo{2}).ok());
}

TEST(Catalog, DigestTellsSchemasApartButNotHowManyStepsTheyTook) {
  Catalog two_steps, one_step, other;
  apply(two_steps, 1, signal_change("like"));
  apply(two_steps, 2, signal_change("view"));
  SchemaChange both;
  both.signals.resize(2);
  both.signals[0].name = "like";
  both.signals[1].name = "view";
  apply(one_step, 1, encode_change(both));
  EXPECT_EQ(digest_of(two_steps), digest_of(one_step));
  both.signals[1].unique = true;
  apply(other, 1, encode_change(both));
  EXPECT_NE(digest_of(other), digest_of(one_step));
}

TEST(Catalog, ResetForgetsButOldReferencesLive) {
  Catalog catalog;
  apply(catalog, 1, signal_change("like"));
  const Schema& old = catalog.current();
  catalog.reset();
  EXPECT_EQ(catalog.current().version, 0U);
  EXPECT_EQ(old.signals.size(), 1U);
  EXPECT_TRUE(catalog.versions().empty());
}

}  // namespace
}  // namespace tidal::schema
