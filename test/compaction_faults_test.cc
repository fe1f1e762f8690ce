// Compactions that meet a base gone bad, a power cut, a running replay, a full disk or an erasure put off: nothing that
// is still needed leaves the files, and what was forgotten does.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/memory_file_system.h"
#include "db/base_state.h"
#include "db/forget.h"
#include "db/views.h"
#include "materializer/checkpoint.h"
#include "test/core_fixture.h"
#include "wal/reader.h"

namespace tidal::test {
namespace {

const std::string kPath = "/db";
constexpr std::string_view kSecret = "a-user-whose-key-is-long-enough-to-look-for";

class CompactionFaults : public testing::Test {
 protected:
  void open() {
    core.reset();
    auto opened = open_core(fs, clock, kPath);
    ASSERT_TRUE(opened.ok()) << opened.error().to_string();
    core = std::move(*opened);
  }
  void SetUp() override { begin(); }
  /// With no files.
  void begin() {
    core.reset();
    ASSERT_TRUE(fs.remove_all(kPath).ok());
    clock.set(kStart);
    items_ = 0;
    open();
    define(*core, "DEFINE FIELD item.title TEXT; DEFINE SIGNAL like DECAY exponential(7d) EFFECTS mark liked;");
  }
  void run(const std::string& text) { define(*core, text); }
  void put() {
    run("PUT item @i" + std::to_string(items_++) + " {\"fields\":{\"title\":\"" + std::string(3'000, 'x') + "\"}};");
  }
  void write_segments(std::size_t count) {
    while (core->stats().log_segments < count) put();
  }
  void like_as_secret() { run("SIGNAL like ON @i0 BY @" + std::string(kSecret) + ";"); }
  void forget() { ASSERT_TRUE(db::forget_user(*core, kSecret).ok()); }
  [[nodiscard]] ViewDigests digest() const { return by_view(core->digest().value()); }
  void drop_caches() {
    ASSERT_TRUE(fs.remove_all(kPath + "/checkpoints").ok());
    ASSERT_TRUE(fs.remove_all(kPath + "/stores").ok());
  }
  void flip_byte(const std::string& path) {
    const auto file = fs.open(path, base::OpenMode::ReadWrite).value();
    const std::uint64_t at = file->size().value() / 2;
    std::string byte(1, '\0');
    ASSERT_TRUE(file->read_at(at, std::as_writable_bytes(std::span(byte))).ok());
    byte[0] = static_cast<char>(byte[0] ^ 0x55);
    ASSERT_TRUE(file->write_at(at, base::as_bytes(byte)).ok());
    ASSERT_TRUE(file->sync().ok());
  }
  void damage_base() {
    const auto names = fs.list(kPath + "/base").value();
    flip_byte(kPath + "/base/" + names.front() + "/entities");
  }
  /// Also inside of what is compressed.
  bool is_in_archive(std::string_view key) {
    bool found = false;
    const std::string archive = kPath + "/archive";
    if (!fs.exists(archive)) return false;
    const std::vector<std::string> names = fs.list(archive).value();
    for (const std::string& name : names) {
      const auto read = wal::read_segment(fs, archive + "/" + name, false, [&](const wal::FrameView& frame) -> Status {
        found = found || frame.body.find(key) != std::string_view::npos;
        return {};
      });
      EXPECT_TRUE(read.ok());
    }
    return found;
  }

  base::MemoryFileSystem fs{1};
  base::FixedClock clock{kStart};
  std::unique_ptr<db::Core> core;

 private:
  int items_ = 0;
};

TEST_F(CompactionFaults, ABaseThatWentBadIsNotReliedOn) {
  for (const bool caches : {false, true}) {
    SCOPED_TRACE(caches);
    begin();
    write_segments(12);
    run("ALTER SETTINGS log_bytes:640KiB, log_archive:true;");
    ASSERT_GT(core->compact()->segments_archived, 0U);
    ASSERT_TRUE(core->checkpoint().ok());
    core.reset();
    damage_base();
    if (!caches) drop_caches();
    open();
    EXPECT_EQ(core->open_report().checkpoint != SeqNo{}, caches);
    run("ALTER SETTINGS log_bytes:512KiB, log_archive:false;");
    const Result<CompactionReport> second = core->compact();
    ASSERT_TRUE(second.ok()) << second.error().to_string();
    EXPECT_GT(second->segments_removed, 0U);
    EXPECT_EQ(second->base, core->applied()) << "a new one";
    EXPECT_TRUE(core->backup("/backup" + std::to_string(static_cast<int>(caches)), {}).ok());
    const ViewDigests before = digest();
    core.reset();
    drop_caches();
    open();
    EXPECT_EQ(digest(), before);
  }
}

TEST_F(CompactionFaults, ABaseOfALogicThatNobodyReadsIsNotReliedOn) {
  write_segments(12);
  run("ALTER SETTINGS log_bytes:640KiB, log_archive:true;");
  const SeqNo base = core->compact()->base;
  ASSERT_TRUE(core->checkpoint().ok());
  core.reset();
  const materializer::CheckpointDirectory bases = db::base_directory(fs, kPath);
  materializer::Manifest manifest = bases.manifest(base).value();
  manifest.entries.front().logic_version = 0;
  ASSERT_TRUE(
      base::write_file_atomically(fs, bases.directory_of(base) + "/MANIFEST", materializer::encode_manifest(manifest))
          .ok());
  open();
  run("ALTER SETTINGS log_bytes:512KiB, log_archive:false;");
  const Result<CompactionReport> second = core->compact();
  ASSERT_TRUE(second.ok()) << second.error().to_string();
  EXPECT_GT(second->segments_removed, 0U);
  EXPECT_EQ(second->base, core->applied()) << "a new one";
  const ViewDigests before = digest();
  core.reset();
  drop_caches();
  open();
  EXPECT_EQ(digest(), before);
}

TEST_F(CompactionFaults, ABadBaseUnderALogThatIsNotWholeIsReplacedWithoutBeingAskedTo) {
  write_segments(6);
  run("ALTER SETTINGS log_bytes:192KiB, log_archive:false;");
  ASSERT_GT(core->compact()->segments_removed, 0U);
  ASSERT_TRUE(core->checkpoint().ok());
  core.reset();
  damage_base();
  open();
  ASSERT_EQ(core->compact()->segments_removed, 0U) << "within the limits";
  const ViewDigests before = digest();
  core.reset();
  drop_caches();
  open();
  EXPECT_EQ(digest(), before);
}

/// A sound base is not removed before another one of the same seqno has its name.
TEST_F(CompactionFaults, APowerCutBetweenTwoBasesOfOneSeqnoLosesNothing) {
  int cuts = 0;
  for (std::uint64_t stop = 1;; ++stop) {
    SCOPED_TRACE(stop);
    begin();
    put();
    write_segments(4);
    run("ALTER SETTINGS log_retention:1d;");
    like_as_secret();
    forget();
    ASSERT_NE(core->compact()->base, SeqNo{});
    const ViewDigests before = digest();
    clock.set(kStart + days(2));  // old segments are beyond the limit; nothing was written meanwhile
    fs.stop_at(stop);
    const bool is_done = core->compact().ok();
    fs.crash();
    core.reset();
    open();
    ASSERT_EQ(digest(), before);
    if (is_done) break;
    ++cuts;
  }
  EXPECT_GT(cuts, 3);
}

/// Whoever takes one twice at one seqno is never without it.
TEST_F(CompactionFaults, APowerCutWhileACheckpointIsTakenAgainLeavesASoundOne) {
  std::uint64_t cuts = 0;
  for (bool is_done = false; !is_done; ++cuts) {
    SCOPED_TRACE(cuts);
    begin();
    write_segments(2);
    const SeqNo seqno = core->checkpoint().value();
    materializer::CheckpointDirectory checkpoints(fs, kPath + "/checkpoints");
    materializer::Capture again = materializer::capture(core->views().registry(), seqno, core->stats().schema_version);
    fs.stop_at(cuts + 1);
    is_done = checkpoints.write(std::move(again), kStart).ok();
    fs.crash();
    EXPECT_EQ(checkpoints.newest().value(), seqno);
    EXPECT_EQ(checkpoints.verify(seqno), std::vector<std::string>{});
  }
  EXPECT_GT(cuts, 10U);
}

/// With the Erase record gone, nobody would know whom to look for in the archive.
TEST_F(CompactionFaults, AnErasureThatIsPutOffKeepsItsRecordInTheLog) {
  put();
  like_as_secret();
  write_segments(5);
  run("ALTER SETTINGS log_bytes:192KiB, log_archive:true;");
  ASSERT_GT(core->compact()->segments_archived, 0U);
  ASSERT_TRUE(is_in_archive(kSecret));
  run("ALTER SETTINGS log_archive:false;");
  forget();
  write_segments(10);
  Result<CompactionReport> beside = Error(Code::Internal, "not run");
  const Status replayed = core->log()->replay(SeqNo{1}, [&](std::span<wal::WalEvent>) -> Status {
    if (beside.ok()) return {};
    beside = core->compact();  // the replay that runs may still ask for the archive
    return {};
  });
  EXPECT_TRUE(replayed.ok()) << replayed.error().to_string();
  ASSERT_TRUE(beside.ok()) << beside.error().to_string();
  EXPECT_EQ(beside->segments_rewritten, 0U);
  EXPECT_EQ(beside->records_made_anonymous, 0U);
  EXPECT_TRUE(is_in_archive(kSecret));
  core.reset();
  open();  // and whoever opens it knows that the erasure is pending
  EXPECT_GT(core->compact()->segments_rewritten, 0U);
  EXPECT_FALSE(is_in_archive(kSecret));
  EXPECT_GT(core->compact().value().base, SeqNo{});
}

TEST_F(CompactionFaults, AnErasureThatFailsDoesNotKeepOlderSegments) {
  write_segments(8);
  like_as_secret();
  forget();
  write_segments(10);
  run("ALTER SETTINGS log_bytes:256KiB, log_archive:false;");
  // Every attempt to rewrite a segment fails.
  std::uint64_t failures = 0;
  fs.set_hook([&](const base::FileOperation& operation) {
    if (operation.kind != base::FileOperation::Kind::Create || !operation.path.ends_with(".wal.tmp")) return;
    ++failures;
    fs.fail_operation(1, base::MemoryFileSystem::Fault::NoSpace);
  });
  const std::size_t before = core->stats().log_segments;
  const Result<CompactionReport> refused = core->compact();
  fs.set_hook({});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::ResourceExhausted);
  EXPECT_GT(failures, 0U);
  EXPECT_LT(core->stats().log_segments, before);
  const ViewDigests state = digest();
  EXPECT_TRUE(core->compact().ok());
  EXPECT_EQ(digest(), state);
  core.reset();
  drop_caches();
  open();
  EXPECT_EQ(digest(), state);
}

/// The log is made anonymous only when the base that takes its place is on the disk, whichever compaction wrote it.
TEST_F(CompactionFaults, ABaseWhoseNameWasNotSyncedIsNotReliedOn) {
  for (int toss = 0; toss < 12; ++toss) {  // of what a name is worth that was not synced
    SCOPED_TRACE(toss);
    begin();
    put();
    like_as_secret();
    forget();
    const ViewDigests state = digest();
    fs.set_hook([&](const base::FileOperation& operation) {
      if (operation.kind != base::FileOperation::Kind::SyncDirectory || operation.path != kPath + "/base") return;
      fs.fail_operation(1, base::MemoryFileSystem::Fault::NoSpace);
    });
    const Result<CompactionReport> refused = core->compact();
    fs.set_hook({});
    ASSERT_FALSE(refused.ok());
    ASSERT_GT(core->compact()->records_made_anonymous, 0U);
    fs.crash();
    open();
    ASSERT_EQ(digest(), state);
  }
}

/// A base whose store cannot be written is no bad base: the open says so, and does not go on without it.
TEST_F(CompactionFaults, AnErrorOfTheStoreIsNotTheBases) {
  write_segments(12);
  run("ALTER SETTINGS log_bytes:512KiB, log_archive:true;");
  ASSERT_GT(core->compact()->segments_archived, 0U);
  put();
  const ViewDigests state = digest();
  const SeqNo base = core->stats().base_seqno;
  std::uint64_t refused = 0;
  bool done = false;
  for (std::uint64_t at = 1; !done; ++at) {
    SCOPED_TRACE(at);
    core.reset();
    drop_caches();
    const std::uint64_t before = fs.operations();
    fs.fail_operation(at, base::MemoryFileSystem::Fault::IoError);
    auto opened = open_core(fs, clock, kPath);
    done = fs.operations() - before < at;
    if (!opened.ok()) {
      ++refused;
      EXPECT_EQ(opened.error().code, Code::IoError) << opened.error().to_string();
      open();
    } else {
      core = std::move(*opened);
    }
    EXPECT_EQ(core->open_report().base, base);
    EXPECT_EQ(digest(), state);
  }
  EXPECT_GT(refused, 2U);
}

}  // namespace
}  // namespace tidal::test
