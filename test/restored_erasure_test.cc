// Restoring to a moment before somebody was forgotten: who was forgotten since stays forgotten, unless told otherwise.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "db/forget.h"
#include "test/backup_fixture.h"

namespace tidal::test {
namespace {

constexpr std::string_view kUser = "somebody";

class RestoredErasure : public testing::Test {
 protected:
  void act() {
    define(*database.core, "PUT item @thing {}; PUT user @somebody {}; SIGNAL like ON @thing BY @somebody;");
    database.clock.advance(seconds(1));
  }
  void forget() {
    ASSERT_TRUE(db::forget_user(*database.core, kUser).ok());
    database.clock.advance(seconds(1));
  }
  [[nodiscard]] static bool knows(const db::Core& core) {
    return core.views().entities().find(EntityKind::User, kUser) != Ordinal::None;
  }
  /// Opens what was restored; gone again afterwards.
  template <class Look>
  void look_at_restored(Look look) {
    {
      const auto restored = open_core(database.fs, database.clock, kRestored);
      ASSERT_TRUE(restored.ok()) << restored.error().to_string();
      look(**restored);
    }
    ASSERT_TRUE(database.fs.remove_all(kRestored).ok());
  }

  BackedUp database{7};
};

TEST_F(RestoredErasure, OfTheBackupsOwnLogIsRepeated) {
  act();
  const SeqNo known = database.core->applied();
  forget();
  database.write(20);
  ASSERT_TRUE(database.backup().ok());

  const Result<RestoreReport> report = database.restore({.to_seqno = known});
  ASSERT_TRUE(report.ok()) << report.error().to_string();
  EXPECT_EQ(report->seqno, known);
  EXPECT_EQ(report->erasures, 1U);
  const ViewDigests erased = replayed_digest(database.fs, kRestored);
  look_at_restored([&](db::Core& core) {
    EXPECT_FALSE(knows(core));
    EXPECT_EQ(core.applied(), known.next());
    const CompactionReport compacted = core.compact().value();
    EXPECT_GT(compacted.records_made_anonymous, 0U) << "its own log still has the records, and lets go of them";
  });

  const Result<RestoreReport> as_it_was = database.restore({.to_seqno = known, .erase_again = false});
  ASSERT_TRUE(as_it_was.ok()) << as_it_was.error().to_string();
  EXPECT_EQ(as_it_was->erasures, 0U);
  look_at_restored([&](db::Core& core) {
    EXPECT_TRUE(knows(core));
    EXPECT_EQ(core.applied(), known);
    ASSERT_TRUE(db::forget_user(core, kUser).ok());
    EXPECT_EQ(by_view(core.digest().value()), erased) << "the same as being forgotten there";
  });
}

TEST_F(RestoredErasure, ThatIsInTheRestoredPartIsNotRepeated) {
  act();
  forget();
  act();  // the same key, somebody new
  ASSERT_TRUE(database.backup().ok());
  const Result<RestoreReport> report = database.restore({.erasures_of = kSource});
  ASSERT_TRUE(report.ok()) << report.error().to_string();
  EXPECT_EQ(report->erasures, 0U);
  look_at_restored([](const db::Core& core) { EXPECT_TRUE(knows(core)); });
}

TEST_F(RestoredErasure, OfTheDatabaseThatWentOnIsRepeatedOnce) {
  act();
  const SeqNo known = database.core->applied();
  ASSERT_TRUE(database.backup().ok());
  forget();
  ASSERT_TRUE(database.core->close().ok());
  EXPECT_EQ(database.restore()->erasures, 0U);
  look_at_restored([](const db::Core& core) { EXPECT_TRUE(knows(core)); });
  for (const std::string& told_by : {kSource, kSource}) {
    const Result<RestoreReport> report = database.restore({.erasures_of = told_by});
    ASSERT_TRUE(report.ok()) << report.error().to_string();
    EXPECT_EQ(report->erasures, 1U);
    EXPECT_EQ(report->seqno, known);
    look_at_restored([](const db::Core& core) { EXPECT_FALSE(knows(core)); });
  }
}

/// Its seqnos began anew at the restored moment, so they say nothing; its append times do.
TEST_F(RestoredErasure, OfADatabaseThatWasRestoredItselfIsKnownByItsTime) {
  act();
  const SeqNo known = database.core->applied();
  database.write(50);
  ASSERT_TRUE(database.backup().ok());
  ASSERT_TRUE(database.restore({.to_seqno = known}).ok());
  ASSERT_TRUE(database.fs.rename(kRestored, "/other").ok());
  {
    const auto other = open_core(database.fs, database.clock, "/other").value();
    ASSERT_TRUE(db::forget_user(*other, kUser).ok());
    ASSERT_LT(other->applied(), database.core->applied());
  }
  const Result<RestoreReport> report = database.restore({.erasures_of = "/other"});
  ASSERT_TRUE(report.ok()) << report.error().to_string();
  EXPECT_EQ(report->erasures, 1U);
  look_at_restored([](const db::Core& core) { EXPECT_FALSE(knows(core)); });
}

TEST_F(RestoredErasure, ThatCannotBeToldIsRefusedAndLeavesNothing) {
  act();
  ASSERT_TRUE(database.backup().ok());
  forget();
  define(*database.core, "ALTER SETTINGS log_bytes:128KiB, log_archive:false");
  database.write_segments(6);
  ASSERT_GT(database.core->compact()->segments_removed, 0U);
  ASSERT_TRUE(database.core->close().ok());
  const auto code_of = [&](const RestoreOptions& options) {
    const Result<RestoreReport> report = database.restore(options);
    EXPECT_FALSE(report.ok());
    EXPECT_FALSE(database.fs.exists(kRestored));
    return report.ok() ? Code::Internal : report.error().code;
  };
  EXPECT_EQ(code_of({.erasures_of = kSource}), Code::FailedPrecondition) << "its log begins behind the backup";
  EXPECT_EQ(code_of({.erasures_of = "/nothing"}), Code::NotFound);
  EXPECT_EQ(code_of({.erase_again = false, .erasures_of = kSource}), Code::InvalidArgument);
}

}  // namespace
}  // namespace tidal::test
