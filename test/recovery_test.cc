// Crashes on a file system that forgets: after any crash the database holds everything acknowledged, and its state
// equals a replay of the surviving log from the beginning.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/memory_file_system.h"
#include "base/threadless_for_test.h"
#include "db/core.h"
#include "db/prepare.h"
#include "db/session.h"
#include "query/parser.h"
#include "test/history.h"

namespace tidal::test {
namespace {

constexpr std::string_view kPath = "/db";
constexpr Timestamp kStart{1'700'000'000'000'000};

Options core_options(std::uint64_t seed) {
  Options options;
  options.create_if_missing = true;
  options.segment_bytes = 64U << 10U;
  options.checkpoint_every_bytes = 0;
  options.checkpoint_on_close = seed % 2 == 0;
  options.log_level = LogLevel::Off;
  return options;
}

Result<std::unique_ptr<db::Core>> open_core(base::FileSystem& fs, const base::Clock& clock, std::uint64_t seed) {
  return db::Core::open(std::string(kPath), core_options(seed),
                        {.fs = fs, .clock = clock, .stores = db::Stores::Files::Plain, .background = false});
}

Status run_script(db::Core& core, std::string_view text) {
  TIDAL_TRY_ASSIGN(const query::Script script, query::parse(text));
  const Params params;
  db::Session session(core, params);
  for (const query::Statement& statement : script.statements) TIDAL_TRY(session.execute(statement));
  return session.finish();
}

/// The batch's last seqno, 0 when it wrote nothing; an error when it was refused or failed.
Result<SeqNo> write_step(db::Core& core, const Step& step) {
  db::Preparer preparer = core.preparer();
  TIDAL_TRY_ASSIGN(db::PreparedBatch batch, db::prepare_batch(preparer, step.operations, {}));
  TIDAL_TRY(core.commit(batch));
  SeqNo last;
  for (const WriteReply& reply : batch.replies) last = std::max(last, reply.seqno);
  return last;
}

std::map<std::string, std::string> digest_lines(db::Core& core) {
  const Result<DigestReport> digest = core.digest();
  EXPECT_TRUE(digest.ok());
  if (!digest.ok()) return {};
  return {digest->by_view.begin(), digest->by_view.end()};
}

/// Digest lines of a database that has only the log of `fs`.
std::map<std::string, std::string> replayed_from_log(base::FileSystem& fs, const base::Clock& clock) {
  EXPECT_TRUE(fs.remove_all(std::string(kPath) + "/checkpoints").ok());
  EXPECT_TRUE(fs.remove_all(std::string(kPath) + "/stores").ok());
  auto core = open_core(fs, clock, 1);
  EXPECT_TRUE(core.ok()) << core.error().to_string();
  if (!core.ok()) return {};
  EXPECT_EQ((*core)->open_report().checkpoint, SeqNo{});
  return digest_lines(**core);
}

/// All files below `path`, as the file system answers for them now.
void copy_files(base::FileSystem& from, base::FileSystem& to, const std::string& path) {
  ASSERT_TRUE(to.create_directories(path).ok());
  const Result<std::vector<std::string>> names = from.list(path);
  ASSERT_TRUE(names.ok()) << names.error().to_string();
  for (const std::string& name : *names) {
    const std::string child = path + "/" + name;
    if (from.is_directory(child)) {
      copy_files(from, to, child);
      continue;
    }
    if (name == "LOCK") continue;
    const Result<std::string> content = base::read_file(from, child);
    ASSERT_TRUE(content.ok()) << content.error().to_string();
    ASSERT_TRUE(base::write_file_atomically(to, child, *content).ok());
  }
}

struct Tally {
  std::array<std::uint64_t, static_cast<std::size_t>(StepClass::Count)> steps{};
  std::uint64_t histories = 0;
  std::uint64_t crashes = 0;
  std::uint64_t with_checkpoint = 0;
};

/// One history: write, checkpoint, crash and go on, by one seed. Compares after every crash.
void run_history(std::uint64_t seed, Tally& tally) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  base::Random random(seed);
  base::MemoryFileSystem fs(seed);
  base::FixedClock clock(kStart);
  History history(seed * 31, kStart);
  SeqNo acknowledged;
  const std::uint64_t lives = 1 + random.below(3);
  for (std::uint64_t life = 0; life <= lives; ++life) {
    auto core = open_core(fs, clock, seed);
    ASSERT_TRUE(core.ok()) << core.error().to_string();
    ASSERT_GE((*core)->applied(), acknowledged) << "an acknowledged event is gone";
    if ((*core)->open_report().checkpoint != SeqNo{}) ++tally.with_checkpoint;
    if (life > 0) {
      // What came back through checkpoint and log equals the log alone, on a copy of the files.
      base::MemoryFileSystem copy(seed);
      copy_files(fs, copy, std::string(kPath));
      EXPECT_EQ(digest_lines(**core), replayed_from_log(copy, clock));
      if (testing::Test::HasFailure()) return;
    }
    if ((*core)->views().schema().version == 0) {
      const Status defined = run_script(**core, history_schema());
      ASSERT_TRUE(defined.ok()) << defined.error().to_string();
      acknowledged = (*core)->applied();
    }
    // Now and then the power goes in the middle of an operation: of a frame, a sync, a checkpoint's rename …
    const bool dies_inside = random.coin();
    const std::uint64_t steps = 5 + random.below(60);
    if (dies_inside) fs.stop_at(1 + random.below(2 * steps));
    for (std::uint64_t i = 0; i < steps; ++i) {
      const Step step = history.next();
      clock.set(history.now());
      const Result<SeqNo> written = write_step(**core, step);
      if (written.ok() && *written > acknowledged) acknowledged = *written;
      if (!written.ok()) {
        const Code code = written.error().code;
        if (dies_inside && code == Code::IoError) break;
        ASSERT_TRUE(code == Code::NotFound || code == Code::InvalidArgument) << written.error().to_string();
      }
      if (random.below(25) == 0) {
        const Result<SeqNo> taken = (*core)->checkpoint();
        ASSERT_TRUE(taken.ok() || dies_inside) << taken.error().to_string();
      }
    }
    if (!dies_inside && random.below(3) == 0) {
      core->reset();  // a clean close
    } else {
      ++tally.crashes;
      fs.crash();
      core->reset();  // its files are dead: what it still tries to write fails
    }
  }
  ++tally.histories;
  for (std::size_t c = 0; c < tally.steps.size(); ++c) tally.steps[c] += history.counts()[c];
}

TEST(RecoveryTest, EqualsReplayOfTheLogAfterAnyCrash) {
  const char* text = std::getenv("TIDAL_HISTORIES");
  const std::uint64_t histories = text != nullptr ? std::strtoull(text, nullptr, 10) : 300;
  Tally tally;
  for (std::uint64_t seed = 1; seed <= histories && !testing::Test::HasFailure(); ++seed) run_history(seed, tally);
  std::uint64_t all = 0;
  for (const std::uint64_t n : tally.steps) all += n;
  std::printf("%llu histories, %llu crashes, %llu opens from a checkpoint, %llu steps:",
              static_cast<unsigned long long>(tally.histories), static_cast<unsigned long long>(tally.crashes),
              static_cast<unsigned long long>(tally.with_checkpoint), static_cast<unsigned long long>(all));
  for (std::size_t c = 0; c < tally.steps.size(); ++c) {
    std::printf(" %s %.0f%%", std::string(step_class_name(static_cast<StepClass>(c))).c_str(),
                100.0 * static_cast<double>(tally.steps[c]) / static_cast<double>(all));
    EXPECT_GE(tally.steps[c] * 20, all) << step_class_name(static_cast<StepClass>(c)) << " is below 5 %";
  }
  std::printf("\n");
  EXPECT_GT(tally.crashes, histories / 4);
  EXPECT_GT(tally.with_checkpoint, histories / 10);
}

/// Writes, checkpoints and crashes by one seed; says what a crash cost that it must not cost, or "".
std::string damage_after_crash(std::uint64_t seed, const std::function<void(base::MemoryFileSystem&)>& sabotage) {
  base::Random random(seed);
  base::MemoryFileSystem fs(seed);
  sabotage(fs);
  base::FixedClock clock(kStart);
  History history(seed * 17, kStart);
  SeqNo acknowledged;
  {
    auto core = open_core(fs, clock, 1);
    if (!core.ok() || !run_script(**core, history_schema()).ok()) return "";
    const std::uint64_t steps = 20 + random.below(60);
    for (std::uint64_t i = 0; i < steps; ++i) {
      clock.set(history.now());
      const Result<SeqNo> written = write_step(**core, history.next());
      if (written.ok() && *written > acknowledged) acknowledged = *written;
      if (i == steps / 2 && !(*core)->checkpoint().ok()) return "";
    }
    if (random.coin() && !(*core)->checkpoint().ok()) return "";
    fs.crash();
  }
  materializer::CheckpointDirectory checkpoints(fs, std::string(kPath) + "/checkpoints");
  const Result<std::vector<std::string>> defects = checkpoints.verify();
  if (!defects.ok() || !defects->empty()) return "a checkpoint that has its name is not whole";
  auto core = open_core(fs, clock, 1);
  if (!core.ok()) return core.error().to_string();
  if ((*core)->applied() < acknowledged) return "an acknowledged event is gone";
  if ((*core)->open_report().checkpoint == SeqNo{}) return "the checkpoint is gone";
  return "";
}

TEST(LostLogTest, IsRefusedAndNothingElseIsTouched) {
  base::MemoryFileSystem fs(1);
  base::FixedClock clock(kStart);
  {
    auto core = open_core(fs, clock, 1);
    ASSERT_TRUE(core.ok()) << core.error().to_string();
    ASSERT_TRUE(run_script(**core, history_schema()).ok());
    ASSERT_TRUE((*core)->checkpoint().ok());
  }
  const std::string wal = std::string(kPath) + "/wal";
  const Result<std::vector<std::string>> segments = fs.list(wal);
  ASSERT_TRUE(segments.ok());
  for (const std::string& name : *segments) ASSERT_TRUE(fs.remove(wal + "/" + name).ok());
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto core = open_core(fs, clock, 1);
    ASSERT_FALSE(core.ok()) << "an empty database came up";
    EXPECT_EQ(core.error().code, Code::Corruption);
    EXPECT_NE(core.error().message.find("acknowledged records are missing"), std::string::npos);
  }
  const Result<std::vector<std::string>> checkpoints = fs.list(std::string(kPath) + "/checkpoints");
  ASSERT_TRUE(checkpoints.ok());
  EXPECT_EQ(checkpoints->size(), 1U) << "the only copy was removed";
}

/// Every file below `path` with its bytes.
void add_image(base::FileSystem& fs, const std::string& path, std::map<std::string, std::string>& image) {
  const Result<std::vector<std::string>> names = fs.list(path);
  ASSERT_TRUE(names.ok()) << names.error().to_string();
  for (const std::string& name : *names) {
    const std::string child = path + "/" + name;
    if (fs.is_directory(child)) {
      image[child] = "directory";
      add_image(fs, child, image);
    } else {
      image[child] = base::read_file(fs, child).value();
    }
  }
}

std::map<std::string, std::string> image_of(base::FileSystem& fs) {
  std::map<std::string, std::string> image;
  add_image(fs, std::string(kPath), image);
  return image;
}

void flip_byte(base::FileSystem& fs, const std::string& path, std::uint64_t offset) {
  const auto file = fs.open(path, base::OpenMode::ReadWrite).value();
  char byte = 0;
  ASSERT_EQ(file->read_at(offset, std::as_writable_bytes(std::span(&byte, 1))).value(), 1U);
  byte = static_cast<char>(byte ^ 1);
  ASSERT_TRUE(file->write_at(offset, base::as_bytes(std::string_view(&byte, 1))).ok());
}

/// Records, a checkpoint, and no clean close: nothing but the checkpoint vouches for the last frame.
void write_and_crash(base::MemoryFileSystem& fs, const base::Clock& clock, bool checkpoints) {
  History history(5, kStart);
  auto core = open_core(fs, clock, 1);
  ASSERT_TRUE(core.ok()) << core.error().to_string();
  ASSERT_TRUE(run_script(**core, history_schema()).ok());
  for (int i = 0; i < 3000; ++i) static_cast<void>(write_step(**core, history.next()));
  ASSERT_TRUE(!checkpoints || (*core)->checkpoint().ok());
  fs.crash();
}

void expect_refused_untouched(base::MemoryFileSystem& fs, const base::Clock& clock, std::string_view reason) {
  const std::map<std::string, std::string> before = image_of(fs);
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto core = open_core(fs, clock, 1);
    ASSERT_FALSE(core.ok());
    EXPECT_EQ(core.error().code, Code::Corruption);
    EXPECT_NE(core.error().message.find(reason), std::string::npos) << core.error().message;
    EXPECT_TRUE(image_of(fs) == before) << "an open that was refused changed the directory";
  }
}

TEST(LostLogTest, LeavesTheDamagedTailOfWhatIsLeftAsItIs) {
  base::MemoryFileSystem fs(1);
  base::FixedClock clock(kStart);
  write_and_crash(fs, clock, true);
  const std::string newest = std::string(kPath) + "/wal/" + fs.list(std::string(kPath) + "/wal")->back();
  const std::string content = base::read_file(fs, newest).value();
  flip_byte(fs, newest, content.find_last_not_of('\0'));  // of the last frame: looks like a torn write
  expect_refused_untouched(fs, clock, "acknowledged records are missing");
}

TEST(DamagedLogTest, InASealedSegmentIsRefusedBeforeTheTornTailIsCut) {
  base::MemoryFileSystem fs(1);
  base::FixedClock clock(kStart);
  write_and_crash(fs, clock, false);
  const std::string wal = std::string(kPath) + "/wal";
  const std::vector<std::string> segments = fs.list(wal).value();
  ASSERT_GT(segments.size(), 1U);
  const std::string newest = wal + "/" + segments.back();
  flip_byte(fs, newest, base::read_file(fs, newest)->find_last_not_of('\0'));
  flip_byte(fs, wal + "/" + segments.front(), 4096 + 100);
  expect_refused_untouched(fs, clock, segments.front());
}

TEST(OpenTest, WithoutAThreadForUpkeepIsAnError) {
  base::MemoryFileSystem fs(1);
  base::FixedClock clock(kStart);
  const base::ThreadlessForTest threadless;
  const auto core = db::Core::open(std::string(kPath), core_options(1),
                                   {.fs = fs, .clock = clock, .stores = db::Stores::Files::Plain});
  ASSERT_FALSE(core.ok());
  EXPECT_EQ(core.error().code, Code::ResourceExhausted);
}

struct Sync {
  std::string_view name;
  base::MemoryFileSystem::SyncKind kind;
  std::string_view path;
};

class MissingSync : public testing::TestWithParam<Sync> {};

/// A build that forgot one of its syncs must not pass the crash tests: here each is turned off in turn.
TEST_P(MissingSync, IsNoticed) {
  int noticed = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const std::string damage = damage_after_crash(
        seed, [](base::MemoryFileSystem& fs) { fs.ignore_syncs(GetParam().kind, std::string(GetParam().path)); });
    if (!damage.empty()) ++noticed;
  }
  EXPECT_GT(noticed, 0);
}

INSTANTIATE_TEST_SUITE_P(
    EachSync, MissingSync,
    testing::Values(Sync{"log", base::MemoryFileSystem::SyncKind::File, "/wal/"},
                    Sync{"log_directory", base::MemoryFileSystem::SyncKind::Directory, "/wal"},
                    Sync{"checkpoint_files", base::MemoryFileSystem::SyncKind::File, "/checkpoints/"},
                    Sync{"checkpoint_directory", base::MemoryFileSystem::SyncKind::Directory, "/checkpoints"}),
    [](const auto& sync) { return std::string(sync.param.name); });

TEST(MissingSyncTest, NothingIsNoticedWhenAllSyncsWork) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    EXPECT_EQ(damage_after_crash(seed, [](base::MemoryFileSystem&) {}), "") << "seed " << seed;
  }
}

}  // namespace
}  // namespace tidal::test
